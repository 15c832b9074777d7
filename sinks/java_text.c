/* java_text.c - values as Flink's print connector and row dumps show them. */
#include "sinks/java_text.h"

#include "sidecar/base/calendar.h"
#include "sidecar/column/value.h"

#include <inttypes.h>

#define MICROS_PER_SECOND INT64_C(1000000)
#define SECONDS_PER_DAY INT64_C(86400)

void java_text_date(struct bytes *text, int64_t days)
{
        struct calendar_date date = calendar_date(days);
        int64_t year = date.year;

        if (year > 9999)
                bytes_append_format(text, "+%" PRId64, year);
        else if (year < 0)
                bytes_append_format(text, "-%04" PRId64, -year);
        else
                bytes_append_format(text, "%04" PRId64, year);
        bytes_append_format(text, "-%02u-%02u", date.month, date.day);
}

void java_text_fraction(struct bytes *text, uint32_t micros, bool trim)
{
        int digits = 6;

        if (micros == 0)
                return;
        if (trim) {
                for (; micros % 10 == 0; digits--)
                        micros /= 10;
        } else if (micros % 1000 == 0) {
                micros /= 1000;
                digits = 3;
        }
        bytes_append_format(text, ".%0*" PRIu32, digits, micros);
}

/* LocalTime.toString: seconds only when they or what is below them are not zero; Instant always has them. */
static void append_time(struct bytes *text, int64_t micros_of_day, bool has_seconds)
{
        int64_t seconds = micros_of_day / MICROS_PER_SECOND;
        uint32_t micros = (uint32_t)(micros_of_day % MICROS_PER_SECOND);

        bytes_append_format(text, "%02" PRId64 ":%02" PRId64, seconds / 3600, seconds / 60 % 60);
        if (!has_seconds && seconds % 60 == 0 && micros == 0)
                return;
        bytes_append_format(text, ":%02" PRId64, seconds % 60);
        java_text_fraction(text, micros, false);
}

static void append_timestamp(struct bytes *text, int64_t us, bool is_instant)
{
        int64_t days = calendar_floor_div(us, SECONDS_PER_DAY * MICROS_PER_SECOND);

        java_text_date(text, days);
        bytes_append_byte(text, 'T');
        append_time(text, us - days * SECONDS_PER_DAY * MICROS_PER_SECOND, is_instant);
        if (is_instant)
                bytes_append_byte(text, 'Z');
}

/* Digits of |value|, at the end of `digits`; returns where they start. */
static size_t digits_of(weir_i128 value, char digits[48])
{
        unsigned __int128 rest = value < 0 ? -(unsigned __int128)value : (unsigned __int128)value;
        size_t at = 48;

        do {
                digits[--at] = (char)('0' + (int)(rest % 10));
                rest /= 10;
        } while (rest > 0);
        return at;
}

/* scale > 0: at least one digit stands before the point. */
static void append_with_point(struct bytes *text, const char *digits, int n, int scale)
{
        if (n > scale) {
                bytes_append(text, digits, (size_t)(n - scale));
        } else {
                bytes_append_byte(text, '0');
        }
        bytes_append_byte(text, '.');
        for (int zeros = scale - n; zeros > 0; zeros--)
                bytes_append_byte(text, '0');
        bytes_append(text, n > scale ? digits + n - scale : digits, (size_t)(n > scale ? scale : n));
}

void java_text_plain_decimal(struct bytes *text, weir_i128 unscaled, int scale)
{
        char digits[48];
        size_t at = digits_of(unscaled, digits);
        int n = 48 - (int)at;

        if (unscaled < 0)
                bytes_append_byte(text, '-');
        if (scale > 0) {
                append_with_point(text, digits + at, n, scale);
                return;
        }
        bytes_append(text, digits + at, (size_t)n);
        for (int zeros = unscaled == 0 ? 0 : -scale; zeros > 0; zeros--)
                bytes_append_byte(text, '0');
}

void java_text_decimal(struct bytes *text, weir_i128 unscaled, int scale)
{
        char digits[48];
        size_t at = digits_of(unscaled, digits);
        int n = 48 - (int)at;
        int exponent = n - 1 - scale; /* of the first digit */

        if (scale == 0 || (scale > 0 && exponent >= -6)) {
                java_text_plain_decimal(text, unscaled, scale);
                return;
        }
        if (unscaled < 0)
                bytes_append_byte(text, '-');
        bytes_append_byte(text, (uint8_t)digits[at]);
        if (n > 1) {
                bytes_append_byte(text, '.');
                bytes_append(text, digits + at + 1, (size_t)n - 1);
        }
        if (exponent != 0)
                bytes_append_format(text, "E%+d", exponent);
}

static void append_bytes(struct bytes *text, struct slice value)
{
        bytes_append_byte(text, '[');
        for (size_t i = 0; i < value.len; i++)
                bytes_append_format(text, i > 0 ? ", %d" : "%d", (int)(int8_t)value.data[i]);
        bytes_append_byte(text, ']');
}

/* Duration.toString: PT8H6M12.345S, PT0S; every part carries its own sign. */
static void append_duration(struct bytes *text, int64_t us)
{
        int64_t seconds = calendar_floor_div(us, MICROS_PER_SECOND);
        int64_t micros = us - seconds * MICROS_PER_SECOND;
        int64_t whole = seconds < 0 && micros > 0 ? seconds + 1 : seconds;
        int64_t hours = whole / 3600, minutes = whole % 3600 / 60, rest = whole % 60;

        bytes_append_text(text, "PT");
        if (us == 0) {
                bytes_append_text(text, "0S");
                return;
        }
        if (hours != 0)
                bytes_append_format(text, "%" PRId64 "H", hours);
        if (minutes != 0)
                bytes_append_format(text, "%" PRId64 "M", minutes);
        if (rest == 0 && micros == 0)
                return;
        bytes_append_format(text, seconds < 0 && micros > 0 && rest == 0 ? "-%" PRId64 : "%" PRId64, rest);
        java_text_fraction(text, (uint32_t)(seconds < 0 && micros > 0 ? MICROS_PER_SECOND - micros : micros), true);
        bytes_append_byte(text, 'S');
}

/* Period.toString of months, normalised: P1Y2M, P0D. */
static void append_period(struct bytes *text, int64_t months)
{
        bytes_append_byte(text, 'P');
        if (months == 0)
                bytes_append_text(text, "0D");
        if (months / 12 != 0)
                bytes_append_format(text, "%" PRId64 "Y", months / 12);
        if (months % 12 != 0)
                bytes_append_format(text, "%" PRId64 "M", months % 12);
}

void java_text_append(struct bytes *text, const struct type *type, const struct vector *vector, uint32_t i)
{
        struct value value;

        if (vector_is_null(vector, i)) {
                bytes_append_text(text, "null");
                return;
        }
        switch (type->kind) {
        case TYPE_BOOLEAN:
                bytes_append_text(text, vector->i64[i] != 0 ? "true" : "false");
                return;
        case TYPE_TINYINT:
        case TYPE_SMALLINT:
        case TYPE_INT:
        case TYPE_BIGINT:
                bytes_append_format(text, "%" PRId64, vector->i64[i]);
                return;
        case TYPE_DECIMAL:
                java_text_decimal(text, vector->dec[i], type->scale);
                return;
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                append_bytes(text, vector->str[i]);
                return;
        case TYPE_CHAR:
        case TYPE_VARCHAR:
                bytes_append_slice(text, vector->str[i]);
                return;
        case TYPE_DATE:
                java_text_date(text, vector->i64[i]);
                return;
        case TYPE_TIME:
                append_time(text, vector->i64[i] * TYPE_MICROS_PER_MS, false);
                return;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                append_timestamp(text, vector->i64[i], type->kind == TYPE_TIMESTAMP_LTZ);
                return;
        case TYPE_INTERVAL_SECOND:
                append_duration(text, vector->i64[i]);
                return;
        case TYPE_INTERVAL_MONTH:
                append_period(text, vector->i64[i]);
                return;
        default: /* FLOAT, DOUBLE: as CAST(… AS STRING) */
                value = vector_get(vector, i);
                value_format(type, &value, text);
                return;
        }
}
