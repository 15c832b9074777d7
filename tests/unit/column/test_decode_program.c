/* Which Avro type goes with which declared type, and what is said when they do not go together. */
#include "avro/binary.h"
#include "sidecar/column/decode.h"
#include "sidecar/column/value.h"
#include "tests/lib/check.h"

#include <stdio.h>

struct world {
        struct schema *schema;
        struct slice path[4];
        struct decode_column column;
        struct decode_program *program;
        struct builder builder;
};

/* One column "f" (or a dotted path) of this type over a record with a field "f" of that Avro type. */
static int compile(struct world *world, const char *avro, const char *path, struct type type, struct err *err)
{
        struct decode_config config = {.n_columns = 1, .columns = &world->column};
        struct bytes json;
        int result;

        memset(world, 0, sizeof(*world));
        bytes_init(&json);
        bytes_append_format(&json,
                            "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"before\",\"type\":\"int\"},"
                            "{\"name\":\"f\",\"type\":%s},{\"name\":\"feather\",\"type\":\"string\"}]}",
                            avro);
        CHECK_OK(schema_parse(bytes_slice(&json), &world->schema, err), err);
        REQUIRE(world->schema != NULL);
        world->column = (struct decode_column){.name = slice_from_text(path), .path = world->path, .type = type};
        for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1)
                world->path[world->column.n_path++] = slice_make(path, (size_t)(dot - path));
        world->path[world->column.n_path++] = slice_from_text(path);
        config.schema = world->schema;
        result = decode_compile(&config, &world->program, err);
        if (result == 0)
                decode_builder_init(world->program, &world->builder);
        bytes_done(&json);
        return result;
}

static void done(struct world *world)
{
        builder_done(&world->builder);
        decode_free(world->program);
        schema_free(world->schema);
}

static void refuses(const char *avro, const char *path, struct type type, const char *part)
{
        struct world world;
        struct err err;

        CHECK_FAILS(compile(&world, avro, path, type, &err), &err, part);
        CHECK_INT(err.code, ERR_CONFIG);
        CHECK_CONTAINS(err.text, path);
        done(&world);
}

/* What the column is for this datum: its CAST to STRING, "NULL", or the reason why the event is dead. */
static const char *reads(const char *avro, const char *path, struct type type, const void *datum, size_t len)
{
        static char answer[256];
        struct bytes body, text;
        struct world world;
        struct batch batch;
        struct value value;
        struct err err;

        answer[0] = '\0';
        CHECK_OK(compile(&world, avro, path, type, &err), &err);
        if (world.program == NULL)
                return answer;
        bytes_init(&body);
        bytes_init(&text);
        bytes_append_byte(&body, 2); /* before: 1 */
        bytes_append(&body, datum, len);
        memset(bytes_reserve(&body, DECODE_PAD_BYTES), 0xff, DECODE_PAD_BYTES);
        CHECK_OK(decode_body(world.program, &world.builder, bytes_slice(&body), &err), &err);
        builder_batch(&world.builder, &batch);
        if (batch.n_rows == 1) {
                value = vector_get(&batch.columns[0], 0);
                if (value.is_null)
                        bytes_append_text(&text, "NULL");
                value_format(&type, &value, &text);
        } else {
                bytes_append_text(&text, reason_word(world.builder.dead[0].reason));
        }
        (void)snprintf(answer, sizeof(answer), "%.*s", (int)text.len, (const char *)text.data);
        bytes_done(&body);
        bytes_done(&text);
        done(&world);
        return answer;
}

static const char *reads_long(const char *avro, struct type type, int64_t number)
{
        uint8_t datum[BINARY_LONG_BYTES_MAX];

        return reads(avro, "f", type, datum, binary_put_long(datum, number));
}

#define LOGICAL(type, logical) "{\"type\":\"" type "\",\"logicalType\":\"" logical "\"}"
#define MILLIS LOGICAL("long", "timestamp-millis")
#define MICROS LOGICAL("long", "timestamp-micros")
#define ENUM "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}"
#define DECIMAL(p, s) "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":" #p ",\"scale\":" #s "}"

static struct type of(enum type_kind kind)
{
        return type_make(kind, true);
}

static struct type bytes_type(void)
{
        return (struct type){.kind = TYPE_VARBINARY, .nullable = true, .length = TYPE_LENGTH_MAX};
}

static struct type stamp(enum type_kind kind, unsigned precision)
{
        return type_timestamp(kind, precision, true);
}

TEST(whole_numbers_widen_and_are_checked_when_narrow)
{
        CHECK_TEXT(reads_long("\"int\"", of(TYPE_INT), INT32_MIN), "-2147483648");
        CHECK_TEXT(reads_long("\"int\"", of(TYPE_BIGINT), -7), "-7");
        CHECK_TEXT(reads_long("\"long\"", of(TYPE_BIGINT), INT64_MIN), "-9223372036854775808");
        CHECK_TEXT(reads_long("\"int\"", of(TYPE_TINYINT), 127), "127");
        CHECK_TEXT(reads_long("\"int\"", of(TYPE_TINYINT), 128), "out-of-range");
        CHECK_TEXT(reads_long("\"int\"", of(TYPE_SMALLINT), -32769), "out-of-range");
        CHECK_TEXT(reads_long("\"int\"", of(TYPE_INT), 2147483648), "bad-int");
        CHECK_TEXT(reads_long("\"int\"", of(TYPE_DOUBLE), 3), "3.0");
        CHECK_TEXT(reads_long("\"long\"", of(TYPE_DOUBLE), 9007199254740993), "9.007199254740992E15");
        CHECK_TEXT(reads_long("\"long\"", of(TYPE_FLOAT), 16777217), "1.6777216E7");
        refuses("\"long\"", "f", of(TYPE_INT), "declared INT, but the schema has long there: declare it BIGINT");
        refuses("\"double\"", "f", of(TYPE_FLOAT), "declare it DOUBLE");
        refuses("\"string\"", "f", of(TYPE_BIGINT), "declare it STRING");
        refuses("\"boolean\"", "f", of(TYPE_INT), "declare it BOOLEAN");
        refuses("\"int\"", "f", of(TYPE_BOOLEAN), "declare it INT");
}

TEST(strings_and_bytes_stand_for_each_other)
{
        CHECK_TEXT(reads("\"string\"", "f", type_string(true), "\10text", 5), "text");
        CHECK_TEXT(reads("\"bytes\"", "f", type_string(true), "\10text", 5), "text");
        CHECK_TEXT(reads("\"string\"", "f", bytes_type(), "\10text", 5), "text");
        CHECK_TEXT(reads("{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", "f", bytes_type(), "text", 4), "text");
        CHECK_TEXT(reads(ENUM, "f", type_string(true), "\2", 1), "B");
        CHECK_TEXT(reads(LOGICAL("string", "uuid"), "f", type_string(true), "\4ab", 3), "ab");
        refuses("{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}", "f", type_string(true), "fixed(4) 'F'");
        refuses(ENUM, "f", bytes_type(), "declare it STRING");
        refuses("\"int\"", "f", type_string(true), "declare it INT");
}

TEST(times_of_all_kinds_become_microseconds)
{
        CHECK_TEXT(reads_long(MILLIS, stamp(TYPE_TIMESTAMP_LTZ, 3), 1700000000123),
                   "2023-11-14 22:13:20.123");
        CHECK_TEXT(reads_long(MILLIS, stamp(TYPE_TIMESTAMP, 6), -1),
                   "1969-12-31 23:59:59.999000");
        CHECK_TEXT(reads_long(MICROS, stamp(TYPE_TIMESTAMP_LTZ, 3), -1),
                   "1969-12-31 23:59:59.999");
        CHECK_TEXT(reads_long(MICROS, stamp(TYPE_TIMESTAMP_LTZ, 6), -1),
                   "1969-12-31 23:59:59.999999");
        CHECK_TEXT(reads_long(LOGICAL("long", "local-timestamp-millis"), stamp(TYPE_TIMESTAMP, 0), 1999),
                   "1970-01-01 00:00:01");
        CHECK_TEXT(reads_long(LOGICAL("long", "local-timestamp-micros"), stamp(TYPE_TIMESTAMP, 6), 1),
                   "1970-01-01 00:00:00.000001");
        CHECK_TEXT(reads_long(MILLIS, stamp(TYPE_TIMESTAMP, 3), INT64_MAX), "out-of-range");
        CHECK_TEXT(reads_long(MICROS, stamp(TYPE_TIMESTAMP, 3), INT64_MIN), "out-of-range");
        CHECK_TEXT(reads_long(MILLIS, of(TYPE_BIGINT), 1700000000123), "1700000000123");
        CHECK_TEXT(reads_long(LOGICAL("int", "date"), of(TYPE_DATE), 19782), "2024-02-29");
        CHECK_TEXT(reads_long(LOGICAL("int", "time-millis"), of(TYPE_TIME), 3723004), "01:02:03");
        CHECK_TEXT(reads_long(LOGICAL("long", "time-micros"), of(TYPE_TIME), 3723004005), "01:02:03");
        CHECK_TEXT(reads_long(LOGICAL("int", "time-millis"), of(TYPE_TIME), 86400000), "out-of-range");
        CHECK_TEXT(reads_long(LOGICAL("int", "time-millis"), of(TYPE_TIME), -1), "out-of-range");
        refuses(LOGICAL("long", "local-timestamp-millis"), "f", stamp(TYPE_TIMESTAMP_LTZ, 3), "it TIMESTAMP(3)");
        refuses("\"long\"", "f", stamp(TYPE_TIMESTAMP, 3), "declare it BIGINT");
        refuses("\"int\"", "f", of(TYPE_DATE), "declare it INT");
        refuses(MILLIS, "f", type_string(true), "declare it TIMESTAMP_LTZ(3)");
        refuses(MILLIS, "f", of(TYPE_DOUBLE), "long (timestamp-millis)");
}

TEST(decimals_are_rescaled_without_loss)
{
        CHECK_TEXT(reads(DECIMAL(9, 2), "f", type_decimal(9, 2, true), "\4\x01\x00", 3), "2.56");
        CHECK_TEXT(reads(DECIMAL(9, 2), "f", type_decimal(12, 4, true), "\2\xff", 2), "-0.0100");
        CHECK_TEXT(reads(DECIMAL(9, 2), "f", type_decimal(9, 2, true), "\0", 1), "0.00");
        CHECK_TEXT(reads(DECIMAL(2, 0), "f", type_decimal(2, 0, true), "\2\x63", 2), "99");
        CHECK_TEXT(reads(DECIMAL(2, 0), "f", type_decimal(2, 0, true), "\2\x64", 2), "NULL"); /* 100: as Flink */
        CHECK_TEXT(reads(DECIMAL(2, 0), "f", type_decimal(2, 0, false), "\2\x64", 2), "null-value");
        CHECK_TEXT(reads(DECIMAL(38, 0), "f", type_decimal(38, 0, true),
                         "\x28\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 21), "1"); /* twenty bytes */
        CHECK_TEXT(reads(DECIMAL(38, 0), "f", type_decimal(38, 0, true),
                         "\x22\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18), "NULL"); /* 2^128 */
        CHECK_TEXT(reads("{\"type\":\"fixed\",\"name\":\"F\",\"size\":2,\"logicalType\":\"decimal\","
                         "\"precision\":4}", "f", type_decimal(4, 0, true), "\xff\xfe", 2), "-2");
        refuses(DECIMAL(9, 2), "f", type_decimal(9, 1, true), "declare it DECIMAL(9, 2)");
        refuses(DECIMAL(9, 2), "f", type_decimal(9, 4, true), "declare it DECIMAL(9, 2)");
        refuses(DECIMAL(40, 2), "f", type_decimal(38, 2, true), "decimal(40, 2)");
        refuses(DECIMAL(9, 2), "f", type_string(true), "declare it DECIMAL(9, 2)");
        refuses("\"bytes\"", "f", type_decimal(9, 2, true), "declare it BYTES");
}

TEST(unions_with_null_are_nullable_whatever_their_order)
{
        CHECK_TEXT(reads("[\"null\",\"long\"]", "f", of(TYPE_BIGINT), "\2\6", 2), "3");
        CHECK_TEXT(reads("[\"null\",\"long\"]", "f", of(TYPE_BIGINT), "\0", 1), "NULL");
        CHECK_TEXT(reads("[\"long\",\"null\"]", "f", of(TYPE_BIGINT), "\0\6", 2), "3");
        CHECK_TEXT(reads("[\"long\",\"null\"]", "f", of(TYPE_BIGINT), "\2", 1), "NULL");
        CHECK_TEXT(reads("[\"string\"]", "f", type_string(true), "\0\2x", 3), "x");
        CHECK_TEXT(reads("[\"null\"]", "f", of(TYPE_INT), "\0", 1), "NULL");
        CHECK_TEXT(reads("\"null\"", "f", of(TYPE_INT), "", 0), "NULL");
        CHECK_TEXT(reads("[\"null\",\"long\"]", "f", type_make(TYPE_BIGINT, false), "\0", 1), "null-value");
        CHECK_TEXT(reads("[\"null\",\"long\"]", "f", of(TYPE_BIGINT), "\4\6", 2), "bad-union-branch");
        CHECK_TEXT(reads("[\"string\"]", "f", type_string(true), "\2\2x", 3), "bad-union-branch");
        refuses("[\"int\",\"string\"]", "f", of(TYPE_INT), "union of int, string");
        refuses("[\"null\",\"int\",\"long\"]", "f", of(TYPE_BIGINT), "can only hold a union of null and one more");
        refuses("[\"null\",\"string\"]", "f", of(TYPE_BIGINT), "declare it STRING");
}

#define INNER "{\"type\":\"record\",\"name\":\"I\",\"fields\":[{\"name\":\"s\",\"type\":\"string\"}," \
              "{\"name\":\"x\",\"type\":\"long\"}]}"

TEST(fields_of_nested_records_are_read_by_path)
{
        CHECK_TEXT(reads(INNER, "f.x", of(TYPE_BIGINT), "\2a\6", 3), "3");
        CHECK_TEXT(reads("[\"null\"," INNER "]", "f.x", of(TYPE_BIGINT), "\2\2a\6", 4), "3");
        CHECK_TEXT(reads("[\"null\"," INNER "]", "f.x", of(TYPE_BIGINT), "\0", 1), "NULL");
        refuses(INNER, "f", type_string(true), "declare it ROW<...>");
        refuses(INNER, "f.y", type_string(true), "record 'I' of the schema has no field 'y'");
        refuses("\"long\"", "f.x", of(TYPE_BIGINT), "declare it BIGINT");
        refuses("{\"type\":\"array\",\"items\":\"int\"}", "f", of(TYPE_INT), "the schema has array there");
}

TEST(missing_fields_are_named_with_what_is_near)
{
        refuses("\"int\"", "bfore", of(TYPE_INT), "did you mean 'before'");
        refuses("\"int\"", "Feather", type_string(true), "did you mean 'feather'");
        refuses("\"int\"", "entirely_else", of(TYPE_INT), "has no field 'entirely_else'");
}

TEST(columns_that_collide_or_cannot_be_are_refused)
{
        struct slice path[2] = {slice_from_text("f"), slice_from_text("x")};
        struct decode_column columns[2] = {{.name = path[0], .path = path, .n_path = 1, .type = type_string(true)},
                                           {.name = path[0], .path = path, .n_path = 1, .type = type_string(true)}};
        struct decode_config config = {.n_columns = 2, .columns = columns};
        struct schema *schema = NULL;
        struct decode_program *program = NULL;
        struct err err;

        CHECK_OK(schema_parse(slice_from_text("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                              "{\"name\":\"f\",\"type\":\"string\"}]}"), &schema, &err), &err);
        config.schema = schema;
        CHECK_FAILS(decode_compile(&config, &program, &err), &err, "read the same field");
        columns[1] = (struct decode_column){.kind = DECODE_HEADER, .name = path[1], .key = path[1],
                                            .type = type_make(TYPE_INT, true)};
        CHECK_FAILS(decode_compile(&config, &program, &err), &err, "headers are STRING");
        columns[1].kind = DECODE_BODY;
        CHECK_FAILS(decode_compile(&config, &program, &err), &err, "the body as a whole is STRING or BYTES");
        columns[1].type = type_string(true);
        schema = schema_free(schema);
        CHECK_OK(schema_parse(slice_from_text("\"string\""), &schema, &err), &err);
        config.schema = schema;
        CHECK_FAILS(decode_compile(&config, &program, &err), &err, "the schema is string, but rows need a record");
        schema_free(schema);
}
