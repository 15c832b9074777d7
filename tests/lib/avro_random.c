/* avro_random.c - see avro_random.h. Depth is bounded so that data stay a few hundred bytes long. */
#include "tests/lib/avro_random.h"

#include "sidecar/base/alloc.h"

#include <assert.h>

enum { DEPTH_MAX = 4, FIELDS_MAX = 8, ITEMS_MAX = 4, NAMED_MAX = 64 };

struct writer {
        struct check_random *random;
        struct bytes *json;
        unsigned n_names;        /* T0, T1, ... */
        bool is_open[NAMED_MAX]; /* its definition has not ended yet */
};

static unsigned below(struct check_random *random, unsigned n)
{
        return (unsigned)check_random_below(random, n);
}

static void write_type(struct writer *writer, unsigned depth);

static void write_record(struct writer *writer, unsigned depth, const char *name)
{
        unsigned n = below(writer->random, FIELDS_MAX) + 1; /* libavro cannot read arrays of records without fields */

        bytes_append_format(writer->json, "{\"type\":\"record\",\"name\":\"%s\",\"fields\":[", name);
        for (unsigned i = 0; i < n; i++) {
                bytes_append_format(writer->json, "%s{\"name\":\"f%u\",\"type\":", i == 0 ? "" : ",", i);
                write_type(writer, depth + 1);
                bytes_append_text(writer->json, "}");
        }
        bytes_append_text(writer->json, "]}");
}

/* A new name; a record, enum or fixed type follows. */
static void write_named(struct writer *writer, unsigned depth)
{
        unsigned number = writer->n_names++;
        char name[16];

        (void)snprintf(name, sizeof(name), "T%u", number);
        writer->is_open[number] = true;
        switch (below(writer->random, 3)) {
        case 0:
                bytes_append_format(writer->json, "{\"type\":\"enum\",\"name\":\"%s\",\"symbols\":[\"A\"", name);
                for (unsigned i = below(writer->random, 100); i > 0; i--)
                        bytes_append_format(writer->json, ",\"S%u\"", i);
                bytes_append_text(writer->json, "]}");
                break;
        case 1:
                bytes_append_format(writer->json, "{\"type\":\"fixed\",\"name\":\"%s\",\"size\":%u%s}", name,
                                    1 + below(writer->random, 20),
                                    below(writer->random, 2) == 0
                                            ? ",\"logicalType\":\"decimal\",\"precision\":2,\"scale\":1"
                                            : "");
                break;
        default:
                write_record(writer, depth, name);
                break;
        }
        writer->is_open[number] = false;
}

static void write_primitive(struct writer *writer)
{
        static const char *const types[] = {
                "\"boolean\"", "\"int\"", "\"long\"", "\"float\"", "\"double\"", "\"bytes\"", "\"string\"", "\"null\"",
                "\"string\"", "\"string\"", "\"long\"",
                "{\"type\":\"int\",\"logicalType\":\"date\"}",
                "{\"type\":\"int\",\"logicalType\":\"time-millis\"}",
                "{\"type\":\"long\",\"logicalType\":\"time-micros\"}",
                "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}",
                "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}",
                "{\"type\":\"long\",\"logicalType\":\"local-timestamp-millis\"}",
                "{\"type\":\"long\",\"logicalType\":\"local-timestamp-micros\"}",
                "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":30,\"scale\":4}",
                "{\"type\":\"string\",\"logicalType\":\"uuid\"}",
        };

        bytes_append_text(writer->json, types[below(writer->random, sizeof(types) / sizeof(types[0]))]);
}

static void write_union(struct writer *writer, unsigned depth)
{
        static const char *const many[] = {"[\"int\",\"string\"]", "[\"null\",\"long\",\"bytes\"]", "[\"string\"]",
                                           "[\"boolean\",\"null\",\"double\",\"float\"]", "[\"null\"]"};
        /* no branch may be a union or a second null: the type inside is a list's or a named one */
        static const char *const simple[] = {"\"boolean\"", "\"int\"", "\"long\"", "\"float\"", "\"double\"",
                                             "\"bytes\"", "\"string\"",
                                             "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"};
        bool is_null_first = below(writer->random, 2) == 0;

        if (below(writer->random, 5) == 0) {
                bytes_append_text(writer->json, many[below(writer->random, sizeof(many) / sizeof(many[0]))]);
                return;
        }
        bytes_append_text(writer->json, is_null_first ? "[\"null\"," : "[");
        if (depth < DEPTH_MAX && writer->n_names < NAMED_MAX && below(writer->random, 3) == 0)
                write_named(writer, depth);
        else
                bytes_append_text(writer->json, simple[below(writer->random, sizeof(simple) / sizeof(simple[0]))]);
        bytes_append_text(writer->json, is_null_first ? "]" : ",\"null\"]");
}

/* A type named before. One that is still open contains this place, so it goes into a list or a union with null. */
static void write_reference(struct writer *writer)
{
        unsigned number = below(writer->random, writer->n_names);

        if (!writer->is_open[number])
                bytes_append_format(writer->json, "\"T%u\"", number);
        else if (below(writer->random, 2) == 0)
                bytes_append_format(writer->json, "[\"null\",\"T%u\"]", number);
        else
                bytes_append_format(writer->json, "{\"type\":\"map\",\"values\":\"T%u\"}", number);
}

static void write_type(struct writer *writer, unsigned depth)
{
        unsigned choice = below(writer->random, 20);

        if (depth >= DEPTH_MAX || choice < 9) {
                write_primitive(writer);
        } else if (choice < 13) {
                write_union(writer, depth);
        } else if (choice < 15) {
                bool is_array = below(writer->random, 2) == 0;

                bytes_append_text(writer->json,
                                  is_array ? "{\"type\":\"array\",\"items\":" : "{\"type\":\"map\",\"values\":");
                write_type(writer, depth + 1);
                bytes_append_text(writer->json, "}");
        } else if (choice < 17 && writer->n_names > 0) {
                write_reference(writer);
        } else if (writer->n_names < NAMED_MAX) {
                write_named(writer, depth);
        } else {
                write_primitive(writer);
        }
}

void avro_random_schema(struct check_random *random, struct bytes *json)
{
        struct writer writer = {.random = random, .json = json};

        write_record(&writer, 0, "R");
}

/* ---- data ---- */

/* Small, edge and full-width numbers. */
static int64_t random_long(struct check_random *random)
{
        uint64_t word = check_random_u64(random);

        switch (below(random, 8)) {
        case 0:
                return (int64_t)(word & 1) - 1;
        case 1:
                return word & 1 ? INT64_MAX : INT64_MIN;
        case 2:
                return 1700000000000 + (int64_t)(word & 0xffffff);
        default:
                return (int64_t)word >> below(random, 64);
        }
}

static int32_t random_int(struct check_random *random)
{
        if (below(random, 10) == 0)
                return below(random, 2) == 0 ? INT32_MIN : INT32_MAX;
        return (int32_t)check_random_u64(random) >> below(random, 32);
}

static size_t random_len(struct check_random *random)
{
        unsigned choice = below(random, 40);

        return choice == 0 ? 8200 + below(random, 300) : choice < 3 ? 60 + below(random, 200) : below(random, 20);
}

static void fill(struct check_random *random, avro_value_t *value, unsigned depth);

static void fill_bytes(struct check_random *random, avro_value_t *value, avro_type_t type)
{
        static const char *const words[] = {"click", "impression", "", "a", "exactly15bytes!", "sixteen bytes ok"};
        size_t len = random_len(random);
        char *text = alloc_bytes(len + 1);

        for (size_t i = 0; i < len; i++)
                text[i] = (char)('a' + below(random, 26));
        text[len] = '\0';
        if (type == AVRO_BYTES)
                (void)avro_value_set_bytes(value, text, len);
        else if (below(random, 2) == 0)
                (void)avro_value_set_string(value, words[below(random, 6)]);
        else
                (void)avro_value_set_string_len(value, text, len + 1);
        alloc_free(text);
}

static void fill_items(struct check_random *random, avro_value_t *value, unsigned depth, bool is_map)
{
        unsigned n = depth > DEPTH_MAX + 2 ? 0 : below(random, ITEMS_MAX);

        for (unsigned i = 0; i < n; i++) {
                avro_value_t item;
                char key[16];

                if (is_map) {
                        (void)snprintf(key, sizeof(key), "k%u", i);
                        (void)avro_value_add(value, key, &item, NULL, NULL);
                } else {
                        (void)avro_value_append(value, &item, NULL);
                }
                fill(random, &item, depth + 1);
        }
}

static void fill_union(struct check_random *random, avro_value_t *value, unsigned depth)
{
        avro_schema_t schema = avro_value_get_schema(value);
        size_t n = avro_schema_union_size(schema);
        int branch = (int)below(random, (unsigned)n);
        avro_value_t inner;

        for (int i = 0; depth > DEPTH_MAX + 2 && i < (int)n; i++) {
                if (is_avro_null(avro_schema_union_branch(schema, i)))
                        branch = i; /* recursion ends */
        }
        (void)avro_value_set_branch(value, branch, &inner);
        fill(random, &inner, depth + 1);
}

static void fill_fixed(struct check_random *random, avro_value_t *value)
{
        uint8_t bytes[64];
        size_t size = (size_t)avro_schema_fixed_size(avro_value_get_schema(value));

        assert(size <= sizeof(bytes));
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)check_random_u64(random);
        (void)avro_value_set_fixed(value, bytes, size);
}

static void fill_record(struct check_random *random, avro_value_t *value, unsigned depth)
{
        size_t n = 0;

        (void)avro_value_get_size(value, &n);
        for (size_t i = 0; i < n; i++) {
                avro_value_t field;

                (void)avro_value_get_by_index(value, i, &field, NULL);
                fill(random, &field, depth + 1);
        }
}

static void fill(struct check_random *random, avro_value_t *value, unsigned depth)
{
        switch (avro_value_get_type(value)) {
        case AVRO_NULL:
                (void)avro_value_set_null(value);
                return;
        case AVRO_BOOLEAN:
                (void)avro_value_set_boolean(value, (int)below(random, 2));
                return;
        case AVRO_INT32:
                (void)avro_value_set_int(value, random_int(random));
                return;
        case AVRO_INT64:
                (void)avro_value_set_long(value, random_long(random));
                return;
        case AVRO_FLOAT:
                (void)avro_value_set_float(value, (float)check_random_unit(random));
                return;
        case AVRO_DOUBLE:
                (void)avro_value_set_double(value, check_random_unit(random) * 1e9);
                return;
        case AVRO_BYTES:
        case AVRO_STRING:
                fill_bytes(random, value, avro_value_get_type(value));
                return;
        case AVRO_ENUM:
                (void)avro_value_set_enum(value, (int)below(random, (unsigned)avro_schema_enum_number_of_symbols(
                                                                             avro_value_get_schema(value))));
                return;
        case AVRO_FIXED:
                fill_fixed(random, value);
                return;
        case AVRO_ARRAY:
                fill_items(random, value, depth, false);
                return;
        case AVRO_MAP:
                fill_items(random, value, depth, true);
                return;
        case AVRO_UNION:
                fill_union(random, value, depth);
                return;
        default:
                fill_record(random, value, depth);
                return;
        }
}

void avro_random_fill(struct check_random *random, avro_value_t *value)
{
        (void)avro_value_reset(value);
        fill(random, value, 0);
}

void avro_random_encode(avro_value_t *value, struct bytes *body)
{
        size_t size = 0;
        int result = avro_value_sizeof(value, &size);
        avro_writer_t writer = avro_writer_memory((char *)bytes_reserve(body, size + 1), (int64_t)size);

        assert(result == 0);
        result = avro_value_write(writer, value);
        assert(result == 0);
        body->len += size;
        avro_writer_free(writer);
}
