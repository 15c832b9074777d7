/* engine_graph.c - the plan's operators as nodes, and rows of one batch through them. See engine_internal.h.
 *
 * A batch goes through filters and projections as a whole; only windows and sinks see it cut at the rows where the
 * watermark crosses the end of a window. Each intermediate result knows which row of the batch each of its rows is, so
 * that UNION ALL restores the order of rows and results do not depend on how batches were cut. */
#include "sidecar/job/engine_internal.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/plan/setting.h"

#include <assert.h>

enum {
        INPUTS_MAX = 64, /* of a UNION ALL */
        ROUTE_MAX = 64,  /* operators between a window and a sink */
};

/* ---- making nodes ---- */

static void add_input(struct engine *engine, struct engine_node *node, struct engine_node *input)
{
        if (node->n_inputs == node->inputs_capacity) {
                uint32_t capacity = node->inputs_capacity == 0 ? 2 : node->inputs_capacity * 2;
                struct engine_node **inputs = arena_new_n(&engine->arena, struct engine_node *, capacity);

                if (node->n_inputs > 0)
                        memcpy(inputs, node->inputs, node->n_inputs * sizeof(struct engine_node *));
                node->inputs = inputs;
                node->inputs_capacity = capacity;
        }
        node->inputs[node->n_inputs++] = input;
}

static struct engine_node *add_node(struct engine *engine, const struct plan_op *op)
{
        struct engine_node *node = arena_new(&engine->arena, struct engine_node);

        node->kind = op->kind;
        node->op = op;
        node->n_columns = op->n_columns;
        node->is_needed = arena_new_n(&engine->arena, bool, op->n_columns + 1);
        engine->nodes[engine->n_nodes++] = node;
        return node;
}

static uint32_t count_ops(const struct plan_op *op)
{
        uint32_t n = 1;

        for (uint32_t i = 0; i < op->n_inputs; i++)
                n += count_ops(op->inputs[i]);
        return n;
}

static struct engine_node *find_node(const struct engine *engine, const struct plan_op *op)
{
        for (uint32_t i = 0; i < engine->n_nodes; i++)
                if (engine->nodes[i]->op == op)
                        return engine->nodes[i];
        return NULL;
}

/* The node of an operator and of all below it, inputs first; queries may share them. NULL: too many inputs. */
static struct engine_node *need_node(struct engine *engine, const struct plan_op *op)
{
        struct engine_node *inputs[INPUTS_MAX], *node = find_node(engine, op);

        if (node != NULL)
                return node;
        if (op->n_inputs > INPUTS_MAX)
                return NULL;
        for (uint32_t i = 0; i < op->n_inputs; i++) {
                inputs[i] = need_node(engine, op->inputs[i]);
                if (inputs[i] == NULL)
                        return NULL;
        }
        node = add_node(engine, op);
        for (uint32_t i = 0; i < op->n_inputs; i++)
                add_input(engine, node, inputs[i]);
        return node;
}

static struct engine_node *need_sink(struct engine *engine, const struct plan_op *op)
{
        struct engine_node *node;

        for (uint32_t i = 0; i < engine->n_nodes; i++)
                if (engine->nodes[i]->kind == PLAN_SINK && engine->nodes[i]->op->sink == op->sink)
                        return engine->nodes[i];
        node = add_node(engine, op);
        node->index = engine->n_sinks++;
        return node;
}

static int make_nodes(struct engine *engine, struct err *err)
{
        const struct plan_job *plan = engine->plan;
        uint32_t n = 0;

        for (uint32_t q = 0; q < plan->n_queries; q++)
                n += count_ops(plan->queries[q]->root);
        engine->nodes = arena_new_n(&engine->arena, struct engine_node *, n + 1);
        for (uint32_t q = 0; q < plan->n_queries; q++) {
                assert(plan->queries[q]->root->kind == PLAN_SINK && plan->queries[q]->root->n_inputs == 1);
                if (need_node(engine, plan->queries[q]->root->inputs[0]) == NULL)
                        return err_set(err, ERR_CONFIG, "a UNION ALL of more than %d inputs is not supported",
                                       INPUTS_MAX);
        }
        for (uint32_t q = 0; q < plan->n_queries; q++) {
                struct engine_node *node = need_sink(engine, plan->queries[q]->root);

                add_input(engine, node, need_node(engine, plan->queries[q]->root->inputs[0]));
        }
        return 0;
}

/* ---- columns that somebody reads ---- */

static void need_columns(const struct expr *expr, struct engine_node *input)
{
        if (expr->kind == EXPR_COLUMN)
                input->is_needed[expr->column] = true;
        for (uint32_t i = 0; expr->kind == EXPR_CALL && i < expr->n_args; i++)
                need_columns(expr->args[i], input);
}

static void need_window_columns(const struct plan_window *window, struct engine_node *input)
{
        input->is_needed[window->rowtime] = true;
        for (uint32_t i = 0; i < window->n_keys; i++)
                input->is_needed[window->keys[i]] = true;
        for (uint32_t i = 0; i < window->n_aggs; i++) {
                if (window->aggs[i].argument >= 0)
                        input->is_needed[window->aggs[i].argument] = true;
                if (window->aggs[i].filter >= 0)
                        input->is_needed[window->aggs[i].filter] = true;
        }
}

static void find_needed(struct engine *engine)
{
        for (uint32_t n = engine->n_nodes; n-- > 0;) {
                struct engine_node *node = engine->nodes[n];

                for (uint32_t i = 0; i < node->n_inputs; i++) {
                        struct engine_node *input = node->inputs[i];

                        if (node->kind == PLAN_WINDOW)
                                need_window_columns(&node->op->window, input);
                        for (uint32_t c = 0; c < node->n_columns; c++)
                                if (node->kind == PLAN_PROJECT && node->is_needed[c])
                                        need_columns(node->op->exprs[c], input);
                        for (uint32_t c = 0; c < input->n_columns; c++)
                                if (node->kind == PLAN_SINK ||
                                    ((node->kind == PLAN_FILTER || node->kind == PLAN_UNION) && node->is_needed[c]))
                                        input->is_needed[c] = true;
                        if (node->kind == PLAN_FILTER)
                                need_columns(node->op->condition, input);
                }
        }
}

static int compile_node(struct engine *engine, struct engine_node *node, struct err *err)
{
        struct expr *condition, **exprs;
        uint32_t n = 0;

        if (node->kind == PLAN_FILTER) {
                condition = node->op->condition;
                return eval_compile(&condition, 1, &engine->arena, &node->program, err);
        }
        exprs = arena_new_n(&engine->arena, struct expr *, node->n_columns + 1);
        for (uint32_t c = 0; c < node->n_columns; c++)
                if (node->is_needed[c])
                        exprs[n++] = node->op->exprs[c];
        return n == 0 ? 0 : eval_compile(exprs, n, &engine->arena, &node->program, err);
}

/* ---- windows, sinks, sources ---- */

static int make_window(struct engine *engine, struct engine_node *node, const struct window_limits *limits,
                       struct err *err)
{
        struct engine_window *window = &engine->windows[engine->n_windows];

        node->index = engine->n_windows;
        window->node = node;
        if (window_new(node->op, node->inputs[0]->op->types, limits, &window->window, err) < 0)
                return -1;
        engine->n_windows++;
        return 0;
}

static int make_windows(struct engine *engine, struct err *err)
{
        struct window_limits limits = {
                .max_keys = (uint32_t)setting_integer(engine->plan, SETTING_WINDOW_MAX_KEYS),
                .max_entries = (uint64_t)setting_integer(engine->plan, SETTING_WINDOW_MAX_ENTRIES),
        };
        uint32_t last_id = 0;

        engine->windows = arena_new_n(&engine->arena, struct engine_window, engine->n_nodes + 1);
        for (;;) { /* in order of plan_op.id */
                struct engine_node *next = NULL;

                for (uint32_t i = 0; i < engine->n_nodes; i++) {
                        struct engine_node *node = engine->nodes[i];

                        if (node->kind == PLAN_WINDOW && (engine->n_windows == 0 || node->op->id > last_id) &&
                            (next == NULL || node->op->id < next->op->id))
                                next = node;
                }
                if (next == NULL)
                        return 0;
                last_id = next->op->id;
                if (make_window(engine, next, &limits, err) < 0)
                        return -1;
        }
}

/* How often `node` reads `input`: a view may be joined to itself by UNION ALL. */
static uint32_t count_reads(const struct engine_node *node, const struct engine_node *input)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < node->n_inputs; i++)
                n += node->inputs[i] == input;
        return n;
}

static void add_route(struct engine *engine, struct engine_window *window, const struct engine_node *sink,
                      struct engine_node **path, uint32_t n_path)
{
        struct engine_route *routes = arena_new_n(&engine->arena, struct engine_route, window->n_routes + 1);
        struct engine_route *route = &routes[window->n_routes];

        if (window->n_routes > 0)
                memcpy(routes, window->routes, window->n_routes * sizeof *routes);
        *route = (struct engine_route){.n_nodes = n_path, .sink = sink->index};
        route->nodes = arena_new_n(&engine->arena, struct engine_node *, n_path + 1);
        if (n_path > 0)
                memcpy(route->nodes, path, n_path * sizeof(struct engine_node *));
        window->routes = routes;
        window->n_routes++;
}

/* All ways from `node` up to sinks; `path`: the FILTERs and PROJECTs so far. */
static int add_routes(struct engine *engine, struct engine_window *window, const struct engine_node *node,
                      struct engine_node **path, uint32_t n_path, struct err *err)
{
        for (uint32_t i = 0; i < engine->n_nodes; i++) {
                struct engine_node *reader = engine->nodes[i];

                for (uint32_t k = count_reads(reader, node); k > 0; k--) {
                        uint32_t n = n_path;

                        if (reader->kind == PLAN_WINDOW)
                                return err_set(err, ERR_CONFIG,
                                               "a window over the result of a window is not supported");
                        if (reader->kind == PLAN_SINK) {
                                add_route(engine, window, reader, path, n_path);
                                continue;
                        }
                        if (n_path == ROUTE_MAX)
                                return err_set(err, ERR_CONFIG, "a query is too deep");
                        if (reader->kind != PLAN_UNION)
                                path[n++] = reader;
                        if (add_routes(engine, window, reader, path, n, err) < 0)
                                return -1;
                }
        }
        return 0;
}

static void add_target(struct engine_node *node, struct engine_node *target)
{
        for (uint32_t i = 0; i < node->n_targets; i++)
                if (node->targets[i] == target)
                        return;
        node->targets[node->n_targets++] = target;
}

/* Who counts the rows that fail in a node: the first windows and sinks above it. */
static void find_targets(struct engine *engine)
{
        for (uint32_t n = engine->n_nodes; n-- > 0;) {
                struct engine_node *node = engine->nodes[n];

                node->targets = arena_new_n(&engine->arena, struct engine_node *, engine->n_nodes + 1);
                for (uint32_t i = n + 1; i < engine->n_nodes; i++) {
                        struct engine_node *reader = engine->nodes[i];

                        if (count_reads(reader, node) == 0)
                                continue;
                        if (reader->kind == PLAN_WINDOW || reader->kind == PLAN_SINK)
                                add_target(node, reader);
                        for (uint32_t t = 0; reader->kind != PLAN_WINDOW && t < reader->n_targets; t++)
                                add_target(node, reader->targets[t]);
                }
        }
}

static bool is_reached(const struct engine_node *node, uint64_t mark)
{
        return node->mark == mark && node->kind != PLAN_WINDOW;
}

/* The nodes that rows of a source go through, and the windows that its watermark moves. */
static void find_source_nodes(struct engine *engine, uint32_t source_index)
{
        struct engine_source *source = &engine->sources[source_index];
        uint64_t mark = ++engine->mark;

        source->nodes = arena_new_n(&engine->arena, struct engine_node *, engine->n_nodes + 1);
        source->terminals = arena_new_n(&engine->arena, struct engine_node *, engine->n_nodes + 1);
        source->windows = arena_new_n(&engine->arena, uint32_t, engine->n_nodes + 1);
        for (uint32_t n = 0; n < engine->n_nodes; n++) {
                struct engine_node *node = engine->nodes[n];
                bool is_mine = node->kind == PLAN_SCAN && node->op->source == source->plan;

                for (uint32_t i = 0; i < node->n_inputs; i++)
                        is_mine = is_mine || is_reached(node->inputs[i], mark);
                if (!is_mine)
                        continue;
                node->mark = mark;
                source->nodes[source->n_nodes++] = node;
                if (node->kind == PLAN_SCAN)
                        node->index = source_index;
                if (node->kind == PLAN_WINDOW || node->kind == PLAN_SINK)
                        source->terminals[source->n_terminals++] = node;
                if (node->kind == PLAN_WINDOW) {
                        struct engine_window *window = &engine->windows[node->index];

                        window->sources[window->n_sources++] = source_index;
                }
        }
        for (uint32_t w = 0; w < engine->n_windows; w++)
                if (engine->windows[w].node->mark == mark)
                        source->windows[source->n_windows++] = w;
}

int engine_graph_init(struct engine *engine, struct err *err)
{
        struct engine_node *path[ROUTE_MAX];

        if (make_nodes(engine, err) < 0 || make_windows(engine, err) < 0)
                return -1;
        engine->sinks = arena_new_n(&engine->arena, struct engine_sink, engine->n_sinks + 1);
        find_needed(engine);
        find_targets(engine);
        for (uint32_t n = 0; n < engine->n_nodes; n++) {
                struct engine_node *node = engine->nodes[n];

                if (node->kind == PLAN_SINK)
                        engine->sinks[node->index].table = node->op->sink;
                if ((node->kind == PLAN_FILTER || node->kind == PLAN_PROJECT) && compile_node(engine, node, err) < 0)
                        return -1;
        }
        for (uint32_t w = 0; w < engine->n_windows; w++) {
                engine->windows[w].sources = arena_new_n(&engine->arena, uint32_t, engine->n_sources + 1);
                if (add_routes(engine, &engine->windows[w], engine->windows[w].node, path, 0, err) < 0)
                        return -1;
        }
        for (uint32_t s = 0; s < engine->n_sources; s++)
                find_source_nodes(engine, s);
        return 0;
}

void engine_graph_done(struct engine *engine)
{
        for (uint32_t w = 0; w < engine->n_windows; w++)
                window_free(engine->windows[w].window);
}

/* ---- running ---- */

/* Rows `selection` of `in`, needed columns only. */
static void select_rows(const struct engine_node *node, struct arena *arena, const struct engine_rows *in,
                        const uint32_t *selection, uint32_t n, struct engine_rows *ret_out)
{
        struct vector *columns = arena_new_n(arena, struct vector, in->batch.n_columns + 1);
        uint32_t *rows;

        for (uint32_t c = 0; c < in->batch.n_columns; c++)
                if (node->is_needed[c])
                        vector_gather(&in->batch.columns[c], selection, n, &columns[c], arena);
        if (in->rows != NULL) {
                rows = arena_take(arena, (size_t)n * sizeof *rows + 4, 4);
                for (uint32_t i = 0; i < n; i++)
                        rows[i] = in->rows[selection[i]];
                selection = rows;
        }
        *ret_out = (struct engine_rows){.batch = {.n_rows = n, .n_columns = in->batch.n_columns, .columns = columns},
                                        .rows = selection};
}

static uint32_t run_filter(const struct engine_node *node, struct eval_state *state, struct arena *arena,
                           const struct engine_rows *in, struct engine_rows *ret_out)
{
        uint32_t n_rows = in->batch.n_rows;
        uint32_t *selection = arena_take(arena, (size_t)n_rows * sizeof *selection + 4, 4);
        uint64_t *failed = arena_zero(arena, bitmap_words(n_rows) * 8 + 8, 8);
        bool any_failed = false;
        uint32_t n = eval_filter(node->program, state, &in->batch, selection, failed, &any_failed);

        if (n == n_rows)
                *ret_out = *in;
        else
                select_rows(node, arena, in, selection, n, ret_out);
        return any_failed ? bitmap_count(failed, n_rows) : 0;
}

static uint32_t run_project(const struct engine_node *node, struct eval_state *state, struct arena *arena,
                            const struct engine_rows *in, struct engine_rows *ret_out)
{
        uint32_t n_rows = in->batch.n_rows, n_failed, n = 0, used = 0;
        struct vector *values = arena_new_n(arena, struct vector, node->n_columns + 1);
        struct vector *columns = arena_new_n(arena, struct vector, node->n_columns + 1);
        uint64_t *failed = arena_zero(arena, bitmap_words(n_rows) * 8 + 8, 8);
        bool any_failed = false;
        uint32_t *selection;

        if (node->program != NULL)
                eval_run(node->program, state, &in->batch, values, failed, &any_failed);
        for (uint32_t c = 0; c < node->n_columns; c++)
                if (node->is_needed[c])
                        columns[c] = values[used++];
        *ret_out = (struct engine_rows){
                .batch = {.n_rows = n_rows, .n_columns = node->n_columns, .columns = columns}, .rows = in->rows};
        if (!any_failed)
                return 0;
        n_failed = bitmap_count(failed, n_rows);
        selection = arena_take(arena, (size_t)n_rows * sizeof *selection + 4, 4);
        for (uint32_t i = 0; i < n_rows; i++)
                if (!bitmap_get(failed, i))
                        selection[n++] = i;
        select_rows(node, arena, &(struct engine_rows){.batch = ret_out->batch, .rows = in->rows}, selection, n,
                    ret_out);
        return n_failed;
}

uint32_t engine_node_run(const struct engine_node *node, struct eval_state *state, struct arena *arena,
                         const struct engine_rows *in, struct engine_rows *ret_out)
{
        return node->kind == PLAN_FILTER ? run_filter(node, state, arena, in, ret_out)
                                         : run_project(node, state, arena, in, ret_out);
}

static uint32_t row_of(const struct engine_rows *rows, uint32_t i)
{
        return rows->rows == NULL ? i : rows->rows[i];
}

static void copy_value(const struct vector *from, uint32_t i, struct vector *to, uint32_t at, uint32_t n,
                       struct arena *arena)
{
        switch (from->phys) {
        case PHYS_STR:
                to->str[at] = from->str[i];
                break;
        case PHYS_DEC:
                to->dec[at] = from->dec[i];
                break;
        default:
                to->i64[at] = from->i64[i]; /* the bits of a double as well */
                break;
        }
        if (vector_is_null(from, i)) {
                vector_need_valid(to, n, arena);
                bitmap_clear(to->valid, at);
        }
}

/* Several inputs in order of rows, a row's copies in order of inputs: as Flink's UNION ALL forwards them. */
static void merge_inputs(const struct engine_node *node, struct arena *arena, struct engine_node *const *inputs,
                         uint32_t n_inputs, struct engine_rows *ret_out)
{
        uint32_t n_columns = inputs[0]->out.batch.n_columns;
        uint32_t *next = arena_new_n(arena, uint32_t, n_inputs);
        struct vector *columns = arena_new_n(arena, struct vector, n_columns + 1);
        uint32_t *rows, n = 0;

        for (uint32_t i = 0; i < n_inputs; i++)
                n += inputs[i]->out.batch.n_rows;
        rows = arena_take(arena, (size_t)n * sizeof *rows + 4, 4);
        for (uint32_t c = 0; c < n_columns; c++)
                if (node->kind == PLAN_SINK || node->is_needed[c])
                        vector_init(&columns[c], inputs[0]->out.batch.columns[c].phys, n, arena);
        for (uint32_t at = 0; at < n; at++) {
                uint32_t from = n_inputs, least = UINT32_MAX;

                for (uint32_t i = 0; i < n_inputs; i++)
                        if (next[i] < inputs[i]->out.batch.n_rows && row_of(&inputs[i]->out, next[i]) < least) {
                                from = i;
                                least = row_of(&inputs[i]->out, next[i]);
                        }
                rows[at] = least;
                for (uint32_t c = 0; c < n_columns; c++)
                        if (columns[c].data != NULL)
                                copy_value(&inputs[from]->out.batch.columns[c], next[from], &columns[c], at, n, arena);
                next[from]++;
        }
        *ret_out =
                (struct engine_rows){.batch = {.n_rows = n, .n_columns = n_columns, .columns = columns}, .rows = rows};
}

/* What comes into a node from this source. */
static void collect_inputs(struct engine *engine, const struct engine_node *node, struct engine_rows *ret_in)
{
        struct engine_node **inputs = arena_new_n(&engine->batch_arena, struct engine_node *, node->n_inputs + 1);
        uint32_t n = 0;

        for (uint32_t i = 0; i < node->n_inputs; i++)
                if (is_reached(node->inputs[i], engine->mark))
                        inputs[n++] = node->inputs[i];
        if (n == 1)
                *ret_in = inputs[0]->out;
        else
                merge_inputs(node, &engine->batch_arena, inputs, n, ret_in);
}

static void run_scan(struct engine *engine, struct engine_node *node, const struct batch *rows)
{
        const struct plan_source *source = node->op->source;
        struct vector *columns = arena_new_n(&engine->batch_arena, struct vector, source->n_columns + 1);
        uint32_t at = 0;

        for (uint32_t c = 0; c < source->n_columns; c++)
                if (source->is_logged[c])
                        columns[c] = rows->columns[at++];
        assert(at == rows->n_columns);
        node->out = (struct engine_rows){
                .batch = {.n_rows = rows->n_rows, .n_columns = source->n_columns, .columns = columns}};
}

static void count_failed(struct engine *engine, const struct engine_node *node, uint32_t n)
{
        for (uint32_t i = 0; n > 0 && i < node->n_targets; i++)
                if (node->targets[i]->kind == PLAN_WINDOW)
                        window_count_failed(engine->windows[node->targets[i]->index].window, n);
                else
                        engine->sinks[node->targets[i]->index].failed += n;
}

void engine_graph_run(struct engine *engine, struct engine_source *source, const struct batch *rows)
{
        arena_reset(&engine->batch_arena);
        eval_reset(engine->batch_state);
        engine->mark++;
        for (uint32_t t = 0; t < source->n_terminals; t++) {
                source->terminals[t]->out = (struct engine_rows){.batch = {.n_rows = 0}};
                source->terminals[t]->next_row = 0;
        }
        for (uint32_t n = 0; rows->n_rows > 0 && n < source->n_nodes; n++) {
                struct engine_node *node = source->nodes[n];
                struct engine_rows in;

                if (node->kind == PLAN_SCAN) {
                        run_scan(engine, node, rows);
                } else {
                        collect_inputs(engine, node, &in);
                        if (node->kind == PLAN_FILTER || node->kind == PLAN_PROJECT)
                                count_failed(engine, node,
                                             engine_node_run(node, engine->batch_state, &engine->batch_arena, &in,
                                                             &node->out));
                        else
                                node->out = in;
                }
                node->mark = engine->mark;
                node->next_row = 0;
        }
}

void engine_graph_apply(struct engine *engine, struct engine_source *source, uint32_t end_row)
{
        for (uint32_t t = 0; t < source->n_terminals; t++) {
                struct engine_node *node = source->terminals[t];
                uint32_t from = node->next_row, to = from, n = node->out.batch.n_rows;

                if (node->out.rows == NULL)
                        to = end_row < n ? end_row : n;
                else
                        while (to < n && node->out.rows[to] < end_row)
                                to++;
                if (to <= from)
                        continue;
                node->next_row = to;
                if (node->kind == PLAN_WINDOW)
                        window_apply(engine->windows[node->index].window, &node->out.batch, from, to - from);
                else
                        engine_output_rows(engine, node->index, &node->out.batch, from, to - from);
        }
}
