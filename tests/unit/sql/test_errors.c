/* Every diagnostic of the compiler, word for word: the .sql files of tests/data/sql-errors beside the text
 * that each must give.
 *
 * WEIR_GOLDEN=write ./test_errors writes the texts anew; read the difference before keeping it. */
#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sidecar/exec/eval.h"
#include "sidecar/sql/sql.h"
#include "tests/lib/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define FOLDER "tests/data/sql-errors"

struct golden {
        struct arena arena;
        struct diag_list diags;
        struct bytes text;
        int result;
};

static struct slice read_file(struct arena *arena, const char *path)
{
        uint8_t *data = NULL;
        size_t len = 0;
        struct slice copy;

        if (file_read_whole(file_ops_system(), path, 1 << 20, &data, &len, NULL) < 0)
                return slice_make(NULL, 0);
        copy = slice_from_text(arena_text(arena, slice_make(data, len)));
        copy.len = len;
        alloc_free(data);
        return copy;
}

/* Compiles one file and shows what is wrong. Names in messages are those of the file alone. */
static void golden_init(struct golden *golden, const char *name, struct slice text)
{
        struct sql_file file = {slice_from_text(name), text};
        struct sql_input input = {.files = &file, .n_files = 1, .judge = eval_judge};
        struct plan_job *job = NULL;

        arena_init(&golden->arena, 64 << 10, 0);
        diag_list_init(&golden->diags);
        bytes_init(&golden->text);
        golden->result = sql_compile(&input, &golden->arena, &golden->diags, &job);
        diag_render(&golden->diags, &golden->text);
        bytes_append_byte(&golden->text, '\0');
}

static void golden_done(struct golden *golden)
{
        bytes_done(&golden->text);
        diag_list_done(&golden->diags);
        arena_done(&golden->arena);
}

static const char *path_of(struct arena *arena, const char *name, const char *ending)
{
        size_t stem = strlen(name) - strlen(".sql");

        return check_source(arena_format(arena, FOLDER "/%.*s%s", (int)stem, name, ending));
}

static void check_file(const char *name, bool *seen)
{
        struct arena arena;
        struct golden golden;
        struct slice expected;
        const char *writes = getenv("WEIR_GOLDEN");

        arena_init(&arena, 64 << 10, 0);
        golden_init(&golden, name, read_file(&arena, path_of(&arena, name, ".sql")));
        CHECK_INT(golden.result, SQL_E_REFUSED);
        if (writes != NULL && strcmp(writes, "write") == 0) {
                FILE *file = fopen(path_of(&arena, name, ".txt"), "we");

                REQUIRE(file != NULL);
                fputs((const char *)golden.text.data, file);
                fclose(file);
        }
        expected = read_file(&arena, path_of(&arena, name, ".txt"));
        CHECK_TEXT((const char *)golden.text.data, expected.len == 0 ? "" : (const char *)expected.data);
        for (uint32_t i = 0; i < golden.diags.n; i++)
                seen[golden.diags.items[i].code] = true;
        /* The code that the file is named after is among them. */
        if (name[0] == 'P')
                CHECK_CONTAINS((const char *)golden.text.data, arena_format(&arena, "WEIR-%.5s", name));
        golden_done(&golden);
        arena_done(&arena);
}

static int is_sql(const struct dirent *entry)
{
        size_t len = strlen(entry->d_name);

        return len > 4 && strcmp(entry->d_name + len - 4, ".sql") == 0;
}

TEST(every_error_has_its_text_and_every_code_an_error)
{
        bool seen[DIAG_CODE_COUNT] = {false};
        struct dirent **entries = NULL;
        int n = scandir(check_source(FOLDER), &entries, is_sql, alphasort);

        REQUIRE(n > 0);
        for (int i = 0; i < n; i++) {
                check_file(entries[i]->d_name, seen);
                free(entries[i]);
        }
        free(entries);
        for (int code = 0; code < DIAG_CODE_COUNT; code++)
                if (code != DIAG_SCHEMA && !seen[code]) /* given by `weir check` itself, which reads schema files */
                        CHECK_FAIL("no file of " FOLDER " gives %s", diag_code_text((enum diag_code)code));
}

TEST(codes_are_unique_and_explained)
{
        for (int a = 0; a < DIAG_CODE_COUNT; a++) {
                CHECK(strncmp(diag_code_text((enum diag_code)a), "WEIR-P0", 7) == 0);
                CHECK(strlen(diag_code_title((enum diag_code)a)) > 0);
                CHECK(strlen(diag_code_explanation((enum diag_code)a)) > 40);
                for (int b = 0; b < a; b++)
                        CHECK(strcmp(diag_code_text((enum diag_code)a), diag_code_text((enum diag_code)b)) != 0);
        }
}

TEST(json_has_places_and_escapes)
{
        struct golden golden;
        struct bytes json;

        golden_init(&golden, "a\"b.sql", slice_from_text("SET 'weir.nam\te' = 'x';\n"));
        bytes_init(&json);
        diag_render_json(&golden.diags, &json);
        bytes_append_byte(&json, '\0');
        CHECK_TEXT((const char *)json.data,
                   "{\"diagnostics\":[{\"code\":\"WEIR-P0601\",\"file\":\"a\\\"b.sql\",\"line\":1,\"column\":5,"
                   "\"end_line\":1,\"end_column\":18,\"message\":\"there is no setting 'weir.nam\\u0009e'\","
                   "\"help\":\"did you mean 'weir.name'?\"}],\"more\":false}\n");
        bytes_done(&json);
        golden_done(&golden);
}

/* Whatever the text, the compiler comes back: every file cut at every byte, and with a byte changed. */
TEST(broken_text_is_only_reported)
{
        struct check_random random = check_seed(7);
        struct dirent **entries = NULL;
        int n = scandir(check_source(FOLDER), &entries, is_sql, alphasort);
        struct arena arena;

        REQUIRE(n > 0);
        arena_init(&arena, 64 << 10, 0);
        for (int i = 0; i < n; i++) {
                struct slice text = read_file(&arena, path_of(&arena, entries[i]->d_name, ".sql"));
                uint8_t *copy = arena_take(&arena, text.len + 1, 1);

                for (size_t cut = 0; cut < text.len; cut += 1 + check_random_below(&random, 40)) {
                        struct golden golden;

                        memcpy(copy, text.data, text.len);
                        copy[check_random_below(&random, text.len)] = (uint8_t)check_random_below(&random, 256);
                        golden_init(&golden, "cut.sql", slice_make(copy, cut));
                        CHECK(golden.result == 0 || golden.diags.n > 0);
                        golden_done(&golden);
                }
                free(entries[i]);
        }
        free(entries);
        arena_done(&arena);
}
