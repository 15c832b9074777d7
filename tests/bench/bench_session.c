/* bench_session.c - what the wire costs per event, without sockets and without decoding.
 *
 *     bench_session [rounds]
 *
 * A stream of appendBatch frames as Flume sends them (events of 190 bytes: three headers and a body of 140, buffers
 * of 8192) is fed in pieces of a receive buffer. Each line names a layer and its ns per event, copying the piece into
 * the buffer (the kernel's work, in life) taken off:
 *
 *     walk       the tightest loop that finds the events' ends, over events that lie one behind the other
 *     frame      the deframer alone
 *     session    deframer, calls, walk, replies; the handler walks with that same loop
 *     event      the same with event_next, the general walker */
#include "avro/call.h"
#include "avro/frame.h"
#include "avro/handshake.h"
#include "sidecar/base/clock.h"
#include "sidecar/ingest/event.h"
#include "sidecar/ingest/session.h"

#include <stdio.h>
#include <stdlib.h>

enum { EVENTS_TARGET = 200000, BODY_BYTES = 140 };

struct stream {
        struct bytes bytes;  /* as frames */
        struct bytes events; /* bare */
        uint32_t n_events;
};

static void append_event(struct bytes *params, uint32_t i)
{
        struct slice keys[] = {slice_from_text("host"), slice_from_text("basename"), slice_from_text("ts")};
        struct slice values[] = {slice_from_text("web-17"), slice_from_text("ads.log"), slice_from_text("170000000")};
        uint8_t body[BODY_BYTES];

        memset(body, (int)(i & 0x7f), sizeof(body));
        event_append(params, keys, values, 3, slice_make(body, sizeof(body)));
}

static void make_stream(struct stream *stream, uint32_t batch)
{
        struct bytes head, params;

        bytes_init(&stream->bytes);
        bytes_init(&stream->events);
        bytes_init(&head);
        bytes_init(&params);
        stream->n_events = 0;
        for (uint32_t serial = 1; stream->n_events < EVENTS_TARGET; serial++) {
                bytes_reset(&head);
                bytes_reset(&params);
                if (serial == 1)
                        handshake_append_request(&head, protocol_flume_hash(), slice_make(NULL, 0),
                                                 protocol_flume_hash());
                call_append_head(&head, CALL_APPEND_BATCH);
                binary_append_long(&params, batch);
                for (uint32_t i = 0; i < batch; i++) {
                        append_event(&stream->events, stream->n_events);
                        append_event(&params, stream->n_events++);
                }
                bytes_append_byte(&params, 0);
                frame_append(&stream->bytes, serial, bytes_slice(&head), bytes_slice(&params));
        }
        bytes_done(&head);
        bytes_done(&params);
}

static struct session *session;
static uint64_t n_seen;
static int (*walk)(const uint8_t **at, const uint8_t *end, size_t *ret_need);

static void on_begin(void *context, uint64_t token)
{
        (void)context;
        (void)token;
}

/* Only what must be read to find the end. */
static inline int walk_tight(const uint8_t **at, const uint8_t *end, size_t *ret_need)
{
        const uint8_t *here = *at;
        int64_t items, len;

        *ret_need = (size_t)(end - here) + 1;
        for (;;) {
                here = binary_long(here, end, &items);
                if (here == NULL)
                        return 1;
                if (items == 0)
                        break;
                for (int64_t i = 0; i < 2 * items; i++) {
                        here = binary_long(here, end, &len);
                        if (here == NULL || (uint64_t)len > (uint64_t)(end - here))
                                return 1;
                        here += len;
                }
        }
        here = binary_long(here, end, &len);
        if (here == NULL || (uint64_t)len > (uint64_t)(end - here))
                return 1;
        *at = here + len;
        return 0;
}

static int walk_event(const uint8_t **at, const uint8_t *end, size_t *ret_need)
{
        struct event event;

        return event_next(at, end, &event, ret_need, NULL);
}

static int on_consume(void *context, const uint8_t *at, const uint8_t *end, uint32_t max_events, size_t *ret_consumed,
                      uint32_t *ret_events, size_t *ret_need, struct err *err)
{
        const uint8_t *start = at;
        uint32_t n = 0;

        (void)context;
        (void)err;
        if (walk == walk_tight)
                while (n < max_events && walk_tight(&at, end, ret_need) == 0)
                        n++;
        else
                while (n < max_events && walk(&at, end, ret_need) == 0)
                        n++;
        n_seen += n;
        *ret_consumed = (size_t)(at - start);
        *ret_events = n;
        return 0;
}

static int on_end(void *context, uint64_t token, uint32_t n_events, bool is_append, struct err *err)
{
        (void)context;
        (void)n_events;
        (void)is_append;
        (void)err;
        session_answer(session, token, SESSION_OK, NULL);
        return 0;
}

static const struct session_handler handler = {on_begin, on_consume, on_end, on_begin};

enum layer { LAYER_COPY, LAYER_WALK, LAYER_FRAME, LAYER_TIGHT, LAYER_EVENT };

static void feed(enum layer layer, struct frame *frame, uint8_t *data, size_t len)
{
        const uint8_t *at = data;
        struct slice span, output;
        struct err err;

        if (layer == LAYER_COPY)
                return;
        if (layer == LAYER_WALK) {
                size_t need;

                while (walk_tight(&at, data + len, &need) == 0)
                        n_seen++;
                return;
        }
        if (layer == LAYER_FRAME) {
                while (frame_next(frame, &at, data + len, &span) != FRAME_MORE)
                        n_seen += span.len;
                return;
        }
        if (session_feed(session, data, len, &err) < 0)
                abort();
        output = session_output(session);
        session_output_drop(session, output.len);
}

static double run(enum layer layer, const struct stream *stream, uint8_t *buffer, size_t piece)
{
        struct session_counts counts = {0};
        struct session_pool pool;
        struct session_config config = {
                .handler = &handler, .protocols = handshake_cache_new(), .pool = &pool, .counts = &counts};
        const struct bytes *bytes = layer == LAYER_WALK ? &stream->events : &stream->bytes;
        uint64_t start;
        struct frame frame;

        if (layer == LAYER_WALK) /* events are of one size: none is cut */
                piece -= piece % (bytes->len / stream->n_events);
        session_pool_init(&pool, 1 << 20);
        frame_init(&frame, frame_limits_default());
        session = session_new(&config);
        walk = layer == LAYER_TIGHT ? walk_tight : walk_event;
        n_seen = 0;
        start = clock_monotonic_ns(clock_system());
        for (size_t at = 0; at < bytes->len; at += piece) {
                size_t len = bytes->len - at < piece ? bytes->len - at : piece;

                memcpy(buffer, bytes->data + at, len);
                feed(layer, &frame, buffer, len);
        }
        start = clock_monotonic_ns(clock_system()) - start;
        if (layer >= LAYER_TIGHT && n_seen != stream->n_events)
                abort();
        session_free(session);
        handshake_cache_free(config.protocols);
        session_pool_done(&pool);
        return (double)start / stream->n_events;
}

static double best(enum layer layer, const struct stream *stream, uint8_t *buffer, size_t piece, int rounds)
{
        double least = 1e9;

        for (int i = 0; i < rounds; i++) {
                double ns = run(layer, stream, buffer, piece);

                least = ns < least ? ns : least;
        }
        return least;
}

int main(int argc, char **argv)
{
        static const uint32_t batches[] = {1, 10, 100, 1000};
        static const size_t pieces[] = {64 << 10, 256 << 10};
        uint8_t *memory = malloc(SESSION_ROOM_BYTES + (256 << 10) + SESSION_SLACK_BYTES);
        int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 9;

        if (memory == NULL)
                return 1;
        memset(memory, 0, SESSION_ROOM_BYTES + (256 << 10) + SESSION_SLACK_BYTES);
        printf("ns per event    batch   piece    copy    walk   frame  session   event\n");
        for (unsigned i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
                struct stream stream;

                make_stream(&stream, batches[i]);
                for (unsigned j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
                        uint8_t *buffer = memory + SESSION_ROOM_BYTES;
                        double copy = best(LAYER_COPY, &stream, buffer, pieces[j], rounds);

                        printf("               %6u  %4zuKiB  %6.2f", batches[i], pieces[j] >> 10, copy);
                        for (enum layer layer = LAYER_WALK; layer <= LAYER_EVENT; layer++)
                                printf("  %6.2f", best(layer, &stream, buffer, pieces[j], rounds) - copy);
                        printf("\n");
                }
                bytes_done(&stream.bytes);
                bytes_done(&stream.events);
        }
        free(memory);
        return 0;
}
