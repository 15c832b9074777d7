/* fuzz_sql.c - any text as a job file: the compiler refuses it with a reason, or makes a plan that holds together.
 *
 * What holds together: operators come after their inputs, expressions name columns that are there, and logged
 * columns are all that operators read. */
#include "sidecar/cmd/explain.h"
#include "sidecar/sql/sql.h"
#include "tests/lib/fuzz.h"

#include <stdlib.h>

enum { INPUT_MAX = 64 << 10 };

static void require(bool holds)
{
        if (!holds)
                abort();
}

struct below { /* what an expression may name */
        const struct plan_op *op;
};

static void check_column(void *context, const struct expr *column)
{
        const struct below *below = context;

        require(column->column < below->op->n_columns);
        require(type_is_same(&column->type, &below->op->types[column->column]));
        if (below->op->kind == PLAN_SCAN)
                require(below->op->source->is_logged[column->column]);
}

/* The operator whose columns a FILTER passes on. */
static const struct plan_op *giver(const struct plan_op *op)
{
        while (op->kind == PLAN_FILTER)
                op = op->inputs[0];
        return op;
}

static void check_window(const struct plan_op *op)
{
        const struct plan_window *window = &op->window;
        const struct plan_op *input = op->inputs[0];

        require(window->size_ms > 0 && window->slide_ms > 0 && window->size_ms % window->slide_ms == 0);
        require((uint32_t)window->rowtime < input->n_columns && op->fingerprint.len == 32);
        require(op->n_columns == window->n_keys + window->n_aggs + 3);
        for (uint32_t i = 0; i < window->n_keys; i++)
                require(window->keys[i] < input->n_columns);
        for (uint32_t i = 0; i < window->n_aggs; i++) {
                require(window->aggs[i].argument < (int32_t)input->n_columns);
                require((window->aggs[i].argument < 0) == (window->aggs[i].kind == AGG_COUNT_STAR));
                require(window->aggs[i].filter < (int32_t)input->n_columns);
        }
}

static void check_op(const struct plan_op *op)
{
        struct below below = {.op = op->n_inputs > 0 ? giver(op->inputs[0]) : NULL};

        for (uint32_t i = 0; i < op->n_inputs; i++) {
                require(op->inputs[i]->id < op->id);
                check_op(op->inputs[i]);
        }
        switch (op->kind) {
        case PLAN_SCAN:
                require(op->source != NULL && op->n_columns == op->source->n_columns);
                break;
        case PLAN_FILTER:
                require(op->condition->type.kind == TYPE_BOOLEAN && op->n_columns == op->inputs[0]->n_columns);
                expr_visit_columns(op->condition, check_column, &below);
                break;
        case PLAN_PROJECT:
                for (uint32_t i = 0; i < op->n_columns; i++)
                        expr_visit_columns(op->exprs[i], check_column, &below);
                break;
        case PLAN_WINDOW:
                check_window(op);
                break;
        case PLAN_UNION:
                for (uint32_t i = 0; i < op->n_inputs; i++)
                        require(op->inputs[i]->n_columns == op->n_columns);
                break;
        case PLAN_SINK:
                require(op->sink != NULL && op->inputs[0]->n_columns == op->n_columns);
                break;
        }
}

static void check_job(const struct plan_job *job)
{
        struct bytes text;

        require(job->n_queries > 0 && job->n_sources > 0);
        for (uint32_t q = 0; q < job->n_queries; q++)
                check_op(job->queries[q]->root);
        bytes_init(&text);
        explain_append(job, &text);
        require(text.len > 0);
        bytes_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct sql_file file = {slice_from_text("fuzz.sql"), slice_make(data, len < INPUT_MAX ? len : INPUT_MAX)};
        struct sql_input input = {.files = &file, .n_files = 1};
        struct plan_job *job = NULL;
        struct diag_list diags;
        struct arena arena;
        struct bytes text;

        arena_init(&arena, 64 << 10, 0);
        diag_list_init(&diags);
        bytes_init(&text);
        if (sql_compile(&input, &arena, &diags, &job) == 0)
                check_job(job);
        else
                require(diags.n > 0);
        diag_render(&diags, &text);
        diag_render_json(&diags, &text);
        bytes_done(&text);
        diag_list_done(&diags);
        arena_done(&arena);
        return 0;
}
