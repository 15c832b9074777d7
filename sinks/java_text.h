/* java_text.h - values as Flink's print connector and row dumps show them: the texts of Java's toString().
 *
 *   NULL                null
 *   BOOLEAN             true, false
 *   integers, DECIMAL   decimals (BigDecimal.toString: an exponent below 1e-6)
 *   FLOAT, DOUBLE       Float.toString, Double.toString
 *   strings             as they are
 *   BINARY, BYTES       [1, -2, 3]
 *   DATE                2026-01-02
 *   TIME                10:15, 10:15:30, 10:15:30.123
 *   TIMESTAMP           2026-01-02T10:15, 2026-01-02T10:15:30.123456
 *   TIMESTAMP_LTZ       2026-01-02T10:15:00Z, 2026-01-02T10:15:30.123Z
 *   intervals           PT1H30M (Duration), P1Y2M (Period)
 *
 * Any thread. */
#ifndef WEIR_SINKS_JAVA_TEXT_H
#define WEIR_SINKS_JAVA_TEXT_H

#include "sidecar/base/bytes.h"
#include "sidecar/column/batch.h"

void java_text_append(struct bytes *text, const struct type *type, const struct vector *vector, uint32_t i);

/* Parts that the JSON writer shares. Days since 1970 -> "2026-01-02" (ISO: years beyond 9999 with a sign). */
void java_text_date(struct bytes *text, int64_t days);
/* BigDecimal.toString of unscaled * 10^-scale. */
void java_text_decimal(struct bytes *text, weir_i128 unscaled, int scale);
/* BigDecimal.toPlainString */
void java_text_plain_decimal(struct bytes *text, weir_i128 unscaled, int scale);
/* ".123", ".123456", or nothing: micros of a second, in groups of three digits as java.time does, or (trim) without
 * trailing zeros as appendFraction does. */
void java_text_fraction(struct bytes *text, uint32_t micros, bool trim);

#endif
