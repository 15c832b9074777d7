/* compile_call.c - which kernel computes a call. One line per function where types do not matter, a small function
 * where they do. */
#include <assert.h>

#include "sidecar/exec/compile.h"
#include "sidecar/exec/time_pattern.h"

/* What every helper here needs. */
struct call {
        struct compiler *compiler;
        const struct expr *expr;
        const struct compile_scope *scope;
        uint16_t *args; /* registers */
        uint32_t n_args;
        struct type *types; /* of the arguments */
        uint16_t *ret_reg;
};

static struct step *add(struct call *call, step_fn run, unsigned mode)
{
        struct step *step = compile_add_step(call->compiler, run, &call->expr->type, call->args, call->n_args,
                                             call->scope, call->ret_reg);

        step->mode = (uint16_t)mode;
        step->arg_types = call->types;
        return step;
}

static int done(struct call *call, step_fn run, unsigned mode)
{
        (void)add(call, run, mode);
        return 0;
}

/* Drops the argument that was a literal for us alone. */
static void drop_arg(struct call *call, uint32_t arg)
{
        call->n_args -= 1;
        for (uint32_t i = arg; i < call->n_args; i++) {
                call->args[i] = call->args[i + 1];
                call->types[i] = call->types[i + 1];
        }
}

static const struct value *literal_at(const struct call *call, uint32_t arg)
{
        const struct expr *expr = call->expr->args[arg];

        return expr->kind == EXPR_LITERAL ? &expr->literal : NULL;
}

static int need_literal(const struct call *call, uint32_t arg, const char *what)
{
        if (literal_at(call, arg) != NULL)
                return 0;
        return err_set(call->compiler->err, ERR_CONFIG, "'%s' needs a literal %s", function_name(call->expr->function),
                       what);
}

/* ---- comparisons ---- */

static unsigned mirrored(unsigned mode)
{
        switch (mode) {
        case FN_LT:
                return FN_GT;
        case FN_LE:
                return FN_GE;
        case FN_GT:
                return FN_LT;
        case FN_GE:
                return FN_LE;
        default:
                return mode;
        }
}

static void swap_args(struct call *call)
{
        uint16_t reg = call->args[0];
        struct type type = call->types[0];

        call->args[0] = call->args[1];
        call->types[0] = call->types[1];
        call->args[1] = reg;
        call->types[1] = type;
}

static int compare(struct call *call, unsigned mode)
{
        bool is_boolean = call->types[0].kind == TYPE_BOOLEAN;
        const struct value *literal = literal_at(call, 1);

        if (compile_is_literal(call->compiler, call->args[0])) { /* the literal stands right */
                swap_args(call);
                mode = mirrored(mode);
                literal = literal_at(call, 0);
        }
        if (is_boolean) {
                call->args[0] = compile_boolean_as_i64(call->compiler, call->args[0], call->scope);
                call->args[1] = compile_boolean_as_i64(call->compiler, call->args[1], call->scope);
        }
        switch (type_phys(&call->types[0])) {
        case PHYS_I64:
                return done(call, kernel_compare_i64, mode);
        case PHYS_F64:
                return done(call, kernel_compare_f64, mode);
        case PHYS_DEC:
                return done(call, kernel_compare_dec, mode);
        default:
                if ((mode == FN_EQ || mode == FN_NE) && literal != NULL && !literal->is_null) {
                        struct slice *text = arena_new(call->compiler->arena, struct slice);
                        struct step *step;

                        *text = literal->str;
                        call->n_args = 1;
                        step = add(call, kernel_compare_test, mode);
                        step->test = mode == FN_EQ ? kernel_compare_is_equal : kernel_compare_is_unequal;
                        step->extra = text;
                        return 0;
                }
                return done(call, kernel_compare_str, mode);
        }
}

/* a IS [NOT] DISTINCT FROM b: whether they differ where both are there, and whether one is not. */
static int compare_distinct(struct call *call)
{
        uint16_t args[3] = {0, call->args[0], call->args[1]};
        struct type nullable = type_make(TYPE_BOOLEAN, true);
        struct expr unequal = *call->expr;
        struct call inner = *call;

        unequal.type = nullable;
        inner.expr = &unequal;
        inner.ret_reg = &args[0];
        if (compare(&inner, FN_NE) != 0)
                return -1;
        compile_add_step(call->compiler, kernel_logic_distinct, &call->expr->type, args, 3, call->scope, call->ret_reg)
                ->mode = call->expr->function == FN_IS_NOT_DISTINCT;
        return 0;
}

/* ---- arithmetic ---- */

static unsigned is_float(const struct type *type)
{
        return type->kind == TYPE_FLOAT ? 1 : 0;
}

/* Bits in which an integer (or interval) result wraps. */
static unsigned result_bits(const struct type *type)
{
        return type_is_integer(type) ? type_integer_bits(type) : 64;
}

static int arithmetic(struct call *call, step_fn of_i64, step_fn of_f64)
{
        const struct type *type = &call->expr->type;

        if (type->kind == TYPE_DECIMAL)
                return done(call, kernel_decimal_binary, call->expr->function);
        if (type_is_approximate(type))
                return done(call, of_f64, is_float(type));
        return done(call, of_i64, result_bits(type));
}

static int unary(struct call *call, step_fn of_i64, step_fn of_f64, step_fn of_dec)
{
        const struct type *type = &call->expr->type;

        if (type->kind == TYPE_DECIMAL)
                return done(call, of_dec, 0);
        if (type_is_approximate(type))
                return done(call, of_f64, is_float(type));
        return done(call, of_i64, result_bits(type));
}

static int round_number(struct call *call)
{
        enum function_id id = call->expr->function;
        const struct type *type = &call->types[0];

        if (type->kind == TYPE_DECIMAL)
                return done(call, kernel_decimal_round,
                            id == FN_ROUND      ? DECIMAL_HALF_UP
                            : id == FN_TRUNCATE ? DECIMAL_DOWN
                            : id == FN_FLOOR    ? DECIMAL_FLOOR
                                                : DECIMAL_CEILING);
        if (type_is_approximate(type))
                return done(call, kernel_math_round_f64, id);
        if (call->n_args == 1) { /* an integer is whole */
                *call->ret_reg = call->args[0];
                return 0;
        }
        return done(call, kernel_math_round_i64, id);
}

/* ---- CAST ---- */

static int cast_to_boolean(struct call *call)
{
        struct value zero = {.phys = type_phys(&call->types[0])};
        struct type type = call->types[0];
        uint16_t pair[2] = {call->args[0], 0};

        if (zero.phys == PHYS_DEC)
                return done(call, kernel_decimal_is_not_zero, 0);
        pair[1] = compile_literal(call->compiler, &type, &zero);
        compile_add_step(call->compiler, zero.phys == PHYS_F64 ? kernel_compare_f64 : kernel_compare_i64,
                         &call->expr->type, pair, 2, call->scope, call->ret_reg)
                ->mode = FN_NE;
        return 0;
}

static int cast_number(struct call *call)
{
        const struct type *from = &call->types[0], *to = &call->expr->type;
        bool is_from_integer = type_is_integer(from) || from->kind == TYPE_BOOLEAN;

        if (to->kind == TYPE_BOOLEAN)
                return cast_to_boolean(call);
        if (to->kind == TYPE_DECIMAL)
                return done(call,
                            is_from_integer              ? kernel_decimal_from_i64
                            : from->kind == TYPE_DECIMAL ? kernel_decimal_rescale
                                                         : kernel_decimal_from_f64,
                            0);
        if (type_is_approximate(to)) {
                if (is_from_integer)
                        return done(call, kernel_arith_i64_to_f64, is_float(to));
                if (from->kind == TYPE_DECIMAL)
                        return done(call, kernel_decimal_to_f64, is_float(to));
                if (to->kind == TYPE_FLOAT && from->kind == TYPE_DOUBLE)
                        return done(call, kernel_arith_round_f64, 0);
        } else if (from->kind == TYPE_DECIMAL) {
                return done(call, kernel_decimal_to_i64, type_integer_bits(to));
        } else if (type_is_approximate(from)) {
                return done(call, kernel_arith_f64_to_i64, type_integer_bits(to));
        } else if (is_from_integer && from->kind != TYPE_BOOLEAN && to->kind < from->kind) {
                return done(call, kernel_arith_wrap_i64, type_integer_bits(to));
        }
        *call->ret_reg = call->args[0]; /* the same number */
        return 0;
}

static bool is_time(const struct type *type)
{
        return type_is_timestamp(type) || type->kind == TYPE_DATE || type->kind == TYPE_TIME;
}

static int cast(struct call *call)
{
        const struct type *from = &call->types[0], *to = &call->expr->type;

        if (type_phys(to) == PHYS_STR) {
                if (type_phys(from) != PHYS_STR)
                        return done(call, kernel_cast_to_text, 0);
                if (to->length == TYPE_LENGTH_MAX &&
                    (type_is_binary(from) == type_is_binary(to) || type_is_binary(to))) {
                        *call->ret_reg = call->args[0]; /* the same bytes */
                        return 0;
                }
                return done(call, kernel_cast_text, 0);
        }
        if (type_is_character(from))
                return done(call, kernel_cast_from_text, call->expr->function == FN_TRY_CAST);
        if (is_time(from) && is_time(to)) {
                if (type_is_timestamp(from) && type_is_timestamp(to) && to->precision >= from->precision) {
                        *call->ret_reg = call->args[0];
                        return 0;
                }
                return done(call, kernel_time_convert, literal_at(call, 0) != NULL);
        }
        if (from->kind == TYPE_BOOLEAN && to->kind != TYPE_BOOLEAN)
                call->args[0] = compile_boolean_as_i64(call->compiler, call->args[0], call->scope);
        if (from->kind == to->kind && from->kind != TYPE_DECIMAL) {
                *call->ret_reg = call->args[0];
                return 0;
        }
        return cast_number(call);
}

/* ---- time ---- */

static unsigned unit_at(const struct call *call, uint32_t arg)
{
        return (unsigned)call->expr->args[arg]->literal.i64;
}

static int extract(struct call *call)
{
        unsigned unit = unit_at(call, 0);

        drop_arg(call, 0);
        return done(call, kernel_time_extract, unit);
}

static int floor_to(struct call *call)
{
        unsigned unit = unit_at(call, 1);

        drop_arg(call, 1);
        return done(call, kernel_time_floor, unit | (call->expr->function == FN_CEIL_TO ? KERNEL_TIME_CEIL : 0u));
}

static int with_unit(struct call *call, step_fn run)
{
        unsigned unit = unit_at(call, 0);

        drop_arg(call, 0);
        return done(call, run, unit);
}

static int add_interval(struct call *call)
{
        bool is_subtract = call->expr->function == FN_SUBTRACT_INTERVAL;

        if (type_is_timestamp(&call->types[0]) && call->types[1].kind == TYPE_INTERVAL_SECOND)
                return done(call, is_subtract ? kernel_arith_subtract_i64 : kernel_arith_add_i64, 64);
        return done(call, kernel_time_add, call->expr->function);
}

static int to_timestamp_ltz(struct call *call)
{
        unsigned precision = 3;

        if (type_is_character(&call->types[0]))
                return done(call, kernel_cast_from_text, 0);
        if (call->n_args == 2) {
                precision = (unsigned)call->expr->args[1]->literal.i64;
                drop_arg(call, 1);
        }
        return done(call, kernel_time_from_number, precision);
}

/* TO_TIMESTAMP, DATE_FORMAT, FROM_UNIXTIME; the pattern, if there is one, is the second argument. */
static int with_pattern(struct call *call, step_fn run, enum time_pattern_use use, const char *otherwise)
{
        const void *extra = NULL;
        const struct time_pattern *pattern;
        struct slice text = otherwise == NULL ? slice_make(NULL, 0) : slice_from_text(otherwise);
        struct err *err = call->compiler->err;

        if (call->n_args == 2) {
                if (need_literal(call, 1, "pattern") != 0)
                        return -1;
                text = literal_at(call, 1)->str;
                drop_arg(call, 1);
        } else if (otherwise == NULL) {
                return done(call, run, call->expr->function);
        }
        if (time_pattern_compile(text, use, call->compiler->arena, &pattern, err) != 0)
                return err_prefix(err, "%s", function_name(call->expr->function));
        extra = pattern;
        add(call, run, call->expr->function)->extra = extra;
        return 0;
}

/* ---- strings ---- */

static int like(struct call *call)
{
        const struct value *pattern = literal_at(call, 1), *escape = call->n_args > 2 ? literal_at(call, 2) : NULL;
        const void *extra;
        struct step *step;

        if (pattern == NULL || (call->n_args > 2 && escape == NULL))
                return done(call, kernel_like_run, 0);
        if (kernel_like_compile(pattern->str, escape == NULL ? NULL : &escape->str, call->compiler->arena, &extra,
                                call->compiler->err) != 0)
                return -1;
        call->n_args = 1;
        step = add(call, kernel_compare_test, 0);
        step->test = kernel_like_is_match;
        step->extra = extra;
        return 0;
}

static int regexp(struct call *call)
{
        const void *extra;

        if (need_literal(call, 1, "regular expression") != 0)
                return -1;
        if (kernel_regexp_compile(literal_at(call, 1)->str, call->compiler->arena, &extra, call->compiler->err) != 0)
                return -1;
        drop_arg(call, 1);
        add(call, kernel_regexp_run, call->expr->function)->extra = extra;
        return 0;
}

static int charset(struct call *call)
{
        const void *extra;
        const struct value *name;

        if (need_literal(call, 1, "character set") != 0)
                return -1;
        name = literal_at(call, 1);
        extra = kernel_code_find_charset(name->str);
        if (extra == NULL)
                return err_set(call->compiler->err, ERR_CONFIG,
                               "'%.*s' is no character set that weir knows: US-ASCII, ISO-8859-1, UTF-8, UTF-16, "
                               "UTF-16BE, UTF-16LE",
                               (int)(name->str.len < 40 ? name->str.len : 40), (const char *)name->str.data);
        drop_arg(call, 1);
        add(call, kernel_code_charset, call->expr->function)->extra = extra;
        return 0;
}

static int parse_url(struct call *call)
{
        if (call->n_args == 3) {
                if (need_literal(call, 2, "key") != 0)
                        return -1;
                if (!kernel_url_is_plain_key(literal_at(call, 2)->str))
                        return err_set(call->compiler->err, ERR_CONFIG,
                                       "'PARSE_URL' reads its key as a regular expression in Flink: weir takes plain "
                                       "keys only");
        }
        return done(call, kernel_url_parse, 0);
}

/* ---- the table ---- */

/* Functions with one kernel whatever their types; mode is the function. */
static const struct {
        enum function_id id;
        step_fn run;
} plain[] = {
        {FN_POWER, kernel_math_f64},
        {FN_SQRT, kernel_math_f64},
        {FN_EXP, kernel_math_f64},
        {FN_LN, kernel_math_f64},
        {FN_LOG, kernel_math_f64},
        {FN_LOG2, kernel_math_f64},
        {FN_LOG10, kernel_math_f64},
        {FN_SIN, kernel_math_f64},
        {FN_COS, kernel_math_f64},
        {FN_TAN, kernel_math_f64},
        {FN_COT, kernel_math_f64},
        {FN_ASIN, kernel_math_f64},
        {FN_ACOS, kernel_math_f64},
        {FN_ATAN, kernel_math_f64},
        {FN_ATAN2, kernel_math_f64},
        {FN_SINH, kernel_math_f64},
        {FN_COSH, kernel_math_f64},
        {FN_TANH, kernel_math_f64},
        {FN_DEGREES, kernel_math_f64},
        {FN_RADIANS, kernel_math_f64},
        {FN_CHAR_LENGTH, kernel_text_length},
        {FN_ASCII, kernel_text_length},
        {FN_POSITION, kernel_text_position},
        {FN_INSTR, kernel_text_position},
        {FN_LOCATE, kernel_text_position},
        {FN_SUBSTRING, kernel_text_substring},
        {FN_LEFT, kernel_text_substring},
        {FN_RIGHT, kernel_text_substring},
        {FN_TRIM, kernel_text_trim},
        {FN_TRIM_LEADING, kernel_text_trim},
        {FN_TRIM_TRAILING, kernel_text_trim},
        {FN_LTRIM, kernel_text_trim},
        {FN_RTRIM, kernel_text_trim},
        {FN_BTRIM, kernel_text_trim},
        {FN_STARTSWITH, kernel_text_affix},
        {FN_ENDSWITH, kernel_text_affix},
        {FN_SPLIT_INDEX, kernel_text_split_index},
        {FN_CONCAT, kernel_text_concat},
        {FN_CONCAT_OP, kernel_text_concat},
        {FN_CONCAT_WS, kernel_text_concat_ws},
        {FN_UPPER, kernel_text_edit_case},
        {FN_LOWER, kernel_text_edit_case},
        {FN_INITCAP, kernel_text_edit_case},
        {FN_LPAD, kernel_text_edit_pad},
        {FN_RPAD, kernel_text_edit_pad},
        {FN_REPEAT, kernel_text_edit_repeat},
        {FN_REPLACE, kernel_text_edit_replace},
        {FN_REVERSE, kernel_text_edit_reverse},
        {FN_OVERLAY, kernel_text_edit_overlay},
        {FN_TRANSLATE, kernel_text_edit_translate},
        {FN_MD5, kernel_code_digest},
        {FN_SHA1, kernel_code_digest},
        {FN_SHA224, kernel_code_digest},
        {FN_SHA256, kernel_code_digest},
        {FN_SHA384, kernel_code_digest},
        {FN_SHA512, kernel_code_digest},
        {FN_SHA2, kernel_code_digest},
        {FN_CHR, kernel_code_number},
        {FN_BIN, kernel_code_number},
        {FN_TO_BASE64, kernel_code_base64},
        {FN_FROM_BASE64, kernel_code_base64},
        {FN_URL_ENCODE, kernel_url_code},
        {FN_URL_DECODE, kernel_url_code},
        {FN_TO_DATE, kernel_time_parse},
        {FN_UNIX_TIMESTAMP, kernel_time_parse},
        {FN_GREATEST, kernel_compare_greatest},
        {FN_LEAST, kernel_compare_greatest},
        {FN_IS_TRUE, kernel_logic_is},
        {FN_IS_NOT_TRUE, kernel_logic_is},
        {FN_IS_FALSE, kernel_logic_is},
        {FN_IS_NOT_FALSE, kernel_logic_is},
};

static int by_table(struct call *call)
{
        for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
                if (plain[i].id == call->expr->function)
                        return done(call, plain[i].run, plain[i].id);
        }
        assert(false); /* every function of plan/function.c has its kernel */
        return -1;
}

/* GREATEST of BOOLEAN compares numbers and gives bits back. */
static int greatest(struct call *call)
{
        struct type number = type_make(TYPE_BIGINT, call->expr->type.nullable);
        struct expr inner = *call->expr;
        struct call numbers = *call;
        uint16_t reg;

        if (call->expr->type.kind != TYPE_BOOLEAN)
                return by_table(call);
        for (uint32_t i = 0; i < call->n_args; i++)
                call->args[i] = compile_boolean_as_i64(call->compiler, call->args[i], call->scope);
        inner.type = number;
        numbers.expr = &inner;
        numbers.ret_reg = &reg;
        if (by_table(&numbers) != 0)
                return -1;
        (void)compile_add_step(call->compiler, kernel_logic_from_i64, &call->expr->type, &reg, 1, call->scope,
                               call->ret_reg);
        return 0;
}

static int time_call(struct call *call)
{
        switch (call->expr->function) {
        case FN_EXTRACT:
                return extract(call);
        case FN_FLOOR_TO:
        case FN_CEIL_TO:
                return floor_to(call);
        case FN_TIMESTAMPDIFF:
                return with_unit(call, kernel_time_diff);
        case FN_TIMESTAMPADD:
                return with_unit(call, kernel_time_add_units);
        case FN_ADD_INTERVAL:
        case FN_SUBTRACT_INTERVAL:
                return add_interval(call);
        case FN_TO_TIMESTAMP_LTZ:
                return to_timestamp_ltz(call);
        case FN_TO_TIMESTAMP:
                return with_pattern(call, kernel_time_parse, TIME_PATTERN_PARSE, NULL);
        case FN_DATE_FORMAT:
                return with_pattern(
                        call, kernel_time_format,
                        type_is_character(&call->types[0]) ? TIME_PATTERN_FORMAT_SIMPLE : TIME_PATTERN_FORMAT, NULL);
        default:
                assert(call->expr->function == FN_FROM_UNIXTIME);
                return with_pattern(call, kernel_time_format, TIME_PATTERN_FORMAT_SIMPLE, "yyyy-MM-dd HH:mm:ss");
        }
}

static int dispatch(struct call *call)
{
        enum function_id id = call->expr->function;

        switch (id) {
        case FN_CAST:
        case FN_TRY_CAST:
                return cast(call);
        case FN_NOT:
                return done(call, kernel_logic_not, 0);
        case FN_IS_NULL:
        case FN_IS_NOT_NULL:
                return done(call, kernel_logic_is_null, id == FN_IS_NOT_NULL);
        case FN_REQUIRE:
                return done(call, kernel_logic_require, 0);
        case FN_EQ:
        case FN_NE:
        case FN_LT:
        case FN_LE:
        case FN_GT:
        case FN_GE:
                return compare(call, id);
        case FN_IS_DISTINCT:
        case FN_IS_NOT_DISTINCT:
                return compare_distinct(call);
        case FN_ADD:
                return arithmetic(call, kernel_arith_add_i64, kernel_arith_add_f64);
        case FN_SUBTRACT:
                return arithmetic(call, kernel_arith_subtract_i64, kernel_arith_subtract_f64);
        case FN_MULTIPLY:
                return arithmetic(call, kernel_arith_multiply_i64, kernel_arith_multiply_f64);
        case FN_DIVIDE:
                return arithmetic(call, kernel_arith_divide_i64, kernel_arith_divide_f64);
        case FN_MODULO:
                return arithmetic(call, kernel_arith_modulo_i64, kernel_arith_divide_f64);
        case FN_NEGATE:
                return unary(call, kernel_arith_negate_i64, kernel_arith_negate_f64, kernel_decimal_negate);
        case FN_ABS:
                return unary(call, kernel_arith_abs_i64, kernel_arith_abs_f64, kernel_decimal_abs);
        case FN_SIGN:
                return unary(call, kernel_arith_sign_i64, kernel_arith_sign_f64, kernel_decimal_sign);
        case FN_ROUND:
        case FN_TRUNCATE:
        case FN_FLOOR:
        case FN_CEIL:
                return round_number(call);
        case FN_GREATEST:
        case FN_LEAST:
                return greatest(call);
        case FN_LIKE:
                return like(call);
        case FN_REGEXP:
        case FN_REGEXP_EXTRACT:
        case FN_REGEXP_REPLACE:
                return regexp(call);
        case FN_HEX:
                return done(call, type_is_integer(&call->types[0]) ? kernel_code_number : kernel_code_hex, id);
        case FN_ENCODE:
        case FN_DECODE:
                return charset(call);
        case FN_PARSE_URL:
                return parse_url(call);
        case FN_EXTRACT:
        case FN_FLOOR_TO:
        case FN_CEIL_TO:
        case FN_TIMESTAMPDIFF:
        case FN_TIMESTAMPADD:
        case FN_ADD_INTERVAL:
        case FN_SUBTRACT_INTERVAL:
        case FN_TO_TIMESTAMP_LTZ:
        case FN_TO_TIMESTAMP:
        case FN_DATE_FORMAT:
        case FN_FROM_UNIXTIME:
                return time_call(call);
        default:
                return by_table(call);
        }
}

int compile_call(struct compiler *compiler, const struct expr *expr, const uint16_t *args,
                 const struct compile_scope *scope, uint16_t *ret_reg)
{
        struct call call = {.compiler = compiler,
                            .expr = expr,
                            .scope = scope,
                            .args = arena_new_n(compiler->arena, uint16_t, expr->n_args + 1),
                            .n_args = expr->n_args,
                            .types = arena_new_n(compiler->arena, struct type, expr->n_args + 1),
                            .ret_reg = ret_reg};

        for (uint32_t i = 0; i < expr->n_args; i++) {
                call.args[i] = args[i];
                call.types[i] = expr->args[i]->type;
        }
        return dispatch(&call);
}

/* A string that is there for all rows. */
static bool is_plain_string(const struct expr *expr)
{
        return expr->kind != EXPR_CALL;
}

static bool is_dense_comparison(const struct expr *expr)
{
        enum phys phys = type_phys(&expr->args[0]->type);

        return phys == PHYS_I64 || phys == PHYS_F64 ||
               (phys == PHYS_STR && is_plain_string(expr->args[0]) && is_plain_string(expr->args[1]));
}

static bool is_dense_list(const struct expr *expr)
{
        if (type_phys(&expr->args[0]->type) == PHYS_DEC ||
            (type_phys(&expr->args[0]->type) == PHYS_STR && !is_plain_string(expr->args[0])))
                return false;
        for (uint32_t i = 1; i < expr->n_args; i++) {
                if (expr->args[i]->kind != EXPR_LITERAL)
                        return false;
        }
        return true;
}

static bool is_dense_cast(const struct expr *expr)
{
        const struct type *from = &expr->args[0]->type, *to = &expr->type;

        if (type_phys(from) == PHYS_STR && type_phys(to) == PHYS_STR)
                return to->length == TYPE_LENGTH_MAX &&
                       (type_is_binary(from) == type_is_binary(to) || type_is_binary(to));
        if (type_phys(from) == PHYS_DEC || type_phys(from) == PHYS_STR || type_phys(to) == PHYS_DEC ||
            type_phys(to) == PHYS_STR)
                return false;
        if (is_time(from) && is_time(to))
                return type_is_timestamp(from) && type_is_timestamp(to) && to->precision >= from->precision;
        return true;
}

bool compile_is_dense(const struct expr *expr)
{
        bool is_word = type_phys(&expr->type) == PHYS_I64 || type_phys(&expr->type) == PHYS_F64;

        switch (expr->function) {
        case FN_AND:
        case FN_OR:
        case FN_NOT:
        case FN_IS_NULL:
        case FN_IS_NOT_NULL:
        case FN_IS_TRUE:
        case FN_IS_NOT_TRUE:
        case FN_IS_FALSE:
        case FN_IS_NOT_FALSE:
        case FN_CASE:
        case FN_COALESCE:
                return true;
        case FN_EQ:
        case FN_NE:
        case FN_LT:
        case FN_LE:
        case FN_GT:
        case FN_GE:
        case FN_IS_DISTINCT:
        case FN_IS_NOT_DISTINCT:
                return is_dense_comparison(expr);
        case FN_IN:
                return is_dense_list(expr);
        case FN_CAST:
        case FN_TRY_CAST:
                return is_dense_cast(expr);
        case FN_ADD:
        case FN_SUBTRACT:
        case FN_MULTIPLY:
        case FN_NEGATE:
        case FN_ABS:
        case FN_SIGN:
                return is_word;
        case FN_DIVIDE:
                return type_is_approximate(&expr->type);
        case FN_ADD_INTERVAL:
        case FN_SUBTRACT_INTERVAL:
                return type_is_timestamp(&expr->args[0]->type) && expr->args[1]->type.kind == TYPE_INTERVAL_SECOND;
        case FN_TO_TIMESTAMP_LTZ:
                return type_is_integer(&expr->args[0]->type) && (expr->n_args == 1 || expr->args[1]->literal.i64 == 3);
        default:
                return false;
        }
}
