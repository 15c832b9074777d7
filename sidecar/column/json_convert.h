/* json_convert.h - one JSON value as a value of a declared type, by the rules of Flink's json format.
 *
 *   BOOLEAN      true and false; of anything else: is its text "true"? (any case, trimmed)
 *   INT, BIGINT  numbers that fit, cut toward zero; text of digits, trimmed. TINYINT, SMALLINT: digits only
 *   FLOAT,       numbers; text as Java parses it, trimmed
 *   DOUBLE
 *   DECIMAL      numbers and text, rounded HALF_UP; NULL when it does not fit
 *   STRING       text; numbers and booleans as written; objects and arrays as their JSON without blanks
 *   BYTES        text in base64
 *   DATE         yyyy-MM-dd
 *   TIME         HH:mm:ss[.f], whole seconds are kept
 *   TIMESTAMP    yyyy-MM-dd HH:mm:ss[.f]; with 'ISO-8601' a T instead of the blank; TIMESTAMP_LTZ with a Z behind
 *
 * What does not convert is REASON_BAD_TEXT. (sql-semantics.md 7.4; dates and times resolve as Java's SMART
 * style does: 30 February is its last day, 24:00:00 the next midnight.) */
#ifndef WEIR_SIDECAR_COLUMN_JSON_CONVERT_H
#define WEIR_SIDECAR_COLUMN_JSON_CONVERT_H

#include "sidecar/column/batch.h"
#include "sidecar/column/json_scan.h"

struct json_convert {
        bool is_iso_8601;
        struct bytes text; /* scratch: what a string value of the last call points to, with room behind it */
};

/* `value` is no null. A container was read up to its opening bracket and is consumed here. Strings in ret_value
 * point into the scanned text or into convert->text; at least 16 bytes behind them may be read if that holds
 * for the scanned text. */
enum reason json_convert_value(struct json_convert *convert, struct json_scan *scan,
                               const struct json_scan_value *value, const struct type *type, struct value *ret_value);

#endif
