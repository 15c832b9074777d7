/* test_request.c - the walk over one call's payload, without frames. */
#include "sidecar/base/limits.h"
#include "sidecar/ingest/event.h"
#include "sidecar/ingest/request.h"
#include "tests/lib/check.h"

#include <stdio.h>

struct seen {
        char text[1024]; /* begin, runs of events, end */
        size_t n;
        bool is_refusing;
};

static void on_begin(void *context, uint64_t token)
{
        struct seen *seen = context;

        seen->n += (size_t)snprintf(seen->text + seen->n, sizeof(seen->text) - seen->n, "begin %d ", (int)token);
}

static int on_consume(void *context, const uint8_t *at, const uint8_t *end, uint32_t max_events, size_t *ret_consumed,
                      uint32_t *ret_events, size_t *ret_need, struct err *err)
{
        struct seen *seen = context;
        const uint8_t *start = at;
        struct event event;
        uint32_t n = 0;

        if (seen->is_refusing)
                return err_set(err, ERR_DATA, "no such events");
        while (n < max_events && event_next(&at, end, &event, ret_need, err) == 0) {
                seen->n += (size_t)snprintf(seen->text + seen->n, sizeof(seen->text) - seen->n, "%.*s ",
                                            (int)event.body.len, (const char *)event.body.data);
                n++;
        }
        *ret_consumed = (size_t)(at - start);
        *ret_events = n;
        return 0;
}

static void on_abort(void *context, uint64_t token)
{
        struct seen *seen = context;

        (void)token;
        seen->n += (size_t)snprintf(seen->text + seen->n, sizeof(seen->text) - seen->n, "abort ");
}

static const struct session_handler handler = {.batch_begin = on_begin, .consume = on_consume, .batch_abort = on_abort};

struct fixture {
        struct seen seen;
        struct session_counts counts;
        struct session_config config;
        struct request request;
};

static void open_request(struct fixture *fixture)
{
        *fixture = (struct fixture){.config = {.handler = &handler}};
        fixture->config.context = &fixture->seen;
        fixture->config.counts = &fixture->counts;
        fixture->config.protocols = handshake_cache_new();
        request_init(&fixture->request, &fixture->config);
        request_begin(&fixture->request, 1);
}

static void close_request(struct fixture *fixture)
{
        request_done(&fixture->request);
        handshake_cache_free(fixture->config.protocols);
}

/* Walks; what is left is told by *ret_left and *ret_need. */
static void walk(struct fixture *fixture, const void *data, size_t len, size_t *ret_left, size_t *ret_need)
{
        uint8_t padded[4096 + SESSION_SLACK_BYTES] = {0};
        const uint8_t *at = padded;
        struct err err;

        memcpy(padded, data, len);
        CHECK_OK(request_walk(&fixture->request, &at, padded + len, ret_need, &err), &err);
        *ret_left = len - (size_t)(at - padded);
}

static void walk_handshake(struct fixture *fixture)
{
        struct bytes bytes;
        size_t left, need;

        bytes_init(&bytes);
        handshake_append_request(&bytes, protocol_flume_hash(), slice_make(NULL, 0), protocol_flume_hash());
        walk(fixture, bytes.data, bytes.len, &left, &need);
        CHECK_UINT(left, 0);
        CHECK_INT(fixture->request.stage, REQUEST_HEAD);
        CHECK(fixture->request.has_match && fixture->request.is_connected);
        bytes_done(&bytes);
}

TEST(a_walk_stops_where_values_are_not_whole_and_says_what_it_needs)
{
        struct fixture fixture;
        struct err err;
        size_t left, need;

        open_request(&fixture);
        walk_handshake(&fixture);
        walk(&fixture, "\0\x16" "append", 8, &left, &need);
        CHECK_UINT(left, 8); /* a head is read whole */
        CHECK_UINT(need, 13);
        walk(&fixture, "\0\x16" "appendBatch\x04\0\2a\0\x08" "b", 20, &left, &need);
        CHECK_UINT(left, 3);
        CHECK_UINT(need, 6);
        CHECK_TEXT(fixture.seen.text, "begin 1 a ");
        walk(&fixture, "\0\x08" "bbbb\3", 7, &left, &need);
        CHECK_UINT(left, 1); /* a negative count waits for its size */
        CHECK_UINT(need, 2);
        walk(&fixture, "\3\4\0\2c\0\2d\0tail", 13, &left, &need);
        CHECK_UINT(left, 0);
        CHECK_TEXT(fixture.seen.text, "begin 1 a bbbb c d ");
        CHECK_UINT(fixture.counts.trailing_bytes, 4);
        CHECK_INT(request_end(&fixture.request, 0, &err), 0);
        CHECK_INT(fixture.request.stage, REQUEST_DONE);
        CHECK_UINT(fixture.request.n_events, 4);
        fixture.request.is_batch_open = false;
        close_request(&fixture);
}

TEST(what_the_handler_refuses_is_aborted_and_thrown_away)
{
        struct fixture fixture;
        struct err err;
        size_t left, need;

        open_request(&fixture);
        walk_handshake(&fixture);
        fixture.seen.is_refusing = true;
        walk(&fixture, "\0\x0c" "append\0\2a and what follows", 27, &left, &need);
        CHECK_UINT(left, 0);
        CHECK_TEXT(fixture.seen.text, "begin 1 abort ");
        CHECK_TEXT(fixture.request.refusal.text, "no such events");
        CHECK_INT(request_end(&fixture.request, 0, &err), 0);
        CHECK_INT(fixture.request.stage, REQUEST_REFUSED);
        CHECK_UINT(fixture.counts.trailing_bytes, 0);
        close_request(&fixture);
}

TEST(the_second_call_needs_no_handshake)
{
        struct fixture fixture;
        struct err err;
        size_t left, need;

        open_request(&fixture);
        walk_handshake(&fixture);
        walk(&fixture, "\0\0", 2, &left, &need);
        CHECK_INT(fixture.request.message, CALL_PING);
        CHECK_INT(request_end(&fixture.request, 0, &err), 0);
        request_begin(&fixture.request, 2);
        CHECK(!fixture.request.has_match);
        walk(&fixture, "\0\x0c" "append\0\2z", 11, &left, &need);
        CHECK_TEXT(fixture.seen.text, "begin 2 z ");
        close_request(&fixture);
        CHECK_TEXT(fixture.seen.text, "begin 2 z abort ");
}

TEST(an_oversize_call_is_refused_after_its_handshake)
{
        struct fixture fixture;
        struct bytes bytes;
        size_t left, need;

        open_request(&fixture);
        request_set_oversize(&fixture.request);
        CHECK_INT(fixture.request.stage, REQUEST_HANDSHAKE);
        bytes_init(&bytes);
        handshake_append_request(&bytes, protocol_flume_hash(), slice_make(NULL, 0), protocol_flume_hash());
        walk(&fixture, bytes.data, bytes.len, &left, &need);
        CHECK_INT(fixture.request.stage, REQUEST_REFUSED);
        CHECK(fixture.request.has_match);
        CHECK_CONTAINS(fixture.request.refusal.text, "lower the sink's batch-size");
        bytes_done(&bytes);
        close_request(&fixture);
}

TEST(a_frame_without_a_whole_handshake_loses_the_connection)
{
        struct fixture fixture;
        struct err err;

        open_request(&fixture);
        CHECK_FAILS(request_end(&fixture.request, 3, &err), &err, "too short for a handshake");
        close_request(&fixture);
}
