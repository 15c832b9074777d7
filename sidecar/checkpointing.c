/* checkpointing.c - when a checkpoint is begun, and what follows when the keeper has written it. */
#include "sidecar/generation.h"
#include "sidecar/pipeline_state.h"
#include "sidecar/plan/setting.h"

enum { STUCK_NS = 1000000000 };
#define POSTPONED_NS UINT64_C(10000000000) /* a checkpoint that had no room is tried again after this */

/* The log cannot grow, but could if it were cut farther: two checkpoints from here on let all of it go. */
static bool is_log_stuck(const struct pipeline *pipeline)
{
        struct wal_stats stats;

        if ((!pipeline->is_room_wanted && !pipeline->is_tick_due) || pipeline->released_lsn >= wal_end(pipeline->wal))
                return false;
        wal_stats(pipeline->wal, &stats);
        return stats.is_no_space;
}

static bool is_checkpoint_due(const struct pipeline *pipeline)
{
        uint64_t since_ns = clock_monotonic_ns(pipeline->config.clock) - pipeline->checkpoint_ns;
        uint64_t interval_ns = (uint64_t)setting_ms(pipeline->job->plan, SETTING_CHECKPOINT_INTERVAL) * 1000000;
        uint64_t since_bytes = wal_end(pipeline->wal) - pipeline->checkpoint_lsn;

        if (since_ns >= STUCK_NS && is_log_stuck(pipeline))
                return true;
        if (pipeline->is_checkpoint_postponed)
                return since_bytes > 0 && since_ns >= (interval_ns < POSTPONED_NS ? interval_ns : POSTPONED_NS);
        return since_bytes > 0 && (since_ns >= interval_ns ||
                                   since_bytes >= setting_bytes(pipeline->job->plan, SETTING_CHECKPOINT_BYTES));
}

static void begin_checkpoint(struct pipeline *pipeline)
{
        struct checkpoint_manifest manifest = {
                .instance = pipeline->config.instance->id,
                .start = pipeline->config.instance->starts,
                .log_lsn = wal_end(pipeline->wal),
                .is_log_durable = pipeline->is_log_synced,
                .outbox_lsn = outbox_seal(delivery_outbox(pipeline->delivery)),
                .last_epoch = engine_last_epoch(pipeline->engine),
                .last_arrival_ms = pipeline->last_arrival_ms,
                .written_ms = clock_wall_ms(pipeline->config.clock),
                .generation = pipeline->job->generation,
                .config = bytes_slice(&pipeline->kept[pipeline->n_kept - 1].config),
        };

        generation_append_extra(pipeline, &pipeline->extra);
        manifest.extra = bytes_slice(&pipeline->extra);
        pipeline->checkpoint_lsn = manifest.log_lsn;
        pipeline->checkpoint_ns = clock_monotonic_ns(pipeline->config.clock);
        wal_kick(pipeline->wal);
        pipeline->frozen = engine_freeze(pipeline->engine);
        keeper_checkpoint(pipeline->keeper, &manifest, pipeline->frozen);
}

void checkpointing_step(struct pipeline *pipeline)
{
        if (pipeline->has_log && !pipeline_has_output(pipeline) && pipeline_is_between_units(pipeline) &&
            !keeper_is_writing(pipeline->keeper) && is_checkpoint_due(pipeline))
                begin_checkpoint(pipeline);
}

/* What sinks have committed may go, but for what the older checkpoint needs. */
void checkpointing_cut_outbox(struct pipeline *pipeline)
{
        delivery_cut(pipeline->delivery, pipeline->has_log ? pipeline->older_outbox_lsn : UINT64_MAX);
}

/* The log is kept instead, back to the checkpoint before. */
static void postpone_checkpoint(struct pipeline *pipeline)
{
        pipeline->checkpoint_lsn = pipeline->published_lsn;
        if (!pipeline->is_checkpoint_postponed)
                log_message(LOG_WARN, "checkpoint-postponed",
                            "no room on the disk for a checkpoint; the log is kept instead");
        pipeline->is_checkpoint_postponed = true;
}

void checkpointing_take_results(struct pipeline *pipeline, struct err *err, int *ret_result)
{
        struct keeper_result result;

        while (keeper_take_result(pipeline->keeper, &result)) {
                if (result.frozen != NULL)
                        pipeline->frozen = engine_thaw(pipeline->engine, result.frozen);
                if (result.has_failed) {
                        *err = result.err;
                        *ret_result = -1;
                        continue;
                }
                if (!result.is_published) {
                        postpone_checkpoint(pipeline);
                        continue;
                }
                pipeline->is_checkpoint_postponed = false;
                pipeline->published_lsn = pipeline->checkpoint_lsn;
                pipeline->stats.n_checkpoints++;
                pipeline->stats.checkpoint_ms = clock_wall_ms(pipeline->config.clock);
                wal_release(pipeline->wal, result.release_lsn);
                pipeline->released_lsn = result.release_lsn;
                pipeline->older_outbox_lsn = pipeline->newer_outbox_lsn;
                pipeline->newer_outbox_lsn = result.outbox_lsn;
        }
        checkpointing_cut_outbox(pipeline);
}

int checkpointing_run(struct pipeline *pipeline, struct err *err)
{
        while (keeper_is_writing(pipeline->keeper))
                if (pipeline_wait(pipeline, err) < 0)
                        return -1;
        if (pipeline_drain_output(pipeline, err) < 0)
                return -1;
        begin_checkpoint(pipeline);
        while (keeper_is_writing(pipeline->keeper))
                if (pipeline_wait(pipeline, err) < 0)
                        return -1;
        return 0;
}
