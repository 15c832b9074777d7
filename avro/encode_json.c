/* encode_json.c - JSON values to bare Avro data. See encode_json.h. */
#include "avro/encode_json.h"

#include "avro/binary.h"

static int misfit(const char *expected, struct err *err)
{
        return err_set(err, ERR_DATA, "%s was expected", expected);
}

static void append_le(struct bytes *out, uint64_t value, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                bytes_append_byte(out, (uint8_t)(value >> 8 * i));
}

static int encode_integer(const struct schema_node *node, const json_t *value, struct bytes *out, struct err *err)
{
        json_int_t number;

        if (!json_is_integer(value))
                return misfit("a whole number", err);
        number = json_integer_value(value);
        if (node->kind == SCHEMA_INT && (number < INT32_MIN || number > INT32_MAX))
                return misfit("a number of 32 bits", err);
        binary_append_long(out, number);
        return 0;
}

static int encode_real(const struct schema_node *node, const json_t *value, struct bytes *out, struct err *err)
{
        double number = json_number_value(value);
        float single = (float)number;
        uint64_t bits = 0;

        if (!json_is_number(value))
                return misfit("a number", err);
        if (node->kind == SCHEMA_FLOAT) {
                memcpy(&bits, &single, sizeof single);
                append_le(out, bits, 4);
        } else {
                memcpy(&bits, &number, sizeof number);
                append_le(out, bits, 8);
        }
        return 0;
}

/* The bytes that a string of code points 0-255 stands for. */
static int encode_bytes(const struct schema_node *node, const json_t *value, struct bytes *out, struct err *err)
{
        const uint8_t *text = (const uint8_t *)json_string_value(value);
        size_t len = json_string_length(value);
        struct bytes data;
        int result = 0;

        if (!json_is_string(value))
                return misfit("a string", err);
        bytes_init(&data);
        for (size_t i = 0; i < len && result == 0; i++) {
                if (text[i] < 0x80)
                        bytes_append_byte(&data, text[i]);
                else if ((text[i] & 0xfc) == 0xc0 && i + 1 < len)
                        bytes_append_byte(&data, (uint8_t)((text[i] & 3) << 6 | (text[i + 1] & 0x3f))), i++;
                else
                        result = misfit("a string of code points up to 255", err);
        }
        if (result == 0 && node->kind == SCHEMA_FIXED && data.len != node->fixed_bytes)
                result = misfit("a string of the fixed size", err);
        if (result == 0 && node->kind == SCHEMA_FIXED)
                bytes_append_slice(out, bytes_slice(&data));
        else if (result == 0)
                binary_append_bytes(out, bytes_slice(&data));
        bytes_done(&data);
        return result;
}

static int encode_record(const struct schema_node *node, const json_t *value, struct bytes *out, struct err *err)
{
        if (!json_is_object(value))
                return misfit("an object", err);
        for (uint32_t i = 0; i < node->n_fields; i++) {
                char name[256];
                struct slice field = node->fields[i].name;
                json_t *member;
                int result;

                if (field.len >= sizeof name)
                        return err_set(err, ERR_DATA, "a field's name is too long");
                memcpy(name, field.data, field.len);
                name[field.len] = '\0';
                member = json_object_get(value, name);
                result = encode_json(node->fields[i].type, member == NULL ? json_null() : member, out, err);
                if (result < 0)
                        return err_prefix(err, "field '%s'", name);
        }
        return 0;
}

static int encode_enum(const struct schema_node *node, const json_t *value, struct bytes *out, struct err *err)
{
        if (!json_is_string(value))
                return misfit("a symbol", err);
        for (uint32_t i = 0; i < node->n_symbols; i++)
                if (slice_is_equal(node->symbols[i], slice_make(json_string_value(value), json_string_length(value)))) {
                        binary_append_long(out, i);
                        return 0;
                }
        return misfit("one of the enum's symbols", err);
}

static int encode_items(const struct schema_node *node, const json_t *value, struct bytes *out, struct err *err)
{
        const char *key;
        json_t *member;
        size_t i;

        if (node->kind == SCHEMA_ARRAY ? !json_is_array(value) : !json_is_object(value))
                return misfit(node->kind == SCHEMA_ARRAY ? "an array" : "an object", err);
        if (node->kind == SCHEMA_ARRAY && json_array_size(value) > 0) {
                binary_append_long(out, (int64_t)json_array_size(value));
                json_array_foreach(value, i, member)
                        if (encode_json(node->items, member, out, err) < 0)
                                return err_prefix(err, "item %zu", i);
        }
        if (node->kind == SCHEMA_MAP && json_object_size(value) > 0) {
                binary_append_long(out, (int64_t)json_object_size(value));
                json_object_foreach((json_t *)(uintptr_t)value, key, member) {
                        binary_append_bytes(out, slice_from_text(key));
                        if (encode_json(node->items, member, out, err) < 0)
                                return err_prefix(err, "entry '%s'", key);
                }
        }
        bytes_append_byte(out, 0);
        return 0;
}

static int encode_union(const struct schema_node *node, const json_t *value, struct bytes *out, struct err *err)
{
        size_t len = out->len;

        for (uint32_t i = 0; i < node->n_branches; i++) {
                if ((node->branches[i]->kind == SCHEMA_NULL) != json_is_null(value))
                        continue;
                binary_append_long(out, i);
                if (encode_json(node->branches[i], value, out, NULL) == 0)
                        return 0;
                out->len = len;
        }
        return misfit("a value of one of the union's branches", err);
}

int encode_json(const struct schema_node *node, const json_t *value, struct bytes *out, struct err *err)
{
        switch (node->kind) {
        case SCHEMA_NULL:
                return json_is_null(value) ? 0 : misfit("null", err);
        case SCHEMA_BOOLEAN:
                if (!json_is_boolean(value))
                        return misfit("true or false", err);
                bytes_append_byte(out, json_is_true(value));
                return 0;
        case SCHEMA_INT:
        case SCHEMA_LONG:
                return encode_integer(node, value, out, err);
        case SCHEMA_FLOAT:
        case SCHEMA_DOUBLE:
                return encode_real(node, value, out, err);
        case SCHEMA_STRING:
                if (!json_is_string(value))
                        return misfit("a string", err);
                binary_append_bytes(out, slice_make(json_string_value(value), json_string_length(value)));
                return 0;
        case SCHEMA_BYTES:
        case SCHEMA_FIXED:
                return encode_bytes(node, value, out, err);
        case SCHEMA_RECORD:
                return encode_record(node, value, out, err);
        case SCHEMA_ENUM:
                return encode_enum(node, value, out, err);
        case SCHEMA_ARRAY:
        case SCHEMA_MAP:
                return encode_items(node, value, out, err);
        case SCHEMA_UNION:
                return encode_union(node, value, out, err);
        }
        return misfit("a value of a known type", err);
}
