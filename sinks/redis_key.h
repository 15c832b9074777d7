/* redis_key.h - names of keys: parts from events can never leave their place.
 *
 *     weir:{TABLE}            weir:{TABLE:PART:PART}
 *
 * Every part is percent-encoded as in RFC 3986: all bytes but A-Z a-z 0-9 - . _ ~ become %XX (upper case), so a
 * part never holds ':', '{', '}', '%', blanks or control bytes, and any language's standard URL quoting of the
 * value gives the same text (Python: urllib.parse.quote(value, safe="")). The braces make all keys of one entity
 * share a cluster slot.
 *
 * Parts joined by ':' that are longer than REDIS_KEY_PARTS_MAX bytes are cut there and followed by '+' and the
 * SHA-256 (lower-case hex) of the whole encoded text; '+' occurs nowhere else. Any thread. */
#ifndef WEIR_SINKS_REDIS_KEY_H
#define WEIR_SINKS_REDIS_KEY_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/limits.h"

/* Leaves room for "weir:{", the table's name, '+', 64 hex digits and '}' below LIMIT_REDIS_KEY_BYTES. */
enum { REDIS_KEY_PARTS_MAX = 512 };

/* "weir:{TABLE" */
void redis_key_begin(struct bytes *key, struct slice table);
/* ":PART" */
void redis_key_part(struct bytes *key, struct slice part);
/* "}"; cuts the parts when they are too long. begun: key->len behind redis_key_begin. */
void redis_key_end(struct bytes *key, size_t begun);

#endif
