/* json_row.c - rows as JSON lines, byte for byte as Flink's json format writes them. */
#include "sinks/json_row.h"

#include "sidecar/column/value.h"
#include "sinks/java_text.h"
#include "sinks/json_text.h"

#include <inttypes.h>
#include <math.h>

#define MICROS_PER_SECOND INT64_C(1000000)
#define MICROS_PER_DAY (INT64_C(86400) * MICROS_PER_SECOND)

static void append_time(struct bytes *json, int64_t micros_of_day)
{
        int64_t seconds = micros_of_day / MICROS_PER_SECOND;

        bytes_append_format(json, "%02" PRId64 ":%02" PRId64 ":%02" PRId64, seconds / 3600, seconds / 60 % 60,
                            seconds % 60);
        java_text_fraction(json, (uint32_t)(micros_of_day % MICROS_PER_SECOND), true);
}

static void append_timestamp(struct bytes *json, const struct type *type, int64_t us, bool is_iso)
{
        int64_t days = us / MICROS_PER_DAY - (us % MICROS_PER_DAY < 0);

        bytes_append_byte(json, '"');
        java_text_date(json, days);
        bytes_append_byte(json, is_iso ? 'T' : ' ');
        append_time(json, us - days * MICROS_PER_DAY);
        bytes_append_text(json, type->kind == TYPE_TIMESTAMP_LTZ ? "Z\"" : "\"");
}

static void append_decimal(struct bytes *json, weir_i128 unscaled, int scale, bool is_plain)
{
        if (unscaled == 0) {
                bytes_append_byte(json, '0');
                return;
        }
        while (unscaled % 10 == 0 && (!is_plain || scale > 0)) {
                unscaled /= 10;
                scale--;
        }
        if (is_plain)
                java_text_plain_decimal(json, unscaled, scale);
        else
                java_text_decimal(json, unscaled, scale);
}

static void append_base64(struct bytes *json, struct slice value)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        bytes_append_byte(json, '"');
        for (size_t i = 0; i < value.len; i += 3) {
                size_t n = value.len - i < 3 ? value.len - i : 3;
                uint32_t group = (uint32_t)value.data[i] << 16;
                char out[4];

                if (n > 1)
                        group |= (uint32_t)value.data[i + 1] << 8;
                if (n > 2)
                        group |= value.data[i + 2];
                out[0] = digits[group >> 18];
                out[1] = digits[group >> 12 & 63];
                out[2] = digits[group >> 6 & 63];
                out[3] = digits[group & 63];
                memset(out + n + 1, '=', 3 - n);
                bytes_append(json, out, sizeof(out));
        }
        bytes_append_byte(json, '"');
}

static void append_approximate(struct bytes *json, const struct type *type, const struct vector *vector, uint32_t i)
{
        bool is_word = !isfinite(vector->f64[i]);
        struct value value = vector_get(vector, i);

        if (is_word)
                bytes_append_byte(json, '"');
        value_format(type, &value, json);
        if (is_word)
                bytes_append_byte(json, '"');
}

static void append_value(struct bytes *json, const struct type *type, const struct vector *vector, uint32_t i,
                         const struct json_row_style *style)
{
        switch (type->kind) {
        case TYPE_BOOLEAN:
                bytes_append_text(json, vector->i64[i] != 0 ? "true" : "false");
                return;
        case TYPE_FLOAT:
        case TYPE_DOUBLE:
                append_approximate(json, type, vector, i);
                return;
        case TYPE_DECIMAL:
                append_decimal(json, vector->dec[i], type->scale, style->is_plain_decimal);
                return;
        case TYPE_CHAR:
        case TYPE_VARCHAR:
                json_text_append(json, vector->str[i]);
                return;
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                append_base64(json, vector->str[i]);
                return;
        case TYPE_DATE:
                bytes_append_byte(json, '"');
                java_text_date(json, vector->i64[i]);
                bytes_append_byte(json, '"');
                return;
        case TYPE_TIME:
                bytes_append_byte(json, '"');
                append_time(json, vector->i64[i] * TYPE_MICROS_PER_MS);
                bytes_append_byte(json, '"');
                return;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                append_timestamp(json, type, vector->i64[i], style->is_iso);
                return;
        case TYPE_INTERVAL_SECOND:
                bytes_append_format(json, "%" PRId64, vector->i64[i] / TYPE_MICROS_PER_MS);
                return;
        default:
                bytes_append_format(json, "%" PRId64, vector->i64[i]);
                return;
        }
}

void json_row_append(struct bytes *json, const struct plan_table *table, const struct batch *rows, uint32_t i,
                     const struct json_row_style *style)
{
        uint32_t physical = 0;
        bool is_first = true;

        bytes_append_byte(json, '{');
        for (uint32_t c = 0; c < table->n_columns; c++) {
                const struct plan_column *column = &table->columns[c];
                const struct vector *vector;

                if (column->kind != PLAN_PHYSICAL)
                        continue;
                vector = &rows->columns[physical++];
                if (vector_is_null(vector, i) && style->leaves_null_out)
                        continue;
                if (!is_first)
                        bytes_append_byte(json, ',');
                is_first = false;
                json_text_append(json, column->name);
                bytes_append_byte(json, ':');
                if (vector_is_null(vector, i))
                        bytes_append_text(json, "null");
                else
                        append_value(json, &column->type, vector, i, style);
        }
        bytes_append_text(json, "}\n");
}
