/* JSON bodies become rows by the rules of Flink's json format. */
#include "sidecar/base/limits.h"
#include "sidecar/column/decode.h"
#include "sidecar/column/json_scan.h"
#include "sidecar/column/value.h"
#include "tests/lib/check.h"

#include <stdio.h>

enum { COLUMNS_MAX = 8 };

struct world {
        struct slice paths[COLUMNS_MAX][3];
        struct decode_column columns[COLUMNS_MAX];
        uint32_t n_columns;
        struct decode_config config;
        struct decode_program *program;
        struct builder builder;
        struct batch batch;
        struct bytes text;
};

/* "a" or "r.a" */
static void want(struct world *world, const char *path, struct type type)
{
        struct decode_column *column = &world->columns[world->n_columns];
        const char *dot;

        *column = (struct decode_column){.name = slice_from_text(path), .type = type};
        column->path = world->paths[world->n_columns];
        for (; (dot = strchr(path, '.')) != NULL; path = dot + 1)
                world->paths[world->n_columns][column->n_path++] = slice_make(path, (size_t)(dot - path));
        world->paths[world->n_columns][column->n_path++] = slice_from_text(path);
        world->n_columns++;
}

static void compile(struct world *world)
{
        struct err err;

        world->config.format = DECODE_JSON;
        world->config.columns = world->columns;
        world->config.n_columns = world->n_columns;
        CHECK_OK(decode_compile(&world->config, &world->program, &err), &err);
        REQUIRE(world->program != NULL);
        decode_builder_init(world->program, &world->builder);
        bytes_init(&world->text);
}

static void done(struct world *world)
{
        builder_done(&world->builder);
        decode_free(world->program);
        bytes_done(&world->text);
}

/* One text; the batch then holds its rows. The text does not survive the call. */
static void read_text(struct world *world, struct slice text)
{
        struct err err;

        builder_reset(&world->builder);
        bytes_reset(&world->text);
        bytes_append_slice(&world->text, text);
        memset(bytes_reserve(&world->text, DECODE_PAD_BYTES), 0xff, DECODE_PAD_BYTES);
        CHECK_OK(decode_body(world->program, &world->builder, bytes_slice(&world->text), &err), &err);
        memset(world->text.data, 0xee, world->text.len);
        builder_batch(&world->builder, &world->batch);
}

static struct type character(uint32_t length)
{
        return (struct type){.kind = TYPE_VARCHAR, .nullable = true, .length = length};
}

static struct type binary(void)
{
        return (struct type){.kind = TYPE_VARBINARY, .nullable = true, .length = TYPE_LENGTH_MAX};
}

static struct type time_type(void)
{
        return (struct type){.kind = TYPE_TIME, .nullable = true};
}

/* What column "v" of this type makes of {"v": json}: its CAST to STRING, "NULL", or the reason of the dead letter. */
static const char *convert_with(struct type type, bool is_iso_8601, const char *json)
{
        static char answer[600];
        struct world world = {.config = {.is_iso_8601 = is_iso_8601}};
        struct bytes text;

        want(&world, "v", type);
        compile(&world);
        bytes_init(&text);
        bytes_append_format(&text, "{\"v\": %s}", json);
        read_text(&world, bytes_slice(&text));
        bytes_reset(&text);
        if (world.batch.n_rows == 0) {
                CHECK_UINT(world.builder.n_dead, 1);
                bytes_append_text(&text, reason_word(world.builder.dead[0].reason));
        } else {
                struct value value = vector_get(&world.batch.columns[0], 0);

                if (value.is_null)
                        bytes_append_text(&text, "NULL");
                value_format(&type, &value, &text);
        }
        (void)snprintf(answer, sizeof(answer), "%.*s", (int)text.len, (const char *)text.data);
        bytes_done(&text);
        done(&world);
        return answer;
}

static const char *convert(struct type type, const char *json)
{
        return convert_with(type, false, json);
}

TEST(bad_values_are_null_where_the_table_says_so)
{
        static const char *const kept[] = {"{\"n\": 7, \"v\": \"x\"}", "{\"v\": {\"a\": [1, \"b\"]}, \"n\": 7}",
                                           "{\"v\": [1, {\"n\": 8}], \"n\": 7}", "{\"r\": [5], \"n\": 7, \"v\": 1e99}",
                                           "{\"r\": 5, \"n\": 7}"};
        static const char *const dead[] = {"{\"v\": 5, \"n\": \"x\"}", "{\"n\": 7, \"v\": \"x", "{\"n\": 7, \"v\": [1}",
                                           "{\"n\": 7, \"r\": [1}", "7"};
        struct world world = {.config = {.nulls_bad_values = true}};

        want(&world, "v", type_make(TYPE_INT, true));
        want(&world, "n", type_make(TYPE_INT, false));
        want(&world, "r.f", type_make(TYPE_INT, true));
        compile(&world);
        for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
                read_text(&world, slice_from_text(kept[i]));
                CHECK_UINT(world.builder.n_dead, 0);
                REQUIRE(world.batch.n_rows == 1);
                CHECK(vector_get(&world.batch.columns[0], 0).is_null);
                CHECK_INT(vector_get(&world.batch.columns[1], 0).i64, 7);
                CHECK(vector_get(&world.batch.columns[2], 0).is_null);
        }
        for (size_t i = 0; i < sizeof(dead) / sizeof(dead[0]); i++) {
                read_text(&world, slice_from_text(dead[i]));
                CHECK_UINT(world.builder.n_dead, 1);
                CHECK_UINT(world.batch.n_rows, 0);
        }
        done(&world);
}

TEST(numbers_are_taken_as_flink_takes_them)
{
        struct type tiny = type_make(TYPE_TINYINT, true), small = type_make(TYPE_SMALLINT, true);
        struct type integer = type_make(TYPE_INT, true), big = type_make(TYPE_BIGINT, true);

        CHECK_TEXT(convert(integer, "7"), "7");
        CHECK_TEXT(convert(integer, "-2147483648"), "-2147483648");
        CHECK_TEXT(convert(integer, "2147483648"), "bad-text");
        CHECK_TEXT(convert(integer, "1.9"), "1");
        CHECK_TEXT(convert(integer, "-1.9"), "-1");
        CHECK_TEXT(convert(integer, "1e3"), "1000");
        CHECK_TEXT(convert(integer, "3e9"), "bad-text");
        CHECK_TEXT(convert(integer, "\" 12 \""), "12");
        CHECK_TEXT(convert(integer, "\"1.5\""), "bad-text");
        CHECK_TEXT(convert(integer, "\"\""), "bad-text");
        CHECK_TEXT(convert(integer, "\"x\""), "bad-text");
        CHECK_TEXT(convert(integer, "true"), "bad-text");
        CHECK_TEXT(convert(integer, "{}"), "bad-text");
        CHECK_TEXT(convert(integer, "null"), "NULL");
        CHECK_TEXT(convert(big, "9223372036854775807"), "9223372036854775807");
        CHECK_TEXT(convert(big, "-9223372036854775808"), "-9223372036854775808");
        CHECK_TEXT(convert(big, "9223372036854775808"), "bad-text");
        CHECK_TEXT(convert(big, "9.3e18"), "bad-text");
        CHECK_TEXT(convert(big, "1700000000123.0"), "1700000000123");
        CHECK_TEXT(convert(big, "\"1700000000123\""), "1700000000123");
        CHECK_TEXT(convert(tiny, "127"), "127");
        CHECK_TEXT(convert(tiny, "128"), "bad-text");
        CHECK_TEXT(convert(tiny, "1.0"), "bad-text");
        CHECK_TEXT(convert(small, "\"-32768\""), "-32768");
}

TEST(floating_point_and_decimals)
{
        struct type real = type_make(TYPE_DOUBLE, true), single = type_make(TYPE_FLOAT, true);

        CHECK_TEXT(convert(real, "1.5"), "1.5");
        CHECK_TEXT(convert(real, "1e20"), "1.0E20");
        CHECK_TEXT(convert(real, "7"), "7.0");
        CHECK_TEXT(convert(real, "\" 2.5 \""), "2.5");
        CHECK_TEXT(convert(real, "\"NaN\""), "NaN");
        CHECK_TEXT(convert(real, "\"1.5d\""), "1.5");
        CHECK_TEXT(convert(real, "\"ten\""), "bad-text");
        CHECK_TEXT(convert(real, "false"), "bad-text");
        CHECK_TEXT(convert(single, "0.1"), "0.1");
        CHECK_TEXT(convert(type_decimal(10, 2, true), "12.345"), "12.35");
        CHECK_TEXT(convert(type_decimal(10, 2, true), "-12.345"), "-12.35");
        CHECK_TEXT(convert(type_decimal(10, 2, true), "\"1e2\""), "100.00");
        CHECK_TEXT(convert(type_decimal(10, 2, true), "123456789"), "NULL");
        CHECK_TEXT(convert(type_decimal(10, 2, true), "\"12x\""), "bad-text");
        CHECK_TEXT(convert(type_decimal(10, 2, true), "\".\""), "bad-text");
        CHECK_TEXT(convert(type_decimal(10, 2, true), "\"\""), "bad-text");
        CHECK_TEXT(convert(type_decimal(38, 0, true), "99999999999999999999999999999999999999"),
                   "99999999999999999999999999999999999999");
        CHECK_TEXT(convert(type_decimal(38, 0, true), "100000000000000000000000000000000000000"), "NULL");
}

TEST(booleans_never_fail)
{
        struct type type = type_make(TYPE_BOOLEAN, true);

        CHECK_TEXT(convert(type, "true"), "TRUE");
        CHECK_TEXT(convert(type, "false"), "FALSE");
        CHECK_TEXT(convert(type, "\" True \""), "TRUE");
        CHECK_TEXT(convert(type, "\"yes\""), "FALSE");
        CHECK_TEXT(convert(type, "1"), "FALSE");
        CHECK_TEXT(convert(type, "[true]"), "FALSE");
        CHECK_TEXT(convert(type, "null"), "NULL");
}

TEST(strings_take_everything)
{
        struct type type = type_string(true);

        CHECK_TEXT(convert(type, "\"click\""), "click");
        CHECK_TEXT(convert(type, "\"\""), "");
        CHECK_TEXT(convert(type, "\"a\\\"b\\\\c\\/d\\n\\t\\u0041\""), "a\"b\\c/d\n\tA");
        CHECK_TEXT(convert(type, "\"\\ud83d\\ude00 \\u00e9\""), "\xf0\x9f\x98\x80 \xc3\xa9");
        CHECK_TEXT(convert(type, "\"\\ud83d!\\udc00\""), "?!?");
        CHECK_TEXT(convert(type, "\"a\tb\""), "a\tb");
        CHECK_TEXT(convert(type, "1.50"), "1.50");
        CHECK_TEXT(convert(type, "-7"), "-7");
        CHECK_TEXT(convert(type, "true"), "true");
        CHECK_TEXT(convert(type, "{ \"a\" : [ 1 , \"x y\" ] }"), "{\"a\":[1,\"x y\"]}");
        CHECK_TEXT(convert(type, "[ ]"), "[]");
        CHECK_TEXT(convert(type, "\"\xff\""), "bad-json");
        CHECK_TEXT(convert(character(2), "\"abc\""), "abc"); /* a source does not cut */
        CHECK_TEXT(convert(binary(), "\"aGVsbG8=\""), "hello");
        CHECK_TEXT(convert(binary(), "\"aGVsbG8\\u003d\""), "hello");
        CHECK_TEXT(convert(binary(), "\"\""), "");
        CHECK_TEXT(convert(binary(), "\"aGVsbG8\""), "bad-text");
        CHECK_TEXT(convert(binary(), "\"a*==\""), "bad-text");
        CHECK_TEXT(convert(binary(), "7"), "bad-text");
}

TEST(dates_and_times_follow_the_chosen_format)
{
        struct type plain = type_timestamp(TYPE_TIMESTAMP, 3, true);
        struct type zoned = type_timestamp(TYPE_TIMESTAMP_LTZ, 3, true);
        struct type micros = type_timestamp(TYPE_TIMESTAMP, 6, true);

        CHECK_TEXT(convert(plain, "\"2024-02-29 23:59:58.987\""), "2024-02-29 23:59:58.987");
        CHECK_TEXT(convert(plain, "\"2024-02-29 23:59:58\""), "2024-02-29 23:59:58.000");
        CHECK_TEXT(convert(plain, "\"1969-12-31 23:59:59.9999\""), "1969-12-31 23:59:59.999");
        CHECK_TEXT(convert(micros, "\"2024-02-29 23:59:58.987654321\""), "2024-02-29 23:59:58.987654");
        CHECK_TEXT(convert(plain, "\"2023-02-30 24:00:00\""), "2023-03-01 00:00:00.000");
        CHECK_TEXT(convert(plain, "\"2024-02-29T23:59:58\""), "bad-text");
        CHECK_TEXT(convert(plain, "\"2024-02-29\""), "bad-text");
        CHECK_TEXT(convert(plain, "\"2024-13-01 00:00:00\""), "bad-text");
        CHECK_TEXT(convert(plain, "\"2024-01-01 00:60:00\""), "bad-text");
        CHECK_TEXT(convert(plain, "\"2024-01-01 00:00:00Z\""), "bad-text");
        CHECK_TEXT(convert(plain, "1700000000123"), "bad-text");
        CHECK_TEXT(convert(zoned, "\"2024-02-29 23:59:58.987Z\""), "2024-02-29 23:59:58.987");
        CHECK_TEXT(convert(zoned, "\"2024-02-29 23:59:58.987\""), "bad-text");
        CHECK_TEXT(convert_with(plain, true, "\"2024-02-29T23:59:58.987\""), "2024-02-29 23:59:58.987");
        CHECK_TEXT(convert_with(plain, true, "\"2024-02-29 23:59:58.987\""), "bad-text");
        CHECK_TEXT(convert_with(zoned, true, "\"2024-02-29T23:59:58Z\""), "2024-02-29 23:59:58.000");
        CHECK_TEXT(convert(type_make(TYPE_DATE, true), "\"2024-02-29\""), "2024-02-29");
        CHECK_TEXT(convert(type_make(TYPE_DATE, true), "\"2023-02-29\""), "bad-text");
        CHECK_TEXT(convert(time_type(), "\"23:59:58.987\""), "23:59:58");
        CHECK_TEXT(convert(time_type(), "\"24:00:00\""), "bad-text");
}

TEST(missing_and_null_values_are_null_and_kill_rows_that_forbid_them)
{
        struct world world = {.n_columns = 0};

        want(&world, "a", type_make(TYPE_INT, true));
        want(&world, "b", type_make(TYPE_INT, false));
        compile(&world);
        read_text(&world, slice_from_text("{\"b\": 1}"));
        CHECK_UINT(world.batch.n_rows, 1);
        CHECK(vector_is_null(&world.batch.columns[0], 0));
        read_text(&world, slice_from_text("{\"a\": 1, \"b\": null}"));
        CHECK_UINT(world.batch.n_rows, 0);
        REQUIRE(world.builder.n_dead == 1);
        CHECK_INT(world.builder.dead[0].reason, REASON_NULL_VALUE);
        CHECK_SLICE(world.builder.dead[0].field, "b");
        read_text(&world, slice_from_text("{\"a\": 1}"));
        CHECK_UINT(world.builder.n_dead, 1);
        done(&world);
}

TEST(of_a_repeated_name_the_last_counts)
{
        struct world world = {.n_columns = 0};

        want(&world, "a", type_make(TYPE_INT, true));
        want(&world, "r.x", type_make(TYPE_INT, true));
        want(&world, "r.y", type_string(true));
        compile(&world);
        read_text(&world, slice_from_text("{\"a\":1,\"r\":{\"x\":1,\"y\":\"y\"},\"a\":2,\"r\":{\"y\":\"z\"}}"));
        REQUIRE(world.batch.n_rows == 1);
        CHECK_INT(world.batch.columns[0].i64[0], 2);
        CHECK(vector_is_null(&world.batch.columns[1], 0));
        CHECK_SLICE(world.batch.columns[2].str[0], "z");
        read_text(&world, slice_from_text("{\"a\":1,\"\\u0061\":null}"));
        REQUIRE(world.batch.n_rows == 1);
        CHECK(vector_is_null(&world.batch.columns[0], 0));
        done(&world);
}

TEST(fields_inside_rows_are_found_by_path)
{
        struct world world = {.n_columns = 0};

        want(&world, "bid.price", type_decimal(6, 2, true));
        want(&world, "bid.who.name", type_string(true));
        want(&world, "id", type_make(TYPE_BIGINT, true));
        compile(&world);
        read_text(&world, slice_from_text("{\"bid\":{\"price\":1.5,\"x\":[{\"price\":2}],"
                                          "\"who\":{\"name\":\"n\"}},\"id\":7}"));
        REQUIRE(world.batch.n_rows == 1);
        CHECK(world.batch.columns[0].dec[0] == 150);
        CHECK_SLICE(world.batch.columns[1].str[0], "n");
        CHECK_INT(world.batch.columns[2].i64[0], 7);
        read_text(&world, slice_from_text("{\"bid\":null,\"id\":8}"));
        REQUIRE(world.batch.n_rows == 1);
        CHECK(vector_is_null(&world.batch.columns[0], 0) && vector_is_null(&world.batch.columns[1], 0));
        read_text(&world, slice_from_text("{\"bid\":7}"));
        REQUIRE(world.builder.n_dead == 1);
        CHECK_SLICE(world.builder.dead[0].field, "bid");
        read_text(&world, slice_from_text("{\"bid\":{\"who\":{\"name\":{}}, \"price\":\"much\"}}"));
        REQUIRE(world.builder.n_dead == 1);
        CHECK_SLICE(world.builder.dead[0].field, "bid.price");
        done(&world);
}

TEST(an_array_of_objects_is_a_row_each_or_none)
{
        struct world world = {.n_columns = 0};

        want(&world, "a", type_make(TYPE_INT, true));
        want(&world, "s", type_string(true));
        compile(&world);
        read_text(&world, slice_from_text("[{\"a\":1,\"s\":\"x\"}, {\"s\":\"y\"}, {\"a\":3}]"));
        REQUIRE(world.batch.n_rows == 3);
        CHECK_INT(world.batch.columns[0].i64[0], 1);
        CHECK(vector_is_null(&world.batch.columns[0], 1));
        CHECK_SLICE(world.batch.columns[1].str[1], "y");
        CHECK_INT(world.batch.columns[0].i64[2], 3);
        CHECK(vector_is_null(&world.batch.columns[1], 2));
        read_text(&world, slice_from_text("[{\"a\":1}, {\"a\":\"x\"}]"));
        CHECK_UINT(world.batch.n_rows, 0);
        CHECK_UINT(world.builder.n_dead, 1);
        read_text(&world, slice_from_text("[]"));
        CHECK_UINT(builder_n_events(&world.builder), 0);
        read_text(&world, slice_from_text("[1]"));
        CHECK_UINT(world.builder.n_dead, 1);
        done(&world);
}

TEST(long_arrays_make_room)
{
        struct world world = {.n_columns = 0};
        struct bytes text;

        want(&world, "a", type_make(TYPE_INT, true));
        compile(&world);
        bytes_init(&text);
        for (int i = 0; i < 3000; i++)
                bytes_append_format(&text, "%s{\"a\":%d}", i == 0 ? "[" : ",", i);
        bytes_append_text(&text, "]");
        read_text(&world, bytes_slice(&text));
        REQUIRE(world.batch.n_rows == 3000);
        CHECK_INT(world.batch.columns[0].i64[2999], 2999);
        bytes_done(&text);
        done(&world);
}

TEST(what_is_no_json_object_is_a_dead_letter)
{
        static const char *const texts[] = {
                "", " ", "null", "7", "\"x\"", "{", "}", "{]", "[}", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}",
                "{\"a\":1}x", "{\"a\":1}{\"a\":2}", "{a:1}", "{'a':1}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}",
                "{\"a\":+1}", "{\"a\":1e}", "{\"a\":-}", "{\"a\":tru}", "{\"a\":nul}", "{\"a\":NaN}", "{\"b\":\"\\x\"}",
                "{\"b\":\"\\u12g4\"}", "{\"b\":\"\\u12\"}", "{\"b\":\"x}", "{\"b\":\"x\\\"}", "{\"b\":[1,]}",
                "{\"b\":[1 2]}", "{\"b\":{\"c\":1 \"d\":2}}", "{\"a\":1 \"b\":2}", "{,}", "{\"b\":{}", "[{\"a\":1}",
                "[{\"a\":1},]", "{\"a\" 1}", "{\"\xc3\":1}",
        };
        struct world world = {.n_columns = 0};

        want(&world, "a", type_make(TYPE_INT, true));
        compile(&world);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                read_text(&world, slice_from_text(texts[i]));
                if (world.builder.n_dead != 1 || world.batch.n_rows != 0)
                        CHECK_FAIL("taken: %s", texts[i]);
                else
                        CHECK_SLICE(world.builder.dead[0].body, texts[i]);
        }
        read_text(&world, slice_from_text("{\"b\":[1,{\"c\":[]},\"\\u0041\"], \"a\":-0 } \r"));
        CHECK_UINT(world.batch.n_rows, 1);
        done(&world);
}

TEST(nesting_is_bounded)
{
        struct world world = {.n_columns = 0};
        struct bytes text;

        want(&world, "a", type_make(TYPE_INT, true));
        compile(&world);
        bytes_init(&text);
        for (unsigned depth = LIMIT_DATUM_DEPTH - 2; depth < LIMIT_DATUM_DEPTH + 2; depth++) {
                bytes_reset(&text);
                bytes_append_text(&text, "{\"x\":");
                for (unsigned i = 1; i < depth; i++)
                        bytes_append_byte(&text, '[');
                for (unsigned i = 1; i < depth; i++)
                        bytes_append_byte(&text, ']');
                bytes_append_text(&text, depth == 1 ? "1}" : "}");
                read_text(&world, bytes_slice(&text));
                CHECK_UINT(world.batch.n_rows, depth <= LIMIT_DATUM_DEPTH);
        }
        bytes_reset(&text);
        for (unsigned i = 0; i < 1000000; i++)
                bytes_append_byte(&text, '[');
        read_text(&world, bytes_slice(&text));
        REQUIRE(world.builder.n_dead == 1);
        CHECK_INT(world.builder.dead[0].reason, REASON_BAD_JSON);
        bytes_done(&text);
        done(&world);
}

TEST(a_text_cut_anywhere_is_refused)
{
        static const char text[] = "[{\"a\": -1.5e3, \"s\":\"x\\u00e9\xc3\xa9\", \"r\":{\"t\":true,\"n\":null}},"
                                   " {\"q\":[[],{}]}]";
        struct world world = {.n_columns = 0};

        want(&world, "a", type_make(TYPE_INT, true));
        want(&world, "s", type_string(true));
        want(&world, "r", type_string(true));
        compile(&world);
        for (size_t len = 0; len < sizeof(text) - 1; len++) {
                read_text(&world, slice_make(text, len));
                CHECK_UINT(world.builder.n_dead, 1);
        }
        read_text(&world, slice_make(text, sizeof(text) - 1));
        REQUIRE(world.batch.n_rows == 2);
        CHECK_INT(world.batch.columns[0].i64[0], -1500);
        CHECK_SLICE(world.batch.columns[1].str[0], "x\xc3\xa9\xc3\xa9");
        CHECK_SLICE(world.batch.columns[2].str[0], "{\"t\":true,\"n\":null}");
        done(&world);
}

TEST(types_that_json_does_not_give_are_refused)
{
        struct world world = {.n_columns = 0};
        struct type string = type_string(true);
        struct err err;

        want(&world, "a", (struct type){.kind = TYPE_ARRAY, .element = &string});
        world.config.format = DECODE_JSON;
        world.config.columns = world.columns;
        world.config.n_columns = 1;
        CHECK_FAILS(decode_compile(&world.config, &world.program, &err), &err, "format json cannot give ARRAY<STRING>");
        world.n_columns = 0;
        want(&world, "a", string);
        want(&world, "a.b", string);
        world.config.n_columns = 2;
        CHECK_FAILS(decode_compile(&world.config, &world.program, &err), &err, "another column reads");
}
