/* test_protocol.c - Flume's text to the byte, and clients' texts. */
#include "avro/protocol.h"
#include "sidecar/base/bytes.h"
#include "sidecar/base/limits.h"
#include "tests/lib/check.h"

TEST(flumes_text_has_flumes_hash)
{
        static const uint8_t known[] = {0x86, 0xaa, 0xda, 0xe2, 0xc4, 0x54, 0x74, 0xc0,
                                        0xfe, 0x93, 0xff, 0xd0, 0xf2, 0x35, 0x0a, 0x65};
        uint8_t hash[PROTOCOL_HASH_BYTES];

        CHECK_UINT(protocol_flume_text().len, 1334);
        protocol_hash(protocol_flume_text(), hash);
        CHECK_BYTES(hash, sizeof(hash), known, sizeof(known));
        CHECK_BYTES(protocol_flume_hash(), sizeof(known), known, sizeof(known));
}

TEST(flumes_text_parses_to_its_two_messages)
{
        const struct protocol_message *message;
        struct protocol *protocol;
        struct err err;

        REQUIRE(protocol_parse(protocol_flume_text(), &protocol, &err) == 0);
        message = protocol_find_message(protocol, slice_from_text("appendBatch"));
        REQUIRE(message != NULL);
        CHECK(!message->is_one_way);
        CHECK_UINT(message->params->n_fields, 1);
        CHECK_SLICE(message->params->fields[0].name, "events");
        CHECK_INT(message->params->fields[0].type->kind, SCHEMA_ARRAY);
        CHECK_SLICE(message->params->fields[0].type->items->name, "org.apache.flume.source.avro.AvroFlumeEvent");
        CHECK(protocol_find_message(protocol, slice_from_text("append")) != NULL);
        CHECK(protocol_find_message(protocol, slice_from_text("appendAll")) == NULL);
        protocol_free(protocol);
}

TEST(one_way_messages_and_no_messages_are_seen)
{
        struct protocol *protocol;
        struct err err;

        REQUIRE(protocol_parse(slice_from_text("{\"protocol\":\"P\",\"messages\":{\"m\":{\"request\":[],"
                                               "\"response\":\"null\",\"one-way\":true}}}"),
                               &protocol, &err) == 0);
        CHECK(protocol_find_message(protocol, slice_from_text("m"))->is_one_way);
        protocol_free(protocol);
        REQUIRE(protocol_parse(slice_from_text("{\"protocol\":\"P\"}"), &protocol, &err) == 0);
        CHECK(protocol_find_message(protocol, slice_from_text("m")) == NULL);
        protocol_free(protocol);
}

static const struct {
        const char *text, *part;
} refused[] = {
        {"", "not JSON"},
        {"{\"protocol\":\"P\"", "not JSON"},
        {"[]", "'protocol' is missing"},
        {"{\"protocol\":7}", "'protocol' is missing"},
        {"{\"protocol\":\"P\",\"messages\":{\"m\":{}}}", "fields"},
        {"{\"protocol\":\"P\",\"messages\":{\"m\":7}}", "fields"},
        {"{\"protocol\":\"P\",\"messages\":{\"m\":{\"request\":[{\"name\":\"a\",\"type\":\"Unknown\"}]}}}", "Unknown"},
        {"{\"protocol\":\"P\",\"types\":[{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}]}", "size"},
        {"{\"protocol\":\"P\",\"types\":[{\"type\":\"fixed\",\"name\":\"F\",\"size\":4},"
         "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}]}", "F"},
        {"{\"protocol\":\"P\",\"types\":[[\"null\",[\"null\",\"int\"]]]}", "union"},
};

TEST(texts_that_are_no_protocols_are_refused)
{
        for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
                struct protocol *protocol = NULL;
                struct err err;

                CHECK_FAILS(protocol_parse(slice_from_text(refused[i].text), &protocol, &err), &err, refused[i].part);
        }
}

TEST(hostile_texts_are_bounded)
{
        struct protocol *protocol = NULL;
        struct bytes bytes;
        struct err err;

        bytes_init(&bytes);
        for (unsigned i = 0; i < 30000; i++)
                bytes_append_byte(&bytes, '[');
        CHECK_FAILS(protocol_parse(bytes_slice(&bytes), &protocol, &err), &err, "not JSON");
        bytes_reset(&bytes);
        bytes_append_text(&bytes, "{\"protocol\":\"P\",\"types\":[");
        for (unsigned i = 0; i < 1000; i++)
                bytes_append_text(&bytes, "{\"type\":\"array\",\"items\":");
        bytes_append_text(&bytes, "\"int\"");
        for (unsigned i = 0; i < 1000; i++)
                bytes_append_byte(&bytes, '}');
        bytes_append_text(&bytes, "]}");
        CHECK_FAILS(protocol_parse(bytes_slice(&bytes), &protocol, &err), &err, "deep");
        bytes_reset(&bytes);
        for (unsigned i = 0; i <= LIMIT_HANDSHAKE_TEXT_BYTES; i++)
                bytes_append_byte(&bytes, ' ');
        CHECK_FAILS(protocol_parse(bytes_slice(&bytes), &protocol, &err), &err, "the limit is 65536");
        bytes_done(&bytes);
}
