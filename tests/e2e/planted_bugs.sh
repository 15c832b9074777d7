#!/bin/sh
# Each weir with a planted bug must fail the kill oracle: an oracle that passes them proves nothing.
set -u
passed=0
failed=0
for bug in ack commit token; do
        echo "== planted bug: $bug"
        if WEIR="$WEIR_BUILD/tests/e2e/planted_$bug" "$WEIR_SOURCE/tests/e2e/kill_oracle.py" --kills 25 --seed 7 \
                --expect-failure; then
                passed=$((passed + 1))
        else
                failed=$((failed + 1))
        fi
done
echo "# tests: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
