/* test_decimal.c - DECIMAL against Python's decimal module (tests/data/decimal), and text both ways. */
#include "sidecar/base/decimal.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/check.h"

static weir_i128 from_digits(const char *text)
{
        weir_i128 value = 0;

        for (const char *at = text + (text[0] == '-'); *at != '\0'; at++)
                value = value * 10 + (*at - '0');
        return text[0] == '-' ? -value : value;
}

static void check_value(const char *line, int result, weir_i128 value, const char *expected)
{
        char text[DECIMAL_TEXT_BYTES];

        if (result == 0)
                text[decimal_format(value, 0, text)] = '\0';
        else
                snprintf(text, sizeof text, "%s",
                         result == DECIMAL_E_OVERFLOW ? "overflow"
                         : result == DECIMAL_E_ZERO   ? "zero"
                                                      : "division");
        if (strcmp(text, expected) != 0)
                CHECK_FAIL("%s gives %s", line, text);
}

TEST(arithmetic_is_pythons)
{
        FILE *file = fopen(check_source("tests/data/decimal/decimal.tsv"), "r");
        char *line = NULL;
        size_t room = 0;
        unsigned n = 0;

        REQUIRE(file != NULL);
        while (getline(&line, &room, file) > 0) {
                char operation, a[64], b[64], expected[64];
                unsigned scale_a, scale_b, precision, scale;
                struct decimal_type to;
                weir_i128 value = 0;
                int result;

                REQUIRE(sscanf(line, "%c %63s %u %63s %u %u %u %63s", &operation, a, &scale_a, b, &scale_b, &precision,
                               &scale, expected) == 8);
                line[strcspn(line, "\n")] = '\0';
                to = (struct decimal_type){(uint8_t)precision, (uint8_t)scale};
                result = operation == '+' ? decimal_add(from_digits(a), scale_a, from_digits(b), scale_b, to, &value)
                         : operation == '-'
                                 ? decimal_subtract(from_digits(a), scale_a, from_digits(b), scale_b, to, &value)
                         : operation == '*'
                                 ? decimal_multiply(from_digits(a), scale_a, from_digits(b), scale_b, to, &value)
                         : operation == '/'
                                 ? decimal_divide(from_digits(a), scale_a, from_digits(b), scale_b, to, &value)
                                 : decimal_remainder(from_digits(a), scale_a, from_digits(b), scale_b, to, &value);
                check_value(line, result, value, expected);
                n += 1;
        }
        free(line);
        fclose(file);
        CHECK_UINT(n, 2500);
}

static void check_parse(const char *text, unsigned precision, unsigned scale, const char *expected)
{
        struct decimal_type to = {(uint8_t)precision, (uint8_t)scale};
        char got[DECIMAL_TEXT_BYTES] = "bad";
        weir_i128 value;

        if (decimal_parse(slice_from_text(text), to, &value) == 0)
                got[decimal_format(value, scale, got)] = '\0';
        if (strcmp(got, expected) != 0)
                CHECK_FAIL("'%s' as DECIMAL(%u, %u) is %s, not %s", text, precision, scale, got, expected);
        CHECK_TEXT(got, expected);
}

TEST(short_texts_are_read_as_leniently_as_flink_does)
{
        check_parse(" 12.345\t", 10, 2, "12.35");
        check_parse("-1.005", 10, 2, "-1.01");
        check_parse(".", 10, 2, "0.00");
        check_parse("12x", 10, 2, "12.00");
        check_parse("12xx", 10, 2, "bad");
        check_parse("1e", 10, 2, "1.00");
        check_parse("1e3", 10, 2, "1000.00");
        check_parse("1e-25", 10, 2, "bad");
        check_parse("0.001", 2, 2, "bad"); /* leading zeros count */
        check_parse("00000000000000001", 10, 2, "bad");
        check_parse("", 10, 2, "bad");
        check_parse("-", 10, 2, "bad");
        check_parse("1.2.3", 10, 2, "bad");
}

TEST(long_texts_are_read_as_java_does)
{
        check_parse("00000000000000000001", 10, 2, "1.00");
        check_parse("12x", 20, 2, "bad");
        check_parse(".", 20, 2, "bad");
        check_parse("12.", 20, 2, "12.00");
        check_parse("1e", 20, 2, "bad");
        check_parse("1E+2", 20, 2, "100.00");
        check_parse("12345678901234567890123456789012345678.5", 38, 0, "12345678901234567890123456789012345679");
        check_parse("12345678901234567890123456789012345678.4", 38, 0, "12345678901234567890123456789012345678");
        check_parse("1.00499999999999999999999999999999999999999999", 38, 2, "1.00");
        check_parse("1e1000000000000", 38, 2, "bad");
        check_parse("1e-1000000000000", 38, 2, "0.00");
}

TEST(rounding_goes_where_it_is_told)
{
        CHECK(decimal_round(1235, 2, 1, DECIMAL_HALF_UP) == 1240);
        CHECK(decimal_round(-1235, 2, 1, DECIMAL_HALF_UP) == -1240);
        CHECK(decimal_round(1239, 2, 1, DECIMAL_DOWN) == 1230);
        CHECK(decimal_round(-1235, 2, 0, DECIMAL_FLOOR) == -1300);
        CHECK(decimal_round(-1235, 2, 0, DECIMAL_CEILING) == -1200);
        CHECK(decimal_round(1235, 2, -2, DECIMAL_HALF_UP) == 0);
        CHECK(decimal_round(5000, 2, -2, DECIMAL_HALF_UP) == 10000);
        CHECK(decimal_round(1235, 2, 5, DECIMAL_HALF_UP) == 1235);
        CHECK(decimal_round(1235, 2, -60, DECIMAL_HALF_UP) == 0);
}

TEST(doubles_go_by_their_shortest_digits)
{
        weir_i128 value;

        CHECK_INT(decimal_from_double(1.005, (struct decimal_type){10, 2}, &value), 0);
        CHECK(value == 101);
        CHECK_INT(decimal_from_double(-1e20, (struct decimal_type){10, 2}, &value), DECIMAL_E_OVERFLOW);
        CHECK_INT(decimal_from_double(1e-300, (struct decimal_type){10, 2}, &value), 0);
        CHECK(value == 0);
        CHECK_DOUBLE(decimal_to_double(1235, (struct decimal_type){10, 2}), 12.35);
        CHECK_DOUBLE(decimal_to_double(90071992547409930, (struct decimal_type){18, 1}), 9.007199254740994e15);
        CHECK_INT(decimal_to_i64(-1999, 3), -1);
        CHECK_INT(decimal_compare(10, 1, 1, 0), 0);
        CHECK_INT(decimal_compare(-11, 1, -1, 0), -1);
        CHECK_INT(decimal_compare(1, 38, 0, 0), 1);
}
