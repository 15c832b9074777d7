/* calendar.h - dates and times without a clock: the proleptic Gregorian calendar, in UTC.
 *
 * Timestamps are microseconds and dates are days since 1970-01-01T00:00; times of day are milliseconds. What is done
 * here is what Flink's DateTimeUtils does (sql-semantics.md 4), with its habits before 1970 (extracted fields are cut
 * toward zero). Weir's session zone is UTC, so TIMESTAMP and TIMESTAMP_LTZ need no difference. Any thread. */
#ifndef WEIR_SIDECAR_BASE_CALENDAR_H
#define WEIR_SIDECAR_BASE_CALENDAR_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

#define CALENDAR_MS_PER_DAY INT64_C(86400000)
#define CALENDAR_US_PER_SECOND INT64_C(1000000)
#define CALENDAR_US_PER_DAY INT64_C(86400000000)

/* Units of EXTRACT, FLOOR, CEIL, TIMESTAMPDIFF, TIMESTAMPADD and intervals. */
enum calendar_unit {
        UNIT_YEAR,
        UNIT_QUARTER,
        UNIT_MONTH,
        UNIT_WEEK,
        UNIT_DAY,
        UNIT_HOUR,
        UNIT_MINUTE,
        UNIT_SECOND,
        UNIT_MILLISECOND,
        UNIT_MICROSECOND,
        UNIT_NANOSECOND,
        UNIT_EPOCH,
        UNIT_DOW,
        UNIT_ISODOW,
        UNIT_DOY,
        UNIT_ISOYEAR,
        UNIT_DECADE,
        UNIT_CENTURY,
        UNIT_MILLENNIUM,
        UNIT_COUNT_
};
/* The name as SQL spells it ("DAY"), any case. False when there is no such unit. */
bool calendar_unit_find(struct slice name, enum calendar_unit *ret_unit);
const char *calendar_unit_name(enum calendar_unit unit);

struct calendar_date {
        int64_t year; /* astronomical: 0 is 1 BC */
        unsigned month, day;
};
struct calendar_time {
        struct calendar_date date;
        unsigned hour, minute, second, micro;
};
int64_t calendar_days(int64_t year, unsigned month, unsigned day);
struct calendar_date calendar_date(int64_t days);
struct calendar_time calendar_time(int64_t micros);
unsigned calendar_month_length(int64_t year, unsigned month);

static inline int64_t calendar_floor_div(int64_t value, int64_t divisor)
{
        int64_t quotient = value / divisor;

        return quotient - (value % divisor < 0);
}

int64_t calendar_add_months_to_date(int64_t days, int64_t months);
int64_t calendar_add_months(int64_t micros, int64_t months);
/* Whole months from `from` to `to`, as TIMESTAMPDIFF counts them. */
int64_t calendar_months_between(int64_t from_micros, int64_t to_micros);
/* FLOOR and CEIL of a timestamp: weeks begin on Sunday. False: no such unit for it. */
bool calendar_is_floor_unit(enum calendar_unit unit);
int64_t calendar_floor(int64_t micros, enum calendar_unit unit);
int64_t calendar_ceil(int64_t micros, enum calendar_unit unit);
/* EXTRACT(unit FROM timestamp); of a date too, as its midnight. */
int64_t calendar_extract(int64_t micros, enum calendar_unit unit);
/* CAST(timestamp AS DATE). */
static inline int64_t calendar_day_of(int64_t micros)
{
        return calendar_floor_div(micros, 1000) / CALENDAR_MS_PER_DAY;
}

/* CAST of text; CALENDAR_E_BAD when it does not convert. Timestamp: "yyyy-M-d[ H:m:s[.f]]", day and 24:00:00 lenient,
 * digits beyond `precision` (0..6) cut. Date and time: lenient in blanks and in missing parts, strict in values. */
enum { CALENDAR_E_BAD = 1 };
int calendar_parse_timestamp(struct slice text, unsigned precision, int64_t *ret_micros) WEIR_MUST_CHECK;
int calendar_parse_date(struct slice text, int64_t *ret_days) WEIR_MUST_CHECK;
int calendar_parse_time(struct slice text, int64_t *ret_ms) WEIR_MUST_CHECK;

/* Text as CAST(... AS STRING) gives it, without NUL; the length. */
enum { CALENDAR_TEXT_BYTES = 48 };
size_t calendar_format_timestamp(int64_t micros, unsigned precision, char text[CALENDAR_TEXT_BYTES]);
size_t calendar_format_date(int64_t days, char text[CALENDAR_TEXT_BYTES]);
size_t calendar_format_time(int64_t ms, unsigned precision, char text[CALENDAR_TEXT_BYTES]);
size_t calendar_format_interval(int64_t micros, char text[CALENDAR_TEXT_BYTES]);        /* +1 02:03:04.500 */
size_t calendar_format_interval_months(int64_t months, char text[CALENDAR_TEXT_BYTES]); /* +1-02 */

#endif
