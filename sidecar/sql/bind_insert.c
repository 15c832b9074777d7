/* bind_insert.c - INSERT INTO: the query's columns become the sink's, by position.
 *
 * Conversions are those that Flink makes silently (sql-semantics 1.2); everything else is an error. A column of the
 * sink that is NOT NULL gets FN_REQUIRE where the query may give NULL: such a row is withheld and counted. */
#include "sidecar/sql/bind.h"

#include "sidecar/base/nearest.h"
#include "sidecar/plan/call.h"

struct inserter { /* one INSERT */
        struct binder *binder;
        const struct ast_statement *statement;
        struct bind_entry *entry;
        struct bind_relation *relation;
        uint32_t n_targets;
        uint32_t *targets; /* table columns that the query fills, in its order */
        uint32_t n_written;
        uint32_t *written; /* table columns that the sink writes */
};

static void name_targets(struct inserter *inserter)
{
        const struct plan_table *table = inserter->entry->table;

        inserter->written = arena_new_n(inserter->binder->arena, uint32_t, table->n_columns + 1);
        for (uint32_t i = 0; i < table->n_columns; i++)
                if (table->columns[i].kind == PLAN_PHYSICAL)
                        inserter->written[inserter->n_written++] = i;
        inserter->targets = inserter->written;
        inserter->n_targets = inserter->n_written;
}

static int32_t find_target(struct inserter *inserter, const struct ast_name *name)
{
        const struct plan_table *table = inserter->entry->table;
        struct diag_list *diags = inserter->binder->diags;
        struct nearest nearest;
        struct slice best;

        nearest_init(&nearest, name->text);
        for (uint32_t i = 0; i < table->n_columns; i++) {
                nearest_offer(&nearest, table->columns[i].name);
                if (!slice_is_equal(table->columns[i].name, name->text))
                        continue;
                if (table->columns[i].kind == PLAN_PHYSICAL)
                        return (int32_t)i;
                diag_add(diags, DIAG_COLUMN_ROLE, name->span, NULL, "the column '%.*s' cannot be written: it is %s",
                         (int)name->text.len, (const char *)name->text.data,
                         table->columns[i].kind == PLAN_COMPUTED ? "computed" : "metadata");
                return -1;
        }
        diag_add(diags, DIAG_COLUMN_UNKNOWN, name->span,
                 nearest_best(&nearest, &best) ? arena_format(inserter->binder->arena, "did you mean '%.*s'?",
                                                              (int)best.len, (const char *)best.data)
                                               : NULL,
                 "there is no column '%.*s' in the table '%.*s'", (int)name->text.len, (const char *)name->text.data,
                 (int)table->name.len, (const char *)table->name.data);
        return -1;
}

static bool name_listed_targets(struct inserter *inserter)
{
        const struct ast_list *names = &inserter->statement->column_names;
        bool ok = true;

        if (names->n == 0)
                return true;
        inserter->n_targets = 0;
        inserter->targets = arena_new_n(inserter->binder->arena, uint32_t, names->n + 1);
        for (uint32_t i = 0; i < names->n; i++) {
                const struct ast_name *name = names->items[i];
                int32_t column = find_target(inserter, name);

                for (uint32_t j = 0; column >= 0 && j < inserter->n_targets; j++)
                        if (inserter->targets[j] == (uint32_t)column) {
                                diag_add(inserter->binder->diags, DIAG_COLUMN_TWICE, name->span, NULL,
                                         "the column '%.*s' is listed twice", (int)name->text.len,
                                         (const char *)name->text.data);
                                column = -1;
                        }
                if (column < 0)
                        ok = false;
                else
                        inserter->targets[inserter->n_targets++] = (uint32_t)column;
        }
        return ok;
}

static struct diag_span span_of(const struct inserter *inserter, const struct bind_column *column)
{
        return column->span.file == DIAG_NO_FILE ? inserter->statement->name.span : column->span;
}

static bool check_count(const struct inserter *inserter)
{
        const struct plan_table *table = inserter->entry->table;

        if (inserter->relation->n_columns == inserter->n_targets)
                return true;
        diag_add(inserter->binder->diags, DIAG_SINK_COUNT, inserter->statement->name.span, NULL,
                 "the query gives %u columns, but %s '%.*s' takes %u", inserter->relation->n_columns,
                 inserter->statement->column_names.n > 0 ? "the column list of" : "the table", (int)table->name.len,
                 (const char *)table->name.data, inserter->n_targets);
        return false;
}

static bool check_column(const struct inserter *inserter, const struct bind_column *from,
                         const struct plan_column *to)
{
        struct binder *binder = inserter->binder;
        const struct type *type = &from->expr->type;
        struct type bare_from = *type, bare_to = to->type;
        char from_text[TYPE_TEXT_BYTES], to_text[TYPE_TEXT_BYTES];

        if (from->expr->kind == EXPR_COLUMN && from->expr->column == BIND_PROCTIME) {
                bind_expr_refuse_proctime(binder, span_of(inserter, from));
                return false;
        }
        if (type_phys(type) == PHYS_NONE && type_phys(&to->type) == PHYS_NONE && type->kind != TYPE_NULL) {
                bind_expr_refuse_nested(binder, span_of(inserter, from), type);
                return false;
        }
        if (type_phys(type) != PHYS_NONE && type_phys(&to->type) != PHYS_NONE &&
            function_is_storable(type, &to->type))
                return true;
        bare_from.nullable = bare_to.nullable = true;
        type_format(&bare_from, from_text);
        type_format(&bare_to, to_text);
        diag_add(binder->diags, DIAG_SINK_TYPE, span_of(inserter, from),
                 function_is_castable(type, &to->type) ? arena_format(binder->arena, "write CAST(... AS %s)", to_text)
                                                       : NULL,
                 "the column '%.*s' is %s, but the query gives %s", (int)to->name.len, (const char *)to->name.data,
                 to_text, from_text);
        return false;
}

static bool check_columns(const struct inserter *inserter)
{
        const struct bind_relation *relation = inserter->relation;
        const struct bind_column *rowtime = NULL;
        bool ok = true;

        for (uint32_t i = 0; i < relation->n_columns; i++) {
                const struct bind_column *column = &relation->columns[i];

                ok = check_column(inserter, column, &inserter->entry->table->columns[inserter->targets[i]]) && ok;
                if (!column->expr->type.is_time_attribute)
                        continue;
                if (rowtime != NULL) {
                        diag_add(inserter->binder->diags, DIAG_TWO_ROWTIMES, span_of(inserter, column),
                                 "write CAST(... AS TIMESTAMP(3)) for all but one",
                                 "a table takes at most one time attribute; '%.*s' is another one",
                                 (int)rowtime->name.len, (const char *)rowtime->name.data);
                        ok = false;
                }
                rowtime = column;
        }
        return ok;
}

static const struct bind_column *source_of(const struct inserter *inserter, uint32_t table_column)
{
        for (uint32_t i = 0; i < inserter->n_targets; i++)
                if (inserter->targets[i] == table_column)
                        return &inserter->relation->columns[i];
        return NULL;
}

/* Columns that the INSERT does not list are NULL. */
static bool check_unlisted(const struct inserter *inserter)
{
        const struct plan_table *table = inserter->entry->table;

        for (uint32_t i = 0; i < inserter->n_written; i++) {
                const struct plan_column *column = &table->columns[inserter->written[i]];

                if (column->type.nullable || source_of(inserter, inserter->written[i]) != NULL)
                        continue;
                diag_add(inserter->binder->diags, DIAG_PRIMARY_KEY, inserter->statement->name.span, NULL,
                         "the column '%.*s' is NOT NULL, but the INSERT does not fill it", (int)column->name.len,
                         (const char *)column->name.data);
                return false;
        }
        return true;
}

static struct expr *convert(struct inserter *inserter, const struct plan_column *to, const struct bind_column *from)
{
        struct arena *arena = inserter->binder->arena;
        struct expr *expr = from == NULL ? call_null(arena) : from->expr;
        struct type type = to->type;
        struct err err = {0};

        type.nullable = true;
        type.is_time_attribute = false;
        expr = call_implicit_cast(expr, &type, arena);
        if (!to->type.nullable && expr->type.nullable && call_make(FN_REQUIRE, &expr, 1, arena, &expr, &err) != 0)
                diag_add(inserter->binder->diags, DIAG_SINK_TYPE, inserter->statement->name.span, NULL, "%s",
                         err.text);
        return expr;
}

static struct plan_op *make_sink(struct inserter *inserter)
{
        struct binder *binder = inserter->binder;
        struct plan_table *table = inserter->entry->table;
        struct plan_op *project = bind_job_op(binder, PLAN_PROJECT, bind_query_filtered(binder, inserter->relation),
                                              inserter->n_written);
        struct plan_op *sink = bind_job_op(binder, PLAN_SINK, project, inserter->n_written);

        for (uint32_t i = 0; i < inserter->n_written; i++) {
                const struct plan_column *column = &table->columns[inserter->written[i]];

                project->exprs[i] = convert(inserter, column, source_of(inserter, inserter->written[i]));
                project->names[i] = sink->names[i] = column->name;
                project->types[i] = sink->types[i] = column->type;
                project->types[i].is_time_attribute = sink->types[i].is_time_attribute = false;
        }
        sink->sink = table;
        return sink;
}

static struct bind_entry *find_sink(struct binder *binder, const struct ast_name *name)
{
        struct bind_entry *entry = bind_job_find(binder, name->text);

        if (entry == NULL) {
                diag_add(binder->diags, DIAG_TABLE_UNKNOWN, name->span, bind_job_suggest_table(binder, name->text),
                         "there is no table '%.*s'", (int)name->text.len, (const char *)name->text.data);
                return NULL;
        }
        if (entry->is_broken)
                return NULL;
        if (entry->table != NULL && entry->connector->is_sink)
                return entry;
        diag_add(binder->diags, DIAG_TABLE_ROLE, name->span, NULL,
                 entry->table == NULL ? "'%.*s' is a view: it cannot be written"
                                      : "the table '%.*s' cannot be written: its connector '%s' only reads",
                 (int)name->text.len, (const char *)name->text.data,
                 entry->table == NULL ? "" : entry->connector->name);
        return NULL;
}

void bind_insert(struct binder *binder, const struct ast_statement *statement)
{
        struct inserter inserter = {.binder = binder, .statement = statement};
        struct plan_query *query;

        inserter.entry = find_sink(binder, &statement->name);
        inserter.relation = bind_query(binder, statement->query);
        if (inserter.entry == NULL || inserter.relation == NULL)
                return;
        if (inserter.relation->has_window) {
                diag_add(binder->diags, DIAG_CLAUSE_NOT_YET, inserter.relation->window_span,
                         "add GROUP BY window_start, window_end",
                         "a window without GROUP BY: Flink accepts this; weir does not yet");
                return;
        }
        name_targets(&inserter);
        if (!name_listed_targets(&inserter) || !check_count(&inserter) || !check_columns(&inserter) ||
            !check_unlisted(&inserter))
                return;
        query = arena_new(binder->arena, struct plan_query);
        query->root = make_sink(&inserter);
        query->sink = inserter.entry->table;
        query->place = bind_job_place(binder, statement->name.span);
        query->has_window = inserter.relation->is_windowed;
        inserter.entry->table->is_sink = true;
        binder->queries = bind_job_grow(binder, binder->queries, binder->n_queries, &binder->queries_capacity,
                                        sizeof(struct plan_query *));
        binder->queries[binder->n_queries++] = query;
}
