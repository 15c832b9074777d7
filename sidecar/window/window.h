/* window.h - one windowed aggregation: rows and watermarks in, finished windows out.
 *
 * Time is cut into panes of one slide; pane j holds the rows of [offset + j * slide, offset + (j + 1) * slide) by key.
 * Window e ends at offset + e * slide and is the panes e - n .. e - 1, n = size / slide (TUMBLE: n = 1). With the
 * watermark at W all windows with end - 1 <= W have fired; the number of the last one is `fired`. A row of pane j is
 * late, and dropped, when j + n <= fired; else it is counted in every window that has not fired, which takes no more
 * than adding it to its pane (sql-semantics.md 2.4).
 *
 * Nothing is kept per window: when windows fire, the panes' directories are frozen (a reference each), the panes
 * that no later window needs go, and the results are merged from the frozen panes as they are asked for, newest pane
 * first, block by block. So an advance of the watermark costs little even with millions of keys, rows go on being
 * applied in between (they copy what they touch), and sums of DOUBLEs come out as Flink's. Many windows fired by one
 * advance are one fire.
 *
 * Loop thread only, but for window_frozen_next. */
#ifndef WEIR_SIDECAR_WINDOW_WINDOW_H
#define WEIR_SIDECAR_WINDOW_WINDOW_H

#include "sidecar/base/err.h"
#include "sidecar/plan/plan.h"
#include "sidecar/window/agg.h"
#include "sidecar/window/keys.h"

struct window_limits {
        uint32_t max_keys;    /* live keys */
        uint64_t max_entries; /* (pane, key) pairs */
};

struct window_counts {
        uint64_t in, used, late, failed, overflow; /* in = used + late + failed + overflow */
        uint64_t fired;                             /* windows with rows */
        uint64_t rows_out, withheld;                /* the owner's to count */
};

struct window;

/* input_types: of the operator's input columns. */
int window_new(const struct plan_op *op, const struct type *input_types, const struct window_limits *limits,
               struct window **ret_window, struct err *err) WEIR_MUST_CHECK;
struct window *window_free(struct window *window); /* NULL allowed; returns NULL */

/* Rows from..from + n of `rows` in order, judged by the watermark of the last window_advance. Only the columns that the
 * operator names need be there. A NULL rowtime counts as failed. */
void window_apply(struct window *window, const struct batch *rows, uint32_t from, uint32_t n);
/* Rows that failed in an expression below. */
void window_count_failed(struct window *window, uint64_t n);

/* The watermark is watermark_ms now (INT64_MIN: none yet, INT64_MAX: the end). true: windows fired. */
bool window_advance(struct window *window, int64_t watermark_ms);
/* The least watermark at which window_advance would do something. */
int64_t window_next_ms(const struct window *window);

/* Fired and not yet emitted: end of the first such window; false when there is none. */
bool window_peek(const struct window *window, int64_t *ret_end_ms);
/* Up to max_rows rows of it. Columns: keys, aggregates, window_start, window_end, window_time. May give none: that much
 * work was done. Valid until window_release, or the next window_emit. */
void window_emit(struct window *window, uint32_t max_rows, struct batch *ret_rows, int64_t *ret_end_ms);
void window_release(struct window *window);
/* How far emission has got: fires begun by window_advance, and fires given out completely. */
uint64_t window_fires_made(const struct window *window);
uint64_t window_fires_done(const struct window *window);

struct window_counts *window_counts(struct window *window);
uint64_t window_live_keys(const struct window *window);
size_t window_state_bytes(const struct window *window);
/* Held only by fires that are not emitted yet (and by a frozen checkpoint). */
size_t window_pending_bytes(const struct window *window);

/* Checkpoint: records, each a type (1 byte), a length (8 bytes) and a payload. The layouts stand at the top of
 * window_state.c. Freeze only when nothing is fired and not emitted. */
struct window_frozen;
struct window_frozen *window_freeze(struct window *window);
/* Appends whole records until `part` is longer than max_bytes or all is written: then false. Background thread. */
bool window_frozen_next(struct window_frozen *frozen, struct bytes *part, size_t max_bytes);
struct window_frozen *window_thaw(struct window *window, struct window_frozen *frozen);
/* Into a fresh window, after window_advance: one record after the other, then window_load_end. */
int window_load_record(struct window *window, unsigned type, struct slice payload, struct err *err) WEIR_MUST_CHECK;
int window_load_end(struct window *window, struct err *err) WEIR_MUST_CHECK;

#endif
