/* decimal.c - see decimal.h.
 *
 * Most values are small: every operation first tries plain 128-bit arithmetic. What may exceed it goes through 256-bit
 * magnitudes, least significant 64-bit word first. */
#include "sidecar/base/decimal.h"

#include <assert.h>
#include <stdlib.h>

#include "sidecar/base/number.h"

typedef unsigned __int128 u128;

struct wide {
        uint64_t word[4];
};

#define POW10_19 UINT64_C(10000000000000000000)

weir_i128 decimal_pow10(unsigned exponent)
{
        static const uint64_t small[20] = {
                UINT64_C(1),
                UINT64_C(10),
                UINT64_C(100),
                UINT64_C(1000),
                UINT64_C(10000),
                UINT64_C(100000),
                UINT64_C(1000000),
                UINT64_C(10000000),
                UINT64_C(100000000),
                UINT64_C(1000000000),
                UINT64_C(10000000000),
                UINT64_C(100000000000),
                UINT64_C(1000000000000),
                UINT64_C(10000000000000),
                UINT64_C(100000000000000),
                UINT64_C(1000000000000000),
                UINT64_C(10000000000000000),
                UINT64_C(100000000000000000),
                UINT64_C(1000000000000000000),
                POW10_19,
        };

        assert(exponent <= DECIMAL_DIGITS_MAX);
        if (exponent < 20)
                return (weir_i128)small[exponent];
        return (weir_i128)small[exponent - 19] * POW10_19;
}

static u128 magnitude(weir_i128 value)
{
        return value < 0 ? 0 - (u128)value : (u128)value;
}

static weir_i128 with_sign(u128 value, bool is_negative)
{
        return is_negative ? (weir_i128)(0 - value) : (weir_i128)value;
}

static struct wide wide_from(u128 value)
{
        return (struct wide){{(uint64_t)value, (uint64_t)(value >> 64), 0, 0}};
}

static struct wide wide_multiply(u128 a, u128 b)
{
        uint64_t a_word[2] = {(uint64_t)a, (uint64_t)(a >> 64)};
        uint64_t b_word[2] = {(uint64_t)b, (uint64_t)(b >> 64)};
        struct wide product = {{0, 0, 0, 0}};

        for (unsigned i = 0; i < 2; i++) {
                u128 carry = 0;

                for (unsigned j = 0; j < 2; j++) {
                        carry += (u128)a_word[i] * b_word[j] + product.word[i + j];
                        product.word[i + j] = (uint64_t)carry;
                        carry >>= 64;
                }
                product.word[i + 2] = (uint64_t)carry;
        }
        return product;
}

static bool wide_is_u128(const struct wide *value)
{
        return value->word[2] == 0 && value->word[3] == 0;
}

static u128 wide_low(const struct wide *value)
{
        return (u128)value->word[1] << 64 | value->word[0];
}

static int wide_compare(const struct wide *a, const struct wide *b)
{
        for (int i = 3; i >= 0; i--) {
                if (a->word[i] != b->word[i])
                        return a->word[i] < b->word[i] ? -1 : 1;
        }
        return 0;
}

static uint64_t wide_divide_word(struct wide *value, uint64_t divisor)
{
        u128 rest = 0;

        for (int i = 3; i >= 0; i--) {
                rest = rest << 64 | value->word[i];
                value->word[i] = (uint64_t)(rest / divisor);
                rest %= divisor;
        }
        return (uint64_t)rest;
}

/* value /= divisor, returns the remainder. Long division with 64-bit digits; the divisor is shifted so that its top bit
 * is set, which keeps each guessed digit at most 2 too large. */
static u128 wide_divide(struct wide *value, u128 divisor)
{
        unsigned shift;
        uint64_t high, low;
        uint64_t rest[5];

        if ((uint64_t)(divisor >> 64) == 0)
                return wide_divide_word(value, (uint64_t)divisor);
        shift = (unsigned)__builtin_clzll((uint64_t)(divisor >> 64));
        divisor <<= shift;
        high = (uint64_t)(divisor >> 64);
        low = (uint64_t)divisor;
        rest[4] = shift == 0 ? 0 : value->word[3] >> (64 - shift);
        for (int i = 3; i > 0; i--)
                rest[i] = shift == 0 ? value->word[i] : value->word[i] << shift | value->word[i - 1] >> (64 - shift);
        rest[0] = value->word[0] << shift;
        value->word[3] = 0;
        for (int i = 2; i >= 0; i--) {
                u128 top = (u128)rest[i + 2] << 64 | rest[i + 1];
                u128 guess = rest[i + 2] >= high ? UINT64_MAX : top / high;
                u128 guess_rest = top - guess * high;
                u128 taken, difference;

                while (guess_rest <= UINT64_MAX && guess * low > (guess_rest << 64 | rest[i])) {
                        guess -= 1;
                        guess_rest += high;
                }
                taken = guess * low;
                difference = (u128)rest[i] - (uint64_t)taken;
                rest[i] = (uint64_t)difference;
                taken = (taken >> 64) + guess * high + ((difference >> 64) != 0);
                top -= taken;
                rest[i + 1] = (uint64_t)top;
                rest[i + 2] = (uint64_t)(top >> 64);
                value->word[i] = (uint64_t)guess;
        }
        return ((u128)rest[1] << 64 | rest[0]) >> shift;
}

/* value /= 10^exponent, HALF_UP. exponent may be above 38: then little is left. */
static void wide_scale_down(struct wide *value, unsigned exponent)
{
        /* In two steps the first only truncates, but whether it cut anything off cannot matter to HALF_UP: the second
         * step's remainder alone decides against half its divisor. */
        if (exponent > DECIMAL_DIGITS_MAX) {
                unsigned first = exponent - DECIMAL_DIGITS_MAX;

                if (first > DECIMAL_DIGITS_MAX) {
                        *value = (struct wide){{0, 0, 0, 0}};
                        return;
                }
                (void)wide_divide(value, (u128)decimal_pow10(first));
                exponent = DECIMAL_DIGITS_MAX;
        }
        if (exponent > 0) {
                u128 divisor = (u128)decimal_pow10(exponent);
                u128 rest = wide_divide(value, divisor);

                if (rest >= divisor - rest) {
                        for (unsigned i = 0; i < 4 && ++value->word[i] == 0; i++)
                                ;
                }
        }
}

/* |value| < 10^38 times 10^(to - from), rounded HALF_UP, checked. */
static int fit(const struct wide *value, bool is_negative, struct decimal_type to, weir_i128 *ret)
{
        u128 low = wide_low(value);

        if (!wide_is_u128(value) || low >= (u128)decimal_pow10(to.precision))
                return DECIMAL_E_OVERFLOW;
        *ret = with_sign(low, is_negative);
        return 0;
}

static int rescale_wide(struct wide value, bool is_negative, unsigned scale, struct decimal_type to, weir_i128 *ret)
{
        if (scale > to.scale) {
                wide_scale_down(&value, scale - to.scale);
        } else if (scale < to.scale) {
                if (!wide_is_u128(&value) || wide_low(&value) >= (u128)decimal_pow10(DECIMAL_DIGITS_MAX))
                        return DECIMAL_E_OVERFLOW;
                value = wide_multiply(wide_low(&value), (u128)decimal_pow10(to.scale - scale));
        }
        return fit(&value, is_negative, to, ret);
}

int decimal_rescale(weir_i128 value, unsigned scale, struct decimal_type to, weir_i128 *ret)
{
        if (scale == to.scale) {
                if (!decimal_is_within(value, to.precision))
                        return DECIMAL_E_OVERFLOW;
                *ret = value;
                return 0;
        }
        if (scale < to.scale && value == (int64_t)value && to.scale - scale <= 18) {
                weir_i128 scaled = value * (int64_t)decimal_pow10(to.scale - scale);

                if (!decimal_is_within(scaled, to.precision))
                        return DECIMAL_E_OVERFLOW;
                *ret = scaled;
                return 0;
        }
        return rescale_wide(wide_from(magnitude(value)), value < 0, scale, to, ret);
}

static struct wide aligned(weir_i128 value, unsigned scale, unsigned to_scale)
{
        return wide_multiply(magnitude(value), (u128)decimal_pow10(to_scale - scale));
}

static void wide_add(struct wide *a, const struct wide *b)
{
        u128 carry = 0;

        for (unsigned i = 0; i < 4; i++) {
                carry += (u128)a->word[i] + b->word[i];
                a->word[i] = (uint64_t)carry;
                carry >>= 64;
        }
}

static void wide_subtract(struct wide *a, const struct wide *b)
{
        u128 borrow = 0;

        for (unsigned i = 0; i < 4; i++) {
                u128 difference = (u128)a->word[i] - b->word[i] - borrow;

                a->word[i] = (uint64_t)difference;
                borrow = (difference >> 64) != 0;
        }
}

int decimal_add(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to, weir_i128 *ret)
{
        unsigned scale = scale_a > scale_b ? scale_a : scale_b;
        struct wide sum, other;
        bool is_negative = a < 0;
        weir_i128 narrow;

        if (scale_a == scale_b && !__builtin_add_overflow(a, b, &narrow))
                return decimal_rescale(narrow, scale, to, ret);
        sum = aligned(a, scale_a, scale);
        other = aligned(b, scale_b, scale);
        if ((a < 0) == (b < 0)) {
                wide_add(&sum, &other);
        } else if (wide_compare(&sum, &other) >= 0) {
                wide_subtract(&sum, &other);
        } else {
                wide_subtract(&other, &sum);
                sum = other;
                is_negative = b < 0;
        }
        return rescale_wide(sum, is_negative, scale, to, ret);
}

int decimal_subtract(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to,
                     weir_i128 *ret)
{
        return decimal_add(a, scale_a, -b, scale_b, to, ret);
}

int decimal_multiply(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to,
                     weir_i128 *ret)
{
        if (a == (int64_t)a && b == (int64_t)b && scale_a + scale_b == to.scale) {
                weir_i128 product = a * b;

                if (!decimal_is_within(product, to.precision))
                        return DECIMAL_E_OVERFLOW;
                *ret = product;
                return 0;
        }
        return rescale_wide(wide_multiply(magnitude(a), magnitude(b)), (a < 0) != (b < 0), scale_a + scale_b, to, ret);
}

static unsigned count_digits(u128 value)
{
        unsigned n = 1;

        while (n < DECIMAL_DIGITS_MAX && value >= (u128)decimal_pow10(n))
                n += 1;
        return n;
}

/* Straight to the scale of the result, where the detour over 38 digits cannot show: a divisor of at most 18 digits
 * keeps what is cut off farther from a half than the 19 digits between the two roundings can carry. */
static bool divide_small(weir_i128 a, weir_i128 b, int shift, weir_i128 *ret)
{
        u128 dividend = magnitude(a), divisor = magnitude(b), quotient, rest;

        if (shift < 0 || shift > 18 || dividend > INT64_MAX || divisor > INT64_MAX / 10)
                return false;
        dividend *= (u128)decimal_pow10((unsigned)shift);
        quotient = dividend / divisor;
        if (quotient >= POW10_19)
                return false;
        rest = dividend - quotient * divisor;
        *ret = with_sign(quotient + (rest >= divisor - rest), (a < 0) != (b < 0));
        return true;
}

int decimal_divide(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to, weir_i128 *ret)
{
        u128 dividend = magnitude(a), divisor = magnitude(b);
        bool is_negative = (a < 0) != (b < 0);
        unsigned shift;
        struct wide quotient;
        weir_i128 narrow;
        u128 rest;
        int scale;

        if (b == 0)
                return DECIMAL_E_ZERO;
        if (a == 0) {
                *ret = 0;
                return 0;
        }
        if (divide_small(a, b, (int)to.scale + (int)scale_b - (int)scale_a, &narrow)) {
                if (!decimal_is_within(narrow, to.precision))
                        return DECIMAL_E_OVERFLOW;
                *ret = narrow;
                return 0;
        }
        /* The quotient of a * 10^shift by b has 38 digits, or 39: then one less of them is asked for. */
        shift = DECIMAL_DIGITS_MAX + count_digits(divisor) - count_digits(dividend);
        for (;;) {
                u128 cut = 1;

                if (shift > DECIMAL_DIGITS_MAX) {
                        cut = (u128)decimal_pow10(shift - DECIMAL_DIGITS_MAX);
                        quotient = wide_multiply(dividend * cut, (u128)decimal_pow10(DECIMAL_DIGITS_MAX));
                } else {
                        quotient = wide_multiply(dividend, (u128)decimal_pow10(shift));
                }
                rest = wide_divide(&quotient, divisor);
                if (wide_is_u128(&quotient) && wide_low(&quotient) < (u128)decimal_pow10(DECIMAL_DIGITS_MAX))
                        break;
                shift -= 1;
        }
        if (rest >= divisor - rest)
                quotient = wide_from(wide_low(&quotient) + 1);
        scale = (int)shift + (int)scale_a - (int)scale_b;
        if (scale < 0) { /* the 38 digits end before the point */
                unsigned up = (unsigned)-scale;

                if (up > DECIMAL_DIGITS_MAX)
                        return DECIMAL_E_OVERFLOW;
                quotient = wide_multiply(wide_low(&quotient), (u128)decimal_pow10(up));
                scale = 0;
        }
        return rescale_wide(quotient, is_negative, (unsigned)scale, to, ret);
}

int decimal_remainder(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to,
                      weir_i128 *ret)
{
        unsigned scale = scale_a > scale_b ? scale_a : scale_b;
        struct wide dividend, divisor, quotient;

        if (b == 0)
                return DECIMAL_E_ZERO;
        dividend = aligned(a, scale_a, scale);
        divisor = aligned(b, scale_b, scale);
        /* A divisor that outgrows 128 bits was scaled up, so the dividend was not and is the smaller one. */
        if (!wide_is_u128(&divisor))
                return rescale_wide(dividend, a < 0, scale, to, ret);
        quotient = dividend;
        dividend = wide_from(wide_divide(&quotient, wide_low(&divisor)));
        if (!wide_is_u128(&quotient) || wide_low(&quotient) >= (u128)decimal_pow10(DECIMAL_DIGITS_MAX))
                return DECIMAL_E_DIVISION;
        return rescale_wide(dividend, a < 0, scale, to, ret);
}

int decimal_compare(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b)
{
        unsigned scale = scale_a > scale_b ? scale_a : scale_b;
        struct wide left, right;
        int order;

        if (scale_a == scale_b || (a < 0) != (b < 0))
                return (a > b) - (a < b);
        left = aligned(a, scale_a, scale);
        right = aligned(b, scale_b, scale);
        order = wide_compare(&left, &right);
        return a < 0 ? -order : order;
}

weir_i128 decimal_round(weir_i128 value, unsigned scale, int digits, enum decimal_mode mode)
{
        int cut = (int)scale - digits;
        u128 unit, rest, whole;
        bool is_negative = value < 0;
        bool is_up;

        if (cut <= 0)
                return value;
        if (cut > DECIMAL_DIGITS_MAX) /* every value is below half of the unit */
                return 0;
        unit = (u128)decimal_pow10((unsigned)cut);
        rest = magnitude(value) % unit;
        whole = magnitude(value) - rest;
        if (mode == DECIMAL_HALF_UP)
                is_up = rest >= unit - rest;
        else if (mode == DECIMAL_DOWN)
                is_up = false;
        else
                is_up = rest != 0 && is_negative == (mode == DECIMAL_FLOOR);
        return with_sign(is_up ? whole + unit : whole, is_negative);
}

int64_t decimal_to_i64(weir_i128 value, unsigned scale)
{
        return (int64_t)(uint64_t)(u128)(value / decimal_pow10(scale));
}

double decimal_to_double(weir_i128 value, struct decimal_type type)
{
        char text[DECIMAL_TEXT_BYTES];

        /* Flink holds up to 18 digits in a long and divides; more digits in a BigDecimal, which rounds once. */
        if (type.precision <= 18)
                return (double)(int64_t)value / (double)(int64_t)decimal_pow10(type.scale);
        text[decimal_format(value, type.scale, text)] = '\0';
        return strtod(text, NULL);
}

int decimal_from_double(double value, struct decimal_type to, weir_i128 *ret)
{
        struct number_decimal decimal = number_shortest(value);
        struct wide wide;

        if (decimal.digits == 0) {
                *ret = 0;
                return 0;
        }
        if (decimal.exponent > DECIMAL_DIGITS_MAX)
                return DECIMAL_E_OVERFLOW;
        if (decimal.exponent >= 0) {
                wide = wide_multiply(decimal.digits, (u128)decimal_pow10((unsigned)decimal.exponent));
                return rescale_wide(wide, decimal.is_negative, 0, to, ret);
        }
        return rescale_wide(wide_from(decimal.digits), decimal.is_negative, (unsigned)-decimal.exponent, to, ret);
}

size_t decimal_format(weir_i128 value, unsigned scale, char text[DECIMAL_TEXT_BYTES])
{
        char reversed[DECIMAL_TEXT_BYTES];
        u128 rest = magnitude(value);
        size_t n = 0, len = 0;

        while (rest != 0 || n <= scale) {
                reversed[n++] = (char)('0' + (unsigned)(rest % 10));
                rest /= 10;
        }
        if (value < 0)
                text[len++] = '-';
        while (n > 0) {
                if (n == scale)
                        text[len++] = '.';
                text[len++] = reversed[--n];
        }
        return len;
}

static bool is_blank(uint8_t byte)
{
        return byte == ' ' || byte == '\n' || byte == '\t';
}

/* A decimal as it stands: digits (38 significant ones), the power of ten behind them, and what was cut off. */
struct parsed {
        u128 digits;
        int64_t exponent;
        bool is_negative, is_cut, rounds_up;
};

static int from_parsed(const struct parsed *parsed, struct decimal_type to, weir_i128 *ret)
{
        u128 digits = parsed->digits;
        struct wide wide;

        if (parsed->is_cut && parsed->exponent == -(int64_t)to.scale) /* the scale ends where the 38 digits do */
                digits += parsed->rounds_up;
        if (digits == 0 || parsed->exponent < -3 * DECIMAL_DIGITS_MAX) {
                *ret = 0;
                return 0;
        }
        if (parsed->exponent > DECIMAL_DIGITS_MAX)
                return DECIMAL_E_OVERFLOW;
        if (parsed->exponent >= 0) {
                wide = wide_multiply(digits, (u128)decimal_pow10((unsigned)parsed->exponent));
                return rescale_wide(wide, parsed->is_negative, 0, to, ret);
        }
        return rescale_wide(wide_from(digits), parsed->is_negative, (unsigned)-parsed->exponent, to, ret);
}

/* Java's BigDecimal(String) after blanks are dropped. */
static int parse_strict(struct slice text, struct parsed *parsed)
{
        bool has_point = false, has_digit = false, is_exponent_negative;
        int64_t exponent = 0;
        size_t at = 0;

        while (text.len > 0 && is_blank(text.data[text.len - 1]))
                text.len -= 1;
        while (text.len > 0 && is_blank(text.data[0])) {
                text.data += 1;
                text.len -= 1;
        }
        if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
                parsed->is_negative = text.data[0] == '-';
                at = 1;
        }
        for (; at < text.len; at++) {
                unsigned digit = (unsigned)text.data[at] - '0';

                if (text.data[at] == '.' && !has_point) {
                        has_point = true;
                        continue;
                }
                if (digit > 9)
                        break;
                has_digit = true;
                if (!parsed->is_cut && parsed->digits < (u128)decimal_pow10(DECIMAL_DIGITS_MAX - 1)) {
                        parsed->digits = parsed->digits * 10 + digit;
                        parsed->exponent -= has_point;
                        continue;
                }
                if (!parsed->is_cut)
                        parsed->rounds_up = digit >= 5;
                parsed->is_cut = true;
                parsed->exponent += !has_point;
        }
        if (!has_digit)
                return DECIMAL_E_BAD;
        if (at == text.len)
                return 0;
        if ((text.data[at++] | 0x20) != 'e')
                return DECIMAL_E_BAD;
        is_exponent_negative = at < text.len && text.data[at] == '-';
        at += at < text.len && (text.data[at] == '-' || text.data[at] == '+');
        if (at == text.len)
                return DECIMAL_E_BAD;
        for (; at < text.len; at++) {
                unsigned digit = (unsigned)text.data[at] - '0';

                if (digit > 9)
                        return DECIMAL_E_BAD;
                if (exponent < INT32_MAX)
                        exponent = exponent * 10 + digit;
        }
        parsed->exponent += is_exponent_negative ? -exponent : exponent;
        return 0;
}

/* Flink's own loop for texts and precisions of at most 18: the byte that ends the digits is skipped whatever it is
 * ("12x" is 12, "." is 0), and leading zeros count as digits when the precision is checked. */
static int parse_short(struct slice text, struct decimal_type to, weir_i128 *ret)
{
        int64_t value = 0;
        int n_digits = 0, n_whole = -1, exponent = 0, shift;
        bool is_negative;
        uint8_t byte = 0;
        size_t at = 0;

        while (at < text.len && is_blank(text.data[at]))
                at += 1;
        if (at == text.len)
                return DECIMAL_E_BAD;
        is_negative = text.data[at] == '-';
        if (is_negative || text.data[at] == '+') {
                if (++at == text.len)
                        return DECIMAL_E_BAD;
        }
        while (at < text.len) {
                byte = text.data[at++];
                if (byte >= '0' && byte <= '9') {
                        value = value * 10 + (byte - '0');
                        n_digits += 1;
                } else if (byte == '.') {
                        if (n_whole >= 0)
                                return DECIMAL_E_BAD;
                        n_whole = n_digits;
                } else {
                        break;
                }
        }
        if (n_whole < 0)
                n_whole = n_digits;
        if ((byte | 0x20) == 'e' && at < text.len) {
                bool is_exponent_negative = text.data[at] == '-';

                if (is_exponent_negative || text.data[at] == '+') {
                        if (++at == text.len)
                                return DECIMAL_E_BAD;
                }
                while (at < text.len) {
                        byte = text.data[at++];
                        if (byte < '0' || byte > '9')
                                break;
                        if (exponent < 40)
                                exponent = exponent * 10 + (byte - '0');
                }
                if (is_exponent_negative)
                        exponent = -exponent;
        }
        for (; at < text.len; at++) {
                if (!is_blank(text.data[at]))
                        return DECIMAL_E_BAD;
        }
        shift = exponent - (n_digits - n_whole) + to.scale;
        if (n_digits + shift > to.precision)
                return DECIMAL_E_OVERFLOW;
        if (shift >= 0)
                value *= (int64_t)decimal_pow10((unsigned)shift);
        else if (shift < -18) /* Flink runs out of its table of powers */
                return DECIMAL_E_BAD;
        else
                value = (value + 5 * (int64_t)decimal_pow10((unsigned)(-shift - 1))) /
                        (int64_t)decimal_pow10((unsigned)-shift);
        if (!decimal_is_within(value, to.precision))
                return DECIMAL_E_OVERFLOW;
        *ret = is_negative ? -value : value;
        return 0;
}

int decimal_parse(struct slice text, struct decimal_type to, weir_i128 *ret)
{
        struct parsed parsed = {.digits = 0};

        if (to.precision <= 18 && text.len <= 18)
                return parse_short(text, to, ret);
        if (parse_strict(text, &parsed) != 0)
                return DECIMAL_E_BAD;
        return from_parsed(&parsed, to, ret);
}
