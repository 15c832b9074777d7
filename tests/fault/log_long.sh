#!/bin/sh
# log_long.sh - every fault point, every bit, every byte of the log: test_log without leaving anything out.
WEIR_FAULT_STRIDE=1 WEIR_TEST_SECONDS=1800 exec "$WEIR_BUILD/tests/fault/test_log"
