/* decode_lane.c - the patient paths of decode_lane.h. */
#include "sidecar/column/decode_lane.h"

#include "sidecar/column/decode_text.h"
#include "sidecar/column/skip.h"

/* Where failed events go on: as many values as steps may still load read as 0, false, "", null or the first
 * branch. */
enum { ZEROS_BYTES = 4096 };
static const uint8_t zeros[ZEROS_BYTES + DECODE_PAD_BYTES];

_Static_assert((int)DECODE_PAD_BYTES >= (int)VARINT_PAD_BYTES && (int)DECODE_PAD_BYTES >= 64 + INTERN_PAD_BYTES - 16,
               "loads stay inside the pad");

__attribute__((noinline, cold)) void decode_lane_fail(struct decode_program *program, uint32_t lane,
                                                      enum reason reason, const struct decode_step *step)
{
        struct decode_lanes *lanes = &program->lanes;

        if (lanes->reason[lane] == REASON_NONE) {
                lanes->true_end[lane] = lanes->end[lane];
                lanes->reason[lane] = (uint8_t)reason;
                lanes->step[lane] = (uint16_t)(step == NULL ? UINT16_MAX : step - program->steps);
                lanes->n_failed++;
        }
        lanes->at[lane] = zeros;
        lanes->end[lane] = zeros + ZEROS_BYTES;
}

__attribute__((noinline)) const uint8_t *decode_lane_walk(struct decode_program *program, uint32_t lane,
                                                          const uint8_t *at, enum schema_kind kind,
                                                          const struct decode_step *step)
{
        struct schema_node node = {.kind = kind, .n_symbols = step->count, .min_bytes = 1};
        struct skip skip = skip_make(program->lanes.end[lane]);
        const uint8_t *next = skip_value(&skip, &node, at);

        if (next == NULL)
                decode_lane_fail(program, lane, skip.reason, step);
        return next;
}

__attribute__((noinline)) const uint8_t *decode_lane_walk_long(struct decode_program *program, uint32_t lane,
                                                               const uint8_t *at, const struct decode_step *step,
                                                               int64_t *ret_value)
{
        const uint8_t *next = decode_lane_walk(program, lane, at, SCHEMA_LONG, step);
        uint64_t raw = 0;

        if (next == NULL)
                return NULL;
        (void)varint_read(at, false, &raw);
        *ret_value = varint_unzigzag(raw);
        return next;
}

__attribute__((noinline)) const uint8_t *decode_lane_load_text(struct decode_run *run, uint32_t lane,
                                                               const uint8_t *at, struct decode_dictionary *dictionary,
                                                               const struct decode_step *step)
{
        const uint8_t *next = decode_text_load(run, lane, at, step);

        *dictionary = decode_lane_dictionary(dictionary->intern); /* the string may have been new */
        return next;
}
