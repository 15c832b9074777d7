/* main.c - the one program, `weir`: the first argument names the command. */
#include "sidecar/base/err.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
        if (argc == 2 && strcmp(argv[1], "version") == 0) {
                puts("weir " PACKAGE_VERSION);
                return ERR_NONE;
        }
        fputs("usage: weir COMMAND [ARGUMENT]...\n\n  version   print the version\n", stderr);
        return ERR_USAGE;
}
