/* protocol.c - Flume's protocol text, and the parser for clients' texts. */
#include "avro/protocol.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <assert.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

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

struct protocol {
        struct schema *types; /* a record around all types and messages */
        uint32_t n_messages;
        struct protocol_message messages[];
};

/* {"name": "<prefix><number>", "type": <type>}; takes over the reference to type, NULL included. */
static json_t *wrap(const char *prefix, size_t number, json_t *type)
{
        char name[32];

        snprintf(name, sizeof(name), "%s%zu", prefix, number);
        return json_pack("{s:s, s:o*}", "name", name, "type", type);
}

/* The types of a protocol and the parameters of its messages know each other by name, as the fields of one record
 * would. So that is what they are made into:
 *
 *     {"type": "record", "name": "Protocol_", "namespace": ..., "fields": [
 *       {"name": "type0", "type": <types[0]>}, ...
 *       {"name": "message0", "type": {"type": "record", "name": "Message_0", "fields": <request>}}, ...]} */
static json_t *to_record(json_t *root)
{
        json_t *fields = json_array(), *record, *message, *type;
        const char *space = json_string_value(json_object_get(root, "namespace"));
        const char *name;
        size_t i, n_messages = 0;

        json_array_foreach(json_object_get(root, "types"), i, type)
                json_array_append_new(fields, wrap("type", i, json_incref(type)));
        json_object_foreach(json_object_get(root, "messages"), name, message) {
                record = wrap("Message_", n_messages, json_string("record"));
                json_object_set(record, "fields", json_object_get(message, "request"));
                json_array_append_new(fields, wrap("message", n_messages++, record));
        }
        return json_pack("{s:s, s:s, s:s*, s:o}", "type", "record", "name", "Protocol_", "namespace", space, "fields",
                         fields);
}

static int parse_types(json_t *root, struct schema **ret_types, struct err *err)
{
        json_t *record = to_record(root);
        char *text = record == NULL ? NULL : json_dumps(record, JSON_COMPACT);
        int result;

        if (text == NULL)
                result = err_set(err, ERR_DATA, "its types or messages are not what the specification asks for");
        else
                result = schema_parse(slice_from_text(text), ret_types, err);
        /* one field each, or jansson ran out of memory on the way */
        assert(result < 0 || schema_root(*ret_types)->n_fields == json_array_size(json_object_get(root, "types")) +
                                                                  json_object_size(json_object_get(root, "messages")));
        free(text);
        json_decref(record);
        return result;
}

static struct protocol *make_protocol(json_t *root, struct schema *types)
{
        json_t *messages = json_object_get(root, "messages"), *message;
        size_t n_messages = json_object_size(messages), n_types = json_array_size(json_object_get(root, "types"));
        struct protocol *protocol = alloc_zero(1, sizeof(*protocol) + n_messages * sizeof(protocol->messages[0]));
        const struct schema_node *record = schema_root(types);
        const char *name;

        protocol->types = types;
        json_object_foreach(messages, name, message) {
                struct protocol_message *next = &protocol->messages[protocol->n_messages];

                next->name = slice_make(alloc_text(name), strlen(name));
                next->params = record->fields[n_types + protocol->n_messages].type;
                next->is_one_way = json_is_true(json_object_get(message, "one-way"));
                protocol->n_messages++;
        }
        return protocol;
}

int protocol_parse(struct slice text, struct protocol **ret_protocol, struct err *err)
{
        struct schema *types = NULL;
        json_error_t json_err;
        json_t *root;
        int result;

        if (text.len > LIMIT_HANDSHAKE_TEXT_BYTES)
                return err_set(err, ERR_DATA, "protocol text has %zu bytes, the limit is %u", text.len,
                               LIMIT_HANDSHAKE_TEXT_BYTES);
        root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &json_err);
        if (root == NULL)
                return err_set(err, ERR_DATA, "protocol text is not JSON: line %d, column %d: %s", json_err.line,
                               json_err.column, json_err.text);
        if (!json_is_string(json_object_get(root, "protocol")))
                result = err_set(err, ERR_DATA, "'protocol' is missing");
        else
                result = parse_types(root, &types, err);
        if (result == 0)
                *ret_protocol = make_protocol(root, types);
        json_decref(root);
        return result;
}

struct protocol *protocol_free(struct protocol *protocol)
{
        if (protocol == NULL)
                return NULL;
        for (uint32_t i = 0; i < protocol->n_messages; i++)
                alloc_free((void *)(uintptr_t)protocol->messages[i].name.data);
        schema_free(protocol->types);
        alloc_free(protocol);
        return NULL;
}

const struct protocol_message *protocol_find_message(const struct protocol *protocol, struct slice name)
{
        for (uint32_t i = 0; i < protocol->n_messages; i++)
                if (slice_is_equal(protocol->messages[i].name, name))
                        return &protocol->messages[i];
        return NULL;
}
