/* test_calendar.c - days, fields, units and texts of time. */
#include "sidecar/base/calendar.h"

#include <time.h>

#include "tests/lib/check.h"

static int64_t at(const char *text)
{
        int64_t micros = INT64_MIN;

        CHECK_INT(calendar_parse_timestamp(slice_from_text(text), 6, &micros), 0);
        return micros;
}

static void check_time(int64_t micros, const char *expected)
{
        char text[CALENDAR_TEXT_BYTES + 1];

        text[calendar_format_timestamp(micros, 0, text)] = '\0';
        CHECK_TEXT(text, expected);
}

TEST(days_are_those_of_the_c_library)
{
        for (int64_t day = -800000; day < 800000; day += 97) {
                struct calendar_date date = calendar_date(day);
                struct tm tm = {
                        .tm_year = (int)(date.year - 1900), .tm_mon = (int)date.month - 1, .tm_mday = (int)date.day};

                CHECK_INT(timegm(&tm), day * 86400);
                CHECK_INT(calendar_days(date.year, date.month, date.day), day);
        }
}

TEST(days_far_away_come_back)
{
        struct check_random random = check_seed(1970);

        for (int i = 0; i < 10000; i++) {
                int64_t day = (int64_t)(check_random_u64(&random) >> 20) - (INT64_C(1) << 43);
                struct calendar_date date = calendar_date(day);

                CHECK_INT(calendar_days(date.year, date.month, date.day), day);
                CHECK(date.day >= 1 && date.day <= calendar_month_length(date.year, date.month));
        }
}

TEST(months_are_added_to_the_last_day_at_most)
{
        check_time(calendar_add_months(at("2024-01-31 10:00:00"), 1), "2024-02-29 10:00:00");
        check_time(calendar_add_months(at("2024-02-29 00:00:00"), 12), "2025-02-28 00:00:00");
        check_time(calendar_add_months(at("2024-03-31 00:00:00"), -1), "2024-02-29 00:00:00");
        check_time(calendar_add_months(at("1969-12-31 23:59:59"), -25), "1967-11-30 23:59:59");
}

TEST(months_between_are_counted_as_flink_does)
{
        CHECK_INT(calendar_months_between(at("2024-01-31 00:00:00"), at("2024-02-29 00:00:00")), 1);
        CHECK_INT(calendar_months_between(at("2024-01-29 00:00:01"), at("2024-02-29 00:00:00")), 0);
        CHECK_INT(calendar_months_between(at("2024-02-29 00:00:01"), at("2024-01-29 00:00:00")), -2);
        CHECK_INT(calendar_months_between(at("2024-03-31 00:00:00"), at("2024-02-29 12:00:00")), -1);
        CHECK_INT(calendar_months_between(at("2024-02-29 00:00:00"), at("2024-01-31 00:00:00")), -1);
}

static void check_floor(const char *text, enum calendar_unit unit, const char *floor, const char *ceil)
{
        check_time(calendar_floor(at(text), unit), floor);
        check_time(calendar_ceil(at(text), unit), ceil);
}

TEST(units_are_cut_and_filled)
{
        check_floor("2024-02-29 23:59:58.987", UNIT_SECOND, "2024-02-29 23:59:58", "2024-02-29 23:59:59");
        check_floor("2024-02-29 23:59:58.987", UNIT_MINUTE, "2024-02-29 23:59:00", "2024-03-01 00:00:00");
        check_floor("2024-02-29 23:59:58.987", UNIT_WEEK, "2024-02-25 00:00:00", "2024-03-03 00:00:00");
        check_floor("2024-02-29 23:59:58.987", UNIT_QUARTER, "2024-01-01 00:00:00", "2024-04-01 00:00:00");
        check_floor("2024-02-29 23:59:58.987", UNIT_DECADE, "2020-01-01 00:00:00", "2030-01-01 00:00:00");
        check_floor("2024-02-29 23:59:58.987", UNIT_CENTURY, "2001-01-01 00:00:00", "2101-01-01 00:00:00");
        check_floor("1969-12-31 23:59:59.5", UNIT_SECOND, "1969-12-31 23:59:59", "1970-01-01 00:00:00");
        check_floor("2024-01-01 00:00:00", UNIT_MONTH, "2024-01-01 00:00:00", "2024-01-01 00:00:00");
}

TEST(fields_are_those_of_flink)
{
        int64_t leap_day = at("2024-02-29 23:59:58.987654");

        CHECK_INT(calendar_extract(leap_day, UNIT_YEAR), 2024);
        CHECK_INT(calendar_extract(leap_day, UNIT_WEEK), 9);
        CHECK_INT(calendar_extract(leap_day, UNIT_DOW), 5);
        CHECK_INT(calendar_extract(leap_day, UNIT_DOY), 60);
        CHECK_INT(calendar_extract(leap_day, UNIT_MICROSECOND), 987654);
        CHECK_INT(calendar_extract(at("2023-01-01 00:00:00"), UNIT_WEEK), 52);
        CHECK_INT(calendar_extract(at("2023-01-01 00:00:00"), UNIT_ISOYEAR), 2022);
        CHECK_INT(calendar_extract(at("1969-12-30 12:34:56.789"), UNIT_HOUR), -11); /* cut toward zero before 1970 */
        CHECK_INT(calendar_extract(at("1969-12-30 12:34:56.789"), UNIT_DAY), 31);
}

TEST(timestamps_are_read_leniently_where_flink_is)
{
        static const char *const bad[] = {
                "",
                "2024",
                "2024-01",
                " 2024-01-02",
                "2024-01-02 ",
                "2024-01-02T03:04:05",
                "2024-01-02 03:04",
                "2024-13-01",
                "2024-02-32",
                "2024-01-02 24:00:01",
                "2024-01-02 25:00:00",
                "2024-01-02 23:60:00",
                "0000-01-01",
                "junk",
                "2024-01-02 03:04:05Z",
                "2024-01-02 03:04:05.1234567890",
                "10000-01-02",
        };
        int64_t micros;

        check_time(at("2024-02-30 00:00:00"), "2024-02-29 00:00:00");
        check_time(at("2024-01-02 24:00:00"), "2024-01-03 00:00:00");
        check_time(at("2024-1-2 3:4:5"), "2024-01-02 03:04:05");
        check_time(at("2024-01-02 03:04:05."), "2024-01-02 03:04:05");
        check_time(at("2024-01-02 03:04:05.123456789"), "2024-01-02 03:04:05.123456");
        check_time(at("2024-01-02"), "2024-01-02 00:00:00");
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                CHECK_INT(calendar_parse_timestamp(slice_from_text(bad[i]), 3, &micros), CALENDAR_E_BAD);
}

TEST(dates_are_strict_in_values_only)
{
        int64_t days;

        CHECK_INT(calendar_parse_date(slice_from_text(" 2024-2-9 "), &days), 0);
        CHECK_INT(days, calendar_days(2024, 2, 9));
        CHECK_INT(calendar_parse_date(slice_from_text("2024-02"), &days), 0);
        CHECK_INT(days, calendar_days(2024, 2, 1));
        CHECK_INT(calendar_parse_date(slice_from_text("2024-02-29 01:02:03"), &days), 0);
        CHECK_INT(calendar_parse_date(slice_from_text("2023-02-29"), &days), CALENDAR_E_BAD);
        CHECK_INT(calendar_parse_date(slice_from_text("2024-02-29T01:02:03"), &days), CALENDAR_E_BAD);
        CHECK_INT(calendar_parse_date(slice_from_text("10000-01-01"), &days), CALENDAR_E_BAD);
}

TEST(units_have_names)
{
        enum calendar_unit unit;

        CHECK(calendar_unit_find(slice_from_text("day"), &unit));
        CHECK_INT(unit, UNIT_DAY);
        CHECK(!calendar_unit_find(slice_from_text("DAYS"), &unit));
        CHECK_TEXT(calendar_unit_name(UNIT_ISODOW), "ISODOW");
}
