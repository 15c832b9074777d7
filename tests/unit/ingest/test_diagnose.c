/* test_diagnose.c - first bytes: what they ask for, and what they look like. */
#include "sidecar/ingest/diagnose.h"
#include "tests/lib/check.h"

static const struct {
        const char *bytes;
        size_t len;
        enum diagnose_verdict verdict;
} firsts[] = {
        {"", 0, DIAGNOSE_WAIT},
        {"\x00", 1, DIAGNOSE_PLAIN},
        {"G", 1, DIAGNOSE_PLAIN},
        {"\x78", 1, DIAGNOSE_WAIT},
        {"\x78\x02", 2, DIAGNOSE_PLAIN}, /* not divisible by 31 */
        {"\x78\x9c", 2, DIAGNOSE_WAIT},
        {"\x78\x9c\x62\x60\x60\x60\x64\x60\x60\x60\x60\x02", 12, DIAGNOSE_DEFLATE},
        {"\x78\x01\x00\x2c\x00\xd3\xff\x00\x00\x00\x01\x00", 12, DIAGNOSE_DEFLATE},
        {"\x78\x9c\x00\x01\x00\x00\x00\x02\x00\x00\x00\x2b", 12, DIAGNOSE_PLAIN}, /* a serial */
        {"\x78\x01\x00\xff\x00\x00\xff\x00\x00\x00\x01\x00", 12, DIAGNOSE_DEFLATE}, /* a stored block of 255 bytes */
        {"\x16", 1, DIAGNOSE_WAIT},
        {"\x16\x03\x01\x02\x00\x01", 6, DIAGNOSE_WAIT},
        {"\x16\x03\x01\x02\x00\x01\x00", 7, DIAGNOSE_TLS},
        {"\x16\x03\x03\x00\xf0\x01\x00", 7, DIAGNOSE_TLS},
        {"\x16\x03\x01\x00\x00\x00\x00", 7, DIAGNOSE_PLAIN}, /* a serial, and a count to come */
        {"\x16\x04\x01\x02\x00\x01\x00", 7, DIAGNOSE_PLAIN},
};

TEST(the_transport_follows_from_the_first_bytes)
{
        for (unsigned i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
                CHECK_INT(diagnose_transport(slice_make(firsts[i].bytes, firsts[i].len)), firsts[i].verdict);
}

TEST(twelve_bytes_are_always_enough)
{
        struct check_random random = check_seed(20261125);

        for (int i = 0; i < 20000; i++) {
                static const uint8_t begins[] = {0x00, 0x16, 0x78, 0x80, 'G'};
                uint8_t bytes[12];

                for (unsigned j = 0; j < sizeof(bytes); j++)
                        bytes[j] = (uint8_t)check_random_below(&random, j % 2 ? 256 : 4);
                bytes[0] = begins[check_random_below(&random, sizeof(begins))];
                CHECK(diagnose_transport(slice_make(bytes, sizeof(bytes))) != DIAGNOSE_WAIT);
        }
}

static const struct {
        const char *bytes;
        size_t len;
        bool is_inflated;
        const char *part;
} names[] = {
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9, false, "a TLS ClientHello: set ssl = false on the agent's sink"},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 9, true, "TLS inside a deflate stream, as Flume 1.10 and newer"},
        {"\x80\x2e\x01\x03\x01", 5, false, "SSLv2"},
        {"CONNECT example.org:443", 23, false, "an HTTP request"},
        {"\x80\x01\x00\x01", 4, false, "binary protocol"},
        {"\x00\x00\x00\x20\x82\x21", 6, false, "compact protocol"},
        {"\x1f\x8b\x08", 3, false, "gzip data: Flume's compression is compression-type = deflate"},
        {"\x78\x9c\x03", 3, true, "a deflate stream inside a deflate stream"},
        {"PROXY TCP4 1.2.3.4", 18, false, "send-proxy"},
        {"a\tline\r\nand more, cut at some point", 35, false, "text, 'a line  and more, cut at'"},
        {"caf\xc3\xa9", 5, false, "0x636166c3a9"},
        {"", 0, false, "no protocol that weir knows"},
};

TEST(strangers_are_named_with_what_to_do)
{
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                char text[DIAGNOSE_TEXT_BYTES];

                diagnose_name(slice_make(names[i].bytes, names[i].len), names[i].is_inflated, text);
                CHECK_CONTAINS(text, names[i].part);
        }
}
