/* compile.c - expressions into steps: values once, selections for what may fail or costs. See compile.h.
 *
 * Cheap expressions that cannot fail ("dense") are computed for all rows, wherever they stand, so they are shared by
 * all branches. The rest is computed under the selection of its branch, and shared with branches below it. */
#include "sidecar/exec/compile.h"

#include <assert.h>

struct compile_value {
        const struct expr *expr;
        const struct compile_scope *scope;
        uint16_t reg;
};

static const uint64_t all_ones[PROGRAM_WORDS] = {[0 ... PROGRAM_WORDS - 1] = UINT64_MAX};
static const uint64_t all_zeros[PROGRAM_WORDS];

/* Room for one more item of an array in the arena. */
static void *grown(struct compiler *compiler, void *items, uint32_t n, uint32_t *room, size_t bytes)
{
        void *larger;

        if (n < *room)
                return items;
        *room = *room == 0 ? 16 : *room * 2;
        larger = arena_zero(compiler->arena, *room * bytes, 16);
        if (n > 0)
                memcpy(larger, items, n * bytes);
        return larger;
}

static uint16_t add_reg(struct compiler *compiler, struct reg_spec spec)
{
        compiler->regs = grown(compiler, compiler->regs, compiler->n_regs, &compiler->regs_room,
                               sizeof *compiler->regs);
        compiler->regs[compiler->n_regs] = spec;
        return (uint16_t)compiler->n_regs++;
}

uint16_t compile_new_reg(struct compiler *compiler, const struct type *type)
{
        return add_reg(
                compiler,
                (struct reg_spec){.source = REG_STEP, .phys = type_phys(type), .is_bits = type->kind == TYPE_BOOLEAN});
}

struct step *compile_add_step(struct compiler *compiler, step_fn run, const struct type *type, const uint16_t *args,
                              uint32_t n_args, const struct compile_scope *scope, uint16_t *ret_reg)
{
        uint16_t *copy = arena_new_n(compiler->arena, uint16_t, n_args + 1);
        struct step *step;

        for (uint32_t i = 0; i < n_args; i++)
                copy[i] = args[i];
        compiler->steps = grown(compiler, compiler->steps, compiler->n_steps, &compiler->steps_room,
                                sizeof *compiler->steps);
        step = &compiler->steps[compiler->n_steps++];
        *step = (struct step){.run = run,
                              .selection = scope->selection,
                              .n_args = (uint16_t)n_args,
                              .args = copy,
                              .type = *type,
                              .id = compiler->next_id++};
        step->out = compile_new_reg(compiler, type);
        *ret_reg = step->out;
        return step;
}

static void *one_value(struct compiler *compiler, const struct value *value)
{
        void *data = arena_zero(compiler->arena, sizeof(weir_i128), 16);

        if (value->is_null)
                return data;
        switch (value->phys) {
        case PHYS_I64:
                memcpy(data, &value->i64, sizeof value->i64);
                break;
        case PHYS_F64:
                memcpy(data, &value->f64, sizeof value->f64);
                break;
        case PHYS_DEC:
                memcpy(data, &value->dec, sizeof value->dec);
                break;
        case PHYS_STR:
                memcpy(data, &value->str, sizeof value->str);
                break;
        case PHYS_NONE:
                break;
        }
        return data;
}

/* Bitmaps that are never written to, where a register has room for ones that are. */
static uint64_t *shared_words(const uint64_t *words)
{
        return (uint64_t *)(uintptr_t)words;
}

uint16_t compile_literal(struct compiler *compiler, const struct type *type, const struct value *value)
{
        struct reg_spec spec = {.source = REG_LITERAL, .phys = type_phys(type), .is_bits = type->kind == TYPE_BOOLEAN};

        if (spec.is_bits) {
                spec.literal.bits = shared_words(!value->is_null && value->i64 != 0 ? all_ones : all_zeros);
                spec.literal.mask = UINT32_MAX;
        } else {
                spec.literal.data = one_value(compiler, value);
        }
        if (value->is_null)
                spec.literal.valid = shared_words(all_zeros);
        return add_reg(compiler, spec);
}

static bool is_within(const struct compile_scope *scope, const struct compile_scope *ancestor)
{
        while (scope != NULL && scope != ancestor)
                scope = scope->parent;
        return scope != NULL;
}

static bool find_value(const struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                       uint16_t *ret_reg)
{
        for (uint32_t i = 0; i < compiler->n_values; i++) {
                const struct compile_value *value = &compiler->values[i];

                if (is_within(scope, value->scope) && expr_is_equal(value->expr, expr)) {
                        *ret_reg = value->reg;
                        return true;
                }
        }
        return false;
}

static void keep_value(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                       uint16_t reg)
{
        compiler->values = grown(compiler, compiler->values, compiler->n_values, &compiler->values_room,
                                 sizeof *compiler->values);
        compiler->values[compiler->n_values++] = (struct compile_value){expr, scope, reg};
}

static bool is_dense(const struct expr *expr)
{
        if (expr->kind != EXPR_CALL)
                return true;
        if (!compile_is_dense(expr))
                return false;
        for (uint32_t i = 0; i < expr->n_args; i++) {
                if (!is_dense(expr->args[i]))
                        return false;
        }
        return true;
}

uint16_t compile_boolean_as_i64(struct compiler *compiler, uint16_t reg, const struct compile_scope *scope)
{
        struct type type = type_make(TYPE_BIGINT, true);
        uint16_t out;

        (void)compile_add_step(compiler, kernel_logic_to_i64, &type, &reg, 1, scope, &out);
        return out;
}

static uint16_t column_reg(struct compiler *compiler, const struct expr *expr)
{
        uint16_t reg = add_reg(
                compiler,
                (struct reg_spec){.source = REG_COLUMN, .phys = type_phys(&expr->type), .column = expr->column});

        if (expr->column >= compiler->n_columns)
                compiler->n_columns = expr->column + 1;
        if (expr->type.kind == TYPE_BOOLEAN)
                (void)compile_add_step(compiler, kernel_logic_from_i64, &expr->type, &reg, 1, &compiler->root, &reg);
        return reg;
}

/* A scope of the rows of `scope` that `select` finds in a register. Scopes live as long as the compiler. */
static const struct compile_scope *new_scope(struct compiler *compiler, step_fn select, uint16_t reg,
                                             const struct compile_scope *scope)
{
        struct compile_scope *narrower = arena_new(compiler->arena, struct compile_scope);
        struct type type = type_make(TYPE_BIGINT, true);
        uint16_t unused;

        narrower->selection = (uint16_t)compiler->n_selections++;
        narrower->parent = scope;
        compile_add_step(compiler, select, &type, &reg, 1, scope, &unused)->mode = narrower->selection;
        return narrower;
}

static int compile_expr(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                        uint16_t *ret_reg);

/* Arguments one after the other; each is computed for the rows where those before it do not decide. */
static int compile_logic(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                         uint16_t *ret_reg)
{
        bool is_and = expr->function == FN_AND;
        uint16_t *pending = arena_new_n(compiler->arena, uint16_t, expr->n_args + 1); /* not yet combined */
        uint32_t n_pending = 0;

        for (uint32_t i = 0; i < expr->n_args; i++) {
                const struct expr *arg = expr->args[i];
                const struct compile_scope *under;
                uint16_t pair[2];

                if (is_dense(arg) || n_pending == 0) {
                        if (compile_expr(compiler, arg, scope, &pending[n_pending++]) != 0)
                                return -1;
                        continue;
                }
                if (n_pending > 1)
                        (void)compile_add_step(compiler, is_and ? kernel_logic_and : kernel_logic_or, &expr->type,
                                               pending, n_pending, scope, &pending[0]);
                under = new_scope(compiler, is_and ? program_select_not_false : program_select_not_true, pending[0],
                                  scope);
                pair[0] = pending[0];
                if (compile_expr(compiler, arg, under, &pair[1]) != 0)
                        return -1;
                compile_add_step(compiler, is_and ? kernel_logic_and_under : kernel_logic_or_under, &expr->type, pair,
                                 2, scope, &pending[0])
                        ->mode = under->selection;
                n_pending = 1;
        }
        if (n_pending > 1)
                (void)compile_add_step(compiler, is_and ? kernel_logic_and : kernel_logic_or, &expr->type, pending,
                                       n_pending, scope, &pending[0]);
        *ret_reg = pending[0];
        return 0;
}

/* CASE whose arguments are all dense: from the last branch to the first. */
static int compile_dense_case(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                              uint16_t *ret_reg)
{
        uint16_t args[3];

        if (compile_expr(compiler, expr->args[expr->n_args - 1], scope, &args[2]) != 0)
                return -1;
        for (uint32_t i = expr->n_args - 1; i > 0; i -= 2) {
                if (compile_expr(compiler, expr->args[i - 2], scope, &args[0]) != 0 ||
                    compile_expr(compiler, expr->args[i - 1], scope, &args[1]) != 0)
                        return -1;
                (void)compile_add_step(compiler, kernel_logic_select, &expr->type, args, 3, scope, &args[2]);
        }
        *ret_reg = args[2];
        return 0;
}

static int compile_dense_coalesce(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                                  uint16_t *ret_reg)
{
        uint16_t args[2];

        if (compile_expr(compiler, expr->args[expr->n_args - 1], scope, &args[1]) != 0)
                return -1;
        for (uint32_t i = expr->n_args - 1; i > 0; i--) {
                if (compile_expr(compiler, expr->args[i - 1], scope, &args[0]) != 0)
                        return -1;
                compile_add_step(compiler, kernel_logic_select, &expr->type, args, 2, scope, &args[1])->mode = 1;
        }
        *ret_reg = args[1];
        return 0;
}

/* Values, each under its own selection, put together by kernel_logic_choose. */
struct choice {
        uint16_t *values;
        uint16_t *selections;
        uint32_t n;
};

static int add_choice(struct compiler *compiler, struct choice *choice, const struct expr *value,
                      const struct compile_scope *scope)
{
        choice->selections[choice->n] = scope->selection;
        return compile_expr(compiler, value, scope, &choice->values[choice->n++]);
}

static int compile_choice(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                          uint16_t *ret_reg)
{
        const struct compile_scope *rest = scope;
        struct choice choice = {.values = arena_new_n(compiler->arena, uint16_t, expr->n_args + 1),
                                .selections = arena_new_n(compiler->arena, uint16_t, expr->n_args + 1)};

        if (expr->function == FN_CASE) {
                for (uint32_t i = 0; i + 1 < expr->n_args; i += 2) {
                        uint16_t condition;

                        if (compile_expr(compiler, expr->args[i], rest, &condition) != 0 ||
                            add_choice(compiler, &choice, expr->args[i + 1],
                                       new_scope(compiler, program_select_true, condition, rest)) != 0)
                                return -1;
                        rest = new_scope(compiler, program_select_not_true, condition, rest);
                }
                if (add_choice(compiler, &choice, expr->args[expr->n_args - 1], rest) != 0)
                        return -1;
        } else {
                for (uint32_t i = 0; i < expr->n_args; i++) {
                        if (add_choice(compiler, &choice, expr->args[i], rest) != 0)
                                return -1;
                        if (i + 1 < expr->n_args)
                                rest = new_scope(compiler, program_select_null, choice.values[i], rest);
                }
        }
        compile_add_step(compiler, kernel_logic_choose, &expr->type, choice.values, choice.n, scope, ret_reg)->extra =
                choice.selections;
        return 0;
}

/* ---- IN ---- */

static bool is_less(const struct value *a, const struct value *b)
{
        return a->phys == PHYS_STR   ? slice_compare(a->str, b->str) < 0
               : a->phys == PHYS_F64 ? a->f64 < b->f64
                                     : a->i64 < b->i64;
}

static void sort_values(struct value *values, uint32_t n)
{
        for (uint32_t gap = n / 2; gap > 0; gap /= 2) {
                for (uint32_t i = gap; i < n; i++) {
                        struct value value = values[i];
                        uint32_t j = i;

                        for (; j >= gap && is_less(&value, &values[j - gap]); j -= gap)
                                values[j] = values[j - gap];
                        values[j] = value;
                }
        }
}

static struct kernel_list *make_list(struct compiler *compiler, struct value *values, uint32_t n, enum phys phys)
{
        struct kernel_list *list = arena_new(compiler->arena, struct kernel_list);
        uint8_t *data = arena_zero(compiler->arena, n * phys_bytes(phys), 16);

        sort_values(values, n);
        for (uint32_t i = 0; i < n; i++)
                memcpy(data + i * phys_bytes(phys), one_value(compiler, &values[i]), phys_bytes(phys));
        list->n = n;
        list->i64 = (const void *)data;
        return list;
}

/* The literals of the list at once. */
static void add_in_step(struct compiler *compiler, const struct expr *expr, uint16_t value, struct value *literals,
                        uint32_t n_literals, const struct compile_scope *scope, uint16_t *ret_reg)
{
        enum phys phys = type_phys(&expr->args[0]->type);
        struct step *step;

        if (expr->args[0]->type.kind == TYPE_BOOLEAN)
                value = compile_boolean_as_i64(compiler, value, scope);
        step = compile_add_step(compiler,
                                phys == PHYS_STR   ? kernel_compare_test
                                : phys == PHYS_F64 ? kernel_compare_in_f64
                                                   : kernel_compare_in_i64,
                                &expr->type, &value, 1, scope, ret_reg);
        step->test = phys == PHYS_STR ? kernel_compare_is_in : NULL;
        step->extra = make_list(compiler, literals, n_literals, phys);
}

/* x = item, for an item that is no literal (or a DECIMAL). */
static struct expr *make_equality(struct compiler *compiler, const struct expr *expr, uint32_t i)
{
        struct expr *equality = arena_new(compiler->arena, struct expr);

        equality->kind = EXPR_CALL;
        equality->type = expr->type;
        equality->function = FN_EQ;
        equality->n_args = 2;
        equality->args = arena_new_n(compiler->arena, struct expr *, 2);
        equality->args[0] = expr->args[0];
        equality->args[1] = expr->args[i];
        return equality;
}

/* x IN (1, 2, y, NULL): the literals at once, then y, then NULL where nothing was found. */
static int compile_in(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                      uint16_t *ret_reg)
{
        enum phys phys = type_phys(&expr->args[0]->type);
        struct value *literals = arena_new_n(compiler->arena, struct value, expr->n_args);
        const struct compile_scope *under = scope;
        uint32_t n_literals = 0;
        bool has_null = false, has_result = false;
        uint16_t value, result = 0;

        for (uint32_t i = 1; i < expr->n_args; i++) {
                if (expr->args[i]->kind == EXPR_LITERAL && expr->args[i]->literal.is_null)
                        has_null = true;
                else if (expr->args[i]->kind == EXPR_LITERAL && phys != PHYS_DEC)
                        literals[n_literals++] = expr->args[i]->literal;
        }
        if (n_literals > 0) {
                if (compile_expr(compiler, expr->args[0], scope, &value) != 0)
                        return -1;
                add_in_step(compiler, expr, value, literals, n_literals, scope, &result);
                has_result = true;
        }
        for (uint32_t i = 1; i < expr->n_args; i++) {
                uint16_t pair[2] = {result, 0};

                if (expr->args[i]->kind == EXPR_LITERAL && (phys != PHYS_DEC || expr->args[i]->literal.is_null))
                        continue;
                if (has_result)
                        under = new_scope(compiler, program_select_not_true, result, scope);
                if (compile_expr(compiler, make_equality(compiler, expr, i), under, &pair[1]) != 0)
                        return -1;
                if (has_result)
                        compile_add_step(compiler, kernel_logic_or_under, &expr->type, pair, 2, scope, &result)->mode =
                                under->selection;
                else
                        result = pair[1];
                has_result = true;
        }
        if (has_null) {
                uint16_t pair[2] = {result, compile_literal(compiler, &expr->type, &(struct value){.is_null = true})};

                if (has_result)
                        (void)compile_add_step(compiler, kernel_logic_or, &expr->type, pair, 2, scope, &result);
                else
                        result = pair[1];
        }
        *ret_reg = result;
        return 0;
}

static int compile_plain(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                         uint16_t *ret_reg)
{
        uint16_t *args = arena_new_n(compiler->arena, uint16_t, expr->n_args + 1);

        for (uint32_t i = 0; i < expr->n_args; i++) {
                if (compile_expr(compiler, expr->args[i], scope, &args[i]) != 0)
                        return -1;
        }
        return compile_call(compiler, expr, args, scope, ret_reg);
}

static int compile_expr(struct compiler *compiler, const struct expr *expr, const struct compile_scope *scope,
                        uint16_t *ret_reg)
{
        bool dense = is_dense(expr);
        int result;

        if (compiler->n_regs > UINT16_MAX - 64 || compiler->n_selections > UINT16_MAX - 64)
                return err_set(compiler->err, ERR_CONFIG, "the expression is too large");
        if (dense)
                scope = &compiler->root;
        if (find_value(compiler, expr, scope, ret_reg))
                return 0;
        switch (expr->kind) {
        case EXPR_LITERAL:
                *ret_reg = compile_literal(compiler, &expr->type, &expr->literal);
                result = 0;
                break;
        case EXPR_COLUMN:
                *ret_reg = column_reg(compiler, expr);
                result = 0;
                break;
        default:
                if (expr->function == FN_AND || expr->function == FN_OR)
                        result = compile_logic(compiler, expr, scope, ret_reg);
                else if (expr->function == FN_CASE && dense)
                        result = compile_dense_case(compiler, expr, scope, ret_reg);
                else if (expr->function == FN_COALESCE && dense)
                        result = compile_dense_coalesce(compiler, expr, scope, ret_reg);
                else if (expr->function == FN_CASE || expr->function == FN_COALESCE)
                        result = compile_choice(compiler, expr, scope, ret_reg);
                else if (expr->function == FN_IN)
                        result = compile_in(compiler, expr, scope, ret_reg);
                else
                        result = compile_plain(compiler, expr, scope, ret_reg);
                break;
        }
        if (result == 0)
                keep_value(compiler, expr, scope, *ret_reg);
        return result;
}

/* A plain BOOLEAN column leaves as it came, without its way through bits. */
int compile_output(struct compiler *compiler, const struct expr *expr, uint16_t *ret_reg)
{
        if (expr->kind != EXPR_COLUMN || expr->type.kind != TYPE_BOOLEAN)
                return compile_expr(compiler, expr, &compiler->root, ret_reg);
        *ret_reg = add_reg(compiler, (struct reg_spec){.source = REG_COLUMN, .phys = PHYS_I64, .column = expr->column});
        if (expr->column >= compiler->n_columns)
                compiler->n_columns = expr->column + 1;
        return 0;
}
