/* test_record.c - what is written into the log comes out of it again, value by value. */
#include "tests/lib/check.h"
#include "tests/lib/quick_file.h"

#include "sidecar/base/alloc.h"
#include "sidecar/job/record_reader.h"
#include "sidecar/job/record_row.h"
#include "sidecar/job/record_writer.h"

#include <stdio.h>
#include <unistd.h>

enum { ROWS = 50 };

static const struct slice *names_of(struct arena *arena)
{
        struct slice *names = arena_new_n(arena, struct slice, 3);

        names[0] = slice_from_text("event_type");
        names[1] = slice_from_text("campaign_id");
        names[2] = slice_from_text("ts");
        return names;
}

static struct record_layout layout_of(uint32_t generation, uint32_t source, struct arena *arena)
{
        static const enum phys phys[] = {PHYS_STR, PHYS_I64, PHYS_I64};

        return (struct record_layout){.generation = generation,
                                      .source = source,
                                      .table = slice_from_text("ad_events"),
                                      .n_columns = 3,
                                      .names = names_of(arena),
                                      .types = names_of(arena),
                                      .phys = phys};
}

/* Batch number `number` of n rows: everything in it follows from the number. */
static struct record_batch batch_of(uint64_t number, uint32_t n, struct arena *arena)
{
        struct check_random random = {.state = number};
        struct record_batch batch = {
                .generation = 1 + (uint32_t)(number % 2),
                .source = 0,
                .origin = slice_from_text(number % 3 == 0 ? "" : "10.0.0.7"),
                .connection = number % 4,
                .sequence = number,
                .depth = 1,
                .arrival_ms = 1700000000000 + (int64_t)number,
                .is_last = true,
                .rows = {.n_rows = n, .n_columns = 3, .columns = arena_new_n(arena, struct vector, 3)},
                .n_filtered = 3,
                .n_duplicate = (uint32_t)number % 5,
                .n_dead = (uint32_t)number % 2,
        };

        vector_init(&batch.rows.columns[0], PHYS_STR, n, arena);
        vector_init(&batch.rows.columns[1], PHYS_I64, n, arena);
        vector_init(&batch.rows.columns[2], PHYS_I64, n, arena);
        for (uint32_t i = 0; i < n; i++) {
                batch.rows.columns[0].str[i] =
                        slice_from_text(arena_format(arena, "type-%d", (int)check_random_below(&random, 5)));
                batch.rows.columns[1].i64[i] = (int64_t)check_random_below(&random, 100);
                batch.rows.columns[2].i64[i] = (batch.arrival_ms - (int64_t)check_random_below(&random, 3000)) * 1000;
        }
        if (number % 2 == 1) {
                uint32_t *step_row = arena_new_n(arena, uint32_t, 3);
                int64_t *times = arena_new_n(arena, int64_t, n + 3);
                uint64_t *words = arena_new_n(arena, uint64_t, n);

                step_row[1] = n / 2;
                step_row[2] = n;
                for (uint32_t i = 0; i < n + 3; i++)
                        times[i] = i % 7 == 5 ? INT64_MIN : batch.arrival_ms - i;
                for (uint32_t i = 0; i < n; i++)
                        words[i] = check_random_u64(&random);
                batch.n_steps = 3;
                batch.step_row = step_row;
                batch.step_ms = times;
                batch.candidate_ms = times + 3;
                batch.n_fingerprints = batch.n_taken = n;
                batch.fingerprint = words;
                batch.taken = words;
        }
        return batch;
}

/* Rows from..from+actual.n_rows of `expected`. */
static void check_rows(const struct batch *actual, const struct batch *expected, uint32_t from)
{
        uint32_t n_wrong = 0;

        CHECK_UINT(actual->n_columns, expected->n_columns);
        for (uint32_t i = 0; i < actual->n_rows; i++) {
                n_wrong += !slice_is_equal(actual->columns[0].str[i], expected->columns[0].str[from + i]);
                n_wrong += actual->columns[1].i64[i] != expected->columns[1].i64[from + i];
                n_wrong += actual->columns[2].i64[i] != expected->columns[2].i64[from + i];
        }
        CHECK_UINT(n_wrong, 0);
}

static void check_batch(const struct record_batch *actual, const struct record_batch *expected)
{
        CHECK_UINT(actual->generation, expected->generation);
        CHECK_UINT(actual->source, expected->source);
        CHECK(slice_is_equal(actual->origin, expected->origin));
        CHECK_UINT(actual->connection, expected->connection);
        CHECK_UINT(actual->sequence, expected->sequence);
        CHECK_UINT(actual->depth, expected->depth);
        CHECK_INT(actual->arrival_ms, expected->arrival_ms);
        CHECK_INT(actual->is_last, expected->is_last);
        CHECK_UINT(actual->rows.n_rows, expected->rows.n_rows);
        check_rows(&actual->rows, &expected->rows, 0);
        CHECK_UINT(actual->n_steps, expected->n_steps);
        CHECK_BYTES(actual->step_row, 4 * actual->n_steps, expected->step_row, 4 * expected->n_steps);
        CHECK_BYTES(actual->step_ms, 8 * actual->n_steps, expected->step_ms, 8 * expected->n_steps);
        CHECK_INT(actual->candidate_ms != NULL, expected->candidate_ms != NULL);
        if (expected->candidate_ms != NULL)
                CHECK_BYTES(actual->candidate_ms, 8 * actual->rows.n_rows, expected->candidate_ms,
                            8 * expected->rows.n_rows);
        CHECK_INT(actual->fingerprint != NULL, expected->fingerprint != NULL);
        CHECK_BYTES(actual->fingerprint, 8 * actual->n_fingerprints, expected->fingerprint,
                    8 * expected->n_fingerprints);
        CHECK_BYTES(actual->taken, 8 * actual->n_taken, expected->taken, 8 * expected->n_taken);
        CHECK_UINT(actual->n_filtered, expected->n_filtered);
        CHECK_UINT(actual->n_duplicate, expected->n_duplicate);
        CHECK_UINT(actual->n_dead, expected->n_dead);
}

static struct wal *open_log(const char *dir, size_t segment_bytes)
{
        struct wal_config config = {.dir = dir,
                                    .ops = quick_file_ops(),
                                    .instance = 1,
                                    .segment_bytes = segment_bytes,
                                    .sync = WAL_SYNC_OFF,
                                    .is_inline = true};
        struct wal_recovery recovery;
        struct wal *wal = NULL;
        struct err err;

        CHECK_OK(wal_open(&config, &wal, &recovery, &err), &err);
        REQUIRE(wal != NULL);
        return wal;
}

static void make_room(struct wal *wal)
{
        struct err err;
        int result;

        wal_kick(wal);
        while ((result = wal_tend(wal, &err)) == WAL_E_MORE)
                ;
        CHECK_OK(result, &err);
}

static struct record_reader *open_reader(const char *dir, uint64_t from_lsn)
{
        struct wal_reader_config config = {.dir = dir, .ops = quick_file_ops(), .from_lsn = from_lsn};
        struct record_reader *reader = NULL;
        struct err err;

        CHECK_OK(record_reader_open(&config, &reader, &err), &err);
        REQUIRE(reader != NULL);
        return reader;
}

/* The next record that is no layout. */
static void next(struct record_reader *reader, enum record_type type, struct record *ret_record)
{
        struct err err;
        int result;

        do
                result = record_reader_next(reader, ret_record, &err);
        while (result == 0 && ret_record->type == RECORD_LAYOUT);
        CHECK_OK(result, &err);
        REQUIRE(result == 0);
        CHECK_INT(ret_record->type, type);
        REQUIRE(ret_record->type == type);
}

TEST(batches_come_back_from_every_position_of_many_segments)
{
        struct wal *wal = open_log(check_dir(), 64 << 10);
        struct record_writer *writer = record_writer_new(wal);
        struct record_reader *reader;
        struct record record;
        struct arena arena;
        struct err err;
        uint64_t lsn[200];

        arena_init(&arena, 1 << 16, 0);
        for (uint32_t generation = 1; generation <= 2; generation++) {
                struct record_layout layout = layout_of(generation, 0, &arena);

                record_writer_set_layout(writer, &layout);
        }
        for (uint64_t i = 0; i < 200; i++) {
                struct record_batch batch = batch_of(i, ROWS, &arena);
                int result = record_writer_batch(writer, &batch, &lsn[i], &err);

                while (result == RECORD_E_FULL) {
                        make_room(wal);
                        result = record_writer_batch(writer, &batch, &lsn[i], &err);
                }
                CHECK_OK(result, &err);
                CHECK(!record_writer_has_open_unit(writer));
                arena_reset(&arena);
        }
        make_room(wal);
        CHECK(wal_durable(wal) > 5 * (64 << 10) / 2);
        record_writer_free(writer);
        wal_close(wal);
        for (uint64_t from = 0; from < 200; from += 33) {
                reader = open_reader(check_dir(), from == 0 ? 0 : lsn[from]);
                for (uint64_t i = from; i < 200; i++) {
                        struct record_batch expected = batch_of(i, ROWS, &arena);

                        next(reader, RECORD_BATCH, &record);
                        CHECK_UINT(record.lsn, lsn[i]);
                        check_batch(&record.batch, &expected);
                        arena_reset(&arena);
                }
                CHECK_INT(record_reader_next(reader, &record, &err), RECORD_E_END);
                record_reader_close(reader);
        }
        arena_done(&arena);
}

TEST(every_other_record_comes_back)
{
        struct wal *wal = open_log(check_dir(), 1 << 20);
        struct record_writer *writer = record_writer_new(wal);
        struct record_layout layout;
        struct record_batch batch;
        struct record_reader *reader;
        struct record record;
        struct arena arena;
        struct err err;
        uint64_t lsn;
        struct slice texts[2] = {slice_from_text("a.sql"), slice_from_text("SELECT 1;\n")};
        struct record_config config = {.generation = 3, .now_ms = -5, .n_files = 1, .file_names = texts,
                                       .file_texts = texts + 1, .n_overrides = 2, .override_keys = texts,
                                       .override_values = texts};
        struct record_tick tick = {.now_ms = 1234567890123, .is_ready = true};
        struct record_origin origin = {.source = 2, .event = RECORD_SOURCE_END, .connection = 99,
                                       .peer = slice_from_text("10.1.2.3:4711"), .now_ms = 17};
        struct record_dead dead = {.generation = 1, .source = 0, .connection = 5, .sequence = 6, .arrival_ms = 7,
                                   .reason = slice_from_text("truncated"), .detail = slice_from_text("at byte 3"),
                                   .body_bytes = 100000, .body = slice_from_text("\001\002\003")};

        make_room(wal);
        arena_init(&arena, 1 << 16, 0);
        layout = layout_of(1, 0, &arena);
        batch = batch_of(2, 0, &arena);
        record_writer_set_layout(writer, &layout);
        CHECK_OK(record_writer_config(writer, &config, &lsn, &err), &err);
        CHECK_OK(record_writer_tick(writer, &tick, &lsn, &err), &err);
        CHECK_OK(record_writer_origin(writer, &origin, &lsn, &err), &err);
        CHECK_OK(record_writer_dead(writer, &dead, &lsn, &err), &err);
        CHECK(record_writer_has_open_unit(writer));
        CHECK_OK(record_writer_batch(writer, &batch, &lsn, &err), &err);
        CHECK(!record_writer_has_open_unit(writer));
        CHECK_OK(record_writer_dead(writer, &dead, &lsn, &err), &err);
        make_room(wal);
        record_writer_free(writer);
        wal_close(wal);
        reader = open_reader(check_dir(), 0);
        next(reader, RECORD_CONFIG, &record);
        CHECK_UINT(record.config.generation, 3);
        CHECK_INT(record.config.now_ms, -5);
        CHECK_SLICE(record.config.file_names[0], "a.sql");
        CHECK_SLICE(record.config.file_texts[0], "SELECT 1;\n");
        CHECK_UINT(record.config.n_overrides, 2);
        CHECK_SLICE(record.config.override_values[1], "SELECT 1;\n");
        next(reader, RECORD_TICK, &record);
        CHECK_INT(record.tick.now_ms, 1234567890123);
        CHECK(record.tick.is_ready && !record.tick.is_flush);
        next(reader, RECORD_ORIGIN, &record);
        CHECK_INT(record.origin.event, RECORD_SOURCE_END);
        CHECK_UINT(record.origin.connection, 99);
        CHECK_SLICE(record.origin.peer, "10.1.2.3:4711");
        next(reader, RECORD_DEAD, &record);
        CHECK_SLICE(record.dead.reason, "truncated");
        CHECK_SLICE(record.dead.detail, "at byte 3");
        CHECK_UINT(record.dead.body_bytes, 100000);
        CHECK_SLICE(record.dead.body, "\001\002\003");
        next(reader, RECORD_BATCH, &record);
        check_batch(&record.batch, &batch);
        /* The second dead letter has no batch behind it. */
        CHECK_INT(record_reader_next(reader, &record, &err), RECORD_E_END);
        record_reader_close(reader);
        arena_done(&arena);
}

TEST(large_batch_is_cut_into_records_and_loses_nothing)
{
        struct wal *wal = open_log(check_dir(), 64 << 10);
        struct record_writer *writer = record_writer_new(wal);
        struct record_batch batch;
        struct record_layout layout;
        struct record_reader *reader;
        struct record record;
        struct arena arena;
        struct err err;
        uint32_t n_rows = 0, n_steps = 0, n_parts = 0;
        uint64_t lsn;
        int result;

        arena_init(&arena, 1 << 16, 0);
        batch = batch_of(1, 5500, &arena);
        batch.n_taken = batch.n_fingerprints = 1000;
        layout = layout_of(batch.generation, 0, &arena);
        record_writer_set_layout(writer, &layout);
        while ((result = record_writer_batch(writer, &batch, &lsn, &err)) == RECORD_E_FULL)
                make_room(wal);
        CHECK_OK(result, &err);
        make_room(wal);
        record_writer_free(writer);
        wal_close(wal);
        reader = open_reader(check_dir(), 0);
        do {
                next(reader, RECORD_BATCH, &record);
                check_rows(&record.batch.rows, &batch.rows, n_rows);
                CHECK_BYTES(record.batch.candidate_ms, 8 * record.batch.rows.n_rows, batch.candidate_ms + n_rows,
                            8 * record.batch.rows.n_rows);
                for (uint32_t i = 0; i < record.batch.n_steps; i++, n_steps++) {
                        CHECK_UINT(record.batch.step_row[i] + n_rows, batch.step_row[n_steps]);
                        CHECK_INT(record.batch.step_ms[i], batch.step_ms[n_steps]);
                }
                CHECK_UINT(record.batch.n_fingerprints, record.batch.is_last ? 1000 : 0);
                CHECK_UINT(record.batch.n_filtered, record.batch.is_last ? 3 : 0);
                n_rows += record.batch.rows.n_rows;
                n_parts++;
        } while (!record.batch.is_last);
        CHECK_UINT(n_rows, 5500);
        CHECK_UINT(n_steps, 3);
        CHECK(n_parts > 2);
        CHECK_INT(record_reader_next(reader, &record, &err), RECORD_E_END);
        record_reader_close(reader);
        arena_done(&arena);
}

/* Segments before the one with this position go, as they do behind a checkpoint. */
static void forget_before(const char *dir, uint64_t lsn)
{
        struct wal_reader_config config = {.dir = dir, .ops = quick_file_ops()};
        struct wal_segment_info info, later;
        struct wal_reader *reader = NULL;
        char path[4200];
        struct err err;

        CHECK_OK(wal_reader_open(&config, &reader, &err), &err);
        REQUIRE(reader != NULL);
        for (uint32_t i = 0; i + 1 < wal_reader_n_segments(reader); i++) {
                wal_reader_segment(reader, i, &info);
                wal_reader_segment(reader, i + 1, &later);
                if (!later.is_started || later.first_lsn > lsn)
                        break;
                snprintf(path, sizeof path, "%s/%s", dir, info.name);
                CHECK_INT(unlink(path), 0);
        }
        wal_reader_close(reader);
}

TEST(reading_may_begin_in_a_segment_that_begins_inside_a_unit)
{
        struct wal *wal = open_log(check_dir(), 64 << 10);
        struct record_writer *writer = record_writer_new(wal);
        uint64_t lsn[3] = {0};
        struct record_reader *reader;
        struct record record;
        struct arena arena;
        struct err err;

        arena_init(&arena, 1 << 16, 0);
        for (uint64_t i = 0; i < 3; i++) {
                struct record_batch batch = batch_of(1, i == 0 ? 5500 : 10, &arena);
                struct record_layout layout = layout_of(batch.generation, 0, &arena);
                int result;

                if (i == 0) {
                        batch.n_taken = batch.n_fingerprints = 10;
                        record_writer_set_layout(writer, &layout);
                }
                while ((result = record_writer_batch(writer, &batch, &lsn[i], &err)) == RECORD_E_FULL)
                        make_room(wal);
                CHECK_OK(result, &err);
        }
        make_room(wal);
        record_writer_free(writer);
        wal_close(wal);
        for (int life = 0; life < 3; life++) {
                reader = open_reader(check_dir(), life == 1 ? 0 : lsn[1]);
                for (uint64_t i = 1; i < 3; i++) {
                        struct record_batch expected = batch_of(1, 10, &arena);

                        do
                                next(reader, RECORD_BATCH, &record);
                        while (life == 1 && record.lsn < lsn[1]);
                        CHECK_UINT(record.lsn, lsn[i]);
                        check_batch(&record.batch, &expected);
                }
                CHECK_INT(record_reader_next(reader, &record, &err), RECORD_E_END);
                record_reader_close(reader);
                if (life == 0)
                        forget_before(check_dir(), lsn[1]);
        }
        arena_done(&arena);
}

/* Rows of ever other widths, up to the widest that is logged, the last one of them: what goes with the last record has
 * no room beside it. */
TEST(wide_rows_fill_records_of_their_own)
{
        enum { SEGMENT_BYTES = 512 << 10, N = 40 };
        struct wal *wal = open_log(check_dir(), SEGMENT_BYTES);
        struct record_writer *writer = record_writer_new(wal);
        struct record_batch batch;
        struct record_layout layout;
        struct record_reader *reader;
        struct record record;
        struct arena arena;
        struct err err;
        uint32_t n_rows = 0, n_steps = 0, n_parts = 0;
        size_t widest = record_writer_row_bytes(writer);
        uint8_t *text;
        uint64_t lsn;
        int result;

        arena_init(&arena, 1 << 16, 0);
        CHECK_UINT(widest, SEGMENT_BYTES - 3 * 4096 - RECORD_ROW_SLACK);
        batch = batch_of(1, 8192, &arena);
        batch.rows.n_rows = N;
        batch.step_row = (const uint32_t[]){0, N};
        batch.n_steps = 2;
        text = arena_take(&arena, widest, 1);
        memset(text, 'w', widest);
        for (uint32_t i = 0; i < N; i++)
                batch.rows.columns[0].str[i] = slice_make(text, widest / N * i);
        batch.rows.columns[0].str[N - 1] = slice_make(NULL, 0);
        batch.rows.columns[0].str[N - 1] = slice_make(text, widest - record_row_bytes(&batch.rows, N - 1));
        CHECK_UINT(record_row_bytes(&batch.rows, N - 1), widest);
        batch.rows_bytes = record_row_bytes_all(&batch.rows);
        layout = layout_of(batch.generation, 0, &arena);
        record_writer_set_layout(writer, &layout);
        while ((result = record_writer_batch(writer, &batch, &lsn, &err)) == RECORD_E_FULL)
                make_room(wal);
        CHECK_OK(result, &err);
        make_room(wal);
        record_writer_free(writer);
        wal_close(wal);
        reader = open_reader(check_dir(), 0);
        do {
                next(reader, RECORD_BATCH, &record);
                check_rows(&record.batch.rows, &batch.rows, n_rows);
                for (uint32_t i = 0; i < record.batch.n_steps; i++, n_steps++) {
                        CHECK_UINT(record.batch.step_row[i] + n_rows, batch.step_row[n_steps]);
                        CHECK_INT(record.batch.step_ms[i], batch.step_ms[n_steps]);
                }
                CHECK_UINT(record.batch.n_fingerprints, record.batch.is_last ? 8192 : 0);
                CHECK_UINT(record.batch.n_taken, record.batch.is_last ? 8192 : 0);
                CHECK_UINT(record.batch.n_filtered, record.batch.is_last ? 3 : 0);
                n_rows += record.batch.rows.n_rows;
                n_parts++;
        } while (!record.batch.is_last);
        CHECK_UINT(n_rows, N);
        CHECK_UINT(n_steps, 2);
        CHECK_UINT(record.batch.rows.n_rows, 0);
        CHECK(n_parts > N / 2);
        CHECK_INT(record_reader_next(reader, &record, &err), RECORD_E_END);
        record_reader_close(reader);
        arena_done(&arena);
}

TEST(payloads_are_those_that_are_written_down)
{
        static const uint8_t tick_bytes[] = {0x02, 0x03};
        static const uint8_t origin_bytes[] = {0x01, 0x01, 0x80, 0x01, 0x03, 0x01, 'p'};
        static const uint8_t config_bytes[] = {0x03, 0x0a, 0x01, 0x01, 'c',  0x03, 'I',  'N',
                                               'T',  0x01, 0x03, 'I',  'N',  'T',  0x01, 'c'};
        static const uint8_t dead_bytes[] = {0x01, 0x00, 0x05, 0x06, 0x0e, 0x01, 'c', 0x03, 'I', 'N', 'T', 0xe8, 0x07,
                                             0x01, 'c'};
        static const uint8_t layout_bytes[] = {0x01, 0x00, 0x01, 't', 0x01, 0x01, 0x01, 'c', 0x03, 'I', 'N', 'T'};
        static const uint8_t batch_bytes[] = {0x01, 0x00, 0x05, 0x02, 0x01, 0x10, 0x05, 0x01,
                                              'o', /* 1/0, connection 5/2, depth 1, 8 ms, flags, "o" */
                                              /* rows, filtered, dup, dead, steps, taken, prints */
                                              0x02, 0x01, 0x00, 0x00, 0x01, 0x00, 0x01, 0x01, 0x01, 0x0e, 0x00,
                                              0x01,                                            /* column: 7, 8 */
                                              0x00, 0x04, 0x00, 0x12,                          /* step: row 2, 9 ms */
                                              0xef, 0xbe, 0xad, 0xde, 0x00, 0x00, 0x00, 0x00}; /* fingerprint */
        struct record_encoder *encoder = record_encoder_new();
        struct record_tick tick = {.now_ms = 1, .is_ready = true, .is_flush = true};
        struct record_origin origin = {.source = 1, .event = RECORD_CONNECTION_CLOSE, .connection = 128, .now_ms = -2,
                                       .peer = slice_from_text("p")};
        struct slice name = slice_from_text("c"), type = slice_from_text("INT");
        enum phys phys = PHYS_I64;
        struct record_layout layout = {.generation = 1, .table = slice_from_text("t"), .n_columns = 1, .names = &name,
                                       .types = &type, .phys = &phys};
        struct record_config config = {.generation = 3, .now_ms = 5, .n_files = 1, .file_names = &name,
                                       .file_texts = &type, .n_overrides = 1, .override_keys = &type,
                                       .override_values = &name};
        struct record_dead dead = {.generation = 1, .connection = 5, .sequence = 6, .arrival_ms = 7, .reason = name,
                                   .detail = type, .body_bytes = 1000, .body = name};
        struct vector column = {.phys = PHYS_I64, .i64 = (int64_t[]){7, 8}};
        struct record_batch batch = {.generation = 1, .origin = slice_from_text("o"), .connection = 5, .sequence = 2,
                                     .depth = 1, .arrival_ms = 8, .is_last = true,
                                     .rows = {.n_rows = 2, .n_columns = 1, .columns = &column}, .n_steps = 1,
                                     .step_row = (uint32_t[]){2}, .step_ms = (int64_t[]){9}, .n_fingerprints = 1,
                                     .fingerprint = (uint64_t[]){0xdeadbeef}, .n_filtered = 1};
        uint8_t bytes[400];

        CHECK_BYTES(bytes, record_encode_tick(&tick, bytes), tick_bytes, sizeof(tick_bytes));
        CHECK_BYTES(bytes, record_encode_origin(&origin, bytes), origin_bytes, sizeof(origin_bytes));
        CHECK_BYTES(bytes, record_encode_config(&config, bytes), config_bytes, sizeof(config_bytes));
        CHECK_BYTES(bytes, record_encode_dead(&dead, bytes), dead_bytes, sizeof(dead_bytes));
        record_encoder_set_layout(encoder, &layout);
        CHECK_BYTES(bytes, record_encode_layout(encoder, &layout, bytes), layout_bytes, sizeof(layout_bytes));
        CHECK_BYTES(bytes,
                    record_encode_batch(encoder, &batch, (struct record_part){.n_rows = 2, .is_final = true}, bytes),
                    batch_bytes, sizeof(batch_bytes));
        record_encoder_free(encoder);
}

TEST(payload_that_is_cut_or_too_long_is_refused)
{
        struct record_encoder *encoder = record_encoder_new();
        struct record_layout layout;
        struct record_batch batch;
        struct arena arena;
        struct record record;
        struct err err;
        uint8_t layout_bytes[300], bytes[8000];
        size_t layout_len, len;
        uint32_t n_accepted = 0;

        arena_init(&arena, 1 << 16, 0);
        batch = batch_of(1, ROWS, &arena);
        layout = layout_of(batch.generation, 0, &arena);
        record_encoder_set_layout(encoder, &layout);
        layout_len = record_encode_layout(encoder, &layout, layout_bytes);
        len = record_encode_batch(encoder, &batch, (struct record_part){.n_rows = ROWS, .is_final = true}, bytes);
        bytes[len] = 0;
        for (size_t cut = 0; cut <= len + 1; cut++) {
                struct record_decoder *decoder = record_decoder_new();

                CHECK_FAILS(record_decode(decoder, RECORD_BATCH, slice_make(bytes, len), &arena, &record, &err), &err,
                            "its layout does not stand before it");
                CHECK_OK(record_decode(decoder, RECORD_LAYOUT, slice_make(layout_bytes, layout_len), &arena, &record,
                                       &err), &err);
                n_accepted += record_decode(decoder, RECORD_BATCH, slice_make(bytes, cut), &arena, &record, &err) == 0;
                record_decoder_free(decoder);
        }
        CHECK_UINT(n_accepted, 1);
        CHECK_FAILS(record_decode(NULL, 77, slice_make(bytes, 1), &arena, &record, &err), &err, "unknown type 77");
        record_encoder_free(encoder);
        arena_done(&arena);
}
