/* bench_decode.c - what it costs to decode an ad event, beside libavro's generic reader.
 *
 *     bench_decode [--rounds N]
 *
 * Events as tests/bench/load_client.c makes them, with the event time early and last, without headers and with two
 * that nobody reads. Wanted: event_type, campaign_id, event_ms. weir gets them in spans of at most 8192 bytes, as Java
 * cuts frames, and leaves columns. libavro does the same work event by event (the AvroFlumeEvent, then its body, then
 * three fields), and, as the stricter measure, the body alone. Processor time, one core, median of the rounds. Prints
 * one JSON object per shape. */
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
        avro_value_t datum, event;
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

static void new_value(const char *schema_text, size_t len, avro_value_t *ret_value)
{
        avro_schema_t schema;
        avro_value_iface_t *class;

        if (avro_schema_from_json_length(schema_text, len, &schema) != 0)
                stop(avro_strerror(), NULL);
        class = avro_generic_class_from_schema(schema);
        if (avro_generic_value_new(class, ret_value) != 0)
                stop(avro_strerror(), NULL);
        avro_value_iface_decref(class);
        avro_schema_decref(schema);
}

static void open_theirs(struct world *world)
{
        static const char event[] = "{\"type\":\"record\",\"name\":\"AvroFlumeEvent\",\"fields\":["
                                    "{\"name\":\"headers\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
                                    "{\"name\":\"body\",\"type\":\"bytes\"}]}";

        new_value((const char *)world->schema_text, world->schema_len, &world->datum);
        new_value(event, sizeof(event) - 1, &world->event);
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

/* libavro reads one body and three of its fields. */
static void read_body(struct world *world, const char *body, int64_t body_len)
{
        avro_value_t field;
        const char *text;
        size_t len = 0;
        int64_t number = 0;

        avro_reader_memory_set_source(world->reader, body, body_len);
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

static void pass_bodies(struct world *world)
{
        world->sum_theirs = 0;
        for (uint32_t i = 0; i < N_EVENTS; i++)
                read_body(world, (const char *)world->bodies.data + world->body_at[i],
                          world->body_at[i + 1] - world->body_at[i]);
}

static void pass_events(struct world *world)
{
        world->sum_theirs = 0;
        for (uint32_t i = 0; i < N_EVENTS; i++) {
                avro_value_t body;
                const void *data = NULL;
                size_t len = 0;

                avro_reader_memory_set_source(world->reader, (const char *)world->events.data + world->event_at[i],
                                              world->event_at[i + 1] - world->event_at[i]);
                (void)avro_value_reset(&world->event);
                if (avro_value_read(world->reader, &world->event) != 0)
                        stop(avro_strerror(), NULL);
                (void)avro_value_get_by_index(&world->event, 1, &body, NULL);
                (void)avro_value_get_bytes(&body, &data, &len);
                read_body(world, data, (int64_t)len);
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

enum { OURS, EVENTS, BODIES, N_SIDES };

static void load_schema(struct world *world, const struct shape *shape, const char *folder)
{
        char path[4096];
        struct err err;

        (void)snprintf(path, sizeof(path), "%s/%s", folder, shape->schema);
        if (file_read_whole(file_ops_system(), path, LIMIT_SCHEMA_BYTES, &world->schema_text, &world->schema_len,
                            &err) < 0)
                stop(path, &err);
}

static void print_shape(const struct world *world, const struct shape *shape, double *times[N_SIDES], unsigned n)
{
        double median[N_SIDES];

        for (int side = 0; side < N_SIDES; side++) {
                qsort(times[side], n, sizeof(double), compare_doubles);
                median[side] = times[side][n / 2];
        }
        (void)printf("{\"bench\": \"decode\", \"shape\": \"%s\", \"body_bytes\": %.0f, \"event_bytes\": %.0f, "
                     "\"weir_ns\": %.2f, \"weir_ns_least\": %.2f, \"weir_ns_most\": %.2f, \"libavro_ns\": %.1f, "
                     "\"libavro_body_ns\": %.1f, \"ratio\": %.1f, \"ratio_body\": %.1f}\n",
                     shape->name, (double)world->bodies.len / N_EVENTS, (double)world->events.len / N_EVENTS,
                     median[OURS], times[OURS][0], times[OURS][n - 1], median[EVENTS], median[BODIES],
                     median[EVENTS] / median[OURS], median[BODIES] / median[OURS]);
}

static void run_shape(const struct shape *shape, const char *folder, unsigned n_rounds)
{
        static struct world world;
        double *times[N_SIDES];

        memset(&world, 0, sizeof(world));
        for (int side = 0; side < N_SIDES; side++)
                times[side] = alloc_array(n_rounds, sizeof(double));
        load_schema(&world, shape, folder);
        world.random = 7;
        bytes_init(&world.bodies);
        bytes_init(&world.events);
        make_events(&world, shape);
        open_ours(&world);
        open_theirs(&world);
        (void)time_passes(&world, pass_ours, 10);
        for (unsigned i = 0; i < n_rounds; i++) {
                times[OURS][i] = time_passes(&world, pass_ours, PASSES_OURS);
                times[EVENTS][i] = time_passes(&world, pass_events, PASSES_THEIRS);
                times[BODIES][i] = time_passes(&world, pass_bodies, PASSES_THEIRS);
        }
        print_shape(&world, shape, times, n_rounds);
        avro_value_decref(&world.datum);
        avro_value_decref(&world.event);
        avro_reader_free(world.reader);
        builder_done(&world.builder);
        decode_free(world.program);
        schema_free(world.schema);
        bytes_done(&world.bodies);
        bytes_done(&world.events);
        alloc_free(world.schema_text);
        for (int side = 0; side < N_SIDES; side++)
                alloc_free(times[side]);
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
