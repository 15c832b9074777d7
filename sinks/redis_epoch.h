/* redis_epoch.h - the results of one epoch on their way: rows out, replies judged.
 *
 * Counts every reply that is due. An epoch is done when redis_epoch_finish said that all is sent and
 * redis_epoch_is_done says that nothing is due; the first reply that is no good is told by on_trouble, and then
 * nothing of this object is to be believed until redis_epoch_reset. Loop thread. */
#ifndef WEIR_SINKS_REDIS_EPOCH_H
#define WEIR_SINKS_REDIS_EPOCH_H

#include "sinks/redis_row.h"
#include "sinks/redis_zset.h"
#include "sinks/sink.h"

enum redis_stream_check { REDIS_STREAM_FINE, REDIS_STREAM_UNCHECKED, REDIS_STREAM_ASKED };

struct redis_target { /* a table and what the open epoch did to it */
        struct redis_table *table;
        bool is_dirty;             /* stream: has rows in this epoch */
        enum redis_stream_check check;
        uint64_t first_epoch, first_number; /* REDIS_STREAM_ASKED: the first id to be sent */
        bool has_rejected;         /* a note was written */
        bool is_withdrawn;         /* its line in weir:catalog was asked for, to be taken out */
};

struct redis_epoch_events {
        void *context;
        void (*on_trouble)(void *context, enum redis_trouble kind, const char *why);
        void (*on_note)(void *context, enum log_level level, const char *event, const char *text);
        void (*on_checked)(void *context); /* a stream was looked at: redis_epoch_write takes its rows now */
};

struct redis_epoch {
        struct redis_link *link;
        struct redis_epoch_events events;
        uint64_t number;
        uint32_t n_due;            /* replies that are not there yet */
        uint64_t rows, rejected;
        uint32_t n_targets;
        struct redis_target *targets;
        struct redis_row row;
        struct redis_zsets zsets;
        uint32_t next_zset;        /* the first that redis_epoch_finish has not renamed yet */
        struct bytes scratch;
        struct bytes owner;        /* of our lines in weir:catalog, as it stands in their JSON */
        struct bytes last_key;     /* of the last reply that had one: EXEC has none */
};

void redis_epoch_init(struct redis_epoch *epoch);
void redis_epoch_done(struct redis_epoch *epoch);
/* Before the first epoch; events are copied. */
void redis_epoch_open(struct redis_epoch *epoch, struct redis_link *link, const struct redis_epoch_events *events);

int redis_epoch_add_table(struct redis_epoch *epoch, const struct plan_table *table, struct err *err) WEIR_MUST_CHECK;
/* The table's line in weir:catalog; its reply is due like a row's. */
void redis_epoch_send_catalog(struct redis_epoch *epoch, uint32_t target, const struct sink_config *config);

/* The epoch is committed. What was sent meanwhile for a table that joined is still due. */
void redis_epoch_end(struct redis_epoch *epoch);
/* Takes tables out of weir:catalog that the job in force does not have, if it was this instance that put them in. */
void redis_epoch_withdraw_catalog(struct redis_epoch *epoch, const struct sink_config *config);

/* Nothing is under way, and nothing is due. */
void redis_epoch_reset(struct redis_epoch *epoch);
/* Redis had no commit record, or an entry of ours is missing: streams are looked at before their next row. */
void redis_epoch_doubt_streams(struct redis_epoch *epoch);

/* Rows from `from` on; SINK_BUSY when the link is full or a stream is being looked at. */
enum sink_result redis_epoch_write(struct redis_epoch *epoch, uint64_t number, const struct plan_table *table,
                                   uint64_t first_index, int64_t window_end_ms, const struct batch *rows, uint32_t from,
                                   uint32_t *ret_next);
/* What the end of an epoch adds to its results (TTLs of streams, sorted sets in their place). false: the link is
 * full, call again when there is room. */
bool redis_epoch_finish(struct redis_epoch *epoch, uint64_t number);
static inline bool redis_epoch_is_done(const struct redis_epoch *epoch)
{
        return epoch->n_due == 0;
}
void redis_epoch_reply(struct redis_epoch *epoch, struct redis_tag tag, const struct redis_reply *reply,
                       struct slice key);

#endif
