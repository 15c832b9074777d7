/* test_wal_format.c - the bytes of the log are those that are written down, and nothing else is taken for them. */
#include "tests/lib/check.h"

#include "sidecar/base/limits.h"
#include "sidecar/wal/wal_writer.h"

/* The worked example of wal_format.h: instance 1, segment 1 of 16384 bytes at position 0, salt 0x1122334455667788, two
 * records in one group. Made by an independent program from the specification. */
static const uint8_t golden_block[] = {
        0x57, 0x45, 0x49, 0x52, 0x57, 0x41, 0x4c, 0x0a, 0x6c, 0xe3, 0xe2, 0x79, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33,
        0x22, 0x11, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
static const uint8_t golden_records[] = {
        0x3f, 0xd5, 0xec, 0x17, 0x05, 0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x88, 0x77,
        0x66, 0x55, 0x6c, 0xe3, 0xe2, 0x79, 0x00, 0x10, 0x00, 0x00, 0x03, 0x03, 0x01, 0x00, 0x68, 0x65, 0x6c, 0x6c,
        0x6f, 0x00, 0x00, 0x00, 0x0e, 0xc0, 0xb6, 0x9d, 0x00, 0x00, 0x00, 0x00, 0x28, 0x10, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x88, 0x77, 0x66, 0x55, 0x3f, 0xd5, 0xec, 0x17, 0x28, 0x10, 0x00, 0x00, 0x05, 0x03, 0x01, 0x00,
        0x7b, 0x67, 0xd9, 0x2f, 0x98, 0x0f, 0x00, 0x00, 0x48, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x88, 0x77,
        0x66, 0x55, 0x0e, 0xc0, 0xb6, 0x9d, 0x48, 0x10, 0x00, 0x00, 0xff, 0x03, 0x01, 0x00};

static const struct wal_segment_header example = {
        .instance = 1, .number = 1, .bytes = 16384, .salt = 0x1122334455667788};

/* The example's first group. Returns its length. */
static size_t write_example(uint8_t *buffer, size_t capacity)
{
        struct wal_writer writer = {.is_unsynced = false};

        wal_writer_begin(&writer, buffer, capacity, 0);
        wal_writer_start_segment(&writer, WAL_MAGIC_LOG, &example);
        memcpy(wal_writer_reserve(&writer, 100), "hello", 5);
        CHECK_UINT(wal_writer_finish(&writer, 3, WAL_WHOLE, 5), 0x1000);
        wal_writer_reserve(&writer, 0);
        CHECK_UINT(wal_writer_finish(&writer, 5, WAL_WHOLE, 0), 0x1028);
        return wal_writer_pad(&writer);
}

TEST(example_has_the_bytes_that_the_specification_gives)
{
        static uint8_t buffer[16384];
        size_t len;

        memset(buffer, 0xee, sizeof(buffer));
        len = write_example(buffer, sizeof(buffer));
        CHECK_UINT(len, 0x2000);
        CHECK_BYTES(buffer, sizeof(golden_block), golden_block, sizeof(golden_block));
        CHECK_BYTES(buffer + 0x1000, sizeof(golden_records), golden_records, sizeof(golden_records));
        for (size_t i = sizeof(golden_block); i < 0x1000; i++)
                if (buffer[i] != 0)
                        CHECK_FAIL("byte %zu of the header block is not 0", i);
        for (size_t i = 0x1000 + sizeof(golden_records); i < 0x2000; i++)
                if (buffer[i] != 0)
                        CHECK_FAIL("byte %zu of the padding is not 0", i);
        CHECK_UINT(buffer[0x2000], 0xee);
}

TEST(header_block_comes_back_and_every_flipped_bit_is_noticed)
{
        static uint8_t buffer[16384];
        struct wal_segment_header header;
        unsigned n_accepted = 0;

        write_example(buffer, sizeof(buffer));
        CHECK(wal_format_get_segment(buffer, WAL_MAGIC_LOG, &header));
        CHECK_UINT(header.instance, 1);
        CHECK_UINT(header.number, 1);
        CHECK_UINT(header.bytes, 16384);
        CHECK_UINT(header.salt, 0x1122334455667788);
        CHECK(!wal_format_get_segment(buffer, WAL_MAGIC_OUTBOX, &header));
        for (size_t bit = 0; bit < 8 * (size_t)WAL_BLOCK_BYTES; bit++) {
                buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
                n_accepted += wal_format_get_segment(buffer, WAL_MAGIC_LOG, &header);
                buffer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK_UINT(n_accepted, 0);
}

TEST(every_flipped_bit_of_a_record_is_noticed)
{
        static uint8_t buffer[16384];
        struct wal_header header;
        unsigned n_accepted = 0;

        write_example(buffer, sizeof(buffer));
        CHECK(wal_format_is_record(buffer + 0x1000, 0x1000, 0x1000, 0x55667788, &header));
        CHECK_UINT(header.length, 5);
        CHECK_UINT(header.back, 0x1000);
        for (size_t bit = 0; bit < 8 * 40; bit++) {
                buffer[0x1000 + bit / 8] ^= (uint8_t)(1 << bit % 8);
                n_accepted += wal_format_is_record(buffer + 0x1000, 0x1000, 0x1000, 0x55667788, &header);
                buffer[0x1000 + bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        CHECK_UINT(n_accepted, 0);
}

/* A record whose checksum holds, but that is not what should stand here. */
static bool is_taken(struct wal_header header, size_t payload_len, uint8_t version, uint8_t last, uint8_t padding,
                     uint64_t room)
{
        uint8_t bytes[256] = {0};
        struct wal_header ignored;

        header.length = (uint32_t)payload_len;
        wal_format_put_record(bytes, &header);
        bytes[30] = version;
        bytes[31] = last;
        bytes[WAL_HEADER_BYTES + payload_len] |= padding;
        bytes_put_u32(bytes, crc32c(0, bytes + 4, wal_format_record_bytes(payload_len) - 4));
        return wal_format_is_record(bytes, room, 0x1000, 7, &ignored);
}

TEST(each_rule_of_a_record_counts_by_itself)
{
        struct wal_header right = {.lsn = 0x1000, .salt = 7, .back = 0x1000, .type = 3, .flags = 3};
        struct wal_header wrong;

        CHECK(is_taken(right, 5, 1, 0, 0, 256));
        CHECK(is_taken(right, 5, 1, 0, 0, 40));
        CHECK(!is_taken(right, 5, 1, 0, 0, 39));
        CHECK(!is_taken(right, 5, 1, 0, 0, 31));
        CHECK(!is_taken(right, 5, 2, 0, 0, 256));
        CHECK(!is_taken(right, 5, 1, 1, 0, 256));
        CHECK(!is_taken(right, 5, 1, 0, 1, 256));
        wrong = right;
        wrong.lsn = 0x1008;
        CHECK(!is_taken(wrong, 5, 1, 0, 0, 256));
        wrong = right;
        wrong.salt = 8;
        CHECK(!is_taken(wrong, 5, 1, 0, 0, 256));
        wrong = right;
        wrong.type = 0;
        CHECK(!is_taken(wrong, 5, 1, 0, 0, 256));
        wrong = right;
        wrong.flags = 4;
        CHECK(!is_taken(wrong, 5, 1, 0, 0, 256));
        wrong = right;
        wrong.back = 0x1008; /* its group would begin before position 0 */
        CHECK(!is_taken(wrong, 5, 1, 0, 0, 256));
        wrong.back = WAL_BACK_NONE;
        CHECK(is_taken(wrong, 5, 1, 0, 0, 256));
}

TEST(length_above_the_limit_is_no_record)
{
        uint8_t bytes[WAL_HEADER_BYTES] = {0};
        struct wal_header header = {.lsn = 8, .type = 1};

        wal_format_put_record(bytes, &header);
        bytes_put_u32(bytes + 4, LIMIT_LOG_RECORD_BYTES);
        CHECK(wal_format_is_plausible(bytes, UINT64_MAX, 8, 0, &header));
        bytes_put_u32(bytes + 4, LIMIT_LOG_RECORD_BYTES + 1);
        CHECK(!wal_format_is_plausible(bytes, UINT64_MAX, 8, 0, &header));
        bytes_put_u32(bytes + 4, UINT32_MAX);
        CHECK(!wal_format_is_plausible(bytes, UINT64_MAX, 8, 0, &header));
}

TEST(names_come_back_and_others_are_none)
{
        static const char *const bad[] = {"", "0", "00000000000000ff", "00000000000000ff.wal2", "00000000000000FF.wal",
                                          "000000000000000g.wal", "00000000000000ff.tmp", "0000000000000ff.wal",
                                          "fill.tmp"};
        char name[WAL_NAME_BYTES];
        uint64_t lsn = 0;

        wal_format_name(0xfedcba9876543210, name);
        CHECK_TEXT(name, "fedcba9876543210.wal");
        CHECK(wal_format_parse_name(name, &lsn));
        CHECK_UINT(lsn, 0xfedcba9876543210);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                CHECK(!wal_format_parse_name(bad[i], &lsn));
}

TEST(padding_fills_every_gap_to_whole_blocks)
{
        static uint8_t buffer[3 * 4096];

        for (size_t len = 0; len <= 4096; len += 8) {
                struct wal_writer writer = {.chain = 1, .salt = 2};
                struct wal_header header;
                uint64_t room, end;

                wal_writer_begin(&writer, buffer, sizeof(buffer), 4096);
                room = wal_writer_bytes_with(&writer, len);
                wal_writer_reserve(&writer, len);
                memset(buffer + WAL_HEADER_BYTES, 1, len);
                wal_writer_finish(&writer, 1, WAL_WHOLE, len);
                end = wal_writer_end(&writer);
                CHECK_UINT(wal_writer_pad(&writer) % 4096, 0);
                CHECK(writer.used <= room);
                if (end % 4096 != 0)
                        CHECK(wal_format_is_record(buffer + (end - 4096), sizeof(buffer) - (end - 4096), end, 2,
                                                   &header) &&
                              header.type == WAL_TYPE_PAD && end + wal_format_record_bytes(header.length) ==
                                                                     4096 + writer.used);
        }
}
