/* resolve.c - see resolve.h. */
#include "sidecar/plan/resolve.h"

#include <assert.h>
#include <stdio.h>

static unsigned min_unsigned(unsigned a, unsigned b)
{
        return a < b ? a : b;
}

static unsigned max_unsigned(unsigned a, unsigned b)
{
        return a > b ? a : b;
}

int resolve_refuse(struct resolve *resolve)
{
        char list[512] = "";
        size_t len = 0;

        for (uint32_t i = 0; i < resolve->n_args && len < sizeof list; i++) {
                char text[TYPE_TEXT_BYTES];
                struct type type = resolve->args[i].type;
                int n;

                type.nullable = true; /* NOT NULL would only distract */
                type_format(&type, text);
                n = snprintf(list + len, sizeof list - len, "%s%s", i == 0 ? "" : ", ", text);
                len += n < 0 ? 0 : (size_t)n;
        }
        return err_set(resolve->err, ERR_CONFIG, "'%s' does not take (%s)", function_name(resolve->id), list);
}

bool resolve_any_nullable(const struct resolve *resolve)
{
        for (uint32_t i = 0; i < resolve->n_args; i++) {
                if (resolve->args[i].type.nullable)
                        return true;
        }
        return false;
}

struct type resolve_as_decimal(const struct type *type)
{
        switch (type->kind) {
        case TYPE_TINYINT:
                return type_decimal(3, 0, type->nullable);
        case TYPE_SMALLINT:
                return type_decimal(5, 0, type->nullable);
        case TYPE_INT:
                return type_decimal(10, 0, type->nullable);
        case TYPE_BIGINT:
                return type_decimal(19, 0, type->nullable);
        default:
                assert(type->kind == TYPE_DECIMAL);
                return *type;
        }
}

static void cast_all(struct resolve *resolve, struct type type)
{
        for (uint32_t i = 0; i < resolve->n_args; i++) {
                type.nullable = resolve->args[i].type.nullable;
                resolve->arg_types[i] = type;
        }
}

/* The type in which two numbers meet. FLOAT with DOUBLE is what stands left, as Calcite does it; `is_order` is < and
 * its kin, which Flink leaves to Java: there DOUBLE wins. DECIMAL with anything approximate is DOUBLE. */
static enum type_kind approximate_of(const struct type *left, const struct type *right, bool is_order)
{
        if (left->kind == TYPE_DECIMAL || right->kind == TYPE_DECIMAL)
                return TYPE_DOUBLE;
        if (type_is_approximate(left) && type_is_approximate(right) && left->kind != right->kind)
                return is_order ? TYPE_DOUBLE : left->kind;
        return type_is_approximate(left) ? left->kind : right->kind;
}

static bool is_time_of_text(const struct type *type)
{
        return type_is_timestamp(type) || type->kind == TYPE_DATE || type->kind == TYPE_TIME;
}

static bool is_comparable_kind(const struct type *left, const struct type *right)
{
        return (type_is_character(left) && type_is_character(right)) ||
               (type_is_binary(left) && type_is_binary(right)) ||
               (type_is_timestamp(left) && type_is_timestamp(right)) ||
               (left->kind == right->kind && type_phys(left) == PHYS_I64);
}

int resolve_comparison(struct resolve *resolve)
{
        const struct type *left = &resolve->args[0].type, *right = &resolve->args[1].type;
        bool is_order = resolve->id != FN_EQ && resolve->id != FN_NE;
        bool is_distinct = resolve->id == FN_IS_DISTINCT || resolve->id == FN_IS_NOT_DISTINCT;

        resolve->type = type_make(TYPE_BOOLEAN, !is_distinct && resolve_any_nullable(resolve));
        if (left->kind == TYPE_NULL || right->kind == TYPE_NULL) {
                struct type type = left->kind == TYPE_NULL ? *right : *left;

                if (type.kind == TYPE_NULL)
                        type = type_make(TYPE_BOOLEAN, true);
                if (type_phys(&type) == PHYS_NONE)
                        return resolve_refuse(resolve);
                cast_all(resolve, type);
                return 0;
        }
        if (type_is_numeric(left) && type_is_numeric(right)) {
                if (type_is_approximate(left) || type_is_approximate(right)) {
                        cast_all(resolve, type_make(approximate_of(left, right, is_order), true));
                } else if (left->kind == TYPE_DECIMAL || right->kind == TYPE_DECIMAL) {
                        /* Scales may differ: the kernel compares exactly. */
                        resolve->arg_types[0] = resolve_as_decimal(left);
                        resolve->arg_types[1] = resolve_as_decimal(right);
                }
                return 0;
        }
        if (is_comparable_kind(left, right))
                return 0;
        for (unsigned i = 0; i < 2; i++) {
                const struct function_arg *text = &resolve->args[i], *time = &resolve->args[1 - i];

                if (type_is_character(&text->type) && is_time_of_text(&time->type)) {
                        if (text->literal == NULL)
                                /* Flink would convert each row's text, and fail the job on one that is no time */
                                break;
                        resolve->arg_types[i] = time->type;
                        resolve->arg_types[i].is_time_attribute = false;
                        resolve->arg_types[i].nullable = text->type.nullable;
                        return 0;
                }
        }
        if ((type_is_character(left) && type_is_numeric(right)) || (type_is_numeric(left) && type_is_character(right)))
                return err_set(resolve->err, ERR_CONFIG, "'%s' compares a string with a number: use CAST",
                               function_name(resolve->id));
        return resolve_refuse(resolve);
}

/* Precision above 38: digits after the point make room, down to 6 of them. */
static struct type adjusted_decimal(unsigned precision, unsigned scale, bool nullable)
{
        if (precision > TYPE_PRECISION_DECIMAL_MAX) {
                unsigned whole = precision - scale;
                unsigned room = whole < TYPE_PRECISION_DECIMAL_MAX ? TYPE_PRECISION_DECIMAL_MAX - whole : 0;

                scale = max_unsigned(room, min_unsigned(scale, 6));
                precision = TYPE_PRECISION_DECIMAL_MAX;
        }
        return type_decimal(precision, scale, nullable);
}

static int resolve_decimal(struct resolve *resolve)
{
        struct type left = resolve_as_decimal(&resolve->args[0].type),
                    right = resolve_as_decimal(&resolve->args[1].type);
        unsigned p1 = left.precision, s1 = left.scale, p2 = right.precision, s2 = right.scale;
        bool nullable = resolve_any_nullable(resolve);
        unsigned scale;

        resolve->arg_types[0] = left;
        resolve->arg_types[1] = right;
        switch (resolve->id) {
        case FN_ADD:
        case FN_SUBTRACT:
                scale = max_unsigned(s1, s2);
                resolve->type = adjusted_decimal(max_unsigned(p1 - s1, p2 - s2) + scale + 1, scale, nullable);
                return 0;
        case FN_MULTIPLY:
                resolve->type = adjusted_decimal(p1 + p2 + 1, s1 + s2, nullable);
                return 0;
        case FN_DIVIDE:
                scale = max_unsigned(6, s1 + p2 + 1);
                resolve->type = adjusted_decimal(p1 - s1 + s2 + scale, scale, nullable);
                return 0;
        default:
                assert(resolve->id == FN_MODULO);
                if (s1 == 0 && s2 == 0) {
                        /* The divisor's type; a DECIMAL dividend of an integer divisor passes through BIGINT,
                         * wrapping. */
                        resolve->type = resolve->args[1].type;
                        resolve->type.nullable = nullable;
                        if (resolve->args[1].type.kind != TYPE_DECIMAL) {
                                resolve->arg_types[0] = type_make(TYPE_BIGINT, left.nullable);
                                resolve->arg_types[1] = resolve->args[1].type;
                        }
                        return 0;
                }
                scale = max_unsigned(s1, s2);
                resolve->type = adjusted_decimal(min_unsigned(p1 - s1, p2 - s2) + scale, scale, nullable);
                return 0;
        }
}

/* + and - of a time or interval with an interval, and an interval times an integer. */
static int resolve_interval(struct resolve *resolve)
{
        const struct type *left = &resolve->args[0].type, *right = &resolve->args[1].type;
        bool nullable = resolve_any_nullable(resolve);

        if (resolve->id == FN_MULTIPLY) {
                const struct type *interval = type_is_interval(left) ? left : right;
                const struct type *factor = type_is_interval(left) ? right : left;

                if (!type_is_interval(interval) || !type_is_integer(factor))
                        return resolve_refuse(resolve);
                resolve->type = type_make(interval->kind, nullable);
                return 0;
        }
        if (resolve->id != FN_ADD && resolve->id != FN_SUBTRACT)
                return resolve_refuse(resolve);
        if (type_is_timestamp(left) && type_is_timestamp(right) && resolve->id == FN_SUBTRACT)
                return err_set(resolve->err, ERR_CONFIG, "'-' does not take two timestamps: use TIMESTAMPDIFF");
        if (type_is_interval(left) && left->kind == right->kind) {
                resolve->type = type_make(left->kind, nullable);
                return 0;
        }
        if (!is_time_of_text(left) || !type_is_interval(right))
                return resolve_refuse(resolve);
        resolve->type = *left;
        resolve->type.is_time_attribute = false;
        resolve->type.nullable = nullable;
        resolve->id = resolve->id == FN_ADD ? FN_ADD_INTERVAL : FN_SUBTRACT_INTERVAL;
        return 0;
}

int resolve_arithmetic(struct resolve *resolve)
{
        const struct type *left = &resolve->args[0].type, *right = &resolve->args[1].type;

        if (!type_is_numeric(left) || !type_is_numeric(right))
                return resolve_interval(resolve);
        if (type_is_approximate(left) || type_is_approximate(right)) {
                if (resolve->id == FN_MODULO)
                        return err_set(resolve->err, ERR_CONFIG,
                                       "'%%' takes integers and DECIMAL, not FLOAT or DOUBLE");
                resolve->type = type_make(approximate_of(left, right, false), resolve_any_nullable(resolve));
                cast_all(resolve, resolve->type);
                return 0;
        }
        if (left->kind == TYPE_DECIMAL || right->kind == TYPE_DECIMAL)
                return resolve_decimal(resolve);
        /* Integers: the wider one, in which the result wraps; of % the divisor's. */
        resolve->type = type_make(resolve->id == FN_MODULO || right->kind > left->kind ? right->kind : left->kind,
                                  resolve_any_nullable(resolve));
        return 0;
}

int resolve_negate(struct resolve *resolve)
{
        if (!type_is_numeric(&resolve->args[0].type) && !type_is_interval(&resolve->args[0].type))
                return resolve_refuse(resolve);
        resolve->type = resolve->args[0].type;
        return 0;
}

/* Flink casts what stands in the list to the type on the left. */
int resolve_in(struct resolve *resolve)
{
        struct type left = resolve->args[0].type;

        if (left.kind == TYPE_NULL) {
                for (uint32_t i = 1; i < resolve->n_args && left.kind == TYPE_NULL; i++)
                        left = resolve->args[i].type;
                if (left.kind == TYPE_NULL)
                        return resolve_refuse(resolve);
                left.nullable = true;
        }
        for (uint32_t i = 0; i < resolve->n_args; i++) {
                const struct type *type = &resolve->args[i].type;
                struct type to = left;
                bool is_text_of_time = type_is_character(type) && is_time_of_text(&left) &&
                                       resolve->args[i].literal != NULL;

                if (type->kind != TYPE_NULL && !(type_is_numeric(type) && type_is_numeric(&left)) &&
                    !is_comparable_kind(type, &left) && !is_text_of_time)
                        return resolve_refuse(resolve);
                if (left.kind == TYPE_DECIMAL && type_is_approximate(type))
                        return resolve_refuse(resolve);
                if (type->kind != TYPE_NULL && (type_is_character(type) || type_is_binary(type)) && !is_text_of_time)
                        to = *type; /* lengths do not matter to bytes */
                else if (left.kind == TYPE_DECIMAL && type->kind != TYPE_NULL)
                        to = resolve_as_decimal(type); /* compared exactly */
                to.is_time_attribute = false;
                to.nullable = type->nullable;
                resolve->arg_types[i] = to;
        }
        resolve->type = type_make(TYPE_BOOLEAN, resolve_any_nullable(resolve));
        return 0;
}

int resolve_case(struct resolve *resolve)
{
        struct type values[64];
        uint32_t n_values = 0;

        assert(resolve->n_args % 2 == 1 && resolve->n_args >= 3);
        if (resolve->n_args / 2 + 1 > sizeof values / sizeof values[0])
                return err_set(resolve->err, ERR_CONFIG, "'CASE' has more than 63 branches");
        for (uint32_t i = 0; i < resolve->n_args; i++) {
                bool is_condition = i % 2 == 0 && i + 1 < resolve->n_args;

                if (is_condition && resolve->args[i].type.kind != TYPE_BOOLEAN)
                        return err_set(resolve->err, ERR_CONFIG, "'CASE' needs BOOLEAN conditions");
                if (!is_condition)
                        values[n_values++] = resolve->args[i].type;
        }
        if (function_common_type(values, n_values, &resolve->type) != 0)
                return err_set(resolve->err, ERR_CONFIG, "'CASE' mixes types that have none in common: use CAST");
        for (uint32_t i = 0; i < resolve->n_args; i++) {
                if (i % 2 == 1 || i + 1 == resolve->n_args) {
                        resolve->arg_types[i] = resolve->type;
                        resolve->arg_types[i].nullable = resolve->args[i].type.nullable;
                }
        }
        return 0;
}

/* Unlike CASE: nullable when the condition is, and no bare NULL. */
int resolve_if(struct resolve *resolve)
{
        struct type values[2] = {resolve->args[1].type, resolve->args[2].type};

        if (resolve->args[0].type.kind != TYPE_BOOLEAN || values[0].kind == TYPE_NULL || values[1].kind == TYPE_NULL ||
            function_common_type(values, 2, &resolve->type) != 0)
                return resolve_refuse(resolve);
        resolve->type.nullable = resolve_any_nullable(resolve);
        for (unsigned i = 1; i < 3; i++) {
                resolve->arg_types[i] = resolve->type;
                resolve->arg_types[i].nullable = resolve->args[i].type.nullable;
        }
        return 0;
}

/* COALESCE, GREATEST, LEAST ask Flink's type system instead of Calcite's: FLOAT with DOUBLE is DOUBLE in any order. */
static int common_of_all(struct resolve *resolve)
{
        struct type common = type_make(TYPE_NULL, true);
        bool has_double = false;

        for (uint32_t i = 0; i < resolve->n_args; i++) {
                struct type pair[2] = {common, resolve->args[i].type};

                has_double |= resolve->args[i].type.kind == TYPE_DOUBLE;
                if (function_common_type(i == 0 ? pair + 1 : pair, i == 0 ? 1 : 2, &common) != 0) {
                        /* A lone NULL in front has no common type yet. */
                        if (i == 0 && pair[1].kind == TYPE_NULL)
                                continue;
                        return resolve_refuse(resolve);
                }
        }
        if (common.kind == TYPE_NULL)
                return resolve_refuse(resolve);
        if (has_double && common.kind == TYPE_FLOAT)
                common.kind = TYPE_DOUBLE;
        common.is_time_attribute = false;
        resolve->type = common;
        cast_all(resolve, common);
        return 0;
}

int resolve_coalesce(struct resolve *resolve)
{
        bool nullable = true;

        if (common_of_all(resolve) != 0)
                return -1;
        for (uint32_t i = 0; i < resolve->n_args; i++)
                nullable = nullable && resolve->args[i].type.nullable;
        resolve->type.nullable = nullable;
        return 0;
}

int resolve_greatest(struct resolve *resolve)
{
        for (uint32_t i = 0; i < resolve->n_args; i++) {
                const struct type *type = &resolve->args[i].type;

                if (type->kind == TYPE_NULL || type_is_binary(type))
                        return resolve_refuse(resolve);
        }
        if (common_of_all(resolve) != 0)
                return -1;
        resolve->type.nullable = resolve_any_nullable(resolve);
        return 0;
}

static uint32_t add_lengths(uint32_t a, uint32_t b)
{
        return a > TYPE_LENGTH_MAX - b ? TYPE_LENGTH_MAX : a + b;
}

int resolve_concat(struct resolve *resolve)
{
        const struct type *left = &resolve->args[0].type, *right = &resolve->args[1].type;
        bool is_fixed = left->kind == right->kind && (left->kind == TYPE_CHAR || left->kind == TYPE_BINARY);

        if (type_is_character(left) && type_is_character(right))
                resolve->type = type_make(is_fixed ? TYPE_CHAR : TYPE_VARCHAR, resolve_any_nullable(resolve));
        else if (type_is_binary(left) && type_is_binary(right))
                resolve->type = type_make(is_fixed ? TYPE_BINARY : TYPE_VARBINARY, resolve_any_nullable(resolve));
        else
                return resolve_refuse(resolve);
        resolve->type.length = add_lengths(left->length, right->length);
        return 0;
}

int resolve_round(struct resolve *resolve)
{
        const struct type *type = &resolve->args[0].type;
        int64_t digits = 0;

        if (!type_is_numeric(type))
                return resolve_refuse(resolve);
        if (resolve->n_args == 2) {
                const struct type *second = &resolve->args[1].type;

                if (!type_is_integer(second) || second->kind == TYPE_BIGINT)
                        return resolve_refuse(resolve);
                if (resolve->args[1].literal == NULL && type->kind == TYPE_DECIMAL)
                        return err_set(resolve->err, ERR_CONFIG, "'%s' of a DECIMAL needs a literal number of digits",
                                       function_name(resolve->id));
                if (resolve->id == FN_TRUNCATE && (type->kind == TYPE_TINYINT || type->kind == TYPE_SMALLINT))
                        return resolve_refuse(resolve); /* Flink's generated code does not compile */
                if (resolve->args[1].literal != NULL && !resolve->args[1].literal->is_null)
                        digits = resolve->args[1].literal->i64;
        }
        resolve->type = *type;
        resolve->type.nullable = resolve_any_nullable(resolve);
        if (type->kind == TYPE_DECIMAL && digits < type->scale) {
                unsigned scale = digits < 0 ? 0 : (unsigned)digits;

                resolve->type = type_decimal(
                        min_unsigned(1u + type->precision - type->scale + scale, TYPE_PRECISION_DECIMAL_MAX), scale,
                        resolve->type.nullable);
        }
        return 0;
}

int resolve_floor(struct resolve *resolve)
{
        const struct type *type = &resolve->args[0].type;

        if (!type_is_numeric(type))
                return resolve_refuse(resolve);
        resolve->type = type->kind == TYPE_DECIMAL ? type_decimal(type->precision, 0, type->nullable) : *type;
        return 0;
}

static enum calendar_unit unit_of(const struct function_arg *arg)
{
        assert(arg->literal != NULL && arg->literal->i64 >= 0 && arg->literal->i64 < UNIT_COUNT_);
        return (enum calendar_unit)arg->literal->i64;
}

static int refuse_unit(struct resolve *resolve, enum calendar_unit unit, const struct type *type)
{
        char text[TYPE_TEXT_BYTES];
        struct type shown = *type;

        shown.nullable = true;
        type_format(&shown, text);
        return err_set(resolve->err, ERR_CONFIG, "'%s' has no %s of %s", function_name(resolve->id),
                       calendar_unit_name(unit), text);
}

int resolve_extract(struct resolve *resolve)
{
        enum calendar_unit unit = unit_of(&resolve->args[0]);
        const struct type *type = &resolve->args[1].type;

        if (!is_time_of_text(type))
                return resolve_refuse(resolve);
        if (type->kind == TYPE_TIME && (unit < UNIT_HOUR || unit > UNIT_MILLISECOND))
                return refuse_unit(resolve, unit, type);
        if (type->kind == TYPE_DATE && (unit == UNIT_MICROSECOND || unit == UNIT_NANOSECOND))
                return refuse_unit(resolve, unit, type);
        resolve->type = type_make(TYPE_BIGINT, type->nullable);
        return 0;
}

int resolve_floor_to(struct resolve *resolve)
{
        enum calendar_unit unit = unit_of(&resolve->args[1]);
        const struct type *type = &resolve->args[0].type;

        if (!type_is_timestamp(type) && type->kind != TYPE_DATE)
                return resolve_refuse(resolve);
        if (!calendar_is_floor_unit(unit) || (type->kind == TYPE_DATE && unit == UNIT_MILLISECOND))
                return refuse_unit(resolve, unit, type);
        resolve->type = *type;
        resolve->type.is_time_attribute = false;
        return 0;
}

int resolve_timestampdiff(struct resolve *resolve)
{
        enum calendar_unit unit = unit_of(&resolve->args[0]);
        const struct type *from = &resolve->args[1].type, *to = &resolve->args[2].type;
        bool from_is_date = from->kind == TYPE_DATE, to_is_date = to->kind == TYPE_DATE;

        if ((!type_is_timestamp(from) && !from_is_date) || (!type_is_timestamp(to) && !to_is_date))
                return resolve_refuse(resolve);
        if (from->kind != to->kind && (from->kind == TYPE_TIMESTAMP_LTZ || to->kind == TYPE_TIMESTAMP_LTZ))
                return err_set(resolve->err, ERR_CONFIG,
                               "'TIMESTAMPDIFF' takes TIMESTAMP_LTZ with its like only: use CAST");
        if (unit > UNIT_SECOND) /* Flink takes MILLISECOND, but counts whole seconds */
                return refuse_unit(resolve, unit, from);
        if (from_is_date && !to_is_date)
                resolve->arg_types[1] = type_timestamp(TYPE_TIMESTAMP, 3, from->nullable);
        if (to_is_date && !from_is_date)
                resolve->arg_types[2] = type_timestamp(TYPE_TIMESTAMP, 3, to->nullable);
        resolve->type = type_make(TYPE_INT, resolve_any_nullable(resolve));
        return 0;
}

int resolve_timestampadd(struct resolve *resolve)
{
        enum calendar_unit unit = unit_of(&resolve->args[0]);
        const struct type *count = &resolve->args[1].type, *time = &resolve->args[2].type;

        if (!type_is_integer(count) || (!type_is_timestamp(time) && time->kind != TYPE_DATE))
                return resolve_refuse(resolve);
        if (unit > UNIT_MILLISECOND)
                return refuse_unit(resolve, unit, time);
        if (time->kind == TYPE_DATE && unit > UNIT_DAY) {
                if (unit != UNIT_HOUR && unit != UNIT_MINUTE && unit != UNIT_SECOND)
                        return refuse_unit(resolve, unit, time);
                resolve->arg_types[2] = type_timestamp(TYPE_TIMESTAMP, 6, time->nullable);
        }
        resolve->type = resolve->arg_types[2];
        resolve->type.is_time_attribute = false;
        resolve->type.nullable = resolve_any_nullable(resolve);
        return 0;
}

int resolve_to_timestamp_ltz(struct resolve *resolve)
{
        const struct type *type = &resolve->args[0].type;

        resolve->type = type_timestamp(TYPE_TIMESTAMP_LTZ, 3, true);
        if (type_is_character(type) && resolve->n_args == 1)
                return 0;
        if (!type_is_numeric(type))
                return resolve_refuse(resolve);
        if (resolve->n_args == 2) {
                const struct value *precision = resolve->args[1].literal;

                if (!type_is_integer(&resolve->args[1].type))
                        return resolve_refuse(resolve);
                if (precision == NULL || precision->is_null || (precision->i64 != 0 && precision->i64 != 3))
                        return err_set(resolve->err, ERR_CONFIG,
                                       "'TO_TIMESTAMP_LTZ' takes 0 (seconds) or 3 (milliseconds) as its precision");
        }
        if (type->kind == TYPE_FLOAT)
                resolve->arg_types[0] = type_make(TYPE_DOUBLE, type->nullable);
        return 0;
}

int resolve_date_format(struct resolve *resolve)
{
        const struct type *type = &resolve->args[0].type;

        if ((!type_is_timestamp(type) && !type_is_character(type)) || !type_is_character(&resolve->args[1].type))
                return resolve_refuse(resolve);
        resolve->type = type_string(true);
        return 0;
}

int resolve_overlay(struct resolve *resolve)
{
        const struct type *text = &resolve->args[0].type, *placing = &resolve->args[1].type;

        for (uint32_t i = 0; i < resolve->n_args; i++) {
                const struct type *type = &resolve->args[i].type;

                if (i < 2 ? !type_is_character(type) : !type_is_integer(type))
                        return resolve_refuse(resolve);
        }
        resolve->type = type_make(TYPE_VARCHAR, resolve_any_nullable(resolve));
        resolve->type.length = add_lengths(text->length, placing->length);
        return 0;
}
