/* bounded.c - a job over files, from beginning to end. See bounded.h.
 *
 * Sources are read one after the other in the order of the plan, a vector of rows at a time; between two vectors
 * pending output goes to the sinks. All of it is one epoch, committed at the end.
 *
 * There is no state directory that dead letters could be kept in: the first SHOWN of each table are shown in full, all
 * are counted by reason, and one line a table says so at the end. They do not change the exit code. */
#include "sidecar/bounded.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/base/log.h"
#include "sidecar/files.h"
#include "sidecar/instance.h"
#include "sidecar/job/engine.h"
#include "sidecar/job/record_row.h"
#include "sidecar/job/scan.h"
#include "sidecar/net/loop.h"
#include "sidecar/plan/setting.h"
#include "sidecar/status.h"
#include "sinks/sink.h"

#include <assert.h>
#include <stdio.h>

enum { PIECE_ROWS = 1000, POLL_MS = 100, PATIENCE_ROUNDS = 300, SHOWN = 10, REASONS_MAX = 32 };

/* Dead letters of one table. */
struct tally {
        uint64_t n;
        uint32_t n_reasons;
        struct {
                const char *word; /* static */
                uint64_t n;
        } reasons[REASONS_MAX];   /* in order of first appearance */
};

struct bounded {
        struct job *job;
        struct engine *engine;
        struct loop *loop;
        struct sink_set sinks;
        struct sink_listener *listeners; /* one per sink */
        struct state {
                struct bounded *bounded;
                bool is_ready, is_down, has_progress;
                uint64_t committed;
        } *states;
        struct first_index { /* rows of a table written so far */
                const struct plan_table *table;
                uint32_t sink;
                uint64_t n;
        } *tables;
        uint32_t n_tables;
        struct tally *dead; /* per source */
        bool is_broken;
        struct err why;
};

static void break_run(struct bounded *bounded, enum err_code code, const char *why)
{
        if (bounded->is_broken)
                return;
        bounded->is_broken = true;
        err_set(&bounded->why, code, "%s", why);
}

/* ---- What sinks say */

static void on_ready(void *context, enum sink_memory memory, uint64_t committed_epoch)
{
        struct state *state = context;

        (void)memory;
        (void)committed_epoch;
        state->is_ready = state->has_progress = true;
}

static void on_progress(void *context)
{
        struct state *state = context;

        state->has_progress = true;
}

static void on_committed(void *context, uint64_t epoch)
{
        struct state *state = context;

        state->committed = epoch;
}

/* Before the first row a sink may be tried for a while; afterwards what it held is lost and the run is over. */
static void on_down(void *context, const char *why)
{
        struct state *state = context;

        if (state->is_ready)
                break_run(state->bounded, ERR_UNAVAILABLE, why);
        state->is_down = true;
}

static void on_fatal(void *context, const char *why)
{
        struct state *state = context;

        break_run(state->bounded, ERR_UNAVAILABLE, why);
}

static void on_note(void *context, enum log_level level, const char *event, const char *text)
{
        (void)context;
        if (level >= LOG_WARN)
                log_message(level, event, "%s", text);
}

/* ---- Sinks */

static int open_sinks(struct bounded *bounded, struct err *err)
{
        const struct plan_job *plan = bounded->job->plan;
        char *name;
        int result = 0;

        bounded->tables = alloc_zero(plan->n_tables + 1, sizeof *bounded->tables);
        for (uint32_t i = 0; i < plan->n_tables; i++) {
                struct first_index *table = &bounded->tables[bounded->n_tables];

                if (!plan->tables[i]->is_sink)
                        continue;
                table->table = plan->tables[i];
                if (sink_set_add_table(&bounded->sinks, plan->tables[i], &table->sink, err) < 0)
                        return -1;
                bounded->n_tables++;
        }
        name = instance_name(setting_text(plan, SETTING_NAME));
        bounded->states = alloc_zero(bounded->sinks.n_sinks + 1, sizeof *bounded->states);
        bounded->listeners = alloc_zero(bounded->sinks.n_sinks + 1, sizeof *bounded->listeners);
        for (uint32_t i = 0; i < bounded->sinks.n_sinks && result == 0; i++) {
                struct sink_config config = {.loop = bounded->loop, .clock = clock_system(),
                                             .listener = &bounded->listeners[i], .name = name};

                bounded->states[i].bounded = bounded;
                bounded->listeners[i] = (struct sink_listener){&bounded->states[i], on_ready, on_progress, on_committed,
                                                               on_down, on_fatal, on_note};
                result = bounded->sinks.sinks[i]->ops->open(bounded->sinks.sinks[i], &config, err);
        }
        alloc_free(name);
        return result;
}

/* Turns the loop until a sink says something; < 0: broken, or silent for too long. */
static int wait_for(struct bounded *bounded, const bool *flag, const char *what, struct err *err)
{
        for (int round = 0; !*flag && !bounded->is_broken; round++) {
                if (round == PATIENCE_ROUNDS)
                        return err_set(err, ERR_UNAVAILABLE, "a sink did not %s", what);
                if (loop_run_once(bounded->loop, POLL_MS) < 0)
                        return err_set(err, ERR_INTERNAL, "the event loop failed");
        }
        if (bounded->is_broken) {
                *err = bounded->why;
                return -1;
        }
        return 0;
}

static int sink_is_gone(const struct bounded *bounded, uint32_t sink, struct err *err)
{
        if (bounded->is_broken)
                *err = bounded->why;
        else
                err_set(err, ERR_UNAVAILABLE, "sink %s is gone", bounded->sinks.groups[sink]);
        return -1;
}

static int write_piece(struct bounded *bounded, const struct engine_piece *piece, struct err *err)
{
        struct first_index *table = NULL;
        uint32_t at = 0;

        for (uint32_t i = 0; i < bounded->n_tables; i++)
                if (bounded->tables[i].table == piece->sink)
                        table = &bounded->tables[i];
        assert(table != NULL);
        while (at < piece->rows.n_rows) {
                struct sink *sink = bounded->sinks.sinks[table->sink];
                struct state *state = &bounded->states[table->sink];
                enum sink_result wrote;

                state->has_progress = false;
                wrote = sink->ops->write(sink, table->table, 1, table->n, piece->window_end_ms, &piece->rows, at, &at);
                if (wrote == SINK_DOWN)
                        return sink_is_gone(bounded, table->sink, err);
                if (wrote == SINK_BUSY && wait_for(bounded, &state->has_progress, "take more rows", err) < 0)
                        return -1;
        }
        table->n += piece->rows.n_rows;
        return 0;
}

static int write_output(struct bounded *bounded, struct err *err)
{
        struct engine_piece piece;

        while (engine_next_piece(bounded->engine, PIECE_ROWS, &piece))
                if (!piece.is_epoch_end && piece.rows.n_rows > 0 && write_piece(bounded, &piece, err) < 0)
                        return -1;
        return 0;
}

static int commit(struct bounded *bounded, struct err *err)
{
        for (uint32_t i = 0; i < bounded->sinks.n_sinks; i++) {
                struct sink *sink = bounded->sinks.sinks[i];

                if (sink->ops->commit(sink, 1, 0) == SINK_DOWN)
                        return sink_is_gone(bounded, i, err);
                while (bounded->states[i].committed < 1 && !bounded->is_broken)
                        if (loop_run_once(bounded->loop, POLL_MS) < 0)
                                return err_set(err, ERR_INTERNAL, "the event loop failed");
                if (bounded->is_broken)
                        return sink_is_gone(bounded, i, err);
        }
        return 0;
}

/* ---- Sources */

static void count_dead(struct tally *tally, const char *reason)
{
        uint32_t i = 0;

        while (i < tally->n_reasons && strcmp(tally->reasons[i].word, reason) != 0)
                i++;
        assert(i < REASONS_MAX);
        if (i == tally->n_reasons)
                tally->reasons[tally->n_reasons++].word = reason;
        tally->reasons[i].n++;
        tally->n++;
}

static void log_dead(const struct plan_source *source, const struct tally *tally)
{
        struct log_line line;

        if (tally->n == 0)
                return;
        log_begin(&line, LOG_WARN, "dead-letters");
        log_bytes(&line, "table", source->table->name);
        log_uint(&line, "n", tally->n);
        for (uint32_t i = 0; i < tally->n_reasons; i++)
                log_uint(&line, tally->reasons[i].word, tally->reasons[i].n);
        log_text(&line, "msg", tally->n <= SHOWN ? "rows that are in no result; each is shown above"
                                                 : "rows that are in no result; the first 10 are shown above");
        log_end(&line);
}

static void add_count(struct log_line *line, const char *key, uint64_t n)
{
        if (n > 0)
                log_uint(line, key, n);
}

/* What /status says of a job that listens: rows that are in no result, and results that could not be. */
static void log_left(const struct bounded *bounded)
{
        struct log_line line;

        for (uint32_t i = 0; bounded->engine != NULL && i < engine_n_windows(bounded->engine); i++) {
                struct engine_window_stats stats;

                engine_window_stats(bounded->engine, i, &stats);
                if (stats.late + stats.failed + stats.overflow == 0)
                        continue;
                log_begin(&line, stats.failed + stats.overflow > 0 ? LOG_WARN : LOG_INFO, "rows-left");
                log_bytes(&line, "table", status_sink_of_window(bounded->job->plan, stats.op));
                log_uint(&line, "operator", stats.op->id);
                add_count(&line, "late", stats.late);
                add_count(&line, "failed", stats.failed);
                add_count(&line, "overflow", stats.overflow);
                log_text(&line, "msg", "rows that are in no window's result");
                log_end(&line);
        }
        for (uint32_t i = 0; bounded->engine != NULL && i < engine_n_sinks(bounded->engine); i++) {
                struct engine_sink_stats stats;

                engine_sink_stats(bounded->engine, i, &stats);
                if (stats.withheld + stats.failed == 0)
                        continue;
                log_begin(&line, LOG_WARN, "rows-left");
                log_bytes(&line, "table", stats.sink->name);
                add_count(&line, "failed", stats.failed);
                add_count(&line, "withheld", stats.withheld);
                log_text(&line, "msg", "an expression failed: rows in no result, and results withheld");
                log_end(&line);
        }
}

static void apply_dead(struct bounded *bounded, uint32_t source, const char *reason, const char *detail,
                       struct slice body, uint32_t body_bytes)
{
        struct record_dead dead = {.source = source,
                                   .reason = slice_from_text(reason),
                                   .detail = slice_from_text(detail),
                                   .body = body,
                                   .body_bytes = body_bytes};

        engine_apply_dead(bounded->engine, &dead);
        count_dead(&bounded->dead[source], reason);
        if (bounded->dead[source].n <= SHOWN)
                log_message(LOG_WARN, "dead-letter", "%s: %s: %.*s", reason, detail,
                            (int)(body.len < 200 ? body.len : 200), (const char *)body.data);
}

/* Rows first .. first + n of a batch through the scan into the engine. */
static void take_run(struct bounded *bounded, uint32_t source, struct scan *scan, const struct batch *all,
                     uint32_t first, uint32_t n, uint32_t n_undecoded)
{
        struct vector *columns = alloc_array(all->n_columns + 1, sizeof *columns);
        struct scan_input input = {.decoded = {.n_rows = n, .n_columns = all->n_columns, .columns = columns}};
        struct scan_result result;
        struct arena arena;

        arena_init(&arena, 64 << 10, 0);
        for (uint32_t c = 0; c < all->n_columns; c++)
                vector_view(&all->columns[c], first, n, &columns[c], &arena);
        scan_run(scan, &input, &result);
        for (uint32_t i = 0; i < result.n_dead; i++)
                apply_dead(bounded, source, result.dead[i].reason, result.dead[i].detail, slice_make(NULL, 0), 0);
        result.batch.n_dead += n_undecoded;
        result.batch.is_last = true;
        result.batch.origin = slice_from_text("");
        engine_apply_batch(bounded->engine, &result.batch);
        arena_done(&arena);
        alloc_free(columns);
}

static void take_rows(struct bounded *bounded, uint32_t source, struct scan *scan, struct builder *builder)
{
        struct batch rows;
        uint32_t first = 0;

        builder_batch(builder, &rows);
        for (uint32_t i = 0; i < builder->n_dead; i++) {
                char detail[REASON_TEXT_BYTES];

                reason_format(builder->dead[i].reason, builder->dead[i].field, detail);
                apply_dead(bounded, source, reason_word(builder->dead[i].reason), detail, builder->dead[i].body,
                           builder->dead[i].body_bytes);
        }
        do {
                uint32_t n = rows.n_rows - first < LIMIT_ROWS_PER_VECTOR ? rows.n_rows - first : LIMIT_ROWS_PER_VECTOR;

                take_run(bounded, source, scan, &rows, first, n, first == 0 ? builder->n_dead : 0);
                first += n;
        } while (first < rows.n_rows);
}

static int run_source(struct bounded *bounded, uint32_t index, struct err *err)
{
        const struct plan_source *source = bounded->job->plan->sources[index];
        struct scan *scan = NULL;
        struct files *files = NULL;
        struct builder *builder;
        int result = scan_new(source, index, bounded->engine, INT64_MAX / 4, RECORD_ROW_BYTES_MAX, &scan, err);

        if (result == 0)
                result = files_open(source, &files, err);
        while (result == 0) {
                result = files_next(files, LIMIT_ROWS_PER_VECTOR, &builder, err);
                if (result != 0)
                        break;
                take_rows(bounded, index, scan, builder);
                result = write_output(bounded, err);
        }
        files_close(files);
        scan_free(scan);
        return result == FILES_E_END ? 0 : result;
}

static int run(struct bounded *bounded, struct err *err)
{
        const struct plan_job *plan = bounded->job->plan;

        if (engine_new(plan, &bounded->engine, err) < 0 || open_sinks(bounded, err) < 0)
                return -1;
        for (uint32_t i = 0; i < bounded->sinks.n_sinks; i++)
                if (wait_for(bounded, &bounded->states[i].is_ready, "become ready", err) < 0)
                        return -1;
        for (uint32_t i = 0; i < plan->n_sources; i++) {
                struct record_origin end = {.source = i, .event = RECORD_SOURCE_END};

                if (run_source(bounded, i, err) < 0)
                        return -1;
                engine_apply_origin(bounded->engine, &end);
                if (write_output(bounded, err) < 0)
                        return -1;
        }
        engine_finish(bounded->engine);
        return write_output(bounded, err) < 0 ? -1 : commit(bounded, err);
}

enum err_code bounded_run(struct job *job)
{
        struct bounded bounded = {.job = job, .loop = loop_new()};
        struct err err = {0};
        int result;

        sink_set_init(&bounded.sinks);
        bounded.dead = alloc_zero(job->plan->n_sources + 1, sizeof *bounded.dead);
        result = run(&bounded, &err);
        for (uint32_t i = 0; i < job->plan->n_sources; i++)
                log_dead(job->plan->sources[i], &bounded.dead[i]);
        log_left(&bounded);
        if (result < 0)
                fprintf(stderr, "weir: %s\n", err.text);
        sink_set_done(&bounded.sinks);
        engine_free(bounded.engine);
        loop_free(bounded.loop);
        alloc_free(bounded.listeners);
        alloc_free(bounded.states);
        alloc_free(bounded.tables);
        alloc_free(bounded.dead);
        job_free(job);
        return result < 0 ? err.code : ERR_NONE;
}
