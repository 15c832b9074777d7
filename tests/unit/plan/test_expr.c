/* Comparing, printing and rewriting bound expressions. */
#include "sidecar/plan/expr.h"

#include "sidecar/base/bytes.h"
#include "sidecar/plan/call.h"
#include "tests/lib/check.h"

struct exprs {
        struct arena arena;
        struct bytes text;
};

static void exprs_init(struct exprs *exprs)
{
        arena_init(&exprs->arena, 64 << 10, 0);
        bytes_init(&exprs->text);
}

static void exprs_done(struct exprs *exprs)
{
        bytes_done(&exprs->text);
        arena_done(&exprs->arena);
}

static const char *text_of(struct exprs *exprs, const struct expr *expr)
{
        bytes_reset(&exprs->text);
        expr_format(expr, NULL, &exprs->text);
        bytes_append_byte(&exprs->text, '\0');
        return (const char *)exprs->text.data;
}

static struct expr *column(struct exprs *exprs, uint32_t index, enum type_kind kind)
{
        struct type type = type_make(kind, true);

        return call_column(index, &type, &exprs->arena);
}

static struct expr *make(struct exprs *exprs, enum function_id function, struct expr *a, struct expr *b)
{
        struct expr *args[] = {a, b}, *expr = NULL;
        struct err err = {0};

        CHECK_OK(call_make(function, args, b == NULL ? 1 : 2, &exprs->arena, &expr, &err), &err);
        REQUIRE(expr != NULL);
        return expr;
}

TEST(equality_is_of_trees_not_of_nodes)
{
        struct exprs exprs;
        struct expr *a, *b;

        exprs_init(&exprs);
        a = make(&exprs, FN_ADD, column(&exprs, 0, TYPE_BIGINT), call_bigint(1, &exprs.arena));
        b = make(&exprs, FN_ADD, column(&exprs, 0, TYPE_BIGINT), call_bigint(1, &exprs.arena));
        CHECK(expr_is_equal(a, b));
        b->line = 7; /* places do not count */
        CHECK(expr_is_equal(a, b));
        CHECK(!expr_is_equal(a, make(&exprs, FN_ADD, column(&exprs, 1, TYPE_BIGINT), call_bigint(1, &exprs.arena))));
        CHECK(!expr_is_equal(a, make(&exprs, FN_ADD, column(&exprs, 0, TYPE_BIGINT), call_bigint(2, &exprs.arena))));
        CHECK(!expr_is_equal(a, make(&exprs, FN_SUBTRACT, column(&exprs, 0, TYPE_BIGINT),
                                     call_bigint(1, &exprs.arena))));
        CHECK(!expr_is_equal(column(&exprs, 0, TYPE_INT), column(&exprs, 0, TYPE_BIGINT)));
        CHECK(expr_is_equal(call_string(slice_from_text("a"), &exprs.arena),
                            call_string(slice_from_text("a"), &exprs.arena)));
        CHECK(!expr_is_equal(call_string(slice_from_text("a"), &exprs.arena),
                             call_string(slice_from_text("b"), &exprs.arena)));
        exprs_done(&exprs);
}

TEST(literals_print_as_sql)
{
        struct exprs exprs;
        struct expr *expr = NULL;
        struct err err = {0};

        exprs_init(&exprs);
        CHECK_TEXT(text_of(&exprs, call_string(slice_from_text("it's"), &exprs.arena)), "'it''s'");
        CHECK_TEXT(text_of(&exprs, call_null(&exprs.arena)), "NULL");
        CHECK_TEXT(text_of(&exprs, call_boolean(true, &exprs.arena)), "TRUE");
        CHECK_OK(call_number(slice_from_text("0.908"), &exprs.arena, &expr, &err), &err);
        CHECK_TEXT(text_of(&exprs, expr), "0.908");
        CHECK_OK(call_number(slice_from_text("1.5E0"), &exprs.arena, &expr, &err), &err);
        CHECK_TEXT(text_of(&exprs, expr), "1.5");
        CHECK_OK(call_binary(slice_from_text("0aFF"), &exprs.arena, &expr, &err), &err);
        CHECK_TEXT(text_of(&exprs, expr), "X'0aff'");
        CHECK_OK(call_time_literal(TYPE_TIMESTAMP, slice_from_text("2024-02-29 00:00:00.5"), &exprs.arena, &expr, &err),
                 &err);
        CHECK_TEXT(text_of(&exprs, expr), "TIMESTAMP '2024-02-29 00:00:00.5'");
        CHECK_OK(call_time_literal(TYPE_DATE, slice_from_text("2024-02-29"), &exprs.arena, &expr, &err), &err);
        CHECK_TEXT(text_of(&exprs, expr), "DATE '2024-02-29'");
        exprs_done(&exprs);
}

TEST(intervals_print_in_their_largest_unit)
{
        static const struct {
                const char *text;
                enum calendar_unit unit;
                const char *printed;
        } cases[] = {
                {"90", UNIT_MINUTE, "INTERVAL '90' MINUTE"}, {"60", UNIT_MINUTE, "INTERVAL '1' HOUR"},
                {"30", UNIT_SECOND, "INTERVAL '30' SECOND"}, {"0.3", UNIT_SECOND, "INTERVAL '0.300000' SECOND"},
                {"2", UNIT_DAY, "INTERVAL '2' DAY"},         {"12", UNIT_MONTH, "INTERVAL '1' YEAR"},
                {"-5", UNIT_MINUTE, "INTERVAL '-5' MINUTE"}, {"0", UNIT_SECOND, "INTERVAL '0' SECOND"},
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct exprs exprs;
                struct expr *expr = NULL;
                struct err err = {0};

                exprs_init(&exprs);
                CHECK_OK(call_interval(slice_from_text(cases[i].text), cases[i].unit, 0, cases[i].unit, 0, false,
                                       &exprs.arena, &expr, &err),
                         &err);
                REQUIRE(expr != NULL);
                CHECK_TEXT(text_of(&exprs, expr), cases[i].printed);
                exprs_done(&exprs);
        }
}

static uint32_t plus_ten(void *context, uint32_t index)
{
        (*(uint32_t *)context)++;
        return index + 10;
}

TEST(mapping_copies_and_counting_stops)
{
        struct exprs exprs;
        struct expr *expr, *mapped;
        uint32_t calls = 0;

        exprs_init(&exprs);
        expr = make(&exprs, FN_ADD, column(&exprs, 0, TYPE_BIGINT), column(&exprs, 1, TYPE_BIGINT));
        mapped = expr_map_columns(expr, plus_ten, &calls, &exprs.arena);
        CHECK_UINT(calls, 2);
        CHECK_TEXT(text_of(&exprs, mapped), "$10 + $11");
        CHECK_TEXT(text_of(&exprs, expr), "$0 + $1");
        CHECK_UINT(expr_count_nodes(expr, 100), 3);
        for (int i = 0; i < 40; i++) /* shared: 2^40 nodes as a tree */
                expr = make(&exprs, FN_ADD, expr, expr);
        CHECK_UINT(expr_count_nodes(expr, 1000), 1000);
        exprs_done(&exprs);
}
