/* decode_convert.c - fixed, decimals, headers, bodies; and what becomes of a loaded integer. */
#include "sidecar/column/decode_convert.h"

#include "sidecar/column/decode_lane.h"
#include "sidecar/column/decode_text.h"

/* Too large for 128 bits is too large for any DECIMAL. */
#define DECIMAL_BEYOND ((weir_i128)((~(unsigned __int128)0) >> 1))

void decode_convert_null(struct decode_run *run, uint32_t lane, uint32_t column, const struct decode_step *step)
{
        if (run->builder->columns[column].spec.is_nullable)
                builder_set_null(run->builder, column, run->row + lane);
        else
                decode_lane_fail(run->program, lane, REASON_NULL_VALUE, step);
}

/* `count` bytes at the lane's position. */
static bool take_fixed(struct decode_run *run, uint32_t lane, const struct decode_step *step, struct slice *ret_bytes)
{
        const uint8_t *at = run->lanes->at[lane];

        if ((size_t)(run->lanes->end[lane] - at) < step->count) {
                decode_lane_fail(run->program, lane, REASON_TRUNCATED, step);
                return false;
        }
        *ret_bytes = slice_make(at, step->count);
        return true;
}

/* Big-endian two's complement of any length. */
static weir_i128 read_decimal(struct slice bytes)
{
        uint8_t sign = bytes.len > 0 && bytes.data[0] >= 0x80 ? 0xff : 0;
        unsigned __int128 value = sign == 0 ? 0 : ~(unsigned __int128)0;
        const uint8_t *at = bytes.data;

        for (size_t left = bytes.len; left > sizeof(value); at++, left--) {
                if (at[0] != sign || ((at[1] ^ sign) & 0x80) != 0)
                        return DECIMAL_BEYOND;
        }
        for (; at < bytes.data + bytes.len; at++)
                value = value << 8 | *at;
        return (weir_i128)value;
}

void decode_convert_load(struct decode_run *run, uint32_t lane, const struct decode_step *step)
{
        struct builder_column *column = &run->builder->columns[step->column];
        const uint8_t *at = run->lanes->at[lane];
        struct slice bytes;

        switch (step->kind) {
        case STEP_LOAD_FIXED:
                if (!take_fixed(run, lane, step, &bytes))
                        return;
                decode_text_put(run, step->column, run->row + lane, bytes);
                break;
        case STEP_LOAD_DECIMAL:
                if (decode_text_take(run, lane, at, step, &bytes) == NULL)
                        return;
                column->dec[run->row + lane] = read_decimal(bytes);
                break;
        case STEP_LOAD_DECIMAL_FIXED:
                if (!take_fixed(run, lane, step, &bytes))
                        return;
                column->dec[run->row + lane] = read_decimal(bytes);
                break;
        case STEP_LOAD_HEADER:
                bytes = run->program->headers[step->count].value[lane];
                if (bytes.data == NULL)
                        decode_convert_null(run, lane, step->column, step);
                else
                        decode_text_put(run, step->column, run->row + lane, bytes);
                return;
        case STEP_LOAD_BODY: /* the position stays where the fields begin */
                bytes = slice_make(at, (size_t)(run->lanes->end[lane] - at));
                decode_text_put(run, step->column, run->row + lane, bytes);
                return;
        default:
                decode_convert_null(run, lane, step->column, step);
                return;
        }
        run->lanes->at[lane] = bytes.data + bytes.len;
}

static int64_t floor_divide(int64_t value, int64_t by)
{
        return value / by - (value % by < 0);
}

static weir_i128 power_of_ten(uint32_t exponent)
{
        weir_i128 power = 1;

        while (exponent-- > 0)
                power *= 10;
        return power;
}

/* As Flink: a decimal that its declared type cannot hold is NULL. */
static void rescale(struct decode_run *run, uint32_t lane, const struct decode_step *step)
{
        weir_i128 *value = &run->builder->columns[step->column].dec[run->row + lane];
        weir_i128 limit = power_of_ten(step->count);

        if (*value < limit && *value > -limit)
                *value *= step->wide_factor;
        else
                decode_convert_null(run, lane, step->column, step);
}

/* The column holds doubles; the load before wrote an int64 there. */
static void to_floating(struct decode_run *run, uint32_t lane, const struct decode_step *step)
{
        double *value = &run->builder->columns[step->column].f64[run->row + lane];
        int64_t integer;

        memcpy(&integer, value, sizeof(integer));
        *value = step->kind == STEP_TO_FLOAT ? (double)(float)integer : (double)integer;
}

void decode_convert_value(struct decode_run *run, uint32_t lane, const struct decode_step *step)
{
        int64_t *value = &run->builder->columns[step->column].i64[run->row + lane];
        bool is_beyond = false;

        if (run->lanes->reason[lane] != REASON_NONE)
                return; /* there is nothing to convert */
        switch (step->kind) {
        case STEP_TO_DOUBLE:
        case STEP_TO_FLOAT:
                to_floating(run, lane, step);
                return;
        case STEP_RESCALE:
                rescale(run, lane, step);
                return;
        case STEP_CHECK_RANGE:
                is_beyond = *value < step->least || *value > step->most;
                break;
        case STEP_MULTIPLY:
                is_beyond = __builtin_mul_overflow(*value, step->factor, value);
                break;
        case STEP_DIVIDE:
                *value = floor_divide(*value, step->factor);
                break;
        default:
                is_beyond = __builtin_mul_overflow(floor_divide(*value, step->factor), step->factor, value);
                break;
        }
        if (is_beyond)
                decode_lane_fail(run->program, lane, REASON_OUT_OF_RANGE, step);
}
