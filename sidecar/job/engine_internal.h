/* engine_internal.h - what the engine's files share.
 *
 *   engine.c         making, batches, segments between crossings of the watermark, ticks
 *   engine_graph.c   operators of a plan as nodes; rows of one batch through them
 *   engine_output.c  the queue of results, epochs, pieces
 *   engine_state.c   checkpoints */
#ifndef WEIR_SIDECAR_JOB_ENGINE_INTERNAL_H
#define WEIR_SIDECAR_JOB_ENGINE_INTERNAL_H

#include "sidecar/job/engine.h"

#include "sidecar/base/arena.h"
#include "sidecar/exec/eval.h"
#include "sidecar/job/dedup.h"
#include "sidecar/window/watermark.h"
#include "sidecar/window/window.h"

/* What an operator gave for the batch at hand. */
struct engine_rows {
        struct batch batch;
        const uint32_t *rows; /* number of each row in the source's batch, ascending; NULL: 0, 1, 2, ... */
};

/* An operator of the plan; the SINK operators of all queries into one table are one node. */
struct engine_node {
        enum plan_op_kind kind;
        const struct plan_op *op;     /* SINK: of the first query */
        uint32_t n_columns;
        uint32_t n_inputs, inputs_capacity;
        struct engine_node **inputs;
        bool *is_needed;              /* per output column: somebody above reads it */
        struct eval_program *program; /* FILTER, PROJECT (of the needed columns only) */
        uint32_t index;               /* WINDOW: in engine.windows; SINK: in engine.sinks; SCAN: in engine.sources */
        /* Windows and sinks above, up to the first on each path: they count rows that fail here. */
        uint32_t n_targets;
        struct engine_node **targets;
        uint64_t mark;                /* engine.mark of the batch for which `out` holds */
        struct engine_rows out;       /* WINDOW, SINK: what comes in */
        uint32_t next_row;            /* WINDOW, SINK: rows of `out` before it are applied */
};

struct engine_source {
        const struct plan_source *plan;
        struct watermark watermark;
        struct dedup dedup;
        bool has_dedup;
        bool has_clock;         /* listening: the clock guard holds */
        int64_t max_ahead_ms;
        bool has_offset;        /* candidate = rowtime - offset_us */
        int64_t offset_us;
        int32_t rowtime;        /* logged column, or -1 */
        uint32_t n_nodes;       /* all that rows of this source go through, inputs first */
        struct engine_node **nodes;
        uint32_t n_terminals;   /* windows and sinks among them */
        struct engine_node **terminals;
        uint32_t n_windows;     /* windows that this source's watermark moves */
        uint32_t *windows;
        uint64_t received, accepted, duplicate, dead;
};

/* From a window up to one sink. */
struct engine_route {
        uint32_t n_nodes;
        struct engine_node **nodes; /* FILTER and PROJECT, the lowest first */
        uint32_t sink;
};

struct engine_window {
        struct window *window;
        struct engine_node *node;
        uint32_t n_sources;
        uint32_t *sources;
        uint32_t n_routes;
        struct engine_route *routes;
};

struct engine_item;

struct engine_sink {
        const struct plan_table *table;
        uint64_t rows, withheld, failed;
        struct engine_item *open; /* the last item of the queue may still grow by rows of this sink */
};

/* Rows of one sink, copied. */
struct engine_copy {
        uint32_t sink;
        uint32_t n_rows, n_given;
        uint32_t n_columns;
        struct vector *columns;
        struct arena arena; /* vectors and strings */
        size_t bytes;
};

enum engine_item_kind { ENGINE_ITEM_ROWS, ENGINE_ITEM_FIRES, ENGINE_ITEM_EPOCH };

/* One step of the result sequence. */
struct engine_item {
        enum engine_item_kind kind;
        struct engine_item *next;
        int64_t now_ms;         /* EPOCH: of the tick */
        uint32_t n_fires;       /* FIRES: one advance of the watermark */
        uint32_t *fire_windows; /* engine.windows, in order of plan_op.id */
        uint64_t *fire_numbers; /* of each window's fires, this one */
        uint32_t fires_capacity;
        struct engine_copy copy; /* ROWS */
};

struct engine {
        const struct plan_job *plan;
        struct arena arena;    /* as long as the engine */
        int64_t latency_ms;    /* 'table.exec.mini-batch.allow-latency' */
        int64_t clock_ms;      /* highest logged time */
        uint32_t n_nodes;
        struct engine_node **nodes; /* inputs first, sinks last */
        uint32_t n_sources;
        struct engine_source *sources;
        uint32_t n_windows;
        struct engine_window *windows; /* in order of plan_op.id */
        uint32_t n_sinks;
        struct engine_sink *sinks; /* and behind them the one of dead letters; its table is NULL without one */
        /* The batch at hand. */
        uint64_t mark;
        struct arena batch_arena; /* of one vector of rows */
        struct arena cut_arena;   /* of one record: its vectors as views */
        struct eval_state *batch_state;
        /* Output. */
        struct engine_item *first, *last;
        struct engine_item *free_items; /* with their storage */
        size_t copied_bytes;
        uint64_t last_epoch;
        uint64_t rows_in_epoch;  /* given out since the last epoch ended */
        bool has_results;        /* something was queued since the last EPOCH item */
        int64_t results_since_ms;
        struct engine_item *given;     /* ROWS item whose rows are in use until the next call */
        struct arena piece_arena;
        struct eval_state *piece_state;
        struct batch piece;            /* rows of a window, for the routes not taken yet */
        int64_t piece_end_ms;
        uint32_t piece_window, next_route;
};

/* What a window sees of the watermarks: the least of its sources'. */
int64_t engine_window_watermark(const struct engine *engine, const struct engine_window *window);

/* engine_graph.c */
int engine_graph_init(struct engine *engine, struct err *err) WEIR_MUST_CHECK;
void engine_graph_done(struct engine *engine);
/* Rows of a source's batch (at most LIMIT_ROWS_PER_VECTOR; the logged columns) through all operators below windows and
 * sinks. */
void engine_graph_run(struct engine *engine, struct engine_source *source, const struct batch *rows);
/* What those gave for source rows before `end_row`, to windows and sinks. */
void engine_graph_apply(struct engine *engine, struct engine_source *source, uint32_t end_row);
/* A batch through one FILTER or PROJECT of a route. Returns how many rows failed. */
uint32_t engine_node_run(const struct engine_node *node, struct eval_state *state, struct arena *arena,
                         const struct engine_rows *in, struct engine_rows *ret_out);

/* engine_output.c */
void engine_output_rows(struct engine *engine, uint32_t sink, const struct batch *rows, uint32_t from, uint32_t n);
/* Windows that one advance of the watermark fired, ascending: each one's newest fire. */
void engine_output_fires(struct engine *engine, const uint32_t *windows, uint32_t n);
void engine_output_end_epoch(struct engine *engine, int64_t now_ms);
void engine_output_done(struct engine *engine);

#endif
