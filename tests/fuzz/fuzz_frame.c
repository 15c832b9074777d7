/* fuzz_frame.c - whatever arrives on a connection, whole or in pieces, the session says the same to it.
 *
 * Input: one byte for the size of the pieces and whether the handler pauses after each batch, then the bytes of the
 * connection. They are fed at once and in pieces; events, replies and verdict must be equal. A refused batch leaves
 * nothing behind, and no more memory is held than came in. */
#include "avro/handshake.h"
#include "sidecar/ingest/event.h"
#include "sidecar/ingest/session.h"
#include "tests/lib/fuzz.h"

#include <stdlib.h>

enum { FEED_BYTES = 1 << 16 };

struct fuzzed {
        struct session *session;
        struct bytes events, replies;
        size_t mark;
        bool is_open, is_lost, is_pausing;
};

static void require(bool holds)
{
        if (!holds)
                abort();
}

static void on_begin(void *context, uint64_t token)
{
        struct fuzzed *fuzzed = context;

        (void)token;
        require(!fuzzed->is_open);
        fuzzed->is_open = true;
        fuzzed->mark = fuzzed->events.len;
}

static int on_consume(void *context, const uint8_t *at, const uint8_t *end, uint32_t max_events, size_t *ret_consumed,
                      uint32_t *ret_events, size_t *ret_need, struct err *err)
{
        struct fuzzed *fuzzed = context;
        const uint8_t *start = at;
        struct event event;
        uint32_t n = 0;
        int result = 0;

        require(fuzzed->is_open && max_events > 0);
        while (n < max_events && (result = event_next(&at, end, &event, ret_need, err)) == 0) {
                bytes_append_slice(&fuzzed->events, event.whole);
                n++;
        }
        if (result < 0)
                return -1;
        require(n == max_events || *ret_need > (size_t)(end - at));
        *ret_consumed = (size_t)(at - start);
        *ret_events = n;
        return 0;
}

static int on_end(void *context, uint64_t token, uint32_t n_events, bool is_append, struct err *err)
{
        struct fuzzed *fuzzed = context;

        (void)is_append;
        (void)err;
        (void)n_events;
        require(fuzzed->is_open);
        fuzzed->is_open = false;
        session_answer(fuzzed->session, token, SESSION_OK, NULL);
        if (fuzzed->is_pausing)
                session_pause(fuzzed->session);
        return 0;
}

static void on_abort(void *context, uint64_t token)
{
        struct fuzzed *fuzzed = context;

        (void)token;
        require(fuzzed->is_open);
        fuzzed->is_open = false;
        fuzzed->events.len = fuzzed->mark;
}

static const struct session_handler handler = {on_begin, on_consume, on_end, on_abort};

static void take_replies(struct fuzzed *fuzzed)
{
        struct slice output = session_output(fuzzed->session);

        bytes_append_slice(&fuzzed->replies, output);
        session_output_drop(fuzzed->session, output.len);
}

static void run(struct fuzzed *fuzzed, const uint8_t *data, size_t len, size_t piece)
{
        static uint8_t feed[SESSION_ROOM_BYTES + FEED_BYTES + SESSION_SLACK_BYTES];
        struct session_counts counts = {0};
        struct session_pool pool;
        struct session_config config = {
                .handler = &handler,
                .context = fuzzed,
                .protocols = handshake_cache_new(),
                .pool = &pool,
                .counts = &counts,
        };
        struct err err;

        session_pool_init(&pool, 1 << 20);
        bytes_init(&fuzzed->events);
        bytes_init(&fuzzed->replies);
        fuzzed->is_open = fuzzed->is_lost = false;
        fuzzed->session = session_new(&config);
        for (size_t at = 0; at < len && !fuzzed->is_lost; at += piece) {
                size_t n = len - at < piece ? len - at : piece;

                memcpy(feed + SESSION_ROOM_BYTES, data + at, n);
                fuzzed->is_lost = session_feed(fuzzed->session, feed + SESSION_ROOM_BYTES, n, &err) < 0;
                take_replies(fuzzed);
                while (!fuzzed->is_lost && session_has_kept_input(fuzzed->session)) {
                        session_resume(fuzzed->session);
                        fuzzed->is_lost = session_continue(fuzzed->session, &err) < 0;
                        take_replies(fuzzed);
                }
        }
        if (!fuzzed->is_lost)
                require(session_end_of_input(fuzzed->session, &err) >= 0);
        require(!fuzzed->is_open);
        session_free(fuzzed->session);
        require(pool.held_bytes == 0);
        session_pool_done(&pool);
        handshake_cache_free(config.protocols);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct fuzzed whole, pieces;
        size_t piece;

        if (len < 1 || len > FEED_BYTES)
                return 0;
        piece = data[0] % 61 + 1u;
        whole.is_pausing = false;
        pieces.is_pausing = (data[0] & 0x80) != 0;
        run(&whole, data + 1, len - 1, FEED_BYTES);
        run(&pieces, data + 1, len - 1, piece);
        require(whole.is_lost == pieces.is_lost);
        require(slice_is_equal(bytes_slice(&whole.events), bytes_slice(&pieces.events)));
        require(slice_is_equal(bytes_slice(&whole.replies), bytes_slice(&pieces.replies)));
        bytes_done(&whole.events);
        bytes_done(&whole.replies);
        bytes_done(&pieces.events);
        bytes_done(&pieces.replies);
        return 0;
}
