/* Spans of AvroFlumeEvents: where events begin and end, headers, limits, dead letters, fingerprints; blocks, bodies. */
#include "avro/binary.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/decode.h"
#include "tests/lib/check.h"

static const char ad_schema[] =
        "{\"type\":\"record\",\"name\":\"Ad\",\"fields\":["
        "{\"name\":\"id\",\"type\":\"string\"},"
        "{\"name\":\"kind\",\"type\":\"string\"},"
        "{\"name\":\"n\",\"type\":\"long\"},"
        "{\"name\":\"tail\",\"type\":\"string\"}]}";

enum { COLUMNS_MAX = 6 };

struct world {
        struct schema *schema;
        struct slice paths[COLUMNS_MAX];
        struct decode_column columns[COLUMNS_MAX];
        struct decode_config config;
        struct decode_program *program;
        struct builder builder;
        struct batch batch;
        struct bytes events;
};

static void want(struct world *world, enum decode_kind kind, const char *name, struct type type)
{
        struct decode_column *column = &world->columns[world->config.n_columns];

        world->paths[world->config.n_columns++] = slice_from_text(name);
        *column = (struct decode_column){.kind = kind, .name = slice_from_text(name), .type = type};
        column->key = column->name;
        column->path = &world->paths[world->config.n_columns - 1];
        column->n_path = kind == DECODE_FIELD;
}

static void compile(struct world *world, const char *schema)
{
        struct err err;

        if (world->schema == NULL && schema != NULL)
                CHECK_OK(schema_parse(slice_from_text(schema), &world->schema, &err), &err);
        world->config.schema = world->schema;
        world->config.columns = world->columns;
        CHECK_OK(decode_compile(&world->config, &world->program, &err), &err);
        REQUIRE(world->program != NULL);
        decode_builder_init(world->program, &world->builder);
        bytes_init(&world->events);
}

/* kind and n of ad_schema */
static void compile_ad(struct world *world)
{
        memset(world, 0, sizeof(*world));
        want(world, DECODE_FIELD, "kind", type_string(true));
        want(world, DECODE_FIELD, "n", type_make(TYPE_BIGINT, true));
        compile(world, ad_schema);
}

static void done(struct world *world)
{
        builder_done(&world->builder);
        decode_free(world->program);
        schema_free(world->schema);
        bytes_done(&world->events);
}

static void put_text(struct bytes *bytes, const char *text)
{
        binary_append_bytes(bytes, slice_from_text(text));
}

static void put_ad(struct bytes *body, const char *kind, int64_t n)
{
        put_text(body, "0123456789");
        put_text(body, kind);
        binary_append_long(body, n);
        put_text(body, "the rest of the body, which nobody looks at");
}

static void put_event(struct bytes *events, struct slice headers, struct slice body)
{
        bytes_append_slice(events, headers);
        binary_append_bytes(events, body);
}

static const struct slice no_headers = {(const uint8_t *)"\0", 1};

static void put_ad_event(struct world *world, struct slice headers, const char *kind, int64_t n)
{
        struct bytes body;

        bytes_init(&body);
        put_ad(&body, kind, n);
        put_event(&world->events, headers, bytes_slice(&body));
        bytes_done(&body);
}

/* Everything that world->events holds, as one span; what it pointed to is destroyed afterwards. */
static int decode(struct world *world, uint32_t max_events, struct decode_span *ret_span, struct err *err)
{
        int result;

        memset(bytes_reserve(&world->events, DECODE_PAD_BYTES), 0xff, DECODE_PAD_BYTES);
        *ret_span = (struct decode_span){.at = world->events.data,
                                         .end = world->events.data + world->events.len,
                                         .max_events = max_events};
        result = decode_events(world->program, &world->builder, ret_span, err);
        builder_batch(&world->builder, &world->batch);
        return result;
}

TEST(events_become_rows_whose_strings_outlive_the_bytes)
{
        struct decode_span span;
        struct world world;
        struct err err;

        compile_ad(&world);
        for (int i = 0; i < 300; i++)
                put_ad_event(&world, no_headers, i % 3 == 0 ? "click" : "impression", i);
        CHECK_OK(decode(&world, 300, &span, &err), &err);
        CHECK_UINT(span.n_events, 300);
        CHECK(span.at == span.end);
        memset(world.events.data, 0xee, world.events.len);
        REQUIRE(world.batch.n_rows == 300);
        for (uint32_t i = 0; i < 300; i++) {
                CHECK_SLICE(world.batch.columns[0].str[i], i % 3 == 0 ? "click" : "impression");
                CHECK_INT(world.batch.columns[1].i64[i], i);
        }
        REQUIRE(world.batch.columns[0].code != NULL);
        CHECK_UINT(world.batch.columns[0].code[0], world.batch.columns[0].code[3]);
        CHECK_UINT(world.batch.columns[0].dict->n_entries, 3); /* the empty string, and the two */
        done(&world);
}

TEST(a_span_may_end_anywhere)
{
        struct decode_span span;
        struct world world;
        struct bytes whole;
        struct err err;

        compile_ad(&world);
        put_ad_event(&world, no_headers, "a", 1);
        put_ad_event(&world, slice_make("\2\2k\2v\0", 6), "b", 2);
        put_ad_event(&world, no_headers, "c", 3);
        bytes_init(&whole);
        bytes_append_slice(&whole, bytes_slice(&world.events));
        for (size_t len = 0; len <= whole.len; len++) {
                uint32_t n;
                int result;

                builder_reset(&world.builder);
                bytes_reset(&world.events);
                bytes_append(&world.events, whole.data, len);
                result = decode(&world, 3, &span, &err);
                n = span.n_events;
                CHECK_INT(result, len == whole.len ? 0 : DECODE_E_MORE);
                CHECK_UINT(world.batch.n_rows, n);
                for (uint32_t i = 0; i < n; i++)
                        CHECK_INT(world.batch.columns[1].i64[i], i + 1);
                if (result != DECODE_E_MORE)
                        continue;
                /* what is needed is more than there is and never more than the event has */
                CHECK(span.need_bytes > (size_t)(span.end - span.at));
                CHECK(span.at + span.need_bytes <= world.events.data + whole.len);
        }
        bytes_done(&whole);
        done(&world);
}

TEST(need_bytes_leads_to_the_end_of_the_event_in_few_steps)
{
        struct decode_span span = {.max_events = 1};
        struct world world;
        struct bytes body;
        unsigned n_calls = 0;
        struct err err;
        int result;

        compile_ad(&world);
        bytes_init(&body);
        put_ad(&body, "x", 9);
        memset(bytes_reserve(&body, 5000000), 'x', 5000000);
        body.len += 5000000;
        put_event(&world.events, slice_make("\2\2k\2v\0", 6), bytes_slice(&body));
        memset(bytes_reserve(&world.events, DECODE_PAD_BYTES), 0xff, DECODE_PAD_BYTES);
        do {
                size_t have = span.need_bytes;

                span = (struct decode_span){.at = world.events.data, .end = world.events.data + have, .max_events = 1};
                result = decode_events(world.program, &world.builder, &span, &err);
                n_calls++;
        } while (result == DECODE_E_MORE);
        CHECK_INT(result, 0);
        CHECK(n_calls < 20);
        bytes_done(&body);
        done(&world);
}

TEST(max_events_stops_within_a_span)
{
        struct decode_span span;
        struct world world;
        struct err err;

        compile_ad(&world);
        for (int i = 0; i < 200; i++)
                put_ad_event(&world, no_headers, "a", i);
        CHECK_OK(decode(&world, 130, &span, &err), &err);
        CHECK_UINT(span.n_events, 130);
        CHECK_UINT(world.batch.n_rows, 130);
        span.max_events = 70;
        CHECK_OK(decode_events(world.program, &world.builder, &span, &err), &err);
        CHECK(span.at == span.end);
        builder_batch(&world.builder, &world.batch);
        CHECK_UINT(world.batch.n_rows, 200);
        CHECK_INT(world.batch.columns[1].i64[199], 199);
        done(&world);
}

/* ---- headers ---- */

static void compile_headers(struct world *world)
{
        memset(world, 0, sizeof(*world));
        want(world, DECODE_HEADER, "host", type_string(true));
        want(world, DECODE_HEADER, "k", type_string(true));
        want(world, DECODE_FIELD, "n", type_make(TYPE_BIGINT, true));
        compile(world, ad_schema);
}

static const char *header_text(const struct world *world, uint32_t column, uint32_t row)
{
        static char text[64];
        struct slice value = world->batch.columns[column].str[row];

        if (vector_is_null(&world->batch.columns[column], row))
                return "NULL";
        memcpy(text, value.data == NULL ? (const uint8_t *)"" : value.data, value.len);
        text[value.len] = '\0';
        return text;
}

TEST(wanted_headers_are_found_the_last_of_a_kind_counts)
{
        static const struct {
                const char *bytes;
                size_t len;
                const char *host, *k;
        } cases[] = {
                {"\0", 1, "NULL", "NULL"},
                {"\2\10host\2a\0", 9, "a", "NULL"},
                {"\4\10host\2a\2k\4bb\0", 14, "a", "bb"},
                {"\6\2k\2x\2q\2y\2k\0\0", 13, "NULL", ""},
                {"\2\2k\2x\2\2k\2y\0", 11, "NULL", "y"},            /* two blocks */
                {"\3\20\2k\2x\2j\2z\0", 11, "NULL", "x"},            /* a block of two behind its size, 8 */
                {"\2\4hk\2v\0", 7, "NULL", "NULL"},
        };
        struct world world;

        compile_headers(&world);
        for (int round = 0; round < 3; round++) { /* later rounds meet layouts that are known */
                for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                        struct decode_span span;
                        struct err err;

                        builder_reset(&world.builder);
                        bytes_reset(&world.events);
                        for (int n = 0; n < 3; n++)
                                put_ad_event(&world, slice_make(cases[i].bytes, cases[i].len), "a", n);
                        CHECK_OK(decode(&world, 3, &span, &err), &err);
                        REQUIRE(world.batch.n_rows == 3);
                        for (uint32_t n = 0; n < 3; n++) {
                                CHECK_TEXT(header_text(&world, 0, n), cases[i].host);
                                CHECK_TEXT(header_text(&world, 1, n), cases[i].k);
                                CHECK_INT(world.batch.columns[2].i64[n], n);
                        }
                }
        }
        done(&world);
}

/* Headers whose values have lengths of all kinds, mixed: layouts must never give a value of another event. */
TEST(changing_headers_give_each_event_its_own)
{
        struct check_random random = check_seed(3);
        struct decode_span span;
        struct world world;
        struct err err;
        enum { N = 1000 };
        static char host[N][8];
        static bool has_k[N];

        compile_headers(&world);
        for (int i = 0; i < N; i++) {
                struct bytes headers;
                size_t len = check_random_below(&random, 4);

                bytes_init(&headers);
                has_k[i] = check_random_below(&random, 3) == 0;
                for (size_t c = 0; c < len; c++)
                        host[i][c] = (char)('a' + check_random_below(&random, 26));
                binary_append_long(&headers, has_k[i] ? 3 : 2);
                put_text(&headers, "timestamp");
                put_text(&headers, "1700000000000");
                put_text(&headers, "host");
                put_text(&headers, host[i]);
                if (has_k[i]) {
                        put_text(&headers, "k");
                        put_text(&headers, host[i]);
                }
                binary_append_long(&headers, 0);
                put_ad_event(&world, bytes_slice(&headers), "a", i);
                bytes_done(&headers);
        }
        CHECK_OK(decode(&world, N, &span, &err), &err);
        REQUIRE(world.batch.n_rows == N);
        for (uint32_t i = 0; i < N; i++) {
                CHECK_TEXT(header_text(&world, 0, i), host[i]);
                CHECK_TEXT(header_text(&world, 1, i), has_k[i] ? host[i] : "NULL");
                CHECK_INT(world.batch.columns[2].i64[i], i);
        }
        done(&world);
}

TEST(long_headers_are_walked_not_laid_out)
{
        char value[1000];
        struct decode_span span;
        struct world world;
        struct bytes headers;
        struct err err;

        compile_headers(&world);
        bytes_init(&headers);
        memset(value, 'v', sizeof(value));
        binary_append_long(&headers, 2);
        put_text(&headers, "host");
        put_text(&headers, "h");
        put_text(&headers, "long");
        binary_append_bytes(&headers, slice_make(value, sizeof(value)));
        binary_append_long(&headers, 0);
        for (int i = 0; i < 10; i++)
                put_ad_event(&world, bytes_slice(&headers), "a", i);
        CHECK_OK(decode(&world, 10, &span, &err), &err);
        REQUIRE(world.batch.n_rows == 10);
        CHECK_TEXT(header_text(&world, 0, 9), "h");
        bytes_done(&headers);
        done(&world);
}

/* ---- what is no event ---- */

static void refuse(const char *bytes, size_t len, const char *part)
{
        struct decode_span span;
        struct world world;
        struct err err;

        compile_ad(&world);
        put_ad_event(&world, no_headers, "a", 1);
        bytes_append(&world.events, bytes, len);
        CHECK_FAILS(decode(&world, 10, &span, &err), &err, part);
        CHECK_CONTAINS(err.text, "event 2");
        done(&world);
}

TEST(streams_that_are_no_events_are_refused)
{
        static const char overlong[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
        static const char wide[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00";
        static const char lowest[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00"; /* INT64_MIN */

        refuse(overlong, sizeof(overlong) - 1, "more than 64 bits");
        refuse(wide, sizeof(wide) - 1, "more than 64 bits");
        refuse(lowest, sizeof(lowest) - 1, "impossible number of headers");
        refuse("\xfe\xff\xff\xff\x0f\0\0", 7, "impossible number of headers");
        refuse("\0\1", 2, "negative length");                 /* body of -1 bytes */
        refuse("\2\1\0\0", 4, "negative length");             /* key of -1 bytes */
        refuse("\1\1\0\0", 4, "impossible size");             /* a block of -1 bytes */
        refuse("\1\2\2k\2v\0\0", 8, "do not fill");           /* one header has 4 bytes, not 1 */
        refuse("\1\20\2k\2v\0\0\0\0\0\0", 12, "do not fill"); /* nor 8 */
        refuse("\0\x82\x80\x80\x80\x01", 6, "beyond the largest frame");
}

TEST(hostile_counts_ask_for_more_bytes_and_nothing_else)
{
        struct decode_span span;
        struct world world;
        struct err err;

        compile_ad(&world);
        bytes_append(&world.events, "\xfe\xff\xff\x1f", 4); /* 33 million headers, and no more bytes */
        CHECK_INT(decode(&world, 1, &span, &err), DECODE_E_MORE);
        CHECK_UINT(span.need_bytes, 5);
        bytes_reset(&world.events);
        bytes_append(&world.events, "\0\xfe\xff\xff\x1f", 5); /* a body of 33 MB */
        CHECK_INT(decode(&world, 1, &span, &err), DECODE_E_MORE);
        CHECK_UINT(span.need_bytes, 5 + 33554431);
        CHECK_UINT(world.builder.n_rows, 0);
        done(&world);
}

/* ---- dead letters ---- */

TEST(bodies_that_do_not_decode_are_dead_letters_in_order)
{
        struct decode_span span;
        struct world world;
        struct err err;

        compile_ad(&world);
        put_ad_event(&world, no_headers, "a", 0);
        put_event(&world.events, no_headers, slice_make("\2x\2y", 4)); /* ends before n */
        put_ad_event(&world, no_headers, "b", 1);
        put_event(&world.events, slice_make("\2\2k\2v\0", 6), slice_make("", 0));
        put_event(&world.events, no_headers, slice_make("\3xx", 3)); /* id of -2 bytes */
        put_ad_event(&world, no_headers, "c", 2);
        CHECK_OK(decode(&world, 6, &span, &err), &err);
        REQUIRE(world.batch.n_rows == 3 && world.builder.n_dead == 3);
        for (uint32_t i = 0; i < 3; i++)
                CHECK_INT(world.batch.columns[1].i64[i], i);
        CHECK_SLICE(world.batch.columns[0].str[1], "b");
        CHECK_INT(world.builder.dead[0].reason, REASON_TRUNCATED);
        CHECK_SLICE(world.builder.dead[0].field, "n");
        CHECK_SLICE(world.builder.dead[0].body, "\2x\2y");
        CHECK_UINT(world.builder.dead[0].event, 1);
        CHECK_UINT(world.builder.dead[0].row, 1);
        CHECK_INT(world.builder.dead[1].reason, REASON_TRUNCATED);
        CHECK_UINT(world.builder.dead[1].event, 3);
        CHECK_UINT(world.builder.dead[1].row, 2);
        CHECK_UINT(world.builder.dead[1].body.len, 0);
        CHECK_INT(world.builder.dead[2].reason, REASON_BAD_LENGTH);
        CHECK_SLICE(world.builder.dead[2].field, "id");
        CHECK_UINT(world.builder.dead[2].event, 4);
        done(&world);
}

TEST(what_stands_behind_the_last_wanted_field_is_not_looked_at)
{
        struct decode_span span;
        struct world world;
        struct bytes body;
        struct err err;

        compile_ad(&world);
        bytes_init(&body);
        put_text(&body, "id");
        put_text(&body, "kind");
        binary_append_long(&body, 7);
        put_event(&world.events, no_headers, bytes_slice(&body));
        bytes_append(&body, "\xff\xff\xff", 3);
        put_event(&world.events, no_headers, bytes_slice(&body));
        CHECK_OK(decode(&world, 2, &span, &err), &err);
        CHECK_UINT(world.batch.n_rows, 2);
        bytes_done(&body);
        done(&world);
}

TEST(events_beyond_the_limits_are_dead_letters_of_which_a_part_is_kept)
{
        struct decode_span span;
        struct world world;
        struct bytes headers, body;
        struct err err;

        compile_ad(&world);
        bytes_init(&headers);
        bytes_init(&body);
        binary_append_long(&headers, LIMIT_HEADERS_PER_EVENT + 1);
        for (unsigned i = 0; i <= LIMIT_HEADERS_PER_EVENT; i++)
                bytes_append(&headers, "\2k\2v", 4);
        binary_append_long(&headers, 0);
        put_ad_event(&world, bytes_slice(&headers), "a", 1);
        bytes_reset(&headers);
        binary_append_long(&headers, 1);
        put_text(&headers, "k");
        memset(bytes_reserve(&body, LIMIT_EVENT_BODY_BYTES + 1), 'x', LIMIT_EVENT_BODY_BYTES + 1);
        body.len = LIMIT_HEADER_BYTES;
        binary_append_bytes(&headers, bytes_slice(&body));
        binary_append_long(&headers, 0);
        put_ad_event(&world, bytes_slice(&headers), "a", 1);
        body.len = LIMIT_EVENT_BODY_BYTES + 1;
        put_event(&world.events, no_headers, bytes_slice(&body));
        put_ad_event(&world, no_headers, "a", 1);
        CHECK_OK(decode(&world, 4, &span, &err), &err);
        REQUIRE(world.builder.n_dead == 3);
        CHECK_UINT(world.batch.n_rows, 1);
        for (int i = 0; i < 3; i++)
                CHECK_INT(world.builder.dead[i].reason, REASON_TOO_LARGE);
        CHECK_UINT(world.builder.dead[2].body_bytes, LIMIT_EVENT_BODY_BYTES + 1);
        CHECK_UINT(world.builder.dead[2].body.len, LIMIT_DEAD_BODY_BYTES);
        bytes_done(&headers);
        bytes_done(&body);
        done(&world);
}

TEST(a_group_of_nothing_but_dead_letters)
{
        struct decode_span span;
        struct world world;
        struct err err;

        compile_ad(&world);
        for (int i = 0; i < 500; i++)
                put_event(&world.events, no_headers, slice_make("\x80", 1));
        CHECK_OK(decode(&world, 500, &span, &err), &err);
        CHECK_UINT(world.builder.n_dead, 500);
        CHECK_UINT(world.batch.n_rows, 0);
        CHECK_UINT(world.builder.dead[499].event, 499);
        done(&world);
}

/* ---- all or nothing ---- */

TEST(a_rolled_back_frame_leaves_nothing)
{
        struct decode_span span;
        struct builder_mark mark;
        struct world world;
        struct err err;

        compile_ad(&world);
        put_ad_event(&world, no_headers, "kept", 1);
        CHECK_OK(decode(&world, 1, &span, &err), &err);
        mark = builder_mark(&world.builder);
        bytes_reset(&world.events);
        put_ad_event(&world, no_headers, "gone", 2);
        put_event(&world.events, no_headers, slice_make("\x80", 1));
        CHECK_OK(decode(&world, 2, &span, &err), &err);
        CHECK_UINT(builder_n_events(&world.builder), 3);
        builder_rollback(&world.builder, mark);
        bytes_reset(&world.events);
        put_ad_event(&world, no_headers, "next", 3);
        CHECK_OK(decode(&world, 1, &span, &err), &err);
        REQUIRE(world.batch.n_rows == 2);
        CHECK_UINT(world.builder.n_dead, 0);
        CHECK_SLICE(world.batch.columns[0].str[0], "kept");
        CHECK_SLICE(world.batch.columns[0].str[1], "next");
        done(&world);
}

/* ---- fingerprints ---- */

TEST(fingerprints_tell_events_apart_by_all_their_bytes)
{
        struct decode_span span;
        struct world world;
        struct err err;

        memset(&world, 0, sizeof(world));
        world.config.fingerprint = DECODE_FINGERPRINT_EVENT;
        world.config.fingerprint_key = hash_key_from_seed(5);
        want(&world, DECODE_FIELD, "n", type_make(TYPE_BIGINT, true));
        compile(&world, ad_schema);
        put_ad_event(&world, no_headers, "a", 1);
        put_ad_event(&world, slice_make("\2\2k\2v\0", 6), "a", 1);
        put_event(&world.events, no_headers, slice_make("\x80", 1)); /* dead: has none */
        put_ad_event(&world, no_headers, "b", 1);
        put_ad_event(&world, no_headers, "a", 1);
        CHECK_OK(decode(&world, 5, &span, &err), &err);
        REQUIRE(world.batch.n_rows == 4 && world.builder.fingerprint != NULL);
        CHECK(world.builder.fingerprint[0] == world.builder.fingerprint[3]);
        CHECK(world.builder.fingerprint[0] != world.builder.fingerprint[1]);
        CHECK(world.builder.fingerprint[0] != world.builder.fingerprint[2]);
        CHECK(world.builder.fingerprint[1] != world.builder.fingerprint[2]);
        done(&world);
}

TEST(fingerprints_of_a_column_look_at_nothing_else)
{
        struct decode_span span;
        struct world world;
        struct err err;

        for (uint32_t column = 0; column < 3; column++) {
                memset(&world, 0, sizeof(world));
                world.config.fingerprint = DECODE_FINGERPRINT_COLUMN;
                world.config.fingerprint_column = column;
                world.config.fingerprint_key = hash_key_from_seed(5);
                want(&world, DECODE_FIELD, "n", type_make(TYPE_BIGINT, true));
                want(&world, DECODE_FIELD, "kind", type_string(true));
                want(&world, DECODE_HEADER, "k", type_string(true));
                compile(&world, ad_schema);
                put_ad_event(&world, slice_make("\2\2k\2v\0", 6), "a", 1);
                put_ad_event(&world, slice_make("\2\2k\2v\0", 6), "b", 2);
                put_ad_event(&world, slice_make("\2\2k\2w\0", 6), "a", 1);
                put_ad_event(&world, no_headers, "a", 1);
                put_ad_event(&world, no_headers, "b", 1);
                CHECK_OK(decode(&world, 5, &span, &err), &err);
                REQUIRE(world.batch.n_rows == 5);
                CHECK((world.builder.fingerprint[0] == world.builder.fingerprint[1]) == (column == 2));
                CHECK((world.builder.fingerprint[0] == world.builder.fingerprint[2]) == (column != 2));
                /* NULL headers: the whole event */
                CHECK((world.builder.fingerprint[3] == world.builder.fingerprint[4]) == (column == 0));
                done(&world);
        }
}

TEST(a_key_that_nobody_reads_has_the_fingerprints_of_one_that_is_read)
{
        static const char schema[] = "{\"type\":\"record\",\"name\":\"E\",\"fields\":["
                                     "{\"name\":\"id\",\"type\":[\"null\",\"string\"]},"
                                     "{\"name\":\"skipped\",\"type\":\"string\"},"
                                     "{\"name\":\"n\",\"type\":\"int\"}]}";
        static const struct slice bodies[] = {
                {(const uint8_t *)"\2\4ab\2x\2", 7},
                {(const uint8_t *)"\0\2x\4", 4},                    /* NULL: the whole event's */
                {(const uint8_t *)"\2\7", 2},                       /* dead */
                {(const uint8_t *)"\2\4ab\2y\6", 7},
                {(const uint8_t *)"\2\0\2x\10", 5},
                {(const uint8_t *)"\2\4ab\2x\xff\xff\xff\xff\x7f", 11}, /* dead behind its key */
                {(const uint8_t *)"\2\4cd\2x\12", 7},
        };
        uint64_t fingerprint[2][5];

        for (uint32_t is_only = 0; is_only < 2; is_only++) {
                struct decode_span span;
                struct world world;
                struct err err;

                memset(&world, 0, sizeof(world));
                world.config.fingerprint = DECODE_FINGERPRINT_COLUMN;
                world.config.fingerprint_key = hash_key_from_seed(5);
                world.config.is_fingerprint_only = is_only;
                want(&world, DECODE_FIELD, "id", type_string(true));
                want(&world, DECODE_FIELD, "n", type_make(TYPE_INT, false));
                compile(&world, schema);
                for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
                        put_event(&world.events, no_headers, bodies[i]);
                CHECK_OK(decode(&world, 7, &span, &err), &err);
                REQUIRE(world.batch.n_rows == 5 && world.builder.n_dead == 2);
                memcpy(fingerprint[is_only], world.builder.fingerprint, sizeof(fingerprint[is_only]));
                CHECK(vector_is_null(&world.batch.columns[0], 1) && !vector_is_null(&world.batch.columns[0], 2));
                CHECK_INT(world.batch.columns[0].str[0].len, is_only ? 0 : 2);
                CHECK_INT(world.batch.columns[1].i64[4], 5);
                done(&world);
        }
        CHECK_BYTES(fingerprint[1], sizeof(fingerprint[1]), fingerprint[0], sizeof(fingerprint[0]));
        CHECK(fingerprint[1][0] == fingerprint[1][2] && fingerprint[1][0] != fingerprint[1][4]);
}

/* ---- bodies as they are; blocks ---- */

TEST(raw_bodies_are_one_column)
{
        struct decode_span span;
        struct world world;
        struct err err;

        memset(&world, 0, sizeof(world));
        world.config.format = DECODE_RAW;
        want(&world, DECODE_FIELD, "line", type_string(true));
        want(&world, DECODE_HEADER, "k", type_string(true));
        compile(&world, NULL);
        put_event(&world.events, slice_make("\2\2k\2v\0", 6), slice_from_text("a line"));
        put_event(&world.events, no_headers, slice_from_text(""));
        CHECK_OK(decode(&world, 2, &span, &err), &err);
        REQUIRE(world.batch.n_rows == 2);
        CHECK_SLICE(world.batch.columns[0].str[0], "a line");
        CHECK_SLICE(world.batch.columns[1].str[0], "v");
        CHECK_SLICE(world.batch.columns[0].str[1], "");
        CHECK(!vector_is_null(&world.batch.columns[0], 1) && vector_is_null(&world.batch.columns[1], 1));
        done(&world);
}

TEST(a_job_that_needs_no_column_gets_rows_all_the_same)
{
        struct decode_span span;
        struct world world;
        struct err err;

        memset(&world, 0, sizeof(world));
        compile(&world, ad_schema);
        for (int i = 0; i < 300; i++)
                put_event(&world.events, no_headers, slice_make("whatever", 8));
        CHECK_OK(decode(&world, 300, &span, &err), &err);
        CHECK_UINT(world.batch.n_rows, 300);
        CHECK_UINT(world.batch.n_columns, 0);
        done(&world);
}

TEST(blocks_are_walked_to_their_last_byte)
{
        struct world world;
        struct bytes block;
        struct err err;

        compile_ad(&world);
        bytes_init(&block);
        for (int i = 0; i < 300; i++)
                put_ad(&block, "kind", i);
        (void)bytes_reserve(&block, DECODE_PAD_BYTES);
        CHECK_OK(decode_block(world.program, &world.builder, bytes_slice(&block), 300, &err), &err);
        builder_batch(&world.builder, &world.batch);
        REQUIRE(world.batch.n_rows == 300);
        CHECK_INT(world.batch.columns[1].i64[299], 299);
        CHECK_FAILS(decode_block(world.program, &world.builder, bytes_slice(&block), 301, &err), &err, "datum 301");
        CHECK_UINT(world.builder.n_rows, 300);
        CHECK_FAILS(decode_block(world.program, &world.builder, bytes_slice(&block), 299, &err), &err, "behind the");
        CHECK_UINT(world.builder.n_rows, 300);
        block.len--;
        CHECK_FAILS(decode_block(world.program, &world.builder, bytes_slice(&block), 300, &err), &err, "truncated");
        CHECK_OK(decode_block(world.program, &world.builder, slice_make(block.data, 0), 0, &err), &err);
        CHECK_UINT(builder_n_events(&world.builder), 300);
        bytes_done(&block);
        done(&world);
}

TEST(blocks_of_records_without_bytes_are_bounded)
{
        struct world world;
        struct err err;
        uint8_t pad[DECODE_PAD_BYTES] = {0};

        memset(&world, 0, sizeof(world));
        compile(&world, "{\"type\":\"record\",\"name\":\"Nothing\",\"fields\":[{\"name\":\"x\",\"type\":\"null\"}]}");
        CHECK_OK(decode_block(world.program, &world.builder, slice_make(pad, 0), LIMIT_ZERO_SIZE_ITEMS, &err), &err);
        CHECK_UINT(world.builder.n_rows, LIMIT_ZERO_SIZE_ITEMS);
        CHECK_FAILS(decode_block(world.program, &world.builder, slice_make(pad, 0), UINT64_C(1) << 60, &err), &err,
                    "without bytes");
        done(&world);
}

TEST(steps_are_described_for_explain)
{
        struct world world;
        struct bytes text;

        compile_ad(&world);
        bytes_init(&text);
        decode_describe(world.program, &text);
        bytes_append_byte(&text, 0);
        CHECK_TEXT((const char *)text.data, "id: skip, over 0 long and 1 string\nkind: string\nn: long\nend\n");
        bytes_done(&text);
        done(&world);
}
