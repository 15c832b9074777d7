/* test_frame.c - the deframer: what frames are, and what is none. */
#include "avro/frame.h"
#include "tests/lib/check.h"

#include <stdio.h>

/* What frame_next said, as text: B(serial,count) payload bytes in brackets per frame, E, O, and X with the problem. */
static void tell(const struct frame_limits *limits, const uint8_t *data, size_t len, size_t piece, char text[512])
{
        struct frame frame;
        size_t n = 0, payload = 0;

        text[0] = '\0';
        frame_init(&frame, limits);
        for (size_t from = 0; from < len; from += piece) {
                const uint8_t *at = data + from, *end = data + (from + piece < len ? from + piece : len);
                enum frame_step step;
                struct slice span;

                while ((step = frame_next(&frame, &at, end, &span)) != FRAME_MORE) {
                        if (step == FRAME_BEGIN)
                                n += (size_t)snprintf(text + n, 512 - n, "B%u,%u ", frame.serial, frame.count);
                        else if (step == FRAME_SPAN)
                                payload += span.len;
                        else if (step == FRAME_END)
                                n += (size_t)snprintf(text + n, 512 - n, "E%zu ", payload);
                        else if (step == FRAME_OVERSIZE)
                                n += (size_t)snprintf(text + n, 512 - n, "O ");
                        else {
                                snprintf(text + n, 512 - n, "X: %s", frame_problem_text(frame.problem));
                                return;
                        }
                        if (step == FRAME_END)
                                payload = 0;
                        if (step == FRAME_SPAN)
                                CHECK(span.len > 0);
                }
                CHECK(at == end);
        }
        if (!frame_is_between(&frame))
                snprintf(text + n, 512 - n, "...");
}

static const struct {
        const char *name, *bytes;
        size_t len;
        const char *told;
} table[] = {
        {"one buffer", "\0\0\0\1\0\0\0\1\0\0\0\3abc", 15, "B1,1 E3 "},
        {"negative serial", "\xff\xff\xff\xfc\0\0\0\1\0\0\0\1x", 13, "B4294967292,1 E1 "},
        {"empty buffer", "\0\0\0\1\0\0\0\1\0\0\0\0", 12, "B1,1 E0 "},
        {"empty buffers around", "\0\0\0\1\0\0\0\3\0\0\0\0\0\0\0\2ab\0\0\0\0", 22, "B1,3 E2 "},
        {"two frames", "\0\0\0\1\0\0\0\1\0\0\0\1x\0\0\0\2\0\0\0\1\0\0\0\2yz", 27, "B1,1 E1 B2,1 E2 "},
        {"cut in the head", "\0\0\0\1\0\0", 6, "..."},
        {"cut in a length", "\0\0\0\1\0\0\0\1\0\0", 10, "B1,1 ..."},
        {"cut in a buffer", "\0\0\0\1\0\0\0\1\0\0\0\3ab", 14, "B1,1 ..."},
        {"count 0", "\0\0\0\1\0\0\0\0", 8, "X: count of buffers is 0"},
        {"count negative", "\0\0\0\1\xff\xff\xff\xff", 8, "X: count of buffers is negative"},
        {"count huge", "\0\0\0\1\0\x01\0\x40", 8, "X: count of buffers is above the limit"},
        {"an HTTP request", "GET / HTTP/1.1\r\n", 16, "X: count of buffers is above the limit"},
        {"length negative", "\0\0\0\1\0\0\0\1\x80\0\0\0", 12, "B1,1 X: length of a buffer is negative"},
        {"length beyond skipping", "\0\0\0\1\0\0\0\1\x7f\xff\xff\xff", 12,
         "B1,1 X: frame announces more than can be skipped"},
        {"length beyond the limit", "\0\0\0\1\0\0\0\1\4\0\0\1", 12, "B1,1 O ..."},
        {"length at the limit", "\0\0\0\1\0\0\0\1\4\0\0\0", 12, "B1,1 ..."},
};

TEST(frames_are_told_from_what_is_none)
{
        for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                char text[512];

                for (size_t piece = 1; piece <= table[i].len; piece++) {
                        tell(frame_limits_default(), (const uint8_t *)table[i].bytes, table[i].len, piece, text);
                        CHECK_TEXT(text, table[i].told);
                }
        }
}

TEST(an_oversize_frame_is_said_once_and_skipped)
{
        static const struct frame_limits small = {.max_bytes = 4, .skip_bytes = 12, .max_buffers = 8};
        char text[512];

        tell(&small, (const uint8_t *)"\0\0\0\1\0\0\0\3\0\0\0\3abc\0\0\0\3def\0\0\0\1g"
                                      "\0\0\0\2\0\0\0\1\0\0\0\1x", 40, 40, text);
        CHECK_TEXT(text, "B1,3 O E7 B2,1 E1 ");
        /* sums count, not only single lengths */
        tell(&small, (const uint8_t *)"\0\0\0\1\0\0\0\2\0\0\0\x0c" "abcdefghijkl\0\0\0\1x", 29, 29, text);
        CHECK_TEXT(text, "B1,2 O X: frame announces more than can be skipped");
}

TEST(requests_are_cut_as_java_cuts_them)
{
        struct bytes bytes, second;
        struct frame frame;
        const uint8_t *at, *end;
        struct slice span;
        uint32_t lengths[16], n = 0;

        bytes_init(&bytes);
        bytes_init(&second);
        memset(bytes_reserve(&second, 60014), 'p', 60014);
        second.len = 60014;
        frame_append(&bytes, 7, slice_from_text("thirteen byte"), bytes_slice(&second));
        frame_init(&frame, frame_limits_default());
        at = bytes.data;
        end = at + bytes.len;
        CHECK_INT(frame_next(&frame, &at, end, &span), FRAME_BEGIN);
        CHECK_UINT(frame.serial, 7);
        while (frame_next(&frame, &at, end, &span) == FRAME_SPAN)
                lengths[n++] = (uint32_t)span.len;
        CHECK(frame_is_between(&frame));
        /* 13, seven times 8192, 2670: as recorded from Flume's client */
        CHECK_UINT(n, 9);
        CHECK_UINT(lengths[0], 13);
        CHECK_UINT(lengths[1], 8192);
        CHECK_UINT(lengths[7], 8192);
        CHECK_UINT(lengths[8], 2670);
        bytes_done(&bytes);
        bytes_done(&second);
}
