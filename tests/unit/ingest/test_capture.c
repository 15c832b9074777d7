/* test_capture.c - what real Flume agents sent, replayed against the session, and what their sources answered. */
#include "avro/handshake.h"
#include "sidecar/base/alloc.h"
#include "tests/lib/check.h"
#include "tests/lib/recorder.h"

#include <stdio.h>
#include <stdlib.h>

/* Every two-way capture: its events, how the recorded server answered, and from which frame on it can be replayed. */
struct capture {
        const char *name;
        const char *bodies;       /* joined by '|'; NULL: see check_bodies */
        enum recorder_mode plan[3];
        uint32_t n_plan;
        uint32_t skip_frames;     /* not replayed: a server that answers BOTH never sees what follows NONE */
        bool is_client_match;     /* the recorded server answered CLIENT where weir answers BOTH */
        unsigned n_header;        /* headers of each event, checked on the first */
};

static const struct capture captures[] = {
        {.name = "f1110-plain-b1-three", .bodies = "one|two|three", .n_header = 2},
        {.name = "f1110-plain-b100-mixed", .n_header = 2},
        {.name = "f1110-plain-b100-seq250"},
        {.name = "f1110-deflate-b100-mixed", .n_header = 2},
        {.name = "f1110-deflate-b100-seq250"},
        {.name = "f1110-deflate1-b1-three", .bodies = "one|two|three", .n_header = 2},
        {.name = "f1110-deflate-b100-big1mib", .n_header = 2},
        {.name = "f160-plain-b100-ascii", .bodies = "first line||{\"a\":1,\"b\":\"two\"}|last", .n_header = 2},
        {.name = "f160-deflate-b2-ascii", .bodies = "first line||{\"a\":1,\"b\":\"two\"}|last", .n_header = 2},
        {.name = "f140-plain-b100-ascii", .bodies = "first line||{\"a\":1,\"b\":\"two\"}|last", .n_header = 1},
        {.name = "f140-deflate-b2-ascii", .bodies = "first line||{\"a\":1,\"b\":\"two\"}|last", .n_header = 1},
        {.name = "f1110-sdk-append-and-batch"},
        {.name = "f1110-sdk-4threads-pipelined"},
        {.name = "f1110-handshake-none", .bodies = "1|2|3|4|5", .skip_frames = 1},
        {.name = "f1110-handshake-client", .bodies = "1|2|3|4|5", .is_client_match = true},
        {.name = "f1110-failed-conn1", .bodies = "1|2|3|4", .plan = {RECORDER_OK, RECORDER_FAILED}, .n_plan = 2},
        {.name = "f1110-failed-conn2", .bodies = "3|4", .plan = {RECORDER_FAILED}, .n_plan = 1},
        {.name = "f1110-failed-conn3", .bodies = "3|4|5|6"},
        {.name = "f1110-rpcerror-conn1", .bodies = "1|2|3|4", .plan = {RECORDER_OK, RECORDER_ERROR}, .n_plan = 2},
        {.name = "f1110-rpcerror-conn2", .bodies = "3|4|5|6"},
        {.name = "f1110-idle-reconnect-conn1", .bodies = "1|2|3"},
        {.name = "f1110-idle-reconnect-conn2", .bodies = "4|5|6"},
        {.name = "f1110-batch-grows-conn1", .plan = {RECORDER_ERROR}, .n_plan = 1},
        {.name = "f1110-batch-grows-conn2"},
        {.name = "f1110-spooldir-avro-hash", .n_header = 1},
        {.name = "f1110-spooldir-avro-literal", .n_header = 1},
        {.name = "s1110-unknown-hash-nodoc", .bodies = "hi|a|bc"},
        {.name = "s1110-foreign-schema", .bodies = "one|one|two|three"},
        {.name = "s1110-oddities", .bodies = "hi|hi|a|a|hi|hi|hi|dup"},
};

enum { N_CAPTURES = sizeof(captures) / sizeof(captures[0]) };

static const struct capture *find(const char *name)
{
        for (unsigned i = 0; i < N_CAPTURES; i++)
                if (strcmp(captures[i].name, name) == 0)
                        return &captures[i];
        CHECK_FAIL("no capture '%s'", name);
        check_abandon();
}

static void load(const struct capture *capture, const char *direction, struct bytes *bytes)
{
        char path[256];

        snprintf(path, sizeof(path), "tests/data/flume-wire-captures/%s.%s", capture->name, direction);
        recorder_load(path, bytes);
}

/* What the client sent, without the frames that cannot be replayed. */
static void load_request(const struct capture *capture, struct bytes *bytes)
{
        struct recorder_reply frame;
        struct bytes storage;
        size_t at = 0;

        load(capture, "c2s", bytes);
        bytes_init(&storage);
        for (uint32_t i = 0; i < capture->skip_frames; i++)
                CHECK(recorder_next_reply(bytes, &at, &storage, &frame));
        bytes_drop_front(bytes, at);
        bytes_done(&storage);
}

/* Bodies that are told by a rule. seq: decimal numbers from `from` on. */
static void expect_sequence(struct bytes *bodies, unsigned from, unsigned n, const char *prefix)
{
        for (unsigned i = 0; i < n; i++)
                bytes_append_format(bodies, "%s%s%u", bodies->len > 0 ? "|" : "", prefix, from + i);
}

static void expect_repeated(struct bytes *bodies, char c, size_t n)
{
        memset(bytes_reserve(bodies, n), c, n);
        bodies->len += n;
}

static bool expect_bodies(const struct capture *capture, struct bytes *bodies)
{
        const char *name = capture->name;

        if (capture->bodies != NULL) {
                bytes_append_text(bodies, capture->bodies);
        } else if (strstr(name, "mixed") != NULL) {
                bytes_append_text(bodies, "first line|caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80||");
                expect_repeated(bodies, 'x', 8192);
                bytes_append_text(bodies, "|{\"a\":1,\"b\":\"two\"}||last");
        } else if (strstr(name, "seq250") != NULL) {
                expect_sequence(bodies, 0, 250, "");
        } else if (strstr(name, "big1mib") != NULL) {
                bytes_append_text(bodies, "before|");
                expect_repeated(bodies, 'A', 1 << 20);
                bytes_append_text(bodies, "|after");
        } else if (strstr(name, "sdk-append-and-batch") != NULL) {
                bytes_append_text(bodies, "hi|");
                expect_sequence(bodies, 0, 25, "e");
        } else if (strstr(name, "batch-grows") != NULL) {
                expect_sequence(bodies, 1, strstr(name, "conn1") != NULL ? 10 : 30, "");
        } else {
                return false; /* told otherwise in a test of its own */
        }
        return true;
}

static void check_bodies(const struct capture *capture, const struct recorder *recorder)
{
        const uint8_t *at = recorder->events.data;
        struct bytes expected, actual;
        struct event event;
        size_t need;
        struct err err;

        bytes_init(&expected);
        bytes_init(&actual);
        for (uint32_t i = 0; i < recorder->n_events; i++) {
                REQUIRE(event_next(&at, recorder->events.data + recorder->events.len, &event, &need, &err) == 0);
                if (i > 0)
                        bytes_append_byte(&actual, '|');
                bytes_append_slice(&actual, event.body);
                if (i == 0 && capture->n_header > 0)
                        CHECK_UINT(event.n_headers, capture->n_header);
        }
        if (expect_bodies(capture, &expected))
                CHECK_BYTES(actual.data, actual.len, expected.data, expected.len);
        else
                CHECK(recorder->n_events > 0);
        bytes_done(&expected);
        bytes_done(&actual);
}

/* The handshake's part of a reply, told by its first byte and the frame it belongs to. */
static size_t handshake_bytes(struct slice payload, bool is_first)
{
        struct binary_reader reader = binary_reader_make(payload.data, payload.data + payload.len);
        enum handshake_match match;
        struct slice text, hash;

        if (!is_first || !handshake_read_response(&reader, &match, &text, &hash))
                return 0;
        return (size_t)(reader.at - payload.data);
}

static void check_reply(const struct capture *capture, struct slice actual, struct slice expected, bool is_first)
{
        size_t n_actual = handshake_bytes(actual, is_first), n_expected = handshake_bytes(expected, is_first);

        if (capture->is_client_match) {
                actual = slice_make(actual.data + n_actual, actual.len - n_actual);
                expected = slice_make(expected.data + n_expected, expected.len - n_expected);
                n_actual = n_expected = 0;
        }
        /* a system error is one: the words are our own, unless the recorded server was a fake with ours */
        if (expected.len > n_expected + 1 && expected.data[n_expected + 1] == 1 && capture->n_plan == 0) {
                CHECK(actual.len > n_actual + 3);
                CHECK_BYTES(actual.data, n_actual + 3, expected.data, n_expected + 3);
        } else {
                CHECK_BYTES(actual.data, actual.len, expected.data, expected.len);
        }
}

/* Each recorded reply has its twin in ours; ours stand in the order of the requests, one buffer each. */
static void check_replies(const struct capture *capture, const struct recorder *recorder)
{
        struct recorder_reply actual, expected;
        struct bytes recorded, inflated, storage, expected_storage;
        size_t at = 0, expected_at;
        uint32_t n_actual = 0, n_expected = 0;

        bytes_init(&recorded);
        bytes_init(&inflated);
        bytes_init(&storage);
        bytes_init(&expected_storage);
        load(capture, "s2c", &recorded);
        if (recorded.data[0] == 0x78) {
                recorder_inflate(bytes_slice(&recorded), &inflated);
                bytes_reset(&recorded);
                bytes_append_slice(&recorded, bytes_slice(&inflated));
        }
        for (expected_at = 0; recorder_next_reply(&recorded, &expected_at, &expected_storage, &expected);)
                n_expected++;
        while (recorder_next_reply(&recorder->replies, &at, &storage, &actual)) {
                bool is_found = false;

                CHECK_UINT(actual.n_buffers, 1);
                for (expected_at = 0; recorder_next_reply(&recorded, &expected_at, &expected_storage, &expected);) {
                        if (expected.serial != actual.serial)
                                continue;
                        is_found = true;
                        check_reply(capture, actual.payload, expected.payload,
                                    n_actual == 0 || strncmp(capture->name, "s1110-", 6) == 0);
                }
                CHECK(is_found);
                n_actual++;
        }
        CHECK_UINT(at, recorder->replies.len);
        CHECK_UINT(n_actual + capture->skip_frames, n_expected);
        bytes_done(&recorded);
        bytes_done(&inflated);
        bytes_done(&storage);
        bytes_done(&expected_storage);
}

static void prepare(const struct capture *capture, struct recorder *recorder)
{
        recorder_init(recorder);
        memcpy(recorder->plan, capture->plan, sizeof(capture->plan));
        recorder->n_plan = capture->n_plan;
}

/* Fed in two pieces, or in one when split is 0. */
static void replay_split(const struct capture *capture, const struct bytes *request, size_t split,
                         struct recorder *recorder)
{
        prepare(capture, recorder);
        CHECK_OK(recorder_feed(recorder, request->data, split), &recorder->err);
        CHECK_OK(recorder_feed(recorder, request->data + split, request->len - split), &recorder->err);
        CHECK_INT(session_end_of_input(recorder->session, &recorder->err), 0);
}

static void replay_bytewise(const struct capture *capture, const struct bytes *request, struct recorder *recorder)
{
        prepare(capture, recorder);
        for (size_t i = 0; i < request->len; i++)
                CHECK_OK(recorder_feed(recorder, request->data + i, 1), &recorder->err);
        CHECK_INT(session_end_of_input(recorder->session, &recorder->err), 0);
}

TEST(every_capture_is_answered_as_its_source_did)
{
        for (unsigned i = 0; i < N_CAPTURES; i++) {
                struct recorder recorder;
                struct bytes request;

                bytes_init(&request);
                load_request(&captures[i], &request);
                replay_split(&captures[i], &request, 0, &recorder);
                check_bodies(&captures[i], &recorder);
                check_replies(&captures[i], &recorder);
                recorder_done(&recorder);
                bytes_done(&request);
        }
}

/* The result of a split replay is that of the whole one, which was compared with the recording. */
static void check_same(const struct recorder *actual, const struct recorder *expected)
{
        CHECK_UINT(actual->n_events, expected->n_events);
        CHECK_UINT(actual->n_batches, expected->n_batches);
        CHECK_BYTES(actual->events.data, actual->events.len, expected->events.data, expected->events.len);
        CHECK_BYTES(actual->raw_replies.data, actual->raw_replies.len, expected->raw_replies.data,
                    expected->raw_replies.len);
        CHECK_UINT(actual->counts.trailing_bytes, expected->counts.trailing_bytes);
}

/* stride: 1 for every byte; more leaves cuts in the middle out, not those within 16 bytes of the ends */
static void split_everywhere(const struct capture *capture, size_t stride)
{
        struct recorder whole, split;
        struct bytes request;

        bytes_init(&request);
        load_request(capture, &request);
        replay_split(capture, &request, 0, &whole);
        for (size_t at = 1; at < request.len; at++) {
                if (at % stride != 0 && at > 16 && at < request.len - 16)
                        continue;
                replay_split(capture, &request, at, &split);
                check_same(&split, &whole);
                recorder_done(&split);
        }
        replay_bytewise(capture, &request, &split);
        check_same(&split, &whole);
        recorder_done(&split);
        recorder_done(&whole);
        bytes_done(&request);
}

TEST(cutting_a_capture_at_any_byte_changes_nothing)
{
        for (unsigned i = 0; i < N_CAPTURES; i++)
                if (strstr(captures[i].name, "big1mib") == NULL)
                        split_everywhere(&captures[i], 1);
}

/* 1535 cuts of what inflates to one MiB take seconds: tests/e2e/inflating_capture.sh asks for each of them. */
TEST(cutting_the_inflating_capture_changes_nothing)
{
        split_everywhere(find("f1110-deflate-b100-big1mib"), getenv("WEIR_EVERY_CUT") != NULL ? 1 : 96);
}

TEST(pipelined_calls_are_answered_in_their_order)
{
        const struct capture *capture = find("f1110-sdk-4threads-pipelined");
        struct recorder recorder;
        struct recorder_reply reply;
        struct bytes request, storage;
        uint32_t last = 0, n = 0;
        size_t at = 0;

        bytes_init(&request);
        bytes_init(&storage);
        load_request(capture, &request);
        recorder_init(&recorder);
        recorder.mode = RECORDER_LATER;
        CHECK_OK(recorder_feed(&recorder, request.data, request.len), &recorder.err);
        CHECK_UINT(session_in_flight(recorder.session), 25);
        CHECK_UINT(recorder.replies.len, 0);
        /* answered from the last to the first: nothing may leave before the first is there */
        for (uint32_t i = recorder.n_batches; i-- > 0;) {
                CHECK_UINT(session_output(recorder.session).len, 0);
                session_answer(recorder.session, recorder.batches[i].token, SESSION_OK, NULL);
        }
        recorder_take_output(&recorder);
        while (recorder_next_reply(&recorder.replies, &at, &storage, &reply)) {
                CHECK(reply.serial > last);
                last = reply.serial;
                n++;
        }
        CHECK_UINT(n, 25);
        CHECK_UINT(session_in_flight(recorder.session), 0);
        CHECK_UINT(session_in_flight_max(recorder.session), 25);
        recorder_done(&recorder);
        bytes_done(&request);
        bytes_done(&storage);
}

TEST(headers_arrive_as_they_were_sent)
{
        struct recorder recorder;
        struct bytes request;
        struct event event;
        struct slice value;

        bytes_init(&request);
        load_request(find("f1110-plain-b1-three"), &request);
        replay_split(find("f1110-plain-b1-three"), &request, 0, &recorder);
        REQUIRE(recorder_event(&recorder, 1, &event));
        CHECK_SLICE(event.body, "two");
        REQUIRE(event_find_header(&event, slice_from_text("host"), &value));
        CHECK_SLICE(value, "w\xc3\xa9" "b1");
        REQUIRE(event_find_header(&event, slice_from_text("basename"), &value));
        CHECK_SLICE(value, "in.txt");
        CHECK(!event_find_header(&event, slice_from_text("port"), &value));
        recorder_done(&recorder);
        bytes_done(&request);
}

TEST(spooldir_events_carry_the_hash_of_their_schema)
{
        struct recorder recorder;
        struct bytes request;
        struct event event;
        struct slice value;

        bytes_init(&request);
        load_request(find("f1110-spooldir-avro-hash"), &request);
        replay_split(find("f1110-spooldir-avro-hash"), &request, 0, &recorder);
        CHECK_UINT(recorder.n_events, 3);
        for (uint32_t i = 0; i < recorder.n_events; i++) {
                REQUIRE(recorder_event(&recorder, i, &event));
                REQUIRE(event_find_header(&event, slice_from_text("flume.avro.schema.hash"), &value));
                CHECK_SLICE(value, "cb74feaa6f581918");
        }
        /* the first datum is (alice, 1.5, ...): a string comes first */
        REQUIRE(recorder_event(&recorder, 0, &event));
        CHECK_BYTES(event.body.data, 6, "\x0a" "alice", 6);
        recorder_done(&recorder);
        bytes_done(&request);
}

TEST(oddities_are_counted)
{
        struct recorder recorder;
        struct bytes request;
        struct event event;
        struct slice value;

        bytes_init(&request);
        load_request(find("s1110-oddities"), &request);
        replay_split(find("s1110-oddities"), &request, 0, &recorder);
        CHECK_UINT(recorder.counts.pings, 2);
        CHECK_UINT(recorder.counts.trailing_bytes, 4);
        CHECK_UINT(recorder.counts.answered_error, 2);
        CHECK_UINT(recorder.n_aborted, 1);
        /* of a repeated key the last counts */
        REQUIRE(recorder_event(&recorder, 7, &event));
        CHECK_UINT(event.n_headers, 2);
        REQUIRE(event_find_header(&event, slice_from_text("d"), &value));
        CHECK_SLICE(value, "2");
        recorder_done(&recorder);
        bytes_done(&request);
}

TEST(a_protocol_once_sent_is_known_to_the_next_connection)
{
        struct recorder recorder;
        struct bytes request;
        size_t first_bytes = 8 + 4 + 43 + 4 + 9;

        bytes_init(&request);
        load_request(find("s1110-unknown-hash-nodoc"), &request);
        replay_split(find("s1110-unknown-hash-nodoc"), &request, 0, &recorder);
        CHECK_UINT(recorder.counts.handshakes_none, 1);
        CHECK_UINT(recorder.counts.handshakes_both, 1);
        CHECK_UINT(recorder.n_events, 3);
        recorder_reconnect(&recorder);
        /* no text this time: a client's hash that is known, and a serverHash that is not ours, is CLIENT */
        CHECK_OK(recorder_feed(&recorder, request.data, first_bytes), &recorder.err);
        CHECK_UINT(recorder.counts.handshakes_client, 1);
        CHECK_UINT(recorder.counts.handshakes_none, 1);
        CHECK_UINT(recorder.n_events, 4);
        recorder_done(&recorder);
        bytes_done(&request);
}

static void check_refused(const char *name, const char *part)
{
        struct recorder recorder;
        struct bytes request;
        char path[256];

        bytes_init(&request);
        snprintf(path, sizeof(path), "tests/data/flume-wire-captures/%s.c2s", name);
        recorder_load(path, &request);
        recorder_init(&recorder);
        CHECK_FAILS(recorder_feed(&recorder, request.data, request.len), &recorder.err, part);
        CHECK_UINT(recorder.counts.refused_connections, 1);
        recorder_done(&recorder);
        /* and as well when it trickles in */
        recorder_init(&recorder);
        for (size_t i = 0; i < request.len; i++) {
                if (recorder_feed(&recorder, request.data + i, 1) < 0) {
                        CHECK_CONTAINS(recorder.err.text, part);
                        CHECK(i < 64);
                        break;
                }
                CHECK(i < 64);
        }
        recorder_done(&recorder);
        bytes_done(&request);
}

TEST(first_flights_of_tls_are_named)
{
        check_refused("f1110-tls-clienthello", "a TLS ClientHello: set ssl = false");
        check_refused("f190-tls-deflate-clienthello", "a TLS ClientHello: set ssl = false");
        check_refused("f1110-tls-deflate-first-flight", "TLS inside a deflate stream");
}

TEST(deflate_that_a_plain_source_refuses_is_taken_here)
{
        struct recorder recorder;
        struct bytes request;

        bytes_init(&request);
        recorder_load("tests/data/flume-wire-captures/f1110-deflate-to-plain-source.c2s", &request);
        recorder_init(&recorder);
        CHECK_OK(recorder_feed(&recorder, request.data, request.len), &recorder.err);
        CHECK(recorder.n_events > 0);
        CHECK_UINT(recorder.raw_replies.data[0], 0x78);
        recorder_done(&recorder);
        bytes_done(&request);
}
