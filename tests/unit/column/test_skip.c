/* The walk over any value: hostile counts, lengths, indexes and depths cost nothing and are refused by name. */
#include "avro/binary.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/skip.h"
#include "sidecar/column/varint.h"
#include "tests/lib/check.h"

enum { PAD_BYTES = 64 };

/* Bytes walked over, or -1; *ret_reason says why. What stands behind the data is all ones. */
static long walk(const char *schema_json, const void *data, size_t len, enum reason *ret_reason)
{
        uint8_t buffer[512 + PAD_BYTES];
        struct schema *schema = NULL;
        struct skip skip = skip_make(buffer + len);
        const uint8_t *next;
        struct err err;

        REQUIRE(len <= 512);
        memset(buffer, 0xff, sizeof(buffer));
        memcpy(buffer, data, len);
        CHECK_OK(schema_parse(slice_from_text(schema_json), &schema, &err), &err);
        REQUIRE(schema != NULL);
        next = skip_value(&skip, schema_root(schema), buffer);
        schema_free(schema);
        *ret_reason = next == NULL ? skip.reason : REASON_NONE;
        return next == NULL ? -1 : (long)(next - buffer);
}

static void takes(const char *schema_json, const void *data, size_t len)
{
        enum reason reason;

        CHECK_INT(walk(schema_json, data, len, &reason), len);
        CHECK_INT(reason, REASON_NONE);
        for (size_t cut = 0; cut < len; cut++) { /* and nothing shorter */
                CHECK_INT(walk(schema_json, data, cut, &reason), -1);
                CHECK(reason == REASON_TRUNCATED || reason == REASON_BAD_BLOCK);
        }
}

static void refuses(const char *schema_json, const void *data, size_t len, enum reason expected)
{
        enum reason reason;

        CHECK_INT(walk(schema_json, data, len, &reason), -1);
        CHECK_TEXT(reason_word(reason), reason_word(expected));
}

#define ARRAY(items) "{\"type\":\"array\",\"items\":" items "}"
#define MAP(values) "{\"type\":\"map\",\"values\":" values "}"
#define EMPTY "{\"type\":\"record\",\"name\":\"E\",\"fields\":[]}"

TEST(values_of_every_type_are_walked_to_their_end)
{
        takes("\"null\"", "", 0);
        takes("\"boolean\"", "\1", 1);
        takes("\"int\"", "\xff\xff\xff\xff\x0f", 5); /* INT32_MIN */
        takes("\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10);
        takes("\"float\"", "abcd", 4);
        takes("\"double\"", "abcdefgh", 8);
        takes("\"string\"", "\6abc", 4);
        takes("\"bytes\"", "\0", 1);
        takes("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", "abc", 3);
        takes("{\"type\":\"enum\",\"name\":\"N\",\"symbols\":[\"A\",\"B\"]}", "\2", 1);
        takes("[\"null\",\"string\"]", "\2\2x", 3);
        takes("[\"null\",\"string\"]", "\0", 1);
        takes(ARRAY("\"long\""), "\4\2\4\2\6\0", 6);
        takes(ARRAY("\"long\""), "\3\4\2\4\0", 5);     /* two items behind their size, 2 */
        takes(MAP("\"boolean\""), "\2\2k\1\0", 5);
        takes(ARRAY(ARRAY("\"null\"")), "\4\6\0\0\0", 5);
        takes(ARRAY(EMPTY), "\x80\x40\0", 3);          /* 4096 of them take no bytes */
}

TEST(over_long_numbers_are_refused)
{
        static const char eleven[] = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01";
        static const char wide[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02";

        refuses("\"long\"", eleven, sizeof(eleven) - 1, REASON_BAD_VARINT);
        refuses("\"long\"", wide, sizeof(wide) - 1, REASON_BAD_VARINT);
        refuses("\"int\"", "\x80\x80\x80\x80\x10", 5, REASON_BAD_INT);
        takes("\"int\"", "\x80\x80\x80\x80\x80\x80\x00", 7); /* longer than need be, as libavro takes it */
        refuses("\"string\"", wide, sizeof(wide) - 1, REASON_BAD_VARINT);
}

TEST(every_varint_of_one_and_two_bytes_is_right)
{
        for (unsigned value = 0; value < 1u << 14; value++) {
                uint8_t data[2 + VARINT_PAD_BYTES] = {(uint8_t)(value | 0x80), (uint8_t)(value >> 7)};
                uint64_t plain = 0, pext = 0;

                CHECK(varint_read(data, false, &plain) == data + 2 && plain == value);
                if (varint_has_pext())
                        CHECK(varint_read(data, true, &pext) == data + 2 && pext == value);
        }
}

TEST(varints_of_all_lengths_agree_with_the_patient_reader)
{
        struct check_random random = check_seed(21);

        for (int i = 0; i < 20000; i++) {
                int64_t value = (int64_t)check_random_u64(&random) >> check_random_below(&random, 64), patient;
                uint8_t data[BINARY_LONG_BYTES_MAX + VARINT_PAD_BYTES];
                unsigned len;
                uint64_t raw = 0;
                const uint8_t *next;

                memset(data, (int)check_random_u64(&random), sizeof(data));
                len = binary_put_long(data, value);
                next = varint_read(data, varint_has_pext(), &raw);
                CHECK(next == data + len && varint_unzigzag(raw) == value);
                CHECK(binary_long(data, data + len, &patient) == data + len && patient == value);
        }
}

TEST(lengths_are_compared_with_what_is_left)
{
        refuses("\"string\"", "\1", 1, REASON_BAD_LENGTH);
        refuses("\"bytes\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, REASON_BAD_LENGTH); /* INT64_MIN */
        refuses("\"bytes\"", "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, REASON_TRUNCATED);  /* INT64_MAX */
        refuses("\"string\"", "\4a", 2, REASON_TRUNCATED);
        refuses("{\"type\":\"fixed\",\"name\":\"F\",\"size\":16777216}", "abc", 3, REASON_TRUNCATED);
}

TEST(indexes_are_compared_with_the_schema)
{
        refuses("[\"null\",\"string\"]", "\4", 1, REASON_BAD_BRANCH);
        refuses("[\"null\",\"string\"]", "\1", 1, REASON_BAD_BRANCH);
        refuses("[\"null\",\"string\"]", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 10, REASON_BAD_BRANCH);
        refuses("{\"type\":\"enum\",\"name\":\"N\",\"symbols\":[\"A\",\"B\"]}", "\4", 1, REASON_BAD_SYMBOL);
        refuses("{\"type\":\"enum\",\"name\":\"N\",\"symbols\":[\"A\",\"B\"]}", "\3", 1, REASON_BAD_SYMBOL);
        refuses("\"boolean\"", "\2", 1, REASON_BAD_BOOLEAN);
}

TEST(counts_are_compared_with_what_is_left)
{
        static const char lowest[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\2"; /* INT64_MIN items, 1 byte */
        static const char highest[] = "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1";  /* INT64_MAX items */

        refuses(ARRAY("\"long\""), highest, sizeof(highest) - 1, REASON_BAD_BLOCK);
        refuses(ARRAY("\"long\""), lowest, sizeof(lowest) - 1, REASON_BAD_BLOCK);
        refuses(ARRAY("\"double\""), "\4abcdefgh12345678", 16, REASON_BAD_BLOCK); /* two doubles in 15 bytes */
        refuses(MAP("\"null\""), "\6\0\0", 3, REASON_BAD_BLOCK);                  /* three keys in two bytes */
        refuses(ARRAY("\"long\""), "\3\3\2\4\0", 5, REASON_BAD_BLOCK);            /* a size of -2 */
        refuses(ARRAY("\"long\""), "\3\6\2\4\0", 5, REASON_BAD_BLOCK);            /* 3 bytes, but two items took 2 */
        refuses(ARRAY("\"long\""), "\3\2\2\4\0", 5, REASON_BAD_BLOCK);            /* 1 byte */
        refuses(ARRAY("\"long\""), "\3\x7e\2\4\0", 5, REASON_BAD_BLOCK);          /* 63 bytes of 3 */
}

/* Five bytes that claim millions of items which take no bytes: refused at once, in one block or in many. */
TEST(items_without_bytes_have_a_budget)
{
        uint8_t many[9 * 40];
        size_t len = 0;

        refuses(ARRAY("\"null\""), "\x80\x80\x80\x80\x10\0", 6, REASON_TOO_MANY_ITEMS);
        refuses(ARRAY("\"null\""), "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\1\0", 11, REASON_TOO_MANY_ITEMS);
        refuses(ARRAY(EMPTY), "\x82\x40\0", 3, REASON_TOO_MANY_ITEMS); /* 4097 */
        for (int i = 0; i < 40; i++, len += 2)
                memcpy(many + len, "\x90\x03", 2); /* 200 */
        many[len++] = 0;
        refuses(ARRAY("\"null\""), many, len, REASON_TOO_MANY_ITEMS);
        takes(ARRAY("\"null\""), "\x90\x03\x90\x03\0", 5);
}

/* A list of lists: each level one byte. */
TEST(nesting_is_bounded_and_needs_little_stack)
{
        static const char list[] = "{\"type\":\"record\",\"name\":\"L\",\"fields\":["
                                   "{\"name\":\"next\",\"type\":[\"null\",\"L\"]}]}";
        static const char tree[] = "{\"type\":\"record\",\"name\":\"T\",\"fields\":["
                                   "{\"name\":\"below\",\"type\":{\"type\":\"array\",\"items\":\"T\"}}]}";
        uint8_t data[400];

        memset(data, 2, sizeof(data));
        data[LIMIT_DATUM_DEPTH - 1] = 0;
        takes(list, data, LIMIT_DATUM_DEPTH);
        memset(data, 2, sizeof(data));
        refuses(list, data, sizeof(data), REASON_TOO_DEEP);
        refuses(tree, data, sizeof(data), REASON_TOO_DEEP);
}

/* Records that double sixty times but take no bytes are not walked at all. */
TEST(records_of_nothing_cost_nothing)
{
        struct bytes json;
        enum reason reason;

        bytes_init(&json);
        bytes_append_text(&json, "[{\"type\":\"record\",\"name\":\"T0\",\"fields\":[]}");
        for (int i = 1; i < 60; i++)
                bytes_append_format(&json,
                                    ",{\"type\":\"record\",\"name\":\"T%d\",\"fields\":["
                                    "{\"name\":\"a\",\"type\":\"T%d\"},{\"name\":\"b\",\"type\":\"T%d\"}]}",
                                    i, i - 1, i - 1);
        bytes_append_text(&json, "]");
        bytes_append_byte(&json, 0);
        CHECK_INT(walk((const char *)json.data, "\x76", 1, &reason), 1); /* branch 59 */
        bytes_done(&json);
}
