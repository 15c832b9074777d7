/* frame.c - the framing of Avro's Netty transport; the format stands in frame.h. */
#include "avro/frame.h"

#include "sidecar/base/limits.h"

#include <assert.h>

const struct frame_limits *frame_limits_default(void)
{
        static const struct frame_limits limits = {
                .max_bytes = LIMIT_FRAME_BYTES,
                .skip_bytes = LIMIT_FRAME_SKIP_BYTES,
                .max_buffers = LIMIT_FRAME_BUFFERS,
        };

        return &limits;
}

void frame_init(struct frame *frame, const struct frame_limits *limits)
{
        *frame = (struct frame){.limits = limits};
}

static void append_be32(struct bytes *bytes, uint32_t value)
{
        bytes_put_be32(bytes_reserve(bytes, 4), value);
        bytes->len += 4;
}

/* Gathers `need` bytes that may come in pieces; NULL while some are missing. */
static const uint8_t *take_head(struct frame *frame, const uint8_t **at, const uint8_t *end, unsigned need)
{
        const uint8_t *head = *at;

        if (frame->n_head == 0 && (size_t)(end - *at) >= need) {
                *at += need;
                return head;
        }
        while (frame->n_head < need && *at < end)
                frame->head[frame->n_head++] = *(*at)++;
        if (frame->n_head < need)
                return NULL;
        frame->n_head = 0;
        return frame->head;
}

static enum frame_step bad(struct frame *frame, enum frame_problem problem, uint32_t value)
{
        frame->problem = problem;
        frame->bad_value = value;
        return FRAME_BAD;
}

static enum frame_step begin(struct frame *frame, const uint8_t *head)
{
        frame->serial = bytes_get_be32(head);
        frame->count = bytes_get_be32(head + 4);
        if (frame->count == 0)
                return bad(frame, FRAME_COUNT_ZERO, 0);
        if (frame->count > INT32_MAX)
                return bad(frame, FRAME_COUNT_NEGATIVE, frame->count);
        if (frame->count > frame->limits->max_buffers)
                return bad(frame, FRAME_COUNT_LARGE, frame->count);
        frame->buffers_left = frame->count;
        frame->announced_bytes = 0;
        frame->is_inside = true;
        frame->is_oversize = false;
        return FRAME_BEGIN;
}

enum frame_step frame_next(struct frame *frame, const uint8_t **at, const uint8_t *end, struct slice *ret_span)
{
        const uint8_t *head;
        size_t len;

        assert(frame->problem == FRAME_FINE);
        if (!frame->is_inside) {
                head = take_head(frame, at, end, FRAME_HEAD_BYTES);
                return head == NULL ? FRAME_MORE : begin(frame, head);
        }
        while (frame->buffer_bytes == 0) {
                if (frame->buffers_left == 0) {
                        frame->is_inside = false;
                        return FRAME_END;
                }
                head = take_head(frame, at, end, FRAME_LENGTH_BYTES);
                if (head == NULL)
                        return FRAME_MORE;
                frame->buffer_bytes = bytes_get_be32(head);
                frame->buffers_left--;
                frame->announced_bytes += frame->buffer_bytes;
                if (frame->buffer_bytes > INT32_MAX)
                        return bad(frame, FRAME_LENGTH_NEGATIVE, frame->buffer_bytes);
                if (frame->announced_bytes > frame->limits->skip_bytes)
                        return bad(frame, FRAME_LENGTH_LARGE, frame->buffer_bytes);
                if (frame->announced_bytes > frame->limits->max_bytes && !frame->is_oversize) {
                        frame->is_oversize = true;
                        return FRAME_OVERSIZE;
                }
        }
        len = (size_t)(end - *at);
        if (len == 0)
                return FRAME_MORE;
        if (len > frame->buffer_bytes)
                len = frame->buffer_bytes;
        *ret_span = slice_make(*at, len);
        *at += len;
        frame->buffer_bytes -= (uint32_t)len;
        return FRAME_SPAN;
}

const char *frame_problem_text(enum frame_problem problem)
{
        switch (problem) {
        case FRAME_FINE:
                return "no problem";
        case FRAME_COUNT_ZERO:
                return "count of buffers is 0";
        case FRAME_COUNT_NEGATIVE:
                return "count of buffers is negative";
        case FRAME_COUNT_LARGE:
                return "count of buffers is above the limit";
        case FRAME_LENGTH_NEGATIVE:
                return "length of a buffer is negative";
        case FRAME_LENGTH_LARGE:
                return "frame announces more than can be skipped";
        }
        return "unknown problem";
}

void frame_append_head(struct bytes *bytes, uint32_t serial, uint32_t len)
{
        append_be32(bytes, serial);
        append_be32(bytes, 1);
        append_be32(bytes, len);
}

void frame_append(struct bytes *bytes, uint32_t serial, struct slice first, struct slice second)
{
        size_t n_second = (second.len + FRAME_BUFFER_BYTES - 1) / FRAME_BUFFER_BYTES;

        assert(first.len <= INT32_MAX && second.len <= INT32_MAX);
        append_be32(bytes, serial);
        append_be32(bytes, (uint32_t)(1 + n_second));
        append_be32(bytes, (uint32_t)first.len);
        bytes_append_slice(bytes, first);
        for (size_t at = 0; at < second.len; at += FRAME_BUFFER_BYTES) {
                size_t len = second.len - at < FRAME_BUFFER_BYTES ? second.len - at : FRAME_BUFFER_BYTES;

                append_be32(bytes, (uint32_t)len);
                bytes_append(bytes, second.data + at, len);
        }
}
