/* function.h - the one table of scalar functions and operators: names, arities, Flink's result types.
 *
 * plan/function.c holds a row per function: SQL name, arity, how the result type follows from the argument
 * types, and which implicit casts the arguments get. sql/ looks functions up here and nowhere else; exec/ has one
 * kernel per function_id. A new scalar function is a row here and a kernel there.
 * Goldens: tests/data/flink-expressions.tsv. */
#ifndef WEIR_SIDECAR_PLAN_FUNCTION_H
#define WEIR_SIDECAR_PLAN_FUNCTION_H

#include "sidecar/base/err.h"
#include "sidecar/column/type.h"

enum function_id {
        FN_NONE,
        /* Operators and special forms */
        FN_CAST,     /* to the node's type; a value that does not convert fails the row */
        FN_TRY_CAST, /* ... is NULL */
        FN_AND,      /* n-ary, left to right, stops */
        FN_OR,
        FN_NOT,
        FN_IS_NULL,
        FN_IS_NOT_NULL,
        FN_IS_TRUE,
        FN_IS_NOT_TRUE,
        FN_IS_FALSE,
        FN_IS_NOT_FALSE,
        FN_EQ,
        FN_NE,
        FN_LT,
        FN_LE,
        FN_GT,
        FN_GE,
        FN_IS_DISTINCT,     /* IS DISTINCT FROM */
        FN_IS_NOT_DISTINCT,
        FN_IN, /* args[0] IN (args[1..]) ; NOT IN is NOT(IN) */
        FN_BETWEEN, /* args[0] BETWEEN args[1] AND args[2] */
        FN_LIKE, /* value, pattern [, escape] */
        FN_CASE, /* when, then, when, then, ..., else (always there; maybe NULL) */
        FN_COALESCE,
        FN_NULLIF,
        FN_IF,
        FN_ADD,
        FN_SUBTRACT,
        FN_MULTIPLY,
        FN_DIVIDE,
        FN_MODULO,
        FN_NEGATE,
        FN_CONCAT_OP, /* || */
        /* Time */
        FN_TO_TIMESTAMP_LTZ,
        FN_TO_TIMESTAMP,
        FN_ADD_INTERVAL, /* timestamp or date + interval */
        FN_SUBTRACT_INTERVAL,
        FN_FIRST_NAMED, /* everything after this line is called by name; plan/function.c lists them */
        /* The rest (numeric, string, time functions) is listed by the owner of function.c below. */
        FN_COUNT_
};

#endif
