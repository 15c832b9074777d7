/* decode.c - from spans of AvroFlumeEvents to rows, group by group.
 *
 *     find events      decode_find.c: where up to 128 events begin and end; lengths are compared with the span
 *     run steps        decode_run.c: every step over all of them, straight into the builder's arrays
 *     finish group     fingerprints; failed events leave the rows and become dead letters, in order */
#include "sidecar/column/decode.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/decode_find.h"
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
        uint32_t n;   /* events in the lanes */
        bool is_bare; /* events are data themselves, not AvroFlumeEvents */
};

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
        span->n_events = 0;
        while (span->n_events < span->max_events) {
                struct decode_find find = {.program = program, .builder = builder, .span = span};
                struct group group = {.n = 0};
                uint32_t left = span->max_events - span->n_events;

                find.most = program->json != NULL ? 1 : left < DECODE_GROUP ? left : DECODE_GROUP;
                if (builder_reserve(builder, find.most, err) < 0)
                        return -1;
                decode_run_begin(program, builder, find.most);
                if (decode_find_events(&find, err) < 0) {
                        program->lanes.n_failed = 0;
                        return -1;
                }
                group.n = find.n;
                if (finish_group(program, builder, &group, find.n_steps_done, err) < 0)
                        return -1;
                span->at = find.at;
                span->n_events += find.n;
                if (find.is_ended)
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
                decode_run_begin(program, builder, (uint32_t)most);
                for (; group.n < most; group.n++) {
                        const uint8_t *next = skip_value(&skip, root, at);

                        if (next == NULL)
                                return err_set(err, ERR_DATA, "datum %llu of %llu in a block of %zu bytes: %s",
                                               (unsigned long long)(done + group.n + 1), (unsigned long long)n,
                                               block.len, reason_word(skip.reason));
                        bare_lane(program, group.n, at, next);
                        at = next;
                }
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
        struct group group = {.n = 1, .is_bare = true};

        if (builder_reserve(builder, DECODE_GROUP, err) < 0)
                return -1;
        decode_run_begin(program, builder, 1);
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
