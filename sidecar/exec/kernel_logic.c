/* kernel_logic.c - three-valued logic on bitmaps: 64 rows at a time. TRUE is a set bit, and never set where the row is
 * NULL. */
#include <assert.h>

#include "sidecar/exec/kernel.h"

static uint64_t valid_word(const struct reg *reg, uint32_t w)
{
        return reg->valid == NULL ? UINT64_MAX : reg->valid[w];
}

/* Makes out ready for bits; `nullable` says whether it gets a validity bitmap too. */
static struct reg *take_bits(struct frame *frame, const struct step *step, bool nullable)
{
        struct reg *out = program_out(frame, step);
        uint64_t *bits = program_words(frame);
        uint64_t *valid = nullable ? program_words(frame) : NULL;

        *out = (struct reg){.bits = bits, .valid = valid, .mask = UINT32_MAX};
        return out;
}

/* AND and OR are one function: OR is AND of what is FALSE. Both find "decided" rows (FALSE for AND, TRUE for OR) and
 * rows that agree with everything so far. */
static void combine(struct frame *frame, const struct step *step, bool is_or, const uint64_t *under)
{
        bool nullable = false;
        struct reg *out;

        for (uint32_t i = 0; i < step->n_args; i++)
                nullable = nullable || program_arg(frame, step, i)->valid != NULL;
        out = take_bits(frame, step, nullable);
        for (uint32_t w = 0; w < frame->n_words; w++) {
                uint64_t all_true = UINT64_MAX, any_true = 0, all_false = UINT64_MAX, any_false = 0;

                for (uint32_t i = 0; i < step->n_args; i++) {
                        const struct reg *arg = program_arg(frame, step, i);
                        uint64_t is_true = arg->bits[w];
                        uint64_t is_false = valid_word(arg, w) & ~is_true;

                        if (under != NULL && i > 0) { /* elsewhere the argument is neutral */
                                is_true = is_or ? is_true & under[w] : is_true | ~under[w];
                                is_false = is_or ? is_false | ~under[w] : is_false & under[w];
                        }
                        all_true &= is_true;
                        any_true |= is_true;
                        all_false &= is_false;
                        any_false |= is_false;
                }
                out->bits[w] = is_or ? any_true : all_true;
                if (nullable)
                        out->valid[w] = is_or ? any_true | all_false : any_false | all_true;
        }
}

void kernel_logic_and(struct frame *frame, const struct step *step)
{
        combine(frame, step, false, NULL);
}

void kernel_logic_or(struct frame *frame, const struct step *step)
{
        combine(frame, step, true, NULL);
}

void kernel_logic_and_under(struct frame *frame, const struct step *step)
{
        combine(frame, step, false, frame->selections[step->mode].bits);
}

void kernel_logic_or_under(struct frame *frame, const struct step *step)
{
        combine(frame, step, true, frame->selections[step->mode].bits);
}

void kernel_logic_not(struct frame *frame, const struct step *step)
{
        const struct reg *arg = program_arg(frame, step, 0);
        struct reg *out = take_bits(frame, step, false);

        for (uint32_t w = 0; w < frame->n_words; w++)
                out->bits[w] = valid_word(arg, w) & ~arg->bits[w];
        out->valid = arg->valid;
}

void kernel_logic_is(struct frame *frame, const struct step *step)
{
        const struct reg *arg = program_arg(frame, step, 0);
        struct reg *out = take_bits(frame, step, false);
        bool wants_false = step->mode == FN_IS_FALSE || step->mode == FN_IS_NOT_FALSE;
        uint64_t flip = step->mode == FN_IS_NOT_TRUE || step->mode == FN_IS_NOT_FALSE ? UINT64_MAX : 0;

        for (uint32_t w = 0; w < frame->n_words; w++)
                out->bits[w] = flip ^ (wants_false ? valid_word(arg, w) & ~arg->bits[w] : arg->bits[w]);
}

void kernel_logic_is_null(struct frame *frame, const struct step *step)
{
        const struct reg *arg = program_arg(frame, step, 0);
        struct reg *out = take_bits(frame, step, false);
        uint64_t flip = step->mode == 1 ? 0 : UINT64_MAX;

        for (uint32_t w = 0; w < frame->n_words; w++)
                out->bits[w] = flip ^ valid_word(arg, w);
}

void kernel_logic_require(struct frame *frame, const struct step *step)
{
        const struct reg *arg = program_arg(frame, step, 0);
        const struct selection *selection = &frame->selections[step->selection];

        *program_out(frame, step) = *arg;
        for (uint32_t i = 0; arg->valid != NULL && i < selection->n; i++) {
                uint32_t row = selection->rows[i];

                if (bitmap_get(arg->valid, row))
                        continue;
                bitmap_set(frame->failed, row);
                frame->any_failed = true;
        }
}

void kernel_logic_distinct(struct frame *frame, const struct step *step)
{
        const struct reg *unequal = program_arg(frame, step, 0);
        const struct reg *a = program_arg(frame, step, 1), *b = program_arg(frame, step, 2);
        struct reg *out = take_bits(frame, step, false);
        uint64_t flip = step->mode == 1 ? UINT64_MAX : 0;

        for (uint32_t w = 0; w < frame->n_words; w++) {
                uint64_t both = valid_word(a, w) & valid_word(b, w);

                out->bits[w] = flip ^ ((unequal->bits[w] & both) | (valid_word(a, w) ^ valid_word(b, w)));
        }
}

void kernel_logic_from_i64(struct frame *frame, const struct step *step)
{
        const struct reg *arg = program_arg(frame, step, 0);
        struct reg *out = take_bits(frame, step, false);
        uint32_t row = 0;

        for (uint32_t w = 0; w < frame->n_words; w++) {
                uint32_t end = row + 64 < frame->n_rows ? row + 64 : frame->n_rows;
                uint64_t word = 0;

                for (uint32_t i = row; i < end; i++)
                        word |= (uint64_t)(arg->i64[i] != 0) << (i & 63);
                out->bits[w] = word & valid_word(arg, w);
                row = end;
        }
        out->valid = arg->valid;
}

void kernel_logic_to_i64(struct frame *frame, const struct step *step)
{
        const struct reg *arg = program_arg(frame, step, 0);
        struct reg *out = program_out(frame, step);

        program_take_data(frame, step);
        out->valid = arg->valid;
        for (uint32_t row = 0; row < frame->n_rows; row++)
                out->i64[row] = (int64_t)(arg->bits[row >> 6] >> (row & 63) & 1);
}

/* Values of the rows in `bits` from one register into another; bytes is 8 or 16. */
static void copy_rows(struct frame *frame, struct reg *out, const struct reg *from, const uint64_t *bits, size_t bytes)
{
        uint8_t *to_data = out->data;
        const uint8_t *from_data = from->data;

        for (uint32_t w = 0; w < frame->n_words; w++) {
                uint64_t word = bits[w];

                while (word != 0) {
                        uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(word);

                        word &= word - 1;
                        if (bytes == 8)
                                memcpy(to_data + row * 8, from_data + (row & from->mask) * 8, 8);
                        else
                                memcpy(to_data + row * 16, from_data + (row & from->mask) * 16, 16);
                }
        }
}

static void choose_bits(struct frame *frame, const struct step *step, const uint16_t *selections, struct reg *out)
{
        memset(out->bits, 0, frame->n_words * sizeof *out->bits);
        for (uint32_t i = 0; i < step->n_args; i++) {
                const struct reg *arg = program_arg(frame, step, i);
                const uint64_t *under = frame->selections[selections[i]].bits;

                for (uint32_t w = 0; w < frame->n_words; w++)
                        out->bits[w] = (out->bits[w] & ~under[w]) | (arg->bits[w] & under[w]);
        }
}

void kernel_logic_choose(struct frame *frame, const struct step *step)
{
        const uint16_t *selections = step->extra;
        bool is_boolean = step->type.kind == TYPE_BOOLEAN;
        struct reg *out = program_out(frame, step);
        size_t bytes = phys_bytes(type_phys(&step->type));
        bool nullable = false;

        for (uint32_t i = 0; i < step->n_args; i++)
                nullable = nullable || program_arg(frame, step, i)->valid != NULL;
        if (is_boolean) {
                out = take_bits(frame, step, false);
                choose_bits(frame, step, selections, out);
        } else {
                program_take_data(frame, step);
                out->valid = NULL;
                /* Rows outside every selection are never looked at by who follows pointers, but let them be defined. */
                memset(out->data, 0, frame->n_rows * bytes);
        }
        if (nullable) {
                out->valid = program_words(frame);
                memset(out->valid, 0, frame->n_words * sizeof *out->valid);
        }
        for (uint32_t i = 0; i < step->n_args; i++) {
                const struct reg *arg = program_arg(frame, step, i);
                const uint64_t *under = frame->selections[selections[i]].bits;

                if (!is_boolean)
                        copy_rows(frame, out, arg, under, bytes);
                for (uint32_t w = 0; nullable && w < frame->n_words; w++)
                        out->valid[w] = (out->valid[w] & ~under[w]) | (valid_word(arg, w) & under[w]);
        }
}

static void select_bits(struct frame *frame, const struct step *step, const struct reg *yes, const struct reg *no,
                        const uint64_t *condition)
{
        struct reg *out = take_bits(frame, step, false);

        for (uint32_t w = 0; w < frame->n_words; w++)
                out->bits[w] = (yes->bits[w] & condition[w]) | (no->bits[w] & ~condition[w]);
}

static void select_words(struct frame *frame, struct reg *out, const struct reg *yes, const struct reg *no,
                         const uint64_t *condition)
{
        const int64_t *restrict yes_data = yes->i64, *restrict no_data = no->i64;
        int64_t *restrict data = out->i64;

        for (uint32_t row = 0; row < frame->n_rows; row++) {
                int64_t mask = -(int64_t)(condition[row >> 6] >> (row & 63) & 1);

                data[row] = (yes_data[row & yes->mask] & mask) | (no_data[row & no->mask] & ~mask);
        }
}

void kernel_logic_select(struct frame *frame, const struct step *step)
{
        const struct reg *yes = program_arg(frame, step, step->n_args - 2u);
        const struct reg *no = program_arg(frame, step, step->n_args - 1u);
        const uint64_t *condition = step->mode == 1 ? yes->valid : program_arg(frame, step, 0)->bits;
        struct reg *out = program_out(frame, step);
        size_t bytes;

        if (condition == NULL) { /* COALESCE of what is never NULL */
                *out = *yes;
                return;
        }
        if (step->type.kind == TYPE_BOOLEAN) {
                select_bits(frame, step, yes, no, condition);
        } else {
                program_take_data(frame, step);
                out->valid = NULL;
                bytes = phys_bytes(type_phys(&step->type));
                if (type_phys(&step->type) == PHYS_I64) {
                        select_words(frame, out, yes, no, condition);
                } else {
                        for (uint32_t row = 0; row < frame->n_rows; row++) {
                                const struct reg *from = bitmap_get(condition, row) ? yes : no;

                                memcpy((uint8_t *)out->data + row * bytes,
                                       (const uint8_t *)from->data + (row & from->mask) * bytes, bytes);
                        }
                }
        }
        if (yes->valid == NULL && no->valid == NULL)
                return;
        out->valid = program_words(frame);
        for (uint32_t w = 0; w < frame->n_words; w++)
                out->valid[w] = (valid_word(yes, w) & condition[w]) | (valid_word(no, w) & ~condition[w]);
}
