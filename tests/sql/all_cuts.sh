#!/bin/sh
# Every test of a job, with its rows cut into batches in different ways and the state going through checkpoints: none
# of this may change a result.
set -u
passed=0
failed=0
for test in "$WEIR_SOURCE"/tests/sql/*.test; do
        for style in '--cut whole' '--cut 1' '--cut random:1' '--cut random:2' '--cut whole --restart' '--cut 1 --restart' \
                '--cut random:3 --restart'; do
                # shellcheck disable=SC2086
                if output=$("$WEIR" test $style "$test" 2>&1); then
                        passed=$((passed + 1))
                else
                        failed=$((failed + 1))
                        printf 'not ok %s %s\n%s\n' "$(basename "$test")" "$style" "$output"
                fi
        done
done
echo "# tests: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
