/* request.h - the walk over the payload of one call: handshake, head, parameters.
 *
 * The payload comes in pieces that end anywhere. request_walk goes as far as whole values reach and says where it
 * stopped; the session keeps the rest and comes again with more behind it. What is wrong inside a call (an unknown
 * message, parameters that are cut off) is an answer to the client and leaves the connection usable. */
#ifndef WEIR_SIDECAR_INGEST_REQUEST_H
#define WEIR_SIDECAR_INGEST_REQUEST_H

#include "avro/call.h"
#include "avro/handshake.h"
#include "sidecar/ingest/session.h"

enum request_stage {
        REQUEST_HANDSHAKE,
        REQUEST_HEAD,      /* metadata and message name */
        REQUEST_PARAMETER, /* at the start of one, or behind the last */
        REQUEST_BLOCK,     /* head of an array block */
        REQUEST_EVENTS,
        REQUEST_DONE,      /* all was read; what follows is ignored */
        REQUEST_REFUSED,   /* the answer is known; what follows is thrown away */
};

struct request {
        const struct session_config *config;
        bool is_connected;            /* a handshake was settled on this connection */
        struct handshake_peer *peer;  /* then: the client's protocol */
        struct bytes rewritten;       /* events brought into Flume's shape */

        /* the present call */
        enum request_stage stage;
        uint64_t token;
        enum call_message message;
        bool has_match;
        enum handshake_match match;
        bool is_batch_open;           /* between batch_begin and batch_end or batch_abort */
        bool is_oversize;
        const struct resolve_call *layout;
        uint32_t param;
        uint64_t block_left;          /* events to come in this block */
        uint32_t n_events;
        struct err refusal;           /* REQUEST_REFUSED: text for the client; empty for NONE */
};

void request_init(struct request *request, const struct session_config *config);
/* Aborts an open batch. */
void request_done(struct request *request);
void request_begin(struct request *request, uint64_t token);

/* Walks over [*at, end) and moves *at behind the last whole value; SESSION_SLACK_BYTES behind end may be read.
 * *ret_need: so many bytes from *at are needed before it makes sense to come again (0: any). < 0: the connection is
 * lost, err says why. */
int request_walk(struct request *request, const uint8_t **at, const uint8_t *end, size_t *ret_need, struct err *err)
        WEIR_MUST_CHECK;
/* The frame is larger than allowed: refused as soon as the handshake is over. */
void request_set_oversize(struct request *request);
/* Refuses the call with a text; aborts its batch. */
void request_refuse(struct request *request, const char *format, ...) WEIR_PRINTF(2, 3);
/* The frame is whole; n_left bytes of it were not understood. < 0: the connection is lost. Otherwise stage is DONE or
 * REFUSED. */
int request_end(struct request *request, size_t n_left, struct err *err) WEIR_MUST_CHECK;

#endif
