/* test_wal_reader.c - how a log ends, and what must not be read. */
#include "tests/lib/check.h"
#include "tests/lib/quick_file.h"

#include "sidecar/base/alloc.h"
#include "sidecar/wal/wal_reader.h"
#include "sidecar/wal/wal_writer.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 32 << 10 };

/* ---- segments made by hand: groups of records "<number>" ---- */

struct made {
        uint8_t bytes[SEGMENT_BYTES];
        struct wal_writer writer;
        uint64_t first_lsn;
};

static void start(struct made *made, uint64_t number, uint64_t first_lsn, uint64_t previous_end,
                  uint32_t previous_chain, uint32_t flags)
{
        struct wal_segment_header header = {.instance = 5,
                                            .number = number,
                                            .bytes = SEGMENT_BYTES,
                                            .first_lsn = first_lsn,
                                            .salt = 0xabc0 + number,
                                            .previous_end = previous_end,
                                            .previous_chain = previous_chain,
                                            .flags = flags};

        memset(made->bytes, 0, sizeof(made->bytes));
        made->first_lsn = first_lsn;
        made->writer.is_unsynced = flags & WAL_SEGMENT_UNSYNCED;
        wal_writer_begin(&made->writer, made->bytes, SEGMENT_BYTES, first_lsn);
        wal_writer_start_segment(&made->writer, WAL_MAGIC_LOG, &header);
}

static void put(struct made *made, const char *text, uint8_t flags)
{
        memcpy(wal_writer_reserve(&made->writer, 100), text, strlen(text));
        wal_writer_finish(&made->writer, 1, flags, strlen(text));
}

static void end_group(struct made *made)
{
        uint64_t offset = made->writer.group_lsn - made->first_lsn + wal_writer_pad(&made->writer);

        wal_writer_begin(&made->writer, made->bytes + offset, SEGMENT_BYTES - offset, made->first_lsn + offset);
}

static void save(const struct made *made, size_t bytes)
{
        char path[4200], name[WAL_NAME_BYTES];
        int fd;

        wal_format_name(made->first_lsn, name);
        snprintf(path, sizeof(path), "%s/%s", check_dir(), name);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        REQUIRE(fd >= 0);
        CHECK_INT(write(fd, made->bytes, bytes), (ssize_t)bytes);
        close(fd);
}

/* Texts of all records shown, joined by blanks; what ended the reading in *ret_result. */
static const char *read_all(uint64_t from_lsn, uint64_t proven_lsn, int *ret_result, struct wal_end_info *ret_end,
                            struct err *err)
{
        struct wal_reader_config config = {.dir = check_dir(), .ops = quick_file_ops(), .instance = 5,
                                           .from_lsn = from_lsn, .proven_lsn = proven_lsn};
        static char text[1000];
        struct wal_reader *reader;
        struct wal_record record;
        size_t len = 0;

        text[0] = '\0';
        *ret_result = wal_reader_open(&config, &reader, err);
        if (*ret_result != 0)
                return text;
        while ((*ret_result = wal_reader_next(reader, &record, err)) == 0)
                len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s", len > 0 ? " " : "",
                                        (int)record.payload.len, (const char *)record.payload.data);
        wal_reader_end(reader, ret_end);
        wal_reader_close(reader);
        return text;
}

static void check_read(const char *expected, int expected_result, uint64_t torn_bytes)
{
        struct wal_end_info end = {0};
        struct err err;
        int result;

        CHECK_TEXT(read_all(0, 0, &result, &end, &err), expected);
        CHECK_INT(result, expected_result);
        CHECK_UINT(end.torn_bytes, torn_bytes);
}

TEST(empty_directory_and_ready_segments_have_no_records)
{
        static struct made made;
        struct wal_end_info end;
        struct err err;
        int result;

        check_read("", WAL_E_END, 0);
        memset(made.bytes, 0, sizeof(made.bytes));
        made.first_lsn = 4096 * 10;
        save(&made, SEGMENT_BYTES);
        check_read("", WAL_E_END, 0);
        read_all(0, 5000, &result, &end, &err);
        CHECK_INT(result, -1);
        CHECK_CONTAINS(err.text, "is empty, but its records before lsn 5000 were durable");
}

TEST(records_cross_from_segment_to_segment)
{
        static struct made first, second;

        start(&first, 1, 0, 0, 0, 0);
        put(&first, "a", WAL_WHOLE);
        end_group(&first);
        put(&first, "b", WAL_WHOLE);
        put(&first, "c", WAL_WHOLE);
        end_group(&first);
        start(&second, 2, SEGMENT_BYTES, wal_writer_end(&first.writer), first.writer.chain, 0);
        put(&second, "d", WAL_WHOLE);
        end_group(&second);
        save(&first, SEGMENT_BYTES);
        save(&second, SEGMENT_BYTES);
        check_read("a b c d", WAL_E_END, 0);
}

TEST(reading_begins_where_it_is_asked_to)
{
        static struct made first, second;
        struct wal_end_info end;
        char path[4200];
        uint64_t lsn[3];
        struct err err;
        int result;

        start(&first, 1, 0, 0, 0, 0);
        for (int i = 0; i < 3; i++) {
                lsn[i] = wal_writer_end(&first.writer);
                put(&first, i == 0 ? "a" : i == 1 ? "b" : "c", WAL_WHOLE);
                end_group(&first);
        }
        start(&second, 2, SEGMENT_BYTES, wal_writer_end(&first.writer), first.writer.chain, 0);
        put(&second, "d", WAL_WHOLE);
        end_group(&second);
        save(&first, SEGMENT_BYTES);
        save(&second, SEGMENT_BYTES);
        CHECK_TEXT(read_all(lsn[1], 0, &result, &end, &err), "b c d");
        CHECK_TEXT(read_all(lsn[1] + 1, 0, &result, &end, &err), "c d");
        CHECK_TEXT(read_all(lsn[2] + 1, 0, &result, &end, &err), "d");
        CHECK_TEXT(read_all(SEGMENT_BYTES + 8000, 0, &result, &end, &err), "");
        CHECK_INT(result, WAL_E_END);
        /* Without the first segment: nothing is missing behind its end, everything before it. */
        snprintf(path, sizeof(path), "%s/0000000000000000.wal", check_dir());
        CHECK_INT(unlink(path), 0);
        CHECK_TEXT(read_all(second.first_lsn, 0, &result, &end, &err), "d");
        CHECK_TEXT(read_all(lsn[2] + 4096, 0, &result, &end, &err), "d");
        read_all(lsn[2], 0, &result, &end, &err);
        CHECK_INT(result, WAL_E_GAP);
}

TEST(torn_tail_is_left_out_and_measured)
{
        static struct made made;

        start(&made, 1, 0, 0, 0, 0);
        put(&made, "a", WAL_WHOLE);
        end_group(&made);
        put(&made, "b", WAL_WHOLE);
        put(&made, "c", WAL_WHOLE);
        end_group(&made);
        made.bytes[2 * 4096 + 33] ^= 1;
        save(&made, SEGMENT_BYTES);
        check_read("a", WAL_E_END, 4096);
        made.bytes[2 * 4096 + 33] ^= 1;
        made.bytes[2 * 4096 + 40 + 33] ^= 1;
        save(&made, SEGMENT_BYTES);
        check_read("a b", WAL_E_END, 4096 - 40);
}

TEST(valid_record_behind_a_bad_one_of_its_group_proves_nothing_and_one_of_a_later_group_does)
{
        static struct made made;
        struct wal_end_info end;
        struct err err;
        int result;

        start(&made, 1, 0, 0, 0, 0);
        put(&made, "a", WAL_WHOLE);
        end_group(&made);
        /* A group of several blocks, whose last record begins a block. */
        put(&made, "b", WAL_WHOLE);
        wal_writer_append_pad(&made.writer, 4096 - 40);
        put(&made, "c", WAL_WHOLE);
        end_group(&made);
        made.bytes[2 * 4096 + 33] ^= 1;
        save(&made, SEGMENT_BYTES);
        check_read("a", WAL_E_END, 8192);
        put(&made, "d", WAL_WHOLE);
        end_group(&made);
        save(&made, SEGMENT_BYTES);
        CHECK_TEXT(read_all(0, 0, &result, &end, &err), "a");
        CHECK_INT(result, -1);
        CHECK_CONTAINS(err.text, "0000000000000000.wal' is damaged at offset 8192: records from lsn 8192 on were");
        CHECK_CONTAINS(err.text, "a later group at lsn 16384");
}

TEST(position_known_to_be_durable_makes_a_torn_tail_damage)
{
        static struct made made;
        struct wal_end_info end;
        struct err err;
        int result;

        start(&made, 1, 0, 0, 0, 0);
        put(&made, "a", WAL_WHOLE);
        end_group(&made);
        save(&made, SEGMENT_BYTES);
        read_all(0, 8192, &result, &end, &err);
        CHECK_INT(result, WAL_E_END);
        read_all(0, 8193, &result, &end, &err);
        CHECK_INT(result, -1);
        CHECK_CONTAINS(err.text, "a manifest or commit record at lsn 8193");
}

TEST(later_segment_proves_all_of_the_one_before_unless_it_was_written_without_sync)
{
        static struct made first, second;
        struct wal_end_info end;
        struct err err;
        int result;

        start(&first, 1, 0, 0, 0, 0);
        put(&first, "a", WAL_WHOLE);
        end_group(&first);
        put(&first, "b", WAL_WHOLE);
        end_group(&first);
        for (int unsynced = 0; unsynced < 2; unsynced++) {
                start(&second, 2, SEGMENT_BYTES, wal_writer_end(&first.writer), first.writer.chain, (uint32_t)unsynced);
                put(&second, "c", WAL_WHOLE);
                end_group(&second);
                save(&second, SEGMENT_BYTES);
                first.bytes[2 * 4096 + 32] ^= 1;
                save(&first, SEGMENT_BYTES);
                first.bytes[2 * 4096 + 32] ^= 1;
                CHECK_TEXT(read_all(0, 0, &result, &end, &err), "a");
                CHECK_INT(result, unsynced ? WAL_E_END : -1);
        }
}

TEST(damaged_header_block_is_told_from_one_that_was_never_written)
{
        static struct made first, second;
        struct wal_end_info end;
        struct err err;
        int result;

        start(&first, 1, 0, 0, 0, 0);
        put(&first, "a", WAL_WHOLE);
        end_group(&first);
        save(&first, SEGMENT_BYTES);
        /* The first group is torn: header block lost, records there. */
        start(&second, 2, SEGMENT_BYTES, wal_writer_end(&first.writer), first.writer.chain, 0);
        put(&second, "b", WAL_WHOLE);
        end_group(&second);
        memset(second.bytes, 0, 4096);
        save(&second, SEGMENT_BYTES);
        check_read("a", WAL_E_END, 0);
        /* A second group: the first was durable, header block and all. */
        put(&second, "c", WAL_WHOLE);
        end_group(&second);
        save(&second, SEGMENT_BYTES);
        CHECK_TEXT(read_all(0, 0, &result, &end, &err), "a");
        CHECK_INT(result, -1);
        CHECK_CONTAINS(err.text, "0000000000008000.wal' is damaged at offset 0");
}

TEST(records_of_a_former_life_are_not_read)
{
        static struct made made, old;

        /* The file was segment 1 at position 0 and is now segment 9 at another; group 2 is the old one's. */
        start(&old, 1, 0, 0, 0, 0);
        for (int i = 0; i < 4; i++) {
                put(&old, "old", WAL_WHOLE);
                end_group(&old);
        }
        start(&made, 1, 20 * SEGMENT_BYTES, 0, 0, 0);
        put(&made, "new", WAL_WHOLE);
        end_group(&made);
        memcpy(made.bytes + 8192, old.bytes + 8192, SEGMENT_BYTES - 8192);
        save(&made, SEGMENT_BYTES);
        check_read("new", WAL_E_END, 0);
}

TEST(record_spliced_in_from_elsewhere_breaks_the_chain)
{
        static struct made made, other;
        struct wal_end_info end;
        struct err err;
        int result;

        /* Same position, same salt, another history. */
        start(&made, 1, 0, 0, 0, 0);
        put(&made, "a", WAL_WHOLE);
        put(&made, "b", WAL_WHOLE);
        put(&made, "c", WAL_WHOLE);
        end_group(&made);
        start(&other, 1, 0, 0, 0, 0);
        put(&other, "a", WAL_WHOLE);
        put(&other, "x", WAL_WHOLE);
        put(&other, "c", WAL_WHOLE);
        end_group(&other);
        memcpy(made.bytes + 4096 + 40, other.bytes + 4096 + 40, 40);
        save(&made, SEGMENT_BYTES);
        CHECK_TEXT(read_all(0, 0, &result, &end, &err), "a x");
        CHECK_INT(result, WAL_E_END);
        /* The same over the border of two segments. */
        start(&other, 2, SEGMENT_BYTES, wal_writer_end(&made.writer), made.writer.chain ^ 1, 0);
        put(&other, "d", WAL_WHOLE);
        end_group(&other);
        start(&made, 1, 0, 0, 0, 0);
        put(&made, "a", WAL_WHOLE);
        put(&made, "b", WAL_WHOLE);
        put(&made, "c", WAL_WHOLE);
        end_group(&made);
        save(&made, SEGMENT_BYTES);
        save(&other, SEGMENT_BYTES);
        CHECK_TEXT(read_all(0, 0, &result, &end, &err), "a b c");
        CHECK_INT(result, -1);
        CHECK_CONTAINS(err.text, "another record's checksum in the next segment");
}

TEST(segment_of_another_instance_is_refused)
{
        static struct made made;
        struct wal_reader_config config = {.dir = check_dir(), .ops = quick_file_ops(), .instance = 6};
        struct wal_reader *reader;
        struct err err;

        start(&made, 1, 0, 0, 0, 0);
        put(&made, "a", WAL_WHOLE);
        end_group(&made);
        save(&made, SEGMENT_BYTES);
        CHECK_FAILS(wal_reader_open(&config, &reader, &err), &err, "belongs to instance 0000000000000005");
}

TEST(units_are_whole_over_segments_and_broken_ones_are_counted)
{
        static struct made first, second;
        struct wal_end_info end;
        struct err err;
        int result;

        start(&first, 1, 0, 0, 0, 0);
        put(&first, "a1", WAL_FIRST);
        end_group(&first);
        put(&first, "a2", 0);
        end_group(&first);
        start(&second, 2, SEGMENT_BYTES, wal_writer_end(&first.writer), first.writer.chain, 0);
        put(&second, "a3", WAL_LAST);
        put(&second, "b1", WAL_FIRST);
        put(&second, "c", WAL_WHOLE);
        put(&second, "d1", WAL_FIRST);
        end_group(&second);
        save(&first, SEGMENT_BYTES);
        save(&second, SEGMENT_BYTES);
        CHECK_TEXT(read_all(0, 0, &result, &end, &err), "a1 a2 a3 c");
        CHECK_INT(result, WAL_E_END);
        CHECK_UINT(end.n_broken_units, 2);
        CHECK_UINT(end.n_records, 4);
}

TEST(truncated_file_ends_where_its_bytes_do)
{
        static struct made made;

        start(&made, 1, 0, 0, 0, 0);
        put(&made, "a", WAL_WHOLE);
        put(&made, "b", WAL_WHOLE);
        end_group(&made);
        save(&made, 4096 + 40);
        check_read("a", WAL_E_END, 0);
        save(&made, 4096 + 39);
        check_read("", WAL_E_END, 0);
        save(&made, 4095);
        check_read("", WAL_E_END, 0);
        save(&made, 0);
        check_read("", WAL_E_END, 0);
}
