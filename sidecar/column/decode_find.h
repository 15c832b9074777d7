/* decode_find.h - where the events of a group begin and end (inside the decoder only). */
#ifndef WEIR_SIDECAR_COLUMN_DECODE_FIND_H
#define WEIR_SIDECAR_COLUMN_DECODE_FIND_H

#include "sidecar/column/decode_program.h"

struct decode_find {
        struct decode_program *program;
        struct builder *builder;
        struct decode_span *span;
        uint32_t most;         /* lanes to fill */
        uint32_t n;            /* out: lanes filled */
        uint32_t n_steps_done; /* out: so many steps at the front of the program were run on the way */
        const uint8_t *at;     /* out: behind the last event found */
        bool is_ended;         /* out: the span ends before the next event does, span->need_bytes is set */
};

/* Fills the lanes from span->at on. After decode_run_begin. -1: the bytes are no events. */
int decode_find_events(struct decode_find *find, struct err *err) WEIR_MUST_CHECK;

#endif
