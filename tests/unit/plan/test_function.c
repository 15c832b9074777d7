/* test_function.c - names, and what pairs of types give: every answer of Flink in tests/data/flink/types.tsv. */
#include "sidecar/plan/function.h"

#include <stdio.h>
#include <stdlib.h>

#include "sidecar/plan/aggregate.h"
#include "sidecar/plan/call.h"
#include "tests/lib/check.h"

static struct type sized(enum type_kind kind, unsigned length)
{
        struct type type = type_make(kind, true);

        type.length = length;
        return type;
}

/* The types of types.tsv by the words used there. */
static struct type type_of(const char *word)
{
        static const struct {
                const char *word;
                enum type_kind kind;
        } plain[] = {
                {"BOOLEAN", TYPE_BOOLEAN}, {"TINYINT", TYPE_TINYINT}, {"SMALLINT", TYPE_SMALLINT},
                {"INT", TYPE_INT},         {"BIGINT", TYPE_BIGINT},   {"FLOAT", TYPE_FLOAT},
                {"DOUBLE", TYPE_DOUBLE},   {"DATE", TYPE_DATE},       {"TIME", TYPE_TIME},
        };

        for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
                if (strcmp(plain[i].word, word) == 0)
                        return type_make(plain[i].kind, true);
        }
        if (strcmp(word, "DECIMAL(10,2)") == 0)
                return type_decimal(10, 2, true);
        if (strcmp(word, "DECIMAL(5,1)") == 0)
                return type_decimal(5, 1, true);
        if (strcmp(word, "CHAR(3)") == 0)
                return sized(TYPE_CHAR, 3);
        if (strcmp(word, "VARCHAR(5)") == 0)
                return sized(TYPE_VARCHAR, 5);
        if (strcmp(word, "STRING") == 0)
                return type_string(true);
        if (strcmp(word, "BINARY(3)") == 0)
                return sized(TYPE_BINARY, 3);
        if (strcmp(word, "BYTES") == 0)
                return sized(TYPE_VARBINARY, TYPE_LENGTH_MAX);
        return type_timestamp(strstr(word, "LTZ") != NULL ? TYPE_TIMESTAMP_LTZ : TYPE_TIMESTAMP,
                              strstr(word, "(6)") != NULL ? 6 : 3, true);
}

static void answer_type(enum function_id id, const struct function_arg *args, uint32_t n_args,
                        char text[TYPE_TEXT_BYTES])
{
        struct type type, arg_types[3];
        enum function_id kernel;

        memcpy(text, "-", 2);
        if (function_resolve(id, args, n_args, &kernel, &type, arg_types, NULL) == 0)
                type_format(&type, text);
}

static void answer(const char *question, const char *left, const char *right, char text[TYPE_TEXT_BYTES])
{
        struct type from = type_of(left), to = type_of(right);
        struct function_arg pair[2] = {{.type = from}, {.type = to}};
        struct function_arg branches[3] = {{.type = type_make(TYPE_BOOLEAN, false)}, {.type = from}, {.type = to}};

        if (strcmp(question, "store") == 0)
                memcpy(text, function_is_storable(&from, &to) ? "y" : "-", 2);
        else if (strcmp(question, "cast") == 0)
                memcpy(text, function_is_castable(&from, &to) ? "y" : "-", 2);
        else if (strcmp(question, "CASE") == 0)
                answer_type(FN_CASE, branches, 3, text);
        else
                answer_type(question[0] == '=' ? FN_EQ : question[0] == '<' ? FN_LT : FN_ADD, pair, 2, text);
}

/* Flink takes these and weir does not: strings beside times (but literals), BOOLEAN and numbers; times beside integers
 * in a CASE; TIMESTAMP beside TIMESTAMP_LTZ in a CASE. */
static bool is_refused_on_purpose(const char *question, const char *left, const char *right)
{
        struct type a = type_of(left), b = type_of(right);

        if (strcmp(question, "CASE") == 0)
                return a.kind != b.kind && (type_phys(&a) == PHYS_I64 && type_phys(&b) == PHYS_I64) &&
                       !(type_is_integer(&a) && type_is_integer(&b));
        return (question[0] == '=' || question[0] == '<') && type_is_character(&a) != type_is_character(&b);
}

TEST(pairs_of_types_are_what_flink_says)
{
        FILE *file = fopen(check_source("tests/data/flink/types.tsv"), "r");
        unsigned n_equal = 0, n_on_purpose = 0;
        char *line = NULL;
        size_t room = 0;

        REQUIRE(file != NULL);
        while (getline(&line, &room, file) > 0) {
                char question[16], left[32], right[32], expected[64], got[TYPE_TEXT_BYTES];

                if (line[0] == '#')
                        continue;
                REQUIRE(sscanf(line, "%15[^\t]\t%31[^\t]\t%31[^\t]\t%63[^\n]", question, left, right, expected) == 4);
                answer(question, left, right, got);
                if (strcmp(got, expected) == 0)
                        n_equal += 1;
                else if (strcmp(got, "-") == 0 && is_refused_on_purpose(question, left, right))
                        n_on_purpose += 1;
                else
                        CHECK_FAIL("%s of %s and %s: %s, Flink says %s", question, left, right, got, expected);
        }
        free(line);
        fclose(file);
        CHECK_UINT(n_equal, 2236);
        CHECK_UINT(n_on_purpose, 164);
}

TEST(names_are_found_in_any_case)
{
        enum function_id id;

        CHECK_INT(function_find(slice_from_text("upper"), &id), 0);
        CHECK_INT(id, FN_UPPER);
        CHECK_INT(function_find(slice_from_text("Substr"), &id), 0);
        CHECK_INT(id, FN_SUBSTRING);
        CHECK_INT(function_find(slice_from_text("ifnull"), &id), 0);
        CHECK_INT(id, FN_COALESCE);
        CHECK_INT(function_find(slice_from_text("JSON_VALUE"), &id), FUNCTION_E_NOT_YET);
        CHECK_INT(function_find(slice_from_text("uuid"), &id), FUNCTION_E_NOT_YET);
        CHECK_INT(function_find(slice_from_text("UPPERCASE"), &id), FUNCTION_E_UNKNOWN);
        CHECK_INT(function_find(slice_from_text("IS NULL"), &id), FUNCTION_E_UNKNOWN);
        CHECK_TEXT(function_suggest(slice_from_text("UPER")), "UPPER");
        CHECK(function_suggest(slice_from_text("XYZZYPLUGH")) == NULL);
}

TEST(counts_of_arguments_are_checked)
{
        struct function_arg args[3] = {
                {.type = type_string(true)}, {.type = type_string(true)}, {.type = type_string(true)}};
        struct type type, arg_types[3];
        enum function_id id;
        struct err err;

        CHECK_FAILS(function_resolve(FN_UPPER, args, 2, &id, &type, arg_types, &err), &err,
                    "'UPPER' takes 1 argument, not 2");
        CHECK_FAILS(function_resolve(FN_PARSE_URL, args, 1, &id, &type, arg_types, &err), &err,
                    "'PARSE_URL' takes 2 to 3 arguments, not 1");
        CHECK_FAILS(function_resolve(FN_CONCAT, args, 0, &id, &type, arg_types, &err), &err, "at least 1 argument");
        CHECK_FAILS(function_resolve(FN_ABS, args, 1, &id, &type, arg_types, &err), &err,
                    "'ABS' does not take (STRING)");
}

TEST(aggregates_have_flink_types)
{
        static const struct {
                enum plan_agg_kind kind;
                const char *argument, *result;
        } cases[] = {
                {AGG_COUNT, "STRING", "BIGINT NOT NULL"},
                {AGG_SUM, "TINYINT", "TINYINT"},
                {AGG_SUM, "INT", "INT"},
                {AGG_AVG, "INT", "INT"},
                {AGG_SUM, "FLOAT", "FLOAT"},
                {AGG_AVG, "DOUBLE", "DOUBLE"},
                {AGG_SUM, "DECIMAL(10,2)", "DECIMAL(38, 2)"},
                {AGG_AVG, "DECIMAL(10,2)", "DECIMAL(38, 6)"},
                {AGG_MIN, "STRING", "STRING"},
                {AGG_MAX, "BOOLEAN", "BOOLEAN"},
                {AGG_MIN, "TIMESTAMP(3)", "TIMESTAMP(3)"},
        };
        struct type argument, type;
        char text[TYPE_TEXT_BYTES];
        struct err err;

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                argument = type_of(cases[i].argument);
                CHECK_OK(aggregate_type(cases[i].kind, &argument, false, &type, &err), &err);
                type_format(&type, text);
                CHECK_TEXT(text, cases[i].result);
        }
        argument = type_make(TYPE_INT, false);
        CHECK_OK(aggregate_type(AGG_SUM, &argument, false, &type, &err), &err);
        CHECK(!type.nullable);
        CHECK_OK(aggregate_type(AGG_SUM, &argument, true, &type, &err), &err);
        CHECK(type.nullable); /* its FILTER may leave nothing */
        argument = type_string(true);
        CHECK_FAILS(aggregate_type(AGG_SUM, &argument, false, &type, &err), &err, "'SUM' does not take (STRING)");
}

TEST(what_can_fail_is_known)
{
        struct type from = type_string(true), number = type_make(TYPE_INT, true), text = type_string(true);

        CHECK(function_can_fail(FN_CAST, &number, &from, 1));
        CHECK(!function_can_fail(FN_TRY_CAST, &number, &from, 1));
        CHECK(!function_can_fail(FN_CAST, &text, &number, 1));
        CHECK(function_can_fail(FN_DIVIDE, &number, &number, 2));
        CHECK(!function_can_fail(FN_ADD, &number, &number, 2));
}
