/* fuzz_handshake.c - a client's handshake, its protocol text, and events in the shape that the text declares.
 *
 * Input: a handshake request; what follows it is walked as events of that client. An event that was brought into
 * Flume's shape must be one to the walker of that shape, to the byte; a read that failed has not moved. */
#include "avro/handshake.h"
#include "sidecar/ingest/event.h"
#include "tests/lib/fuzz.h"

#include <stdlib.h>

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void walk_events(const struct resolve_call *call, struct binary_reader reader)
{
        struct bytes event;

        if (call->problem[0] != '\0' || call->event == NULL)
                return;
        bytes_init(&event);
        for (;;) {
                const uint8_t *before = reader.at, *at;
                struct event found;
                struct err err;
                size_t need;
                int result;

                bytes_reset(&event);
                if (!resolve_event(call, &reader, &event)) {
                        require(reader.at == before && event.len == 0);
                        require((reader.problem != NULL) != (reader.missing > 0));
                        break;
                }
                at = event.data;
                result = event_next(&at, event.data + event.len, &found, &need, &err);
                /* limits of one event are the second walker's affair */
                require(result < 0 || (result == 0 && at == event.data + event.len));
                if (reader.at == before)
                        break;
        }
        bytes_done(&event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct binary_reader reader = binary_reader_make(data, data + len);
        struct handshake_cache *cache;
        struct handshake_request request;
        struct handshake_peer *peer;
        enum handshake_match match;

        if (!handshake_read_request(&reader, &request)) {
                require(reader.at == data && (reader.problem != NULL) != (reader.missing > 0));
                return 0;
        }
        cache = handshake_cache_new();
        match = handshake_decide(cache, &request, &peer);
        require((match == HANDSHAKE_NONE) == (peer == NULL));
        require(match != HANDSHAKE_NONE || !request.has_text);
        if (peer != NULL) {
                walk_events(&peer->append, reader);
                walk_events(&peer->append_batch, reader);
        }
        handshake_peer_release(peer);
        handshake_cache_free(cache);
        return 0;
}
