/* program.c - what kernels have in common, and the steps that make selections. See program.h. */
#include "sidecar/exec/program.h"

#include <assert.h>

/* The bits of the last word that belong to rows. */
static uint64_t last_mask(const struct frame *frame)
{
        uint32_t rest = frame->n_rows % 64;

        return rest == 0 ? UINT64_MAX : (UINT64_C(1) << rest) - 1;
}

void program_take_data(struct frame *frame, const struct step *step)
{
        struct reg *out = program_out(frame, step);

        out->data = arena_take(frame->arena, (frame->n_rows + 1) * phys_bytes(type_phys(&step->type)), 16);
        out->mask = UINT32_MAX;
}

void program_strict_valid(struct frame *frame, const struct step *step)
{
        struct reg *out = program_out(frame, step);
        bool is_owned = false;

        out->valid = NULL;
        for (uint32_t i = 0; i < step->n_args; i++) {
                uint64_t *valid = program_arg(frame, step, i)->valid;

                if (valid == NULL || valid == out->valid)
                        continue;
                if (out->valid == NULL) {
                        out->valid = valid; /* shared: nobody writes to a bitmap that is not his */
                        continue;
                }
                if (!is_owned) {
                        uint64_t *words = program_words(frame);

                        for (uint32_t w = 0; w < frame->n_words; w++)
                                words[w] = out->valid[w] & valid[w];
                        out->valid = words;
                        is_owned = true;
                        continue;
                }
                for (uint32_t w = 0; w < frame->n_words; w++)
                        out->valid[w] &= valid[w];
        }
}

/* The rows whose bit is set, ascending. */
static uint32_t list_rows(const uint64_t *bits, uint32_t n_words, uint32_t *rows)
{
        uint32_t n = 0;

        for (uint32_t w = 0; w < n_words; w++) {
                uint64_t word = bits[w];

                while (word != 0) {
                        rows[n++] = w * 64 + (uint32_t)__builtin_ctzll(word);
                        word &= word - 1;
                }
        }
        return n;
}

struct selection program_strict_rows(struct frame *frame, const struct step *step)
{
        const struct selection *selected = &frame->selections[step->selection];
        struct reg *out = program_out(frame, step);
        struct selection rows = *selected;

        program_strict_valid(frame, step);
        program_take_data(frame, step);
        if (out->valid != NULL) {
                uint64_t *bits = program_words(frame);
                uint32_t *list = arena_take(frame->arena, (selected->n + 1) * sizeof *list, sizeof *list);

                /* A copy: kernels that find more NULLs write to it. */
                for (uint32_t w = 0; w < frame->n_words; w++)
                        bits[w] = selected->bits[w] & out->valid[w];
                out->valid = bits;
                rows.bits = bits;
                rows.rows = list;
                rows.n = list_rows(bits, frame->n_words, list);
        }
        if (rows.n < frame->n_rows)
                memset(out->data, 0, (size_t)frame->n_rows * phys_bytes(type_phys(&step->type)));
        return rows;
}

void program_need_valid(struct frame *frame, struct reg *reg)
{
        if (reg->valid != NULL)
                return;
        reg->valid = program_words(frame);
        memset(reg->valid, 0xff, frame->n_words * sizeof *reg->valid);
}

void program_fail(struct frame *frame, struct reg *out, uint32_t row)
{
        bitmap_set(frame->failed, row);
        frame->any_failed = true;
        program_set_null(frame, out, row);
}

/* What a selection asks of a BOOLEAN (for select_null: of anything). */
enum test { TEST_TRUE, TEST_NOT_TRUE, TEST_NOT_FALSE, TEST_NULL };

static uint64_t test_word(const struct reg *reg, uint32_t w, enum test test)
{
        uint64_t valid = reg->valid == NULL ? UINT64_MAX : reg->valid[w];

        switch (test) {
        case TEST_TRUE:
                return reg->bits[w];
        case TEST_NOT_TRUE:
                return ~reg->bits[w];
        case TEST_NOT_FALSE:
                return reg->bits[w] | ~valid;
        case TEST_NULL:
                return ~valid;
        }
        assert(false);
        return 0;
}

static void select_rows(struct frame *frame, const struct step *step, enum test test)
{
        const struct selection *from = &frame->selections[step->selection];
        struct selection *to = &frame->selections[step->mode];
        const struct reg *reg = program_arg(frame, step, 0);
        uint64_t *bits = program_words(frame);
        uint32_t *rows;

        for (uint32_t w = 0; w < frame->n_words; w++)
                bits[w] = from->bits[w] & test_word(reg, w, test);
        bits[frame->n_words - 1] &= last_mask(frame);
        rows = arena_take(frame->arena, (from->n + 1) * sizeof *rows, sizeof *rows);
        to->n = list_rows(bits, frame->n_words, rows);
        to->rows = rows;
        to->bits = bits;
}

void program_select_true(struct frame *frame, const struct step *step)
{
        select_rows(frame, step, TEST_TRUE);
}

void program_select_not_true(struct frame *frame, const struct step *step)
{
        select_rows(frame, step, TEST_NOT_TRUE);
}

void program_select_not_false(struct frame *frame, const struct step *step)
{
        select_rows(frame, step, TEST_NOT_FALSE);
}

void program_select_null(struct frame *frame, const struct step *step)
{
        select_rows(frame, step, TEST_NULL);
}
