/* expr.c - comparing, printing and rewriting bound expressions. */
#include "sidecar/plan/expr.h"

#include "sidecar/base/bytes.h"
#include "sidecar/base/calendar.h"
#include "sidecar/base/decimal.h"
#include "sidecar/base/number.h"

static bool value_is_equal(const struct value *a, const struct value *b)
{
        if (a->phys != b->phys || a->is_null != b->is_null)
                return false;
        if (a->is_null)
                return true;
        switch (a->phys) {
        case PHYS_NONE:
                return true;
        case PHYS_I64:
                return a->i64 == b->i64;
        case PHYS_F64: /* as bits: -0.0 is not 0.0, and NaN is NaN */
                return memcmp(&a->f64, &b->f64, sizeof a->f64) == 0;
        case PHYS_DEC:
                return a->dec == b->dec;
        case PHYS_STR:
                return slice_is_equal(a->str, b->str);
        }
        return false;
}

bool expr_is_equal(const struct expr *a, const struct expr *b)
{
        if (a == b)
                return true;
        if (a->kind != b->kind || a->type.nullable != b->type.nullable || !type_is_same(&a->type, &b->type))
                return false;
        switch (a->kind) {
        case EXPR_COLUMN:
                return a->column == b->column;
        case EXPR_LITERAL:
                return value_is_equal(&a->literal, &b->literal);
        case EXPR_CALL:
                break;
        }
        if (a->function != b->function || a->n_args != b->n_args)
                return false;
        for (uint32_t i = 0; i < a->n_args; i++)
                if (!expr_is_equal(a->args[i], b->args[i]))
                        return false;
        return true;
}

void expr_visit_columns(const struct expr *expr, void (*visit)(void *context, const struct expr *column),
                        void *context)
{
        if (expr->kind == EXPR_COLUMN)
                visit(context, expr);
        for (uint32_t i = 0; expr->kind == EXPR_CALL && i < expr->n_args; i++)
                expr_visit_columns(expr->args[i], visit, context);
}

struct expr *expr_map_columns(const struct expr *expr, uint32_t (*new_column)(void *context, uint32_t column),
                              void *context, struct arena *arena)
{
        struct expr *copy = arena_new(arena, struct expr);

        *copy = *expr;
        if (expr->kind == EXPR_COLUMN)
                copy->column = new_column(context, expr->column);
        if (expr->kind != EXPR_CALL)
                return copy;
        copy->args = arena_new_n(arena, struct expr *, expr->n_args + 1);
        for (uint32_t i = 0; i < expr->n_args; i++)
                copy->args[i] = expr_map_columns(expr->args[i], new_column, context, arena);
        return copy;
}

uint32_t expr_count_nodes(const struct expr *expr, uint32_t most)
{
        uint32_t n = 1;

        for (uint32_t i = 0; expr->kind == EXPR_CALL && i < expr->n_args && n < most; i++)
                n += expr_count_nodes(expr->args[i], most - n);
        return n < most ? n : most;
}

/* ---- text ---- */

static void format_string(struct slice string, struct bytes *text)
{
        bytes_append_byte(text, '\'');
        for (size_t i = 0; i < string.len; i++) {
                if (string.data[i] == '\'')
                        bytes_append_byte(text, '\'');
                bytes_append_byte(text, string.data[i]);
        }
        bytes_append_byte(text, '\'');
}

static void format_hex(struct slice string, struct bytes *text)
{
        bytes_append_text(text, "X'");
        for (size_t i = 0; i < string.len; i++)
                bytes_append_format(text, "%02x", string.data[i]);
        bytes_append_byte(text, '\'');
}

static void format_quoted(struct bytes *text, const char *word, const char *value, size_t len)
{
        bytes_append_format(text, "%s '%.*s'", word, (int)len, value);
}

/* In the largest unit that divides it; seconds may have a fraction. */
static void format_interval(int64_t micros, struct bytes *text)
{
        static const struct {
                int64_t micros;
                const char *name;
        } units[] = {{INT64_C(86400000000), "DAY"}, {INT64_C(3600000000), "HOUR"}, {60000000, "MINUTE"}};
        uint64_t rest = micros < 0 ? 0 - (uint64_t)micros : (uint64_t)micros;

        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
                if (micros == 0 || micros % units[i].micros != 0)
                        continue;
                bytes_append_format(text, "INTERVAL '%lld' %s", (long long)(micros / units[i].micros), units[i].name);
                return;
        }
        bytes_append_format(text, "INTERVAL '%s%llu", micros < 0 ? "-" : "", (unsigned long long)(rest / 1000000));
        if (rest % 1000000 != 0)
                bytes_append_format(text, ".%06llu", (unsigned long long)(rest % 1000000));
        bytes_append_text(text, "' SECOND");
}

static void format_months(int64_t months, struct bytes *text)
{
        bool is_years = months != 0 && months % 12 == 0;

        bytes_append_format(text, "INTERVAL '%lld' %s", (long long)(is_years ? months / 12 : months),
                            is_years ? "YEAR" : "MONTH");
}

static void format_literal(const struct type *type, const struct value *value, struct bytes *text)
{
        char buffer[NUMBER_TEXT_BYTES + CALENDAR_TEXT_BYTES + DECIMAL_TEXT_BYTES];

        if (value->is_null) {
                bytes_append_text(text, "NULL");
                return;
        }
        switch (type->kind) {
        case TYPE_BOOLEAN:
                bytes_append_text(text, value->i64 != 0 ? "TRUE" : "FALSE");
                break;
        case TYPE_FLOAT:
        case TYPE_DOUBLE:
                bytes_append(text, buffer, number_format_double(value->f64, buffer));
                break;
        case TYPE_DECIMAL:
                bytes_append(text, buffer, decimal_format(value->dec, type->scale, buffer));
                break;
        case TYPE_CHAR:
        case TYPE_VARCHAR:
                format_string(value->str, text);
                break;
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                format_hex(value->str, text);
                break;
        case TYPE_DATE:
                format_quoted(text, "DATE", buffer, calendar_format_date(value->i64, buffer));
                break;
        case TYPE_TIME:
                format_quoted(text, "TIME", buffer, calendar_format_time(value->i64, type->precision, buffer));
                break;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                format_quoted(text, "TIMESTAMP", buffer,
                              calendar_format_timestamp(value->i64, type->precision, buffer));
                break;
        case TYPE_INTERVAL_SECOND:
                format_interval(value->i64, text);
                break;
        case TYPE_INTERVAL_MONTH:
                format_months(value->i64, text);
                break;
        default:
                bytes_append_format(text, "%lld", (long long)value->i64);
                break;
        }
}

/* How a call is written. */
static bool is_infix(enum function_id function)
{
        switch (function) {
        case FN_AND:
        case FN_OR:
        case FN_EQ:
        case FN_NE:
        case FN_LT:
        case FN_LE:
        case FN_GT:
        case FN_GE:
        case FN_IS_DISTINCT:
        case FN_IS_NOT_DISTINCT:
        case FN_LIKE:
        case FN_ADD:
        case FN_SUBTRACT:
        case FN_MULTIPLY:
        case FN_DIVIDE:
        case FN_MODULO:
        case FN_CONCAT_OP:
        case FN_ADD_INTERVAL:
        case FN_SUBTRACT_INTERVAL:
                return true;
        default:
                return false;
        }
}

static bool is_postfix(enum function_id function)
{
        return function >= FN_IS_NULL && function <= FN_IS_NOT_FALSE;
}

static void format(const struct expr *expr, const struct slice *names, bool is_operand, struct bytes *text);

static void format_infix(const struct expr *expr, const struct slice *names, struct bytes *text)
{
        for (uint32_t i = 0; i < expr->n_args; i++) {
                if (i > 0) /* the third argument of LIKE is its ESCAPE */
                        bytes_append_format(text, " %s ",
                                            expr->function == FN_LIKE && i == 2 ? "ESCAPE"
                                                                                : function_name(expr->function));
                format(expr->args[i], names, true, text);
        }
}

static void format_predicate(const struct expr *expr, const struct slice *names, struct bytes *text)
{
        bool is_in = expr->function == FN_IN;

        format(expr->args[0], names, true, text);
        bytes_append_format(text, is_in ? " %s (" : " %s ", function_name(expr->function));
        for (uint32_t i = 1; i < expr->n_args; i++) {
                bytes_append_text(text, i == 1 ? "" : is_in ? ", " : " AND ");
                format(expr->args[i], names, !is_in, text);
        }
        bytes_append_text(text, is_in ? ")" : "");
}

static void format_case(const struct expr *expr, const struct slice *names, struct bytes *text)
{
        bytes_append_text(text, "CASE");
        for (uint32_t i = 0; i + 1 < expr->n_args; i += 2) {
                bytes_append_text(text, " WHEN ");
                expr_format(expr->args[i], names, text);
                bytes_append_text(text, " THEN ");
                expr_format(expr->args[i + 1], names, text);
        }
        bytes_append_text(text, " ELSE ");
        expr_format(expr->args[expr->n_args - 1], names, text);
        bytes_append_text(text, " END");
}

static void format_cast(const struct expr *expr, const struct slice *names, struct bytes *text)
{
        struct type type = expr->type;
        char type_text[TYPE_TEXT_BYTES];

        type.nullable = true;
        type_format(&type, type_text);
        bytes_append_format(text, "%s(", function_name(expr->function));
        expr_format(expr->args[0], names, text);
        bytes_append_format(text, " AS %s)", type_text);
}

/* Which argument is a unit of time (an INT literal in the tree), -1 for none. */
static int unit_argument(enum function_id function)
{
        switch (function) {
        case FN_EXTRACT:
        case FN_TIMESTAMPDIFF:
        case FN_TIMESTAMPADD:
                return 0;
        case FN_FLOOR_TO:
        case FN_CEIL_TO:
                return 1;
        default:
                return -1;
        }
}

static void format_plain_call(const struct expr *expr, const struct slice *names, struct bytes *text)
{
        bool has_blank = expr->function == FN_NEGATE || expr->function == FN_NOT;

        bytes_append_format(text, has_blank ? "%s (" : "%s(", function_name(expr->function));
        for (uint32_t i = 0; i < expr->n_args; i++) {
                const struct expr *arg = expr->args[i];

                bytes_append_text(text, i > 0 ? ", " : "");
                if ((int)i == unit_argument(expr->function) && arg->kind == EXPR_LITERAL)
                        bytes_append_text(text, calendar_unit_name((enum calendar_unit)arg->literal.i64));
                else
                        expr_format(arg, names, text);
        }
        bytes_append_byte(text, ')');
}

/* is_operand: operators stand in parentheses. */
static void format_call(const struct expr *expr, const struct slice *names, bool is_operand, struct bytes *text)
{
        bool is_predicate = expr->function == FN_IN || expr->function == FN_BETWEEN;
        bool has_parens = is_operand && (is_infix(expr->function) || is_postfix(expr->function) || is_predicate);

        if (has_parens)
                bytes_append_byte(text, '(');
        if (is_infix(expr->function)) {
                format_infix(expr, names, text);
        } else if (is_postfix(expr->function)) {
                format(expr->args[0], names, true, text);
                bytes_append_format(text, " %s", function_name(expr->function));
        } else if (is_predicate) {
                format_predicate(expr, names, text);
        } else if (expr->function == FN_CASE) {
                format_case(expr, names, text);
        } else if (expr->function == FN_CAST || expr->function == FN_TRY_CAST) {
                format_cast(expr, names, text);
        } else {
                format_plain_call(expr, names, text);
        }
        if (has_parens)
                bytes_append_byte(text, ')');
}

static void format(const struct expr *expr, const struct slice *names, bool is_operand, struct bytes *text)
{
        switch (expr->kind) {
        case EXPR_COLUMN:
                if (names != NULL)
                        bytes_append_slice(text, names[expr->column]);
                else
                        bytes_append_format(text, "$%u", expr->column);
                break;
        case EXPR_LITERAL:
                format_literal(&expr->type, &expr->literal, text);
                break;
        case EXPR_CALL:
                format_call(expr, names, is_operand, text);
                break;
        }
}

void expr_format(const struct expr *expr, const struct slice *names, struct bytes *text)
{
        format(expr, names, false, text);
}
