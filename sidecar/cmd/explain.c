/* explain.c - `weir explain`: what a job will do, operator by operator; and what a diagnostic's code means.
 *
 * Sources come first: which columns are decoded (nothing else is), which are computed, which are logged, and the
 * filter that all queries share. Then each INSERT from its sink downwards; an operator that several queries share is
 * shown once. */
#include "sidecar/cmd/explain.h"

#include "sidecar/base/alloc.h"
#include "sidecar/cmd/command.h"
#include "sidecar/job/job.h"
#include "sidecar/plan/aggregate.h"
#include "sidecar/plan/connector.h"
#include "sidecar/window/agg.h"
#include "sinks/sink.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

struct explain {
        struct bytes *text;
        bool *is_shown; /* by operator id */
        uint32_t n_ops;
};

/* ---- pieces of text ---- */

static void append_slice(struct bytes *text, struct slice slice)
{
        bytes_append_slice(text, slice);
}

/* In the largest unit that divides it. */
static void append_ms(struct bytes *text, int64_t ms)
{
        static const struct {
                int64_t ms;
                const char *name;
        } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};

        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
                if (ms == 0 || ms % units[i].ms != 0)
                        continue;
                bytes_append_format(text, "%" PRId64 " %s", ms / units[i].ms, units[i].name);
                return;
        }
        bytes_append_format(text, "%" PRId64 " ms", ms);
}

/* "    label       " under an operator or a source. */
static void begin_line(struct bytes *text, uint32_t indent, const char *label)
{
        for (uint32_t i = 0; i < indent; i++)
                bytes_append_byte(text, ' ');
        bytes_append_format(text, "%-12s", label);
}

static void append_type(struct bytes *text, const struct type *type)
{
        char type_text[TYPE_TEXT_BYTES];

        type_format(type, type_text);
        bytes_append_format(text, " %s", type_text);
}

/* ---- sources ---- */

static void append_columns(struct bytes *text, const struct plan_source *source, const char *label,
                           bool (*is_in)(const struct plan_source *source, uint32_t column), bool with_types)
{
        uint32_t n = 0;

        begin_line(text, 2, label);
        for (uint32_t i = 0; i < source->n_columns; i++) {
                if (!is_in(source, i))
                        continue;
                bytes_append_text(text, n++ > 0 ? ", " : "");
                append_slice(text, source->columns[i].name);
                if (with_types)
                        append_type(text, &source->columns[i].type);
        }
        bytes_append_text(text, n == 0 ? "nothing\n" : "\n");
}

static bool is_decoded(const struct plan_source *source, uint32_t column)
{
        return column < source->n_decoded;
}

static bool is_logged(const struct plan_source *source, uint32_t column)
{
        return source->is_logged[column];
}

static void append_source_expr(struct bytes *text, const struct plan_source *source, const struct expr *expr)
{
        struct slice *names = alloc_zero(source->n_columns + 1, sizeof *names);

        for (uint32_t i = 0; i < source->n_columns; i++)
                names[i] = source->columns[i].name;
        expr_format(expr, names, text);
        alloc_free(names);
}

static void append_watermark(struct bytes *text, const struct plan_source *source)
{
        const struct plan_table *table = source->table;

        begin_line(text, 2, "watermark");
        if (source->watermark == NULL) {
                bytes_append_text(text, "none\n");
                return;
        }
        append_source_expr(text, source, source->watermark);
        if (!table->is_bounded) {
                bytes_append_text(text, "; one for each ");
                append_slice(text, connector_text(table, "watermark.origin"));
                bytes_append_text(text, ", the least counts; idle after ");
                append_ms(text, connector_ms(table, "watermark.idle-timeout"));
        }
        bytes_append_byte(text, '\n');
}

static void append_dedup(struct bytes *text, const struct plan_source *source)
{
        if (source->table->is_bounded)
                return;
        begin_line(text, 2, "re-sent");
        if (connector_is(source->table, "dedup", "off")) {
                bytes_append_text(text, "rows are counted again\n");
                return;
        }
        bytes_append_text(text, "rows are known by ");
        if (source->dedup_key >= 0)
                append_slice(text, source->columns[source->dedup_key].name);
        else
                bytes_append_text(text, "a fingerprint of the event");
        bytes_append_text(text, " for ");
        append_ms(text, connector_ms(source->table, "dedup.horizon"));
        bytes_append_byte(text, '\n');
}

static void append_source(struct bytes *text, const struct plan_source *source)
{
        const struct plan_table *table = source->table;

        bytes_append_text(text, "source ");
        append_slice(text, table->name);
        bytes_append_text(text, " (");
        append_slice(text, connector_text(table, "connector"));
        bytes_append_text(text, ")\n");
        append_columns(text, source, "decoded", is_decoded, true);
        for (uint32_t i = source->n_decoded; i < source->n_columns; i++) {
                begin_line(text, 2, "computed");
                append_slice(text, source->columns[i].name);
                append_type(text, &source->columns[i].type);
                bytes_append_text(text, " = ");
                append_source_expr(text, source, source->columns[i].computed);
                bytes_append_byte(text, '\n');
        }
        begin_line(text, 2, "filter");
        if (source->common_filter != NULL)
                append_source_expr(text, source, source->common_filter);
        else
                bytes_append_text(text, "none that all queries share");
        bytes_append_byte(text, '\n');
        if (!table->is_bounded)
                append_columns(text, source, "logged", is_logged, false);
        append_watermark(text, source);
        append_dedup(text, source);
}

/* ---- operators ---- */

static void append_list(struct bytes *text, uint32_t indent, const char *label, const struct slice *names, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                begin_line(text, indent, i == 0 ? label : "");
                append_slice(text, names[i]);
                bytes_append_byte(text, '\n');
        }
}

/* Bytes that the window keeps for a key in each slide that saw it, and beside that for the key itself. */
static void append_state(struct bytes *text, uint32_t indent, const struct plan_op *op)
{
        const struct plan_window *window = &op->window;
        int64_t n_slides = window->size_ms / window->slide_ms;
        struct agg_set set;
        struct err err;
        uint32_t bytes;
        bool has_texts = false;

        if (agg_set_init(&set, window->aggs, window->n_aggs, op->inputs[0]->types, &err) < 0)
                return;
        bytes = set.layout.n_counters + 8 * set.layout.n_words + 16 * set.layout.n_wides;
        has_texts = set.layout.n_texts > 0;
        agg_set_done(&set);
        begin_line(text, indent, "state");
        bytes_append_format(text, "%u %s a key and slide%s", bytes, bytes == 1 ? "byte" : "bytes",
                            has_texts ? " and the texts of MIN and MAX" : "");
        if (n_slides > 1)
                bytes_append_format(text, ", %" PRId64 " slides: %" PRId64 " bytes", n_slides, n_slides * bytes);
        bytes_append_text(text, ", beside the key\n");
}

static void append_window(struct bytes *text, uint32_t indent, const struct plan_op *op)
{
        const struct plan_window *window = &op->window;

        if (window->kind == PLAN_HOP) {
                bytes_append_text(text, " HOP slide ");
                append_ms(text, window->slide_ms);
                bytes_append_text(text, ", size ");
        } else {
                bytes_append_text(text, " TUMBLE size ");
        }
        append_ms(text, window->size_ms);
        if (window->offset_ms != 0) {
                bytes_append_text(text, ", offset ");
                append_ms(text, window->offset_ms);
        }
        bytes_append_text(text, " on ");
        append_slice(text, op->inputs[0]->names[window->rowtime]);
        bytes_append_byte(text, '\n');
        append_list(text, indent, "keys", op->names, window->n_keys);
        append_list(text, indent, "aggregates", op->names + window->n_keys, window->n_aggs);
        for (uint32_t i = 0, is_said = 0; i < window->n_aggs && !is_said; i++)
                if (window->aggs[i].is_reduced) {
                        begin_line(text, indent, "");
                        bytes_append_text(text, "with AVG as SUM / COUNT, and SUM from 0: Flink plans it so\n");
                        is_said = 1;
                }
        append_state(text, indent, op);
        begin_line(text, indent, "fingerprint");
        append_slice(text, op->fingerprint);
        bytes_append_byte(text, '\n');
}

/* Only columns that are more than a column of the same name. */
static void append_project(struct bytes *text, uint32_t indent, const struct plan_op *op)
{
        const struct slice *names = op->inputs[0]->names;

        bytes_append_byte(text, '\n');
        for (uint32_t i = 0; i < op->n_columns; i++) {
                const struct expr *expr = op->exprs[i];

                begin_line(text, indent, i == 0 ? "columns" : "");
                append_slice(text, op->names[i]);
                if (expr->kind != EXPR_COLUMN || !slice_is_equal(names[expr->column], op->names[i])) {
                        struct bytes other;

                        bytes_init(&other);
                        expr_format(expr, names, &other);
                        if (!slice_is_equal(bytes_slice(&other), op->names[i])) {
                                bytes_append_text(text, " = ");
                                append_slice(text, bytes_slice(&other));
                        }
                        bytes_done(&other);
                }
                bytes_append_byte(text, '\n');
        }
}

static void append_sink(struct bytes *text, uint32_t indent, const struct plan_op *op)
{
        const struct sink_kind *kind = sink_find_kind(connector_text(op->sink, "connector"));
        struct bytes lines;

        bytes_append_byte(text, ' ');
        append_slice(text, op->sink->name);
        bytes_append_text(text, " (");
        append_slice(text, connector_text(op->sink, "connector"));
        bytes_append_text(text, ")\n");
        if (kind == NULL || kind->describe == NULL)
                return;
        bytes_init(&lines);
        kind->describe(op->sink, &lines);
        for (size_t at = 0; at < lines.len;) {
                const uint8_t *end = memchr(lines.data + at, '\n', lines.len - at);
                size_t len = end == NULL ? lines.len - at : (size_t)(end - lines.data) - at;

                begin_line(text, indent, at == 0 ? "layout" : "");
                append_slice(text, slice_make(lines.data + at, len));
                bytes_append_byte(text, '\n');
                at += len + 1;
        }
        bytes_done(&lines);
}

static void append_op(struct explain *explain, uint32_t indent, const struct plan_op *op)
{
        static const char *const names[] = {
                [PLAN_SCAN] = "scan",     [PLAN_FILTER] = "filter",   [PLAN_PROJECT] = "project",
                [PLAN_WINDOW] = "window", [PLAN_UNION] = "union all", [PLAN_SINK] = "sink"};
        struct bytes *text = explain->text;

        for (uint32_t i = 0; i < indent; i++)
                bytes_append_byte(text, ' ');
        bytes_append_format(text, "%u %s", op->id, names[op->kind]);
        if (explain->is_shown[op->id]) {
                bytes_append_text(text, ", as above\n");
                return;
        }
        explain->is_shown[op->id] = op->kind != PLAN_SCAN;
        switch (op->kind) {
        case PLAN_SCAN:
                bytes_append_byte(text, ' ');
                append_slice(text, op->source->table->name);
                bytes_append_byte(text, '\n');
                break;
        case PLAN_FILTER:
                bytes_append_byte(text, ' ');
                expr_format(op->condition, op->inputs[0]->names, text);
                bytes_append_byte(text, '\n');
                break;
        case PLAN_PROJECT:
                append_project(text, indent + 4, op);
                break;
        case PLAN_WINDOW:
                append_window(text, indent + 4, op);
                break;
        case PLAN_UNION:
                bytes_append_byte(text, '\n');
                break;
        case PLAN_SINK:
                append_sink(text, indent + 4, op);
                break;
        }
        for (uint32_t i = 0; i < op->n_inputs; i++)
                append_op(explain, op->n_inputs > 1 ? indent + 2 : indent, op->inputs[i]);
}

void explain_append(const struct plan_job *job, struct bytes *text)
{
        struct explain explain = {.text = text};

        for (uint32_t q = 0; q < job->n_queries; q++)
                if (job->queries[q]->root->id >= explain.n_ops)
                        explain.n_ops = job->queries[q]->root->id + 1;
        explain.is_shown = alloc_zero(explain.n_ops + 1, sizeof *explain.is_shown);
        for (uint32_t s = 0; s < job->n_sources; s++) {
                append_source(text, job->sources[s]);
                bytes_append_byte(text, '\n');
        }
        for (uint32_t q = 0; q < job->n_queries; q++) {
                const struct plan_query *query = job->queries[q];

                bytes_append_format(text, "%sINSERT INTO ", q > 0 ? "\n" : "");
                append_slice(text, query->sink->name);
                bytes_append_format(text, " (%s:%u:%u)\n", query->place.file, query->place.line, query->place.column);
                append_op(&explain, 2, query->root);
        }
        alloc_free(explain.is_shown);
}

/* ---- the command ---- */

static void print_usage(FILE *file)
{
        fputs("usage: weir explain [-D KEY=VALUE]... FILE...\n"
              "       weir explain CODE\n"
              "\n"
              "Shows the plan of job files: columns that are decoded and logged, the filter that all queries share, "
              "and\n"
              "each query from its sink down, with the state that its windows keep and the keys that it writes.\n"
              "With the code of an error, such as WEIR-P0202, says what it means.\n"
              "\n"
              "Exit codes: 0, 64 usage, 78 the job is wrong (`weir check` says the same).\n",
              file);
}

static int explain_files(char *const *files, uint32_t n_files, char *const *overrides, uint32_t n_overrides)
{
        struct diag_list diags;
        struct job *job = NULL;
        struct err err = {0};
        struct bytes text;
        int result = ERR_NONE;

        if (job_read(files, n_files, overrides, n_overrides, &job, &err) < 0) {
                fprintf(stderr, "weir explain: %s\n", err.text);
                return (int)err.code;
        }
        bytes_init(&text);
        diag_list_init(&diags);
        if (job_compile(job, &diags) == 0) {
                explain_append(job->plan, &text);
        } else {
                diag_render(&diags, &text);
                result = ERR_CONFIG;
        }
        fwrite(text.data, 1, text.len, result == ERR_NONE ? stdout : stderr);
        diag_list_done(&diags);
        bytes_done(&text);
        job_free(job);
        return result;
}

/* false: no such code. */
static bool explain_code(const char *name)
{
        for (int code = 0; code < DIAG_CODE_COUNT; code++) {
                if (strcasecmp(name, diag_code_text((enum diag_code)code)) != 0)
                        continue;
                printf("%s: %s\n\n%s\n", diag_code_text((enum diag_code)code), diag_code_title((enum diag_code)code),
                       diag_code_explanation((enum diag_code)code));
                return true;
        }
        return false;
}

int command_explain(int argc, char **argv)
{
        static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
        WEIR_AUTO_FREE char **overrides = alloc_zero((size_t)argc + 1, sizeof *overrides);
        uint32_t n_overrides = 0;
        int option;

        optind = 0;
        while ((option = getopt_long(argc, argv, "D:h", options, NULL)) != -1) {
                if (option == 'D') {
                        overrides[n_overrides++] = optarg;
                } else {
                        print_usage(option == 'h' ? stdout : stderr);
                        return option == 'h' ? ERR_NONE : ERR_USAGE;
                }
        }
        if (optind == argc) {
                print_usage(stderr);
                return ERR_USAGE;
        }
        if (optind + 1 == argc && explain_code(argv[optind]))
                return ERR_NONE;
        return explain_files(argv + optind, (uint32_t)(argc - optind), overrides, n_overrides);
}
