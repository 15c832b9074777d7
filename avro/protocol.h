/* protocol.h - Avro protocols: Flume's own, to the byte, and those that clients send.
 *
 * A client that was generated from another text than Flume's sends that text in its handshake. protocol_parse turns
 * it into a graph of types, under the limits of limits.h, with just what the wire needs: how a value is laid out, the
 * names of fields and messages. What libavro leaves out (protocols) and lets pass (fixed of negative size, nested
 * unions) is the reason that this is our own.
 *
 * A struct protocol is read-only once parsed. Any thread; protocol_flume_ gives static data. */
#ifndef WEIR_AVRO_PROTOCOL_H
#define WEIR_AVRO_PROTOCOL_H

#include "avro/schema.h"

enum {
        PROTOCOL_HASH_BYTES = 16,
        PROTOCOL_FLUME_TEXT_BYTES = 1334,
};

/* The text of AvroSourceProtocol as every Flume since 1.0.0 renders and hashes it. */
struct slice protocol_flume_text(void);
/* Its MD5, 86aadae2c45474c0fe93ffd0f2350a65. */
const uint8_t *protocol_flume_hash(void);
/* MD5 of a text, the name under which protocols know each other. */
void protocol_hash(struct slice text, uint8_t ret_hash[PROTOCOL_HASH_BYTES]);

struct protocol_message {
        struct slice name;
        const struct schema_node *params; /* a record whose fields are the parameters */
        bool is_one_way;
};

struct protocol;

/* Text of at most LIMIT_HANDSHAKE_TEXT_BYTES. Errors are ERR_DATA and name the place in the text. */
int protocol_parse(struct slice text, struct protocol **ret_protocol, struct err *err) WEIR_MUST_CHECK;
struct protocol *protocol_free(struct protocol *protocol); /* returns NULL */
/* NULL when there is none. */
const struct protocol_message *protocol_find_message(const struct protocol *protocol, struct slice name);

#endif
