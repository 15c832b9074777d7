/* json.c - see json.h. */
#include "sidecar/column/json.h"

#include "sidecar/base/alloc.h"
#include "sidecar/column/json_convert.h"

#include <assert.h>

enum { READER_ARENA_CHUNK_BYTES = 4096 };

/* A wanted name: a column, or an object with wanted names inside. */
struct node {
        struct slice name;
        struct slice field; /* "bid.price", for dead letters */
        int32_t column;     /* -1: look inside */
        struct node *children;
        struct node *next;  /* sibling */
};

struct json_reader {
        struct arena arena;
        struct node root;
        struct type *types; /* by column of the builder */
        bool *is_null;      /* of the row in the making, by column of the builder */
        struct json_convert convert;
        bool nulls_bad_values;
        struct bytes key;   /* scratch: an unescaped name */
        struct slice field; /* where the last text went wrong */
};

static struct node *child_find(const struct node *node, struct slice name)
{
        struct node *child = node->children;

        while (child != NULL && !slice_is_equal(child->name, name))
                child = child->next;
        return child;
}

static struct node *child_add(struct json_reader *reader, struct node *node, struct slice name)
{
        struct node *child = arena_new(&reader->arena, struct node);
        struct node **link = &node->children;

        child->name = slice_from_text(arena_text(&reader->arena, name));
        child->column = -1;
        child->field = child->name;
        if (node != &reader->root)
                child->field = slice_from_text(arena_format(&reader->arena, "%s.%s", (const char *)node->field.data,
                                                            (const char *)child->name.data));
        while (*link != NULL) /* in the order of the columns */
                link = &(*link)->next;
        *link = child;
        return child;
}

static int column_add(struct json_reader *reader, const struct decode_column *column, uint32_t index, struct err *err)
{
        struct node *node = &reader->root;

        if (type_phys(&column->type) == PHYS_NONE || type_is_interval(&column->type)) {
                char declared[TYPE_TEXT_BYTES];

                type_format(&column->type, declared);
                return err_set(err, ERR_CONFIG, "column '%.*s': format json cannot give %s", (int)column->name.len,
                               (const char *)column->name.data, declared);
        }
        for (uint32_t i = 0; i < column->n_path; i++) {
                struct node *child = child_find(node, column->path[i]);

                if (child != NULL && (child->column >= 0 || i + 1 == column->n_path))
                        return err_set(err, ERR_CONFIG, "column '%.*s' reads a field that another column reads, too",
                                       (int)column->name.len, (const char *)column->name.data);
                node = child != NULL ? child : child_add(reader, node, column->path[i]);
        }
        node->column = (int32_t)index;
        reader->types[index] = column->type;
        return 0;
}

int json_reader_new(const struct decode_config *config, struct json_reader **ret_reader, struct err *err)
{
        struct json_reader *reader = alloc_zero(1, sizeof(*reader));

        arena_init(&reader->arena, READER_ARENA_CHUNK_BYTES, 0);
        bytes_init(&reader->key);
        bytes_init(&reader->convert.text);
        reader->convert.is_iso_8601 = config->is_iso_8601;
        reader->nulls_bad_values = config->nulls_bad_values;
        reader->root.column = -1;
        reader->root.field = slice_from_text("body");
        reader->is_null = arena_new_n(&reader->arena, bool, config->n_columns + 1u);
        reader->types = arena_new_n(&reader->arena, struct type, config->n_columns + 1u);
        for (uint32_t c = 0; c < config->n_columns; c++) {
                if (config->columns[c].kind == DECODE_FIELD && column_add(reader, &config->columns[c], c, err) < 0) {
                        json_reader_free(reader);
                        return -1;
                }
        }
        *ret_reader = reader;
        return 0;
}

struct json_reader *json_reader_free(struct json_reader *reader)
{
        if (reader == NULL)
                return NULL;
        bytes_done(&reader->key);
        bytes_done(&reader->convert.text);
        arena_done(&reader->arena);
        alloc_free(reader);
        return NULL;
}

/* A row in the making. */
struct row {
        struct json_reader *reader;
        struct builder *builder;
        uint32_t index;
        struct json_scan scan;
        bool is_full; /* the builder's arena is spent */
};

static enum reason refuse(struct row *row, const struct node *node, enum reason reason)
{
        row->reader->field = node->field;
        return reason;
}

static void set_null(struct row *row, uint32_t column)
{
        if (row->builder->columns[column].spec.is_nullable)
                builder_set_null(row->builder, column, row->index);
        row->reader->is_null[column] = true;
}

/* NULL for everything at and below a name. */
static void set_nulls(struct row *row, const struct node *node)
{
        if (node->column >= 0)
                set_null(row, (uint32_t)node->column);
        for (const struct node *child = node->children; child != NULL; child = child->next)
                set_nulls(row, child);
}

static void put_value(struct row *row, uint32_t column, const struct value *value)
{
        struct builder_column *target = &row->builder->columns[column];

        if (value->is_null) {
                set_null(row, column);
                return;
        }
        row->reader->is_null[column] = false;
        if (target->present != NULL)
                target->present[row->index] = 1;
        switch (value->phys) {
        case PHYS_I64:
                target->i64[row->index] = value->i64;
                return;
        case PHYS_F64:
                target->f64[row->index] = value->f64;
                return;
        case PHYS_DEC:
                target->dec[row->index] = value->dec;
                return;
        default:
                if (!builder_put_text(row->builder, column, row->index, value->str))
                        row->is_full = true;
                return;
        }
}

static enum reason read_object(struct row *row, const struct node *node);

static enum reason read_value(struct row *row, const struct node *node)
{
        struct json_reader *reader = row->reader;
        struct json_scan_value token;
        struct value value;
        enum reason reason;

        if (!json_scan_value(&row->scan, &token))
                return refuse(row, node, row->scan.reason);
        if (token.kind == JSON_SCAN_NULL) {
                set_nulls(row, node);
                return REASON_NONE;
        }
        if (node->column < 0) {
                set_nulls(row, node); /* of a repeated name the last counts, as a whole */
                if (token.kind == JSON_SCAN_OBJECT)
                        return read_object(row, node);
                if (!reader->nulls_bad_values)
                        return refuse(row, node, REASON_BAD_TEXT);
                if (token.kind == JSON_SCAN_ARRAY)
                        (void)json_scan_skip(&row->scan, token.kind); /* what is wrong in it is seen by the caller */
                return REASON_NONE;
        }
        reason = json_convert_value(&reader->convert, &row->scan, &token, &reader->types[node->column], &value);
        if (reason == REASON_BAD_TEXT && reader->nulls_bad_values && row->scan.reason == REASON_NONE) {
                set_null(row, (uint32_t)node->column);
                return REASON_NONE;
        }
        if (reason != REASON_NONE)
                return refuse(row, node, reason);
        put_value(row, (uint32_t)node->column, &value);
        return REASON_NONE;
}

static bool skip_value(struct json_scan *scan)
{
        struct json_scan_value value;

        if (!json_scan_value(scan, &value))
                return false;
        return (value.kind != JSON_SCAN_OBJECT && value.kind != JSON_SCAN_ARRAY) || json_scan_skip(scan, value.kind);
}

/* The members of an object whose brace was read. */
static enum reason read_object(struct row *row, const struct node *node)
{
        struct bytes *unescaped = &row->reader->key;
        struct json_scan_value key;
        enum reason reason = REASON_NONE;

        for (bool is_first = true; reason == REASON_NONE && json_scan_member(&row->scan, is_first, &key);
             is_first = false) {
                struct slice name = key.text;
                const struct node *child;

                if (key.has_escapes) {
                        bytes_reset(unescaped);
                        json_scan_unescape(&key, unescaped);
                        name = bytes_slice(unescaped);
                }
                child = child_find(node, name);
                if (child != NULL)
                        reason = read_value(row, child);
                else
                        (void)skip_value(&row->scan);
        }
        if (reason == REASON_NONE && row->scan.reason != REASON_NONE)
                reason = refuse(row, node, row->scan.reason);
        return reason;
}

static enum reason find_null(struct row *row, const struct node *node)
{
        enum reason reason = REASON_NONE;

        if (node->column >= 0 && row->reader->is_null[node->column] &&
            !row->builder->columns[node->column].spec.is_nullable)
                return refuse(row, node, REASON_NULL_VALUE);
        for (const struct node *child = node->children; child != NULL && reason == REASON_NONE; child = child->next)
                reason = find_null(row, child);
        return reason;
}

/* One row from an object whose brace was read. */
static enum reason read_row(struct row *row)
{
        const struct node *root = &row->reader->root;
        enum reason reason;

        set_nulls(row, root);
        reason = read_object(row, root);
        return reason == REASON_NONE ? find_null(row, root) : reason;
}

/* The elements of an array, each a row; the first one's place is there already. */
static int read_rows(struct row *row, uint32_t first, uint32_t *ret_n, enum reason *ret_reason, struct err *err)
{
        struct json_scan_value token;
        enum reason reason = REASON_NONE;
        uint32_t n = 0;

        for (; reason == REASON_NONE && json_scan_element(&row->scan, n == 0); n++) {
                row->builder->n_rows = first + n; /* so that room is made behind what was read */
                if (builder_reserve(row->builder, 1, err) < 0)
                        return -1;
                row->builder->n_rows = first;
                row->index = first + n;
                if (n > 0)
                        builder_move_row(row->builder, first, row->index);
                if (!json_scan_value(&row->scan, &token) || token.kind != JSON_SCAN_OBJECT)
                        reason = refuse(row, &row->reader->root, REASON_BAD_JSON);
                else
                        reason = read_row(row);
        }
        if (reason == REASON_NONE && row->scan.reason != REASON_NONE)
                reason = refuse(row, &row->reader->root, row->scan.reason);
        *ret_n = n;
        *ret_reason = reason;
        return 0;
}

int json_reader_rows(struct json_reader *reader, struct builder *builder, struct slice text, uint32_t *ret_n,
                     enum reason *ret_reason, struct slice *ret_field, struct err *err)
{
        struct row row = {.reader = reader, .builder = builder, .index = builder->n_rows};
        struct json_scan_value token;
        uint32_t first = builder->n_rows;
        int result = 0;

        row.scan = json_scan_make(text);
        *ret_n = 1;
        if (!json_scan_value(&row.scan, &token))
                *ret_reason = refuse(&row, &reader->root, row.scan.reason);
        else if (token.kind == JSON_SCAN_OBJECT)
                *ret_reason = read_row(&row);
        else if (token.kind == JSON_SCAN_ARRAY)
                result = read_rows(&row, first, ret_n, ret_reason, err);
        else
                *ret_reason = refuse(&row, &reader->root, REASON_BAD_JSON);
        builder->n_rows = first; /* the caller adds what stands */
        if (result < 0)
                return -1;
        if (row.is_full)
                return builder_overflow(err);
        if (*ret_reason == REASON_NONE && !json_scan_end(&row.scan))
                *ret_reason = refuse(&row, &reader->root, REASON_BAD_JSON);
        *ret_field = reader->field;
        return 0;
}
