/* handshake.c - handshakes, and the cache of protocols that clients speak. */
#include "avro/handshake.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <stdio.h>

struct handshake_cache {
        uint64_t turn;
        uint32_t n_peers;
        struct handshake_peer *peers[LIMIT_PROTOCOL_CACHE]; /* [0] is Flume's own and stays */
};

bool handshake_skip_meta(struct binary_reader *reader)
{
        const uint8_t *start = reader->at;
        uint64_t n_entries = 0, items;
        struct slice key, value;

        for (;;) {
                if (!binary_read_block(reader, LIMIT_CALL_META_ENTRIES, &items))
                        break;
                if (items == 0)
                        return true;
                n_entries += items;
                if (n_entries > LIMIT_CALL_META_ENTRIES) {
                        reader->problem = "more metadata entries than the limit allows";
                        break;
                }
                while (items > 0 && binary_read_bytes(reader, LIMIT_CALL_META_BYTES, &key) &&
                       binary_read_bytes(reader, LIMIT_CALL_META_BYTES, &value))
                        items--;
                if (items > 0)
                        break;
                if ((size_t)(reader->at - start) > LIMIT_CALL_META_BYTES) {
                        reader->problem = "more metadata than the limit allows";
                        break;
                }
        }
        reader->at = start;
        return false;
}

/* The branch of a union of null and one other type. */
static bool read_optional(struct binary_reader *reader, bool *ret_is_there)
{
        int64_t branch;

        if (!binary_read_long(reader, &branch))
                return false;
        if (branch != 0 && branch != 1) {
                reader->problem = "a union branch that does not exist";
                return false;
        }
        *ret_is_there = branch == 1;
        return true;
}

static bool read_request(struct binary_reader *reader, struct handshake_request *ret_request)
{
        struct slice client_hash, server_hash;
        bool has_meta;

        if (!binary_read_raw(reader, PROTOCOL_HASH_BYTES, &client_hash) ||
            !read_optional(reader, &ret_request->has_text))
                return false;
        ret_request->client_text = slice_make(NULL, 0);
        if (ret_request->has_text &&
            !binary_read_bytes(reader, LIMIT_HANDSHAKE_TEXT_BYTES, &ret_request->client_text))
                return false;
        if (!binary_read_raw(reader, PROTOCOL_HASH_BYTES, &server_hash) || !read_optional(reader, &has_meta))
                return false;
        if (has_meta && !handshake_skip_meta(reader))
                return false;
        memcpy(ret_request->client_hash, client_hash.data, PROTOCOL_HASH_BYTES);
        memcpy(ret_request->server_hash, server_hash.data, PROTOCOL_HASH_BYTES);
        return true;
}

bool handshake_read_request(struct binary_reader *reader, struct handshake_request *ret_request)
{
        const uint8_t *start = reader->at;

        if (read_request(reader, ret_request))
                return true;
        reader->at = start;
        return false;
}

static struct handshake_peer *peer_new(const uint8_t *hash)
{
        struct handshake_peer *peer = alloc_zero(1, sizeof(*peer));

        memcpy(peer->hash, hash, PROTOCOL_HASH_BYTES);
        peer->n_refs = 1;
        return peer;
}

struct handshake_peer *handshake_peer_release(struct handshake_peer *peer)
{
        if (peer != NULL && --peer->n_refs == 0) {
                protocol_free(peer->protocol);
                alloc_free(peer);
        }
        return NULL;
}

struct handshake_cache *handshake_cache_new(void)
{
        struct handshake_cache *cache = alloc_zero(1, sizeof(*cache));
        struct handshake_peer *flume = peer_new(protocol_flume_hash());

        resolve_call_init_native(&flume->append);
        resolve_call_init_native(&flume->append_batch);
        cache->peers[cache->n_peers++] = flume;
        return cache;
}

struct handshake_cache *handshake_cache_free(struct handshake_cache *cache)
{
        if (cache != NULL) {
                for (uint32_t i = 0; i < cache->n_peers; i++)
                        handshake_peer_release(cache->peers[i]);
                alloc_free(cache);
        }
        return NULL;
}

uint32_t handshake_cache_count(const struct handshake_cache *cache)
{
        return cache->n_peers;
}

static struct handshake_peer *cache_find(struct handshake_cache *cache, const uint8_t *hash)
{
        for (uint32_t i = 0; i < cache->n_peers; i++) {
                struct handshake_peer *peer = cache->peers[i];

                if (memcmp(peer->hash, hash, PROTOCOL_HASH_BYTES) == 0) {
                        peer->used = ++cache->turn;
                        return peer;
                }
        }
        return NULL;
}

/* Takes over the caller's reference. The one asked for longest ago makes room; Flume's own never does. */
static void cache_add(struct handshake_cache *cache, struct handshake_peer *peer)
{
        uint32_t oldest = 1;

        peer->used = ++cache->turn;
        if (cache->n_peers < LIMIT_PROTOCOL_CACHE) {
                cache->peers[cache->n_peers++] = peer;
                return;
        }
        for (uint32_t i = 2; i < cache->n_peers; i++)
                if (cache->peers[i]->used < cache->peers[oldest]->used)
                        oldest = i;
        handshake_peer_release(cache->peers[oldest]);
        cache->peers[oldest] = peer;
}

static struct handshake_peer *peer_from_text(const uint8_t *hash, struct slice text)
{
        struct handshake_peer *peer = peer_new(hash);
        struct err err;

        if (protocol_parse(text, &peer->protocol, &err) == 0) {
                resolve_call_init(&peer->append, peer->protocol, false);
                resolve_call_init(&peer->append_batch, peer->protocol, true);
        } else {
                snprintf(peer->append.problem, sizeof(peer->append.problem), "your protocol cannot be read: %.200s",
                         err.text);
                peer->append_batch = peer->append;
        }
        return peer;
}

enum handshake_match handshake_decide(struct handshake_cache *cache, const struct handshake_request *request,
                                      struct handshake_peer **ret_peer)
{
        struct handshake_peer *peer = NULL;
        uint8_t hash[PROTOCOL_HASH_BYTES];

        if (request->has_text) {
                protocol_hash(request->client_text, hash);
                peer = cache_find(cache, hash);
                if (peer == NULL) {
                        peer = peer_from_text(hash, request->client_text);
                        cache_add(cache, peer);
                }
        } else {
                peer = cache_find(cache, request->client_hash);
        }
        *ret_peer = peer;
        if (peer == NULL)
                return HANDSHAKE_NONE;
        peer->n_refs++;
        return memcmp(request->server_hash, protocol_flume_hash(), PROTOCOL_HASH_BYTES) == 0 ? HANDSHAKE_BOTH
                                                                                             : HANDSHAKE_CLIENT;
}

void handshake_append_response(struct bytes *bytes, enum handshake_match match)
{
        binary_append_long(bytes, match);
        if (match == HANDSHAKE_BOTH) {
                bytes_append(bytes, "\0\0", 2);
        } else {
                bytes_append_byte(bytes, 2);
                binary_append_bytes(bytes, protocol_flume_text());
                bytes_append_byte(bytes, 2);
                bytes_append(bytes, protocol_flume_hash(), PROTOCOL_HASH_BYTES);
        }
        bytes_append_byte(bytes, 0);
}

void handshake_append_request(struct bytes *bytes, const uint8_t *client_hash, struct slice text,
                              const uint8_t *server_hash)
{
        bytes_append(bytes, client_hash, PROTOCOL_HASH_BYTES);
        if (text.len > 0) {
                bytes_append_byte(bytes, 2);
                binary_append_bytes(bytes, text);
        } else {
                bytes_append_byte(bytes, 0);
        }
        bytes_append(bytes, server_hash, PROTOCOL_HASH_BYTES);
        /* Java sends an empty map, not null */
        bytes_append(bytes, "\2\0", 2);
}

static bool read_response(struct binary_reader *reader, int64_t *ret_match, struct slice *ret_text,
                          struct slice *ret_hash)
{
        bool is_there;

        *ret_text = *ret_hash = slice_make(NULL, 0);
        if (!binary_read_long(reader, ret_match) || !read_optional(reader, &is_there))
                return false;
        if (*ret_match < HANDSHAKE_BOTH || *ret_match > HANDSHAKE_NONE) {
                reader->problem = "a handshake match that does not exist";
                return false;
        }
        if (is_there && !binary_read_bytes(reader, LIMIT_HANDSHAKE_TEXT_BYTES, ret_text))
                return false;
        if (!read_optional(reader, &is_there) ||
            (is_there && !binary_read_raw(reader, PROTOCOL_HASH_BYTES, ret_hash)))
                return false;
        return read_optional(reader, &is_there) && (!is_there || handshake_skip_meta(reader));
}

bool handshake_read_response(struct binary_reader *reader, enum handshake_match *ret_match, struct slice *ret_text,
                             struct slice *ret_hash)
{
        const uint8_t *start = reader->at;
        int64_t match;

        if (!read_response(reader, &match, ret_text, ret_hash)) {
                reader->at = start;
                return false;
        }
        *ret_match = (enum handshake_match)match;
        return true;
}
