/* Dead letters as rows: the table, a row of it, the name jobs may not use, how the engine gives them, the limit. */
#include "sidecar/job/dead.h"

#include "sidecar/job/engine.h"
#include "sidecar/job/job.h"
#include "sidecar/plan/connector.h"
#include "sinks/json_row.h"
#include "sinks/sink.h"
#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SOURCE_SQL \
        "CREATE TABLE t (n BIGINT) WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'json');"
#define SINK_SQL(name) \
        "CREATE TABLE " name " (n BIGINT) WITH ('connector' = 'blackhole');" \
        "INSERT INTO " name " SELECT n FROM t;"

static struct job *make_job(const char *sql)
{
        struct slice name = slice_from_text("test.sql"), text = slice_from_text(sql);
        struct record_config config = {.generation = 1, .n_files = 1, .file_names = &name, .file_texts = &text};
        struct job *job = job_from_config(&config);
        struct err err = {0};

        CHECK_INT(job_compile_again(job, &err), 0);
        return job;
}

static struct record_dead letter(int64_t arrival_ms, const char *body)
{
        return (struct record_dead){.generation = 1, .arrival_ms = arrival_ms, .reason = slice_from_text("truncated"),
                                    .detail = slice_from_text("ends too soon"), .body_bytes = (uint32_t)strlen(body),
                                    .body = slice_from_text(body)};
}

static void json_of(const struct plan_table *table, const struct record_dead *dead, struct bytes *json)
{
        const struct json_row_style style = {0};
        struct dead_row row;

        dead_row_init(&row, dead, slice_from_text("t"));
        json_row_append(json, table, &row.batch, 0, &style);
        bytes_append_byte(json, 0);
}

TEST(a_record_is_a_row_of_a_table_that_the_filesystem_sink_takes)
{
        struct record_dead dead = letter(1700000000123, "ab\x80");
        const struct plan_table *table;
        struct arena arena;
        struct bytes json;
        struct err err = {0};

        arena_init(&arena, 4096, 0);
        bytes_init(&json);
        table = dead_table_new("/var/lib/weir/dead", &arena);
        CHECK_INT(sink_check_table(table, &err), 0);
        CHECK(slice_is_equal(connector_path(table, "path"), slice_from_text("/var/lib/weir/dead")));
        json_of(table, &dead, &json);
        CHECK_TEXT((const char *)json.data,
                   "{\"arrival\":\"2023-11-14 22:13:20.123Z\",\"source\":\"t\",\"reason\":\"truncated\","
                   "\"detail\":\"ends too soon\",\"body_bytes\":3,\"body\":\"YWKA\"}\n");
        bytes_reset(&json);
        dead.body = slice_make(NULL, 0);
        json_of(table, &dead, &json);
        CHECK(strstr((const char *)json.data, "\"body_bytes\":3,\"body\":null}") != NULL);
        bytes_done(&json);
        arena_done(&arena);
}

TEST(a_job_may_not_use_the_tables_name)
{
        struct job *good = make_job(SOURCE_SQL SINK_SQL("dead_letters"));
        struct job *bad = make_job(SOURCE_SQL SINK_SQL("`weir.dead_letters`"));
        struct err err = {0};

        CHECK_INT(dead_check_names(good->plan, &err), 0);
        CHECK(dead_check_names(bad->plan, &err) < 0);
        CHECK_INT(err.code, ERR_CONFIG);
        CHECK(strstr(err.text, "test.sql:1:") != NULL);
        job_free(good);
        job_free(bad);
}

/* Applies two letters and a tick that flushes; counts what comes out. */
static void run_letters(struct engine *engine, uint32_t *ret_rows, uint64_t *ret_epoch)
{
        struct record_dead first = letter(1000, "x"), second = letter(1500, "y");
        struct record_tick tick = {.now_ms = 2000, .is_flush = true};
        struct engine_piece piece;

        *ret_rows = 0;
        *ret_epoch = 0;
        engine_apply_dead(engine, &first);
        engine_apply_dead(engine, &second);
        engine_apply_tick(engine, &tick);
        while (engine_next_piece(engine, 1000, &piece)) {
                if (piece.is_epoch_end)
                        *ret_epoch = piece.epoch;
                else
                        *ret_rows += piece.rows.n_rows;
        }
}

TEST(an_epoch_of_dead_letters_alone_ends_with_a_tick)
{
        struct job *job = make_job(SOURCE_SQL SINK_SQL("s"));
        struct engine *engine = NULL;
        struct err err = {0};
        uint32_t n_rows;
        uint64_t epoch;

        CHECK_INT(engine_new(job->plan, &engine, &err), 0);
        run_letters(engine, &n_rows, &epoch); /* without a table they are not rows */
        CHECK_UINT(n_rows, 0);
        CHECK_UINT(epoch, 0);
        engine_take_dead(engine, dead_table_new("dead", &job->arena));
        run_letters(engine, &n_rows, &epoch);
        CHECK_UINT(n_rows, 2);
        CHECK_UINT(epoch, 2000);
        CHECK_UINT(engine_n_sinks(engine), 1);
        engine_free(engine);
        job_free(job);
}

TEST(bodies_cost_what_they_take_in_the_file)
{
        CHECK_UINT(dead_body_cost(0), 0);
        CHECK_UINT(dead_body_cost(1), 4);
        CHECK_UINT(dead_body_cost(3), 4);
        CHECK_UINT(dead_body_cost(300), 400);
}

TEST(files_in_the_folder_are_measured)
{
        char dir[] = "/tmp/weir-test-dead-XXXXXX", path[64];
        uint64_t bytes = 1;
        struct err err = {0};
        FILE *file;

        CHECK(mkdtemp(dir) != NULL);
        CHECK_INT(dead_measure_dir(file_ops_system(), dir, &bytes, &err), 0);
        CHECK_UINT(bytes, 0);
        snprintf(path, sizeof path, "%s/part-0.json", dir);
        file = fopen(path, "w");
        CHECK(file != NULL && fputs("12345", file) >= 0 && fclose(file) == 0);
        CHECK_INT(dead_measure_dir(file_ops_system(), dir, &bytes, &err), 0);
        CHECK_UINT(bytes, 5);
        CHECK(unlink(path) == 0 && rmdir(dir) == 0);
        CHECK(dead_measure_dir(file_ops_system(), dir, &bytes, &err) < 0);
        CHECK_INT(err.code, ERR_IO);
}
