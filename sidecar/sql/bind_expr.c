/* bind_expr.c - scalar expressions: names become columns, calls become typed nodes. */
#include "sidecar/sql/bind.h"

#include "sidecar/base/nearest.h"
#include "sidecar/plan/aggregate.h"
#include "sidecar/plan/call.h"

#include <assert.h>
#include <strings.h>

static bool is_name(struct slice text, const char *name)
{
        return text.len == strlen(name) && strncasecmp((const char *)text.data, name, text.len) == 0;
}

static struct expr *put_place(struct bind_context *context, struct expr *expr, const struct ast_expr *ast)
{
        struct plan_place place = bind_job_place(context->binder, ast->span);

        expr->line = place.line;
        expr->column_at = place.column;
        return expr;
}

static struct expr *report(struct bind_context *context, enum diag_code code, const struct ast_expr *ast,
                           const struct err *err)
{
        diag_add(context->binder->diags, code, ast->span, NULL, "%s", err->text);
        return NULL;
}

void bind_expr_refuse_nested(struct binder *binder, struct diag_span span, const struct type *type)
{
        static const char *const words[] = {[TYPE_ARRAY] = "ARRAY", [TYPE_MAP] = "MAP", [TYPE_ROW] = "ROW"};

        diag_add(binder->diags, DIAG_TYPE_NOT_YET, span,
                 type->kind == TYPE_ROW ? "name one of its fields: row.field" : NULL,
                 "a value of type %s: Flink accepts this; weir does not yet", words[type->kind]);
}

bool bind_expr_is_proctime(const struct ast_expr *ast)
{
        return ast->kind == AST_CALL && is_name(ast->name.text, "PROCTIME") && ast->args.n == 0 && !ast->is_star &&
               !ast->is_distinct && ast->filter == NULL;
}

void bind_expr_refuse_proctime(struct binder *binder, struct diag_span span)
{
        diag_add(binder->diags, DIAG_FUNCTION_NOT_YET, span, NULL,
                 "a PROCTIME() column: Flink accepts this; weir does not yet");
}

static bool is_nested(const struct type *type)
{
        return type->kind == TYPE_ARRAY || type->kind == TYPE_MAP || type->kind == TYPE_ROW;
}

/* ---- names ---- */

static void unknown_column(struct bind_context *context, const struct ast_name *name,
                           const struct ast_name *qualifier)
{
        struct binder *binder = context->binder;
        const struct bind_relation *relation = context->relation;
        const char *help = NULL;
        struct nearest nearest;
        struct slice best;

        nearest_init(&nearest, name->text);
        for (uint32_t i = 0; i < relation->n_columns; i++)
                if (qualifier == NULL || slice_is_equal(relation->columns[i].qualifier, qualifier->text))
                        nearest_offer(&nearest, relation->columns[i].name);
        if (nearest_best(&nearest, &best))
                help = arena_format(binder->arena, "did you mean '%.*s'?%s", (int)best.len, (const char *)best.data,
                                    nearest.distance == 0 ? " Names of columns are case-sensitive" : "");
        diag_add(binder->diags, DIAG_COLUMN_UNKNOWN, name->span, help, "there is no column '%.*s'%s%.*s%s",
                 (int)name->text.len, (const char *)name->text.data, qualifier == NULL ? "" : " in '",
                 qualifier == NULL ? 0 : (int)qualifier->text.len,
                 qualifier == NULL ? "" : (const char *)qualifier->text.data, qualifier == NULL ? "" : "'");
}

static bool has_qualifier(const struct bind_relation *relation, struct slice name)
{
        for (uint32_t i = 0; i < relation->n_columns; i++)
                if (slice_is_equal(relation->columns[i].qualifier, name))
                        return true;
        return false;
}

/* The column of that name, of one table when qualifier is given. *ret_n: how many there are. */
static const struct bind_column *find_column(const struct bind_relation *relation, struct slice name,
                                             const struct slice *qualifier, uint32_t *ret_n)
{
        const struct bind_column *found = NULL;

        *ret_n = 0;
        for (uint32_t i = 0; i < relation->n_columns; i++) {
                const struct bind_column *column = &relation->columns[i];

                if (!slice_is_equal(column->name, name) ||
                    (qualifier != NULL && !slice_is_equal(column->qualifier, *qualifier)))
                        continue;
                found = column;
                (*ret_n)++;
        }
        return found;
}

static struct expr *bind_column_path(struct bind_context *context, const struct ast_expr *ast)
{
        const struct bind_relation *relation = context->relation;
        const struct ast_name *first = ast->names.items[0];
        const struct ast_name *second = ast->names.n > 1 ? ast->names.items[1] : NULL;
        const struct bind_column *column = NULL;
        struct expr *expr;
        uint32_t n = 0, used = 1;

        if (second != NULL) {
                column = find_column(relation, second->text, &first->text, &n);
                used = 2;
        }
        if (column == NULL) {
                column = find_column(relation, first->text, NULL, &n);
                used = 1;
        }
        if (column == NULL) {
                if (second != NULL && has_qualifier(relation, first->text))
                        unknown_column(context, second, first);
                else
                        unknown_column(context, first, NULL);
                return NULL;
        }
        if (n > 1) {
                diag_add(context->binder->diags, DIAG_COLUMN_AMBIGUOUS, first->span,
                         "give the columns different names with AS", "there are %u columns '%.*s'", n,
                         (int)column->name.len, (const char *)column->name.data);
                return NULL;
        }
        expr = column->expr;
        if (expr->kind == EXPR_COLUMN && expr->column == BIND_PROCTIME) {
                bind_expr_refuse_proctime(context->binder, ast->span);
                return NULL;
        }
        for (uint32_t i = used; i < ast->names.n && expr != NULL; i++)
                expr = bind_scan_field(context, expr, ast->names.items[i]);
        return expr;
}

/* ---- literals ---- */

static bool is_lowest_bigint(const struct ast_expr *ast)
{
        return ast->kind == AST_NUMBER && !ast->is_parenthesized &&
               slice_is_equal(ast->text, slice_from_text("9223372036854775808"));
}

static struct expr *bind_literal(struct bind_context *context, const struct ast_expr *ast)
{
        struct arena *arena = context->binder->arena;
        const struct ast_interval *interval = &ast->interval;
        struct expr *expr = NULL;
        struct err err = {0};

        switch (ast->kind) {
        case AST_NUMBER:
                if (call_number(ast->text, arena, &expr, &err) != 0)
                        return report(context, DIAG_NUMBER, ast, &err);
                return expr;
        case AST_STRING:
                return call_string(ast->text, arena);
        case AST_BOOLEAN:
                return call_boolean(ast->is_true, arena);
        case AST_NULL:
                return call_null(arena);
        case AST_UNIT:
                return call_unit(ast->unit, arena);
        case AST_BINARY:
                if (call_binary(ast->text, arena, &expr, &err) != 0)
                        return report(context, DIAG_LITERAL, ast, &err);
                return expr;
        case AST_TIME_LITERAL:
                if (call_time_literal(ast->type.kind, ast->text, arena, &expr, &err) != 0)
                        return report(context, DIAG_LITERAL, ast, &err);
                return expr;
        case AST_INTERVAL:
                if (call_interval(ast->text, interval->first, interval->precision, interval->last, interval->fraction,
                                  interval->is_negative, arena, &expr, &err) != 0)
                        return report(context,
                                      strstr(err.text, "digit") != NULL ? DIAG_INTERVAL_DIGITS : DIAG_LITERAL, ast,
                                      &err);
                return expr;
        default:
                assert(false && "a literal");
                return NULL;
        }
}

/* ---- calls ---- */

/* Binds all arguments; NULL when one of them was reported. */
static struct expr **bind_args(struct bind_context *context, const struct ast_expr *ast)
{
        struct expr **args = arena_new_n(context->binder->arena, struct expr *, ast->args.n + 1);
        bool ok = true;

        for (uint32_t i = 0; i < ast->args.n; i++) {
                args[i] = bind_expr(context, ast_arg(ast, i));
                if (args[i] == NULL) {
                        ok = false;
                } else if (is_nested(&args[i]->type)) {
                        bind_expr_refuse_nested(context->binder, ast_arg(ast, i)->span, &args[i]->type);
                        ok = false;
                }
        }
        return ok ? args : NULL;
}

static struct expr *make(struct bind_context *context, enum function_id function, struct expr *const *args,
                         uint32_t n, const struct ast_expr *ast)
{
        struct expr *expr = NULL;
        struct err err = {0};

        if (call_make(function, args, n, context->binder->arena, &expr, &err) != 0)
                return report(context, DIAG_ARGUMENT, ast, &err);
        if (context->binder->judge != NULL && context->binder->judge(expr, &err) != 0)
                return report(context, DIAG_LITERAL, n > 1 && ast->args.n == n ? ast_arg(ast, 1) : ast, &err);
        return expr;
}

/* Of a literal; what is computed is judged row by row. */
static bool is_one_character(const struct expr *expr)
{
        uint32_t n = 0;

        if (expr->kind != EXPR_LITERAL || expr->literal.is_null || !type_is_character(&expr->type))
                return true;
        for (size_t i = 0; i < expr->literal.str.len; i++)
                n += (expr->literal.str.data[i] & 0xc0) != 0x80;
        return n == 1;
}

static struct expr *bind_operator(struct bind_context *context, const struct ast_expr *ast)
{
        struct arena *arena = context->binder->arena;
        struct expr **args, *expr;

        if (ast->function == FN_NEGATE && is_lowest_bigint(ast_arg(ast, 0)))
                return call_bigint(INT64_MIN, arena);
        args = bind_args(context, ast);
        if (args == NULL)
                return NULL;
        if (ast->is_boolean_test && args[0]->type.kind != TYPE_BOOLEAN && args[0]->type.kind != TYPE_NULL) {
                diag_add(context->binder->diags, DIAG_ARGUMENT, ast->span, NULL, "IS UNKNOWN takes a BOOLEAN");
                return NULL;
        }
        if (ast->function == FN_LIKE && ast->args.n == 3 && !is_one_character(args[2])) {
                diag_add(context->binder->diags, DIAG_ARGUMENT, ast_arg(ast, 2)->span, NULL,
                         "ESCAPE takes one character");
                return NULL;
        }
        expr = make(context, ast->function, args, ast->args.n, ast);
        if (expr != NULL && ast->is_negated)
                expr = make(context, FN_NOT, &expr, 1, ast);
        return expr;
}

static struct expr *refuse_function(struct bind_context *context, const struct ast_expr *ast)
{
        diag_add(context->binder->diags, DIAG_FUNCTION_NOT_YET, ast->name.span, NULL,
                 "%.*s: Flink accepts this; weir does not yet", (int)ast->name.text.len,
                 (const char *)ast->name.text.data);
        return NULL;
}

static bool is_legacy_window(struct slice name)
{
        static const char *const names[] = {"TUMBLE", "HOP", "SESSION", "CUMULATE"};
        static const char *const ends[] = {"", "_START", "_END", "_ROWTIME", "_PROCTIME"};
        char text[32];

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                for (size_t j = 0; j < sizeof ends / sizeof ends[0]; j++) {
                        size_t len = strlen(names[i]), end = strlen(ends[j]);

                        memcpy(text, names[i], len);
                        memcpy(text + len, ends[j], end + 1);
                        if (is_name(name, text))
                                return true;
                }
        }
        return false;
}

static struct expr *unknown_function(struct bind_context *context, const struct ast_expr *ast)
{
        const char *near = function_suggest(ast->name.text);
        const char *help = near == NULL ? NULL : arena_format(context->binder->arena, "did you mean %s?", near);

        if (is_legacy_window(ast->name.text)) {
                diag_add(context->binder->diags, DIAG_CLAUSE_NOT_YET, ast->name.span,
                         "write FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))",
                         "a window function in GROUP BY or SELECT: Flink accepts this; weir does not yet");
                return NULL;
        }
        diag_add(context->binder->diags, DIAG_FUNCTION_UNKNOWN, ast->name.span, help, "there is no function '%.*s'",
                 (int)ast->name.text.len, (const char *)ast->name.text.data);
        return NULL;
}

static struct expr *bind_call(struct bind_context *context, const struct ast_expr *ast)
{
        struct diag_list *diags = context->binder->diags;
        enum function_id function = FN_NONE;
        enum plan_agg_kind aggregate;
        struct expr **args;
        int found;

        if (aggregate_find(ast->name.text, &aggregate) != FUNCTION_E_UNKNOWN) {
                diag_add(diags, DIAG_AGGREGATE, ast->span, NULL, "the aggregate %.*s cannot stand in %s",
                         (int)ast->name.text.len, (const char *)ast->name.text.data, context->clause);
                return NULL;
        }
        found = function_find(ast->name.text, &function);
        if (found == FUNCTION_E_NOT_YET)
                return refuse_function(context, ast);
        if (found != 0)
                return unknown_function(context, ast);
        if (ast->is_star || ast->is_distinct || ast->filter != NULL) {
                diag_add(diags, DIAG_ARGUMENT, ast->span, NULL, "%s is no aggregate: it takes no %s",
                         function_name(function),
                         ast->is_star       ? "*"
                         : ast->is_distinct ? "DISTINCT"
                                            : "FILTER");
                return NULL;
        }
        args = bind_args(context, ast);
        return args == NULL ? NULL : make(context, function, args, ast->args.n, ast);
}

static struct expr *bind_case(struct bind_context *context, const struct ast_expr *ast)
{
        struct arena *arena = context->binder->arena;
        uint32_t first = ast->has_operand ? 1 : 0, n = ast->args.n - first;
        struct expr **args = arena_new_n(arena, struct expr *, n + 1);
        struct expr *operand = NULL;
        bool ok = true;

        if (ast->has_operand) {
                operand = bind_expr(context, ast_arg(ast, 0));
                if (operand == NULL)
                        return NULL;
        }
        for (uint32_t i = 0; i < n; i++) {
                const struct ast_expr *part = ast_arg(ast, i + first);
                bool is_when = i % 2 == 0 && i + 1 < n;

                if (part == NULL)
                        args[i] = call_null(arena);
                else if (is_when && operand == NULL)
                        args[i] = bind_expr_condition(
                                &(struct bind_context){context->binder, context->relation, context->group, "WHEN"},
                                part);
                else
                        args[i] = bind_expr(context, part);
                if (is_when && operand != NULL && args[i] != NULL)
                        args[i] = make(context, FN_EQ, (struct expr *[]){operand, args[i]}, 2, part);
                if (args[i] != NULL && is_nested(&args[i]->type)) {
                        bind_expr_refuse_nested(context->binder, part->span, &args[i]->type);
                        args[i] = NULL;
                }
                ok = ok && args[i] != NULL;
        }
        return ok ? make(context, FN_CASE, args, n, ast) : NULL;
}

static struct expr *bind_cast(struct bind_context *context, const struct ast_expr *ast)
{
        struct expr **args = bind_args(context, ast);
        struct expr *expr = NULL;
        struct err err = {0};

        if (args == NULL)
                return NULL;
        if (is_nested(&ast->type)) {
                bind_expr_refuse_nested(context->binder, ast->span, &ast->type);
                return NULL;
        }
        if (call_cast(args[0], &ast->type, ast->is_try, context->binder->arena, &expr, &err) != 0)
                return report(context, DIAG_CAST, ast, &err);
        return expr;
}

static struct expr *bind_node(struct bind_context *context, const struct ast_expr *ast)
{
        struct expr *base;

        switch (ast->kind) {
        case AST_COLUMN:
                return bind_column_path(context, ast);
        case AST_OPERATOR:
                return bind_operator(context, ast);
        case AST_CALL:
                return bind_call(context, ast);
        case AST_CASE:
                return bind_case(context, ast);
        case AST_CAST:
                return bind_cast(context, ast);
        case AST_INDEX:
                base = bind_expr(context, ast_arg(ast, 0));
                return base == NULL ? NULL : bind_scan_element(context, base, ast_arg(ast, 1));
        case AST_FIELD:
                base = bind_expr(context, ast_arg(ast, 0));
                return base == NULL ? NULL : bind_scan_field(context, base, &ast->name);
        case AST_STAR:
        case AST_REFUSED:
                return NULL;
        default:
                return bind_literal(context, ast);
        }
}

struct expr *bind_expr(struct bind_context *context, const struct ast_expr *ast)
{
        struct expr *expr;
        bool is_done = false;

        if (context->group != NULL) {
                expr = bind_group_expr(context, ast, &is_done);
                if (is_done)
                        return expr;
        }
        expr = bind_node(context, ast);
        if (expr == NULL || ast->kind == AST_COLUMN)
                return expr;
        if (expr->type.is_time_attribute) { /* only a plain reference keeps it */
                struct expr *copy = arena_new(context->binder->arena, struct expr);

                *copy = *expr;
                copy->type.is_time_attribute = false;
                expr = copy;
        }
        return expr->kind == EXPR_COLUMN ? expr : put_place(context, expr, ast);
}

struct expr *bind_expr_condition(struct bind_context *context, const struct ast_expr *ast)
{
        struct expr *expr = bind_expr(context, ast);
        char text[TYPE_TEXT_BYTES];

        if (expr == NULL || expr->type.kind == TYPE_BOOLEAN)
                return expr;
        if (expr->type.kind == TYPE_NULL) {
                struct type type = type_make(TYPE_BOOLEAN, true);

                return call_implicit_cast(expr, &type, context->binder->arena);
        }
        type_format(&expr->type, text);
        diag_add(context->binder->diags, DIAG_CONDITION, ast->span, NULL, "%s takes a BOOLEAN, not %s",
                 context->clause, text);
        return NULL;
}

bool bind_expr_interval_ms(struct bind_context *context, const struct ast_expr *ast, int64_t *ret_ms)
{
        struct expr *expr;

        if (ast->kind == AST_REFUSED)
                return false;
        if (ast->kind != AST_INTERVAL) {
                diag_add(context->binder->diags, DIAG_WINDOW_SIZE, ast->span,
                         "write INTERVAL '5' MINUTE, or INTERVAL '-5' MINUTE for an offset",
                         "the sizes of a window are INTERVAL literals");
                return false;
        }
        expr = bind_literal(context, ast);
        if (expr == NULL)
                return false;
        if (expr->type.kind != TYPE_INTERVAL_SECOND || expr->literal.i64 % TYPE_MICROS_PER_MS != 0) {
                diag_add(context->binder->diags, DIAG_WINDOW_SIZE, ast->span, NULL,
                         "the sizes of a window are whole milliseconds, in DAY, HOUR, MINUTE or SECOND");
                return false;
        }
        *ret_ms = expr->literal.i64 / TYPE_MICROS_PER_MS;
        return true;
}

static void note_window_code(void *context, const struct expr *column)
{
        if (bind_is_window_code(column->column))
                *(bool *)context = true;
}

bool bind_expr_has_window_code(const struct expr *expr)
{
        bool has_code = false;

        expr_visit_columns(expr, note_window_code, &has_code);
        return has_code;
}
