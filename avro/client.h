/* client.h - the sending side of Flume's Avro RPC, without a socket: batches in, frames out; replies in, answers out.
 *
 * Makes what an avro sink or the SDK's client makes: a handshake in front of the first call of a connection, one
 * appendBatch per frame, buffers of 8192 bytes, serials from 1, and with deflate one zlib stream for the connection
 * with a sync flush behind each frame (flume-avro-wire.md sections 1 to 4). A NONE answer to the handshake is told as a
 * refusal: weir and Flume know the hash. One thread. */
#ifndef WEIR_AVRO_CLIENT_H
#define WEIR_AVRO_CLIENT_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"

struct client;

/* deflate_level -1: plain; 0 .. 9. */
struct client *client_new(int deflate_level);
struct client *client_free(struct client *client); /* NULL allowed; returns NULL */

/* A batch of n_events events, each encoded as AvroFlumeEvent one behind the other (client_append_event): appends the
 * frame to `out` and returns its serial. */
uint32_t client_append_batch(struct client *client, uint32_t n_events, struct slice events, struct bytes *out);
/* Ends the deflate stream, when there is one, as agents do before they close. */
void client_append_end(struct client *client, struct bytes *out);

/* One AvroFlumeEvent. */
void client_append_event(struct bytes *events, const struct slice *header_keys, const struct slice *header_values,
                         uint32_t n_headers, struct slice body);

enum client_status { CLIENT_OK, CLIENT_FAILED, CLIENT_UNKNOWN, CLIENT_ERROR };

struct client_answer {
        uint32_t serial;
        enum client_status status;
        struct slice text; /* CLIENT_ERROR: the server's words; valid until the next call */
};

/* Bytes that arrived. */
int client_feed(struct client *client, const uint8_t *data, size_t len, struct err *err) WEIR_MUST_CHECK;
/* The next answer: 1, 0 when none is whole yet, < 0 when these are no answers (ERR_DATA). */
int client_next(struct client *client, struct client_answer *ret_answer, struct err *err) WEIR_MUST_CHECK;

#endif
