/* test_run.c - a test's job and input. See test_run.h.
 *
 * Rows become AvroFlumeEvents with a JSON body, whatever the table's format is: a test is about the job, not about the
 * wire. The clock is virtual: unless a row says when it arrived, it arrives at its own time, or at the latest time so
 * far when it is late. */
#include "sidecar/cmd/test_run.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/crc32c.h"
#include "sidecar/base/file.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/decode.h"
#include "sidecar/exec/eval.h"
#include "sidecar/job/record_row.h"
#include "sidecar/job/scan.h"
#include "sidecar/plan/connector.h"
#include "sidecar/plan/option.h"
#include "sidecar/plan/setting.h"
#include "sidecar/sql/sql.h"

#include <assert.h>

enum { GROUP_ROWS = 1000, JOB_FILES_MAX = 16 };

struct feed { /* one source */
        const struct plan_source *plan;
        struct decode_program *program;
        struct builder builder;
        struct scan *scan;
};

struct running {
        const struct test_file *file;
        const struct test_case *test;
        const struct test_style *style;
        struct test_output *output;
        struct engine *engine;
        struct feed *feeds;
        uint64_t random;
        int64_t clock_ms;
        bool is_held; /* windows stay open at the end */
        /* Rows gathered for one batch: of one source, from one origin, with one arrival. */
        uint32_t source, n_rows;
        struct slice origin;
        int64_t arrival_ms; /* INT64_MIN: by their own times */
        uint32_t numbers[GROUP_ROWS];
        struct bytes event;
};

/* ---- the job ---- */

/* One file of SQL, found from where the test file is. */
static int read_sql(const struct running *running, struct slice name, struct sql_file *ret_file, struct err *err)
{
        const char *from = running->file->path, *slash = strrchr(from, '/');
        size_t folder = slash == NULL || name.data[0] == '/' ? 0 : (size_t)(slash - from) + 1;
        struct arena *arena = &running->output->arena;
        uint8_t *content = NULL;
        size_t len = 0;
        char *path = arena_format(arena, "%.*s%.*s", (int)folder, from, (int)name.len, (const char *)name.data);

        if (file_read_whole(file_ops_system(), path, LIMIT_SQL_FILE_BYTES, &content, &len, err) < 0)
                return err_prefix(err, "%s:%u", from, running->test->job_number);
        *ret_file = (struct sql_file){.name = slice_from_text(path),
                                      .text = arena_copy(arena, slice_make(content, len))};
        alloc_free(content);
        return 0;
}

static int read_job(const struct running *running, struct sql_file *files, uint32_t *ret_n, struct err *err)
{
        const struct test_case *test = running->test;
        struct slice rest = test->job_path;

        if (rest.len == 0) {
                files[0] = (struct sql_file){.name = slice_from_text(running->file->path), .text = test->job};
                *ret_n = 1;
                return 0;
        }
        for (*ret_n = 0; rest.len > 0; ++*ret_n) {
                if (*ret_n == JOB_FILES_MAX)
                        return err_set(err, ERR_DATA, "%s:%u: a job has %d files at most", running->file->path,
                                       test->job_number, JOB_FILES_MAX);
                if (read_sql(running, test_file_word(&rest), &files[*ret_n], err) < 0)
                        return -1;
        }
        return 0;
}

static int compile_job(struct running *running, struct err *err)
{
        struct sql_file files[JOB_FILES_MAX];
        struct sql_input input = {.files = files, .judge = eval_judge};
        struct diag_list diags;
        struct bytes text;
        int result;

        if (running->test->job.len == 0 && running->test->job_path.len == 0)
                return err_set(err, ERR_DATA, "%s:%u: the test has no job", running->file->path, running->test->number);
        if (read_job(running, files, &input.n_files, err) < 0)
                return -1;
        diag_list_init(&diags);
        result = sql_compile(&input, &running->output->arena, &diags, &running->output->plan);
        if (result != 0) {
                bytes_init(&text);
                diag_render(&diags, &text);
                bytes_append_byte(&text, 0);
                err_set(err, ERR_CONFIG, "the job does not compile\n%s", (const char *)text.data);
                bytes_done(&text);
        }
        diag_list_done(&diags);
        return result == 0 ? 0 : -1;
}

static int open_feed(struct running *running, uint32_t index, struct err *err)
{
        const struct plan_source *plan = running->output->plan->sources[index];
        struct feed *feed = &running->feeds[index];
        struct arena *arena = &running->output->arena;
        struct decode_column *columns = arena_new_n(arena, struct decode_column, plan->n_decoded + 1);
        bool is_raw = connector_is(plan->table, "format", "raw");
        struct decode_config config = {.format = is_raw ? DECODE_RAW : DECODE_JSON,
                                       .columns = columns,
                                       .n_columns = plan->n_decoded};

        feed->plan = plan;
        if (plan->table->is_bounded) { /* filesystem */
                config.is_iso_8601 = connector_is(plan->table, "json.timestamp-format.standard", "ISO-8601");
                config.nulls_bad_values = connector_is_on(plan->table, "json.ignore-parse-errors");
        }
        for (uint32_t i = 0; i < plan->n_decoded; i++) {
                const struct plan_scan_column *scan = &plan->columns[i];
                struct slice *path = arena_new_n(arena, struct slice, scan->n_path + 1);

                path[0] = plan->table->columns[scan->table_column].name;
                for (uint32_t p = 0; p < scan->n_path; p++)
                        path[p + 1] = scan->path[p];
                columns[i] = (struct decode_column){
                        .kind = scan->kind == PLAN_SCAN_HEADER ? DECODE_HEADER : is_raw ? DECODE_BODY : DECODE_FIELD,
                        .name = scan->name, .path = path, .n_path = scan->n_path + 1, .key = scan->key,
                        .type = scan->type};
        }
        if (decode_compile(&config, &feed->program, err) < 0)
                return -1;
        decode_builder_init(feed->program, &feed->builder);
        return 0;
}

static int open_engine(struct running *running, struct err *err)
{
        const struct plan_job *plan = running->output->plan;
        int64_t max_future_ms = setting_ms(plan, SETTING_EVENT_MAX_FUTURE);

        if (engine_new(plan, &running->engine, err) < 0)
                return -1;
        for (uint32_t i = 0; i < plan->n_sources; i++)
                if (scan_new(plan->sources[i], i, running->engine, max_future_ms, RECORD_ROW_BYTES_MAX,
                             &running->feeds[i].scan, err) < 0)
                        return -1;
        return 0;
}

static void close_engine(struct running *running)
{
        for (uint32_t i = 0; running->feeds != NULL && i < running->output->plan->n_sources; i++)
                running->feeds[i].scan = scan_free(running->feeds[i].scan);
        running->engine = engine_free(running->engine);
}

static int open_all(struct running *running, struct err *err)
{
        struct test_output *output = running->output;

        if (compile_job(running, err) < 0)
                return -1;
        running->feeds = alloc_zero(output->plan->n_sources + 1, sizeof *running->feeds);
        for (uint32_t i = 0; i < output->plan->n_sources; i++)
                if (open_feed(running, i, err) < 0)
                        return -1;
        output->tables = arena_new_n(&output->arena, struct test_table, output->plan->n_tables + 1);
        for (uint32_t i = 0; i < output->plan->n_tables; i++)
                if (output->plan->tables[i]->is_sink) {
                        struct test_table *table = &output->tables[output->n_tables++];

                        table->table = output->plan->tables[i];
                        table->next = &table->rows;
                }
        return open_engine(running, err);
}

static void close_all(struct running *running)
{
        close_engine(running);
        for (uint32_t i = 0; running->feeds != NULL && i < running->output->plan->n_sources; i++) {
                if (running->feeds[i].program == NULL)
                        continue;
                builder_done(&running->feeds[i].builder);
                decode_free(running->feeds[i].program);
        }
        alloc_free(running->feeds);
        bytes_done(&running->event);
}

/* ---- output ---- */

static uint64_t next_random(struct running *running)
{
        uint64_t z = running->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

static void keep_piece(struct running *running, const struct engine_piece *piece)
{
        struct arena *arena = &running->output->arena;
        struct test_table *table = running->output->tables;

        while (table->table != piece->sink)
                table++;
        for (uint32_t i = 0; i < piece->rows.n_rows; i++) {
                struct test_row *row = arena_new(arena, struct test_row);

                row->values = arena_new_n(arena, struct value, piece->rows.n_columns);
                for (uint32_t c = 0; c < piece->rows.n_columns; c++) {
                        row->values[c] = vector_get(&piece->rows.columns[c], i);
                        if (row->values[c].phys == PHYS_STR && !row->values[c].is_null)
                                row->values[c].str = arena_copy(arena, row->values[c].str);
                }
                *table->next = row;
                table->next = &row->next;
                table->n_rows++;
        }
}

static void take_output(struct running *running, uint32_t n_pieces, uint32_t max_rows)
{
        struct engine_piece piece;

        while (n_pieces-- > 0 && engine_next_piece(running->engine, max_rows, &piece))
                if (!piece.is_epoch_end && piece.rows.n_rows > 0)
                        keep_piece(running, &piece);
}

static void append_state(struct running *running, struct bytes *state)
{
        struct engine_frozen *frozen;

        take_output(running, UINT32_MAX, 1000);
        frozen = engine_freeze(running->engine);
        while (engine_frozen_next(frozen, state))
                ;
        engine_thaw(running->engine, frozen);
}

static int restart(struct running *running, struct err *err)
{
        struct bytes state, again;
        int result;

        bytes_init(&state);
        bytes_init(&again);
        append_state(running, &state);
        close_engine(running);
        result = open_engine(running, err);
        if (result == 0)
                result = engine_load(running->engine, bytes_slice(&state), err);
        if (result == 0) {
                append_state(running, &again);
                if (!slice_is_equal(bytes_slice(&state), bytes_slice(&again)))
                        result = err_set(err, ERR_INTERNAL, "a state that was loaded is saved with other bytes");
        }
        bytes_done(&state);
        bytes_done(&again);
        return result;
}

static int take_some_output(struct running *running, struct err *err)
{
        if (running->style->has_restarts)
                return restart(running, err);
        if (running->style->cut == TEST_CUT_ROW)
                take_output(running, UINT32_MAX, 1000);
        else if (running->style->cut == TEST_CUT_RANDOM)
                take_output(running, (uint32_t)(next_random(running) % 4),
                            1 + (uint32_t)(next_random(running) % 1000));
        return 0;
}

/* ---- batches ---- */

static void keep_dead(struct running *running, uint32_t number, const char *reason, const char *detail)
{
        struct test_output *output = running->output;
        struct test_dead *dead = arena_new(&output->arena, struct test_dead);
        struct test_dead **at = &output->dead;

        while (*at != NULL && (*at)->number <= number)
                at = &(*at)->next;
        dead->number = number;
        dead->reason = arena_text(&output->arena, slice_from_text(reason));
        dead->detail = arena_text(&output->arena, slice_from_text(detail));
        dead->next = *at;
        *at = dead;
}

static void keep_all_dead(struct running *running, const struct builder *builder, const struct scan_result *result)
{
        char detail[REASON_TEXT_BYTES];

        for (uint32_t i = 0; i < builder->n_dead; i++) {
                reason_format(builder->dead[i].reason, builder->dead[i].field, detail);
                keep_dead(running, running->numbers[builder->dead[i].event], reason_word(builder->dead[i].reason),
                          detail);
        }
        for (uint32_t i = 0; i < result->n_dead; i++) {
                uint32_t event = result->dead[i].row;

                for (uint32_t d = 0; d < builder->n_dead && builder->dead[d].event <= event; d++)
                        event++;
                keep_dead(running, running->numbers[event], result->dead[i].reason, result->dead[i].detail);
        }
}

/* The latest time that the rows of a batch know of, filtered ones included. */
static int64_t latest_ms(const struct plan_source *plan, const struct record_batch *batch)
{
        int32_t rowtime = plan->rowtime < 0 ? -1 : scan_logged_index(plan, (uint32_t)plan->rowtime);
        int64_t latest = INT64_MIN, offset_us = 0;

        if (scan_watermark_offset(plan, &offset_us) && offset_us < 0)
                offset_us = 0;
        for (uint32_t i = 0; rowtime >= 0 && i < batch->rows.n_rows; i++)
                if (batch->rows.columns[rowtime].i64[i] / TYPE_MICROS_PER_MS > latest)
                        latest = batch->rows.columns[rowtime].i64[i] / TYPE_MICROS_PER_MS;
        for (uint32_t i = 0; i < batch->n_steps; i++)
                if (batch->step_ms[i] + offset_us / TYPE_MICROS_PER_MS > latest)
                        latest = batch->step_ms[i] + offset_us / TYPE_MICROS_PER_MS;
        return latest;
}

static int flush(struct running *running, struct err *err)
{
        struct feed *feed = &running->feeds[running->source];
        bool has_arrival = running->arrival_ms != INT64_MIN;
        struct scan_input input = {.arrival_ms = running->arrival_ms, .has_clock = has_arrival};
        struct scan_result result;

        if (running->n_rows == 0)
                return 0;
        builder_batch(&feed->builder, &input.decoded);
        scan_run(feed->scan, &input, &result);
        keep_all_dead(running, &feed->builder, &result);
        if (has_arrival && running->arrival_ms > running->clock_ms)
                running->clock_ms = running->arrival_ms;
        if (!has_arrival && latest_ms(feed->plan, &result.batch) > running->clock_ms)
                running->clock_ms = latest_ms(feed->plan, &result.batch);
        result.batch.n_dead += feed->builder.n_dead;
        result.batch.source = running->source;
        result.batch.origin = running->origin;
        result.batch.arrival_ms = running->clock_ms;
        result.batch.is_last = true;
        engine_apply_batch(running->engine, &result.batch);
        builder_reset(&feed->builder);
        running->n_rows = 0;
        return take_some_output(running, err);
}

static void append_long(struct bytes *bytes, uint64_t value)
{
        bytes_append_varint(bytes, value << 1); /* zigzag of a number that is not negative */
}

static void append_text(struct bytes *bytes, struct slice text)
{
        append_long(bytes, text.len);
        bytes_append_slice(bytes, text);
}

static int bad_line(const struct running *running, const struct test_line *line, const char *what, struct err *err)
{
        return err_set(err, ERR_DATA, "%s:%u: %s", running->file->path, line->number, what);
}

static bool starts_with(struct slice text, const char *start)
{
        return text.len >= strlen(start) && memcmp(text.data, start, strlen(start)) == 0;
}

static struct slice behind(struct slice text, size_t n)
{
        return slice_make(text.data + n, text.len - n);
}

/* "2026-01-01T00:00:05.5Z", "2026-01-01 00:00:05.5", or milliseconds since 1970. */
static bool read_time(struct slice text, struct arena *arena, int64_t *ret_ms)
{
        struct type type = type_timestamp(TYPE_TIMESTAMP, 3, false);
        struct slice copy = arena_copy(arena, text);
        struct value value;

        if (option_read_integer(text, ret_ms))
                return true;
        if (copy.len > 0 && copy.data[copy.len - 1] == 'Z')
                copy.len--;
        for (size_t i = 0; i < copy.len; i++)
                if (copy.data[i] == 'T')
                        ((uint8_t *)(uintptr_t)copy.data)[i] = ' ';
        if (eval_value_parse(&type, copy, arena, &value) != 0 || value.is_null)
                return false;
        *ret_ms = value.i64 / TYPE_MICROS_PER_MS;
        return true;
}

struct row_head {
        uint32_t source;
        struct slice origin;
        int64_t arrival_ms;
        uint32_t n_headers;
};

/* @origin=, @arrival=, @header:NAME= ; headers go to running->event. */
static int read_attribute(struct running *running, const struct test_line *line, struct slice word,
                          struct row_head *head, struct err *err)
{
        const uint8_t *equals = memchr(word.data, '=', word.len);
        struct slice name = slice_make(word.data, equals == NULL ? word.len : (size_t)(equals - word.data));
        struct slice value = equals == NULL ? slice_make(NULL, 0) : behind(word, name.len + 1);

        if (equals == NULL)
                return bad_line(running, line, "expected '@NAME=VALUE'", err);
        if (slice_is_equal(name, slice_from_text("@origin"))) {
                head->origin = value;
                return 0;
        }
        if (slice_is_equal(name, slice_from_text("@arrival"))) {
                if (read_time(value, &running->output->arena, &head->arrival_ms))
                        return 0;
                return bad_line(running, line, "expected a time such as '2026-01-01T00:00:05Z'", err);
        }
        if (starts_with(name, "@header:")) {
                append_text(&running->event, behind(name, strlen("@header:")));
                append_text(&running->event, value);
                head->n_headers++;
                return 0;
        }
        return bad_line(running, line, "expected '@origin=', '@arrival=' or '@header:NAME='", err);
}

static int find_source(const struct running *running, const struct test_line *line, struct slice name,
                       uint32_t *ret_source, struct err *err)
{
        const struct plan_job *plan = running->output->plan;

        for (uint32_t i = 0; i < plan->n_sources; i++)
                if (slice_is_equal(plan->sources[i]->table->name, name)) {
                        *ret_source = i;
                        return 0;
                }
        if (name.len == 0)
                return bad_line(running, line, "the job reads several tables: name one", err);
        return err_set(err, ERR_DATA, "%s:%u: the job reads no table '%.*s'", running->file->path, line->number,
                       (int)name.len, (const char *)name.data);
}

/* One event into the builder of its source. */
static int add_event(struct running *running, const struct test_line *line, const struct row_head *head,
                     struct slice body, struct err *err)
{
        struct feed *feed = &running->feeds[head->source];
        struct bytes headers = running->event;
        struct decode_span span = {.max_events = 1};
        struct bytes event;
        int result;

        bytes_init(&event);
        if (head->n_headers > 0)
                append_long(&event, head->n_headers);
        bytes_append_slice(&event, bytes_slice(&headers));
        append_long(&event, 0);
        append_text(&event, body);
        span.at = bytes_reserve(&event, DECODE_PAD_BYTES) - event.len;
        memset(event.data + event.len, 0, DECODE_PAD_BYTES);
        span.end = span.at + event.len;
        result = decode_events(feed->program, &feed->builder, &span, err);
        bytes_done(&event);
        if (result != 0 || span.n_events != 1)
                return bad_line(running, line, "this is no row", err);
        running->numbers[running->n_rows++] = line->number;
        return 0;
}

static int take_row(struct running *running, const struct test_line *line, struct err *err)
{
        struct row_head head = {.arrival_ms = INT64_MIN};
        struct slice rest = line->text, name = {0};

        if (running->output->plan->n_sources == 1)
                name = running->output->plan->sources[0]->table->name;
        if (rest.data[0] != '{' && rest.data[0] != '@' && rest.data[0] != '"')
                name = test_file_word(&rest);
        if (find_source(running, line, name, &head.source, err) < 0)
                return -1;
        bytes_reset(&running->event);
        while (rest.len > 0 && rest.data[0] == '@')
                if (read_attribute(running, line, test_file_word(&rest), &head, err) < 0)
                        return -1;
        if (rest.len == 0)
                return bad_line(running, line, "expected a row as a JSON object", err);
        if (running->n_rows > 0 &&
            (running->source != head.source || !slice_is_equal(running->origin, head.origin) ||
             running->arrival_ms != head.arrival_ms || running->n_rows == GROUP_ROWS) &&
            flush(running, err) < 0)
                return -1;
        running->source = head.source;
        running->origin = head.origin;
        running->arrival_ms = head.arrival_ms;
        if (add_event(running, line, &head, rest, err) < 0)
                return -1;
        if (running->style->cut == TEST_CUT_ROW ||
            (running->style->cut == TEST_CUT_RANDOM && next_random(running) % 8 == 0))
                return flush(running, err);
        return 0;
}

/* ---- directives ---- */

static int tick(struct running *running, bool is_ready, bool is_flush, struct err *err)
{
        struct record_tick record = {.is_ready = is_ready, .is_flush = is_flush};

        record.now_ms = running->clock_ms;
        engine_apply_tick(running->engine, &record);
        return take_some_output(running, err);
}

static int advance(struct running *running, const struct test_line *line, struct slice duration, struct err *err)
{
        int64_t ms;

        if (!option_read_duration(duration, &ms))
                return bad_line(running, line, "expected a duration, as in 'advance 30 s'", err);
        running->clock_ms += ms;
        return tick(running, false, false, err);
}

static int end_table(struct running *running, const struct test_line *line, struct slice name, struct err *err)
{
        struct record_origin record = {.event = RECORD_SOURCE_END, .now_ms = running->clock_ms};

        if (name.len == 0 && running->output->plan->n_sources == 1)
                name = running->output->plan->sources[0]->table->name;
        if (find_source(running, line, name, &record.source, err) < 0)
                return -1;
        engine_apply_origin(running->engine, &record);
        return take_some_output(running, err);
}

/* *ret_is_directive false: the line is a row. */
static int take_directive(struct running *running, const struct test_line *line, bool *ret_is_directive,
                          struct err *err)
{
        struct slice rest = line->text, word = test_file_word(&rest);
        bool is_tick = slice_is_equal(word, slice_from_text("tick"));
        bool is_restart = slice_is_equal(word, slice_from_text("restart"));
        bool is_hold = slice_is_equal(word, slice_from_text("hold"));
        bool is_advance = slice_is_equal(word, slice_from_text("advance"));
        bool is_end = slice_is_equal(word, slice_from_text("end"));

        *ret_is_directive = (is_tick || is_restart || is_hold || is_advance || is_end) &&
                            memchr(rest.data, '{', rest.len) == NULL;
        if (!*ret_is_directive)
                return 0;
        if (flush(running, err) < 0)
                return -1;
        if (is_advance)
                return advance(running, line, rest, err);
        if (is_end)
                return end_table(running, line, rest, err);
        if (rest.len > 0)
                return bad_line(running, line, "nothing can follow here", err);
        running->is_held = running->is_held || is_hold;
        if (is_restart && restart(running, err) < 0)
                return -1;
        return is_hold ? 0 : tick(running, is_restart, false, err);
}

static void sum_state(struct running *running)
{
        struct bytes state;

        bytes_init(&state);
        append_state(running, &state);
        running->output->state_bytes = state.len;
        running->output->state_crc = crc32c(0, state.data, state.len);
        bytes_done(&state);
}

static int take_input(struct running *running, struct err *err)
{
        for (uint32_t i = 0; i < running->test->input.n; i++) {
                const struct test_line *line = &running->test->input.items[i];
                bool is_directive;

                if (take_directive(running, line, &is_directive, err) < 0)
                        return -1;
                if (!is_directive && take_row(running, line, err) < 0)
                        return -1;
        }
        if (flush(running, err) < 0)
                return -1;
        sum_state(running);
        if (running->is_held)
                return tick(running, false, true, err);
        engine_finish(running->engine);
        return 0;
}

/* ---- all of it ---- */

static void keep_stats(struct running *running)
{
        struct test_output *output = running->output;

        output->sources = arena_new_n(&output->arena, struct engine_source_stats, output->plan->n_sources + 1);
        for (uint32_t i = 0; i < output->plan->n_sources; i++)
                engine_source_stats(running->engine, i, &output->sources[i]);
        output->n_windows = engine_n_windows(running->engine);
        output->windows = arena_new_n(&output->arena, struct engine_window_stats, output->n_windows + 1);
        for (uint32_t i = 0; i < output->n_windows; i++)
                engine_window_stats(running->engine, i, &output->windows[i]);
        for (uint32_t i = 0; i < engine_n_sinks(running->engine); i++) {
                struct engine_sink_stats stats;

                engine_sink_stats(running->engine, i, &stats);
                for (uint32_t t = 0; t < output->n_tables; t++)
                        if (output->tables[t].table == stats.sink)
                                output->tables[t].stats = stats;
        }
}

int test_run(const struct test_file *file, const struct test_case *test, const struct test_style *style,
             struct test_output *ret_output, struct err *err)
{
        struct running *running = alloc_zero(1, sizeof *running);
        int result;

        memset(ret_output, 0, sizeof *ret_output);
        arena_init(&ret_output->arena, 256 << 10, 0);
        *running = (struct running){.file = file,
                                    .test = test,
                                    .style = style,
                                    .output = ret_output,
                                    .random = style->seed};
        bytes_init(&running->event);
        result = open_all(running, err);
        if (result == 0)
                result = take_input(running, err);
        if (result == 0) {
                take_output(running, UINT32_MAX, 1000);
                keep_stats(running);
        }
        if (ret_output->plan != NULL)
                close_all(running);
        else
                bytes_done(&running->event);
        alloc_free(running);
        return result;
}

void test_run_output_done(struct test_output *output)
{
        arena_done(&output->arena);
}

/* Windows of several queries that are the same are one in the engine: their fingerprint counts, not their address. */
static bool is_below(const struct plan_op *op, const struct plan_op *wanted)
{
        for (uint32_t i = 0; i < op->n_inputs; i++)
                if ((op->inputs[i]->kind == PLAN_WINDOW &&
                     slice_is_equal(op->inputs[i]->fingerprint, wanted->fingerprint)) ||
                    is_below(op->inputs[i], wanted))
                        return true;
        return false;
}

bool test_run_output_feeds(const struct test_output *output, const struct plan_op *window, struct slice table)
{
        for (uint32_t q = 0; q < output->plan->n_queries; q++) {
                const struct plan_query *query = output->plan->queries[q];

                if (slice_is_equal(query->sink->name, table) && is_below(query->root, window))
                        return true;
        }
        return false;
}
