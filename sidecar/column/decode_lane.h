/* decode_lane.h - one event's position: moving it, and giving it up (inside the decoder only).
 *
 * Positions move by loads that may look behind the end of the event, never further than DECODE_PAD_BYTES behind
 * the end of what was received; the new position is compared with the end before anything else is done with it.
 * */
#ifndef WEIR_SIDECAR_COLUMN_DECODE_LANE_H
#define WEIR_SIDECAR_COLUMN_DECODE_LANE_H

#include "sidecar/column/decode_program.h"
#include "sidecar/column/varint.h"

#define DECODE_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define DECODE_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* The event in this lane becomes a dead letter; the first reason counts. Its position goes to a page of zeros. */
void decode_lane_fail(struct decode_program *program, uint32_t lane, enum reason reason,
                      const struct decode_step *step);

/* Where the event of a lane begins and ends, failed or not. */
static inline const uint8_t *decode_lane_end(const struct decode_lanes *lanes, uint32_t lane)
{
        return lanes->reason[lane] == REASON_NONE ? lanes->end[lane] : lanes->true_end[lane];
}
static inline const uint8_t *decode_lane_begin(const struct decode_lanes *lanes, uint32_t lane)
{
        return lane == 0 ? lanes->begin : decode_lane_end(lanes, lane - 1);
}

/* One value of a simple type by the patient walk. Returns the position behind it; NULL: the lane failed. */
const uint8_t *decode_lane_walk(struct decode_program *program, uint32_t lane, const uint8_t *at,
                                enum schema_kind kind, const struct decode_step *step);
/* Likewise, with the value of a long. */
const uint8_t *decode_lane_walk_long(struct decode_program *program, uint32_t lane, const uint8_t *at,
                                     const struct decode_step *step, int64_t *ret_value);

/* Behind a string or bytes whose length takes one byte or two; NULL: it takes more, is negative, or reaches behind
 * the end. */
static inline const uint8_t *decode_lane_text_end(const uint8_t *at, const uint8_t *end)
{
        size_t head = at[0];
        const uint8_t *next = at + 1 + (head >> 1);

        if (DECODE_UNLIKELY((head & 0x81) != 0)) {
                next = at + 2 + ((head & 0x7f) >> 1) + ((size_t)at[1] << 6);
                if ((head & 1) != 0 || at[1] >= 0x80)
                        return NULL;
        }
        return DECODE_LIKELY(next <= end) ? next : NULL;
}

static inline const uint8_t *decode_lane_long_end(const uint8_t *at, const uint8_t *end)
{
        uint64_t stops = varint_stops(at);

        return DECODE_LIKELY(stops != 0 && at + varint_len(stops) <= end) ? at + varint_len(stops) : NULL;
}

/* Behind a string, bytes or long of any length. NULL: the lane failed. */
static inline const uint8_t *decode_lane_skip_text(struct decode_program *program, uint32_t lane, const uint8_t *at,
                                                   const uint8_t *end, const struct decode_step *step)
{
        const uint8_t *next = decode_lane_text_end(at, end);

        return DECODE_LIKELY(next != NULL) ? next : decode_lane_walk(program, lane, at, SCHEMA_STRING, step);
}
static inline const uint8_t *decode_lane_skip_long(struct decode_program *program, uint32_t lane, const uint8_t *at,
                                                   const uint8_t *end, const struct decode_step *step)
{
        const uint8_t *next = decode_lane_long_end(at, end);

        return DECODE_LIKELY(next != NULL) ? next : decode_lane_walk(program, lane, at, SCHEMA_LONG, step);
}

/* One long into *out. Returns the position behind it; NULL: the lane failed. */
static inline __attribute__((always_inline)) const uint8_t *
decode_lane_load_long(struct decode_program *program, uint32_t lane, const uint8_t *at, const uint8_t *end,
                      int64_t *out, const struct decode_step *step, bool has_pext)
{
        uint64_t stops = varint_stops(at);

        if (DECODE_UNLIKELY(stops == 0 || at + varint_len(stops) > end))
                return decode_lane_walk_long(program, lane, at, step, out);
        *out = varint_unzigzag(varint_value(at, stops, has_pext));
        return at + varint_len(stops);
}

/* A column's dictionary as loops want it: in registers. */
struct decode_dictionary {
        struct intern *intern;
        struct intern_slot *slots;
        uint64_t multiplier;
        unsigned shift;
};
static inline struct decode_dictionary decode_lane_dictionary(struct intern *intern)
{
        return (struct decode_dictionary){intern, intern->slots, intern->multiplier, intern->shift};
}

/* What intern_find_fast does not know: new strings, long ones, and what is wrong. */
const uint8_t *decode_lane_load_text(struct decode_run *run, uint32_t lane, const uint8_t *at,
                                     struct decode_dictionary *dictionary, const struct decode_step *step);

/* The code of one string or bytes into *out. One test finds lengths of 0 to 15 in one byte: neither continued, nor
 * negative, nor above. */
static inline __attribute__((always_inline)) const uint8_t *
decode_lane_load_code(struct decode_run *run, uint32_t lane, const uint8_t *at, const uint8_t *end, uint32_t *out,
                      struct decode_dictionary *dictionary, const struct decode_step *step)
{
        size_t head = at[0];
        const uint8_t *next = at + 1 + (head >> 1);

        if (DECODE_LIKELY((head & 0xe1) == 0 && next <= end &&
                          intern_find_fast(dictionary->slots, dictionary->multiplier, dictionary->shift, at, head,
                                           out)))
                return next;
        return decode_lane_load_text(run, lane, at, dictionary, step);
}

#endif
