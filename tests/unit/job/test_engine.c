/* The engine by hand: epochs, the clock guard, what filtered rows do, re-sent rows, checkpoints of changed and of
 * damaged jobs, output while rows go on. Jobs are SQL. */
#include "sidecar/job/engine.h"
#include "sidecar/sql/sql.h"
#include "tests/lib/check.h"

#include <inttypes.h>

static const char table_text[] =
        "CREATE TABLE t (k BIGINT, v INT, ts TIMESTAMP(3), WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)\n"
        "WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'json', 'watermark.idle-timeout' = '5 s');\n"
        "CREATE TABLE o (k BIGINT, n BIGINT) WITH ('connector' = 'print');\n"
        "CREATE TABLE p (k BIGINT, v INT) WITH ('connector' = 'print');\n";

static const char count_text[] =
        "INSERT INTO o SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))\n"
        "GROUP BY k, window_start, window_end;\n";

struct job {
        struct arena arena;
        struct plan_job *plan;
        struct engine *engine;
        struct bytes lines; /* of pieces taken: "o: 1 2" a row, "end 5" an epoch */
        struct vector columns[3];
        int64_t k[5000], v[5000], ts[5000];
};

static void job_compile(struct job *job, const char *queries)
{
        struct bytes text;
        struct sql_file file = {.name = slice_from_text("job.sql")};
        struct sql_input input = {.files = &file, .n_files = 1};
        struct diag_list diags;
        struct err err;

        bytes_init(&text);
        bytes_append_text(&text, "SET 'table.exec.mini-batch.allow-latency' = '0 ms';\n");
        bytes_append_text(&text, table_text);
        bytes_append_text(&text, queries);
        file.text = bytes_slice(&text);
        arena_init(&job->arena, 16384, 0);
        diag_list_init(&diags);
        if (sql_compile(&input, &job->arena, &diags, &job->plan) != 0)
                CHECK_FAIL("%s", diags.items[0].message);
        diag_list_done(&diags);
        bytes_done(&text);
        REQUIRE(job->plan != NULL);
        CHECK_OK(engine_new(job->plan, &job->engine, &err), &err);
        REQUIRE(job->engine != NULL);
        bytes_init(&job->lines);
}

static struct job *job_open(const char *queries)
{
        static struct job job;

        memset(&job, 0, sizeof job);
        job_compile(&job, queries);
        return &job;
}

static void job_close(struct job *job)
{
        engine_free(job->engine);
        arena_done(&job->arena);
        bytes_done(&job->lines);
}

/* n rows of job->k, v, ts (ms), as the log would hold them. */
static struct record_batch job_batch(struct job *job, uint32_t n, int64_t arrival_ms)
{
        const struct plan_source *source = job->plan->sources[0];
        struct record_batch batch = {.generation = 1,
                                     .origin = slice_from_text("a"),
                                     .arrival_ms = arrival_ms,
                                     .is_last = true,
                                     .rows = {.n_rows = n, .columns = job->columns}};

        for (uint32_t c = 0; c < source->n_columns; c++) {
                struct slice name = source->columns[c].name;
                struct vector *column = &job->columns[batch.rows.n_columns];

                if (!source->is_logged[c])
                        continue;
                *column = (struct vector){.phys = PHYS_I64};
                column->i64 = slice_is_equal(name, slice_from_text("k"))   ? job->k
                              : slice_is_equal(name, slice_from_text("v")) ? job->v
                                                                           : job->ts;
                batch.rows.n_columns++;
        }
        return batch;
}

static void job_row(struct job *job, int64_t k, int64_t v, int64_t ts_ms, int64_t arrival_ms)
{
        struct record_batch batch;

        job->k[0] = k;
        job->v[0] = v;
        job->ts[0] = ts_ms * 1000;
        batch = job_batch(job, 1, arrival_ms);
        engine_apply_batch(job->engine, &batch);
}

static void job_tick(struct job *job, int64_t now_ms)
{
        engine_apply_tick(job->engine, &(struct record_tick){.now_ms = now_ms});
}

static void job_append(struct job *job, const struct engine_piece *piece)
{
        if (piece->is_epoch_end)
                bytes_append_format(&job->lines, "end %" PRIu64 "\n", piece->epoch);
        for (uint32_t i = 0; i < piece->rows.n_rows; i++) {
                bytes_append_slice(&job->lines, piece->sink->name);
                for (uint32_t c = 0; c < piece->rows.n_columns; c++)
                        bytes_append_format(&job->lines, "%s%" PRId64, c == 0 ? ": " : " ",
                                            piece->rows.columns[c].i64[i]);
                bytes_append_byte(&job->lines, '\n');
        }
}

static void job_expect_at(struct job *job, const char *expected, int line)
{
        struct engine_piece piece;

        while (engine_next_piece(job->engine, 1000, &piece))
                job_append(job, &piece);
        bytes_append_byte(&job->lines, 0);
        (void)check_text((const char *)job->lines.data, expected, "what came out", __FILE__, line);
        bytes_reset(&job->lines);
}
#define job_expect(job, expected) job_expect_at((job), (expected), __LINE__)

static void job_save(struct job *job, struct bytes *state)
{
        struct engine_frozen *frozen = engine_freeze(job->engine);

        while (engine_frozen_next(frozen, state))
                ;
        engine_thaw(job->engine, frozen);
}

TEST(an_epoch_ends_at_a_tick_that_finds_results)
{
        struct job *job = job_open(count_text);

        job_row(job, 1, 0, 1000, 1000);
        job_tick(job, 2000);
        job_expect(job, "");
        job_row(job, 1, 0, 11000, 3000);
        job_expect(job, "o: 1 1\n");
        job_tick(job, 4000);
        job_tick(job, 5000);
        job_expect(job, "end 4000\n");
        CHECK_UINT(engine_last_epoch(job->engine), 4000);
        job_row(job, 2, 0, 21000, 3900);
        job_tick(job, 3950); /* a clock that goes back does not take the number back */
        job_expect(job, "o: 1 1\nend 4001\n");
        job_close(job);
}

TEST(an_epoch_without_rows_is_none)
{
        struct job *job = job_open("INSERT INTO o SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts),\n"
                                   "INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end\n"
                                   "HAVING COUNT(*) > 1;\n");

        job_row(job, 1, 0, 1000, 1000);
        job_row(job, 1, 0, 11000, 2000);
        job_row(job, 1, 0, 12000, 2000);
        job_tick(job, 3000);
        job_expect(job, "");
        CHECK_UINT(engine_last_epoch(job->engine), 0);
        job_row(job, 1, 0, 21000, 4000);
        job_tick(job, 5000);
        job_expect(job, "o: 1 2\nend 5000\n");
        job_close(job);
}

TEST(results_are_gathered_as_long_as_the_job_says)
{
        struct job job = {.plan = NULL};
        static const char queries[] =
                "SET 'table.exec.mini-batch.allow-latency' = '3 s';\n"
                "INSERT INTO p SELECT k, v FROM t;\n";

        job_compile(&job, queries);
        job_row(&job, 1, 2, 0, 1000);
        job_tick(&job, 2000);
        job_row(&job, 3, 4, 0, 2500);
        job_tick(&job, 3999);
        job_expect(&job, "p: 1 2\np: 3 4\n");
        job_tick(&job, 4000);
        job_expect(&job, "end 4000\n");
        job_row(&job, 5, 6, 0, 4100);
        engine_apply_tick(job.engine, &(struct record_tick){.now_ms = 4200, .is_flush = true});
        job_expect(&job, "p: 5 6\nend 4200\n");
        job_close(&job);
}

TEST(a_row_from_the_future_moves_the_watermark_no_further_than_the_guard)
{
        struct job *job = job_open(count_text);
        struct engine_source_stats stats;

        job_row(job, 1, 0, 1000, 1000);
        job_row(job, 2, 0, 3600000, 1000); /* an hour ahead: five minutes count */
        engine_source_stats(job->engine, 0, &stats);
        CHECK_INT(stats.watermark_ms, 301000);
        job_expect(job, "o: 1 1\n");
        job_row(job, 3, 0, 302000, 1000); /* not late */
        engine_finish(job->engine);
        job_expect(job, "o: 3 1\no: 2 1\nend 1000\n"); /* and the row itself counts in its window */
        job_close(job);
}

TEST(filtered_rows_move_the_watermark_between_the_rows_that_stay)
{
        static const uint32_t step_row[3] = {0, 1, 2};
        static const int64_t step_ms[3] = {500, 9999, 19999};
        struct job *job = job_open(count_text);
        struct record_batch batch;
        struct engine_window_stats stats;

        for (unsigned i = 0; i < 2; i++) {
                job->k[i] = (int64_t)i;
                job->ts[i] = 1000000; /* 1 s */
        }
        batch = job_batch(job, 2, 100000);
        batch.n_steps = 3;
        batch.step_row = step_row;
        batch.step_ms = step_ms;
        batch.n_filtered = 3;
        engine_apply_batch(job->engine, &batch);
        engine_window_stats(job->engine, 0, &stats);
        CHECK_UINT(stats.used, 1);
        CHECK_UINT(stats.late, 1); /* the second: a filtered row before it closed the window */
        job_expect(job, "o: 0 1\n");
        batch.rows.n_rows = 0;
        batch.n_steps = 1;
        batch.step_ms = &step_ms[2];
        engine_apply_batch(job->engine, &batch);
        engine_window_stats(job->engine, 0, &stats);
        CHECK_UINT(stats.in, 2);
        job_close(job);
}

TEST(a_watermark_that_is_not_the_rowtime_minus_a_constant_comes_with_the_rows)
{
        static const int64_t candidate_ms[3] = {INT64_MIN, 9998, 9999};
        struct job *job = job_open(count_text);
        struct record_batch batch;

        for (unsigned i = 0; i < 3; i++) {
                job->k[i] = 1;
                job->ts[i] = 50000000; /* would say more */
        }
        job->ts[0] = 0;
        batch = job_batch(job, 3, 100000);
        batch.candidate_ms = candidate_ms;
        engine_apply_batch(job->engine, &batch);
        job_expect(job, "o: 1 1\n");
        job_close(job);
}

TEST(a_record_of_many_vectors_is_cut_by_the_engine)
{
        static uint32_t step_row[5001];
        static int64_t step_ms[5001];
        struct job *job = job_open(count_text);
        struct record_batch batch;
        struct engine_window_stats stats;

        for (uint32_t i = 0; i < 5000; i++) {
                job->k[i] = i % 7;
                job->ts[i] = (int64_t)i * 10000; /* 10 ms apart: five windows */
                step_row[i] = i;
                step_ms[i] = 1 + (int64_t)i * 10 - 1000;
        }
        batch = job_batch(job, 5000, 100000);
        batch.n_steps = 5000;
        batch.step_row = step_row;
        batch.step_ms = step_ms;
        batch.n_filtered = 5000;
        engine_apply_batch(job->engine, &batch);
        engine_window_stats(job->engine, 0, &stats);
        CHECK_UINT(stats.in, 5000);
        CHECK_UINT(stats.used, 5000);
        CHECK_UINT(stats.fired, 4);
        job_close(job);
}

TEST(rows_of_two_queries_into_one_table_come_in_order_of_rows)
{
        struct job *job = job_open("INSERT INTO p SELECT k, v FROM t WHERE v < 5;\n"
                                   "INSERT INTO p SELECT k, v * 10 FROM t WHERE v > 2;\n");
        struct record_batch batch;

        for (unsigned i = 0; i < 4; i++) {
                job->k[i] = (int64_t)i;
                job->v[i] = (int64_t)i * 2;
                job->ts[i] = 0;
        }
        batch = job_batch(job, 4, 1000);
        engine_apply_batch(job->engine, &batch);
        job_expect(job, "p: 0 0\np: 1 2\np: 2 4\np: 2 40\np: 3 60\n");
        job_close(job);
}

TEST(queries_that_begin_alike_share_their_windows)
{
        struct job *job = job_open("CREATE VIEW w AS SELECT k, COUNT(*) AS n\n"
                                   "FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))\n"
                                   "GROUP BY k, window_start, window_end;\n"
                                   "INSERT INTO o SELECT k, n FROM w;\n"
                                   "INSERT INTO o SELECT k, -n FROM w;\n");

        CHECK_UINT(engine_n_windows(job->engine), 1);
        job_row(job, 1, 0, 1000, 1000);
        job_row(job, 2, 0, 1000, 1000);
        engine_finish(job->engine);
        job_expect(job, "o: 1 1\no: 2 1\no: 1 -1\no: 2 -1\nend 1000\n");
        job_close(job);
}

TEST(an_ended_connection_leaves_tokens_a_ready_tick_ends_all)
{
        static const uint64_t sent[3] = {11, 12, 13};
        struct job *job = job_open(count_text);
        struct record_origin origin = {.event = RECORD_CONNECTION_OPEN, .connection = 7, .now_ms = 1000};
        struct record_batch batch;
        struct engine_source_stats stats;
        uint64_t duplicate = 0;

        engine_apply_origin(job->engine, &origin);
        batch = job_batch(job, 3, 1000);
        batch.connection = 7;
        batch.sequence = 1;
        batch.depth = 1;
        batch.fingerprint = sent;
        batch.n_fingerprints = 3;
        engine_apply_batch(job->engine, &batch);
        CHECK(!engine_has_tokens(job->engine, 0));
        origin.event = RECORD_CONNECTION_CLOSE;
        engine_apply_origin(job->engine, &origin);
        CHECK(engine_has_tokens(job->engine, 0));
        CHECK_UINT(engine_match_tokens(job->engine, 0, sent, 3, &duplicate), 3);
        batch.connection = 8;
        batch.rows.n_rows = 1;
        batch.n_duplicate = 2;
        batch.taken = sent;
        batch.n_taken = 2;
        engine_apply_batch(job->engine, &batch);
        CHECK_UINT(engine_match_tokens(job->engine, 0, sent, 3, &duplicate), 1);
        engine_apply_tick(job->engine, &(struct record_tick){.now_ms = 2000, .is_ready = true});
        CHECK_UINT(engine_match_tokens(job->engine, 0, sent, 3, &duplicate), 3);
        job_tick(job, 2000 + 15 * 60 * 1000);
        CHECK(!engine_has_tokens(job->engine, 0));
        engine_source_stats(job->engine, 0, &stats);
        CHECK_UINT(stats.received, 6);
        CHECK_UINT(stats.accepted, 4);
        CHECK_UINT(stats.duplicate, 2);
        job_close(job);
}

/* It would be an active origin without a watermark for as long as it goes on. */
TEST(an_origin_that_sends_dead_letters_alone_holds_nothing_up)
{
        struct job *job = job_open(count_text);
        struct record_batch batch = job_batch(job, 0, 1000);
        struct engine_source_stats stats;

        batch.origin = slice_from_text("b");
        batch.n_dead = 3;
        engine_apply_batch(job->engine, &batch);
        job_row(job, 1, 1, 5000, 2000);
        engine_source_stats(job->engine, 0, &stats);
        CHECK_UINT(stats.n_origins, 1);
        CHECK(stats.watermark_ms > 0);
        CHECK_UINT(stats.received, 4);
        batch.n_dead = 0;
        batch.n_duplicate = 1; /* whoever sends again has more to send */
        engine_apply_batch(job->engine, &batch);
        engine_source_stats(job->engine, 0, &stats);
        CHECK_UINT(stats.n_origins, 2);
        job_close(job);
}

/* A connection with one row, 11, that ends. */
static void one_row_in_doubt(struct job *job, uint64_t connection, int64_t now_ms)
{
        static const uint64_t sent[1] = {11};
        struct record_batch batch = job_batch(job, 1, now_ms);

        batch.connection = connection;
        batch.fingerprint = sent;
        batch.n_fingerprints = 1;
        engine_apply_batch(job->engine, &batch);
        engine_apply_origin(job->engine, &(struct record_origin){.event = RECORD_CONNECTION_CLOSE,
                                                                 .connection = connection, .now_ms = now_ms});
}

/* The log cuts a batch into records, and only the last says what was taken. Of two equal tokens the older one runs out
 * in that very millisecond: the row took it, and the younger one stays. */
TEST(tokens_run_out_alike_however_a_batch_was_cut_into_records)
{
        static const uint64_t sent[1] = {11};

        for (int n_records = 1; n_records <= 2; n_records++) {
                struct job *job = job_open(count_text);
                int64_t now_ms = 1000 + 15 * 60 * 1000;
                struct record_batch batch;
                uint64_t duplicate = 0;

                one_row_in_doubt(job, 7, 1000);
                one_row_in_doubt(job, 8, 2000);
                CHECK_UINT(engine_match_tokens(job->engine, 0, sent, 1, &duplicate), 1);
                batch = job_batch(job, 2, now_ms);
                batch.connection = 9;
                batch.rows.n_rows = 1;
                if (n_records == 2) {
                        batch.is_last = false;
                        engine_apply_batch(job->engine, &batch);
                        batch.is_last = true;
                }
                batch.fingerprint = batch.taken = sent;
                batch.n_fingerprints = batch.n_taken = batch.n_duplicate = 1;
                engine_apply_batch(job->engine, &batch);
                CHECK_UINT(engine_match_tokens(job->engine, 0, sent, 1, &duplicate), 1);
                job_close(job);
        }
}

TEST(rows_go_on_while_results_are_taken)
{
        struct job *job = job_open(count_text);
        struct record_batch batch;
        struct engine_piece piece;
        uint64_t n = 0, sum = 0;

        for (uint32_t i = 0; i < 4000; i++) {
                job->k[i] = i;
                job->ts[i] = 1000000;
        }
        batch = job_batch(job, 4000, 1000);
        engine_apply_batch(job->engine, &batch);
        job_row(job, 1, 0, 11000, 1000);
        CHECK(engine_has_output(job->engine));
        CHECK(engine_output_bytes(job->engine) > 4000);
        while (engine_next_piece(job->engine, 100, &piece)) {
                n += piece.rows.n_rows;
                for (uint32_t i = 0; i < piece.rows.n_rows; i++)
                        sum += (uint64_t)piece.rows.columns[1].i64[i];
                CHECK(piece.rows.n_rows <= 100);
                CHECK_INT(piece.window_end_ms, 10000);
                for (uint32_t i = 0; i < 100; i++)
                        job->ts[i] = 12000000;
                batch = job_batch(job, 100, 1000);
                engine_apply_batch(job->engine, &batch);
        }
        CHECK_UINT(n, 4000);
        CHECK_UINT(sum, 4000);
        CHECK_UINT(engine_output_bytes(job->engine), 0);
        job_close(job);
}

static const char two_queries[] =
        "INSERT INTO o SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))\n"
        "GROUP BY k, window_start, window_end;\n"
        "INSERT INTO p SELECT k, SUM(v) FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND,\n"
        "INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;\n";

TEST(a_changed_job_keeps_the_state_of_what_did_not_change)
{
        static const char changed[] =
                "INSERT INTO p SELECT k, MAX(v) FROM TABLE(HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' SECOND,\n"
                "INTERVAL '10' SECOND)) GROUP BY k, window_start, window_end;\n"
                "INSERT INTO o SELECT k, COUNT(*) FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '10' SECOND))\n"
                "GROUP BY k, window_start, window_end HAVING COUNT(*) > 0;\n";
        struct job *job = job_open(two_queries), other = {.plan = NULL};
        struct bytes state;
        struct engine_source_stats stats;
        struct err err;

        bytes_init(&state);
        job_row(job, 1, 5, 1000, 1000);
        job_row(job, 1, 6, 2000, 1000);
        job_save(job, &state);
        job_compile(&other, changed);
        CHECK_OK(engine_load(other.engine, bytes_slice(&state), &err), &err);
        engine_source_stats(other.engine, 0, &stats);
        CHECK_UINT(stats.accepted, 2);
        CHECK_INT(stats.watermark_ms, 1000);
        job_row(&other, 1, 3, 3000, 1000);
        engine_finish(other.engine);
        job_expect(&other, "p: 1 3\np: 1 3\no: 1 3\nend 1000\n"); /* the sum's state is gone, the count's is not */
        job_close(&other);
        job_close(job);
        bytes_done(&state);
}

TEST(a_checkpoint_is_the_same_however_rows_were_cut)
{
        struct job *job = job_open(two_queries);
        struct job other = {.plan = NULL};
        struct bytes state, again;
        struct engine_piece piece;
        struct record_batch batch;

        bytes_init(&state);
        bytes_init(&again);
        job_compile(&other, two_queries);
        for (uint32_t i = 0; i < 3000; i++) {
                job->k[i] = i * 31 % 50;
                job->v[i] = i;
                job->ts[i] = ((int64_t)i * 20 - i * 7919 % 3000) * 1000;
        }
        batch = job_batch(job, 3000, 100000);
        engine_apply_batch(job->engine, &batch);
        for (uint32_t i = 0; i < 3000; i++)
                job_row(&other, job->k[i], job->v[i], job->ts[i] / 1000, 100000);
        while (engine_next_piece(job->engine, 1000, &piece))
                job_append(job, &piece);
        while (engine_next_piece(other.engine, 7, &piece))
                job_append(&other, &piece);
        CHECK(job->lines.len > 1000);
        CHECK_BYTES(other.lines.data, other.lines.len, job->lines.data, job->lines.len);
        job_save(job, &state);
        job_save(&other, &again);
        CHECK_BYTES(again.data, again.len, state.data, state.len);
        job_close(&other);
        job_close(job);
        bytes_done(&state);
        bytes_done(&again);
}

TEST(damaged_states_are_refused_or_harmless)
{
        struct check_random random = check_seed(8);
        struct job *job = job_open(two_queries);
        struct bytes state;
        uint32_t n_refused = 0;
        struct err err;

        bytes_init(&state);
        for (uint32_t i = 0; i < 20; i++)
                job_row(job, i % 6, i, i * 100, 1000);
        job_save(job, &state);
        for (size_t at = 0; at < state.len; at++) {
                struct engine *engine = NULL;
                uint8_t old = state.data[at];

                state.data[at] = (uint8_t)(old ^ (1u << check_random_below(&random, 8)));
                REQUIRE(engine_new(job->plan, &engine, &err) == 0);
                err_reset(&err);
                if (engine_load(engine, bytes_slice(&state), &err) < 0) {
                        n_refused++;
                        if (err.text[0] == 0 || err.code != ERR_DATA)
                                CHECK_FAIL("byte %zu: '%s'", at, err.text);
                } else {
                        struct engine_piece piece;

                        engine_finish(engine);
                        while (engine_next_piece(engine, 1000, &piece))
                                ;
                }
                engine_free(engine);
                state.data[at] = old;
        }
        CHECK(n_refused > state.len / 4);
        for (size_t len = 0; len < state.len; len += 5) {
                struct engine *engine = NULL;

                REQUIRE(engine_new(job->plan, &engine, &err) == 0);
                CHECK_INT(engine_load(engine, slice_make(state.data, len), &err), -1);
                engine_free(engine);
        }
        job_close(job);
        bytes_done(&state);
}
