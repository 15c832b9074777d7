/* feeder.h - brings what the outbox holds to one sink, epoch by epoch.
 *
 * The outbox is the only source of a sink's rows. A feeder reads the epochs that the sink has not committed, oldest
 * first, hands each to the sink piece by piece, has it committed, and goes on when the sink said so. When the sink
 * was away it starts again behind the epoch that the far side remembers; when the far side has forgotten, at the
 * oldest epoch still kept, and one note says from when.
 *
 * In memory at any time: one piece of at most LIMIT_ROWS_PER_VECTOR rows, and what the sink holds in flight.
 *
 * "An older window never overwrites a newer one": epochs go out in order, one at a time, and inside an epoch the
 * pieces of a table with a PRIMARY KEY go out in order of their window's end (stable), all others as they came. A
 * run of the engine makes them in that order already; two queries that write one table may not.
 *
 * Passive: feeder_step does a bounded amount of work and says whether there is more; the pipeline calls it between
 * reads, and when events->on_wake was called. Loop thread only. */
#ifndef WEIR_SINKS_FEEDER_H
#define WEIR_SINKS_FEEDER_H

#include "sinks/sink.h"

/* Where a feeder reads: the outbox, seen by epoch. Only complete epochs show (their number is known at their end).
 * Several feeders read at once, each at its own position. */
struct feeder_epoch {
        uint64_t epoch;
        uint64_t lsn;      /* of the log, goes into the commit record */
        uint64_t first;    /* position of its first piece */
        bool is_ordered;   /* within each table window_end_ms never decreases; false also when that is not known */
};

struct feeder_piece {
        bool is_end;                    /* behind the last piece of the epoch: nothing else is set */
        const struct plan_table *table; /* of the generation that made it; NULL: a table that no sink knows any more */
        uint64_t first_index;           /* number of the first row in its epoch and table, from 0 */
        int64_t window_end_ms;          /* INT64_MIN: none */
        struct batch rows;              /* at most LIMIT_ROWS_PER_VECTOR; valid until the next call by this feeder */
};

struct feeder_source {
        void *context;
        /* The oldest complete epoch above `after` that is still held; false: there is none (yet). */
        bool (*find_epoch)(void *context, uint64_t after, struct feeder_epoch *ret_epoch);
        /* The piece at `position` and the position behind it. with_rows false: all but the rows, cheap. `feeder`
         * tells buffers of several feeders apart (its sink_index). < 0: the outbox cannot be read; that stops weir. */
        int (*read)(void *context, uint32_t feeder, uint64_t position, bool with_rows, struct feeder_piece *ret_piece,
                    uint64_t *ret_next, struct err *err);
};

struct feeder_events {
        void *context;
        void (*on_wake)(void *context);                      /* feeder_step has work again */
        void (*on_committed)(void *context, uint64_t epoch); /* everything up to here is at the far side */
        void (*on_note)(void *context, enum log_level level, const char *event, const char *text);
        void (*on_fatal)(void *context, const struct err *err);
};

struct feeder_config {
        struct sink *sink;              /* opened and closed by its owner, with feeder_listener(feeder) as listener */
        uint32_t sink_index;            /* position in the sink_set */
        const struct feeder_source *source;
        const struct feeder_events *events;
        /* Which tables are this sink's. */
        bool (*has_table)(void *context, uint32_t sink_index, const struct plan_table *table);
        void *has_table_context;
};

struct feeder;

/* config is copied; what it points to is borrowed. */
struct feeder *feeder_new(const struct feeder_config *config);
struct feeder *feeder_free(struct feeder *feeder); /* NULL allowed; returns NULL */
/* What the sink is opened with. */
const struct sink_listener *feeder_listener(struct feeder *feeder);

/* A complete epoch was appended to the outbox. */
void feeder_epoch_added(struct feeder *feeder);

/* Hands over pieces until max_rows rows or more have gone, or a tenth as many pieces were looked at that are other
 * sinks' or must be sorted first. true: there is more to do at once. */
bool feeder_step(struct feeder *feeder, uint32_t max_rows);

/* Everything the outbox holds is committed. */
bool feeder_is_drained(const struct feeder *feeder);
/* The far side confirmed everything up to here; 0: nothing yet. The outbox may drop what all feeders are beyond
 * (and its keep-time is over). */
uint64_t feeder_committed(const struct feeder *feeder);

#endif
