/* handshake.h - who speaks which protocol: the head of the first call of a connection.
 *
 * The request carries the hash of the client's protocol, maybe its text, and the hash that the client believes to be
 * ours. The answer is
 *
 *     BOTH    `00 00 00 00`                          we know the client's protocol, its idea of ours is right
 *     CLIENT  `02 02 <text> 02 <hash> 00` + reply    we know the client's, it is told ours; the call is carried out
 *     NONE    `04 02 <text> 02 <hash> 00`, no more   the client shall send the call again with its text
 *
 * and holds for the connection after BOTH and CLIENT. Every Flume sends Flume's hash twice and gets BOTH.
 *
 * Unlike Java's server, the cache is bounded, and a text is filed under the hash that we computed, not the one that
 * was claimed: no client can choose the protocol of another. Loop thread only. */
#ifndef WEIR_AVRO_HANDSHAKE_H
#define WEIR_AVRO_HANDSHAKE_H

#include "avro/resolve.h"

enum handshake_match { HANDSHAKE_BOTH = 0, HANDSHAKE_CLIENT = 1, HANDSHAKE_NONE = 2 };

struct handshake_request {
        uint8_t client_hash[PROTOCOL_HASH_BYTES];
        uint8_t server_hash[PROTOCOL_HASH_BYTES];
        bool has_text;
        struct slice client_text; /* in the input */
};

/* As the reads of binary.h: true, or reader->missing, or reader->problem; reader->at is then as before. */
bool handshake_read_request(struct binary_reader *reader, struct handshake_request *ret_request);
/* An RPC metadata map, bounded; the entries are ignored. */
bool handshake_skip_meta(struct binary_reader *reader);

/* A protocol that clients speak. Kept while a connection or the cache holds it. */
struct handshake_peer {
        uint8_t hash[PROTOCOL_HASH_BYTES]; /* computed from the text */
        struct protocol *protocol;         /* NULL for Flume's own, and when the text does not parse */
        struct resolve_call append;
        struct resolve_call append_batch;
        unsigned n_refs;
        uint64_t used; /* turn of the cache when it was asked for last */
};

struct handshake_cache;

struct handshake_cache *handshake_cache_new(void);
struct handshake_cache *handshake_cache_free(struct handshake_cache *cache); /* returns NULL; peers in use live on */
uint32_t handshake_cache_count(const struct handshake_cache *cache);

/* Decides. For BOTH and CLIENT *ret_peer is a reference for the connection, NULL for NONE. A text that does not parse
 * is a peer whose calls are refused with the reason. */
enum handshake_match handshake_decide(struct handshake_cache *cache, const struct handshake_request *request,
                                      struct handshake_peer **ret_peer);
struct handshake_peer *handshake_peer_release(struct handshake_peer *peer); /* returns NULL */

void handshake_append_response(struct bytes *bytes, enum handshake_match match);
/* The client's side: text is empty for "not sent". */
void handshake_append_request(struct bytes *bytes, const uint8_t *client_hash, struct slice text,
                              const uint8_t *server_hash);
/* Reads a response; *ret_text and *ret_hash (NULL data when absent) point into the input. As the reads of binary.h. */
bool handshake_read_response(struct binary_reader *reader, enum handshake_match *ret_match, struct slice *ret_text,
                             struct slice *ret_hash);

#endif
