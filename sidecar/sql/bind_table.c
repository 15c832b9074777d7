/* bind_table.c - CREATE TABLE: columns, computed columns, watermark, primary key, connector and options. */
#include "sidecar/sql/bind.h"

#include "sidecar/base/limits.h"
#include "sidecar/base/nearest.h"

#include <strings.h>

struct maker { /* one CREATE TABLE */
        struct binder *binder;
        const struct ast_statement *statement;
        struct bind_entry *entry;
        struct plan_table *table;
        bool failed;
};

static int32_t find_column(const struct plan_table *table, struct slice name)
{
        for (uint32_t i = 0; i < table->n_columns; i++)
                if (slice_is_equal(table->columns[i].name, name))
                        return (int32_t)i;
        return -1;
}

static const char *suggest_column(const struct maker *maker, struct slice name)
{
        struct nearest nearest;
        struct slice best;

        nearest_init(&nearest, name);
        for (uint32_t i = 0; i < maker->table->n_columns; i++)
                nearest_offer(&nearest, maker->table->columns[i].name);
        if (!nearest_best(&nearest, &best))
                return NULL;
        return arena_format(maker->binder->arena, "did you mean '%.*s'?", (int)best.len, (const char *)best.data);
}

static void unknown_column(struct maker *maker, const struct ast_name *name)
{
        maker->failed = true;
        diag_add(maker->binder->diags, DIAG_COLUMN_UNKNOWN, name->span, suggest_column(maker, name->text),
                 "there is no column '%.*s' in this table", (int)name->text.len, (const char *)name->text.data);
}

/* ---- options ---- */

static void make_options(struct maker *maker)
{
        const struct ast_list *options = &maker->statement->options;
        struct plan_table *table = maker->table;

        if (options->n > BIND_OPTIONS_MAX) {
                diag_add(maker->binder->diags, DIAG_LIMIT, maker->statement->name.span, NULL,
                         "a table has at most %u options", BIND_OPTIONS_MAX);
                maker->failed = true;
                return;
        }
        table->options = arena_new_n(maker->binder->arena, struct plan_option, options->n + 1);
        for (uint32_t i = 0; i < options->n; i++) {
                const struct ast_option *option = options->items[i];

                if (plan_option_find(table->options, table->n_options,
                                     arena_text(maker->binder->arena, option->key.text)) != NULL) {
                        diag_add(maker->binder->diags, DIAG_OPTION_TWICE, option->key.span, NULL,
                                 "the option '%.*s' is given twice", (int)option->key.text.len,
                                 (const char *)option->key.text.data);
                        maker->failed = true;
                        continue;
                }
                table->options[table->n_options++] =
                        (struct plan_option){.key = option->key.text,
                                             .value = option->value.text,
                                             .key_place = bind_job_place(maker->binder, option->key.span),
                                             .value_place = bind_job_place(maker->binder, option->value.span)};
        }
}

static void unknown_connector(struct maker *maker, const struct ast_option *option)
{
        const char *near = connector_suggest(option->value.text);
        const char *help = "weir has 'flume', 'redis', 'filesystem', 'print' and 'blackhole'";

        if (near != NULL)
                help = arena_format(maker->binder->arena, "did you mean '%s'?", near);
        diag_add(maker->binder->diags, DIAG_CONNECTOR_UNKNOWN, option->value.span, help,
                 connector_is_flinks(option->value.text) ? "connector '%.*s': Flink accepts this; weir does not yet"
                                                         : "there is no connector '%.*s'",
                 (int)option->value.text.len, (const char *)option->value.text.data);
}

static void find_connector(struct maker *maker)
{
        const struct ast_list *options = &maker->statement->options;

        for (uint32_t i = 0; i < options->n && maker->entry->connector == NULL; i++) {
                const struct ast_option *option = options->items[i];

                if (!slice_is_equal(option->key.text, slice_from_text("connector")))
                        continue;
                maker->entry->connector = connector_find(option->value.text);
                if (maker->entry->connector == NULL) {
                        unknown_connector(maker, option);
                        maker->failed = true;
                        return;
                }
        }
        if (maker->entry->connector == NULL) {
                diag_add(maker->binder->diags, DIAG_OPTION_MISSING, maker->statement->name.span,
                         "add WITH ('connector' = '...')", "the table '%.*s' has no option 'connector'",
                         (int)maker->table->name.len, (const char *)maker->table->name.data);
                maker->failed = true;
        }
}

static void check_option(struct maker *maker, struct plan_option *option, const struct ast_option *ast)
{
        const struct connector *connector = maker->entry->connector;
        const struct option_spec *spec = connector_option(connector, option->key);
        struct binder *binder = maker->binder;
        struct err err = {0};

        if (spec == NULL) {
                const char *near = connector_suggest_option(connector, option->key);

                diag_add(binder->diags, DIAG_OPTION_UNKNOWN, ast->key.span,
                         near == NULL ? NULL : arena_format(binder->arena, "did you mean '%s'?", near),
                         connector_is_flinks_key(connector, option->key)
                                 ? "the option '%.*s' of '%s': Flink accepts this; weir does not yet"
                                 : "there is no option '%.*s' of the connector '%s'",
                         (int)option->key.len, (const char *)option->key.data, connector->name);
                maker->failed = true;
                return;
        }
        if (option_check(spec, option->value, &err) != 0) {
                diag_add(binder->diags, DIAG_OPTION_VALUE, ast->value.span, NULL, "%s", err.text);
                maker->failed = true;
        }
        if (spec->type == OPTION_PATH)
                option->path = bind_job_resolve_path(binder, option->value, ast->value.span.file);
        if (spec->type == OPTION_COLUMN) {
                int32_t column = find_column(maker->table, option->value);

                if (column < 0)
                        unknown_column(maker, &(struct ast_name){option->value, ast->value.span});
                else if (maker->table->columns[column].kind != PLAN_PHYSICAL ||
                         type_phys(&maker->table->columns[column].type) == PHYS_NONE) {
                        diag_add(binder->diags, DIAG_OPTION_VALUE, ast->value.span, NULL,
                                 "'%s' takes a physical column with a single value", spec->key);
                        maker->failed = true;
                }
        }
}

static const struct ast_option *option_ast(const struct maker *maker, const struct plan_option *option)
{
        for (uint32_t i = 0; i < maker->statement->options.n; i++) {
                const struct ast_option *ast = maker->statement->options.items[i];

                if (slice_is_equal(ast->key.text, option->key))
                        return ast;
        }
        return NULL;
}

static void check_options(struct maker *maker)
{
        const struct connector *connector = maker->entry->connector;
        struct plan_table *table = maker->table;
        struct err err = {0};

        for (uint32_t i = 0; i < table->n_options; i++)
                check_option(maker, &table->options[i], option_ast(maker, &table->options[i]));
        for (uint32_t i = 0; i < connector->n_options; i++) {
                const struct option_spec *spec = &connector->options[i];

                if (!spec->is_required || plan_table_option(table, spec->key) != NULL)
                        continue;
                diag_add(maker->binder->diags, DIAG_OPTION_MISSING, maker->statement->name.span,
                         arena_format(maker->binder->arena, "%s: %s", spec->key, spec->help),
                         "the connector '%s' needs the option '%s'", connector->name, spec->key);
                maker->failed = true;
        }
        if (!maker->failed && connector_check(connector, table, &err) != 0) {
                diag_add(maker->binder->diags, DIAG_OPTION_VALUE, maker->statement->name.span, NULL, "%s", err.text);
                maker->failed = true;
        }
}

/* ---- columns ---- */

static void check_metadata(struct maker *maker, const struct ast_column *ast, const struct plan_column *column)
{
        const struct connector *connector = maker->entry->connector;
        struct diag_span span = ast->metadata_key != NULL ? ast->metadata_key->span : ast->name.span;
        char text[TYPE_TEXT_BYTES];

        if (connector == NULL)
                return;
        for (uint32_t i = 0; i < connector->n_metadata; i++) {
                const struct connector_metadata *metadata = &connector->metadata[i];
                struct type declared = column->type;

                if (!slice_is_equal(column->metadata_key, slice_from_text(metadata->key)))
                        continue;
                if (declared.kind == metadata->type.kind && declared.kind == TYPE_MAP &&
                    type_is_character(declared.key) && type_is_character(declared.element) &&
                    declared.element->length == TYPE_LENGTH_MAX && declared.key->length == TYPE_LENGTH_MAX)
                        return;
                type_format(&metadata->type, text);
                diag_add(maker->binder->diags, DIAG_TYPE, ast->type_span, NULL, "the metadata '%s' has the type %s",
                         metadata->key, text);
                maker->failed = true;
                return;
        }
        diag_add(maker->binder->diags, DIAG_METADATA_UNKNOWN, span,
                 connector->n_metadata > 0 ? arena_format(maker->binder->arena, "it has '%s': %s",
                                                          connector->metadata[0].key, connector->metadata[0].help)
                                           : NULL,
                 connector_is_flinks_key(connector, column->metadata_key)
                         ? "the metadata '%.*s' of '%s': Flink accepts this; weir does not yet"
                         : "there is no metadata '%.*s' of the connector '%s'",
                 (int)column->metadata_key.len, (const char *)column->metadata_key.data, connector->name);
        maker->failed = true;
}

static void make_column(struct maker *maker, const struct ast_column *ast)
{
        struct plan_table *table = maker->table;
        struct plan_column *column = &table->columns[table->n_columns];
        struct diag_span span = ast->computed != NULL ? ast->computed->span : ast->span;

        if (find_column(table, ast->name.text) >= 0) {
                diag_add(maker->binder->diags, DIAG_COLUMN_TWICE, ast->name.span, NULL,
                         "the column '%.*s' is defined twice", (int)ast->name.text.len,
                         (const char *)ast->name.text.data);
                maker->failed = true;
                return;
        }
        *column = (struct plan_column){.name = ast->name.text,
                                       .type = ast->type,
                                       .kind = PLAN_PHYSICAL,
                                       .place = bind_job_place(maker->binder, ast->name.span)};
        maker->entry->columns[table->n_columns++] = ast;
        if (ast->computed != NULL) {
                struct slice text = maker->binder->files[span.file].text;

                column->kind = PLAN_COMPUTED;
                column->text = slice_make(text.data + span.begin, span.end - span.begin);
        } else if (ast->is_metadata) {
                column->kind = PLAN_METADATA;
                column->is_virtual = ast->is_virtual;
                column->metadata_key = ast->metadata_key != NULL ? ast->metadata_key->text : ast->name.text;
                check_metadata(maker, ast, column);
        }
}

static void make_columns(struct maker *maker)
{
        const struct ast_list *columns = &maker->statement->columns;

        if (columns->n > LIMIT_COLUMNS) {
                diag_add(maker->binder->diags, DIAG_LIMIT, maker->statement->name.span, NULL,
                         "a table has at most %u columns", LIMIT_COLUMNS);
                maker->failed = true;
                return;
        }
        maker->table->columns = arena_new_n(maker->binder->arena, struct plan_column, columns->n + 1);
        maker->entry->columns = arena_new_n(maker->binder->arena, const struct ast_column *, columns->n + 1);
        for (uint32_t i = 0; i < columns->n; i++)
                make_column(maker, columns->items[i]);
}

/* Types of computed columns, bound once to know them and to report what is wrong. */
static void bind_computed(struct maker *maker)
{
        struct plan_table *table = maker->table;

        for (uint32_t i = 0; i < table->n_columns; i++) {
                struct bind_scan *scan;
                struct expr *expr;

                if (table->columns[i].kind != PLAN_COMPUTED)
                        continue;
                if (bind_expr_is_proctime(maker->entry->columns[i]->computed)) {
                        table->columns[i].type = type_timestamp(TYPE_TIMESTAMP_LTZ, 3, false);
                        continue;
                }
                scan = bind_scan_new(maker->binder, maker->entry);
                expr = bind_scan_computed(maker->binder, scan, i);
                if (expr == NULL) {
                        maker->failed = true;
                } else if (type_phys(&expr->type) == PHYS_NONE) {
                        diag_add(maker->binder->diags, DIAG_TYPE_NOT_YET, maker->entry->columns[i]->computed->span,
                                 NULL, "a computed column must have a single value with a type");
                        maker->failed = true;
                } else {
                        table->columns[i].type = expr->type;
                }
        }
}

/* ---- primary key and watermark ---- */

static void add_key_column(struct maker *maker, const struct ast_name *name)
{
        struct plan_table *table = maker->table;
        int32_t column = find_column(table, name->text);

        if (column < 0) {
                unknown_column(maker, name);
                return;
        }
        for (uint32_t i = 0; i < table->n_primary_key; i++)
                if (table->primary_key[i] == (uint32_t)column) {
                        diag_add(maker->binder->diags, DIAG_PRIMARY_KEY, name->span, NULL,
                                 "the primary key names '%.*s' twice", (int)name->text.len,
                                 (const char *)name->text.data);
                        maker->failed = true;
                        return;
                }
        if (table->columns[column].kind != PLAN_PHYSICAL || type_phys(&table->columns[column].type) == PHYS_NONE) {
                diag_add(maker->binder->diags, DIAG_PRIMARY_KEY, name->span, NULL,
                         "'%.*s' cannot be part of a primary key: that takes physical columns with a single value",
                         (int)name->text.len, (const char *)name->text.data);
                maker->failed = true;
                return;
        }
        table->columns[column].type.nullable = false;
        table->primary_key[table->n_primary_key++] = (uint32_t)column;
}

static void make_primary_key(struct maker *maker)
{
        const struct ast_statement *statement = maker->statement;
        uint32_t n_keys = 0;

        maker->table->primary_key = arena_new_n(maker->binder->arena, uint32_t, maker->table->n_columns + 1);
        for (uint32_t i = 0; i < statement->columns.n; i++) {
                const struct ast_column *column = statement->columns.items[i];

                if (column->is_primary_key && n_keys++ == 0)
                        add_key_column(maker, &column->name);
        }
        for (uint32_t i = 0; i < statement->keys.n; i++) {
                const struct ast_key *key = statement->keys.items[i];

                if (key->is_enforced) {
                        diag_add(maker->binder->diags, DIAG_PRIMARY_KEY, key->span, "write NOT ENFORCED behind it",
                                 "Flink takes a PRIMARY KEY only if it is NOT ENFORCED");
                        maker->failed = true;
                }
                if (n_keys++ > 0) {
                        diag_add(maker->binder->diags, DIAG_PRIMARY_KEY, key->span, NULL,
                                 "a table has one PRIMARY KEY");
                        maker->failed = true;
                        continue;
                }
                for (uint32_t j = 0; j < key->names.n; j++)
                        add_key_column(maker, key->names.items[j]);
        }
        if (n_keys > 1 && statement->keys.n == 0) {
                diag_add(maker->binder->diags, DIAG_PRIMARY_KEY, statement->name.span,
                         "name all columns of the key in PRIMARY KEY (a, b) NOT ENFORCED",
                         "a table has one PRIMARY KEY");
                maker->failed = true;
        }
}

static bool is_rowtime_type(const struct type *type)
{
        return type_is_timestamp(type) && type->precision <= 3;
}

static void make_watermark(struct maker *maker)
{
        const struct ast_watermark *watermark = maker->statement->watermarks.items[0];
        const struct ast_name *name = watermark->names.items[0];
        struct plan_table *table = maker->table;
        int32_t column = find_column(table, name->text);
        struct diag_list *diags = maker->binder->diags;
        char text[TYPE_TEXT_BYTES], expr_text[TYPE_TEXT_BYTES];
        struct expr *expr;

        maker->failed = true;
        if (maker->statement->watermarks.n > 1 || watermark->names.n > 1) {
                const struct ast_watermark *last =
                        maker->statement->watermarks.items[maker->statement->watermarks.n - 1];

                diag_add(diags, DIAG_WATERMARK, last->span, NULL,
                         watermark->names.n > 1 ? "WATERMARK FOR takes a column of the table, not a field"
                                                : "a table has one WATERMARK");
                return;
        }
        if (column < 0) {
                unknown_column(maker, name);
                return;
        }
        type_format(&table->columns[column].type, text);
        if (!is_rowtime_type(&table->columns[column].type)) {
                diag_add(diags, DIAG_WATERMARK, name->span,
                         "make it a computed column, such as TO_TIMESTAMP_LTZ(ms, 3)",
                         "WATERMARK FOR takes a TIMESTAMP(p) or TIMESTAMP_LTZ(p) with p at most 3, not %s", text);
                return;
        }
        if (table->columns[column].kind == PLAN_COMPUTED &&
            bind_expr_is_proctime(maker->entry->columns[column]->computed)) {
                diag_add(diags, DIAG_WATERMARK, name->span, NULL, "a PROCTIME() column has no watermark");
                return;
        }
        maker->entry->watermark = watermark;
        expr = bind_scan_watermark(maker->binder, bind_scan_new(maker->binder, maker->entry));
        if (expr == NULL)
                return;
        if (expr->type.kind != table->columns[column].type.kind || expr->type.precision > 3) {
                type_format(&expr->type, expr_text);
                diag_add(diags, DIAG_WATERMARK, watermark->expr->span, NULL,
                         "the watermark of a column of type %s has that type too, not %s", text, expr_text);
                return;
        }
        table->rowtime = column;
        table->columns[column].type.is_time_attribute = true;
        maker->failed = false;
}

void bind_table_create(struct binder *binder, const struct ast_statement *statement, struct bind_entry *entry)
{
        struct plan_table *table = arena_new(binder->arena, struct plan_table);
        struct maker maker = {.binder = binder, .statement = statement, .entry = entry, .table = table};

        table->name = statement->name.text;
        table->place = bind_job_place(binder, statement->name.span);
        table->rowtime = -1;
        entry->table = table;
        make_options(&maker);
        find_connector(&maker);
        make_columns(&maker);
        bind_computed(&maker);
        make_primary_key(&maker);
        if (entry->connector != NULL) {
                table->is_bounded = entry->connector->is_bounded;
                check_options(&maker);
        }
        if (statement->watermarks.n > 0 && !maker.failed)
                make_watermark(&maker);
        entry->is_broken = maker.failed;
}
