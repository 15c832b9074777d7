/* number.c - see number.h.
 *
 * Shortest digits by Giulietti's method: with 4 * value and its rounding interval scaled by a 128-bit power of ten and
 * rounded to odd, integers suffice to tell which decimals lie inside the interval. */
#include "sidecar/base/number.h"

#include <assert.h>
#include <stdlib.h>

#include "sidecar/base/alloc.h"
#include "sidecar/base/number_pow10.h"

/* floor(log2(10^e)), floor(log10(2^e)), floor(log10(3/4 * 2^e)) for the exponents of binary64. */
static int floor_log2_pow10(int e)
{
        return (e * 1741647) >> 19;
}

static int floor_log10_pow2(int e)
{
        return (e * 1262611) >> 22;
}

static int floor_log10_three_quarters_pow2(int e)
{
        return (e * 1262611 - 524031) >> 22;
}

/* floor(pow10 * c / 2^128), with the lowest bit set when anything was cut off. */
static uint64_t round_to_odd(const uint64_t pow10[2], uint64_t c)
{
        unsigned __int128 low = (unsigned __int128)pow10[1] * c;
        unsigned __int128 high = (unsigned __int128)pow10[0] * c + (uint64_t)(low >> 64);

        return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

struct digits {
        uint64_t digits;
        int exponent;
};

/* The decimal of value c * 2^q: `dk` is -1 when c was multiplied by 10 beforehand (the smallest subnormals, so that two
 * digits come out). */
static struct digits shortest(uint64_t c, int q, int dk, bool lower_is_closer)
{
        uint64_t odd = c & 1;
        uint64_t centre_below = 4 * c - 2 + lower_is_closer;
        uint64_t centre = 4 * c;
        uint64_t centre_above = 4 * c + 2;
        int k = lower_is_closer ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
        int shift = q + floor_log2_pow10(-k) + 1;
        const uint64_t *pow10 = number_pow10[-k - NUMBER_POW10_MIN];
        uint64_t below = round_to_odd(pow10, centre_below << shift);
        uint64_t at = round_to_odd(pow10, centre << shift);
        uint64_t above = round_to_odd(pow10, centre_above << shift);
        uint64_t s = at / 4;
        bool down_inside, up_inside;

        if (s >= 100) {
                uint64_t tens = s / 10 * 10;

                down_inside = below + odd <= 4 * tens;
                up_inside = 4 * (tens + 10) + odd <= above;
                if (down_inside != up_inside)
                        return (struct digits){down_inside ? tens : tens + 10, k + dk};
        }
        down_inside = below + odd <= 4 * s;
        up_inside = 4 * (s + 1) + odd <= above;
        if (down_inside != up_inside)
                return (struct digits){down_inside ? s : s + 1, k + dk};
        if (at < 4 * s + 2 || (at == 4 * s + 2 && (s & 1) == 0))
                return (struct digits){s, k + dk};
        return (struct digits){s + 1, k + dk};
}

static struct number_decimal strip_zeros(struct digits decimal, bool is_negative)
{
        while (decimal.digits != 0 && decimal.digits % 10 == 0) {
                decimal.digits /= 10;
                decimal.exponent += 1;
        }
        return (struct number_decimal){decimal.digits, decimal.digits == 0 ? 0 : decimal.exponent, is_negative};
}

struct number_decimal number_shortest(double value)
{
        uint64_t bits, fraction;
        int exponent;
        bool is_negative;

        memcpy(&bits, &value, sizeof bits);
        is_negative = (bits >> 63) != 0;
        fraction = bits & ((UINT64_C(1) << 52) - 1);
        exponent = (int)(bits >> 52 & 0x7ff);
        assert(exponent != 0x7ff);
        if (exponent == 0) {
                if (fraction == 0)
                        return (struct number_decimal){0, 0, is_negative};
                if (fraction < 3)
                        return strip_zeros(shortest(fraction * 10, -1074, -1, false), is_negative);
                return strip_zeros(shortest(fraction, -1074, 0, false), is_negative);
        }
        return strip_zeros(shortest(fraction | UINT64_C(1) << 52, exponent - 1075, 0, fraction == 0 && exponent > 1),
                           is_negative);
}

static struct number_decimal shortest_float(float value)
{
        uint32_t bits, fraction;
        int exponent;
        bool is_negative;

        memcpy(&bits, &value, sizeof bits);
        is_negative = (bits >> 31) != 0;
        fraction = bits & ((UINT32_C(1) << 23) - 1);
        exponent = (int)(bits >> 23 & 0xff);
        assert(exponent != 0xff);
        if (exponent == 0) {
                if (fraction == 0)
                        return (struct number_decimal){0, 0, is_negative};
                if (fraction < 8)
                        return strip_zeros(shortest((uint64_t)fraction * 10, -149, -1, false), is_negative);
                return strip_zeros(shortest(fraction, -149, 0, false), is_negative);
        }
        return strip_zeros(shortest(fraction | UINT32_C(1) << 23, exponent - 150, 0, fraction == 0 && exponent > 1),
                           is_negative);
}

static size_t format_u64(uint64_t value, char *text)
{
        char reversed[20];
        size_t n = 0;

        do {
                reversed[n++] = (char)('0' + value % 10);
                value /= 10;
        } while (value != 0);
        for (size_t i = 0; i < n; i++)
                text[i] = reversed[n - 1 - i];
        return n;
}

size_t number_format_i64(int64_t value, char text[NUMBER_TEXT_BYTES])
{
        if (value >= 0)
                return format_u64((uint64_t)value, text);
        text[0] = '-';
        return 1 + format_u64(0 - (uint64_t)value, text + 1);
}

/* Java's layout: plain for 10^-3 <= |value| < 10^7, else one digit, point, the others, E and the exponent. */
static size_t format_decimal(struct number_decimal decimal, char text[NUMBER_TEXT_BYTES])
{
        char digits[20];
        size_t n_digits = format_u64(decimal.digits, digits);
        int point = (int)n_digits + decimal.exponent; /* value = 0.digits * 10^point */
        size_t n = 0;

        if (decimal.is_negative)
                text[n++] = '-';
        if (decimal.digits == 0) {
                memcpy(text + n, "0.0", 3);
                return n + 3;
        }
        if (point > 0 && point <= 7) {
                for (int i = 0; i < point; i++)
                        text[n++] = (size_t)i < n_digits ? digits[i] : '0';
                text[n++] = '.';
                if ((size_t)point >= n_digits)
                        text[n++] = '0';
                for (size_t i = (size_t)point; i < n_digits; i++)
                        text[n++] = digits[i];
                return n;
        }
        if (point <= 0 && point > -3) {
                text[n++] = '0';
                text[n++] = '.';
                for (int i = point; i < 0; i++)
                        text[n++] = '0';
                memcpy(text + n, digits, n_digits);
                return n + n_digits;
        }
        text[n++] = digits[0];
        text[n++] = '.';
        if (n_digits == 1)
                text[n++] = '0';
        for (size_t i = 1; i < n_digits; i++)
                text[n++] = digits[i];
        text[n++] = 'E';
        return n + number_format_i64(point - 1, text + n);
}

static size_t format_special(bool is_nan, bool is_negative, char text[NUMBER_TEXT_BYTES])
{
        const char *word = is_nan ? "NaN" : is_negative ? "-Infinity" : "Infinity";
        size_t len = strlen(word);

        memcpy(text, word, len);
        return len;
}

size_t number_format_double(double value, char text[NUMBER_TEXT_BYTES])
{
        if (!__builtin_isfinite(value))
                return format_special(__builtin_isnan(value), value < 0, text);
        return format_decimal(number_shortest(value), text);
}

size_t number_format_float(float value, char text[NUMBER_TEXT_BYTES])
{
        if (!__builtin_isfinite(value))
                return format_special(__builtin_isnan(value), value < 0, text);
        return format_decimal(shortest_float(value), text);
}

struct slice number_trim(struct slice text)
{
        while (text.len > 0 && text.data[0] <= ' ') {
                text.data += 1;
                text.len -= 1;
        }
        while (text.len > 0 && text.data[text.len - 1] <= ' ')
                text.len -= 1;
        return text;
}

static bool is_digit(uint8_t byte)
{
        return byte >= '0' && byte <= '9';
}

static bool is_hex_digit(uint8_t byte)
{
        return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f');
}

static size_t skip_digits(struct slice text, size_t at, bool is_hex)
{
        while (at < text.len && (is_hex ? is_hex_digit(text.data[at]) : is_digit(text.data[at])))
                at += 1;
        return at;
}

/* Length of the number that strtod may read, 0 when the text is none: [sign] digits [. digits] [exponent] [suffix], at
 * least one digit; a hex number must have an exponent. The suffix is not part of the length. */
static size_t number_length(struct slice text)
{
        size_t at = text.len > 0 && (text.data[0] == '+' || text.data[0] == '-') ? 1 : 0;
        bool is_hex = text.len - at > 2 && text.data[at] == '0' && (text.data[at + 1] | 0x20) == 'x';
        size_t whole_from = is_hex ? at + 2 : at;
        size_t whole_to = skip_digits(text, whole_from, is_hex);
        size_t n_digits = whole_to - whole_from;
        size_t end = whole_to;

        if (end < text.len && text.data[end] == '.') {
                end = skip_digits(text, whole_to + 1, is_hex);
                n_digits += end - whole_to - 1;
        }
        if (n_digits == 0)
                return 0;
        if (end < text.len && (text.data[end] | 0x20) == (is_hex ? 'p' : 'e')) {
                size_t digits_from = end + 1;

                if (digits_from < text.len && (text.data[digits_from] == '+' || text.data[digits_from] == '-'))
                        digits_from += 1;
                end = skip_digits(text, digits_from, false);
                if (end == digits_from)
                        return 0;
        } else if (is_hex) {
                return 0;
        }
        if (end == text.len)
                return end;
        if (end + 1 == text.len && ((text.data[end] | 0x20) == 'd' || (text.data[end] | 0x20) == 'f'))
                return end;
        return 0;
}

/* NaN and Infinity with a sign, case-sensitive. */
static bool parse_special(struct slice text, double *ret_value)
{
        bool is_negative = text.len > 0 && text.data[0] == '-';
        struct slice word = text;

        if (text.len > 0 && (text.data[0] == '+' || text.data[0] == '-'))
                word = slice_make(text.data + 1, text.len - 1);
        if (slice_is_equal(word, slice_from_text("NaN")))
                *ret_value = __builtin_nan("");
        else if (slice_is_equal(word, slice_from_text("Infinity")))
                *ret_value = is_negative ? -__builtin_inf() : __builtin_inf();
        else
                return false;
        return true;
}

/* strtod wants a NUL; longer texts than fit here are rare. */
enum { PARSE_BYTES = 1024 };

static int parse(struct slice text, bool is_float, double *ret_value)
{
        char buffer[PARSE_BYTES];
        char *copy = buffer;
        size_t len;

        text = number_trim(text);
        if (parse_special(text, ret_value))
                return 0;
        len = number_length(text);
        if (len == 0)
                return NUMBER_E_BAD;
        if (len >= sizeof buffer)
                copy = alloc_text_n(text.data, len);
        else {
                memcpy(buffer, text.data, len);
                buffer[len] = '\0';
        }
        *ret_value = is_float ? (double)strtof(copy, NULL) : strtod(copy, NULL);
        if (copy != buffer)
                alloc_free(copy);
        return 0;
}

int number_parse_double(struct slice text, double *ret_value)
{
        return parse(text, false, ret_value);
}

int number_parse_float(struct slice text, float *ret_value)
{
        double value;
        int result = parse(text, true, &value);

        if (result == 0)
                *ret_value = (float)value;
        return result;
}

int number_parse_integer(struct slice text, int64_t lowest, int64_t highest, int64_t *ret_value)
{
        uint64_t magnitude = 0; /* at most 2^63: room for another digit is never lacking */
        uint64_t ceiling;
        size_t at = 0;
        bool is_negative;
        int64_t value;

        while (text.len > 0 && text.data[0] == ' ') {
                text.data += 1;
                text.len -= 1;
        }
        while (text.len > 0 && text.data[text.len - 1] == ' ')
                text.len -= 1;
        if (text.len == 0)
                return NUMBER_E_BAD;
        is_negative = text.data[0] == '-';
        if (is_negative || text.data[0] == '+')
                at = 1;
        if (at == text.len)
                return NUMBER_E_BAD;
        if (is_negative)
                ceiling = lowest < 0 ? 0 - (uint64_t)lowest : 0;
        else
                ceiling = highest > 0 ? (uint64_t)highest : 0;
        for (; at < text.len && text.data[at] != '.'; at++) {
                uint64_t digit = (uint64_t)text.data[at] - '0';

                if (digit > 9 || magnitude > ceiling / 10)
                        return NUMBER_E_BAD;
                magnitude = magnitude * 10 + digit;
                if (magnitude > ceiling)
                        return NUMBER_E_BAD;
        }
        if (at < text.len && skip_digits(text, at + 1, false) != text.len)
                return NUMBER_E_BAD;
        value = (int64_t)(is_negative ? 0 - magnitude : magnitude);
        if (value < lowest || value > highest)
                return NUMBER_E_BAD;
        *ret_value = value;
        return 0;
}
