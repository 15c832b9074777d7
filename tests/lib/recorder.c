/* recorder.c - a session whose handler writes down what it is given. */
#include "tests/lib/recorder.h"

#include "avro/call.h"
#include "avro/frame.h"
#include "avro/handshake.h"
#include "sidecar/base/file.h"
#include "sidecar/base/alloc.h"
#include "tests/lib/check.h"

#include <zlib.h>

static void on_begin(void *context, uint64_t token)
{
        struct recorder *recorder = context;

        CHECK(!recorder->is_open);
        CHECK(token > recorder->token);
        recorder->is_open = true;
        recorder->token = token;
        recorder->mark_bytes = recorder->events.len;
        recorder->mark_events = recorder->n_events;
}

static int on_consume(void *context, const uint8_t *at, const uint8_t *end, uint32_t max_events, size_t *ret_consumed,
                      uint32_t *ret_events, size_t *ret_need, struct err *err)
{
        struct recorder *recorder = context;
        const uint8_t *start = at;
        uint32_t n = 0;
        struct event event;
        int result = 0;

        CHECK(recorder->is_open);
        CHECK(max_events > 0);
        recorder->n_consume_calls++;
        while (n < max_events) {
                result = event_next(&at, end, &event, ret_need, err);
                if (result != 0)
                        break;
                bytes_append_slice(&recorder->events, event.whole);
                recorder->n_events++;
                n++;
        }
        if (result < 0)
                return -1;
        *ret_consumed = (size_t)(at - start);
        *ret_events = n;
        return 0;
}

static int on_end(void *context, uint64_t token, uint32_t n_events, bool is_append, struct err *err)
{
        struct recorder *recorder = context;
        enum recorder_mode mode = recorder->mode;

        CHECK(recorder->is_open);
        CHECK_UINT(token, recorder->token);
        CHECK_UINT(n_events, recorder->n_events - recorder->mark_events);
        CHECK(recorder->n_batches < sizeof(recorder->batches) / sizeof(recorder->batches[0]));
        if (recorder->n_batches < recorder->n_plan)
                mode = recorder->plan[recorder->n_batches];
        recorder->batches[recorder->n_batches++] = (struct recorder_batch){token, n_events, is_append};
        recorder->is_open = false;
        switch (mode) {
        case RECORDER_OK:
                session_answer(recorder->session, token, SESSION_OK, NULL);
                break;
        case RECORDER_FAILED:
                session_answer(recorder->session, token, SESSION_FAILED, NULL);
                break;
        case RECORDER_ERROR:
                session_answer(recorder->session, token, SESSION_ERROR, "spool full");
                break;
        case RECORDER_REFUSE:
                recorder->events.len = recorder->mark_bytes;
                recorder->n_events = recorder->mark_events;
                return err_set(err, ERR_UNAVAILABLE, "spool full");
        case RECORDER_LATER:
                break;
        }
        return 0;
}

static void on_abort(void *context, uint64_t token)
{
        struct recorder *recorder = context;

        CHECK(recorder->is_open);
        CHECK_UINT(token, recorder->token);
        recorder->is_open = false;
        recorder->events.len = recorder->mark_bytes;
        recorder->n_events = recorder->mark_events;
        recorder->n_aborted++;
}

static const struct session_handler handler = {
        .batch_begin = on_begin,
        .consume = on_consume,
        .batch_end = on_end,
        .batch_abort = on_abort,
};

static void connect_session(struct recorder *recorder)
{
        struct session_config config = {
                .handler = &handler,
                .context = recorder,
                .protocols = recorder->protocols,
                .pool = &recorder->pool,
                .counts = &recorder->counts,
        };

        recorder->session = session_new(&config);
        recorder->token = 0;
}

void recorder_init(struct recorder *recorder)
{
        *recorder = (struct recorder){.mode = RECORDER_OK};
        session_pool_init(&recorder->pool, 256 << 20);
        recorder->protocols = handshake_cache_new();
        bytes_init(&recorder->events);
        bytes_init(&recorder->replies);
        bytes_init(&recorder->raw_replies);
        bytes_init(&recorder->feed);
        connect_session(recorder);
}

void recorder_done(struct recorder *recorder)
{
        session_free(recorder->session);
        CHECK(!recorder->is_open);
        CHECK_UINT(recorder->pool.held_bytes, 0);
        handshake_cache_free(recorder->protocols);
        session_pool_done(&recorder->pool);
        bytes_done(&recorder->events);
        bytes_done(&recorder->replies);
        bytes_done(&recorder->raw_replies);
        bytes_done(&recorder->feed);
}

void recorder_reconnect(struct recorder *recorder)
{
        session_free(recorder->session);
        bytes_reset(&recorder->replies);
        bytes_reset(&recorder->raw_replies);
        connect_session(recorder);
}

/* A zlib stream of stored blocks, and not a frame whose serial looks like one. */
static bool is_stored_stream(struct slice data)
{
        return data.len >= 7 && memcmp(data.data, "\x78\x01\x00", 3) == 0 &&
               (bytes_get_u16(data.data + 3) ^ bytes_get_u16(data.data + 5)) == 0xffff;
}

void recorder_take_output(struct recorder *recorder)
{
        struct slice output = session_output(recorder->session);

        if (output.len == 0)
                return;
        bytes_append_slice(&recorder->raw_replies, output);
        session_output_drop(recorder->session, output.len);
        bytes_reset(&recorder->replies);
        if (is_stored_stream(bytes_slice(&recorder->raw_replies)))
                recorder_inflate(bytes_slice(&recorder->raw_replies), &recorder->replies);
        else
                bytes_append_slice(&recorder->replies, bytes_slice(&recorder->raw_replies));
}

int recorder_feed(struct recorder *recorder, const void *data, size_t len)
{
        struct bytes *feed = &recorder->feed;
        int result;

        bytes_reset(feed);
        memset(bytes_reserve(feed, SESSION_ROOM_BYTES + len + SESSION_SLACK_BYTES), 0xee,
               SESSION_ROOM_BYTES + len + SESSION_SLACK_BYTES);
        if (len > 0)
                memcpy(feed->data + SESSION_ROOM_BYTES, data, len);
        result = session_feed(recorder->session, feed->data + SESSION_ROOM_BYTES, len, &recorder->err);
        recorder_take_output(recorder);
        return result;
}

bool recorder_event(const struct recorder *recorder, uint32_t n, struct event *ret_event)
{
        const uint8_t *at = recorder->events.data, *end = at + recorder->events.len;
        size_t need;
        struct err err;

        for (uint32_t i = 0; i <= n; i++)
                if (i >= recorder->n_events || event_next(&at, end, ret_event, &need, &err) != 0)
                        return false;
        return true;
}

bool recorder_next_reply(const struct bytes *bytes, size_t *at, struct bytes *storage, struct recorder_reply *ret_reply)
{
        const uint8_t *position = bytes->data + *at, *end = bytes->data + bytes->len;
        struct frame frame;
        struct slice span;

        frame_init(&frame, frame_limits_default());
        bytes_reset(storage);
        for (;;) {
                switch (frame_next(&frame, &position, end, &span)) {
                case FRAME_BEGIN:
                        break;
                case FRAME_SPAN:
                        bytes_append_slice(storage, span);
                        break;
                case FRAME_END:
                        *at = (size_t)(position - bytes->data);
                        *ret_reply = (struct recorder_reply){frame.serial, frame.count, bytes_slice(storage)};
                        return true;
                case FRAME_MORE:
                        return false;
                case FRAME_OVERSIZE:
                case FRAME_BAD:
                        CHECK_FAIL("replies are no frames: %s", frame_problem_text(frame.problem));
                        return false;
                }
        }
}

void recorder_inflate(struct slice deflated, struct bytes *plain)
{
        z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)deflated.data, .avail_in = (uInt)deflated.len};
        int result;

        REQUIRE(inflateInit(&stream) == Z_OK);
        do {
                uint8_t *room = bytes_reserve(plain, 65536);

                stream.next_out = room;
                stream.avail_out = 65536;
                result = inflate(&stream, Z_SYNC_FLUSH);
                plain->len += 65536 - stream.avail_out;
        } while (result == Z_OK && stream.avail_out == 0);
        CHECK(result == Z_OK || result == Z_STREAM_END || result == Z_BUF_ERROR);
        CHECK_UINT(stream.avail_in, 0);
        inflateEnd(&stream);
}

void recorder_deflate(struct slice plain, int level, bool end, struct bytes *deflated)
{
        z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)plain.data, .avail_in = (uInt)plain.len};
        size_t bound;

        REQUIRE(deflateInit(&stream, level) == Z_OK);
        bound = deflateBound(&stream, plain.len) + 64;
        stream.next_out = bytes_reserve(deflated, bound);
        stream.avail_out = (uInt)bound;
        deflate(&stream, Z_SYNC_FLUSH);
        if (end)
                deflate(&stream, Z_FINISH);
        CHECK_UINT(stream.avail_in, 0);
        deflated->len += bound - stream.avail_out;
        deflateEnd(&stream);
}

void recorder_load(const char *path, struct bytes *bytes)
{
        uint8_t *data = NULL;
        size_t len = 0;
        struct err err;

        if (file_read_whole(file_ops_system(), check_source(path), 4 << 20, &data, &len, &err) < 0) {
                CHECK_FAIL("%s: %s", path, err.text);
                check_abandon();
        }
        bytes_append(bytes, data, len);
        alloc_free(data);
}

void recorder_append_request(struct bytes *bytes, uint32_t serial, bool with_handshake, bool is_batch,
                             struct slice params)
{
        struct bytes head;

        bytes_init(&head);
        if (with_handshake)
                handshake_append_request(&head, protocol_flume_hash(), slice_make(NULL, 0), protocol_flume_hash());
        call_append_head(&head, is_batch ? CALL_APPEND_BATCH : CALL_APPEND);
        frame_append(bytes, serial, bytes_slice(&head), params);
        bytes_done(&head);
}
