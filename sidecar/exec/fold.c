/* fold.c - see fold.h. What Flink's planner simplifies as well; nothing here changes a value. */
#include "sidecar/exec/fold.h"

#include "sidecar/plan/call.h"

static bool is_literal(const struct expr *expr)
{
        return expr->kind == EXPR_LITERAL;
}

static bool is_null_literal(const struct expr *expr)
{
        return is_literal(expr) && expr->literal.is_null;
}

/* A BOOLEAN literal with this value. */
static bool is_boolean(const struct expr *expr, bool value)
{
        return is_literal(expr) && !expr->literal.is_null && expr->type.kind == TYPE_BOOLEAN &&
               (expr->literal.i64 != 0) == value;
}

static const struct expr *literal_of(struct fold *fold, const struct expr *expr, const struct value *value)
{
        struct expr *literal = call_literal(&expr->type, value, fold->arena);

        literal->line = expr->line;
        literal->column_at = expr->column_at;
        return literal;
}

static const struct expr *null_of(struct fold *fold, const struct expr *expr)
{
        return literal_of(fold, expr, &(struct value){.is_null = true});
}

/* The same call with other arguments. */
static const struct expr *with_args(struct fold *fold, const struct expr *expr, const struct expr **args,
                                    uint32_t n_args)
{
        struct expr *changed = arena_new(fold->arena, struct expr);

        *changed = *expr;
        changed->n_args = n_args;
        changed->args = arena_new_n(fold->arena, struct expr *, n_args + 1);
        for (uint32_t i = 0; i < n_args; i++)
                changed->args[i] = (struct expr *)(uintptr_t)args[i]; /* the tree is read-only to everybody */
        return changed;
}

/* x AND TRUE is x, x AND FALSE is FALSE; OR the other way round. */
static const struct expr *fold_logic(struct fold *fold, const struct expr *expr, const struct expr **args)
{
        bool neutral = expr->function == FN_AND;
        uint32_t n = 0;

        for (uint32_t i = 0; i < expr->n_args; i++) {
                if (is_boolean(args[i], !neutral))
                        return args[i];
                if (!is_boolean(args[i], neutral))
                        args[n++] = args[i];
        }
        if (n == 0)
                return call_boolean(neutral, fold->arena);
        return n == 1 ? args[0] : with_args(fold, expr, args, n);
}

static const struct expr *fold_case(struct fold *fold, const struct expr *expr, const struct expr **args)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < expr->n_args; i += 2) {
                if (i + 1 == expr->n_args || is_boolean(args[i], true)) {
                        args[n++] = i + 1 == expr->n_args ? args[i] : args[i + 1];
                        break;
                }
                if (is_literal(args[i])) /* FALSE or NULL */
                        continue;
                args[n++] = args[i];
                args[n++] = args[i + 1];
        }
        return n == 1 ? args[0] : with_args(fold, expr, args, n);
}

static const struct expr *fold_coalesce(struct fold *fold, const struct expr *expr, const struct expr **args)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < expr->n_args; i++) {
                if (is_null_literal(args[i]))
                        continue;
                args[n++] = args[i];
                if (is_literal(args[i]))
                        break;
        }
        if (n == 0)
                return null_of(fold, expr);
        return n == 1 ? args[0] : with_args(fold, expr, args, n);
}

/* NULL makes NULL, whichever argument it is? */
static bool is_strict(const struct expr *expr, uint32_t arg)
{
        switch (expr->function) {
        case FN_AND:
        case FN_OR:
        case FN_IS_NULL:
        case FN_IS_NOT_NULL:
        case FN_IS_TRUE:
        case FN_IS_NOT_TRUE:
        case FN_IS_FALSE:
        case FN_IS_NOT_FALSE:
        case FN_IS_DISTINCT:
        case FN_IS_NOT_DISTINCT:
        case FN_CASE:
        case FN_COALESCE:
        case FN_REQUIRE:
                return false;
        case FN_IN:
        case FN_CONCAT_WS:
        case FN_TRANSLATE:
                return arg == 0;
        default:
                return true;
        }
}

static const struct expr *fold_call(struct fold *fold, const struct expr *expr, const struct expr **args)
{
        bool all_literals = true, is_changed = false;
        struct value value;

        for (uint32_t i = 0; i < expr->n_args; i++) {
                if (is_null_literal(args[i]) && is_strict(expr, i))
                        return null_of(fold, expr);
                all_literals = all_literals && is_literal(args[i]);
                is_changed = is_changed || args[i] != expr->args[i];
        }
        if (is_changed)
                expr = with_args(fold, expr, args, expr->n_args);
        if (all_literals && fold->evaluate(fold, expr, &value))
                return literal_of(fold, expr, &value);
        return expr;
}

const struct expr *fold_expr(struct fold *fold, const struct expr *expr)
{
        const struct expr **args;

        if (expr->kind != EXPR_CALL)
                return expr;
        args = arena_new_n(fold->arena, const struct expr *, expr->n_args + 1);
        for (uint32_t i = 0; i < expr->n_args; i++)
                args[i] = fold_expr(fold, expr->args[i]);
        switch (expr->function) {
        case FN_AND:
        case FN_OR:
                return fold_logic(fold, expr, args);
        case FN_CASE:
                return fold_case(fold, expr, args);
        case FN_COALESCE:
                return fold_coalesce(fold, expr, args);
        case FN_IS_NULL:
        case FN_IS_NOT_NULL:
                if (is_literal(args[0]))
                        return call_boolean(args[0]->literal.is_null == (expr->function == FN_IS_NULL), fold->arena);
                break;
        case FN_PI:
                return literal_of(fold, expr, &(struct value){.phys = PHYS_F64, .f64 = 3.141592653589793});
        case FN_E:
                return literal_of(fold, expr, &(struct value){.phys = PHYS_F64, .f64 = 2.718281828459045});
        default:
                break;
        }
        return fold_call(fold, expr, args);
}
