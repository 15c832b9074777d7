/* pipeline.c - the line, in one place. See pipeline.h.
 *
 * pipeline_take is the line: scan, log, apply, one function after the other. All else in this file is waiting: for room
 * in the log, for the disk, for the outbox, for the keeper. Checkpoints: checkpointing.c. */
#include "sidecar/pipeline.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/hash.h"
#include "sidecar/base/limits.h"
#include "sidecar/generation.h"
#include "sidecar/job/dead.h"
#include "sidecar/net/loop.h"
#include "sidecar/pipeline_state.h"
#include "sidecar/plan/setting.h"

#include <assert.h>
#include <poll.h>

enum { SPIN_NS = 30000, GATHER_NS = 500000, PIECE_ROWS = 1000, ACKS_FIRST = 64, STOP_POLL_MS = 20 };
enum { GIVE_WAY_NS = 10000000 };
enum { STEP_NS = 200000, STEP_PIECES = 16 }; /* of output between two rounds of reads: until one of them is reached */

/* ---- Time and positions */

/* Arrival never decreases, whatever the machine's clock does. */
int64_t pipeline_arrival(struct pipeline *pipeline)
{
        int64_t now_ms = clock_wall_ms(pipeline->config.clock);

        if (now_ms > pipeline->last_arrival_ms)
                pipeline->last_arrival_ms = now_ms;
        return pipeline->last_arrival_ms;
}

static void broken(struct pipeline *pipeline, const struct err *err)
{
        if (pipeline->is_broken)
                return;
        pipeline->is_broken = true;
        pipeline->config.on_fatal(pipeline->config.context, err);
}

/* ---- Acknowledgements */

static void push_ack(struct pipeline *pipeline, const struct pipeline_ack *ack)
{
        if (pipeline->n_acks == pipeline->ack_capacity) {
                uint32_t capacity = pipeline->ack_capacity == 0 ? ACKS_FIRST : pipeline->ack_capacity * 2;
                struct pipeline_ack *ring = alloc_array(capacity, sizeof *ring);

                for (uint32_t i = 0; i < pipeline->n_acks; i++)
                        ring[i] = pipeline->acks[(pipeline->first_ack + i) & (pipeline->ack_capacity - 1)];
                alloc_free(pipeline->acks);
                pipeline->acks = ring;
                pipeline->first_ack = 0;
                pipeline->ack_capacity = capacity;
        }
        pipeline->acks[(pipeline->first_ack + pipeline->n_acks++) & (pipeline->ack_capacity - 1)] = *ack;
}

/* What the log has made durable may be seen outside: acknowledgements, results. */
void pipeline_expose(struct pipeline *pipeline)
{
        uint64_t durable = pipeline->has_log ? wal_durable(pipeline->wal) : UINT64_MAX;

        while (pipeline->n_acks > 0) {
                struct pipeline_ack ack = pipeline->acks[pipeline->first_ack & (pipeline->ack_capacity - 1)];

                if (ack.lsn >= durable)
                        break;
                pipeline->first_ack++;
                pipeline->n_acks--;
                if (ack.context != NULL)
                        pipeline->config.on_durable(pipeline->config.context, &ack);
        }
        if (pipeline->has_log) {
                if (!wal_is_busy(pipeline->wal))
                        instance_phase_clear(pipeline->config.instance, INSTANCE_SYNC);
                delivery_set_durable(pipeline->delivery, durable);
        }
}

void pipeline_forget(struct pipeline *pipeline, const void *ack_context)
{
        for (uint32_t i = 0; i < pipeline->n_acks; i++) {
                struct pipeline_ack *ack = &pipeline->acks[(pipeline->first_ack + i) & (pipeline->ack_capacity - 1)];

                if (ack->context == ack_context)
                        ack->context = NULL;
        }
}

/* ---- The line */

void pipeline_apply_dead(struct pipeline *pipeline, const struct record_dead *dead)
{
        pipeline->dead_bytes += dead_body_cost(dead->body.len);
        engine_apply_dead(pipeline->engine, dead);
}

static int log_dead(struct pipeline *pipeline, const struct pipeline_batch *batch, const char *reason,
                    const char *detail, struct slice body, uint32_t body_bytes, struct err *err)
{
        struct record_dead dead = {.generation = pipeline->job->generation, .source = batch->source,
                                   .connection = batch->connection, .sequence = batch->sequence,
                                   .arrival_ms = pipeline->intake.arrival_ms, .reason = slice_from_text(reason),
                                   .detail = slice_from_text(detail), .body_bytes = body_bytes, .body = body};
        int result = 0;

        if (pipeline->dead_bytes + dead_body_cost(body.len) > pipeline->dead_max_bytes)
                dead.body = slice_make(NULL, 0);
        if (pipeline->has_log)
                result = record_writer_dead(pipeline->writer, &dead, &pipeline->last_lsn, err);
        if (result == 0)
                pipeline_apply_dead(pipeline, &dead);
        return result;
}

/* Dead letters of the run at hand that are not logged yet. */
static int log_dead_letters(struct pipeline *pipeline, const struct pipeline_batch *batch, struct err *err)
{
        struct intake *intake = &pipeline->intake;

        for (; intake->next_undecoded < intake->n_undecoded; intake->next_undecoded++) {
                const struct builder_dead *dead =
                        &batch->builder->dead[intake->first_undecoded + intake->next_undecoded];
                char detail[REASON_TEXT_BYTES];
                int result;

                if (intake->result.undecoded_duplicate != NULL &&
                    bitmap_get(intake->result.undecoded_duplicate, intake->next_undecoded))
                        continue;
                reason_format(dead->reason, dead->field, detail);
                result =
                        log_dead(pipeline, batch, reason_word(dead->reason), detail, dead->body, dead->body_bytes, err);
                if (result != 0)
                        return result;
        }
        for (; intake->next_dead < intake->result.n_dead; intake->next_dead++) {
                const struct scan_dead *dead = &intake->result.dead[intake->next_dead];
                int result = log_dead(pipeline, batch, dead->reason, dead->detail, slice_make(NULL, 0), 0, err);

                if (result != 0)
                        return result;
        }
        return 0;
}

/* The rows from `first` on that go into one record: of one origin, and no more than a vector holds. */
static uint32_t find_run_end(const struct pipeline_batch *batch, const struct batch *rows, uint32_t first)
{
        uint32_t most = rows->n_rows - first < LIMIT_ROWS_PER_VECTOR ? rows->n_rows : first + LIMIT_ROWS_PER_VECTOR;
        const struct vector *origin;
        uint32_t end = first + 1;

        if (batch->n_origin_columns == 0 || first == most)
                return most;
        origin = &rows->columns[rows->n_columns - 1];
        while (end < most && slice_is_equal(origin->str[end], origin->str[first]))
                end++;
        return end;
}

static struct slice run_origin(const struct pipeline_batch *batch, const struct batch *rows, uint32_t first)
{
        if (batch->n_origin_columns == 0 || first == rows->n_rows)
                return batch->origin;
        return rows->columns[rows->n_columns - 1].str[first];
}

/* Fingerprints of the run's rows and, behind them, of its events that did not decode. */
static const uint64_t *run_fingerprints(struct pipeline *pipeline, const struct pipeline_batch *batch)
{
        struct intake *intake = &pipeline->intake;
        uint32_t n = intake->end - intake->first;
        uint64_t *all;

        if (!batch->builder->has_fingerprints)
                return NULL;
        if (intake->n_undecoded == 0)
                return batch->builder->fingerprint + intake->first;
        all = arena_take(&intake->arena, ((size_t)n + intake->n_undecoded) * sizeof *all, 8);
        if (n > 0)
                memcpy(all, batch->builder->fingerprint + intake->first, (size_t)n * sizeof *all);
        for (uint32_t i = 0; i < intake->n_undecoded; i++) {
                struct slice body = batch->builder->dead[intake->first_undecoded + i].body;

                all[n + i] = hash_bytes(&pipeline->config.instance->key, body.data, body.len);
        }
        return all;
}

/* What a batch may take in the log, judged by its first run. */
static size_t estimate_unit(const struct intake *intake, const struct pipeline_batch *batch)
{
        uint32_t n_rows = intake->result.batch.rows.n_rows;
        size_t bytes = (size_t)intake->rows.n_rows * sizeof(uint64_t); /* fingerprints */

        if (n_rows > 0)
                bytes += intake->result.batch.rows_bytes / n_rows * intake->rows.n_rows;
        for (uint32_t i = 0; i < batch->builder->n_dead; i++)
                bytes += batch->builder->dead[i].body.len + sizeof(uint64_t);
        return bytes;
}

/* Verdicts on the next run of rows. */
static void scan_run_of_batch(struct pipeline *pipeline, const struct pipeline_batch *batch)
{
        struct intake *intake = &pipeline->intake;
        uint32_t n_columns = intake->rows.n_columns - batch->n_origin_columns;
        struct vector *columns = arena_take(&intake->arena, ((size_t)n_columns + 1) * sizeof *columns, 16);
        struct scan_input input = {.arrival_ms = intake->arrival_ms, .has_clock = true};
        struct record_batch *record = &intake->result.batch;

        intake->end = find_run_end(batch, &intake->rows, intake->first);
        intake->n_undecoded = batch->builder->n_dead - intake->first_undecoded;
        if (intake->n_undecoded > LIMIT_ROWS_PER_VECTOR) /* their fingerprints go into one record */
                intake->n_undecoded = LIMIT_ROWS_PER_VECTOR;
        intake->next_undecoded = intake->next_dead = 0;
        for (uint32_t c = 0; c < n_columns; c++) {
                if (intake->first == 0 && intake->end == intake->rows.n_rows)
                        columns[c] = intake->rows.columns[c];
                else
                        vector_view(&intake->rows.columns[c], intake->first, intake->end - intake->first, &columns[c],
                                    &intake->arena);
        }
        input.decoded =
                (struct batch){.n_rows = intake->end - intake->first, .n_columns = n_columns, .columns = columns};
        input.n_undecoded = intake->n_undecoded;
        input.fingerprint = run_fingerprints(pipeline, batch);
        scan_run(pipeline->scans[batch->source], &input, &intake->result);
        record->generation = pipeline->job->generation;
        record->origin = run_origin(batch, &intake->rows, intake->first);
        record->connection = batch->connection;
        record->sequence = batch->sequence;
        record->depth = batch->depth;
        record->is_last = intake->end == intake->rows.n_rows &&
                          intake->first_undecoded + intake->n_undecoded == batch->builder->n_dead;
        for (uint32_t i = 0; i < intake->n_undecoded; i++)
                record->n_dead += intake->result.undecoded_duplicate == NULL ||
                                  !bitmap_get(intake->result.undecoded_duplicate, i);
        if (pipeline->has_log && intake->first == 0 && intake->first_undecoded == 0)
                record_writer_expect(pipeline->writer, estimate_unit(intake, batch));
        intake->has_result = true;
}

int pipeline_take(struct pipeline *pipeline, const struct pipeline_batch *batch, const struct pipeline_ack *ack,
                  struct err *err)
{
        struct intake *intake = &pipeline->intake;
        struct pipeline_ack waiting = *ack;
        int result = 0;

        instance_phase_set(pipeline->config.instance, INSTANCE_APPEND);
        if (!intake->is_active) {
                /* Whose end waits for room may send its rows again in this batch: they must be in doubt by then. */
                result = control_write_ends(pipeline, err);
                if (result != 0)
                        goto out;
                arena_reset(&intake->arena);
                builder_batch(batch->builder, &intake->rows);
                intake->arrival_ms = pipeline_arrival(pipeline);
                intake->first = intake->first_undecoded = 0;
                intake->has_result = false;
                intake->batch = batch;
                intake->is_active = true;
        }
        assert(intake->batch == batch);
        do {
                if (!intake->has_result)
                        scan_run_of_batch(pipeline, batch);
                result = log_dead_letters(pipeline, batch, err);
                if (result == 0 && pipeline->has_log)
                        result = record_writer_batch(pipeline->writer, &intake->result.batch, &pipeline->last_lsn, err);
                if (result != 0)
                        break;
                engine_apply_batch(pipeline->engine, &intake->result.batch);
                intake->first = intake->end;
                intake->first_undecoded += intake->n_undecoded;
                intake->has_result = false;
        } while (intake->first < intake->rows.n_rows || intake->first_undecoded < batch->builder->n_dead);
out:
        if (result == 0) {
                intake->is_active = false;
                instance_phase_clear(pipeline->config.instance, INSTANCE_APPEND);
                waiting.lsn = pipeline->has_log ? pipeline->last_lsn : 0;
                push_ack(pipeline, &waiting);
                if (!pipeline->has_log)
                        pipeline_expose(pipeline);
        } else if (result > 0) {
                pipeline->is_room_wanted = true;
                result = PIPELINE_E_FULL;
        }
        return result;
}

bool pipeline_has_room(const struct pipeline *pipeline)
{
        return !pipeline->intake.is_active && !pipeline->is_room_wanted && !pipeline->is_broken &&
               !pipeline->is_given_up && engine_output_bytes(pipeline->engine) < pipeline->output_budget_bytes;
}

/* ---- Control records */

static void write_control_or_break(struct pipeline *pipeline)
{
        struct err err = {0};

        if (control_write(pipeline, &err) < 0)
                broken(pipeline, &err);
}

void pipeline_connection_ended(struct pipeline *pipeline, uint32_t source, uint64_t connection, struct slice peer)
{
        struct waiting_end *end;

        pipeline->ends = alloc_resize(pipeline->ends, pipeline->n_ends + 1, sizeof *pipeline->ends);
        end = &pipeline->ends[pipeline->n_ends++];
        *end = (struct waiting_end){.source = source, .connection = connection};
        memcpy(end->peer, peer.data, peer.len < sizeof end->peer ? peer.len : sizeof end->peer - 1);
        write_control_or_break(pipeline);
}

/* A refused batch is offered again when something is ready that was not, and each second: what else may have changed
 * tells nobody. */
static void offer_room(struct pipeline *pipeline)
{
        if (!pipeline->is_room_wanted)
                return;
        pipeline->is_room_wanted = false;
        pipeline->config.on_room(pipeline->config.context);
        write_control_or_break(pipeline);
}

void pipeline_tick(struct pipeline *pipeline)
{
        int64_t now_ms = clock_wall_ms(pipeline->config.clock);

        pipeline->stats.is_clock_behind = now_ms < pipeline->last_arrival_ms;
        pipeline->is_tick_due = true;
        write_control_or_break(pipeline);
        offer_room(pipeline);
        generation_retire_sinks(pipeline);
        checkpointing_cut_outbox(pipeline);
        room_look(pipeline);
        pipeline_kick(pipeline, true);
}

int pipeline_ready(struct pipeline *pipeline, struct err *err)
{
        int result;

        while ((result = control_apply_tick(pipeline, true, false, err)) > 0)
                if (pipeline_wait_for_log(pipeline, err) < 0)
                        return pipeline->is_given_up ? PIPELINE_E_GIVEN_UP : -1;
        room_look(pipeline);
        pipeline_kick(pipeline, true);
        instance_phase_clear(pipeline->config.instance, INSTANCE_RECOVERY);
        return result;
}

/* ---- Output */

/* One piece from the engine into the outbox. 0 done, OUTBOX_E_FULL, < 0. */
int pipeline_move_piece(struct pipeline *pipeline, struct err *err)
{
        int result;

        if (!pipeline->has_piece)
                pipeline->has_piece = engine_next_piece(pipeline->engine, PIECE_ROWS, &pipeline->piece);
        if (!pipeline->has_piece)
                return 0;
        result = delivery_append(pipeline->delivery, pipeline->job->generation, &pipeline->piece,
                                 pipeline->has_log ? pipeline->last_lsn : 0, err);
        if (result == 0) {
                generation_note_piece(pipeline, &pipeline->piece);
                pipeline->has_piece = false;
        }
        return result;
}

bool pipeline_has_output(const struct pipeline *pipeline)
{
        return pipeline->has_piece || engine_has_output(pipeline->engine);
}

int pipeline_drain_output(struct pipeline *pipeline, struct err *err)
{
        while (pipeline_has_output(pipeline)) {
                int result = pipeline_move_piece(pipeline, err);

                if (result < 0)
                        return -1;
                if (result > 0 && pipeline_wait(pipeline, err) < 0)
                        return -1;
        }
        return 0;
}

/* Nothing of a batch is logged whose rest is not. */
bool pipeline_is_between_units(const struct pipeline *pipeline)
{
        return !pipeline->intake.is_active ||
               (pipeline->intake.first == 0 && !record_writer_has_open_unit(pipeline->writer));
}

/* ---- Events */

static int take_log_event(struct pipeline *pipeline, struct err *err)
{
        if (wal_on_event(pipeline->wal, err) < 0)
                return err_prefix(err, "log");
        pipeline_expose(pipeline);
        return 0;
}

static void on_log(void *context)
{
        struct pipeline *pipeline = context;
        struct err err = {0};

        if (take_log_event(pipeline, &err) < 0) {
                broken(pipeline, &err);
                return;
        }
        if (pipeline->is_waiting)
                return;
        offer_room(pipeline);
        if (pipeline->log_room.is_lacking)
                room_look(pipeline);
}

static void on_keeper(void *context)
{
        struct pipeline *pipeline = context;
        struct err err = {0};
        int result = 0;

        checkpointing_take_results(pipeline, &err, &result);
        if (result < 0)
                broken(pipeline, &err);
}

int pipeline_wait(struct pipeline *pipeline, struct err *err)
{
        struct pollfd polls[2] = {{.fd = keeper_fd(pipeline->keeper), .events = POLLIN}, {.fd = -1, .events = POLLIN}};
        int result = 0;

        if (pipeline->has_log) {
                wal_kick(pipeline->wal);
                polls[1].fd = wal_event_fd(pipeline->wal);
        }
        keeper_wake(pipeline->keeper);
        poll(polls, 2, STOP_POLL_MS);
        checkpointing_take_results(pipeline, err, &result);
        if (result == 0 && pipeline->has_log)
                result = take_log_event(pipeline, err);
        if (result < 0)
                return -1;
        room_look(pipeline);
        return pipeline_give_way(pipeline, err);
}

int pipeline_wait_for_log(struct pipeline *pipeline, struct err *err)
{
        int result;

        pipeline->is_log_awaited = true;
        result = pipeline_wait(pipeline, err);
        pipeline->is_log_awaited = false;
        return result;
}

int pipeline_give_way(struct pipeline *pipeline, struct err *err)
{
        uint64_t now_ns = clock_monotonic_ns(pipeline->config.clock);

        assert(!pipeline->is_waiting);
        if (now_ns - pipeline->gave_way_ns >= GIVE_WAY_NS) {
                pipeline->is_waiting = true;
                if (pipeline->config.on_wait(pipeline->config.context) != 0)
                        pipeline->is_given_up = true;
                pipeline->is_waiting = false;
                pipeline->gave_way_ns = clock_monotonic_ns(pipeline->config.clock);
        }
        return pipeline->is_given_up ? err_set(err, ERR_UNAVAILABLE, "told to stop") : 0;
}

void pipeline_kick(struct pipeline *pipeline, bool is_idle)
{
        uint64_t now_ns;

        if (!pipeline->has_log)
                return;
        now_ns = clock_monotonic_ns(pipeline->config.clock);
        if ((is_idle || pipeline->is_room_wanted || now_ns - pipeline->kicked_ns >= GATHER_NS) &&
            wal_kick(pipeline->wal))
                pipeline->kicked_ns = now_ns;
        if (wal_is_busy(pipeline->wal))
                instance_phase_set(pipeline->config.instance, INSTANCE_SYNC);
}

/* One piece of output on its way, and what the sinks take. true: there is more to do at once. */
static bool step_output(struct pipeline *pipeline)
{
        struct err err = {0};
        bool has_more = false;
        int result;

        if (pipeline_has_output(pipeline)) {
                instance_phase_set(pipeline->config.instance, INSTANCE_EMISSION);
                result = pipeline_move_piece(pipeline, &err);
                if (result < 0) {
                        broken(pipeline, &err);
                        return false;
                }
                if (result > 0) {
                        checkpointing_cut_outbox(pipeline); /* perhaps it is full of what has been committed by now */
                        keeper_wake(pipeline->keeper);
                }
                has_more = result == 0 && pipeline_has_output(pipeline);
                if (!pipeline_has_output(pipeline)) {
                        instance_phase_clear(pipeline->config.instance, INSTANCE_EMISSION);
                        keeper_wake(pipeline->keeper);
                }
        }
        return delivery_step(pipeline->delivery) || has_more;
}

bool pipeline_step(struct pipeline *pipeline)
{
        uint64_t begin_ns = clock_monotonic_ns(pipeline->config.clock);
        bool has_more = true;

        for (unsigned i = 0; has_more && i < STEP_PIECES && !pipeline->is_given_up; i++) {
                if (i > 0 && clock_monotonic_ns(pipeline->config.clock) - begin_ns >= STEP_NS)
                        break;
                has_more = !pipeline->is_broken && step_output(pipeline);
        }
        if (pipeline->is_broken || pipeline->is_given_up)
                return false;
        checkpointing_step(pipeline);
        return has_more;
}

bool pipeline_spin(struct pipeline *pipeline)
{
        if (!pipeline->has_log || pipeline->n_acks == 0 || !wal_spin(pipeline->wal, SPIN_NS))
                return false;
        on_log(pipeline);
        return true;
}

/* ---- Life */

int pipeline_open(const struct pipeline_config *config, struct job *job, struct pipeline **ret_pipeline,
                  struct err *err)
{
        struct pipeline *pipeline = alloc_zero(1, sizeof *pipeline);

        pipeline->config = *config;
        arena_init(&pipeline->intake.arena, 64 << 10, 0);
        pipeline->has_log = setting_is_on(job->plan, SETTING_WAL);
        pipeline->checkpoint_ns = clock_monotonic_ns(config->clock);
        *ret_pipeline = pipeline;
        if (recovery_run(pipeline, job, err) < 0) {
                int result = pipeline->is_given_up ? PIPELINE_E_GIVEN_UP : -1;

                *ret_pipeline = pipeline_close(pipeline);
                return result;
        }
        if (pipeline->has_log)
                pipeline->log_watch =
                        loop_watch_new(config->loop, wal_event_fd(pipeline->wal), LOOP_READABLE, on_log, pipeline);
        pipeline->keeper_watch =
                loop_watch_new(config->loop, keeper_fd(pipeline->keeper), LOOP_READABLE, on_keeper, pipeline);
        return 0;
}

struct pipeline *pipeline_close(struct pipeline *pipeline)
{
        if (pipeline == NULL)
                return NULL;
        loop_watch_free(pipeline->log_watch);
        loop_watch_free(pipeline->keeper_watch);
        keeper_stop(pipeline->keeper);
        engine_thaw(pipeline->engine, pipeline->frozen);
        record_writer_free(pipeline->writer);
        wal_close(pipeline->wal);
        delivery_close(pipeline->delivery);
        generation_free_scans(pipeline);
        engine_free(pipeline->engine);
        generation_free_kept(pipeline);
        alloc_free(pipeline->acks);
        alloc_free(pipeline->ends);
        alloc_free(pipeline->log_dir);
        alloc_free(pipeline->checkpoint_dir);
        alloc_free(pipeline->outbox_dir);
        alloc_free(pipeline->dead_dir);
        arena_done(&pipeline->intake.arena);
        bytes_done(&pipeline->extra);
        alloc_free(pipeline);
        return NULL;
}

int pipeline_stop(struct pipeline *pipeline, int64_t wait_ms, struct err *err)
{
        return stop_run(pipeline, wait_ms, err);
}

/* ---- Questions */

const struct job *pipeline_job(const struct pipeline *pipeline)
{
        return pipeline->job;
}

const struct engine *pipeline_engine(const struct pipeline *pipeline)
{
        return pipeline->engine;
}

struct delivery *pipeline_delivery(struct pipeline *pipeline)
{
        return pipeline->delivery;
}

const char *pipeline_why_full(const struct pipeline *pipeline)
{
        return pipeline->log_room.is_lacking ? pipeline->log_room.why : NULL;
}

bool pipeline_is_given_up(const struct pipeline *pipeline)
{
        return pipeline->is_given_up;
}

bool pipeline_is_settled(const struct pipeline *pipeline)
{
        return !pipeline_has_output(pipeline) &&
               (!pipeline->has_log || (!keeper_is_writing(pipeline->keeper) && wal_has_reserve(pipeline->wal, 0)));
}

void pipeline_stats(const struct pipeline *pipeline, struct pipeline_stats *ret_stats)
{
        *ret_stats = pipeline->stats;
        ret_stats->has_log = pipeline->has_log;
        ret_stats->n_acks_waiting = pipeline->n_acks;
        ret_stats->log_full = pipeline_why_full(pipeline);
        ret_stats->outbox_full = pipeline->outbox_room.is_lacking ? pipeline->outbox_room.why : NULL;
        if (pipeline->wal != NULL)
                wal_stats(pipeline->wal, &ret_stats->log);
        if (pipeline->delivery != NULL)
                outbox_stats(delivery_outbox(pipeline->delivery), &ret_stats->outbox);
}
