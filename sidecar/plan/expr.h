/* expr.h - bound scalar expressions: what the binder makes and the evaluator compiles.
 *
 * Every node has its Flink type; implicit conversions are explicit FN_CAST nodes. Trees are read-only, may share
 * subtrees, live in the job's arena, and share nothing with the AST. Column indexes refer to the output columns of
 * the operator below (plan.h). */
#ifndef WEIR_SIDECAR_PLAN_EXPR_H
#define WEIR_SIDECAR_PLAN_EXPR_H

#include "sidecar/column/batch.h"
#include "sidecar/plan/function.h"

enum expr_kind { EXPR_COLUMN, EXPR_LITERAL, EXPR_CALL };

struct expr {
        enum expr_kind kind;
        struct type type;
        uint32_t column;           /* EXPR_COLUMN */
        struct value literal;      /* EXPR_LITERAL; is_null for NULL */
        enum function_id function; /* EXPR_CALL; FN_CAST and FN_TRY_CAST convert args[0] to `type` */
        uint32_t n_args;
        struct expr **args;
        uint32_t line, column_at; /* where it stands in the job file, 1-based; 0 unknown */
};

/* Same tree: used to find common filters and GROUP BY expressions. Places do not count. */
bool expr_is_equal(const struct expr *a, const struct expr *b);
/* SQL-like text for EXPLAIN and fingerprints; column names from `names` (may be NULL: $0, $1). Equal texts over the
 * same names mean equal trees. */
struct bytes;
void expr_format(const struct expr *expr, const struct slice *names, struct bytes *text);

/* Calls visit for every EXPR_COLUMN node. */
void expr_visit_columns(const struct expr *expr, void (*visit)(void *context, const struct expr *column),
                        void *context);
/* The same tree over other columns: new_column gives the index that takes the place of each. The tree itself stays.
 */
struct expr *expr_map_columns(const struct expr *expr, uint32_t (*new_column)(void *context, uint32_t column),
                              void *context, struct arena *arena);
/* Nodes of the tree, shared ones counted each time; counting stops at `most`. */
uint32_t expr_count_nodes(const struct expr *expr, uint32_t most);

#endif
