/* What the compiler promises to its callers beyond plans and messages (those are goldens). */
#include "sidecar/plan/connector.h"
#include "sidecar/plan/setting.h"
#include "sidecar/sql/sql.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>

#define SOURCE                                                                                           \
        "CREATE TABLE ev (id STRING, kind STRING, n BIGINT, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3),\n" \
        "  WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)\n"                                              \
        "WITH ('connector' = 'flume', 'listen' = '0.0.0.0:4141', 'format' = 'avro',\n"                   \
        "      'avro.schema-file' = 'schemas/ev.avsc', 'dedup.key' = 'id', 'watermark.idle-timeout' = '2 min');\n"
#define SINK "CREATE TABLE out1 (kind STRING, n BIGINT) WITH ('connector' = 'print');\n"
#define WINDOW                                                                                  \
        "FROM TABLE(HOP(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE, INTERVAL '5' MINUTE))\n" \
        "GROUP BY kind, window_start, window_end"
#define INSERT "INSERT INTO out1 SELECT kind, COUNT(*) " WINDOW ";\n"

enum { FILES_MAX = 4 };

struct compiled {
        struct arena arena;
        struct diag_list diags;
        struct plan_job *job;
        struct bytes text; /* of the diagnostics */
        int result;
};

static void compile_files(struct compiled *compiled, const char *const *names, const char *const *texts, uint32_t n,
                          const char *key, const char *value)
{
        struct sql_file files[FILES_MAX];
        struct sql_override override = {slice_from_text(key), slice_from_text(value)};
        struct sql_input input = {
                .files = files, .n_files = n, .overrides = &override, .n_overrides = key[0] != '\0'};

        for (uint32_t i = 0; i < n; i++)
                files[i] = (struct sql_file){slice_from_text(names[i]), slice_from_text(texts[i])};
        *compiled = (struct compiled){.job = NULL};
        arena_init(&compiled->arena, 64 << 10, 0);
        diag_list_init(&compiled->diags);
        bytes_init(&compiled->text);
        compiled->result = sql_compile(&input, &compiled->arena, &compiled->diags, &compiled->job);
        diag_render(&compiled->diags, &compiled->text);
        bytes_append_byte(&compiled->text, '\0');
        if (compiled->result != 0)
                compiled->job = NULL;
}

static void compile(struct compiled *compiled, const char *text)
{
        const char *name = "job.sql";

        compile_files(compiled, &name, &text, 1, "", "");
}

static void compiled_done(struct compiled *compiled)
{
        bytes_done(&compiled->text);
        diag_list_done(&compiled->diags);
        arena_done(&compiled->arena);
}

TEST(files_are_one_catalog_in_order)
{
        static const char *const names[] = {"a/source.sql", "sink.sql", "/etc/weir/query.sql"};
        static const char *const texts[] = {SOURCE, SINK, INSERT};
        static const char *const backwards[] = {INSERT, SINK, SOURCE};
        struct compiled compiled;

        compile_files(&compiled, names, texts, 3, "", "");
        REQUIRE(compiled.job != NULL);
        CHECK_UINT(compiled.job->n_tables, 2);
        CHECK_UINT(compiled.job->n_sources, 1);
        CHECK_UINT(compiled.job->n_queries, 1);
        CHECK_TEXT(compiled.job->queries[0]->place.file, "/etc/weir/query.sql");
        CHECK(!compiled.job->is_bounded);
        compiled_done(&compiled);
        compile_files(&compiled, names, backwards, 3, "", "");
        CHECK_INT(compiled.result, SQL_E_REFUSED);
        CHECK_CONTAINS((const char *)compiled.text.data, "a/source.sql:1:13: error[WEIR-P0201]");
        compiled_done(&compiled);
}

TEST(plan_outlives_its_texts)
{
        char *name = strdup("dir/job.sql"), *text = strdup(SOURCE SINK INSERT);
        const char *names[] = {name}, *texts[] = {text};
        struct compiled compiled;

        compile_files(&compiled, names, texts, 1, "", "");
        memset(name, 'x', strlen(name));
        memset(text, 'x', strlen(text));
        free(name);
        free(text);
        REQUIRE(compiled.job != NULL);
        CHECK_SLICE(compiled.job->tables[0]->name, "ev");
        CHECK_SLICE(compiled.job->tables[0]->columns[1].name, "kind");
        CHECK_SLICE(connector_path(compiled.job->tables[0], "avro.schema-file"), "dir/schemas/ev.avsc");
        CHECK_TEXT(compiled.job->tables[0]->place.file, "dir/job.sql");
        compiled_done(&compiled);
}

TEST(paths_are_relative_to_the_file_that_names_them)
{
        static const char *const names[] = {"/etc/weir/jobs/job.sql", "here.sql"};
        static const char *const texts[] = {SOURCE "SET 'weir.state-dir' = 'state';\n", SINK INSERT};
        struct compiled compiled;

        compile_files(&compiled, names, texts, 2, "", "");
        REQUIRE(compiled.job != NULL);
        CHECK_SLICE(connector_path(compiled.job->tables[0], "avro.schema-file"), "/etc/weir/jobs/schemas/ev.avsc");
        CHECK_SLICE(connector_text(compiled.job->tables[0], "avro.schema-file"), "schemas/ev.avsc");
        CHECK_SLICE(setting_path(compiled.job, SETTING_STATE_DIR), "/etc/weir/jobs/state");
        compiled_done(&compiled);
}

TEST(overrides_beat_set_and_set_beats_defaults)
{
        static const char *const names[] = {"a.sql"};
        static const char *const texts[] = {"SET 'weir.wal.max-bytes' = '1 gb'; SET 'weir.wal.max-bytes' = '2 gb';\n"
                                            "SET 'weir.watermark.max-ahead' = '7 min';\n" SOURCE SINK INSERT};
        struct compiled compiled;

        compile_files(&compiled, names, texts, 1, "weir.watermark.max-ahead", "90 s");
        REQUIRE(compiled.job != NULL);
        CHECK_UINT(setting_bytes(compiled.job, SETTING_WAL_MAX_BYTES), UINT64_C(2) << 30);
        CHECK_INT(setting_ms(compiled.job, SETTING_WATERMARK_MAX_AHEAD), 90000);
        CHECK_INT(setting_ms(compiled.job, SETTING_EVENT_MAX_FUTURE), 86400000);
        CHECK(setting_is_set(compiled.job, SETTING_WAL_MAX_BYTES));
        CHECK(!setting_is_set(compiled.job, SETTING_EVENT_MAX_FUTURE));
        compiled_done(&compiled);
        compile_files(&compiled, names, texts, 1, "weir.state-dir", "state");
        REQUIRE(compiled.job != NULL);
        CHECK_SLICE(setting_path(compiled.job, SETTING_STATE_DIR), "state"); /* of the caller's folder */
        compiled_done(&compiled);
        compile_files(&compiled, names, texts, 1, "weir.wal.maxbytes", "1");
        CHECK_CONTAINS((const char *)compiled.text.data,
                       "error[WEIR-P0601]: there is no setting 'weir.wal.maxbytes'");
        CHECK_CONTAINS((const char *)compiled.text.data, "did you mean 'weir.wal.max-bytes'?");
        compiled_done(&compiled);
}

TEST(table_options_are_read_with_their_defaults)
{
        struct compiled compiled;
        const struct plan_table *table;

        compile(&compiled, SOURCE SINK INSERT);
        REQUIRE(compiled.job != NULL);
        table = compiled.job->tables[0];
        CHECK_INT(connector_ms(table, "watermark.idle-timeout"), 120000);
        CHECK_INT(connector_ms(table, "dedup.horizon"), 15 * 60000);
        CHECK_SLICE(connector_text(table, "watermark.origin"), "peer");
        CHECK(connector_is(table, "dedup", "in-doubt"));
        CHECK(!connector_is_on(table, "watermark.idle-advance"));
        CHECK_INT(compiled.job->sources[0]->dedup_key, 0);
        compiled_done(&compiled);
}

static const struct plan_op *find_window(const struct plan_job *job, uint32_t query)
{
        const struct plan_op *op = job->queries[query]->root;

        while (op->kind != PLAN_WINDOW && op->n_inputs > 0)
                op = op->inputs[0];
        return op;
}

/* Fingerprint of the window of the first query. */
static void fingerprint_of(const char *text, char ret[40])
{
        struct compiled compiled;
        struct slice fingerprint;

        compile(&compiled, text);
        if (compiled.job == NULL)
                CHECK_FAIL("%s", (const char *)compiled.text.data);
        REQUIRE(compiled.job != NULL);
        fingerprint = find_window(compiled.job, 0)->fingerprint;
        REQUIRE(fingerprint.len == 32);
        snprintf(ret, 40, "%.*s", (int)fingerprint.len, (const char *)fingerprint.data);
        compiled_done(&compiled);
}

TEST(fingerprints_follow_meaning_and_nothing_else)
{
        static const char *const same[] = {
                /* another query of the same source, which needs more columns and shares a filter */
                SOURCE SINK INSERT "INSERT INTO out1 SELECT id, n FROM ev WHERE n > 3;",
                /* another listening address, other text around, a column more */
                "SET 'weir.wal' = 'off'; CREATE TABLE ev (id STRING, more DOUBLE, kind STRING, n BIGINT, ms BIGINT,"
                " ts AS TO_TIMESTAMP_LTZ(ms, 3), WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)"
                " WITH ('connector' = 'flume', 'listen' = '127.0.0.1:9', 'format' = 'json');" SINK INSERT,
                /* through a view, filtered above the window, into another table */
                SOURCE
                "CREATE TABLE b (n BIGINT) WITH ('connector' = 'blackhole');"
                "CREATE VIEW v AS SELECT kind AS k, ts AS t FROM ev;"
                "INSERT INTO b SELECT c * 2 FROM (SELECT COUNT(*) AS c FROM TABLE(HOP(TABLE v, DESCRIPTOR(t),"
                " INTERVAL '60' SECOND, INTERVAL '5' MINUTE)) GROUP BY window_end, window_start, k) WHERE c > 1;",
        };
        static const char *const other[] = {
                SOURCE SINK "INSERT INTO out1 SELECT kind, SUM(n) " WINDOW ";",
                SOURCE SINK
                "INSERT INTO out1 SELECT id, COUNT(*) FROM TABLE(HOP(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' "
                "MINUTE, INTERVAL '5' MINUTE)) GROUP BY id, window_start, window_end;",
                SOURCE SINK
                "INSERT INTO out1 SELECT kind, COUNT(*) FROM TABLE(HOP(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' "
                "MINUTE, INTERVAL '6' MINUTE)) GROUP BY kind, window_start, window_end;",
                SOURCE SINK
                "INSERT INTO out1 SELECT kind, COUNT(*) FROM TABLE(HOP(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' "
                "MINUTE, INTERVAL '5' MINUTE)) WHERE n > 1 GROUP BY kind, window_start, window_end;",
                "CREATE TABLE ev (id STRING, kind STRING, n BIGINT, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3),"
                " WATERMARK FOR ts AS ts - INTERVAL '6' SECOND)"
                " WITH ('connector' = 'flume', 'listen' = '127.0.0.1:9', 'format' = 'json');" SINK INSERT,
                "CREATE TABLE ev (id STRING, kind STRING, n BIGINT, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 0),"
                " WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)"
                " WITH ('connector' = 'flume', 'listen' = '127.0.0.1:9', 'format' = 'json');" SINK INSERT,
                "CREATE TABLE ev (id STRING, kind CHAR(3), n BIGINT, ms BIGINT, ts AS TO_TIMESTAMP_LTZ(ms, 3),"
                " WATERMARK FOR ts AS ts - INTERVAL '5' SECOND)"
                " WITH ('connector' = 'flume', 'listen' = '127.0.0.1:9', 'format' = 'json');" SINK INSERT,
        };
        char first[40], next[40];

        fingerprint_of(SOURCE SINK INSERT, first);
        for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
                fingerprint_of(same[i], next);
                CHECK_TEXT(next, first);
        }
        for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
                fingerprint_of(other[i], next);
                CHECK(strcmp(next, first) != 0);
        }
}

TEST(lone_expressions_are_bound_over_their_source)
{
        struct arena arena;
        struct diag_list diags;
        struct plan_source *source = NULL;
        struct expr *expr = NULL;
        struct bytes text;
        struct slice names[8];

        arena_init(&arena, 64 << 10, 0);
        diag_list_init(&diags);
        bytes_init(&text);
        CHECK_INT(sql_compile_expr(slice_from_text(SOURCE), slice_from_text("n + 1 > ms AND ts IS NOT NULL"), &arena,
                                   &diags, &source, &expr),
                  0);
        REQUIRE(expr != NULL);
        CHECK_UINT(source->n_decoded, 3); /* the key of re-sent rows too */
        for (uint32_t i = 0; i < source->n_columns && i < 8; i++)
                names[i] = source->columns[i].name;
        expr_format(expr, names, &text);
        bytes_append_byte(&text, '\0');
        CHECK_TEXT((const char *)text.data, "((n + 1) > ms) AND (ts IS NOT NULL)");
        CHECK_INT(sql_compile_expr(slice_from_text(SOURCE), slice_from_text("n + "), &arena, &diags, &source, &expr),
                  SQL_E_REFUSED);
        CHECK_UINT(diags.n, 1);
        bytes_done(&text);
        diag_list_done(&diags);
        arena_done(&arena);
}

/* Reserved words, quoted, are names like any other; the others need no quotes. */
TEST(quoted_reserved_words_are_names)
{
        struct compiled compiled;

        compile(&compiled, "CREATE TABLE `select` (`user` STRING, `value` INT, key STRING, `from` ROW<`end` INT>, "
                           "view INT, map INT)"
                           " WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json');"
                           "CREATE TABLE `table` (`count` STRING, a INT, b STRING, c INT, d INT, e INT) WITH "
                           "('connector' = 'print');"
                           "INSERT INTO `table` SELECT `user`, s.`value` AS `value`, key, `from`.`end`, view, map "
                           "FROM `select` s;");
        CHECK_TEXT((const char *)compiled.text.data, "");
        CHECK(compiled.job != NULL);
        CHECK(compiled.job == NULL || compiled.job->is_bounded);
        compiled_done(&compiled);
}

TEST(operators_bind_as_in_flink)
{
        static const struct {
                const char *text, *bound;
        } cases[] = {
                {"NOT n = 1 AND n = 2 OR n = 3", "((n <> 1) AND (n = 2)) OR (n = 3)"},
                {"n + 2 * ms - 1 > 0", "((n + (2 * ms)) - 1) > 0"},
                {"n = 1 IS TRUE", "(n = 1) IS TRUE"},
                {"n BETWEEN 1 AND 2 AND ms = 3", "(n >= 1) AND (n <= 2) AND (ms = 3)"},
                {"NOT n IS NULL", "n IS NOT NULL"},
                {"n NOT IN (1, 2)", "NOT (n IN (CAST(1 AS BIGINT), CAST(2 AS BIGINT)))"},
                {"kind NOT LIKE 'a!%' ESCAPE '!'", "NOT (kind LIKE 'a!%' ESCAPE '!')"},
                {"- n - - 1", "- (n) - -1"},
                {"kind || 'a' || id = 'x'", "((kind || 'a') || id) = 'x'"},
                {"(n = 1 OR n = 2) AND (n = 3 OR n = 4)", "((n = 1) OR (n = 2)) AND ((n = 3) OR (n = 4))"},
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct arena arena;
                struct diag_list diags;
                struct plan_source *source = NULL;
                struct expr *expr = NULL;
                struct slice names[8];
                struct bytes text;

                arena_init(&arena, 64 << 10, 0);
                diag_list_init(&diags);
                bytes_init(&text);
                if (sql_compile_expr(slice_from_text(SOURCE), slice_from_text(cases[i].text), &arena, &diags, &source,
                                     &expr) == 0) {
                        for (uint32_t c = 0; c < source->n_columns && c < 8; c++)
                                names[c] = source->columns[c].name;
                        expr_format(expr, names, &text);
                } else {
                        diag_render(&diags, &text);
                }
                bytes_append_byte(&text, '\0');
                CHECK_TEXT((const char *)text.data, cases[i].bound);
                bytes_done(&text);
                diag_list_done(&diags);
                arena_done(&arena);
        }
}

/* `head`, then n times `item` with its number, with commas between, then `tail`. */
static void compile_many(struct compiled *compiled, const char *head, const char *item, unsigned n, const char *tail)
{
        struct bytes text;

        bytes_init(&text);
        bytes_append_text(&text, head);
        for (unsigned i = 0; i < n; i++) {
                bytes_append_text(&text, i == 0 ? "" : ", ");
                bytes_append_format(&text, "%s%u", item, i);
        }
        bytes_append_text(&text, tail);
        bytes_append_byte(&text, '\0');
        compile(compiled, (const char *)text.data);
        bytes_done(&text);
}

static bool says(const struct compiled *compiled, const char *text)
{
        return compiled->job == NULL && strstr((const char *)compiled->text.data, text) != NULL;
}

static void compile_options(struct compiled *compiled, unsigned n)
{
        struct bytes text;

        bytes_init(&text);
        bytes_append_text(&text, "CREATE TABLE o (n INT) WITH ('connector' = 'print'");
        for (unsigned i = 1; i < n; i++)
                bytes_append_format(&text, ", 'x%u' = 'y'", i);
        bytes_append_text(&text, ");");
        bytes_append_byte(&text, '\0');
        compile(compiled, (const char *)text.data);
        bytes_done(&text);
}

static void compile_fields(struct compiled *compiled, unsigned n)
{
        struct bytes text;

        bytes_init(&text);
        bytes_append_text(&text, "CREATE TABLE o (n INT) WITH ('connector' = 'print'); CREATE TABLE t (r ROW<f0 INT");
        for (unsigned i = 1; i < n; i++)
                bytes_append_format(&text, ", f%u INT", i);
        bytes_append_text(&text, ">) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json');\n"
                                 "INSERT INTO o SELECT GREATEST(r.f0");
        for (unsigned i = 1; i < n; i++)
                bytes_append_format(&text, ", r.f%u", i);
        bytes_append_text(&text, ") FROM t;");
        bytes_append_byte(&text, '\0');
        compile(compiled, (const char *)text.data);
        bytes_done(&text);
}

TEST(what_is_too_wide_is_refused_once_by_its_limit)
{
        static const char *const group = SOURCE SINK
                "INSERT INTO out1 SELECT kind, COUNT(*)\n"
                "FROM TABLE(TUMBLE(TABLE ev, DESCRIPTOR(ts), INTERVAL '1' MINUTE))\n"
                "GROUP BY window_start, window_end, kind, ";
        struct compiled compiled;

        compile_many(&compiled, group, "n + ", 1019, ";");
        CHECK(compiled.job != NULL);
        compiled_done(&compiled);
        compile_many(&compiled, group, "n + ", 1200, ";");
        CHECK(says(&compiled, "a window has at most 1021 keys and aggregates"));
        CHECK_UINT(compiled.diags.n, 1);
        compiled_done(&compiled);
        compile_options(&compiled, 1001);
        CHECK(says(&compiled, "a table has at most 1000 options"));
        compiled_done(&compiled);
        compile_fields(&compiled, 1025);
        CHECK(says(&compiled, "the job reads 1025 columns, fields and headers of this table, more than 1024"));
        compiled_done(&compiled);
        compile_fields(&compiled, 1024);
        CHECK(compiled.job != NULL);
        compiled_done(&compiled);
}

/* Places in a long line are counted on from the place before, which must not show. */
TEST(places_in_long_lines_count_characters_from_their_beginning)
{
        const struct expr *place;
        struct compiled compiled;

        compile_many(&compiled, SOURCE SINK "INSERT INTO out1 SELECT 'é\t', n FROM ev WHERE n IN (", "1000", 3000,
                     ") AND n IN (0) AND nn > 1;");
        CHECK(says(&compiled, "job.sql:6:28965: error[WEIR-P0202]: there is no column 'nn'"));
        compiled_done(&compiled);
        compile_many(&compiled, SOURCE SINK "INSERT INTO out1 SELECT 'é\t', n FROM ev WHERE n IN (", "1000", 3000,
                     ") OR CAST(id AS INT) > 1;");
        REQUIRE(compiled.job != NULL);
        place = compiled.job->queries[0]->root->inputs[0]->inputs[0]->condition->args[1]->args[0];
        CHECK_UINT(place->line, 6);
        CHECK_UINT(place->column_at, 28951);
        compiled_done(&compiled);
}
