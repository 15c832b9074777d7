/* function.h - the one table of scalar functions and operators: names, arities, Flink's result types.
 *
 * plan/function.c holds a row per function: SQL name, arity, how the result type follows from the argument
 * types, and which implicit casts the arguments get. sql/ looks functions up here and nowhere else; exec/ has one
 * kernel per function_id. A new scalar function is a row here and a kernel there. sql/ builds calls with
 * plan/call.h, which puts the casts in.
 * Goldens: tests/data/flink-expressions.tsv. */
#ifndef WEIR_SIDECAR_PLAN_FUNCTION_H
#define WEIR_SIDECAR_PLAN_FUNCTION_H

#include "sidecar/base/calendar.h"
#include "sidecar/base/err.h"
#include "sidecar/column/batch.h"

enum function_id {
        FN_NONE,
        /* Operators and special forms: the parser asks for them by id */
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
        FN_IS_NOT_FALSE, /* IS [NOT] UNKNOWN is IS [NOT] NULL of a BOOLEAN */
        FN_EQ,
        FN_NE,
        FN_LT,
        FN_LE,
        FN_GT,
        FN_GE,
        FN_IS_DISTINCT, /* IS DISTINCT FROM */
        FN_IS_NOT_DISTINCT,
        FN_IN,      /* args[0] IN (args[1..]); NOT IN is NOT(IN) */
        FN_BETWEEN, /* args[0] BETWEEN args[1] AND args[2]; NOT BETWEEN is NOT(BETWEEN) */
        FN_LIKE,    /* value, pattern [, escape] */
        FN_CASE,    /* when, then, when, then, ..., else (always there; maybe NULL) */
        FN_COALESCE,
        FN_NULLIF,
        FN_IF,
        FN_ADD, /* + and - take numbers, and a time with an interval: then FN_ADD_INTERVAL comes back */
        FN_SUBTRACT,
        FN_MULTIPLY,
        FN_DIVIDE,
        FN_MODULO,
        FN_NEGATE,
        FN_PLUS,      /* the sign: becomes its argument */
        FN_CONCAT_OP, /* || */
        FN_EXTRACT,   /* unit, time: EXTRACT(unit FROM time) */
        FN_FLOOR_TO,  /* time, unit: FLOOR(time TO unit) */
        FN_CEIL_TO,
        FN_TIMESTAMPDIFF, /* unit, from, to */
        FN_TIMESTAMPADD,  /* unit, n, time */
        FN_TRIM,          /* what (NULL literal never; ' ' by default), from */
        FN_TRIM_LEADING,
        FN_TRIM_TRAILING,
        FN_POSITION, /* what, in; also POSITION(what IN in) */
        FN_OVERLAY,  /* string, placing, from [, for] */
        FN_REQUIRE,  /* its argument, NOT NULL; NULL fails the row: what a NOT NULL column of a sink is given */
        /* Time with an interval: made from FN_ADD and FN_SUBTRACT */
        FN_ADD_INTERVAL, /* timestamp or date, interval */
        FN_SUBTRACT_INTERVAL,
        FN_FIRST_NAMED, /* every id after this line is called by name: NAME(args) */
        FN_TO_TIMESTAMP_LTZ,
        FN_TO_TIMESTAMP,
        FN_TO_DATE,
        FN_DATE_FORMAT,
        FN_UNIX_TIMESTAMP,
        FN_FROM_UNIXTIME,
        FN_YEAR, /* YEAR ... SECOND become FN_EXTRACT */
        FN_QUARTER,
        FN_MONTH,
        FN_WEEK,
        FN_DAYOFYEAR,
        FN_DAYOFMONTH,
        FN_DAYOFWEEK,
        FN_HOUR,
        FN_MINUTE,
        FN_SECOND,
        FN_ABS,
        FN_SIGN,
        FN_ROUND,
        FN_TRUNCATE,
        FN_FLOOR,
        FN_CEIL,
        FN_MOD, /* becomes FN_MODULO */
        FN_POWER,
        FN_SQRT,
        FN_EXP,
        FN_LN,
        FN_LOG,
        FN_LOG2,
        FN_LOG10,
        FN_SIN,
        FN_COS,
        FN_TAN,
        FN_COT,
        FN_ASIN,
        FN_ACOS,
        FN_ATAN,
        FN_ATAN2,
        FN_SINH,
        FN_COSH,
        FN_TANH,
        FN_DEGREES,
        FN_RADIANS,
        FN_PI,
        FN_E,
        FN_GREATEST,
        FN_LEAST,
        FN_CHAR_LENGTH,
        FN_UPPER,
        FN_LOWER,
        FN_INITCAP,
        FN_CONCAT,
        FN_CONCAT_WS,
        FN_SUBSTRING,
        FN_LEFT,
        FN_RIGHT,
        FN_INSTR,
        FN_LOCATE,
        FN_LTRIM,
        FN_RTRIM,
        FN_BTRIM,
        FN_LPAD,
        FN_RPAD,
        FN_REPEAT,
        FN_REPLACE,
        FN_REVERSE,
        FN_SPLIT_INDEX,
        FN_STARTSWITH,
        FN_ENDSWITH,
        FN_TRANSLATE,
        FN_ASCII,
        FN_CHR,
        FN_BIN,
        FN_HEX,
        FN_MD5,
        FN_SHA1,
        FN_SHA224,
        FN_SHA256,
        FN_SHA384,
        FN_SHA512,
        FN_SHA2,
        FN_TO_BASE64,
        FN_FROM_BASE64,
        FN_ENCODE,
        FN_DECODE,
        FN_URL_DECODE,
        FN_URL_ENCODE,
        FN_PARSE_URL,
        FN_REGEXP,
        FN_REGEXP_EXTRACT,
        FN_REGEXP_REPLACE,
        FN_COUNT_
};

/* What NAME(...) means, case-insensitive. FUNCTION_E_NOT_YET: Flink has it, weir does not: to be refused by name.
 * FUNCTION_E_UNKNOWN: neither has; function_suggest may know a near one. Aggregates are in aggregate.h. */
enum { FUNCTION_E_NOT_YET = 1, FUNCTION_E_UNKNOWN = 2 };
int function_find(struct slice name, enum function_id *ret_id) WEIR_MUST_CHECK;
/* The nearest known name within two edits, or NULL. */
const char *function_suggest(struct slice name);
/* "SUBSTRING", "+", "CASE": for messages and EXPLAIN. */
const char *function_name(enum function_id id);
/* May evaluating it set a row's `failed` bit (1/0, CAST that does not convert)? expr trees: call_can_fail. */
bool function_can_fail(enum function_id id, const struct type *type, const struct type *arg_types, uint32_t n_args);

struct function_arg {
        struct type type;
        const struct value *literal; /* NULL unless the argument is a literal */
};

/* Result type and the types that the arguments must be cast to (room for n_args). *ret_id may differ from `id`: the
 * kernel to call. Errors (ERR_CONFIG) say the function and the argument types in Flink's spelling. */
int function_resolve(enum function_id id, const struct function_arg *args, uint32_t n_args, enum function_id *ret_id,
                     struct type *ret_type, struct type *ret_arg_types, struct err *err) WEIR_MUST_CHECK;

/* The type of CASE, UNION, IN and VALUES over these types (Calcite's leastRestrictive); FUNCTION_E_NOT_YET never,
 * FUNCTION_E_UNKNOWN when there is none. Nullable if one of them is. */
int function_common_type(const struct type *types, uint32_t n_types, struct type *ret_type) WEIR_MUST_CHECK;

/* May CAST(from AS to) be written? */
bool function_is_castable(const struct type *from, const struct type *to);
/* Does INSERT INTO convert it silently (sql-semantics 1.2, INSERT INTO)? Needs a cast node unless the types are the
 * same. */
bool function_is_storable(const struct type *from, const struct type *to);

#endif
