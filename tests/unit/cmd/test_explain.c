/* Plans, word for word: the .sql files of tests/data/sql-plans beside what `weir explain` says about each, and the
 * shipped examples.
 *
 * WEIR_GOLDEN=write ./test_explain writes the texts anew; read the difference before keeping it. */
#include "sidecar/cmd/explain.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sidecar/sql/sql.h"
#include "tests/lib/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER "tests/data/sql-plans"

enum { FILES_MAX = 4 };

static struct slice read_file(struct arena *arena, const char *path)
{
        uint8_t *data = NULL;
        size_t len = 0;
        struct slice copy;

        if (file_read_whole(file_ops_system(), check_source(path), 1 << 20, &data, &len, NULL) < 0)
                return slice_from_text("");
        copy = slice_from_text(arena_text(arena, slice_make(data, len)));
        alloc_free(data);
        return copy;
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash == NULL ? path : slash + 1;
}

/* Compiles the files together and compares the plan with `golden`. */
static void check_plan(const char *const *paths, uint32_t n, const char *golden)
{
        struct sql_file files[FILES_MAX];
        struct sql_input input = {.files = files, .n_files = n};
        struct plan_job *job = NULL;
        struct diag_list diags;
        struct arena arena;
        struct bytes text;
        const char *writes = getenv("WEIR_GOLDEN");

        arena_init(&arena, 64 << 10, 0);
        diag_list_init(&diags);
        bytes_init(&text);
        for (uint32_t i = 0; i < n; i++)
                files[i] = (struct sql_file){slice_from_text(base_name(paths[i])), read_file(&arena, paths[i])};
        if (sql_compile(&input, &arena, &diags, &job) == 0)
                explain_append(job, &text);
        else
                diag_render(&diags, &text);
        bytes_append_byte(&text, '\0');
        if (writes != NULL && strcmp(writes, "write") == 0) {
                FILE *file = fopen(check_source(golden), "we");

                REQUIRE(file != NULL);
                fputs((const char *)text.data, file);
                fclose(file);
        }
        CHECK_TEXT((const char *)text.data, (const char *)read_file(&arena, golden).data);
        bytes_done(&text);
        diag_list_done(&diags);
        arena_done(&arena);
}

static int is_sql(const struct dirent *entry)
{
        size_t len = strlen(entry->d_name);

        return len > 4 && strcmp(entry->d_name + len - 4, ".sql") == 0;
}

TEST(every_plan_is_as_written)
{
        struct dirent **entries = NULL;
        int n = scandir(check_source(FOLDER), &entries, is_sql, alphasort);

        REQUIRE(n > 0);
        for (int i = 0; i < n; i++) {
                char path[512], golden[512];
                const char *paths[] = {path};

                snprintf(path, sizeof path, FOLDER "/%s", entries[i]->d_name);
                snprintf(golden, sizeof golden, FOLDER "/%.*s.txt", (int)strlen(entries[i]->d_name) - 4,
                         entries[i]->d_name);
                check_plan(paths, 1, golden);
                free(entries[i]);
        }
        free(entries);
}

TEST(shipped_examples_compile_and_share_their_windows)
{
        static const char *const paths[] = {"packaging/examples/ad-events.sql",
                                            "packaging/examples/click-through.sql",
                                            "packaging/examples/click-fraud.sql"};

        check_plan(paths, 3, FOLDER "/examples.txt");
}
