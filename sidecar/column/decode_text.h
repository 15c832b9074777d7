/* decode_text.h - strings into a builder: interned, or copied (inside the decoder only). */
#ifndef WEIR_SIDECAR_COLUMN_DECODE_TEXT_H
#define WEIR_SIDECAR_COLUMN_DECODE_TEXT_H

#include "sidecar/column/decode_program.h"

/* builder_put_text; a full builder becomes program->is_full. */
void decode_text_put(struct decode_run *run, uint32_t column, uint32_t row, struct slice text);

/* The Avro string or bytes at `at` into the step's column. Returns the position behind it; NULL: the lane failed. */
const uint8_t *decode_text_load(struct decode_run *run, uint32_t lane, const uint8_t *at,
                                const struct decode_step *step);

/* Its hash into the fingerprints. */
const uint8_t *decode_text_hash(struct decode_run *run, uint32_t lane, const uint8_t *at,
                                const struct decode_step *step);

/* Its bytes only. */
const uint8_t *decode_text_take(struct decode_run *run, uint32_t lane, const uint8_t *at,
                                const struct decode_step *step, struct slice *ret_text);

#endif
