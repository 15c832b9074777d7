/* test_compare.c - differences of rows and counts. See test_compare.h.
 *
 * Values are compared as typed values: both sides are brought into the text that CAST(... AS STRING) gives. A table's
 * rows are compared in the columns that the expectation names, as a multiset unless it says `ordered`. */
#include "sidecar/cmd/test_compare.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/json_scan.h"
#include "sidecar/exec/eval.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

enum { SHOWN_MAX = 20 }; /* differences of one table */

/* A row in the columns that are compared. */
struct shape {
        uint32_t number;      /* line of the expectation, 0: came out */
        struct slice *cells;  /* one text per column; data NULL: NULL */
        bool is_matched;
};

struct table_diff {
        const struct test_file *file;
        const struct test_expect *expect;
        const struct test_table *table;
        struct arena *arena;
        uint32_t n_physical;
        const struct plan_column **physical; /* columns that rows have */
        uint32_t n_columns;
        uint32_t *columns; /* those that are compared: positions in `physical` */
        uint32_t n_expected, n_actual;
        struct shape *expected, *actual;
        struct bytes *text;
};

/* ---- texts ---- */

static bool is_bare(const struct type *type)
{
        return type_is_numeric(type) || type->kind == TYPE_BOOLEAN;
}

static void append_json_text(struct bytes *text, struct slice value)
{
        bytes_append_byte(text, '"');
        for (size_t i = 0; i < value.len; i++) {
                uint8_t byte = value.data[i];

                if (byte == '"' || byte == '\\')
                        bytes_append_format(text, "\\%c", byte);
                else if (byte < 0x20)
                        bytes_append_format(text, "\\u%04x", byte);
                else
                        bytes_append_byte(text, byte);
        }
        bytes_append_byte(text, '"');
}

static void append_cell(struct bytes *text, const struct plan_column *column, struct slice cell)
{
        bytes_append_format(text, "\"%.*s\": ", (int)column->name.len, (const char *)column->name.data);
        if (cell.data == NULL)
                bytes_append_text(text, "null");
        else if (is_bare(&column->type))
                bytes_append_slice(text, cell);
        else
                append_json_text(text, cell);
}

static void append_row(struct table_diff *diff, const struct slice *cells)
{
        bytes_append_byte(diff->text, '{');
        for (uint32_t i = 0; i < diff->n_columns; i++) {
                if (i > 0)
                        bytes_append_text(diff->text, ", ");
                append_cell(diff->text, diff->physical[diff->columns[i]], cells[i]);
        }
        bytes_append_byte(diff->text, '}');
}

static struct slice value_cell(const struct type *type, const struct value *value, struct arena *arena)
{
        struct bytes text;
        struct slice cell;

        if (value->is_null)
                return slice_make(NULL, 0);
        bytes_init(&text);
        eval_value_text(type, value, &text);
        cell = arena_copy(arena, bytes_slice(&text));
        if (cell.data == NULL)
                cell.data = arena_take(arena, 1, 1);
        bytes_done(&text);
        return cell;
}

static void choose_table(struct table_diff *diff, const struct test_table *table)
{
        diff->table = table;
        diff->physical = arena_new_n(diff->arena, const struct plan_column *, table->table->n_columns + 1);
        for (uint32_t c = 0; c < table->table->n_columns; c++)
                if (table->table->columns[c].kind == PLAN_PHYSICAL)
                        diff->physical[diff->n_physical++] = &table->table->columns[c];
}

/* ---- expected rows ---- */

static int bad_line(const struct table_diff *diff, uint32_t number, const char *what, struct err *err)
{
        return err_set(err, ERR_DATA, "%s:%u: %s", diff->file->path, number, what);
}

static int find_column(const struct table_diff *diff, uint32_t number, const char *name, uint32_t *ret_column,
                       struct err *err)
{
        const struct plan_table *table = diff->table->table;

        for (uint32_t c = 0; c < diff->n_physical; c++)
                if (slice_is_equal(diff->physical[c]->name, slice_from_text(name))) {
                        *ret_column = c;
                        return 0;
                }
        return err_set(err, ERR_DATA, "%s:%u: table '%.*s' has no column '%s'", diff->file->path, number,
                       (int)table->name.len, (const char *)table->name.data, name);
}

/* The first line says which columns are compared. */
static int read_columns(struct table_diff *diff, const json_t *object, uint32_t number, struct err *err)
{
        const char *name;
        json_t *value;

        diff->columns = arena_new_n(diff->arena, uint32_t, json_object_size(object) + 1);
        json_object_foreach((json_t *)(uintptr_t)object, name, value)
                if (find_column(diff, number, name, &diff->columns[diff->n_columns++], err) < 0)
                        return -1;
        return 0;
}

/* A number as it is written: jansson would round it to a double. The line was read as an object before. */
static struct slice number_text(const struct table_diff *diff, const struct test_line *line, struct slice name)
{
        struct json_scan scan = json_scan_make(line->text);
        struct json_scan_value object, key, value;
        struct bytes text;
        bool is_first = true, is_found = false;

        bytes_init(&text);
        if (json_scan_value(&scan, &object) && object.kind == JSON_SCAN_OBJECT)
                for (; !is_found && json_scan_member(&scan, is_first, &key) && json_scan_value(&scan, &value);
                     is_first = false) {
                        bytes_reset(&text);
                        json_scan_unescape(&key, &text);
                        is_found = slice_is_equal(bytes_slice(&text), name);
                        if ((value.kind == JSON_SCAN_OBJECT || value.kind == JSON_SCAN_ARRAY) &&
                            !json_scan_skip(&scan, value.kind))
                                break;
                }
        bytes_done(&text);
        return is_found ? arena_copy(diff->arena, value.text) : slice_from_text("");
}

static int read_cell(const struct table_diff *diff, uint32_t column, const json_t *json, const struct test_line *line,
                     struct slice *ret_cell, struct err *err)
{
        const struct plan_column *target = diff->physical[column];
        struct value value;
        struct slice text;

        *ret_cell = slice_make(NULL, 0);
        if (json_is_null(json))
                return 0;
        if (json_is_string(json))
                text = slice_make(json_string_value(json), json_string_length(json));
        else if (json_is_boolean(json))
                text = slice_from_text(json_is_true(json) ? "true" : "false");
        else if (json_is_number(json))
                text = number_text(diff, line, target->name);
        else
                return bad_line(diff, line->number, "expected a text, a number, true, false or null", err);
        if (eval_value_parse(&target->type, text, diff->arena, &value) != 0) {
                char type[TYPE_TEXT_BYTES];

                type_format(&target->type, type);
                return err_set(err, ERR_DATA, "%s:%u: '%.*s' is no %s, which column '%.*s' is", diff->file->path,
                               line->number, (int)text.len, (const char *)text.data, type, (int)target->name.len,
                               (const char *)target->name.data);
        }
        *ret_cell = value_cell(&target->type, &value, diff->arena);
        return 0;
}

static int read_row(struct table_diff *diff, const struct test_line *line, struct err *err)
{
        struct shape *shape = &diff->expected[diff->n_expected];
        json_error_t error;
        json_t *object = json_loadb((const char *)line->text.data, line->text.len,
                                    JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
        int result = 0;

        if (!json_is_object(object)) {
                json_decref(object);
                return bad_line(diff, line->number, "expected a row as a JSON object", err);
        }
        if (diff->n_expected == 0)
                result = read_columns(diff, object, line->number, err);
        if (result == 0 && json_object_size(object) != diff->n_columns)
                result = bad_line(diff, line->number, "all rows of a table name the same columns", err);
        shape->number = line->number;
        shape->cells = arena_new_n(diff->arena, struct slice, diff->n_columns + 1);
        for (uint32_t i = 0; result == 0 && i < diff->n_columns; i++) {
                struct slice name = diff->physical[diff->columns[i]]->name;
                json_t *json = json_object_get(object, arena_text(diff->arena, name));

                if (json == NULL)
                        result = bad_line(diff, line->number, "all rows of a table name the same columns", err);
                else
                        result = read_cell(diff, diff->columns[i], json, line, &shape->cells[i], err);
        }
        json_decref(object);
        diff->n_expected += result == 0;
        return result;
}

static int read_rows(struct table_diff *diff, struct err *err)
{
        const struct test_lines *lines = &diff->expect->lines;

        diff->expected = arena_new_n(diff->arena, struct shape, lines->n + 1);
        for (uint32_t i = 0; i < lines->n; i++)
                if (read_row(diff, &lines->items[i], err) < 0)
                        return -1;
        return 0;
}

static void shape_actual(struct table_diff *diff)
{
        if (diff->n_expected == 0) { /* no row is expected: those that came are shown whole */
                diff->n_columns = diff->n_physical;
                diff->columns = arena_new_n(diff->arena, uint32_t, diff->n_physical + 1);
                for (uint32_t c = 0; c < diff->n_physical; c++)
                        diff->columns[c] = c;
        }
        diff->actual = arena_new_n(diff->arena, struct shape, diff->table->n_rows + 1);
        for (const struct test_row *row = diff->table->rows; row != NULL; row = row->next) {
                struct shape *shape = &diff->actual[diff->n_actual++];

                shape->cells = arena_new_n(diff->arena, struct slice, diff->n_columns + 1);
                for (uint32_t i = 0; i < diff->n_columns; i++)
                        shape->cells[i] = value_cell(&diff->physical[diff->columns[i]]->type,
                                                     &row->values[diff->columns[i]], diff->arena);
        }
}

/* ---- differences ---- */

static int compare_cells(struct slice a, struct slice b)
{
        if (a.data == NULL || b.data == NULL)
                return (a.data != NULL) - (b.data != NULL);
        return slice_compare(a, b);
}

static int compare_shapes(const struct table_diff *diff, const struct shape *a, const struct shape *b)
{
        for (uint32_t i = 0; i < diff->n_columns; i++) {
                int order = compare_cells(a->cells[i], b->cells[i]);

                if (order != 0)
                        return order;
        }
        return 0;
}

static int compare_pointers(const void *a, const void *b, void *diff)
{
        return compare_shapes(diff, *(struct shape *const *)a, *(struct shape *const *)b);
}

static struct shape **sorted(struct table_diff *diff, struct shape *shapes, uint32_t n)
{
        struct shape **pointers = arena_new_n(diff->arena, struct shape *, n + 1);

        for (uint32_t i = 0; i < n; i++)
                pointers[i] = &shapes[i];
        if (n > 0)
                qsort_r(pointers, n, sizeof(struct shape *), compare_pointers, diff);
        return pointers;
}

/* Pairs off what is equal. */
static void match_multiset(struct table_diff *diff)
{
        struct shape **expected = sorted(diff, diff->expected, diff->n_expected);
        struct shape **actual = sorted(diff, diff->actual, diff->n_actual);
        uint32_t e = 0, a = 0;

        while (e < diff->n_expected && a < diff->n_actual) {
                int order = compare_shapes(diff, expected[e], actual[a]);

                if (order == 0)
                        expected[e]->is_matched = actual[a]->is_matched = true;
                e += order <= 0;
                a += order >= 0;
        }
}

static bool are_equal(const struct table_diff *diff, uint32_t expected, uint32_t actual)
{
        return compare_shapes(diff, &diff->expected[expected], &diff->actual[actual]) == 0;
}

/* In order: the longest common subsequence of what is not equal at both ends. */
static void match_ordered(struct table_diff *diff)
{
        uint32_t n = diff->n_expected < diff->n_actual ? diff->n_expected : diff->n_actual, head = 0, tail = 0;
        uint32_t rows, columns;
        uint32_t *longest;

        while (head < n && are_equal(diff, head, head)) {
                diff->expected[head].is_matched = diff->actual[head].is_matched = true;
                head++;
        }
        while (tail < n - head && are_equal(diff, diff->n_expected - 1 - tail, diff->n_actual - 1 - tail)) {
                tail++;
                diff->expected[diff->n_expected - tail].is_matched = true;
                diff->actual[diff->n_actual - tail].is_matched = true;
        }
        rows = diff->n_expected - head - tail;
        columns = diff->n_actual - head - tail;
        if (rows == 0 || columns == 0 || (uint64_t)rows * columns > 4000000)
                return;
        longest = alloc_zero((size_t)(rows + 1) * (columns + 1), sizeof *longest);
        for (uint32_t r = rows; r-- > 0;)
                for (uint32_t c = columns; c-- > 0;) {
                        uint32_t *at = &longest[(size_t)r * (columns + 1) + c];
                        uint32_t below = at[columns + 1], right = at[1];

                        *at = are_equal(diff, head + r, head + c) ? at[columns + 2] + 1
                                                                   : below > right ? below : right;
                }
        for (uint32_t r = 0, c = 0; r < rows && c < columns;) {
                const uint32_t *at = &longest[(size_t)r * (columns + 1) + c];

                if (are_equal(diff, head + r, head + c)) {
                        diff->expected[head + r++].is_matched = diff->actual[head + c++].is_matched = true;
                        continue;
                }
                if (at[columns + 1] >= at[1])
                        r++;
                else
                        c++;
        }
        alloc_free(longest);
}

static uint32_t count_equal(const struct table_diff *diff, const struct shape *a, const struct shape *b)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < diff->n_columns; i++)
                n += compare_cells(a->cells[i], b->cells[i]) == 0;
        return n;
}

/* The row that came out and is most like this one: at least half of its columns are right. */
static struct shape *find_similar(const struct table_diff *diff, const struct shape *shape)
{
        struct shape *best = NULL;
        uint32_t most = 0;

        for (uint32_t i = 0; i < diff->n_actual; i++) {
                uint32_t n;

                if (diff->actual[i].is_matched)
                        continue;
                n = count_equal(diff, shape, &diff->actual[i]);
                if (n > most && n * 2 >= diff->n_columns) {
                        most = n;
                        best = &diff->actual[i];
                }
        }
        return best;
}

static void append_shape(struct table_diff *diff, const char *sign, const struct shape *shape)
{
        bytes_append_text(diff->text, sign);
        append_row(diff, shape->cells);
        if (shape->number > 0)
                bytes_append_format(diff->text, "   (line %u)", shape->number);
        bytes_append_byte(diff->text, '\n');
}

/* Only the columns that differ, under a row. */
static void append_other_cells(struct table_diff *diff, const struct shape *shape, const struct shape *other)
{
        bool is_first = true;

        bytes_append_text(diff->text, "      came out with ");
        for (uint32_t i = 0; i < diff->n_columns; i++) {
                if (compare_cells(shape->cells[i], other->cells[i]) == 0)
                        continue;
                if (!is_first)
                        bytes_append_text(diff->text, ", ");
                append_cell(diff->text, diff->physical[diff->columns[i]], other->cells[i]);
                is_first = false;
        }
        bytes_append_byte(diff->text, '\n');
}

static void append_differences(struct table_diff *diff)
{
        struct slice name = diff->table->table->name;
        uint32_t n_missing = 0, n_extra = 0, n_shown = 0;

        for (uint32_t i = 0; i < diff->n_expected; i++)
                n_missing += !diff->expected[i].is_matched;
        for (uint32_t i = 0; i < diff->n_actual; i++)
                n_extra += !diff->actual[i].is_matched;
        if (n_missing + n_extra == 0)
                return;
        bytes_append_format(diff->text,
                            "  table '%.*s': %u rows expected, %u came out; %u missing (-), %u not expected (+)\n",
                            (int)name.len, (const char *)name.data, diff->n_expected, diff->n_actual, n_missing,
                            n_extra);
        for (uint32_t i = 0; i < diff->n_expected && n_shown < SHOWN_MAX; i++) {
                struct shape *similar;

                if (diff->expected[i].is_matched)
                        continue;
                append_shape(diff, "    - ", &diff->expected[i]);
                n_shown++;
                similar = find_similar(diff, &diff->expected[i]);
                if (similar == NULL)
                        continue;
                append_other_cells(diff, &diff->expected[i], similar);
                similar->is_matched = true;
        }
        for (uint32_t i = 0; i < diff->n_actual && n_shown < SHOWN_MAX; i++)
                if (!diff->actual[i].is_matched) {
                        append_shape(diff, "    + ", &diff->actual[i]);
                        n_shown++;
                }
        if (n_shown == SHOWN_MAX)
                bytes_append_text(diff->text, "    ... and perhaps more\n");
}

static int compare_table(const struct test_file *file, const struct test_expect *expect, struct test_output *output,
                         struct bytes *text, struct err *err)
{
        struct table_diff diff = {.file = file, .expect = expect, .arena = &output->arena, .text = text};

        for (uint32_t t = 0; t < output->n_tables; t++)
                if (slice_is_equal(output->tables[t].table->name, expect->table))
                        choose_table(&diff, &output->tables[t]);
        if (diff.table == NULL)
                return err_set(err, ERR_DATA, "%s:%u: the job writes no table '%.*s'", file->path, expect->number,
                               (int)expect->table.len, (const char *)expect->table.data);
        if (read_rows(&diff, err) < 0)
                return -1;
        shape_actual(&diff);
        if (expect->is_ordered)
                match_ordered(&diff);
        else
                match_multiset(&diff);
        append_differences(&diff);
        return 0;
}

/* ---- counts ---- */

struct count {
        const char *name;
        bool is_zero_by_default;
        uint64_t (*source)(const struct engine_source_stats *stats);
        uint64_t (*window)(const struct engine_window_stats *stats);
        uint64_t (*sink)(const struct engine_sink_stats *stats);
};

#define COUNT_OF(kind, field)                                                    \
        static uint64_t kind##_##field(const struct engine_##kind##_stats *stats) \
        {                                                                         \
                return stats->field;                                              \
        }
COUNT_OF(source, received)
COUNT_OF(source, accepted)
COUNT_OF(source, dead)
COUNT_OF(window, in)
COUNT_OF(window, used)
COUNT_OF(window, late)
COUNT_OF(window, overflow)
COUNT_OF(window, failed)
COUNT_OF(window, fired)
COUNT_OF(sink, failed)
COUNT_OF(sink, withheld)

static const struct count counts[] = {
        {"late", true, NULL, window_late, NULL},
        {"dead", true, source_dead, NULL, NULL},
        {"failed", true, NULL, window_failed, sink_failed},
        {"overflow", true, NULL, window_overflow, NULL},
        {"withheld", true, NULL, NULL, sink_withheld},
        {"received", false, source_received, NULL, NULL},
        {"accepted", false, source_accepted, NULL, NULL},
        {"in", false, NULL, window_in, NULL},
        {"used", false, NULL, window_used, NULL},
        {"fired", false, NULL, window_fired, NULL},
};
enum { N_COUNTS = sizeof counts / sizeof counts[0] };

/* Over all sources and sinks, or of one table (a window's count is that of the tables its rows end up in). */
static uint64_t count_value(const struct test_output *output, const struct count *count, struct slice table)
{
        uint64_t value = 0;

        for (uint32_t i = 0; count->source != NULL && i < output->plan->n_sources; i++)
                if (table.len == 0 || slice_is_equal(output->plan->sources[i]->table->name, table))
                        value += count->source(&output->sources[i]);
        for (uint32_t i = 0; count->window != NULL && i < output->n_windows; i++)
                if (table.len == 0 || test_run_output_feeds(output, output->windows[i].op, table))
                        value += count->window(&output->windows[i]);
        for (uint32_t i = 0; count->sink != NULL && i < output->n_tables; i++)
                if (table.len == 0 || slice_is_equal(output->tables[i].table->name, table))
                        value += count->sink(&output->tables[i].stats);
        return value;
}

static bool is_table(const struct test_output *output, struct slice name)
{
        for (uint32_t i = 0; i < output->plan->n_tables; i++)
                if (slice_is_equal(output->plan->tables[i]->name, name))
                        return true;
        return false;
}

/* NAME [TABLE] NUMBER */
static int read_count(const struct test_file *file, const struct test_line *line, const struct test_output *output,
                      const struct count **ret_count, struct slice *ret_table, uint64_t *ret_value, struct err *err)
{
        struct slice rest = line->text, name = test_file_word(&rest), first = test_file_word(&rest);
        struct slice digits = rest.len > 0 ? test_file_word(&rest) : first;
        uint64_t value = 0;

        *ret_table = digits.data == first.data ? slice_make(NULL, 0) : first;
        *ret_count = NULL;
        for (unsigned i = 0; i < N_COUNTS; i++)
                if (slice_is_equal(name, slice_from_text(counts[i].name)))
                        *ret_count = &counts[i];
        for (size_t i = 0; i < digits.len; i++) {
                if (digits.data[i] < '0' || digits.data[i] > '9' || value > UINT64_MAX / 10 - 9)
                        *ret_count = NULL;
                value = value * 10 + (uint64_t)(digits.data[i] - '0');
        }
        *ret_value = value;
        if (*ret_count == NULL || digits.len == 0 || rest.len > 0)
                return err_set(err, ERR_DATA, "%s:%u: expected a count, as in 'late 3' or 'late TABLE 3'", file->path,
                               line->number);
        if (ret_table->len > 0 && !is_table(output, *ret_table))
                return err_set(err, ERR_DATA, "%s:%u: the job has no table '%.*s'", file->path, line->number,
                               (int)ret_table->len, (const char *)ret_table->data);
        return 0;
}

static void append_dead(const struct test_output *output, struct bytes *text)
{
        uint32_t n = 0;

        for (const struct test_dead *dead = output->dead; dead != NULL && n < SHOWN_MAX; dead = dead->next, n++)
                bytes_append_format(text, "    line %u: %s: %s\n", dead->number, dead->reason, dead->detail);
}

static int compare_counts(const struct test_file *file, const struct test_case *test, const struct test_output *output,
                          struct bytes *text, struct err *err)
{
        bool is_named[N_COUNTS] = {false};

        for (uint32_t i = 0; i < test->counts.n; i++) {
                const struct count *count;
                struct slice table;
                uint64_t wanted, is;

                if (read_count(file, &test->counts.items[i], output, &count, &table, &wanted, err) < 0)
                        return -1;
                is_named[count - counts] = true;
                is = count_value(output, count, table);
                if (is == wanted)
                        continue;
                bytes_append_format(text, "  %s%s%.*s: %" PRIu64 " expected, %" PRIu64 " counted   (line %u)\n",
                                    count->name, table.len > 0 ? " " : "", (int)table.len, (const char *)table.data,
                                    wanted, is, test->counts.items[i].number);
                if (count->source == source_dead)
                        append_dead(output, text);
        }
        for (unsigned i = 0; i < N_COUNTS; i++) {
                uint64_t is = count_value(output, &counts[i], slice_make(NULL, 0));

                if (is_named[i] || !counts[i].is_zero_by_default || is == 0)
                        continue;
                bytes_append_format(text, "  %s: %" PRIu64 " counted, and the test does not expect any\n",
                                    counts[i].name, is);
                if (counts[i].source == source_dead)
                        append_dead(output, text);
        }
        return 0;
}

/* What must hold whatever a test says. */
static void check_identities(const struct test_output *output, struct bytes *text)
{
        for (uint32_t i = 0; i < output->plan->n_sources; i++) {
                const struct engine_source_stats *stats = &output->sources[i];

                if (stats->received != stats->accepted + stats->duplicate + stats->dead)
                        bytes_append_text(text, "  received is not accepted + duplicate + dead\n");
        }
        for (uint32_t i = 0; i < output->n_windows; i++) {
                const struct engine_window_stats *stats = &output->windows[i];

                if (stats->in != stats->used + stats->late + stats->failed + stats->overflow)
                        bytes_append_text(text, "  in is not used + late + failed + overflow\n");
        }
}

int test_compare(const struct test_file *file, const struct test_case *test, struct test_output *output,
                 struct bytes *text, struct err *err)
{
        for (const struct test_expect *expect = test->expects; expect != NULL; expect = expect->next)
                if (compare_table(file, expect, output, text, err) < 0)
                        return -1;
        check_identities(output, text);
        return compare_counts(file, test, output, text, err);
}

void test_compare_show(struct test_output *output, struct bytes *text)
{
        for (uint32_t t = 0; t < output->n_tables; t++) {
                struct table_diff diff = {.arena = &output->arena, .text = text};

                choose_table(&diff, &output->tables[t]);
                bytes_append_format(text, "=== expect %.*s ordered\n", (int)diff.table->table->name.len,
                                    (const char *)diff.table->table->name.data);
                shape_actual(&diff);
                for (uint32_t i = 0; i < diff.n_actual; i++)
                        append_shape(&diff, "", &diff.actual[i]);
        }
        bytes_append_text(text, "=== counts\n");
        for (unsigned i = 0; i < N_COUNTS; i++)
                bytes_append_format(text, "%s %" PRIu64 "\n", counts[i].name,
                                    count_value(output, &counts[i], slice_make(NULL, 0)));
        append_dead(output, text);
        bytes_append_format(text, "# state %" PRIu64 " bytes, CRC %08" PRIx32 "\n", output->state_bytes,
                            output->state_crc);
}
