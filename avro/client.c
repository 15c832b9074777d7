/* client.c - the sending side of Flume's Avro RPC. See client.h. */
#include "avro/client.h"

#include "avro/binary.h"
#include "avro/call.h"
#include "avro/frame.h"
#include "avro/handshake.h"
#include "avro/protocol.h"
#include "sidecar/base/alloc.h"

#include <stdlib.h>
#include <zlib.h>

enum { REPLY_BYTES_MAX = 1 << 20, INFLATE_PIECE_BYTES = 16 << 10 };

struct client {
        bool is_deflating;
        z_stream deflater, inflater;
        uint32_t serial;
        bool has_sent;      /* the handshake went out */
        bool is_connected;  /* and was answered */
        struct bytes head, payload, frame;
        struct bytes input; /* received and inflated, not yet an answer */
        size_t at;
        struct frame deframer;
        struct bytes reply;
};

struct client *client_new(int deflate_level)
{
        struct client *client = alloc_zero(1, sizeof *client);

        client->is_deflating = deflate_level >= 0;
        if (client->is_deflating &&
            (deflateInit(&client->deflater, deflate_level) != Z_OK || inflateInit(&client->inflater) != Z_OK))
                abort(); /* only for want of memory */
        frame_init(&client->deframer, frame_limits_default());
        return client;
}

struct client *client_free(struct client *client)
{
        if (client == NULL)
                return NULL;
        if (client->is_deflating) {
                deflateEnd(&client->deflater);
                inflateEnd(&client->inflater);
        }
        bytes_done(&client->head);
        bytes_done(&client->payload);
        bytes_done(&client->frame);
        bytes_done(&client->input);
        bytes_done(&client->reply);
        alloc_free(client);
        return NULL;
}

/* Everything in `data` through the stream, complete up to its last byte (or to the stream's end). */
static void deflate_into(struct client *client, struct slice data, int flush, struct bytes *out)
{
        client->deflater.next_in = (Bytef *)(uintptr_t)data.data;
        client->deflater.avail_in = (uInt)data.len;
        do {
                client->deflater.next_out = bytes_reserve(out, data.len / 4 + 256);
                client->deflater.avail_out =
                        (uInt)(out->capacity - out->len < UINT32_MAX ? out->capacity - out->len : UINT32_MAX);
                deflate(&client->deflater, flush);
                out->len = (size_t)(client->deflater.next_out - out->data);
        } while (client->deflater.avail_out == 0);
}

uint32_t client_append_batch(struct client *client, uint32_t n_events, struct slice events, struct bytes *out)
{
        uint32_t serial = ++client->serial;

        bytes_reset(&client->head);
        bytes_reset(&client->payload);
        bytes_reset(&client->frame);
        if (!client->has_sent)
                handshake_append_request(&client->head, protocol_flume_hash(), slice_make(NULL, 0),
                                         protocol_flume_hash());
        client->has_sent = true;
        call_append_head(&client->head, CALL_APPEND_BATCH);
        if (n_events > 0)
                binary_append_long(&client->payload, n_events);
        bytes_append_slice(&client->payload, events);
        bytes_append_byte(&client->payload, 0);
        if (!client->is_deflating) {
                frame_append(out, serial, bytes_slice(&client->head), bytes_slice(&client->payload));
                return serial;
        }
        frame_append(&client->frame, serial, bytes_slice(&client->head), bytes_slice(&client->payload));
        deflate_into(client, bytes_slice(&client->frame), Z_SYNC_FLUSH, out);
        return serial;
}

void client_append_end(struct client *client, struct bytes *out)
{
        if (client->is_deflating)
                deflate_into(client, slice_make(NULL, 0), Z_FINISH, out);
}

void client_append_event(struct bytes *events, const struct slice *header_keys, const struct slice *header_values,
                         uint32_t n_headers, struct slice body)
{
        if (n_headers > 0)
                binary_append_long(events, n_headers);
        for (uint32_t i = 0; i < n_headers; i++) {
                binary_append_bytes(events, header_keys[i]);
                binary_append_bytes(events, header_values[i]);
        }
        bytes_append_byte(events, 0);
        binary_append_bytes(events, body);
}

int client_feed(struct client *client, const uint8_t *data, size_t len, struct err *err)
{
        bytes_drop_front(&client->input, client->at);
        client->at = 0;
        if (client->input.len + len > REPLY_BYTES_MAX)
                return err_set(err, ERR_DATA, "the server sends more than %d bytes of answers at once",
                               REPLY_BYTES_MAX);
        if (!client->is_deflating) {
                bytes_append(&client->input, data, len);
                return 0;
        }
        client->inflater.next_in = (Bytef *)(uintptr_t)data;
        client->inflater.avail_in = (uInt)len;
        do {
                int result;

                client->inflater.next_out = bytes_reserve(&client->input, INFLATE_PIECE_BYTES);
                client->inflater.avail_out = INFLATE_PIECE_BYTES;
                result = inflate(&client->inflater, Z_SYNC_FLUSH);
                client->input.len = (size_t)(client->inflater.next_out - client->input.data);
                if (result == Z_STREAM_END || result == Z_BUF_ERROR)
                        break;
                if (result != Z_OK)
                        return err_set(err, ERR_DATA, "the server's answer is not a zlib stream: is deflate on there?");
                if (client->input.len > REPLY_BYTES_MAX)
                        return err_set(err, ERR_DATA, "the server's answer inflates to more than %d bytes",
                                       REPLY_BYTES_MAX);
        } while (client->inflater.avail_out == 0 || client->inflater.avail_in > 0);
        return 0;
}

/* A whole reply stands in client->reply. */
static int read_reply(struct client *client, struct client_answer *ret_answer, struct err *err)
{
        struct binary_reader reader = binary_reader_make(client->reply.data, client->reply.data + client->reply.len);
        enum call_status status = CALL_OK;
        bool is_error = false;

        ret_answer->serial = client->deframer.serial;
        ret_answer->text = slice_make(NULL, 0);
        if (!client->is_connected) {
                enum handshake_match match;
                struct slice text;
                struct slice hash;

                if (!handshake_read_response(&reader, &match, &text, &hash))
                        return err_set(err, ERR_DATA, "the server's answer to the handshake cannot be read");
                if (match == HANDSHAKE_NONE)
                        return err_set(err, ERR_DATA, "the server does not know Flume's protocol");
                client->is_connected = true;
        }
        if (!call_read_reply(&reader, &is_error, &status, &ret_answer->text))
                return err_set(err, ERR_DATA, "the server's answer cannot be read");
        ret_answer->status = is_error                ? CLIENT_ERROR
                             : status == CALL_OK     ? CLIENT_OK
                             : status == CALL_FAILED ? CLIENT_FAILED
                                                     : CLIENT_UNKNOWN;
        return 1;
}

int client_next(struct client *client, struct client_answer *ret_answer, struct err *err)
{
        for (;;) {
                const uint8_t *at = client->input.data + client->at;
                struct slice span = {NULL, 0};
                enum frame_step step =
                        frame_next(&client->deframer, &at, client->input.data + client->input.len, &span);

                client->at = (size_t)(at - client->input.data);
                switch (step) {
                case FRAME_MORE:
                        return 0;
                case FRAME_BEGIN:
                        bytes_reset(&client->reply);
                        break;
                case FRAME_SPAN:
                        if (client->reply.len + span.len > REPLY_BYTES_MAX)
                                return err_set(err, ERR_DATA, "an answer is longer than %d bytes", REPLY_BYTES_MAX);
                        bytes_append_slice(&client->reply, span);
                        break;
                case FRAME_END:
                        return read_reply(client, ret_answer, err);
                case FRAME_OVERSIZE:
                case FRAME_BAD:
                        return err_set(err, ERR_DATA, "the server does not speak Avro RPC: %s",
                                       frame_problem_text(client->deframer.problem));
                }
        }
}
