/* bind_scan.c - uses of tables: which columns, fields and headers a query reads.
 *
 * A leaf is made when an expression first names it and marked when a plan really uses it; what is never marked is
 * neither decoded nor logged. */
#include "sidecar/sql/bind.h"

#include "sidecar/base/nearest.h"
#include "sidecar/plan/call.h"

#include <assert.h>

static bool is_path(const struct plan_scan_column *column, const struct slice *path, uint32_t n_path)
{
        if (column->n_path != n_path)
                return false;
        for (uint32_t i = 0; i < n_path; i++)
                if (!slice_is_equal(column->path[i], path[i]))
                        return false;
        return true;
}

/* The leaf like `wanted` (kind, table_column, path, key), made if it is new. */
static struct expr *need_leaf(struct binder *binder, struct bind_scan *scan, const struct plan_scan_column *wanted)
{
        struct bind_leaf *leaf;

        for (uint32_t i = 0; i < scan->n; i++) {
                const struct plan_scan_column *column = &scan->leaves[i].column;

                if (column->kind == wanted->kind && column->table_column == wanted->table_column &&
                    is_path(column, wanted->path, wanted->n_path) && slice_is_equal(column->key, wanted->key))
                        return call_column(i, &column->type, binder->arena);
        }
        scan->leaves = bind_job_grow(binder, scan->leaves, scan->n, &scan->capacity, sizeof *scan->leaves);
        leaf = &scan->leaves[scan->n];
        *leaf = (struct bind_leaf){.column = *wanted};
        return call_column(scan->n++, &leaf->column.type, binder->arena);
}

static enum plan_scan_kind kind_of(const struct plan_column *column)
{
        switch (column->kind) {
        case PLAN_PHYSICAL:
                return PLAN_SCAN_FIELD;
        case PLAN_METADATA:
                return PLAN_SCAN_METADATA;
        case PLAN_COMPUTED:
                return PLAN_SCAN_COMPUTED;
        }
        return PLAN_SCAN_FIELD;
}

struct expr *bind_scan_column(struct binder *binder, struct bind_scan *scan, uint32_t table_column)
{
        const struct plan_column *column = &scan->entry->table->columns[table_column];
        struct plan_scan_column wanted = {
                .kind = kind_of(column), .table_column = table_column, .type = column->type, .name = column->name};

        if (wanted.kind == PLAN_SCAN_COMPUTED && bind_expr_is_proctime(scan->entry->columns[table_column]->computed))
                return call_column(BIND_PROCTIME, &column->type, binder->arena);
        if (wanted.kind == PLAN_SCAN_METADATA)
                wanted.key = column->metadata_key;
        return need_leaf(binder, scan, &wanted);
}

struct bind_scan *bind_scan_new(struct binder *binder, const struct bind_entry *entry)
{
        struct bind_scan *scan = arena_new(binder->arena, struct bind_scan);

        scan->entry = entry;
        scan->rowtime = -1;
        scan->op = bind_job_op(binder, PLAN_SCAN, NULL, 0);
        return scan;
}

/* The table's columns as leaves of `scan`. */
static struct bind_relation *relation_over(struct binder *binder, struct bind_scan *scan, bool physical_only)
{
        const struct plan_table *table = scan->entry->table;
        struct bind_relation *relation = arena_new(binder->arena, struct bind_relation);

        relation->scan = scan;
        relation->op = scan->op;
        relation->columns = arena_new_n(binder->arena, struct bind_column, table->n_columns + 1);
        for (uint32_t i = 0; i < table->n_columns; i++) {
                if (physical_only && table->columns[i].kind == PLAN_COMPUTED)
                        continue;
                relation->columns[relation->n_columns++] =
                        (struct bind_column){.name = table->columns[i].name,
                                             .qualifier = table->name,
                                             .span = {.file = DIAG_NO_FILE},
                                             .expr = bind_scan_column(binder, scan, i)};
        }
        return relation;
}

struct bind_relation *bind_scan_relation(struct binder *binder, const struct bind_entry *entry)
{
        return relation_over(binder, bind_scan_new(binder, entry), false);
}

struct expr *bind_scan_computed(struct binder *binder, struct bind_scan *scan, uint32_t table_column)
{
        struct bind_context context = {binder, relation_over(binder, scan, true), NULL, "a computed column"};

        return bind_expr(&context, scan->entry->columns[table_column]->computed);
}

struct expr *bind_scan_watermark(struct binder *binder, struct bind_scan *scan)
{
        struct bind_context context = {binder, relation_over(binder, scan, false), NULL, "WATERMARK"};

        return bind_expr(&context, scan->entry->watermark->expr);
}

/* ---- parts of columns ---- */

static const struct bind_leaf *leaf_of(const struct bind_context *context, const struct expr *expr)
{
        const struct bind_scan *scan = context->relation->scan;

        assert(expr->kind == EXPR_COLUMN && scan != NULL && expr->column < scan->n);
        return &scan->leaves[expr->column];
}

static const struct type_field *find_field(const struct type *row, struct slice name)
{
        for (uint32_t i = 0; i < row->n_fields; i++)
                if (slice_is_equal(row->fields[i].name, name))
                        return &row->fields[i];
        return NULL;
}

static struct expr *unknown_field(struct bind_context *context, const struct expr *row, const struct ast_name *field)
{
        const char *help = NULL;
        struct nearest nearest;
        struct slice best;
        char text[TYPE_TEXT_BYTES];

        nearest_init(&nearest, field->text);
        for (uint32_t i = 0; i < row->type.n_fields; i++)
                nearest_offer(&nearest, row->type.fields[i].name);
        if (nearest_best(&nearest, &best))
                help = arena_format(context->binder->arena, "did you mean '%.*s'?", (int)best.len,
                                    (const char *)best.data);
        type_format(&row->type, text);
        diag_add(context->binder->diags, DIAG_FIELD_UNKNOWN, field->span, help, "there is no field '%.*s' in %s",
                 (int)field->text.len, (const char *)field->text.data, text);
        return NULL;
}

struct expr *bind_scan_field(struct bind_context *context, struct expr *row, const struct ast_name *field)
{
        struct arena *arena = context->binder->arena;
        const struct type_field *found = row->type.kind == TYPE_ROW ? find_field(&row->type, field->text) : NULL;
        struct plan_scan_column wanted;
        struct slice *path;

        if (found == NULL)
                return unknown_field(context, row, field);
        wanted = leaf_of(context, row)->column;
        path = arena_new_n(arena, struct slice, wanted.n_path + 1);
        for (uint32_t i = 0; i < wanted.n_path; i++)
                path[i] = wanted.path[i];
        path[wanted.n_path++] = found->name;
        wanted.path = path;
        wanted.type = found->type;
        wanted.type.nullable = found->type.nullable || row->type.nullable;
        wanted.name =
                slice_from_text(arena_format(arena, "%.*s.%.*s", (int)wanted.name.len, (const char *)wanted.name.data,
                                             (int)found->name.len, (const char *)found->name.data));
        return need_leaf(context->binder, context->relation->scan, &wanted);
}

struct expr *bind_scan_element(struct bind_context *context, struct expr *map, const struct ast_expr *index)
{
        struct binder *binder = context->binder;
        struct plan_scan_column wanted;

        if (map->type.kind != TYPE_MAP && map->type.kind != TYPE_ARRAY) {
                char text[TYPE_TEXT_BYTES];

                type_format(&map->type, text);
                diag_add(binder->diags, DIAG_ARGUMENT, index->span, NULL, "a value of type %s has no elements", text);
                return NULL;
        }
        wanted = leaf_of(context, map)->column;
        if (wanted.kind != PLAN_SCAN_METADATA) {
                diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, index->span, NULL,
                         "elements of ARRAY and MAP columns: Flink accepts this; weir does not yet");
                return NULL;
        }
        if (index->kind != AST_STRING) {
                diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, index->span,
                         "write the key as a string: headers['host']",
                         "a computed key: Flink accepts this; weir does not yet");
                return NULL;
        }
        wanted.kind = PLAN_SCAN_HEADER;
        wanted.key = index->text;
        wanted.type = *map->type.element;
        wanted.type.nullable = true;
        wanted.name = slice_from_text(arena_format(binder->arena, "%.*s['%.*s']", (int)wanted.name.len,
                                                   (const char *)wanted.name.data, (int)index->text.len,
                                                   (const char *)index->text.data));
        return need_leaf(binder, context->relation->scan, &wanted);
}

const struct slice *bind_scan_names(struct binder *binder, const struct bind_scan *scan)
{
        struct slice *names = arena_new_n(binder->arena, struct slice, scan->n + 1);

        for (uint32_t i = 0; i < scan->n; i++)
                names[i] = scan->leaves[i].column.name;
        return names;
}

/* ---- what is used ---- */

static void mark_column(void *context, const struct expr *column)
{
        struct bind_scan *scan = context;

        scan->leaves[column->column].is_used = true;
}

void bind_scan_mark(struct bind_scan *scan, const struct expr *expr)
{
        expr_visit_columns(expr, mark_column, scan);
}

void bind_scan_complete(struct binder *binder, struct bind_scan *scan)
{
        const struct plan_table *table = scan->entry->table;

        if (table->rowtime >= 0) {
                struct expr *rowtime = bind_scan_column(binder, scan, (uint32_t)table->rowtime);

                bind_scan_mark(scan, rowtime);
                scan->rowtime = (int32_t)rowtime->column;
                scan->watermark = bind_scan_watermark(binder, scan);
                assert(scan->watermark != NULL); /* CREATE TABLE bound it before */
                bind_scan_mark(scan, scan->watermark);
        }
        for (uint32_t i = 0; i < scan->n; i++) {
                struct expr *computed;

                if (!scan->leaves[i].is_used || scan->leaves[i].column.kind != PLAN_SCAN_COMPUTED)
                        continue;
                computed = bind_scan_computed(binder, scan, scan->leaves[i].column.table_column);
                assert(computed != NULL);
                scan->leaves[i].column.computed = computed;
                bind_scan_mark(scan, computed);
        }
}
