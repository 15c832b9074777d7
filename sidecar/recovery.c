/* recovery.c - from what is on the disk to a line that stands where the last life ended.
 *
 *   1. the newest checkpoint that checks: job text, engine state, positions of log and outbox
 *   2. the log is opened behind it (torn tail cut, damage refused), the outbox cut back to its cursor
 *   3. records are replayed under the job texts that stand in the log; results go into the outbox again, byte for byte
 *   4. if anything was replayed, a new checkpoint: it makes durable whatever the page cache alone had shown us
 *   5. only then the files of this start are compared with the job in force; other text is a new generation
 *
 * No source listens meanwhile, and nothing leaves: sinks are connected at the very end. HTTP, signals and the watchdog
 * are served all the time, by way of pipeline_give_way, and a start that is told to stop leaves everything to the next
 * one: what it has written, that one cuts back. */
#include "sidecar/base/alloc.h"
#include "sidecar/generation.h"
#include "sidecar/job/checkpoint.h"
#include "sidecar/job/dead.h"
#include "sidecar/job/record_reader.h"
#include "sidecar/pipeline_state.h"
#include "sidecar/plan/setting.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

enum { PROGRESS_NS = 1000000000, PATH_BYTES = 4096, POLL_MS = 20, DIR_BYTES = 4096, STUCK_NS = 1000000000 };

static int make_dir(struct pipeline *pipeline, const char *name, char **ret_path, struct err *err)
{
        const struct instance *instance = pipeline->config.instance;
        const struct room_lack lack = {.what = "start", .dir = instance->dir, .need_bytes = DIR_BYTES};
        char path[PATH_BYTES];

        snprintf(path, sizeof path, "%s/%s", instance->dir, name);
        while (instance->ops->mkdir(instance->ops->context, path, 0700) < 0 && errno != EEXIST) {
                if (errno != ENOSPC && errno != EDQUOT)
                        return err_set_errno(err, ERR_IO, errno, "cannot make '%s'", path);
                room_lacks(&pipeline->log_room, &lack, clock_monotonic_ns(pipeline->config.clock));
                poll(NULL, 0, POLL_MS);
                if (pipeline_give_way(pipeline, err) < 0)
                        return -1;
        }
        room_is_back(&pipeline->log_room, lack.what, clock_monotonic_ns(pipeline->config.clock));
        *ret_path = alloc_text(path);
        return 0;
}

static int give_way(void *context, struct err *err)
{
        return pipeline_give_way(context, err);
}

static int open_log(struct pipeline *pipeline, const struct plan_job *settings, const struct checkpoint *checkpoint,
                    bool has_checkpoint, struct wal_recovery *ret_recovery, struct err *err)
{
        struct wal_config config = {
                .dir = pipeline->log_dir,
                .ops = pipeline->config.instance->ops,
                .instance = pipeline->config.instance->id,
                .segment_bytes = setting_bytes(settings, SETTING_WAL_SEGMENT_BYTES),
                .max_bytes = setting_bytes(settings, SETTING_WAL_MAX_BYTES),
                .sync = slice_is_equal(setting_text(settings, SETTING_WAL_SYNC), slice_from_text("off"))
                                ? WAL_SYNC_OFF
                                : WAL_SYNC_GROUP,
                .from_lsn = has_checkpoint ? checkpoint->manifest.log_lsn : 0,
                .proven_lsn = checkpoint->proven_lsn,
                .on_progress = give_way,
                .context = pipeline,
        };

        if (wal_open(&config, &pipeline->wal, ret_recovery, err) < 0)
                return -1;
        pipeline->is_log_synced = config.sync == WAL_SYNC_GROUP;
        if (ret_recovery->n_segments > 0 && ret_recovery->first_lsn > config.from_lsn)
                return err_set(err, ERR_DATA,
                               "the log in '%s' begins at %llu, but replay must begin at %llu: %s; restore the state "
                               "directory from a backup, or move it away to start empty", pipeline->log_dir,
                               (unsigned long long)ret_recovery->first_lsn, (unsigned long long)config.from_lsn,
                               has_checkpoint ? "segments are missing" : "no checkpoint can be read");
        if (ret_recovery->torn_bytes > 0)
                log_message(LOG_WARN, "log-torn-tail", "%llu bytes that were never acknowledged were cut off at %llu",
                            (unsigned long long)ret_recovery->torn_bytes, (unsigned long long)ret_recovery->torn_lsn);
        pipeline->writer = record_writer_new(pipeline->wal);
        pipeline->checkpoint_lsn = pipeline->published_lsn = config.from_lsn;
        pipeline->last_lsn = ret_recovery->end_lsn;
        return 0;
}

static int open_delivery(struct pipeline *pipeline, const struct plan_job *settings, uint64_t outbox_lsn,
                         struct slice committed, struct err *err)
{
        struct delivery_config config = {
                .loop = pipeline->config.loop,
                .clock = pipeline->config.clock,
                .instance = pipeline->config.instance,
                .outbox_dir = pipeline->outbox_dir,
                .settings = settings,
                .outbox_lsn = outbox_lsn,
                .committed = committed,
                .has_log = pipeline->has_log,
                .context = pipeline->config.context,
                .on_wake = pipeline->config.on_wake,
                .on_fatal = pipeline->config.on_fatal,
        };

        return delivery_open(&config, &pipeline->delivery, err);
}

static int start_keeper(struct pipeline *pipeline, struct err *err)
{
        struct keeper_config config = {.instance = pipeline->config.instance, .wal = pipeline->wal,
                                       .outbox = delivery_outbox(pipeline->delivery),
                                       .checkpoint_dir = pipeline->checkpoint_dir};

        return keeper_start(&config, &pipeline->keeper, err);
}

/* Job and engine of a checkpoint. */
static int load_checkpoint(struct pipeline *pipeline, const struct checkpoint *checkpoint, uint64_t last_epoch,
                           struct err *err)
{
        struct record_decoder *decoder = record_decoder_new();
        struct arena arena;
        struct record record;
        struct job *job = NULL;
        struct engine *engine = NULL;
        int result;

        arena_init(&arena, 4096, 0);
        result = record_decode(decoder, RECORD_CONFIG, checkpoint->manifest.config, &arena, &record, err);
        if (result == 0) {
                job = job_from_config(&record.config);
                result = job_compile_again(job, err);
        }
        if (result == 0)
                result = engine_new(job->plan, &engine, err);
        if (result == 0)
                result = engine_load(engine, checkpoint->state, err);
        if (result == 0) {
                pipeline->last_arrival_ms = checkpoint->manifest.last_arrival_ms;
                pipeline->newer_outbox_lsn = checkpoint->manifest.outbox_lsn;
                result = generation_bind(pipeline, job, engine, last_epoch, err);
        } else {
                engine_free(engine);
                job_free(job);
        }
        arena_done(&arena);
        record_decoder_free(decoder);
        return result;
}

static int apply_config(struct pipeline *pipeline, const struct record_config *config, struct err *err)
{
        struct job *job = job_from_config(config);
        struct engine *engine = NULL;
        int result = job_compile_again(job, err);

        if (result == 0 && pipeline->engine == NULL)
                result = engine_new(job->plan, &engine, err);
        else if (result == 0)
                result = generation_migrate(pipeline, job, &engine, err);
        if (result < 0) {
                job_free(job);
                return -1;
        }
        return generation_bind(pipeline, job, engine, 0, err);
}

static void see_time(struct pipeline *pipeline, int64_t ms)
{
        if (ms > pipeline->last_arrival_ms)
                pipeline->last_arrival_ms = ms;
}

static int apply_record(struct pipeline *pipeline, const struct record *record, struct err *err)
{
        if (record->type != RECORD_CONFIG && record->type != RECORD_LAYOUT && pipeline->engine == NULL)
                return err_set(err, ERR_DATA, "the log has a %s record before any CONFIG",
                               record_type_name(record->type));
        pipeline->last_lsn = record->lsn;
        switch (record->type) {
        case RECORD_LAYOUT:
                return 0;
        case RECORD_CONFIG:
                see_time(pipeline, record->config.now_ms);
                return apply_config(pipeline, &record->config, err);
        case RECORD_BATCH:
                see_time(pipeline, record->batch.arrival_ms);
                pipeline->stats.replayed_rows += record->batch.rows.n_rows;
                engine_apply_batch(pipeline->engine, &record->batch);
                break;
        case RECORD_DEAD:
                see_time(pipeline, record->dead.arrival_ms);
                pipeline_apply_dead(pipeline, &record->dead);
                break;
        case RECORD_TICK:
                see_time(pipeline, record->tick.now_ms);
                engine_apply_tick(pipeline->engine, &record->tick);
                break;
        case RECORD_ORIGIN:
                see_time(pipeline, record->origin.now_ms);
                engine_apply_origin(pipeline->engine, &record->origin);
                break;
        }
        return pipeline_drain_output(pipeline, err);
}

static void show_progress(const struct pipeline *pipeline)
{
        struct log_line line;

        log_begin(&line, LOG_INFO, "replay");
        log_uint(&line, "percent", pipeline->stats.replay_percent);
        log_uint(&line, "rows", pipeline->stats.replayed_rows);
        log_end(&line);
}

/* Between two records: others are served, and the log says now and then how far it is. */
static int note_progress(struct pipeline *pipeline, uint64_t *ret_shown_ns, struct err *err)
{
        uint64_t now_ns = clock_monotonic_ns(pipeline->config.clock);

        if (now_ns - *ret_shown_ns > PROGRESS_NS) {
                *ret_shown_ns = now_ns;
                show_progress(pipeline);
        }
        return pipeline_give_way(pipeline, err);
}

static int replay(struct pipeline *pipeline, uint64_t from_lsn, uint64_t end_lsn, struct err *err)
{
        struct wal_reader_config config = {.dir = pipeline->log_dir, .ops = pipeline->config.instance->ops,
                                           .instance = pipeline->config.instance->id, .from_lsn = from_lsn};
        uint64_t shown_ns = clock_monotonic_ns(pipeline->config.clock);
        struct record_reader *reader = NULL;
        struct record record;
        int result;

        if (record_reader_open(&config, &reader, err) < 0)
                return -1;
        pipeline->stats.is_replaying = true;
        while ((result = record_reader_next(reader, &record, err)) == 0 && record.lsn < end_lsn) {
                result = apply_record(pipeline, &record, err);
                if (result < 0) {
                        err_prefix(err, "replay at %llu", (unsigned long long)record.lsn);
                        break;
                }
                pipeline->stats.replayed_records++;
                pipeline->stats.replay_percent = (unsigned)((record.lsn - from_lsn) * 100 / (end_lsn - from_lsn));
                result = note_progress(pipeline, &shown_ns, err);
                if (result < 0)
                        break;
        }
        pipeline->stats.is_replaying = false;
        record_reader_close(reader);
        pipeline->last_lsn = end_lsn;
        return result < 0 ? -1 : 0;
}

/* The files of this start against the job in force. */
static int settle_job(struct pipeline *pipeline, struct job *job, struct err *err)
{
        if (pipeline->job == NULL) {
                struct engine *engine = NULL;

                job->generation = 1;
                if (engine_new(job->plan, &engine, err) < 0) {
                        job_free(job);
                        return -1;
                }
                return generation_bind(pipeline, job, engine, 0, err) < 0 ? -1 : generation_write_config(pipeline, err);
        }
        if (job_is_same_text(pipeline->job, job)) {
                job_free(job);
                return 0;
        }
        log_message(LOG_INFO, "job-changed", "the job files differ from those in the log: generation %u begins",
                    pipeline->job->generation + 1);
        return generation_change(pipeline, job, err);
}

/* Without a log nothing is recovered: the state directory holds only the outbox of this run. */
static int run_without_log(struct pipeline *pipeline, struct job *job, struct err *err)
{
        if (open_delivery(pipeline, job->plan, 0, slice_make(NULL, 0), err) < 0 || start_keeper(pipeline, err) < 0) {
                job_free(job);
                return -1;
        }
        return settle_job(pipeline, job, err);
}

/* A log that came back at its limit has no segment to go on in, and no record can be written that would make another
 * checkpoint due: two from here on let all that was replayed go. Those that find no room are tried again. */
static int make_room(struct pipeline *pipeline, struct err *err)
{
        struct wal_stats stats;
        int result = 0;

        pipeline->is_log_awaited = true;
        for (;;) {
                wal_stats(pipeline->wal, &stats);
                if (stats.n_ready > 0 || (stats.is_no_space && pipeline->released_lsn >= wal_end(pipeline->wal)))
                        break;
                if (stats.is_no_space &&
                    (!pipeline->is_checkpoint_postponed ||
                     clock_monotonic_ns(pipeline->config.clock) - pipeline->checkpoint_ns >= STUCK_NS))
                        result = checkpointing_run(pipeline, err);
                if (result == 0)
                        result = pipeline_wait(pipeline, err);
                if (result < 0)
                        break;
        }
        pipeline->is_log_awaited = false;
        return result;
}

static int run_with_log(struct pipeline *pipeline, struct job *job, struct checkpoint *checkpoint, struct err *err)
{
        const struct instance *instance = pipeline->config.instance;
        struct wal_recovery recovery = {0};
        uint64_t from_lsn = 0, last_epoch = 0;
        int found = checkpoint_load(pipeline->checkpoint_dir, instance->ops, instance->id, checkpoint, err);

        if (found < 0)
                return -1;
        if (checkpoint->n_rejected > 0)
                log_message(LOG_WARN, "checkpoint-rejected", "%u newer checkpoint(s) do not check: %s",
                            checkpoint->n_rejected, checkpoint->rejected);
        if (found == 0)
                from_lsn = checkpoint->manifest.log_lsn;
        if (open_log(pipeline, job->plan, checkpoint, found == 0, &recovery, err) < 0 ||
            open_delivery(pipeline, job->plan, checkpoint->manifest.outbox_lsn,
                          generation_committed(checkpoint->manifest.extra), err) < 0 ||
            start_keeper(pipeline, err) < 0)
                return -1;
        if (found == 0 && (generation_restore_kept(pipeline, checkpoint->manifest.extra, &last_epoch, err) < 0 ||
                           load_checkpoint(pipeline, checkpoint, last_epoch, err) < 0))
                return err_prefix(err, "checkpoint");
        if (recovery.end_lsn > from_lsn && replay(pipeline, from_lsn, recovery.end_lsn, err) < 0)
                return -1;
        keeper_tend_log(pipeline->keeper);
        delivery_set_durable(pipeline->delivery, wal_durable(pipeline->wal));
        if (pipeline->stats.replayed_records > 0 && checkpointing_run(pipeline, err) < 0)
                return -1;
        return make_room(pipeline, err);
}

int recovery_run(struct pipeline *pipeline, struct job *job, struct err *err)
{
        uint64_t start_ns = clock_monotonic_ns(pipeline->config.clock);
        struct checkpoint checkpoint = {0};
        int result;

        if (make_dir(pipeline, "log", &pipeline->log_dir, err) < 0 ||
            make_dir(pipeline, "checkpoint", &pipeline->checkpoint_dir, err) < 0 ||
            make_dir(pipeline, "outbox", &pipeline->outbox_dir, err) < 0 ||
            make_dir(pipeline, "dead", &pipeline->dead_dir, err) < 0 ||
            dead_measure_dir(pipeline->config.instance->ops, pipeline->dead_dir, &pipeline->dead_bytes, err) < 0) {
                job_free(job);
                return -1;
        }
        if (pipeline->has_log) {
                result = run_with_log(pipeline, job, &checkpoint, err);
                checkpoint_done(&checkpoint);
                if (result < 0)
                        job_free(job);
                else
                        result = settle_job(pipeline, job, err);
        } else {
                result = run_without_log(pipeline, job, err);
        }
        if (result < 0)
                return -1;
        pipeline->stats.recovery_ms = (int64_t)((clock_monotonic_ns(pipeline->config.clock) - start_ns) / 1000000);
        return generation_start_sinks(pipeline, err);
}
