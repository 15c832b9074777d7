/* decode_text.c - where the bytes of strings go. */
#include "sidecar/column/decode_text.h"

#include "sidecar/column/decode_lane.h"

enum { COPY_WORD_BYTES = 16, COPY_WORDS_BYTES_MAX = 64 };

_Static_assert((int)COPY_WORD_BYTES <= (int)DECODE_PAD_BYTES, "copies read whole words");

/* Short strings are copied in whole words, what stands behind them included. */
static struct slice copy_text(struct decode_run *run, const uint8_t *data, size_t len)
{
        bool is_short = len <= COPY_WORDS_BYTES_MAX;
        size_t room = is_short ? (len + COPY_WORD_BYTES - 1) & ~(size_t)(COPY_WORD_BYTES - 1) : len;
        uint8_t *copy = arena_take(&run->builder->arena, room, 1);

        if (DECODE_UNLIKELY(copy == NULL)) {
                run->program->is_full = true;
                return slice_make(NULL, 0);
        }
        if (is_short) {
                for (size_t at = 0; at < len; at += COPY_WORD_BYTES)
                        memcpy(copy + at, data + at, COPY_WORD_BYTES);
        } else {
                memcpy(copy, data, len);
        }
        return slice_make(copy, len);
}

void decode_text_put(struct decode_run *run, struct builder_column *column, uint32_t row, struct slice text)
{
        if (column->spec.intern != NULL) {
                uint32_t code = intern_code(column->spec.intern, text.data, text.len);

                column->code[row] = code;
                if (code != INTERN_CODE_NONE)
                        return;
                column->has_uncoded = true;
        }
        column->str[row] = copy_text(run, text.data, text.len);
}

bool decode_text_take(struct decode_run *run, uint32_t lane, const struct decode_step *step, struct slice *ret_text)
{
        const uint8_t *at = run->lanes->at[lane];
        const uint8_t *next = decode_lane_skip_text(run->program, lane, at, run->lanes->end[lane], step);

        if (DECODE_UNLIKELY(next == NULL))
                return false;
        at += at[0] < 0x80 ? 1 : at[1] < 0x80 ? 2 : varint_len(varint_stops(at));
        *ret_text = slice_make(at, (size_t)(next - at));
        return true;
}

const uint8_t *decode_text_load(struct decode_run *run, struct builder_column *column, uint32_t lane,
                                const struct decode_step *step)
{
        struct slice text;

        if (DECODE_UNLIKELY(!decode_text_take(run, lane, step, &text)))
                return NULL;
        decode_text_put(run, column, run->row + lane, text);
        return text.data + text.len;
}
