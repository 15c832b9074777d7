/* pipeline.h - the line: batches in, acknowledgements and results out.
 *
 *     session → decode → [ scan → record → log → engine → outbox ] → sinks
 *
 * What stands in brackets is one function, pipeline_take in pipeline.c. Sources hand it batches, recovery.c hands it
 * records; there is no second path. Everything here runs on the loop thread.
 *
 * "Apply early, expose late": a batch is applied when its record has room in a ready segment. An OK, a result, a
 * checkpoint leave only when the log is durable up to them. */
#ifndef WEIR_SIDECAR_PIPELINE_H
#define WEIR_SIDECAR_PIPELINE_H

#include "sidecar/base/clock.h"
#include "sidecar/column/builder.h"
#include "sidecar/delivery.h"
#include "sidecar/job/record_writer.h"
#include "sidecar/job/scan.h"
#include "sidecar/keeper.h"

struct loop;

/* A batch on its way in: the events of one call. Owned by the source; the builder keeps its rows until the batch is
 * taken. */
struct pipeline_batch {
        uint32_t source;        /* index in the plan's sources */
        struct builder *builder;
        uint32_t n_origin_columns; /* 1: the builder's last column names each row's origin ('header:NAME'); else 0 */
        struct slice origin;    /* of all rows, when there is no such column */
        uint64_t connection;
        uint64_t sequence;
        uint32_t depth;
};

/* Who waits for the log to be durable. */
struct pipeline_ack {
        void *context;  /* of the source's connection */
        uint64_t token; /* of the session */
        uint64_t lsn;
};

struct pipeline;

struct pipeline_config {
        const struct clock *clock;
        struct loop *loop;
        struct instance *instance;
        void *context;
        /* The batch with this token stands: answer OK. */
        void (*on_durable)(void *context, const struct pipeline_ack *ack);
        /* There is room again: offer what was refused. */
        void (*on_room)(void *context);
        /* pipeline_step has work: do not sleep. */
        void (*on_wake)(void *context);
        /* The line is broken for good (log, outbox, another instance): stop at once, without acknowledging anything
         * more. */
        void (*on_fatal)(void *context, const struct err *err);
        /* Many times a second while a function of this page replays the log or waits: the owner serves whoever else
         * depends on it, by turning the loop once without sleeping. It calls nothing here but pipeline_stats and the
         * questions at the end of this page. Not 0: give up. */
        int (*on_wait)(void *context);
};

/* Functions that may wait for long - for the log to be replayed, for room on the disk - and were told to give up: the
 * log holds what it held, nothing else is written any more, and all that is left to do is pipeline_stop (which then
 * waits for nothing but the group in flight) and pipeline_close. */
enum { PIPELINE_E_GIVEN_UP = 2 };

/* Recovers (recovery.c) and leaves the line ready for batches: state as of the log's end, ready tick not yet written.
 * `job` is what the files say now; the pipeline owns it from here on, also on failure. *ret_pipeline is set before the
 * first on_wait, for its questions, and NULL again on failure and PIPELINE_E_GIVEN_UP. */
int pipeline_open(const struct pipeline_config *config, struct job *job, struct pipeline **ret_pipeline,
                  struct err *err) WEIR_MUST_CHECK;
struct pipeline *pipeline_close(struct pipeline *pipeline);

/* Known origins are waited for from now on; open connections of the life before have ended. Before the first batch.
 * 0, PIPELINE_E_GIVEN_UP, < 0. */
int pipeline_ready(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;

/* Verdicts, log record, engine. 0: taken; on_durable follows with `ack` (at once when nothing is logged).
 * PIPELINE_E_FULL: the very same batch must be offered again, before any other, after on_room. < 0: fatal. */
enum { PIPELINE_E_FULL = 1 };
int pipeline_take(struct pipeline *pipeline, const struct pipeline_batch *batch, const struct pipeline_ack *ack,
                  struct err *err) WEIR_MUST_CHECK;
/* Room for another batch: no refused one waits, and pending output is within its budget. Sources do not read
 * otherwise. */
bool pipeline_has_room(const struct pipeline *pipeline);
/* The connection is gone: what it may send again is in doubt from here on. */
void pipeline_connection_ended(struct pipeline *pipeline, uint32_t source, uint64_t connection, struct slice peer);
/* A source that waits for its connection's acknowledgements no more: they are dropped. */
void pipeline_forget(struct pipeline *pipeline, const void *ack_context);
/* The end of a round of reads; is_idle: there was nothing to read. Then the group is handed to the disk: no
 * acknowledgement waits for company. A loop that is never idle hands one over every half millisecond: a sync costs the
 * machine as much as two thousand events, and agents that keep the loop busy do not wait for the last batch's
 * answer. */
void pipeline_kick(struct pipeline *pipeline, bool is_idle);
/* Work between reads: output, feeders, checkpoint; about a fifth of a millisecond of it, so that a window of a million
 * keys goes out while acknowledgements go on. true: there is more, call again without sleeping. */
bool pipeline_step(struct pipeline *pipeline);
/* Just before the loop sleeps: looks a little longer for a group that is about to land. true: something landed. */
bool pipeline_spin(struct pipeline *pipeline);
/* Each second. */
void pipeline_tick(struct pipeline *pipeline);

/* The job may be changed without waiting for long: no output pending, no checkpoint under way, the log has room. */
bool pipeline_is_settled(const struct pipeline *pipeline);

/* Clean stop: ends the epoch, drains log, output and (for at most wait_ms) sinks, writes a checkpoint. What has no room
 * is left for the next start, which makes it again from the log. */
int pipeline_stop(struct pipeline *pipeline, int64_t wait_ms, struct err *err) WEIR_MUST_CHECK;

/* For status, sources and tests. NULL while pipeline_open has not come so far. */
const struct job *pipeline_job(const struct pipeline *pipeline);
const struct engine *pipeline_engine(const struct pipeline *pipeline);
struct delivery *pipeline_delivery(struct pipeline *pipeline);
/* Why nothing can be logged, in a sentence; NULL when something can. */
const char *pipeline_why_full(const struct pipeline *pipeline);
bool pipeline_is_given_up(const struct pipeline *pipeline);

struct pipeline_stats {
        bool has_log;
        const char *log_full;    /* no room: a sentence that says what is missing, else NULL */
        const char *outbox_full; /* the same */
        struct wal_stats log;
        struct outbox_stats outbox;
        uint64_t n_checkpoints;
        int64_t checkpoint_ms;   /* wall clock of the last one, 0: none in this life */
        uint64_t replayed_records, replayed_rows;
        int64_t recovery_ms;     /* how long recovery took */
        uint64_t n_acks_waiting;
        bool is_clock_behind;    /* the machine's clock is behind the last logged arrival */
        bool is_replaying;
        unsigned replay_percent;
};
/* While pipeline_open waits: zero for what is not there yet. */
void pipeline_stats(const struct pipeline *pipeline, struct pipeline_stats *ret_stats);

#endif
