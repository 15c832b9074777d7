/* frame.h - the framing of Avro's Netty transport: bytes in, pieces of payload out.
 *
 *     frame  := serial:int32  count:int32  buffer{count}
 *     buffer := length:int32  byte{length}
 *
 * All integers are signed and big-endian; requests and replies look the same. There is no magic, no checksum and no
 * total length: where a frame ends is known only once the length of its last buffer was read. Where a buffer ends
 * means nothing, values go on in the next one; a buffer may be empty. The serial is the client's own affair: four
 * bytes that the reply carries back. Java's client cuts its requests at 8192 bytes, others cut elsewhere.
 *
 * This is not the framing of the Avro specification (lengths, ended by a zero), which HTTP and an old socket transport
 * use. Java's own decoder hangs on a count of 0, and has no limit for lengths; here both are answers of frame_next.
 *
 * The deframer never copies and never waits for a buffer to be whole: whatever part of a buffer is there is a span. */
#ifndef WEIR_AVRO_FRAME_H
#define WEIR_AVRO_FRAME_H

#include "sidecar/base/bytes.h"

enum {
        FRAME_HEAD_BYTES = 8,   /* serial and count */
        FRAME_LENGTH_BYTES = 4, /* before each buffer */
        FRAME_BUFFER_BYTES = 8192, /* where frame_append cuts, as Java does */
};

struct frame_limits {
        uint64_t max_bytes;   /* payload of one frame; larger ones are announced by FRAME_OVERSIZE */
        uint64_t skip_bytes;  /* payload that an oversize frame may announce before it is FRAME_BAD */
        uint32_t max_buffers;
};

enum frame_step {
        FRAME_MORE,     /* the input is used up */
        FRAME_BEGIN,    /* serial and count are known */
        FRAME_SPAN,     /* payload */
        FRAME_OVERSIZE, /* said once per frame: it announces more than max_bytes; spans go on */
        FRAME_END,      /* the frame is whole */
        FRAME_BAD,      /* no frame, see problem; frame_next must not be called again */
};

enum frame_problem {
        FRAME_FINE,
        FRAME_COUNT_ZERO,
        FRAME_COUNT_NEGATIVE,
        FRAME_COUNT_LARGE,
        FRAME_LENGTH_NEGATIVE,
        FRAME_LENGTH_LARGE,
};

struct frame {
        const struct frame_limits *limits;
        uint32_t serial;         /* of the frame that began last */
        uint32_t count;          /* its buffers */
        uint32_t buffers_left;   /* whose length was not read yet */
        uint32_t buffer_bytes;   /* still to come of the present buffer */
        uint64_t announced_bytes; /* sum of the lengths read so far */
        uint8_t head[FRAME_HEAD_BYTES]; /* a head or length that is not whole yet */
        uint8_t n_head;
        bool is_inside;          /* between FRAME_BEGIN and FRAME_END */
        bool is_oversize;
        enum frame_problem problem;
        uint32_t bad_value;      /* the count or length that is the problem */
};

/* From limits.h. */
const struct frame_limits *frame_limits_default(void);
void frame_init(struct frame *frame, const struct frame_limits *limits);

/* Moves *at on, at most to end, until something is to be said. ret_span is written for FRAME_SPAN: a non-empty part of
 * [*at before, end). */
enum frame_step frame_next(struct frame *frame, const uint8_t **at, const uint8_t *end, struct slice *ret_span);

/* No part of a frame was read. */
static inline bool frame_is_between(const struct frame *frame)
{
        return !frame->is_inside && frame->n_head == 0;
}
/* "count of buffers is 0" and the like; static. */
const char *frame_problem_text(enum frame_problem problem);

/* A frame of the two parts that a request has, each in buffers of at most FRAME_BUFFER_BYTES: the first part is a
 * buffer of its own, as Java sends it. An empty second part makes no buffer. */
void frame_append(struct bytes *bytes, uint32_t serial, struct slice first, struct slice second);
/* Head of a frame with a single buffer of len bytes, which the caller appends. */
void frame_append_head(struct bytes *bytes, uint32_t serial, uint32_t len);

#endif
