/* bytes.h - owned, growing bytes, and little-endian fields.
 *
 * The buffer behind the writers of records, requests and text. Growth doubles and aborts on OOM
 * (alloc.h); what input controls is compared with limits.h before it gets here. One thread at a
 * time. */
#ifndef WEIR_SIDECAR_BASE_BYTES_H
#define WEIR_SIDECAR_BASE_BYTES_H

#include "sidecar/base/slice.h"

struct bytes {
        uint8_t *data;
        size_t len;
        size_t capacity;
};

void bytes_init(struct bytes *bytes);
void bytes_done(struct bytes *bytes);
/* Empties, keeps the storage. */
static inline void bytes_reset(struct bytes *bytes)
{
        bytes->len = 0;
}
void bytes_reserve_slow(struct bytes *bytes, size_t more);
/* Makes room for `more` bytes and returns where they start; the caller then adds to len. */
static inline uint8_t *bytes_reserve(struct bytes *bytes, size_t more)
{
        if (bytes->capacity - bytes->len < more)
                bytes_reserve_slow(bytes, more);
        return bytes->data + bytes->len;
}
static inline void bytes_append(struct bytes *bytes, const void *data, size_t len)
{
        if (len == 0)
                return;
        memcpy(bytes_reserve(bytes, len), data, len);
        bytes->len += len;
}
static inline void bytes_append_slice(struct bytes *bytes, struct slice slice)
{
        bytes_append(bytes, slice.data, slice.len);
}
static inline void bytes_append_byte(struct bytes *bytes, uint8_t byte)
{
        *bytes_reserve(bytes, 1) = byte;
        bytes->len += 1;
}
void bytes_append_text(struct bytes *bytes, const char *text);
void bytes_append_format(struct bytes *bytes, const char *format, ...) __attribute__((format(printf, 2, 3)));
void bytes_append_u16(struct bytes *bytes, uint16_t value); /* little-endian */
void bytes_append_u32(struct bytes *bytes, uint32_t value);
void bytes_append_u64(struct bytes *bytes, uint64_t value);
/* Unsigned LEB128, at most 10 bytes. */
void bytes_append_varint(struct bytes *bytes, uint64_t value);
/* Removes the first n bytes. */
void bytes_drop_front(struct bytes *bytes, size_t n);
static inline struct slice bytes_slice(const struct bytes *bytes)
{
        return slice_make(bytes->data, bytes->len);
}

static inline uint16_t bytes_get_u16(const uint8_t *at)
{
        return (uint16_t)(at[0] | at[1] << 8);
}
static inline uint32_t bytes_get_u32(const uint8_t *at)
{
        return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline uint64_t bytes_get_u64(const uint8_t *at)
{
        return (uint64_t)bytes_get_u32(at) | (uint64_t)bytes_get_u32(at + 4) << 32;
}
static inline uint32_t bytes_get_be32(const uint8_t *at)
{
        return (uint32_t)at[3] | (uint32_t)at[2] << 8 | (uint32_t)at[1] << 16 | (uint32_t)at[0] << 24;
}
static inline void bytes_put_u16(uint8_t *at, uint16_t value)
{
        at[0] = (uint8_t)value;
        at[1] = (uint8_t)(value >> 8);
}
static inline void bytes_put_u32(uint8_t *at, uint32_t value)
{
        at[0] = (uint8_t)value;
        at[1] = (uint8_t)(value >> 8);
        at[2] = (uint8_t)(value >> 16);
        at[3] = (uint8_t)(value >> 24);
}
static inline void bytes_put_u64(uint8_t *at, uint64_t value)
{
        bytes_put_u32(at, (uint32_t)value);
        bytes_put_u32(at + 4, (uint32_t)(value >> 32));
}
static inline void bytes_put_be32(uint8_t *at, uint32_t value)
{
        at[0] = (uint8_t)(value >> 24);
        at[1] = (uint8_t)(value >> 16);
        at[2] = (uint8_t)(value >> 8);
        at[3] = (uint8_t)value;
}

/* A reader that cannot run over: on a short input `failed` is set, and every later read gives 0. */
struct bytes_reader {
        const uint8_t *at;
        const uint8_t *end;
        bool failed;
};

static inline struct bytes_reader bytes_reader_make(struct slice slice)
{
        return (struct bytes_reader){.at = slice.data, .end = slice.data + slice.len, .failed = false};
}
uint8_t bytes_read_u8(struct bytes_reader *reader);
uint16_t bytes_read_u16(struct bytes_reader *reader);
uint32_t bytes_read_u32(struct bytes_reader *reader);
uint64_t bytes_read_u64(struct bytes_reader *reader);
uint64_t bytes_read_varint(struct bytes_reader *reader);
struct slice bytes_read_slice(struct bytes_reader *reader, size_t len);
/* varint length + bytes */
struct slice bytes_read_text(struct bytes_reader *reader);
void bytes_append_lenslice(struct bytes *bytes, struct slice slice);

#endif
