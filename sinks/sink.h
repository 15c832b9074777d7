/* sink.h - the five calls of a sink.
 *
 * A sink takes rows of one or more tables, epoch by epoch, from a feeder (sinks/feeder.h) and nowhere else. It
 * never decides what is written next: it says what happened, and the feeder waits, repeats or goes on. Rows of an
 * epoch may be handed over again after a failure or a restart; a sink makes that harmless (absolute values, fixed
 * stream ids, files cut back to the last commit).
 *
 * One epoch is open at a time: write() its rows, commit() it, wait for on_committed(), only then write() rows of a
 * later one. So a commit record can never run ahead of a result.
 *
 * Loop thread only. Calls never block: what waits for a peer or a disk is queued, and the listener hears the
 * outcome. Listener calls may come from inside write(), commit() and open(). */
#ifndef WEIR_SINKS_SINK_H
#define WEIR_SINKS_SINK_H

#include "sidecar/base/clock.h"
#include "sidecar/base/err.h"
#include "sidecar/base/log.h"
#include "sidecar/plan/plan.h"

struct bytes;
struct file_ops;
struct loop;
struct sink;

enum sink_result {
        SINK_OK,   /* taken */
        SINK_BUSY, /* buffers full: go on after on_progress; what was taken stays taken */
        SINK_DOWN, /* not connected, or something of this epoch failed: wait for on_ready */
};

/* What the far side remembers when a sink becomes ready. */
enum sink_memory {
        SINK_FIRST,     /* nothing: the first run against it, or it keeps no commit record */
        SINK_KEPT,      /* committed_epoch is ours and all of it is there */
        SINK_FORGOTTEN, /* it held our commit record and holds it no longer: send again whatever is kept */
        SINK_TAKEN,     /* it held the record of another instance that is no more: as SINK_FORGOTTEN */
};

/* What a sink tells its feeder. The sink never logs: on_note hands over one line per change of state, with a stable
 * event code. Texts are valid during the call. */
struct sink_listener {
        void *context;
        void (*on_ready)(void *context, enum sink_memory memory, uint64_t committed_epoch);
        void (*on_progress)(void *context);                  /* room again */
        void (*on_committed)(void *context, uint64_t epoch); /* the far side confirmed everything up to here */
        void (*on_down)(void *context, const char *why);     /* the open epoch is void; on_ready will follow */
        void (*on_fatal)(void *context, const char *why);    /* weir must stop: another live instance writes */
        void (*on_note)(void *context, enum log_level level, const char *event, const char *text);
};

struct sink_config {
        struct loop *loop;
        const struct clock *clock;
        const struct file_ops *ops; /* for sinks that write files; NULL: the system's */
        const struct sink_listener *listener;
        const char *name;      /* weir.name: whose commit record this is */
        uint64_t instance;     /* of the state directory, drawn when it was made */
        uint64_t start;        /* how often that directory was started, this run included */
        uint64_t last_epoch;   /* the newest the engine has made; a far side beyond it means that our log lost data */
        uint64_t log_end;      /* position behind our log: a far side that knows one beyond it means the same */
        /* Whether our log made that epoch, as far as the outbox can tell; NULL: nobody knows. An epoch that it did not
         * make means that the log lost data and went on. */
        bool (*has_made)(void *context, uint64_t epoch);
        uint64_t committed_epoch; /* what this sink had committed, as far as the last checkpoint knows; for sinks whose
                                     far side remembers nothing (print), 0: nothing */
        bool has_commit;       /* false: every source is bounded, or nothing is logged; no commit record is kept */
        /* Hash of the SQL that fills a table, for the catalog; may be NULL. Valid during the call. */
        struct slice (*fingerprint)(void *context, const struct plan_table *table);
        /* Whether the job in force has a table of that name in this sink; NULL: it has all of them. */
        bool (*is_in_force)(void *context, const struct plan_table *table);
        void *context;         /* of has_made, fingerprint and is_in_force */
};

/* Numbers for /status and /metrics; the sink writes them, anyone on the loop thread reads them. */
struct sink_stats {
        uint64_t n_rows;         /* written and confirmed, repeats included */
        uint64_t n_rejected;     /* rows that can never be written (NULL in a key, no member); not repeated */
        uint64_t n_errors;       /* answers that were errors, lost connections, failed files */
        uint64_t n_resets;       /* times on_ready came after the first */
        uint64_t committed_epoch;
        int64_t committed_ms;    /* wall clock of the last commit, 0 before it */
        uint64_t bytes_in_flight; /* queued or not yet confirmed */
        bool is_ready;
        bool is_refused;         /* it must not be written until somebody decides: weir is not ready */
        char state[160];         /* one line for people: "connected", "out of memory: OOM command not allowed …" */
};

struct sink_ops {
        /* Adds a table to the sink, before open() or, after a reload, at any time. The table (of any generation) is
         * known by its address and must outlive the sink. ERR_CONFIG with the option named when its options do not
         * fit. */
        int (*add_table)(struct sink *sink, const struct plan_table *table, struct err *err);
        /* Starts it. on_ready follows, maybe at once; a far side that is not there is no error. config is copied. */
        int (*open)(struct sink *sink, const struct sink_config *config, struct err *err);
        /* Rows of one table in epoch `epoch`, from row `from` of `rows` on; row i is the table's row number
         * first_index + i in that epoch (from 0). *ret_next: the first row not taken, n_rows unless SINK_BUSY.
         * Never keeps a pointer into rows. window_end_ms is INT64_MIN for rows without a window. */
        enum sink_result (*write)(struct sink *sink, const struct plan_table *table, uint64_t epoch,
                                  uint64_t first_index, int64_t window_end_ms, const struct batch *rows, uint32_t from,
                                  uint32_t *ret_next);
        /* The epoch is complete: once all of it is confirmed, make the far side remember (epoch, lsn), then say
         * on_committed. SINK_OK: on its way. SINK_DOWN: as above. */
        enum sink_result (*commit)(struct sink *sink, uint64_t epoch, uint64_t lsn);
        /* Frees it; what was not committed is left to the next run. Sinks of a bounded run have committed all by
         * then. */
        void (*close)(struct sink *sink);
};

/* The head of every sink. */
struct sink {
        const struct sink_ops *ops;
        const struct sink_kind *kind;
        struct sink_stats stats;
};

/* One per connector. */
struct sink_kind {
        const char *connector; /* 'redis', 'print', 'blackhole', 'filesystem' */
        /* What the table of connectors (plan/connector.h) cannot judge of a table; touches nothing outside. NULL:
         * nothing. */
        int (*check)(const struct plan_table *table, struct err *err);
        /* Whether two tables of one job may share a sink, as their group says; about `table`. NULL: always. */
        int (*check_pair)(const struct plan_table *table, const struct plan_table *other, struct err *err);
        /* What opening the sink would find in its way, before a job that runs is given up for it: folders. NULL:
         * nothing. */
        int (*probe)(const struct plan_table *table, struct err *err);
        /* For `weir explain`: appends lines like "redis key  weir:{ctr:<campaign_id>}". NULL: nothing to say. */
        void (*describe)(const struct plan_table *table, struct bytes *text);
        /* Tables with an equal text share one sink. */
        void (*group)(const struct plan_table *table, struct bytes *text);
        struct sink *(*create)(void);
        /* What is committed is complete as it lies there: the sink may be closed for good when no job names it. */
        bool is_done_with_commit;
};

/* NULL when no sink has that name. */
const struct sink_kind *sink_find_kind(struct slice connector);
/* What sql_compile leaves to the sinks, of one sink table; the sentence begins with file:line:col. For `weir
 * check`. */
int sink_check_table(const struct plan_table *table, struct err *err) WEIR_MUST_CHECK;
/* The same for all sink tables of a job together, each of which is right by itself. */
int sink_check_job(const struct plan_job *plan, struct err *err) WEIR_MUST_CHECK;
/* What opening the sinks of a job would find in their way; may make their folders. */
int sink_probe_job(const struct plan_job *plan, struct err *err) WEIR_MUST_CHECK;
/* A sentence about a table, or about its option `key` (NULL: the table), behind its place. Returns -1. */
int sink_table_error(const struct plan_table *table, const char *key, struct err *err, const char *format, ...)
        WEIR_PRINTF(4, 5);
/* NULL allowed; returns NULL. */
struct sink *sink_close(struct sink *sink);

/* The sinks of a job: its tables, grouped. */
struct sink_set {
        uint32_t n_sinks;
        struct sink **sinks; /* NULL: dropped */
        char **groups; /* names for people: "redis redis://127.0.0.1:6379/0", "print ctr" */
};

void sink_set_init(struct sink_set *set);
/* Finds or makes the sink for a table and adds the table to it. *ret_index is its position in set->sinks; positions
 * stay as they are. */
int sink_set_add_table(struct sink_set *set, const struct plan_table *table, uint32_t *ret_index, struct err *err)
        WEIR_MUST_CHECK;
/* Closes one for good; a table of its group makes it anew, at the same position. */
void sink_set_drop(struct sink_set *set, uint32_t index);
void sink_set_done(struct sink_set *set);

#endif
