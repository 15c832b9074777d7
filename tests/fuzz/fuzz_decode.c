/* fuzz_decode.c - the decoder on bytes from anybody.
 *
 * First byte: what the rest is (a span of events, a block, a JSON text); second byte: where a span is cut.
 * Promises: whole or in two pieces, a span gives the same rows and dead letters; each event is one of both;
 * need_bytes asks for more than there was; a block gives all its data or nothing. */
#include "sidecar/base/alloc.h"
#include "sidecar/column/decode.h"
#include "tests/lib/fuzz.h"

#include <stdlib.h>

static const char schema_text[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":["
        "{\"name\":\"id\",\"type\":\"string\"},"
        "{\"name\":\"kind\",\"type\":\"string\"},"
        "{\"name\":\"n\",\"type\":\"long\"},"
        "{\"name\":\"skipped\",\"type\":\"long\"},"
        "{\"name\":\"maybe\",\"type\":[\"null\",\"string\"]},"
        "{\"name\":\"list\",\"type\":{\"type\":\"array\",\"items\":\"R\"}},"
        "{\"name\":\"map\",\"type\":{\"type\":\"map\",\"values\":[\"double\",\"null\"]}},"
        "{\"name\":\"nothing\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},"
        "{\"name\":\"inner\",\"type\":[{\"type\":\"record\",\"name\":\"I\",\"fields\":["
        "{\"name\":\"e\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\",\"C\"]}},"
        "{\"name\":\"d\",\"type\":{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":2}},"
        "{\"name\":\"x\",\"type\":\"float\"}]},\"null\"]},"
        "{\"name\":\"flag\",\"type\":\"boolean\"},"
        "{\"name\":\"i\",\"type\":\"int\"},"
        "{\"name\":\"ts\",\"type\":{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}},"
        "{\"name\":\"f\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}}]}";

enum { N_COLUMNS = 12 };

struct outcome {
        struct builder builder;
        struct batch batch;
        int result; /* of the last call */
        size_t used;
};

static struct schema *schema;
static struct decode_program *programs[2]; /* Avro, JSON */

static void promise(bool holds)
{
        if (!holds)
                abort();
}

static void start(void)
{
        static struct slice paths[N_COLUMNS][2];
        static const struct {
                const char *first, *second;
                enum decode_kind kind;
                struct type type;
        } wanted[N_COLUMNS] = {
                {"kind", NULL, DECODE_FIELD, {.kind = TYPE_VARCHAR, .nullable = true, .length = TYPE_LENGTH_MAX}},
                {"n", NULL, DECODE_FIELD, {.kind = TYPE_BIGINT, .nullable = true}},
                {"maybe", NULL, DECODE_FIELD, {.kind = TYPE_VARCHAR, .nullable = true, .length = TYPE_LENGTH_MAX}},
                {"inner", "e", DECODE_FIELD, {.kind = TYPE_VARCHAR, .nullable = true, .length = TYPE_LENGTH_MAX}},
                {"inner", "d", DECODE_FIELD, {.kind = TYPE_DECIMAL, .nullable = true, .precision = 22, .scale = 4}},
                {"inner", "x", DECODE_FIELD, {.kind = TYPE_DOUBLE, .nullable = true}},
                {"flag", NULL, DECODE_FIELD, {.kind = TYPE_BOOLEAN, .nullable = false}},
                {"i", NULL, DECODE_FIELD, {.kind = TYPE_INT, .nullable = true}},
                {"ts", NULL, DECODE_FIELD, {.kind = TYPE_TIMESTAMP, .nullable = true, .precision = 3}},
                {"f", NULL, DECODE_FIELD, {.kind = TYPE_BINARY, .nullable = true, .length = 3}},
                {"host", NULL, DECODE_HEADER, {.kind = TYPE_VARCHAR, .nullable = true, .length = TYPE_LENGTH_MAX}},
                {"k", NULL, DECODE_HEADER, {.kind = TYPE_VARCHAR, .nullable = true, .length = TYPE_LENGTH_MAX}},
        };
        static struct decode_column columns[N_COLUMNS];
        struct decode_config config = {.n_columns = N_COLUMNS, .columns = columns};
        struct err err;

        promise(schema_parse(slice_from_text(schema_text), &schema, &err) == 0);
        for (int c = 0; c < N_COLUMNS; c++) {
                paths[c][0] = slice_from_text(wanted[c].first);
                columns[c] = (struct decode_column){.kind = wanted[c].kind,
                                                    .name = paths[c][0],
                                                    .key = paths[c][0],
                                                    .path = paths[c],
                                                    .n_path = 1,
                                                    .type = wanted[c].type};
                if (wanted[c].second != NULL)
                        paths[c][columns[c].n_path++] = slice_from_text(wanted[c].second);
        }
        config.schema = schema;
        config.fingerprint = DECODE_FINGERPRINT_EVENT;
        config.fingerprint_key = hash_key_from_seed(1);
        promise(decode_compile(&config, &programs[0], &err) == 0);
        config.format = DECODE_JSON;
        promise(decode_compile(&config, &programs[1], &err) == 0);
}

/* Decodes data[0 .. len) as the session would: pieces that end at `cut` and at the end. */
static void decode_pieces(struct decode_program *program, const uint8_t *data, size_t len, size_t cut,
                          struct outcome *ret)
{
        size_t ends[2] = {cut, len};
        struct err err;

        memset(ret, 0, sizeof(*ret));
        decode_builder_init(program, &ret->builder);
        for (int piece = 0; piece < 2 && ret->result >= 0; piece++) {
                struct decode_span span = {.at = data + ret->used, .end = data + ends[piece], .max_events = 1000};
                uint32_t before = builder_n_events(&ret->builder);
                bool is_json = program == programs[1];

                ret->result = decode_events(program, &ret->builder, &span, &err);
                promise(is_json || builder_n_events(&ret->builder) - before == span.n_events || ret->result < 0);
                promise(ret->result != DECODE_E_MORE || span.need_bytes > (size_t)(span.end - span.at));
                promise(span.at <= span.end);
                ret->used = (size_t)(span.at - data);
        }
        builder_batch(&ret->builder, &ret->batch);
}

static void promise_same(const struct outcome *a, const struct outcome *b)
{
        promise(a->batch.n_rows == b->batch.n_rows && a->builder.n_dead == b->builder.n_dead && a->used == b->used);
        for (uint32_t row = 0; row < a->batch.n_rows; row++) {
                promise(a->builder.fingerprint[row] == b->builder.fingerprint[row]);
                for (uint32_t c = 0; c < N_COLUMNS; c++) {
                        struct value left = vector_get(&a->batch.columns[c], row);
                        struct value right = vector_get(&b->batch.columns[c], row);

                        promise(left.is_null == right.is_null);
                        if (left.phys == PHYS_STR)
                                promise(slice_is_equal(left.str, right.str));
                        else
                                promise(memcmp(&left.dec, &right.dec, sizeof(left.dec)) == 0);
                }
        }
        for (uint32_t i = 0; i < a->builder.n_dead; i++) {
                promise(a->builder.dead[i].reason == b->builder.dead[i].reason);
                promise(a->builder.dead[i].event == b->builder.dead[i].event);
                promise(slice_is_equal(a->builder.dead[i].body, b->builder.dead[i].body));
        }
}

static void fuzz_span(struct decode_program *program, const uint8_t *data, size_t len, size_t cut)
{
        struct outcome whole, pieces;

        decode_pieces(program, data, len, len, &whole);
        decode_pieces(program, data, len, cut, &pieces);
        promise((whole.result < 0) == (pieces.result < 0));
        if (whole.result >= 0)
                promise_same(&whole, &pieces);
        builder_done(&whole.builder);
        builder_done(&pieces.builder);
}

static void fuzz_block(const uint8_t *data, size_t len)
{
        struct builder builder;
        uint64_t n = len > 0 ? data[0] : 0;
        struct err err;

        decode_builder_init(programs[0], &builder);
        if (decode_block(programs[0], &builder, slice_make(data, len), n, &err) == 0)
                promise(builder_n_events(&builder) == n);
        else
                promise(builder_n_events(&builder) == 0);
        builder_done(&builder);
}

static void fuzz_json(const uint8_t *data, size_t len)
{
        struct builder builder;
        struct batch batch;
        struct err err;

        decode_builder_init(programs[1], &builder);
        promise(decode_body(programs[1], &builder, slice_make(data, len), &err) == 0);
        promise(builder.n_dead <= 1 && (builder.n_dead == 0 || builder.n_rows == 0));
        builder_batch(&builder, &batch);
        promise(batch.n_rows == builder.n_rows);
        builder_done(&builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        uint8_t *padded;

        if (schema == NULL)
                start();
        if (len < 2)
                return 0;
        padded = alloc_zero(1, len - 2 + DECODE_PAD_BYTES);
        memcpy(padded, data + 2, len - 2);
        memset(padded + len - 2, 0x80, DECODE_PAD_BYTES);
        switch (data[0] % 4) {
        case 0:
                fuzz_span(programs[0], padded, len - 2, data[1] < len - 2 ? data[1] : len - 2);
                break;
        case 1:
                fuzz_span(programs[1], padded, len - 2, data[1] < len - 2 ? data[1] : len - 2);
                break;
        case 2:
                fuzz_block(padded, len - 2);
                break;
        default:
                fuzz_json(padded, len - 2);
                break;
        }
        alloc_free(padded);
        return 0;
}
