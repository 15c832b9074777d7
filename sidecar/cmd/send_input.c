/* send_input.c - the events of `weir send`. See send_input.h. */
#include "sidecar/cmd/send_input.h"

#include "avro/client.h"
#include "avro/encode_json.h"
#include "avro/schema.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sidecar/base/limits.h"

#include <avro.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct send_input {
        struct send_input_options options;
        uint32_t next_path;
        struct schema *schema;
        /* JSON lines */
        FILE *file;
        char *line;
        size_t line_capacity;
        uint64_t n_lines;
        /* container file */
        avro_file_reader_t container;
        avro_value_iface_t *class;
        avro_value_t value;
        bool has_container;
        /* generated */
        struct ad_traffic traffic;
        uint64_t n_left;
        FILE *labels;
        struct slice *keys, *values; /* headers of one event */
        struct bytes body;
};

static const char *path_now(const struct send_input *input)
{
        return input->options.paths[input->next_path - 1];
}

static int read_schema(struct send_input *input, struct err *err)
{
        uint8_t *json = NULL;
        size_t len = 0;
        int result =
                file_read_whole(file_ops_system(), input->options.schema_path, LIMIT_SCHEMA_BYTES, &json, &len, err);

        if (result == 0)
                result = schema_parse(slice_make(json, len), &input->schema, err);
        alloc_free(json);
        return result < 0 ? err_prefix(err, "schema file '%s'", input->options.schema_path) : 0;
}

int send_input_open(const struct send_input_options *options, struct send_input **ret_input, struct err *err)
{
        struct send_input *input = alloc_zero(1, sizeof *input);
        int result = 0;

        input->options = *options;
        input->n_left = options->n_generate;
        ad_traffic_init(&input->traffic, &options->traffic);
        input->keys = alloc_zero(LIMIT_HEADERS_PER_EVENT, sizeof *input->keys);
        input->values = alloc_zero(LIMIT_HEADERS_PER_EVENT, sizeof *input->values);
        for (uint32_t i = 0; i < options->n_headers; i++) {
                input->keys[i] = slice_from_text(options->header_keys[i]);
                input->values[i] = slice_from_text(options->header_values[i]);
        }
        if (options->schema_path != NULL)
                result = read_schema(input, err);
        if (result == 0 && options->label_path != NULL) {
                input->labels = fopen(options->label_path, "we");
                if (input->labels == NULL)
                        result = err_set_errno(err, ERR_IO, errno, "cannot write '%s'", options->label_path);
        }
        /* now, not when it is its turn: half of the events would be away by then */
        for (uint32_t i = 0; i < options->n_paths && result == 0; i++)
                if (strcmp(options->paths[i], "-") != 0 && access(options->paths[i], R_OK) < 0)
                        result = err_set_errno(err, ERR_IO, errno, "cannot open '%s'", options->paths[i]);
        if (result < 0) {
                send_input_close(input);
                return -1;
        }
        *ret_input = input;
        return 0;
}

static void close_file(struct send_input *input)
{
        if (input->file != NULL && input->file != stdin)
                fclose(input->file);
        input->file = NULL;
        if (input->has_container) {
                avro_value_decref(&input->value);
                avro_value_iface_decref(input->class);
                avro_file_reader_close(input->container);
        }
        input->has_container = false;
}

struct send_input *send_input_close(struct send_input *input)
{
        if (input == NULL)
                return NULL;
        close_file(input);
        if (input->labels != NULL)
                fclose(input->labels);
        schema_free(input->schema);
        alloc_free(input->line); /* getline took it from the same allocator */
        alloc_free(input->keys);
        alloc_free(input->values);
        bytes_done(&input->body);
        alloc_free(input);
        return NULL;
}

/* ---- Generated */

static void next_generated(struct send_input *input, struct bytes *events)
{
        struct ad_event event;

        ad_traffic_next(&input->traffic, &event);
        bytes_reset(&input->body);
        ad_traffic_encode(&event, &input->body);
        client_append_event(events, input->keys, input->values, input->options.n_headers, bytes_slice(&input->body));
        if (input->labels != NULL)
                fprintf(input->labels,
                        "{\"event_id\": \"%s\", \"label\": \"%s\", \"event_type\": \"%s\", \"campaign_id\": %lld, "
                        "\"ad_id\": %lld, \"user_id\": \"%s\", \"ip\": \"%s\", \"event_ms\": %lld}\n",
                        event.event_id, event.label, event.event_type, (long long)event.campaign_id,
                        (long long)event.ad_id, event.user_id, event.ip, (long long)event.event_ms);
        input->n_left--;
        if (input->n_left == 0 && input->labels != NULL)
                fflush(input->labels);
}

/* ---- JSON lines */

static int add_headers(struct send_input *input, const json_t *headers, uint32_t *n, struct err *err)
{
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)(uintptr_t)headers, key, value) {
                if (!json_is_string(value) || *n == LIMIT_HEADERS_PER_EVENT)
                        return err_set(err, ERR_DATA, "header '%s' is not a string, or there are too many", key);
                input->keys[*n] = slice_from_text(key);
                input->values[(*n)++] = slice_make(json_string_value(value), json_string_length(value));
        }
        return 0;
}

static int encode_line(struct send_input *input, struct slice line, struct bytes *events, struct err *err)
{
        json_t *object = json_loadb((const char *)line.data, line.len, JSON_ALLOW_NUL, NULL);
        const json_t *body = json_object_get(object, "body"), *headers = json_object_get(object, "headers");
        bool is_event =
                body != NULL && (json_object_size(object) == 1 || (json_object_size(object) == 2 && headers != NULL));
        uint32_t n = input->options.n_headers;
        struct slice bytes = line;
        int result = 0;

        if (is_event && json_is_object(headers))
                result = add_headers(input, headers, &n, err);
        if (result == 0 && input->schema != NULL) {
                bytes_reset(&input->body);
                result = object == NULL
                                 ? err_set(err, ERR_DATA, "this is no JSON object")
                                 : encode_json(schema_root(input->schema),
                                               is_event && json_is_object(body) ? body : object, &input->body, err);
                bytes = bytes_slice(&input->body);
        } else if (result == 0 && is_event && json_is_string(body)) {
                bytes = slice_make(json_string_value(body), json_string_length(body));
        }
        if (result == 0)
                client_append_event(events, input->keys, input->values, n, bytes);
        json_decref(object);
        return result;
}

static int next_line(struct send_input *input, struct bytes *events, struct err *err)
{
        ssize_t len;

        errno = 0;
        len = getline(&input->line, &input->line_capacity, input->file);
        if (len < 0) {
                if (errno != 0)
                        return err_set_errno(err, ERR_IO, errno, "cannot read '%s'", path_now(input));
                close_file(input);
                return 0;
        }
        input->n_lines++;
        while (len > 0 && (input->line[len - 1] == '\n' || input->line[len - 1] == '\r'))
                len--;
        if (len == 0)
                return 0;
        if (encode_line(input, slice_make(input->line, (size_t)len), events, err) < 0)
                return err_prefix(err, "%s:%llu", path_now(input), (unsigned long long)input->n_lines);
        return 1;
}

/* ---- Container files */

static int next_datum(struct send_input *input, struct bytes *events, struct err *err)
{
        avro_writer_t writer;
        size_t size = 0;
        int result = avro_file_reader_read_value(input->container, &input->value);

        if (result == EOF) {
                close_file(input);
                return 0;
        }
        if (result != 0 || avro_value_sizeof(&input->value, &size) != 0)
                return err_set(err, ERR_DATA, "'%s' is damaged: %s", path_now(input), avro_strerror());
        bytes_reset(&input->body);
        bytes_reserve(&input->body, size + 1);
        writer = avro_writer_memory((char *)input->body.data, (int64_t)size);
        result = avro_value_write(writer, &input->value);
        avro_writer_free(writer);
        if (result != 0)
                return err_set(err, ERR_DATA, "'%s': %s", path_now(input), avro_strerror());
        input->body.len = size;
        client_append_event(events, input->keys, input->values, input->options.n_headers, bytes_slice(&input->body));
        return 1;
}

static bool is_container(FILE *file)
{
        char magic[4] = "";
        size_t n = fread(magic, 1, sizeof magic, file);

        rewind(file);
        return n == 4 && memcmp(magic, "Obj\1", 4) == 0;
}

static int open_next(struct send_input *input, struct err *err)
{
        const char *path = input->options.paths[input->next_path++];

        input->n_lines = 0;
        if (strcmp(path, "-") == 0) {
                input->file = stdin;
                return 0;
        }
        input->file = fopen(path, "re");
        if (input->file == NULL)
                return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", path);
        if (!is_container(input->file))
                return 0;
        fclose(input->file);
        input->file = NULL;
        if (avro_file_reader(path, &input->container) != 0)
                return err_set(err, ERR_DATA, "'%s' cannot be read: %s", path, avro_strerror());
        input->class = avro_generic_class_from_schema(avro_file_reader_get_writer_schema(input->container));
        avro_generic_value_new(input->class, &input->value);
        input->has_container = true;
        return 0;
}

/* 1 an event, 0 none yet or (*ret_is_end) none any more, < 0. */
static int next_from_files(struct send_input *input, struct bytes *events, bool *ret_is_end, struct err *err)
{
        if (input->file == NULL && !input->has_container) {
                if (input->next_path == input->options.n_paths) {
                        *ret_is_end = true;
                        return 0;
                }
                if (open_next(input, err) < 0)
                        return -1;
        }
        return input->has_container ? next_datum(input, events, err) : next_line(input, events, err);
}

int send_input_next(struct send_input *input, uint32_t max_events, struct bytes *events, uint32_t *ret_n,
                    struct err *err)
{
        bool is_end = false;
        uint32_t n = 0;

        while (n < max_events && !is_end) {
                int result = 1;

                if (input->options.n_paths > 0)
                        result = next_from_files(input, events, &is_end, err);
                else if (input->n_left > 0)
                        next_generated(input, events);
                else
                        is_end = true;
                if (result < 0)
                        return -1;
                n += !is_end && result == 1;
        }
        *ret_n = n;
        return n == 0 ? SEND_INPUT_E_END : 0;
}
