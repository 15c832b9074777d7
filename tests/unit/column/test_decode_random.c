/* libavro is the other opinion: random schemas, random data, random wanted columns, and both must say the same. Then
 * the same bodies cut short and with bytes changed. */
#include "sidecar/base/limits.h"
#include "sidecar/column/decode.h"
#include "sidecar/column/skip.h"
#include "tests/lib/avro_random.h"

#include <math.h>
#include <stdlib.h>

enum {
        N_SCHEMAS = 40,
        N_SCHEMAS_LONG = 5000,
        N_EVENTS = 140, /* more than one group */
        N_SUBSETS = 2,
        LEAVES_MAX = 64,
        PATH_MAX_DEPTH = 6,
};

struct leaf {
        struct slice path[PATH_MAX_DEPTH];
        uint32_t n_path;
        const struct schema_node *node; /* union with null taken off */
};

struct world {
        struct check_random random;
        struct bytes json;
        struct schema *schema;
        avro_schema_t theirs;
        avro_value_iface_t *class;
        avro_value_t datum;
        struct leaf leaves[LEAVES_MAX];
        uint32_t n_leaves;
        uint32_t n_wanted;
        struct decode_column wanted[LEAVES_MAX];
        const struct leaf *wanted_leaf[LEAVES_MAX];
        struct decode_program *program;
        struct builder builder;
        struct bytes body, events;
};

/* `make check-long` sets WEIR_LONG. */
static unsigned n_schemas(void)
{
        return getenv("WEIR_LONG") == NULL ? N_SCHEMAS : N_SCHEMAS_LONG;
}

/* ---- what may be wanted ---- */

static const struct schema_node *without_null(const struct schema_node *node)
{
        if (node->kind == SCHEMA_UNION && node->n_branches == 2 && node->branches[0]->kind == SCHEMA_NULL)
                return node->branches[1];
        if (node->kind == SCHEMA_UNION && node->n_branches == 2 && node->branches[1]->kind == SCHEMA_NULL)
                return node->branches[0];
        if (node->kind == SCHEMA_UNION && node->n_branches == 1)
                return node->branches[0];
        return node;
}

static void collect(struct world *world, const struct schema_node *record, struct leaf prefix)
{
        for (uint32_t i = 0; i < record->n_fields; i++) {
                struct leaf leaf = prefix;

                if (leaf.n_path == PATH_MAX_DEPTH || world->n_leaves == LEAVES_MAX)
                        return;
                leaf.path[leaf.n_path++] = record->fields[i].name;
                leaf.node = without_null(record->fields[i].type);
                if (leaf.node->kind == SCHEMA_RECORD)
                        collect(world, leaf.node, leaf);
                else if (leaf.node->kind != SCHEMA_ARRAY && leaf.node->kind != SCHEMA_MAP &&
                         leaf.node->kind != SCHEMA_UNION && world->n_leaves < LEAVES_MAX)
                        world->leaves[world->n_leaves++] = leaf;
        }
}

/* One of the types that a column over this node may have. */
static struct type pick_type(struct check_random *random, const struct schema_node *node)
{
        bool nullable = check_random_below(random, 4) > 0;
        unsigned pick = (unsigned)check_random_below(random, 4);

        switch (node->logical) {
        case SCHEMA_DATE:
                return type_make(pick == 0 ? TYPE_INT : TYPE_DATE, nullable);
        case SCHEMA_TIME_MILLIS:
        case SCHEMA_TIME_MICROS:
                return (struct type){.kind = TYPE_TIME, .nullable = nullable, .precision = 3};
        case SCHEMA_TIMESTAMP_MILLIS:
        case SCHEMA_TIMESTAMP_MICROS:
                return pick == 0 ? type_make(TYPE_BIGINT, nullable)
                                 : type_timestamp(pick == 1 ? TYPE_TIMESTAMP : TYPE_TIMESTAMP_LTZ,
                                                  (unsigned)check_random_below(random, 7), nullable);
        case SCHEMA_LOCAL_TIMESTAMP_MILLIS:
        case SCHEMA_LOCAL_TIMESTAMP_MICROS:
                return type_timestamp(TYPE_TIMESTAMP, (unsigned)check_random_below(random, 7), nullable);
        case SCHEMA_DECIMAL:
                return type_decimal(node->precision + 2, node->scale + pick % 3, nullable);
        default:
                break;
        }
        switch (node->kind) {
        case SCHEMA_BOOLEAN:
                return type_make(TYPE_BOOLEAN, nullable);
        case SCHEMA_INT:
                return type_make((enum type_kind)(TYPE_TINYINT + check_random_below(random, 6)), nullable);
        case SCHEMA_LONG:
                return type_make(pick == 0 ? TYPE_DOUBLE : pick == 1 ? TYPE_FLOAT : TYPE_BIGINT, nullable);
        case SCHEMA_FLOAT:
                return type_make(pick == 0 ? TYPE_DOUBLE : TYPE_FLOAT, nullable);
        case SCHEMA_DOUBLE:
                return type_make(TYPE_DOUBLE, nullable);
        case SCHEMA_FIXED:
                return (struct type){.kind = TYPE_BINARY, .nullable = nullable, .length = node->fixed_bytes};
        case SCHEMA_BYTES:
        case SCHEMA_STRING:
                if (pick == 0)
                        return (struct type){.kind = TYPE_VARBINARY, .nullable = nullable, .length = TYPE_LENGTH_MAX};
                return type_string(nullable);
        case SCHEMA_ENUM:
                return type_string(nullable);
        default:
                return type_make(TYPE_INT, true); /* null */
        }
}

static void pick_columns(struct world *world)
{
        world->n_wanted = 0;
        for (uint32_t i = 0; i < world->n_leaves; i++) {
                struct leaf *leaf = &world->leaves[i];

                if (check_random_below(&world->random, 3) == 0)
                        continue;
                world->wanted_leaf[world->n_wanted] = leaf;
                world->wanted[world->n_wanted++] = (struct decode_column){
                        .kind = DECODE_FIELD,
                        .name = leaf->path[leaf->n_path - 1],
                        .path = leaf->path,
                        .n_path = leaf->n_path,
                        .type = pick_type(&world->random, leaf->node),
                };
        }
}

/* ---- what libavro says ---- */

struct expectation {
        enum reason reason; /* not NONE: the event is dead */
        struct value value;
};

static struct expectation expect_null(const struct type *type)
{
        struct expectation expectation = {.reason = type->nullable ? REASON_NONE : REASON_NULL_VALUE};

        expectation.value.phys = type_phys(type);
        expectation.value.is_null = true;
        return expectation;
}

static int64_t floor_to(int64_t value, int64_t unit, bool *ret_overflow)
{
        __int128 floored = (__int128)value - (((__int128)value % unit) + unit) % unit;

        *ret_overflow = floored < INT64_MIN;
        return (int64_t)floored;
}

static void expect_timestamp(const struct type *type, const struct schema_node *node, int64_t raw,
                             struct expectation *ret)
{
        bool is_millis = node->logical == SCHEMA_TIMESTAMP_MILLIS || node->logical == SCHEMA_LOCAL_TIMESTAMP_MILLIS;
        __int128 micros = is_millis ? (__int128)raw * 1000 : raw;
        int64_t unit = (int64_t)pow(10, 6 - type->precision);
        bool is_overflow = false;

        if (micros > INT64_MAX || micros < INT64_MIN) {
                ret->reason = REASON_OUT_OF_RANGE;
                return;
        }
        ret->value.i64 = floor_to((int64_t)micros, unit, &is_overflow);
        if (is_overflow)
                ret->reason = REASON_OUT_OF_RANGE;
}

static void expect_integer(const struct type *type, const struct schema_node *node, int64_t raw,
                           struct expectation *ret)
{
        bool is_overflow;

        ret->value.i64 = raw;
        switch (type->kind) {
        case TYPE_TINYINT:
                ret->reason = raw == (int8_t)raw ? REASON_NONE : REASON_OUT_OF_RANGE;
                return;
        case TYPE_SMALLINT:
                ret->reason = raw == (int16_t)raw ? REASON_NONE : REASON_OUT_OF_RANGE;
                return;
        case TYPE_FLOAT:
                ret->value.f64 = (double)(float)raw;
                return;
        case TYPE_DOUBLE:
                ret->value.f64 = (double)raw;
                return;
        case TYPE_TIME:
                if (node->logical == SCHEMA_TIME_MICROS)
                        ret->value.i64 = floor_to(raw, 1000, &is_overflow) / 1000 - (raw < INT64_MIN + 1000);
                ret->reason = ret->value.i64 >= 0 && ret->value.i64 < 86400000 ? REASON_NONE : REASON_OUT_OF_RANGE;
                return;
        case TYPE_TIMESTAMP:
        case TYPE_TIMESTAMP_LTZ:
                expect_timestamp(type, node, raw, ret);
                return;
        default:
                return;
        }
}

static void expect_decimal(const struct type *type, const struct schema_node *node, const uint8_t *data, size_t len,
                           struct expectation *ret)
{
        long double approximate = len > 0 && data[0] >= 0x80 ? -1 : 0;
        unsigned __int128 value = len > 0 && data[0] >= 0x80 ? ~(unsigned __int128)0 : 0;
        long double limit = powl(10, type->precision - (type->scale - node->scale));

        for (size_t i = 0; i < len; i++) {
                value = value << 8 | data[i];
                approximate = approximate * 256 + data[i];
        }
        if (fabsl(approximate) >= limit) { /* random data do not come near the limit itself */
                *ret = expect_null(type);
                return;
        }
        ret->value.dec = (weir_i128)value;
        for (unsigned i = node->scale; i < type->scale; i++)
                ret->value.dec *= 10;
}

static void expect_leaf(const struct type *type, const struct schema_node *node, avro_value_t *value,
                        struct expectation *ret)
{
        const char *text = NULL;
        const void *data = NULL;
        int64_t whole = 0;
        int32_t small = 0;
        size_t len = 0;
        int index = 0;
        float single = 0;

        switch (avro_value_get_type(value)) {
        case AVRO_BOOLEAN:
                (void)avro_value_get_boolean(value, &index);
                ret->value.i64 = index;
                return;
        case AVRO_INT32:
                (void)avro_value_get_int(value, &small);
                expect_integer(type, node, small, ret);
                return;
        case AVRO_INT64:
                (void)avro_value_get_long(value, &whole);
                expect_integer(type, node, whole, ret);
                return;
        case AVRO_FLOAT:
                (void)avro_value_get_float(value, &single);
                ret->value.f64 = (double)single;
                return;
        case AVRO_DOUBLE:
                (void)avro_value_get_double(value, &ret->value.f64);
                return;
        case AVRO_STRING:
                (void)avro_value_get_string(value, &text, &len);
                ret->value.str = slice_make(text, len - 1);
                return;
        case AVRO_ENUM:
                (void)avro_value_get_enum(value, &index);
                ret->value.str = node->symbols[index];
                return;
        case AVRO_BYTES:
                (void)avro_value_get_bytes(value, &data, &len);
                break;
        case AVRO_FIXED:
                (void)avro_value_get_fixed(value, &data, &len);
                break;
        default:
                CHECK_FAIL("libavro has an unexpected type");
                return;
        }
        if (type->kind == TYPE_DECIMAL)
                expect_decimal(type, node, data, len, ret);
        else
                ret->value.str = slice_make(data, len);
}

static struct expectation expect(const struct world *world, uint32_t c)
{
        const struct decode_column *column = &world->wanted[c];
        struct expectation expectation = {.reason = REASON_NONE, .value = {.phys = type_phys(&column->type)}};
        avro_value_t value = world->datum;

        for (uint32_t depth = 0;; depth++) {
                char name[32];

                if (avro_value_get_type(&value) == AVRO_UNION) {
                        avro_value_t branch = value;

                        (void)avro_value_get_current_branch(&value, &branch);
                        value = branch;
                }
                if (avro_value_get_type(&value) == AVRO_NULL)
                        return expect_null(&column->type);
                if (depth == column->n_path)
                        break;
                (void)snprintf(name, sizeof(name), "%.*s", (int)column->path[depth].len,
                               (const char *)column->path[depth].data);
                (void)avro_value_get_by_name(&value, name, &value, NULL);
        }
        expect_leaf(&column->type, world->wanted_leaf[c]->node, &value, &expectation);
        return expectation;
}

/* ---- comparison ---- */

static bool is_same_value(const struct value *a, const struct value *b)
{
        if (a->is_null || b->is_null)
                return a->is_null == b->is_null;
        switch (a->phys) {
        case PHYS_I64:
                return a->i64 == b->i64;
        case PHYS_F64:
                return memcmp(&a->f64, &b->f64, sizeof(a->f64)) == 0;
        case PHYS_DEC:
                return a->dec == b->dec;
        default:
                return slice_is_equal(a->str, b->str);
        }
}

/* The verdict of libavro's values on one event: NONE, or why its event is dead. */
static enum reason expected_verdict(const struct world *world)
{
        for (uint32_t c = 0; c < world->n_wanted; c++) {
                enum reason reason = expect(world, c).reason;

                if (reason != REASON_NONE)
                        return reason;
        }
        return REASON_NONE;
}

static bool is_row_as_expected(const struct world *world, const struct batch *batch, uint32_t row)
{
        for (uint32_t c = 0; c < world->n_wanted; c++) {
                struct expectation expected = expect(world, c);
                struct value value = vector_get(&batch->columns[c], row);
                const struct vector *vector = &batch->columns[c];

                if (!is_same_value(&value, &expected.value))
                        return false;
                if (vector->code != NULL && !value.is_null &&
                    !slice_is_equal(vector->dict->entry[vector->code[row]], value.str))
                        return false;
        }
        return true;
}

static void wrap(struct bytes *events, struct slice body)
{
        uint64_t raw = (uint64_t)body.len << 1;

        bytes_append_byte(events, 0); /* no headers */
        bytes_append_varint(events, raw);
        bytes_append_slice(events, body);
}

/* Decodes whole events; everything must be taken. */
static void decode_all(struct world *world, uint32_t n, struct batch *ret_batch)
{
        struct decode_span span = {.max_events = n};
        struct err err;

        memset(bytes_reserve(&world->events, DECODE_PAD_BYTES), 0xff, DECODE_PAD_BYTES);
        span.at = world->events.data;
        span.end = world->events.data + world->events.len;
        CHECK_OK(decode_events(world->program, &world->builder, &span, &err), &err);
        CHECK_UINT(span.n_events, n);
        CHECK(span.at == span.end);
        builder_batch(&world->builder, ret_batch);
}

static void world_init(struct world *world, uint64_t seed)
{
        struct err err;

        memset(world, 0, sizeof(*world));
        world->random = check_seed(seed);
        bytes_init(&world->json);
        bytes_init(&world->body);
        bytes_init(&world->events);
        avro_random_schema(&world->random, &world->json);
        CHECK_OK(schema_parse(bytes_slice(&world->json), &world->schema, &err), &err);
        REQUIRE(world->schema != NULL);
        CHECK_INT(avro_schema_from_json_length((const char *)world->json.data, world->json.len, &world->theirs), 0);
        world->class = avro_generic_class_from_schema(world->theirs);
        CHECK_INT(avro_generic_value_new(world->class, &world->datum), 0);
        collect(world, schema_root(world->schema), (struct leaf){.n_path = 0});
}

static bool world_compile(struct world *world)
{
        struct decode_config config = {.schema = world->schema, .columns = world->wanted};
        struct err err;

        pick_columns(world);
        config.n_columns = world->n_wanted;
        CHECK_OK(decode_compile(&config, &world->program, &err), &err);
        if (world->program == NULL)
                return false;
        decode_builder_init(world->program, &world->builder);
        return true;
}

static void world_drop_program(struct world *world)
{
        builder_done(&world->builder);
        world->program = decode_free(world->program);
}

static void world_done(struct world *world)
{
        avro_value_decref(&world->datum);
        avro_value_iface_decref(world->class);
        avro_schema_decref(world->theirs);
        schema_free(world->schema);
        bytes_done(&world->json);
        bytes_done(&world->body);
        bytes_done(&world->events);
}

static void say_schema(const struct world *world, const char *what, uint64_t seed)
{
        CHECK_FAIL("%s (seed %llu): %.*s", what, (unsigned long long)seed, (int)world->json.len,
                   (const char *)world->json.data);
}

static bool compare_events(struct world *world, uint64_t seed)
{
        struct check_random before;
        struct batch batch;
        uint32_t row = 0, dead = 0;
        bool is_good = true;

        bytes_reset(&world->events);
        before = world->random;
        for (uint32_t i = 0; i < N_EVENTS; i++) {
                bytes_reset(&world->body);
                avro_random_fill(&world->random, &world->datum);
                avro_random_encode(&world->datum, &world->body);
                wrap(&world->events, bytes_slice(&world->body));
        }
        decode_all(world, N_EVENTS, &batch);
        for (uint32_t i = 0; i < N_EVENTS && is_good; i++) {
                enum reason verdict;

                avro_random_fill(&before, &world->datum);
                verdict = expected_verdict(world);
                if (verdict == REASON_NONE) {
                        is_good = row < batch.n_rows && is_row_as_expected(world, &batch, row);
                        row++;
                } else {
                        bytes_reset(&world->body);
                        avro_random_encode(&world->datum, &world->body);
                        is_good = dead < world->builder.n_dead && world->builder.dead[dead].reason == verdict &&
                                  world->builder.dead[dead].event == i && world->builder.dead[dead].row == row &&
                                  world->builder.dead[dead].body_bytes == world->body.len &&
                                  (world->body.len > LIMIT_DEAD_BODY_BYTES ||
                                   slice_is_equal(world->builder.dead[dead].body, bytes_slice(&world->body)));
                        dead++;
                }
        }
        CHECK_UINT(row + dead, N_EVENTS);
        if (!is_good)
                say_schema(world, "libavro disagrees", seed);
        return is_good;
}

TEST(libavro_agrees_on_every_wanted_column)
{
        static struct world world;

        for (uint64_t seed = 1; seed <= n_schemas(); seed++) {
                world_init(&world, seed);
                for (uint32_t subset = 0; subset < N_SUBSETS; subset++) {
                        if (world_compile(&world)) {
                                bool is_good = compare_events(&world, seed);

                                world_drop_program(&world);
                                if (!is_good)
                                        break;
                        }
                }
                world_done(&world);
        }
}

/* One event with this body; true when it became a row. */
static bool decode_one(struct world *world, struct slice body, struct batch *ret_batch)
{
        builder_reset(&world->builder);
        bytes_reset(&world->events);
        wrap(&world->events, body);
        decode_all(world, 1, ret_batch);
        return ret_batch->n_rows == 1;
}

TEST(a_body_cut_anywhere_gives_the_same_row_or_none)
{
        static struct world world;

        for (uint64_t seed = 1000; seed < 1000 + n_schemas(); seed++) {
                struct batch batch;
                uint32_t n_same = 0, n_wrong = 0;

                world_init(&world, seed);
                if (!world_compile(&world)) {
                        world_done(&world);
                        continue;
                }
                avro_random_fill(&world.random, &world.datum);
                bytes_reset(&world.body);
                avro_random_encode(&world.datum, &world.body);
                for (size_t len = world.body.len < 600 ? world.body.len : 600; len-- > 0;) {
                        if (!decode_one(&world, slice_make(world.body.data, len), &batch))
                                continue;
                        n_same++;
                        n_wrong += !is_row_as_expected(&world, &batch, 0);
                }
                CHECK_UINT(n_wrong, 0);
                if (n_wrong > 0 || (world.n_wanted == 0 && n_same < world.body.len && world.body.len < 600))
                        say_schema(&world, "a cut body made another row", seed);
                world_drop_program(&world);
                world_done(&world);
        }
}

/* Only data that our own walk found sound goes to libavro: its reader trusts lengths. */
static bool is_sound(const struct world *world, struct slice body)
{
        struct skip skip = skip_make(body.data + body.len);

        return skip_value(&skip, schema_root(world->schema), body.data) != NULL;
}

static void compare_changed(struct world *world, struct slice body, uint64_t seed)
{
        struct batch batch;
        bool is_row = decode_one(world, body, &batch);
        avro_reader_t reader;
        enum reason verdict;

        if (!is_sound(world, body))
                return; /* the row may be right all the same: nobody looks behind the last wanted field */
        reader = avro_reader_memory((const char *)body.data, (int64_t)body.len);
        (void)avro_value_reset(&world->datum);
        if (avro_value_read(reader, &world->datum) != 0) {
                say_schema(world, "libavro refuses what the walk found sound", seed);
        } else {
                verdict = expected_verdict(world);
                if (is_row != (verdict == REASON_NONE) || (is_row && !is_row_as_expected(world, &batch, 0)))
                        say_schema(world, "libavro disagrees on a changed body", seed);
        }
        avro_reader_free(reader);
}

TEST(changed_bytes_neither_crash_nor_part_us_from_libavro)
{
        static struct world world;
        struct bytes changed;

        bytes_init(&changed);
        for (uint64_t seed = 5000; seed < 5000 + n_schemas(); seed++) {
                world_init(&world, seed);
                if (world_compile(&world)) {
                        for (uint32_t round = 0; round < 40; round++) {
                                avro_random_fill(&world.random, &world.datum);
                                bytes_reset(&changed);
                                avro_random_encode(&world.datum, &changed);
                                (void)bytes_reserve(&changed, DECODE_PAD_BYTES);
                                for (uint64_t i = check_random_below(&world.random, 4); i > 0 && changed.len > 0; i--)
                                        changed.data[check_random_below(&world.random, changed.len)] =
                                                (uint8_t)check_random_u64(&world.random);
                                compare_changed(&world, bytes_slice(&changed), seed);
                        }
                        world_drop_program(&world);
                }
                CHECK(world.n_leaves <= LEAVES_MAX);
                world_done(&world);
        }
        bytes_done(&changed);
}
