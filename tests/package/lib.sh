# lib.sh - counting for test scripts: `check WHAT COMMAND...` per fact, `skip WHY` to end, `finish` at the end.

passed=0
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

check()
{
        what=$1
        shift
        if "$@" >"$scratch/check.out" 2>&1; then
                passed=$((passed + 1))
        else
                failed=$((failed + 1))
                echo "not ok: $what: $*"
                tail -n 40 "$scratch/check.out"
        fi
}

skip()
{
        echo "skipped: $*"
        echo "# tests: $passed passed, $failed failed, 1 skipped"
        [ "$failed" -eq 0 ] && exit 77
        exit 1
}

finish()
{
        echo "# tests: $passed passed, $failed failed, 0 skipped"
        [ "$failed" -eq 0 ]
        exit
}
