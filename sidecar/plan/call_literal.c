/* call_literal.c - literals out of their text: numbers, dates, timestamps, intervals, bytes. See call.h. */
#include <math.h>

#include "sidecar/base/number.h"
#include "sidecar/plan/call.h"

static bool is_digit(uint8_t byte)
{
        return byte >= '0' && byte <= '9';
}

static int refuse_number(struct slice text, const char *why, struct err *err)
{
        return err_set(err, ERR_CONFIG, "'%.*s' %s", (int)(text.len < 60 ? text.len : 60), (const char *)text.data,
                       why);
}

static int make_double(struct slice text, struct arena *arena, struct expr **ret_expr, struct err *err)
{
        struct value value = {.phys = PHYS_F64};
        struct type type = type_make(TYPE_DOUBLE, false);

        if (number_parse_double(text, &value.f64) != 0)
                return refuse_number(text, "is no number", err);
        if (!isfinite(value.f64))
                return refuse_number(text, "is out of range of DOUBLE", err);
        *ret_expr = call_literal(&type, &value, arena);
        return 0;
}

/* Every digit counts for the precision, leading zeros too while there is room. */
static int make_decimal(struct slice text, unsigned n_digits, unsigned scale, struct arena *arena,
                        struct expr **ret_expr, struct err *err)
{
        struct value value = {.phys = PHYS_DEC};
        struct type type;
        bool is_negative = text.data[0] == '-';

        for (size_t i = is_negative; n_digits > TYPE_PRECISION_DECIMAL_MAX && n_digits > scale && text.data[i] == '0';
             i++)
                n_digits -= 1;
        if (n_digits > TYPE_PRECISION_DECIMAL_MAX)
                return refuse_number(text, "has more than 38 digits", err);
        for (size_t i = is_negative; i < text.len; i++) {
                if (is_digit(text.data[i]))
                        value.dec = value.dec * 10 + (text.data[i] - '0');
        }
        if (value.dec > INT64_MAX)
                return refuse_number(text, "is out of range: its digits must fit BIGINT", err);
        if (is_negative)
                value.dec = -value.dec;
        type = type_decimal(n_digits, scale, false);
        *ret_expr = call_literal(&type, &value, arena);
        return 0;
}

int call_number(struct slice text, struct arena *arena, struct expr **ret_expr, struct err *err)
{
        struct value value = {.phys = PHYS_I64};
        unsigned n_whole = 0, n_fraction = 0;
        bool is_fraction = false;
        struct type type;

        for (size_t i = text.len > 0 && text.data[0] == '-'; i < text.len; i++) {
                if (text.data[i] == '.' && !is_fraction)
                        is_fraction = true;
                else if (!is_digit(text.data[i]))
                        return make_double(text, arena, ret_expr, err);
                else if (is_fraction)
                        n_fraction += 1;
                else
                        n_whole += 1;
        }
        if (n_whole + n_fraction == 0)
                return refuse_number(text, "is no number", err);
        if (n_fraction > 0)
                return make_decimal(text, n_whole + n_fraction, n_fraction, arena, ret_expr, err);
        if (number_parse_integer(text, INT64_MIN, INT64_MAX, &value.i64) != 0)
                return refuse_number(text, "is out of range of BIGINT", err);
        type = type_make(value.i64 == (int32_t)value.i64 ? TYPE_INT : TYPE_BIGINT, false);
        *ret_expr = call_literal(&type, &value, arena);
        return 0;
}

/* A cursor over the text of a literal. */
struct cursor {
        struct slice text;
        size_t at;
};

static bool take(struct cursor *cursor, char byte)
{
        if (cursor->at == cursor->text.len || cursor->text.data[cursor->at] != (uint8_t)byte)
                return false;
        cursor->at += 1;
        return true;
}

static bool take_number(struct cursor *cursor, unsigned max_digits, unsigned *ret_value, unsigned *ret_digits)
{
        unsigned value = 0, n_digits = 0;

        while (cursor->at < cursor->text.len && is_digit(cursor->text.data[cursor->at]) && n_digits < max_digits) {
                value = value * 10 + (cursor->text.data[cursor->at++] - '0');
                n_digits += 1;
        }
        *ret_value = value;
        if (ret_digits != NULL)
                *ret_digits = n_digits;
        return n_digits > 0;
}

/* y-M-d, every part in its range: literals are strict. */
static bool take_date(struct cursor *cursor, int64_t *ret_days)
{
        unsigned year, month, day;

        if (!take_number(cursor, 4, &year, NULL) || !take(cursor, '-') || !take_number(cursor, 2, &month, NULL) ||
            !take(cursor, '-') || !take_number(cursor, 2, &day, NULL) || year == 0 || month - 1 >= 12 || day == 0 ||
            day > calendar_month_length(year, month))
                return false;
        *ret_days = calendar_days(year, month, day);
        return true;
}

/* H:m:s[.f], up to 6 digits of fraction. */
static bool take_clock(struct cursor *cursor, int64_t *ret_micros, unsigned *ret_fraction_digits)
{
        static const unsigned unit[7] = {1000000, 100000, 10000, 1000, 100, 10, 1};
        unsigned hour, minute, second, fraction = 0;

        *ret_fraction_digits = 0;
        if (!take_number(cursor, 2, &hour, NULL) || !take(cursor, ':') || !take_number(cursor, 2, &minute, NULL) ||
            !take(cursor, ':') || !take_number(cursor, 2, &second, NULL) || hour > 23 || minute > 59 || second > 59)
                return false;
        if (take(cursor, '.') && !take_number(cursor, 6, &fraction, ret_fraction_digits))
                return false;
        *ret_micros = ((int64_t)hour * 3600 + minute * 60 + second) * CALENDAR_US_PER_SECOND +
                      (int64_t)fraction * unit[*ret_fraction_digits];
        return true;
}

int call_time_literal(enum type_kind kind, struct slice text, struct arena *arena, struct expr **ret_expr,
                      struct err *err)
{
        struct cursor cursor = {.text = number_trim(text), .at = 0};
        struct type type = type_make(kind, false);
        struct value value = {.phys = PHYS_I64};
        const char *format = "yyyy-MM-dd";
        int64_t days = 0, micros = 0;
        unsigned digits = 0;
        bool is_good = true;

        if (kind == TYPE_TIME) {
                format = "HH:mm:ss";
                is_good = take_clock(&cursor, &micros, &digits) && digits <= 3;
                value.i64 = micros / 1000;
        } else {
                is_good = take_date(&cursor, &days);
                value.i64 = days;
                if (kind == TYPE_TIMESTAMP) {
                        format = "yyyy-MM-dd HH:mm:ss[.ffffff]";
                        if (is_good && cursor.at < cursor.text.len)
                                is_good = take(&cursor, ' ') && take_clock(&cursor, &micros, &digits);
                        value.i64 = days * CALENDAR_US_PER_DAY + micros;
                        type.precision = (uint8_t)digits;
                }
        }
        if (!is_good || cursor.at != cursor.text.len) {
                char name[TYPE_TEXT_BYTES];
                struct type bare = type_make(kind, true);

                type_format(&bare, name);
                name[strcspn(name, "(")] = '\0';
                return err_set(err, ERR_CONFIG, "'%.*s' is no %s: '%s'", (int)(text.len < 60 ? text.len : 60),
                               (const char *)text.data, name, format);
        }
        *ret_expr = call_literal(&type, &value, arena);
        return 0;
}

static int refuse_interval(struct slice text, enum calendar_unit first, enum calendar_unit last, struct err *err)
{
        if (first == last)
                return err_set(err, ERR_CONFIG, "'%.*s' is no interval of %s", (int)(text.len < 60 ? text.len : 60),
                               (const char *)text.data, calendar_unit_name(first));
        return err_set(err, ERR_CONFIG, "'%.*s' is no interval of %s TO %s", (int)(text.len < 60 ? text.len : 60),
                       (const char *)text.data, calendar_unit_name(first), calendar_unit_name(last));
}

/* What stands between two neighbouring fields. */
static char separator_after(enum calendar_unit unit)
{
        return unit == UNIT_YEAR ? '-' : unit == UNIT_DAY ? ' ' : ':';
}

static int64_t micros_of(enum calendar_unit unit)
{
        switch (unit) {
        case UNIT_DAY:
                return CALENDAR_US_PER_DAY;
        case UNIT_HOUR:
                return 3600 * CALENDAR_US_PER_SECOND;
        case UNIT_MINUTE:
                return 60 * CALENDAR_US_PER_SECOND;
        default:
                return CALENDAR_US_PER_SECOND;
        }
}

static enum calendar_unit next_unit(enum calendar_unit unit)
{
        switch (unit) {
        case UNIT_YEAR:
                return UNIT_MONTH;
        case UNIT_DAY:
                return UNIT_HOUR;
        case UNIT_HOUR:
                return UNIT_MINUTE;
        default:
                return UNIT_SECOND;
        }
}

/* The fields first..last: months of a year-month interval, else microseconds. False: not in this form. */
static bool take_fields(struct cursor *cursor, enum calendar_unit first, unsigned precision, enum calendar_unit last,
                        unsigned fraction, int64_t *ret_sum)
{
        enum calendar_unit unit = first;
        int64_t sum = 0;

        for (;;) {
                unsigned field, n_digits;

                if (!take_number(cursor, unit == first ? precision : 2, &field, NULL))
                        return false;
                if (unit != first && field >= (unit == UNIT_HOUR ? 24u : unit == UNIT_MONTH ? 12u : 60u))
                        return false;
                if (unit == UNIT_YEAR || unit == UNIT_MONTH)
                        sum += (int64_t)field * (unit == UNIT_YEAR ? 12 : 1);
                else
                        sum += (int64_t)field * micros_of(unit);
                if (unit == UNIT_SECOND && take(cursor, '.')) {
                        unsigned value;

                        if (!take_number(cursor, fraction, &value, &n_digits))
                                return false;
                        for (; n_digits < 6; n_digits++)
                                value *= 10;
                        sum += value - value % 1000; /* Flink keeps milliseconds */
                }
                if (unit == last)
                        break;
                if (!take(cursor, separator_after(unit)))
                        return false;
                unit = next_unit(unit);
        }
        *ret_sum = sum;
        return true;
}

int call_interval(struct slice text, enum calendar_unit first, unsigned precision, enum calendar_unit last,
                  unsigned fraction, bool is_negative, struct arena *arena, struct expr **ret_expr, struct err *err)
{
        struct cursor cursor = {.text = number_trim(text), .at = 0};
        bool is_months = first == UNIT_YEAR || first == UNIT_MONTH;
        struct type type = type_make(is_months ? TYPE_INTERVAL_MONTH : TYPE_INTERVAL_SECOND, false);
        struct value value = {.phys = PHYS_I64};
        int64_t sum;

        if ((!is_months && (first < UNIT_DAY || first > UNIT_SECOND)) ||
            (!is_months && (last < first || last > UNIT_SECOND)) || (is_months && (last < first || last > UNIT_MONTH)))
                return err_set(err, ERR_CONFIG,
                               "'INTERVAL' of %s is not one that Flink reads as written: use YEAR, MONTH, DAY, "
                               "HOUR, MINUTE or SECOND",
                               calendar_unit_name(first));
        precision = precision == 0 ? 2 : precision;
        fraction = fraction == 0 ? 6 : fraction;
        if (precision > 9 || fraction > 6)
                return err_set(err, ERR_CONFIG, "'INTERVAL' takes a precision of at most 9 and 6 digits of fraction");
        if (take(&cursor, '-'))
                is_negative = !is_negative;
        else
                (void)take(&cursor, '+');
        if (!take_fields(&cursor, first, precision, last, fraction, &sum) || cursor.at != cursor.text.len) {
                size_t n_digits = 0;

                while (n_digits < text.len && is_digit(text.data[n_digits]))
                        n_digits += 1;
                if (n_digits > precision)
                        return err_set(err, ERR_CONFIG, "'%.*s' has more than %u digits: write INTERVAL '%.*s' %s(%zu)",
                                       (int)(text.len < 60 ? text.len : 60), (const char *)text.data, precision,
                                       (int)(text.len < 60 ? text.len : 60), (const char *)text.data,
                                       calendar_unit_name(first), n_digits);
                return refuse_interval(text, first, last, err);
        }
        value.i64 = is_negative ? -sum : sum;
        *ret_expr = call_literal(&type, &value, arena);
        return 0;
}

static int hex_value(uint8_t byte)
{
        if (is_digit(byte))
                return byte - '0';
        byte |= 0x20;
        return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

int call_binary(struct slice hex, struct arena *arena, struct expr **ret_expr, struct err *err)
{
        struct type type = type_make(TYPE_BINARY, false);
        struct value value = {.phys = PHYS_STR};
        uint8_t *bytes = arena_take(arena, hex.len / 2 + 1, 1);

        if (hex.len % 2 != 0)
                return err_set(err, ERR_CONFIG, "'X' literal has an odd number of hex digits");
        for (size_t i = 0; i < hex.len / 2; i++) {
                int high = hex_value(hex.data[2 * i]), low = hex_value(hex.data[2 * i + 1]);

                if (high < 0 || low < 0)
                        return err_set(err, ERR_CONFIG, "'X' literal holds something that is no hex digit");
                bytes[i] = (uint8_t)(high << 4 | low);
        }
        value.str = slice_make(bytes, hex.len / 2);
        type.length = (uint32_t)value.str.len;
        *ret_expr = call_literal(&type, &value, arena);
        return 0;
}
