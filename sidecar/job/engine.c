/* engine.c - records in: batches, ticks, connections. See engine.h.
 *
 * A row is judged by the watermark that the rows before it made. What matters of the watermark is only which windows
 * have ended, so a batch is applied in segments between the rows at which that changes; nearly always the whole batch
 * is one segment, and one look at its highest time shows that. */
#include "sidecar/job/engine_internal.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/base/span.h"
#include "sidecar/job/dead.h"
#include "sidecar/job/scan.h"
#include "sidecar/plan/connector.h"
#include "sidecar/plan/setting.h"

/* ---- making ---- */

static void source_init(struct engine_source *source, const struct plan_job *job, const struct plan_source *plan)
{
        const struct plan_table *table = plan->table;

        source->plan = plan;
        source->has_clock = !table->is_bounded;
        source->max_ahead_ms = setting_ms(job, SETTING_WATERMARK_MAX_AHEAD);
        source->has_offset = scan_watermark_offset(plan, &source->offset_us);
        source->rowtime = plan->rowtime < 0 ? -1 : scan_logged_index(plan, (uint32_t)plan->rowtime);
        watermark_init(&source->watermark, table->is_bounded ? 0 : connector_ms(table, "watermark.idle-timeout"),
                       !table->is_bounded && connector_is_on(table, "watermark.idle-advance"));
        source->has_dedup = !table->is_bounded && connector_is(table, "dedup", "in-doubt");
        dedup_init(&source->dedup, table->is_bounded ? 0 : connector_ms(table, "dedup.horizon"));
}

int engine_new(const struct plan_job *plan, struct engine **ret_engine, struct err *err)
{
        struct engine *engine = alloc_zero(1, sizeof *engine);

        engine->plan = plan;
        engine->latency_ms = setting_ms(plan, SETTING_MINI_BATCH_LATENCY);
        arena_init(&engine->arena, 16 << 10, 0);
        arena_init(&engine->batch_arena, 256 << 10, 0);
        arena_init(&engine->cut_arena, 64 << 10, 0);
        arena_init(&engine->piece_arena, 256 << 10, 0);
        engine->batch_state = eval_state_new();
        engine->piece_state = eval_state_new();
        engine->sources = arena_new_n(&engine->arena, struct engine_source, plan->n_sources + 1);
        for (uint32_t s = 0; s < plan->n_sources; s++) {
                source_init(&engine->sources[s], plan, plan->sources[s]);
                engine->n_sources++;
        }
        if (dead_check_names(plan, err) < 0 || engine_graph_init(engine, err) < 0) {
                engine_free(engine);
                return -1;
        }
        *ret_engine = engine;
        return 0;
}

struct engine *engine_free(struct engine *engine)
{
        if (engine == NULL)
                return NULL;
        engine_output_done(engine);
        engine_graph_done(engine);
        for (uint32_t s = 0; s < engine->n_sources; s++) {
                watermark_done(&engine->sources[s].watermark);
                dedup_done(&engine->sources[s].dedup);
        }
        eval_state_free(engine->batch_state);
        eval_state_free(engine->piece_state);
        arena_done(&engine->batch_arena);
        arena_done(&engine->cut_arena);
        arena_done(&engine->piece_arena);
        arena_done(&engine->arena);
        alloc_free(engine);
        return NULL;
}

/* ---- the watermark and its windows ---- */

int64_t engine_window_watermark(const struct engine *engine, const struct engine_window *window)
{
        int64_t least = INT64_MAX;

        for (uint32_t i = 0; i < window->n_sources; i++) {
                int64_t table_ms = engine->sources[window->sources[i]].watermark.table_ms;

                least = table_ms < least ? table_ms : least;
        }
        return least;
}

/* The watermark of a source has moved: its windows follow. */
static void advance(struct engine *engine, struct engine_source *source)
{
        uint32_t fired[64], *list = fired;
        uint32_t n = 0;

        if (source->n_windows > 64)
                list = arena_new_n(&engine->batch_arena, uint32_t, source->n_windows);
        for (uint32_t i = 0; i < source->n_windows; i++) {
                struct engine_window *window = &engine->windows[source->windows[i]];

                if (window_advance(window->window, engine_window_watermark(engine, window)))
                        list[n++] = source->windows[i];
        }
        if (n > 0)
                engine_output_fires(engine, list, n);
}

/* The least watermark of the source at which a window of its would do something, INT64_MAX: none, as long as the other
 * sources stand. */
static int64_t next_crossing(const struct engine *engine, const struct engine_source *source)
{
        int64_t least = INT64_MAX;

        for (uint32_t i = 0; i < source->n_windows; i++) {
                const struct engine_window *window = &engine->windows[source->windows[i]];
                int64_t next_ms = window_next_ms(window->window);
                bool is_held = false;

                if (next_ms < 1)
                        next_ms = 1; /* candidates up to 0 say nothing */
                for (uint32_t k = 0; k < window->n_sources; k++) {
                        const struct engine_source *other = &engine->sources[window->sources[k]];

                        is_held = is_held || (other != source && other->watermark.table_ms < next_ms);
                }
                if (!is_held && next_ms < least)
                        least = next_ms;
        }
        return least;
}

static void set_clock(struct engine *engine, int64_t now_ms)
{
        if (now_ms > engine->clock_ms)
                engine->clock_ms = now_ms;
}

/* ---- candidates of a batch ---- */

/* What the rows of one vector say about their origin's watermark. */
struct candidates {
        const int64_t *row_ms;     /* per row, or NULL: they follow from ... */
        const int64_t *rowtime_us; /* ... the rowtime, or NULL: there are none */
        int64_t offset_us;
        uint32_t n_rows;
        uint32_t n_steps, next_step;
        const uint32_t *step_row;
        const int64_t *step_ms;
        int64_t limit_ms; /* the clock guard */
};

static int64_t floor_ms(__int128 us)
{
        __int128 ms = us / TYPE_MICROS_PER_MS - (us % TYPE_MICROS_PER_MS < 0);

        return ms < INT64_MIN + 1 ? INT64_MIN + 1 : (int64_t)ms;
}

static int64_t highest_of(const int64_t *values, uint32_t n)
{
        int64_t least, most;

        span_i64(values, n, &least, &most);
        return most;
}

static int64_t guarded(const struct candidates *candidates, int64_t ms)
{
        return ms < candidates->limit_ms ? ms : candidates->limit_ms;
}

/* Of all rows and steps, WATERMARK_NONE: none. */
static int64_t candidates_highest(const struct candidates *candidates)
{
        int64_t highest = highest_of(candidates->step_ms, candidates->n_steps), rows = INT64_MIN;

        if (candidates->row_ms != NULL)
                rows = highest_of(candidates->row_ms, candidates->n_rows);
        else if (candidates->rowtime_us != NULL && candidates->n_rows > 0)
                rows = floor_ms((__int128)highest_of(candidates->rowtime_us, candidates->n_rows) -
                                candidates->offset_us);
        highest = rows > highest ? rows : highest;
        return highest == INT64_MIN ? WATERMARK_NONE : guarded(candidates, highest);
}

static int64_t candidate_of(const struct candidates *candidates, uint32_t row)
{
        if (candidates->row_ms != NULL)
                return candidates->row_ms[row];
        if (candidates->rowtime_us != NULL)
                return floor_ms((__int128)candidates->rowtime_us[row] - candidates->offset_us);
        return INT64_MIN;
}

/* From row `from` on, the first candidate that reaches least_ms. Returns the row before which the watermark crosses,
 * with the candidate that makes it; it is there (candidates_highest said so). */
static uint32_t find_crossing(struct candidates *candidates, uint32_t from, int64_t least_ms, int64_t *ret_ms)
{
        for (uint32_t row = from;; row++) {
                while (candidates->next_step < candidates->n_steps &&
                       candidates->step_row[candidates->next_step] <= row) {
                        int64_t ms = candidates->step_ms[candidates->next_step++];

                        if (ms >= least_ms) {
                                *ret_ms = guarded(candidates, ms);
                                return row;
                        }
                }
                if (row >= candidates->n_rows)
                        return candidates->n_rows; /* not reached */
                if (candidate_of(candidates, row) >= least_ms) {
                        *ret_ms = guarded(candidates, candidate_of(candidates, row));
                        return row + 1;
                }
        }
}

/* ---- batches ---- */

/* Segments between crossings: rows first, then the watermark that they made. */
static void apply_segments(struct engine *engine, struct engine_source *source, uint32_t origin,
                           struct candidates *candidates)
{
        int64_t highest = candidates_highest(candidates);
        uint32_t row = 0;

        for (;;) {
                int64_t crossing = next_crossing(engine, source);
                int64_t reached = INT64_MIN;

                if (highest < crossing || watermark_others(&source->watermark, origin) < crossing)
                        break;
                if (source->watermark.origins[origin].watermark_ms >= highest)
                        break; /* nothing new to come */
                row = find_crossing(candidates, row, crossing, &reached);
                if (reached == INT64_MIN)
                        break;
                engine_graph_apply(engine, source, row);
                watermark_raise(&source->watermark, origin, reached);
                advance(engine, source);
        }
        engine_graph_apply(engine, source, UINT32_MAX);
        if (highest != WATERMARK_NONE)
                watermark_raise(&source->watermark, origin, highest);
}

/* At most LIMIT_ROWS_PER_VECTOR rows; none when a record only says what filtered rows did. */
static void apply_vector(struct engine *engine, struct engine_source *source, uint32_t origin,
                         const struct record_batch *record, uint32_t from, uint32_t n, uint32_t *next_step)
{
        struct batch rows = {.n_rows = n, .n_columns = record->rows.n_columns, .columns = record->rows.columns};
        struct candidates candidates = {.n_rows = n, .offset_us = source->offset_us, .limit_ms = INT64_MAX};
        bool is_last = from + n == record->rows.n_rows;
        uint32_t first_step = *next_step;

        if (from > 0 || n < record->rows.n_rows) {
                rows.columns = arena_new_n(&engine->cut_arena, struct vector, rows.n_columns + 1);
                for (uint32_t c = 0; c < rows.n_columns; c++)
                        vector_view(&record->rows.columns[c], from, n, &rows.columns[c], &engine->cut_arena);
        }
        while (*next_step < record->n_steps && (is_last || record->step_row[*next_step] < from + n))
                ++*next_step;
        candidates.n_steps = *next_step - first_step;
        if (candidates.n_steps > 0) {
                uint32_t *step_row = arena_new_n(&engine->cut_arena, uint32_t, candidates.n_steps);

                for (uint32_t i = 0; i < candidates.n_steps; i++)
                        step_row[i] = record->step_row[first_step + i] - from;
                candidates.step_row = step_row;
                candidates.step_ms = record->step_ms + first_step;
        }
        if (source->has_clock)
                candidates.limit_ms = record->arrival_ms + source->max_ahead_ms;
        if (record->candidate_ms != NULL)
                candidates.row_ms = record->candidate_ms + from;
        else if (source->has_offset && source->rowtime >= 0 && rows.n_columns > 0)
                candidates.rowtime_us = rows.columns[source->rowtime].i64;
        engine_graph_run(engine, source, &rows);
        apply_segments(engine, source, origin, &candidates);
}

static void count_batch(struct engine_source *source, const struct record_batch *batch)
{
        source->accepted += (uint64_t)batch->rows.n_rows + batch->n_filtered;
        source->duplicate += batch->n_duplicate;
        source->dead += batch->n_dead;
        source->received += (uint64_t)batch->rows.n_rows + batch->n_filtered + batch->n_duplicate + batch->n_dead;
}

void engine_apply_batch(struct engine *engine, const struct record_batch *batch)
{
        struct engine_source *source = &engine->sources[batch->source];
        uint32_t origin, at = 0, next_step = 0;

        set_clock(engine, batch->arrival_ms);
        count_batch(source, batch);
        /* Of a batch that the log cut, the last record says what was taken: nothing runs out before that. */
        if (source->has_dedup && batch->fingerprint != NULL) {
                dedup_take(&source->dedup, batch->taken, batch->n_taken);
                dedup_expire(&source->dedup, batch->arrival_ms);
                if (batch->connection != 0)
                        dedup_add(&source->dedup, batch->connection, batch->sequence, batch->depth, batch->fingerprint,
                                  batch->n_fingerprints);
        }
        /* Who sends dead letters alone is no origin: it has no watermark, and would hold up all others for ever. */
        if (batch->rows.n_rows == 0 &&
            (source->plan->rowtime < 0 || (batch->n_filtered == 0 && batch->n_duplicate == 0)))
                return;
        origin = watermark_touch(&source->watermark, batch->origin, batch->arrival_ms);
        arena_reset(&engine->cut_arena);
        do {
                uint32_t n = batch->rows.n_rows - at;

                n = n > LIMIT_ROWS_PER_VECTOR ? LIMIT_ROWS_PER_VECTOR : n;
                apply_vector(engine, source, origin, batch, at, n, &next_step);
                at += n;
        } while (at < batch->rows.n_rows);
}

void engine_take_dead(struct engine *engine, const struct plan_table *table)
{
        engine->sinks[engine->n_sinks].table = table;
}

void engine_apply_dead(struct engine *engine, const struct record_dead *dead)
{
        struct dead_row row;

        /* Counted with its batch, which follows (record_batch.n_dead). */
        set_clock(engine, dead->arrival_ms);
        if (engine->sinks[engine->n_sinks].table == NULL)
                return;
        dead_row_init(&row, dead, engine->sources[dead->source].plan->table->name);
        engine_output_rows(engine, engine->n_sinks, &row.batch, 0, 1);
}

void engine_apply_tick(struct engine *engine, const struct record_tick *tick)
{
        set_clock(engine, tick->now_ms);
        for (uint32_t s = 0; s < engine->n_sources; s++) {
                struct engine_source *source = &engine->sources[s];
                int64_t before = source->watermark.table_ms;

                if (source->has_dedup) {
                        if (tick->is_ready)
                                dedup_close_all(&source->dedup, tick->now_ms);
                        dedup_expire(&source->dedup, tick->now_ms);
                }
                if (watermark_tick(&source->watermark, tick->now_ms, tick->is_ready) > before)
                        advance(engine, source);
        }
        if (engine->has_results &&
            (tick->is_flush || engine->clock_ms - engine->results_since_ms >= engine->latency_ms))
                engine_output_end_epoch(engine, tick->now_ms);
}

void engine_apply_origin(struct engine *engine, const struct record_origin *origin)
{
        struct engine_source *source = &engine->sources[origin->source];

        set_clock(engine, origin->now_ms);
        if (origin->event == RECORD_SOURCE_END) {
                watermark_end(&source->watermark);
                advance(engine, source);
        } else if (source->has_dedup && origin->event == RECORD_CONNECTION_OPEN) {
                dedup_open(&source->dedup, origin->connection);
        } else if (source->has_dedup) {
                dedup_close(&source->dedup, origin->connection, origin->now_ms);
        }
}

void engine_finish(struct engine *engine)
{
        for (uint32_t s = 0; s < engine->n_sources; s++) {
                watermark_end(&engine->sources[s].watermark);
                advance(engine, &engine->sources[s]);
        }
        if (engine->has_results)
                engine_output_end_epoch(engine, engine->clock_ms);
}

/* ---- tokens ---- */

uint32_t engine_match_tokens(struct engine *engine, uint32_t source, const uint64_t *fingerprints, uint32_t n,
                             uint64_t *ret_duplicate)
{
        return dedup_match(&engine->sources[source].dedup, fingerprints, n, ret_duplicate);
}

bool engine_has_tokens(const struct engine *engine, uint32_t source)
{
        return dedup_has_tokens(&engine->sources[source].dedup);
}

/* ---- numbers ---- */

void engine_source_stats(const struct engine *engine, uint32_t source, struct engine_source_stats *ret)
{
        const struct engine_source *from = &engine->sources[source];

        *ret = (struct engine_source_stats){.received = from->received,
                                            .accepted = from->accepted,
                                            .duplicate = from->duplicate,
                                            .dead = from->dead,
                                            .watermark_ms = from->watermark.table_ms,
                                            .n_origins = from->watermark.n_origins,
                                            .n_idle = from->watermark.n_idle};
}

uint32_t engine_n_windows(const struct engine *engine)
{
        return engine->n_windows;
}

void engine_window_stats(const struct engine *engine, uint32_t window, struct engine_window_stats *ret)
{
        const struct engine_window *from = &engine->windows[window];
        const struct window_counts *counts = window_counts(from->window);

        *ret = (struct engine_window_stats){.op = from->node->op,
                                            .in = counts->in,
                                            .used = counts->used,
                                            .late = counts->late,
                                            .failed = counts->failed,
                                            .overflow = counts->overflow,
                                            .fired = counts->fired,
                                            .rows_out = counts->rows_out,
                                            .withheld = counts->withheld,
                                            .live_keys = window_live_keys(from->window),
                                            .state_bytes = window_state_bytes(from->window)};
}

uint32_t engine_n_sinks(const struct engine *engine)
{
        return engine->n_sinks;
}

void engine_sink_stats(const struct engine *engine, uint32_t sink, struct engine_sink_stats *ret)
{
        const struct engine_sink *from = &engine->sinks[sink];

        *ret = (struct engine_sink_stats){
                .sink = from->table, .rows = from->rows, .withheld = from->withheld, .failed = from->failed};
}

uint64_t engine_last_epoch(const struct engine *engine)
{
        return engine->last_epoch;
}
