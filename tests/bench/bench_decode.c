/* bench_decode.c - what it costs to decode an ad event, beside libavro's generic reader.
 *
 *     bench_decode [--rounds N]
 *
 * Events as tests/bench/load_client.c makes them: bodies of about 140 bytes, with the event time early and
 * last, without headers and with two that nobody reads. Wanted: event_type, campaign_id, event_ms. Both readers
 * get the same bodies in the same order, in spans of at most 8192 bytes as Java cuts frames; libavro is even
 * spared the envelope. Processor time, one core, median of the rounds. Prints one JSON object per shape. */
#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/decode.h"

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { N_EVENTS = 4096, SPAN_BYTES = 8192, ROUNDS = 5, PASSES_OURS = 200, PASSES_THEIRS = 5 };

struct shape {
        const char *name;
        const char *schema; /* of tests/bench */
        bool is_early, has_headers;
};

struct world {
        uint64_t random;
        struct bytes bodies, events;
        uint32_t body_at[N_EVENTS + 1], event_at[N_EVENTS + 1];
        uint8_t *schema_text;
        size_t schema_len;
        struct schema *schema;
        struct decode_program *program;
        struct builder builder;
        avro_value_t datum;
        avro_reader_t reader;
        int64_t sum_ours, sum_theirs;
};

static void stop(const char *what, const struct err *err)
{
        (void)fprintf(stderr, "bench_decode: %s: %s\n", what, err == NULL ? "failed" : err->text);
        exit(70);
}

static uint64_t draw(struct world *world)
{
        uint64_t word = (world->random += UINT64_C(0x9e3779b97f4a7c15));

        word = (word ^ (word >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        word = (word ^ (word >> 27)) * UINT64_C(0x94d049bb133111eb);
        return word ^ (word >> 31);
}

static void put_long(struct bytes *bytes, int64_t value)
{
        bytes_append_varint(bytes, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63));
}

static void put_text(struct bytes *bytes, const char *text)
{
        put_long(bytes, (int64_t)strlen(text));
        bytes_append_text(bytes, text);
}

static void make_body(struct world *world, bool is_early)
{
        static const char *const types[] = {"impression", "impression", "impression", "click", "view"};
        int64_t event_ms = 1767312000000 + (int64_t)(draw(world) % 3600000);
        uint64_t ad = draw(world) % 1000;
        char text[64];

        (void)snprintf(text, sizeof(text), "%08x-%04x-%04x-%012llx", (unsigned)draw(world),
                       (unsigned)draw(world) & 0xffff, (unsigned)draw(world) & 0xffff,
                       (unsigned long long)draw(world) & 0xffffffffffff);
        put_text(&world->bodies, text);
        if (is_early)
                put_long(&world->bodies, event_ms);
        put_text(&world->bodies, types[draw(world) % 5]);
        put_long(&world->bodies, (int64_t)(ad / 10));
        put_long(&world->bodies, (int64_t)ad);
        (void)snprintf(text, sizeof(text), "user-%llu", (unsigned long long)draw(world) % 1000000);
        put_text(&world->bodies, text);
        (void)snprintf(text, sizeof(text), "10.%u.%u.%u", (unsigned)draw(world) % 256, (unsigned)draw(world) % 256,
                       (unsigned)draw(world) % 256);
        put_text(&world->bodies, text);
        put_text(&world->bodies, "Mozilla/5.0 (X11; Linux x86_64) weir-bench/1.0");
        if (!is_early)
                put_long(&world->bodies, event_ms);
}

static void make_events(struct world *world, const struct shape *shape)
{
        for (uint32_t i = 0; i < N_EVENTS; i++) {
                world->body_at[i] = (uint32_t)world->bodies.len;
                make_body(world, shape->is_early);
        }
        world->body_at[N_EVENTS] = (uint32_t)world->bodies.len;
        for (uint32_t i = 0; i < N_EVENTS; i++) {
                uint32_t len = world->body_at[i + 1] - world->body_at[i];

                world->event_at[i] = (uint32_t)world->events.len;
                if (shape->has_headers) {
                        put_long(&world->events, 2);
                        put_text(&world->events, "timestamp");
                        put_text(&world->events, "1767312000000");
                        put_text(&world->events, "host");
                        put_text(&world->events, "web-0001.example");
                }
                put_long(&world->events, 0);
                put_long(&world->events, len);
                bytes_append(&world->events, world->bodies.data + world->body_at[i], len);
        }
        world->event_at[N_EVENTS] = (uint32_t)world->events.len;
        memset(bytes_reserve(&world->events, DECODE_PAD_BYTES), 0, DECODE_PAD_BYTES);
}

static void open_ours(struct world *world)
{
        static struct slice paths[3];
        struct decode_column columns[3] = {{.type = type_string(true)},
                                           {.type = type_make(TYPE_BIGINT, true)},
                                           {.type = type_make(TYPE_BIGINT, true)}};
        struct decode_config config = {.n_columns = 3, .columns = columns};
        static const char *const names[3] = {"event_type", "campaign_id", "event_ms"};
        struct err err;

        if (schema_parse(slice_make(world->schema_text, world->schema_len), &world->schema, &err) < 0)
                stop("schema", &err);
        for (int i = 0; i < 3; i++) {
                paths[i] = slice_from_text(names[i]);
                columns[i].name = paths[i];
                columns[i].path = &paths[i];
                columns[i].n_path = 1;
        }
        config.schema = world->schema;
        if (decode_compile(&config, &world->program, &err) < 0)
                stop("program", &err);
        decode_builder_init(world->program, &world->builder);
}

static void open_theirs(struct world *world)
{
        avro_schema_t schema;
        avro_value_iface_t *class;

        if (avro_schema_from_json_length((const char *)world->schema_text, world->schema_len, &schema) != 0)
                stop(avro_strerror(), NULL);
        class = avro_generic_class_from_schema(schema);
        if (avro_generic_value_new(class, &world->datum) != 0)
                stop(avro_strerror(), NULL);
        world->reader = avro_reader_memory((const char *)world->bodies.data, 0);
}

/* One pass over all events, in spans; a batch per thousand events, about. */
static void pass_ours(struct world *world)
{
        uint32_t i = 0;
        struct err err;

        world->sum_ours = 0;
        while (i < N_EVENTS) {
                struct decode_span span = {.at = world->events.data + world->event_at[i], .max_events = N_EVENTS};
                size_t left = world->event_at[N_EVENTS] - world->event_at[i];

                span.end = span.at + (left < SPAN_BYTES ? left : SPAN_BYTES);
                if (decode_events(world->program, &world->builder, &span, &err) < 0)
                        stop("decode", &err);
                i += span.n_events;
                if (world->builder.n_rows >= 1000 || i == N_EVENTS) {
                        struct batch batch;

                        builder_batch(&world->builder, &batch);
                        for (uint32_t row = 0; row < batch.n_rows; row += 64)
                                world->sum_ours += batch.columns[1].i64[row];
                        if (world->builder.n_dead > 0)
                                stop("dead letters", NULL);
                        builder_reset(&world->builder);
                }
        }
}

static void pass_theirs(struct world *world)
{
        world->sum_theirs = 0;
        for (uint32_t i = 0; i < N_EVENTS; i++) {
                avro_value_t field;
                const char *text;
                size_t len = 0;
                int64_t number = 0;

                avro_reader_memory_set_source(world->reader, (const char *)world->bodies.data + world->body_at[i],
                                              world->body_at[i + 1] - world->body_at[i]);
                if (avro_value_read(world->reader, &world->datum) != 0)
                        stop(avro_strerror(), NULL);
                (void)avro_value_get_by_name(&world->datum, "event_type", &field, NULL);
                (void)avro_value_get_string(&field, &text, &len);
                (void)avro_value_get_by_name(&world->datum, "campaign_id", &field, NULL);
                (void)avro_value_get_long(&field, &number);
                world->sum_theirs += number + (int64_t)len;
                (void)avro_value_get_by_name(&world->datum, "event_ms", &field, NULL);
                (void)avro_value_get_long(&field, &number);
                world->sum_theirs += number;
        }
}

static double now_ns(void)
{
        struct timespec now;

        (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double time_passes(struct world *world, void (*pass)(struct world *), unsigned n)
{
        double begin = now_ns();

        for (unsigned i = 0; i < n; i++)
                pass(world);
        return (now_ns() - begin) / n / N_EVENTS;
}

static int compare_doubles(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static void run_shape(const struct shape *shape, const char *folder, unsigned n_rounds)
{
        static struct world world;
        double *ours = alloc_array(n_rounds, sizeof(*ours)), *theirs = alloc_array(n_rounds, sizeof(*theirs));
        char path[4096];
        struct err err;

        memset(&world, 0, sizeof(world));
        (void)snprintf(path, sizeof(path), "%s/%s", folder, shape->schema);
        if (file_read_whole(file_ops_system(), path, LIMIT_SCHEMA_BYTES, &world.schema_text, &world.schema_len,
                            &err) < 0)
                stop(path, &err);
        world.random = 7;
        bytes_init(&world.bodies);
        bytes_init(&world.events);
        make_events(&world, shape);
        open_ours(&world);
        open_theirs(&world);
        (void)time_passes(&world, pass_ours, 10);
        for (unsigned i = 0; i < n_rounds; i++) {
                ours[i] = time_passes(&world, pass_ours, PASSES_OURS);
                theirs[i] = time_passes(&world, pass_theirs, PASSES_THEIRS);
        }
        qsort(ours, n_rounds, sizeof(*ours), compare_doubles);
        qsort(theirs, n_rounds, sizeof(*theirs), compare_doubles);
        (void)printf("{\"bench\": \"decode\", \"shape\": \"%s\", \"body_bytes\": %.0f, \"event_bytes\": %.0f, "
                     "\"ours_ns\": %.2f, \"ours_ns_least\": %.2f, \"ours_ns_most\": %.2f, "
                     "\"libavro_ns\": %.1f, \"ratio\": %.1f}\n",
                     shape->name, (double)world.bodies.len / N_EVENTS, (double)world.events.len / N_EVENTS,
                     ours[n_rounds / 2], ours[0], ours[n_rounds - 1], theirs[n_rounds / 2],
                     theirs[n_rounds / 2] / ours[n_rounds / 2]);
        builder_done(&world.builder);
        decode_free(world.program);
        schema_free(world.schema);
        bytes_done(&world.bodies);
        bytes_done(&world.events);
        alloc_free(world.schema_text);
        alloc_free(ours);
        alloc_free(theirs);
}

int main(int argc, char **argv)
{
        static const struct shape shapes[] = {
                {"time early", "ad_early.avsc", true, false},
                {"time early, headers", "ad_early.avsc", true, true},
                {"time last", "ad_late.avsc", false, false},
                {"time last, headers", "ad_late.avsc", false, true},
        };
        const char *source = getenv("WEIR_SOURCE");
        unsigned n_rounds = ROUNDS;
        char folder[2048];

        if (argc == 3 && strcmp(argv[1], "--rounds") == 0)
                n_rounds = (unsigned)strtoul(argv[2], NULL, 10);
        if (n_rounds == 0 || (argc != 1 && argc != 3)) {
                (void)fprintf(stderr, "usage: bench_decode [--rounds N]\n");
                return 64;
        }
        (void)snprintf(folder, sizeof(folder), "%s/tests/bench", source == NULL ? "." : source);
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
                run_shape(&shapes[i], folder, n_rounds);
        return 0;
}
