/* bind_group.c - GROUP BY over a window: keys, aggregates, and the operators that they become.
 *
 * Keys and arguments of aggregates are projected below the WINDOW operator; the SELECT list and HAVING become
 * expressions over its output. While that is being bound, outputs have codes (BIND_AGG_BASE, BIND_WINDOW_START, ...),
 * for the number of aggregates is known only at the end. */
#include "sidecar/sql/bind.h"

#include "sidecar/base/bytes.h"
#include "sidecar/base/limits.h"
#include "sidecar/plan/aggregate.h"
#include "sidecar/plan/call.h"

static void refuse(struct binder *binder, struct diag_span span, const char *what)
{
        diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, span, NULL, "%s: Flink accepts this; weir does not yet", what);
}

/* ---- keys ---- */

static bool has_columns(const struct expr *expr)
{
        if (expr->kind == EXPR_COLUMN)
                return true;
        for (uint32_t i = 0; expr->kind == EXPR_CALL && i < expr->n_args; i++)
                if (has_columns(expr->args[i]))
                        return true;
        return false;
}

static bool is_nested(const struct type *type)
{
        return type_phys(type) == PHYS_NONE && type->kind != TYPE_NULL;
}

static bool take_window_column(struct bind_group *group, const struct expr *expr)
{
        if (expr->kind != EXPR_COLUMN || !bind_is_window_code(expr->column))
                return false;
        group->has_start = group->has_start || expr->column == BIND_WINDOW_START;
        group->has_end = group->has_end || expr->column == BIND_WINDOW_END;
        group->has_time = group->has_time || expr->column == BIND_WINDOW_TIME;
        return true;
}

static struct expr *find_key(const struct bind_group *group, const struct expr *expr, struct arena *arena)
{
        if (expr->kind == EXPR_COLUMN && bind_is_window_code(expr->column)) {
                bool is_grouped = expr->column == BIND_WINDOW_START ? group->has_start
                                  : expr->column == BIND_WINDOW_END ? group->has_end
                                                                    : group->has_time;

                return is_grouped ? call_column(expr->column, &expr->type, arena) : NULL;
        }
        for (uint32_t i = 0; i < group->n_keys; i++)
                if (expr_is_equal(group->keys[i], expr))
                        return call_column(i, &group->keys[i]->type, arena);
        return NULL;
}

/* Keys, aggregates and window columns are columns of the window; false: reported. */
static bool has_room(struct binder *binder, struct bind_group *group, struct diag_span span)
{
        if (group->n_keys + group->n_aggs + 3 < LIMIT_COLUMNS)
                return true;
        if (!group->is_full)
                diag_add(binder->diags, DIAG_LIMIT, span, NULL, "a window has at most %u keys and aggregates",
                         LIMIT_COLUMNS - 3);
        group->is_full = true;
        return false;
}

static bool add_key(struct binder *binder, struct bind_group *group, const struct ast_expr *ast)
{
        struct bind_context context = {binder, group->input, NULL, "GROUP BY"};
        struct expr *expr = bind_expr(&context, ast);

        if (expr == NULL)
                return false;
        if (take_window_column(group, expr) || find_key(group, expr, binder->arena) != NULL)
                return true;
        if (bind_expr_has_window_code(expr)) {
                refuse(binder, ast->span, "an expression of window columns in GROUP BY");
                return false;
        }
        if (!has_columns(expr)) {
                refuse(binder, ast->span, "a constant in GROUP BY");
                return false;
        }
        if (is_nested(&expr->type)) {
                bind_expr_refuse_nested(binder, ast->span, &expr->type);
                return false;
        }
        if (!has_room(binder, group, ast->span))
                return false;
        group->keys[group->n_keys++] = expr;
        return true;
}

static bool bind_keys(struct binder *binder, const struct ast_query *query, struct bind_group *group)
{
        bool ok = true;

        group->keys = arena_new_n(binder->arena, struct expr *, query->group_by.n + 1);
        for (uint32_t i = 0; i < query->group_by.n; i++)
                ok = add_key(binder, group, query->group_by.items[i]) && ok;
        if (ok && !group->input->has_window) {
                diag_add(binder->diags, DIAG_UNBOUNDED, query->has_group_by ? query->group_by_span : query->span,
                         "put a window around the table: FROM TABLE(TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' "
                         "MINUTE)), "
                         "and group by window_start, window_end",
                         "an aggregation without a window: Flink accepts this; weir does not yet");
                return false;
        }
        if (!ok || (group->has_start && group->has_end))
                return ok;
        diag_add(binder->diags, DIAG_WINDOW_GROUP, query->has_group_by ? query->group_by_span : query->span,
                 group->has_start ? "add window_end"
                 : group->has_end ? "add window_start"
                                  : "add window_start, window_end",
                 query->has_group_by ? "GROUP BY over a window needs both window_start and window_end"
                                     : "aggregates over a window need GROUP BY window_start, window_end");
        return false;
}

/* ---- aggregates ---- */

static struct expr *add_aggregate(struct bind_context *context, const struct bind_agg *wanted, struct diag_span span)
{
        struct bind_group *group = context->group;
        struct binder *binder = context->binder;
        uint32_t at;

        for (at = 0; at < group->n_aggs; at++) {
                const struct bind_agg *agg = &group->aggs[at];

                if (agg->agg.kind == wanted->agg.kind && !agg->argument == !wanted->argument &&
                    !agg->filter == !wanted->filter &&
                    (agg->argument == NULL || expr_is_equal(agg->argument, wanted->argument)) &&
                    (agg->filter == NULL || expr_is_equal(agg->filter, wanted->filter)))
                        break;
        }
        if (at == group->n_aggs && !has_room(binder, group, span))
                return NULL;
        if (at == group->n_aggs) {
                group->aggs =
                        bind_job_grow(binder, group->aggs, group->n_aggs, &group->aggs_capacity, sizeof *group->aggs);
                group->aggs[group->n_aggs++] = *wanted;
        }
        return call_column(BIND_AGG_BASE + at, &group->aggs[at].agg.type, binder->arena);
}

/* Argument and FILTER, over the rows below the window. */
static bool bind_input(struct bind_context *context, const struct ast_expr *ast, struct bind_agg *agg)
{
        struct binder *binder = context->binder;
        struct bind_context argument = {binder, context->group->input, NULL, "another aggregate"};
        struct bind_context filter = {binder, context->group->input, NULL, "FILTER"};

        if (ast->args.n == 1) {
                agg->argument = bind_expr(&argument, ast_arg(ast, 0));
                if (agg->argument == NULL)
                        return false;
                if (is_nested(&agg->argument->type)) {
                        bind_expr_refuse_nested(binder, ast->span, &agg->argument->type);
                        return false;
                }
        }
        if (ast->filter != NULL) {
                agg->filter = bind_expr_condition(&filter, ast->filter);
                if (agg->filter == NULL)
                        return false;
        }
        if ((agg->argument != NULL && bind_expr_has_window_code(agg->argument)) ||
            (agg->filter != NULL && bind_expr_has_window_code(agg->filter))) {
                refuse(binder, ast->span, "window columns in an aggregate");
                return false;
        }
        return true;
}

static struct expr *bind_aggregate(struct bind_context *context, const struct ast_expr *ast, enum plan_agg_kind kind)
{
        struct diag_list *diags = context->binder->diags;
        struct bind_agg agg = {.agg = {.kind = kind, .argument = -1, .filter = -1}};
        struct err err = {0};

        if (ast->is_distinct) {
                refuse(context->binder, ast->span, "DISTINCT in an aggregate");
                return NULL;
        }
        if (ast->is_star ? kind != AGG_COUNT : ast->args.n != 1) {
                diag_add(diags, DIAG_ARGUMENT, ast->span, NULL, "%s takes one argument", aggregate_name(kind));
                return NULL;
        }
        if (!bind_input(context, ast, &agg))
                return NULL;
        if (kind == AGG_COUNT && (agg.argument == NULL || !agg.argument->type.nullable)) {
                agg.agg.kind = AGG_COUNT_STAR; /* COUNT of what is never NULL */
                agg.argument = NULL;
        }
        if (agg.argument != NULL)
                agg.agg.argument_type = agg.argument->type;
        if (aggregate_type(agg.agg.kind, agg.argument == NULL ? NULL : &agg.argument->type, agg.filter != NULL,
                           &agg.agg.type, &err) != 0) {
                diag_add(diags, DIAG_ARGUMENT, ast->span, NULL, "%s", err.text);
                return NULL;
        }
        return add_aggregate(context, &agg, ast->span);
}

/* ---- the SELECT list and HAVING ---- */

static struct expr *not_grouped(struct bind_context *context, const struct ast_expr *ast)
{
        struct slice text = context->binder->files[ast->span.file].text;

        diag_add(context->binder->diags, DIAG_NOT_GROUPED, ast->span,
                 "add it to GROUP BY, or put an aggregate such as MAX around it",
                 "the column '%.*s' is neither in GROUP BY nor in an aggregate",
                 (int)(ast->span.end - ast->span.begin), (const char *)text.data + ast->span.begin);
        return NULL;
}

struct expr *bind_group_expr(struct bind_context *context, const struct ast_expr *ast, bool *ret_is_done)
{
        struct bind_context below = {context->binder, context->group->input, NULL, context->clause};
        struct expr *expr, *key;
        enum plan_agg_kind kind;
        int found;

        *ret_is_done = true;
        if (ast->kind == AST_CALL) {
                found = aggregate_find(ast->name.text, &kind);
                if (found == FUNCTION_E_NOT_YET) {
                        diag_add(context->binder->diags, DIAG_FUNCTION_NOT_YET, ast->name.span, NULL,
                                 "%.*s: Flink accepts this; weir does not yet", (int)ast->name.text.len,
                                 (const char *)ast->name.text.data);
                        return NULL;
                }
                if (found == 0)
                        return bind_aggregate(context, ast, kind);
        }
        if (!ast_has_aggregate(ast)) {
                expr = bind_expr(&below, ast);
                if (expr == NULL || !has_columns(expr))
                        return expr;
                key = find_key(context->group, expr, context->binder->arena);
                if (key != NULL)
                        return key;
                if (ast->kind == AST_COLUMN || ast->kind == AST_FIELD || ast->kind == AST_INDEX)
                        return not_grouped(context, ast);
        }
        *ret_is_done = false;
        return NULL;
}

static bool bind_items(struct bind_context *context, const struct ast_query *query, struct bind_relation *output)
{
        struct binder *binder = context->binder;
        bool ok = true;

        output->columns = arena_new_n(binder->arena, struct bind_column, query->items.n + 1);
        for (uint32_t i = 0; i < query->items.n; i++) {
                const struct ast_item *item = query->items.items[i];
                struct bind_column *column = &output->columns[output->n_columns++];

                if (item->expr->kind == AST_STAR) {
                        diag_add(binder->diags, DIAG_NOT_GROUPED, item->span, "name the columns",
                                 "`*` goes without GROUP BY and aggregates");
                        ok = false;
                        continue;
                }
                *column =
                        (struct bind_column){.name = bind_query_item_name(binder, item, i), .span = item->expr->span};
                column->expr = bind_expr(context, item->expr);
                ok = ok && column->expr != NULL && bind_query_check_item(binder, column->expr, item->span);
        }
        if (query->having != NULL) {
                struct bind_context having = {binder, context->relation, context->group, "HAVING"};
                struct expr *condition = bind_expr_condition(&having, query->having);

                if (condition == NULL)
                        return false;
                bind_query_add_filter(binder, output, condition);
        }
        return ok;
}

/* ---- operators ---- */

static struct slice text_of(struct binder *binder, const struct expr *expr, const struct slice *names)
{
        struct bytes text;
        struct slice copy;

        bytes_init(&text);
        expr_format(expr, names, &text);
        copy = arena_copy(binder->arena, bytes_slice(&text));
        bytes_done(&text);
        return copy;
}

/* Index of the expression in the projection, added if it is new. */
static uint32_t project(struct plan_op *op, struct expr *expr)
{
        for (uint32_t i = 0; i < op->n_columns; i++)
                if (expr_is_equal(op->exprs[i], expr))
                        return i;
        op->exprs[op->n_columns] = expr;
        return op->n_columns++;
}

/* Rowtime, keys, arguments and filters: what the window reads. */
static struct plan_op *make_projection(struct binder *binder, const struct bind_group *group,
                                       struct plan_window *window)
{
        struct bind_relation *input = group->input;
        struct plan_op *op = bind_job_op(binder, PLAN_PROJECT, bind_query_filtered(binder, input),
                                         1 + group->n_keys + 2 * group->n_aggs);
        const struct slice *names = bind_query_names(binder, input);

        op->n_columns = 0;
        window->rowtime = (int32_t)project(op, input->rowtime);
        window->n_keys = group->n_keys;
        window->keys = arena_new_n(binder->arena, uint32_t, group->n_keys + 1);
        for (uint32_t i = 0; i < group->n_keys; i++)
                window->keys[i] = project(op, group->keys[i]);
        window->n_aggs = group->n_aggs;
        window->aggs = arena_new_n(binder->arena, struct plan_agg, group->n_aggs + 1);
        for (uint32_t i = 0; i < group->n_aggs; i++) {
                const struct bind_agg *agg = &group->aggs[i];

                window->aggs[i] = agg->agg;
                if (agg->argument != NULL)
                        window->aggs[i].argument = (int32_t)project(op, agg->argument);
                if (agg->filter != NULL)
                        window->aggs[i].filter = (int32_t)project(op, agg->filter);
        }
        for (uint32_t i = 0; i < op->n_columns; i++) {
                op->names[i] = text_of(binder, op->exprs[i], names);
                op->types[i] = op->exprs[i]->type;
        }
        return op;
}

static struct slice aggregate_text(struct binder *binder, const struct plan_agg *agg, const struct plan_op *input)
{
        struct bytes text;
        struct slice copy;

        bytes_init(&text);
        if (agg->kind == AGG_COUNT_STAR) {
                bytes_append_text(&text, "COUNT(*)");
        } else {
                bytes_append_format(&text, "%s(", aggregate_name(agg->kind));
                bytes_append_slice(&text, input->names[agg->argument]);
                bytes_append_byte(&text, ')');
        }
        if (agg->filter >= 0) {
                bytes_append_text(&text, " FILTER (WHERE ");
                bytes_append_slice(&text, input->names[agg->filter]);
                bytes_append_byte(&text, ')');
        }
        copy = arena_copy(binder->arena, bytes_slice(&text));
        bytes_done(&text);
        return copy;
}

static struct plan_op *make_window(struct binder *binder, const struct bind_group *group)
{
        struct plan_window window = group->input->window;
        struct plan_op *input = make_projection(binder, group, &window);
        struct plan_op *op = bind_job_op(binder, PLAN_WINDOW, input, group->n_keys + group->n_aggs + 3);
        struct type bound = type_timestamp(TYPE_TIMESTAMP, 3, false);
        uint32_t n = 0;

        op->window = window;
        for (uint32_t i = 0; i < window.n_keys; i++, n++) {
                op->names[n] = input->names[window.keys[i]];
                op->types[n] = input->types[window.keys[i]];
        }
        for (uint32_t i = 0; i < window.n_aggs; i++, n++) {
                op->names[n] = aggregate_text(binder, &window.aggs[i], input);
                op->types[n] = window.aggs[i].type;
        }
        op->names[n] = slice_from_text("window_start");
        op->types[n++] = bound;
        op->names[n] = slice_from_text("window_end");
        op->types[n++] = bound;
        op->names[n] = slice_from_text("window_time");
        op->types[n] = input->types[window.rowtime];
        op->types[n].nullable = false;
        op->types[n].precision = 3;
        return op;
}

static uint32_t final_column(void *context, uint32_t column)
{
        const struct bind_group *group = context;

        if (bind_is_window_code(column))
                return group->n_keys + group->n_aggs + (column - BIND_WINDOW_START);
        if (column >= BIND_AGG_BASE)
                return group->n_keys + (column - BIND_AGG_BASE);
        return column;
}

struct bind_relation *bind_group_select(struct binder *binder, const struct ast_query *query,
                                        struct bind_relation *input)
{
        struct bind_group group = {.input = input};
        struct bind_context context = {binder, input, &group, "the SELECT list"};
        struct bind_relation *output;

        if (!bind_keys(binder, query, &group))
                return NULL;
        output = arena_new(binder->arena, struct bind_relation);
        if (!bind_items(&context, query, output))
                return NULL;
        output->op = make_window(binder, &group);
        output->is_windowed = true;
        for (uint32_t i = 0; i < output->n_columns; i++)
                output->columns[i].expr =
                        expr_map_columns(output->columns[i].expr, final_column, &group, binder->arena);
        for (uint32_t i = 0; i < output->n_filters; i++)
                output->filters[i] = expr_map_columns(output->filters[i], final_column, &group, binder->arena);
        return output;
}
