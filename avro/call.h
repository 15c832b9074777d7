/* call.h - the call inside a frame: head of a request, replies.
 *
 *     request := [HandshakeRequest]  metadata:map<bytes>  message:string  parameters
 *     reply   := [HandshakeResponse] metadata:map<bytes>  error:boolean
 *                then, without error, the response: for both messages the enum Status, OK=0 FAILED=1 UNKNOWN=2
 *                or, with error, a union whose branch 0 is a string, the "system error"
 *
 * A normal reply is three bytes: `00` no metadata, `00` no error, `00` OK. An empty message name is a ping: it is
 * answered by the handshake alone, or by one empty buffer. Here are both sides, the server's and the client's. */
#ifndef WEIR_AVRO_CALL_H
#define WEIR_AVRO_CALL_H

#include "avro/binary.h"

enum call_message { CALL_PING, CALL_APPEND, CALL_APPEND_BATCH, CALL_UNKNOWN };
enum call_status { CALL_OK = 0, CALL_FAILED = 1, CALL_UNKNOWN_STATUS = 2 };

/* Metadata and name. As the reads of binary.h; the name points into the input. */
bool call_read_head(struct binary_reader *reader, enum call_message *ret_message, struct slice *ret_name);

/* Replies, without frame and handshake. */
void call_append_status(struct bytes *bytes, enum call_status status);
void call_append_error(struct bytes *bytes, struct slice text);

/* The client's side. */
void call_append_head(struct bytes *bytes, enum call_message message);
/* *ret_is_error: *ret_text is the server's reason (in the input), otherwise *ret_status is its answer. As the reads
 * of binary.h. */
bool call_read_reply(struct binary_reader *reader, bool *ret_is_error, enum call_status *ret_status,
                     struct slice *ret_text);

#endif
