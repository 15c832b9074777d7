/* eval.h - expressions as flat programs over vectors.
 *
 * eval_compile turns bound expressions into one program: steps in evaluation order, common subexpressions
 * once, constants folded. A program is read-only and shared; the registers it works in are a
 * struct eval_state, one per engine and thread. Kernels work on whole vectors under a selection, so that AND, OR, CASE,
 * COALESCE evaluate an argument only for the rows that need it (sql-semantics.md 4.1: `v <> 0 AND 10 / v > 2` is safe).
 *
 * A row whose expression fails where Flink would fail the job (1/0, a CAST that does not convert) gets its bit
 * set in `failed`; what failed is NULL for what stands around it. Nothing here allocates from the system once warmed
 * up: results live in the state's arena until the next eval_reset. */
#ifndef WEIR_SIDECAR_EXEC_EVAL_H
#define WEIR_SIDECAR_EXEC_EVAL_H

#include "sidecar/base/err.h"
#include "sidecar/plan/expr.h"

struct eval_program;
struct eval_state;

/* n expressions over the same input columns. The program borrows the expressions' literals (job arena). Errors:
 * ERR_CONFIG for a literal that cannot work (a bad pattern). */
int eval_compile(struct expr *const *exprs, uint32_t n, struct arena *arena, struct eval_program **ret_program,
                 struct err *err) WEIR_MUST_CHECK;

/* The same of one call, before there is a whole: 0, or ERR_CONFIG. Its other arguments may be anything. */
int eval_judge(const struct expr *call, struct err *err) WEIR_MUST_CHECK;

struct eval_state *eval_state_new(void);
struct eval_state *eval_state_free(struct eval_state *state); /* returns NULL */
/* Results of all runs since the last reset become invalid. */
void eval_reset(struct eval_state *state);

/* Evaluates every expression for every row of `input` (at most LIMIT_ROWS_PER_VECTOR). ret_columns: n vectors; they may
 * be views of input columns. failed: bitmap of n_rows, bits are only ever set; *ret_any_failed says whether one was. */
void eval_run(const struct eval_program *program, struct eval_state *state, const struct batch *input,
              struct vector *ret_columns, uint64_t *failed, bool *ret_any_failed);

/* For a program of one BOOLEAN expression: the rows where it is TRUE, ascending, into selection (room for n_rows).
 * Returns their number. Failed rows are not selected; their bits are set in failed. */
uint32_t eval_filter(const struct eval_program *program, struct eval_state *state, const struct batch *input,
                     uint32_t *selection, uint64_t *failed, bool *ret_any_failed);

/* Text of a value as Flink's CAST(... AS STRING) gives it; used by sinks, weir test and EXPLAIN. Appends. */
struct bytes;
void eval_value_text(const struct type *type, const struct value *value, struct bytes *text);
/* The other way, as CAST(STRING AS type): 0, or EVAL_E_BAD when the text does not convert. NULL text is the caller's
 * affair. Strings are copied into `arena`. */
enum { EVAL_E_BAD = 1 };
int eval_value_parse(const struct type *type, struct slice text, struct arena *arena,
                     struct value *ret_value) WEIR_MUST_CHECK;

#endif
