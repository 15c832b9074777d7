/* decimal.h - SQL's DECIMAL: a 128-bit unscaled value, at most 38 digits.
 *
 * Every function here does what Flink's DecimalData does (sql-semantics.md 3): results round HALF_UP to the scale of
 * their type, division first to 38 significant digits; what does not fit its precision is DECIMAL_E_OVERFLOW, which SQL
 * makes NULL. Scales are 0..38, magnitudes below 10^38. Any thread. */
#ifndef WEIR_SIDECAR_BASE_DECIMAL_H
#define WEIR_SIDECAR_BASE_DECIMAL_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

typedef __int128 weir_i128;

enum {
        DECIMAL_E_OVERFLOW = 1, /* does not fit the precision */
        DECIMAL_E_ZERO = 2,     /* divisor 0 */
        DECIMAL_E_DIVISION = 3, /* remainder: the whole quotient has more than 38 digits */
        DECIMAL_E_BAD = 4,      /* text that is no number */
};
enum { DECIMAL_DIGITS_MAX = 38, DECIMAL_TEXT_BYTES = 48 };

struct decimal_type {
        uint8_t precision, scale;
};

weir_i128 decimal_pow10(unsigned exponent); /* 0..38 */
static inline bool decimal_is_within(weir_i128 value, unsigned precision)
{
        weir_i128 limit = decimal_pow10(precision);

        return value < limit && value > -limit;
}

int decimal_rescale(weir_i128 value, unsigned scale, struct decimal_type to, weir_i128 *ret) WEIR_MUST_CHECK;
int decimal_add(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to,
                weir_i128 *ret) WEIR_MUST_CHECK;
int decimal_subtract(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to,
                     weir_i128 *ret) WEIR_MUST_CHECK;
int decimal_multiply(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to,
                     weir_i128 *ret) WEIR_MUST_CHECK;
int decimal_divide(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to,
                   weir_i128 *ret) WEIR_MUST_CHECK;
/* Sign of the dividend. */
int decimal_remainder(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b, struct decimal_type to,
                      weir_i128 *ret) WEIR_MUST_CHECK;
int decimal_compare(weir_i128 a, unsigned scale_a, weir_i128 b, unsigned scale_b);

/* Rounds to `digits` after the point (may be negative), keeping the scale: ROUND, TRUNCATE, FLOOR, CEIL. */
enum decimal_mode { DECIMAL_HALF_UP, DECIMAL_DOWN, DECIMAL_FLOOR, DECIMAL_CEILING };
weir_i128 decimal_round(weir_i128 value, unsigned scale, int digits, enum decimal_mode mode);

/* The low 64 bits of the value without its fraction, as BigDecimal.longValue. */
int64_t decimal_to_i64(weir_i128 value, unsigned scale);
double decimal_to_double(weir_i128 value, struct decimal_type type);
/* By the shortest digits of the double, as BigDecimal.valueOf; not for NaN and infinities. */
int decimal_from_double(double value, struct decimal_type to, weir_i128 *ret) WEIR_MUST_CHECK;
/* Plain notation with exactly `scale` digits; returns the length. */
size_t decimal_format(weir_i128 value, unsigned scale, char text[DECIMAL_TEXT_BYTES]);
/* CAST of text: short texts as leniently as Flink ("12x" is 12, "." is 0, leading zeros count as digits), longer ones
 * and precisions above 18 as Java's BigDecimal. */
int decimal_parse(struct slice text, struct decimal_type to, weir_i128 *ret) WEIR_MUST_CHECK;

#endif
