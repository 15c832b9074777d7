/* keeper.c - the background thread. See keeper.h.
 *
 * One loop of small steps: none of them takes long, so a segment is never waited for because a checkpoint is being
 * written. The thread is nice: where the three threads share a core, zeros for segments to come and parts of a
 * checkpoint take the time that the loop and the sync of the log leave. When those wait for it, it has all of it. */
#include "sidecar/keeper.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/clock.h"
#include "sidecar/base/mailbox.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_MS = 1000, PROGRESS_MS = 1, MAILBOX_ITEMS = 4, NICENESS = 10 };

struct request {
        struct checkpoint_manifest manifest;
        struct engine_frozen *frozen;
};

enum stage { IDLE, WRITING, WAITING };

struct keeper {
        struct keeper_config config;
        pthread_t thread;
        bool is_started;
        struct mailbox *requests; /* loop to keeper */
        struct mailbox *results;  /* keeper to loop */
        struct engine_frozen *frozen; /* loop's view: with the keeper */
        bool tends_log;               /* atomic: set once by the loop */
        bool is_log_needed;           /* atomic: something was released, or a ready segment taken */
        /* Keeper thread only. */
        enum stage stage;
        struct request at;
        struct checkpoint_writer *writer;
        bool is_log_full;      /* until retry_ns another try would find what the last one found */
        uint64_t retry_ns;
        bool is_outbox_full;
        bool has_failed;
};

static bool next_part(void *context, struct bytes *part)
{
        return engine_frozen_next(context, part);
}

/* The loop takes results as fast as it turns; there is at most one checkpoint and one failure. */
static void answer(struct keeper *keeper, const struct keeper_result *result)
{
        while (!mailbox_put(keeper->results, result))
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

static void fail(struct keeper *keeper, const struct err *err)
{
        struct keeper_result result = {.has_failed = true, .err = *err};

        if (keeper->stage != IDLE)
                result.frozen = keeper->at.frozen;
        keeper->writer = checkpoint_end(keeper->writer);
        keeper->stage = IDLE;
        keeper->has_failed = true;
        answer(keeper, &result);
}

static void end_checkpoint(struct keeper *keeper, bool is_published, uint64_t release_lsn)
{
        struct keeper_result result = {.frozen = keeper->at.frozen,
                                       .is_published = is_published,
                                       .release_lsn = release_lsn,
                                       .number = checkpoint_number(keeper->writer),
                                       .outbox_lsn = keeper->at.manifest.outbox_lsn};

        keeper->writer = checkpoint_end(keeper->writer);
        keeper->stage = IDLE;
        instance_phase_clear(keeper->config.instance, INSTANCE_CHECKPOINT);
        instance_phase_clear(keeper->config.instance, INSTANCE_MANIFEST);
        answer(keeper, &result);
}

static int begin(struct keeper *keeper, struct err *err)
{
        instance_phase_set(keeper->config.instance, INSTANCE_CHECKPOINT);
        keeper->stage = WRITING;
        return checkpoint_begin(keeper->config.checkpoint_dir, keeper->config.instance->ops, &keeper->at.manifest,
                                next_part, keeper->at.frozen, &keeper->writer, err);
}

static bool is_covered(const struct keeper *keeper)
{
        return wal_durable(keeper->config.wal) >= keeper->at.manifest.log_lsn &&
               outbox_synced(keeper->config.outbox) >= keeper->at.manifest.outbox_lsn;
}

static int publish(struct keeper *keeper, struct err *err)
{
        uint64_t release_lsn = 0;
        int result;

        instance_phase_set(keeper->config.instance, INSTANCE_MANIFEST);
        result = checkpoint_publish(keeper->writer, &release_lsn, err);
        if (result < 0)
                return -1;
        end_checkpoint(keeper, result == 0, release_lsn);
        return 0;
}

/* One step of the checkpoint. *ret_wait_ms is lowered to how long the thread may sleep. */
static int step_checkpoint(struct keeper *keeper, int *ret_wait_ms, struct err *err)
{
        int result;

        switch (keeper->stage) {
        case IDLE:
                return 0;
        case WRITING:
                *ret_wait_ms = 0;
                result = checkpoint_step(keeper->writer, err);
                if (result < 0)
                        return -1;
                if (result == 0)
                        keeper->stage = WAITING;
                else if (result == CHECKPOINT_E_NO_SPACE)
                        end_checkpoint(keeper, false, 0);
                return 0;
        case WAITING:
                if (is_covered(keeper))
                        return publish(keeper, err);
                if (keeper->is_outbox_full) { /* perhaps for want of the room that this attempt takes */
                        end_checkpoint(keeper, false, 0);
                        return 0;
                }
                *ret_wait_ms = *ret_wait_ms < PROGRESS_MS ? *ret_wait_ms : PROGRESS_MS;
                return 0;
        }
        return 0;
}

/* A log that cannot grow is looked at once a second, or when something was released, however often the loop wakes. */
static int tend_log(struct keeper *keeper, struct err *err)
{
        bool is_needed;
        int result;

        if (!__atomic_load_n(&keeper->tends_log, __ATOMIC_ACQUIRE))
                return 0;
        is_needed = __atomic_exchange_n(&keeper->is_log_needed, false, __ATOMIC_ACQ_REL);
        if (keeper->is_log_full && !is_needed && clock_monotonic_ns(clock_system()) < keeper->retry_ns)
                return WAL_E_NO_SPACE;
        result = wal_tend(keeper->config.wal, err);
        keeper->is_log_full = result == WAL_E_NO_SPACE;
        if (keeper->is_log_full)
                keeper->retry_ns = clock_monotonic_ns(clock_system()) + UINT64_C(1000000) * RETRY_MS;
        return result;
}

static int step(struct keeper *keeper, int *ret_wait_ms, struct err *err)
{
        int log, out;

        *ret_wait_ms = RETRY_MS;
        log = tend_log(keeper, err);
        if (log < 0)
                return err_prefix(err, "log");
        out = outbox_tend(keeper->config.outbox, err);
        if (out < 0)
                return err_prefix(err, "outbox");
        keeper->is_outbox_full = out == OUTBOX_E_NO_SPACE;
        if (log == WAL_E_MORE || out == OUTBOX_E_MORE)
                *ret_wait_ms = 0;
        if (step_checkpoint(keeper, ret_wait_ms, err) < 0)
                return err_prefix(err, "checkpoint");
        return 0;
}

static void *run(void *context)
{
        struct keeper *keeper = context;
        int wait_ms = 0;

        /* Of this thread alone, as Linux has it. Where it is refused the thread is merely less polite. */
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS);
        while (!mailbox_is_closed(keeper->requests)) {
                struct err err = {0};
                bool has_request = wait_ms == 0 ? mailbox_take(keeper->requests, &keeper->at)
                                                : mailbox_wait(keeper->requests, 0, wait_ms, &keeper->at);

                if (keeper->has_failed) {
                        wait_ms = RETRY_MS;
                        continue;
                }
                if ((has_request && begin(keeper, &err) < 0) || step(keeper, &wait_ms, &err) < 0)
                        fail(keeper, &err);
        }
        keeper->writer = checkpoint_end(keeper->writer);
        return NULL;
}

int keeper_start(const struct keeper_config *config, struct keeper **ret_keeper, struct err *err)
{
        struct keeper *keeper = alloc_zero(1, sizeof *keeper);
        int result = 0;

        keeper->config = *config;
        if (mailbox_new(MAILBOX_ITEMS, sizeof(struct request), &keeper->requests, err) < 0 ||
            mailbox_new(MAILBOX_ITEMS, sizeof(struct keeper_result), &keeper->results, err) < 0)
                result = -1;
        else if (pthread_create(&keeper->thread, NULL, run, keeper) != 0)
                result = err_set(err, ERR_UNAVAILABLE, "cannot start the background thread");
        else
                keeper->is_started = true;
        if (keeper->is_started)
                pthread_setname_np(keeper->thread, "weir-keeper");
        if (result < 0) {
                keeper_stop(keeper);
                return -1;
        }
        *ret_keeper = keeper;
        return 0;
}

struct keeper *keeper_stop(struct keeper *keeper)
{
        if (keeper == NULL)
                return NULL;
        if (keeper->is_started) {
                if (keeper->tends_log)
                        wal_set_need(keeper->config.wal, NULL, NULL);
                mailbox_close(keeper->requests);
                pthread_join(keeper->thread, NULL);
        }
        mailbox_free(keeper->requests);
        mailbox_free(keeper->results);
        alloc_free(keeper);
        return NULL;
}

static void on_log_need(void *context)
{
        struct keeper *keeper = context;

        __atomic_store_n(&keeper->is_log_needed, true, __ATOMIC_RELEASE);
        keeper_wake(keeper);
}

void keeper_tend_log(struct keeper *keeper)
{
        __atomic_store_n(&keeper->tends_log, true, __ATOMIC_RELEASE);
        wal_set_need(keeper->config.wal, on_log_need, keeper);
        mailbox_wake(keeper->requests);
}

void keeper_wake(struct keeper *keeper)
{
        mailbox_wake(keeper->requests);
}

void keeper_checkpoint(struct keeper *keeper, const struct checkpoint_manifest *manifest, struct engine_frozen *frozen)
{
        struct request request = {.manifest = *manifest, .frozen = frozen};

        keeper->frozen = frozen;
        if (!mailbox_put(keeper->requests, &request))
                __builtin_trap(); /* one at a time: the mailbox cannot be full */
}

bool keeper_is_writing(const struct keeper *keeper)
{
        return keeper->frozen != NULL;
}

int keeper_fd(const struct keeper *keeper)
{
        return mailbox_fd(keeper->results);
}

bool keeper_take_result(struct keeper *keeper, struct keeper_result *ret_result)
{
        mailbox_clear(keeper->results);
        do {
                if (mailbox_take(keeper->results, ret_result)) {
                        if (ret_result->frozen != NULL)
                                keeper->frozen = NULL;
                        return true;
                }
        } while (!mailbox_arm(keeper->results));
        return false;
}
