/* decode.c - from spans of AvroFlumeEvents to rows, group by group.
 *
 *     find events      boundaries of up to 64 events: headers walked over, lengths of bodies compared with the span
 *     run steps        decode_run.c: every step over all of them, straight into the builder's arrays
 *     finish group     fingerprints; failed events leave the rows and become dead letters, in order
 *
 * An AvroFlumeEvent is a map of headers and the bytes of a body:
 *
 *     headers   blocks of: long n (n < 0: -n entries behind their size in bytes), n x (string key, string value);
 *               a block with n = 0 ends the map. Nearly always the one byte 00.
 *     body      long length, bytes */
#include "sidecar/column/decode.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/decode_program.h"
#include "sidecar/column/skip.h"
#include "sidecar/column/varint.h"

#include <assert.h>

enum { PROGRAM_ARENA_CHUNK_BYTES = 16 << 10 };

#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

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
        if (decode_program_compile(program, config, err) < 0) {
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
        alloc_free(program->steps);
        arena_done(&program->arena);
        alloc_free(program);
        return NULL;
}

void decode_builder_init(const struct decode_program *program, struct builder *builder)
{
        builder_init(builder, program->specs, program->n_columns, program->fingerprint != DECODE_FINGERPRINT_NONE);
}

/* ---- the envelope ---- */

/* The walk over one event's envelope. */
struct envelope {
        const uint8_t *at, *end;
        size_t missing;      /* > 0: so many bytes more than the span has */
        const char *problem; /* not NULL: no event */
        bool is_too_large;   /* beyond the limits of headers: a dead letter */
        struct decode_header *headers;
        uint32_t n_headers, lane;
};

static bool envelope_short(struct envelope *envelope, size_t missing)
{
        envelope->missing = missing;
        return false;
}

static bool envelope_bad(struct envelope *envelope, const char *problem)
{
        envelope->problem = problem;
        return false;
}

static bool envelope_long(struct envelope *envelope, int64_t *ret_value)
{
        uint64_t raw;
        const uint8_t *next = varint_read(envelope->at, false, &raw);

        if (next == NULL && envelope->end - envelope->at >= VARINT_BYTES_MAX)
                return envelope_bad(envelope, "a number of more than 64 bits");
        if (next == NULL || next > envelope->end)
                return envelope_short(envelope, 1);
        envelope->at = next;
        *ret_value = varint_unzigzag(raw);
        return true;
}

/* String or bytes; the length is compared with what is there, and with what one frame may hold. */
static bool envelope_text(struct envelope *envelope, struct slice *ret_text)
{
        size_t left;
        int64_t len;

        if (!envelope_long(envelope, &len))
                return false;
        if (len < 0)
                return envelope_bad(envelope, "a negative length");
        if (len > LIMIT_FRAME_BYTES)
                return envelope_bad(envelope, "a length beyond the largest frame");
        left = (size_t)(envelope->end - envelope->at);
        if ((size_t)len > left)
                return envelope_short(envelope, (size_t)len - left);
        *ret_text = slice_make(envelope->at, (size_t)len);
        envelope->at += len;
        return true;
}

static bool envelope_header(struct envelope *envelope)
{
        struct slice key, value;

        if (!envelope_text(envelope, &key) || !envelope_text(envelope, &value))
                return false;
        if (key.len + value.len > LIMIT_HEADER_BYTES)
                envelope->is_too_large = true;
        for (uint32_t h = 0; h < envelope->n_headers; h++) {
                if (slice_is_equal(envelope->headers[h].key, key))
                        envelope->headers[h].value[envelope->lane] = value; /* of a repeated key the last counts */
        }
        return true;
}

/* Moves behind the map of headers. */
static bool envelope_headers(struct envelope *envelope)
{
        uint64_t n_seen = 0;
        int64_t n, size;

        for (;;) {
                const uint8_t *block_end = NULL;

                if (!envelope_long(envelope, &n))
                        return false;
                if (n == 0)
                        return true;
                if (n < 0) {
                        if (n == INT64_MIN)
                                return envelope_bad(envelope, "an impossible number of headers");
                        if (!envelope_long(envelope, &size))
                                return false;
                        if (size < 0 || size > LIMIT_FRAME_BYTES)
                                return envelope_bad(envelope, "an impossible size of headers");
                        n = -n;
                        if (size > envelope->end - envelope->at)
                                return envelope_short(envelope, (size_t)(size - (envelope->end - envelope->at)));
                        block_end = envelope->at + size;
                }
                if (n > LIMIT_FRAME_BYTES)
                        return envelope_bad(envelope, "an impossible number of headers");
                n_seen += (uint64_t)n;
                envelope->is_too_large = envelope->is_too_large || n_seen > LIMIT_HEADERS_PER_EVENT;
                for (; n > 0; n--) {
                        if (!envelope_header(envelope))
                                return false;
                }
                if (block_end != NULL && envelope->at != block_end)
                        return envelope_bad(envelope, "headers that do not fill their block");
        }
}

/* ---- groups ---- */

struct group {
        uint32_t n;        /* events in the lanes */
        bool is_bare;      /* start..end is the datum itself, not an AvroFlumeEvent */
        const uint8_t *at; /* behind the last event of the group */
};

/* One event at `at` by the patient walk. Returns where the next one begins; NULL when this one is not whole, or no
 * event (`failed`). */
static __attribute__((noinline)) const uint8_t *find_event_slow(struct decode_program *program,
                                                                struct decode_span *span, const uint8_t *at,
                                                                uint32_t lane, bool *failed, struct err *err)
{
        struct decode_lanes *lanes = &program->lanes;
        struct envelope envelope = {.at = at,
                                    .end = span->end,
                                    .headers = program->headers,
                                    .n_headers = program->n_headers,
                                    .lane = lane};
        struct slice body;

        for (uint32_t h = 0; h < program->n_headers; h++)
                program->headers[h].value[lane] = slice_make(NULL, 0);
        if (!envelope_headers(&envelope) || !envelope_text(&envelope, &body)) {
                *failed = envelope.problem != NULL;
                if (*failed)
                        (void)err_set(err, ERR_DATA, "event %u: %s in the headers or in the length of the body",
                                      span->n_events + lane + 1, envelope.problem);
                span->need_bytes = (size_t)(span->end - at) + envelope.missing;
                return NULL;
        }
        lanes->start[lane] = at;
        lanes->at[lane] = body.data;
        lanes->end[lane] = envelope.at;
        if (envelope.is_too_large || body.len > LIMIT_EVENT_BODY_BYTES)
                decode_run_fail(program, lane, REASON_TOO_LARGE, program->n_steps);
        return envelope.at;
}

/* Moves a lane over the text at its start. */
static inline void skip_first_text(struct decode_program *program, uint32_t lane)
{
        static const struct schema_node text = {.kind = SCHEMA_STRING, .min_bytes = 1};
        struct decode_lanes *lanes = &program->lanes;
        const uint8_t *at = lanes->at[lane];
        const uint8_t *next = at + 1 + (*at >> 1);

        if (UNLIKELY((*at & 0x81) != 0 || next > lanes->end[lane])) {
                struct skip skip = skip_make(lanes->end[lane]);

                next = skip_value(&skip, &text, at);
                if (next == NULL) {
                        decode_run_fail(program, lane, skip.reason, 0);
                        return;
                }
        }
        lanes->at[lane] = next;
}

/* Finds up to `most` events. Without headers and with a body of 64 to 8191 bytes an event is found by two loads and
 * three additions; where the next one begins hangs on them, and that chain is what this loop costs. is_text_first:
 * the first step skips a text, which is done here, in the shadow of the chain. */
static inline __attribute__((always_inline)) int find_events(struct decode_program *program, struct decode_span *span,
                                                             struct group *group, uint32_t most, bool is_text_first,
                                                             struct err *err)
{
        struct decode_lanes *lanes = &program->lanes;
        const uint8_t *at = span->at;
        const uint8_t *span_end = span->end;
        bool is_plain = program->n_headers == 0; /* wanted headers are found by the patient walk only */
        bool failed = false;
        uint32_t lane;

        memset(lanes->reason, REASON_NONE, most);
        for (lane = 0; lane < most; lane++) {
                size_t low = at[1], high = at[2];
                const uint8_t *body = at + 3;
                const uint8_t *next = body - 64 + (low >> 1) + (high << 6);

                if (LIKELY(at[0] == 0 && (low & 0x81) == 0x80 && high < 0x80 && next <= span_end && is_plain)) {
                        lanes->start[lane] = at;
                        lanes->at[lane] = body;
                        lanes->end[lane] = next;
                } else {
                        next = find_event_slow(program, span, at, lane, &failed, err);
                        if (next == NULL)
                                break;
                }
                if (is_text_first)
                        skip_first_text(program, lane);
                at = next;
        }
        group->n = lane;
        group->at = at;
        return failed ? -1 : 0;
}

/* The bytes of a failed event that are its body; `end`: of the event. */
static struct slice body_of(const struct group *group, const uint8_t *start, const uint8_t *end)
{
        struct envelope envelope = {.at = start, .end = end};
        struct slice body = slice_make(start, (size_t)(end - start));

        if (!group->is_bare) {
                bool is_whole = envelope_headers(&envelope) && envelope_text(&envelope, &body);

                assert(is_whole); /* as it was when the group was found */
        }
        return body;
}

static uint64_t event_fingerprint(const struct decode_program *program, uint32_t lane)
{
        const struct decode_lanes *lanes = &program->lanes;

        return hash_bytes(&program->fingerprint_key, lanes->start[lane],
                          (size_t)(lanes->end[lane] - lanes->start[lane]));
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

static void add_fingerprints(const struct decode_program *program, struct builder *builder, uint32_t n)
{
        const struct builder_column *column = &builder->columns[program->fingerprint_column];
        uint64_t *out = builder->fingerprint + builder->n_rows;

        for (uint32_t i = 0; i < n; i++) {
                uint32_t row = builder->n_rows + i;

                if (program->lanes.reason[i] != REASON_NONE)
                        continue;
                if (program->fingerprint == DECODE_FINGERPRINT_EVENT ||
                    (column->present != NULL && column->present[row] == 0))
                        out[i] = event_fingerprint(program, i);
                else
                        out[i] = column_fingerprint(program, column, row);
        }
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
                /* A failed lane has lost its end, but events stand one behind the other. */
                const uint8_t *end = i + 1 < group->n ? lanes->start[i + 1] : group->at;

                if (lanes->reason[i] == REASON_NONE) {
                        if (builder->n_rows != base + i)
                                builder_move_row(builder, base + i, builder->n_rows);
                        builder->n_rows++;
                } else if (builder_append_dead(builder, (enum reason)lanes->reason[i],
                                               field_of(program, lanes->step[i]),
                                               body_of(group, lanes->start[i], end), err) < 0) {
                        return -1;
                }
        }
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
        if (program->fingerprint != DECODE_FINGERPRINT_NONE)
                add_fingerprints(program, builder, group->n);
        if (UNLIKELY(has_failed))
                return bury(program, builder, group, err);
        builder->n_rows += group->n;
        return 0;
}

int decode_events(struct decode_program *program, struct builder *builder, struct decode_span *span, struct err *err)
{
        bool is_text_first = program->n_steps > 0 && program->steps[0].kind == STEP_SKIP_TEXT;

        span->n_events = 0;
        while (span->n_events < span->max_events) {
                struct group group = {.n = 0};
                uint32_t left = span->max_events - span->n_events;
                uint32_t most = left < DECODE_GROUP ? left : DECODE_GROUP;
                int result;

                if (builder_reserve(builder, most, err) < 0)
                        return -1;
                result = is_text_first ? find_events(program, span, &group, most, true, err)
                                       : find_events(program, span, &group, most, false, err);
                if (result < 0 || finish_group(program, builder, &group, is_text_first ? 1 : 0, err) < 0) {
                        program->lanes.n_failed = 0;
                        return -1;
                }
                span->at = group.at;
                span->n_events += group.n;
                if (group.n < most)
                        return DECODE_E_MORE;
        }
        return 0;
}

/* ---- data without an envelope ---- */

static void bare_lane(struct decode_program *program, uint32_t lane, const uint8_t *at, const uint8_t *end)
{
        struct decode_lanes *lanes = &program->lanes;

        lanes->start[lane] = lanes->at[lane] = at;
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
                decode_run_fail(program, 0, REASON_TOO_LARGE, program->n_steps);
        return finish_group(program, builder, &group, 0, err);
}

/* ---- for people ---- */

static const char *const step_words[] = {
        [STEP_SKIP_TEXT] = "skip string",
        [STEP_SKIP_LONG] = "skip long",
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
                bool is_run = step->count > 1 && step->kind <= STEP_SKIP_BOOLEAN;

                bytes_append_slice(text, step->field);
                bytes_append_format(text, ": %s", step_words[step->kind]);
                if (is_run)
                        bytes_append_format(text, " x %u", step->count);
                bytes_append_text(text, "\n");
        }
        if (program->format == DECODE_AVRO)
                bytes_append_text(text, "end\n");
}
