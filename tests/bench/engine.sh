#!/bin/sh
# engine.sh - what the engine costs: rows into windows, windows into results.
exec "$WEIR_BUILD/tests/bench/bench_engine"
