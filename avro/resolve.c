/* resolve.c - matching of a client's types with Flume's, and the walk over its events.
 *
 * Bytes here are hostile until they were walked: nesting is bounded by LIMIT_DATUM_DEPTH, and values that take no
 * bytes (arrays of nulls, records of nothing) are bounded by a count of steps that grows with the bytes read. */
#include "avro/resolve.h"

#include "sidecar/base/limits.h"

#include <stdio.h>

struct walk {
        struct binary_reader *reader;
        const uint8_t *start;
        uint64_t n_steps;
};

static bool walk_problem(struct walk *walk, const char *problem)
{
        walk->reader->problem = problem;
        return false;
}

/* Each value visited is a step; honest data has at most a few per byte. */
static bool walk_step(struct walk *walk, unsigned depth)
{
        uint64_t n_bytes = (uint64_t)(walk->reader->at - walk->start);

        if (depth > LIMIT_DATUM_DEPTH)
                return walk_problem(walk, "data nested deeper than the limit");
        if (++walk->n_steps > LIMIT_ZERO_SIZE_ITEMS + 4 * n_bytes)
                return walk_problem(walk, "too many values that take no bytes");
        return true;
}

static bool skip_value(struct walk *walk, const struct schema_node *type, unsigned depth);

static bool skip_blocks(struct walk *walk, const struct schema_node *type, unsigned depth)
{
        struct slice key;
        uint64_t items;

        for (;;) {
                if (!binary_read_block(walk->reader, UINT64_MAX, &items))
                        return false;
                if (items == 0)
                        return true;
                for (uint64_t i = 0; i < items; i++) {
                        if (type->kind == SCHEMA_MAP && !binary_read_bytes(walk->reader, LIMIT_FRAME_BYTES, &key))
                                return false;
                        if (!skip_value(walk, type->items, depth + 1))
                                return false;
                }
        }
}

/* The branch that stands there, or NULL. */
static const struct schema_node *read_branch(struct walk *walk, const struct schema_node *type)
{
        int64_t branch;

        if (!binary_read_long(walk->reader, &branch))
                return NULL;
        if (branch < 0 || (uint64_t)branch >= type->n_branches) {
                walk_problem(walk, "a union branch that does not exist");
                return NULL;
        }
        return type->branches[branch];
}

static bool skip_value(struct walk *walk, const struct schema_node *type, unsigned depth)
{
        struct slice ignored;
        int64_t number;

        if (!walk_step(walk, depth))
                return false;
        switch (type->kind) {
        case SCHEMA_NULL:
                return true;
        case SCHEMA_BOOLEAN:
                return binary_skip_raw(walk->reader, 1);
        case SCHEMA_INT:
        case SCHEMA_LONG:
        case SCHEMA_ENUM:
                return binary_read_long(walk->reader, &number);
        case SCHEMA_FLOAT:
                return binary_skip_raw(walk->reader, 4);
        case SCHEMA_DOUBLE:
                return binary_skip_raw(walk->reader, 8);
        case SCHEMA_BYTES:
        case SCHEMA_STRING:
                return binary_read_bytes(walk->reader, LIMIT_FRAME_BYTES, &ignored);
        case SCHEMA_FIXED:
                if (type->fixed_bytes > LIMIT_FRAME_BYTES)
                        return walk_problem(walk, "a fixed value larger than any frame");
                return binary_skip_raw(walk->reader, type->fixed_bytes);
        case SCHEMA_ARRAY:
        case SCHEMA_MAP:
                return skip_blocks(walk, type, depth);
        case SCHEMA_UNION:
                type = read_branch(walk, type);
                return type != NULL && skip_value(walk, type, depth + 1);
        case SCHEMA_RECORD:
                for (uint32_t i = 0; i < type->n_fields; i++)
                        if (!skip_value(walk, type->fields[i].type, depth + 1))
                                return false;
                return true;
        }
        return walk_problem(walk, "a type that does not exist");
}

bool resolve_skip(const struct schema_node *type, struct binary_reader *reader)
{
        struct walk walk = {.reader = reader, .start = reader->at};

        if (skip_value(&walk, type, 0))
                return true;
        reader->at = walk.start;
        return false;
}

static bool is_text(const struct schema_node *type)
{
        return type->kind == SCHEMA_BYTES || type->kind == SCHEMA_STRING;
}

/* string, bytes, or a union with one of them: what can be read as text. */
static bool can_be_text(const struct schema_node *type)
{
        if (type->kind == SCHEMA_UNION) {
                for (uint32_t i = 0; i < type->n_branches; i++)
                        if (is_text(type->branches[i]))
                                return true;
        }
        return is_text(type);
}

static bool can_be_headers(const struct schema_node *type)
{
        if (type->kind == SCHEMA_UNION) {
                for (uint32_t i = 0; i < type->n_branches; i++)
                        if (type->branches[i]->kind == SCHEMA_MAP && can_be_text(type->branches[i]->items))
                                return true;
        }
        return type->kind == SCHEMA_MAP && can_be_text(type->items);
}

static const struct schema_field *find_field(const struct schema_field *fields, uint32_t n, const char *name)
{
        for (uint32_t i = 0; i < n; i++)
                if (slice_is_equal(fields[i].name, slice_from_text(name)))
                        return &fields[i];
        return NULL;
}

/* NULL when a record with these fields is an event, else what is wrong with it. */
static const char *record_problem(const struct schema_node *type)
{
        const struct schema_field *headers = find_field(type->fields, type->n_fields, "headers");
        const struct schema_field *body = find_field(type->fields, type->n_fields, "body");

        if (headers == NULL)
                return "its record has no field 'headers', and there is no default";
        if (body == NULL)
                return "its record has no field 'body', and there is no default";
        if (!can_be_headers(headers->type))
                return "its field 'headers' is no map of string";
        if (!can_be_text(body->type))
                return "its field 'body' is neither bytes nor string";
        return NULL;
}

static const char *event_problem(const struct schema_node *type)
{
        const char *problem = "it is no record";

        if (type->kind == SCHEMA_RECORD)
                return record_problem(type);
        if (type->kind == SCHEMA_UNION) {
                for (uint32_t i = 0; i < type->n_branches; i++) {
                        if (type->branches[i]->kind != SCHEMA_RECORD)
                                continue;
                        problem = record_problem(type->branches[i]);
                        if (problem == NULL)
                                return NULL;
                }
        }
        return problem;
}

static bool is_native_event(const struct schema_node *type)
{
        return type->kind == SCHEMA_RECORD && type->n_fields == 2 &&
               find_field(type->fields, 1, "headers") != NULL && type->fields[0].type->kind == SCHEMA_MAP &&
               is_text(type->fields[0].type->items) && is_text(type->fields[1].type);
}

static void set_problem(struct resolve_call *call, const char *message, const char *problem)
{
        snprintf(call->problem, sizeof(call->problem), "your protocol's message '%s' does not resolve: %s", message,
                 problem);
}

void resolve_call_init_native(struct resolve_call *call)
{
        *call = (struct resolve_call){.is_native = true, .n_params = 1};
}

void resolve_call_init(struct resolve_call *call, const struct protocol *protocol, bool is_batch)
{
        const char *name = is_batch ? "appendBatch" : "append";
        const char *param_name = is_batch ? "events" : "event";
        const struct protocol_message *message = protocol_find_message(protocol, slice_from_text(name));
        const struct schema_field *param;
        const char *problem;

        *call = (struct resolve_call){0};
        if (message == NULL) {
                snprintf(call->problem, sizeof(call->problem), "No such remote message: %s", name);
                return;
        }
        if (message->is_one_way) {
                snprintf(call->problem, sizeof(call->problem), "Not both one-way messages: %s", name);
                return;
        }
        param = find_field(message->params->fields, message->params->n_fields, param_name);
        if (param == NULL) {
                set_problem(call, name, is_batch ? "it has no parameter 'events'" : "it has no parameter 'event'");
                return;
        }
        if (is_batch && param->type->kind != SCHEMA_ARRAY) {
                set_problem(call, name, "its parameter 'events' is no array");
                return;
        }
        call->event = is_batch ? param->type->items : param->type;
        problem = event_problem(call->event);
        if (problem != NULL) {
                set_problem(call, name, problem);
                return;
        }
        call->n_params = message->params->n_fields;
        call->params = message->params->fields;
        call->event_param = (uint32_t)(param - message->params->fields);
        call->is_native = call->n_params == 1 && is_native_event(call->event);
}

/* A string or bytes value, through a union if there is one. */
static bool read_text(struct walk *walk, const struct schema_node *type, struct slice *ret_text)
{
        if (type->kind == SCHEMA_UNION) {
                type = read_branch(walk, type);
                if (type == NULL)
                        return false;
        }
        if (!is_text(type))
                return walk_problem(walk, "a union branch that is neither bytes nor string, where text is needed");
        return binary_read_bytes(walk->reader, LIMIT_FRAME_BYTES, ret_text);
}

static bool copy_headers(struct walk *walk, const struct schema_node *type, struct bytes *event)
{
        struct slice key, value;
        uint64_t items;

        if (type->kind == SCHEMA_UNION) {
                type = read_branch(walk, type);
                if (type == NULL)
                        return false;
        }
        if (type->kind != SCHEMA_MAP || !can_be_text(type->items))
                return walk_problem(walk, "a union branch that is no map of string, where headers are needed");
        for (;;) {
                if (!binary_read_block(walk->reader, LIMIT_HEADERS_PER_EVENT, &items))
                        return false;
                binary_append_long(event, (int64_t)items);
                if (items == 0)
                        return true;
                for (uint64_t i = 0; i < items; i++) {
                        if (!binary_read_bytes(walk->reader, LIMIT_FRAME_BYTES, &key) ||
                            !read_text(walk, type->items, &value))
                                return false;
                        binary_append_bytes(event, key);
                        binary_append_bytes(event, value);
                }
        }
}

static bool copy_event(struct walk *walk, const struct schema_node *type, struct bytes *event)
{
        struct slice body = {NULL, 0};

        if (type->kind == SCHEMA_UNION) {
                type = read_branch(walk, type);
                if (type == NULL)
                        return false;
        }
        if (type->kind != SCHEMA_RECORD || record_problem(type) != NULL)
                return walk_problem(walk, "a union branch that is no event");
        for (uint32_t i = 0; i < type->n_fields; i++) {
                const struct schema_field *field = &type->fields[i];
                bool done;

                if (slice_is_equal(field->name, slice_from_text("headers")))
                        done = copy_headers(walk, field->type, event);
                else if (slice_is_equal(field->name, slice_from_text("body")))
                        done = read_text(walk, field->type, &body);
                else
                        done = skip_value(walk, field->type, 1);
                if (!done)
                        return false;
        }
        binary_append_bytes(event, body);
        return true;
}

bool resolve_event(const struct resolve_call *call, struct binary_reader *reader, struct bytes *event)
{
        struct walk walk = {.reader = reader, .start = reader->at};
        size_t len = event->len;

        if (copy_event(&walk, call->event, event))
                return true;
        event->len = len;
        reader->at = walk.start;
        return false;
}
