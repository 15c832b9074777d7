/* fuzz_main.c - runs a fuzz target over files, without libFuzzer: what `make check` does with each corpus.
 *
 *     tests/fuzz/fuzz_NAME [FILE | FOLDER]...      default: tests/fuzz/corpus/fuzz_NAME of the source tree
 *
 * Each file is given whole and, so that reading beyond its end is seen by a sanitizer, in a block of exactly its
 * size; then every byte of it is changed in turn, and the file is cut at every length (for files of up to
 * MUTATED_BYTES_MAX). Configured with --enable-fuzz, the same target is linked with libFuzzer instead. */
#include "tests/lib/fuzz.h"

#ifndef WEIR_LIBFUZZER

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MUTATED_BYTES_MAX = 2048 };

static unsigned n_files;
static unsigned long n_inputs;

static void give(const uint8_t *data, size_t len)
{
        uint8_t *exact = malloc(len > 0 ? len : 1);

        if (exact == NULL)
                abort();
        memcpy(exact, data, len);
        LLVMFuzzerTestOneInput(exact, len);
        n_inputs += 1;
        free(exact);
}

static void give_file(const char *path)
{
        static uint8_t data[1 << 20];
        FILE *file = fopen(path, "rb");
        size_t len;

        if (file == NULL) {
                perror(path);
                exit(99);
        }
        len = fread(data, 1, sizeof(data), file);
        fclose(file);
        n_files += 1;
        give(data, len);
        if (len > MUTATED_BYTES_MAX)
                return;
        for (size_t cut = 0; cut < len; cut++)
                give(data, cut);
        for (size_t at = 0; at < len; at++) {
                uint8_t old = data[at];

                data[at] = (uint8_t)(old ^ 0x80);
                give(data, len);
                data[at] = (uint8_t)(old + 1);
                give(data, len);
                data[at] = 0xff;
                give(data, len);
                data[at] = old;
        }
}

static void give_path(const char *path)
{
        struct stat status;
        struct dirent **entries;
        char name[4096];
        int n;

        if (stat(path, &status) < 0) {
                perror(path);
                exit(99);
        }
        if (!S_ISDIR(status.st_mode)) {
                give_file(path);
                return;
        }
        n = scandir(path, &entries, NULL, alphasort);
        for (int i = 0; i < n; i++) {
                snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
                if (entries[i]->d_name[0] != '.')
                        give_path(name);
                free(entries[i]);
        }
        if (n >= 0)
                free(entries);
}

int main(int argc, char **argv)
{
        const char *source = getenv("WEIR_SOURCE");
        const char *target = strrchr(argv[0], '/');
        char corpus[4096];

        target = target == NULL ? argv[0] : target + 1;
        snprintf(corpus, sizeof(corpus), "%s/tests/fuzz/corpus/%s", source == NULL ? "." : source, target);
        if (argc == 1)
                give_path(corpus);
        for (int i = 1; i < argc; i++)
                give_path(argv[i]);
        printf("%s: %u files, %lu inputs\n", target, n_files, n_inputs);
        printf("# tests: %d passed, %d failed, 0 skipped\n", n_files > 0, n_files == 0);
        return n_files == 0;
}

#endif
