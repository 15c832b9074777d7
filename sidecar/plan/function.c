/* function.c - the table of functions. See function.h; rules that need more than a word are in resolve.c.
 *
 * The parameters of a row are one letter each, the last one repeating where more are allowed:
 *     c  CHAR, VARCHAR          y  BINARY, VARBINARY      x  either
 *     b  BOOLEAN                i  TINYINT, SMALLINT, INT  j  i or BIGINT
 *     n  any number             d  any number, as DOUBLE   h  x of c or j
 *     ?  whatever the rule says */
#include "sidecar/plan/function.h"

#include <assert.h>
#include <stdio.h>
#include <strings.h>

#include "sidecar/base/nearest.h"
#include "sidecar/plan/resolve.h"

enum { MANY = 255 };

enum result {
        R_ARGUMENT, /* the type of the first argument */
        R_VARCHAR,  /* VARCHAR of the first argument's length */
        R_STRING,
        R_BYTES,
        R_CHAR,        /* CHAR(length) */
        R_VARCHAR_128, /* VARCHAR(128) */
        R_BOOLEAN,
        R_INT,
        R_BIGINT,
        R_DOUBLE,
        R_DATE,
        R_TIMESTAMP_3,
};

enum nulls {
        N_ANY,    /* nullable when an argument is */
        N_FIRST,  /* ... when the first is */
        N_ALWAYS, /* nullable */
        N_NEVER,
};

struct row {
        const char *name;
        uint8_t min_args, max_args;
        const char *parameters;
        enum result result;
        enum nulls nulls;
        uint8_t length;  /* R_CHAR */
        bool takes_null; /* a bare NULL may be an argument */
        bool can_fail;
        int (*rule)(struct resolve *resolve); /* instead of `result` */
};

static const struct row table[FN_COUNT_] = {
        [FN_CAST] = {"CAST", 1, 1, "?"},
        [FN_TRY_CAST] = {"TRY_CAST", 1, 1, "?"},
        [FN_AND] = {"AND", 2, MANY, "b", R_BOOLEAN},
        [FN_OR] = {"OR", 2, MANY, "b", R_BOOLEAN},
        [FN_NOT] = {"NOT", 1, 1, "b", R_BOOLEAN},
        [FN_IS_NULL] = {"IS NULL", 1, 1, "?", R_BOOLEAN, N_NEVER, .takes_null = true},
        [FN_IS_NOT_NULL] = {"IS NOT NULL", 1, 1, "?", R_BOOLEAN, N_NEVER, .takes_null = true},
        [FN_IS_TRUE] = {"IS TRUE", 1, 1, "b", R_BOOLEAN, N_NEVER},
        [FN_IS_NOT_TRUE] = {"IS NOT TRUE", 1, 1, "b", R_BOOLEAN, N_NEVER},
        [FN_IS_FALSE] = {"IS FALSE", 1, 1, "b", R_BOOLEAN, N_NEVER},
        [FN_IS_NOT_FALSE] = {"IS NOT FALSE", 1, 1, "b", R_BOOLEAN, N_NEVER},
        [FN_EQ] = {"=", 2, 2, "?", .takes_null = true, .rule = resolve_comparison},
        [FN_NE] = {"<>", 2, 2, "?", .takes_null = true, .rule = resolve_comparison},
        [FN_LT] = {"<", 2, 2, "?", .takes_null = true, .rule = resolve_comparison},
        [FN_LE] = {"<=", 2, 2, "?", .takes_null = true, .rule = resolve_comparison},
        [FN_GT] = {">", 2, 2, "?", .takes_null = true, .rule = resolve_comparison},
        [FN_GE] = {">=", 2, 2, "?", .takes_null = true, .rule = resolve_comparison},
        [FN_IS_DISTINCT] = {"IS DISTINCT FROM", 2, 2, "?", .takes_null = true, .rule = resolve_comparison},
        [FN_IS_NOT_DISTINCT] = {"IS NOT DISTINCT FROM", 2, 2, "?", .takes_null = true, .rule = resolve_comparison},
        [FN_IN] = {"IN", 2, MANY, "?", .takes_null = true, .rule = resolve_in},
        [FN_BETWEEN] = {"BETWEEN", 3, 3, "?", R_BOOLEAN, .takes_null = true},
        [FN_LIKE] = {"LIKE", 2, 3, "ccc", R_BOOLEAN},
        [FN_CASE] = {"CASE", 3, MANY, "?", .takes_null = true, .rule = resolve_case},
        [FN_COALESCE] = {"COALESCE", 1, MANY, "?", .takes_null = true, .rule = resolve_coalesce},
        [FN_NULLIF] = {"NULLIF", 2, 2, "?", R_ARGUMENT, N_ALWAYS},
        [FN_IF] = {"IF", 3, 3, "?", .rule = resolve_if},
        [FN_ADD] = {"+", 2, 2, "?", .rule = resolve_arithmetic},
        [FN_SUBTRACT] = {"-", 2, 2, "?", .rule = resolve_arithmetic},
        [FN_MULTIPLY] = {"*", 2, 2, "?", .rule = resolve_arithmetic},
        [FN_DIVIDE] = {"/", 2, 2, "?", .rule = resolve_arithmetic},
        [FN_MODULO] = {"%", 2, 2, "?", .rule = resolve_arithmetic},
        [FN_NEGATE] = {"-", 1, 1, "?", .rule = resolve_negate},
        [FN_PLUS] = {"+", 1, 1, "?", .rule = resolve_negate},
        [FN_CONCAT_OP] = {"||", 2, 2, "?", .rule = resolve_concat},
        [FN_EXTRACT] = {"EXTRACT", 2, 2, "?", .rule = resolve_extract},
        [FN_FLOOR_TO] = {"FLOOR", 2, 2, "?", .rule = resolve_floor_to},
        [FN_CEIL_TO] = {"CEIL", 2, 2, "?", .rule = resolve_floor_to},
        [FN_TIMESTAMPDIFF] = {"TIMESTAMPDIFF", 3, 3, "?", .rule = resolve_timestampdiff},
        [FN_TIMESTAMPADD] = {"TIMESTAMPADD", 3, 3, "?", .rule = resolve_timestampadd},
        [FN_TRIM] = {"TRIM", 2, 2, "cc", R_VARCHAR},
        [FN_TRIM_LEADING] = {"TRIM", 2, 2, "cc", R_VARCHAR},
        [FN_TRIM_TRAILING] = {"TRIM", 2, 2, "cc", R_VARCHAR},
        [FN_POSITION] = {"POSITION", 2, 2, "cc", R_INT},
        [FN_OVERLAY] = {"OVERLAY", 3, 4, "?", .can_fail = true, .rule = resolve_overlay},
        [FN_REQUIRE] = {"REQUIRE", 1, 1, "?", R_ARGUMENT, N_NEVER, .can_fail = true},
        [FN_ADD_INTERVAL] = {"+", 2, 2, "?", R_ARGUMENT},
        [FN_SUBTRACT_INTERVAL] = {"-", 2, 2, "?", R_ARGUMENT},
        [FN_TO_TIMESTAMP_LTZ] = {"TO_TIMESTAMP_LTZ", 1, 2, "?", .rule = resolve_to_timestamp_ltz},
        [FN_TO_TIMESTAMP] = {"TO_TIMESTAMP", 1, 2, "cc", R_TIMESTAMP_3, N_ALWAYS},
        [FN_TO_DATE] = {"TO_DATE", 1, 1, "c", R_DATE, N_ALWAYS},
        [FN_DATE_FORMAT] = {"DATE_FORMAT", 2, 2, "?", .rule = resolve_date_format},
        [FN_UNIX_TIMESTAMP] = {"UNIX_TIMESTAMP", 1, 1, "c", R_BIGINT},
        [FN_FROM_UNIXTIME] = {"FROM_UNIXTIME", 1, 2, "jc", R_STRING, N_ALWAYS},
        [FN_YEAR] = {"YEAR", 1, 1, "?", R_BIGINT},
        [FN_QUARTER] = {"QUARTER", 1, 1, "?", R_BIGINT},
        [FN_MONTH] = {"MONTH", 1, 1, "?", R_BIGINT},
        [FN_WEEK] = {"WEEK", 1, 1, "?", R_BIGINT},
        [FN_DAYOFYEAR] = {"DAYOFYEAR", 1, 1, "?", R_BIGINT},
        [FN_DAYOFMONTH] = {"DAYOFMONTH", 1, 1, "?", R_BIGINT},
        [FN_DAYOFWEEK] = {"DAYOFWEEK", 1, 1, "?", R_BIGINT},
        [FN_HOUR] = {"HOUR", 1, 1, "?", R_BIGINT},
        [FN_MINUTE] = {"MINUTE", 1, 1, "?", R_BIGINT},
        [FN_SECOND] = {"SECOND", 1, 1, "?", R_BIGINT},
        [FN_ABS] = {"ABS", 1, 1, "n", R_ARGUMENT},
        [FN_SIGN] = {"SIGN", 1, 1, "n", R_ARGUMENT},
        [FN_ROUND] = {"ROUND", 1, 2, "?", .rule = resolve_round},
        [FN_TRUNCATE] = {"TRUNCATE", 1, 2, "?", .rule = resolve_round},
        [FN_FLOOR] = {"FLOOR", 1, 1, "?", .rule = resolve_floor},
        [FN_CEIL] = {"CEIL", 1, 1, "?", .rule = resolve_floor},
        [FN_MOD] = {"MOD", 2, 2, "?", .rule = resolve_arithmetic},
        [FN_POWER] = {"POWER", 2, 2, "dd", R_DOUBLE},
        [FN_SQRT] = {"SQRT", 1, 1, "d", R_DOUBLE},
        [FN_EXP] = {"EXP", 1, 1, "d", R_DOUBLE},
        [FN_LN] = {"LN", 1, 1, "d", R_DOUBLE},
        [FN_LOG] = {"LOG", 1, 2, "dd", R_DOUBLE},
        [FN_LOG2] = {"LOG2", 1, 1, "d", R_DOUBLE},
        [FN_LOG10] = {"LOG10", 1, 1, "d", R_DOUBLE},
        [FN_SIN] = {"SIN", 1, 1, "d", R_DOUBLE},
        [FN_COS] = {"COS", 1, 1, "d", R_DOUBLE},
        [FN_TAN] = {"TAN", 1, 1, "d", R_DOUBLE},
        [FN_COT] = {"COT", 1, 1, "d", R_DOUBLE},
        [FN_ASIN] = {"ASIN", 1, 1, "d", R_DOUBLE},
        [FN_ACOS] = {"ACOS", 1, 1, "d", R_DOUBLE},
        [FN_ATAN] = {"ATAN", 1, 1, "d", R_DOUBLE},
        [FN_ATAN2] = {"ATAN2", 2, 2, "dd", R_DOUBLE},
        [FN_SINH] = {"SINH", 1, 1, "d", R_DOUBLE},
        [FN_COSH] = {"COSH", 1, 1, "d", R_DOUBLE},
        [FN_TANH] = {"TANH", 1, 1, "d", R_DOUBLE},
        [FN_DEGREES] = {"DEGREES", 1, 1, "d", R_DOUBLE},
        [FN_RADIANS] = {"RADIANS", 1, 1, "d", R_DOUBLE},
        [FN_PI] = {"PI", 0, 0, "", R_DOUBLE, N_NEVER},
        [FN_E] = {"E", 0, 0, "", R_DOUBLE, N_NEVER},
        [FN_GREATEST] = {"GREATEST", 1, MANY, "?", .rule = resolve_greatest},
        [FN_LEAST] = {"LEAST", 1, MANY, "?", .rule = resolve_greatest},
        [FN_CHAR_LENGTH] = {"CHAR_LENGTH", 1, 1, "c", R_INT},
        [FN_UPPER] = {"UPPER", 1, 1, "c", R_ARGUMENT},
        [FN_LOWER] = {"LOWER", 1, 1, "c", R_ARGUMENT},
        [FN_INITCAP] = {"INITCAP", 1, 1, "c", R_ARGUMENT},
        [FN_CONCAT] = {"CONCAT", 1, MANY, "c", R_STRING, .can_fail = true},
        [FN_CONCAT_WS] = {"CONCAT_WS", 1, MANY, "c", R_STRING, .can_fail = true},
        [FN_SUBSTRING] = {"SUBSTRING", 2, 3, "cii", R_VARCHAR, N_ALWAYS},
        [FN_LEFT] = {"LEFT", 2, 2, "ci", R_VARCHAR, N_ALWAYS},
        [FN_RIGHT] = {"RIGHT", 2, 2, "ci", R_VARCHAR, N_ALWAYS},
        [FN_INSTR] = {"INSTR", 2, 2, "cc", R_INT},
        [FN_LOCATE] = {"LOCATE", 2, 3, "cci", R_INT},
        [FN_LTRIM] = {"LTRIM", 1, 2, "cc", R_VARCHAR},
        [FN_RTRIM] = {"RTRIM", 1, 2, "cc", R_VARCHAR},
        [FN_BTRIM] = {"BTRIM", 1, 2, "cc", R_STRING},
        [FN_LPAD] = {"LPAD", 3, 3, "cic", R_STRING, .can_fail = true},
        [FN_RPAD] = {"RPAD", 3, 3, "cic", R_STRING, .can_fail = true},
        [FN_REPEAT] = {"REPEAT", 2, 2, "ci", R_STRING, .can_fail = true},
        [FN_REPLACE] = {"REPLACE", 3, 3, "ccc", R_STRING, .can_fail = true},
        [FN_REVERSE] = {"REVERSE", 1, 1, "c", R_STRING, N_ALWAYS},
        [FN_SPLIT_INDEX] = {"SPLIT_INDEX", 3, 3, "chi", R_STRING, N_ALWAYS},
        [FN_STARTSWITH] = {"STARTSWITH", 2, 2, "xx", R_BOOLEAN},
        [FN_ENDSWITH] = {"ENDSWITH", 2, 2, "xx", R_BOOLEAN},
        [FN_TRANSLATE] = {"TRANSLATE", 3, 3, "ccc", R_STRING, N_FIRST},
        [FN_ASCII] = {"ASCII", 1, 1, "c", R_INT},
        [FN_CHR] = {"CHR", 1, 1, "j", R_STRING, N_ALWAYS},
        [FN_BIN] = {"BIN", 1, 1, "j", R_STRING},
        [FN_HEX] = {"HEX", 1, 1, "h", R_STRING},
        [FN_MD5] = {"MD5", 1, 1, "x", R_CHAR, .length = 32},
        [FN_SHA1] = {"SHA1", 1, 1, "x", R_CHAR, .length = 40},
        [FN_SHA224] = {"SHA224", 1, 1, "x", R_CHAR, .length = 56},
        [FN_SHA256] = {"SHA256", 1, 1, "x", R_CHAR, .length = 64},
        [FN_SHA384] = {"SHA384", 1, 1, "x", R_CHAR, .length = 96},
        [FN_SHA512] = {"SHA512", 1, 1, "x", R_CHAR, .length = 128},
        [FN_SHA2] = {"SHA2", 2, 2, "xj", R_VARCHAR_128, .can_fail = true},
        [FN_TO_BASE64] = {"TO_BASE64", 1, 1, "x", R_STRING},
        [FN_FROM_BASE64] = {"FROM_BASE64", 1, 1, "c", R_STRING, .can_fail = true},
        [FN_ENCODE] = {"ENCODE", 2, 2, "cc", R_BYTES},
        [FN_DECODE] = {"DECODE", 2, 2, "yc", R_STRING},
        [FN_URL_DECODE] = {"URL_DECODE", 1, 1, "c", R_STRING, N_ALWAYS},
        [FN_URL_ENCODE] = {"URL_ENCODE", 1, 1, "c", R_STRING, N_ALWAYS},
        [FN_PARSE_URL] = {"PARSE_URL", 2, 3, "ccc", R_STRING, N_ALWAYS},
        [FN_REGEXP] = {"REGEXP", 2, 2, "cc", R_BOOLEAN, .can_fail = true},
        [FN_REGEXP_EXTRACT] = {"REGEXP_EXTRACT", 2, 3, "cci", R_STRING, N_ALWAYS, .can_fail = true},
        [FN_REGEXP_REPLACE] = {"REGEXP_REPLACE", 3, 3, "ccc", R_STRING, .can_fail = true},
};

/* Second names, and the names of what the parser knows as special forms. */
static const struct alias {
        const char *name;
        enum function_id id;
} aliases[] = {
        {"COALESCE", FN_COALESCE}, {"NULLIF", FN_NULLIF},     {"IF", FN_IF},
        {"IFNULL", FN_COALESCE},   {"POSITION", FN_POSITION}, {"CHARACTER_LENGTH", FN_CHAR_LENGTH},
        {"SUBSTR", FN_SUBSTRING},  {"CEILING", FN_CEIL},      {"TRANSLATE3", FN_TRANSLATE},
        {"TRIM", FN_TRIM},         {"OVERLAY", FN_OVERLAY},
};

/* Flink 2.2 has these. Arrays, maps and JSON need nested values; the clock and chance have no place in a pure function
 * of the log; sessions in other zones need a zone database. */
static const char *const not_yet[] = {
        "ARRAY",
        "ARRAY_AGG",
        "ARRAY_APPEND",
        "ARRAY_CONCAT",
        "ARRAY_CONTAINS",
        "ARRAY_DISTINCT",
        "ARRAY_EXCEPT",
        "ARRAY_INTERSECT",
        "ARRAY_JOIN",
        "ARRAY_MAX",
        "ARRAY_MIN",
        "ARRAY_POSITION",
        "ARRAY_PREPEND",
        "ARRAY_REMOVE",
        "ARRAY_REVERSE",
        "ARRAY_SLICE",
        "ARRAY_SORT",
        "ARRAY_UNION",
        "CARDINALITY",
        "CONVERT_TZ",
        "CURRENT_DATABASE",
        "CURRENT_DATE",
        "CURRENT_ROW_TIMESTAMP",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "CURRENT_WATERMARK",
        "ELEMENT",
        "ELT",
        "IS_ALPHA",
        "IS_DECIMAL",
        "IS_DIGIT",
        "JSON",
        "JSON_ARRAY",
        "JSON_EXISTS",
        "JSON_LENGTH",
        "JSON_OBJECT",
        "JSON_QUERY",
        "JSON_QUOTE",
        "JSON_STRING",
        "JSON_UNQUOTE",
        "JSON_VALUE",
        "LOCALTIME",
        "LOCALTIMESTAMP",
        "MAP",
        "MAP_ENTRIES",
        "MAP_FROM_ARRAYS",
        "MAP_KEYS",
        "MAP_UNION",
        "MAP_VALUES",
        "NOW",
        "OBJECT_OF",
        "OBJECT_UPDATE",
        "OCTET_LENGTH",
        "PARSE_JSON",
        "PRINTF",
        "PROCTIME",
        "RAND",
        "RAND_INTEGER",
        "REGEXP_COUNT",
        "REGEXP_EXTRACT_ALL",
        "REGEXP_INSTR",
        "REGEXP_SUBSTR",
        "ROW",
        "SIMILAR",
        "SOURCE_WATERMARK",
        "SPLIT",
        "STR_TO_MAP",
        "TEMPORAL_OVERLAPS",
        "TRY_PARSE_JSON",
        "TYPEOF",
        "UNHEX",
        "UNNEST",
        "UUID",
};

enum { N_ALIASES = sizeof aliases / sizeof aliases[0], N_NOT_YET = sizeof not_yet / sizeof not_yet[0] };

static bool is_name(struct slice name, const char *text)
{
        return strlen(text) == name.len && strncasecmp(text, (const char *)name.data, name.len) == 0;
}

int function_find(struct slice name, enum function_id *ret_id)
{
        for (unsigned i = FN_FIRST_NAMED + 1; i < FN_COUNT_; i++) {
                if (is_name(name, table[i].name)) {
                        *ret_id = (enum function_id)i;
                        return 0;
                }
        }
        for (unsigned i = 0; i < N_ALIASES; i++) {
                if (is_name(name, aliases[i].name)) {
                        *ret_id = aliases[i].id;
                        return 0;
                }
        }
        for (unsigned i = 0; i < N_NOT_YET; i++) {
                if (is_name(name, not_yet[i]))
                        return FUNCTION_E_NOT_YET;
        }
        return FUNCTION_E_UNKNOWN;
}

const char *function_suggest(struct slice name)
{
        struct nearest nearest;

        nearest_init(&nearest, name);
        for (unsigned i = FN_FIRST_NAMED + 1; i < FN_COUNT_; i++)
                nearest_offer(&nearest, slice_from_text(table[i].name));
        for (unsigned i = 0; i < N_ALIASES; i++)
                nearest_offer(&nearest, slice_from_text(aliases[i].name));
        return nearest_text(&nearest);
}

const char *function_name(enum function_id id)
{
        assert(id > FN_NONE && id < FN_COUNT_ && table[id].name != NULL);
        return table[id].name;
}

static bool is_fit(char parameter, const struct type *type)
{
        switch (parameter) {
        case 'c':
                return type_is_character(type);
        case 'y':
                return type_is_binary(type);
        case 'x':
                return type_is_character(type) || type_is_binary(type);
        case 'b':
                return type->kind == TYPE_BOOLEAN;
        case 'i':
                return type_is_integer(type) && type->kind != TYPE_BIGINT;
        case 'j':
                return type_is_integer(type);
        case 'h':
                return type_is_character(type) || type_is_integer(type);
        case 'n':
        case 'd':
                return type_is_numeric(type);
        default:
                assert(parameter == '?');
                return true;
        }
}

static struct type result_of(const struct row *row, const struct type *first)
{
        struct type type;

        switch (row->result) {
        case R_ARGUMENT:
                type = *first;
                type.is_time_attribute = false;
                return type;
        case R_VARCHAR:
                type = type_string(true);
                type.length = first->length;
                return type;
        case R_STRING:
                return type_string(true);
        case R_BYTES:
                type = type_make(TYPE_VARBINARY, true);
                type.length = TYPE_LENGTH_MAX;
                return type;
        case R_CHAR:
                type = type_make(TYPE_CHAR, true);
                type.length = row->length;
                return type;
        case R_VARCHAR_128:
                type = type_string(true);
                type.length = 128;
                return type;
        case R_BOOLEAN:
                return type_make(TYPE_BOOLEAN, true);
        case R_INT:
                return type_make(TYPE_INT, true);
        case R_BIGINT:
                return type_make(TYPE_BIGINT, true);
        case R_DOUBLE:
                return type_make(TYPE_DOUBLE, true);
        case R_DATE:
                return type_make(TYPE_DATE, true);
        case R_TIMESTAMP_3:
                return type_timestamp(TYPE_TIMESTAMP, 3, true);
        }
        assert(false);
        return *first;
}

static int refuse_count(const struct row *row, uint32_t n_args, struct err *err)
{
        if (row->min_args == row->max_args)
                return err_set(err, ERR_CONFIG, "'%s' takes %u argument%s, not %u", row->name, row->min_args,
                               row->min_args == 1 ? "" : "s", n_args);
        if (row->max_args == MANY)
                return err_set(err, ERR_CONFIG, "'%s' takes at least %u argument%s, not %u", row->name, row->min_args,
                               row->min_args == 1 ? "" : "s", n_args);
        return err_set(err, ERR_CONFIG, "'%s' takes %u to %u arguments, not %u", row->name, row->min_args,
                       row->max_args, n_args);
}

int function_resolve(enum function_id id, const struct function_arg *args, uint32_t n_args, enum function_id *ret_id,
                     struct type *ret_type, struct type *ret_arg_types, struct err *err)
{
        const struct row *row = &table[id];
        struct resolve resolve = {.id = id, .args = args, .n_args = n_args, .arg_types = ret_arg_types, .err = err};
        size_t n_parameters;

        assert(id > FN_NONE && id < FN_COUNT_ && row->name != NULL);
        if (id == FN_MOD)
                resolve.id = FN_MODULO;
        if (n_args < row->min_args || (row->max_args != MANY && n_args > row->max_args))
                return refuse_count(row, n_args, err);
        n_parameters = strlen(row->parameters);
        for (uint32_t i = 0; i < n_args; i++) {
                char parameter = row->parameters[i < n_parameters ? i : n_parameters - 1];

                ret_arg_types[i] = args[i].type;
                if (args[i].type.kind == TYPE_NULL && !row->takes_null)
                        return err_set(err, ERR_CONFIG, "'%s' does not take a bare NULL: write CAST(NULL AS type)",
                                       row->name);
                if (type_phys(&args[i].type) == PHYS_NONE && args[i].type.kind != TYPE_NULL && id != FN_IS_NULL &&
                    id != FN_IS_NOT_NULL)
                        return resolve_refuse(&resolve);
                if (!is_fit(parameter, &args[i].type))
                        return resolve_refuse(&resolve);
                if (parameter == 'd')
                        ret_arg_types[i] = type_make(TYPE_DOUBLE, args[i].type.nullable);
        }
        if (row->rule != NULL) {
                if (row->rule(&resolve) != 0)
                        return -1;
        } else {
                bool is_trim = id == FN_TRIM || id == FN_TRIM_LEADING || id == FN_TRIM_TRAILING; /* (what, text) */

                resolve.type = result_of(row, n_args == 0 ? NULL : &args[is_trim ? 1 : 0].type);
                if (row->nulls == N_ANY)
                        resolve.type.nullable = resolve_any_nullable(&resolve);
                else if (row->nulls == N_FIRST)
                        resolve.type.nullable = args[0].type.nullable;
                else
                        resolve.type.nullable = row->nulls == N_ALWAYS;
        }
        if ((id == FN_STARTSWITH || id == FN_ENDSWITH) &&
            type_is_character(&args[0].type) != type_is_character(&args[1].type))
                return resolve_refuse(&resolve);
        *ret_id = resolve.id;
        *ret_type = resolve.type;
        return 0;
}

/* Does CAST to `to` fail for some value of `from`? */
static bool can_cast_fail(const struct type *from, const struct type *to)
{
        if (type_is_character(from))
                return !type_is_character(to) && !type_is_binary(to);
        return type_is_approximate(from) && to->kind == TYPE_DECIMAL; /* NaN */
}

bool function_can_fail(enum function_id id, const struct type *type, const struct type *arg_types, uint32_t n_args)
{
        switch (id) {
        case FN_CAST:
                return n_args == 1 && can_cast_fail(&arg_types[0], type);
        case FN_TRY_CAST: /* Flink fails here as well */
                return n_args == 1 && type_is_approximate(&arg_types[0]) && type->kind == TYPE_DECIMAL;
        case FN_DIVIDE:
        case FN_MODULO:
                return !type_is_approximate(type);
        case FN_CONCAT_OP:
                return true; /* the result may be too long */
        case FN_ROUND:
                return type_is_approximate(type); /* NaN and infinities */
        case FN_TO_TIMESTAMP_LTZ:
                return type_is_character(&arg_types[0]);
        default:
                return table[id].can_fail;
        }
}

static struct type wider_decimal(const struct type *a, const struct type *b)
{
        struct type left = resolve_as_decimal(a), right = resolve_as_decimal(b);
        unsigned whole_left = left.precision - left.scale, whole_right = right.precision - right.scale;
        unsigned whole = whole_left > whole_right ? whole_left : whole_right;
        unsigned scale = left.scale > right.scale ? left.scale : right.scale;

        if (whole + scale > TYPE_PRECISION_DECIMAL_MAX)
                scale = TYPE_PRECISION_DECIMAL_MAX - whole;
        return type_decimal(whole + scale, scale, true);
}

/* CHAR(n) with its like stays fixed; everything else of the family varies. */
static struct type longer_text(const struct type *a, const struct type *b, enum type_kind fixed, enum type_kind varying)
{
        struct type type = type_make(a->kind == fixed && b->kind == fixed && a->length == b->length ? fixed : varying,
                                     true);

        type.length = a->length > b->length ? a->length : b->length;
        return type;
}

/* The common type of two types neither of which is a bare NULL; false when there is none. */
static bool common_of_two(const struct type *a, const struct type *b, struct type *ret_type)
{
        if (type_is_integer(a) && type_is_integer(b))
                *ret_type = b->kind > a->kind ? *b : *a;
        else if (type_is_exact(a) && type_is_exact(b))
                *ret_type = wider_decimal(a, b);
        else if (type_is_numeric(a) && type_is_numeric(b))
                *ret_type = a->kind == TYPE_DECIMAL || b->kind == TYPE_DECIMAL ? type_make(TYPE_DOUBLE, true)
                            : type_is_approximate(a)                           ? *a
                                                                               : *b;
        else if (type_is_character(a) && type_is_character(b))
                *ret_type = longer_text(a, b, TYPE_CHAR, TYPE_VARCHAR);
        else if (type_is_binary(a) && type_is_binary(b))
                *ret_type = longer_text(a, b, TYPE_BINARY, TYPE_VARBINARY);
        else if (type_is_timestamp(a) && a->kind == b->kind)
                *ret_type = b->precision > a->precision ? *b : *a;
        else if (a->kind == b->kind && (type_phys(a) == PHYS_I64 || type_is_same(a, b)))
                *ret_type = *a;
        else
                return false;
        return true;
}

int function_common_type(const struct type *types, uint32_t n_types, struct type *ret_type)
{
        struct type common = type_make(TYPE_NULL, true);
        bool nullable = false, is_time_attribute = true;

        for (uint32_t i = 0; i < n_types; i++) {
                nullable = nullable || types[i].nullable || types[i].kind == TYPE_NULL;
                is_time_attribute = is_time_attribute && types[i].is_time_attribute;
                if (types[i].kind == TYPE_NULL)
                        continue;
                if (common.kind == TYPE_NULL)
                        common = types[i];
                else if (!common_of_two(&common, &types[i], &common))
                        return FUNCTION_E_UNKNOWN;
        }
        if (common.kind == TYPE_NULL)
                return FUNCTION_E_UNKNOWN;
        common.nullable = nullable;
        common.is_time_attribute = is_time_attribute;
        *ret_type = common;
        return 0;
}

bool function_is_castable(const struct type *from, const struct type *to)
{
        if (type_phys(to) == PHYS_NONE)
                return false;
        if (from->kind == TYPE_NULL)
                return true;
        if (type_phys(from) == PHYS_NONE)
                return false;
        if (type_is_character(to))
                return true;
        if (type_is_character(from))
                return !type_is_interval(to);
        if (from->kind == TYPE_BOOLEAN || type_is_numeric(from))
                return to->kind == TYPE_BOOLEAN || type_is_numeric(to);
        if (type_is_binary(from))
                return type_is_binary(to);
        if (type_is_interval(from))
                return from->kind == to->kind;
        if (type_is_timestamp(to))
                return true; /* DATE, TIME, the other timestamp */
        if (type_is_timestamp(from))
                return to->kind == TYPE_DATE || to->kind == TYPE_TIME;
        return from->kind == to->kind; /* DATE, TIME */
}

bool function_is_storable(const struct type *from, const struct type *to)
{
        if (type_phys(to) == PHYS_NONE || (type_phys(from) == PHYS_NONE && from->kind != TYPE_NULL))
                return type_is_same(from, to);
        if (from->kind == TYPE_NULL || type_is_same(from, to))
                return true;
        if (type_is_integer(from))
                return type_is_numeric(to) && (!type_is_integer(to) || to->kind > from->kind);
        if (type_is_numeric(from))
                return to->kind == TYPE_DECIMAL ||
                       (type_is_approximate(to) && !(from->kind == TYPE_DOUBLE && to->kind == TYPE_FLOAT));
        if (type_is_character(from))
                return to->kind == TYPE_VARCHAR;
        if (type_is_binary(from))
                return to->kind == TYPE_VARBINARY;
        if (type_is_timestamp(to))
                return type_is_timestamp(from);
        return from->kind == TYPE_TIMESTAMP && (to->kind == TYPE_DATE || to->kind == TYPE_TIME);
}
