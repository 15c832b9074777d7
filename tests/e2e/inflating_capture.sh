#!/bin/sh
# The capture of 1 535 bytes that inflate to 1 MiB, cut at every byte; the unit test takes a sample of the cuts.
WEIR_EVERY_CUT=1 exec "$WEIR_BUILD/tests/unit/ingest/test_capture" cutting_the_inflating_capture_changes_nothing
