/* test_deflate.c - zlib streams: read in pieces, written as zlib at level 0 writes them. */
#include "sidecar/ingest/deflate.h"
#include "tests/lib/check.h"
#include "tests/lib/recorder.h"

static void fill(struct bytes *bytes, size_t len, struct check_random *random)
{
        uint8_t *at = bytes_reserve(bytes, len);

        for (size_t i = 0; i < len; i++)
                at[i] = (uint8_t)check_random_below(random, 4);
        bytes->len += len;
}

TEST(written_streams_are_those_of_zlib_at_level_0)
{
        struct check_random random = check_seed(20261122);
        struct deflate_writer writer;
        struct bytes data, ours, zlibs;

        bytes_init(&data);
        bytes_init(&ours);
        bytes_init(&zlibs);
        fill(&data, 1368, &random);
        deflate_writer_init(&writer);
        deflate_write(&writer, bytes_slice(&data), &ours);
        deflate_write_end(&writer, &ours);
        recorder_deflate(bytes_slice(&data), 0, true, &zlibs);
        CHECK_BYTES(ours.data, ours.len, zlibs.data, zlibs.len);
        bytes_done(&data);
        bytes_done(&ours);
        bytes_done(&zlibs);
}

TEST(each_write_can_be_read_at_once)
{
        struct deflate_writer writer;
        struct bytes ours, plain;

        bytes_init(&ours);
        bytes_init(&plain);
        deflate_writer_init(&writer);
        deflate_write(&writer, slice_from_text("first"), &ours);
        recorder_inflate(bytes_slice(&ours), &plain);
        CHECK_SLICE(bytes_slice(&plain), "first");
        deflate_write(&writer, slice_from_text(" second"), &ours);
        bytes_reset(&plain);
        recorder_inflate(bytes_slice(&ours), &plain);
        CHECK_SLICE(bytes_slice(&plain), "first second");
        bytes_done(&ours);
        bytes_done(&plain);
}

TEST(a_long_reply_takes_several_blocks)
{
        struct check_random random = check_seed(20261123);
        struct deflate_writer writer;
        struct bytes data, ours, plain;

        bytes_init(&data);
        bytes_init(&ours);
        bytes_init(&plain);
        fill(&data, 200000, &random);
        deflate_writer_init(&writer);
        deflate_write(&writer, bytes_slice(&data), &ours);
        deflate_write_end(&writer, &ours);
        recorder_inflate(bytes_slice(&ours), &plain);
        CHECK_BYTES(plain.data, plain.len, data.data, data.len);
        bytes_done(&data);
        bytes_done(&ours);
        bytes_done(&plain);
}

TEST(an_ended_stream_without_a_write_is_the_empty_one)
{
        struct deflate_writer writer;
        struct bytes ours, zlibs;

        bytes_init(&ours);
        bytes_init(&zlibs);
        deflate_writer_init(&writer);
        deflate_write_end(&writer, &ours);
        recorder_inflate(bytes_slice(&ours), &zlibs);
        CHECK_UINT(zlibs.len, 0);
        bytes_done(&ours);
        bytes_done(&zlibs);
}

/* Reads it all through a small window, the input given in pieces. */
static int read_all(const struct bytes *deflated, size_t piece, size_t room, struct bytes *plain, struct err *err)
{
        struct deflate_reader *reader = deflate_reader_new();
        const uint8_t *at = deflated->data, *end = at + deflated->len;
        int result = 0;

        while (at < end && result == 0) {
                const uint8_t *stop = (size_t)(end - at) < piece ? end : at + piece;
                size_t len;

                do {
                        result = deflate_read(reader, &at, stop, bytes_reserve(plain, room), room, &len, err);
                        plain->len += len;
                } while (result == 0 && len == room);
                CHECK(result != 0 || at == stop);
        }
        deflate_reader_free(reader);
        return result;
}

TEST(streams_are_read_through_any_window)
{
        struct check_random random = check_seed(20261124);
        struct bytes data, deflated, plain;
        struct err err;

        bytes_init(&data);
        bytes_init(&deflated);
        bytes_init(&plain);
        fill(&data, 30000, &random);
        for (int level = 0; level <= 9; level += 3) {
                bytes_reset(&deflated);
                recorder_deflate(bytes_slice(&data), level, true, &deflated);
                for (size_t piece = 1; piece < 100000; piece *= 13) {
                        bytes_reset(&plain);
                        CHECK_INT(read_all(&deflated, piece, 1 + piece % 777, &plain, &err), DEFLATE_E_END);
                        CHECK_BYTES(plain.data, plain.len, data.data, data.len);
                }
        }
        bytes_done(&data);
        bytes_done(&deflated);
        bytes_done(&plain);
}

TEST(damage_is_named_and_what_came_before_it_is_there)
{
        struct bytes deflated, plain;
        struct err err;

        bytes_init(&deflated);
        bytes_init(&plain);
        recorder_deflate(slice_from_text("as it was"), 0, false, &deflated);
        bytes_append(&deflated, "\xff\xff\xff\xff", 4);
        CHECK_FAILS(read_all(&deflated, 100, 100, &plain, &err), &err, "deflate stream is damaged: invalid block type");
        CHECK_SLICE(bytes_slice(&plain), "as it was");
        /* a dictionary that nobody agreed on */
        bytes_reset(&deflated);
        bytes_append(&deflated, "\x78\xbb\x01\x02\x03\x04", 6);
        CHECK_FAILS(read_all(&deflated, 100, 100, &plain, &err), &err, "dictionary");
        bytes_done(&deflated);
        bytes_done(&plain);
}

/* Flume 1.4 ends its stream with a wrong one when there were many frames. */
TEST(a_wrong_checksum_at_the_end_is_an_end)
{
        struct bytes deflated, plain;
        struct err err;

        bytes_init(&deflated);
        bytes_init(&plain);
        recorder_deflate(slice_from_text("abc"), 6, true, &deflated);
        deflated.data[deflated.len - 1] ^= 1;
        CHECK_INT(read_all(&deflated, 100, 100, &plain, &err), DEFLATE_E_END);
        CHECK_SLICE(bytes_slice(&plain), "abc");
        bytes_done(&deflated);
        bytes_done(&plain);
}
