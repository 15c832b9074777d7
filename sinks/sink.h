/* sink.h - the five calls of a sink.
 *
 * A sink takes rows of one or more tables, epoch by epoch, from the outbox feeder and nowhere else. It decides nothing about
 * retries: it says what happened (enum sink_result), and the feeder (sinks/feeder.h) waits, repeats or goes on. Rows of
 * an epoch may be handed over again after a failure or a restart; a sink makes that harmless (absolute values,
 * fixed stream ids). Loop thread only; calls never block: network sinks queue and report through `on_progress`. */
#ifndef WEIR_SINKS_SINK_H
#define WEIR_SINKS_SINK_H

#include "sidecar/base/err.h"
#include "sidecar/plan/plan.h"

enum sink_result {
        SINK_OK,     /* taken */
        SINK_BUSY,   /* buffers full: try again after on_progress */
        SINK_DOWN,   /* not connected: the feeder goes back to the last committed epoch once on_ready comes */
        SINK_REJECT, /* this row can never be written (bad key); counted, not repeated */
        SINK_FATAL,  /* another live instance owns the commit record: stop */
};

struct sink;

/* What the sink tells its feeder. */
struct sink_listener {
        void *context;
        void (*on_ready)(void *context, uint64_t committed_epoch, bool has_forgotten); /* connected; what the far side holds */
        void (*on_progress)(void *context);                      /* room again */
        void (*on_committed)(void *context, uint64_t epoch);     /* the far side confirmed everything up to here */
        void (*on_down)(void *context, const char *why);
        void (*on_fatal)(void *context, const char *why);
};

struct sink_ops {
        const char *connector; /* 'redis', 'print', 'blackhole', 'filesystem' */
        /* Checks WITH options of a table and adds it to the sink; at plan time too (check = true: no effect). */
        int (*add_table)(struct sink *sink, const struct plan_table *table, struct err *err);
        int (*open)(struct sink *sink, const struct sink_listener *listener, struct err *err);
        /* Rows of one table in epoch `epoch`; n-th row of that table in the epoch is first_index + i. */
        enum sink_result (*write)(struct sink *sink, const struct plan_table *table, uint64_t epoch, uint64_t first_index,
                                  const struct batch *rows);
        /* End of an epoch: once all its rows are confirmed, make the commit record say so. lsn: of the log. */
        enum sink_result (*commit)(struct sink *sink, uint64_t epoch, uint64_t lsn);
        void (*close)(struct sink *sink); /* frees it */
};

struct sink {
        const struct sink_ops *ops;
};

#endif
