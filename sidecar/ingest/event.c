/* event.c - one AvroFlumeEvent: { headers: map of string, body: bytes }. */
#include "sidecar/ingest/event.h"

#include "avro/binary.h"
#include "sidecar/base/limits.h"

static bool skip_header(struct binary_reader *reader)
{
        const uint8_t *start = reader->at;
        struct slice key, value;

        if (!binary_read_bytes(reader, LIMIT_HEADER_BYTES, &key) ||
            !binary_read_bytes(reader, LIMIT_HEADER_BYTES, &value))
                return false;
        if ((size_t)(reader->at - start) > LIMIT_HEADER_BYTES) {
                reader->problem = "a header above the limit";
                return false;
        }
        return true;
}

static bool read_headers(struct binary_reader *reader, uint32_t *ret_n)
{
        uint64_t items;

        *ret_n = 0;
        for (;;) {
                if (!binary_read_block(reader, LIMIT_HEADERS_PER_EVENT - *ret_n, &items))
                        return false;
                if (items == 0)
                        return true;
                *ret_n += (uint32_t)items;
                for (; items > 0; items--)
                        if (!skip_header(reader))
                                return false;
        }
}

/* The usual event, whole and within all limits: true, or false without a reason. */
static bool take_usual(const uint8_t *at, const uint8_t *end, struct event *ret_event)
{
        const uint8_t *start = at, *body;
        int64_t items, len, key_len;
        uint32_t n_headers = 0;

        for (;;) {
                at = binary_long(at, end, &items);
                if (at == NULL || items < 0 || items > (int64_t)(LIMIT_HEADERS_PER_EVENT - n_headers))
                        return false;
                if (items == 0)
                        break;
                n_headers += (uint32_t)items;
                for (; items > 0; items--) {
                        at = binary_long(at, end, &key_len);
                        if (at == NULL || key_len < 0 || key_len > end - at)
                                return false;
                        at = binary_long(at + key_len, end, &len);
                        if (at == NULL || len < 0 || len > end - at || key_len > LIMIT_HEADER_BYTES / 2 ||
                            len > LIMIT_HEADER_BYTES / 2 - 2 * BINARY_LONG_BYTES_MAX)
                                return false;
                        at += len;
                }
        }
        body = at;
        at = binary_long(at, end, &len);
        if (at == NULL || len < 0 || len > end - at || len > LIMIT_FRAME_BYTES)
                return false;
        *ret_event = (struct event){
                .whole = slice_make(start, (size_t)(at + len - start)),
                .headers = slice_make(start, (size_t)(body - start)),
                .body = slice_make(at, (size_t)len),
                .n_headers = n_headers,
        };
        return true;
}

int event_next(const uint8_t **at, const uint8_t *end, struct event *ret_event, size_t *ret_need, struct err *err)
{
        struct binary_reader reader = binary_reader_make(*at, end);
        const uint8_t *body;
        uint32_t n_headers;
        struct slice content;

        if (take_usual(*at, end, ret_event)) {
                *at += ret_event->whole.len;
                return 0;
        }
        if (!read_headers(&reader, &n_headers))
                goto out;
        body = reader.at;
        if (!binary_read_bytes(&reader, LIMIT_FRAME_BYTES, &content))
                goto out;
        *ret_event = (struct event){
                .whole = slice_make(*at, (size_t)(reader.at - *at)),
                .headers = slice_make(*at, (size_t)(body - *at)),
                .body = content,
                .n_headers = n_headers,
        };
        *at = reader.at;
        return 0;
out:
        if (reader.problem != NULL)
                return err_set(err, ERR_DATA, "an event holds %s", reader.problem);
        *ret_need = (size_t)(end - *at) + reader.missing;
        return EVENT_E_MORE;
}

bool event_next_header(const struct event *event, const uint8_t **position, uint64_t *block_left, struct slice *ret_key,
                       struct slice *ret_value)
{
        struct binary_reader reader = binary_reader_make(*position, event->headers.data + event->headers.len);

        if (*position == event->headers.data)
                *block_left = 0;
        if (*block_left == 0 && !binary_read_block(&reader, LIMIT_HEADERS_PER_EVENT, block_left))
                return false;
        if (*block_left == 0 || !binary_read_bytes(&reader, LIMIT_HEADER_BYTES, ret_key) ||
            !binary_read_bytes(&reader, LIMIT_HEADER_BYTES, ret_value))
                return false;
        --*block_left;
        *position = reader.at;
        return true;
}

bool event_find_header(const struct event *event, struct slice key, struct slice *ret_value)
{
        const uint8_t *position = event->headers.data;
        struct slice other, value;
        uint64_t block_left = 0;
        bool is_found = false;

        while (event_next_header(event, &position, &block_left, &other, &value)) {
                if (slice_is_equal(key, other)) {
                        *ret_value = value;
                        is_found = true;
                }
        }
        return is_found;
}

void event_append(struct bytes *bytes, const struct slice *keys, const struct slice *values, uint32_t n_headers,
                  struct slice body)
{
        if (n_headers > 0)
                binary_append_long(bytes, n_headers);
        for (uint32_t i = 0; i < n_headers; i++) {
                binary_append_bytes(bytes, keys[i]);
                binary_append_bytes(bytes, values[i]);
        }
        bytes_append_byte(bytes, 0);
        binary_append_bytes(bytes, body);
}
