/* json_convert.c - see json_convert.h. */
#include "sidecar/column/json_convert.h"

#include "sidecar/base/calendar.h"
#include "sidecar/base/decimal.h"
#include "sidecar/base/number.h"

#include <strings.h>

enum { TEXT_PAD_BYTES = 64, NUMBER_DIGITS_MAX = 1000 };

static bool is_digit(uint8_t byte)
{
        return byte >= '0' && byte <= '9';
}

/* The text that a scalar stands for; a container is consumed and becomes its JSON. */
static struct slice text_of(struct json_convert *convert, struct json_scan *scan, const struct json_scan_value *value)
{
        const uint8_t *first = value->text.data;

        bytes_reset(&convert->text);
        if (value->kind == JSON_SCAN_OBJECT || value->kind == JSON_SCAN_ARRAY) {
                if (!json_scan_skip(scan, value->kind))
                        return slice_make(NULL, 0);
                json_scan_compact(slice_make(first, (size_t)(scan->at - first)), &convert->text);
        } else if (value->kind == JSON_SCAN_STRING && value->has_escapes) {
                json_scan_unescape(value, &convert->text);
        } else {
                return value->text;
        }
        (void)bytes_reserve(&convert->text, TEXT_PAD_BYTES);
        return bytes_slice(&convert->text);
}

static enum reason to_boolean(const struct json_scan_value *value, struct slice text, int64_t *ret)
{
        struct slice word = number_trim(text);
        bool is_word = word.len == 4 && strncasecmp((const char *)word.data, "true", 4) == 0;

        *ret = value->kind == JSON_SCAN_TRUE || (value->kind == JSON_SCAN_STRING && is_word);
        return REASON_NONE;
}

/* [+-]? digits */
static bool is_integer_text(struct slice text)
{
        size_t i = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;

        if (i == text.len || text.len > NUMBER_DIGITS_MAX)
                return false;
        for (; i < text.len; i++) {
                if (!is_digit(text.data[i]))
                        return false;
        }
        return true;
}

/* Fractions and exponents of numbers are cut where Flink's reader has the number and not its text. */
static enum reason to_integer(const struct json_scan_value *value, struct slice text, const struct type *type,
                              int64_t *ret)
{
        int64_t highest = INT64_MAX >> (64 - type_integer_bits(type));
        bool takes_fractions = type_integer_bits(type) >= 32;
        double real;

        text = number_trim(text);
        if (value->kind != JSON_SCAN_NUMBER && value->kind != JSON_SCAN_STRING)
                return REASON_BAD_TEXT;
        if (is_integer_text(text))
                return number_parse_integer(text, -highest - 1, highest, ret) == 0 ? REASON_NONE : REASON_BAD_TEXT;
        if (value->kind != JSON_SCAN_NUMBER || !takes_fractions || number_parse_double(text, &real) != 0)
                return REASON_BAD_TEXT;
        /* highest + 1 is a power of two: exact as a double, which highest itself may not be */
        if (type_integer_bits(type) == 64 ? real < -0x1p63 || real >= 0x1p63
                                          : real < (double)(-highest - 1) || real > (double)highest)
                return REASON_BAD_TEXT;
        *ret = (int64_t)real;
        return REASON_NONE;
}

static enum reason to_floating(const struct json_scan_value *value, struct slice text, const struct type *type,
                               double *ret)
{
        float single;

        if (value->kind != JSON_SCAN_NUMBER && value->kind != JSON_SCAN_STRING)
                return REASON_BAD_TEXT;
        if (type->kind == TYPE_DOUBLE)
                return number_parse_double(text, ret) == 0 ? REASON_NONE : REASON_BAD_TEXT;
        if (number_parse_float(text, &single) != 0)
                return REASON_BAD_TEXT;
        *ret = (double)single;
        return REASON_NONE;
}

/* As java.math.BigDecimal reads: [+-]? digits with at most one point ([eE] [+-]? digits)? */
static bool is_decimal_text(struct slice text)
{
        size_t i = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
        size_t n_digits = 0, n_points = 0;

        if (text.len > NUMBER_DIGITS_MAX)
                return false;
        for (; i < text.len && (is_digit(text.data[i]) || text.data[i] == '.'); i++) {
                n_digits += text.data[i] != '.';
                n_points += text.data[i] == '.';
        }
        if (n_digits == 0 || n_points > 1)
                return false;
        if (i == text.len)
                return true;
        if ((text.data[i] | 0x20) != 'e')
                return false;
        return is_integer_text(slice_make(text.data + i + 1, text.len - i - 1));
}

static enum reason to_decimal(const struct json_scan_value *value, struct slice text, const struct type *type,
                              struct value *ret)
{
        struct decimal_type to = {type->precision, type->scale};
        int result;

        text = number_trim(text);
        if ((value->kind != JSON_SCAN_NUMBER && value->kind != JSON_SCAN_STRING) || !is_decimal_text(text))
                return REASON_BAD_TEXT;
        result = decimal_parse(text, to, &ret->dec);
        ret->is_null = result != 0; /* it is a number: so it does not fit */
        return REASON_NONE;
}

/* ---- base64 ---- */

static int sextet_of(uint8_t c)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (is_digit(c))
                return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 with padding; in place is fine, the output is shorter. */
static enum reason to_bytes(struct json_convert *convert, const struct json_scan_value *value, struct slice text,
                            struct slice *ret)
{
        struct bytes *out = &convert->text;
        size_t n_data = text.len;
        uint32_t bits = 0;
        uint8_t *to;

        if (value->kind != JSON_SCAN_STRING || text.len % 4 != 0)
                return REASON_BAD_TEXT;
        while (n_data > 0 && text.len - n_data < 2 && text.data[n_data - 1] == '=')
                n_data--;
        if (text.data != out->data) /* else it was unescaped into it */
                bytes_reset(out);
        to = text.data == out->data ? out->data : bytes_reserve(out, text.len + TEXT_PAD_BYTES);
        out->len = 0;
        for (size_t i = 0; i < n_data; i++) {
                int sextet = sextet_of(text.data[i]);

                if (sextet < 0)
                        return REASON_BAD_TEXT;
                bits = bits << 6 | (uint32_t)sextet;
                if (i % 4 != 0)
                        to[out->len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
        }
        *ret = bytes_slice(out);
        return REASON_NONE;
}

/* ---- dates and times ---- */

/* `n` digits at the front; moves on. */
static bool take_digits(struct slice *text, size_t n, int64_t *ret_value)
{
        int64_t value = 0;

        if (text->len < n)
                return false;
        for (size_t i = 0; i < n; i++) {
                if (!is_digit(text->data[i]))
                        return false;
                value = value * 10 + (text->data[i] - '0');
        }
        *text = slice_make(text->data + n, text->len - n);
        *ret_value = value;
        return true;
}

static bool take_byte(struct slice *text, uint8_t byte)
{
        if (text->len == 0 || text->data[0] != byte)
                return false;
        *text = slice_make(text->data + 1, text->len - 1);
        return true;
}

/* yyyy-MM-dd; strict: the day must be one of the month. */
static bool take_date(struct slice *text, bool is_strict, int64_t *ret_days)
{
        int64_t year, month, day;
        unsigned length;

        if (!take_digits(text, 4, &year) || !take_byte(text, '-') || !take_digits(text, 2, &month) ||
            !take_byte(text, '-') || !take_digits(text, 2, &day))
                return false;
        if (month < 1 || month > 12 || day < 1 || day > 31)
                return false;
        length = calendar_month_length(year, (unsigned)month);
        if (day > length && is_strict)
                return false;
        *ret_days = calendar_days(year, (unsigned)month, day > length ? length : (unsigned)day);
        return true;
}

/* HH:mm:ss[.f]: microseconds of the day; 24:00:00 is allowed, further digits of the fraction are cut. */
static bool take_time(struct slice *text, int64_t *ret_us)
{
        int64_t hour, minute, second, micros = 0, unit = 100000, digit;

        if (!take_digits(text, 2, &hour) || !take_byte(text, ':') || !take_digits(text, 2, &minute) ||
            !take_byte(text, ':') || !take_digits(text, 2, &second))
                return false;
        if (take_byte(text, '.')) {
                for (unsigned i = 0; i < 9 && take_digits(text, 1, &digit); i++, unit /= 10)
                        micros += digit * unit;
        }
        if (hour > 24 || minute > 59 || second > 59 || (hour == 24 && minute + second + micros > 0))
                return false;
        *ret_us = ((hour * 60 + minute) * 60 + second) * CALENDAR_US_PER_SECOND + micros;
        return true;
}

static enum reason to_time(struct slice text, const struct type *type, bool is_iso_8601, int64_t *ret)
{
        static const int64_t units[] = {1000000, 100000, 10000, 1000, 100, 10, 1}; /* by precision */
        int64_t days = 0, us = 0;
        bool is_good;

        switch (type->kind) {
        case TYPE_DATE:
                is_good = take_date(&text, true, &days);
                *ret = days;
                break;
        case TYPE_TIME:
                is_good = take_time(&text, &us) && us < CALENDAR_US_PER_DAY;
                *ret = us / CALENDAR_US_PER_SECOND * 1000;
                break;
        default:
                is_good = take_date(&text, false, &days) && take_byte(&text, is_iso_8601 ? 'T' : ' ') &&
                          take_time(&text, &us) && (type->kind == TYPE_TIMESTAMP || take_byte(&text, 'Z'));
                us += days * CALENDAR_US_PER_DAY;
                *ret = calendar_floor_div(us, units[type->precision]) * units[type->precision];
                break;
        }
        return is_good && text.len == 0 ? REASON_NONE : REASON_BAD_TEXT;
}

enum reason json_convert_value(struct json_convert *convert, struct json_scan *scan,
                               const struct json_scan_value *value, const struct type *type, struct value *ret_value)
{
        struct slice text = text_of(convert, scan, value);

        if (scan->reason != REASON_NONE)
                return scan->reason;
        *ret_value = (struct value){.phys = type_phys(type)};
        switch (type->kind) {
        case TYPE_BOOLEAN:
                return to_boolean(value, text, &ret_value->i64);
        case TYPE_TINYINT:
        case TYPE_SMALLINT:
        case TYPE_INT:
        case TYPE_BIGINT:
                return to_integer(value, text, type, &ret_value->i64);
        case TYPE_FLOAT:
        case TYPE_DOUBLE:
                return to_floating(value, text, type, &ret_value->f64);
        case TYPE_DECIMAL:
                return to_decimal(value, text, type, ret_value);
        case TYPE_CHAR:
        case TYPE_VARCHAR:
                ret_value->str = text;
                return REASON_NONE;
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                return to_bytes(convert, value, text, &ret_value->str);
        default:
                return value->kind == JSON_SCAN_STRING ? to_time(text, type, convert->is_iso_8601, &ret_value->i64)
                                                       : REASON_BAD_TEXT;
        }
}
