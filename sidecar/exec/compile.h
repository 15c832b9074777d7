/* compile.h - the compiler of programs: eval_compile.c (the whole), compile.c (selections, branches), compile_call.c
 * (which kernel computes a call); inside sidecar/exec only. */
#ifndef WEIR_SIDECAR_EXEC_COMPILE_H
#define WEIR_SIDECAR_EXEC_COMPILE_H

#include "sidecar/exec/kernel.h"

/* Values made under a selection are there for it and for narrower ones. */
struct compile_scope {
        uint16_t selection;
        const struct compile_scope *parent; /* NULL: all rows */
};

struct compile_value;

struct compiler {
        struct arena *arena;
        struct err *err;
        struct step *steps;
        uint32_t n_steps, steps_room;
        struct reg_spec *regs;
        uint32_t n_regs, regs_room;
        uint32_t n_selections;
        struct compile_value *values; /* what was computed already */
        uint32_t n_values, values_room;
        struct compile_scope root;
        uint64_t next_id; /* of steps with a test */
        uint32_t n_columns;
};

/* A new register of a type; steps of BOOLEAN type make bitmaps. */
uint16_t compile_new_reg(struct compiler *compiler, const struct type *type);
/* A step under a scope; returns it for more to be filled in, until the next one is added. args are copied. */
struct step *compile_add_step(struct compiler *compiler, step_fn run, const struct type *type, const uint16_t *args,
                              uint32_t n_args, const struct compile_scope *scope, uint16_t *ret_reg);
uint16_t compile_literal(struct compiler *compiler, const struct type *type, const struct value *value);
static inline bool compile_is_literal(const struct compiler *compiler, uint16_t reg)
{
        return compiler->regs[reg].source == REG_LITERAL;
}
/* A BOOLEAN register as 0 and 1. */
uint16_t compile_boolean_as_i64(struct compiler *compiler, uint16_t reg, const struct compile_scope *scope);

/* An expression for all rows; a plain BOOLEAN column leaves as it came. */
int compile_output(struct compiler *compiler, const struct expr *expr, uint16_t *ret_reg) WEIR_MUST_CHECK;
/* The step (or steps) of a call whose arguments are computed: everything but AND, OR, CASE, COALESCE, IN. */
int compile_call(struct compiler *compiler, const struct expr *expr, const uint16_t *args,
                 const struct compile_scope *scope, uint16_t *ret_reg) WEIR_MUST_CHECK;
/* Is it computed by a dense kernel, given dense arguments? */
bool compile_is_dense(const struct expr *expr);

#endif
