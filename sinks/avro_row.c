/* avro_row.c - rows as Avro data, with the schema that Flink's avro format derives from a table. */
#include "sinks/avro_row.h"

#include "avro/binary.h"
#include "sinks/json_text.h"
#include "sinks/sink.h"

#include <stdio.h>

enum { MILLIS_PRECISION = 3, DECIMAL_BYTES = 16 };

/* The type's JSON without the union, or NULL when Avro has none. */
static const char *type_json(const struct type *type, char text[96])
{
        switch (type->kind) {
        case TYPE_BOOLEAN:
                return "\"boolean\"";
        case TYPE_TINYINT:
        case TYPE_SMALLINT:
        case TYPE_INT:
                return "\"int\"";
        case TYPE_BIGINT:
                return "\"long\"";
        case TYPE_FLOAT:
                return "\"float\"";
        case TYPE_DOUBLE:
                return "\"double\"";
        case TYPE_CHAR:
        case TYPE_VARCHAR:
                return "\"string\"";
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                return "\"bytes\"";
        case TYPE_DECIMAL:
                (void)snprintf(text, 96,
                               "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":%u,\"scale\":%u}",
                               type->precision, type->scale);
                return text;
        case TYPE_DATE:
                return "{\"type\":\"int\",\"logicalType\":\"date\"}";
        case TYPE_TIME:
                return "{\"type\":\"int\",\"logicalType\":\"time-millis\"}";
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                (void)snprintf(text, 96, "{\"type\":\"long\",\"logicalType\":\"timestamp-%s\"}",
                               type->precision <= MILLIS_PRECISION ? "millis" : "micros");
                return text;
        default:
                return NULL;
        }
}

/* Avro names are [A-Za-z_][A-Za-z0-9_]*. */
static bool is_avro_name(struct slice name)
{
        for (size_t i = 0; i < name.len; i++) {
                uint8_t c = name.data[i];

                if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (i > 0 && c >= '0' && c <= '9')))
                        return false;
        }
        return name.len > 0;
}

int avro_row_check(const struct plan_table *table, struct err *err)
{
        for (uint32_t c = 0; c < table->n_columns; c++) {
                const struct plan_column *column = &table->columns[c];
                char text[96], type[TYPE_TEXT_BYTES];

                if (column->kind != PLAN_PHYSICAL)
                        continue;
                if (!is_avro_name(column->name))
                        return sink_table_error(table, "format", err, "'%.*s' cannot be the name of a field in Avro",
                                                (int)column->name.len, (const char *)column->name.data);
                type_format(&column->type, type);
                if (type_json(&column->type, text) == NULL)
                        return sink_table_error(table, "format", err, "column '%.*s' of type %s has no form in Avro",
                                                (int)column->name.len, (const char *)column->name.data, type);
        }
        return 0;
}

void avro_row_schema(const struct plan_table *table, struct bytes *json)
{
        bool is_first = true;

        bytes_append_text(json, "{\"type\":\"record\",\"name\":\"record\","
                                "\"namespace\":\"org.apache.flink.avro.generated\",\"fields\":[");
        for (uint32_t c = 0; c < table->n_columns; c++) {
                const struct plan_column *column = &table->columns[c];
                char text[96];

                if (column->kind != PLAN_PHYSICAL)
                        continue;
                bytes_append_text(json, is_first ? "{\"name\":" : ",{\"name\":");
                is_first = false;
                json_text_append(json, column->name);
                if (column->type.nullable)
                        bytes_append_format(json, ",\"type\":[\"null\",%s],\"default\":null}",
                                            type_json(&column->type, text));
                else
                        bytes_append_format(json, ",\"type\":%s}", type_json(&column->type, text));
        }
        bytes_append_text(json, "]}");
}

static int64_t floor_ms(int64_t us)
{
        return us / TYPE_MICROS_PER_MS - (us % TYPE_MICROS_PER_MS < 0);
}

/* Two's complement, big-endian, as short as it can be (BigInteger.toByteArray). */
static void append_decimal(struct bytes *datum, weir_i128 unscaled)
{
        uint8_t bytes[DECIMAL_BYTES];
        size_t at = 0;

        for (size_t i = 0; i < DECIMAL_BYTES; i++)
                bytes[i] = (uint8_t)((unsigned __int128)unscaled >> (8 * (DECIMAL_BYTES - 1 - i)));
        while (at < DECIMAL_BYTES - 1 && ((bytes[at] == 0x00 && bytes[at + 1] < 0x80) ||
                                          (bytes[at] == 0xff && bytes[at + 1] >= 0x80)))
                at++;
        binary_append_bytes(datum, slice_make(bytes + at, DECIMAL_BYTES - at));
}

static void append_float(struct bytes *datum, double value)
{
        float single = (float)value;
        uint32_t bits;

        memcpy(&bits, &single, sizeof(bits));
        bytes_append_u32(datum, bits);
}

static void append_double(struct bytes *datum, double value)
{
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        bytes_append_u64(datum, bits);
}

static void append_value(struct bytes *datum, const struct type *type, const struct vector *vector, uint32_t i)
{
        switch (type->kind) {
        case TYPE_BOOLEAN:
                bytes_append_byte(datum, vector->i64[i] != 0);
                return;
        case TYPE_FLOAT:
                append_float(datum, vector->f64[i]);
                return;
        case TYPE_DOUBLE:
                append_double(datum, vector->f64[i]);
                return;
        case TYPE_CHAR:
        case TYPE_VARCHAR:
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                binary_append_bytes(datum, vector->str[i]);
                return;
        case TYPE_DECIMAL:
                append_decimal(datum, vector->dec[i]);
                return;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                binary_append_long(datum, type->precision <= MILLIS_PRECISION ? floor_ms(vector->i64[i])
                                                                             : vector->i64[i]);
                return;
        default:
                binary_append_long(datum, vector->i64[i]);
                return;
        }
}

void avro_row_append(struct bytes *datum, const struct plan_table *table, const struct batch *rows, uint32_t i)
{
        uint32_t physical = 0;

        for (uint32_t c = 0; c < table->n_columns; c++) {
                const struct plan_column *column = &table->columns[c];
                const struct vector *vector;

                if (column->kind != PLAN_PHYSICAL)
                        continue;
                vector = &rows->columns[physical++];
                if (column->type.nullable)
                        binary_append_long(datum, vector_is_null(vector, i) ? 0 : 1);
                /* A NULL in a NOT NULL column cannot come from a plan; its zero would keep the datum whole. */
                if (!vector_is_null(vector, i) || !column->type.nullable)
                        append_value(datum, &column->type, vector, i);
        }
}
