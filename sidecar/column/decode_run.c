/* decode_run.c - the loops: one step, all events of a group.
 *
 * Each loop reads at its event's position, compares the new position with the event's end, and stores it. What
 * is unusual (a long length, nine-byte numbers, an end that comes too soon) goes to a function of its own; what
 * is wrong sends the event on over zeros (decode_lane_fail), and its row is overwritten or taken out when the
 * group is complete.
 *
 * Every loop exists four times: for the whole group and for the events that a SELECT let through, with and
 * without the PEXT instruction. `sel` (NULL: all) and `has_pext` are constants where the loops are
 * instantiated, at the end of this file. */
#include "sidecar/column/decode_convert.h"
#include "sidecar/column/decode_lane.h"
#include "sidecar/column/decode_text.h"
#include "sidecar/column/skip.h"

#include <assert.h>

#define LOOP static inline __attribute__((always_inline)) void

static inline size_t lane_of(const uint8_t *sel, size_t k)
{
        return sel == NULL ? k : sel[k];
}

/* ---- skips ---- */

/* Longs, then texts. The numbers are constants for the runs that most schemas have, and then no loop is left. */
LOOP skip_run(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n,
              uint32_t n_longs, uint32_t n_texts)
{
        struct decode_program *program = run->program;
        const uint8_t **at_of = run->lanes->at, **end_of = run->lanes->end;

        for (size_t k = 0; k < n; k++) {
                size_t i = lane_of(sel, k);
                const uint8_t *at = at_of[i], *end = end_of[i];

                if (n_longs > 0)
                        at = decode_lane_skip_long(program, (uint32_t)i, at, end, step);
                for (uint32_t c = 1; c < n_longs && at != NULL; c++)
                        at = decode_lane_skip_long(program, (uint32_t)i, at, end, step);
                if (n_texts > 0 && at != NULL)
                        at = decode_lane_skip_text(program, (uint32_t)i, at, end, step);
                if (n_texts > 1 && at != NULL)
                        at = decode_lane_skip_text(program, (uint32_t)i, at, end, step);
                if (n_texts > 2 && at != NULL)
                        at = decode_lane_skip_text(program, (uint32_t)i, at, end, step);
                for (uint32_t c = 3; c < n_texts && at != NULL; c++)
                        at = decode_lane_skip_text(program, (uint32_t)i, at, end, step);
                if (DECODE_LIKELY(at != NULL)) /* else it is among the zeros */
                        at_of[i] = at;
        }
}

LOOP skip_runs(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        switch (step->n_longs * 8 + (step->n_texts < 8 ? step->n_texts : 7)) {
        case 1:
                skip_run(run, step, sel, n, 0, 1);
                return;
        case 2:
                skip_run(run, step, sel, n, 0, 2);
                return;
        case 3:
                skip_run(run, step, sel, n, 0, 3);
                return;
        case 8:
                skip_run(run, step, sel, n, 1, 0);
                return;
        case 9:
                skip_run(run, step, sel, n, 1, 1);
                return;
        case 10:
                skip_run(run, step, sel, n, 1, 2);
                return;
        case 11:
                skip_run(run, step, sel, n, 1, 3);
                return;
        default:
                skip_run(run, step, sel, n, step->n_longs, step->n_texts);
                return;
        }
}

/* By the patient walk: what is rare, or complicated. */
LOOP skip_values(struct decode_run *run, const struct decode_step *step, const struct schema_node *node,
                 const uint8_t *sel, uint32_t n, uint32_t count)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);
                struct skip skip = skip_make(run->lanes->end[i]);

                for (uint32_t c = 0; c < count; c++) {
                        const uint8_t *next = skip_value(&skip, node, run->lanes->at[i]);

                        if (DECODE_UNLIKELY(next == NULL)) {
                                decode_lane_fail(run->program, i, skip.reason, step);
                                break;
                        }
                        run->lanes->at[i] = next;
                }
        }
}

LOOP skip_fixed(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);

                if (DECODE_UNLIKELY((size_t)(run->lanes->end[i] - run->lanes->at[i]) < step->count))
                        decode_lane_fail(run->program, i, REASON_TRUNCATED, step);
                else
                        run->lanes->at[i] += step->count;
        }
}

/* Moves over the branch of a union and gives it; -1: the lane failed. */
static inline int32_t take_branch(struct decode_run *run, uint32_t lane, const struct decode_step *step)
{
        const uint8_t *at = run->lanes->at[lane];
        const uint8_t *next = at + 1;
        int64_t branch = varint_unzigzag(at[0]);

        if (DECODE_UNLIKELY(at[0] >= 0x80 || next > run->lanes->end[lane])) {
                next = decode_lane_walk_long(run->program, lane, at, step, &branch);
                if (next == NULL)
                        return -1;
        }
        run->lanes->at[lane] = next;
        if (DECODE_LIKELY(branch >= 0 && (branch == step->value_branch || branch == step->null_branch)))
                return (int32_t)branch;
        decode_lane_fail(run->program, lane, REASON_BAD_BRANCH, step);
        return -1;
}

LOOP skip_optional(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n,
                   enum decode_step_kind kind)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);
                const uint8_t *at, *end, *next;

                if (take_branch(run, i, step) != step->value_branch)
                        continue;
                at = run->lanes->at[i];
                end = run->lanes->end[i];
                if (kind == STEP_SKIP_OPTIONAL_TEXT) {
                        next = decode_lane_skip_text(run->program, i, at, end, step);
                } else if (kind == STEP_SKIP_OPTIONAL_LONG) {
                        next = decode_lane_skip_long(run->program, i, at, end, step);
                } else {
                        next = (size_t)(end - at) < step->count ? NULL : at + step->count;
                        if (DECODE_UNLIKELY(next == NULL))
                                decode_lane_fail(run->program, i, REASON_TRUNCATED, step);
                }
                if (DECODE_LIKELY(next != NULL))
                        run->lanes->at[i] = next;
        }
}

/* ---- loads ---- */

LOOP load_longs(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, bool has_pext)
{
        struct decode_program *program = run->program;
        int64_t *out = run->builder->columns[step->column].i64 + run->row;
        const uint8_t **at_of = run->lanes->at, **end_of = run->lanes->end;

        for (size_t k = 0; k < n; k++) {
                size_t i = lane_of(sel, k);
                const uint8_t *next = decode_lane_load_long(program, (uint32_t)i, at_of[i], end_of[i], &out[i], step,
                                                            has_pext);

                if (DECODE_LIKELY(next != NULL))
                        at_of[i] = next;
        }
}

LOOP load_ints(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, bool has_pext)
{
        struct decode_program *program = run->program;
        int64_t *out = run->builder->columns[step->column].i64 + run->row;
        const uint8_t **at_of = run->lanes->at, **end_of = run->lanes->end;

        for (size_t k = 0; k < n; k++) {
                size_t i = lane_of(sel, k);
                const uint8_t *next = decode_lane_load_long(program, (uint32_t)i, at_of[i], end_of[i], &out[i], step,
                                                            has_pext);

                if (DECODE_UNLIKELY(next == NULL))
                        continue;
                if (DECODE_UNLIKELY(out[i] != (int32_t)out[i]))
                        decode_lane_fail(run->program, (uint32_t)i, REASON_BAD_INT, step);
                else
                        at_of[i] = next;
        }
}

LOOP load_booleans(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        int64_t *out = run->builder->columns[step->column].i64 + run->row;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];

                if (DECODE_UNLIKELY(at == run->lanes->end[i] || at[0] > 1)) {
                        (void)decode_lane_walk(run->program, i, at, SCHEMA_BOOLEAN, step);
                        continue;
                }
                out[i] = at[0];
                run->lanes->at[i] = at + 1;
        }
}

LOOP load_doubles(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, bool is_float)
{
        double *out = run->builder->columns[step->column].f64 + run->row;
        ptrdiff_t bytes = is_float ? 4 : 8;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];

                if (DECODE_UNLIKELY(run->lanes->end[i] - at < bytes)) {
                        decode_lane_fail(run->program, i, REASON_TRUNCATED, step);
                        continue;
                }
                if (is_float) {
                        uint32_t bits = bytes_get_u32(at);
                        float value;

                        memcpy(&value, &bits, sizeof(value));
                        out[i] = (double)value;
                } else {
                        uint64_t bits = bytes_get_u64(at);

                        memcpy(&out[i], &bits, sizeof(bits));
                }
                run->lanes->at[i] = at + bytes;
        }
}

/* While the column's dictionary is open. */
LOOP load_codes(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        struct builder_column *column = &run->builder->columns[step->column];
        struct decode_dictionary dictionary = decode_lane_dictionary(column->spec.intern);
        uint32_t *out = column->code + run->row;
        const uint8_t **at_of = run->lanes->at, **end_of = run->lanes->end;

        for (size_t k = 0; k < n; k++) {
                size_t i = lane_of(sel, k);
                const uint8_t *next =
                        decode_lane_load_code(run, (uint32_t)i, at_of[i], end_of[i], &out[i], &dictionary, step);

                if (DECODE_LIKELY(next != NULL))
                        at_of[i] = next;
        }
}

LOOP load_texts(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);
                const uint8_t *next = decode_text_load(run, i, run->lanes->at[i], step);

                if (DECODE_LIKELY(next != NULL))
                        run->lanes->at[i] = next;
        }
}

LOOP load_enums(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        uint32_t *out = run->builder->columns[step->column].code + run->row;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);
                const uint8_t *at = run->lanes->at[i];
                const uint8_t *next = at + 1;
                int64_t symbol = varint_unzigzag(at[0]);

                if (DECODE_UNLIKELY(at[0] >= 0x80 || next > run->lanes->end[i])) {
                        next = decode_lane_walk_long(run->program, i, at, step, &symbol);
                        if (next == NULL)
                                continue;
                }
                if (DECODE_UNLIKELY(symbol < 0 || symbol >= step->count)) {
                        decode_lane_fail(run->program, i, REASON_BAD_SYMBOL, step);
                        continue;
                }
                out[i] = (uint32_t)symbol;
                run->lanes->at[i] = next;
        }
}

/* ---- unions ---- */

/* Lanes of the value branch go to ret_sel; the others get NULL where the value branch would have loaded. */
LOOP select_lanes(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n,
                  uint8_t ret_sel[DECODE_GROUP], uint32_t *ret_n)
{
        uint32_t n_selected = 0;

        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);
                int32_t branch = take_branch(run, i, step);

                ret_sel[n_selected] = (uint8_t)i;
                n_selected += branch == step->value_branch;
                if (branch != step->value_branch && branch >= 0) {
                        for (uint32_t c = 0; c < step->n_nulls; c++)
                                decode_convert_null(run, i, step->null_columns[c], step);
                }
        }
        *ret_n = n_selected;
}

/* ---- the programs ---- */

static void run_selected(struct decode_run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n);
static void run_selected_pext(struct decode_run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n);

LOOP run_skip(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        struct schema_node simple = {.min_bytes = 1, .n_symbols = step->count};

        switch (step->kind) {
        case STEP_SKIP_RUN:
                skip_runs(run, step, sel, n);
                return;
        case STEP_SKIP_INT:
                simple.kind = SCHEMA_INT;
                skip_values(run, step, &simple, sel, n, step->count);
                return;
        case STEP_SKIP_BOOLEAN:
                simple.kind = SCHEMA_BOOLEAN;
                skip_values(run, step, &simple, sel, n, step->count);
                return;
        case STEP_SKIP_ENUM:
                simple.kind = SCHEMA_ENUM;
                skip_values(run, step, &simple, sel, n, 1);
                return;
        case STEP_SKIP_FIXED:
                skip_fixed(run, step, sel, n);
                return;
        case STEP_SKIP_OPTIONAL_TEXT:
                skip_optional(run, step, sel, n, STEP_SKIP_OPTIONAL_TEXT);
                return;
        case STEP_SKIP_OPTIONAL_LONG:
                skip_optional(run, step, sel, n, STEP_SKIP_OPTIONAL_LONG);
                return;
        case STEP_SKIP_OPTIONAL_FIXED:
                skip_optional(run, step, sel, n, STEP_SKIP_OPTIONAL_FIXED);
                return;
        default:
                skip_values(run, step, step->node, sel, n, 1);
                return;
        }
}

LOOP hash_texts(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n)
{
        for (uint32_t k = 0; k < n; k++) {
                uint32_t i = (uint32_t)lane_of(sel, k);
                const uint8_t *next = decode_text_hash(run, i, run->lanes->at[i], step);

                if (DECODE_LIKELY(next != NULL))
                        run->lanes->at[i] = next;
        }
}

/* All of a group at once where no product can overflow, which is what the column itself is asked for. False: one by
 * one. */
static inline __attribute__((always_inline)) bool multiply_longs(struct decode_run *run, const struct decode_step *step,
                                                                 uint32_t n)
{
        int64_t *values = run->builder->columns[step->column].i64 + run->row;
        int64_t factor = step->factor;
        uint64_t most = (uint64_t)(INT64_MAX / factor);
        bool is_beyond = false;

        for (uint32_t i = 0; i < n; i++)
                is_beyond |= (uint64_t)values[i] + most > 2 * most;
        if (is_beyond)
                return false;
        for (uint32_t i = 0; i < n; i++)
                values[i] *= factor;
        return true;
}

LOOP run_load(struct decode_run *run, const struct decode_step *step, const uint8_t *sel, uint32_t n, bool has_pext)
{
        const struct intern *intern = run->builder->columns[step->column].spec.intern;

        switch (step->kind) {
        case STEP_LOAD_BOOLEAN:
                load_booleans(run, step, sel, n);
                return;
        case STEP_LOAD_INT:
                load_ints(run, step, sel, n, has_pext);
                return;
        case STEP_LOAD_LONG:
                load_longs(run, step, sel, n, has_pext);
                return;
        case STEP_LOAD_FLOAT:
                load_doubles(run, step, sel, n, true);
                return;
        case STEP_LOAD_DOUBLE:
                load_doubles(run, step, sel, n, false);
                return;
        case STEP_LOAD_TEXT:
                if (intern != NULL && !intern->is_closed)
                        load_codes(run, step, sel, n);
                else
                        load_texts(run, step, sel, n);
                return;
        case STEP_LOAD_ENUM:
                load_enums(run, step, sel, n);
                return;
        case STEP_HASH_TEXT:
                hash_texts(run, step, sel, n);
                return;
        default:
                break;
        }
        for (uint32_t k = 0; k < n; k++)
                decode_convert_load(run, (uint32_t)lane_of(sel, k), step);
}

LOOP run_steps(struct decode_run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n, bool has_pext)
{
        for (uint32_t s = first; s < first + n_steps && n > 0; s++) {
                const struct decode_step *step = &run->program->steps[s];

                if (step->kind < STEP_LOAD_BOOLEAN) {
                        run_skip(run, step, sel, n);
                } else if (step->kind < STEP_TO_DOUBLE) {
                        run_load(run, step, sel, n, has_pext);
                } else if (step->kind < STEP_SELECT) {
                        if (step->kind == STEP_MULTIPLY && sel == NULL && multiply_longs(run, step, n))
                                continue;
                        for (uint32_t k = 0; k < n; k++)
                                decode_convert_value(run, (uint32_t)lane_of(sel, k), step);
                } else {
                        uint8_t selected[DECODE_GROUP];
                        uint32_t n_selected;

                        select_lanes(run, step, sel, n, selected, &n_selected);
                        if (has_pext)
                                run_selected_pext(run, s + 1, step->count, selected, n_selected);
                        else
                                run_selected(run, s + 1, step->count, selected, n_selected);
                        s += step->count;
                }
        }
}

static void run_selected(struct decode_run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n)
{
        run_steps(run, first, n_steps, sel, n, false);
}

VARINT_PEXT_TARGET
static void run_selected_pext(struct decode_run *run, uint32_t first, uint32_t n_steps, const uint8_t *sel, uint32_t n)
{
        run_steps(run, first, n_steps, sel, n, true);
}

static void run_all(struct decode_run *run, uint32_t first, uint32_t n_steps, uint32_t n)
{
        run_steps(run, first, n_steps, NULL, n, false);
}

VARINT_PEXT_TARGET
static void run_all_pext(struct decode_run *run, uint32_t first, uint32_t n_steps, uint32_t n)
{
        run_steps(run, first, n_steps, NULL, n, true);
}

void decode_run_begin(struct decode_program *program, struct builder *builder, uint32_t most)
{
        assert(most <= DECODE_GROUP && builder->capacity - builder->n_rows >= most);
        for (uint32_t c = 0; c < program->n_nullable; c++)
                memset(builder->columns[program->nullable[c]].present + builder->n_rows, 1, most);
}

void decode_run_steps(struct decode_program *program, struct builder *builder, uint32_t first_step, uint32_t n)
{
        struct decode_run run = {
                .program = program, .builder = builder, .lanes = &program->lanes, .row = builder->n_rows};

        if (program->has_pext)
                run_all_pext(&run, first_step, program->n_steps - first_step, n);
        else
                run_all(&run, first_step, program->n_steps - first_step, n);
}
