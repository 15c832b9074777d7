/* bench_wal.c - what the log costs: encoding, appending and syncing, reading back.
 *
 *     bench_wal [DIRECTORY]     (default: a new one under TMPDIR or /tmp, removed at the end)
 *
 * Rows are those of the click-through job: an event type by code, a campaign, a time. Each figure is the median of five
 * runs with the spread behind it. */
#include "sidecar/base/alloc.h"
#include "sidecar/base/clock.h"
#include "sidecar/base/hash.h"
#include "sidecar/column/codec.h"
#include "sidecar/job/record_reader.h"
#include "sidecar/job/record_writer.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RUNS = 5, BATCHES = 64 };

static uint64_t now_ns(void)
{
        return clock_monotonic_ns(clock_system());
}

static void die(const struct err *err)
{
        fprintf(stderr, "bench_wal: %s\n", err->text);
        exit(1);
}

/* ---- figures ---- */

struct figure {
        double runs[RUNS];
        int n;
};

static int compare_doubles(const void *a, const void *b)
{
        double first = *(const double *)a;
        double second = *(const double *)b;

        return (first > second) - (first < second);
}

static void print_figure(struct figure *figure, const char *what, const char *unit)
{
        qsort(figure->runs, (size_t)figure->n, sizeof(double), compare_doubles);
        printf("  %-58s %10.2f %-12s (%.2f .. %.2f)\n", what, figure->runs[figure->n / 2], unit, figure->runs[0],
               figure->runs[figure->n - 1]);
}

/* ---- rows ---- */

struct sample {
        struct arena arena;
        struct vector_dict dict;
        struct record_batch batches[BATCHES];
};

static void make_batch(struct sample *sample, struct record_batch *batch, uint32_t n, uint64_t number,
                       struct hash_key *key)
{
        uint32_t *codes = arena_new_n(&sample->arena, uint32_t, n);
        struct vector *columns = arena_new_n(&sample->arena, struct vector, 3);

        vector_init(&columns[0], PHYS_STR, n, &sample->arena);
        vector_init(&columns[1], PHYS_I64, n, &sample->arena);
        vector_init(&columns[2], PHYS_I64, n, &sample->arena);
        for (uint32_t i = 0; i < n; i++) {
                uint64_t random = hash_u64(key, number * n + i);

                codes[i] = (uint32_t)(random % 3);
                columns[0].str[i] = sample->dict.entry[codes[i]];
                columns[1].i64[i] = (int64_t)(random >> 8) % 100;
                columns[2].i64[i] = ((int64_t)number + INT64_C(1700000000000) - (int64_t)(random >> 20) % 2000) * 1000;
        }
        columns[0].code = codes;
        columns[0].dict = &sample->dict;
        *batch = (struct record_batch){
                .generation = 1,
                .origin = slice_from_text("10.0.0.7"),
                .connection = 1 + number % 8,
                .sequence = number,
                .depth = 1,
                .arrival_ms = INT64_C(1700000000000) + (int64_t)number,
                .is_last = true,
                .rows = {.n_rows = n, .n_columns = 3, .columns = columns},
        };
}

static void make_sample(struct sample *sample, uint32_t n)
{
        static const struct slice types[] = {{(const uint8_t *)"impression", 10}, {(const uint8_t *)"click", 5},
                                             {(const uint8_t *)"conversion", 10}};
        struct hash_key key = hash_key_from_seed(1);

        arena_init(&sample->arena, 1 << 20, 0);
        sample->dict = (struct vector_dict){.entry = types, .n_entries = 3, .version = 12345};
        for (uint64_t i = 0; i < BATCHES; i++)
                make_batch(sample, &sample->batches[i], n, i, &key);
}

static void set_layout(struct record_writer *writer, struct record_encoder *encoder)
{
        static const struct slice names[] = {{(const uint8_t *)"event_type", 10}, {(const uint8_t *)"campaign_id", 11},
                                             {(const uint8_t *)"ts", 2}};
        static const enum phys phys[] = {PHYS_STR, PHYS_I64, PHYS_I64};
        struct record_layout layout = {.generation = 1, .table = slice_from_text("ad_events"), .n_columns = 3,
                                       .names = names, .types = names, .phys = phys};

        if (writer != NULL)
                record_writer_set_layout(writer, &layout);
        if (encoder != NULL)
                record_encoder_set_layout(encoder, &layout);
}

/* ---- encoding ---- */

static void bench_encode(uint32_t n)
{
        struct sample sample;
        struct record_encoder *encoder = record_encoder_new();
        struct record_part part = {.n_rows = n, .is_final = true};
        struct figure bound = {.n = RUNS}, encode = {.n = RUNS}, bytes = {.n = RUNS};
        uint8_t *at = alloc_bytes(1 << 20);
        char what[80];

        make_sample(&sample, n);
        set_layout(NULL, encoder);
        record_encode_layout(encoder, record_encoder_need_layout(encoder, 1, 0), at);
        for (int run = 0; run < RUNS; run++) {
                uint32_t rounds = 4000000 / n;
                uint64_t total = 0, most = 0;
                uint64_t begin = now_ns();

                for (uint32_t i = 0; i < rounds; i++)
                        most += record_bound_batch(&sample.batches[i % BATCHES], part);
                bound.runs[run] = (double)(now_ns() - begin) / rounds / n;
                begin = now_ns();
                for (uint32_t i = 0; i < rounds; i++)
                        total += record_encode_batch(encoder, &sample.batches[i % BATCHES], part, at);
                encode.runs[run] = (double)(now_ns() - begin) / rounds / n;
                bytes.runs[run] = (double)total / rounds / n + (most == 0 ? 1 : 0);
        }
        snprintf(what, sizeof(what), "bound of a batch of %u rows", n);
        print_figure(&bound, what, "ns/row");
        snprintf(what, sizeof(what), "encoding a batch of %u rows", n);
        print_figure(&encode, what, "ns/row");
        snprintf(what, sizeof(what), "its size");
        print_figure(&bytes, what, "bytes/row");
        arena_done(&sample.arena);
        record_encoder_free(encoder);
        alloc_free(at);
}

/* ---- the log ---- */

static void remove_name(void *context, const char *name)
{
        char path[4500];

        snprintf(path, sizeof(path), "%s/%s", (const char *)context, name);
        unlink(path);
}

static void clear_dir(char *dir)
{
        const struct file_ops *ops = file_ops_system();

        if (ops->list(ops->context, dir, remove_name, dir) != 0)
                perror(dir);
}

static struct wal *open_log(const char *dir, enum wal_sync_mode sync, unsigned n_ready)
{
        struct wal_config config = {
                .dir = dir, .ops = file_ops_system(), .instance = 1, .sync = sync, .n_ready = n_ready};
        struct wal_recovery recovery;
        struct wal *wal;
        struct err err;
        int result;

        if (wal_open(&config, &wal, &recovery, &err) != 0)
                die(&err);
        while ((result = wal_tend(wal, &err)) == WAL_E_MORE)
                ;
        if (result != 0)
                die(&err);
        return wal;
}

static void wait_for(struct wal *wal)
{
        struct pollfd event = {.fd = wal_event_fd(wal), .events = POLLIN};
        struct err err;

        if (!wal_spin(wal, 20000))
                poll(&event, 1, 1000);
        if (wal_on_event(wal, &err) != 0)
                die(&err);
        wal_kick(wal);
}

/* One record, one group, one sync, and only then the next: what a single stop-and-wait agent sees. */
static void bench_stop_and_wait(char *dir, size_t bytes)
{
        struct figure figure = {.n = RUNS};
        char what[80];

        for (int run = 0; run < RUNS; run++) {
                struct wal *wal = open_log(dir, WAL_SYNC_GROUP, 2);
                struct wal_room room;
                struct err err;
                uint64_t begin = now_ns();
                int rounds = 200;

                for (int i = 0; i < rounds; i++) {
                        uint64_t lsn;

                        if (wal_reserve(wal, bytes, &room, &err) != 0)
                                die(&err);
                        memset(room.payload, i, bytes);
                        lsn = wal_finish(wal, 1, WAL_WHOLE, bytes);
                        wal_kick(wal);
                        while (wal_durable(wal) <= lsn)
                                wait_for(wal);
                }
                figure.runs[run] = (double)(now_ns() - begin) / rounds / 1000;
                wal_close(wal);
                clear_dir(dir);
        }
        snprintf(what, sizeof(what), "append, sync, hear of it: %zu bytes", bytes);
        print_figure(&figure, what, "us");
}

static double write_rows(struct wal *wal, struct sample *sample, uint32_t rounds)
{
        struct record_writer *writer = record_writer_new(wal);
        uint64_t begin = now_ns();
        struct err err;
        uint64_t lsn;
        int result;

        set_layout(writer, NULL);
        for (uint32_t i = 0; i < rounds; i++) {
                while ((result = record_writer_batch(writer, &sample->batches[i % BATCHES], &lsn, &err)) ==
                       RECORD_E_FULL)
                        wait_for(wal);
                if (result != 0)
                        die(&err);
                if (i % 8 == 7)
                        wal_kick(wal);
        }
        if (wal_drain(wal, &err) != 0)
                die(&err);
        record_writer_free(writer);
        return (double)(now_ns() - begin);
}

static double read_rows(const char *dir, uint64_t *ret_rows)
{
        struct wal_reader_config config = {.dir = dir, .ops = file_ops_system()};
        struct record_reader *reader;
        struct record record;
        uint64_t begin = now_ns();
        struct err err;
        int result;

        *ret_rows = 0;
        if (record_reader_open(&config, &reader, &err) != 0)
                die(&err);
        while ((result = record_reader_next(reader, &record, &err)) == 0)
                if (record.type == RECORD_BATCH)
                        *ret_rows += record.batch.rows.n_rows;
        if (result != RECORD_E_END)
                die(&err);
        record_reader_close(reader);
        return (double)(now_ns() - begin);
}

static void bench_rows(char *dir, uint32_t n)
{
        struct figure write = {.n = RUNS}, read = {.n = RUNS}, groups = {.n = RUNS};
        struct sample sample;
        char what[80];

        make_sample(&sample, n);
        for (int run = 0; run < RUNS; run++) {
                uint32_t rounds = 10000000 / n;
                struct wal *wal = open_log(dir, WAL_SYNC_GROUP, 3);
                struct wal_stats stats;
                double ns = write_rows(wal, &sample, rounds);
                uint64_t rows;

                write.runs[run] = (double)rounds * n / ns * 1000;
                wal_stats(wal, &stats);
                groups.runs[run] = (double)stats.n_bytes / (double)stats.n_groups / 1024;
                wal_close(wal);
                read.runs[run] = 1 / read_rows(dir, &rows) * (double)rows * 1000;
                if (rows != (uint64_t)rounds * n)
                        printf("LOST ROWS\n");
                clear_dir(dir);
        }
        snprintf(what, sizeof(what), "encode, append, group sync: batches of %u", n);
        print_figure(&write, what, "M rows/s");
        print_figure(&groups, "size of a group", "KiB");
        snprintf(what, sizeof(what), "read back and decode: batches of %u", n);
        print_figure(&read, what, "M rows/s");
        arena_done(&sample.arena);
}

int main(int argc, char **argv)
{
        const char *base = getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp";
        char made[4096];
        char *dir = argc > 1 ? argv[1] : made;

        if (argc <= 1) {
                snprintf(made, sizeof(made), "%s/bench_wal.XXXXXX", base);
                if (mkdtemp(made) == NULL) {
                        perror(made);
                        return 1;
                }
        }
        printf("bench_wal: encoding\n");
        bench_encode(100);
        bench_encode(1000);
        printf("bench_wal: the log in %s\n", dir);
        bench_stop_and_wait(dir, 100);
        bench_stop_and_wait(dir, 4000);
        bench_stop_and_wait(dir, 60000);
        bench_rows(dir, 100);
        bench_rows(dir, 1000);
        if (argc <= 1)
                rmdir(dir);
        return 0;
}
