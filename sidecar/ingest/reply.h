/* reply.h - the calls of a connection that wait for their answer, and the bytes of the answers.
 *
 * Calls are answered in any order and leave in the order in which they came: clients that are simpler than Java's
 * insist on it. Every call has one reply, one frame, one buffer. */
#ifndef WEIR_SIDECAR_INGEST_REPLY_H
#define WEIR_SIDECAR_INGEST_REPLY_H

#include "avro/handshake.h"
#include "sidecar/ingest/deflate.h"
#include "sidecar/ingest/session.h"

enum reply_kind {
        REPLY_WAITING,
        REPLY_OK,
        REPLY_FAILED,
        REPLY_ERROR,
        REPLY_PING, /* the handshake alone, or an empty buffer */
};

struct reply_call {
        uint32_t serial;
        uint8_t kind;         /* enum reply_kind */
        bool has_handshake;
        uint8_t match;        /* enum handshake_match, with has_handshake */
        char *text;           /* REPLY_ERROR, owned */
};

struct reply_queue {
        struct reply_call *calls; /* ring, capacity a power of two */
        uint32_t capacity;
        uint32_t n_calls;         /* waiting to leave */
        uint32_t n_calls_max;     /* at most so far */
        uint64_t first_token;     /* of the oldest call; the others follow without gaps */
        bool is_deflate;
        bool is_ended;
        struct deflate_writer deflate;
        struct bytes output;
        struct bytes frame; /* one reply before it is deflated */
        struct session_counts *counts;
};

void reply_queue_init(struct reply_queue *queue, struct session_counts *counts);
void reply_queue_done(struct reply_queue *queue);
/* The token that the next push gives. */
static inline uint64_t reply_queue_next_token(const struct reply_queue *queue)
{
        return queue->first_token + queue->n_calls;
}
/* match: NULL when the call carried no handshake. */
uint64_t reply_queue_push(struct reply_queue *queue, uint32_t serial, const enum handshake_match *match);
/* Once per token. text: REPLY_ERROR only, copied. Appends to output what may leave now. */
void reply_queue_answer(struct reply_queue *queue, uint64_t token, enum reply_kind kind, const char *text);
/* Ends the deflate stream, if there is one. */
void reply_queue_finish(struct reply_queue *queue);

#endif
