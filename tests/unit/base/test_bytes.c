/* test_bytes.c - writers, readers, and readers of too little. */
#include "sidecar/base/bytes.h"

#include "tests/lib/check.h"

TEST(fields_are_little_endian)
{
        struct bytes bytes;

        bytes_init(&bytes);
        bytes_append_u16(&bytes, 0x0102);
        bytes_append_u32(&bytes, 0x03040506);
        bytes_append_u64(&bytes, 0x0708090a0b0c0d0e);
        CHECK_BYTES(bytes.data, bytes.len, "\x02\x01\x06\x05\x04\x03\x0e\x0d\x0c\x0b\x0a\x09\x08\x07", 14);
        bytes_done(&bytes);
}

TEST(put_and_get_agree)
{
        uint8_t at[8];

        bytes_put_u16(at, 0xfedc);
        CHECK_UINT(bytes_get_u16(at), 0xfedc);
        bytes_put_u32(at, 0xfedcba98);
        CHECK_UINT(bytes_get_u32(at), 0xfedcba98);
        bytes_put_u64(at, 0xfedcba9876543210);
        CHECK_UINT(bytes_get_u64(at), 0xfedcba9876543210);
        bytes_put_be32(at, 0xfedcba98);
        CHECK_UINT(bytes_get_be32(at), 0xfedcba98);
        CHECK_BYTES(at, 4, "\xfe\xdc\xba\x98", 4);
}

TEST(varints_come_back)
{
        static const uint64_t values[] = {0, 1, 127, 128, 300, 16383, 16384, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX};
        struct bytes bytes;
        struct bytes_reader reader;

        bytes_init(&bytes);
        for (unsigned i = 0; i < 10; i++)
                bytes_append_varint(&bytes, values[i]);
        reader = bytes_reader_make(bytes_slice(&bytes));
        for (unsigned i = 0; i < 10; i++)
                CHECK_UINT(bytes_read_varint(&reader), values[i]);
        CHECK(!reader.failed);
        CHECK(reader.at == reader.end);
        bytes_done(&bytes);
}

TEST(varint_beyond_64_bits_fails)
{
        struct bytes_reader reader;

        reader = bytes_reader_make(slice_make("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10));
        CHECK_UINT(bytes_read_varint(&reader), 0);
        CHECK(reader.failed);
        reader = bytes_reader_make(slice_make("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11));
        CHECK_UINT(bytes_read_varint(&reader), 0);
        CHECK(reader.failed);
        reader = bytes_reader_make(slice_make("\x80", 1));
        CHECK_UINT(bytes_read_varint(&reader), 0);
        CHECK(reader.failed);
}

TEST(reader_never_runs_over)
{
        struct bytes_reader reader = bytes_reader_make(slice_make("\1\2\3", 3));

        CHECK_UINT(bytes_read_u16(&reader), 0x0201);
        CHECK_UINT(bytes_read_u32(&reader), 0);
        CHECK(reader.failed);
        CHECK_UINT(bytes_read_u8(&reader), 0); /* one byte is left, but a failed reader stays failed */
        CHECK_UINT(bytes_read_u64(&reader), 0);
        CHECK_UINT(bytes_read_slice(&reader, 1).len, 0);
}

TEST(text_longer_than_the_input_fails)
{
        struct bytes_reader reader = bytes_reader_make(slice_make("\x03" "ab", 3));

        CHECK(bytes_read_text(&reader).data == NULL);
        CHECK(reader.failed);
        reader = bytes_reader_make(slice_make("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "ab", 12));
        CHECK(bytes_read_text(&reader).data == NULL);
        CHECK(reader.failed);
}

TEST(length_and_bytes_come_back)
{
        struct bytes bytes;
        struct bytes_reader reader;

        bytes_init(&bytes);
        bytes_append_lenslice(&bytes, slice_from_text("weir"));
        bytes_append_lenslice(&bytes, slice_make(NULL, 0));
        bytes_append_byte(&bytes, 9);
        reader = bytes_reader_make(bytes_slice(&bytes));
        CHECK_SLICE(bytes_read_text(&reader), "weir");
        CHECK_SLICE(bytes_read_text(&reader), "");
        CHECK_UINT(bytes_read_u8(&reader), 9);
        CHECK(!reader.failed);
        bytes_done(&bytes);
}

TEST(format_grows_as_needed)
{
        struct bytes bytes;
        char long_text[5000];

        memset(long_text, 'x', sizeof(long_text));
        long_text[sizeof(long_text) - 1] = '\0';
        bytes_init(&bytes);
        bytes_append_text(&bytes, "a");
        bytes_append_format(&bytes, "%d%s", 12, long_text);
        bytes_append_format(&bytes, "%s", "");
        CHECK_UINT(bytes.len, 3 + sizeof(long_text) - 1);
        CHECK_BYTES(bytes.data, 5, "a12xx", 5);
        bytes_done(&bytes);
}

TEST(front_is_dropped_and_storage_kept)
{
        struct bytes bytes;
        size_t capacity;

        bytes_init(&bytes);
        bytes_append_text(&bytes, "abcdef");
        capacity = bytes.capacity;
        bytes_drop_front(&bytes, 2);
        CHECK_SLICE(bytes_slice(&bytes), "cdef");
        bytes_drop_front(&bytes, 4);
        CHECK_UINT(bytes.len, 0);
        bytes_append(&bytes, NULL, 0);
        bytes_reset(&bytes);
        CHECK_UINT(bytes.capacity, capacity);
        bytes_done(&bytes);
        bytes_done(NULL);
        CHECK(bytes.data == NULL);
}
