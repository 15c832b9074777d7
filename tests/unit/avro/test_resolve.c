/* test_resolve.c - clients of another shape: what resolves, what is refused, what is hostile. */
#include "avro/resolve.h"
#include "tests/lib/check.h"

#include <stdio.h>

#define MAP "{\"type\":\"map\",\"values\":\"string\"}"
#define BYTES_MAP "{\"type\":\"map\",\"values\":\"bytes\"}"
#define EV(fields) "{\"type\":\"record\",\"name\":\"Ev\",\"fields\":[" fields "]}"
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"

/* A protocol whose append takes an event of this type. */
static struct protocol *protocol_of(const char *type)
{
        struct protocol *protocol = NULL;
        struct err err;
        char text[4096];

        snprintf(text, sizeof(text),
                 "{\"protocol\":\"P\",\"messages\":{\"append\":{\"request\":[" FIELD("event", "%s") "]}}}",
                 type);
        if (protocol_parse(slice_from_text(text), &protocol, &err) < 0) {
                CHECK_FAIL("%s: %s", type, err.text);
                check_abandon();
        }
        return protocol;
}

TEST(shapes_resolve_or_say_why_not)
{
        static const struct {
                const char *type;
                const char *problem; /* NULL: none */
                bool is_native;
        } cases[] = {
                {EV(FIELD("headers", MAP) "," FIELD("body", "\"bytes\"")), NULL, true},
                {EV(FIELD("headers", BYTES_MAP) "," FIELD("body", "\"string\"")), NULL, true},
                {EV(FIELD("body", "\"bytes\"") "," FIELD("headers", MAP)), NULL, false},
                {EV(FIELD("headers", MAP) "," FIELD("body", "\"bytes\"") "," FIELD("x", "\"int\"")), NULL, false},
                {EV(FIELD("headers", "[\"null\"," MAP "]") "," FIELD("body", "[\"string\",\"null\"]")), NULL, false},
                {"[\"null\"," EV(FIELD("headers", MAP) "," FIELD("body", "\"bytes\"")) "]", NULL, false},
                {EV(FIELD("headers", MAP)), "it has no", false},
                {EV(FIELD("headers", MAP)), "no field 'body', and there is no default", false},
                {EV(FIELD("body", "\"bytes\"")), "no field 'headers', and there is no default", false},
                {EV(FIELD("headers", MAP) "," FIELD("body", "\"int\"")), "'body' is neither bytes nor string", false},
                {EV(FIELD("headers", "\"int\"") "," FIELD("body", "\"bytes\"")), "'headers' is no map", false},
                {"\"bytes\"", "it is no record", false},
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct protocol *protocol = protocol_of(cases[i].type);
                struct resolve_call call;

                resolve_call_init(&call, protocol, false);
                if (cases[i].problem == NULL)
                        CHECK_TEXT(call.problem, "");
                else if (strcmp(cases[i].problem, "it has no") != 0)
                        CHECK_CONTAINS(call.problem, cases[i].problem);
                else
                        CHECK_CONTAINS(call.problem, "your protocol's message 'append' does not resolve");
                CHECK_INT(call.is_native, cases[i].is_native);
                resolve_call_init(&call, protocol, true);
                CHECK_TEXT(call.problem, "No such remote message: appendBatch");
                protocol_free(protocol);
        }
}

static void check_message(const char *messages, bool is_batch, const char *problem)
{
        struct protocol *protocol = NULL;
        struct resolve_call call;
        struct err err;
        char text[2048];

        snprintf(text, sizeof(text),
                 "{\"protocol\":\"P\",\"types\":[" EV(FIELD("headers", MAP) "," FIELD("body", "\"bytes\"")) "],"
                 "\"messages\":{%s}}", messages);
        REQUIRE(protocol_parse(slice_from_text(text), &protocol, &err) == 0);
        resolve_call_init(&call, protocol, is_batch);
        if (*problem != '\0')
                CHECK_CONTAINS(call.problem, problem);
        else
                CHECK_TEXT(call.problem, "");
        protocol_free(protocol);
}

TEST(messages_and_parameters_go_by_name)
{
        check_message("\"append\":{\"request\":[{\"name\":\"event\",\"type\":\"Ev\"}],\"one-way\":true}", false,
                      "Not both one-way messages: append");
        check_message("\"append\":{\"request\":[" FIELD("e", "\"Ev\"") "]}", false, "it has no parameter 'event'");
        check_message("\"appendBatch\":{\"request\":[{\"name\":\"events\",\"type\":\"Ev\"}]}", true, "is no array");
        check_message("\"appendBatch\":{\"request\":[" FIELD("before", "\"int\"") ","
                      FIELD("events", "{\"type\":\"array\",\"items\":\"Ev\"}") "," FIELD("after", "\"Ev\"") "]}",
                      true, "");
}

/* Rewrites one event of the type from the bytes. */
static bool rewrite(const char *type, const void *bytes, size_t len, struct bytes *event, const char **ret_problem,
                    size_t *ret_missing)
{
        struct protocol *protocol = protocol_of(type);
        struct binary_reader reader = binary_reader_make(bytes, (const uint8_t *)bytes + len);
        struct resolve_call call;
        bool is_done;

        resolve_call_init(&call, protocol, false);
        CHECK_TEXT(call.problem, "");
        bytes_reset(event);
        is_done = resolve_event(&call, &reader, event);
        CHECK(is_done ? reader.at == reader.end : reader.at == bytes && event->len == 0);
        *ret_problem = reader.problem;
        *ret_missing = reader.missing;
        protocol_free(protocol);
        return is_done;
}

TEST(events_are_brought_into_flumes_shape)
{
        static const struct {
                const char *type, *bytes;
                size_t len;
        } cases[] = {
                /* body first, something of each kind to skip between and behind */
                {EV(FIELD("body", "\"string\"") ","
                    FIELD("a", "[\"null\",\"double\"]") ","
                    FIELD("b", "{\"type\":\"array\",\"items\":{\"type\":\"map\",\"values\":\"float\"}}") ","
                    FIELD("c", "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}") ","
                    FIELD("headers", MAP) ","
                    FIELD("d", "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"X\"]}") ","
                    FIELD("e", "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELD("f", "\"boolean\"") ","
                                                                                FIELD("g", "\"null\"") "]}")),
                 "\x04hi" "\x02" "12345678" "\x02\x01\x0c\x02k1234\x00\x00" "abc" "\x02\x02h\x02v\x00" "\x00" "\x01",
                 34},
                /* unions around everything, a negative block in the headers */
                {"[\"null\"," EV(FIELD("headers", "[\"null\",{\"type\":\"map\",\"values\":[\"bytes\",\"string\"]}]") ","
                                 FIELD("body", "[\"null\",\"bytes\"]")) "]",
                 "\x02" "\x02\x01\x0a\x02h\x02\x02v\x00" "\x02\x04hi", 14},
        };
        struct bytes event;
        const char *problem;
        size_t missing;

        bytes_init(&event);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CHECK(rewrite(cases[i].type, cases[i].bytes, cases[i].len, &event, &problem, &missing));
                CHECK_BYTES(event.data, event.len, "\x02\x02h\x02v\x00\x04hi", 9);
                for (size_t len = 0; len < cases[i].len; len++) {
                        CHECK(!rewrite(cases[i].type, cases[i].bytes, len, &event, &problem, &missing));
                        CHECK(problem == NULL);
                        CHECK(missing > 0 && missing <= cases[i].len - len);
                }
        }
        bytes_done(&event);
}

TEST(branches_that_do_not_resolve_are_refused_when_they_come)
{
        const char *type = EV(FIELD("headers", "[\"null\"," MAP "]") "," FIELD("body", "[\"null\",\"bytes\"]"));
        struct bytes event;
        const char *problem;
        size_t missing;

        bytes_init(&event);
        CHECK(!rewrite(type, "\x00\x02\x04hi", 5, &event, &problem, &missing));
        CHECK_CONTAINS(problem, "no map of string");
        CHECK(!rewrite(type, "\x02\x00\x00", 3, &event, &problem, &missing));
        CHECK_CONTAINS(problem, "neither bytes nor string");
        CHECK(!rewrite(type, "\x04", 1, &event, &problem, &missing));
        CHECK_CONTAINS(problem, "a union branch that does not exist");
        CHECK(!rewrite(type, "\x01", 1, &event, &problem, &missing));
        CHECK_CONTAINS(problem, "a union branch that does not exist");
        bytes_done(&event);
}

TEST(hostile_shapes_cost_no_more_than_their_bytes)
{
        struct bytes event, nested;
        const char *problem;
        char type[4096];
        size_t missing;

        bytes_init(&event);
        bytes_init(&nested);
        /* 2^62 nulls */
        CHECK(!rewrite(EV(FIELD("x", "{\"type\":\"array\",\"items\":\"null\"}") "," FIELD("headers", MAP) ","
                          FIELD("body", "\"bytes\"")),
                       "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 10, &event, &problem, &missing));
        CHECK_CONTAINS(problem, "take no bytes");
        /* a list in a list in a list */
        for (int i = 0; i < 100000; i++)
                bytes_append_byte(&nested, 2);
        CHECK(!rewrite(EV(FIELD("x", "[\"null\",{\"type\":\"record\",\"name\":\"L\",\"fields\":["
                                     FIELD("next", "[\"null\",\"L\"]") "]}]") "," FIELD("headers", MAP) ","
                          FIELD("body", "\"bytes\"")),
                       nested.data, nested.len, &event, &problem, &missing));
        CHECK_CONTAINS(problem, "nested deeper");
        /* records of two records each, and nulls at the end: 2^14 values in no byte */
        bytes_reset(&nested);
        bytes_append_text(&nested, "{\"type\":\"record\",\"name\":\"R0\",\"fields\":[" FIELD("a", "\"null\"") "]}");
        for (int i = 1; i < 15; i++) {
                struct bytes outer;

                bytes_init(&outer);
                bytes_append_format(&outer, "{\"type\":\"record\",\"name\":\"R%d\",\"fields\":[" FIELD("a", "%.*s") ","
                                    "{\"name\":\"b\",\"type\":\"R%d\"}]}", i, (int)nested.len,
                                    (const char *)nested.data, i - 1);
                bytes_done(&nested);
                nested = outer;
        }
        bytes_append_byte(&nested, '\0');
        snprintf(type, sizeof(type), EV(FIELD("x", "%s") "," FIELD("headers", MAP) "," FIELD("body", "\"bytes\"")),
                 (const char *)nested.data);
        CHECK(!rewrite(type, "\x00\x00", 2, &event, &problem, &missing));
        CHECK_CONTAINS(problem, "take no bytes");
        bytes_done(&event);
        bytes_done(&nested);
}
