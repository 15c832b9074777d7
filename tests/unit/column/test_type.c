/* Types are spelled as Flink spells them, and every kind has its physical form. */
#include "sidecar/column/type.h"
#include "tests/lib/check.h"

static const char *text_of(struct type type)
{
        static char text[TYPE_TEXT_BYTES];

        type_format(&type, text);
        return text;
}

TEST(types_are_spelled_as_flink_does)
{
        struct type rowtime = type_timestamp(TYPE_TIMESTAMP_LTZ, 3, true);

        CHECK_TEXT(text_of(type_make(TYPE_INT, true)), "INT");
        CHECK_TEXT(text_of(type_make(TYPE_BIGINT, false)), "BIGINT NOT NULL");
        CHECK_TEXT(text_of(type_string(true)), "STRING");
        CHECK_TEXT(text_of(type_string(false)), "STRING NOT NULL");
        CHECK_TEXT(text_of((struct type){.kind = TYPE_VARCHAR, .nullable = true, .length = 5}), "VARCHAR(5)");
        CHECK_TEXT(text_of((struct type){.kind = TYPE_CHAR, .length = 3}), "CHAR(3) NOT NULL");
        CHECK_TEXT(text_of((struct type){.kind = TYPE_VARBINARY, .nullable = true, .length = TYPE_LENGTH_MAX}),
                   "BYTES");
        CHECK_TEXT(text_of((struct type){.kind = TYPE_BINARY, .length = 2}), "BINARY(2) NOT NULL");
        CHECK_TEXT(text_of(type_decimal(10, 2, true)), "DECIMAL(10, 2)");
        CHECK_TEXT(text_of(type_timestamp(TYPE_TIMESTAMP, 3, false)), "TIMESTAMP(3) NOT NULL");
        CHECK_TEXT(text_of((struct type){.kind = TYPE_TIME, .nullable = true}), "TIME(0)");
        rowtime.is_time_attribute = true;
        CHECK_TEXT(text_of(rowtime), "TIMESTAMP_LTZ(3) *ROWTIME*");
}

TEST(nested_types_show_their_parts)
{
        struct type string = type_string(true);
        struct type_field fields[2] = {{slice_from_text("a"), type_make(TYPE_INT, false)},
                                       {slice_from_text("b"), type_string(true)}};
        struct type array = {.kind = TYPE_ARRAY, .nullable = true, .element = &string};
        struct type map = {.kind = TYPE_MAP, .nullable = false, .key = &string, .element = &array};
        struct type row = {.kind = TYPE_ROW, .nullable = true, .fields = fields, .n_fields = 2};

        CHECK_TEXT(text_of(array), "ARRAY<STRING>");
        CHECK_TEXT(text_of(map), "MAP<STRING, ARRAY<STRING>> NOT NULL");
        CHECK_TEXT(text_of(row), "ROW<`a` INT NOT NULL, `b` STRING>");
}

TEST(long_type_texts_end_in_dots)
{
        struct type_field fields[40];
        struct type row = {.kind = TYPE_ROW, .nullable = true, .fields = fields, .n_fields = 40};

        for (int i = 0; i < 40; i++)
                fields[i] = (struct type_field){slice_from_text("a_long_name"), type_make(TYPE_INT, true)};
        CHECK_UINT(strlen(text_of(row)), TYPE_TEXT_BYTES - 1);
        CHECK_TEXT(text_of(row) + TYPE_TEXT_BYTES - 4, "...");
}

TEST(sameness_looks_at_parameters_but_not_at_nullability)
{
        struct type a = type_decimal(10, 2, true), b = type_decimal(10, 2, false), c = type_decimal(10, 3, true);
        struct type s = type_string(true), v = {.kind = TYPE_VARCHAR, .length = 4};
        struct type t3 = type_timestamp(TYPE_TIMESTAMP, 3, true), t6 = type_timestamp(TYPE_TIMESTAMP, 6, true);
        struct type attribute = t3;
        struct type_field fa[1] = {{slice_from_text("x"), type_make(TYPE_INT, true)}};
        struct type_field fb[1] = {{slice_from_text("y"), type_make(TYPE_INT, true)}};
        struct type ra = {.kind = TYPE_ROW, .fields = fa, .n_fields = 1};
        struct type rb = {.kind = TYPE_ROW, .fields = fb, .n_fields = 1};
        struct type list_a = {.kind = TYPE_ARRAY, .element = &a}, list_c = {.kind = TYPE_ARRAY, .element = &c};

        attribute.is_time_attribute = true;
        CHECK(type_is_same(&a, &b));
        CHECK(!type_is_same(&a, &c));
        CHECK(!type_is_same(&s, &v));
        CHECK(!type_is_same(&t3, &t6));
        CHECK(type_is_same(&t3, &attribute));
        CHECK(type_is_same(&ra, &ra));
        CHECK(!type_is_same(&ra, &rb));
        CHECK(type_is_same(&list_a, &list_a));
        CHECK(!type_is_same(&list_a, &list_c));
}

TEST(every_kind_has_its_physical_form)
{
        static const enum phys expected[TYPE_KIND_COUNT] = {
                [TYPE_NULL] = PHYS_NONE,         [TYPE_BOOLEAN] = PHYS_I64,       [TYPE_TINYINT] = PHYS_I64,
                [TYPE_SMALLINT] = PHYS_I64,      [TYPE_INT] = PHYS_I64,           [TYPE_BIGINT] = PHYS_I64,
                [TYPE_FLOAT] = PHYS_F64,         [TYPE_DOUBLE] = PHYS_F64,        [TYPE_DECIMAL] = PHYS_DEC,
                [TYPE_CHAR] = PHYS_STR,          [TYPE_VARCHAR] = PHYS_STR,       [TYPE_BINARY] = PHYS_STR,
                [TYPE_VARBINARY] = PHYS_STR,     [TYPE_DATE] = PHYS_I64,          [TYPE_TIME] = PHYS_I64,
                [TYPE_TIMESTAMP] = PHYS_I64,     [TYPE_TIMESTAMP_LTZ] = PHYS_I64, [TYPE_INTERVAL_SECOND] = PHYS_I64,
                [TYPE_INTERVAL_MONTH] = PHYS_I64, [TYPE_ARRAY] = PHYS_NONE,       [TYPE_MAP] = PHYS_NONE,
                [TYPE_ROW] = PHYS_NONE,
        };

        for (int kind = 0; kind < TYPE_KIND_COUNT; kind++) {
                struct type type = type_make((enum type_kind)kind, true);

                CHECK_INT(type_phys(&type), expected[kind]);
        }
}

TEST(families_of_types)
{
        struct type integer = type_make(TYPE_SMALLINT, true), decimal = type_decimal(5, 0, true);
        struct type real = type_make(TYPE_FLOAT, true), text = type_string(true);
        struct type bytes = type_make(TYPE_VARBINARY, true), interval = type_make(TYPE_INTERVAL_MONTH, true);
        struct type stamp = type_timestamp(TYPE_TIMESTAMP_LTZ, 0, true);

        CHECK_UINT(type_integer_bits(&integer), 16);
        CHECK_UINT(type_integer_bits(&decimal), 0);
        CHECK(type_is_integer(&integer) && type_is_exact(&integer) && type_is_numeric(&integer));
        CHECK(!type_is_integer(&decimal) && type_is_exact(&decimal) && type_is_numeric(&decimal));
        CHECK(!type_is_exact(&real) && type_is_approximate(&real) && type_is_numeric(&real));
        CHECK(type_is_character(&text) && !type_is_binary(&text) && !type_is_numeric(&text));
        CHECK(type_is_binary(&bytes) && !type_is_character(&bytes));
        CHECK(type_is_interval(&interval) && !type_is_timestamp(&interval));
        CHECK(type_is_timestamp(&stamp) && !type_is_interval(&stamp));
}
