#!/bin/sh
# The systemd unit as systemd sees it: valid, and closed to what weir does not need.
. "$WEIR_SOURCE/tests/package/lib.sh"

command -v systemd-analyze >/dev/null || skip "no systemd-analyze here"
unit=$scratch/weir.service
# With a program that exists, or verify would complain of that.
sed -e "s|@bindir@|$WEIR_BUILD|; s|@sysconfdir@|/etc|; s|@docdir@|/usr/share/doc/weir|" \
        "$WEIR_SOURCE/packaging/systemd/weir.service.in" >"$unit"
check "no placeholder is left" sh -c '! grep "^[^#]*@[a-z]*@" "$1"' - "$unit"
check "systemd-analyze verify" systemd-analyze verify --man=no "$unit"
check "nothing to complain of" sh -c '! systemd-analyze verify --man=no "$1" 2>&1 | grep weir.service' - "$unit"
check "exposure of at most 1.5 of 10" systemd-analyze security --offline=true --threshold=15 "$unit"
finish
