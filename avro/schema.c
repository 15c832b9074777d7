/* schema.c - JSON text to schema tree.
 *
 * One recursive descent over jansson's tree. Nodes are made in order of appearance; a named type is known by
 * its full name from the moment its name was read, so that it may refer to itself. Afterwards the fewest bytes
 * of every node are computed by iteration to a fixed point, because types may be recursive.
 *
 * Defaults, aliases, docs and orders are not looked at: this is a writer's schema, and they say nothing about
 * how its bytes are laid out. */
#include "avro/schema.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/arena.h"
#include "sidecar/base/limits.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>

enum { SCHEMA_ARENA_CHUNK_BYTES = 8192 };

/* Sums stop here: far above every limit, far below overflow. */
#define MIN_BYTES_MAX (UINT64_C(1) << 62)
#define MIN_BYTES_UNKNOWN UINT64_MAX

struct schema {
        struct arena arena;
        const struct schema_node *root;
        uint32_t n_nodes;
        struct schema_node *node[LIMIT_SCHEMA_NODES]; /* by id */
};

struct parser {
        struct schema *schema;
        uint32_t n_named;
        struct schema_node *named[LIMIT_SCHEMA_NODES];
};

static const struct {
        const char *word;
        uint64_t min_bytes;
} primitives[] = {
        [SCHEMA_NULL] = {"null", 0},    [SCHEMA_BOOLEAN] = {"boolean", 1}, [SCHEMA_INT] = {"int", 1},
        [SCHEMA_LONG] = {"long", 1},    [SCHEMA_FLOAT] = {"float", 4},     [SCHEMA_DOUBLE] = {"double", 8},
        [SCHEMA_BYTES] = {"bytes", 1},  [SCHEMA_STRING] = {"string", 1},
};
#define N_PRIMITIVES ((int)(sizeof(primitives) / sizeof(primitives[0])))

/* What a logical type may stand on. */
static const struct {
        const char *word;
        enum schema_logical logical;
        enum schema_kind kind, other_kind;
} logicals[] = {
        {"date", SCHEMA_DATE, SCHEMA_INT, SCHEMA_INT},
        {"time-millis", SCHEMA_TIME_MILLIS, SCHEMA_INT, SCHEMA_INT},
        {"time-micros", SCHEMA_TIME_MICROS, SCHEMA_LONG, SCHEMA_LONG},
        {"timestamp-millis", SCHEMA_TIMESTAMP_MILLIS, SCHEMA_LONG, SCHEMA_LONG},
        {"timestamp-micros", SCHEMA_TIMESTAMP_MICROS, SCHEMA_LONG, SCHEMA_LONG},
        {"local-timestamp-millis", SCHEMA_LOCAL_TIMESTAMP_MILLIS, SCHEMA_LONG, SCHEMA_LONG},
        {"local-timestamp-micros", SCHEMA_LOCAL_TIMESTAMP_MICROS, SCHEMA_LONG, SCHEMA_LONG},
        {"decimal", SCHEMA_DECIMAL, SCHEMA_BYTES, SCHEMA_FIXED},
        {"uuid", SCHEMA_UUID, SCHEMA_STRING, SCHEMA_STRING},
};
#define N_LOGICALS ((int)(sizeof(logicals) / sizeof(logicals[0])))

static int parse_type(struct parser *parser, const json_t *json, const char *space, unsigned depth,
                      const struct schema_node **ret_node, struct err *err);

static const char *text_of(const json_t *json)
{
        return json_is_string(json) ? json_string_value(json) : NULL;
}

static int primitive_find(const char *word)
{
        for (int kind = 0; kind < N_PRIMITIVES; kind++) {
                if (strcmp(primitives[kind].word, word) == 0)
                        return kind;
        }
        return -1;
}

static bool is_name(const char *text, size_t len)
{
        for (size_t i = 0; i < len; i++) {
                char c = text[i];
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

                if (!is_letter && (i == 0 || c < '0' || c > '9'))
                        return false;
        }
        return len > 0;
}

/* Names joined by single dots. */
static bool is_dotted_name(const char *text)
{
        for (;;) {
                size_t len = strcspn(text, ".");

                if (!is_name(text, len))
                        return false;
                if (text[len] == '\0')
                        return true;
                text += len + 1;
        }
}

static struct schema_node *node_new(struct parser *parser, enum schema_kind kind, struct err *err)
{
        struct schema *schema = parser->schema;
        struct schema_node *node;

        if (schema->n_nodes == LIMIT_SCHEMA_NODES) {
                err_set(err, ERR_DATA, "the schema has more than %u types", LIMIT_SCHEMA_NODES);
                return NULL;
        }
        node = arena_new(&schema->arena, struct schema_node);
        node->kind = kind;
        node->id = schema->n_nodes;
        node->min_bytes = MIN_BYTES_UNKNOWN;
        schema->node[schema->n_nodes++] = node;
        return node;
}

static struct schema_node *named_find(const struct parser *parser, const char *full_name)
{
        struct slice name = slice_from_text(full_name);

        for (uint32_t i = 0; i < parser->n_named; i++) {
                if (slice_is_equal(parser->named[i]->name, name))
                        return parser->named[i];
        }
        return NULL;
}

/* A name without a dot stands in `space`, if there is one. */
static const char *full_name_of(struct parser *parser, const char *name, const char *space)
{
        if (space[0] == '\0' || strchr(name, '.') != NULL)
                return name;
        return arena_format(&parser->schema->arena, "%s.%s", space, name);
}

static const char *space_of(struct parser *parser, const char *full_name)
{
        const char *dot = strrchr(full_name, '.');

        if (dot == NULL)
                return "";
        return arena_format(&parser->schema->arena, "%.*s", (int)(dot - full_name), full_name);
}

/* Reads name and namespace of a named type and makes it known. */
static int name_node(struct parser *parser, const json_t *json, const char *space, struct schema_node *node,
                     const char **ret_full_name, struct err *err)
{
        const char *name = text_of(json_object_get(json, "name"));
        const json_t *own_space = json_object_get(json, "namespace");
        const char *simple;

        if (name == NULL)
                return err_set(err, ERR_DATA, "a record, enum or fixed type has no 'name'");
        if (!is_dotted_name(name))
                return err_set(err, ERR_DATA, "'%s' is no Avro name", name);
        if (own_space != NULL && strchr(name, '.') == NULL) {
                space = text_of(own_space);
                if (space == NULL || (space[0] != '\0' && !is_dotted_name(space)))
                        return err_set(err, ERR_DATA, "the namespace of '%s' is no Avro name", name);
        }
        simple = strrchr(name, '.') == NULL ? name : strrchr(name, '.') + 1;
        if (primitive_find(simple) >= 0)
                return err_set(err, ERR_DATA, "'%s' is the name of a primitive type and cannot be defined", name);
        name = full_name_of(parser, name, space);
        if (named_find(parser, name) != NULL)
                return err_set(err, ERR_DATA, "'%s' is defined twice", name);
        node->name = slice_from_text(arena_text(&parser->schema->arena, slice_from_text(name)));
        parser->named[parser->n_named++] = node;
        *ret_full_name = (const char *)node->name.data;
        return 0;
}

/* true and the number when json is an integer in [least, most]. */
static bool integer_of(const json_t *json, int64_t least, int64_t most, int64_t *ret_value)
{
        if (!json_is_integer(json) || json_integer_value(json) < least || json_integer_value(json) > most)
                return false;
        *ret_value = json_integer_value(json);
        return true;
}

/* Digits that a two's-complement number of `bytes` bytes always holds: floor(log10(2^(8 * bytes - 1) - 1)). */
static int64_t decimal_digits(uint32_t bytes)
{
        return bytes == 0 ? 0 : (int64_t)((8.0 * bytes - 1) * 0.30102999566398119521);
}

static void parse_logical(struct schema_node *node, const json_t *json)
{
        const char *word = text_of(json_object_get(json, "logicalType"));
        int64_t precision = 0, scale = 0;
        int64_t most = node->kind == SCHEMA_FIXED ? decimal_digits(node->fixed_bytes) : INT32_MAX;

        for (int i = 0; word != NULL && i < N_LOGICALS; i++) {
                if (strcmp(logicals[i].word, word) != 0 ||
                    (node->kind != logicals[i].kind && node->kind != logicals[i].other_kind))
                        continue;
                if (logicals[i].logical == SCHEMA_DECIMAL) {
                        const json_t *json_scale = json_object_get(json, "scale");

                        if (!integer_of(json_object_get(json, "precision"), 1, most, &precision) ||
                            (json_scale != NULL && !integer_of(json_scale, 0, precision, &scale)))
                                return;
                        node->precision = (uint32_t)precision;
                        node->scale = (uint32_t)scale;
                }
                node->logical = logicals[i].logical;
        }
}

static int parse_field(struct parser *parser, const json_t *json, const char *space, unsigned depth,
                       struct schema_field *ret_field, struct err *err)
{
        const char *name = text_of(json_object_get(json, "name"));
        const json_t *type = json_object_get(json, "type");

        if (name == NULL)
                return err_set(err, ERR_DATA, "a field without a 'name'");
        if (!is_name(name, strlen(name)))
                return err_set(err, ERR_DATA, "'%s' is no Avro name of a field", name);
        if (type == NULL)
                return err_set(err, ERR_DATA, "field '%s' has no 'type'", name);
        if (parse_type(parser, type, space, depth, &ret_field->type, err) < 0)
                return err_prefix(err, "field '%s'", name);
        ret_field->name = slice_from_text(arena_text(&parser->schema->arena, slice_from_text(name)));
        return 0;
}

static int parse_record(struct parser *parser, const json_t *json, const char *space, unsigned depth,
                        const struct schema_node **ret_node, struct err *err)
{
        struct schema_node *node = node_new(parser, SCHEMA_RECORD, err);
        const json_t *list = json_object_get(json, "fields");
        struct schema_field *fields;
        const char *name;

        if (node == NULL || name_node(parser, json, space, node, &name, err) < 0)
                return -1;
        if (!json_is_array(list))
                return err_set(err, ERR_DATA, "record '%s' has no list of 'fields'", name);
        if (json_array_size(list) > LIMIT_SCHEMA_NODES)
                return err_set(err, ERR_DATA, "record '%s' has more than %u fields", name, LIMIT_SCHEMA_NODES);
        node->n_fields = (uint32_t)json_array_size(list);
        fields = arena_new_n(&parser->schema->arena, struct schema_field, node->n_fields + 1u);
        for (uint32_t i = 0; i < node->n_fields; i++) {
                if (parse_field(parser, json_array_get(list, i), space_of(parser, name), depth, &fields[i], err) < 0)
                        return err_prefix(err, "record '%s'", name);
                for (uint32_t k = 0; k < i; k++) {
                        if (slice_is_equal(fields[k].name, fields[i].name))
                                return err_set(err, ERR_DATA, "record '%s' has two fields '%s'", name,
                                               (const char *)fields[i].name.data);
                }
        }
        node->fields = fields;
        *ret_node = node;
        return 0;
}

static int parse_enum(struct parser *parser, const json_t *json, const char *space,
                      const struct schema_node **ret_node, struct err *err)
{
        struct schema_node *node = node_new(parser, SCHEMA_ENUM, err);
        const json_t *list = json_object_get(json, "symbols");
        struct slice *symbols;
        const char *name;

        if (node == NULL || name_node(parser, json, space, node, &name, err) < 0)
                return -1;
        if (!json_is_array(list) || json_array_size(list) == 0)
                return err_set(err, ERR_DATA, "enum '%s' has no 'symbols'", name);
        if (json_array_size(list) > LIMIT_SCHEMA_NODES)
                return err_set(err, ERR_DATA, "enum '%s' has more than %u symbols", name, LIMIT_SCHEMA_NODES);
        node->n_symbols = (uint32_t)json_array_size(list);
        symbols = arena_new_n(&parser->schema->arena, struct slice, node->n_symbols);
        for (uint32_t i = 0; i < node->n_symbols; i++) {
                const char *symbol = text_of(json_array_get(list, i));

                if (symbol == NULL || !is_name(symbol, strlen(symbol)))
                        return err_set(err, ERR_DATA, "enum '%s': symbol '%s' is no Avro name", name,
                                       symbol == NULL ? "" : symbol);
                symbols[i] = slice_from_text(arena_text(&parser->schema->arena, slice_from_text(symbol)));
                for (uint32_t k = 0; k < i; k++) {
                        if (slice_is_equal(symbols[k], symbols[i]))
                                return err_set(err, ERR_DATA, "enum '%s' has two symbols '%s'", name, symbol);
                }
        }
        node->symbols = symbols;
        node->min_bytes = 1;
        *ret_node = node;
        return 0;
}

static int parse_fixed(struct parser *parser, const json_t *json, const char *space,
                       const struct schema_node **ret_node, struct err *err)
{
        struct schema_node *node = node_new(parser, SCHEMA_FIXED, err);
        const char *name;
        int64_t size;

        if (node == NULL || name_node(parser, json, space, node, &name, err) < 0)
                return -1;
        if (!integer_of(json_object_get(json, "size"), 0, LIMIT_EVENT_BODY_BYTES, &size))
                return err_set(err, ERR_DATA, "fixed '%s' has no 'size' from 0 to %u", name, LIMIT_EVENT_BODY_BYTES);
        node->fixed_bytes = (uint32_t)size;
        node->min_bytes = (uint64_t)size;
        parse_logical(node, json);
        *ret_node = node;
        return 0;
}

static int parse_items(struct parser *parser, enum schema_kind kind, const json_t *json, const char *space,
                       unsigned depth, const struct schema_node **ret_node, struct err *err)
{
        const char *key = kind == SCHEMA_ARRAY ? "items" : "values";
        const char *word = kind == SCHEMA_ARRAY ? "array" : "map";
        struct schema_node *node = node_new(parser, kind, err);
        const json_t *items = json_object_get(json, key);

        if (node == NULL)
                return -1;
        if (items == NULL)
                return err_set(err, ERR_DATA, "%s without '%s'", word, key);
        if (parse_type(parser, items, space, depth, &node->items, err) < 0)
                return err_prefix(err, "%s of %s", key, word);
        node->min_bytes = 1;
        *ret_node = node;
        return 0;
}

static bool is_named(enum schema_kind kind)
{
        return kind == SCHEMA_RECORD || kind == SCHEMA_ENUM || kind == SCHEMA_FIXED;
}

static int parse_union(struct parser *parser, const json_t *json, const char *space, unsigned depth,
                       const struct schema_node **ret_node, struct err *err)
{
        struct schema_node *node = node_new(parser, SCHEMA_UNION, err);
        const struct schema_node **branches;

        if (node == NULL)
                return -1;
        if (json_array_size(json) == 0)
                return err_set(err, ERR_DATA, "a union without branches has no values");
        if (json_array_size(json) > LIMIT_SCHEMA_NODES)
                return err_set(err, ERR_DATA, "a union has more than %u branches", LIMIT_SCHEMA_NODES);
        node->n_branches = (uint32_t)json_array_size(json);
        branches = arena_new_n(&parser->schema->arena, const struct schema_node *, node->n_branches);
        for (uint32_t i = 0; i < node->n_branches; i++) {
                char text[SCHEMA_TEXT_BYTES];

                if (parse_type(parser, json_array_get(json, i), space, depth, &branches[i], err) < 0)
                        return err_prefix(err, "union branch %u", i);
                if (branches[i]->kind == SCHEMA_UNION)
                        return err_set(err, ERR_DATA, "a union directly inside a union");
                for (uint32_t k = 0; k < i; k++) {
                        if (branches[k]->kind != branches[i]->kind ||
                            (is_named(branches[i]->kind) && !slice_is_equal(branches[k]->name, branches[i]->name)))
                                continue;
                        schema_describe(branches[i], text);
                        return err_set(err, ERR_DATA, "a union with two branches of type %s", text);
                }
        }
        node->branches = branches;
        *ret_node = node;
        return 0;
}

static int parse_word(struct parser *parser, const char *word, const char *space,
                      const struct schema_node **ret_node, struct err *err)
{
        int kind = primitive_find(word);
        struct schema_node *node;

        if (kind >= 0) {
                node = node_new(parser, (enum schema_kind)kind, err);
                if (node == NULL)
                        return -1;
                node->min_bytes = primitives[kind].min_bytes;
                *ret_node = node;
                return 0;
        }
        node = named_find(parser, full_name_of(parser, word, space));
        if (node == NULL) /* as Java: a simple name may also mean one without a namespace */
                node = named_find(parser, word);
        if (node == NULL)
                return err_set(err, ERR_DATA, "no type '%s'", word);
        *ret_node = node;
        return 0;
}

static int parse_object(struct parser *parser, const json_t *json, const char *space, unsigned depth,
                        const struct schema_node **ret_node, struct err *err)
{
        const json_t *type = json_object_get(json, "type");
        const char *word = text_of(type);

        if (type == NULL)
                return err_set(err, ERR_DATA, "a type without 'type'");
        if (word == NULL) /* {"type": {"type": "string"}}: some generators write it, and it can mean but one thing */
                return parse_type(parser, type, space, depth, ret_node, err);
        if (strcmp(word, "record") == 0 || strcmp(word, "error") == 0)
                return parse_record(parser, json, space, depth, ret_node, err);
        if (strcmp(word, "enum") == 0)
                return parse_enum(parser, json, space, ret_node, err);
        if (strcmp(word, "fixed") == 0)
                return parse_fixed(parser, json, space, ret_node, err);
        if (strcmp(word, "array") == 0)
                return parse_items(parser, SCHEMA_ARRAY, json, space, depth, ret_node, err);
        if (strcmp(word, "map") == 0)
                return parse_items(parser, SCHEMA_MAP, json, space, depth, ret_node, err);
        if (parse_word(parser, word, space, ret_node, err) < 0)
                return -1;
        if (!is_named((*ret_node)->kind)) /* that node was made for this object alone */
                parse_logical(parser->schema->node[(*ret_node)->id], json);
        return 0;
}

static int parse_type(struct parser *parser, const json_t *json, const char *space, unsigned depth,
                      const struct schema_node **ret_node, struct err *err)
{
        if (depth > LIMIT_SCHEMA_DEPTH)
                return err_set(err, ERR_DATA, "types nested deeper than %u levels", LIMIT_SCHEMA_DEPTH);
        if (json_is_string(json))
                return parse_word(parser, json_string_value(json), space, ret_node, err);
        if (json_is_array(json))
                return parse_union(parser, json, space, depth + 1, ret_node, err);
        if (json_is_object(json))
                return parse_object(parser, json, space, depth + 1, ret_node, err);
        return err_set(err, ERR_DATA, "a type must be a name, an object or a list of types");
}

static uint64_t record_min_bytes(const struct schema_node *node)
{
        uint64_t sum = 0;

        for (uint32_t i = 0; i < node->n_fields; i++) {
                uint64_t field = node->fields[i].type->min_bytes;

                if (field == MIN_BYTES_UNKNOWN)
                        return MIN_BYTES_UNKNOWN;
                sum += field;
                if (sum > MIN_BYTES_MAX)
                        sum = MIN_BYTES_MAX;
        }
        return sum;
}

static uint64_t union_min_bytes(const struct schema_node *node)
{
        uint64_t least = MIN_BYTES_UNKNOWN;

        for (uint32_t i = 0; i < node->n_branches; i++) {
                uint64_t branch = node->branches[i]->min_bytes;

                if (branch != MIN_BYTES_UNKNOWN && branch + 1 < least)
                        least = branch + 1;
        }
        return least;
}

/* Unknown values become known from the leaves up. What stays unknown is a record that contains itself without end. */
static int find_min_bytes(struct schema *schema, struct err *err)
{
        bool is_changed = true;

        while (is_changed) {
                is_changed = false;
                for (uint32_t i = schema->n_nodes; i-- > 0;) {
                        struct schema_node *node = schema->node[i];
                        uint64_t found = node->kind == SCHEMA_RECORD  ? record_min_bytes(node)
                                         : node->kind == SCHEMA_UNION ? union_min_bytes(node)
                                                                      : node->min_bytes;

                        is_changed = is_changed || found != node->min_bytes;
                        node->min_bytes = found;
                }
        }
        for (uint32_t i = 0; i < schema->n_nodes; i++) {
                if (schema->node[i]->min_bytes == MIN_BYTES_UNKNOWN && schema->node[i]->kind == SCHEMA_RECORD)
                        return err_set(err, ERR_DATA, "record '%s' contains itself and so has no values",
                                       (const char *)schema->node[i]->name.data);
        }
        return 0;
}

int schema_parse(struct slice json, struct schema **ret_schema, struct err *err)
{
        struct parser *parser = NULL;
        struct schema *schema = NULL;
        json_error_t json_error;
        json_t *tree = NULL;
        int result = -1;

        if (json.len > LIMIT_SCHEMA_BYTES)
                return err_set(err, ERR_DATA, "a schema of more than %u bytes", LIMIT_SCHEMA_BYTES);
        tree = json_loadb((const char *)json.data, json.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &json_error);
        if (tree == NULL)
                return err_set(err, ERR_DATA, "line %d, column %d of the schema: %s", json_error.line,
                               json_error.column, json_error.text);
        schema = alloc_zero(1, sizeof(*schema));
        arena_init(&schema->arena, SCHEMA_ARENA_CHUNK_BYTES, 0);
        parser = alloc_zero(1, sizeof(*parser));
        parser->schema = schema;
        if (parse_type(parser, tree, "", 0, &schema->root, err) < 0 || find_min_bytes(schema, err) < 0)
                goto out;
        *ret_schema = schema;
        schema = NULL;
        result = 0;
out:
        json_decref(tree);
        alloc_free(parser);
        schema_free(schema);
        return result;
}

struct schema *schema_free(struct schema *schema)
{
        if (schema == NULL)
                return NULL;
        arena_done(&schema->arena);
        alloc_free(schema);
        return NULL;
}

const struct schema_node *schema_root(const struct schema *schema)
{
        return schema->root;
}

uint32_t schema_n_nodes(const struct schema *schema)
{
        return schema->n_nodes;
}

int32_t schema_field_index(const struct schema_node *record, struct slice name)
{
        assert(record->kind == SCHEMA_RECORD);
        for (uint32_t i = 0; i < record->n_fields; i++) {
                if (slice_is_equal(record->fields[i].name, name))
                        return (int32_t)i;
        }
        return -1;
}

static const char *logical_word(enum schema_logical logical)
{
        for (int i = 0; i < N_LOGICALS; i++) {
                if (logicals[i].logical == logical)
                        return logicals[i].word;
        }
        return NULL;
}

static void describe_simple(const struct schema_node *node, char text[SCHEMA_TEXT_BYTES])
{
        static const char *const words[] = {[SCHEMA_RECORD] = "record", [SCHEMA_ENUM] = "enum",
                                            [SCHEMA_ARRAY] = "array",   [SCHEMA_MAP] = "map",
                                            [SCHEMA_UNION] = "union",   [SCHEMA_FIXED] = "fixed"};
        const char *logical = logical_word(node->logical);
        const char *word = (int)node->kind < N_PRIMITIVES ? primitives[node->kind].word : words[node->kind];

        if (node->kind == SCHEMA_FIXED)
                (void)snprintf(text, SCHEMA_TEXT_BYTES, "fixed(%u) '%s'", node->fixed_bytes,
                               (const char *)node->name.data);
        else if (is_named(node->kind))
                (void)snprintf(text, SCHEMA_TEXT_BYTES, "%s '%s'", word, (const char *)node->name.data);
        else
                (void)snprintf(text, SCHEMA_TEXT_BYTES, "%s", word);
        if (logical != NULL) {
                size_t len = strlen(text);

                if (node->logical == SCHEMA_DECIMAL)
                        (void)snprintf(text + len, SCHEMA_TEXT_BYTES - len, " (decimal(%u, %u))", node->precision,
                                       node->scale);
                else
                        (void)snprintf(text + len, SCHEMA_TEXT_BYTES - len, " (%s)", logical);
        }
}

void schema_describe(const struct schema_node *node, char text[SCHEMA_TEXT_BYTES])
{
        char part[SCHEMA_TEXT_BYTES];
        size_t len;

        if (node->kind != SCHEMA_UNION) {
                describe_simple(node, text);
                return;
        }
        (void)snprintf(text, SCHEMA_TEXT_BYTES, "union of ");
        for (uint32_t i = 0; i < node->n_branches; i++) {
                describe_simple(node->branches[i], part);
                len = strlen(text);
                (void)snprintf(text + len, SCHEMA_TEXT_BYTES - len, "%s%s", i == 0 ? "" : ", ", part);
        }
}
