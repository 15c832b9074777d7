/* bind_reduce.c - which windows take SUM and AVG apart, as Flink's planner does.
 *
 * Flink may plan AVG(x) as the SUM of x, in the type of x, over COUNT(x), and SUM(x) as a sum from zero that is NULL
 * where COUNT(x) is 0. It does so for all aggregates of a window together, where its estimate of the work falls: a call
 * costs a step for each row, an output column that is computed a step for each group. The numbers can be seen: an
 * average of INTs wraps with its sum, one of FLOATs is rounded as its sum is, a DECIMAL sum that overflowed stays NULL.
 * So the estimate is made here, too.
 *
 * Where both plans cost the same Flink keeps the one that its search met first. The rule for that is what its releases
 * did on some hundred queries, not more. */
#include "sidecar/sql/bind.h"

#include <math.h>

static bool can_reduce(const struct plan_agg *agg)
{
        return agg->kind == AGG_SUM || agg->kind == AGG_AVG;
}

/* Is the column that stands for the aggregate computed once it is taken apart? Integers that are narrower than the
 * quotient end in a CAST, which Flink counts as nothing. */
static bool is_computed(const struct plan_agg *agg)
{
        if (agg->kind == AGG_SUM)
                return agg->type.nullable;
        return !type_is_integer(&agg->type) || agg->type.kind == TYPE_BIGINT;
}

struct call { /* of the plan with SUM and AVG taken apart */
        enum plan_agg_kind kind;
        int32_t argument, filter;
};

static uint32_t add_call(struct call *calls, uint32_t n, enum plan_agg_kind kind, int32_t argument, int32_t filter)
{
        for (uint32_t i = 0; i < n; i++)
                if (calls[i].kind == kind && calls[i].argument == argument && calls[i].filter == filter)
                        return n;
        calls[n] = (struct call){kind, argument, filter};
        return n + 1;
}

static uint32_t count_calls(struct binder *binder, const struct plan_window *window)
{
        struct call *calls = arena_new_n(binder->arena, struct call, 2 * window->n_aggs + 1);
        uint32_t n = 0;

        for (uint32_t i = 0; i < window->n_aggs; i++) {
                const struct plan_agg *agg = &window->aggs[i];
                bool has_nulls = agg->argument_type.nullable;

                if (!can_reduce(agg)) {
                        n = add_call(calls, n, agg->kind, agg->argument, agg->filter);
                        continue;
                }
                n = add_call(calls, n, AGG_SUM, agg->argument, agg->filter);
                if (agg->kind == AGG_AVG || agg->type.nullable)
                        n = add_call(calls, n, has_nulls ? AGG_COUNT : AGG_COUNT_STAR, has_nulls ? agg->argument : -1,
                                     agg->filter);
        }
        return n;
}

/* Output columns that are computed: as they are written, and with SUM and AVG taken apart. */
struct work {
        uint32_t written, reduced;
};

static struct work count_work(const struct plan_op *project, const struct plan_window *window)
{
        struct work work = {0};
        uint32_t below = 0, merged = 0;

        for (uint32_t i = 0; i < window->n_aggs; i++)
                below += can_reduce(&window->aggs[i]) && is_computed(&window->aggs[i]);
        for (uint32_t i = 0; i < project->n_columns; i++) {
                const struct expr *expr = project->exprs[i];
                bool is_call = expr->kind == EXPR_CALL && expr->function != FN_CAST;
                uint32_t at = expr->kind == EXPR_COLUMN ? expr->column - window->n_keys : UINT32_MAX;

                work.written += is_call;
                merged += is_call ||
                          (at < window->n_aggs && can_reduce(&window->aggs[at]) && is_computed(&window->aggs[at]));
        }
        work.reduced = merged < below + work.written ? merged : below + work.written;
        return work;
}

static void count_time_column(void *context, const struct expr *column)
{
        uint32_t *left = context;

        if (column->column == left[0])
                left[1] = 1;
}

/* Columns of GROUP BY, window_start and window_end among them. */
static uint32_t count_keys(const struct plan_op *project, const struct plan_window *window)
{
        uint32_t time[2] = {window->n_keys + window->n_aggs + 2, 0};

        for (uint32_t i = 0; i < project->n_columns; i++)
                expr_visit_columns(project->exprs[i], count_time_column, time);
        return window->n_keys + 2 + time[1];
}

/* Both plans cost the same. */
static bool is_met_first(const struct plan_op *project, const struct plan_op *op, const struct bind_scan *scan)
{
        const struct plan_op *input = op->inputs[0];

        if (project->inputs[0] != op || scan == NULL || scan->op != input->inputs[0])
                return false; /* HAVING, WHERE */
        for (uint32_t i = 0; i < input->n_columns; i++)
                if (input->exprs[i]->kind != EXPR_COLUMN)
                        return false;
        for (uint32_t i = 0; i < op->window.n_aggs; i++)
                if (op->window.aggs[i].filter >= 0)
                        return false;
        return scan->leaves[input->exprs[op->window.rowtime]->column].column.kind == PLAN_SCAN_COMPUTED;
}

void bind_reduce(struct binder *binder, const struct plan_op *project)
{
        struct plan_op *op = project->inputs[0];
        const struct bind_scan *scan = NULL;
        struct work work;
        double gain;

        while (op->kind == PLAN_FILTER)
                op = op->inputs[0];
        if (project->kind != PLAN_PROJECT || op->kind != PLAN_WINDOW)
                return;
        for (uint32_t i = 0; i < binder->n_scans; i++)
                if (binder->scans[i]->op == op->inputs[0]->inputs[0])
                        scan = binder->scans[i];
        work = count_work(project, &op->window);
        /* Flink's guess: n columns of GROUP BY make groups of 1 - e^(-n/10) of the rows. */
        gain = (double)op->window.n_aggs - (double)count_calls(binder, &op->window) -
               (1 - exp(-0.1 * count_keys(project, &op->window))) * ((double)work.reduced - (double)work.written);
        if (gain > 0 || (gain == 0 && is_met_first(project, op, scan)))
                for (uint32_t i = 0; i < op->window.n_aggs; i++)
                        op->window.aggs[i].is_reduced = can_reduce(&op->window.aggs[i]);
}
