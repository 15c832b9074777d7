/* call.h - building bound expressions: nodes with their types, implicit casts put in.
 *
 * The binder's only way to make nodes. Everything is taken from `arena` (the job's; no budget) and read-only
 * afterwards. Arguments may be shared between trees. The new node takes the place (line, column_at) of its first
 * argument; the binder overwrites it with its own. */
#ifndef WEIR_SIDECAR_PLAN_CALL_H
#define WEIR_SIDECAR_PLAN_CALL_H

#include "sidecar/plan/expr.h"

struct expr *call_column(uint32_t column, const struct type *type, struct arena *arena);
/* Strings are not copied: literal bytes must live as long as the arena. */
struct expr *call_literal(const struct type *type, const struct value *value, struct arena *arena);
struct expr *call_null(struct arena *arena); /* a bare NULL, TYPE_NULL */
struct expr *call_boolean(bool value, struct arena *arena);
struct expr *call_bigint(int64_t value, struct arena *arena);
struct expr *call_string(struct slice text, struct arena *arena); /* CHAR(n) NOT NULL, n in UTF-16 units as in Java */
struct expr *call_unit(enum calendar_unit unit, struct arena *arena);

/* A number as it stands in the text, a minus right before it included (else -9223372036854775808 is out of range): `1`
 * INT, `3000000000` BIGINT, `0.908` DECIMAL(4,3), `1.5E0` DOUBLE (sql-semantics 1.1). */
int call_number(struct slice text, struct arena *arena, struct expr **ret_expr, struct err *err) WEIR_MUST_CHECK;
/* DATE '…', TIME '…', TIMESTAMP '…': kind TYPE_DATE, TYPE_TIME, TYPE_TIMESTAMP; the precision of a timestamp is its
 * number of digits. */
int call_time_literal(enum type_kind kind, struct slice text, struct arena *arena, struct expr **ret_expr,
                      struct err *err) WEIR_MUST_CHECK;
/* INTERVAL 'text' first[(precision)] [TO last[(fraction)]]. precision, fraction: 0 when not written (then 2 and 6). */
int call_interval(struct slice text, enum calendar_unit first, unsigned precision, enum calendar_unit last,
                  unsigned fraction, bool is_negative, struct arena *arena, struct expr **ret_expr,
                  struct err *err) WEIR_MUST_CHECK;
/* X'0aff' without quotes: BINARY(n). */
int call_binary(struct slice hex, struct arena *arena, struct expr **ret_expr, struct err *err) WEIR_MUST_CHECK;

/* id(args...). As Flink's planner does, NOT x > 1 becomes x <= 1 and x = x TRUE (or NULL). BETWEEN, NULLIF, IF and
 * YEAR(x) become what they stand for. TRIM, TRIM_LEADING and TRIM_TRAILING may be given the text alone. */
int call_make(enum function_id id, struct expr *const *args, uint32_t n_args, struct arena *arena,
              struct expr **ret_expr, struct err *err) WEIR_MUST_CHECK;
/* An explicit CAST or TRY_CAST as written. */
int call_cast(struct expr *arg, const struct type *to, bool is_try, struct arena *arena, struct expr **ret_expr,
              struct err *err) WEIR_MUST_CHECK;
/* An implicit one: the node itself when the types are the same; never an error. */
struct expr *call_implicit_cast(struct expr *arg, const struct type *to, struct arena *arena);

/* Can some row fail in it? A common filter must not. */
bool call_can_fail(const struct expr *expr);

#endif
