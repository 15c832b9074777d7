/* aggregate.h - the aggregates of weir and their result types (sql-semantics.md 3). */
#ifndef WEIR_SIDECAR_PLAN_AGGREGATE_H
#define WEIR_SIDECAR_PLAN_AGGREGATE_H

#include "sidecar/plan/plan.h"

/* COUNT (AGG_COUNT), SUM, AVG, MIN, MAX, case-insensitive: 0. FUNCTION_E_NOT_YET: an aggregate of Flink that weir
 * refuses by name; FUNCTION_E_UNKNOWN: not an aggregate. */
int aggregate_find(struct slice name, enum plan_agg_kind *ret_kind) WEIR_MUST_CHECK;
const char *aggregate_name(enum plan_agg_kind kind); /* "COUNT(*)", "SUM", ... */
/* Result type; argument is NULL for AGG_COUNT_STAR. A group has a row, so SUM, AVG, MIN and MAX of a NOT NULL argument
 * are NOT NULL, unless a FILTER may leave no row. */
int aggregate_type(enum plan_agg_kind kind, const struct type *argument, bool has_filter, struct type *ret_type,
                   struct err *err) WEIR_MUST_CHECK;

#endif
