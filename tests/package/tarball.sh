#!/bin/sh
# What `make dist` packs: all that git knows but the dotfiles, and the generated scanner and parser, so that a build
# from the tarball needs neither git nor flex nor bison nor autotools.
. "$WEIR_SOURCE/tests/package/lib.sh"

check "make distdir" make -C "$WEIR_BUILD" -s distdir distdir="$scratch/weir"
cd "$scratch/weir" || exit 1
for made in configure Makefile.in sidecar/sql/grammar.c sidecar/sql/grammar.h sidecar/sql/scanner.c; do
        check "$made is packed" test -s "$made"
done
if git -C "$WEIR_SOURCE" ls-files >"$scratch/known" 2>"$scratch/error"; then
        grep -v '^\.' "$scratch/known" | while read -r path; do
                [ ! -e "$WEIR_SOURCE/$path" ] || [ -e "$path" ] || echo "$path"
        done >"$scratch/missing"
        check "nothing is forgotten: $(tr '\n' ' ' <"$scratch/missing")" test ! -s "$scratch/missing"
fi
finish
