/* rows.h - a table of rows for window tests: values, batches made of them, and a plan over them. */
#ifndef WEIR_TESTS_UNIT_WINDOW_ROWS_H
#define WEIR_TESTS_UNIT_WINDOW_ROWS_H

#include "sidecar/window/window.h"
#include "tests/lib/check.h"

enum rows_column {
        ROWS_KEY,     /* BIGINT */
        ROWS_TIME,    /* TIMESTAMP(3) NOT NULL */
        ROWS_INT,     /* INT */
        ROWS_DOUBLE,  /* DOUBLE */
        ROWS_FLOAT,   /* FLOAT */
        ROWS_DECIMAL, /* DECIMAL(38, 2) */
        ROWS_TEXT,    /* STRING */
        ROWS_FLAG,    /* BOOLEAN */
        ROWS_COLUMNS
};

struct row {
        int64_t time_ms;
        bool is_null[ROWS_COLUMNS];
        int64_t key, number, flag;
        double real, single;
        weir_i128 decimal;
        struct slice text;
};

extern const struct type rows_types[ROWS_COLUMNS];

/* Columns of n rows, from `arena`. */
struct batch rows_batch(const struct row *rows, uint32_t n, struct arena *arena);

/* A plan over those columns: op.window with the given keys and aggregates. */
struct rows_plan {
        struct plan_op op;
        struct type types[64];
        struct plan_agg aggs[40];
        uint32_t keys[4];
};
void rows_plan_init(struct rows_plan *plan, int64_t size_ms, int64_t slide_ms, uint32_t n_keys, const uint32_t *keys);
void rows_plan_add(struct rows_plan *plan, enum plan_agg_kind kind, int32_t argument, int32_t filter);

struct window *rows_window(const struct rows_plan *plan, const struct window_limits *limits);
/* The rows of one piece, as rows_emit writes them. */
void rows_append_piece(const struct batch *piece, const struct rows_plan *plan, int64_t end_ms, struct bytes *text);
/* All that is fired, a line per row: "10: 1 5 NULL ..." (end of the window, key, aggregates). */
void rows_emit(struct window *window, const struct rows_plan *plan, uint32_t max_rows, struct bytes *text);
/* The window's checkpoint. */
void rows_save(struct window *window, struct bytes *bytes);
/* ... and back, into a fresh one at that watermark. */
int rows_load(struct window *window, struct slice bytes, struct err *err);

void rows_append_value(const struct value *value, struct bytes *text);

#endif
