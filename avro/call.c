/* call.c - heads of calls and replies, both sides. */
#include "avro/call.h"

#include "avro/handshake.h"
#include "sidecar/base/limits.h"

static enum call_message message_of(struct slice name)
{
        if (name.len == 0)
                return CALL_PING;
        if (slice_is_equal(name, slice_from_text("appendBatch")))
                return CALL_APPEND_BATCH;
        if (slice_is_equal(name, slice_from_text("append")))
                return CALL_APPEND;
        return CALL_UNKNOWN;
}

bool call_read_head(struct binary_reader *reader, enum call_message *ret_message, struct slice *ret_name)
{
        const uint8_t *start = reader->at;

        if (!handshake_skip_meta(reader))
                return false;
        if (!binary_read_bytes(reader, LIMIT_MESSAGE_NAME_BYTES, ret_name)) {
                reader->at = start;
                return false;
        }
        *ret_message = message_of(*ret_name);
        return true;
}

void call_append_status(struct bytes *bytes, enum call_status status)
{
        uint8_t reply[3] = {0, 0, (uint8_t)(status << 1)};

        bytes_append(bytes, reply, sizeof(reply));
}

void call_append_error(struct bytes *bytes, struct slice text)
{
        bytes_append(bytes, "\0\1\0", 3);
        binary_append_bytes(bytes, text);
}

void call_append_head(struct bytes *bytes, enum call_message message)
{
        bytes_append_byte(bytes, 0);
        binary_append_bytes(bytes, slice_from_text(message == CALL_APPEND         ? "append"
                                                   : message == CALL_APPEND_BATCH ? "appendBatch"
                                                                                  : ""));
}

static bool read_reply(struct binary_reader *reader, bool *ret_is_error, enum call_status *ret_status,
                       struct slice *ret_text)
{
        struct slice flag;
        int64_t number;

        if (!handshake_skip_meta(reader) || !binary_read_raw(reader, 1, &flag) || !binary_read_long(reader, &number))
                return false;
        *ret_is_error = flag.data[0] != 0;
        if (*ret_is_error) {
                if (number != 0) {
                        reader->problem = "an error that is not declared";
                        return false;
                }
                return binary_read_bytes(reader, LIMIT_CALL_META_BYTES, ret_text);
        }
        if (number < CALL_OK || number > CALL_UNKNOWN_STATUS) {
                reader->problem = "a status that does not exist";
                return false;
        }
        *ret_status = (enum call_status)number;
        return true;
}

bool call_read_reply(struct binary_reader *reader, bool *ret_is_error, enum call_status *ret_status,
                     struct slice *ret_text)
{
        const uint8_t *start = reader->at;

        if (read_reply(reader, ret_is_error, ret_status, ret_text))
                return true;
        reader->at = start;
        return false;
}
