/* test_call.c - heads of calls, and replies. */
#include "avro/call.h"
#include "tests/lib/check.h"

static struct binary_reader reader_of(const struct bytes *bytes)
{
        return binary_reader_make(bytes->data, bytes->data + bytes->len);
}

TEST(heads_name_their_message)
{
        static const struct {
                const char *bytes;
                size_t len;
                enum call_message message;
        } cases[] = {
                {"\0\x0c" "append", 8, CALL_APPEND},
                {"\0\x16" "appendBatch", 13, CALL_APPEND_BATCH},
                {"\x02\x02k\x02v\0\x0c" "append", 13, CALL_APPEND},
                {"\0\0", 2, CALL_PING},
                {"\0\x08nope", 6, CALL_UNKNOWN},
                {"\0\x0e" "append\0", 9, CALL_UNKNOWN},
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const uint8_t *bytes = (const uint8_t *)cases[i].bytes;
                enum call_message message;
                struct binary_reader reader;
                struct slice name;

                for (size_t len = 0; len < cases[i].len; len++) {
                        reader = binary_reader_make(bytes, bytes + len);
                        CHECK(!call_read_head(&reader, &message, &name));
                        CHECK(reader.missing > 0 && reader.at == bytes);
                }
                reader = binary_reader_make(bytes, bytes + cases[i].len);
                CHECK(call_read_head(&reader, &message, &name));
                CHECK_INT(message, cases[i].message);
                CHECK(reader.at == reader.end);
        }
}

TEST(a_name_is_bounded)
{
        static const uint8_t bytes[] = {0, 0x82, 0x04}; /* 257 bytes */
        struct binary_reader reader = binary_reader_make(bytes, bytes + sizeof(bytes));
        enum call_message message;
        struct slice name;

        CHECK(!call_read_head(&reader, &message, &name));
        CHECK_TEXT(reader.problem, "a length above the limit");
}

TEST(replies_are_those_of_the_wire_page)
{
        struct bytes bytes;

        bytes_init(&bytes);
        call_append_status(&bytes, CALL_OK);
        call_append_status(&bytes, CALL_FAILED);
        CHECK_BYTES(bytes.data, bytes.len, "\0\0\0\0\0\2", 6);
        bytes_reset(&bytes);
        call_append_error(&bytes, slice_from_text("spool full"));
        CHECK_BYTES(bytes.data, bytes.len, "\0\1\0\x14spool full", 14);
        bytes_done(&bytes);
}

TEST(a_client_reads_what_a_server_writes)
{
        enum call_status status;
        struct binary_reader reader;
        struct bytes bytes;
        struct slice text;
        bool is_error;

        bytes_init(&bytes);
        call_append_status(&bytes, CALL_FAILED);
        reader = reader_of(&bytes);
        CHECK(call_read_reply(&reader, &is_error, &status, &text));
        CHECK(!is_error);
        CHECK_INT(status, CALL_FAILED);
        bytes_reset(&bytes);
        call_append_error(&bytes, slice_from_text("why"));
        reader = reader_of(&bytes);
        CHECK(call_read_reply(&reader, &is_error, &status, &text));
        CHECK(is_error);
        CHECK_SLICE(text, "why");
        /* a status that is none, an error that is not declared */
        bytes_reset(&bytes);
        bytes_append(&bytes, "\0\0\6", 3);
        reader = reader_of(&bytes);
        CHECK(!call_read_reply(&reader, &is_error, &status, &text));
        CHECK_CONTAINS(reader.problem, "status");
        bytes_reset(&bytes);
        bytes_append(&bytes, "\0\1\2", 3);
        reader = reader_of(&bytes);
        CHECK(!call_read_reply(&reader, &is_error, &status, &text));
        CHECK_CONTAINS(reader.problem, "not declared");
        bytes_done(&bytes);
}
