/* test_binary.c - Avro's binary encoding, at its edges. */
#include "avro/binary.h"
#include "tests/lib/check.h"

static const struct {
        int64_t value;
        const char *bytes;
        size_t len;
} longs[] = {
        {0, "\x00", 1},
        {-1, "\x01", 1},
        {1, "\x02", 1},
        {63, "\x7e", 1},
        {-64, "\x7f", 1},
        {64, "\x80\x01", 2},
        {-65, "\x81\x01", 2},
        {1334, "\xec\x14", 2},
        {8192, "\x80\x80\x01", 3},
        {INT32_MAX, "\xfe\xff\xff\xff\x0f", 5},
        {INT32_MIN, "\xff\xff\xff\xff\x0f", 5},
        {INT64_MAX, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
        {INT64_MIN, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
};

TEST(numbers_are_zigzag_varints)
{
        for (unsigned i = 0; i < sizeof(longs) / sizeof(longs[0]); i++) {
                const uint8_t *bytes = (const uint8_t *)longs[i].bytes;
                uint8_t written[BINARY_LONG_BYTES_MAX];
                int64_t value;

                CHECK_UINT(binary_put_long(written, longs[i].value), longs[i].len);
                CHECK_BYTES(written, longs[i].len, bytes, longs[i].len);
                CHECK(binary_long(bytes, bytes + longs[i].len, &value) == bytes + longs[i].len);
                CHECK_INT(value, longs[i].value);
                for (size_t len = 0; len < longs[i].len; len++) {
                        CHECK(binary_long(bytes, bytes + len, &value) == NULL);
                        CHECK(binary_long_is_short(bytes, bytes + len));
                }
        }
}

TEST(padded_numbers_are_numbers_and_longer_ones_are_not)
{
        static const uint8_t padded[] = {0x82, 0x80, 0x80, 0x00};
        static const uint8_t eleven[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00};
        static const uint8_t wide[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02};
        int64_t value;

        CHECK(binary_long(padded, padded + sizeof(padded), &value) == padded + sizeof(padded));
        CHECK_INT(value, 1);
        CHECK(binary_long(eleven, eleven + sizeof(eleven), &value) == NULL);
        CHECK(!binary_long_is_short(eleven, eleven + sizeof(eleven)));
        CHECK(binary_long(wide, wide + sizeof(wide), &value) == NULL);
        CHECK(!binary_long_is_short(wide, wide + sizeof(wide)));
}

TEST(random_numbers_come_back)
{
        struct check_random random = check_seed(20261101);

        for (int i = 0; i < 20000; i++) {
                int64_t value = (int64_t)(check_random_u64(&random) >> check_random_below(&random, 64)), back;
                uint8_t bytes[BINARY_LONG_BYTES_MAX];
                unsigned len;

                value = check_random_below(&random, 2) ? value : -value;
                len = binary_put_long(bytes, value);
                REQUIRE(binary_long(bytes, bytes + len, &back) == bytes + len);
                CHECK_INT(back, value);
        }
}

static struct binary_reader reader_of(const char *bytes, size_t len)
{
        return binary_reader_make((const uint8_t *)bytes, (const uint8_t *)bytes + len);
}

TEST(bytes_are_bounded_before_they_are_waited_for)
{
        struct binary_reader reader = reader_of("\x06" "abc", 4);
        struct slice bytes;

        CHECK(binary_read_bytes(&reader, 3, &bytes));
        CHECK_SLICE(bytes, "abc");
        CHECK(reader.at == reader.end);

        reader = reader_of("\x06" "ab", 3);
        CHECK(!binary_read_bytes(&reader, 3, &bytes));
        CHECK_UINT(reader.missing, 1);
        CHECK(reader.problem == NULL);
        CHECK_UINT(reader.end - reader.at, 3);

        /* one more than allowed: no wait for it */
        reader = reader_of("\x08" "ab", 3);
        CHECK(!binary_read_bytes(&reader, 3, &bytes));
        CHECK_TEXT(reader.problem, "a length above the limit");
        CHECK_UINT(reader.missing, 0);

        reader = reader_of("\x01", 1);
        CHECK(!binary_read_bytes(&reader, SIZE_MAX, &bytes));
        CHECK_TEXT(reader.problem, "a negative length");

        /* a length of 2^63 - 1 */
        reader = reader_of("\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
        CHECK(!binary_read_bytes(&reader, 1000, &bytes));
        CHECK_TEXT(reader.problem, "a length above the limit");
}

TEST(negative_block_counts_come_with_a_size)
{
        struct binary_reader reader = reader_of("\x03\x0c\x00", 3);
        uint64_t items;

        CHECK(binary_read_block(&reader, 10, &items));
        CHECK_UINT(items, 2);
        CHECK(binary_read_block(&reader, 10, &items));
        CHECK_UINT(items, 0);

        reader = reader_of("\x03", 1);
        CHECK(!binary_read_block(&reader, 10, &items));
        CHECK_UINT(reader.missing, 1);
        CHECK_UINT(reader.end - reader.at, 1);

        reader = reader_of("\x16", 1);
        CHECK(!binary_read_block(&reader, 10, &items));
        CHECK_TEXT(reader.problem, "more items than the limit allows");

        /* -2^63 items */
        reader = reader_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", 11);
        CHECK(!binary_read_block(&reader, INT64_MAX, &items));
        CHECK_TEXT(reader.problem, "more items than the limit allows");
}

TEST(a_skip_beyond_the_end_says_how_much_is_missing)
{
        struct binary_reader reader = reader_of("abcd", 4);

        CHECK(binary_skip_raw(&reader, 3));
        CHECK(!binary_skip_raw(&reader, 1000));
        CHECK_UINT(reader.missing, 999);
        CHECK_UINT(reader.end - reader.at, 1);
}
