/* test_outbox.c - rows go in by epochs and come out by epochs, from memory and from files, in this life and the
 * next. */
#include "tests/lib/check.h"
#include "tests/lib/quick_file.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "sinks/outbox.h"
#include "sinks/outbox_payload.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* ---- tables: two sinks, known under every generation ---- */

static struct plan_column columns[2] = {
        {.name = {(const uint8_t *)"k", 1}, .type = {.kind = TYPE_BIGINT}, .kind = PLAN_PHYSICAL},
        {.name = {(const uint8_t *)"v", 1}, .type = {.kind = TYPE_VARCHAR}, .kind = PLAN_PHYSICAL},
};
static struct plan_table tables[2] = {
        {.name = {(const uint8_t *)"ctr", 3}, .n_columns = 2, .columns = columns},
        {.name = {(const uint8_t *)"alerts", 6}, .n_columns = 2, .columns = columns},
};

static const struct plan_table *find_table(void *context, uint32_t generation, struct slice name)
{
        (void)context;
        if (generation > 5)
                return NULL;
        for (int i = 0; i < 2; i++)
                if (slice_is_equal(tables[i].name, name))
                        return &tables[i];
        return NULL;
}

/* ---- a script: piece number n says all about itself ---- */

/* Epochs end at numbers that are 6 modulo 7. */
static bool is_end(uint64_t n)
{
        return n % 7 == 6;
}

static uint64_t epoch_of(uint64_t n)
{
        return 1000 + n / 7 * 10;
}

static uint32_t rows_of(uint64_t n)
{
        return 1 + (uint32_t)(n * 37 % 200);
}

static struct batch batch_of(uint64_t n, struct arena *arena)
{
        struct batch batch = {.n_rows = rows_of(n), .n_columns = 2, .columns = arena_new_n(arena, struct vector, 2)};

        vector_init(&batch.columns[0], PHYS_I64, batch.n_rows, arena);
        vector_init(&batch.columns[1], PHYS_STR, batch.n_rows, arena);
        for (uint32_t i = 0; i < batch.n_rows; i++) {
                batch.columns[0].i64[i] = (int64_t)(n * 1000 + i);
                batch.columns[1].str[i] = slice_from_text(arena_format(arena, "value-%u", (unsigned)(n * i % 91)));
        }
        return batch;
}

static struct outbox_config config_of(uint64_t cursor)
{
        return (struct outbox_config){.dir = check_dir(),
                                      .ops = quick_file_ops(),
                                      .instance = 9,
                                      .file_bytes = 60000,
                                      .keep_ms = 1000,
                                      .cursor = cursor,
                                      .find_table = find_table};
}

static struct outbox *open_outbox(const struct outbox_config *config)
{
        struct outbox *outbox = NULL;
        struct err err;

        CHECK_OK(outbox_open(config, &outbox, &err), &err);
        REQUIRE(outbox != NULL);
        outbox_set_durable(outbox, UINT64_MAX);
        return outbox;
}

static void tend(struct outbox *outbox)
{
        struct err err;
        int result;

        while ((result = outbox_tend(outbox, &err)) == OUTBOX_E_MORE)
                ;
        CHECK_OK(result, &err);
}

static int append(struct outbox *outbox, uint64_t n, struct err *err)
{
        struct arena arena;
        struct batch batch;
        int result;

        if (is_end(n))
                return outbox_append_epoch_end(outbox, epoch_of(n), n, err);
        arena_init(&arena, 1 << 14, 0);
        batch = batch_of(n, &arena);
        result = outbox_append_rows(outbox, 1 + (uint32_t)(n / 50 % 3), &tables[n % 2], (int64_t)n, &batch, err);
        arena_done(&arena);
        return result;
}

static void append_all(struct outbox *outbox, uint64_t from, uint64_t to)
{
        struct err err;

        for (uint64_t n = from; n < to; n++)
                CHECK_OK(append(outbox, n, &err), &err);
}

/* Reads all epochs above `after`; they must be those of pieces up to `to`. Returns how many epochs there were. */
static unsigned check_epochs(struct outbox *outbox, uint32_t feeder, uint64_t after, uint64_t to)
{
        const struct feeder_source *source = outbox_source(outbox);
        struct feeder_epoch epoch;
        unsigned n_epochs = 0;
        struct arena arena;
        struct err err;

        arena_init(&arena, 1 << 14, 0);
        for (; source->find_epoch(source->context, after, &epoch); after = epoch.epoch, n_epochs++) {
                uint64_t n = (epoch.epoch - 1000) / 10 * 7;
                uint64_t position = epoch.first;
                uint64_t indexes[2] = {0, 0};
                struct feeder_piece piece;
                unsigned n_wrong = 0;

                CHECK_UINT(epoch.lsn, n + 6);
                CHECK(epoch.is_ordered);
                for (; n % 7 != 6; n++) {
                        struct batch expected = batch_of(n, &arena);

                        CHECK_OK(source->read(source->context, feeder, position, true, &piece, &position, &err), &err);
                        CHECK(!piece.is_end);
                        CHECK(piece.table == &tables[n % 2]);
                        CHECK_INT(piece.window_end_ms, (int64_t)n);
                        CHECK_UINT(piece.first_index, indexes[n % 2]);
                        CHECK_UINT(piece.rows.n_rows, expected.n_rows);
                        REQUIRE(piece.rows.n_rows == expected.n_rows);
                        for (uint32_t i = 0; i < expected.n_rows; i++) {
                                n_wrong += piece.rows.columns[0].i64[i] != expected.columns[0].i64[i];
                                n_wrong += !slice_is_equal(piece.rows.columns[1].str[i], expected.columns[1].str[i]);
                        }
                        indexes[n % 2] += expected.n_rows;
                        arena_reset(&arena);
                }
                CHECK_UINT(n_wrong, 0);
                CHECK_OK(source->read(source->context, feeder, position, false, &piece, &position, &err), &err);
                CHECK(piece.is_end);
                CHECK(n < to);
        }
        arena_done(&arena);
        return n_epochs;
}

TEST(payloads_are_those_that_are_written_down)
{
        static const uint8_t table_bytes[] = {0x01, 0x03, 'c', 't', 'r', 0x02, 0x01, 0x01, 'k', 0x04, 0x01, 'v'};
        static const uint8_t rows_bytes[] = {0x00, 0xac, 0x02, 0x0a, 0x02, 0x01, 0x01, 0x0e, 0x00, 0x01,
                                             0x07, 0x01, 0x02, 0x01, 'a',  'b',  'c'};
        static const uint8_t end_bytes[] = {0xe8, 0x07, 0x07};
        static const uint8_t file_bytes[] = {0x03, 0x80, 0x20, 0x01, 0x01, 0x03, 'c',  't',  'r',  0x02, 0x01, 0x01,
                                             0x01, 0x03, 'c',  't',  'r',  0x02, 0x01, 0x01, 'k',  0x04, 0x01, 'v',
                                             0x01, 0x03, 0x04, 0x64, 0x80, 0x20, 0x01};
        const struct slice names[] = {slice_from_text("k"), slice_from_text("v")};
        static const enum phys phys[] = {PHYS_I64, PHYS_STR};
        struct outbox_table table = {.generation = 1, .name = slice_from_text("ctr"), .n_columns = 2, .names = names,
                                     .phys = phys};
        struct outbox_counter counter = {.name = slice_from_text("ctr"), .next_index = 2, .window_end_ms = -1};
        struct outbox_epoch epoch = {.epoch = 3, .lsn = 4, .first = 100, .end = 4096, .is_ordered = true};
        struct outbox_summary summary = {.last_epoch = 3, .open_first = 4096, .is_open_ordered = true, .n_counters = 1,
                                         .counters = &counter, .n_tables = 1, .tables = &table, .n_epochs = 1,
                                         .epochs = &epoch};
        struct vector vectors[] = {{.phys = PHYS_I64, .i64 = (int64_t[]){7, 8}}, {.phys = PHYS_STR}};
        struct batch rows = {.n_rows = 2, .n_columns = 2, .columns = vectors};
        struct slice strings[] = {slice_from_text("ab"), slice_from_text("c")};
        struct bytes bytes;
        uint8_t at[200];

        vectors[1].str = strings;
        bytes_init(&bytes);
        outbox_payload_put_table(&bytes, &table);
        CHECK_BYTES(bytes.data, bytes.len, table_bytes, sizeof(table_bytes));
        CHECK_BYTES(at, outbox_payload_put_rows(at, 0, 300, 5, &rows, 0, 2), rows_bytes, sizeof(rows_bytes));
        CHECK_BYTES(at, outbox_payload_put_epoch_end(at, 1000, 7), end_bytes, sizeof(end_bytes));
        bytes_reset(&bytes);
        outbox_payload_put_summary(&bytes, &summary);
        CHECK_BYTES(bytes.data, bytes.len, file_bytes, sizeof(file_bytes));
        bytes_done(&bytes);
}

TEST(epochs_come_back_from_memory_and_from_files)
{
        struct outbox_config config = config_of(0);
        struct outbox *outbox = open_outbox(&config);
        struct outbox_stats stats;

        append_all(outbox, 0, 100);
        CHECK_UINT(check_epochs(outbox, 0, 0, 100), 14);
        tend(outbox);
        CHECK_UINT(check_epochs(outbox, 1, 0, 100), 14);
        append_all(outbox, 100, 200);
        tend(outbox);
        outbox_stats(outbox, &stats);
        CHECK(stats.n_files > 2);
        CHECK_UINT(check_epochs(outbox, 0, 0, 200), 28);
        CHECK_UINT(check_epochs(outbox, 5, 1000 + 20 * 10, 200), 7);
        outbox_close(outbox);
}

TEST(epoch_shows_only_when_what_caused_it_is_durable)
{
        struct outbox_config config = config_of(0);
        struct outbox *outbox;
        struct err err;

        CHECK_OK(outbox_open(&config, &outbox, &err), &err);
        append_all(outbox, 0, 30);
        CHECK_UINT(check_epochs(outbox, 0, 0, 30), 0);
        outbox_set_durable(outbox, 6);
        CHECK_UINT(check_epochs(outbox, 0, 0, 30), 0);
        outbox_set_durable(outbox, 7);
        CHECK_UINT(check_epochs(outbox, 0, 0, 30), 1);
        outbox_set_durable(outbox, 21);
        CHECK_UINT(check_epochs(outbox, 0, 0, 30), 3);
        outbox_close(outbox);
}

/* All bytes of all files, in order. */
static void read_all(struct bytes *bytes, uint64_t end)
{
        uint64_t at = 0;

        bytes_reset(bytes);
        while (at < end) {
                char path[4200];
                uint8_t *data;
                size_t len;
                struct err err;

                snprintf(path, sizeof(path), "%s/%016llx.wal", check_dir(), (unsigned long long)at);
                CHECK_OK(file_read_whole(quick_file_ops(), path, 1 << 26, &data, &len, &err), &err);
                bytes_append(bytes, data, len);
                at += len;
                REQUIRE(len > 0);
                alloc_free(data);
        }
}

TEST(next_life_goes_on_at_the_cursor_and_makes_the_same_bytes)
{
        struct outbox_config config = config_of(0);
        struct bytes first, second;
        struct err err;

        bytes_init(&first);
        bytes_init(&second);
        for (uint64_t stop = 3; stop < 200; stop += 39) {
                struct outbox *outbox;
                uint64_t cursor, end;

                config.cursor = 0;
                outbox = open_outbox(&config);
                append_all(outbox, 0, stop);
                cursor = outbox_seal(outbox);
                CHECK_UINT(cursor % 4096, 0);
                append_all(outbox, stop, 220);
                end = outbox_seal(outbox);
                tend(outbox);
                CHECK_UINT(outbox_synced(outbox), end);
                outbox_close(outbox);
                read_all(&first, end);
                config.cursor = cursor;
                outbox = open_outbox(&config);
                CHECK_UINT(check_epochs(outbox, 0, 0, stop), stop / 7);
                append_all(outbox, stop, 220);
                CHECK_UINT(outbox_seal(outbox), end);
                tend(outbox);
                CHECK_UINT(check_epochs(outbox, 0, 0, 220), 220 / 7);
                outbox_close(outbox);
                read_all(&second, end);
                CHECK(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
        }
        /* What lies before the cursor must be there. */
        config.cursor = first.len + 4096;
        CHECK_FAILS(outbox_open(&config, &(struct outbox *){NULL}, &err), &err, "were durable");
        bytes_done(&first);
        bytes_done(&second);
}

TEST(committed_epochs_go_when_they_are_old_and_a_checkpoint_is_behind_them)
{
        struct outbox_config config = config_of(0);
        struct outbox *outbox = open_outbox(&config);
        struct outbox_stats before, stats;
        uint64_t cursor;

        append_all(outbox, 0, 400);
        cursor = outbox_seal(outbox);
        tend(outbox);
        outbox_stats(outbox, &before);
        REQUIRE(before.n_files > 5);
        outbox_cut(outbox, 1000000, 0, cursor); /* nothing is committed */
        outbox_cut(outbox, 0, UINT64_MAX, cursor); /* nothing is old */
        outbox_cut(outbox, 1000000, UINT64_MAX, 0); /* no checkpoint is behind it */
        outbox_stats(outbox, &stats);
        CHECK_UINT(stats.n_files, before.n_files);
        outbox_cut(outbox, 1000000, 1000 + 200, cursor);
        outbox_stats(outbox, &stats);
        CHECK(stats.n_files < before.n_files);
        CHECK(stats.first_epoch <= 1210);
        CHECK(stats.first_epoch > 1000);
        tend(outbox);
        CHECK_UINT(check_epochs(outbox, 0, 1200, 400), 400 / 7 - 21);
        outbox_close(outbox);
        /* The next life finds the same. */
        config.cursor = cursor;
        outbox = open_outbox(&config);
        outbox_stats(outbox, &before);
        CHECK_UINT(before.first_epoch, stats.first_epoch);
        CHECK_UINT(before.n_files, stats.n_files);
        CHECK_UINT(check_epochs(outbox, 0, 1200, 400), 400 / 7 - 21);
        outbox_cut(outbox, 1000000, UINT64_MAX, cursor);
        outbox_stats(outbox, &stats);
        CHECK(stats.n_files >= 1 && stats.n_files <= 2);
        outbox_close(outbox);
}

/* Several files go at once, and the process ends between any two of them. */
TEST(files_go_one_by_one_and_never_leave_a_gap)
{
        struct outbox_config config = config_of(0);
        struct outbox *outbox = open_outbox(&config);
        struct outbox_stats before, stats;
        struct err err;
        uint64_t cursor;
        unsigned n_lives = 0;

        append_all(outbox, 0, 400);
        cursor = outbox_seal(outbox);
        tend(outbox);
        outbox_stats(outbox, &before);
        REQUIRE(before.n_files > 5);
        config.cursor = cursor;
        for (;;) {
                outbox_cut(outbox, 1000000, 1000 + 200, cursor);
                CHECK(outbox_tend(outbox, &err) >= 0);
                outbox_close(outbox);
                outbox = open_outbox(&config);
                outbox_stats(outbox, &stats);
                if (stats.n_files == before.n_files)
                        break;
                CHECK_UINT(stats.n_files, before.n_files - 1);
                CHECK_UINT(check_epochs(outbox, 0, 1200, 400), 400 / 7 - 21);
                before = stats;
                n_lives++;
        }
        CHECK(n_lives > 1);
        outbox_close(outbox);
}

TEST(memory_and_undelivered_bytes_are_bounded)
{
        struct outbox_config config = config_of(0);
        struct outbox *outbox;
        struct err err;
        uint64_t n = 0;
        int result;

        config.memory_bytes = 300 << 10;
        config.keep_bytes = 1 << 20;
        outbox = open_outbox(&config);
        while ((result = append(outbox, n, &err)) == 0 && n < 100000)
                n++;
        CHECK_INT(result, OUTBOX_E_FULL);
        CHECK(n > 100 && n < 1000);
        outbox_cut(outbox, 0, 0, 0);
        do {
                tend(outbox);
                while ((result = append(outbox, n, &err)) == 0)
                        n++;
        } while (n < 1500 && result == OUTBOX_E_FULL && outbox_written(outbox) < 1 << 20);
        tend(outbox);
        CHECK_INT(append(outbox, n, &err), OUTBOX_E_FULL);
        outbox_cut(outbox, 0, epoch_of(n) - 100, 0);
        CHECK_OK(append(outbox, n, &err), &err);
        outbox_close(outbox);
}

TEST(rows_of_a_table_that_changed_or_went_are_nobodys)
{
        struct outbox_config config = config_of(0);
        struct outbox *outbox = open_outbox(&config);
        const struct feeder_source *source = outbox_source(outbox);
        struct feeder_epoch epoch;
        struct feeder_piece piece;
        struct arena arena;
        struct batch batch;
        struct err err;
        uint64_t next;

        arena_init(&arena, 1 << 14, 0);
        batch = batch_of(1, &arena);
        CHECK_OK(outbox_append_rows(outbox, 6, &tables[0], INT64_MIN, &batch, &err), &err);
        batch.columns[1] = batch.columns[0];
        CHECK_OK(outbox_append_rows(outbox, 1, &tables[0], INT64_MIN, &batch, &err), &err);
        CHECK_OK(outbox_append_epoch_end(outbox, 5, 1, &err), &err);
        CHECK_FAILS(outbox_append_epoch_end(outbox, 5, 1, &err), &err, "epoch 5 ends after epoch 5");
        REQUIRE(source->find_epoch(source->context, 0, &epoch));
        CHECK_OK(source->read(source->context, 0, epoch.first, true, &piece, &next, &err), &err);
        CHECK(piece.table == NULL);
        CHECK_OK(source->read(source->context, 0, next, true, &piece, &next, &err), &err);
        CHECK(piece.table == NULL);
        CHECK_FAILS(source->read(source->context, 0, next + 100000, true, &piece, &next, &err), &err, "is not held");
        outbox_close(outbox);
        arena_done(&arena);
}

/* A reader refuses a record of more than LIMIT_LOG_RECORD_BYTES. */
TEST(wide_rows_are_cut_into_records_that_can_be_read)
{
        enum { N = 30, WIDTH = 1 << 20 };
        struct outbox_config config = config_of(0);
        struct outbox *outbox = open_outbox(&config);
        struct feeder_epoch epoch;
        struct feeder_piece piece;
        struct arena arena;
        struct batch batch;
        struct err err;
        uint64_t next, end;
        uint32_t n = 0, n_pieces = 0, n_wrong = 0;
        uint8_t *text;
        int result;

        arena_init(&arena, 1 << 14, 0);
        text = arena_take(&arena, WIDTH, 1);
        memset(text, 'w', WIDTH);
        batch = batch_of(1, &arena);
        REQUIRE(batch.n_rows >= N);
        batch.n_rows = N;
        for (uint32_t i = 0; i < N; i++)
                batch.columns[1].str[i] = slice_make(text, WIDTH - i);
        CHECK_OK(outbox_append_rows(outbox, 1, &tables[0], INT64_MIN, &batch, &err), &err);
        while ((result = outbox_append_epoch_end(outbox, 5, 1, &err)) == OUTBOX_E_FULL)
                tend(outbox);
        CHECK_OK(result, &err);
        end = outbox_seal(outbox);
        tend(outbox);
        outbox_close(outbox);
        config = config_of(end);
        outbox = open_outbox(&config);
        REQUIRE(outbox_source(outbox)->find_epoch(outbox_source(outbox)->context, 0, &epoch));
        next = epoch.first;
        for (;;) {
                const struct feeder_source *source = outbox_source(outbox);

                CHECK_OK(source->read(source->context, 0, next, true, &piece, &next, &err), &err);
                if (piece.is_end)
                        break;
                CHECK_UINT(piece.first_index, n);
                for (uint32_t i = 0; i < piece.rows.n_rows && n < N; i++, n++)
                        n_wrong += piece.rows.columns[0].i64[i] != batch.columns[0].i64[n] ||
                                   piece.rows.columns[1].str[i].len != WIDTH - n;
                n_pieces++;
        }
        CHECK_UINT(n, N);
        CHECK_UINT(n_wrong, 0);
        CHECK(n_pieces > N * WIDTH / (16 << 20));
        outbox_close(outbox);
        arena_done(&arena);
}

TEST(pieces_out_of_order_are_said_to_be)
{
        struct outbox_config config = config_of(0);
        struct outbox *outbox = open_outbox(&config);
        const struct feeder_source *source = outbox_source(outbox);
        struct feeder_epoch epoch;
        struct arena arena;
        struct batch batch;
        struct err err;

        arena_init(&arena, 1 << 14, 0);
        batch = batch_of(1, &arena);
        CHECK_OK(outbox_append_rows(outbox, 1, &tables[0], 10, &batch, &err), &err);
        CHECK_OK(outbox_append_rows(outbox, 1, &tables[1], 5, &batch, &err), &err);
        CHECK_OK(outbox_append_epoch_end(outbox, 1, 1, &err), &err);
        CHECK_OK(outbox_append_rows(outbox, 1, &tables[0], 10, &batch, &err), &err);
        CHECK_OK(outbox_append_rows(outbox, 1, &tables[0], 9, &batch, &err), &err);
        CHECK_OK(outbox_append_epoch_end(outbox, 2, 2, &err), &err);
        CHECK(source->find_epoch(source->context, 0, &epoch) && epoch.is_ordered);
        CHECK(source->find_epoch(source->context, 1, &epoch) && !epoch.is_ordered);
        outbox_close(outbox);
        arena_done(&arena);
}

/* ---- two threads ---- */

struct tending {
        struct outbox *outbox;
        atomic_bool is_over;
        atomic_int result;
};

static void *tend_always(void *context)
{
        struct tending *tending = context;
        struct err err;

        while (!atomic_load(&tending->is_over)) {
                int result = outbox_tend(tending->outbox, &err);

                if (result < 0)
                        atomic_store(&tending->result, result);
                if (result != OUTBOX_E_MORE)
                        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
        }
        return NULL;
}

TEST(one_thread_appends_and_reads_while_another_writes)
{
        struct outbox_config config = config_of(0);
        struct tending tending = {.result = 0};
        pthread_t thread;
        struct err err;
        uint64_t sealed = 0;

        config.memory_bytes = 600 << 10;
        tending.outbox = open_outbox(&config);
        CHECK_INT(pthread_create(&thread, NULL, tend_always, &tending), 0);
        for (uint64_t n = 0; n < 300;) {
                int result = append(tending.outbox, n, &err);

                CHECK(result == 0 || result == OUTBOX_E_FULL);
                if (result == OUTBOX_E_FULL) {
                        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
                        continue;
                }
                if (n % 60 == 13) {
                        sealed = outbox_seal(tending.outbox);
                        CHECK_UINT(check_epochs(tending.outbox, 2, 0, n + 1), (n + 1) / 7);
                        outbox_cut(tending.outbox, 0, UINT64_MAX, outbox_synced(tending.outbox));
                }
                n++;
        }
        for (int i = 0; i < 20000 && outbox_synced(tending.outbox) < sealed; i++)
                nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        CHECK(outbox_synced(tending.outbox) >= sealed);
        atomic_store(&tending.is_over, true);
        pthread_join(thread, NULL);
        CHECK_INT(atomic_load(&tending.result), 0);
        CHECK_UINT(check_epochs(tending.outbox, 0, 0, 300), 300 / 7);
        outbox_close(tending.outbox);
}
