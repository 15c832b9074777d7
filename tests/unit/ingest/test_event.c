/* test_event.c - one AvroFlumeEvent. */
#include "sidecar/base/limits.h"
#include "sidecar/ingest/event.h"
#include "tests/lib/check.h"

#include "avro/binary.h"

static int next(const struct bytes *bytes, size_t len, struct event *event, size_t *ret_need, struct err *err)
{
        const uint8_t *at = bytes->data;
        int result = event_next(&at, bytes->data + len, event, ret_need, err);

        CHECK_UINT(at - bytes->data, result == 0 ? event->whole.len : 0);
        return result;
}

TEST(headers_and_body_are_found_where_they_lie)
{
        struct slice keys[] = {slice_from_text("host"), slice_from_text("k"), slice_from_text("k")};
        struct slice values[] = {slice_from_text("web-1"), slice_from_text("first"), slice_from_text("last")};
        struct slice key, value;
        const uint8_t *position;
        uint64_t block_left = 0;
        struct event event;
        struct bytes bytes;
        size_t need = 0, len;
        struct err err;
        unsigned n = 0;

        bytes_init(&bytes);
        event_append(&bytes, keys, values, 3, slice_from_text("the body"));
        len = bytes.len;
        bytes_append_text(&bytes, "more");
        REQUIRE(next(&bytes, bytes.len, &event, &need, &err) == 0);
        CHECK_UINT(event.whole.len, len);
        CHECK_SLICE(event.body, "the body");
        CHECK_UINT(event.n_headers, 3);
        position = event.headers.data;
        while (event_next_header(&event, &position, &block_left, &key, &value)) {
                CHECK(slice_is_equal(key, keys[n]));
                CHECK(slice_is_equal(value, values[n]));
                n++;
        }
        CHECK_UINT(n, 3);
        CHECK(event_find_header(&event, slice_from_text("k"), &value));
        CHECK_SLICE(value, "last");
        CHECK(!event_find_header(&event, slice_from_text("hos"), &value));
        /* anything less is not whole, and says what it needs at least, truthfully */
        for (size_t cut = 0; cut < len; cut++) {
                CHECK_INT(next(&bytes, cut, &event, &need, &err), EVENT_E_MORE);
                CHECK(need > cut && need <= len);
        }
        bytes_done(&bytes);
}

TEST(headers_may_come_in_blocks_with_sizes)
{
        struct event event;
        struct bytes bytes;
        struct slice value;
        struct err err;
        size_t need;

        bytes_init(&bytes);
        bytes_append(&bytes, "\x01\x08\x02" "a\x02" "1\x02\x02" "b\x02" "2\x00\x00", 14);
        REQUIRE(next(&bytes, bytes.len, &event, &need, &err) == 0);
        CHECK_UINT(event.n_headers, 2);
        CHECK_UINT(event.body.len, 0);
        CHECK(event_find_header(&event, slice_from_text("b"), &value));
        CHECK_SLICE(value, "2");
        CHECK(event_find_header(&event, slice_from_text("a"), &value));
        CHECK_SLICE(value, "1");
        bytes_done(&bytes);
}

TEST(an_empty_event_has_two_bytes)
{
        struct event event;
        struct bytes bytes;
        struct slice value;
        struct err err;
        size_t need;

        bytes_init(&bytes);
        event_append(&bytes, NULL, NULL, 0, slice_make(NULL, 0));
        CHECK_BYTES(bytes.data, bytes.len, "\0\0", 2);
        REQUIRE(next(&bytes, bytes.len, &event, &need, &err) == 0);
        CHECK(!event_find_header(&event, slice_from_text(""), &value));
        bytes_done(&bytes);
}

TEST(limits_hold_before_the_bytes_come)
{
        struct event event;
        struct bytes bytes;
        struct err err;
        size_t need;

        bytes_init(&bytes);
        binary_append_long(&bytes, LIMIT_HEADERS_PER_EVENT + 1);
        CHECK_FAILS(next(&bytes, bytes.len, &event, &need, &err), &err, "more items than the limit allows");
        bytes_reset(&bytes);
        binary_append_long(&bytes, 1);
        binary_append_long(&bytes, LIMIT_HEADER_BYTES + 1);
        CHECK_FAILS(next(&bytes, bytes.len, &event, &need, &err), &err, "a length above the limit");
        /* key and value count together */
        bytes_reset(&bytes);
        binary_append_long(&bytes, 1);
        for (int i = 0; i < 2; i++) {
                binary_append_long(&bytes, LIMIT_HEADER_BYTES / 2);
                memset(bytes_reserve(&bytes, LIMIT_HEADER_BYTES / 2), 'x', LIMIT_HEADER_BYTES / 2);
                bytes.len += LIMIT_HEADER_BYTES / 2;
        }
        CHECK_FAILS(next(&bytes, bytes.len, &event, &need, &err), &err, "a header above the limit");
        bytes_reset(&bytes);
        bytes_append_byte(&bytes, 0);
        binary_append_long(&bytes, LIMIT_FRAME_BYTES + 1);
        CHECK_FAILS(next(&bytes, bytes.len, &event, &need, &err), &err, "a length above the limit");
        bytes_reset(&bytes);
        bytes_append(&bytes, "\0\1", 2);
        CHECK_FAILS(next(&bytes, bytes.len, &event, &need, &err), &err, "a negative length");
        bytes_done(&bytes);
}
