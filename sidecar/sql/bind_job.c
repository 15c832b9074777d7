/* bind_job.c - statements in order: the catalog, and what all parts of the binder need. */
#include "sidecar/sql/bind.h"

#include "sidecar/base/nearest.h"
#include "sidecar/plan/call.h"

#include <assert.h>

enum { MARK_BYTES = 1024 };

/* ---- places and paths ---- */

static uint32_t line_of(const struct bind_file *file, uint32_t at)
{
        uint32_t low = 0, high = file->n_lines;

        while (high - low > 1) {
                uint32_t middle = low + (high - low) / 2;

                if (file->line_begin[middle] <= at)
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

struct plan_place bind_job_place(const struct binder *binder, struct diag_span span)
{
        struct bind_file *file;
        uint32_t line, column, at;

        if (span.file >= binder->n_files)
                return (struct plan_place){.file = ""};
        file = &binder->files[span.file];
        line = line_of(file, span.begin);
        at = file->line_begin[line];
        column = 1;
        if (file->mark_at > at && file->mark_at <= span.begin) {
                at = file->mark_at;
                column = file->mark_column;
        }
        /* The next place is about here, or behind: a long line is not read again from its beginning. */
        if (span.begin - at > 2 * MARK_BYTES) {
                file->mark_at = span.begin - MARK_BYTES;
                file->mark_column = column = diag_column(file->text, at, column, file->mark_at);
                at = file->mark_at;
        }
        return (struct plan_place){.file = file->name,
                                   .line = line + 1,
                                   .column = diag_column(file->text, at, column, span.begin)};
}

struct slice bind_job_resolve_path(const struct binder *binder, struct slice path, uint32_t file)
{
        const char *name = binder->files[file].name;
        const char *slash = strrchr(name, '/');

        if (path.len == 0 || path.data[0] == '/' || slash == NULL)
                return path;
        return slice_from_text(arena_format(binder->arena, "%.*s/%.*s", (int)(slash - name), name, (int)path.len,
                                            (const char *)path.data));
}

/* ---- making things ---- */

void *bind_job_grow(struct binder *binder, void *items, uint32_t n, uint32_t *capacity, size_t bytes)
{
        void *grown;

        if (n < *capacity)
                return items;
        *capacity = *capacity == 0 ? 8 : *capacity * 2;
        grown = arena_zero(binder->arena, *capacity * bytes, 16);
        if (n > 0)
                memcpy(grown, items, n * bytes);
        return grown;
}

struct plan_op *bind_job_op(struct binder *binder, enum plan_op_kind kind, struct plan_op *input, uint32_t n_columns)
{
        struct plan_op *op = arena_new(binder->arena, struct plan_op);

        op->kind = kind;
        op->n_columns = n_columns;
        op->names = arena_new_n(binder->arena, struct slice, n_columns + 1);
        op->types = arena_new_n(binder->arena, struct type, n_columns + 1);
        if (kind == PLAN_PROJECT)
                op->exprs = arena_new_n(binder->arena, struct expr *, n_columns + 1);
        if (input == NULL)
                return op;
        op->n_inputs = 1;
        op->inputs = arena_new_n(binder->arena, struct plan_op *, 1);
        op->inputs[0] = input;
        return op;
}

struct expr *bind_job_and(struct binder *binder, struct expr *const *conditions, uint32_t n)
{
        struct expr *expr = conditions[0];
        struct err err = {0};
        int result = n == 1 ? 0 : call_make(FN_AND, conditions, n, binder->arena, &expr, &err);

        assert(result == 0); /* all are BOOLEAN */
        (void)result;
        return expr;
}

/* ---- the catalog ---- */

struct bind_entry *bind_job_find(const struct binder *binder, struct slice name)
{
        for (uint32_t i = 0; i < binder->n_entries; i++)
                if (slice_is_equal(binder->entries[i]->name, name))
                        return binder->entries[i];
        return NULL;
}

const char *bind_job_suggest_table(const struct binder *binder, struct slice name)
{
        struct nearest nearest;
        struct slice best;

        nearest_init(&nearest, name);
        for (uint32_t i = 0; i < binder->n_entries; i++)
                nearest_offer(&nearest, binder->entries[i]->name);
        if (!nearest_best(&nearest, &best))
                return NULL;
        return arena_format(binder->arena, "did you mean '%.*s'?", (int)best.len, (const char *)best.data);
}

static void report_twice(struct binder *binder, const struct ast_name *name, const struct bind_entry *old)
{
        struct plan_place place = bind_job_place(binder, old->statement->name.span);

        diag_add(binder->diags, DIAG_TABLE_TWICE, name->span,
                 arena_format(binder->arena, "it is defined first at %s:%u:%u", place.file, place.line, place.column),
                 "the table or view '%.*s' is defined twice", (int)name->text.len, (const char *)name->text.data);
}

static struct bind_entry *add_entry(struct binder *binder, const struct ast_statement *statement)
{
        struct bind_entry *entry = bind_job_find(binder, statement->name.text);

        if (entry != NULL) {
                if (!statement->if_not_exists)
                        report_twice(binder, &statement->name, entry);
                return NULL;
        }
        entry = arena_new(binder->arena, struct bind_entry);
        entry->name = statement->name.text;
        entry->statement = statement;
        binder->entries = bind_job_grow(binder, binder->entries, binder->n_entries, &binder->entries_capacity,
                                        sizeof(struct bind_entry *));
        binder->entries[binder->n_entries++] = entry;
        return entry;
}

static void check_view_names(struct binder *binder, const struct ast_statement *statement,
                             const struct bind_relation *relation, struct bind_entry *entry)
{
        if (statement->column_names.n > 0 && statement->column_names.n != relation->n_columns) {
                diag_add(binder->diags, DIAG_COLUMN_COUNT, statement->name.span, NULL, "%u names for %u columns",
                         statement->column_names.n, relation->n_columns);
                entry->is_broken = true;
                return;
        }
        for (uint32_t i = 0; i < relation->n_columns; i++) {
                const struct ast_name *given =
                        statement->column_names.n > 0 ? statement->column_names.items[i] : NULL;
                struct slice name = given != NULL ? given->text : relation->columns[i].name;

                for (uint32_t j = 0; j < i; j++) {
                        const struct ast_name *other =
                                statement->column_names.n > 0 ? statement->column_names.items[j] : NULL;

                        if (!slice_is_equal(name, other != NULL ? other->text : relation->columns[j].name))
                                continue;
                        diag_add(binder->diags, DIAG_COLUMN_TWICE,
                                 given != NULL ? given->span : relation->columns[i].span,
                                 "rename one of them with AS", "the view has two columns '%.*s'", (int)name.len,
                                 (const char *)name.data);
                        entry->is_broken = true;
                        return;
                }
        }
}

/* A view is put in where it is used; here it is only checked. */
static void create_view(struct binder *binder, const struct ast_statement *statement, struct bind_entry *entry)
{
        struct bind_relation *relation;

        binder->is_trial = true;
        relation = bind_query(binder, statement->query);
        binder->is_trial = false;
        entry->is_broken = relation == NULL;
        if (relation != NULL)
                check_view_names(binder, statement, relation, entry);
}

void bind_job_statements(struct binder *binder, const struct ast_list *statements)
{
        for (uint32_t i = 0; i < statements->n; i++) {
                const struct ast_statement *statement = statements->items[i];
                struct bind_entry *entry;

                switch (statement->kind) {
                case AST_SET:
                        bind_setting_set(binder, &statement->set);
                        break;
                case AST_CREATE_TABLE:
                case AST_CREATE_VIEW:
                        entry = add_entry(binder, statement);
                        if (entry == NULL)
                                break;
                        if (statement->is_refused)
                                entry->is_broken = true;
                        else if (statement->kind == AST_CREATE_TABLE)
                                bind_table_create(binder, statement, entry);
                        else
                                create_view(binder, statement, entry);
                        break;
                case AST_INSERT:
                        binder->n_inserts++;
                        if (!statement->is_refused)
                                bind_insert(binder, statement);
                        break;
                }
        }
}
