#!/bin/sh
# decode_random_long.sh - 5000 random schemas instead of 40: libavro must agree on all of them.
WEIR_LONG=1 exec "$WEIR_BUILD/tests/unit/column/test_decode_random"
