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

/* Windows that one advance of the watermark fired. */
struct window_fire {
        struct window_fire *next;
        int64_t end, last_end; /* numbers of the window at hand and of the last one */
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

#endif
