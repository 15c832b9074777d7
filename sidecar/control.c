/* control.c - records that no agent sent: ticks, and ends of connections. See pipeline_state.h.
 *
 * Written when the log has room and no unit is open, then applied, as replay will. */
#include "sidecar/pipeline_state.h"

static int apply_end(struct pipeline *pipeline, const struct waiting_end *end, struct err *err)
{
        struct record_origin origin = {.source = end->source, .event = RECORD_CONNECTION_CLOSE,
                                       .connection = end->connection, .peer = slice_from_text(end->peer),
                                       .now_ms = pipeline_arrival(pipeline)};
        int result = 0;

        if (pipeline->has_log)
                result = record_writer_origin(pipeline->writer, &origin, &pipeline->last_lsn, err);
        if (result == 0)
                engine_apply_origin(pipeline->engine, &origin);
        return result;
}

/* 0: none is left, > 0 no room, < 0 fatal. */
int control_write_ends(struct pipeline *pipeline, struct err *err)
{
        int result = 0;

        while (result == 0 && pipeline->n_ends > 0) {
                result = apply_end(pipeline, &pipeline->ends[0], err);
                if (result == 0)
                        memmove(pipeline->ends, pipeline->ends + 1, --pipeline->n_ends * sizeof *pipeline->ends);
        }
        return result;
}

bool control_may_write(const struct pipeline *pipeline)
{
        return !pipeline->intake.is_active && !pipeline->is_broken && !pipeline->is_given_up;
}

/* 0 written and applied, > 0 no room, < 0 fatal. */
int control_apply_tick(struct pipeline *pipeline, bool is_ready, bool is_flush, struct err *err)
{
        struct record_tick tick = {.now_ms = pipeline_arrival(pipeline), .is_ready = is_ready, .is_flush = is_flush};
        int result = 0;

        if (pipeline->has_log)
                result = record_writer_tick(pipeline->writer, &tick, &pipeline->last_lsn, err);
        if (result == 0)
                engine_apply_tick(pipeline->engine, &tick);
        return result;
}

int control_write(struct pipeline *pipeline, struct err *err)
{
        int result = 0;

        if (control_may_write(pipeline))
                result = control_write_ends(pipeline, err);
        if (result == 0 && control_may_write(pipeline) && pipeline->is_tick_due) {
                result = control_apply_tick(pipeline, false, false, err);
                if (result == 0)
                        pipeline->is_tick_due = false;
        }
        return result;
}
