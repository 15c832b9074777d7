/* stop.c - the end of a life: what is still said to log, outbox and sinks, and what is left to the next start.
 *
 * A stop never waits for room. All that was acknowledged stands in the log before it begins; whatever else has no room
 * (the last tick, results, a checkpoint) the next start makes again from there. */
#include "sidecar/net/loop.h"
#include "sidecar/pipeline_state.h"

enum { SINK_POLL_MS = 20 };

/* Lets the sinks take what is ready, for a while: what they do not take stays in the outbox for the next start. */
static int drain_sinks(struct pipeline *pipeline, int64_t wait_ms, struct err *err)
{
        uint64_t deadline_ns = clock_monotonic_ns(pipeline->config.clock) + (uint64_t)wait_ms * 1000000;

        while (!pipeline->is_broken && clock_monotonic_ns(pipeline->config.clock) < deadline_ns) {
                bool has_more = delivery_step(pipeline->delivery);

                if (!has_more && delivery_is_drained(pipeline->delivery))
                        return 0;
                if (loop_run_once(pipeline->config.loop, has_more ? 0 : SINK_POLL_MS) < 0)
                        return err_set(err, ERR_INTERNAL, "the event loop failed while sinks were drained");
        }
        return 0;
}

/* Ends of connections, and a last tick that ends the epoch. Where the log has no room they are left out: a start ends
 * the connections that the log knows as open, and its first tick the epoch. */
static int write_last_records(struct pipeline *pipeline, int64_t wait_ms, struct err *err)
{
        uint64_t deadline_ns = clock_monotonic_ns(pipeline->config.clock) + (uint64_t)wait_ms * 1000000;
        int result;

        for (;;) {
                pipeline->is_tick_due = false;
                result = control_write(pipeline, err);
                if (result == 0)
                        result = control_apply_tick(pipeline, false, true, err);
                if (result <= 0)
                        return result;
                if (room_is_log_at_its_end(pipeline) || clock_monotonic_ns(pipeline->config.clock) >= deadline_ns)
                        break;
                if (pipeline_wait_for_log(pipeline, err) < 0)
                        return -1;
        }
        log_message(LOG_WARN, "stop-unlogged",
                    "no room in the log for the last tick and the ends of %u connections: the next start sees to them; "
                    "nothing that was acknowledged is concerned", pipeline->n_ends);
        pipeline->n_ends = 0;
        pipeline->is_log_awaited = true; /* there is no room again just because nobody asks for it */
        return 0;
}

/* Output into the outbox, as long as that takes any within wait_ms. */
static int drain_output_if_possible(struct pipeline *pipeline, int64_t wait_ms, struct err *err)
{
        uint64_t moved_ns = clock_monotonic_ns(pipeline->config.clock);

        while (pipeline_has_output(pipeline)) {
                int result = pipeline_move_piece(pipeline, err);

                if (result < 0)
                        return -1;
                if (result == 0)
                        moved_ns = clock_monotonic_ns(pipeline->config.clock);
                else if (clock_monotonic_ns(pipeline->config.clock) - moved_ns >= (uint64_t)wait_ms * 1000000)
                        break;
                else if (pipeline_wait(pipeline, err) < 0)
                        return -1;
        }
        return 0;
}

/* A checkpoint holds all of a batch or nothing of it, and no output that the outbox does not have (invariant 12). */
static int write_last_checkpoint(struct pipeline *pipeline, struct err *err)
{
        if (!pipeline->intake.is_active && !pipeline_has_output(pipeline)) {
                uint64_t before = pipeline->stats.n_checkpoints;

                if (checkpointing_run(pipeline, err) < 0)
                        return -1;
                if (pipeline->stats.n_checkpoints > before)
                        return 0;
        }
        log_message(LOG_WARN, "stop-unsaved", "no room for a checkpoint: the next start replays the log from %llu on",
                    (unsigned long long)pipeline->published_lsn);
        return 0;
}

int stop_run(struct pipeline *pipeline, int64_t wait_ms, struct err *err)
{
        if (pipeline_is_between_units(pipeline)) /* a batch that found no room was not logged: its agent has it still */
                pipeline->intake.is_active = false;
        pipeline->is_room_wanted = false;
        if (control_may_write(pipeline) && write_last_records(pipeline, wait_ms, err) < 0)
                return -1;
        if (!pipeline->is_given_up && drain_output_if_possible(pipeline, wait_ms, err) < 0)
                return -1;
        if (pipeline->has_log && wal_drain(pipeline->wal, err) < 0)
                return -1;
        pipeline_expose(pipeline);
        if (pipeline->is_given_up)
                return 0;
        if (drain_sinks(pipeline, wait_ms, err) < 0)
                return -1;
        return pipeline->has_log ? write_last_checkpoint(pipeline, err) : 0;
}
