/* log_life.c - operations, a state made of them, and the judge. */
#include "tests/fault/log_life.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/crc32c.h"
#include "sidecar/job/checkpoint.h"
#include "sidecar/job/record_reader.h"
#include "sidecar/job/record_writer.h"
#include "sinks/outbox.h"
#include "tests/lib/check.h"

#include <stdio.h>

enum { CHECKPOINT_EVERY = 25, KEPT_EPOCHS = 4, RETRIES = 3 };

/* ---- operations ---- */

enum operation {
        OPERATION_CONFIG,
        OPERATION_OPEN,
        OPERATION_CLOSE,
        OPERATION_TICK,
        OPERATION_BATCH,
        OPERATION_DEAD_BATCH,
};

static enum operation operation_of(uint64_t n)
{
        if (n % 20 == 0)
                return OPERATION_CONFIG;
        if (n % 10 == 1)
                return OPERATION_OPEN;
        if (n % 10 == 9)
                return OPERATION_CLOSE;
        if (n % 5 == 4)
                return OPERATION_TICK;
        return n % 3 == 0 ? OPERATION_DEAD_BATCH : OPERATION_BATCH;
}

static uint32_t generation_of(uint64_t n)
{
        return 1 + (uint32_t)(n / 20);
}

static uint32_t rows_of(uint64_t n)
{
        return 1 + (uint32_t)(n * 7 % 60);
}

static int64_t key_of(uint64_t n, uint32_t row)
{
        return (int64_t)(n * 1000 + row);
}

static struct slice word_of(uint64_t n, uint32_t row, struct arena *arena)
{
        return slice_from_text(arena_format(arena, "word-%u", (unsigned)((n + row * row) % 40)));
}

/* Part 0 or 1 of an operation's rows; operations 6 modulo 10 come in two parts. */
static struct record_batch batch_of(uint64_t n, unsigned part, struct arena *arena)
{
        uint32_t n_rows = rows_of(n);
        uint32_t half = n % 10 == 6 ? n_rows / 2 : n_rows;
        uint32_t from = part == 0 ? 0 : half;
        struct vector *columns = arena_new_n(arena, struct vector, 2);
        struct record_batch batch = {
                .generation = generation_of(n),
                .origin = slice_from_text("10.0.0.1"),
                .connection = 3,
                .sequence = n,
                .depth = 1,
                .arrival_ms = (int64_t)n,
                .is_last = n % 10 != 6 || part == 1,
                .rows = {.n_rows = (part == 0 ? half : n_rows) - from, .n_columns = 2, .columns = columns},
                .n_dead = n % 3 == 0,
        };

        vector_init(&columns[0], PHYS_STR, batch.rows.n_rows, arena);
        vector_init(&columns[1], PHYS_I64, batch.rows.n_rows, arena);
        for (uint32_t i = 0; i < batch.rows.n_rows; i++) {
                columns[0].str[i] = word_of(n, from + i, arena);
                columns[1].i64[i] = key_of(n, from + i);
        }
        return batch;
}

static struct record_dead dead_of(uint64_t n, struct arena *arena)
{
        return (struct record_dead){.generation = generation_of(n),
                                    .connection = 3,
                                    .sequence = n,
                                    .arrival_ms = (int64_t)n,
                                    .reason = slice_from_text("truncated"),
                                    .detail = slice_from_text(arena_format(arena, "number %u", (unsigned)n)),
                                    .body_bytes = 100,
                                    .body = slice_from_text("body")};
}

static struct record_layout layout_of(uint32_t generation)
{
        static const struct slice names[] = {{(const uint8_t *)"word", 4}, {(const uint8_t *)"key", 3}};
        static const enum phys phys[] = {PHYS_STR, PHYS_I64};

        return (struct record_layout){.generation = generation,
                                      .table = slice_from_text("events"),
                                      .n_columns = 2,
                                      .names = names,
                                      .types = names,
                                      .phys = phys};
}

static struct record_config config_of(uint64_t n, struct arena *arena)
{
        struct slice *texts = arena_new_n(arena, struct slice, 2);

        texts[0] = slice_from_text("job.sql");
        texts[1] = slice_from_text(arena_format(arena, "job text number %u", (unsigned)n));
        return (struct record_config){.generation = generation_of(n),
                                      .now_ms = (int64_t)n,
                                      .n_files = 1,
                                      .file_names = texts,
                                      .file_texts = texts + 1};
}

/* ---- the state that operations make: how many, and a checksum over them ---- */

struct state {
        uint64_t n_operations;
        uint32_t crc;
        uint32_t generation;
};

static void state_apply(struct state *state, uint64_t n)
{
        uint8_t bytes[8];

        bytes_put_u64(bytes, n);
        state->crc = crc32c(state->crc, bytes, sizeof(bytes));
        state->n_operations = n + 1;
        state->generation = generation_of(n);
}

static struct state state_after(uint64_t n_operations)
{
        struct state state = {0};

        for (uint64_t n = 0; n < n_operations; n++)
                state_apply(&state, n);
        return state;
}

/* The state in three parts. */
struct parts {
        struct state state;
        unsigned n_left;
};

static bool next_part(void *context, struct bytes *part)
{
        struct parts *parts = context;

        if (parts->n_left == 0)
                return false;
        if (--parts->n_left == 2)
                bytes_append_u64(part, parts->state.n_operations);
        else
                bytes_append_u32(part, parts->n_left == 1 ? parts->state.crc : parts->state.generation);
        return true;
}

static struct state state_load(struct slice bytes)
{
        struct state state = {0};

        CHECK_UINT(bytes.len, 16);
        REQUIRE(bytes.len == 16);
        state.n_operations = bytes_get_u64(bytes.data);
        state.crc = bytes_get_u32(bytes.data + 8);
        state.generation = bytes_get_u32(bytes.data + 12);
        return state;
}

/* ---- the judge of the log: records must be those of operation `n` ---- */

struct judge {
        uint64_t n;           /* of the operation under way */
        unsigned n_parts;     /* batches of it seen */
        unsigned n_dead;      /* dead letters of it seen */
        unsigned n_wrong;
};

static void judge_batch(struct judge *judge, const struct record_batch *batch)
{
        struct arena arena;
        struct record_batch expected;

        arena_init(&arena, 4096, 0);
        expected = batch_of(judge->n, judge->n_parts, &arena);
        judge->n_wrong += batch->sequence != judge->n || batch->is_last != expected.is_last ||
                          batch->generation != expected.generation || batch->rows.n_rows != expected.rows.n_rows ||
                          judge->n_dead != expected.n_dead || !slice_is_equal(batch->origin, expected.origin);
        for (uint32_t i = 0; i < batch->rows.n_rows && i < expected.rows.n_rows; i++)
                judge->n_wrong += batch->rows.columns[1].i64[i] != expected.rows.columns[1].i64[i] ||
                                  !slice_is_equal(batch->rows.columns[0].str[i], expected.rows.columns[0].str[i]);
        judge->n_parts++;
        arena_done(&arena);
}

/* true: the operation is complete. */
static bool judge_record(struct judge *judge, const struct record *record)
{
        enum operation operation = operation_of(judge->n);
        int64_t now_ms = -1;

        switch (record->type) {
        case RECORD_LAYOUT:
                return false;
        case RECORD_CONFIG:
                now_ms = operation == OPERATION_CONFIG ? record->config.now_ms : -1;
                break;
        case RECORD_TICK:
                now_ms = operation == OPERATION_TICK ? record->tick.now_ms : -1;
                break;
        case RECORD_ORIGIN:
                if (operation == (record->origin.event == RECORD_CONNECTION_OPEN ? OPERATION_OPEN : OPERATION_CLOSE))
                        now_ms = record->origin.now_ms;
                break;
        case RECORD_DEAD:
                judge->n_wrong += operation != OPERATION_DEAD_BATCH || record->dead.sequence != judge->n ||
                                  record->dead.body.len != 4;
                judge->n_dead++;
                return false;
        case RECORD_BATCH:
                judge->n_wrong += operation != OPERATION_BATCH && operation != OPERATION_DEAD_BATCH;
                judge_batch(judge, &record->batch);
                if (!record->batch.is_last)
                        return false;
                now_ms = (int64_t)judge->n;
                break;
        }
        judge->n_wrong += now_ms != (int64_t)judge->n;
        judge->n++;
        judge->n_parts = judge->n_dead = 0;
        return true;
}

/* A unit is whole or not there. */
static void judge_end(const struct judge *judge)
{
        CHECK_UINT(judge->n_wrong, 0);
        CHECK_UINT(judge->n_parts + judge->n_dead, 0);
}

int log_life_read(const char *log_dir, const struct file_ops *ops, uint64_t proven_lsn, struct life_log *ret_log,
                  struct err *err)
{
        /* From position 1: all of it, and a log that has lost its beginning is refused. */
        struct wal_reader_config config = {.dir = log_dir, .ops = ops, .from_lsn = 1, .proven_lsn = proven_lsn};
        struct record_reader *reader;
        struct judge judge = {0};
        struct record record;
        int result;

        if (record_reader_open(&config, &reader, err) != 0)
                return -1;
        while ((result = record_reader_next(reader, &record, err)) == 0)
                if (judge_record(&judge, &record) && judge.n <= LIFE_OPERATIONS_MAX)
                        ret_log->ends[judge.n - 1] = record.next_lsn;
        record_reader_close(reader);
        judge_end(&judge);
        ret_log->n = judge.n;
        return result == RECORD_E_END ? 0 : -1;
}

/* ---- a life ---- */

struct living {
        struct log_life *life;
        const struct file_ops *ops;
        char log_dir[4200], checkpoint_dir[4200], outbox_dir[4200];
        struct wal *wal;
        struct record_writer *writer;
        struct outbox *outbox;
        struct state state;
        uint64_t older_outbox_lsn, newer_outbox_lsn;
        struct arena arena;
};

static struct plan_column sink_columns[2] = {
        {.name = {(const uint8_t *)"word", 4}, .type = {.kind = TYPE_VARCHAR}, .kind = PLAN_PHYSICAL},
        {.name = {(const uint8_t *)"key", 3}, .type = {.kind = TYPE_BIGINT}, .kind = PLAN_PHYSICAL},
};
static struct plan_table sink_table = {
        .name = {(const uint8_t *)"results", 7}, .n_columns = 2, .columns = sink_columns};

static const struct plan_table *find_table(void *context, uint32_t generation, struct slice name)
{
        (void)context;
        (void)generation;
        (void)name;
        return &sink_table;
}

void log_life_path(const struct log_life *life, const char *name, char path[4200])
{
        snprintf(path, 4200, "%s/%s", life->dir, name);
}

void log_life_init(struct log_life *life, const char *dir)
{
        static const char *const names[] = {"log", "checkpoint", "outbox"};
        char path[4200];

        *life = (struct log_life){.n_acked = 0};
        snprintf(life->dir, sizeof(life->dir), "%s", dir);
        for (int i = 0; i < 3; i++) {
                log_life_path(life, names[i], path);
                CHECK_INT(file_ops_system()->mkdir(NULL, path, 0700), 0);
        }
}

/* Background work of both; a full disk is waited for. 0, or < 0. */
static int tend(struct living *living, struct err *err)
{
        int tries = 0;
        int result;

        while ((result = wal_tend(living->wal, err)) == WAL_E_MORE || result == WAL_E_NO_SPACE) {
                living->life->n_no_space += result == WAL_E_NO_SPACE;
                if (result == WAL_E_NO_SPACE && ++tries > RETRIES)
                        break;
        }
        if (result < 0)
                return -1;
        tries = 0;
        while ((result = outbox_tend(living->outbox, err)) == OUTBOX_E_MORE || result == OUTBOX_E_NO_SPACE) {
                living->life->n_no_space += result == OUTBOX_E_NO_SPACE;
                if (result == OUTBOX_E_NO_SPACE && ++tries > RETRIES)
                        break;
        }
        return result < 0 ? -1 : 0;
}

/* What an operation puts into the outbox: its rows, and at a tick the end of the epoch, which is its number. */
static int fire(struct living *living, uint64_t n, uint64_t lsn, struct err *err)
{
        int result = 0;

        state_apply(&living->state, n);
        if (operation_of(n) == OPERATION_TICK)
                return outbox_append_epoch_end(living->outbox, n, lsn, err);
        if (operation_of(n) != OPERATION_BATCH && operation_of(n) != OPERATION_DEAD_BATCH)
                return 0;
        for (unsigned part = 0; part < (n % 10 == 6 ? 2 : 1) && result == 0; part++) {
                struct record_batch batch = batch_of(n, part, &living->arena);

                result = outbox_append_rows(living->outbox, batch.generation, &sink_table, INT64_MIN, &batch.rows, err);
        }
        arena_reset(&living->arena);
        return result;
}

/* ---- recovery ---- */

static int recover_checkpoint(struct living *living, struct checkpoint *checkpoint, struct err *err)
{
        int result;

        living->life->phase = "loading the checkpoint";
        result = checkpoint_load(living->checkpoint_dir, living->ops, LIFE_INSTANCE, checkpoint, err);
        if (result < 0)
                return -1;
        if (result == CHECKPOINT_E_NONE) {
                /* One call failed at most: there is always a generation to fall back on. */
                CHECK(checkpoint->n_rejected <= 1);
                return 0;
        }
        living->state = state_load(checkpoint->state);
        CHECK_UINT(living->state.crc, state_after(living->state.n_operations).crc);
        CHECK_UINT(checkpoint->manifest.generation, living->state.generation);
        living->newer_outbox_lsn = checkpoint->manifest.outbox_lsn;
        return 0;
}

static int recover_log(struct living *living, const struct checkpoint *checkpoint, struct err *err)
{
        struct wal_config config = {.dir = living->log_dir,
                                    .ops = living->ops,
                                    .instance = LIFE_INSTANCE,
                                    .segment_bytes = LIFE_SEGMENT_BYTES,
                                    .is_inline = true,
                                    .from_lsn = checkpoint->manifest.log_lsn,
                                    .proven_lsn = checkpoint->proven_lsn};
        struct wal_recovery recovery;

        living->life->phase = "opening the log";
        if (wal_open(&config, &living->wal, &recovery, err) != 0)
                return -1;
        living->writer = record_writer_new(living->wal);
        for (uint32_t generation = 1; generation <= 20; generation++) {
                struct record_layout layout = layout_of(generation);

                record_writer_set_layout(living->writer, &layout);
        }
        return 0;
}

static int recover_outbox(struct living *living, const struct checkpoint *checkpoint, struct err *err)
{
        struct outbox_config config = {.dir = living->outbox_dir,
                                       .ops = living->ops,
                                       .instance = LIFE_INSTANCE,
                                       .file_bytes = 12000,
                                       .cursor = checkpoint->manifest.outbox_lsn,
                                       .find_table = find_table};

        living->life->phase = "opening the outbox";
        return outbox_open(&config, &living->outbox, err);
}

static int replay(struct living *living, uint64_t from_lsn, struct err *err)
{
        struct wal_reader_config config = {.dir = living->log_dir, .ops = living->ops, .from_lsn = from_lsn};
        struct judge judge = {.n = living->state.n_operations};
        struct record_reader *reader;
        struct record record;
        int result;

        living->life->phase = "replay";
        if (record_reader_open(&config, &reader, err) != 0)
                return -1;
        while ((result = record_reader_next(reader, &record, err)) == 0)
                if (judge_record(&judge, &record) && fire(living, judge.n - 1, record.lsn, err) != 0) {
                        result = -1;
                        break;
                }
        record_reader_close(reader);
        if (result < 0)
                return -1;
        judge_end(&judge);
        CHECK_UINT(living->state.n_operations, judge.n);
        /* The promise. */
        if (judge.n < living->life->n_acked)
                CHECK_FAIL("operations before %llu were acknowledged, %llu came back",
                           (unsigned long long)living->life->n_acked, (unsigned long long)judge.n);
        return 0;
}

/* The outbox holds the rows of exactly the operations that came back. */
static int judge_outbox(struct living *living, struct err *err)
{
        const struct feeder_source *source = outbox_source(living->outbox);
        struct feeder_epoch epoch;
        struct feeder_piece piece;
        uint64_t after = living->life->cut_epoch;
        uint64_t n = after == 0 ? 0 : after + 1;
        unsigned n_wrong = 0;

        living->life->phase = "reading the outbox";
        outbox_set_durable(living->outbox, UINT64_MAX);
        for (; source->find_epoch(source->context, after, &epoch); after = epoch.epoch, n++) {
                uint64_t position = epoch.first;
                uint64_t first_index = 0;

                for (; n < epoch.epoch; n++) {
                        bool has_rows = operation_of(n) == OPERATION_BATCH || operation_of(n) == OPERATION_DEAD_BATCH;

                        for (unsigned part = 0; has_rows && part < (n % 10 == 6 ? 2 : 1); part++) {
                                struct record_batch expected = batch_of(n, part, &living->arena);

                                if (source->read(source->context, 0, position, true, &piece, &position, err) != 0)
                                        return -1;
                                n_wrong += piece.is_end || piece.first_index != first_index ||
                                           piece.rows.n_rows != expected.rows.n_rows;
                                for (uint32_t i = 0; !piece.is_end && i < expected.rows.n_rows; i++)
                                        n_wrong += piece.rows.columns[1].i64[i] != expected.rows.columns[1].i64[i];
                                first_index += expected.rows.n_rows;
                                arena_reset(&living->arena);
                        }
                }
                if (source->read(source->context, 0, position, true, &piece, &position, err) != 0)
                        return -1;
                n_wrong += !piece.is_end || operation_of(n) != OPERATION_TICK;
        }
        CHECK_UINT(n_wrong, 0);
        /* No tick is left over. */
        for (; n < living->state.n_operations; n++)
                CHECK(operation_of(n) != OPERATION_TICK);
        return 0;
}

static int recover(struct living *living, struct err *err)
{
        struct checkpoint checkpoint = {.n_rejected = 0};
        int result = recover_checkpoint(living, &checkpoint, err);

        if (result == 0)
                result = recover_log(living, &checkpoint, err);
        if (result == 0)
                result = recover_outbox(living, &checkpoint, err);
        if (result == 0)
                result = replay(living, checkpoint.manifest.log_lsn, err);
        if (result == 0)
                result = judge_outbox(living, err);
        checkpoint_done(&checkpoint);
        return result;
}

/* ---- going on ---- */

/* One record of operation n; step counts them. 1: the operation has no more. */
static int write_step(struct living *living, uint64_t n, unsigned step, uint64_t *ret_lsn, struct err *err)
{
        struct arena *arena = &living->arena;
        struct record_tick tick = {.now_ms = (int64_t)n};
        struct record_origin origin = {.connection = 3, .now_ms = (int64_t)n, .peer = slice_from_text("10.0.0.1:1")};
        struct record_config config;
        struct record_batch batch;
        struct record_dead dead;

        switch (operation_of(n)) {
        case OPERATION_CONFIG:
                config = config_of(n, arena);
                return record_writer_config(living->writer, &config, ret_lsn, err);
        case OPERATION_TICK:
                return record_writer_tick(living->writer, &tick, ret_lsn, err);
        case OPERATION_OPEN:
        case OPERATION_CLOSE:
                origin.event = operation_of(n) == OPERATION_OPEN ? RECORD_CONNECTION_OPEN : RECORD_CONNECTION_CLOSE;
                return record_writer_origin(living->writer, &origin, ret_lsn, err);
        case OPERATION_DEAD_BATCH:
                if (step == 0) {
                        dead = dead_of(n, arena);
                        return record_writer_dead(living->writer, &dead, ret_lsn, err);
                }
                step--;
                break;
        case OPERATION_BATCH:
                break;
        }
        batch = batch_of(n, step, arena);
        return record_writer_batch(living->writer, &batch, ret_lsn, err);
}

static unsigned steps_of(uint64_t n)
{
        switch (operation_of(n)) {
        case OPERATION_BATCH:
                return n % 10 == 6 ? 2 : 1;
        case OPERATION_DEAD_BATCH:
                return n % 10 == 6 ? 3 : 2;
        default:
                return 1;
        }
}

static int write_operation(struct living *living, uint64_t n, struct err *err)
{
        uint64_t lsn = 0;
        int result = 0;
        int tries = 0;

        living->life->phase = "appending";
        for (unsigned step = 0; step < steps_of(n); step++) {
                while ((result = write_step(living, n, step, &lsn, err)) == RECORD_E_FULL) {
                        wal_kick(living->wal);
                        if (wal_is_poisoned(living->wal))
                                return wal_on_event(living->wal, err);
                        if (tend(living, err) != 0)
                                return -1;
                        if (++tries > 2 * RETRIES)
                                return err_set(err, ERR_INTERNAL, "the log stays full");
                }
                arena_reset(&living->arena);
                if (result != 0)
                        return -1;
        }
        return fire(living, n, lsn, err);
}

static int acknowledge(struct living *living, struct err *err)
{
        living->life->phase = "syncing";
        wal_kick(living->wal);
        if (wal_on_event(living->wal, err) != 0)
                return -1;
        CHECK(wal_durable(living->wal) >= wal_end(living->wal));
        if (living->life->n_acked < living->state.n_operations)
                living->life->n_acked = living->state.n_operations;
        return 0;
}

static int write_checkpoint(struct living *living, struct err *err)
{
        struct parts parts = {.state = living->state, .n_left = 3};
        struct checkpoint_manifest manifest = {
                .instance = LIFE_INSTANCE,
                .log_lsn = wal_end(living->wal),
                .is_log_durable = true,
                .outbox_lsn = outbox_seal(living->outbox),
                .generation = living->state.generation,
                .config = slice_from_text("job"),
        };
        struct checkpoint_writer *writer;
        uint64_t release_lsn = 0;
        int result;

        living->life->phase = "writing a checkpoint";
        if (tend(living, err) != 0)
                return -1;
        if (outbox_synced(living->outbox) < manifest.outbox_lsn)
                return 0; /* the disk is full: another time */
        if (checkpoint_begin(living->checkpoint_dir, living->ops, &manifest, next_part, &parts, &writer, err) != 0)
                return -1;
        while ((result = checkpoint_step(writer, err)) == CHECKPOINT_E_MORE)
                ;
        if (result == 0) {
                living->life->phase = "publishing a checkpoint";
                result = checkpoint_publish(writer, &release_lsn, err);
        }
        checkpoint_end(writer);
        living->life->n_no_space += result == CHECKPOINT_E_NO_SPACE;
        if (result != 0)
                return result < 0 ? -1 : 0;
        living->older_outbox_lsn = living->newer_outbox_lsn;
        living->newer_outbox_lsn = manifest.outbox_lsn;
        wal_release(living->wal, release_lsn);
        return 0;
}

/* Sinks have kept all but the last few epochs; files that only hold older ones go. */
static void cut(struct living *living)
{
        uint64_t epoch = living->life->n_acked > 5 * KEPT_EPOCHS ? living->life->n_acked - 5 * KEPT_EPOCHS : 0;

        while (epoch > 0 && operation_of(epoch) != OPERATION_TICK)
                epoch--;
        if (epoch <= living->life->cut_epoch)
                return;
        living->life->cut_epoch = epoch;
        outbox_cut(living->outbox, INT64_MAX, epoch, living->older_outbox_lsn);
}

static int go_on(struct living *living, uint64_t until, struct err *err)
{
        bool is_due;

        if (tend(living, err) != 0)
                return -1;
        for (uint64_t n = living->state.n_operations; n < until; n++) {
                if (write_operation(living, n, err) != 0)
                        return -1;
                is_due = living->life->group_size == 0 ? n % 4 != 2 && n % 7 != 3
                                                       : n % living->life->group_size == living->life->group_size - 1;
                if (is_due && acknowledge(living, err) != 0)
                        return -1;
                if (n % CHECKPOINT_EVERY == CHECKPOINT_EVERY - 1) {
                        if (acknowledge(living, err) != 0 || write_checkpoint(living, err) != 0)
                                return -1;
                        cut(living);
                }
                if (tend(living, err) != 0)
                        return -1;
        }
        if (acknowledge(living, err) != 0)
                return -1;
        return judge_outbox(living, err);
}

int log_life_run(struct log_life *life, const struct file_ops *ops, uint64_t until, struct err *err)
{
        struct living living = {.life = life, .ops = ops};
        int result;

        log_life_path(life, "log", living.log_dir);
        log_life_path(life, "checkpoint", living.checkpoint_dir);
        log_life_path(life, "outbox", living.outbox_dir);
        arena_init(&living.arena, 1 << 14, 0);
        result = recover(&living, err);
        if (result == 0)
                result = go_on(&living, until, err);
        record_writer_free(living.writer);
        outbox_close(living.outbox);
        wal_close(living.wal);
        arena_done(&living.arena);
        return result;
}
