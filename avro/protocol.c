/* protocol.c - Flume's protocol text, and the parser for clients' texts. */
#include "avro/protocol.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <openssl/evp.h>

/* Not the file flume.avdl but what Avro's Java library renders from it: no blanks, keys in this order, and the
 * licence comment as `doc`, because it begins with two stars. Each byte counts: the hash of this text is how a Flume
 * agent knows its source. */
static const char flume_text[] =
        "{\"protocol\":\"AvroSourceProtocol\",\"namespace\":\"org.apache.flume.source.avro\",\"doc\":\""
        "* Licensed to the Apache Software Foundation (ASF) under one\\n"
        " * or more contributor license agreements.  See the NOTICE file\\n"
        " * distributed with this work for additional information\\n"
        " * regarding copyright ownership.  The ASF licenses this file\\n"
        " * to you under the Apache License, Version 2.0 (the\\n"
        " * \\\"License\\\"); you may not use this file except in compliance\\n"
        " * with the License.  You may obtain a copy of the License at\\n"
        " *\\n"
        " * http://www.apache.org/licenses/LICENSE-2.0\\n"
        " *\\n"
        " * Unless required by applicable law or agreed to in writing,\\n"
        " * software distributed under the License is distributed on an\\n"
        " * \\\"AS IS\\\" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY\\n"
        " * KIND, either express or implied.  See the License for the\\n"
        " * specific language governing permissions and limitations\\n"
        " * under the License.\",\"types\":["
        "{\"type\":\"enum\",\"name\":\"Status\",\"symbols\":[\"OK\",\"FAILED\",\"UNKNOWN\"]},"
        "{\"type\":\"record\",\"name\":\"AvroFlumeEvent\",\"fields\":["
        "{\"name\":\"headers\",\"type\":{\"type\":\"map\",\"values\":\"string\"}},"
        "{\"name\":\"body\",\"type\":\"bytes\"}]}],\"messages\":{"
        "\"append\":{\"request\":[{\"name\":\"event\",\"type\":\"AvroFlumeEvent\"}],\"response\":\"Status\"},"
        "\"appendBatch\":{\"request\":[{\"name\":\"events\",\"type\":"
        "{\"type\":\"array\",\"items\":\"AvroFlumeEvent\"}}],\"response\":\"Status\"}}}";

_Static_assert(sizeof(flume_text) - 1 == PROTOCOL_FLUME_TEXT_BYTES, "the text that Flume hashes has 1334 bytes");

static const uint8_t flume_hash[PROTOCOL_HASH_BYTES] = {0x86, 0xaa, 0xda, 0xe2, 0xc4, 0x54, 0x74, 0xc0,
                                                        0xfe, 0x93, 0xff, 0xd0, 0xf2, 0x35, 0x0a, 0x65};

struct slice protocol_flume_text(void)
{
        return slice_make(flume_text, sizeof(flume_text) - 1);
}

const uint8_t *protocol_flume_hash(void)
{
        return flume_hash;
}

void protocol_hash(struct slice text, uint8_t ret_hash[PROTOCOL_HASH_BYTES])
{
        unsigned len = 0;
        int done = EVP_Digest(text.data, text.len, ret_hash, &len, EVP_md5(), NULL);

        /* fails only when OpenSSL is configured without MD5: then no Flume agent can be served at all */
        assert(done == 1 && len == PROTOCOL_HASH_BYTES);
}

/* Full names in a text may be this long; Java sets no bound, but a name is kept once per use of it. */
enum { NAME_BYTES_MAX = 512 };

struct named {
        const char *name;
        struct protocol_type *type;
};

struct parser {
        struct protocol *protocol;
        uint32_t n_nodes;
        uint32_t n_named;
        struct named named[LIMIT_PROTOCOL_TYPES];
};

static int parse_type(struct parser *parser, json_t *json, const char *space, unsigned depth,
                      const struct protocol_type **ret_type, struct err *err);

static bool is_name(const char *name, bool dots)
{
        bool start = true;

        if (strlen(name) > NAME_BYTES_MAX / 2)
                return false;
        for (const char *at = name; *at != '\0'; at++) {
                unsigned char c = (unsigned char)*at;

                if (c == '.' && dots && !start) {
                        start = true;
                        continue;
                }
                if (c >= 0x80 || !(isalpha(c) || c == '_' || (!start && isdigit(c))))
                        return false;
                start = false;
        }
        return !start;
}

static const char *text_member(json_t *object, const char *key)
{
        return json_string_value(json_object_get(object, key));
}

/* The namespace that a protocol or a named type declares, or NULL. */
static int own_space(json_t *object, const char **ret_space, struct err *err)
{
        const char *space = text_member(object, "namespace");

        if (space != NULL && *space != '\0' && !is_name(space, true))
                return err_set(err, ERR_DATA, "'%.100s' is not a namespace", space);
        *ret_space = space;
        return 0;
}

static char *keep_text(struct parser *parser, const char *text)
{
        return arena_text(&parser->protocol->arena, slice_from_text(text));
}

static struct protocol_type *find_named(struct parser *parser, const char *name)
{
        for (uint32_t i = 0; i < parser->n_named; i++)
                if (strcmp(parser->named[i].name, name) == 0)
                        return parser->named[i].type;
        return NULL;
}

/* A name as it stands in the text, with the namespace in force put in front if it has none. */
static const char *full_name(struct parser *parser, const char *name, const char *space)
{
        if (strchr(name, '.') != NULL || space == NULL || *space == '\0')
                return keep_text(parser, name);
        return arena_format(&parser->protocol->arena, "%s.%s", space, name);
}

/* The namespace of a full name. */
static const char *space_of(struct parser *parser, const char *name)
{
        const char *dot = strrchr(name, '.');

        if (dot == NULL)
                return "";
        return arena_text(&parser->protocol->arena, slice_make(name, (size_t)(dot - name)));
}

static int new_type(struct parser *parser, enum protocol_kind kind, struct protocol_type **ret_type, struct err *err)
{
        if (++parser->n_nodes > LIMIT_SCHEMA_NODES)
                return err_set(err, ERR_DATA, "protocol has more than %u types", LIMIT_SCHEMA_NODES);
        *ret_type = arena_new(&parser->protocol->arena, struct protocol_type);
        (*ret_type)->kind = kind;
        return 0;
}

static int parse_reference(struct parser *parser, const char *name, const char *space,
                           const struct protocol_type **ret_type, struct err *err)
{
        static const char *const primitives[] = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
        struct protocol_type *type = NULL;
        char full[NAME_BYTES_MAX + 2];
        size_t len = strlen(name);

        for (unsigned i = 0; i < sizeof(primitives) / sizeof(primitives[0]); i++) {
                if (strcmp(name, primitives[i]) == 0) {
                        if (new_type(parser, (enum protocol_kind)i, &type, err) < 0)
                                return -1;
                        *ret_type = type;
                        return 0;
                }
        }
        type = find_named(parser, name);
        if (space != NULL && strchr(name, '.') == NULL && len + strlen(space) + 1 < sizeof(full)) {
                memcpy(full, space, strlen(space));
                full[strlen(space)] = '.';
                memcpy(full + strlen(space) + 1, name, len + 1);
                type = find_named(parser, full) != NULL ? find_named(parser, full) : type;
        }
        if (type == NULL)
                return err_set(err, ERR_DATA, "type '%.100s' is not defined before it is used", name);
        *ret_type = type;
        return 0;
}

static int parse_union(struct parser *parser, json_t *json, const char *space, unsigned depth,
                       const struct protocol_type **ret_type, struct err *err)
{
        struct protocol_type *type = NULL;

        if (json_array_size(json) == 0)
                return err_set(err, ERR_DATA, "union without branches");
        if (new_type(parser, PROTOCOL_UNION, &type, err) < 0)
                return -1;
        type->n = (uint32_t)json_array_size(json);
        type->branches = arena_new_n(&parser->protocol->arena, const struct protocol_type *, type->n);
        for (uint32_t i = 0; i < type->n; i++) {
                if (parse_type(parser, json_array_get(json, i), space, depth + 1, &type->branches[i], err) < 0)
                        return -1;
                if (type->branches[i]->kind == PROTOCOL_UNION)
                        return err_set(err, ERR_DATA, "union directly inside a union");
        }
        *ret_type = type;
        return 0;
}

/* Fields of a record, or parameters of a message. */
static int parse_fields(struct parser *parser, json_t *json, const char *space, unsigned depth, const char *where,
                        uint32_t *ret_n, const struct protocol_field **ret_fields, struct err *err)
{
        struct protocol_field *fields;
        uint32_t n = (uint32_t)json_array_size(json);

        if (!json_is_array(json))
                return err_set(err, ERR_DATA, "'%.100s' has no list of fields", where);
        if (n > LIMIT_SCHEMA_NODES)
                return err_set(err, ERR_DATA, "'%.100s' has more than %u fields", where, LIMIT_SCHEMA_NODES);
        fields = arena_new_n(&parser->protocol->arena, struct protocol_field, n);
        for (uint32_t i = 0; i < n; i++) {
                json_t *field = json_array_get(json, i);
                const char *name = text_member(field, "name");

                if (name == NULL || !is_name(name, false))
                        return err_set(err, ERR_DATA, "field %u of '%.100s' has no valid name", i + 1, where);
                fields[i].name = keep_text(parser, name);
                if (parse_type(parser, json_object_get(field, "type"), space, depth + 1, &fields[i].type, err) < 0)
                        return err_prefix(err, "field '%.100s' of '%.100s'", name, where);
        }
        *ret_n = n;
        *ret_fields = fields;
        return 0;
}

static int parse_named(struct parser *parser, enum protocol_kind kind, json_t *json, const char *space, unsigned depth,
                       const struct protocol_type **ret_type, struct err *err)
{
        const char *name = text_member(json, "name");
        const char *declared;
        struct protocol_type *type = NULL;
        json_t *size = json_object_get(json, "size");
        json_t *symbols = json_object_get(json, "symbols");

        if (name == NULL || !is_name(name, true))
                return err_set(err, ERR_DATA, "named type without a valid name");
        if (own_space(json, &declared, err) < 0)
                return -1;
        name = full_name(parser, name, declared != NULL ? declared : space);
        if (find_named(parser, name) != NULL)
                return err_set(err, ERR_DATA, "type '%.100s' is defined twice", name);
        if (parser->n_named == LIMIT_PROTOCOL_TYPES)
                return err_set(err, ERR_DATA, "protocol has more than %u named types", LIMIT_PROTOCOL_TYPES);
        if (new_type(parser, kind, &type, err) < 0)
                return -1;
        type->name = name;
        parser->named[parser->n_named++] = (struct named){name, type};
        *ret_type = type;
        if (kind == PROTOCOL_FIXED) {
                if (!json_is_integer(size) || json_integer_value(size) < 0)
                        return err_set(err, ERR_DATA, "fixed type '%.100s' without a valid size", name);
                type->size = (uint64_t)json_integer_value(size);
                return 0;
        }
        if (kind == PROTOCOL_ENUM) {
                if (!json_is_array(symbols) || json_array_size(symbols) == 0)
                        return err_set(err, ERR_DATA, "enum '%.100s' without symbols", name);
                type->n = (uint32_t)json_array_size(symbols);
                return 0;
        }
        return parse_fields(parser, json_object_get(json, "fields"), space_of(parser, name), depth, name, &type->n,
                            &type->fields, err);
}

static int parse_object(struct parser *parser, json_t *json, const char *space, unsigned depth,
                        const struct protocol_type **ret_type, struct err *err)
{
        json_t *inner = json_object_get(json, "type");
        const char *kind = json_string_value(inner);
        struct protocol_type *type = NULL;
        bool is_map;

        /* {"type": {...}} and {"type": [...]}: the inner type with properties around it */
        if (kind == NULL)
                return parse_type(parser, inner, space, depth + 1, ret_type, err);
        if (strcmp(kind, "record") == 0 || strcmp(kind, "error") == 0)
                return parse_named(parser, PROTOCOL_RECORD, json, space, depth, ret_type, err);
        if (strcmp(kind, "enum") == 0)
                return parse_named(parser, PROTOCOL_ENUM, json, space, depth, ret_type, err);
        if (strcmp(kind, "fixed") == 0)
                return parse_named(parser, PROTOCOL_FIXED, json, space, depth, ret_type, err);
        is_map = strcmp(kind, "map") == 0;
        if (!is_map && strcmp(kind, "array") != 0)
                return parse_reference(parser, kind, space, ret_type, err);
        if (new_type(parser, is_map ? PROTOCOL_MAP : PROTOCOL_ARRAY, &type, err) < 0)
                return -1;
        *ret_type = type;
        return parse_type(parser, json_object_get(json, is_map ? "values" : "items"), space, depth + 1, &type->items, err);
}

static int parse_type(struct parser *parser, json_t *json, const char *space, unsigned depth,
                      const struct protocol_type **ret_type, struct err *err)
{
        if (depth > LIMIT_SCHEMA_DEPTH)
                return err_set(err, ERR_DATA, "types nest deeper than %u", LIMIT_SCHEMA_DEPTH);
        if (json_is_string(json))
                return parse_reference(parser, json_string_value(json), space, ret_type, err);
        if (json_is_array(json))
                return parse_union(parser, json, space, depth, ret_type, err);
        if (json_is_object(json))
                return parse_object(parser, json, space, depth, ret_type, err);
        return err_set(err, ERR_DATA, "a type is missing");
}

static int parse_messages(struct parser *parser, json_t *messages, const char *space, struct err *err)
{
        struct protocol *protocol = parser->protocol;
        struct protocol_message *next;
        const char *name;
        json_t *json;

        next = arena_new_n(&protocol->arena, struct protocol_message, json_object_size(messages));
        protocol->messages = next;
        json_object_foreach(messages, name, json) {
                next->name = keep_text(parser, name);
                next->is_one_way = json_is_true(json_object_get(json, "one-way"));
                if (parse_fields(parser, json_object_get(json, "request"), space, 0, name, &next->n_params, &next->params,
                                 err) < 0)
                        return err_prefix(err, "message '%.100s'", name);
                protocol->n_messages++;
                next++;
        }
        return 0;
}

static int parse_protocol(struct parser *parser, json_t *root, struct err *err)
{
        const char *name = text_member(root, "protocol");
        const char *space;
        json_t *types = json_object_get(root, "types");

        if (name == NULL || !is_name(name, true))
                return err_set(err, ERR_DATA, "'protocol' is missing or not a name");
        if (own_space(root, &space, err) < 0)
                return -1;
        parser->protocol->name = full_name(parser, name, space);
        space = space_of(parser, parser->protocol->name);
        for (size_t i = 0; i < json_array_size(types); i++) {
                const struct protocol_type *type;

                if (parse_type(parser, json_array_get(types, i), space, 0, &type, err) < 0)
                        return -1;
        }
        return parse_messages(parser, json_object_get(root, "messages"), space, err);
}

int protocol_parse(struct slice text, struct protocol **ret_protocol, struct err *err)
{
        struct parser *parser;
        json_error_t json_err;
        json_t *root;
        int result;

        if (text.len > LIMIT_HANDSHAKE_TEXT_BYTES)
                return err_set(err, ERR_DATA, "protocol text has %zu bytes, the limit is %u", text.len,
                               LIMIT_HANDSHAKE_TEXT_BYTES);
        root = json_loadb((const char *)text.data, text.len, 0, &json_err);
        if (root == NULL)
                return err_set(err, ERR_DATA, "protocol text is not JSON: line %d, column %d: %s", json_err.line,
                               json_err.column, json_err.text);
        parser = alloc_zero(1, sizeof(*parser));
        parser->protocol = alloc_zero(1, sizeof(*parser->protocol));
        /* names and nodes are at most some hundred times the text, whose size was checked */
        arena_init(&parser->protocol->arena, 8192, 0);
        result = parse_protocol(parser, root, err);
        if (result < 0)
                protocol_free(parser->protocol);
        else
                *ret_protocol = parser->protocol;
        alloc_free(parser);
        json_decref(root);
        return result;
}

struct protocol *protocol_free(struct protocol *protocol)
{
        if (protocol != NULL) {
                arena_done(&protocol->arena);
                alloc_free(protocol);
        }
        return NULL;
}

const struct protocol_message *protocol_find_message(const struct protocol *protocol, struct slice name)
{
        for (uint32_t i = 0; i < protocol->n_messages; i++)
                if (slice_is_equal(slice_from_text(protocol->messages[i].name), name))
                        return &protocol->messages[i];
        return NULL;
}
