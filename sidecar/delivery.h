/* delivery.h - from the engine's result rows to the sinks: the outbox, the sinks of all generations, their feeders.
 *
 * Result rows go into the outbox in the engine's order; each sink has a feeder that brings it what the outbox holds,
 * epoch by epoch. Tables of an older job stay known until the process ends, because the outbox may hold rows of them.
 * Loop thread. */
#ifndef WEIR_SIDECAR_DELIVERY_H
#define WEIR_SIDECAR_DELIVERY_H

#include "sidecar/instance.h"
#include "sidecar/job/engine.h"
#include "sidecar/job/job.h"
#include "sinks/feeder.h"
#include "sinks/outbox.h"

struct loop;
struct delivery;

struct delivery_config {
        struct loop *loop;
        const struct clock *clock;
        struct instance *instance;
        const char *outbox_dir;
        const struct plan_job *settings; /* weir.name, weir.outbox.*; of the job at start */
        uint64_t outbox_lsn;             /* the checkpoint's, 0: start empty */
        struct slice committed;          /* what delivery_append_committed gave the checkpoint; empty: none */
        bool has_log;                    /* false: weir.wal = off; no commit record */
        void *context;
        void (*on_wake)(void *context);  /* delivery_step has work */
        void (*on_fatal)(void *context, const struct err *err); /* stop the process */
};

int delivery_open(const struct delivery_config *config, struct delivery **ret_delivery,
                  struct err *err) WEIR_MUST_CHECK;
struct delivery *delivery_close(struct delivery *delivery); /* NULL allowed; returns NULL */

/* Makes the sink tables of a job known (before rows of its generation are appended or read). The job outlives the
 * delivery. */
int delivery_add_job(struct delivery *delivery, const struct job *job, struct err *err) WEIR_MUST_CHECK;
/* Connects the sinks: after recovery, when last_epoch and the end of the log are known; and the new ones after a
 * reload. */
int delivery_start(struct delivery *delivery, uint64_t last_epoch, uint64_t log_end, struct err *err) WEIR_MUST_CHECK;

/* One piece of the engine's output. lsn: end of the log. 0, OUTBOX_E_FULL (the caller keeps the piece and tries again),
 * < 0. */
int delivery_append(struct delivery *delivery, uint32_t generation, const struct engine_piece *piece, uint64_t lsn,
                    struct err *err) WEIR_MUST_CHECK;
/* The log is durable before lsn: results caused before it may leave. */
void delivery_set_durable(struct delivery *delivery, uint64_t lsn);
/* Closes sinks that no table of `generation` or a newer one goes to, when they have committed the last rows for them:
 * rows_until says the newest epoch with rows of a generation. One that holds up all others at a full outbox is given up
 * with what it did not take. */
void delivery_retire(struct delivery *delivery, uint32_t generation,
                     uint64_t (*rows_until)(void *context, uint32_t generation), void *context);
/* Some work for every feeder. true: there is more to do at once. */
bool delivery_step(struct delivery *delivery);
/* Everything appended and allowed to leave is at its sinks. */
bool delivery_is_drained(const struct delivery *delivery);
/* Committed epochs, kept times and sizes let files go; cursor: the older checkpoint's outbox_lsn. */
void delivery_cut(struct delivery *delivery, uint64_t cursor);

/* What each sink has committed, for the next checkpoint: sinks whose far side remembers nothing go on from there.
 * Bytes: varint number of sinks; for each varint length and text of its group, varint epoch. */
void delivery_append_committed(const struct delivery *delivery, struct bytes *bytes);

struct outbox *delivery_outbox(struct delivery *delivery);
uint32_t delivery_n_sinks(const struct delivery *delivery);
/* NULL when it was retired. */
const struct sink *delivery_sink(const struct delivery *delivery, uint32_t index, const char **ret_group);
uint64_t delivery_committed(const struct delivery *delivery, uint32_t index);
/* Every sink is connected (or has nothing to say); *ret_why names the first that is not. */
bool delivery_is_ready(const struct delivery *delivery, const char **ret_why);
/* A sink must not be written until somebody decides; *ret_why says what. */
bool delivery_is_refused(const struct delivery *delivery, const char **ret_why);
/* The sink that a table's rows go to, -1 for a table that no generation knows. */
int32_t delivery_sink_of(const struct delivery *delivery, const struct plan_table *table);

#endif
