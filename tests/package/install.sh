#!/bin/sh
# What `make install` puts where: all of it, nothing else, and a binary that runs from there; uninstall takes it away.
. "$WEIR_SOURCE/tests/package/lib.sh"

installed()
{
        make -C "$WEIR_BUILD" -s "$1" DESTDIR="$scratch/root" prefix=/usr sysconfdir=/etc systemdsystemunitdir=/usr/lib/systemd/system
}

version=$("$WEIR" version)
check "make install" installed install
check "the binary runs" test "$("$scratch/root/usr/bin/weir" version)" = "$version"
check "the unit is there" test -s "$scratch/root/usr/lib/systemd/system/weir.service"
check "the user is declared" test -s "$scratch/root/usr/lib/sysusers.d/weir.conf"
check "Flume's side is there" test -s "$scratch/root/usr/share/weir/flume/taildir-to-weir.conf"
jobs=$scratch/root/usr/share/weir/jobs/examples
for job in ad-events.sql click-fraud.sql click-through.sql; do
        check "example job $job is there" test -s "$jobs/$job"
done
for schema in $(sed -n "s/^[^-]*'avro.schema-file' = '\([^']*\)'.*/\1/p" "$jobs"/*.sql); do
        check "its schema $schema is where the job looks" test -s "$jobs/$schema"
done
for path in $(cd "$scratch/root" && find . -type f); do
        case $path in
        ./usr/bin/weir | ./usr/share/weir/* | ./usr/share/doc/weir/* | ./usr/share/man/* | \
                ./usr/share/bash-completion/* | ./usr/lib/systemd/system/weir* | ./usr/lib/sysusers.d/weir.conf) ;;
        *) check "nothing unexpected" false "$path" ;;
        esac
done
check "make uninstall" installed uninstall
check "nothing is left" test -z "$(find "$scratch/root" -type f)"
finish
