/* json_row.h - rows as JSON lines, byte for byte as Flink's json format writes them (tests/data/flink-rows).
 *
 *   BOOLEAN, integers      true, 42
 *   FLOAT, DOUBLE          Java's toString: 0.1, 1.0E10; "NaN", "Infinity", "-Infinity" as strings
 *   DECIMAL                without trailing zeros, and then as BigDecimal.toString: 1.5, 1E+2, 2.7E-8, 0;
 *                          with is_plain_decimal never with an exponent: 100, 0.000000027
 *   CHAR, VARCHAR          json_text.h
 *   BINARY, BYTES          base64
 *   DATE, TIME             "2026-01-02", "10:15:00"
 *   TIMESTAMP              "2026-01-02 10:15:30.12": no trailing zeros; with is_iso a T in between
 *   TIMESTAMP_LTZ          likewise in UTC with a Z behind
 *   INTERVAL               months, or milliseconds
 *   NULL                   null, or no field with leaves_null_out
 *
 * Any thread. */
#ifndef WEIR_SINKS_JSON_ROW_H
#define WEIR_SINKS_JSON_ROW_H

#include "sidecar/base/bytes.h"
#include "sidecar/column/batch.h"
#include "sidecar/plan/plan.h"

struct json_row_style {
        bool is_iso;            /* 'json.timestamp-format.standard' = 'ISO-8601' */
        bool is_plain_decimal;  /* 'json.encode.decimal-as-plain-number' */
        bool leaves_null_out;   /* 'json.encode.ignore-null-fields' */
};

/* One row of a table's physical columns, with a line feed behind. */
void json_row_append(struct bytes *json, const struct plan_table *table, const struct batch *rows, uint32_t i,
                     const struct json_row_style *style);

#endif
