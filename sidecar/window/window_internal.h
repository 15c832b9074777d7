/* window_internal.h - what window.c, window_fire.c and window_state.c share. */
#ifndef WEIR_SIDECAR_WINDOW_WINDOW_INTERNAL_H
#define WEIR_SIDECAR_WINDOW_WINDOW_INTERNAL_H

#include "sidecar/window/window.h"

#include "sidecar/base/arena.h"

struct window_pane {
        int64_t index;
        int64_t begin_us, end_us;
        uint64_t n_entries;
        uint64_t n_loaded; /* of them, while a checkpoint is loaded */
        struct block_map map;
};

/* A frozen pane. */
struct window_sheet {
        int64_t index;
        uint64_t n_entries;
        struct block_dir *dir;
};

/* What the last window of a block of keys came to, less its oldest pane: the next window lacks its newest pane only. It
 * is no state: without it, or when a late row came in between, the window is merged from its panes. */
struct window_total {
        bool is_there;
        int64_t next_end; /* number of the window it is for */
        int64_t fired;    /* window.fired when the panes were frozen */
        struct agg_total total;
};

/* Windows that one advance of the watermark fired. */
struct window_fire {
        struct window_fire *next;
        int64_t end, last_end; /* numbers of the window at hand and of the last one */
        int64_t fired;         /* window.fired behind the advance */
        struct keys_frozen keys;
        uint32_t block;        /* next block of the window at hand */
        uint32_t n_blocks;     /* of its longest directory */
        uint32_t first_sheet;  /* sheets before it are needed no more, and dropped */
        uint32_t n_sheets;
        struct window_sheet sheets[]; /* ascending */
};

struct window {
        const struct plan_op *op;
        const struct plan_window *plan;
        struct window_limits limits;
        int64_t slide_ms, offset_ms, n_slices;
        int64_t fired;          /* INT64_MIN: no watermark yet */
        int64_t late_before_us; /* rows before it are late */
        struct window_counts counts;
        struct pool pool;
        struct agg_set aggs;
        struct keys keys;
        struct window_pane **panes; /* ascending; those without entries do not count as being there */
        uint32_t n_panes, panes_capacity;
        uint64_t n_entries;
        struct block_map spare; /* one entry, into which rows beyond the caps are counted */
        uint32_t n_columns;     /* of the input */
        uint32_t n_used;        /* distinct input columns that keys, aggregates and rowtime read */
        uint32_t *used;
        struct arena arena;     /* of one window_apply */
        /* Scratch of one batch. */
        struct vector *columns; /* n_columns; only used ones are set */
        const struct vector **key_columns;
        struct agg_rows rows;
        uint32_t ids[KEYS_BATCH];
        struct window_pane *pane_of[KEYS_BATCH];
        uint32_t slow[KEYS_BATCH];
        /* Emission. */
        struct window_fire *fires, *last_fire;
        uint64_t n_made, n_done;
        bool has_totals;        /* windows of many panes, of aggregates that can be taken away again */
        struct window_total **totals; /* by block of ids; NULL: not yet */
        int64_t *late_marks;    /* by block of ids: `fired` when a row came last to a pane that had been in a window */
        uint32_t n_totals;
        struct agg_total scratch;
        struct agg_total *total;      /* of the block at hand */
        struct window_total *kept;    /* the same, when it is kept for the next window */
        struct window_fire *spent; /* given out; its strings are in use until the next call */
        struct arena piece_arena;
        struct vector *piece;      /* columns of the output */
        uint32_t n_locals, next_local; /* of the block at hand */
        uint32_t locals[BLOCK_IDS];
};

/* Times that do not fit stay at the end of the range. */
static inline int64_t window_clamp(__int128 value)
{
        return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

/* Window and pane numbers in ms and back. */
int64_t window_number_ms(const struct window *window, int64_t number);
int64_t window_last_fired(const struct window *window, int64_t watermark_ms);
/* Finds or makes a pane. */
struct window_pane *window_pane_need(struct window *window, int64_t index);
/* The pane goes, its keys with it where no other pane holds them. */
void window_pane_drop(struct window *window, uint32_t at, uint32_t n);
void window_fires_drop(struct window *window);
/* Rows of the batch at hand go to a pane that has been in a window: what is kept of their blocks of keys is stale. */
void window_mark_late(struct window *window, uint32_t n, const struct window_pane *one);
void window_totals_drop(struct window *window);

#endif
