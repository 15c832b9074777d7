/* test_handshake.c - BOTH, CLIENT, NONE, and the cache behind them. */
#include "avro/handshake.h"
#include "sidecar/base/limits.h"
#include "tests/lib/check.h"

#include <stdio.h>

static const uint8_t other_hash[PROTOCOL_HASH_BYTES] = {1, 2, 3};

static struct handshake_request request_of(const uint8_t *client_hash, const char *text, const uint8_t *server_hash)
{
        struct handshake_request request = {.has_text = text != NULL};

        memcpy(request.client_hash, client_hash, PROTOCOL_HASH_BYTES);
        memcpy(request.server_hash, server_hash, PROTOCOL_HASH_BYTES);
        if (text != NULL)
                request.client_text = slice_from_text(text);
        return request;
}

static enum handshake_match decide(struct handshake_cache *cache, const uint8_t *client_hash, const char *text,
                                   const uint8_t *server_hash, struct handshake_peer **ret_peer)
{
        struct handshake_request request = request_of(client_hash, text, server_hash);

        return handshake_decide(cache, &request, ret_peer);
}

TEST(the_match_follows_from_what_each_side_knows)
{
        struct handshake_cache *cache = handshake_cache_new();
        struct handshake_peer *peer;

        CHECK_INT(decide(cache, protocol_flume_hash(), NULL, protocol_flume_hash(), &peer), HANDSHAKE_BOTH);
        CHECK(peer->append.is_native);
        handshake_peer_release(peer);
        CHECK_INT(decide(cache, protocol_flume_hash(), NULL, other_hash, &peer), HANDSHAKE_CLIENT);
        handshake_peer_release(peer);
        CHECK_INT(decide(cache, other_hash, NULL, protocol_flume_hash(), &peer), HANDSHAKE_NONE);
        CHECK(peer == NULL);
        CHECK_INT(decide(cache, other_hash, "{\"protocol\":\"P\"}", other_hash, &peer), HANDSHAKE_CLIENT);
        handshake_peer_release(peer);
        handshake_cache_free(cache);
}

TEST(a_text_is_filed_under_the_hash_that_it_has)
{
        struct handshake_cache *cache = handshake_cache_new();
        const char *text = "{\"protocol\":\"P\"}";
        uint8_t hash[PROTOCOL_HASH_BYTES];
        struct handshake_peer *peer, *again;

        /* a client that lies about its hash is served, and nobody else is by its lie */
        protocol_hash(slice_from_text(text), hash);
        CHECK_INT(decide(cache, other_hash, text, protocol_flume_hash(), &peer), HANDSHAKE_BOTH);
        CHECK_INT(decide(cache, other_hash, NULL, protocol_flume_hash(), &again), HANDSHAKE_NONE);
        CHECK_INT(decide(cache, hash, NULL, protocol_flume_hash(), &again), HANDSHAKE_BOTH);
        CHECK(again == peer);
        handshake_peer_release(again);
        /* nor can it take the place of Flume's own */
        handshake_peer_release(peer);
        CHECK_INT(decide(cache, protocol_flume_hash(), text, protocol_flume_hash(), &peer), HANDSHAKE_BOTH);
        CHECK(peer->append.problem[0] != '\0');
        handshake_peer_release(peer);
        CHECK_INT(decide(cache, protocol_flume_hash(), NULL, protocol_flume_hash(), &peer), HANDSHAKE_BOTH);
        CHECK(peer->append.is_native);
        handshake_peer_release(peer);
        handshake_cache_free(cache);
}

TEST(flumes_own_text_sent_by_a_client_is_flumes_own)
{
        struct handshake_cache *cache = handshake_cache_new();
        struct handshake_request request = request_of(protocol_flume_hash(), "", protocol_flume_hash());
        struct handshake_peer *peer;

        request.client_text = protocol_flume_text();
        CHECK_INT(handshake_decide(cache, &request, &peer), HANDSHAKE_BOTH);
        CHECK(peer->append_batch.is_native);
        CHECK_UINT(handshake_cache_count(cache), 1);
        handshake_peer_release(peer);
        handshake_cache_free(cache);
}

TEST(the_cache_is_bounded_and_forgets_the_one_unused_longest)
{
        struct handshake_cache *cache = handshake_cache_new();
        struct handshake_peer *first, *peer;
        uint8_t first_hash[PROTOCOL_HASH_BYTES];
        char text[64];

        protocol_hash(slice_from_text("{\"protocol\":\"P0\"}"), first_hash);
        for (unsigned i = 0; i < 3 * LIMIT_PROTOCOL_CACHE; i++) {
                snprintf(text, sizeof(text), "{\"protocol\":\"P%u\"}", i);
                decide(cache, other_hash, text, protocol_flume_hash(), i == 0 ? &first : &peer);
                if (i > 0)
                        handshake_peer_release(peer);
                CHECK(handshake_cache_count(cache) <= LIMIT_PROTOCOL_CACHE);
                /* asked for again and again, P0 stays; until i = 100 */
                if (i < 100 && decide(cache, first_hash, NULL, protocol_flume_hash(), &peer) != HANDSHAKE_NONE)
                        CHECK(handshake_peer_release(peer) == NULL);
        }
        CHECK_UINT(handshake_cache_count(cache), LIMIT_PROTOCOL_CACHE);
        CHECK_INT(decide(cache, first_hash, NULL, protocol_flume_hash(), &peer), HANDSHAKE_NONE);
        /* a connection's own lives on, and Flume's never went */
        CHECK(first->append.problem[0] != '\0');
        handshake_peer_release(first);
        CHECK_INT(decide(cache, protocol_flume_hash(), NULL, protocol_flume_hash(), &peer), HANDSHAKE_BOTH);
        handshake_peer_release(peer);
        handshake_cache_free(cache);
}

TEST(a_text_that_does_not_parse_is_a_peer_whose_calls_are_refused)
{
        struct handshake_cache *cache = handshake_cache_new();
        struct handshake_peer *peer;

        CHECK_INT(decide(cache, other_hash, "{", protocol_flume_hash(), &peer), HANDSHAKE_BOTH);
        CHECK_CONTAINS(peer->append.problem, "your protocol cannot be read: protocol text is not JSON");
        CHECK_CONTAINS(peer->append_batch.problem, "cannot be read");
        handshake_peer_release(peer);
        handshake_cache_free(cache);
}

TEST(requests_are_read_as_java_writes_them_and_with_null_meta)
{
        struct handshake_request request;
        struct binary_reader reader;
        struct bytes bytes;

        bytes_init(&bytes);
        handshake_append_request(&bytes, protocol_flume_hash(), slice_from_text("{}"), other_hash);
        for (size_t len = 0; len < bytes.len; len++) {
                reader = binary_reader_make(bytes.data, bytes.data + len);
                CHECK(!handshake_read_request(&reader, &request));
                CHECK(reader.problem == NULL && reader.missing > 0 && reader.at == bytes.data);
        }
        reader = binary_reader_make(bytes.data, bytes.data + bytes.len);
        CHECK(handshake_read_request(&reader, &request));
        CHECK(reader.at == reader.end && request.has_text);
        CHECK_SLICE(request.client_text, "{}");
        CHECK_BYTES(request.server_hash, 16, other_hash, 16);
        bytes.len -= 2;
        bytes_append_byte(&bytes, 0); /* meta: branch 0 */
        reader = binary_reader_make(bytes.data, bytes.data + bytes.len);
        CHECK(handshake_read_request(&reader, &request));
        CHECK(reader.at == reader.end);
        bytes_done(&bytes);
}

TEST(a_text_above_the_limit_is_refused_before_it_comes)
{
        struct handshake_request request;
        struct binary_reader reader;
        struct bytes bytes;

        bytes_init(&bytes);
        bytes_append(&bytes, other_hash, sizeof(other_hash));
        bytes_append_byte(&bytes, 2);
        binary_append_long(&bytes, LIMIT_HANDSHAKE_TEXT_BYTES + 1);
        reader = binary_reader_make(bytes.data, bytes.data + bytes.len);
        CHECK(!handshake_read_request(&reader, &request));
        CHECK_TEXT(reader.problem, "a length above the limit");
        bytes_done(&bytes);
}

TEST(answers_are_those_of_javas_server)
{
        enum handshake_match match;
        struct binary_reader reader;
        struct slice text, hash;
        struct bytes bytes;

        bytes_init(&bytes);
        handshake_append_response(&bytes, HANDSHAKE_BOTH);
        CHECK_BYTES(bytes.data, bytes.len, "\0\0\0\0", 4);
        bytes_reset(&bytes);
        handshake_append_response(&bytes, HANDSHAKE_NONE);
        CHECK_UINT(bytes.len, 1356);
        CHECK_BYTES(bytes.data, 4, "\x04\x02\xec\x14", 4);
        bytes_reset(&bytes);
        handshake_append_response(&bytes, HANDSHAKE_CLIENT);
        reader = binary_reader_make(bytes.data, bytes.data + bytes.len);
        REQUIRE(handshake_read_response(&reader, &match, &text, &hash));
        CHECK_INT(match, HANDSHAKE_CLIENT);
        CHECK(slice_is_equal(text, protocol_flume_text()));
        CHECK_BYTES(hash.data, hash.len, protocol_flume_hash(), 16);
        CHECK(reader.at == reader.end);
        bytes_done(&bytes);
}

TEST(metadata_is_bounded)
{
        struct binary_reader reader;
        struct bytes bytes;

        bytes_init(&bytes);
        for (unsigned i = 0; i <= LIMIT_CALL_META_ENTRIES; i++)
                bytes_append(&bytes, "\x02\x02k\x02v", 5);
        bytes_append_byte(&bytes, 0);
        reader = binary_reader_make(bytes.data, bytes.data + bytes.len);
        CHECK(!handshake_skip_meta(&reader));
        CHECK_CONTAINS(reader.problem, "limit");
        /* one entry fewer, with a block size */
        bytes_reset(&bytes);
        bytes_append(&bytes, "\x01\x08\x02k\x02v\x00", 7);
        reader = binary_reader_make(bytes.data, bytes.data + bytes.len);
        CHECK(handshake_skip_meta(&reader));
        CHECK(reader.at == reader.end);
        bytes_done(&bytes);
}
