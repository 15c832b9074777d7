#!/bin/sh
# The RPM package: built from the tarball by rpmbuild, and its weir runs from a scratch root. On Debian this proves
# the spec; libraries are Debian's.
. "$WEIR_SOURCE/tests/package/lib.sh"

command -v rpmbuild >/dev/null || skip "no rpmbuild here"
command -v rpm2cpio >/dev/null && command -v cpio >/dev/null || skip "no rpm2cpio and cpio here"
check "make rpm" sh -c 'cd "$WEIR_BUILD" && make -s dist && "$WEIR_SOURCE/packaging/build-rpm" weir-*.tar.xz "$1/rpm"' \
        - "$scratch"
rpm=$(ls "$scratch"/rpm/RPMS/*/weir-[0-9]*.rpm)
mkdir "$scratch/root"
check "the package unpacks" sh -c 'cd "$1/root" && rpm2cpio "$2" | cpio -id --quiet' - "$scratch" "$rpm"
check "its weir runs" test "$("$scratch/root/usr/bin/weir" version)" = "$("$WEIR" version)"
check "the unit is there" test -s "$scratch/root/usr/lib/systemd/system/weir.service"
check "the user is made" sh -c 'rpm -qp --scripts "$1" | grep -q "useradd -r -g weir"' - "$rpm"
finish
