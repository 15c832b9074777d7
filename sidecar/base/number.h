/* number.h - floating-point numbers as text, in Java's spelling (JDK 19 and later).
 *
 * Results travel as text that Flink users compare: the digits are those of Double.toString and Float.toString since
 * JDK 19, the shortest that read back as the same number. Any thread; no locale is looked at. */
#ifndef WEIR_SIDECAR_BASE_NUMBER_H
#define WEIR_SIDECAR_BASE_NUMBER_H

#include "sidecar/base/slice.h"

enum { NUMBER_TEXT_BYTES = 32 };

/* "1.0", "1.0E20", "NaN", "-Infinity"; returns the length, no NUL. */
size_t number_format_double(double value, char text[NUMBER_TEXT_BYTES]);
size_t number_format_float(float value, char text[NUMBER_TEXT_BYTES]);

/* The same digits as a number: value == digits * 10^exponent, digits without trailing zeros, sign apart. For finite
 * values. */
struct number_decimal {
        uint64_t digits;
        int exponent;
        bool is_negative;
};
struct number_decimal number_shortest(double value);

/* Double.parseDouble and Float.parseFloat: blanks around (<= U+0020) are dropped, a trailing d, f, D, F is allowed, hex
 * floats need their exponent. NUMBER_E_BAD when the text is no number. */
enum { NUMBER_E_BAD = 1 };
int number_parse_double(struct slice text, double *ret_value) __attribute__((warn_unused_result));
int number_parse_float(struct slice text, float *ret_value) __attribute__((warn_unused_result));
/* Flink's STRING to integer: spaces around are dropped, a sign, digits, and a well-formed fraction that is cut off
 * ("1.5" is 1, "." is 0). NUMBER_E_BAD for anything else or outside lowest..highest. */
int number_parse_integer(struct slice text, int64_t lowest, int64_t highest, int64_t *ret_value)
        __attribute__((warn_unused_result));

/* Decimal digits of an integer; returns the length. */
size_t number_format_i64(int64_t value, char text[NUMBER_TEXT_BYTES]);

/* Bytes <= U+0020 dropped at both ends, as Java's String.trim. */
struct slice number_trim(struct slice text);

#endif
