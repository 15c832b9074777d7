/* test_session_random.c - random batches in random buffers, fed in random pieces, plain and deflated. */
#include "avro/call.h"
#include "avro/handshake.h"
#include "tests/lib/check.h"
#include "tests/lib/recorder.h"

/* A frame whose payload is cut at random, empty buffers among the pieces. */
static void append_cut_frame(struct bytes *frame, uint32_t serial, struct slice payload, size_t piece_max,
                             struct check_random *random)
{
        size_t start = frame->len, at = 0;
        uint32_t count = 0;
        uint8_t head[8];

        bytes_put_be32(head, serial);
        bytes_append(frame, head, sizeof(head));
        while (at < payload.len || count == 0) {
                size_t len = check_random_below(random, piece_max + 1);

                if (len > payload.len - at)
                        len = payload.len - at;
                bytes_put_be32(head, (uint32_t)len);
                bytes_append(frame, head, 4);
                bytes_append(frame, payload.data + at, len);
                at += len;
                count++;
        }
        bytes_put_be32(frame->data + start + 4, count);
}

static size_t random_size(struct check_random *random)
{
        static const size_t below[] = {1, 10, 200, 200, 200, 5000, 20000, 100000};

        return check_random_below(random, below[check_random_below(random, 8)]);
}

static void append_random_batch(struct bytes *params, struct bytes *events, uint32_t *n_events,
                                struct check_random *random)
{
        struct bytes block;

        bytes_init(&block);
        for (uint64_t n_blocks = check_random_below(random, 4); n_blocks > 0; n_blocks--) {
                int64_t n = 1 + (int64_t)check_random_below(random, 20);

                bytes_reset(&block);
                for (int64_t i = 0; i < n; i++) {
                        struct slice key = slice_from_text("k"), value = slice_from_text("value");
                        size_t len = random_size(random), start = block.len;
                        struct bytes body;

                        bytes_init(&body);
                        memset(bytes_reserve(&body, len + 1), (int)check_random_below(random, 256), len);
                        body.len = len;
                        event_append(&block, &key, &value, (uint32_t)check_random_below(random, 2), bytes_slice(&body));
                        bytes_append(events, block.data + start, block.len - start);
                        bytes_done(&body);
                        ++*n_events;
                }
                if (check_random_below(random, 2) == 0) {
                        binary_append_long(params, n);
                } else {
                        binary_append_long(params, -n);
                        binary_append_long(params, (int64_t)block.len);
                }
                bytes_append_slice(params, bytes_slice(&block));
        }
        bytes_append_byte(params, 0);
        bytes_done(&block);
}

/* Random batches, cut into random buffers, fed in random pieces: the events come out as they went in. */
static void run_random(struct check_random *random, bool is_deflated)
{
        struct bytes stream, expected, params, payload, deflated;
        struct recorder recorder;
        uint32_t n_events = 0;
        size_t feed_max = 1 + random_size(random);

        bytes_init(&stream);
        bytes_init(&expected);
        bytes_init(&params);
        bytes_init(&payload);
        bytes_init(&deflated);
        recorder_init(&recorder);
        for (uint32_t serial = 1; serial <= 4; serial++) {
                bytes_reset(&params);
                bytes_reset(&payload);
                append_random_batch(&params, &expected, &n_events, random);
                if (serial == 1)
                        handshake_append_request(&payload, protocol_flume_hash(), slice_make(NULL, 0),
                                                 protocol_flume_hash());
                call_append_head(&payload, CALL_APPEND_BATCH);
                bytes_append_slice(&payload, bytes_slice(&params));
                append_cut_frame(&stream, serial, bytes_slice(&payload), 50 + random_size(random), random);
        }
        if (is_deflated) {
                recorder_deflate(bytes_slice(&stream), 1, true, &deflated);
                bytes_reset(&stream);
                bytes_append_slice(&stream, bytes_slice(&deflated));
        }
        for (size_t at = 0; at < stream.len;) {
                size_t len = 1 + check_random_below(random, feed_max);

                len = len < stream.len - at ? len : stream.len - at;
                CHECK_OK(recorder_feed(&recorder, stream.data + at, len), &recorder.err);
                at += len;
        }
        CHECK_UINT(recorder.n_events, n_events);
        CHECK_BYTES(recorder.events.data, recorder.events.len, expected.data, expected.len);
        CHECK_UINT(recorder.n_batches, 4);
        CHECK_INT(session_end_of_input(recorder.session, &recorder.err), 0);
        recorder_done(&recorder);
        bytes_done(&stream);
        bytes_done(&expected);
        bytes_done(&params);
        bytes_done(&payload);
        bytes_done(&deflated);
}

TEST(random_batches_cut_at_random_come_out_whole)
{
        struct check_random random = check_seed(20261121);

        for (int i = 0; i < 24; i++)
                run_random(&random, i % 4 == 3);
}
