/* snappy.c - the raw Snappy format, read only. See snappy.h.
 *
 *     block   := varint length of the plain bytes, element*
 *     literal := byte n << 2 | 0, n + 1 bytes  n of 60 to 63: n stands in the next 1 to 4 bytes
 *     copy    := byte o << 5 | (n - 4) << 2 | 1, byte         n of 4 to 11, offset o << 8 | byte
 *              | byte (n - 1) << 2 | 2, 2 bytes of offset
 *              | byte (n - 1) << 2 | 3, 4 bytes of offset
 *
 * Numbers are little-endian. A copy repeats what was written `offset` bytes before, and may overlap itself. Source:
 * format_description.txt of google/snappy. */
#include "avro/snappy.h"

enum { LENGTH_BYTES_MAX = 5 };

struct input {
        const uint8_t *at, *end;
};

/* n bytes, little-endian; false at the end. */
static bool read_number(struct input *input, unsigned n, uint32_t *ret_number)
{
        if ((size_t)(input->end - input->at) < n)
                return false;
        *ret_number = 0;
        for (unsigned i = 0; i < n; i++)
                *ret_number |= (uint32_t)*input->at++ << 8 * i;
        return true;
}

static bool read_length(struct input *input, uint64_t *ret_length)
{
        *ret_length = 0;
        for (unsigned i = 0; i < LENGTH_BYTES_MAX && input->at < input->end; i++) {
                uint8_t byte = *input->at++;

                *ret_length |= (uint64_t)(byte & 0x7f) << 7 * i;
                if ((byte & 0x80) == 0)
                        return true;
        }
        return false;
}

static bool read_literal(struct input *input, uint8_t tag, size_t room, struct bytes *plain)
{
        uint32_t n = tag >> 2;

        if (n >= 60 && !read_number(input, n - 59, &n))
                return false;
        if (n >= room || n >= (size_t)(input->end - input->at))
                return false;
        bytes_append(plain, input->at, (size_t)n + 1);
        input->at += (size_t)n + 1;
        return true;
}

static bool read_copy(struct input *input, uint8_t tag, size_t room, struct bytes *plain)
{
        uint32_t n = (uint32_t)(tag >> 2) + 1, offset;

        if ((tag & 3) == 1) {
                n = (tag >> 2 & 7u) + 4;
                if (!read_number(input, 1, &offset))
                        return false;
                offset |= (uint32_t)(tag >> 5) << 8;
        } else if (!read_number(input, (tag & 3) == 2 ? 2 : 4, &offset)) {
                return false;
        }
        if (offset == 0 || offset > plain->len || n > room)
                return false;
        for (uint32_t i = 0; i < n; i++)
                bytes_append_byte(plain, plain->data[plain->len - offset]);
        return true;
}

bool snappy_inflate(struct slice data, size_t most, struct bytes *plain)
{
        struct input input = {data.data, data.data + data.len};
        uint64_t length;

        bytes_reset(plain);
        if (!read_length(&input, &length) || length > most)
                return false;
        while (input.at < input.end) {
                uint8_t tag = *input.at++;
                size_t room = (size_t)length - plain->len;

                if (!((tag & 3) == 0 ? read_literal(&input, tag, room, plain) : read_copy(&input, tag, room, plain)))
                        return false;
        }
        return plain->len == length;
}
