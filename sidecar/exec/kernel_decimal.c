/* kernel_decimal.c - DECIMAL row by row over base/decimal.h; a result that does not fit its type is NULL. */
#include <assert.h>
#include <math.h>

#include "sidecar/exec/kernel.h"

static struct decimal_type decimal_type_of(const struct type *type)
{
        return (struct decimal_type){type->precision, type->scale};
}

/* Overflow is NULL; dividing by zero, and a remainder that Java cannot find, fail the row. */
static void put(struct frame *frame, struct reg *out, uint32_t row, int result, weir_i128 value)
{
        out->dec[row] = result == 0 ? value : 0;
        if (result == DECIMAL_E_OVERFLOW)
                program_set_null(frame, out, row);
        else if (result != 0)
                program_fail(frame, out, row);
}

static int compute(unsigned mode, weir_i128 x, unsigned scale_x, weir_i128 y, unsigned scale_y, struct decimal_type to,
                   weir_i128 *ret)
{
        switch (mode) {
        case FN_ADD:
                return decimal_add(x, scale_x, y, scale_y, to, ret);
        case FN_SUBTRACT:
                return decimal_subtract(x, scale_x, y, scale_y, to, ret);
        case FN_MULTIPLY:
                return decimal_multiply(x, scale_x, y, scale_y, to, ret);
        case FN_DIVIDE:
                return decimal_divide(x, scale_x, y, scale_y, to, ret);
        default:
                assert(mode == FN_MODULO);
                return decimal_remainder(x, scale_x, y, scale_y, to, ret);
        }
}

void kernel_decimal_binary(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        unsigned scale_a = step->arg_types[0].scale, scale_b = step->arg_types[1].scale;
        struct decimal_type to = decimal_type_of(&step->type);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                weir_i128 value = 0;
                int result = compute(step->mode, a->dec[row & a->mask], scale_a, b->dec[row & b->mask], scale_b, to,
                                     &value);

                put(frame, out, row, result, value);
        }
}

void kernel_decimal_negate(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);

        for (uint32_t k = 0; k < rows.n; k++)
                program_out(frame, step)->dec[rows.rows[k]] = -a->dec[rows.rows[k] & a->mask];
}

void kernel_decimal_abs(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                weir_i128 value = a->dec[rows.rows[k] & a->mask];

                program_out(frame, step)->dec[rows.rows[k]] = value < 0 ? -value : value;
        }
}

void kernel_decimal_sign(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct decimal_type to = decimal_type_of(&step->type);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                weir_i128 value = a->dec[rows.rows[k] & a->mask], sign = (value > 0) - (value < 0), scaled = 0;
                int result = decimal_rescale(sign, 0, to, &scaled);

                put(frame, out, rows.rows[k], result, scaled);
        }
}

void kernel_decimal_round(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        int64_t digits = step->n_args > 1 ? program_arg(frame, step, 1)->i64[0] : 0; /* a literal */
        unsigned scale = step->arg_types[0].scale;
        struct decimal_type to = decimal_type_of(&step->type);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);
        int bounded = digits < -64 ? -64 : digits > 64 ? 64 : (int)digits;

        for (uint32_t k = 0; k < rows.n; k++) {
                weir_i128 rounded = decimal_round(a->dec[rows.rows[k] & a->mask], scale, bounded,
                                                  (enum decimal_mode)step->mode);
                weir_i128 value = 0;
                int result = decimal_rescale(rounded, scale, to, &value);

                put(frame, out, rows.rows[k], result, value);
        }
}

void kernel_decimal_rescale(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        unsigned scale = step->arg_types[0].scale;
        struct decimal_type to = decimal_type_of(&step->type);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                weir_i128 value = 0;
                int result = decimal_rescale(a->dec[rows.rows[k] & a->mask], scale, to, &value);

                put(frame, out, rows.rows[k], result, value);
        }
}

void kernel_decimal_from_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct decimal_type to = decimal_type_of(&step->type);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                weir_i128 value = 0;
                int result = decimal_rescale(a->i64[rows.rows[k] & a->mask], 0, to, &value);

                put(frame, out, rows.rows[k], result, value);
        }
}

void kernel_decimal_from_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct decimal_type to = decimal_type_of(&step->type);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                double number = a->f64[rows.rows[k] & a->mask];
                weir_i128 value = 0;
                int result = isfinite(number) ? decimal_from_double(number, to, &value) : DECIMAL_E_BAD;

                put(frame, out, rows.rows[k], result, value);
        }
}

void kernel_decimal_to_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        unsigned scale = step->arg_types[0].scale;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                int64_t value = decimal_to_i64(a->dec[rows.rows[k] & a->mask], scale);

                out->i64[rows.rows[k]] = step->mode == 32   ? (int32_t)value
                                         : step->mode == 16 ? (int16_t)value
                                         : step->mode == 8  ? (int8_t)value
                                                            : value;
        }
}

void kernel_decimal_to_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct decimal_type from = decimal_type_of(&step->arg_types[0]);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                double value = decimal_to_double(a->dec[rows.rows[k] & a->mask], from);

                out->f64[rows.rows[k]] = step->mode == 1 ? (double)(float)value : value;
        }
}

void kernel_decimal_is_not_zero(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct reg *out = program_out(frame, step);
        uint64_t *bits = program_words(frame);

        *out = (struct reg){.bits = bits, .mask = UINT32_MAX, .valid = a->valid};
        memset(bits, 0, frame->n_words * sizeof *bits);
        for (uint32_t row = 0; row < frame->n_rows; row++) {
                if (a->dec[row & a->mask] != 0 && !program_is_null(a, row))
                        bitmap_set(bits, row);
        }
}
