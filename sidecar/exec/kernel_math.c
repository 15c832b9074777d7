/* kernel_math.c - numeric functions. Doubles through libm: the last digit of a transcendental function may differ from
 * Java's. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "sidecar/base/number.h"
#include "sidecar/exec/kernel.h"

/* LOG(base, x); Flink divides logarithms, so LOG(3, 243) is not quite 5. */
static double log_of(double base, double x)
{
        return log(x) / log(base);
}

static double one_or_two(unsigned function, double x, double y, bool has_two)
{
        switch (function) {
        case FN_POWER:
                /* Java: 1 to the NaN is NaN, and |1| to the infinity too; C says 1. */
                if (y != y || (x != x && y != 0.0) || ((x == 1.0 || x == -1.0) && isinf(y)))
                        return NAN;
                return pow(x, y);
        case FN_SQRT:
                return sqrt(x);
        case FN_EXP:
                return exp(x);
        case FN_LN:
                return log(x);
        case FN_LOG:
                return has_two ? log_of(x, y) : log(x);
        case FN_LOG2:
                return log_of(2.0, x);
        case FN_LOG10:
                return log10(x);
        case FN_SIN:
                return sin(x);
        case FN_COS:
                return cos(x);
        case FN_TAN:
                return tan(x);
        case FN_COT:
                return 1.0 / tan(x);
        case FN_ASIN:
                return asin(x);
        case FN_ACOS:
                return acos(x);
        case FN_ATAN:
                return atan(x);
        case FN_ATAN2:
                return atan2(x, y);
        case FN_SINH:
                return sinh(x);
        case FN_COSH:
                return cosh(x);
        case FN_TANH:
                return tanh(x);
        case FN_DEGREES:
                return x * 57.29577951308232;
        default:
                assert(function == FN_RADIANS);
                return x * 0.017453292519943295;
        }
}

void kernel_math_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct reg *b = program_arg(frame, step, step->n_args - 1u);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];

                out->f64[row] = one_or_two(step->mode, a->f64[row & a->mask], b->f64[row & b->mask], step->n_args == 2);
        }
}

/* Rounds the shortest decimal of a double, as BigDecimal.valueOf(x).setScale(digits) does. */
static double round_decimal(double value, int digits, bool is_half_up)
{
        struct number_decimal decimal = number_shortest(value);
        int cut = -decimal.exponent - digits; /* digits to lose */
        char text[NUMBER_TEXT_BYTES + 32];
        uint64_t unit = 1, rest;
        size_t n;

        if (decimal.digits == 0 || cut > 18) /* BigDecimal has no -0 */
                return 0.0;
        if (cut <= 0)
                return value;
        for (int i = 0; i < cut; i++)
                unit *= 10;
        rest = decimal.digits % unit;
        decimal.digits -= rest;
        if (is_half_up && rest >= unit - rest)
                decimal.digits += unit;
        if (decimal.digits == 0)
                return 0.0;
        n = number_format_i64((int64_t)decimal.digits, text);
        text[n++] = 'e';
        n += number_format_i64(decimal.exponent, text + n);
        text[n] = '\0';
        value = strtod(text, NULL);
        return decimal.is_negative ? -value : value;
}

void kernel_math_round_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct reg *digits = step->n_args > 1 ? program_arg(frame, step, 1) : NULL;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                double x = a->f64[row & a->mask];
                int64_t n_digits = digits == NULL ? 0 : digits->i64[row & digits->mask];
                int bounded = n_digits < -400 ? -400 : n_digits > 400 ? 400 : (int)n_digits;

                out->f64[row] = 0;
                if (step->mode == FN_FLOOR) {
                        out->f64[row] = floor(x);
                } else if (step->mode == FN_CEIL) {
                        out->f64[row] = ceil(x);
                } else if (!isfinite(x)) { /* BigDecimal has none of these */
                        program_fail(frame, out, row);
                } else {
                        out->f64[row] = round_decimal(x, bounded, step->mode == FN_ROUND);
                        if (step->type.kind == TYPE_FLOAT)
                                out->f64[row] = (double)(float)out->f64[row];
                }
        }
}

static int64_t round_integer(int64_t value, int64_t digits, bool is_half_up)
{
        weir_i128 unit = 1, rest, whole;

        if (digits >= 0)
                return value;
        if (digits < -19)
                return 0;
        for (int64_t i = digits; i < 0; i++)
                unit *= 10;
        rest = value % unit;
        whole = value - rest;
        if (is_half_up && rest * 2 >= unit)
                whole += unit;
        else if (is_half_up && rest * 2 <= -unit)
                whole -= unit;
        return (int64_t)(uint64_t)whole;
}

void kernel_math_round_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct reg *digits = program_arg(frame, step, 1);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);
        unsigned shift = 64 - type_integer_bits(&step->type);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t value = round_integer(a->i64[row & a->mask], digits->i64[row & digits->mask],
                                              step->mode == FN_ROUND);

                out->i64[row] = (int64_t)((uint64_t)value << shift) >> shift; /* wraps in its width */
        }
}
