/* The schema parser takes what the Avro specification allows and refuses the rest with the place and the reason. */
#include "avro/schema.h"
#include "sidecar/base/limits.h"
#include "sidecar/base/bytes.h"
#include "tests/lib/check.h"

#include <avro.h>

static struct schema *parse(const char *json)
{
        struct schema *schema = NULL;
        struct err err;

        CHECK_OK(schema_parse(slice_from_text(json), &schema, &err), &err);
        REQUIRE(schema != NULL);
        return schema;
}

static void refuse(const char *json, const char *part)
{
        struct schema *schema = NULL;
        struct err err;

        CHECK_FAILS(schema_parse(slice_from_text(json), &schema, &err), &err, part);
        CHECK(schema == NULL);
}

#define RECORD(fields) "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"

TEST(a_record_keeps_its_fields_in_order)
{
        struct schema *schema = parse(
                "{\"type\":\"record\",\"name\":\"Ad\",\"namespace\":\"x.y\",\"doc\":\"d\",\"fields\":["
                FIELD("a", "\"long\"") "," FIELD("b", "[\"null\",\"string\"]") ","
                FIELD("c", "{\"type\":\"array\",\"items\":\"int\"}") ","
                FIELD("d", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"P\",\"Q\"]}") ","
                FIELD("e", "{\"type\":\"fixed\",\"name\":\"z.F\",\"size\":16}") "," FIELD("f", "\"E\"") ","
                FIELD("g", "\"z.F\"") "]}");
        const struct schema_node *root = schema_root(schema);

        CHECK_SLICE(root->name, "x.y.Ad");
        CHECK_UINT(root->n_fields, 7);
        CHECK_INT(schema_field_index(root, slice_from_text("c")), 2);
        CHECK_INT(schema_field_index(root, slice_from_text("C")), -1);
        CHECK_INT(root->fields[1].type->kind, SCHEMA_UNION);
        CHECK_INT(root->fields[1].type->branches[1]->kind, SCHEMA_STRING);
        CHECK_INT(root->fields[2].type->items->kind, SCHEMA_INT);
        CHECK_SLICE(root->fields[3].type->symbols[1], "Q");
        CHECK_SLICE(root->fields[3].type->name, "x.y.E");
        CHECK_UINT(root->fields[4].type->fixed_bytes, 16);
        CHECK(root->fields[5].type == root->fields[3].type);
        CHECK(root->fields[6].type == root->fields[4].type);
        CHECK_UINT(root->min_bytes, 1 + 1 + 1 + 1 + 16 + 1 + 16);
        schema_free(schema);
}

TEST(logical_types_are_kept_where_they_fit_and_ignored_elsewhere)
{
        static const struct {
                const char *json;
                enum schema_logical logical;
        } cases[] = {
                {"{\"type\":\"int\",\"logicalType\":\"date\"}", SCHEMA_DATE},
                {"{\"type\":\"int\",\"logicalType\":\"time-millis\"}", SCHEMA_TIME_MILLIS},
                {"{\"type\":\"long\",\"logicalType\":\"time-micros\"}", SCHEMA_TIME_MICROS},
                {"{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", SCHEMA_TIMESTAMP_MILLIS},
                {"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", SCHEMA_TIMESTAMP_MICROS},
                {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}", SCHEMA_LOCAL_TIMESTAMP_MILLIS},
                {"{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}", SCHEMA_LOCAL_TIMESTAMP_MICROS},
                {"{\"type\":\"string\",\"logicalType\":\"uuid\"}", SCHEMA_UUID},
                {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":10,\"scale\":2}", SCHEMA_DECIMAL},
                {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4}", SCHEMA_DECIMAL},
                {"{\"type\":\"fixed\",\"name\":\"f\",\"size\":4,\"logicalType\":\"decimal\",\"precision\":9}",
                 SCHEMA_DECIMAL},
                {"{\"type\":\"fixed\",\"name\":\"f\",\"size\":4,\"logicalType\":\"decimal\",\"precision\":10}",
                 SCHEMA_PLAIN},
                {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":3}", SCHEMA_PLAIN},
                {"{\"type\":\"bytes\",\"logicalType\":\"decimal\"}", SCHEMA_PLAIN},
                {"{\"type\":\"int\",\"logicalType\":\"timestamp-millis\"}", SCHEMA_PLAIN},
                {"{\"type\":\"long\",\"logicalType\":\"parsecs\"}", SCHEMA_PLAIN},
                {"{\"type\":\"long\"}", SCHEMA_PLAIN},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct schema *schema = parse(cases[i].json);

                CHECK_INT(schema_root(schema)->logical, cases[i].logical);
                schema_free(schema);
        }
}

TEST(types_may_refer_to_themselves)
{
        struct schema *schema = parse(
                RECORD(FIELD("value", "\"long\"") "," FIELD("next", "[\"null\",\"R\"]") ","
                       FIELD("tree", "{\"type\":\"map\",\"values\":\"R\"}")));
        const struct schema_node *root = schema_root(schema);

        CHECK(root->fields[1].type->branches[1] == root);
        CHECK(root->fields[2].type->items == root);
        CHECK_UINT(root->min_bytes, 3);
        schema_free(schema);
        refuse(RECORD(FIELD("self", "\"R\"")), "contains itself");
        refuse(RECORD(FIELD("self", "[\"R\"]")), "contains itself");
}

TEST(names_resolve_in_their_namespace)
{
        struct schema *schema = parse(
                "{\"type\":\"record\",\"name\":\"a.b.Outer\",\"fields\":["
                FIELD("one", "{\"type\":\"record\",\"name\":\"Inner\",\"namespace\":\"\",\"fields\":[]}") ","
                FIELD("two", "{\"type\":\"fixed\",\"name\":\"Inner\",\"size\":1}") ","
                FIELD("three", "\"Inner\"") "," FIELD("four", "{\"type\":\"Inner\"}") "]}");
        const struct schema_node *root = schema_root(schema);

        CHECK_SLICE(root->fields[0].type->name, "Inner");
        CHECK_SLICE(root->fields[1].type->name, "a.b.Inner");
        CHECK(root->fields[2].type == root->fields[1].type);
        CHECK(root->fields[3].type == root->fields[1].type);
        schema_free(schema);
        schema = parse("[{\"type\":\"fixed\",\"name\":\"Plain\",\"size\":1},"
                       "{\"type\":\"record\",\"name\":\"n.R\",\"fields\":[" FIELD("x", "\"Plain\"") "]}]");
        CHECK_SLICE(schema_root(schema)->branches[1]->fields[0].type->name, "Plain");
        schema_free(schema);
}

TEST(what_avro_forbids_is_refused)
{
        static const struct {
                const char *json, *part;
        } cases[] = {
                {"", "line 1"},
                {"{", "line 1"},
                {"7", "a type must be"},
                {"null", "a type must be"},
                {"\"strin\"", "no type 'strin'"},
                {"{\"typ\":\"int\"}", "a type without 'type'"},
                {"{\"type\":\"int\",\"type\":\"long\"}", "duplicate"},
                {"[]", "without branches"},
                {"[\"null\",\"null\"]", "two branches of type null"},
                {"[\"int\",{\"type\":\"int\",\"logicalType\":\"date\"}]", "two branches of type int (date)"},
                {"[\"null\",[\"int\"]]", "directly inside"},
                {"[{\"type\":\"array\",\"items\":\"int\"},{\"type\":\"array\",\"items\":\"long\"}]", "two branches"},
                {"{\"type\":\"array\"}", "array without 'items'"},
                {"{\"type\":\"map\"}", "map without 'values'"},
                {"{\"type\":\"map\",\"values\":\"x\"}", "values of map: no type 'x'"},
                {"{\"type\":\"record\",\"name\":\"R\"}", "no list of 'fields'"},
                {"{\"type\":\"record\",\"fields\":[]}", "no 'name'"},
                {"{\"type\":\"record\",\"name\":\"1R\",\"fields\":[]}", "'1R' is no Avro name"},
                {"{\"type\":\"record\",\"name\":\"a..R\",\"fields\":[]}", "is no Avro name"},
                {"{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a-b\",\"fields\":[]}", "namespace of 'R'"},
                {"{\"type\":\"record\",\"name\":\"int\",\"fields\":[]}", "primitive"},
                {RECORD("{\"type\":\"int\"}"), "without a 'name'"},
                {RECORD("{\"name\":\"a b\",\"type\":\"int\"}"), "'a b' is no Avro name"},
                {RECORD("{\"name\":\"a\"}"), "field 'a' has no 'type'"},
                {RECORD(FIELD("a", "\"int\"") "," FIELD("a", "\"long\"")), "two fields 'a'"},
                {RECORD(FIELD("a", "{\"type\":\"fixed\",\"name\":\"R\",\"size\":1}")), "'R' is defined twice"},
                {RECORD(FIELD("a", "\"S\"")), "record 'R': field 'a': no type 'S'"},
                {"{\"type\":\"enum\",\"name\":\"E\"}", "no 'symbols'"},
                {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[]}", "no 'symbols'"},
                {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"A\"]}", "two symbols 'A'"},
                {"{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"a-b\"]}", "'a-b' is no Avro name"},
                {"{\"type\":\"fixed\",\"name\":\"F\"}", "no 'size'"},
                {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}", "no 'size'"},
                {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":1.5}", "no 'size'"},
                {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":99999999999}", "no 'size'"},
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                refuse(cases[i].json, cases[i].part);
}

static void append_nested(struct bytes *json, unsigned levels)
{
        for (unsigned i = 0; i < levels; i++)
                bytes_append_text(json, "{\"type\":\"array\",\"items\":");
        bytes_append_text(json, "\"int\"");
        for (unsigned i = 0; i < levels; i++)
                bytes_append_text(json, "}");
}

TEST(depth_and_number_of_types_are_bounded)
{
        struct schema *schema = NULL;
        struct bytes json;
        struct err err;

        bytes_init(&json);
        append_nested(&json, LIMIT_SCHEMA_DEPTH);
        CHECK_OK(schema_parse(bytes_slice(&json), &schema, &err), &err);
        schema = schema_free(schema);
        bytes_reset(&json);
        append_nested(&json, LIMIT_SCHEMA_DEPTH + 1);
        CHECK_FAILS(schema_parse(bytes_slice(&json), &schema, &err), &err, "nested deeper");
        bytes_reset(&json);
        append_nested(&json, 100000 / 24);
        CHECK_FAILS(schema_parse(bytes_slice(&json), &schema, &err), &err, "");
        bytes_reset(&json);
        bytes_append_text(&json, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
        for (unsigned i = 0; i < LIMIT_SCHEMA_NODES; i++)
                bytes_append_format(&json, "%s{\"name\":\"f%u\",\"type\":\"int\"}", i == 0 ? "" : ",", i);
        bytes_append_text(&json, "]}");
        CHECK_FAILS(schema_parse(bytes_slice(&json), &schema, &err), &err, "more than 4096 types");
        bytes_reset(&json);
        for (unsigned i = 0; i <= LIMIT_SCHEMA_BYTES; i++)
                bytes_append_byte(&json, ' ');
        CHECK_FAILS(schema_parse(bytes_slice(&json), &schema, &err), &err, "more than");
        bytes_done(&json);
}

TEST(sizes_of_records_that_double_do_not_overflow)
{
        struct schema *schema;
        struct bytes json;

        bytes_init(&json);
        bytes_append_text(&json, "[{\"type\":\"fixed\",\"name\":\"T0\",\"size\":16777216}");
        for (unsigned i = 1; i < 60; i++)
                bytes_append_format(&json,
                                    ",{\"type\":\"record\",\"name\":\"T%u\",\"fields\":["
                                    "{\"name\":\"a\",\"type\":\"T%u\"},{\"name\":\"b\",\"type\":\"T%u\"}]}",
                                    i, i - 1, i - 1);
        bytes_append_text(&json, "]");
        schema = parse((const char *)(bytes_append_byte(&json, 0), json.data));
        CHECK_UINT(schema_root(schema)->branches[59]->min_bytes, UINT64_C(1) << 62);
        CHECK_UINT(schema_root(schema)->branches[2]->min_bytes, 4u * 16777216u);
        schema_free(schema);
        bytes_done(&json);
}

static void check_description(const char *json, const char *expected)
{
        struct schema *schema = parse(json);
        char text[SCHEMA_TEXT_BYTES];

        schema_describe(schema_root(schema), text);
        CHECK_TEXT(text, expected);
        schema_free(schema);
}

TEST(types_are_described_for_people)
{
        check_description("\"long\"", "long");
        check_description("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "long (timestamp-millis)");
        check_description("[\"null\",\"string\"]", "union of null, string");
        check_description("{\"type\":\"fixed\",\"name\":\"a.F\",\"size\":4}", "fixed(4) 'a.F'");
        check_description("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
                          "bytes (decimal(9, 2))");
        check_description(RECORD(""), "record 'R'");
        check_description("{\"type\":\"array\",\"items\":\"int\"}", "array");
}

TEST(libavro_takes_what_we_take)
{
        static const char *const schemas[] = {
                RECORD(FIELD("a", "\"long\"") "," FIELD("b", "[\"null\",\"string\"]")),
                RECORD(FIELD("value", "\"long\"") "," FIELD("next", "[\"null\",\"R\"]")),
                "[\"null\",{\"type\":\"enum\",\"name\":\"a.E\",\"symbols\":[\"P\",\"Q\"]}]",
                "{\"type\":\"map\",\"values\":{\"type\":\"array\",\"items\":\"bytes\"}}",
        };

        for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
                struct schema *schema = parse(schemas[i]);
                avro_schema_t theirs;

                CHECK_INT(avro_schema_from_json_length(schemas[i], strlen(schemas[i]), &theirs), 0);
                avro_schema_decref(theirs);
                schema_free(schema);
        }
}
