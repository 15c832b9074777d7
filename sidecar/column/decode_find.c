/* decode_find.c - the walk from event to event.
 *
 * Where the next event begins hangs on the length of this one's body: a chain of loads, each waiting for the
 * one before, and so the slowest part of decoding. It is kept short (known header layouts need no walk; the
 * common body length, 64 to 8191, is one load and three additions), and its waiting times are used: a text to
 * skip and the first number or string to load, if the program begins so, are done here, event by event. */
#include "sidecar/column/decode_find.h"

#include "sidecar/column/decode_lane.h"
#include "sidecar/column/decode_text.h"

/* Makes the layout that the headers at `at` match the current one; false: none does. */
static bool find_layout(struct decode_program *program, const uint8_t *at, const uint8_t *end)
{
        for (uint32_t i = 0; i < DECODE_LAYOUTS; i++) {
                const struct envelope_layout *layout = &program->layouts[i];

                if (layout->len < (size_t)(end - at) && envelope_layout_matches(layout, at)) {
                        program->layout = layout;
                        return true;
                }
        }
        return false;
}

/* A layout that was not known replaces the oldest. Where headers never repeat, learning ever new ones would be
 * wasted: after a row of failures only one in so many is learnt. */
static void learn_layout(struct decode_program *program, const struct envelope *envelope, const uint8_t *start)
{
        struct envelope_layout *layout = &program->layouts[program->next_layout];

        program->n_unmatched++;
        if (program->n_unmatched > 2 * DECODE_LAYOUTS && program->n_unmatched % 64 != 0)
                return;
        if (!envelope_layout_learn(layout, envelope, start))
                return;
        program->layout = layout;
        program->next_layout = (program->next_layout + 1) % DECODE_LAYOUTS;
}

static void put_headers(struct decode_program *program, uint32_t lane)
{
        for (uint32_t h = 0; h < program->n_headers; h++)
                program->headers[h].value[lane] = program->wanted_headers[h].value;
}

static void put_laid_out_headers(struct decode_program *program, uint32_t lane, const uint8_t *begin)
{
        for (uint32_t h = 0; h < program->n_headers; h++) {
                struct envelope_place place = program->layout->places[h];
                const uint8_t *value = place.offset == 0 ? NULL : begin + place.offset;

                program->headers[h].value[lane] = slice_make(value, place.len);
        }
}

/* One event at find->at by the patient walk: the body's position, and *ret_next behind the event. NULL: it is
 * not whole, or, with *ret_failed, no event. */
static const uint8_t *find_patiently(struct decode_find *find, bool *ret_failed, const uint8_t **ret_next,
                                     struct err *err)
{
        struct decode_program *program = find->program;
        struct decode_span *span = find->span;
        struct envelope envelope = {.at = find->at,
                                    .end = span->end,
                                    .n_wanted = program->n_headers,
                                    .wanted = program->wanted_headers};

        if (!envelope_read(&envelope)) {
                *ret_failed = envelope.problem != NULL;
                if (*ret_failed)
                        (void)err_set(err, ERR_DATA, "event %u: %s in the headers or in the length of the body",
                                      span->n_events + find->n + 1, envelope.problem);
                span->need_bytes = (size_t)(span->end - find->at) + envelope.missing;
                return NULL;
        }
        if (!find_layout(program, find->at, span->end))
                learn_layout(program, &envelope, find->at);
        put_headers(program, find->n);
        program->lanes.at[find->n] = envelope.body.data;
        program->lanes.end[find->n] = envelope.at;
        if (envelope.is_too_large)
                decode_lane_fail(program, find->n, REASON_TOO_LARGE, NULL);
        *ret_next = envelope.at;
        return envelope.body.data;
}

/* ---- what is done on the way ---- */

enum first_text { TEXT_NONE, TEXT_SKIP, TEXT_HASH };
enum first_load { LOAD_NOTHING, LOAD_LONG, LOAD_CODE };

struct first {
        struct decode_run run;
        enum first_text text;            /* steps[0] */
        enum first_load load;
        const struct decode_step *step;  /* of the load */
        int64_t *numbers;                /* where it goes, by lane */
        uint32_t *codes;
        struct decode_dictionary dictionary;
};

static struct first first_of(const struct decode_find *find, uint32_t *ret_n_steps)
{
        const struct decode_program *program = find->program;
        struct first first = {.run = {.program = find->program,
                                      .builder = find->builder,
                                      .lanes = &find->program->lanes,
                                      .row = find->builder->n_rows}};
        uint32_t s = 0;

        if (program->n_steps > 0 && program->steps[0].kind == STEP_HASH_TEXT)
                first.text = TEXT_HASH;
        else if (program->n_steps > 0 && program->steps[0].kind == STEP_SKIP_RUN && program->steps[0].n_longs == 0 &&
                 program->steps[0].n_texts == 1)
                first.text = TEXT_SKIP;
        s += first.text != TEXT_NONE;
        if (s < program->n_steps) {
                const struct decode_step *step = &program->steps[s];
                const struct builder_column *column = &find->builder->columns[step->column];

                first.step = step;
                if (step->kind == STEP_LOAD_LONG) {
                        first.load = LOAD_LONG;
                        first.numbers = column->i64 + first.run.row;
                } else if (step->kind == STEP_LOAD_TEXT && column->spec.intern != NULL &&
                           !column->spec.intern->is_closed) {
                        first.load = LOAD_CODE;
                        first.codes = column->code + first.run.row;
                        first.dictionary = decode_lane_dictionary(column->spec.intern);
                }
                s += first.load != LOAD_NOTHING;
        }
        *ret_n_steps = s;
        return first;
}

/* The steps at the front of the program for one event whose body begins at `at`; its lane's end is there
 * already, its position is set here. */
static inline __attribute__((always_inline)) void run_first(struct first *first, uint32_t lane, const uint8_t *at,
                                                            const uint8_t *end, enum first_text text,
                                                            enum first_load load, bool has_pext)
{
        struct decode_program *program = first->run.program;

        if (text == TEXT_SKIP)
                at = decode_lane_skip_text(program, lane, at, end, program->steps);
        if (text == TEXT_HASH)
                at = decode_text_hash(&first->run, lane, at, program->steps);
        if (load == LOAD_LONG && DECODE_LIKELY(at != NULL))
                at = decode_lane_load_long(program, lane, at, end, &first->numbers[lane], first->step, has_pext);
        if (load == LOAD_CODE && DECODE_LIKELY(at != NULL))
                at = decode_lane_load_code(&first->run, lane, at, end, &first->codes[lane], &first->dictionary,
                                           first->step);
        if (DECODE_LIKELY(at != NULL)) /* else it is among the zeros */
                program->lanes.at[lane] = at;
}

/* ---- the loop ---- */

/* SHORT: headers and length may be read behind the begin of any event, even one at the end of the span. */
enum headers { HEADERS_NONE, HEADERS_SHORT, HEADERS_ANY };
enum { SHORT_BYTES_MAX = DECODE_PAD_BYTES - 2 };

_Static_assert((int)ENVELOPE_SHORT_BYTES <= (int)DECODE_PAD_BYTES, "loads stay inside the pad");

static enum headers headers_of(const struct envelope_layout *layout)
{
        return layout->len == 1 ? HEADERS_NONE : layout->len <= SHORT_BYTES_MAX ? HEADERS_SHORT : HEADERS_ANY;
}

static inline __attribute__((always_inline)) bool is_laid_out(const struct envelope_layout *layout, const uint8_t *at,
                                                              const uint8_t *span_end, enum headers headers)
{
        if (headers == HEADERS_NONE)
                return at[0] == 0;
        if (headers == HEADERS_SHORT)
                return envelope_layout_matches_short(layout, at);
        return layout->len < (size_t)(span_end - at) && envelope_layout_matches(layout, at);
}

/* Fills lanes as long as events carry the headers of program->layout. */
static inline __attribute__((always_inline)) void find_laid_out(struct decode_find *find, struct first *first,
                                                                enum headers headers, enum first_text text,
                                                                enum first_load load, bool has_pext)
{
        struct decode_program *program = find->program;
        const struct envelope_layout *layout = program->layout;
        size_t layout_len = headers == HEADERS_NONE ? 1 : layout->len;
        const uint8_t *at = find->at;
        const uint8_t *span_end = find->span->end;
        bool has_headers = program->n_headers > 0;
        uint32_t lane = find->n, most = find->most;

        for (; lane < most && is_laid_out(layout, at, span_end, headers); lane++) {
                const uint8_t *body = at + layout_len + 2;
                size_t low = body[-2], high = body[-1];
                const uint8_t *next = body - 64 + (low >> 1) + (high << 6);

                if (DECODE_UNLIKELY((((low ^ 0x80) & 0x81) | (high & 0x80)) != 0)) {
                        if ((low & 0x81) != 0)
                                break;
                        body--;
                        next = body + (low >> 1);
                }
                if (DECODE_UNLIKELY(next > span_end)) {
                        find->is_ended = body <= span_end; /* else the length itself is cut */
                        find->span->need_bytes = (size_t)(next - at);
                        break;
                }
                program->lanes.end[lane] = next;
                if (has_headers)
                        put_laid_out_headers(program, lane, at);
                run_first(first, lane, body, next, text, load, has_pext);
                at = next;
        }
        find->n = lane;
        find->at = at;
}

static inline __attribute__((always_inline)) void find_by_load(struct decode_find *find, struct first *first,
                                                               enum headers headers, enum first_text text,
                                                               bool has_pext)
{
        if (first->load == LOAD_LONG)
                find_laid_out(find, first, headers, text, LOAD_LONG, has_pext);
        else if (first->load == LOAD_CODE)
                find_laid_out(find, first, headers, text, LOAD_CODE, has_pext);
        else
                find_laid_out(find, first, headers, text, LOAD_NOTHING, has_pext);
}

static inline __attribute__((always_inline)) void find_by_first(struct decode_find *find, struct first *first,
                                                                enum headers headers, bool has_pext)
{
        if (first->text == TEXT_SKIP)
                find_by_load(find, first, headers, TEXT_SKIP, has_pext);
        else if (first->text == TEXT_HASH)
                find_by_load(find, first, headers, TEXT_HASH, has_pext);
        else
                find_by_load(find, first, headers, TEXT_NONE, has_pext);
}

static inline __attribute__((always_inline)) void find_by_headers(struct decode_find *find, struct first *first,
                                                                  bool has_pext)
{
        switch (headers_of(find->program->layout)) {
        case HEADERS_NONE:
                find_by_first(find, first, HEADERS_NONE, has_pext);
                return;
        case HEADERS_SHORT:
                find_by_first(find, first, HEADERS_SHORT, has_pext);
                return;
        default:
                find_by_first(find, first, HEADERS_ANY, has_pext);
                return;
        }
}

static void find_run(struct decode_find *find, struct first *first)
{
        find_by_headers(find, first, false);
}

VARINT_PEXT_TARGET static void find_run_pext(struct decode_find *find, struct first *first)
{
        find_by_headers(find, first, true);
}

/* The span ends inside headers that look like the layout's so far: then it needs no walk to know that the event
 * is not whole. */
static bool is_cut_in_headers(const struct decode_find *find)
{
        const struct envelope_layout *layout = find->program->layout;
        size_t len = (size_t)(find->span->end - find->at);
        uint8_t difference = 0;

        if (len >= layout->len)
                return false;
        for (size_t i = 0; i < len; i++)
                difference |= (uint8_t)((find->at[i] ^ layout->expect[i]) & layout->mask[i]);
        return difference == 0;
}

int decode_find_events(struct decode_find *find, struct err *err)
{
        struct decode_lanes *lanes = &find->program->lanes;
        struct first first = first_of(find, &find->n_steps_done);
        bool failed = false;

        find->at = lanes->begin = find->span->at;
        memset(lanes->reason, REASON_NONE, find->most);
        for (;;) {
                const uint8_t *body, *next;

                if (find->program->has_pext)
                        find_run_pext(find, &first);
                else
                        find_run(find, &first);
                if (find->n == find->most || find->is_ended)
                        return 0;
                if (is_cut_in_headers(find)) {
                        find->span->need_bytes = (size_t)(find->span->end - find->at) + 1;
                        find->is_ended = true;
                        return 0;
                }
                body = find_patiently(find, &failed, &next, err);
                if (body == NULL) {
                        find->is_ended = true;
                        return failed ? -1 : 0;
                }
                if (lanes->reason[find->n] == REASON_NONE)
                        run_first(&first, find->n, body, next, first.text, first.load, false);
                find->at = next;
                find->n++;
        }
}
