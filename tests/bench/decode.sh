#!/bin/sh
# decode.sh - what it costs to decode an ad event, beside libavro's generic reader.
exec "$WEIR_BUILD/tests/bench/bench_decode"
