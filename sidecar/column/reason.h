/* reason.h - why an event did not become a row: the words of dead letters.
 *
 * The word is stable: it stands in the log, in metrics and in the dead-letter file, and scripts match it. The
 * sentence is for people. Any thread. */
#ifndef WEIR_SIDECAR_COLUMN_REASON_H
#define WEIR_SIDECAR_COLUMN_REASON_H

#include "sidecar/base/slice.h"

enum reason {
        REASON_NONE,
        REASON_TRUNCATED,       /* "truncated": the body ends inside a field */
        REASON_BAD_VARINT,      /* "bad-varint": longer than 10 bytes, or more than 64 bits */
        REASON_BAD_INT,         /* "bad-int": an Avro int or enum index beyond 32 bits */
        REASON_BAD_BOOLEAN,     /* "bad-boolean": neither 0 nor 1 */
        REASON_BAD_LENGTH,      /* "bad-length": negative length of a string or bytes value */
        REASON_BAD_BRANCH,      /* "bad-union-branch" */
        REASON_BAD_SYMBOL,      /* "bad-enum-index" */
        REASON_BAD_BLOCK,       /* "bad-block": count or byte size of an array or map block cannot be */
        REASON_TOO_MANY_ITEMS,  /* "too-many-items": more items without bytes than LIMIT_ZERO_SIZE_ITEMS */
        REASON_TOO_DEEP,        /* "too-deep": nested deeper than LIMIT_DATUM_DEPTH */
        REASON_NULL_VALUE,      /* "null-value": NULL for a column declared NOT NULL */
        REASON_OUT_OF_RANGE,    /* "out-of-range": does not fit the declared type */
        REASON_BAD_TEXT,        /* "bad-text": text that is no value of the declared type */
        REASON_BAD_JSON,        /* "bad-json": not a JSON object */
        REASON_TOO_LARGE,       /* "too-large": LIMIT_EVENT_BODY_BYTES, LIMIT_HEADERS_PER_EVENT, LIMIT_HEADER_BYTES;
                                 * also a decoded row that no record of the log holds (job/scan.c) */
        REASON_COUNT
};

const char *reason_word(enum reason reason);
/* "the body ends inside field 'price'". Cut to fit, always terminated. */
enum { REASON_TEXT_BYTES = 256 };
void reason_format(enum reason reason, struct slice field, char text[REASON_TEXT_BYTES]);

#endif
