/* type.c - the type table and Flink's spelling of types. */
#include "sidecar/column/type.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum parameter { NO_PARAMETER, PRECISION, PRECISION_AND_SCALE, LENGTH };

/* One line per type: everything that differs between them and is a plain fact. */
static const struct type_row {
        const char *word; /* of the DDL; types of several words are put together in type_format */
        enum phys phys;
        enum parameter parameter;
        unsigned integer_bits;
        bool is_approximate, is_character, is_binary, is_timestamp, is_interval;
} table[TYPE_KIND_COUNT] = {
        [TYPE_NULL] = {.word = "NULL", .phys = PHYS_NONE},
        [TYPE_BOOLEAN] = {.word = "BOOLEAN", .phys = PHYS_I64},
        [TYPE_TINYINT] = {.word = "TINYINT", .phys = PHYS_I64, .integer_bits = 8},
        [TYPE_SMALLINT] = {.word = "SMALLINT", .phys = PHYS_I64, .integer_bits = 16},
        [TYPE_INT] = {.word = "INT", .phys = PHYS_I64, .integer_bits = 32},
        [TYPE_BIGINT] = {.word = "BIGINT", .phys = PHYS_I64, .integer_bits = 64},
        [TYPE_FLOAT] = {.word = "FLOAT", .phys = PHYS_F64, .is_approximate = true},
        [TYPE_DOUBLE] = {.word = "DOUBLE", .phys = PHYS_F64, .is_approximate = true},
        [TYPE_DECIMAL] = {.word = "DECIMAL", .phys = PHYS_DEC, .parameter = PRECISION_AND_SCALE},
        [TYPE_CHAR] = {.word = "CHAR", .phys = PHYS_STR, .parameter = LENGTH, .is_character = true},
        [TYPE_VARCHAR] = {.word = "VARCHAR", .phys = PHYS_STR, .parameter = LENGTH, .is_character = true},
        [TYPE_BINARY] = {.word = "BINARY", .phys = PHYS_STR, .parameter = LENGTH, .is_binary = true},
        [TYPE_VARBINARY] = {.word = "VARBINARY", .phys = PHYS_STR, .parameter = LENGTH, .is_binary = true},
        [TYPE_DATE] = {.word = "DATE", .phys = PHYS_I64},
        [TYPE_TIME] = {.word = "TIME", .phys = PHYS_I64, .parameter = PRECISION},
        [TYPE_TIMESTAMP] = {.word = "TIMESTAMP", .phys = PHYS_I64, .parameter = PRECISION, .is_timestamp = true},
        [TYPE_TIMESTAMP_LTZ] = {.word = "TIMESTAMP_LTZ",
                                .phys = PHYS_I64,
                                .parameter = PRECISION,
                                .is_timestamp = true},
        [TYPE_INTERVAL_SECOND] = {.word = "INTERVAL SECOND(3)", .phys = PHYS_I64, .is_interval = true},
        [TYPE_INTERVAL_MONTH] = {.word = "INTERVAL MONTH", .phys = PHYS_I64, .is_interval = true},
        [TYPE_ARRAY] = {.word = "ARRAY", .phys = PHYS_NONE},
        [TYPE_MAP] = {.word = "MAP", .phys = PHYS_NONE},
        [TYPE_ROW] = {.word = "ROW", .phys = PHYS_NONE},
};

static const struct type_row *row_of(const struct type *type)
{
        assert((unsigned)type->kind < TYPE_KIND_COUNT);
        return &table[type->kind];
}

struct type type_string(bool nullable)
{
        return (struct type){.kind = TYPE_VARCHAR, .nullable = nullable, .length = TYPE_LENGTH_MAX};
}

struct type type_decimal(unsigned precision, unsigned scale, bool nullable)
{
        assert(precision >= 1 && precision <= TYPE_PRECISION_DECIMAL_MAX && scale <= precision);
        return (struct type){.kind = TYPE_DECIMAL,
                             .nullable = nullable,
                             .precision = (uint8_t)precision,
                             .scale = (uint8_t)scale};
}

struct type type_timestamp(enum type_kind kind, unsigned precision, bool nullable)
{
        assert(kind == TYPE_TIMESTAMP || kind == TYPE_TIMESTAMP_LTZ);
        assert(precision <= TYPE_PRECISION_TIMESTAMP_MAX);
        return (struct type){.kind = kind, .nullable = nullable, .precision = (uint8_t)precision};
}

enum phys type_phys(const struct type *type)
{
        return row_of(type)->phys;
}

bool type_is_integer(const struct type *type)
{
        return row_of(type)->integer_bits != 0;
}

bool type_is_exact(const struct type *type)
{
        return type_is_integer(type) || type->kind == TYPE_DECIMAL;
}

bool type_is_approximate(const struct type *type)
{
        return row_of(type)->is_approximate;
}

bool type_is_numeric(const struct type *type)
{
        return type_is_exact(type) || type_is_approximate(type);
}

bool type_is_character(const struct type *type)
{
        return row_of(type)->is_character;
}

bool type_is_binary(const struct type *type)
{
        return row_of(type)->is_binary;
}

bool type_is_timestamp(const struct type *type)
{
        return row_of(type)->is_timestamp;
}

bool type_is_interval(const struct type *type)
{
        return row_of(type)->is_interval;
}

unsigned type_integer_bits(const struct type *type)
{
        return row_of(type)->integer_bits;
}

static bool is_same_row(const struct type *a, const struct type *b)
{
        if (a->n_fields != b->n_fields)
                return false;
        for (uint32_t i = 0; i < a->n_fields; i++) {
                if (!slice_is_equal(a->fields[i].name, b->fields[i].name) ||
                    !type_is_same(&a->fields[i].type, &b->fields[i].type))
                        return false;
        }
        return true;
}

bool type_is_same(const struct type *a, const struct type *b)
{
        if (a->kind != b->kind)
                return false;
        switch (row_of(a)->parameter) {
        case NO_PARAMETER:
                break;
        case PRECISION:
                return a->precision == b->precision;
        case PRECISION_AND_SCALE:
                return a->precision == b->precision && a->scale == b->scale;
        case LENGTH:
                return a->length == b->length;
        }
        if (a->kind == TYPE_MAP && !type_is_same(a->key, b->key))
                return false;
        if (a->kind == TYPE_MAP || a->kind == TYPE_ARRAY)
                return type_is_same(a->element, b->element);
        return a->kind != TYPE_ROW || is_same_row(a, b);
}

/* Text of bounded length; what does not fit is remembered as cut. */
struct writer {
        char *text;
        size_t len;
        bool is_cut;
};

static void write_text(struct writer *writer, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void write_text(struct writer *writer, const char *format, ...)
{
        size_t room = TYPE_TEXT_BYTES - writer->len;
        va_list args;
        int n;

        if (writer->is_cut)
                return;
        va_start(args, format);
        n = vsnprintf(writer->text + writer->len, room, format, args);
        va_end(args);
        assert(n >= 0);
        writer->is_cut = (size_t)n >= room;
        writer->len = writer->is_cut ? TYPE_TEXT_BYTES - 1 : writer->len + (size_t)n;
}

static void write_type(struct writer *writer, const struct type *type)
{
        const struct type_row *row = row_of(type);

        if (type->kind == TYPE_VARCHAR && type->length == TYPE_LENGTH_MAX)
                write_text(writer, "STRING");
        else if (type->kind == TYPE_VARBINARY && type->length == TYPE_LENGTH_MAX)
                write_text(writer, "BYTES");
        else
                write_text(writer, "%s", row->word);
        switch (row->parameter) {
        case NO_PARAMETER:
                break;
        case PRECISION:
                write_text(writer, "(%u)", type->precision);
                break;
        case PRECISION_AND_SCALE:
                write_text(writer, "(%u, %u)", type->precision, type->scale);
                break;
        case LENGTH:
                if (type->length != TYPE_LENGTH_MAX)
                        write_text(writer, "(%u)", type->length);
                break;
        }
        if (type->kind == TYPE_ARRAY || type->kind == TYPE_MAP) {
                write_text(writer, "<");
                if (type->kind == TYPE_MAP) {
                        write_type(writer, type->key);
                        write_text(writer, ", ");
                }
                write_type(writer, type->element);
                write_text(writer, ">");
        }
        if (type->kind == TYPE_ROW) {
                write_text(writer, "<");
                for (uint32_t i = 0; i < type->n_fields && !writer->is_cut; i++) {
                        write_text(writer, "%s`%.*s` ", i == 0 ? "" : ", ", (int)type->fields[i].name.len,
                                   (const char *)type->fields[i].name.data);
                        write_type(writer, &type->fields[i].type);
                }
                write_text(writer, ">");
        }
        if (!type->nullable && type->kind != TYPE_NULL)
                write_text(writer, " NOT NULL");
        if (type->is_time_attribute)
                write_text(writer, " *ROWTIME*");
}

void type_format(const struct type *type, char text[TYPE_TEXT_BYTES])
{
        static const char dots[] = "...";
        struct writer writer = {.text = text};

        write_type(&writer, type);
        if (writer.is_cut)
                memcpy(text + TYPE_TEXT_BYTES - sizeof(dots), dots, sizeof(dots));
}
