/* resolve.h - events of clients whose protocol has another shape than Flume's.
 *
 * A client's `append` and `appendBatch` are matched by name: the message, its parameter (event, events), and in the
 * record the fields headers and body. Their order is free, further parameters and fields of any type are skipped,
 * string and bytes stand for each other, and either may be a branch of a union. The names of records do not matter,
 * as with Java. resolve_event rewrites one event into the one form that the decoder knows; a client that already
 * writes this form is native and is not rewritten.
 *
 * Read-only after resolve_call_init; borrows from the protocol. */
#ifndef WEIR_AVRO_RESOLVE_H
#define WEIR_AVRO_RESOLVE_H

#include "avro/binary.h"
#include "avro/protocol.h"

enum { RESOLVE_PROBLEM_BYTES = 256 };

struct resolve_call {
        char problem[RESOLVE_PROBLEM_BYTES]; /* not empty: why calls of this message are refused, for the client */
        bool is_native;                      /* the parameters are laid out as Flume's own */
        uint32_t n_params;
        uint32_t event_param;             /* index in params; the others are skipped */
        const struct schema_field *params;
        const struct schema_node *event;  /* type of one event; NULL when native and not parsed */
};

/* Flume's own layout. */
void resolve_call_init_native(struct resolve_call *call);
/* is_batch: appendBatch, else append. Never fails: what does not fit is in call->problem. */
void resolve_call_init(struct resolve_call *call, const struct protocol *protocol, bool is_batch);

/* Reads one event of the client's shape and appends it to `event` as Flume writes it: map of headers, body. As the
 * reads of binary.h: false with reader->missing or reader->problem, and then `event` is as before. */
bool resolve_event(const struct resolve_call *call, struct binary_reader *reader, struct bytes *event);
/* Skips one value of any type. As the reads of binary.h. */
bool resolve_skip(const struct schema_node *type, struct binary_reader *reader);

#endif
