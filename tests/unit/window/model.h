/* model.h - windows row by row, as the rules say them (sql-semantics.md 2.4 and 3): slow, and written without a look at
 * sidecar/window. Every row is kept; a window is computed from its rows when it fires. */
#ifndef WEIR_TESTS_UNIT_WINDOW_MODEL_H
#define WEIR_TESTS_UNIT_WINDOW_MODEL_H

#include "tests/unit/window/rows.h"

struct model_row {
        struct row row;
        int64_t slice_end;
};

struct model {
        const struct rows_plan *plan;
        int64_t size_ms, slide_ms;
        int64_t watermark_ms, fired_ms; /* windows with an end up to fired_ms have fired; INT64_MIN: none */
        uint64_t late, used;
        uint32_t n, capacity;
        struct model_row *rows; /* in order of arrival */
        struct bytes lines;     /* a line per result row, as rows_emit writes them, in no particular order */
};

void model_init(struct model *model, const struct rows_plan *plan);
void model_done(struct model *model);
void model_row(struct model *model, const struct row *row);
void model_watermark(struct model *model, int64_t watermark_ms);

/* The lines of a text in ascending order. */
void model_sort_lines(struct bytes *text);

#endif
