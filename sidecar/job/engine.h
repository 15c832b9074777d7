/* engine.h - the pure core: log records in, result rows out.
 *
 * No clock, no I/O, no randomness: the same records give the same rows, counters and checkpoint bytes wherever the
 * batches were cut. Two engines fit in one process. Loop thread only, except engine_frozen_* (background thread, on a
 * frozen checkpoint).
 *
 * Order of output: the rows of each sink form one sequence, in the order in which records caused them, and the whole is
 * cut into epochs by logged ticks; epoch numbers are max(previous + 1, tick's now_ms). Both are a function of the log
 * alone; how rows of different sinks interleave within an epoch, and how they are cut into pieces, is not promised.
 * Windows of one watermark advance fire in order of their end, then in order of plan_op.id; keys in the order of their
 * first appearance, except that a new key takes the place of one that has left all windows (the first such place). */
#ifndef WEIR_SIDECAR_JOB_ENGINE_H
#define WEIR_SIDECAR_JOB_ENGINE_H

#include "sidecar/base/err.h"
#include "sidecar/base/bytes.h"
#include "sidecar/job/record.h"
#include "sidecar/plan/plan.h"

struct engine;

struct engine *engine_free(struct engine *engine); /* NULL allowed; returns NULL */
/* Borrows the plan. Settings (mini-batch latency, caps, max-ahead, idle rules) are read from the plan's SET and
 * WITH options. */
int engine_new(const struct plan_job *plan, struct engine **ret_engine, struct err *err) WEIR_MUST_CHECK;

/* Dead letters become rows of this table (dead.h) from now on; without it they are only counted. Before the first
 * record. The table outlives the engine; it is none of engine_n_sinks. */
void engine_take_dead(struct engine *engine, const struct plan_table *table);

/* Input, in log order. Rows are copied where they must outlive the call. */
void engine_apply_batch(struct engine *engine, const struct record_batch *batch);
void engine_apply_dead(struct engine *engine, const struct record_dead *dead);
void engine_apply_tick(struct engine *engine, const struct record_tick *tick);
/* RECORD_SOURCE_END: that source's watermark goes to +infinity. */
void engine_apply_origin(struct engine *engine, const struct record_origin *origin);
/* Every source is at its end: watermarks go to +infinity, all windows fire, the epoch ends (bounded runs). */
void engine_finish(struct engine *engine);

/* Output. One piece: at most max_rows rows for one sink, or the end of an epoch. */
struct engine_piece {
        bool is_epoch_end;   /* then only epoch is set */
        uint64_t epoch;      /* number of the epoch that ends */
        const struct plan_table *sink;
        /* Columns in the order of the sink's physical columns; valid until the next engine call. May have no rows: that
         * much work was done, and HAVING kept nothing of it. */
        struct batch rows;
        int64_t window_end_ms; /* of a windowed query, else INT64_MIN: "an older window never overwrites a newer one" */
};
bool engine_has_output(const struct engine *engine);
/* Bytes that pending output holds; the pipeline stops reading above its budget. */
size_t engine_output_bytes(const struct engine *engine);
/* max_rows <= LIMIT_ROWS_PER_VECTOR. false: nothing pending. Emission works on frozen tables: apply may be called
 * between pieces. */
bool engine_next_piece(struct engine *engine, uint32_t max_rows, struct engine_piece *ret_piece);

/* Dedup verdicts, taken before logging. For n fingerprints of one arriving batch: bit i of ret_duplicate is set when
 * fingerprint i takes a token (each token at most once, in order). Does not change state: the record's `taken`
 * does that in engine_apply_batch. Returns the number of duplicates. */
uint32_t engine_match_tokens(struct engine *engine, uint32_t source, const uint64_t *fingerprints, uint32_t n,
                             uint64_t *ret_duplicate);
bool engine_has_tokens(const struct engine *engine, uint32_t source);
/* A tick with is_ready also ends every connection still open in the log: its last batches become tokens. */

/* Numbers for /status and tests. */
struct engine_source_stats {
        uint64_t received, accepted, duplicate, dead;
        int64_t watermark_ms; /* INT64_MIN before the first */
        uint32_t n_origins, n_idle;
};
struct engine_window_stats {
        const struct plan_op *op;
        uint64_t in, used, late, failed, overflow; /* in = used + late + failed + overflow */
        uint64_t fired;                             /* windows */
        uint64_t rows_out, withheld;                /* result rows; rows whose result expression failed */
        uint64_t live_keys, state_bytes;
};
struct engine_sink_stats {
        const struct plan_table *sink;
        uint64_t rows;
        uint64_t withheld; /* result rows whose expressions failed */
        uint64_t failed;   /* rows of queries without a window that failed in a filter or projection */
};
void engine_source_stats(const struct engine *engine, uint32_t source, struct engine_source_stats *ret);
uint32_t engine_n_windows(const struct engine *engine);
void engine_window_stats(const struct engine *engine, uint32_t window, struct engine_window_stats *ret);
uint32_t engine_n_sinks(const struct engine *engine);
void engine_sink_stats(const struct engine *engine, uint32_t sink, struct engine_sink_stats *ret);
uint64_t engine_last_epoch(const struct engine *engine);

/* Checkpoints. Freeze only when engine_has_output() is false. A frozen checkpoint is copy-on-write: apply goes on
 * while the background thread writes it. One at a time. Load into a fresh engine: operators whose fingerprint is not in
 * the file start empty, those in the file without an operator are skipped (design section 3, "Changing a job"). */
struct engine_frozen;
struct engine_frozen *engine_freeze(struct engine *engine);
/* Appends the next part (about 1 MiB) to `part`; false when all is written. Background thread. Bytes are a function of
 * the state alone: equal states give equal bytes. */
bool engine_frozen_next(struct engine_frozen *frozen, struct bytes *part);
/* Loop thread, after the background thread is done with it. */
struct engine_frozen *engine_thaw(struct engine *engine, struct engine_frozen *frozen);
/* The bytes of all parts, joined. ERR_DATA when they do not make sense. */
int engine_load(struct engine *engine, struct slice bytes, struct err *err) WEIR_MUST_CHECK;

#endif
