/* binary.c - Avro's binary encoding: the parts that are not worth inlining. */
#include "avro/binary.h"

const uint8_t *binary_long_slow(const uint8_t *at, const uint8_t *end, int64_t *ret_value)
{
        uint64_t raw = 0;

        for (unsigned shift = 0; at < end; at++, shift += 7) {
                uint64_t bits = *at & 0x7f;

                /* the tenth byte has room for one bit only */
                if (shift == 63 && *at > 1)
                        return NULL;
                raw |= bits << shift;
                if (*at < 0x80) {
                        *ret_value = binary_unzigzag(raw);
                        return at + 1;
                }
        }
        return NULL;
}

bool binary_long_is_short(const uint8_t *at, const uint8_t *end)
{
        size_t len = (size_t)(end - at);

        if (len >= BINARY_LONG_BYTES_MAX)
                return false;
        for (size_t i = 0; i < len; i++)
                if (at[i] < 0x80)
                        return false;
        return true;
}

static bool reader_missing(struct binary_reader *reader, uint64_t missing)
{
        reader->missing = missing > SIZE_MAX ? SIZE_MAX : (size_t)missing;
        return false;
}

static bool reader_problem(struct binary_reader *reader, const char *problem)
{
        reader->problem = problem;
        return false;
}

bool binary_read_long(struct binary_reader *reader, int64_t *ret_value)
{
        const uint8_t *next = binary_long(reader->at, reader->end, ret_value);

        if (next == NULL && binary_long_is_short(reader->at, reader->end))
                return reader_missing(reader, 1);
        if (next == NULL)
                return reader_problem(reader, "a number of more than 64 bits");
        reader->at = next;
        return true;
}

bool binary_read_raw(struct binary_reader *reader, size_t len, struct slice *ret_bytes)
{
        size_t have = (size_t)(reader->end - reader->at);

        if (len > have)
                return reader_missing(reader, len - have);
        *ret_bytes = slice_make(reader->at, len);
        reader->at += len;
        return true;
}

bool binary_skip_raw(struct binary_reader *reader, uint64_t len)
{
        size_t have = (size_t)(reader->end - reader->at);

        if (len > have)
                return reader_missing(reader, len - have);
        reader->at += len;
        return true;
}

bool binary_read_bytes(struct binary_reader *reader, size_t max_bytes, struct slice *ret_bytes)
{
        const uint8_t *start = reader->at;
        int64_t len;

        if (!binary_read_long(reader, &len))
                return false;
        if (len < 0 || (uint64_t)len > max_bytes) {
                reader->at = start;
                return reader_problem(reader, len < 0 ? "a negative length" : "a length above the limit");
        }
        if (!binary_read_raw(reader, (size_t)len, ret_bytes)) {
                reader->at = start;
                return false;
        }
        return true;
}

bool binary_read_block(struct binary_reader *reader, uint64_t max_items, uint64_t *ret_items)
{
        const uint8_t *start = reader->at;
        int64_t count, size;

        if (!binary_read_long(reader, &count))
                return false;
        if (count < 0) {
                if (!binary_read_long(reader, &size)) {
                        reader->at = start;
                        return false;
                }
        }
        /* negated as unsigned: the smallest long has no positive twin */
        uint64_t items = count < 0 ? -(uint64_t)count : (uint64_t)count;
        if (items > max_items) {
                reader->at = start;
                return reader_problem(reader, "more items than the limit allows");
        }
        *ret_items = items;
        return true;
}

unsigned binary_put_long(uint8_t *at, int64_t value)
{
        uint64_t raw = binary_zigzag(value);
        unsigned n = 0;

        while (raw >= 0x80) {
                at[n++] = (uint8_t)(raw | 0x80);
                raw >>= 7;
        }
        at[n++] = (uint8_t)raw;
        return n;
}

void binary_append_long(struct bytes *bytes, int64_t value)
{
        bytes->len += binary_put_long(bytes_reserve(bytes, BINARY_LONG_BYTES_MAX), value);
}

void binary_append_bytes(struct bytes *bytes, struct slice value)
{
        binary_append_long(bytes, (int64_t)value.len);
        bytes_append_slice(bytes, value);
}
