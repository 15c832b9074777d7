/* fold.h - constants and dead branches out of expressions before they are compiled; inside sidecar/exec only. */
#ifndef WEIR_SIDECAR_EXEC_FOLD_H
#define WEIR_SIDECAR_EXEC_FOLD_H

#include "sidecar/plan/expr.h"

/* Evaluates a call whose arguments are all literals. False: it fails for some input Flink would fail for, or cannot be
 * compiled; then it stays as it is and fails every row. */
struct fold {
        struct arena *arena;
        bool (*evaluate)(struct fold *fold, const struct expr *expr, struct value *ret_value);
};

/* The expression with the same value for every row; shares what did not change. */
const struct expr *fold_expr(struct fold *fold, const struct expr *expr);

#endif
