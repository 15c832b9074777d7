#!/bin/sh
# eval.sh - what typical expressions cost, a row and a run.
exec "$WEIR_BUILD/tests/bench/bench_eval"
