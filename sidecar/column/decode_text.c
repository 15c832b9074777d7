/* decode_text.c - where the bytes of strings go. */
#include "sidecar/column/decode_text.h"

#include "sidecar/column/decode_lane.h"

_Static_assert((int)BUILDER_PAD_BYTES <= (int)DECODE_PAD_BYTES, "copies stay inside the pad");

void decode_text_put(struct decode_run *run, uint32_t column, uint32_t row, struct slice text)
{
        if (DECODE_UNLIKELY(!builder_put_text(run->builder, column, row, text)))
                run->program->is_full = true;
}

const uint8_t *decode_text_take(struct decode_run *run, uint32_t lane, const uint8_t *at,
                                const struct decode_step *step, struct slice *ret_text)
{
        const uint8_t *next = decode_lane_skip_text(run->program, lane, at, run->lanes->end[lane], step);

        if (DECODE_UNLIKELY(next == NULL))
                return NULL;
        at += at[0] < 0x80 ? 1 : at[1] < 0x80 ? 2 : varint_len(varint_stops(at));
        *ret_text = slice_make(at, (size_t)(next - at));
        return next;
}

const uint8_t *decode_text_load(struct decode_run *run, uint32_t lane, const uint8_t *at,
                                const struct decode_step *step)
{
        struct slice text;
        const uint8_t *next = decode_text_take(run, lane, at, step, &text);

        if (DECODE_LIKELY(next != NULL))
                decode_text_put(run, step->column, run->row + lane, text);
        return next;
}

const uint8_t *decode_text_hash(struct decode_run *run, uint32_t lane, const uint8_t *at,
                                const struct decode_step *step)
{
        struct slice text;
        const uint8_t *next = decode_text_take(run, lane, at, step, &text);

        if (DECODE_LIKELY(next != NULL))
                run->builder->fingerprint[run->row + lane] =
                        hash_bytes(&run->program->fingerprint_key, text.data, text.len);
        return next;
}
