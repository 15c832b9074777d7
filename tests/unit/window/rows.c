/* rows.c - see rows.h. */
#include "tests/unit/window/rows.h"

#include "sidecar/base/decimal.h"

#include <inttypes.h>
#include <stdio.h>

const struct type rows_types[ROWS_COLUMNS] = {
        [ROWS_KEY] = {.kind = TYPE_BIGINT, .nullable = true},
        [ROWS_TIME] = {.kind = TYPE_TIMESTAMP, .precision = 3, .is_time_attribute = true},
        [ROWS_INT] = {.kind = TYPE_INT, .nullable = true},
        [ROWS_DOUBLE] = {.kind = TYPE_DOUBLE, .nullable = true},
        [ROWS_FLOAT] = {.kind = TYPE_FLOAT, .nullable = true},
        [ROWS_DECIMAL] = {.kind = TYPE_DECIMAL, .nullable = true, .precision = 38, .scale = 2},
        [ROWS_TEXT] = {.kind = TYPE_VARCHAR, .nullable = true, .length = TYPE_LENGTH_MAX},
        [ROWS_FLAG] = {.kind = TYPE_BOOLEAN, .nullable = true},
};

struct batch rows_batch(const struct row *rows, uint32_t n, struct arena *arena)
{
        struct vector *columns = arena_new_n(arena, struct vector, ROWS_COLUMNS);

        for (unsigned c = 0; c < ROWS_COLUMNS; c++) {
                struct vector *column = &columns[c];

                vector_init(column, type_phys(&rows_types[c]), n, arena);
                for (uint32_t i = 0; i < n; i++) {
                        const struct row *row = &rows[i];
                        bool is_null = row->is_null[c];

                        if (is_null) {
                                vector_need_valid(column, n, arena);
                                bitmap_clear(column->valid, i);
                        }
                        switch (c) {
                        case ROWS_KEY:
                                column->i64[i] = is_null ? 0 : row->key;
                                break;
                        case ROWS_TIME:
                                column->i64[i] = row->time_ms * 1000;
                                break;
                        case ROWS_INT:
                                column->i64[i] = is_null ? 0 : row->number;
                                break;
                        case ROWS_DOUBLE:
                                column->f64[i] = is_null ? 0 : row->real;
                                break;
                        case ROWS_FLOAT:
                                column->f64[i] = is_null ? 0 : row->single;
                                break;
                        case ROWS_DECIMAL:
                                column->dec[i] = is_null ? 0 : row->decimal;
                                break;
                        case ROWS_TEXT:
                                column->str[i] = is_null ? slice_make(NULL, 0) : row->text;
                                break;
                        default:
                                column->i64[i] = is_null ? 0 : row->flag;
                                break;
                        }
                }
        }
        return (struct batch){.n_rows = n, .n_columns = ROWS_COLUMNS, .columns = columns};
}

static void set_output(struct rows_plan *plan)
{
        struct plan_window *window = &plan->op.window;
        uint32_t n = 0;

        for (uint32_t i = 0; i < window->n_keys; i++)
                plan->types[n++] = rows_types[plan->keys[i]];
        for (uint32_t i = 0; i < window->n_aggs; i++)
                plan->types[n++] = plan->aggs[i].type;
        for (unsigned i = 0; i < 3; i++)
                plan->types[n++] = rows_types[ROWS_TIME];
        plan->op.n_columns = n;
        plan->op.types = plan->types;
}

void rows_plan_init(struct rows_plan *plan, int64_t size_ms, int64_t slide_ms, uint32_t n_keys, const uint32_t *keys)
{
        memset(plan, 0, sizeof *plan);
        plan->op.kind = PLAN_WINDOW;
        plan->op.window = (struct plan_window){.kind = PLAN_HOP,
                                               .size_ms = size_ms,
                                               .slide_ms = slide_ms,
                                               .rowtime = ROWS_TIME,
                                               .n_keys = n_keys,
                                               .keys = plan->keys,
                                               .aggs = plan->aggs};
        for (uint32_t i = 0; i < n_keys; i++)
                plan->keys[i] = keys[i];
        set_output(plan);
}

void rows_plan_add(struct rows_plan *plan, enum plan_agg_kind kind, int32_t argument, int32_t filter)
{
        struct plan_agg *agg = &plan->aggs[plan->op.window.n_aggs++];

        *agg = (struct plan_agg){.kind = kind, .argument = argument, .filter = filter};
        if (argument >= 0)
                agg->argument_type = rows_types[argument];
        agg->type = kind == AGG_COUNT || kind == AGG_COUNT_STAR ? type_make(TYPE_BIGINT, false) : agg->argument_type;
        if (kind == AGG_AVG && argument == ROWS_DECIMAL)
                agg->type = type_decimal(38, 6, true);
        set_output(plan);
}

struct window *rows_window(const struct rows_plan *plan, const struct window_limits *limits)
{
        static const struct window_limits wide = {.max_keys = 1 << 20, .max_entries = 1 << 24};
        struct window *window = NULL;
        struct err err;

        CHECK_OK(window_new(&plan->op, rows_types, limits == NULL ? &wide : limits, &window, &err), &err);
        REQUIRE(window != NULL);
        return window;
}

void rows_append_value(const struct value *value, struct bytes *text)
{
        char digits[DECIMAL_TEXT_BYTES];

        if (value->is_null)
                bytes_append_text(text, "NULL");
        else if (value->phys == PHYS_I64)
                bytes_append_format(text, "%" PRId64, value->i64);
        else if (value->phys == PHYS_F64 && value->f64 != value->f64)
                bytes_append_text(text, "NaN");
        else if (value->phys == PHYS_F64)
                bytes_append_format(text, "%a", value->f64);
        else if (value->phys == PHYS_STR)
                bytes_append_slice(text, value->str);
        else
                bytes_append(text, digits, decimal_format(value->dec, 0, digits));
}

void rows_append_piece(const struct batch *piece, const struct rows_plan *plan, int64_t end_ms, struct bytes *text)
{
        uint32_t n = piece->n_columns - 3;

        CHECK_UINT(piece->n_columns, plan->op.n_columns);
        for (uint32_t i = 0; i < piece->n_rows; i++) {
                if (piece->columns[n].i64[i] != (end_ms - plan->op.window.size_ms) * 1000 ||
                    piece->columns[n + 1].i64[i] != end_ms * 1000 ||
                    piece->columns[n + 2].i64[i] != (end_ms - 1) * 1000)
                        CHECK_FAIL("row %u of the window at %" PRId64 " has other bounds", i, end_ms);
                bytes_append_format(text, "%" PRId64 ":", end_ms);
                for (uint32_t c = 0; c < n; c++) {
                        struct value value = vector_get(&piece->columns[c], i);

                        bytes_append_byte(text, ' ');
                        rows_append_value(&value, text);
                }
                bytes_append_byte(text, '\n');
        }
}

void rows_emit(struct window *window, const struct rows_plan *plan, uint32_t max_rows, struct bytes *text)
{
        int64_t end_ms, peeked_ms;

        while (window_peek(window, &peeked_ms)) {
                struct batch piece;

                window_emit(window, max_rows, &piece, &end_ms);
                CHECK_INT(end_ms, peeked_ms);
                CHECK(piece.n_rows <= max_rows);
                rows_append_piece(&piece, plan, end_ms, text);
        }
}

void rows_save(struct window *window, struct bytes *bytes)
{
        struct window_frozen *frozen = window_freeze(window);

        while (window_frozen_next(frozen, bytes, bytes->len + 1000))
                ;
        window_thaw(window, frozen);
}

int rows_load(struct window *window, struct slice bytes, struct err *err)
{
        struct bytes_reader reader = bytes_reader_make(bytes);

        while (reader.at < reader.end) {
                unsigned type = bytes_read_u8(&reader);
                uint64_t length = bytes_read_u64(&reader);
                struct slice payload = bytes_read_slice(&reader, length);

                if (reader.failed)
                        return err_set(err, ERR_DATA, "cut");
                if (window_load_record(window, type, payload, err) < 0)
                        return -1;
        }
        return window_load_end(window, err);
}
