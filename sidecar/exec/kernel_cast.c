/* kernel_cast.c - CAST to and from strings, over column/value.h. */
#include <assert.h>

#include "sidecar/base/utf8.h"
#include "sidecar/column/value.h"
#include "sidecar/exec/kernel.h"

static struct value value_at(const struct reg *reg, uint32_t row, const struct type *type)
{
        uint32_t i = row & reg->mask;
        struct value value = {.phys = type_phys(type)};

        if (reg->bits != NULL)
                value.i64 = bitmap_get(reg->bits, row);
        else if (value.phys == PHYS_I64)
                value.i64 = reg->i64[i];
        else if (value.phys == PHYS_F64)
                value.f64 = reg->f64[i];
        else if (value.phys == PHYS_DEC)
                value.dec = reg->dec[i];
        else
                value.str = reg->str[i];
        return value;
}

void kernel_cast_to_text(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct value value = value_at(a, row, &step->arg_types[0]);
                uint8_t *text = program_take_text(frame, VALUE_TEXT_BYTES);
                size_t len = value_format_short(&step->arg_types[0], &value, (char *)text);

                out->str[row] = value_fit_length(&step->type, program_keep_text(frame, text, VALUE_TEXT_BYTES, len),
                                                 frame->arena);
        }
}

void kernel_cast_from_text(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        bool is_boolean = step->type.kind == TYPE_BOOLEAN, is_try = step->mode == 1;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);
        uint64_t *bits = is_boolean ? program_words(frame) : NULL;

        if (is_boolean)
                memset(bits, 0, frame->n_words * sizeof *bits);
        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct value value = {.phys = PHYS_NONE};

                if (value_parse(&step->type, a->str[row & a->mask], frame->arena, &value) != 0) {
                        value.dec = 0;
                        if (is_try)
                                program_set_null(frame, out, row);
                        else
                                program_fail(frame, out, row);
                }
                switch (type_phys(&step->type)) {
                case PHYS_I64:
                        if (!is_boolean)
                                out->i64[row] = value.i64;
                        else if (value.i64 != 0)
                                bitmap_set(bits, row);
                        break;
                case PHYS_F64:
                        out->f64[row] = value.f64;
                        break;
                default:
                        out->dec[row] = value.dec;
                        break;
                }
        }
        if (is_boolean)
                *out = (struct reg){.bits = bits, .valid = out->valid, .mask = UINT32_MAX};
}

void kernel_cast_text(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        bool is_repaired = type_is_binary(&step->arg_types[0]) && type_is_character(&step->type);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = a->str[row & a->mask];

                if (is_repaired && !utf8_is_valid(text)) {
                        uint8_t *bytes = program_take_text(frame, 3 * text.len);

                        text = program_keep_text(frame, bytes, 3 * text.len, utf8_repair(text, bytes));
                }
                out->str[row] = value_fit_length(&step->type, text, frame->arena);
        }
}
