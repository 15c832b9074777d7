/* Raw Snappy blocks: each kind of element, and what is damaged. */
#include "avro/snappy.h"
#include "tests/lib/check.h"

#include <stdio.h>

static const char *inflate(const char *data, size_t len, size_t most)
{
        static char answer[400];
        struct bytes plain;

        bytes_init(&plain);
        answer[0] = '\0';
        if (!snappy_inflate(slice_make(data, len), most, &plain))
                (void)snprintf(answer, sizeof(answer), "damaged");
        else
                (void)snprintf(answer, sizeof(answer), "%.*s", (int)plain.len, (const char *)plain.data);
        bytes_done(&plain);
        return answer;
}

#define INFLATE(text, most) inflate(text, sizeof(text) - 1, most)

TEST(elements_are_literals_and_copies)
{
        CHECK_TEXT(INFLATE("\x00", 0), "");
        CHECK_TEXT(INFLATE("\x03\x08" "abc", 3), "abc");
        CHECK_TEXT(INFLATE("\x05\xf0\x04" "hello", 100), "hello");       /* length in one byte behind the tag */
        CHECK_TEXT(INFLATE("\x05\xf4\x04\x00" "hello", 100), "hello");   /* ... in two */
        CHECK_TEXT(INFLATE("\x07\x08" "abc" "\x01\x03", 7), "abcabca");  /* 4 bytes from 3 before: overlaps itself */
        CHECK_TEXT(INFLATE("\x06\x08" "abc" "\x0a\x03\x00", 6), "abcabc");
        CHECK_TEXT(INFLATE("\x06\x08" "abc" "\x0b\x03\x00\x00\x00", 6), "abcabc");
        CHECK_TEXT(INFLATE("\x0a\x00" "x" "\x22\x01\x00", 10), "xxxxxxxxxx");
}

TEST(damaged_blocks_are_refused)
{
        CHECK_TEXT(INFLATE("", 10), "damaged");
        CHECK_TEXT(INFLATE("\x80", 10), "damaged");                      /* a length without end */
        CHECK_TEXT(INFLATE("\x03\x08" "abc", 2), "damaged");             /* more than is taken */
        CHECK_TEXT(INFLATE("\xff\xff\xff\xff\x0f", 1 << 20), "damaged");
        CHECK_TEXT(INFLATE("\x04\x08" "abc", 10), "damaged");            /* ends too early */
        CHECK_TEXT(INFLATE("\x02\x08" "abc", 10), "damaged");            /* ... and too late */
        CHECK_TEXT(INFLATE("\x03\x08" "ab", 10), "damaged");
        CHECK_TEXT(INFLATE("\x03\xf0", 10), "damaged");
        CHECK_TEXT(INFLATE("\x03\xfc\xff\xff\xff\xff" "abc", 10), "damaged");
        CHECK_TEXT(INFLATE("\x07\x08" "abc" "\x01\x04", 10), "damaged"); /* from before the beginning */
        CHECK_TEXT(INFLATE("\x07\x08" "abc" "\x01\x00", 10), "damaged"); /* from nowhere */
        CHECK_TEXT(INFLATE("\x06\x08" "abc" "\x01\x03", 10), "damaged"); /* beyond the length */
        CHECK_TEXT(INFLATE("\x07\x08" "abc" "\x01", 10), "damaged");
}
