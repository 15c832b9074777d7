/* call.c - see call.h. Literals with a text of their own are in call_literal.c. */
#include "sidecar/plan/call.h"

#include <assert.h>

#include "sidecar/base/limits.h"
#include "sidecar/base/utf8.h"

static struct expr *new_node(enum expr_kind kind, struct type type, struct arena *arena)
{
        struct expr *expr = arena_new(arena, struct expr);

        expr->kind = kind;
        expr->type = type;
        return expr;
}

struct expr *call_column(uint32_t column, const struct type *type, struct arena *arena)
{
        struct expr *expr = new_node(EXPR_COLUMN, *type, arena);

        expr->column = column;
        return expr;
}

struct expr *call_literal(const struct type *type, const struct value *value, struct arena *arena)
{
        struct expr *expr = new_node(EXPR_LITERAL, *type, arena);

        expr->type.nullable = value->is_null;
        expr->literal = *value;
        expr->literal.phys = type_phys(type);
        return expr;
}

struct expr *call_null(struct arena *arena)
{
        struct type type = type_make(TYPE_NULL, true);

        return call_literal(&type, &(struct value){.is_null = true}, arena);
}

struct expr *call_boolean(bool value, struct arena *arena)
{
        struct type type = type_make(TYPE_BOOLEAN, false);

        return call_literal(&type, &(struct value){.phys = PHYS_I64, .i64 = value}, arena);
}

struct expr *call_bigint(int64_t value, struct arena *arena)
{
        struct type type = type_make(TYPE_BIGINT, false);

        return call_literal(&type, &(struct value){.phys = PHYS_I64, .i64 = value}, arena);
}

struct expr *call_string(struct slice text, struct arena *arena)
{
        struct type type = type_make(TYPE_CHAR, false);

        type.length = (uint32_t)utf8_count_units(text);
        return call_literal(&type, &(struct value){.phys = PHYS_STR, .str = text}, arena);
}

struct expr *call_unit(enum calendar_unit unit, struct arena *arena)
{
        struct type type = type_make(TYPE_INT, false);

        return call_literal(&type, &(struct value){.phys = PHYS_I64, .i64 = unit}, arena);
}

static struct expr *null_of(const struct type *type, struct arena *arena)
{
        struct type nullable = *type;

        nullable.nullable = true;
        return call_literal(&nullable, &(struct value){.is_null = true}, arena);
}

static struct expr *new_call(enum function_id id, const struct type *type, struct expr *const *args, uint32_t n_args,
                             struct arena *arena)
{
        struct expr *expr = new_node(EXPR_CALL, *type, arena);

        expr->function = id;
        expr->n_args = n_args;
        expr->args = arena_new_n(arena, struct expr *, n_args);
        for (uint32_t i = 0; i < n_args; i++) {
                expr->args[i] = args[i];
                if (expr->line == 0) {
                        expr->line = args[i]->line;
                        expr->column_at = args[i]->column_at;
                }
        }
        return expr;
}

struct expr *call_implicit_cast(struct expr *arg, const struct type *to, struct arena *arena)
{
        struct type type = *to;

        if (type_is_same(&arg->type, to))
                return arg;
        type.nullable = arg->type.nullable;
        if (arg->kind == EXPR_LITERAL && arg->literal.is_null) {
                struct expr *null = null_of(&type, arena);

                null->line = arg->line;
                null->column_at = arg->column_at;
                return null;
        }
        return new_call(FN_CAST, &type, &arg, 1, arena);
}

static int refuse_cast(const struct type *from, const struct type *to, struct err *err)
{
        char from_text[TYPE_TEXT_BYTES], to_text[TYPE_TEXT_BYTES];
        struct type from_shown = *from, to_shown = *to;

        from_shown.nullable = to_shown.nullable = true;
        type_format(&from_shown, from_text);
        type_format(&to_shown, to_text);
        if (type_is_numeric(from) && type_is_timestamp(to))
                return err_set(err, ERR_CONFIG, "'CAST' does not convert %s to %s: use TO_TIMESTAMP_LTZ", from_text,
                               to_text);
        return err_set(err, ERR_CONFIG, "'CAST' does not convert %s to %s", from_text, to_text);
}

int call_cast(struct expr *arg, const struct type *to, bool is_try, struct arena *arena, struct expr **ret_expr,
              struct err *err)
{
        struct type type = *to;
        struct expr *expr;

        if (!function_is_castable(&arg->type, to))
                return refuse_cast(&arg->type, to, err);
        if (!to->nullable)
                return err_set(err, ERR_CONFIG, "'CAST' takes a type without NOT NULL");
        if ((to->kind == TYPE_CHAR || to->kind == TYPE_BINARY) && to->length > LIMIT_PAD_BYTES)
                return err_set(err, ERR_CONFIG, "'CAST' pads to at most %u", LIMIT_PAD_BYTES);
        type.nullable = is_try || arg->type.nullable;
        type.is_time_attribute = false;
        if (type_is_same(&arg->type, to)) {
                expr = arena_new(arena, struct expr);
                *expr = *arg;
                expr->type = type;
        } else if (arg->kind == EXPR_LITERAL && arg->literal.is_null) {
                expr = null_of(&type, arena);
        } else {
                expr = new_call(is_try ? FN_TRY_CAST : FN_CAST, &type, &arg, 1, arena);
        }
        *ret_expr = expr;
        return 0;
}

/* A comparison that says the opposite, but for UNKNOWN; FN_NONE for what is none. */
static enum function_id opposite(enum function_id id)
{
        switch (id) {
        case FN_EQ:
                return FN_NE;
        case FN_NE:
                return FN_EQ;
        case FN_LT:
                return FN_GE;
        case FN_LE:
                return FN_GT;
        case FN_GT:
                return FN_LE;
        case FN_GE:
                return FN_LT;
        case FN_IS_NULL:
                return FN_IS_NOT_NULL;
        case FN_IS_NOT_NULL:
                return FN_IS_NULL;
        case FN_IS_TRUE:
                return FN_IS_NOT_TRUE;
        case FN_IS_NOT_TRUE:
                return FN_IS_TRUE;
        case FN_IS_FALSE:
                return FN_IS_NOT_FALSE;
        case FN_IS_NOT_FALSE:
                return FN_IS_FALSE;
        case FN_IS_DISTINCT:
                return FN_IS_NOT_DISTINCT;
        case FN_IS_NOT_DISTINCT:
                return FN_IS_DISTINCT;
        default:
                return FN_NONE;
        }
}

/* NOT of a BOOLEAN node, pushed down as far as it goes: with NaN, NOT x > 1 and x <= 1 differ, and Flink says the
 * latter. */
static struct expr *negated(struct expr *expr, struct arena *arena)
{
        struct expr *call;

        if (expr->kind == EXPR_CALL && opposite(expr->function) != FN_NONE)
                return new_call(opposite(expr->function), &expr->type, expr->args, expr->n_args, arena);
        if (expr->kind == EXPR_CALL && expr->function == FN_NOT)
                return expr->args[0];
        if (expr->kind == EXPR_CALL && (expr->function == FN_AND || expr->function == FN_OR)) {
                call = new_call(expr->function == FN_AND ? FN_OR : FN_AND, &expr->type, expr->args, expr->n_args,
                                arena);
                for (uint32_t i = 0; i < expr->n_args; i++)
                        call->args[i] = negated(expr->args[i], arena);
                return call;
        }
        if (expr->kind == EXPR_LITERAL && !expr->literal.is_null)
                return call_boolean(expr->literal.i64 == 0, arena);
        return new_call(FN_NOT, &expr->type, &expr, 1, arena);
}

/* a AND (b AND c) as one node of three. */
static struct expr *flattened(struct expr *expr, struct arena *arena)
{
        uint32_t n_args = 0, n = 0;
        struct expr *flat;

        for (uint32_t i = 0; i < expr->n_args; i++) {
                const struct expr *arg = expr->args[i];

                n_args += arg->kind == EXPR_CALL && arg->function == expr->function ? arg->n_args : 1;
        }
        if (n_args == expr->n_args)
                return expr;
        flat = new_node(EXPR_CALL, expr->type, arena);
        *flat = *expr;
        flat->n_args = n_args;
        flat->args = arena_new_n(arena, struct expr *, n_args);
        for (uint32_t i = 0; i < expr->n_args; i++) {
                struct expr *arg = expr->args[i];

                if (arg->kind != EXPR_CALL || arg->function != expr->function) {
                        flat->args[n++] = arg;
                        continue;
                }
                for (uint32_t j = 0; j < arg->n_args; j++)
                        flat->args[n++] = arg->args[j];
        }
        return flat;
}

/* x = x: TRUE wherever x is not NULL, also for NaN; x <> x FALSE. */
static struct expr *compared_with_itself(struct expr *expr, struct arena *arena)
{
        bool holds = expr->function == FN_EQ || expr->function == FN_LE || expr->function == FN_GE ||
                     expr->function == FN_IS_NOT_DISTINCT;
        struct type not_null = type_make(TYPE_BOOLEAN, false);
        struct expr *args[2];

        if (!expr->type.nullable)
                return call_boolean(holds, arena);
        args[0] = new_call(holds ? FN_IS_NOT_NULL : FN_IS_NULL, &not_null, expr->args, 1, arena);
        args[1] = null_of(&expr->type, arena);
        return new_call(holds ? FN_OR : FN_AND, &expr->type, args, 2, arena);
}

/* -1.5 as one literal; the parser does not know signs. */
static struct expr *negated_literal(const struct expr *expr, struct arena *arena)
{
        struct value value = expr->literal;
        struct type type = expr->type;

        switch (value.phys) {
        case PHYS_I64:
                /* 2147483648 is a BIGINT, -2147483648 an INT. */
                if (type.kind == TYPE_BIGINT && value.i64 == INT64_C(2147483648))
                        type.kind = TYPE_INT;
                value.i64 = (int64_t)(0 - (uint64_t)value.i64);
                if (type.kind == TYPE_INT)
                        value.i64 = (int32_t)value.i64;
                else if (type.kind == TYPE_SMALLINT)
                        value.i64 = (int16_t)value.i64;
                else if (type.kind == TYPE_TINYINT)
                        value.i64 = (int8_t)value.i64;
                break;
        case PHYS_F64:
                value.f64 = -value.f64;
                break;
        default:
                value.dec = -value.dec;
                break;
        }
        return call_literal(&type, &value, arena);
}

/* Is a literal a whole number of this integer type? */
static bool is_whole_within(const struct expr *literal, const struct type *type)
{
        int64_t highest = INT64_MAX >> (64 - type_integer_bits(type));
        weir_i128 unit, whole;

        switch (literal->literal.phys) {
        case PHYS_I64:
                whole = literal->literal.i64;
                break;
        case PHYS_DEC:
                unit = decimal_pow10(literal->type.scale);
                if (literal->literal.dec % unit != 0)
                        return false;
                whole = literal->literal.dec / unit;
                break;
        default:
                if (literal->literal.f64 < -9.2e18 || literal->literal.f64 > 9.2e18 ||
                    (double)(int64_t)literal->literal.f64 != literal->literal.f64)
                        return false;
                whole = (int64_t)literal->literal.f64;
                break;
        }
        return whole <= highest && whole >= -highest - 1;
}

/* Flink reads the list of IN in the type on its left, so that 7 IN (7.4) is TRUE: a list that would change is refused.
 */
static int check_in(struct expr *const *args, uint32_t n_args, struct err *err)
{
        const struct type *left = &args[0]->type;
        char left_text[TYPE_TEXT_BYTES];
        struct type shown = *left;

        if (!type_is_integer(left))
                return 0;
        shown.nullable = true;
        type_format(&shown, left_text);
        for (uint32_t i = 1; i < n_args; i++) {
                const struct type *type = &args[i]->type;

                if (type->kind == TYPE_NULL || (type_is_integer(type) && type->kind <= left->kind))
                        continue;
                if (args[i]->kind != EXPR_LITERAL || (!args[i]->literal.is_null && !is_whole_within(args[i], left)))
                        return err_set(
                                err, ERR_CONFIG,
                                "'IN' reads its list as %s, which would change number %u of it: use CAST on the left",
                                left_text, i);
        }
        return 0;
}

static int make_between(struct expr *const *args, struct arena *arena, struct expr **ret_expr, struct err *err)
{
        struct expr *low[2] = {args[0], args[1]}, *high[2] = {args[0], args[2]}, *both[2];

        if (call_make(FN_GE, low, 2, arena, &both[0], err) != 0 || call_make(FN_LE, high, 2, arena, &both[1], err) != 0)
                return err_prefix(err, "BETWEEN");
        return call_make(FN_AND, both, 2, arena, ret_expr, err);
}

/* CASE WHEN a = b THEN NULL ELSE a END */
static int make_nullif(struct expr *const *args, struct arena *arena, struct expr **ret_expr, struct err *err)
{
        struct expr *branches[3] = {NULL, null_of(&args[0]->type, arena), args[0]};

        if (args[0]->type.kind == TYPE_NULL)
                return err_set(err, ERR_CONFIG, "'NULLIF' does not take a bare NULL first");
        if (call_make(FN_EQ, args, 2, arena, &branches[0], err) != 0)
                return err_prefix(err, "NULLIF");
        return call_make(FN_CASE, branches, 3, arena, ret_expr, err);
}

static bool find_extract_unit(enum function_id id, enum calendar_unit *ret_unit)
{
        static const enum calendar_unit units[] = {UNIT_YEAR, UNIT_QUARTER, UNIT_MONTH, UNIT_WEEK,   UNIT_DOY,
                                                   UNIT_DAY,  UNIT_DOW,     UNIT_HOUR,  UNIT_MINUTE, UNIT_SECOND};

        if (id < FN_YEAR || id > FN_SECOND)
                return false;
        *ret_unit = units[id - FN_YEAR];
        return true;
}

/* Resolves the types, puts the casts in and makes the node. */
static int make_plain(enum function_id id, struct expr *const *args, uint32_t n_args, struct arena *arena,
                      struct expr **ret_expr, struct err *err)
{
        struct function_arg *asked = arena_new_n(arena, struct function_arg, n_args + 1);
        struct type *types = arena_new_n(arena, struct type, n_args + 1);
        struct expr *expr;
        struct type type;

        for (uint32_t i = 0; i < n_args; i++)
                asked[i] = (struct function_arg){.type = args[i]->type,
                                                 .literal = args[i]->kind == EXPR_LITERAL ? &args[i]->literal : NULL};
        if (function_resolve(id, asked, n_args, &id, &type, types, err) != 0)
                return -1;
        expr = new_call(id, &type, args, n_args, arena);
        for (uint32_t i = 0; i < n_args; i++)
                expr->args[i] = call_implicit_cast(expr->args[i], &types[i], arena);
        *ret_expr = expr;
        return 0;
}

int call_make(enum function_id id, struct expr *const *args, uint32_t n_args, struct arena *arena,
              struct expr **ret_expr, struct err *err)
{
        struct expr *changed[2];
        enum calendar_unit unit;
        struct expr *expr;

        if (id == FN_BETWEEN && n_args == 3)
                return make_between(args, arena, ret_expr, err);
        if (id == FN_NULLIF && n_args == 2)
                return make_nullif(args, arena, ret_expr, err);
        if (id == FN_IN && n_args >= 2 && check_in(args, n_args, err) != 0)
                return -1;
        if (find_extract_unit(id, &unit) && n_args == 1) {
                changed[0] = call_unit(unit, arena);
                changed[1] = args[0];
                if (call_make(FN_EXTRACT, changed, 2, arena, ret_expr, err) != 0)
                        return err_prefix(err, "%s", function_name(id));
                return 0;
        }
        if ((id == FN_TRIM || id == FN_TRIM_LEADING || id == FN_TRIM_TRAILING) && n_args == 1) {
                changed[0] = call_string(slice_make(" ", 1), arena);
                changed[1] = args[0];
                return make_plain(id, changed, 2, arena, ret_expr, err);
        }
        if (id == FN_ADD && n_args == 2 && type_is_interval(&args[0]->type) && !type_is_interval(&args[1]->type)) {
                changed[0] = args[1]; /* interval + time */
                changed[1] = args[0];
                return make_plain(id, changed, 2, arena, ret_expr, err);
        }
        if (make_plain(id, args, n_args, arena, &expr, err) != 0)
                return -1;
        if (expr->function == FN_NOT)
                expr = negated(expr->args[0], arena);
        else if (expr->function == FN_AND || expr->function == FN_OR)
                expr = flattened(expr, arena);
        else if (expr->function >= FN_EQ && expr->function <= FN_IS_NOT_DISTINCT &&
                 expr->args[0]->kind != EXPR_LITERAL && expr_is_equal(expr->args[0], expr->args[1]))
                expr = compared_with_itself(expr, arena);
        else if (expr->function == FN_NEGATE && expr->args[0]->kind == EXPR_LITERAL && !expr->args[0]->literal.is_null)
                expr = negated_literal(expr->args[0], arena);
        else if (expr->function == FN_PLUS)
                expr = expr->args[0];
        else if (expr->function == FN_IF)
                expr->function = FN_CASE;
        *ret_expr = expr;
        return 0;
}

bool call_can_fail(const struct expr *expr)
{
        bool can_fail = false;

        if (expr->kind != EXPR_CALL)
                return false;
        for (uint32_t i = 0; i < expr->n_args; i++) {
                if (call_can_fail(expr->args[i]))
                        return true;
        }
        can_fail = function_can_fail(expr->function, &expr->type, expr->n_args == 0 ? NULL : &expr->args[0]->type,
                                     expr->n_args);
        /* A divisor that is a literal and not 0 divides every row. */
        if (can_fail && (expr->function == FN_DIVIDE || expr->function == FN_MODULO) &&
            expr->args[1]->kind == EXPR_LITERAL && expr->args[1]->literal.phys == PHYS_I64 &&
            !expr->args[1]->literal.is_null)
                can_fail = expr->args[1]->literal.i64 == 0;
        /* A pattern out of a row may be a wrong one. */
        if (expr->function == FN_LIKE)
                can_fail = expr->args[1]->kind != EXPR_LITERAL ||
                           (expr->n_args > 2 && expr->args[2]->kind != EXPR_LITERAL);
        return can_fail;
}
