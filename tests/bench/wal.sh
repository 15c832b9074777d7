#!/bin/sh
# wal.sh - what the log costs: encoding, appending and syncing, reading back.
exec "$WEIR_BUILD/tests/bench/bench_wal"
