/* decode_convert.h - loads and conversions that are rare enough to go event by event (inside the decoder only). */
#ifndef WEIR_SIDECAR_COLUMN_DECODE_CONVERT_H
#define WEIR_SIDECAR_COLUMN_DECODE_CONVERT_H

#include "sidecar/column/decode_program.h"

/* STEP_LOAD_FIXED .. STEP_LOAD_BODY for one lane. */
void decode_convert_load(struct decode_run *run, uint32_t lane, const struct decode_step *step);

/* STEP_TO_DOUBLE .. STEP_RESCALE for one lane. */
void decode_convert_value(struct decode_run *run, uint32_t lane, const struct decode_step *step);

/* NULL for a column; the lane fails where that is NOT NULL. */
void decode_convert_null(struct decode_run *run, uint32_t lane, uint32_t column, const struct decode_step *step);

#endif
