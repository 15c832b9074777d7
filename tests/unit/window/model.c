/* model.c - see model.h. */
#include "tests/unit/window/model.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/decimal.h"

#include <inttypes.h>
#include <stdlib.h>

void model_init(struct model *model, const struct rows_plan *plan)
{
        *model = (struct model){.plan = plan,
                                .size_ms = plan->op.window.size_ms,
                                .slide_ms = plan->op.window.slide_ms,
                                .watermark_ms = INT64_MIN,
                                .fired_ms = INT64_MIN};
        bytes_init(&model->lines);
}

void model_done(struct model *model)
{
        alloc_free(model->rows);
        bytes_done(&model->lines);
}

void model_row(struct model *model, const struct row *row)
{
        int64_t offset_ms = model->plan->op.window.offset_ms;
        int64_t into = (row->time_ms - offset_ms) % model->slide_ms;
        int64_t slice_end, last;

        if (into < 0)
                into += model->slide_ms;
        slice_end = row->time_ms - into + model->slide_ms;
        last = slice_end - model->slide_ms + model->size_ms;
        if (model->watermark_ms >= last - 1) {
                model->late++;
                return;
        }
        model->used++;
        if (model->n == model->capacity) {
                model->capacity = model->capacity == 0 ? 1024 : model->capacity * 2;
                model->rows = alloc_resize(model->rows, model->capacity, sizeof *model->rows);
        }
        model->rows[model->n++] = (struct model_row){.row = *row, .slice_end = slice_end};
}

/* ---- one aggregate of one key in one slice, and slices merged ---- */

struct cell {
        uint64_t count;
        bool has;      /* of sum, best */
        bool is_stuck; /* AVG of decimals overflowed */
        int64_t i64;
        double f64;
        weir_i128 dec;
        struct slice str;
};

static weir_i128 limit(void)
{
        return decimal_pow10(38);
}

static bool add_decimals(weir_i128 a, weir_i128 b, weir_i128 *ret)
{
        /* In two halves, so that nothing overflows: a / 2 + b / 2 says on which side of the limit the sum is. */
        weir_i128 half = a / 2 + b / 2;

        if (half > limit() / 2 + 1 || half < -limit() / 2 - 1)
                return false;
        *ret = a + b;
        return *ret < limit() && *ret > -limit();
}

static void start(struct cell *cell, const struct plan_agg *agg)
{
        memset(cell, 0, sizeof *cell);
        if (agg->kind == AGG_AVG)
                cell->has = true; /* begins at 0 */
}

/* A value (or another cell's) into a cell. */
static void put(struct cell *cell, const struct plan_agg *agg, const struct cell *value)
{
        enum phys phys = type_phys(&agg->argument_type);
        bool is_sum = agg->kind == AGG_SUM || agg->kind == AGG_AVG, is_min = agg->kind == AGG_MIN;
        bool better = false;
        double before;

        if (!value->has)
                return;
        if (!is_sum && cell->has) {
                if (phys == PHYS_I64)
                        better = is_min ? value->i64 < cell->i64 : value->i64 > cell->i64;
                else if (phys == PHYS_F64)
                        better = is_min ? value->f64 < cell->f64 : value->f64 > cell->f64;
                else if (phys == PHYS_DEC)
                        better = is_min ? value->dec < cell->dec : value->dec > cell->dec;
                else
                        better = is_min ? slice_compare(value->str, cell->str) < 0
                                        : slice_compare(value->str, cell->str) > 0;
                if (!better)
                        return;
        }
        if (!is_sum || !cell->has) {
                cell->has = true;
                cell->i64 = value->i64;
                cell->f64 = value->f64;
                cell->dec = value->dec;
                cell->str = value->str;
                return;
        }
        before = cell->f64;
        cell->i64 = (int64_t)((uint64_t)cell->i64 + (uint64_t)value->i64);
        cell->f64 = agg->argument_type.kind == TYPE_FLOAT && agg->kind == AGG_SUM
                            ? (double)((float)before + (float)value->f64)
                            : before + value->f64;
        if (phys == PHYS_DEC && !add_decimals(cell->dec, value->dec, &cell->dec)) {
                cell->has = false; /* SUM: NULL, and the next value starts anew */
                cell->is_stuck = agg->kind == AGG_AVG;
        }
}

static void add_row(struct cell *cell, const struct plan_agg *agg, const struct row *row)
{
        struct cell value = {.has = true};

        if (agg->filter >= 0 && (row->is_null[agg->filter] || row->flag == 0))
                return;
        if (agg->argument >= 0 && row->is_null[agg->argument])
                return;
        cell->count++;
        if (agg->kind == AGG_COUNT || agg->kind == AGG_COUNT_STAR || cell->is_stuck)
                return;
        value.i64 = agg->argument == ROWS_INT ? row->number : agg->argument == ROWS_FLAG ? row->flag : row->key;
        value.f64 = agg->argument == ROWS_FLOAT ? row->single : row->real;
        value.dec = row->decimal;
        value.str = row->text;
        put(cell, agg, &value);
}

static void merge(struct cell *cell, const struct plan_agg *agg, const struct cell *slice)
{
        cell->count += slice->count;
        if (slice->is_stuck)
                cell->is_stuck = true;
        else if (!cell->is_stuck)
                put(cell, agg, slice);
}

static void finish(const struct cell *cell, const struct plan_agg *agg, struct bytes *line)
{
        struct value value = {.phys = type_phys(&agg->type)};
        struct decimal_type type = {.precision = agg->type.precision, .scale = agg->type.scale};
        bool is_avg = agg->kind == AGG_AVG;

        if (agg->kind == AGG_COUNT || agg->kind == AGG_COUNT_STAR)
                value.i64 = (int64_t)cell->count;
        else if (cell->count == 0 || !cell->has || cell->is_stuck)
                value.is_null = true;
        else if (value.phys == PHYS_I64)
                value.i64 = is_avg ? cell->i64 / (int64_t)cell->count : cell->i64;
        else if (value.phys == PHYS_F64)
                value.f64 = is_avg ? cell->f64 / (double)cell->count : cell->f64;
        else if (value.phys == PHYS_STR)
                value.str = cell->str;
        else if (is_avg)
                value.is_null = decimal_divide(cell->dec, agg->argument_type.scale, (weir_i128)cell->count, 0, type,
                                               &value.dec) != 0;
        else
                value.dec = cell->dec;
        if (!value.is_null && agg->type.kind == TYPE_INT)
                value.i64 = (int32_t)value.i64;
        if (!value.is_null && agg->type.kind == TYPE_FLOAT)
                value.f64 = (double)(float)value.f64;
        bytes_append_byte(line, ' ');
        rows_append_value(&value, line);
}

/* ---- windows ---- */

static int64_t key_of(const struct row *row)
{
        return row->is_null[ROWS_KEY] ? INT64_MIN : row->key;
}

/* rows: those of the key in the window, in order of arrival. */
static void fire_key(struct model *model, int64_t end, int64_t key, const struct model_row *const *rows, uint32_t n)
{
        const struct plan_window *window = &model->plan->op.window;

        bytes_append_format(&model->lines, "%" PRId64 ":", end);
        if (window->n_keys > 0) {
                if (key == INT64_MIN)
                        bytes_append_text(&model->lines, " NULL");
                else
                        bytes_append_format(&model->lines, " %" PRId64, key);
        }
        for (uint32_t a = 0; a < window->n_aggs; a++) {
                struct cell all, slice;

                start(&all, &window->aggs[a]);
                for (int64_t at = end; at > end - model->size_ms; at -= model->slide_ms) { /* newest slice first */
                        bool is_there = false;

                        start(&slice, &window->aggs[a]);
                        for (uint32_t i = 0; i < n; i++)
                                if (rows[i]->slice_end == at) {
                                        is_there = true;
                                        add_row(&slice, &window->aggs[a], &rows[i]->row);
                                }
                        if (is_there)
                                merge(&all, &window->aggs[a], &slice);
                }
                finish(&all, &window->aggs[a], &model->lines);
        }
        bytes_append_byte(&model->lines, '\n');
}

static int compare_keys(const void *a, const void *b)
{
        int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

        return (left > right) - (left < right);
}

static bool is_in(const struct model *model, const struct model_row *row, int64_t end)
{
        return row->slice_end <= end && row->slice_end > end - model->size_ms;
}

static void fire(struct model *model, int64_t end)
{
        const struct model_row **rows = alloc_array((size_t)model->n + 1, sizeof *rows);
        int64_t *keys = alloc_array((size_t)model->n + 1, sizeof *keys);
        bool has_keys = model->plan->op.window.n_keys > 0;
        uint32_t n = 0;

        for (uint32_t i = 0; i < model->n; i++)
                if (is_in(model, &model->rows[i], end))
                        keys[n++] = has_keys ? key_of(&model->rows[i].row) : 0;
        qsort(keys, n, sizeof *keys, compare_keys);
        for (uint32_t k = 0; k < n; k++) {
                uint32_t n_rows = 0;

                if (k > 0 && keys[k] == keys[k - 1])
                        continue;
                for (uint32_t i = 0; i < model->n; i++)
                        if (is_in(model, &model->rows[i], end) &&
                            (!has_keys || key_of(&model->rows[i].row) == keys[k]))
                                rows[n_rows++] = &model->rows[i];
                fire_key(model, end, keys[k], rows, n_rows);
        }
        alloc_free(keys);
        alloc_free(rows);
}

/* The least end of a window that is not fired and holds a row; INT64_MAX: none. */
static int64_t next_end(const struct model *model)
{
        int64_t least = INT64_MAX;

        for (uint32_t i = 0; i < model->n; i++) {
                int64_t end = model->rows[i].slice_end;

                while (end <= model->fired_ms)
                        end += model->slide_ms;
                if (end < model->rows[i].slice_end + model->size_ms && end < least)
                        least = end;
        }
        return least;
}

void model_watermark(struct model *model, int64_t watermark_ms)
{
        uint32_t n = 0;

        if (watermark_ms <= model->watermark_ms)
                return;
        model->watermark_ms = watermark_ms;
        for (int64_t end = next_end(model); end != INT64_MAX && watermark_ms >= end - 1; end = next_end(model)) {
                fire(model, end);
                model->fired_ms = end;
        }
        if (watermark_ms != INT64_MAX) /* a window without rows has fired as well: a late row does not bring it back */
                model->fired_ms = watermark_ms + 1;
        for (uint32_t i = 0; i < model->n; i++) /* rows that no window needs any more */
                if (watermark_ms < model->rows[i].slice_end - model->slide_ms + model->size_ms - 1)
                        model->rows[n++] = model->rows[i];
        model->n = n;
}

static int compare_lines(const void *a, const void *b)
{
        return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

void model_sort_lines(struct bytes *text)
{
        struct slice *lines = alloc_array(text->len + 1, sizeof *lines);
        struct bytes sorted;
        size_t n = 0, begin = 0;

        bytes_init(&sorted);
        for (size_t i = 0; i < text->len; i++)
                if (text->data[i] == '\n') {
                        lines[n++] = slice_make(text->data + begin, i + 1 - begin);
                        begin = i + 1;
                }
        qsort(lines, n, sizeof *lines, compare_lines);
        for (size_t i = 0; i < n; i++)
                bytes_append_slice(&sorted, lines[i]);
        bytes_reset(text);
        bytes_append_slice(text, bytes_slice(&sorted));
        bytes_done(&sorted);
        alloc_free(lines);
}
