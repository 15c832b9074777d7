/* bytes.c - growth, formatting and bounded reading behind bytes.h. */
#include "sidecar/base/bytes.h"

#include "sidecar/base/alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { BYTES_FIRST_CAPACITY = 64, BYTES_VARINT_MAX = 10 };

void bytes_init(struct bytes *bytes)
{
        *bytes = (struct bytes){.data = NULL};
}

void bytes_done(struct bytes *bytes)
{
        if (bytes == NULL)
                return;
        alloc_free(bytes->data);
        bytes_init(bytes);
}

void bytes_reserve_slow(struct bytes *bytes, size_t more)
{
        size_t capacity = bytes->capacity > 0 ? bytes->capacity : BYTES_FIRST_CAPACITY;

        assert(more < SIZE_MAX / 4 && bytes->len < SIZE_MAX / 4);
        while (capacity < bytes->len + more)
                capacity *= 2;
        bytes->data = alloc_resize(bytes->data, capacity, 1);
        bytes->capacity = capacity;
}

void bytes_append_text(struct bytes *bytes, const char *text)
{
        bytes_append(bytes, text, strlen(text));
}

void bytes_append_format(struct bytes *bytes, const char *format, ...)
{
        size_t room;
        va_list args;
        va_list again;
        int len;

        va_start(args, format);
        va_copy(again, args);
        bytes_reserve(bytes, BYTES_FIRST_CAPACITY);
        room = bytes->capacity - bytes->len;
        len = vsnprintf((char *)bytes->data + bytes->len, room, format, args);
        assert(len >= 0);
        if ((size_t)len >= room) {
                bytes_reserve(bytes, (size_t)len + 1);
                vsnprintf((char *)bytes->data + bytes->len, (size_t)len + 1, format, again);
        }
        bytes->len += (size_t)len;
        va_end(again);
        va_end(args);
}

void bytes_append_u16(struct bytes *bytes, uint16_t value)
{
        bytes_put_u16(bytes_reserve(bytes, 2), value);
        bytes->len += 2;
}

void bytes_append_u32(struct bytes *bytes, uint32_t value)
{
        bytes_put_u32(bytes_reserve(bytes, 4), value);
        bytes->len += 4;
}

void bytes_append_u64(struct bytes *bytes, uint64_t value)
{
        bytes_put_u64(bytes_reserve(bytes, 8), value);
        bytes->len += 8;
}

void bytes_append_varint(struct bytes *bytes, uint64_t value)
{
        uint8_t *at = bytes_reserve(bytes, BYTES_VARINT_MAX);
        size_t n = 0;

        while (value >= 0x80) {
                at[n++] = (uint8_t)(value | 0x80);
                value >>= 7;
        }
        at[n++] = (uint8_t)value;
        bytes->len += n;
}

void bytes_append_lenslice(struct bytes *bytes, struct slice slice)
{
        bytes_append_varint(bytes, slice.len);
        bytes_append_slice(bytes, slice);
}

void bytes_drop_front(struct bytes *bytes, size_t n)
{
        assert(n <= bytes->len);
        if (n > 0 && n < bytes->len)
                memmove(bytes->data, bytes->data + n, bytes->len - n);
        bytes->len -= n;
}

/* ---- reader ---- */

/* Where the next n bytes stand, or NULL and `failed`. */
static const uint8_t *bytes_reader_take(struct bytes_reader *reader, size_t n)
{
        const uint8_t *at = reader->at;

        if (reader->failed || (size_t)(reader->end - at) < n) {
                reader->failed = true;
                return NULL;
        }
        reader->at += n;
        return at;
}

uint8_t bytes_read_u8(struct bytes_reader *reader)
{
        const uint8_t *at = bytes_reader_take(reader, 1);

        return at == NULL ? 0 : at[0];
}

uint16_t bytes_read_u16(struct bytes_reader *reader)
{
        const uint8_t *at = bytes_reader_take(reader, 2);

        return at == NULL ? 0 : bytes_get_u16(at);
}

uint32_t bytes_read_u32(struct bytes_reader *reader)
{
        const uint8_t *at = bytes_reader_take(reader, 4);

        return at == NULL ? 0 : bytes_get_u32(at);
}

uint64_t bytes_read_u64(struct bytes_reader *reader)
{
        const uint8_t *at = bytes_reader_take(reader, 8);

        return at == NULL ? 0 : bytes_get_u64(at);
}

uint64_t bytes_read_varint(struct bytes_reader *reader)
{
        uint64_t value = 0;

        for (unsigned shift = 0; shift < 64; shift += 7) {
                uint8_t byte = bytes_read_u8(reader);

                if (reader->failed)
                        return 0;
                if (shift == 63 && byte > 1)
                        break; /* would not fit 64 bits, or an eleventh byte follows */
                value |= (uint64_t)(byte & 0x7f) << shift;
                if ((byte & 0x80) == 0)
                        return value;
        }
        reader->failed = true;
        return 0;
}

struct slice bytes_read_slice(struct bytes_reader *reader, size_t len)
{
        const uint8_t *at = bytes_reader_take(reader, len);

        return at == NULL ? slice_make(NULL, 0) : slice_make(at, len);
}

struct slice bytes_read_text(struct bytes_reader *reader)
{
        uint64_t len = bytes_read_varint(reader);

        if (len > (uint64_t)(reader->end - reader->at)) {
                reader->failed = true;
                return slice_make(NULL, 0);
        }
        return bytes_read_slice(reader, (size_t)len);
}
