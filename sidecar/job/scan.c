/* scan.c - the verdicts on every row of one source, taken once and logged. See scan.h.
 *
 * The order of the verdicts is part of the contract, because each row is counted once:
 *   1. duplicate  its fingerprint takes a token of an in-doubt row
 *   2. dead       a computed column or the watermark expression failed, the rowtime is NULL or from the future
 *   3. filtered   the common filter is not TRUE (accepted; it moves the watermark)
 *   4. too large  wider than a record of the log: dead after all
 *   5. kept       logged
 *
 * The common case is that nothing is removed: then the record's vectors are the decoder's and the evaluator's own, and
 * nothing is copied. */
#include "sidecar/job/scan.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/reason.h"
#include "sidecar/exec/eval.h"
#include "sidecar/job/record_row.h"

#include <assert.h>

struct scan {
        const struct plan_source *source;
        uint32_t source_index;
        struct engine *engine;
        int64_t max_future_ms;
        size_t row_bytes;
        uint32_t n_computed;
        uint32_t *computed;               /* scan column of each program's expression, ascending */
        struct eval_program **programs;   /* one per computed column: later ones may read earlier ones */
        struct eval_program *watermark;   /* NULL when it follows from the rowtime */
        struct eval_program *filter;      /* NULL: no common filter */
        struct eval_state *state;
        struct arena plan_arena;          /* programs */
        struct arena arena;               /* per run */
        struct vector *columns;           /* all scan columns of the batch at hand */
        int64_t offset_us;
        bool has_offset;
};

bool scan_watermark_offset(const struct plan_source *source, int64_t *ret_offset_us)
{
        const struct expr *expr = source->watermark;

        if (expr == NULL || source->rowtime < 0)
                return false;
        if (expr->kind == EXPR_COLUMN && expr->column == (uint32_t)source->rowtime) {
                *ret_offset_us = 0;
                return true;
        }
        if (expr->kind != EXPR_CALL || expr->function != FN_SUBTRACT_INTERVAL || expr->n_args != 2)
                return false;
        if (expr->args[0]->kind != EXPR_COLUMN || expr->args[0]->column != (uint32_t)source->rowtime ||
            expr->args[1]->kind != EXPR_LITERAL || expr->args[1]->literal.is_null ||
            expr->args[1]->type.kind != TYPE_INTERVAL_SECOND)
                return false;
        *ret_offset_us = expr->args[1]->literal.i64;
        return true;
}

int32_t scan_logged_index(const struct plan_source *source, uint32_t column)
{
        int32_t index = 0;

        if (!source->is_logged[column])
                return -1;
        for (uint32_t i = 0; i < column; i++)
                index += source->is_logged[i];
        return index;
}

uint32_t scan_n_logged(const struct plan_source *source)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < source->n_columns; i++)
                n += source->is_logged[i];
        return n;
}

static int compile(struct scan *scan, struct expr *expr, struct eval_program **ret_program, struct err *err)
{
        return eval_compile(&expr, 1, &scan->plan_arena, ret_program, err);
}

static int compile_all(struct scan *scan, struct err *err)
{
        const struct plan_source *source = scan->source;

        for (uint32_t i = source->n_decoded; i < source->n_columns; i++) {
                uint32_t k = scan->n_computed;

                assert(source->columns[i].kind == PLAN_SCAN_COMPUTED);
                scan->computed[k] = i;
                if (compile(scan, source->columns[i].computed, &scan->programs[k], err) < 0)
                        return -1;
                scan->n_computed++;
        }
        if (source->watermark != NULL && !scan->has_offset &&
            compile(scan, source->watermark, &scan->watermark, err) < 0)
                return -1;
        if (source->common_filter != NULL && compile(scan, source->common_filter, &scan->filter, err) < 0)
                return -1;
        return 0;
}

int scan_new(const struct plan_source *source, uint32_t source_index, struct engine *engine, int64_t max_future_ms,
             size_t row_bytes, struct scan **ret_scan, struct err *err)
{
        struct scan *scan = alloc_zero(1, sizeof *scan);
        uint32_t n_computed = source->n_columns - source->n_decoded;

        scan->source = source;
        scan->source_index = source_index;
        scan->engine = engine;
        scan->max_future_ms = max_future_ms;
        scan->row_bytes = row_bytes;
        scan->has_offset = scan_watermark_offset(source, &scan->offset_us);
        arena_init(&scan->plan_arena, 16 << 10, 0);
        arena_init(&scan->arena, 256 << 10, 0);
        scan->state = eval_state_new();
        scan->computed = alloc_zero(n_computed + 1, sizeof *scan->computed);
        scan->programs = alloc_zero(n_computed + 1, sizeof *scan->programs);
        scan->columns = alloc_zero(source->n_columns + 1, sizeof *scan->columns);
        if (compile_all(scan, err) < 0) {
                scan_free(scan);
                return -1;
        }
        *ret_scan = scan;
        return 0;
}

struct scan *scan_free(struct scan *scan)
{
        if (scan == NULL)
                return NULL;
        eval_state_free(scan->state);
        alloc_free(scan->computed);
        alloc_free(scan->programs);
        alloc_free(scan->columns);
        arena_done(&scan->plan_arena);
        arena_done(&scan->arena);
        alloc_free(scan);
        return NULL;
}

/* Rows condemned so far, each once. Rows removed before (duplicates) are not condemned any more. */
struct dead_list {
        struct scan_dead *dead; /* room for every row */
        uint32_t n;
        uint64_t *is_removed;
};

static void dead_list_add(struct dead_list *list, uint32_t row, const char *reason, const char *detail)
{
        if (bitmap_get(list->is_removed, row))
                return;
        bitmap_set(list->is_removed, row);
        list->dead[list->n++] = (struct scan_dead){.row = row, .reason = reason, .detail = detail};
}

static void dead_list_add_failed(struct scan *scan, struct dead_list *list, const uint64_t *failed, uint32_t n_rows,
                                 struct slice column)
{
        const char *detail = arena_format(&scan->arena, "computed column '%.*s' failed for this row", (int)column.len,
                                          (const char *)column.data);

        for (uint32_t i = 0; i < n_rows; i++)
                if (bitmap_get(failed, i))
                        dead_list_add(list, i, "bad-column", detail);
}

static void run_computed(struct scan *scan, uint32_t n_rows, struct dead_list *list)
{
        for (uint32_t k = 0; k < scan->n_computed; k++) {
                uint32_t column = scan->computed[k];
                struct batch input = {.n_rows = n_rows, .n_columns = column, .columns = scan->columns};
                uint64_t *failed = arena_zero(&scan->arena, bitmap_words(n_rows) * 8, 8);
                bool any_failed = false;

                eval_run(scan->programs[k], scan->state, &input, &scan->columns[column], failed, &any_failed);
                if (any_failed)
                        dead_list_add_failed(scan, list, failed, n_rows, scan->source->columns[column].name);
        }
}

/* Whole milliseconds of a timestamp, floored. */
static inline int64_t floor_ms(int64_t us)
{
        return us / 1000 - (us % 1000 < 0);
}

/* The watermark expression of every row in whole milliseconds, or NULL when records need not carry it. */
static int64_t *run_watermark(struct scan *scan, uint32_t n_rows, struct dead_list *list)
{
        struct batch input = {.n_rows = n_rows, .n_columns = scan->source->n_columns, .columns = scan->columns};
        uint64_t *failed;
        bool any_failed = false;
        struct vector result;
        int64_t *candidate;

        if (scan->watermark == NULL)
                return NULL;
        failed = arena_zero(&scan->arena, bitmap_words(n_rows) * 8, 8);
        eval_run(scan->watermark, scan->state, &input, &result, failed, &any_failed);
        if (any_failed)
                dead_list_add_failed(scan, list, failed, n_rows, slice_from_text("WATERMARK"));
        candidate = arena_take(&scan->arena, (size_t)n_rows * sizeof *candidate + 8, 8);
        for (uint32_t i = 0; i < n_rows; i++)
                candidate[i] = vector_is_null(&result, i) ? INT64_MIN : floor_ms(result.i64[i]);
        return candidate;
}

static void check_rowtime(const struct scan *scan, const struct scan_input *input, struct dead_list *list)
{
        const struct vector *rowtime = &scan->columns[scan->source->rowtime];
        uint32_t n_rows = input->decoded.n_rows;
        int64_t latest_us = INT64_MAX;
        int64_t highest = INT64_MIN;

        if (rowtime->valid != NULL)
                for (uint32_t i = 0; i < n_rows; i++)
                        if (!bitmap_get(rowtime->valid, i))
                                dead_list_add(list, i, "null-rowtime", "the rowtime column is NULL");
        if (!input->has_clock ||
            __builtin_mul_overflow(input->arrival_ms + scan->max_future_ms, INT64_C(1000), &latest_us))
                return;
        for (uint32_t i = 0; i < n_rows; i++)
                highest = rowtime->i64[i] > highest ? rowtime->i64[i] : highest;
        if (highest <= latest_us)
                return;
        for (uint32_t i = 0; i < n_rows; i++)
                if (rowtime->i64[i] > latest_us && !vector_is_null(rowtime, i))
                        dead_list_add(list, i, "future", "the rowtime lies too far ahead of the batch's arrival");
}

/* Re-sent rows: marks them as removed, and fills the record's fingerprints, taken and n_duplicate. A dead event can
 * be re-sent too, so fingerprints of all events of the batch are kept. */
static void match_duplicates(struct scan *scan, const struct scan_input *input, uint64_t *is_removed,
                             struct scan_result *result)
{
        struct record_batch *batch = &result->batch;
        uint32_t n_rows = input->decoded.n_rows;
        uint32_t n = n_rows + input->n_undecoded;
        uint64_t *duplicate, *taken, *undecoded;

        if (input->fingerprint == NULL)
                return;
        batch->fingerprint = input->fingerprint;
        batch->n_fingerprints = n;
        if (!engine_has_tokens(scan->engine, scan->source_index))
                return;
        duplicate = arena_zero(&scan->arena, bitmap_words(n) * 8 + 8, 8);
        batch->n_duplicate = engine_match_tokens(scan->engine, scan->source_index, input->fingerprint, n, duplicate);
        if (batch->n_duplicate == 0)
                return;
        taken = arena_take(&scan->arena, (size_t)batch->n_duplicate * 8, 8);
        undecoded = arena_zero(&scan->arena, bitmap_words(input->n_undecoded) * 8 + 8, 8);
        for (uint32_t i = 0; i < n; i++) {
                if (!bitmap_get(duplicate, i))
                        continue;
                taken[batch->n_taken++] = input->fingerprint[i];
                if (i < n_rows)
                        bitmap_set(is_removed, i);
                else
                        bitmap_set(undecoded, i - n_rows);
        }
        batch->taken = taken;
        result->undecoded_duplicate = undecoded;
}

/* Rows that were not removed, ascending, or NULL when every row is accepted. */
static uint32_t *select_accepted(struct scan *scan, uint32_t n_rows, const uint64_t *is_removed, uint32_t *ret_n)
{
        uint32_t n_removed = bitmap_count(is_removed, n_rows);
        uint32_t *accepted;
        uint32_t n = 0;

        *ret_n = n_rows - n_removed;
        if (n_removed == 0)
                return NULL;
        accepted = arena_take(&scan->arena, (size_t)n_rows * sizeof *accepted + 4, 4);
        for (uint32_t i = 0; i < n_rows; i++)
                if (!bitmap_get(is_removed, i))
                        accepted[n++] = i;
        return accepted;
}

static int64_t candidate_of(const struct scan *scan, const int64_t *candidate, uint32_t row)
{
        if (candidate != NULL)
                return candidate[row];
        return floor_ms(scan->columns[scan->source->rowtime].i64[row] - scan->offset_us);
}

/* What the filtered rows did to the watermark: one step before each kept row (and one at the end) at which the
 * highest candidate so far rose. kept: rows of the batch, ascending; accepted: all rows that count, ascending (NULL:
 * all). */
static void make_steps(struct scan *scan, const int64_t *candidate, const uint32_t *accepted, uint32_t n_accepted,
                       const uint32_t *kept, uint32_t n_kept, struct record_batch *batch)
{
        uint32_t *row = arena_take(&scan->arena, ((size_t)n_kept + 1) * sizeof *row, 4);
        int64_t *ms = arena_take(&scan->arena, ((size_t)n_kept + 1) * sizeof *ms, 8);
        int64_t highest = INT64_MIN, pending = INT64_MIN;
        uint32_t next_kept = 0, n = 0;

        for (uint32_t a = 0; a < n_accepted; a++) {
                uint32_t i = accepted == NULL ? a : accepted[a];
                int64_t at = candidate_of(scan, candidate, i);

                if (next_kept < n_kept && kept[next_kept] == i) {
                        if (pending > highest) {
                                row[n] = next_kept;
                                ms[n++] = pending;
                                highest = pending;
                        }
                        pending = INT64_MIN;
                        highest = at > highest ? at : highest;
                        next_kept++;
                } else if (at > pending) {
                        pending = at;
                }
        }
        if (pending > highest) {
                row[n] = n_kept;
                ms[n++] = pending;
        }
        batch->n_steps = n;
        batch->step_row = row;
        batch->step_ms = ms;
}

static void gather(struct scan *scan, struct vector *columns, uint32_t n_columns, const uint32_t *selection, uint32_t n)
{
        for (uint32_t c = 0; c < n_columns; c++) {
                struct vector source = columns[c];

                vector_gather(&source, selection, n, &columns[c], &scan->arena);
        }
}

/* Filtered rows leave; those that stay become the record's rows. Returns which those are, NULL: all. */
static const uint32_t *keep_rows(struct scan *scan, int64_t *candidate, uint32_t n_rows, uint32_t *accepted,
                                 uint32_t n_accepted, struct record_batch *batch)
{
        const struct plan_source *source = scan->source;
        struct batch all = {.n_rows = n_rows, .n_columns = source->n_columns, .columns = scan->columns};
        uint32_t *kept = accepted;
        uint32_t n_kept = n_accepted, n_logged = 0;
        struct vector *logged = arena_take(&scan->arena, (size_t)(source->n_columns + 1) * sizeof *logged, 16);

        if (scan->filter != NULL && n_accepted > 0) {
                uint64_t *failed = arena_zero(&scan->arena, bitmap_words(n_rows) * 8, 8);
                uint32_t *passed = arena_take(&scan->arena, (size_t)n_rows * sizeof *passed, 4);
                bool any_failed = false; /* a common filter cannot fail: plan.h */
                uint32_t n_passed = eval_filter(scan->filter, scan->state, &all, passed, failed, &any_failed);

                if (n_passed < n_rows && accepted != NULL) {
                        uint32_t a = 0;

                        n_kept = 0;
                        for (uint32_t p = 0; p < n_passed; p++) {
                                while (a < n_accepted && accepted[a] < passed[p])
                                        a++;
                                if (a < n_accepted && accepted[a] == passed[p])
                                        passed[n_kept++] = passed[p];
                        }
                        kept = passed;
                } else if (n_passed < n_rows) {
                        kept = passed;
                        n_kept = n_passed;
                }
                if (n_kept < n_accepted && source->rowtime >= 0)
                        make_steps(scan, candidate, accepted, n_accepted, kept, n_kept, batch);
        }
        batch->n_filtered = n_accepted - n_kept;
        for (uint32_t c = 0; c < source->n_columns; c++)
                if (source->is_logged[c])
                        logged[n_logged++] = scan->columns[c];
        if (n_kept < n_rows) {
                gather(scan, logged, n_logged, kept, n_kept);
                if (candidate != NULL)
                        for (uint32_t k = 0; k < n_kept; k++)
                                candidate[k] = candidate[kept[k]];
        }
        batch->rows = (struct batch){.n_rows = n_kept, .n_columns = n_logged, .columns = logged};
        batch->rows_bytes = record_row_bytes_all(&batch->rows);
        batch->candidate_ms = candidate;
        return n_kept < n_rows ? kept : NULL;
}

/* Kept rows that no record can hold. false: there are none. */
static bool condemn_too_large(struct scan *scan, const struct record_batch *batch, const uint32_t *kept,
                              struct dead_list *list)
{
        uint32_t n_before = list->n;

        if (batch->rows_bytes <= scan->row_bytes)
                return false;
        for (uint32_t i = 0; i < batch->rows.n_rows; i++) {
                size_t bytes = record_row_bytes(&batch->rows, i);

                if (bytes > scan->row_bytes)
                        dead_list_add(list, kept == NULL ? i : kept[i], reason_word(REASON_TOO_LARGE),
                                      arena_format(&scan->arena, "the row takes up to %zu bytes in the log, where %zu "
                                                   "fit one record", bytes, scan->row_bytes));
        }
        return list->n > n_before;
}

void scan_run(struct scan *scan, const struct scan_input *input, struct scan_result *ret_result)
{
        uint32_t n_rows = input->decoded.n_rows;
        struct dead_list list;
        const uint32_t *kept;
        uint32_t n_accepted;

        assert(n_rows <= LIMIT_ROWS_PER_VECTOR && input->decoded.n_columns == scan->source->n_decoded);
        arena_reset(&scan->arena);
        eval_reset(scan->state);
        memset(ret_result, 0, sizeof *ret_result);
        list.n = 0;
        list.dead = arena_take(&scan->arena, ((size_t)n_rows + 1) * sizeof *list.dead, 8);
        list.is_removed = arena_zero(&scan->arena, bitmap_words(n_rows) * 8 + 8, 8);
        match_duplicates(scan, input, list.is_removed, ret_result);
        for (uint32_t c = 0; c < input->decoded.n_columns; c++)
                scan->columns[c] = input->decoded.columns[c];
        run_computed(scan, n_rows, &list);
        do { /* once more, without them, if rows turn out to be too large */
                int64_t *candidate = NULL;
                uint32_t *accepted;

                if (scan->source->rowtime >= 0) {
                        candidate = run_watermark(scan, n_rows, &list);
                        check_rowtime(scan, input, &list);
                }
                accepted = select_accepted(scan, n_rows, list.is_removed, &n_accepted);
                kept = keep_rows(scan, candidate, n_rows, accepted, n_accepted, &ret_result->batch);
        } while (condemn_too_large(scan, &ret_result->batch, kept, &list));
        ret_result->batch.source = scan->source_index;
        ret_result->batch.arrival_ms = input->arrival_ms;
        ret_result->batch.n_dead = list.n;
        ret_result->dead = list.dead;
        ret_result->n_dead = list.n;
}
