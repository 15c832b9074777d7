/* eval.c - running programs. See eval.h; eval_compile.c makes them. */
#include "sidecar/exec/eval.h"

#include <assert.h>

#include "sidecar/base/alloc.h"
#include "sidecar/column/value.h"
#include "sidecar/exec/kernel.h"

enum { STATE_CHUNK_BYTES = 1 << 20 };

struct eval_state *eval_state_new(void)
{
        struct eval_state *state = alloc_zero(1, sizeof *state);

        arena_init(&state->arena, STATE_CHUNK_BYTES, 0);
        for (uint32_t i = 0; i < LIMIT_ROWS_PER_VECTOR; i++)
                state->identity[i] = i;
        return state;
}

struct eval_state *eval_state_free(struct eval_state *state)
{
        if (state == NULL)
                return NULL;
        arena_done(&state->arena);
        kernel_compare_free_caches(state);
        kernel_regexp_free_state(state->regexp);
        kernel_code_free_state(state->digest);
        alloc_free(state);
        return NULL;
}

void eval_reset(struct eval_state *state)
{
        arena_reset(&state->arena);
}

static void fill_registers(struct frame *frame, const struct eval_program *program, const struct batch *input)
{
        for (uint32_t i = 0; i < program->n_regs; i++) {
                const struct reg_spec *spec = &program->regs[i];
                struct reg *reg = &frame->regs[i];

                if (spec->source == REG_LITERAL) {
                        *reg = spec->literal;
                } else if (spec->source == REG_COLUMN) {
                        const struct vector *column = &input->columns[spec->column];

                        assert(column->phys == spec->phys);
                        *reg = (struct reg){.data = column->data,
                                            .valid = column->valid,
                                            .mask = UINT32_MAX,
                                            .code = column->code,
                                            .dict = column->dict};
                } else {
                        *reg = (struct reg){.mask = UINT32_MAX};
                }
        }
}

static void run_steps(struct frame *frame, const struct eval_program *program, const struct batch *input)
{
        uint32_t rest = frame->n_rows % 64;
        uint64_t *all = program_words(frame);

        frame->regs = arena_take(frame->arena, (program->n_regs + 1) * sizeof *frame->regs, 16);
        frame->selections = arena_take(frame->arena, program->n_selections * sizeof *frame->selections, 16);
        memset(all, 0xff, frame->n_words * sizeof *all);
        if (rest != 0)
                all[frame->n_words - 1] = (UINT64_C(1) << rest) - 1;
        frame->selections[0] = (struct selection){.n = frame->n_rows, .rows = frame->state->identity, .bits = all};
        fill_registers(frame, program, input);
        for (uint32_t i = 0; i < program->n_steps; i++)
                program->steps[i].run(frame, &program->steps[i]);
}

static struct frame make_frame(const struct eval_program *program, struct eval_state *state, const struct batch *input,
                               uint64_t *failed)
{
        assert(input->n_rows <= LIMIT_ROWS_PER_VECTOR && program->n_columns <= input->n_columns);
        return (struct frame){.state = state,
                              .arena = &state->arena,
                              .n_rows = input->n_rows,
                              .n_words = (input->n_rows + 63) / 64,
                              .failed = failed};
}

/* A literal for every row. */
static void repeat_literal(struct frame *frame, const struct reg *reg, struct vector *ret)
{
        size_t bytes = phys_bytes(ret->phys);
        uint8_t *data = arena_take(frame->arena, (frame->n_rows + 1) * bytes, 16);

        for (uint32_t row = 0; row < frame->n_rows; row++)
                memcpy(data + row * bytes, reg->data, bytes);
        ret->data = data;
        if (reg->valid != NULL) { /* the literal's own bitmap belongs to the program */
                ret->valid = program_words(frame);
                memset(ret->valid, 0, frame->n_words * sizeof *ret->valid);
        }
}

static void widen_bits(struct frame *frame, const struct reg *reg, struct vector *ret)
{
        ret->i64 = arena_take(frame->arena, (frame->n_rows + 1) * sizeof(int64_t), 16);
        for (uint32_t row = 0; row < frame->n_rows; row++)
                ret->i64[row] = (int64_t)(reg->bits[row >> 6] >> (row & 63) & 1);
}

/* NULL rows hold zero (batch.h). */
static void clear_nulls(const struct frame *frame, const struct vector *vector)
{
        size_t bytes = phys_bytes(vector->phys);

        for (uint32_t w = 0; w < frame->n_words; w++) {
                uint64_t nulls = ~vector->valid[w];

                if (w + 1 == frame->n_words && frame->n_rows % 64 != 0)
                        nulls &= (UINT64_C(1) << (frame->n_rows % 64)) - 1;
                for (; nulls != 0; nulls &= nulls - 1) {
                        uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(nulls);

                        memset((uint8_t *)vector->data + row * bytes, 0, bytes);
                }
        }
}

static void take_output(struct frame *frame, const struct eval_program *program, uint32_t i, struct vector *ret)
{
        const struct reg_spec *spec = &program->regs[program->outputs[i]];
        const struct reg *reg = &frame->regs[program->outputs[i]];

        *ret = (struct vector){.phys = type_phys(&program->output_types[i]), .data = reg->data, .valid = reg->valid};
        if (spec->source == REG_COLUMN) {
                ret->code = reg->code;
                ret->dict = reg->dict;
                return;
        }
        if (reg->bits != NULL)
                widen_bits(frame, reg, ret);
        else if (reg->mask == 0)
                repeat_literal(frame, reg, ret);
        else if (ret->valid != NULL)
                clear_nulls(frame, ret);
}

void eval_run(const struct eval_program *program, struct eval_state *state, const struct batch *input,
              struct vector *ret_columns, uint64_t *failed, bool *ret_any_failed)
{
        struct frame frame = make_frame(program, state, input, failed);

        *ret_any_failed = false;
        if (input->n_rows == 0) {
                for (uint32_t i = 0; i < program->n_outputs; i++)
                        vector_init(&ret_columns[i], type_phys(&program->output_types[i]), 0, &state->arena);
                return;
        }
        run_steps(&frame, program, input);
        for (uint32_t i = 0; i < program->n_outputs; i++)
                take_output(&frame, program, i, &ret_columns[i]);
        *ret_any_failed = frame.any_failed;
}

uint32_t eval_filter(const struct eval_program *program, struct eval_state *state, const struct batch *input,
                     uint32_t *selection, uint64_t *failed, bool *ret_any_failed)
{
        struct frame frame = make_frame(program, state, input, failed);
        const struct reg *reg;
        uint32_t n = 0;

        assert(program->n_outputs == 1 && program->output_types[0].kind == TYPE_BOOLEAN);
        *ret_any_failed = false;
        if (input->n_rows == 0)
                return 0;
        run_steps(&frame, program, input);
        *ret_any_failed = frame.any_failed;
        reg = &frame.regs[program->outputs[0]];
        if (reg->bits == NULL) { /* a plain BOOLEAN column */
                for (uint32_t row = 0; row < frame.n_rows; row++) {
                        selection[n] = row;
                        n += reg->i64[row] != 0 && !program_is_null(reg, row) && !bitmap_get(failed, row);
                }
                return n;
        }
        for (uint32_t w = 0; w < frame.n_words; w++) {
                uint64_t word = reg->bits[w] & frame.selections[0].bits[w] & ~failed[w];

                if (word == UINT64_MAX) {
                        for (uint32_t i = 0; i < 64; i++)
                                selection[n++] = w * 64 + i;
                        continue;
                }
                for (; word != 0; word &= word - 1)
                        selection[n++] = w * 64 + (uint32_t)__builtin_ctzll(word);
        }
        return n;
}

void eval_value_text(const struct type *type, const struct value *value, struct bytes *text)
{
        value_format(type, value, text);
}

int eval_value_parse(const struct type *type, struct slice text, struct arena *arena, struct value *ret_value)
{
        struct value value;

        if (value_parse(type, text, arena, &value) != 0)
                return EVAL_E_BAD;
        if (value.phys == PHYS_STR)
                value.str = arena_copy(arena, value.str);
        *ret_value = value;
        return 0;
}
