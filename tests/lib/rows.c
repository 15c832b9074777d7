/* rows.c - tables and rows of a test, from short texts. */
#include "tests/lib/rows.h"

#include "tests/lib/check.h"

#include <stdio.h>
#include <stdlib.h>

/* Cuts the next part off, without the blanks around it. false: there is none left. */
static bool next_part(struct slice *rest, char end, struct slice *ret_part)
{
        const uint8_t *at = rest->len > 0 ? memchr(rest->data, end, rest->len) : NULL;
        size_t len = at == NULL ? rest->len : (size_t)(at - rest->data);
        struct slice part = slice_make(rest->data, len);

        if (rest->data == NULL)
                return false;
        *rest = at == NULL ? slice_make(NULL, 0) : slice_make(at + 1, rest->len - len - 1);
        while (part.len > 0 && (part.data[0] == ' ' || part.data[0] == '\n'))
                part = slice_make(part.data + 1, part.len - 1);
        while (part.len > 0 && part.data[part.len - 1] == ' ')
                part.len--;
        *ret_part = part;
        return true;
}

static bool is_text(struct slice part, const char *text)
{
        return slice_is_equal(part, slice_from_text(text));
}

static struct type parse_type(struct slice text)
{
        static const struct {
                const char *name;
                enum type_kind kind;
        } names[] = {
                {"BOOLEAN", TYPE_BOOLEAN}, {"INT", TYPE_INT},     {"BIGINT", TYPE_BIGINT},
                {"DOUBLE", TYPE_DOUBLE},   {"FLOAT", TYPE_FLOAT}, {"DATE", TYPE_DATE},
                {"TIME", TYPE_TIME},       {"BYTES", TYPE_VARBINARY},
                {"MONTHS", TYPE_INTERVAL_MONTH}, {"INTERVAL", TYPE_INTERVAL_SECOND},
        };
        unsigned precision, scale;
        char copy[32];

        (void)snprintf(copy, sizeof(copy), "%.*s", (int)text.len, (const char *)text.data);
        if (is_text(text, "STRING"))
                return type_string(true);
        if (is_text(text, "TIMESTAMP"))
                return type_timestamp(TYPE_TIMESTAMP, 3, true);
        if (is_text(text, "TIMESTAMP_LTZ"))
                return type_timestamp(TYPE_TIMESTAMP_LTZ, 3, true);
        if (sscanf(copy, "DECIMAL(%u.%u)", &precision, &scale) == 2)
                return type_decimal(precision, scale, true);
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (is_text(text, names[i].name))
                        return type_make(names[i].kind, true);
        CHECK_FAIL("no such type: %s", copy);
        check_abandon();
}

static void parse_columns(struct plan_table *table, struct slice columns, struct arena *arena)
{
        struct slice part;

        table->columns = arena_new_n(arena, struct plan_column, 64);
        table->primary_key = arena_new_n(arena, uint32_t, 64);
        while (next_part(&columns, ',', &part)) {
                struct plan_column *column = &table->columns[table->n_columns];
                struct slice name;

                REQUIRE(next_part(&part, ' ', &name));
                if (part.data[part.len - 1] == '*') {
                        table->primary_key[table->n_primary_key++] = table->n_columns;
                        part.len--;
                }
                column->name = arena_copy(arena, name);
                column->type = parse_type(part);
                column->kind = PLAN_PHYSICAL;
                table->n_columns++;
        }
}

static void parse_options(struct plan_table *table, struct slice options, struct arena *arena)
{
        struct slice part;

        table->options = arena_new_n(arena, struct plan_option, 32);
        while (next_part(&options, ';', &part)) {
                struct plan_option *option = &table->options[table->n_options++];
                struct slice key;

                REQUIRE(next_part(&part, '=', &key));
                option->key = arena_copy(arena, key);
                option->value = arena_copy(arena, part);
                option->path = option->value;
        }
}

struct plan_table *rows_table(struct arena *arena, const char *name, const char *columns, const char *options)
{
        struct plan_table *table = arena_new(arena, struct plan_table);

        table->name = arena_copy(arena, slice_from_text(name));
        table->rowtime = -1;
        table->is_sink = true;
        parse_columns(table, slice_from_text(columns), arena);
        parse_options(table, slice_from_text(options), arena);
        return table;
}

static struct slice parse_string(struct slice text, struct arena *arena)
{
        uint8_t *out = arena_take(arena, text.len + 1, 1);
        size_t len = 0;

        for (size_t i = 0; i < text.len; i++) {
                unsigned byte;
                char hex[3] = {0};

                if (text.data[i] == '%' && text.len - i > 2) {
                        memcpy(hex, text.data + i + 1, 2);
                        byte = (unsigned)strtoul(hex, NULL, 16);
                        out[len++] = (uint8_t)byte;
                        i += 2;
                } else {
                        out[len++] = text.data[i];
                }
        }
        return slice_make(out, len);
}

static void parse_value(struct vector *vector, uint32_t row, struct slice text, struct arena *arena)
{
        char copy[64];

        (void)snprintf(copy, sizeof(copy), "%.*s", (int)text.len, (const char *)text.data);
        switch (vector->phys) {
        case PHYS_I64:
                vector->i64[row] = strtoll(copy, NULL, 10);
                return;
        case PHYS_F64:
                vector->f64[row] = strtod(copy, NULL);
                return;
        case PHYS_DEC:
                vector->dec[row] = strtoll(copy, NULL, 10);
                return;
        default:
                vector->str[row] = parse_string(text, arena);
                return;
        }
}

struct batch rows_batch(struct arena *arena, const struct plan_table *table, const char *rows)
{
        struct batch batch = {.n_columns = table->n_columns};
        struct slice rest = slice_from_text(rows), line;

        for (const char *at = rows; *at != '\0'; at++)
                batch.n_rows += *at == ';';
        batch.n_rows += *rows != '\0';
        batch.columns = arena_new_n(arena, struct vector, table->n_columns);
        for (uint32_t c = 0; c < table->n_columns; c++)
                vector_init(&batch.columns[c], type_phys(&table->columns[c].type), batch.n_rows, arena);
        for (uint32_t row = 0; row < batch.n_rows && next_part(&rest, ';', &line); row++) {
                for (uint32_t c = 0; c < table->n_columns; c++) {
                        struct vector *vector = &batch.columns[c];
                        struct slice text;

                        REQUIRE(next_part(&line, ',', &text));
                        if (is_text(text, "NULL")) {
                                vector_need_valid(vector, batch.n_rows, arena);
                                bitmap_clear(vector->valid, row);
                                memset((uint8_t *)vector->data + row * phys_bytes(vector->phys), 0,
                                       phys_bytes(vector->phys));
                        } else {
                                parse_value(vector, row, text, arena);
                        }
                }
        }
        return batch;
}
