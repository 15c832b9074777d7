/* aggregate.c - see aggregate.h. */
#include "sidecar/plan/aggregate.h"

#include <assert.h>
#include <strings.h>

static const struct {
        const char *name;
        enum plan_agg_kind kind;
} table[] = {
        {"COUNT", AGG_COUNT}, {"SUM", AGG_SUM}, {"AVG", AGG_AVG}, {"MIN", AGG_MIN}, {"MAX", AGG_MAX},
};

static const char *const not_yet[] = {
        "APPROX_COUNT_DISTINCT",
        "ARRAY_AGG",
        "ARRAY_CONCAT_AGG",
        "COLLECT",
        "CUME_DIST",
        "DENSE_RANK",
        "FIRST_VALUE",
        "GROUPING",
        "GROUPING_ID",
        "GROUP_ID",
        "JSON_ARRAYAGG",
        "JSON_OBJECTAGG",
        "LAG",
        "LAST_VALUE",
        "LEAD",
        "LISTAGG",
        "NTILE",
        "PERCENTILE",
        "PERCENT_RANK",
        "RANK",
        "ROW_NUMBER",
        "SINGLE_VALUE",
        "STDDEV",
        "STDDEV_POP",
        "STDDEV_SAMP",
        "SUM0",
        "VARIANCE",
        "VAR_POP",
        "VAR_SAMP",
};

static bool is_name(struct slice name, const char *text)
{
        return strlen(text) == name.len && strncasecmp(text, (const char *)name.data, name.len) == 0;
}

int aggregate_find(struct slice name, enum plan_agg_kind *ret_kind)
{
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
                if (is_name(name, table[i].name)) {
                        *ret_kind = table[i].kind;
                        return 0;
                }
        }
        for (size_t i = 0; i < sizeof not_yet / sizeof not_yet[0]; i++) {
                if (is_name(name, not_yet[i]))
                        return FUNCTION_E_NOT_YET;
        }
        return FUNCTION_E_UNKNOWN;
}

const char *aggregate_name(enum plan_agg_kind kind)
{
        if (kind == AGG_COUNT_STAR)
                return "COUNT(*)";
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
                if (table[i].kind == kind)
                        return table[i].name;
        }
        assert(false);
        return "";
}

static int refuse(enum plan_agg_kind kind, const struct type *argument, struct err *err)
{
        char text[TYPE_TEXT_BYTES];
        struct type shown = *argument;

        shown.nullable = true;
        type_format(&shown, text);
        return err_set(err, ERR_CONFIG, "'%s' does not take (%s)", aggregate_name(kind), text);
}

int aggregate_type(enum plan_agg_kind kind, const struct type *argument, bool has_filter, struct type *ret_type,
                   struct err *err)
{
        struct type type;

        if (kind == AGG_COUNT_STAR || kind == AGG_COUNT) {
                if (argument != NULL && argument->kind == TYPE_NULL)
                        return err_set(err, ERR_CONFIG, "'COUNT' does not take a bare NULL: write CAST(NULL AS type)");
                if (argument != NULL && type_phys(argument) == PHYS_NONE)
                        return refuse(kind, argument, err);
                *ret_type = type_make(TYPE_BIGINT, false);
                return 0;
        }
        type = *argument;
        type.is_time_attribute = false;
        if (kind == AGG_SUM || kind == AGG_AVG) {
                if (!type_is_numeric(argument))
                        return refuse(kind, argument, err);
                if (argument->kind == TYPE_DECIMAL)
                        type = type_decimal(TYPE_PRECISION_DECIMAL_MAX,
                                            kind == AGG_AVG && argument->scale < 6 ? 6 : argument->scale,
                                            argument->nullable);
        } else if (type_phys(argument) == PHYS_NONE || type_is_binary(argument) || type_is_interval(argument)) {
                return refuse(kind, argument, err);
        }
        type.nullable = argument->nullable || has_filter;
        *ret_type = type;
        return 0;
}
