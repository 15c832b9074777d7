/* json_scan.h - JSON text, token by token, as it stands in memory.
 *
 * A scan walks over one text and hands out what is there: the caller asks for values, members and elements in
 * the order of the text, and skips what it does not want. Numbers stay text, so nothing is lost of a DECIMAL;
 * strings stay raw until somebody wants them. The grammar is RFC 8259 with one liberty that Flink's reader
 * takes as well: control characters may stand in strings as they are. Strings must be UTF-8, nesting is bounded
 * by LIMIT_DATUM_DEPTH. Once something is wrong, every function says false. Any thread. */
#ifndef WEIR_SIDECAR_COLUMN_JSON_SCAN_H
#define WEIR_SIDECAR_COLUMN_JSON_SCAN_H

#include "sidecar/base/bytes.h"
#include "sidecar/column/reason.h"

enum json_scan_kind {
        JSON_SCAN_NULL,
        JSON_SCAN_TRUE,
        JSON_SCAN_FALSE,
        JSON_SCAN_NUMBER,
        JSON_SCAN_STRING,
        JSON_SCAN_OBJECT,
        JSON_SCAN_ARRAY,
};

struct json_scan {
        const uint8_t *at, *end;
        const uint8_t *begin;
        unsigned depth;      /* containers open */
        enum reason reason;  /* not NONE: what is wrong, at `at` */
};

struct json_scan_value {
        enum json_scan_kind kind;
        struct slice text;    /* NUMBER, TRUE, FALSE, NULL: as written; STRING: between the quotes, raw */
        bool has_escapes;     /* STRING */
        bool is_integer;      /* NUMBER: neither fraction nor exponent */
};

struct json_scan json_scan_make(struct slice text);

/* The value that comes next; of a container only its opening bracket. */
bool json_scan_value(struct json_scan *scan, struct json_scan_value *ret_value);
/* Inside an object: the key of the next member; the value follows. False at the closing brace, too: then reason
 * is NONE. is_first: true before the first member. */
bool json_scan_member(struct json_scan *scan, bool is_first, struct json_scan_value *ret_key);
/* Inside an array: is there another element? */
bool json_scan_element(struct json_scan *scan, bool is_first);
/* Behind a container whose opening bracket was read. */
bool json_scan_skip(struct json_scan *scan, enum json_scan_kind kind);
/* Nothing but blanks follows. */
bool json_scan_end(struct json_scan *scan);

/* The string that a raw one stands for, appended; lone surrogates become '?', as in Java. */
void json_scan_unescape(const struct json_scan_value *string, struct bytes *text);
/* The bytes from a position `from` (behind an opening bracket) back to that bracket and up to the scan's
 * position, without blanks between tokens. */
void json_scan_compact(struct slice json, struct bytes *text);

#endif
