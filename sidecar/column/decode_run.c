/* decode_run.c - the loops: one step, all events of a group.
 *
 * Each loop reads at its event's position, compares the new position with the event's end, and stores it. Loads
 * are eight bytes wide and may look behind the end (DECODE_PAD_BYTES): what they find there never gets past the
 * comparison. A loop that finds trouble calls decode_run_fail, which sends the event on over a page of zeros;
 * its row is overwritten or taken out when the group is complete (decode.c).
 *
 * Every loop exists four times: for the whole group and for the events that a SELECT let through, with and
 * without the PEXT instruction. `sel` and `has_pext` are constants where the loops are instantiated, at the end
 * of this file. */
#include "sidecar/column/decode_program.h"

#include "sidecar/column/skip.h"
#include "sidecar/column/varint.h"

#include <assert.h>

#define LOOP static inline __attribute__((always_inline)) void
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* Where failed events go on: as many values as there may be steps read as 0, false, "", null or the first branch. */
enum { ZEROS_BYTES = 4096 };
static const uint8_t zeros[ZEROS_BYTES + DECODE_PAD_BYTES];

_Static_assert((int)DECODE_PAD_BYTES >= (int)VARINT_PAD_BYTES && (int)DECODE_PAD_BYTES >= 1 + INTERN_PAD_BYTES + 16,
               "loads stay inside the pad");

struct run {
        struct decode_program *program;
        struct builder *builder;
        struct decode_lanes *lanes;
        uint32_t row; /* of lane 0 */
};

void decode_run_fail(struct decode_program *program, uint32_t lane, enum reason reason, uint32_t step)
{
        struct decode_lanes *lanes = &program->lanes;

        if (lanes->reason[lane] == REASON_NONE) {
                lanes->reason[lane] = (uint8_t)reason;
                lanes->step[lane] = (uint16_t)step;
                lanes->n_failed++;
        }
        lanes->at[lane] = zeros;
        lanes->end[lane] = zeros + ZEROS_BYTES;
}

static __attribute__((noinline, cold)) void fail(struct run *run, uint32_t lane, enum reason reason,
                                                 const struct decode_step *step)
{
        decode_run_fail(run->program, lane, reason, (uint32_t)(step - run->program->steps));
}

/* A varint ended behind the body, or nowhere. */
static __attribute__((noinline, cold)) void fail_varint(struct run *run, uint32_t lane, const uint8_t *next,
                                                        const struct decode_step *step)
{
        bool is_short = next != NULL || run->lanes->end[lane] - run->lanes->at[lane] < VARINT_BYTES_MAX;

        fail(run, lane, is_short ? REASON_TRUNCATED : REASON_BAD_VARINT, step);
}

/* next is NULL or a position. */
static inline bool is_beyond(const uint8_t *next, const uint8_t *end)
{
        return (uintptr_t)next - 1 >= (uintptr_t)end;
}

static inline uint32_t lane_of(const uint8_t *sel, uint32_t k)
{
        return sel == NULL ? k : sel[k];
}

/* ---- skips ---- */

/* A text whose length takes two bytes or more. Returns the position behind it or NULL after a failure. */
static __attribute__((noinline)) const uint8_t *skip_long_text(struct run *run, uint32_t lane, const uint8_t *at,
                                                               const struct decode_step *step)
{
        const uint8_t *end = run->lanes->end[lane];
        struct skip skip = skip_make(end);
        static const struct schema_node text = {.kind = SCHEMA_STRING, .min_bytes = 1};
        const uint8_t *next = skip_value(&skip, &text, at);

        if (next == NULL)
                fail(run, lane, skip.reason, step);
        return next;
}

/* Position behind the text at `at`, which may lie behind the end; NULL when its length takes more than two
 * bytes or is negative. */
static inline const uint8_t *text_end(const uint8_t *at)
{
        if (LIKELY((at[0] & 0x81) == 0))
                return at + 1 + (at[0] >> 1);
        if ((at[0] & 1) == 0 && at[1] < 0x80)
                return at + 2 + ((at[0] & 0x7f) >> 1) + ((size_t)at[1] << 6);
        return NULL;
}

LOOP skip_texts(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, uint32_t count)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];
                const uint8_t *end = run->lanes->end[i];

                for (uint32_t c = 0; c < count; c++) {
                        const uint8_t *next = text_end(at);

                        if (UNLIKELY(is_beyond(next, end))) {
                                next = skip_long_text(run, i, at, step);
                                if (next == NULL) {
                                        at = run->lanes->at[i];
                                        break;
                                }
                        }
                        at = next;
                }
                run->lanes->at[i] = at;
        }
}

LOOP skip_longs(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, uint32_t count)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];

                for (uint32_t c = 0; c < count; c++) {
                        const uint8_t *next = varint_skip(at);

                        if (UNLIKELY(is_beyond(next, run->lanes->end[i]))) {
                                run->lanes->at[i] = at;
                                fail_varint(run, i, next, step);
                                at = run->lanes->at[i];
                                break;
                        }
                        at = next;
                }
                run->lanes->at[i] = at;
        }
}

/* Any number of values of one simple type, by the patient walk; for what is rare. */
LOOP skip_values(struct run *run, const struct decode_step *step, const struct schema_node *node, const uint8_t *sel,
                 uint32_t n, uint32_t count)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                struct skip skip = skip_make(run->lanes->end[i]);

                for (uint32_t c = 0; c < count; c++) {
                        const uint8_t *next = skip_value(&skip, node, run->lanes->at[i]);

                        if (UNLIKELY(next == NULL)) {
                                fail(run, i, skip.reason, step);
                                break;
                        }
                        run->lanes->at[i] = next;
                }
        }
}

LOOP skip_booleans(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];
                const uint8_t *next = at + step->count;
                uint8_t bits = 0;

                if (UNLIKELY(next > run->lanes->end[i])) {
                        fail(run, i, REASON_TRUNCATED, step);
                        continue;
                }
                while (at < next)
                        bits |= *at++;
                if (UNLIKELY(bits > 1))
                        fail(run, i, REASON_BAD_BOOLEAN, step);
                else
                        run->lanes->at[i] = next;
        }
}

LOOP skip_fixed(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);

                if (UNLIKELY((size_t)(run->lanes->end[i] - run->lanes->at[i]) < step->count))
                        fail(run, i, REASON_TRUNCATED, step);
                else
                        run->lanes->at[i] += step->count;
        }
}

/* Reads the branch of a union: 0 or above, or -1 after a failure. */
static inline int32_t read_branch(struct run *run, uint32_t lane, const struct decode_step *step)
{
        const uint8_t *at = run->lanes->at[lane];
        uint64_t raw = *at;

        if (LIKELY(raw < 0x80 && at < run->lanes->end[lane])) {
                run->lanes->at[lane] = at + 1;
        } else {
                const uint8_t *next = varint_read(at, false, &raw);

                if (is_beyond(next, run->lanes->end[lane])) {
                        fail_varint(run, lane, next, step);
                        return -1;
                }
                run->lanes->at[lane] = next;
        }
        if (LIKELY(raw == (uint64_t)step->value_branch * 2))
                return step->value_branch;
        if (LIKELY(step->null_branch >= 0 && raw == (uint64_t)step->null_branch * 2))
                return step->null_branch;
        fail(run, lane, REASON_BAD_BRANCH, step);
        return -1;
}

LOOP skip_optional(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n,
                   enum decode_step_kind kind)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                const uint8_t *at, *next, *end;

                if (read_branch(run, i, step) != step->value_branch)
                        continue;
                at = run->lanes->at[i];
                end = run->lanes->end[i];
                if (kind == STEP_SKIP_OPTIONAL_TEXT) {
                        next = text_end(at);
                        if (UNLIKELY(is_beyond(next, end)))
                                next = skip_long_text(run, i, at, step);
                        if (next != NULL)
                                run->lanes->at[i] = next;
                } else if (kind == STEP_SKIP_OPTIONAL_LONG) {
                        next = varint_skip(at);
                        if (UNLIKELY(is_beyond(next, end)))
                                fail_varint(run, i, next, step);
                        else
                                run->lanes->at[i] = next;
                } else if (UNLIKELY((size_t)(end - at) < step->count)) {
                        fail(run, i, REASON_TRUNCATED, step);
                } else {
                        run->lanes->at[i] = at + step->count;
                }
        }
}

/* ---- loads of numbers ---- */

LOOP load_varints(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, bool has_pext,
                  bool is_int)
{
        int64_t *out = run->builder->columns[step->column].i64 + run->row;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                uint64_t raw = 0;
                const uint8_t *next = varint_read(run->lanes->at[i], has_pext, &raw);

                if (UNLIKELY(is_beyond(next, run->lanes->end[i]))) {
                        fail_varint(run, i, next, step);
                        continue;
                }
                if (is_int && UNLIKELY(raw > UINT32_MAX)) {
                        fail(run, i, REASON_BAD_INT, step);
                        continue;
                }
                run->lanes->at[i] = next;
                out[i] = varint_unzigzag(raw);
        }
}

LOOP load_booleans(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        int64_t *out = run->builder->columns[step->column].i64 + run->row;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];

                if (UNLIKELY(at == run->lanes->end[i] || *at > 1)) {
                        fail(run, i, at == run->lanes->end[i] ? REASON_TRUNCATED : REASON_BAD_BOOLEAN, step);
                        continue;
                }
                out[i] = *at;
                run->lanes->at[i] = at + 1;
        }
}

LOOP load_doubles(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, bool is_float)
{
        double *out = run->builder->columns[step->column].f64 + run->row;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];

                if (UNLIKELY(run->lanes->end[i] - at < (is_float ? 4 : 8))) {
                        fail(run, i, REASON_TRUNCATED, step);
                        continue;
                }
                if (is_float) {
                        uint32_t bits = bytes_get_u32(at);
                        float value;

                        memcpy(&value, &bits, sizeof(value));
                        out[i] = (double)value;
                } else {
                        uint64_t bits = bytes_get_u64(at);

                        memcpy(&out[i], &bits, sizeof(bits));
                }
                run->lanes->at[i] = at + (is_float ? 4 : 8);
        }
}

/* ---- loads of strings ---- */

static struct slice copy_text(struct run *run, const uint8_t *data, size_t len)
{
        uint8_t *copy = arena_take(&run->builder->arena, len, 1);

        if (UNLIKELY(copy == NULL)) {
                run->program->is_full = true;
                return slice_make(NULL, 0);
        }
        memcpy(copy, data, len);
        return slice_make(copy, len);
}

/* Short strings are copied sixteen bytes at a time, the pad behind them included. */
static inline struct slice copy_text_fast(struct run *run, const uint8_t *data, size_t len)
{
        size_t rounded = (len + 15) & ~(size_t)15;
        uint8_t *copy;

        if (UNLIKELY(len > 64))
                return copy_text(run, data, len);
        copy = arena_take(&run->builder->arena, rounded, 1);
        if (UNLIKELY(copy == NULL))
                return copy_text(run, data, len);
        for (size_t at = 0; at < len; at += 16)
                memcpy(copy + at, data + at, 16);
        return slice_make(copy, len);
}

/* A string for `row` of a column, interned if there is an open dictionary. */
static inline void put_text(struct run *run, struct builder_column *column, uint32_t row, const uint8_t *data,
                            size_t len)
{
        if (column->spec.intern != NULL) {
                uint32_t code = intern_code(column->spec.intern, data, len);

                column->code[row] = code;
                if (code != INTERN_CODE_NONE)
                        return;
        }
        column->str[row] = copy_text_fast(run, data, len);
}

/* Finds the bytes of the text at the lane's position and moves on; false after a failure. */
static inline bool take_text(struct run *run, uint32_t lane, const struct decode_step *step, struct slice *ret_text)
{
        const uint8_t *at = run->lanes->at[lane];
        const uint8_t *next = text_end(at);

        if (UNLIKELY(is_beyond(next, run->lanes->end[lane]))) {
                next = skip_long_text(run, lane, at, step);
                if (next == NULL)
                        return false;
        }
        at += at[0] < 0x80 ? 1 : at[1] < 0x80 ? 2 : varint_skip(at) - at;
        *ret_text = slice_make(at, (size_t)(next - at));
        run->lanes->at[lane] = next;
        return true;
}

static __attribute__((noinline)) void load_text_slow(struct run *run, struct builder_column *column, uint32_t lane,
                                                     const struct decode_step *step)
{
        struct slice text;

        if (take_text(run, lane, step, &text))
                put_text(run, column, run->row + lane, text.data, text.len);
}

/* One test finds lengths of 0..15 in one byte: neither continued, nor negative, nor above. */
LOOP load_texts(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        struct builder_column *column = &run->builder->columns[step->column];
        struct intern *intern = column->spec.intern;

        if (intern == NULL || intern->is_closed) {
                for (uint32_t k = 0; k < n; k++) {
                        uint32_t i = lane_of(sel, k);
                        struct slice text;

                        if (!take_text(run, i, step, &text))
                                continue;
                        if (intern != NULL)
                                column->code[run->row + i] = INTERN_CODE_NONE;
                        column->str[run->row + i] = copy_text_fast(run, text.data, text.len);
                }
                return;
        }
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];
                uint8_t head = at[0];
                const uint8_t *next = at + 1 + (head >> 1);
                uint32_t code;

                if (UNLIKELY((head & 0xe1) != 0 || next > run->lanes->end[i])) {
                        load_text_slow(run, column, i, step);
                        continue;
                }
                code = intern_code_short(intern, at + 1, head >> 1);
                if (UNLIKELY(code == INTERN_CODE_NONE)) {
                        load_text_slow(run, column, i, step);
                        continue;
                }
                column->code[run->row + i] = code;
                run->lanes->at[i] = next;
        }
}

LOOP load_enums(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        uint32_t *out = run->builder->columns[step->column].code + run->row;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                uint64_t raw;
                const uint8_t *next = varint_read(run->lanes->at[i], false, &raw);

                if (UNLIKELY(is_beyond(next, run->lanes->end[i]))) {
                        fail_varint(run, i, next, step);
                        continue;
                }
                if (UNLIKELY(raw >= (uint64_t)step->count * 2 || (raw & 1) != 0)) {
                        fail(run, i, REASON_BAD_SYMBOL, step);
                        continue;
                }
                out[i] = (uint32_t)(raw >> 1);
                run->lanes->at[i] = next;
        }
}

LOOP load_fixed(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        struct builder_column *column = &run->builder->columns[step->column];

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];

                if (UNLIKELY((size_t)(run->lanes->end[i] - at) < step->count)) {
                        fail(run, i, REASON_TRUNCATED, step);
                        continue;
                }
                put_text(run, column, run->row + i, at, step->count);
                run->lanes->at[i] = at + step->count;
        }
}

static void load_nulls(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n);

static void load_header(struct run *run, const struct decode_step *step, uint32_t n)
{
        struct builder_column *column = &run->builder->columns[step->column];
        const struct slice *values = run->program->headers[step->count].value;

        for (uint32_t i = 0; i < n; i++) {
                uint8_t lane = (uint8_t)i;

                if (values[i].data == NULL)
                        load_nulls(run, step, &lane, 1);
                else
                        put_text(run, column, run->row + i, values[i].data, values[i].len);
        }
}

/* The position stays: the fields may be wanted as well. */
static void load_body(struct run *run, const struct decode_step *step, uint32_t n)
{
        struct builder_column *column = &run->builder->columns[step->column];

        for (uint32_t i = 0; i < n; i++) {
                const uint8_t *at = run->lanes->at[i];

                column->str[run->row + i] = copy_text_fast(run, at, (size_t)(run->lanes->end[i] - at));
        }
}

/* ---- decimals ---- */

/* Big-endian two's complement of any length; false when it does not fit 128 bits. */
static bool read_decimal(const uint8_t *data, size_t len, weir_i128 *ret_value)
{
        uint8_t sign = len > 0 && data[0] >= 0x80 ? 0xff : 0;
        unsigned __int128 value = sign == 0 ? 0 : ~(unsigned __int128)0;

        for (; len > sizeof(value); data++, len--) {
                if (data[0] != sign || (data[1] & 0x80) != (sign & 0x80))
                        return false;
        }
        for (size_t i = 0; i < len; i++)
                value = value << 8 | data[i];
        *ret_value = (weir_i128)value;
        return true;
}

/* Too large for 128 bits is too large for any DECIMAL. */
#define DECIMAL_BEYOND ((weir_i128)((~(unsigned __int128)0) >> 1))

static void load_decimals(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        weir_i128 *out = run->builder->columns[step->column].dec + run->row;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                struct slice digits = slice_make(run->lanes->at[i], step->count);

                if (step->kind == STEP_LOAD_DECIMAL) {
                        if (!take_text(run, i, step, &digits))
                                continue;
                } else if ((size_t)(run->lanes->end[i] - run->lanes->at[i]) < step->count) {
                        fail(run, i, REASON_TRUNCATED, step);
                        continue;
                } else {
                        run->lanes->at[i] += step->count;
                }
                if (!read_decimal(digits.data, digits.len, &out[i]))
                        out[i] = DECIMAL_BEYOND;
        }
}

static weir_i128 power_of_ten(uint32_t exponent)
{
        weir_i128 power = 1;

        while (exponent-- > 0)
                power *= 10;
        return power;
}

/* As Flink: a decimal that its declared type cannot hold is NULL. */
static void rescale_decimals(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        weir_i128 *values = run->builder->columns[step->column].dec + run->row;
        weir_i128 limit = power_of_ten(step->count);

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                uint8_t lane = (uint8_t)i;

                if (values[i] < limit && values[i] > -limit)
                        values[i] *= step->wide_factor;
                else
                        load_nulls(run, step, &lane, 1);
        }
}

/* ---- conversions ---- */

static void to_floating(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        struct builder_column *column = &run->builder->columns[step->column];

        for (uint32_t k = 0; k < n; k++) {
                uint32_t row = run->row + lane_of(sel, k);
                int64_t integer;
                double value;

                memcpy(&integer, &column->f64[row], sizeof(integer));
                value = step->kind == STEP_TO_FLOAT ? (double)(float)integer : (double)integer;
                column->f64[row] = value;
        }
}

static int64_t floor_divide(int64_t value, int64_t by)
{
        return value / by - (value % by < 0);
}

static void convert_integers(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        int64_t *values = run->builder->columns[step->column].i64 + run->row;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                bool is_bad = false;

                if (step->kind == STEP_CHECK_RANGE)
                        is_bad = values[i] < step->least || values[i] > step->most;
                else if (step->kind == STEP_MULTIPLY)
                        is_bad = __builtin_mul_overflow(values[i], step->factor, &values[i]);
                else if (step->kind == STEP_DIVIDE)
                        values[i] = floor_divide(values[i], step->factor);
                else
                        is_bad = __builtin_mul_overflow(floor_divide(values[i], step->factor), step->factor, &values[i]);
                if (UNLIKELY(is_bad && run->lanes->reason[i] == REASON_NONE))
                        fail(run, i, REASON_OUT_OF_RANGE, step);
        }
}

/* ---- NULL and unions ---- */

static void null_one(struct run *run, const struct decode_step *step, uint32_t lane, uint32_t c)
{
        struct builder_column *column = &run->builder->columns[c];

        if (!column->spec.is_nullable)
                fail(run, lane, REASON_NULL_VALUE, step);
        else
                builder_set_null(run->builder, c, run->row + lane);
}

static void load_nulls(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        for (uint32_t k = 0; k < n; k++)
                null_one(run, step, lane_of(sel, k), step->column);
}

/* Lanes of the value branch go to ret_sel; the others get NULL where the value branch would have loaded. */
LOOP select_lanes(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n,
                  uint8_t ret_sel[DECODE_GROUP], uint32_t *ret_n)
{
        uint32_t n_selected = 0;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = lane_of(sel, k);
                int32_t branch = read_branch(run, i, step);

                ret_sel[n_selected] = (uint8_t)i;
                n_selected += branch == step->value_branch;
                if (branch != step->value_branch && branch >= 0) {
                        for (uint32_t c = 0; c < step->n_nulls; c++)
                                null_one(run, step, i, step->null_columns[c]);
                }
        }
        *ret_n = n_selected;
}

/* ---- the programs ---- */

static void run_selected(struct run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n);
static void run_selected_pext(struct run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n);

LOOP run_skip(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        static const struct schema_node an_int = {.kind = SCHEMA_INT, .min_bytes = 1};
        struct schema_node an_enum = {.kind = SCHEMA_ENUM, .min_bytes = 1, .n_symbols = step->count};

        switch (step->kind) {
        case STEP_SKIP_TEXT:
                if (step->count == 1)
                        skip_texts(run, step, sel, n, 1);
                else if (step->count == 2)
                        skip_texts(run, step, sel, n, 2);
                else
                        skip_texts(run, step, sel, n, step->count);
                return;
        case STEP_SKIP_LONG:
                if (step->count == 1)
                        skip_longs(run, step, sel, n, 1);
                else
                        skip_longs(run, step, sel, n, step->count);
                return;
        case STEP_SKIP_INT:
                skip_values(run, step, &an_int, sel, n, step->count);
                return;
        case STEP_SKIP_BOOLEAN:
                skip_booleans(run, step, sel, n);
                return;
        case STEP_SKIP_ENUM:
                skip_values(run, step, &an_enum, sel, n, 1);
                return;
        case STEP_SKIP_FIXED:
                skip_fixed(run, step, sel, n);
                return;
        case STEP_SKIP_OPTIONAL_TEXT:
                skip_optional(run, step, sel, n, STEP_SKIP_OPTIONAL_TEXT);
                return;
        case STEP_SKIP_OPTIONAL_LONG:
                skip_optional(run, step, sel, n, STEP_SKIP_OPTIONAL_LONG);
                return;
        case STEP_SKIP_OPTIONAL_FIXED:
                skip_optional(run, step, sel, n, STEP_SKIP_OPTIONAL_FIXED);
                return;
        default:
                skip_values(run, step, step->node, sel, n, 1);
                return;
        }
}

LOOP run_load(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, bool has_pext)
{
        switch (step->kind) {
        case STEP_LOAD_BOOLEAN:
                load_booleans(run, step, sel, n);
                return;
        case STEP_LOAD_INT:
                load_varints(run, step, sel, n, has_pext, true);
                return;
        case STEP_LOAD_LONG:
                load_varints(run, step, sel, n, has_pext, false);
                return;
        case STEP_LOAD_FLOAT:
                load_doubles(run, step, sel, n, true);
                return;
        case STEP_LOAD_DOUBLE:
                load_doubles(run, step, sel, n, false);
                return;
        case STEP_LOAD_TEXT:
                load_texts(run, step, sel, n);
                return;
        case STEP_LOAD_ENUM:
                load_enums(run, step, sel, n);
                return;
        case STEP_LOAD_FIXED:
                load_fixed(run, step, sel, n);
                return;
        case STEP_LOAD_DECIMAL:
        case STEP_LOAD_DECIMAL_FIXED:
                load_decimals(run, step, sel, n);
                return;
        case STEP_LOAD_HEADER:
                load_header(run, step, n);
                return;
        case STEP_LOAD_BODY:
                load_body(run, step, n);
                return;
        default:
                load_nulls(run, step, sel, n);
                return;
        }
}

static void run_conversion(struct run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        if (step->kind == STEP_RESCALE)
                rescale_decimals(run, step, sel, n);
        else if (step->kind == STEP_TO_DOUBLE || step->kind == STEP_TO_FLOAT)
                to_floating(run, step, sel, n);
        else
                convert_integers(run, step, sel, n);
}

LOOP run_steps(struct run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n, bool has_pext)
{
        for (uint32_t s = first; s < first + n_steps && n > 0; s++) {
                const struct decode_step *step = &run->program->steps[s];

                if (step->kind < STEP_LOAD_BOOLEAN) {
                        run_skip(run, step, sel, n);
                } else if (step->kind < STEP_TO_DOUBLE) {
                        run_load(run, step, sel, n, has_pext);
                } else if (step->kind < STEP_SELECT) {
                        run_conversion(run, step, sel, n);
                } else {
                        uint8_t selected[DECODE_GROUP];
                        uint32_t n_selected;

                        select_lanes(run, step, sel, n, selected, &n_selected);
                        if (has_pext)
                                run_selected_pext(run, s + 1, step->count, selected, n_selected);
                        else
                                run_selected(run, s + 1, step->count, selected, n_selected);
                        s += step->count;
                }
        }
}

static void run_selected(struct run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n)
{
        run_steps(run, first, n_steps, sel, n, false);
}

static void run_selected_pext(struct run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n)
{
        run_steps(run, first, n_steps, sel, n, true);
}

static void run_all(struct run *run, uint32_t first, uint32_t n_steps, uint32_t n)
{
        run_steps(run, first, n_steps, NULL, n, false);
}

static void run_all_pext(struct run *run, uint32_t first, uint32_t n_steps, uint32_t n)
{
        run_steps(run, first, n_steps, NULL, n, true);
}

void decode_run_steps(struct decode_program *program, struct builder *builder, uint32_t first_step, uint32_t n)
{
        struct run run = {.program = program, .builder = builder, .lanes = &program->lanes, .row = builder->n_rows};

        assert(n <= DECODE_GROUP && builder->capacity - builder->n_rows >= n);
        for (uint32_t c = 0; c < program->n_nullable; c++)
                memset(builder->columns[program->nullable[c]].present + run.row, 1, n);
        if (program->has_pext)
                run_all_pext(&run, first_step, program->n_steps - first_step, n);
        else
                run_all(&run, first_step, program->n_steps - first_step, n);
}
