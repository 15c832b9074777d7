/* kernel_arith.c - arithmetic of integers and doubles, in loops that a compiler turns into vector code.
 *
 * Integers are computed in 64 bits and cut to the bits of their type, which is what wrapping in that width means. FLOAT
 * is computed in double and rounded: for one operation that is what single precision gives. A literal is read once. */
#include <assert.h>

#include "sidecar/exec/kernel.h"

/* The three shapes of a loop over two arguments: neither, the second or the first is a literal. */
#define BINARY_LOOP(out, a, b, n, expression)                                                                          \
        do {                                                                                                           \
                if ((b)->mask == 0) {                                                                                  \
                        const TYPE y = (b)->FIELD[0];                                                                  \
                        for (uint32_t i = 0; i < (n); i++) {                                                           \
                                const TYPE x = (a)->FIELD[i & (a)->mask];                                              \
                                (out)[i] = (expression);                                                               \
                        }                                                                                              \
                } else if ((a)->mask == 0) {                                                                           \
                        const TYPE x = (a)->FIELD[0];                                                                  \
                        for (uint32_t i = 0; i < (n); i++) {                                                           \
                                const TYPE y = (b)->FIELD[i];                                                          \
                                (out)[i] = (expression);                                                               \
                        }                                                                                              \
                } else {                                                                                               \
                        for (uint32_t i = 0; i < (n); i++) {                                                           \
                                const TYPE x = (a)->FIELD[i], y = (b)->FIELD[i];                                       \
                                (out)[i] = (expression);                                                               \
                        }                                                                                              \
                }                                                                                                      \
        } while (false)

static struct reg *take_dense(struct frame *frame, const struct step *step)
{
        program_take_data(frame, step);
        program_strict_valid(frame, step);
        return program_out(frame, step);
}

static void wrap(int64_t *restrict values, uint32_t n, unsigned bits)
{
        if (bits == 32) {
                for (uint32_t i = 0; i < n; i++)
                        values[i] = (int32_t)values[i];
        } else if (bits == 16) {
                for (uint32_t i = 0; i < n; i++)
                        values[i] = (int16_t)values[i];
        } else if (bits == 8) {
                for (uint32_t i = 0; i < n; i++)
                        values[i] = (int8_t)values[i];
        }
}

#define TYPE int64_t
#define FIELD i64

#define DEFINE_I64(name, expression)                                                                                   \
        void kernel_arith_##name##_i64(struct frame *frame, const struct step *step)                                   \
        {                                                                                                              \
                const struct reg *a = program_arg(frame, step, 0);                                                     \
                const struct reg *b = program_arg(frame, step, 1);                                                     \
                int64_t *restrict out = take_dense(frame, step)->i64;                                                  \
                                                                                                                       \
                BINARY_LOOP(out, a, b, frame->n_rows, expression);                                                     \
                wrap(out, frame->n_rows, step->mode);                                                                  \
        }

DEFINE_I64(add, (int64_t)((uint64_t)x + (uint64_t)y))
DEFINE_I64(subtract, (int64_t)((uint64_t)x - (uint64_t)y))
DEFINE_I64(multiply, (int64_t)((uint64_t)x *(uint64_t)y))

#undef TYPE
#undef FIELD

void kernel_arith_negate_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        int64_t *restrict out = take_dense(frame, step)->i64;

        for (uint32_t i = 0; i < frame->n_rows; i++)
                out[i] = (int64_t)(0 - (uint64_t)a->i64[i & a->mask]);
        wrap(out, frame->n_rows, step->mode);
}

void kernel_arith_abs_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        int64_t *restrict out = take_dense(frame, step)->i64;

        for (uint32_t i = 0; i < frame->n_rows; i++) {
                int64_t x = a->i64[i & a->mask];

                out[i] = x < 0 ? (int64_t)(0 - (uint64_t)x) : x;
        }
        wrap(out, frame->n_rows, step->mode);
}

void kernel_arith_sign_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        int64_t *restrict out = take_dense(frame, step)->i64;

        for (uint32_t i = 0; i < frame->n_rows; i++) {
                int64_t x = a->i64[i & a->mask];

                out[i] = (x > 0) - (x < 0);
        }
}

void kernel_arith_wrap_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        int64_t *restrict out = take_dense(frame, step)->i64;

        for (uint32_t i = 0; i < frame->n_rows; i++)
                out[i] = a->i64[i & a->mask];
        wrap(out, frame->n_rows, step->mode);
}

/* Dividing by a literal other than 0 and -1 cannot fail or wrap; everything else goes row by row. */
static bool is_safe_divisor(const struct reg *divisor)
{
        return divisor->mask == 0 && divisor->valid == NULL && divisor->i64[0] != 0 && divisor->i64[0] != -1;
}

static void divide_rows(struct frame *frame, const struct step *step, bool is_modulo)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t dividend = a->i64[row & a->mask], divisor = b->i64[row & b->mask];

                if (divisor == 0) {
                        out->i64[row] = 0;
                        program_fail(frame, out, row);
                } else if (divisor == -1) { /* the lowest integer / -1 wraps to itself */
                        out->i64[row] = is_modulo ? 0 : (int64_t)(0 - (uint64_t)dividend);
                } else {
                        out->i64[row] = is_modulo ? dividend % divisor : dividend / divisor;
                }
        }
}

void kernel_arith_divide_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);

        if (is_safe_divisor(b)) {
                int64_t *restrict out = take_dense(frame, step)->i64;
                int64_t divisor = b->i64[0];

                for (uint32_t i = 0; i < frame->n_rows; i++)
                        out[i] = a->i64[i & a->mask] / divisor;
        } else {
                divide_rows(frame, step, false);
        }
        wrap(program_out(frame, step)->i64, frame->n_rows, step->mode);
}

void kernel_arith_modulo_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);

        if (is_safe_divisor(b)) {
                int64_t *restrict out = take_dense(frame, step)->i64;
                int64_t divisor = b->i64[0];

                for (uint32_t i = 0; i < frame->n_rows; i++)
                        out[i] = a->i64[i & a->mask] % divisor;
        } else {
                divide_rows(frame, step, true);
        }
        wrap(program_out(frame, step)->i64, frame->n_rows, step->mode);
}

static void round_to_single(double *restrict values, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                values[i] = (double)(float)values[i];
}

#define TYPE double
#define FIELD f64

#define DEFINE_F64(name, expression)                                                                                   \
        void kernel_arith_##name##_f64(struct frame *frame, const struct step *step)                                   \
        {                                                                                                              \
                const struct reg *a = program_arg(frame, step, 0);                                                     \
                const struct reg *b = program_arg(frame, step, 1);                                                     \
                double *restrict out = take_dense(frame, step)->f64;                                                   \
                                                                                                                       \
                BINARY_LOOP(out, a, b, frame->n_rows, expression);                                                     \
                if (step->mode == 1)                                                                                   \
                        round_to_single(out, frame->n_rows);                                                           \
        }

DEFINE_F64(add, x + y)
DEFINE_F64(subtract, x - y)
DEFINE_F64(multiply, x *y)
DEFINE_F64(divide, x / y)

#undef TYPE
#undef FIELD

void kernel_arith_negate_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        double *restrict out = take_dense(frame, step)->f64;

        for (uint32_t i = 0; i < frame->n_rows; i++)
                out[i] = -a->f64[i & a->mask];
}

void kernel_arith_abs_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        double *restrict out = take_dense(frame, step)->f64;

        for (uint32_t i = 0; i < frame->n_rows; i++)
                out[i] = __builtin_fabs(a->f64[i & a->mask]);
}

void kernel_arith_sign_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        double *restrict out = take_dense(frame, step)->f64;

        for (uint32_t i = 0; i < frame->n_rows; i++) {
                double x = a->f64[i & a->mask];

                out[i] = x > 0 ? 1.0 : x < 0 ? -1.0 : x; /* zero and NaN are their own sign */
        }
}

void kernel_arith_i64_to_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        double *restrict out = take_dense(frame, step)->f64;

        if (step->mode == 1) { /* straight to single: rounding twice could differ */
                for (uint32_t i = 0; i < frame->n_rows; i++)
                        out[i] = (double)(float)a->i64[i & a->mask];
        } else {
                for (uint32_t i = 0; i < frame->n_rows; i++)
                        out[i] = (double)a->i64[i & a->mask];
        }
}

void kernel_arith_round_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        double *restrict out = take_dense(frame, step)->f64;

        for (uint32_t i = 0; i < frame->n_rows; i++)
                out[i] = (double)(float)a->f64[i & a->mask];
}

/* Java: toward zero, NaN is 0, saturating in 32 bits (64 for BIGINT); shorter types then wrap. */
void kernel_arith_f64_to_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        int64_t *restrict out = take_dense(frame, step)->i64;
        bool is_long = step->mode == 64;
        double low = is_long ? -0x1p63 : -0x1p31, high = is_long ? 0x1p63 : 0x1p31 - 1.0;
        int64_t lowest = is_long ? INT64_MIN : INT32_MIN, highest = is_long ? INT64_MAX : INT32_MAX;

        for (uint32_t i = 0; i < frame->n_rows; i++) {
                double x = a->f64[i & a->mask];

                if (x >= low && x < high)
                        out[i] = (int64_t)x;
                else
                        out[i] = x != x ? 0 : x < 0 ? lowest : highest;
        }
        if (!is_long)
                wrap(out, frame->n_rows, step->mode);
}
