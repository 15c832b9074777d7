/* binary.h - Avro's binary encoding over bytes in memory: bounded reads, skips and writes.
 *
 *   int, long      zig-zag varint, little end first, 1 to 10 bytes
 *   string, bytes  long length, then the bytes
 *   map, array     blocks: long n; n < 0 means -n items behind a long size in bytes; n == 0 ends
 *   union          long branch, then the value;  enum: int index;  fixed: bare;  boolean: one byte
 *
 * Two layers. binary_long is the bare one for tight loops: it moves a pointer and never looks past `end`.
 * struct binary_reader is the patient one: it stops at the first trouble and says which kind it was, "so many
 * bytes are missing" or "this cannot be right". Nothing here allocates but the binary_append_ family. */
#ifndef WEIR_AVRO_BINARY_H
#define WEIR_AVRO_BINARY_H

#include "sidecar/base/bytes.h"

enum { BINARY_LONG_BYTES_MAX = 10 };

static inline int64_t binary_unzigzag(uint64_t raw)
{
        return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}
static inline uint64_t binary_zigzag(int64_t value)
{
        return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

/* Varints of two bytes and more; NULL as binary_long. */
const uint8_t *binary_long_slow(const uint8_t *at, const uint8_t *end, int64_t *ret_value);

/* One int or long at `at` (at <= end). Returns the position behind it, or NULL when the bytes end first or the
 * varint does not fit 64 bits; binary_long_is_short tells the two apart. */
static inline const uint8_t *binary_long(const uint8_t *at, const uint8_t *end, int64_t *ret_value)
{
        if (at < end && *at < 0x80) {
                *ret_value = (int64_t)(*at >> 1) ^ -(int64_t)(*at & 1);
                return at + 1;
        }
        return binary_long_slow(at, end, ret_value);
}

/* After binary_long gave NULL: true when more bytes could still make it whole. */
bool binary_long_is_short(const uint8_t *at, const uint8_t *end);

/* Reads in sequence. Each call returns true and moves on, or returns false, leaves `at` at the start of what could not
 * be read and fills exactly one of missing and problem. */
struct binary_reader {
        const uint8_t *at;
        const uint8_t *end;
        size_t missing;      /* > 0: the value goes on behind end; at least so many more bytes are needed */
        const char *problem; /* not NULL: no further bytes can make this right; words for a message, static */
};

static inline struct binary_reader binary_reader_make(const uint8_t *at, const uint8_t *end)
{
        return (struct binary_reader){.at = at, .end = end};
}
bool binary_read_long(struct binary_reader *reader, int64_t *ret_value);
/* String or bytes of at most max_bytes; the slice points into the input. */
bool binary_read_bytes(struct binary_reader *reader, size_t max_bytes, struct slice *ret_bytes);
bool binary_read_raw(struct binary_reader *reader, size_t len, struct slice *ret_bytes);
/* Head of an array or map block: the number of items, 0 at the end. The byte size behind a negative count is read and
 * ignored, as Java does. */
bool binary_read_block(struct binary_reader *reader, uint64_t max_items, uint64_t *ret_items);
bool binary_skip_raw(struct binary_reader *reader, uint64_t len);

/* Writes at most BINARY_LONG_BYTES_MAX bytes at `at`; returns how many. */
unsigned binary_put_long(uint8_t *at, int64_t value);
void binary_append_long(struct bytes *bytes, int64_t value);
/* String or bytes: length and content. */
void binary_append_bytes(struct bytes *bytes, struct slice value);

#endif
