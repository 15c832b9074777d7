/* test_session.c - one connection's bytes: the worked examples, the oddities, the limits. */
#include "avro/call.h"
#include "avro/frame.h"
#include "avro/handshake.h"
#include "sidecar/base/limits.h"
#include "tests/lib/check.h"
#include "tests/lib/recorder.h"

#include <malloc.h>
#include <stdio.h>

/* Hexadecimal digits, blanks between them ignored. */
static struct slice hex(struct bytes *bytes, const char *text)
{
        unsigned value;

        bytes_reset(bytes);
        for (; *text != '\0'; text++) {
                if (*text == ' ')
                        continue;
                REQUIRE(sscanf(text, "%2x", &value) == 1);
                bytes_append_byte(bytes, (uint8_t)value);
                text++;
        }
        return bytes_slice(bytes);
}

static const char first_request[] = "00000001 00000002 0000002b 86aadae2c45474c0fe93ffd0f2350a65 00 "
                                    "86aadae2c45474c0fe93ffd0f2350a65 0200 00 0c 617070656e64 "
                                    "00000009 02 02 68 02 76 00 04 6869";
static const char second_request[] = "00000002 00000002 0000000d 00 16 617070656e644261746368 "
                                     "00000009 04 00 02 61 00 04 6263 00";

static void feed_hex(struct recorder *recorder, const char *text)
{
        struct bytes bytes;
        struct slice slice;

        bytes_init(&bytes);
        slice = hex(&bytes, text);
        CHECK_OK(recorder_feed(recorder, slice.data, slice.len), &recorder->err);
        bytes_done(&bytes);
}

/* The replies since the last look are exactly these bytes. */
static void check_replies(struct recorder *recorder, const char *text)
{
        struct bytes bytes;
        struct slice slice;

        bytes_init(&bytes);
        slice = hex(&bytes, text);
        CHECK_BYTES(recorder->raw_replies.data, recorder->raw_replies.len, slice.data, slice.len);
        bytes_reset(&recorder->raw_replies);
        bytes_done(&bytes);
}

TEST(the_worked_examples_are_answered_byte_for_byte)
{
        struct recorder recorder;
        struct event event;

        recorder_init(&recorder);
        feed_hex(&recorder, first_request);
        check_replies(&recorder, "00000001 00000001 00000007 00000000 00 00 00");
        feed_hex(&recorder, second_request);
        check_replies(&recorder, "00000002 00000001 00000003 000000");
        CHECK_UINT(recorder.n_events, 3);
        CHECK(recorder.batches[0].is_append && !recorder.batches[1].is_append);
        REQUIRE(recorder_event(&recorder, 2, &event));
        CHECK_SLICE(event.body, "bc");
        recorder.mode = RECORDER_FAILED;
        feed_hex(&recorder, second_request);
        check_replies(&recorder, "00000002 00000001 00000003 000002");
        recorder.mode = RECORDER_ERROR;
        feed_hex(&recorder, second_request);
        check_replies(&recorder, "00000002 00000001 0000000e 00 01 00 14 73706f6f6c2066756c6c");
        recorder.mode = RECORDER_REFUSE;
        feed_hex(&recorder, second_request);
        check_replies(&recorder, "00000002 00000001 0000000e 00 01 00 14 73706f6f6c2066756c6c");
        CHECK_UINT(recorder.n_events, 7);
        recorder_done(&recorder);
}

TEST(none_is_answered_with_the_text_and_the_call_thrown_away)
{
        struct recorder recorder;
        struct bytes bytes, expected;

        recorder_init(&recorder);
        bytes_init(&bytes);
        bytes_init(&expected);
        hex(&bytes, first_request);
        bytes.data[12] ^= 1; /* another client hash */
        CHECK_OK(recorder_feed(&recorder, bytes.data, bytes.len), &recorder.err);
        hex(&expected, "00000001 00000001 0000054c 04 02 ec14");
        bytes_append_slice(&expected, protocol_flume_text());
        bytes_append_byte(&expected, 2);
        bytes_append(&expected, protocol_flume_hash(), 16);
        bytes_append_byte(&expected, 0);
        CHECK_BYTES(recorder.raw_replies.data, recorder.raw_replies.len, expected.data, expected.len);
        CHECK_UINT(recorder.n_events, 0);
        recorder_done(&recorder);
        bytes_done(&bytes);
        bytes_done(&expected);
}

TEST(deflate_is_recognised_and_answered_in_kind)
{
        struct recorder recorder;
        struct bytes bytes, expected;

        recorder_init(&recorder);
        bytes_init(&bytes);
        bytes_init(&expected);
        feed_hex(&recorder, "789c62606060646060600262edb655b71e1d092939f06ff2ff0b9f4cb95219d00580aa78120b0a52f352"
                            "80ca3999983298ca1858323201000000ffff");
        /* the same bytes as zlib at level 0 */
        recorder_deflate(hex(&bytes, "00000001 00000001 00000007 00000000 00 00 00"), 0, false, &expected);
        CHECK_BYTES(recorder.raw_replies.data, recorder.raw_replies.len, expected.data, expected.len);
        feed_hex(&recorder, "82ea07615e06318802a7c492e40c902a1606a6440696a4640600000000ffff");
        CHECK_UINT(recorder.n_events, 3);
        feed_hex(&recorder, "030081891e8d");
        CHECK_INT(session_end_of_input(recorder.session, &recorder.err), 0);
        session_finish_output(recorder.session);
        session_finish_output(recorder.session);
        recorder_take_output(&recorder);
        bytes_reset(&expected);
        hex(&bytes, "00000001 00000001 00000007 00000000 00 00 00 00000002 00000001 00000003 000000");
        CHECK_BYTES(recorder.replies.data, recorder.replies.len, bytes.data, bytes.len);
        CHECK(recorder_feed(&recorder, NULL, 0) == 0);
        recorder_done(&recorder);
        bytes_done(&bytes);
        bytes_done(&expected);
}

TEST(bytes_behind_the_end_of_the_deflate_stream_are_refused)
{
        struct recorder recorder;
        struct bytes bytes, deflated;

        recorder_init(&recorder);
        bytes_init(&bytes);
        bytes_init(&deflated);
        recorder_deflate(hex(&bytes, first_request), 6, true, &deflated);
        CHECK_OK(recorder_feed(&recorder, deflated.data, deflated.len), &recorder.err);
        CHECK_UINT(recorder.n_events, 1);
        CHECK_FAILS(recorder_feed(&recorder, "x", 1), &recorder.err, "behind the end of the deflate stream");
        recorder_done(&recorder);
        bytes_done(&bytes);
        bytes_done(&deflated);
}

TEST(a_damaged_deflate_stream_is_named)
{
        struct recorder recorder;

        recorder_init(&recorder);
        CHECK_FAILS(recorder_feed(&recorder, "\x78\x9c\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12), &recorder.err,
                    "deflate stream is damaged");
        recorder_done(&recorder);
}

/* A deflate client that closes without having sent anything. */
TEST(the_empty_deflate_stream_is_a_quiet_close)
{
        struct recorder recorder;

        recorder_init(&recorder);
        feed_hex(&recorder, "789c030000000001");
        CHECK_INT(session_end_of_input(recorder.session, &recorder.err), 0);
        recorder_done(&recorder);
}

TEST(a_serial_that_looks_like_another_protocol_is_a_serial)
{
        static const char *const serials[] = {"16030100", "16030301", "78010000", "789c0001", "78da0000", "47455420"};
        struct recorder recorder;
        struct bytes bytes;
        char text[sizeof(first_request)];

        bytes_init(&bytes);
        for (unsigned i = 0; i < sizeof(serials) / sizeof(serials[0]); i++) {
                recorder_init(&recorder);
                memcpy(text, first_request, sizeof(text));
                memcpy(text, serials[i], 8);
                feed_hex(&recorder, text);
                CHECK_UINT(recorder.n_events, 1);
                hex(&bytes, serials[i]);
                CHECK_BYTES(recorder.raw_replies.data, 4, bytes.data, 4);
                recorder_done(&recorder);
        }
        bytes_done(&bytes);
}

static const struct {
        const char *data;
        size_t len;
        const char *part;
} strangers[] = {
        {"GET / HTTP/1.1\r\nHost: weir\r\n\r\n", 30, "an HTTP request: this is the port for Flume's avro sinks"},
        {"POST /events HTTP/1.1\r\n", 23, "an HTTP request"},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24, "an HTTP request"},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00\x00\x00\x00", 16, "a TLS ClientHello: set ssl = false"},
        {"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x00\x00\x00\x00\x00", 16, "an SSLv2 hello, as Java 6 and 7"},
        {"\x00\x00\x00\x1c\x82\x21\x01\x0b" "appendBatch\x19\x1c\x1b", 22, "a Thrift call (compact protocol)"},
        {"\x00\x00\x00\x1c\x80\x01\x00\x01\x00\x00\x00\x06" "append", 18, "a Thrift call (binary protocol)"},
        {"\x80\x01\x00\x01\x00\x00\x00\x06" "append\x00\x00", 16, "a Thrift call (binary protocol)"},
        {"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", 34, "a PROXY protocol header"},
        {"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c", 16, "a PROXY protocol header"},
        {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x00\x00", 12, "gzip data"},
        {"<34>Oct 11 22:14:15 web-1 su: 'su root' failed\n", 47, "text, '<34>Oct 11 22:14:15 web-"},
        {"\x00\x00\x00\x01\x00\x00\x00\x00", 8, "no protocol that weir knows (0x0000000100000000)"},
        {"\x00\x00\x00\x01\xff\xff\xff\xff", 8, "count of buffers is negative"},
        {"\x00\x00\x00\x01\x00\x00\x00\x01\xff\xff\xff\xff", 12, "length of a buffer is negative"},
        {"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x03" "abc", 15, "too short for a handshake"},
};

TEST(what_is_no_avro_sink_is_named)
{
        for (unsigned i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
                struct recorder recorder;

                recorder_init(&recorder);
                CHECK_FAILS(recorder_feed(&recorder, strangers[i].data, strangers[i].len), &recorder.err,
                            strangers[i].part);
                CHECK(session_is_lost(recorder.session));
                CHECK_UINT(recorder.raw_replies.len, 0);
                recorder_done(&recorder);
        }
}

TEST(too_few_bytes_are_named_when_they_are_all)
{
        static const struct {
                const char *data;
                size_t len;
                const char *part;
        } cases[] = {
                {"hello", 5, "text, 'hello'"},
                {"\x16\x03", 2, "0x1603"},
                {"\x78\x9c", 2, "0x789c"},
                {"\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x09", 12, "closed before its first frame was whole"},
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct recorder recorder;

                recorder_init(&recorder);
                CHECK_OK(recorder_feed(&recorder, cases[i].data, cases[i].len), &recorder.err);
                CHECK_INT(session_end_of_input(recorder.session, &recorder.err), SESSION_E_MID_FRAME);
                CHECK_CONTAINS(recorder.err.text, cases[i].part);
                recorder_done(&recorder);
        }
}

TEST(a_connection_without_a_byte_is_nothing)
{
        struct recorder recorder;

        recorder_init(&recorder);
        CHECK_INT(session_end_of_input(recorder.session, &recorder.err), 0);
        CHECK_UINT(recorder.counts.refused_connections, 0);
        recorder_done(&recorder);
}

TEST(deflated_http_is_named_too)
{
        struct recorder recorder;
        struct bytes deflated;

        bytes_init(&deflated);
        recorder_deflate(slice_from_text("GET / HTTP/1.1\r\n\r\n"), 6, false, &deflated);
        recorder_init(&recorder);
        CHECK_FAILS(recorder_feed(&recorder, deflated.data, deflated.len), &recorder.err, "an HTTP request");
        recorder_done(&recorder);
        bytes_done(&deflated);
}

/* A client known to announce a buffer too few when its request is a multiple of its buffer size. */
TEST(a_client_that_miscounts_is_told_apart_from_a_stranger)
{
        struct recorder recorder;
        struct bytes bytes;

        bytes_init(&bytes);
        recorder_init(&recorder);
        feed_hex(&recorder, first_request);
        hex(&bytes, "00000000 00000002 00000002");
        CHECK_FAILS(recorder_feed(&recorder, bytes.data, bytes.len), &recorder.err,
                    "desynchronised behind 1 good frames");
        recorder_done(&recorder);
        recorder_init(&recorder);
        feed_hex(&recorder, first_request);
        hex(&bytes, "00000002 00000000");
        CHECK_FAILS(recorder_feed(&recorder, bytes.data, bytes.len), &recorder.err, "desynchronised");
        recorder_done(&recorder);
        bytes_done(&bytes);
}

/* A request in one buffer with these bytes behind the handshake. */
static void feed_call(struct recorder *recorder, uint32_t serial, bool with_handshake, const void *call, size_t len)
{
        struct bytes payload, frame;

        bytes_init(&payload);
        bytes_init(&frame);
        if (with_handshake)
                handshake_append_request(&payload, protocol_flume_hash(), slice_make(NULL, 0), protocol_flume_hash());
        bytes_append(&payload, call, len);
        frame_append(&frame, serial, bytes_slice(&payload), slice_make(NULL, 0));
        CHECK_OK(recorder_feed(recorder, frame.data, frame.len), &recorder->err);
        bytes_done(&payload);
        bytes_done(&frame);
}

/* The text of the only reply, which is a system error. */
static void check_error(struct recorder *recorder, uint32_t serial, bool with_handshake, const char *part)
{
        struct recorder_reply reply;
        struct binary_reader reader;
        enum handshake_match match;
        enum call_status status;
        struct slice text, hash;
        struct bytes storage;
        bool is_error = false;
        char copy[1100];
        size_t at = 0;

        bytes_init(&storage);
        REQUIRE(recorder_next_reply(&recorder->replies, &at, &storage, &reply));
        CHECK_UINT(at, recorder->replies.len);
        CHECK_UINT(reply.serial, serial);
        reader = binary_reader_make(reply.payload.data, reply.payload.data + reply.payload.len);
        if (with_handshake)
                CHECK(handshake_read_response(&reader, &match, &text, &hash));
        REQUIRE(call_read_reply(&reader, &is_error, &status, &text));
        CHECK(is_error);
        snprintf(copy, sizeof(copy), "%.*s", (int)text.len, (const char *)text.data);
        CHECK_CONTAINS(copy, part);
        bytes_reset(&recorder->raw_replies);
        bytes_reset(&recorder->replies);
        bytes_done(&storage);
}

TEST(calls_that_are_wrong_are_refused_and_the_connection_stays)
{
        static const struct {
                const char *call;
                size_t len;
                const char *part;
        } cases[] = {
                {"\0\x08nope\0\2x", 9, "No such remote message: nope"},
                {"\0\x0c" "append\2\2h\2v\0\4h", 15,
                 "the frame ends inside the parameters, behind event 0 (7 bytes left)"},
                {"\0\x16" "appendBatch\4\0\2a", 17, "the frame ends inside the parameters, behind event 1"},
                {"\0\x16" "appendBatch\2\0\2a", 17, "behind event 1 (0 bytes left)"},
                {"\0\x16" "appendBatch", 13, "behind event 0 (0 bytes left)"},
                {"\0", 1, "the frame ends inside the head of the call"},
                {"", 0, "the frame ends inside the head of the call"},
                {"\0\x0c" "append\1\0", 10, "the frame ends inside the parameters"},
                {"\0\x0c" "append\0\1", 10, "an event holds a negative length"},
                {"\0\x0c" "append\2\1", 10, "an event holds a negative length"},
                {"\0\x0c" "append\xfe\xff\xff\xff\x0f", 13, "more items than the limit allows"},
                {"\0\x16" "appendBatch\xfe\xff\xff\xff\x0f", 18, "more items than the limit allows (1000000 events"},
                {"\0\x16" "appendBatch\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0", 24, "more items than the limit"},
                {"\0\x16" "appendBatch\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 24,
                 "a number of more than 64 bits"},
                {"\xfe\xff\xff\xff\x0f", 5, "the head of the call holds"},
                {"\0\xfe\xff\xff\xff\x0f", 6, "the head of the call holds: a length above the limit"},
                {"\0\0\1", 0, "the frame ends inside the head of the call"},
        };
        struct recorder recorder;

        recorder_init(&recorder);
        feed_hex(&recorder, first_request);
        bytes_reset(&recorder.raw_replies);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                bytes_reset(&recorder.replies);
                feed_call(&recorder, 100 + i, false, cases[i].call, cases[i].len);
                check_error(&recorder, 100 + i, false, cases[i].part);
                CHECK_UINT(recorder.n_events, 1 + i);
                feed_hex(&recorder, "00000002 00000002 00000008 00 0c 617070656e64 00000002 00 00");
                bytes_reset(&recorder.raw_replies);
                CHECK_UINT(recorder.n_events, 2 + i);
        }
        recorder_done(&recorder);
        /* likewise in the first call, with the handshake before the answer */
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                recorder_init(&recorder);
                feed_call(&recorder, 1, true, cases[i].call, cases[i].len);
                check_error(&recorder, 1, true, cases[i].part);
                feed_hex(&recorder, second_request);
                CHECK_UINT(recorder.n_events, 2);
                recorder_done(&recorder);
        }
}

TEST(a_second_handshake_is_not_understood_and_not_fatal)
{
        struct recorder recorder;

        recorder_init(&recorder);
        feed_hex(&recorder, first_request);
        bytes_reset(&recorder.raw_replies);
        feed_hex(&recorder, first_request);
        check_error(&recorder, 1, false, "the head of the call holds");
        feed_hex(&recorder, second_request);
        CHECK_UINT(recorder.n_events, 3);
        recorder_done(&recorder);
}

TEST(calls_may_follow_the_handshake_at_once)
{
        struct recorder recorder;
        struct bytes bytes, second;

        recorder_init(&recorder);
        bytes_init(&bytes);
        bytes_init(&second);
        hex(&bytes, first_request);
        hex(&second, second_request);
        for (int i = 0; i < 3; i++)
                bytes_append_slice(&bytes, bytes_slice(&second));
        CHECK_OK(recorder_feed(&recorder, bytes.data, bytes.len), &recorder.err);
        check_replies(&recorder, "00000001 00000001 00000007 00000000 00 00 00 00000002 00000001 00000003 000000"
                                 "00000002 00000001 00000003 000000 00000002 00000001 00000003 000000");
        recorder_done(&recorder);
        bytes_done(&bytes);
        bytes_done(&second);
}

/* What the allocator holds, small and large. */
static size_t held_by_allocator(void)
{
        struct mallinfo2 info = mallinfo2();

        return info.uordblks + info.hblkhd;
}

#define HANDSHAKE                                                                                                      \
        "00000001 00000001 03ffffff 86aadae2c45474c0fe93ffd0f2350a65 00 86aadae2c45474c0fe93ffd0f2350a65 0200 00"

TEST(claims_cost_no_memory)
{
        static const char *const claims[] = {
                "00000001 00000001 03ffffff 86", /* a buffer of 64 MiB */
                "00000001 00002000 00002000 86", /* 8192 buffers of 8 KiB */
                "00000001 00000001 000fffff 86aadae2c45474c0fe93ffd0f2350a65 02 80800f", /* a text of 122 KiB */
                HANDSHAKE "0c 617070656e64 00 80808020",                    /* a body of 32 MiB */
                HANDSHAKE "0c 617070656e64 02 808008",                      /* a header of 64 KiB */
                HANDSHAKE "16 617070656e644261746368 80897a",               /* a million events */
        };
        struct bytes bytes;

        bytes_init(&bytes);
        bytes_reserve(&bytes, 4096);
        for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
                struct recorder recorder;
                size_t before;
                struct slice slice;

                recorder_init(&recorder);
                bytes_reserve(&recorder.feed, 16384);
                slice = hex(&bytes, claims[i]);
                before = held_by_allocator();
                (void)recorder_feed(&recorder, slice.data, slice.len);
                CHECK(held_by_allocator() < before + 16384);
                CHECK(recorder.pool.held_bytes < 256);
                recorder_done(&recorder);
        }
        bytes_done(&bytes);
}

static void append_body_event(struct bytes *params, size_t body_bytes, char c)
{
        bytes_append_byte(params, 0);
        binary_append_long(params, (int64_t)body_bytes);
        memset(bytes_reserve(params, body_bytes), c, body_bytes);
        params->len += body_bytes;
}

static void feed_filler(struct recorder *recorder, size_t len)
{
        enum { FILLER_BYTES = 1 << 20 };
        struct bytes filler;

        bytes_init(&filler);
        memset(bytes_reserve(&filler, FILLER_BYTES), 'f', FILLER_BYTES);
        for (size_t n; len > 0; len -= n) {
                n = len < FILLER_BYTES ? len : FILLER_BYTES;
                CHECK_OK(recorder_feed(recorder, filler.data, n), &recorder->err);
        }
        bytes_done(&filler);
}

TEST(an_oversize_frame_is_refused_by_name_and_skipped)
{
        static const char part[] =
                "frame has more than 67108864 bytes, the most that weir takes: lower the sink's batch-size";
        struct recorder recorder;

        /* the third buffer makes it too large: the event before it is void */
        recorder_init(&recorder);
        feed_hex(&recorder, first_request);
        bytes_reset(&recorder.raw_replies);
        feed_hex(&recorder, "00000002 00000003 0000000d 00 16 617070656e644261746368 00000004 04 00 02 61 04000000");
        CHECK_UINT(recorder.n_events, 1);
        CHECK_UINT(recorder.n_aborted, 1);
        feed_filler(&recorder, 0x04000000);
        check_error(&recorder, 2, false, part);
        feed_hex(&recorder, second_request);
        CHECK_UINT(recorder.n_events, 3);
        CHECK_UINT(recorder.counts.oversize_frames, 1);
        recorder_done(&recorder);
        /* its only buffer says so before the handshake came: the answer waits for it */
        recorder_init(&recorder);
        feed_hex(&recorder, "00000001 00000001 04000001 86aadae2c45474c0fe93ffd0f2350a65 00 "
                            "86aadae2c45474c0fe93ffd0f2350a65 0200 00 0c 617070656e64 00");
        feed_filler(&recorder, 0x04000001 - 44);
        check_error(&recorder, 1, true, part);
        CHECK_UINT(recorder.n_aborted, 0);
        feed_hex(&recorder, second_request);
        CHECK_UINT(recorder.n_events, 2);
        recorder_done(&recorder);
}

TEST(a_spent_pool_refuses_a_large_event_and_no_small_one)
{
        struct recorder recorder;
        struct bytes params, frame;

        bytes_init(&params);
        bytes_init(&frame);
        recorder_init(&recorder);
        recorder.pool.limit_bytes = 256 << 10;
        append_body_event(&params, 1 << 20, 'x');
        recorder_append_request(&frame, 1, true, false, bytes_slice(&params));
        CHECK_OK(recorder_feed(&recorder, frame.data, frame.len), &recorder.err);
        check_error(&recorder, 1, true, "memory for events on their way in is used up (262144 bytes)");
        CHECK_UINT(recorder.pool.held_bytes, 0);
        bytes_reset(&params);
        bytes_reset(&frame);
        append_body_event(&params, 10000, 'y');
        recorder_append_request(&frame, 2, false, false, bytes_slice(&params));
        CHECK_OK(recorder_feed(&recorder, frame.data, frame.len), &recorder.err);
        CHECK_UINT(recorder.n_events, 1);
        recorder_done(&recorder);
        bytes_done(&params);
        bytes_done(&frame);
}

TEST(memory_of_a_large_event_is_given_back)
{
        struct recorder recorder;
        struct bytes params, frame;
        struct event event;

        bytes_init(&params);
        bytes_init(&frame);
        recorder_init(&recorder);
        append_body_event(&params, 5 << 20, 'x');
        recorder_append_request(&frame, 1, true, false, bytes_slice(&params));
        for (size_t at = 0; at < frame.len; at += 100000) {
                size_t len = frame.len - at < 100000 ? frame.len - at : 100000;

                CHECK_OK(recorder_feed(&recorder, frame.data + at, len), &recorder.err);
                CHECK(recorder.pool.held_bytes <= at + len);
        }
        REQUIRE(recorder_event(&recorder, 0, &event));
        CHECK_UINT(event.body.len, 5 << 20);
        CHECK_UINT(recorder.pool.held_bytes, 0);
        /* looked at a few times, not once per buffer */
        CHECK(recorder.n_consume_calls < 8);
        recorder_done(&recorder);
        bytes_done(&params);
        bytes_done(&frame);
}

TEST(a_batch_that_is_not_whole_is_void)
{
        struct recorder recorder;
        struct bytes params, frame;

        bytes_init(&params);
        bytes_init(&frame);
        recorder_init(&recorder);
        binary_append_long(&params, 10);
        for (int i = 0; i < 10; i++)
                append_body_event(&params, 1000, 'e');
        bytes_append_byte(&params, 0);
        recorder_append_request(&frame, 1, true, true, bytes_slice(&params));
        CHECK_OK(recorder_feed(&recorder, frame.data, frame.len - 1), &recorder.err);
        CHECK_UINT(recorder.n_events, 10);
        CHECK(session_is_mid_frame(recorder.session));
        CHECK_INT(session_end_of_input(recorder.session, &recorder.err), SESSION_E_MID_FRAME);
        CHECK_UINT(recorder.n_events, 0);
        CHECK_UINT(recorder.n_aborted, 1);
        CHECK_UINT(recorder.n_batches, 0);
        recorder_done(&recorder);
        bytes_done(&params);
        bytes_done(&frame);
}

TEST(calls_in_flight_are_bounded_and_what_follows_is_kept)
{
        enum { N_CALLS = 3 * LIMIT_CALLS_IN_FLIGHT };
        struct recorder recorder;
        struct bytes bytes, second;
        uint32_t n_answered = 0;

        bytes_init(&bytes);
        bytes_init(&second);
        hex(&bytes, first_request);
        hex(&second, second_request);
        for (int i = 1; i < N_CALLS; i++)
                bytes_append_slice(&bytes, bytes_slice(&second));
        recorder_init(&recorder);
        recorder.mode = RECORDER_LATER;
        CHECK_OK(recorder_feed(&recorder, bytes.data, bytes.len), &recorder.err);
        CHECK_UINT(recorder.n_batches, LIMIT_CALLS_IN_FLIGHT);
        CHECK(session_is_blocked(recorder.session));
        CHECK(session_has_kept_input(recorder.session));
        while (n_answered < recorder.n_batches) {
                session_answer(recorder.session, recorder.batches[n_answered++].token, SESSION_OK, NULL);
                CHECK_OK(session_continue(recorder.session, &recorder.err), &recorder.err);
                CHECK(session_in_flight(recorder.session) <= LIMIT_CALLS_IN_FLIGHT);
        }
        CHECK_UINT(recorder.n_batches, N_CALLS);
        CHECK(!session_is_blocked(recorder.session));
        CHECK(!session_has_kept_input(recorder.session));
        CHECK_UINT(session_in_flight_max(recorder.session), LIMIT_CALLS_IN_FLIGHT);
        recorder_done(&recorder);
        bytes_done(&bytes);
        bytes_done(&second);
}

/* Inflated bytes that wait, and deflated ones behind them, keep their order. */
TEST(a_blocked_deflate_stream_goes_on_where_it_stopped)
{
        enum { N_CALLS = 3 * LIMIT_CALLS_IN_FLIGHT };
        struct recorder recorder;
        struct bytes bytes, second, deflated;
        uint32_t n_answered = 0;

        bytes_init(&bytes);
        bytes_init(&second);
        bytes_init(&deflated);
        hex(&bytes, first_request);
        hex(&second, second_request);
        for (int i = 1; i < N_CALLS; i++)
                bytes_append_slice(&bytes, bytes_slice(&second));
        recorder_deflate(bytes_slice(&bytes), 6, true, &deflated);
        recorder_init(&recorder);
        recorder.mode = RECORDER_LATER;
        for (size_t i = 0; i < deflated.len; i += 7)
                CHECK_OK(recorder_feed(&recorder, deflated.data + i, deflated.len - i < 7 ? deflated.len - i : 7),
                         &recorder.err);
        CHECK_UINT(recorder.n_batches, LIMIT_CALLS_IN_FLIGHT);
        while (n_answered < recorder.n_batches) {
                session_answer(recorder.session, recorder.batches[n_answered++].token, SESSION_OK, NULL);
                CHECK_OK(session_continue(recorder.session, &recorder.err), &recorder.err);
        }
        CHECK_UINT(recorder.n_batches, N_CALLS);
        CHECK_INT(session_end_of_input(recorder.session, &recorder.err), 0);
        recorder_done(&recorder);
        bytes_done(&bytes);
        bytes_done(&second);
        bytes_done(&deflated);
}

/* Few bytes that inflate to many: when the session is blocked, the last of them are still inside the inflater. */
TEST(output_that_the_inflater_holds_back_is_not_forgotten)
{
        enum { N_PINGS = 40000 };
        struct recorder recorder;
        struct bytes bytes, deflated;
        uint8_t ping[14] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0};

        bytes_init(&bytes);
        bytes_init(&deflated);
        hex(&bytes, first_request);
        for (uint32_t i = 2; i < 2 + N_PINGS; i++)
                bytes_append(&bytes, ping, sizeof(ping));
        recorder_deflate(bytes_slice(&bytes), 9, false, &deflated);
        CHECK(deflated.len < 4096);
        recorder_init(&recorder);
        recorder.mode = RECORDER_LATER;
        CHECK_OK(recorder_feed(&recorder, deflated.data, deflated.len), &recorder.err);
        CHECK_UINT(session_in_flight(recorder.session), LIMIT_CALLS_IN_FLIGHT);
        CHECK(session_has_kept_input(recorder.session));
        CHECK(recorder.pool.held_bytes < 100000);
        session_answer(recorder.session, recorder.batches[0].token, SESSION_OK, NULL);
        recorder_take_output(&recorder);
        for (int i = 0; i < 100 && session_has_kept_input(recorder.session); i++) {
                CHECK_OK(session_continue(recorder.session, &recorder.err), &recorder.err);
                recorder_take_output(&recorder);
        }
        CHECK_UINT(recorder.counts.pings, N_PINGS);
        CHECK_UINT(recorder.replies.len, 19 + 12 * N_PINGS);
        CHECK_UINT(recorder.pool.held_bytes, 0);
        recorder_done(&recorder);
        bytes_done(&bytes);
        bytes_done(&deflated);
}

TEST(a_paused_session_takes_nothing_until_it_is_resumed)
{
        struct recorder recorder;

        recorder_init(&recorder);
        feed_hex(&recorder, first_request);
        session_pause(recorder.session);
        feed_hex(&recorder, second_request);
        feed_hex(&recorder, second_request);
        CHECK_UINT(recorder.n_events, 1);
        CHECK_OK(session_continue(recorder.session, &recorder.err), &recorder.err);
        CHECK_UINT(recorder.n_events, 1);
        CHECK(recorder.pool.held_bytes > 0);
        session_resume(recorder.session);
        CHECK_OK(session_continue(recorder.session, &recorder.err), &recorder.err);
        CHECK_UINT(recorder.n_events, 5);
        CHECK_UINT(recorder.pool.held_bytes, 0);
        recorder_done(&recorder);
}

TEST(a_frame_that_began_is_taken_to_its_end_though_paused)
{
        struct recorder recorder;
        struct bytes bytes;

        bytes_init(&bytes);
        hex(&bytes, first_request);
        recorder_init(&recorder);
        CHECK_OK(recorder_feed(&recorder, bytes.data, 30), &recorder.err);
        session_pause(recorder.session);
        CHECK(session_may_read(recorder.session));
        CHECK(session_is_mid_frame(recorder.session));
        CHECK_OK(recorder_feed(&recorder, bytes.data + 30, bytes.len - 30), &recorder.err);
        CHECK_UINT(recorder.n_events, 1);
        CHECK(!session_is_mid_frame(recorder.session));
        CHECK(!session_may_read(recorder.session));
        feed_hex(&recorder, second_request);
        CHECK_UINT(recorder.n_events, 1);
        /* resumed: what was kept comes before anything that is read */
        session_resume(recorder.session);
        CHECK(!session_may_read(recorder.session));
        feed_hex(&recorder, "00000003 00000001 00000004 00 0c 6170");
        CHECK_UINT(recorder.n_events, 1);
        CHECK_OK(session_continue(recorder.session, &recorder.err), &recorder.err);
        CHECK_UINT(recorder.n_events, 3);
        CHECK(session_may_read(recorder.session));
        recorder_done(&recorder);
        bytes_done(&bytes);
}

TEST(output_that_nobody_takes_blocks)
{
        struct recorder recorder;
        struct bytes bytes;

        bytes_init(&bytes);
        hex(&bytes, first_request);
        bytes.data[12] ^= 1; /* NONE has 1368 bytes */
        recorder_init(&recorder);
        for (unsigned i = 0; i < 1000 && !session_is_blocked(recorder.session); i++) {
                struct bytes *feed = &recorder.feed;

                memcpy(bytes_reserve(feed, 8192) + SESSION_ROOM_BYTES, bytes.data, bytes.len);
                CHECK_OK(session_feed(recorder.session, feed->data + SESSION_ROOM_BYTES, bytes.len, &recorder.err),
                         &recorder.err);
        }
        CHECK(session_is_blocked(recorder.session));
        CHECK(session_output(recorder.session).len < LIMIT_CONNECTION_OUTPUT_BYTES + 2000);
        session_output_drop(recorder.session, LIMIT_CONNECTION_OUTPUT_BYTES / 2 + 2000);
        CHECK(!session_is_blocked(recorder.session));
        session_output_drop(recorder.session, session_output(recorder.session).len);
        recorder_done(&recorder);
        bytes_done(&bytes);
}
