/* decode.c - from spans of AvroFlumeEvents to rows, group by group.
 *
 *     find events      boundaries of up to 64 events: headers walked over, lengths of bodies compared with the span
 *     run steps        decode_run.c: every step over all of them, straight into the builder's arrays
 *     finish group     fingerprints; failed events leave the rows and become dead letters, in order */
#include "sidecar/column/decode.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/decode_lane.h"
#include "sidecar/column/json.h"
#include "sidecar/column/skip.h"

#include <assert.h>

enum { PROGRAM_ARENA_CHUNK_BYTES = 16 << 10 };

int decode_compile(const struct decode_config *config, struct decode_program **ret_program, struct err *err)
{
        struct decode_program *program = alloc_zero(1, sizeof(*program));

        arena_init(&program->arena, PROGRAM_ARENA_CHUNK_BYTES, 0);
        program->format = config->format;
        program->schema = config->schema;
        program->fingerprint = config->fingerprint;
        program->fingerprint_column = config->fingerprint_column;
        program->fingerprint_key = config->fingerprint_key;
        program->has_pext = varint_has_pext();
        assert(config->fingerprint != DECODE_FINGERPRINT_COLUMN || config->fingerprint_column < config->n_columns);
        if (decode_program_compile(program, config, err) < 0 ||
            (config->format == DECODE_JSON && json_reader_new(config, &program->json, err) < 0)) {
                decode_free(program);
                return -1;
        }
        *ret_program = program;
        return 0;
}

struct decode_program *decode_free(struct decode_program *program)
{
        if (program == NULL)
                return NULL;
        for (uint32_t c = 0; program->specs != NULL && c < program->n_columns; c++)
                intern_free(program->specs[c].intern);
        json_reader_free(program->json);
        alloc_free(program->steps);
        arena_done(&program->arena);
        alloc_free(program);
        return NULL;
}

void decode_builder_init(const struct decode_program *program, struct builder *builder)
{
        builder_init(builder, program->specs, program->n_columns, program->fingerprint != DECODE_FINGERPRINT_NONE);
}

/* ---- groups ---- */

struct group {
        uint32_t n;        /* events in the lanes */
        bool is_bare;      /* events are data themselves, not AvroFlumeEvents */
        bool is_ended;     /* the span ends before the next event does */
        const uint8_t *at; /* behind the last event of the group */
};

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

static inline void put_laid_out_headers(struct decode_program *program, uint32_t lane, const uint8_t *start)
{
        for (uint32_t h = 0; h < program->n_headers; h++) {
                struct envelope_place place = program->layout->places[h];
                const uint8_t *value = place.offset == 0 ? NULL : start + place.offset;

                program->headers[h].value[lane] = slice_make(value, place.len);
        }
}

/* One event at `at` by the patient walk. Returns where the next one begins; NULL when this one is not whole, or no
 * event (`failed`). */
static __attribute__((noinline)) const uint8_t *find_event_slow(struct decode_program *program,
                                                                struct decode_span *span, const uint8_t *at,
                                                                uint32_t lane, bool *failed, struct err *err)
{
        struct decode_lanes *lanes = &program->lanes;
        struct envelope envelope = {
                .at = at, .end = span->end, .n_wanted = program->n_headers, .wanted = program->wanted_headers};

        if (!envelope_read(&envelope)) {
                *failed = envelope.problem != NULL;
                if (*failed)
                        (void)err_set(err, ERR_DATA, "event %u: %s in the headers or in the length of the body",
                                      span->n_events + lane + 1, envelope.problem);
                span->need_bytes = (size_t)(span->end - at) + envelope.missing;
                return NULL;
        }
        if (!find_layout(program, at, span->end))
                learn_layout(program, &envelope, at);
        put_headers(program, lane);
        lanes->at[lane] = envelope.body.data;
        lanes->end[lane] = envelope.at;
        if (envelope.is_too_large)
                decode_lane_fail(program, lane, REASON_TOO_LARGE, NULL);
        return envelope.at;
}

/* What find_events is instantiated for. SHORT: headers and length may be read behind the begin of any event,
 * even one at the end of the span. */
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

/* Finds events as long as they carry the headers of program->layout: the positions of lanes `lane`..most. Where
 * the next event begins hangs on the length of this one's body, and that chain of loads is what this loop
 * costs; so the common length, 64 to 8191, takes one load and three additions. is_text_first: the first step
 * skips one text, which is done here, in the shadow of the chain. Returns the lane behind the last one found.
 * */
static inline __attribute__((always_inline)) uint32_t find_laid_out(struct decode_program *program,
                                                                    const uint8_t **at_ptr, const uint8_t *span_end,
                                                                    uint32_t lane, uint32_t most, bool is_text_first,
                                                                    enum headers headers)
{
        struct decode_lanes *lanes = &program->lanes;
        const struct envelope_layout *layout = program->layout;
        size_t layout_len = headers == HEADERS_NONE ? 1 : layout->len;
        const uint8_t *at = *at_ptr;
        bool has_headers = program->n_headers > 0;

        for (; lane < most && is_laid_out(layout, at, span_end, headers); lane++) {
                const uint8_t *body = at + layout_len + 2;
                size_t low = body[-2], high = body[-1];
                const uint8_t *next = body - 64 + (low >> 1) + (high << 6);
                const uint8_t *position;

                if (DECODE_UNLIKELY((bytes_get_u16(body - 2) & 0x8081) != 0x80)) {
                        if ((low & 0x81) != 0)
                                break;
                        body--;
                        next = body + (low >> 1);
                }
                if (DECODE_UNLIKELY(next > span_end))
                        break;
                position = body;
                lanes->end[lane] = next;
                if (is_text_first) {
                        position = decode_lane_text_end(body, next);
                        if (DECODE_UNLIKELY(position == NULL))
                                position = decode_lane_walk(program, lane, body, SCHEMA_STRING, program->steps);
                        if (DECODE_UNLIKELY(position == NULL))
                                position = lanes->at[lane]; /* among the zeros */
                }
                lanes->at[lane] = position;
                if (has_headers)
                        put_laid_out_headers(program, lane, at);
                at = next;
        }
        *at_ptr = at;
        return lane;
}

static uint32_t find_laid_out_any(struct decode_program *program, const uint8_t **at, const uint8_t *span_end,
                                  uint32_t lane, uint32_t most, bool is_text_first)
{
        switch (headers_of(program->layout)) {
        case HEADERS_NONE:
                return is_text_first ? find_laid_out(program, at, span_end, lane, most, true, HEADERS_NONE)
                                     : find_laid_out(program, at, span_end, lane, most, false, HEADERS_NONE);
        case HEADERS_SHORT:
                return is_text_first ? find_laid_out(program, at, span_end, lane, most, true, HEADERS_SHORT)
                                     : find_laid_out(program, at, span_end, lane, most, false, HEADERS_SHORT);
        default:
                return is_text_first ? find_laid_out(program, at, span_end, lane, most, true, HEADERS_ANY)
                                     : find_laid_out(program, at, span_end, lane, most, false, HEADERS_ANY);
        }
}

/* Fills the lanes with up to `most` events of the span. */
static int find_events(struct decode_program *program, struct decode_span *span, struct group *group, uint32_t most,
                       bool is_text_first, struct err *err)
{
        struct decode_lanes *lanes = &program->lanes;
        bool failed = false;

        group->at = lanes->begin = span->at;
        memset(lanes->reason, REASON_NONE, most);
        for (;;) {
                const uint8_t *next;
                uint32_t lane;

                lane = group->n = find_laid_out_any(program, &group->at, span->end, group->n, most, is_text_first);
                if (lane == most)
                        return 0;
                next = find_event_slow(program, span, group->at, lane, &failed, err);
                if (next == NULL) {
                        group->is_ended = true;
                        return failed ? -1 : 0;
                }
                if (is_text_first && lanes->reason[lane] == REASON_NONE) {
                        const uint8_t *position =
                                decode_lane_walk(program, lane, lanes->at[lane], SCHEMA_STRING, program->steps);

                        if (position != NULL)
                                lanes->at[lane] = position;
                }
                group->at = next;
                group->n++;
        }
}

/* The bytes of a failed event that are its body. */
static struct slice body_of(const struct decode_program *program, const struct group *group, uint32_t lane)
{
        const uint8_t *begin = decode_lane_begin(&program->lanes, lane);
        const uint8_t *end = decode_lane_end(&program->lanes, lane);
        struct envelope envelope = {.at = begin, .end = end};
        bool is_whole;

        if (group->is_bare)
                return slice_make(begin, (size_t)(end - begin));
        is_whole = envelope_read(&envelope);
        assert(is_whole); /* as it was when the group was found */
        return envelope.body;
}

static uint64_t event_fingerprint(const struct decode_program *program, uint32_t lane)
{
        const uint8_t *begin = decode_lane_begin(&program->lanes, lane);

        return hash_bytes(&program->fingerprint_key, begin, (size_t)(program->lanes.end[lane] - begin));
}

static uint64_t column_fingerprint(const struct decode_program *program, const struct builder_column *column,
                                   uint32_t row)
{
        const struct hash_key *key = &program->fingerprint_key;
        struct slice text;

        switch (column->spec.phys) {
        case PHYS_STR:
                text = column->str[row];
                if (column->code != NULL && column->code[row] != INTERN_CODE_NONE)
                        text = builder_column_dict(column)->entry[column->code[row]];
                return hash_bytes(key, text.data, text.len);
        case PHYS_DEC:
                return hash_bytes(key, &column->dec[row], sizeof(column->dec[row]));
        default:
                return hash_bytes(key, &column->i64[row], sizeof(column->i64[row]));
        }
}

/* Of one row that came from the event in `lane`. */
static void add_fingerprint(const struct decode_program *program, struct builder *builder, uint32_t lane, uint32_t row)
{
        const struct builder_column *column = &builder->columns[program->fingerprint_column];

        if (program->fingerprint == DECODE_FINGERPRINT_EVENT || (column->present != NULL && column->present[row] == 0))
                builder->fingerprint[row] = event_fingerprint(program, lane);
        else if (!program->hashes_text)
                builder->fingerprint[row] = column_fingerprint(program, column, row);
}

/* False when there are none, or when the steps have made all of them. */
static bool needs_fingerprints(const struct decode_program *program, const struct builder *builder)
{
        if (program->fingerprint == DECODE_FINGERPRINT_NONE)
                return false;
        return !program->hashes_text || builder->columns[program->fingerprint_column].present != NULL;
}

static struct slice field_of(const struct decode_program *program, uint32_t step)
{
        return step < program->n_steps ? program->steps[step].field : slice_from_text("event");
}

/* Takes failed events out of the rows and keeps them as dead letters, in the order in which they came. */
static __attribute__((noinline)) int bury(struct decode_program *program, struct builder *builder,
                                          const struct group *group, struct err *err)
{
        const struct decode_lanes *lanes = &program->lanes;
        uint32_t base = builder->n_rows;

        for (uint32_t i = 0; i < group->n; i++) {
                if (lanes->reason[i] == REASON_NONE) {
                        if (builder->n_rows != base + i)
                                builder_move_row(builder, base + i, builder->n_rows);
                        builder->n_rows++;
                } else if (builder_append_dead(builder, (enum reason)lanes->reason[i],
                                               field_of(program, lanes->step[i]),
                                               body_of(program, group, i), err) < 0) {
                        return -1;
                }
        }
        return 0;
}

/* A group of one event whose body is JSON. */
static int finish_json(struct decode_program *program, struct builder *builder, const struct group *group,
                       struct err *err)
{
        enum reason reason = (enum reason)program->lanes.reason[0];
        struct slice field = field_of(program, program->lanes.step[0]);
        struct slice body = body_of(program, group, 0);
        uint32_t n = 0;

        if (reason == REASON_NONE &&
            json_reader_rows(program->json, builder, body, &n, &reason, &field, err) < 0)
                return -1;
        if (reason != REASON_NONE)
                return builder_append_dead(builder, reason, field, body, err);
        for (uint32_t i = 0; i < n && program->fingerprint != DECODE_FINGERPRINT_NONE; i++)
                add_fingerprint(program, builder, 0, builder->n_rows + i);
        builder->n_rows += n;
        return 0;
}

/* Runs the steps over the group and makes rows and dead letters of it. */
static int finish_group(struct decode_program *program, struct builder *builder, const struct group *group,
                        uint32_t first_step, struct err *err)
{
        bool has_failed;

        decode_run_steps(program, builder, first_step, group->n);
        has_failed = program->lanes.n_failed > 0;
        program->lanes.n_failed = 0;
        if (program->is_full) {
                program->is_full = false;
                return builder_overflow(err);
        }
        if (program->json != NULL)
                return group->n == 0 ? 0 : finish_json(program, builder, group, err);
        if (needs_fingerprints(program, builder))
                for (uint32_t i = 0; i < group->n; i++)
                        if (program->lanes.reason[i] == REASON_NONE)
                                add_fingerprint(program, builder, i, builder->n_rows + i);
        if (DECODE_UNLIKELY(has_failed))
                return bury(program, builder, group, err);
        builder->n_rows += group->n;
        return 0;
}

int decode_events(struct decode_program *program, struct builder *builder, struct decode_span *span, struct err *err)
{
        bool is_text_first = program->n_steps > 0 && program->steps[0].kind == STEP_SKIP_RUN &&
                             program->steps[0].n_longs == 0;

        span->n_events = 0;
        while (span->n_events < span->max_events) {
                struct group group = {.n = 0};
                uint32_t left = span->max_events - span->n_events;
                uint32_t most = program->json != NULL ? 1 : left < DECODE_GROUP ? left : DECODE_GROUP;
                int result;

                if (builder_reserve(builder, most, err) < 0)
                        return -1;
                result = find_events(program, span, &group, most, is_text_first, err);
                if (result < 0 || finish_group(program, builder, &group, is_text_first ? 1 : 0, err) < 0) {
                        program->lanes.n_failed = 0;
                        return -1;
                }
                span->at = group.at;
                span->n_events += group.n;
                if (group.is_ended)
                        return DECODE_E_MORE;
        }
        return 0;
}

/* ---- data without an envelope ---- */

static void bare_lane(struct decode_program *program, uint32_t lane, const uint8_t *at, const uint8_t *end)
{
        struct decode_lanes *lanes = &program->lanes;

        if (lane == 0)
                lanes->begin = at;
        lanes->at[lane] = at;
        lanes->end[lane] = end;
        lanes->reason[lane] = REASON_NONE;
        for (uint32_t h = 0; h < program->n_headers; h++)
                program->headers[h].value[lane] = slice_make(NULL, 0);
}

static int decode_block_groups(struct decode_program *program, struct builder *builder, struct slice block, uint64_t n,
                               struct err *err)
{
        const struct schema_node *root = schema_root(program->schema);
        const uint8_t *at = block.data;
        uint64_t done = 0;

        while (done < n) {
                uint64_t most = n - done < DECODE_GROUP ? n - done : DECODE_GROUP;
                struct group group = {.is_bare = true};
                struct skip skip = skip_make(block.data + block.len);

                if (builder_reserve(builder, DECODE_GROUP, err) < 0)
                        return -1;
                for (; group.n < most; group.n++) {
                        const uint8_t *next = skip_value(&skip, root, at);

                        if (next == NULL)
                                return err_set(err, ERR_DATA, "datum %llu of %llu in a block of %zu bytes: %s",
                                               (unsigned long long)(done + group.n + 1), (unsigned long long)n,
                                               block.len, reason_word(skip.reason));
                        bare_lane(program, group.n, at, next);
                        at = next;
                }
                group.at = at;
                if (finish_group(program, builder, &group, 0, err) < 0)
                        return -1;
                done += group.n;
        }
        if (at != block.data + block.len)
                return err_set(err, ERR_DATA, "%zu bytes behind the last datum of a block",
                               (size_t)(block.data + block.len - at));
        return 0;
}

int decode_block(struct decode_program *program, struct builder *builder, struct slice block, uint64_t n,
                 struct err *err)
{
        struct builder_mark mark = builder_mark(builder);

        assert(program->format == DECODE_AVRO);
        /* Records of nothing take no bytes: their number must be bounded by itself. */
        if (schema_root(program->schema)->min_bytes == 0 && n > LIMIT_ZERO_SIZE_ITEMS)
                return err_set(err, ERR_DATA, "a block of %llu records without bytes", (unsigned long long)n);
        if (decode_block_groups(program, builder, block, n, err) < 0) {
                builder_rollback(builder, mark);
                return -1;
        }
        return 0;
}

int decode_body(struct decode_program *program, struct builder *builder, struct slice body, struct err *err)
{
        struct group group = {.n = 1, .is_bare = true, .at = body.data + body.len};

        if (builder_reserve(builder, DECODE_GROUP, err) < 0)
                return -1;
        bare_lane(program, 0, body.data, body.data + body.len);
        if (body.len > LIMIT_EVENT_BODY_BYTES)
                decode_lane_fail(program, 0, REASON_TOO_LARGE, NULL);
        return finish_group(program, builder, &group, 0, err);
}

/* ---- for people ---- */

static const char *const step_words[] = {
        [STEP_SKIP_RUN] = "skip",
        [STEP_SKIP_INT] = "skip int",
        [STEP_SKIP_BOOLEAN] = "skip boolean",
        [STEP_SKIP_ENUM] = "skip enum",
        [STEP_SKIP_FIXED] = "skip bytes",
        [STEP_SKIP_OPTIONAL_TEXT] = "skip string or null",
        [STEP_SKIP_OPTIONAL_LONG] = "skip long or null",
        [STEP_SKIP_OPTIONAL_FIXED] = "skip bytes or null",
        [STEP_SKIP_VALUE] = "skip",
        [STEP_LOAD_BOOLEAN] = "boolean",
        [STEP_LOAD_INT] = "int",
        [STEP_LOAD_LONG] = "long",
        [STEP_LOAD_FLOAT] = "float",
        [STEP_LOAD_DOUBLE] = "double",
        [STEP_LOAD_TEXT] = "string",
        [STEP_LOAD_ENUM] = "enum",
        [STEP_LOAD_FIXED] = "fixed",
        [STEP_LOAD_DECIMAL] = "decimal",
        [STEP_LOAD_DECIMAL_FIXED] = "decimal",
        [STEP_LOAD_NULL] = "null",
        [STEP_LOAD_HEADER] = "header",
        [STEP_LOAD_BODY] = "body",
        [STEP_HASH_TEXT] = "fingerprint of string",
        [STEP_TO_DOUBLE] = "as DOUBLE",
        [STEP_TO_FLOAT] = "as FLOAT",
        [STEP_CHECK_RANGE] = "check range",
        [STEP_MULTIPLY] = "to microseconds",
        [STEP_DIVIDE] = "to milliseconds",
        [STEP_FLOOR] = "to declared precision",
        [STEP_RESCALE] = "to declared scale",
        [STEP_SELECT] = "unless null",
};

void decode_describe(const struct decode_program *program, struct bytes *text)
{
        for (uint32_t s = 0; s < program->n_steps; s++) {
                const struct decode_step *step = &program->steps[s];
                bool has_count = step->count > 1 && step->kind <= STEP_SKIP_BOOLEAN;

                bytes_append_slice(text, step->field);
                bytes_append_format(text, ": %s", step_words[step->kind]);
                if (has_count)
                        bytes_append_format(text, " x %u", step->count);
                if (step->n_longs + step->n_texts > 0)
                        bytes_append_format(text, ", over %u long and %u string", step->n_longs, step->n_texts);
                bytes_append_text(text, "\n");
        }
        if (program->format == DECODE_AVRO)
                bytes_append_text(text, "end\n");
}
