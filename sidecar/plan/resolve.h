/* resolve.h - result types that are more than a word in function.c's table: arithmetic, comparisons, CASE, time.
 *
 * For plan/function.c only. Every rule was read off Flink 2.2 (tests/data/flink-expressions*.tsv). */
#ifndef WEIR_SIDECAR_PLAN_RESOLVE_H
#define WEIR_SIDECAR_PLAN_RESOLVE_H

#include "sidecar/plan/function.h"

/* What function_resolve was asked; a rule may change `id` and must fill `type` and `arg_types` (preset to the
 * arguments' own types). */
struct resolve {
        enum function_id id;
        const struct function_arg *args;
        uint32_t n_args;
        struct type type;
        struct type *arg_types;
        struct err *err;
};

/* "'SUBSTRING' does not take (INT, STRING)"; returns -1. */
int resolve_refuse(struct resolve *resolve);
bool resolve_any_nullable(const struct resolve *resolve);
/* An integer as the DECIMAL that holds it; a DECIMAL as it is. */
struct type resolve_as_decimal(const struct type *type);

int resolve_comparison(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_arithmetic(struct resolve *resolve) WEIR_MUST_CHECK; /* + - * / % and time with interval */
int resolve_negate(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_in(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_case(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_if(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_coalesce(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_greatest(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_concat(struct resolve *resolve) WEIR_MUST_CHECK; /* || */
int resolve_round(struct resolve *resolve) WEIR_MUST_CHECK;  /* ROUND, TRUNCATE */
int resolve_floor(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_extract(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_floor_to(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_timestampdiff(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_timestampadd(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_to_timestamp_ltz(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_date_format(struct resolve *resolve) WEIR_MUST_CHECK;
int resolve_overlay(struct resolve *resolve) WEIR_MUST_CHECK;

#endif
