#!/bin/sh
# A thousand kills, every phase hit.
exec "$WEIR_SOURCE/tests/e2e/kill_oracle.py" --kills 1000 --all-phases
