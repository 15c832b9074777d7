/* test_flink_expressions.c - every line of tests/data/flink/expressions*.tsv: Flink's type and value, or refused by
 * name.
 *
 * A line that weir does not accept counts only if the refusal names a function, operator or type of the list below, or
 * if the expression stands in departures.tsv. The counts are fixed, so that no line changes its side unnoticed. */
#include "sidecar/sql/sql.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "sidecar/base/alloc.h"
#include "sidecar/base/calendar.h"
#include "sidecar/base/number.h"
#include "sidecar/base/utf8.h"
#include "sidecar/column/value.h"
#include "sidecar/exec/eval.h"
#include "tests/lib/check.h"

/* What weir does not have yet: a refusal must say one of these words. */
static const char *const not_yet[] = {
        "ARRAY_CONTAINS", "ARRAY",      "CARDINALITY", "CONVERT_TZ", "JSON_EXISTS",          "JSON_VALUE", "SIMILAR",
        "SPLIT",          "STR_TO_MAP", "UNNEST",      "UUID",       "an index in brackets", "SYMMETRIC",  "VALUES",
};

/* The row's d38, which jansson cannot read. */
static const char large_integer[] = "99999999999999999999999999999999999999";

struct line {
        char *expression, *type, *value;
};

struct run {
        struct slice ddl;
        json_t *row;
        char **departures; /* expressions where weir departs on purpose */
        unsigned n_departures;
        unsigned n_equal, n_errors, n_refused, n_deliberate;
};

static bool is_deliberate(const struct run *run, const char *expression)
{
        for (unsigned i = 0; i < run->n_departures; i++) {
                if (strcmp(run->departures[i], expression) == 0)
                        return true;
        }
        return false;
}

static bool names_not_yet(const struct diag_list *diags)
{
        for (uint32_t i = 0; i < diags->n; i++) {
                for (size_t j = 0; j < sizeof not_yet / sizeof not_yet[0]; j++) {
                        if (strstr(diags->items[i].message, not_yet[j]) != NULL)
                                return true;
                }
        }
        return false;
}

/* ---- the row ---- */

static struct value value_of_json(const json_t *json, const struct type *type, struct arena *arena)
{
        struct value value = {.phys = type_phys(type)};
        char *text;

        if (json == NULL || json_is_null(json)) {
                value.is_null = true;
        } else if (json_is_boolean(json)) {
                value.i64 = json_is_true(json);
        } else if (json_is_string(json)) {
                struct slice source = slice_from_text(json_string_value(json));

                if (source.len > 0 && source.data[source.len - 1] == 'Z' && type_is_timestamp(type))
                        source.len -= 1;
                CHECK_INT(value_parse(type, source, arena, &value), 0);
        } else {
                text = json_dumps(json, JSON_ENCODE_ANY);
                CHECK_INT(value_parse(type, arena_copy(arena, slice_from_text(text)), arena, &value), 0);
                free(text);
        }
        return value;
}

static void put_value(struct vector *vector, const struct type *type, const struct value *value, struct arena *arena)
{
        vector_init(vector, type_phys(type), 1, arena);
        if (value->is_null) {
                vector->valid = arena_zero(arena, sizeof(uint64_t), sizeof(uint64_t));
                memset(vector->data, 0, phys_bytes(vector->phys));
                return;
        }
        if (vector->phys == PHYS_I64)
                vector->i64[0] = value->i64;
        else if (vector->phys == PHYS_F64)
                vector->f64[0] = value->f64;
        else if (vector->phys == PHYS_DEC)
                vector->dec[0] = value->dec;
        else
                vector->str[0] = value->str;
}

static void make_batch(const struct run *run, const struct plan_source *source, struct arena *arena, struct batch *ret)
{
        *ret = (struct batch){.n_rows = 1,
                              .n_columns = source->n_columns,
                              .columns = arena_new_n(arena, struct vector, source->n_columns + 1)};
        for (uint32_t i = 0; i < source->n_columns; i++) {
                const struct plan_scan_column *column = &source->columns[i];
                struct slice name = source->table->columns[column->table_column].name;
                const json_t *json = json_object_getn(run->row, (const char *)name.data, name.len);
                struct value value;

                if (slice_is_equal(name, slice_from_text("d38")))
                        CHECK_INT(value_parse(&column->type, slice_from_text(large_integer), arena, &value), 0);
                else
                        value = value_of_json(json, &column->type, arena);
                put_value(&ret->columns[i], &column->type, &value, arena);
        }
}

/* ---- how Java prints values ---- */

/* LocalDateTime.toString: seconds and fraction only as far as needed; Instant.toString: always seconds, and Z. */
static void print_timestamp(int64_t micros, bool is_instant, char text[64])
{
        struct calendar_time time = calendar_time(micros);
        int n = snprintf(text, 64, "%04lld-%02u-%02uT%02u:%02u", (long long)time.date.year, time.date.month,
                         time.date.day, time.hour, time.minute);

        if (is_instant || time.second != 0 || time.micro != 0)
                n += snprintf(text + n, 64 - (size_t)n, ":%02u", time.second);
        if (time.micro % 1000 != 0)
                n += snprintf(text + n, 64 - (size_t)n, ".%06u", time.micro);
        else if (time.micro != 0)
                n += snprintf(text + n, 64 - (size_t)n, ".%03u", time.micro / 1000);
        if (is_instant)
                snprintf(text + n, 64 - (size_t)n, "Z");
}

static void print_time(int64_t ms, char text[64])
{
        int n = snprintf(text, 64, "%02lld:%02lld", (long long)(ms / 3600000), (long long)(ms / 60000 % 60));

        if (ms % 60000 != 0)
                n += snprintf(text + n, 64 - (size_t)n, ":%02lld", (long long)(ms / 1000 % 60));
        if (ms % 1000 != 0)
                snprintf(text + n, 64 - (size_t)n, ".%03lld", (long long)(ms % 1000));
}

/* Duration.toString of whole milliseconds. */
static void print_duration(int64_t micros, char text[64])
{
        long long ms = micros / 1000, hours = ms / 3600000, minutes = ms / 60000 % 60, rest = ms % 60000;
        int n = snprintf(text, 64, "PT");

        if (hours != 0)
                n += snprintf(text + n, 64 - (size_t)n, "%lldH", hours);
        if (minutes != 0)
                n += snprintf(text + n, 64 - (size_t)n, "%lldM", minutes);
        if (rest % 1000 != 0) {
                n += snprintf(text + n, 64 - (size_t)n, "%lld.%03lld", rest / 1000, rest % 1000);
                while (text[n - 1] == '0')
                        n -= 1;
                snprintf(text + n, 64 - (size_t)n, "S");
        } else if (rest != 0 || ms == 0) {
                snprintf(text + n, 64 - (size_t)n, "%lldS", rest / 1000);
        }
}

static bool is_same_number(const struct type *type, const struct value *value, const char *expected)
{
        double number;

        if (type->kind == TYPE_DECIMAL) {
                weir_i128 dec;
                struct decimal_type to = {38, type->scale};

                return decimal_parse(slice_from_text(expected), to, &dec) == 0 && dec == value->dec;
        }
        if (number_parse_double(slice_from_text(expected), &number) != 0)
                return false;
        if (type->kind == TYPE_FLOAT)
                number = (double)(float)number;
        if (isnan(number) || isnan(value->f64))
                return isnan(number) && isnan(value->f64);
        return number == value->f64;
}

static bool is_same_value(const struct type *type, const struct value *value, const char *expected, struct bytes *text)
{
        char buffer[64];

        bytes_reset(text);
        if (value->is_null) {
                bytes_append_text(text, "null");
                return strcmp(expected, "null") == 0;
        }
        switch (type->kind) {
        case TYPE_BOOLEAN:
                bytes_append_text(text, value->i64 != 0 ? "true" : "false");
                break;
        case TYPE_FLOAT:
        case TYPE_DOUBLE:
        case TYPE_DECIMAL:
                value_format(type, value, text);
                return is_same_number(type, value, expected);
        case TYPE_CHAR:
        case TYPE_VARCHAR:
                bytes_append_format(text, "'");
                bytes_append_slice(text, value->str);
                bytes_append_format(text, "'");
                break;
        case TYPE_BINARY:
        case TYPE_VARBINARY:
                bytes_append_text(text, "x");
                for (size_t i = 0; i < value->str.len; i++)
                        bytes_append_format(text, "%02x", value->str.data[i]);
                break;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                print_timestamp(value->i64, type->kind == TYPE_TIMESTAMP_LTZ, buffer);
                bytes_append_text(text, buffer);
                break;
        case TYPE_TIME:
                print_time(value->i64, buffer);
                bytes_append_text(text, buffer);
                break;
        case TYPE_INTERVAL_SECOND:
                print_duration(value->i64, buffer);
                bytes_append_text(text, buffer);
                break;
        case TYPE_INTERVAL_MONTH:
                bytes_append_format(text, "P%lldM", (long long)value->i64);
                break;
        default:
                value_format(type, value, text);
                break;
        }
        return text->len == strlen(expected) && memcmp(text->data, expected, text->len) == 0;
}

/* ---- one line ---- */

static void report(const struct line *line, const char *what, const char *got)
{
        CHECK_FAIL("%s\n    Flink: %s %s\n    weir: %s %s", line->expression, line->type, line->value, what, got);
}

static void check_type(const struct line *line, const struct type *type)
{
        char text[TYPE_TEXT_BYTES];

        type_format(type, text);
        if (strcmp(text, line->type) != 0)
                report(line, "type", text);
}

/* Compiles and evaluates. 0: *ret_value; 1: refused, why in `why`; 2: failed at run time. */
static int evaluate(const struct run *run, const struct expr *expr, const struct plan_source *source,
                    struct arena *arena, struct value *ret_value, struct err *err)
{
        struct eval_state *state = eval_state_new();
        struct expr *one = (struct expr *)(uintptr_t)expr;
        struct eval_program *program;
        struct vector result;
        struct batch batch;
        uint64_t failed = 0;
        bool any_failed = false;
        int outcome = 1;

        make_batch(run, source, arena, &batch);
        if (eval_compile(&one, 1, arena, &program, err) == 0) {
                eval_run(program, state, &batch, &result, &failed, &any_failed);
                CHECK_INT(any_failed, failed != 0);
                outcome = failed != 0 ? 2 : 0;
                *ret_value = vector_get(&result, 0);
                if (!ret_value->is_null && ret_value->phys == PHYS_STR)
                        ret_value->str = arena_copy(arena, ret_value->str);
        }
        eval_state_free(state);
        return outcome;
}

static void run_line(struct run *run, const struct line *line)
{
        bool is_error = strncmp(line->value, "error (", 7) == 0;
        bool departs = is_deliberate(run, line->expression);
        struct arena arena;
        struct diag_list diags;
        struct plan_source *source;
        struct expr *expr;
        struct value value;
        struct bytes text;
        struct err err = {.text = ""};

        arena_init(&arena, 64 << 10, 0);
        diag_list_init(&diags);
        bytes_init(&text);
        if (sql_compile_expr(run->ddl, slice_from_text(line->expression), &arena, &diags, &source, &expr) != 0) {
                if (is_error)
                        run->n_errors += 1;
                else if (departs)
                        run->n_deliberate += 1;
                else if (names_not_yet(&diags))
                        run->n_refused += 1;
                else
                        report(line, "refused:", diags.n > 0 ? diags.items[0].message : "without a word");
        } else {
                int outcome = evaluate(run, expr, source, &arena, &value, &err);

                if (outcome != 0 && !is_error && departs) {
                        run->n_deliberate += 1;
                } else if (is_error) {
                        if (outcome == 0 && departs) {
                                run->n_deliberate += 1;
                        } else if (outcome == 0) {
                                (void)is_same_value(&expr->type, &value, "", &text);
                                bytes_append_byte(&text, 0);
                                report(line, "accepted:", (const char *)text.data);
                        }
                        run->n_errors += outcome != 0;
                } else if (outcome != 0) {
                        report(line, outcome == 1 ? "refused:" : "failed at run time", err.text);
                } else {
                        check_type(line, &expr->type);
                        if (is_same_value(&expr->type, &value, line->value, &text)) {
                                run->n_equal += 1;
                        } else if (departs) {
                                run->n_deliberate += 1;
                        } else {
                                bytes_append_byte(&text, 0);
                                report(line, "value", (const char *)text.data);
                        }
                }
        }
        bytes_done(&text);
        diag_list_done(&diags);
        arena_done(&arena);
}

/* ---- whole queries ---- */

/* The rows that an operator over the one row yields: "a | b", rows separated by "  ;  ". */
struct rows {
        const struct run *run;
        struct arena *arena;
        struct eval_state *state;
        struct bytes text;
        unsigned n;
};

static void print_row(struct rows *rows, const struct batch *batch, struct expr *const *exprs, uint32_t n_exprs)
{
        struct vector *columns = arena_new_n(rows->arena, struct vector, n_exprs + 1);
        struct eval_program *program;
        uint64_t failed = 0;
        bool any_failed;
        struct err err;

        CHECK_OK(eval_compile(exprs, n_exprs, rows->arena, &program, &err), &err);
        eval_run(program, rows->state, batch, columns, &failed, &any_failed);
        bytes_append_text(&rows->text, rows->n++ > 0 ? "  ;  " : "");
        for (uint32_t i = 0; i < n_exprs; i++) {
                struct value value = vector_get(&columns[i], 0);
                struct bytes one;

                bytes_init(&one);
                (void)is_same_value(&exprs[i]->type, &value, "", &one);
                bytes_append_text(&rows->text, i > 0 ? " | " : "");
                bytes_append_slice(&rows->text, bytes_slice(&one));
                bytes_done(&one);
        }
}

static bool passes(struct rows *rows, struct expr *condition, const struct batch *batch)
{
        struct eval_program *program;
        uint32_t selection[1];
        uint64_t failed = 0;
        bool any_failed;
        struct err err;

        CHECK_OK(eval_compile(&condition, 1, rows->arena, &program, &err), &err);
        return eval_filter(program, rows->state, batch, selection, &failed, &any_failed) == 1;
}

/* Expressions over an operator's columns, for its rows: queries here are filters and a projection over a scan, or a
 * union of such. */
static void collect(struct rows *rows, const struct plan_op *op, struct expr *const *exprs, uint32_t n_exprs)
{
        struct batch batch;

        switch (op->kind) {
        case PLAN_UNION:
                for (uint32_t i = 0; i < op->n_inputs; i++)
                        collect(rows, op->inputs[i], exprs, n_exprs);
                return;
        case PLAN_PROJECT:
                collect(rows, op->inputs[0], op->exprs, op->n_columns);
                return;
        case PLAN_FILTER:
                make_batch(rows->run, op->inputs[0]->source, rows->arena, &batch);
                if (passes(rows, op->condition, &batch))
                        collect(rows, op->inputs[0], exprs, n_exprs);
                return;
        default:
                REQUIRE(op->kind == PLAN_SCAN);
                make_batch(rows->run, op->source, rows->arena, &batch);
                if (op->source->common_filter == NULL || passes(rows, op->source->common_filter, &batch))
                        print_row(rows, &batch, exprs, n_exprs);
                return;
        }
}

/* The job that writes the query into a table of the types that Flink gives it. */
static void make_job(const struct run *run, const struct line *line, struct bytes *job)
{
        const char *types = line->type[0] == '-' ? "INT" : line->type;
        unsigned n = 0;

        bytes_append_format(job, "%.*s;\nCREATE TABLE answers (c0 ", (int)run->ddl.len, (const char *)run->ddl.data);
        for (const char *at = types; *at != '\0'; at++) {
                if (*at == ',')
                        bytes_append_format(job, ", c%u ", ++n);
                else
                        bytes_append_byte(job, (uint8_t)*at);
        }
        bytes_append_format(job, ") WITH ('connector' = 'print');\nINSERT INTO answers %s;\n", line->expression);
}

static void run_query(struct run *run, const struct line *line)
{
        bool is_error = strncmp(line->value, "error (", 7) == 0;
        const char *expected = strncmp(line->value, "INT  =>", 7) == 0 ? "" : line->value;
        struct sql_file file = {.name = slice_from_text("query.sql")};
        struct sql_input input = {.files = &file, .n_files = 1};
        struct plan_job *job;
        struct diag_list diags;
        struct arena arena;
        struct bytes text;
        struct rows rows = {.run = run, .arena = &arena, .state = eval_state_new()};

        arena_init(&arena, 64 << 10, 0);
        diag_list_init(&diags);
        bytes_init(&text);
        bytes_init(&rows.text);
        make_job(run, line, &text);
        file.text = bytes_slice(&text);
        if (sql_compile(&input, &arena, &diags, &job) != 0) {
                if (is_error)
                        run->n_errors += 1;
                else if (names_not_yet(&diags))
                        run->n_refused += 1;
                else
                        report(line, "refused:", diags.n > 0 ? diags.items[0].message : "without a word");
        } else if (is_error) {
                report(line, "accepted", "");
        } else {
                const struct plan_op *op = job->queries[0]->root->inputs[0];

                collect(&rows, op, NULL, 0);
                bytes_append_byte(&rows.text, 0);
                if (strcmp((const char *)rows.text.data, expected) == 0)
                        run->n_equal += 1;
                else
                        report(line, "rows", (const char *)rows.text.data);
        }
        bytes_done(&text);
        bytes_done(&rows.text);
        diag_list_done(&diags);
        arena_done(&arena);
        eval_state_free(rows.state);
}

/* The fields of a line in place; false for comments. */
static bool split_line(char *text, struct line *ret_line)
{
        char *tab;

        if (text[0] == '#' || text[0] == '\0')
                return false;
        ret_line->expression = text;
        tab = strchr(text, '\t');
        REQUIRE(tab != NULL);
        *tab = '\0';
        ret_line->type = tab + 1;
        tab = strchr(ret_line->type, '\t');
        REQUIRE(tab != NULL);
        *tab = '\0';
        ret_line->value = tab + 1;
        tab = strchr(ret_line->value, '\t'); /* what 1.20 says differently */
        if (tab != NULL)
                *tab = '\0';
        return true;
}

static void run_file(struct run *run, const char *path)
{
        FILE *file = fopen(check_source(path), "r");
        char *text = NULL;
        size_t room = 0;
        ssize_t len;

        REQUIRE(file != NULL);
        while ((len = getline(&text, &room, file)) > 0) {
                struct line line;

                if (text[len - 1] == '\n')
                        text[len - 1] = '\0';
                if (!split_line(text, &line))
                        continue;
                if (strncmp(line.expression, "SELECT ", 7) == 0)
                        run_query(run, &line);
                else
                        run_line(run, &line);
        }
        free(text);
        fclose(file);
}

/* The table and the row stand in the head of expressions.tsv. */
static void read_head(struct run *run, char **ret_ddl)
{
        FILE *file = fopen(check_source("tests/data/flink/expressions.tsv"), "r");
        char *text = NULL;
        size_t room = 0;
        ssize_t len;

        REQUIRE(file != NULL);
        while ((len = getline(&text, &room, file)) > 0 && text[0] == '#') {
                text[len - 1] = '\0';
                if (strncmp(text, "# CREATE TABLE", 14) == 0)
                        *ret_ddl = alloc_text(text + 2);
                if (strncmp(text, "# row: ", 7) == 0) {
                        char *large = strstr(text, large_integer);

                        REQUIRE(large != NULL);
                        memset(large, ' ', strlen(large_integer) - 1); /* leaves its last digit */
                        run->row = json_loads(text + 7, 0, NULL);
                }
        }
        free(text);
        fclose(file);
        REQUIRE(*ret_ddl != NULL && run->row != NULL);
        run->ddl = slice_from_text(*ret_ddl);
}

/* departures.tsv: expression, tab, why. */
static void read_departures(struct run *run)
{
        FILE *file = fopen(check_source("tests/data/flink/departures.tsv"), "r");
        char *text = NULL;
        size_t room = 0;

        REQUIRE(file != NULL);
        while (getline(&text, &room, file) > 0) {
                char *tab = strchr(text, '\t');

                if (text[0] == '#')
                        continue;
                REQUIRE(tab != NULL && tab[1] != '\n');
                *tab = '\0';
                run->departures = alloc_resize(run->departures, run->n_departures + 1, sizeof *run->departures);
                run->departures[run->n_departures++] = alloc_text(text);
        }
        free(text);
        fclose(file);
}

struct counts {
        unsigned equal, errors, by_name, on_purpose;
};

static void check_file(const char *path, struct counts expected)
{
        struct run run = {.n_equal = 0};
        char *ddl = NULL;

        read_head(&run, &ddl);
        read_departures(&run);
        run_file(&run, path);
        printf("# %s: %u equal, %u errors as in Flink, %u refused by name, %u departures\n", path, run.n_equal,
               run.n_errors, run.n_refused, run.n_deliberate);
        CHECK_UINT(run.n_equal, expected.equal);
        CHECK_UINT(run.n_errors, expected.errors);
        CHECK_UINT(run.n_refused, expected.by_name);
        CHECK_UINT(run.n_deliberate, expected.on_purpose);
        for (unsigned i = 0; i < run.n_departures; i++)
                alloc_free(run.departures[i]);
        alloc_free(run.departures);
        json_decref(run.row);
        alloc_free(ddl);
}

TEST(flink_expressions)
{
        check_file("tests/data/flink/expressions.tsv",
                   (struct counts){.equal = 334, .errors = 26, .by_name = 28, .on_purpose = 8});
}

TEST(more_flink_expressions)
{
        check_file("tests/data/flink/expressions-more.tsv",
                   (struct counts){.equal = 1309, .errors = 229, .by_name = 3, .on_purpose = 76});
}
