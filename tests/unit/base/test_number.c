/* test_number.c - the shortest digits of doubles and floats, and numbers out of text. */
#include "sidecar/base/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/check.h"

static void check_double_text(double value, const char *expected)
{
        char text[NUMBER_TEXT_BYTES + 1];

        text[number_format_double(value, text)] = '\0';
        CHECK_TEXT(text, expected);
}

static void check_float_text(float value, const char *expected)
{
        char text[NUMBER_TEXT_BYTES + 1];

        text[number_format_float(value, text)] = '\0';
        CHECK_TEXT(text, expected);
}

TEST(doubles_are_written_as_java_does)
{
        check_double_text(0.0, "0.0");
        check_double_text(-0.0, "-0.0");
        check_double_text(1.0, "1.0");
        check_double_text(100.0, "100.0");
        check_double_text(0.1 + 0.2, "0.30000000000000004");
        check_double_text(1234567.125, "1234567.125");
        check_double_text(9999999.0, "9999999.0");
        check_double_text(1e7, "1.0E7");
        check_double_text(0.001, "0.001");
        check_double_text(0.00099, "9.9E-4");
        check_double_text(2e-3, "0.002");
        check_double_text(1e23, "1.0E23"); /* before JDK 19: 9.999999999999999E22 */
        check_double_text(2e23, "2.0E23");
        check_double_text(4.9e-324, "4.9E-324");
        check_double_text(9.9e-324, "9.9E-324");
        check_double_text(2.2250738585072014e-308, "2.2250738585072014E-308");
        check_double_text(1.7976931348623157e308, "1.7976931348623157E308");
        check_double_text(9007199254740993.0, "9.007199254740992E15");
        check_double_text(0x1p-44, "5.684341886080802E-14");
        check_double_text(-1.5, "-1.5");
        check_double_text(NAN, "NaN");
        check_double_text(-INFINITY, "-Infinity");
}

TEST(floats_are_written_as_java_does)
{
        check_float_text(0.1f, "0.1");
        check_float_text(0.1f * 3, "0.3");
        check_float_text(16777216.0f, "1.6777216E7");
        check_float_text(3.4028235e38f, "3.4028235E38");
        check_float_text(1.4e-45f, "1.4E-45");
        check_float_text(1.17549435e-38f, "1.1754944E-38");
        check_float_text(33554432.0f, "3.3554432E7");
        check_float_text(-0.0f, "-0.0");
}

/* The fewest digits that read back as the number, by trying. */
static int fewest_digits(double value, bool is_float)
{
        char text[64];

        for (int n = 0; n < 17; n++) {
                snprintf(text, sizeof text, "%.*e", n, value);
                if (is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
                        return n + 1;
        }
        return 17;
}

static int count_digits(const char *text, size_t len)
{
        int n = 0, trailing = 0;
        bool leads = true;

        for (size_t i = 0; i < len && text[i] != 'E'; i++) {
                if (text[i] < '0' || text[i] > '9' || (leads && text[i] == '0'))
                        continue;
                leads = false;
                n += 1;
                trailing = text[i] == '0' ? trailing + 1 : 0;
        }
        return n - trailing;
}

static void check_shortest(double value, bool is_float)
{
        char text[NUMBER_TEXT_BYTES + 1];
        size_t len = is_float ? number_format_float((float)value, text) : number_format_double(value, text);
        int fewest = fewest_digits(value, is_float), digits = count_digits(text, len);

        text[len] = '\0';
        CHECK(is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value);
        /* Two digits are allowed where one would do, when they are nearer. */
        if (digits > fewest && !(fewest == 1 && digits == 2))
                CHECK_FAIL("%.17g is written %s: %d digits would do", value, text, fewest);
}

TEST(no_text_is_longer_than_it_must)
{
        struct check_random random = check_seed(19);

        for (int i = 0; i < 5000; i++) {
                uint64_t bits = check_random_u64(&random);
                uint32_t float_bits = (uint32_t)check_random_u64(&random);
                double value;
                float single;

                memcpy(&value, &bits, sizeof value);
                if (isfinite(value) && value != 0)
                        check_shortest(value, false);
                memcpy(&single, &float_bits, sizeof single);
                if (isfinite(single) && single != 0)
                        check_shortest((double)single, true);
        }
        for (int exponent = -1074; exponent < 1024; exponent++) { /* powers of two: the interval is lopsided */
                check_shortest(ldexp(1.0, exponent), false);
                if (exponent >= -149 && exponent < 128)
                        check_shortest(ldexp(1.0, exponent), true);
        }
}

static void check_double_parse(const char *text, double expected)
{
        double value;

        CHECK_INT(number_parse_double(slice_from_text(text), &value), 0);
        CHECK_DOUBLE(value, expected);
}

TEST(doubles_are_read_as_java_does)
{
        static const char *const bad[] = {"",    ".",        "1e",   "e1",    "1 e3", "1_000",
                                          "inf", "infinity", "0x10", "1.5dd", "--1",  "nan"};
        double value;

        check_double_parse(" 1.5 ", 1.5);
        check_double_parse("1.5d", 1.5);
        check_double_parse("1F", 1.0);
        check_double_parse("1.", 1.0);
        check_double_parse(".5", 0.5);
        check_double_parse("-Infinity", -INFINITY);
        check_double_parse("+NaN", NAN);
        check_double_parse("0x1p3", 8.0);
        check_double_parse("1e400", INFINITY);
        check_double_parse("1e-400", 0.0);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                CHECK_INT(number_parse_double(slice_from_text(bad[i]), &value), NUMBER_E_BAD);
}

TEST(long_digits_are_read_too)
{
        char text[3000];
        double value;

        memset(text, '1', sizeof text);
        text[1] = '.';
        CHECK_INT(number_parse_double(slice_make(text, sizeof text), &value), 0);
        CHECK_DOUBLE(value, 1.1111111111111112);
}

static void check_integer(const char *text, int result, int64_t expected)
{
        int64_t value = 0;

        CHECK_INT(number_parse_integer(slice_from_text(text), INT32_MIN, INT32_MAX, &value), result);
        CHECK_INT(value, expected);
}

TEST(integers_are_read_as_flink_does)
{
        check_integer(" 12 ", 0, 12);
        check_integer("\t12", NUMBER_E_BAD, 0); /* blanks only */
        check_integer("1.9", 0, 1);
        check_integer("-1.9", 0, -1);
        check_integer(".", 0, 0);
        check_integer("+5", 0, 5);
        check_integer("1.x", NUMBER_E_BAD, 0);
        check_integer("1.5.5", NUMBER_E_BAD, 0);
        check_integer("", NUMBER_E_BAD, 0);
        check_integer("-", NUMBER_E_BAD, 0);
        check_integer("-2147483648", 0, INT32_MIN);
        check_integer("-2147483649", NUMBER_E_BAD, 0);
        check_integer("2147483647.9", 0, INT32_MAX);
        check_integer("2147483648", NUMBER_E_BAD, 0);
        check_integer("000000000000000000000000000001", 0, 1);
}

/* `expected` is INT64_MIN for a text that is refused. */
static void check_range(const char *text, int64_t lowest, int64_t highest, int64_t expected)
{
        int64_t value = INT64_MIN;

        CHECK_INT(number_parse_integer(slice_from_text(text), lowest, highest, &value),
                  expected == INT64_MIN ? NUMBER_E_BAD : 0);
        CHECK_INT(value, expected);
}

TEST(integers_keep_to_any_range)
{
        check_range("1", 1, 65535, 1);
        check_range("0", 1, 65535, INT64_MIN);
        check_range("-0", 0, 5, 0);
        check_range("-1", 0, 5, INT64_MIN);
        check_range("5", 0, 5, 5);
        check_range("7", 0, 5, INT64_MIN);
        check_range("9", 0, 5, INT64_MIN);
        check_range("12", 10, 20, 12);
        check_range("9", 10, 20, INT64_MIN);
        check_range("-12", 10, 20, INT64_MIN);
        check_range("-12", -20, -10, -12);
        check_range("-9", -20, -10, INT64_MIN);
        check_range("-21", -20, -10, INT64_MIN);
        check_range("12", -20, -10, INT64_MIN);
        check_range("9223372036854775807", INT64_MIN, INT64_MAX, INT64_MAX);
        check_range("9223372036854775808", INT64_MIN, INT64_MAX, INT64_MIN);
        check_range("-9223372036854775807", INT64_MIN, INT64_MAX, -INT64_MAX);
        check_range("-9223372036854775809", INT64_MIN, INT64_MAX, INT64_MIN);
        check_range("18446744073709551617", 0, 5, INT64_MIN);
}
