/* bind_query.c - SELECT, views, windows in FROM, UNION ALL. */
#include "sidecar/sql/bind.h"

#include "sidecar/base/limits.h"
#include "sidecar/base/nearest.h"
#include "sidecar/plan/call.h"

#include <strings.h>

static bool is_name(struct slice text, const char *name)
{
        return text.len == strlen(name) && strncasecmp((const char *)text.data, name, text.len) == 0;
}

const struct slice *bind_query_names(struct binder *binder, const struct bind_relation *relation)
{
        return relation->scan != NULL ? bind_scan_names(binder, relation->scan) : relation->op->names;
}

/* ---- conditions ---- */

static void add_conjunct(struct binder *binder, struct bind_relation *relation, struct expr *condition)
{
        relation->filters = bind_job_grow(binder, relation->filters, relation->n_filters, &relation->filters_capacity,
                                          sizeof(struct expr *));
        relation->filters[relation->n_filters++] = condition;
}

void bind_query_add_filter(struct binder *binder, struct bind_relation *relation, struct expr *condition)
{
        if (condition->kind != EXPR_CALL || condition->function != FN_AND) {
                add_conjunct(binder, relation, condition);
                return;
        }
        for (uint32_t i = 0; i < condition->n_args; i++)
                bind_query_add_filter(binder, relation, condition->args[i]);
}

struct plan_op *bind_query_filtered(struct binder *binder, struct bind_relation *relation)
{
        struct plan_op *op;

        if (relation->n_filters == 0)
                return relation->op;
        op = bind_job_op(binder, PLAN_FILTER, relation->op, relation->op->n_columns);
        op->names = relation->op->names;
        op->types = relation->op->types;
        op->condition = bind_job_and(binder, relation->filters, relation->n_filters);
        return op;
}

static bool bind_where(struct binder *binder, const struct ast_query *query, struct bind_relation *input)
{
        struct bind_context context = {binder, input, NULL, "WHERE"};
        struct expr *condition;

        if (query->where == NULL)
                return true;
        condition = bind_expr_condition(&context, query->where);
        if (condition == NULL)
                return false;
        if (bind_expr_has_window_code(condition)) {
                diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, query->where->span, "put it into HAVING",
                         "a condition on the columns of a window in WHERE: Flink accepts this; weir does not yet");
                return false;
        }
        bind_query_add_filter(binder, input, condition);
        return true;
}

/* ---- FROM ---- */

static void put_qualifier(struct bind_relation *relation, struct slice qualifier)
{
        for (uint32_t i = 0; i < relation->n_columns; i++)
                relation->columns[i].qualifier = qualifier;
}

/* Column names of a view or an alias. */
static bool put_names(struct binder *binder, struct bind_relation *relation, const struct ast_list *names,
                      struct diag_span span)
{
        if (names->n == 0)
                return true;
        if (names->n != relation->n_columns) {
                diag_add(binder->diags, DIAG_COLUMN_COUNT, span, NULL, "%u names for %u columns", names->n,
                         relation->n_columns);
                return false;
        }
        for (uint32_t i = 0; i < names->n; i++)
                relation->columns[i].name = ((const struct ast_name *)names->items[i])->text;
        return true;
}

static struct bind_relation *bind_view(struct binder *binder, const struct bind_entry *entry, struct diag_span span)
{
        struct bind_relation *relation;

        if (binder->view_depth >= BIND_VIEW_DEPTH_MAX) {
                diag_add(binder->diags, DIAG_LIMIT, span, NULL, "views over views more than %u levels deep",
                         BIND_VIEW_DEPTH_MAX);
                return NULL;
        }
        binder->view_depth++;
        relation = bind_query(binder, entry->statement->query);
        binder->view_depth--;
        if (relation == NULL || !put_names(binder, relation, &entry->statement->column_names, span))
                return NULL;
        put_qualifier(relation, entry->name);
        return relation;
}

static struct bind_relation *bind_table(struct binder *binder, const struct ast_name *name)
{
        const struct bind_entry *entry = bind_job_find(binder, name->text);
        struct bind_relation *relation;

        if (entry == NULL) {
                diag_add(binder->diags, DIAG_TABLE_UNKNOWN, name->span, bind_job_suggest_table(binder, name->text),
                         "there is no table or view '%.*s'", (int)name->text.len, (const char *)name->text.data);
                return NULL;
        }
        if (entry->is_broken)
                return NULL;
        if (entry->table == NULL)
                return bind_view(binder, entry, name->span);
        if (!entry->connector->is_source) {
                diag_add(binder->diags, DIAG_TABLE_ROLE, name->span, NULL,
                         "the table '%.*s' cannot be read: its connector '%s' only writes", (int)name->text.len,
                         (const char *)name->text.data, entry->connector->name);
                return NULL;
        }
        relation = bind_scan_relation(binder, entry);
        if (!binder->is_trial) {
                binder->scans = bind_job_grow(binder, binder->scans, binder->n_scans, &binder->scans_capacity,
                                              sizeof(struct bind_scan *));
                binder->scans[binder->n_scans++] = relation->scan;
        }
        return relation;
}

/* ---- TUMBLE and HOP ---- */

enum { ARG_DATA, ARG_TIMECOL, ARG_SIZE, ARG_SLIDE, ARG_OFFSET, N_ARGS };

static const char *const arg_names[N_ARGS] = {"DATA", "TIMECOL", "SIZE", "SLIDE", "OFFSET"};

/* Sorts the arguments by meaning: positions of HOP are data, time, slide, size, offset. False: reported. */
static bool sort_args(struct binder *binder, const struct ast_relation *ast, bool is_hop,
                      const struct ast_table_arg *sorted[N_ARGS])
{
        static const int tumble[] = {ARG_DATA, ARG_TIMECOL, ARG_SIZE, ARG_OFFSET};
        static const int hop[] = {ARG_DATA, ARG_TIMECOL, ARG_SLIDE, ARG_SIZE, ARG_OFFSET};
        uint32_t most = is_hop ? 5 : 4;
        bool has_all = true;

        for (uint32_t i = 0; i < ast->args.n; i++) {
                const struct ast_table_arg *arg = ast->args.items[i], *first = ast->args.items[0];
                int at = arg->keyword != NULL || i >= most ? -1 : is_hop ? hop[i] : tumble[i];

                for (int n = 0; arg->keyword != NULL && n < N_ARGS; n++)
                        if (is_name(arg->keyword->text, arg_names[n]) && (is_hop || n != ARG_SLIDE))
                                at = n;
                if (at < 0 || sorted[at] != NULL || (arg->keyword != NULL) != (first->keyword != NULL)) {
                        diag_add(binder->diags, DIAG_ARGUMENT, arg->span, NULL,
                                 (arg->keyword != NULL) != (first->keyword != NULL)
                                         ? "the arguments of %s either all have names or none"
                                         : "%s takes no such argument",
                                 is_hop ? "HOP" : "TUMBLE");
                        return false;
                }
                sorted[at] = arg;
        }
        for (int n = 0; n < ARG_OFFSET; n++)
                has_all = has_all && (sorted[n] != NULL || (n == ARG_SLIDE && !is_hop));
        if (!has_all)
                diag_add(binder->diags, DIAG_ARGUMENT, ast->span,
                         is_hop ? "write HOP(TABLE t, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' HOUR): first "
                                  "the slide, then the size"
                                : "write TUMBLE(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE)",
                         "%s takes a table, a time column and %s", is_hop ? "HOP" : "TUMBLE",
                         is_hop ? "two intervals" : "an interval");
        return has_all;
}

static struct expr *bind_descriptor(struct binder *binder, struct bind_relation *relation, const struct ast_expr *ast)
{
        struct bind_context context = {binder, relation, NULL, "DESCRIPTOR"};
        struct expr *expr;
        char text[TYPE_TEXT_BYTES];

        if (ast == NULL || ast->kind != AST_CALL || !is_name(ast->name.text, "DESCRIPTOR") || ast->args.n != 1 ||
            ast_arg(ast, 0)->kind != AST_COLUMN) {
                if (ast != NULL && ast->kind != AST_REFUSED)
                        diag_add(binder->diags, DIAG_ARGUMENT, ast->span, NULL,
                                 "the time column of a window is given as DESCRIPTOR(column)");
                return NULL;
        }
        expr = bind_expr(&context, ast_arg(ast, 0));
        if (expr == NULL || expr->type.is_time_attribute)
                return expr;
        type_format(&expr->type, text);
        diag_add(binder->diags, DIAG_TIME_ATTRIBUTE, ast_arg(ast, 0)->span,
                 type_is_timestamp(&expr->type) ? "declare it with WATERMARK FOR, and pass it on as a plain column"
                                                : NULL,
                 "a window needs a time attribute; this is a plain %s", text);
        return NULL;
}

static bool read_size(struct binder *binder, struct bind_relation *relation, const struct ast_table_arg *arg,
                      int64_t *ret_ms)
{
        struct bind_context context = {binder, relation, NULL, "a window"};

        *ret_ms = 0;
        if (arg == NULL)
                return true;
        if (arg->expr == NULL) {
                diag_add(binder->diags, DIAG_ARGUMENT, arg->span, NULL, "an INTERVAL stands here");
                return false;
        }
        return bind_expr_interval_ms(&context, arg->expr, ret_ms);
}

static bool check_sizes(struct binder *binder, const struct plan_window *window, const struct ast_relation *ast,
                        const struct ast_table_arg *const args[N_ARGS])
{
        const char *help = NULL;
        const struct ast_table_arg *at = args[ARG_SIZE];
        const char *message = NULL;

        if (window->size_ms <= 0 || window->slide_ms <= 0) {
                message = "the sizes of a window are longer than 0";
                at = window->size_ms <= 0 ? at : args[ARG_SLIDE];
        } else if (window->size_ms % window->slide_ms != 0) {
                message = "the size of a HOP window is a whole multiple of its slide";
                help = window->slide_ms > window->size_ms ? "the slide comes first, then the size" : NULL;
        } else if (window->size_ms / window->slide_ms > LIMIT_SLICES_PER_WINDOW) {
                diag_add(binder->diags, DIAG_LIMIT, at->span, NULL, "a window has at most %u slides",
                         LIMIT_SLICES_PER_WINDOW);
                return false;
        } else if (window->offset_ms >= window->size_ms || -window->offset_ms >= window->size_ms) {
                message = "the offset of a window is smaller than its size";
                at = args[ARG_OFFSET];
        }
        if (message == NULL)
                return true;
        diag_add(binder->diags, DIAG_WINDOW_SIZE, at == NULL ? ast->span : at->span, help, "%s", message);
        return false;
}

/* The columns of the table, no longer time attributes, and those of the window. */
static void add_window_columns(struct binder *binder, struct bind_relation *relation)
{
        uint32_t n = relation->n_columns;
        struct bind_column *columns = arena_new_n(binder->arena, struct bind_column, n + 3);
        struct type bound = type_timestamp(TYPE_TIMESTAMP, 3, false);
        struct type time = relation->rowtime->type;

        time.nullable = false;
        time.precision = 3;
        for (uint32_t i = 0; i < n; i++) {
                columns[i] = relation->columns[i];
                if (!columns[i].expr->type.is_time_attribute)
                        continue;
                columns[i].expr = arena_new(binder->arena, struct expr);
                *columns[i].expr = *relation->columns[i].expr;
                columns[i].expr->type.is_time_attribute = false;
        }
        columns[n] = (struct bind_column){.name = slice_from_text("window_start"),
                                          .expr = call_column(BIND_WINDOW_START, &bound, binder->arena)};
        columns[n + 1] = (struct bind_column){.name = slice_from_text("window_end"),
                                              .expr = call_column(BIND_WINDOW_END, &bound, binder->arena)};
        columns[n + 2] = (struct bind_column){.name = slice_from_text("window_time"),
                                              .expr = call_column(BIND_WINDOW_TIME, &time, binder->arena)};
        for (uint32_t i = n; i < n + 3; i++)
                columns[i].span.file = DIAG_NO_FILE;
        relation->columns = columns;
        relation->n_columns = n + 3;
}

static struct bind_relation *bind_window(struct binder *binder, const struct ast_relation *ast, bool is_hop)
{
        const struct ast_table_arg *args[N_ARGS] = {NULL};
        struct bind_relation *relation;
        struct plan_window window = {.kind = is_hop ? PLAN_HOP : PLAN_TUMBLE};

        if (!sort_args(binder, ast, is_hop, args))
                return NULL;
        if (args[ARG_DATA]->table == NULL) {
                diag_add(binder->diags, DIAG_ARGUMENT, args[ARG_DATA]->span, "write TABLE t",
                         "the first argument of %s is a table", is_hop ? "HOP" : "TUMBLE");
                return NULL;
        }
        if (args[ARG_DATA]->is_partitioned) {
                diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, args[ARG_DATA]->span, NULL,
                         "PARTITION BY in a window: Flink accepts this; weir does not yet");
                return NULL;
        }
        relation = bind_table(binder, args[ARG_DATA]->table);
        if (relation == NULL)
                return NULL;
        if (relation->has_window || relation->is_windowed) {
                diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, ast->span, NULL,
                         "a window over the results of a window: Flink accepts this; weir does not yet");
                return NULL;
        }
        relation->rowtime = bind_descriptor(binder, relation, args[ARG_TIMECOL]->expr);
        if (relation->rowtime == NULL || !read_size(binder, relation, args[ARG_SIZE], &window.size_ms) ||
            !read_size(binder, relation, args[ARG_SLIDE], &window.slide_ms) ||
            !read_size(binder, relation, args[ARG_OFFSET], &window.offset_ms))
                return NULL;
        if (!is_hop)
                window.slide_ms = window.size_ms;
        if (!check_sizes(binder, &window, ast, args))
                return NULL;
        put_qualifier(relation, slice_make(NULL, 0)); /* only an alias of the whole names it */
        relation->has_window = true;
        relation->window = window;
        relation->window_span = ast->span;
        add_window_columns(binder, relation);
        return relation;
}

static struct bind_relation *bind_table_call(struct binder *binder, const struct ast_relation *ast)
{
        struct slice name = ast->name.text;
        struct nearest nearest;

        if (is_name(name, "TUMBLE"))
                return bind_window(binder, ast, false);
        if (is_name(name, "HOP"))
                return bind_window(binder, ast, true);
        if (is_name(name, "CUMULATE") || is_name(name, "SESSION")) {
                diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, ast->name.span, NULL,
                         "%.*s: Flink accepts this; weir does not yet", (int)name.len, (const char *)name.data);
                return NULL;
        }
        nearest_init(&nearest, name);
        nearest_offer(&nearest, slice_from_text("TUMBLE"));
        nearest_offer(&nearest, slice_from_text("HOP"));
        diag_add(binder->diags, DIAG_FUNCTION_UNKNOWN, ast->name.span,
                 nearest.has_best ? arena_format(binder->arena, "did you mean %s?", nearest_text(&nearest)) : NULL,
                 "there is no table function '%.*s'", (int)name.len, (const char *)name.data);
        return NULL;
}

static struct bind_relation *bind_from(struct binder *binder, const struct ast_relation *ast)
{
        struct bind_relation *relation = NULL;

        switch (ast->kind) {
        case AST_TABLE:
                relation = bind_table(binder, &ast->name);
                break;
        case AST_SUBQUERY:
                relation = bind_query(binder, ast->query);
                if (relation != NULL)
                        put_qualifier(relation, slice_make(NULL, 0));
                break;
        case AST_TABLE_CALL:
                relation = bind_table_call(binder, ast);
                break;
        }
        if (relation == NULL)
                return NULL;
        if (ast->alias != NULL)
                put_qualifier(relation, ast->alias->text);
        return put_names(binder, relation, &ast->columns, ast->alias != NULL ? ast->alias->span : ast->span)
                       ? relation
                       : NULL;
}

/* ---- SELECT without aggregates ---- */

static bool add_star(struct binder *binder, const struct ast_item *item, const struct bind_relation *input,
                     struct bind_relation *output, uint32_t *capacity)
{
        const struct ast_name *qualifier = item->expr->names.n == 0 ? NULL : item->expr->names.items[0];
        uint32_t n_before = output->n_columns;

        for (uint32_t i = 0; i < input->n_columns; i++) {
                if (qualifier != NULL && !slice_is_equal(input->columns[i].qualifier, qualifier->text))
                        continue;
                output->columns =
                        bind_job_grow(binder, output->columns, output->n_columns, capacity, sizeof *output->columns);
                output->columns[output->n_columns] = input->columns[i];
                output->columns[output->n_columns++].span = item->span;
        }
        if (output->n_columns > n_before)
                return true;
        diag_add(binder->diags, DIAG_TABLE_UNKNOWN, item->span, NULL, "there is no table '%.*s' in FROM",
                 qualifier == NULL ? 0 : (int)qualifier->text.len,
                 qualifier == NULL ? "" : (const char *)qualifier->text.data);
        return false;
}

struct slice bind_query_item_name(struct binder *binder, const struct ast_item *item, uint32_t index)
{
        const struct ast_list *names = &item->expr->names;

        if (item->alias != NULL)
                return item->alias->text;
        if (item->expr->kind == AST_COLUMN)
                return ((const struct ast_name *)names->items[names->n - 1])->text;
        if (item->expr->kind == AST_FIELD)
                return item->expr->name.text;
        return slice_from_text(arena_format(binder->arena, "EXPR$%u", index));
}

bool bind_query_check_item(struct binder *binder, const struct expr *expr, struct diag_span span)
{
        if (expr->type.kind == TYPE_NULL) {
                diag_add(binder->diags, DIAG_ARGUMENT, span, "write CAST(NULL AS BIGINT), or whatever type is meant",
                         "a bare NULL has no type");
                return false;
        }
        if (expr_count_nodes(expr, BIND_EXPR_NODES_MAX) < BIND_EXPR_NODES_MAX)
                return true;
        diag_add(binder->diags, DIAG_LIMIT, span, NULL,
                 "with its views put in, the expression has more than %u parts", BIND_EXPR_NODES_MAX);
        return false;
}

static struct bind_relation *bind_plain_select(struct binder *binder, const struct ast_query *query,
                                               struct bind_relation *input)
{
        struct bind_relation *output = arena_new(binder->arena, struct bind_relation);
        struct bind_context context = {binder, input, NULL, "a query without GROUP BY"};
        uint32_t capacity = 0;
        bool ok = true;

        *output = *input;
        output->columns = NULL;
        output->n_columns = 0;
        for (uint32_t i = 0; i < query->items.n; i++) {
                const struct ast_item *item = query->items.items[i];
                struct expr *expr;

                if (item->expr->kind == AST_STAR) {
                        ok = add_star(binder, item, input, output, &capacity) && ok;
                        continue;
                }
                expr = bind_expr(&context, item->expr);
                if (expr == NULL || !bind_query_check_item(binder, expr, item->span)) {
                        ok = false;
                        continue;
                }
                output->columns =
                        bind_job_grow(binder, output->columns, output->n_columns, &capacity, sizeof *output->columns);
                output->columns[output->n_columns++] = (struct bind_column){
                        .name = bind_query_item_name(binder, item, i), .span = item->expr->span, .expr = expr};
        }
        if (ok && output->n_columns > LIMIT_COLUMNS) {
                diag_add(binder->diags, DIAG_LIMIT, query->span, NULL, "a query has at most %u columns",
                         LIMIT_COLUMNS);
                return NULL;
        }
        return ok ? output : NULL;
}

static bool has_aggregates(const struct ast_query *query)
{
        if (query->has_group_by || query->having != NULL)
                return true;
        for (uint32_t i = 0; i < query->items.n; i++)
                if (ast_has_aggregate(((const struct ast_item *)query->items.items[i])->expr))
                        return true;
        return false;
}

static struct bind_relation *bind_select(struct binder *binder, const struct ast_query *query)
{
        struct bind_relation *input = query->from == NULL ? NULL : bind_from(binder, query->from);
        bool ok;

        if (input == NULL)
                return NULL;
        ok = bind_where(binder, query, input);
        input = has_aggregates(query) ? bind_group_select(binder, query, input)
                                      : bind_plain_select(binder, query, input);
        return ok ? input : NULL;
}

/* ---- UNION ALL ---- */

static void list_branches(struct binder *binder, const struct ast_query *query, struct ast_list *branches)
{
        while (query->left != NULL) {
                ast_list_append(branches, query->right, binder->arena);
                query = query->left;
        }
        ast_list_append(branches, (void *)(uintptr_t)query, binder->arena);
}

/* The common type of one column of all branches. */
static bool union_type(struct binder *binder, const struct ast_query *query, struct bind_relation *const *branches,
                       uint32_t n, uint32_t column, struct type *ret_type)
{
        struct type *types = arena_new_n(binder->arena, struct type, n);
        bool is_time_attribute = true;

        for (uint32_t i = 0; i < n; i++) {
                types[i] = branches[i]->columns[column].expr->type;
                is_time_attribute =
                        is_time_attribute && types[i].is_time_attribute && type_is_same(&types[i], &types[0]);
        }
        if (function_common_type(types, n, ret_type) != 0) {
                char first[TYPE_TEXT_BYTES], other[TYPE_TEXT_BYTES];

                type_format(&types[0], first);
                type_format(&types[n - 1], other);
                diag_add(binder->diags, DIAG_UNION_TYPE, query->span, NULL,
                         "column %u of UNION ALL has the types %s and %s", column + 1, first, other);
                return false;
        }
        ret_type->is_time_attribute = is_time_attribute;
        return true;
}

static struct plan_op *project_branch(struct binder *binder, struct bind_relation *branch,
                                      const struct plan_op *output)
{
        struct plan_op *op =
                bind_job_op(binder, PLAN_PROJECT, bind_query_filtered(binder, branch), branch->n_columns);

        op->names = output->names;
        op->types = output->types;
        for (uint32_t i = 0; i < branch->n_columns; i++)
                op->exprs[i] = call_implicit_cast(branch->columns[i].expr, &output->types[i], binder->arena);
        return op;
}

static struct bind_relation *bind_branch(struct binder *binder, const struct ast_query *query,
                                         const struct bind_relation *first)
{
        struct bind_relation *branch = bind_query(binder, query);

        if (branch == NULL)
                return NULL;
        if (branch->has_window || branch->is_windowed) {
                diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, query->span, "write one INSERT for each branch",
                         "UNION ALL over windows: Flink accepts this; weir does not yet");
                return NULL;
        }
        if (first != NULL && branch->n_columns != first->n_columns) {
                diag_add(binder->diags, DIAG_UNION_TYPE, query->span, NULL,
                         "the branches of UNION ALL have %u and %u columns", first->n_columns, branch->n_columns);
                return NULL;
        }
        for (uint32_t i = 0; i < branch->n_columns; i++) {
                if (branch->columns[i].expr->kind == EXPR_COLUMN &&
                    branch->columns[i].expr->column == BIND_PROCTIME) {
                        bind_expr_refuse_proctime(binder, branch->columns[i].span);
                        return NULL;
                }
                if (type_phys(&branch->columns[i].expr->type) == PHYS_NONE &&
                    branch->columns[i].expr->type.kind != TYPE_NULL) {
                        bind_expr_refuse_nested(binder, branch->columns[i].span, &branch->columns[i].expr->type);
                        return NULL;
                }
        }
        return branch;
}

static struct bind_relation *bind_union(struct binder *binder, const struct ast_query *query)
{
        struct ast_list queries = {0};
        struct bind_relation *output = arena_new(binder->arena, struct bind_relation);
        struct bind_relation **branches;
        struct plan_op *op;
        uint32_t n, n_columns;

        list_branches(binder, query, &queries);
        n = queries.n;
        if (n > BIND_BRANCHES_MAX) {
                diag_add(binder->diags, DIAG_LIMIT, query->span, NULL, "UNION ALL has at most %u branches",
                         BIND_BRANCHES_MAX);
                return NULL;
        }
        branches = arena_new_n(binder->arena, struct bind_relation *, n);
        for (uint32_t i = 0; i < n; i++) {
                branches[i] = bind_branch(binder, queries.items[n - 1 - i], i == 0 ? NULL : branches[0]);
                if (branches[i] == NULL)
                        return NULL;
        }
        n_columns = branches[0]->n_columns;
        op = bind_job_op(binder, PLAN_UNION, NULL, n_columns);
        output->op = op;
        output->columns = arena_new_n(binder->arena, struct bind_column, n_columns + 1);
        output->n_columns = n_columns;
        for (uint32_t i = 0; i < n_columns; i++) {
                if (!union_type(binder, query, branches, n, i, &op->types[i]))
                        return NULL;
                op->names[i] = branches[0]->columns[i].name;
                output->columns[i] = branches[0]->columns[i];
                output->columns[i].expr = call_column(i, &op->types[i], binder->arena);
        }
        op->inputs = arena_new_n(binder->arena, struct plan_op *, n);
        op->n_inputs = n;
        for (uint32_t i = 0; i < n; i++)
                op->inputs[i] = project_branch(binder, branches[i], op);
        return output;
}

struct bind_relation *bind_query(struct binder *binder, const struct ast_query *query)
{
        if (query->is_refused)
                return NULL;
        return query->left != NULL ? bind_union(binder, query) : bind_select(binder, query);
}
