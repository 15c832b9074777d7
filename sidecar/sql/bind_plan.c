/* bind_plan.c - the plan as a whole.
 *
 * Once all INSERTs are bound: columns that nothing reads go, from the sinks downwards; the leaves that are left
 * become the columns of one source per table, in an order that depends on the table alone; what every query of a
 * source filters by becomes its common filter; windows get their fingerprints. */
#include "sidecar/sql/bind.h"

#include "sidecar/base/bytes.h"
#include "sidecar/base/hash.h"
#include "sidecar/base/limits.h"
#include "sidecar/plan/call.h"

#include <assert.h>
#include <stdlib.h>

/* Which columns of an operator are used, and where they are once the others have gone. */
struct columns {
        uint32_t n;
        bool *used;
        uint32_t *place;
};

static struct columns columns_of(struct binder *binder, uint32_t n)
{
        return (struct columns){.n = n,
                                .used = arena_new_n(binder->arena, bool, n + 1),
                                .place = arena_new_n(binder->arena, uint32_t, n + 1)};
}

static void use_column(void *context, const struct expr *column)
{
        struct columns *columns = context;

        assert(column->column < columns->n);
        columns->used[column->column] = true;
}

static uint32_t new_place(void *context, uint32_t column)
{
        const struct columns *columns = context;

        return columns->place[column];
}

/* ---- unused columns ---- */

static void prune(struct binder *binder, struct plan_op *op, struct columns *columns);

static struct bind_scan *scan_of(const struct binder *binder, const struct plan_op *op)
{
        for (uint32_t i = 0; i < binder->n_scans; i++)
                if (binder->scans[i]->op == op)
                        return binder->scans[i];
        assert(false && "a SCAN without its leaves");
        return NULL;
}

/* Number of output columns; a SCAN has its leaves, and a FILTER what is below. */
static uint32_t width_of(const struct binder *binder, const struct plan_op *op)
{
        if (op->kind == PLAN_SCAN)
                return scan_of(binder, op)->n;
        return op->kind == PLAN_FILTER ? width_of(binder, op->inputs[0]) : op->n_columns;
}

static void prune_project(struct binder *binder, struct plan_op *op, struct columns *columns)
{
        struct columns below = columns_of(binder, width_of(binder, op->inputs[0]));
        uint32_t n = 0;

        for (uint32_t i = 0; i < op->n_columns; i++)
                if (columns->used[i])
                        expr_visit_columns(op->exprs[i], use_column, &below);
        prune(binder, op->inputs[0], &below);
        for (uint32_t i = 0; i < op->n_columns; i++) {
                if (!columns->used[i])
                        continue;
                op->exprs[n] = expr_map_columns(op->exprs[i], new_place, &below, binder->arena);
                op->names[n] = op->names[i];
                op->types[n] = op->types[i];
                columns->place[i] = n++;
        }
        op->n_columns = n;
}

static void prune_filter(struct binder *binder, struct plan_op *op, struct columns *columns)
{
        expr_visit_columns(op->condition, use_column, columns);
        prune(binder, op->inputs[0], columns);
        op->condition = expr_map_columns(op->condition, new_place, columns, binder->arena);
        op->n_columns = op->inputs[0]->n_columns;
        op->names = op->inputs[0]->names;
        op->types = op->inputs[0]->types;
}

/* Keys make groups, so they stay; aggregates that nobody reads go. */
static void prune_window(struct binder *binder, struct plan_op *op, struct columns *columns)
{
        struct plan_window *window = &op->window;
        struct columns below = columns_of(binder, op->inputs[0]->n_columns);
        uint32_t n_before = window->n_aggs, n = 0;

        below.used[window->rowtime] = true;
        for (uint32_t i = 0; i < window->n_keys; i++) {
                below.used[window->keys[i]] = true;
                columns->place[i] = i;
        }
        for (uint32_t i = 0; i < n_before; i++) {
                uint32_t at = window->n_keys + i;

                if (!columns->used[at])
                        continue;
                if (window->aggs[i].argument >= 0)
                        below.used[window->aggs[i].argument] = true;
                if (window->aggs[i].filter >= 0)
                        below.used[window->aggs[i].filter] = true;
                op->names[window->n_keys + n] = op->names[at];
                op->types[window->n_keys + n] = op->types[at];
                columns->place[at] = window->n_keys + n;
                window->aggs[n++] = window->aggs[i];
        }
        window->n_aggs = n;
        for (uint32_t i = 0; i < 3; i++) { /* window_start, window_end, window_time */
                uint32_t from = window->n_keys + n_before + i, to = window->n_keys + n + i;

                op->names[to] = op->names[from];
                op->types[to] = op->types[from];
                columns->place[from] = to;
        }
        op->n_columns = window->n_keys + n + 3;
        prune(binder, op->inputs[0], &below);
        window->rowtime = (int32_t)below.place[window->rowtime];
        for (uint32_t i = 0; i < window->n_keys; i++)
                window->keys[i] = below.place[window->keys[i]];
        for (uint32_t i = 0; i < n; i++) {
                struct plan_agg *agg = &window->aggs[i];

                agg->argument = agg->argument < 0 ? -1 : (int32_t)below.place[agg->argument];
                agg->filter = agg->filter < 0 ? -1 : (int32_t)below.place[agg->filter];
        }
}

/* columns->used says what is read above; place is filled in. Leaves of scans are marked and keep their places. */
static void prune(struct binder *binder, struct plan_op *op, struct columns *columns)
{
        struct bind_scan *scan;

        switch (op->kind) {
        case PLAN_SCAN:
                scan = scan_of(binder, op);
                for (uint32_t i = 0; i < columns->n; i++) {
                        scan->leaves[i].is_used = scan->leaves[i].is_used || columns->used[i];
                        columns->place[i] = i;
                }
                break;
        case PLAN_FILTER:
                prune_filter(binder, op, columns);
                break;
        case PLAN_PROJECT:
                prune_project(binder, op, columns);
                break;
        case PLAN_WINDOW:
                prune_window(binder, op, columns);
                break;
        case PLAN_UNION:
                for (uint32_t i = 0; i < op->n_inputs; i++)
                        prune(binder, op->inputs[i], columns);
                op->n_columns = op->inputs[0]->n_columns;
                op->names = op->inputs[0]->names;
                op->types = op->inputs[0]->types;
                break;
        case PLAN_SINK:
                for (uint32_t i = 0; i < op->n_columns; i++)
                        columns->used[i] = true;
                prune(binder, op->inputs[0], columns);
                break;
        }
}

static void reduce(struct binder *binder, const struct plan_op *op)
{
        for (uint32_t i = 0; i < op->n_inputs; i++)
                reduce(binder, op->inputs[i]);
        if (op->kind == PLAN_PROJECT)
                bind_reduce(binder, op);
}

/* ---- fingerprints ---- */

static void append_exprs(struct bytes *text, struct expr *const *exprs, uint32_t n, const struct slice *names)
{
        char type_text[TYPE_TEXT_BYTES];

        for (uint32_t i = 0; i < n; i++) {
                type_format(&exprs[i]->type, type_text);
                bytes_append_format(text, "%s ", type_text);
                expr_format(exprs[i], names, text);
                bytes_append_byte(text, '\n');
        }
}

static void append_leaf(struct bytes *text, const struct bind_scan *scan, uint32_t leaf, const struct slice *names)
{
        const struct plan_scan_column *column = &scan->leaves[leaf].column;
        char type_text[TYPE_TEXT_BYTES];

        type_format(&column->type, type_text);
        bytes_append_format(text, "%u ", column->kind);
        bytes_append_slice(text, column->name);
        bytes_append_format(text, " %s ", type_text);
        if (column->computed != NULL)
                expr_format(column->computed, names, text);
        bytes_append_byte(text, '\n');
}

static const struct slice *names_below(struct binder *binder, const struct plan_op *op)
{
        const struct plan_op *input = op->inputs[0];

        while (input->kind == PLAN_FILTER)
                input = input->inputs[0];
        if (input->kind == PLAN_SCAN)
                return bind_scan_names(binder, scan_of(binder, input));
        return NULL; /* by position */
}

/* What the rows of an operator are, in words that do not depend on other queries or on unused columns. */
static void describe(struct binder *binder, const struct plan_op *op, struct bytes *text)
{
        const struct plan_window *window = &op->window;
        struct bind_scan *scan;
        const struct slice *names;

        for (uint32_t i = 0; i < op->n_inputs; i++)
                describe(binder, op->inputs[i], text);
        switch (op->kind) {
        case PLAN_SCAN:
                scan = scan_of(binder, op);
                names = bind_scan_names(binder, scan);
                bytes_append_text(text, "scan ");
                bytes_append_slice(text, scan->entry->name);
                bytes_append_byte(text, '\n');
                for (uint32_t i = 0; i < scan->n; i++)
                        if (scan->leaves[i].is_used)
                                append_leaf(text, scan, i, names);
                bytes_append_format(text, "rowtime %d\n", scan->rowtime >= 0);
                if (scan->watermark != NULL) {
                        append_leaf(text, scan, (uint32_t)scan->rowtime, names);
                        append_exprs(text, &scan->watermark, 1, names);
                }
                break;
        case PLAN_FILTER:
                bytes_append_text(text, "filter\n");
                append_exprs(text, &((struct plan_op *)(uintptr_t)op)->condition, 1, names_below(binder, op));
                break;
        case PLAN_PROJECT:
                bytes_append_text(text, "project\n");
                append_exprs(text, op->exprs, op->n_columns, names_below(binder, op));
                break;
        case PLAN_WINDOW:
                bytes_append_format(text, "window %u %lld %lld %lld %d\nkeys", window->kind,
                                    (long long)window->size_ms, (long long)window->slide_ms,
                                    (long long)window->offset_ms, window->rowtime);
                for (uint32_t i = 0; i < window->n_keys; i++)
                        bytes_append_format(text, " %u", window->keys[i]);
                bytes_append_text(text, "\naggs");
                for (uint32_t i = 0; i < window->n_aggs; i++)
                        bytes_append_format(text, " %u(%d)[%d]%s", window->aggs[i].kind, window->aggs[i].argument,
                                            window->aggs[i].filter, window->aggs[i].is_reduced ? "/" : "");
                bytes_append_byte(text, '\n');
                break;
        case PLAN_UNION:
        case PLAN_SINK:
                bytes_append_format(text, "%u of %u\n", op->kind, op->n_inputs);
                break;
        }
}

/* Leaves are marked and completed; common filters still stand in their queries. */
static void put_fingerprints(struct binder *binder, struct plan_op *op)
{
        struct bytes text;
        struct hash_key keys[2] = {hash_key_from_seed(1), hash_key_from_seed(2)};

        for (uint32_t i = 0; i < op->n_inputs; i++)
                put_fingerprints(binder, op->inputs[i]);
        if (op->kind != PLAN_WINDOW)
                return;
        bytes_init(&text);
        describe(binder, op, &text);
        op->fingerprint = slice_from_text(arena_format(
                binder->arena, "%016llx%016llx", (unsigned long long)hash_bytes(&keys[0], text.data, text.len),
                (unsigned long long)hash_bytes(&keys[1], text.data, text.len)));
        bytes_done(&text);
}

/* ---- sources ---- */

static int compare_paths(const struct plan_scan_column *a, const struct plan_scan_column *b)
{
        for (uint32_t i = 0; i < a->n_path && i < b->n_path; i++) {
                int order = slice_compare(a->path[i], b->path[i]);

                if (order != 0)
                        return order;
        }
        return (a->n_path > b->n_path) - (a->n_path < b->n_path);
}

/* Decoded columns first, then in the order of the table. */
static int compare_columns(const void *left, const void *right)
{
        const struct plan_scan_column *a = left, *b = right;
        bool a_is_computed = a->kind == PLAN_SCAN_COMPUTED, b_is_computed = b->kind == PLAN_SCAN_COMPUTED;
        int order;

        if (a_is_computed != b_is_computed)
                return a_is_computed ? 1 : -1;
        if (a->table_column != b->table_column)
                return a->table_column < b->table_column ? -1 : 1;
        order = compare_paths(a, b);
        return order != 0 ? order : slice_compare(a->key, b->key);
}

static uint32_t place_in(const struct plan_source *source, const struct plan_scan_column *column)
{
        for (uint32_t i = 0; i < source->n_columns; i++)
                if (compare_columns(&source->columns[i], column) == 0)
                        return i;
        assert(false && "every used leaf has its column");
        return 0;
}

static uint32_t leaf_place(void *context, uint32_t leaf)
{
        const struct bind_scan *scan = context;

        return scan->leaves[leaf].place;
}

/* The leaf of 'dedup.key', in some scan of the table. */
static struct bind_leaf *need_dedup_key(struct binder *binder, struct bind_scan *scan)
{
        const struct plan_option *option = plan_table_option(scan->entry->table, "dedup.key");
        const struct plan_table *table = scan->entry->table;

        for (uint32_t i = 0; option != NULL && i < table->n_columns; i++) {
                struct bind_leaf *leaf;

                if (!slice_is_equal(table->columns[i].name, option->value))
                        continue;
                leaf = &scan->leaves[bind_scan_column(binder, scan, i)->column];
                leaf->is_used = true;
                return leaf;
        }
        return NULL;
}

static struct plan_source *make_source(struct binder *binder, struct bind_scan *const *scans, uint32_t n_scans)
{
        struct plan_source *source = arena_new(binder->arena, struct plan_source);
        struct bind_leaf *dedup_key = need_dedup_key(binder, scans[0]);
        struct plan_scan_column dedup_column = dedup_key == NULL ? (struct plan_scan_column){0} : dedup_key->column;
        uint32_t most = 0, n = 0;

        source->table = scans[0]->entry->table;
        source->rowtime = source->dedup_key = -1;
        for (uint32_t s = 0; s < n_scans; s++)
                most += scans[s]->n;
        source->columns = arena_new_n(binder->arena, struct plan_scan_column, most + 1);
        for (uint32_t s = 0; s < n_scans; s++)
                for (uint32_t i = 0; i < scans[s]->n; i++)
                        if (scans[s]->leaves[i].is_used)
                                source->columns[n++] = scans[s]->leaves[i].column;
        qsort(source->columns, n, sizeof *source->columns, compare_columns);
        for (uint32_t i = 0; i < n; i++)
                if (i == 0 || compare_columns(&source->columns[source->n_columns - 1], &source->columns[i]) != 0)
                        source->columns[source->n_columns++] = source->columns[i];
        for (uint32_t s = 0; s < n_scans; s++)
                for (uint32_t i = 0; i < scans[s]->n; i++)
                        if (scans[s]->leaves[i].is_used)
                                scans[s]->leaves[i].place = place_in(source, &scans[s]->leaves[i].column);
        if (dedup_key != NULL)
                source->dedup_key = (int32_t)place_in(source, &dedup_column);
        if (scans[0]->rowtime >= 0) {
                source->rowtime = (int32_t)scans[0]->leaves[scans[0]->rowtime].place;
                source->watermark = expr_map_columns(scans[0]->watermark, leaf_place, scans[0], binder->arena);
        }
        for (uint32_t s = 0; s < n_scans; s++)
                for (uint32_t i = 0; i < scans[s]->n; i++) {
                        const struct bind_leaf *leaf = &scans[s]->leaves[i];

                        if (leaf->is_used && leaf->column.computed != NULL)
                                source->columns[leaf->place].computed =
                                        expr_map_columns(leaf->column.computed, leaf_place, scans[s], binder->arena);
                }
        while (source->n_decoded < source->n_columns && source->columns[source->n_decoded].kind != PLAN_SCAN_COMPUTED)
                source->n_decoded++;
        source->is_logged = arena_new_n(binder->arena, bool, source->n_columns + 1);
        if (source->rowtime >= 0)
                source->is_logged[source->rowtime] = true;
        return source;
}

/* Operators right above the scan speak of leaves; now they get the source's columns. */
static void place_op(struct binder *binder, struct plan_op *op)
{
        struct bind_scan *scan;
        const struct plan_op *input;

        for (uint32_t i = 0; i < op->n_inputs; i++)
                place_op(binder, op->inputs[i]);
        if (op->kind != PLAN_FILTER && op->kind != PLAN_PROJECT)
                return;
        for (input = op->inputs[0]; input->kind == PLAN_FILTER;)
                input = input->inputs[0];
        if (input->kind != PLAN_SCAN)
                return;
        scan = scan_of(binder, input);
        if (op->kind == PLAN_FILTER) {
                op->condition = expr_map_columns(op->condition, leaf_place, scan, binder->arena);
                op->n_columns = input->n_columns;
                op->names = input->names;
                op->types = input->types;
        }
        for (uint32_t i = 0; op->kind == PLAN_PROJECT && i < op->n_columns; i++)
                op->exprs[i] = expr_map_columns(op->exprs[i], leaf_place, scan, binder->arena);
}

static void bind_scan_to(struct binder *binder, struct bind_scan *scan, struct plan_source *source)
{
        struct plan_op *op = scan->op;

        op->source = source;
        op->n_columns = source->n_columns;
        op->names = arena_new_n(binder->arena, struct slice, source->n_columns + 1);
        op->types = arena_new_n(binder->arena, struct type, source->n_columns + 1);
        for (uint32_t i = 0; i < source->n_columns; i++) {
                op->names[i] = source->columns[i].name;
                op->types[i] = source->columns[i].type;
        }
}

/* ---- common filters ---- */

/* The conditions of the FILTER right above a scan. */
static uint32_t conditions_of(const struct plan_op *filter, struct expr *const **ret_conditions)
{
        if (filter == NULL)
                return 0;
        if (filter->condition->kind == EXPR_CALL && filter->condition->function == FN_AND) {
                *ret_conditions = filter->condition->args;
                return filter->condition->n_args;
        }
        *ret_conditions = &filter->condition;
        return 1;
}

static bool has_condition(const struct plan_op *filter, const struct expr *wanted)
{
        struct expr *const *conditions = NULL;
        uint32_t n = conditions_of(filter, &conditions);

        for (uint32_t i = 0; i < n; i++)
                if (expr_is_equal(conditions[i], wanted))
                        return true;
        return false;
}

struct reader {                 /* one scan of a source, and what stands above it */
        struct plan_op *parent; /* of the FILTER, or of the scan */
        struct plan_op *filter; /* NULL: none */
};

static void list_readers(struct plan_op *op, const struct plan_source *source, struct reader *readers, uint32_t *n)
{
        for (uint32_t i = 0; i < op->n_inputs; i++) {
                struct plan_op *input = op->inputs[i];
                bool is_filter = input->kind == PLAN_FILTER && input->inputs[0]->kind == PLAN_SCAN;
                const struct plan_op *scan = is_filter ? input->inputs[0] : input;

                if (scan->kind == PLAN_SCAN && scan->source == source)
                        readers[(*n)++] = (struct reader){op, is_filter ? input : NULL};
                else
                        list_readers(input, source, readers, n);
        }
}

/* Takes the conditions of the common filter out of one query. */
static void remove_conditions(struct binder *binder, const struct reader *reader, const struct plan_source *source)
{
        struct plan_op common = {.condition = source->common_filter};
        struct expr *const *conditions = NULL;
        struct plan_op *filter = reader->filter;
        uint32_t n = conditions_of(filter, &conditions), n_left = 0;
        struct expr **left = arena_new_n(binder->arena, struct expr *, n + 1);

        for (uint32_t i = 0; i < n; i++)
                if (!has_condition(&common, conditions[i]))
                        left[n_left++] = conditions[i];
        if (n_left > 0)
                filter->condition = bind_job_and(binder, left, n_left);
        else
                reader->parent->inputs[0] = filter->inputs[0];
}

static void log_column(void *context, const struct expr *column)
{
        bool *is_logged = context;

        is_logged[column->column] = true;
}

static void share_filter(struct binder *binder, struct plan_source *source)
{
        struct reader *readers = arena_new_n(binder->arena, struct reader, binder->n_scans + 1);
        struct expr *const *conditions = NULL;
        struct expr **common;
        uint32_t n = 0, n_conditions, n_common = 0;

        for (uint32_t q = 0; q < binder->n_queries; q++)
                list_readers(binder->queries[q]->root, source, readers, &n);
        n_conditions = conditions_of(readers[0].filter, &conditions);
        common = arena_new_n(binder->arena, struct expr *, n_conditions + 1);
        for (uint32_t i = 0; i < n_conditions; i++) {
                bool is_common = !call_can_fail(conditions[i]);

                for (uint32_t r = 1; r < n && is_common; r++)
                        is_common = has_condition(readers[r].filter, conditions[i]);
                if (is_common)
                        common[n_common++] = conditions[i];
        }
        if (n_common > 0) {
                source->common_filter = bind_job_and(binder, common, n_common);
                for (uint32_t r = 0; r < n; r++)
                        remove_conditions(binder, &readers[r], source);
        }
        for (uint32_t r = 0; r < n; r++) {
                const struct plan_op *op = readers[r].parent->inputs[0];

                if (op->kind == PLAN_FILTER)
                        expr_visit_columns(op->condition, log_column, source->is_logged);
                for (uint32_t i = 0; readers[r].parent->kind == PLAN_PROJECT && i < readers[r].parent->n_columns; i++)
                        expr_visit_columns(readers[r].parent->exprs[i], log_column, source->is_logged);
        }
}

/* ---- shared operators ---- */

static bool has_same_exprs(struct expr *const *a, struct expr *const *b, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (!expr_is_equal(a[i], b[i]))
                        return false;
        return true;
}

/* Do two operators give the same rows? Their inputs are shared already. */
static bool is_same_op(const struct plan_op *a, const struct plan_op *b)
{
        if (a->kind != b->kind || a->n_inputs != b->n_inputs || a->n_columns != b->n_columns)
                return false;
        for (uint32_t i = 0; i < a->n_inputs; i++)
                if (a->inputs[i] != b->inputs[i])
                        return false;
        switch (a->kind) {
        case PLAN_SCAN:
                return a->source == b->source;
        case PLAN_FILTER:
                return expr_is_equal(a->condition, b->condition);
        case PLAN_PROJECT:
                return has_same_exprs(a->exprs, b->exprs, a->n_columns);
        case PLAN_WINDOW:
                return slice_is_equal(a->fingerprint, b->fingerprint);
        case PLAN_UNION:
                return true;
        case PLAN_SINK: /* two INSERTs of the same rows write them twice */
                return false;
        }
        return false;
}

struct op_list {
        uint32_t n, capacity;
        struct plan_op **ops;
};

/* The operator in the list that gives the same rows as op, or op, added with all below it. Inputs come first, so the
 * index is the id. */
static struct plan_op *share_op(struct binder *binder, struct plan_op *op, struct op_list *list)
{
        for (uint32_t i = 0; i < op->n_inputs; i++)
                op->inputs[i] = share_op(binder, op->inputs[i], list);
        for (uint32_t i = 0; i < list->n; i++)
                if (list->ops[i] == op || is_same_op(list->ops[i], op))
                        return list->ops[i];
        list->ops = bind_job_grow(binder, list->ops, list->n, &list->capacity, sizeof(struct plan_op *));
        op->id = list->n;
        list->ops[list->n++] = op;
        return op;
}

/* ---- the job ---- */

static void make_sources(struct binder *binder, struct plan_job *job)
{
        struct bind_scan **scans = arena_new_n(binder->arena, struct bind_scan *, binder->n_scans + 1);

        job->sources = arena_new_n(binder->arena, struct plan_source *, binder->n_entries + 1);
        for (uint32_t e = 0; e < binder->n_entries; e++) {
                uint32_t n = 0;

                for (uint32_t s = 0; s < binder->n_scans; s++)
                        if (binder->scans[s]->entry == binder->entries[e])
                                scans[n++] = binder->scans[s];
                if (n == 0)
                        continue;
                binder->entries[e]->table->is_source = true;
                job->sources[job->n_sources] = make_source(binder, scans, n);
                if (job->sources[job->n_sources]->n_columns > LIMIT_COLUMNS)
                        diag_add(binder->diags, DIAG_LIMIT, binder->entries[e]->statement->name.span, NULL,
                                 "the job reads %u columns, fields and headers of this table, more than %u",
                                 job->sources[job->n_sources]->n_columns, LIMIT_COLUMNS);
                for (uint32_t s = 0; s < n; s++)
                        bind_scan_to(binder, scans[s], job->sources[job->n_sources]);
                job->n_sources++;
        }
}

struct plan_job *bind_plan_job(struct binder *binder)
{
        struct plan_job *job = arena_new(binder->arena, struct plan_job);
        struct op_list ops = {0};

        job->queries = binder->queries;
        job->n_queries = binder->n_queries;
        job->settings = binder->settings;
        job->n_settings = binder->n_settings;
        job->tables = arena_new_n(binder->arena, struct plan_table *, binder->n_entries + 1);
        for (uint32_t e = 0; e < binder->n_entries; e++) {
                struct plan_table *table = binder->entries[e]->table;

                if (table == NULL)
                        continue;
                table->index = job->n_tables;
                job->tables[job->n_tables++] = table;
        }
        for (uint32_t q = 0; q < job->n_queries; q++) {
                struct columns columns = columns_of(binder, job->queries[q]->root->n_columns);

                prune(binder, job->queries[q]->root, &columns);
                reduce(binder, job->queries[q]->root);
        }
        for (uint32_t s = 0; s < binder->n_scans; s++)
                bind_scan_complete(binder, binder->scans[s]);
        for (uint32_t q = 0; q < job->n_queries; q++)
                put_fingerprints(binder, job->queries[q]->root);
        make_sources(binder, job);
        for (uint32_t q = 0; q < job->n_queries; q++)
                place_op(binder, job->queries[q]->root);
        job->is_bounded = true;
        for (uint32_t s = 0; s < job->n_sources; s++) {
                share_filter(binder, job->sources[s]);
                job->is_bounded = job->is_bounded && job->sources[s]->table->is_bounded;
        }
        for (uint32_t q = 0; q < job->n_queries; q++)
                job->queries[q]->root = share_op(binder, job->queries[q]->root, &ops);
        return job;
}

struct plan_source *bind_plan_lone_source(struct binder *binder, struct bind_scan *scan, struct expr **expr)
{
        struct plan_source *source;

        bind_scan_mark(scan, *expr);
        bind_scan_complete(binder, scan);
        source = make_source(binder, &scan, 1);
        *expr = expr_map_columns(*expr, leaf_place, scan, binder->arena);
        return source;
}
