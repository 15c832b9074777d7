#!/bin/sh
# The Debian package: built from the tarball, without errors of lintian, and its weir runs from a scratch root.
. "$WEIR_SOURCE/tests/package/lib.sh"

command -v dpkg-buildpackage >/dev/null || skip "no dpkg-buildpackage here"
command -v dh >/dev/null || skip "no debhelper here"
check "make deb" sh -c 'cd "$WEIR_BUILD" && make -s dist && "$WEIR_SOURCE/packaging/build-deb" weir-*.tar.xz "$1/deb"' \
        - "$scratch"
deb=$(ls "$scratch"/deb/weir_*.deb)
check "lintian without errors" lintian --fail-on error --allow-root "$scratch"/deb/*.changes
check "the package unpacks" dpkg-deb -x "$deb" "$scratch/root"
check "its weir runs" test "$("$scratch/root/usr/bin/weir" version)" = "$("$WEIR" version)"
check "the unit is there" test -s "$scratch/root/lib/systemd/system/weir.service"
check "it starts the installed program" grep -q '/usr/bin/weir run /etc/weir' \
        "$scratch/root/lib/systemd/system/weir.service"
check "the folder for jobs is there" test -d "$scratch/root/etc/weir"
check "the user is made" sh -c 'dpkg-deb -I "$1" postinst | grep -q sysusers' - "$deb"
check "installs into a root of its own" dpkg --force-not-root --force-depends --force-script-chrootless \
        --root="$scratch/installed" --unpack "$deb"
finish
