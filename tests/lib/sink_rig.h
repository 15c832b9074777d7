/* sink_rig.h - one sink with its feeder, an outbox in memory, and a loop to turn.
 *
 *     sink_rig_init(&rig);
 *     sink_rig_add(&rig, table);                     all tables of one sink
 *     sink_rig_piece(&rig, table, INT64_MIN, "1, 2; 3, 4");
 *     sink_rig_end(&rig, 1000, 77);                  epoch 1000, log position 77
 *     sink_rig_open(&rig);
 *     CHECK(sink_rig_commit(&rig, 1000));            turns the loop until it is committed, or for 10 s
 *
 * Notes are kept as lines "event: text". An epoch may be ended before or after the sink is open. */
#ifndef WEIR_TESTS_LIB_SINK_RIG_H
#define WEIR_TESTS_LIB_SINK_RIG_H

#include "sidecar/base/arena.h"
#include "sidecar/base/bytes.h"
#include "sidecar/net/loop.h"
#include "sinks/feeder.h"
#include "tests/lib/rows.h"

enum { SINK_RIG_PIECES = 4096, SINK_RIG_EPOCHS = 256 };

struct sink_rig {
        struct arena arena;
        struct loop *loop;
        struct sink_set set;
        struct feeder *feeder;
        struct feeder_source source;
        struct feeder_events events;
        bool (*has_table)(void *context, uint32_t sink_index, const struct plan_table *table);
        struct sink_config config;      /* may be changed before sink_rig_open */
        struct feeder_piece pieces[SINK_RIG_PIECES]; /* is_end between the epochs */
        uint32_t n_pieces;
        struct feeder_epoch epochs[SINK_RIG_EPOCHS];
        uint32_t n_epochs;
        uint32_t open_first;            /* first piece of the epoch that was not ended yet */
        uint32_t oldest;                /* epochs before this one were dropped from the outbox */
        bool is_ordered;                /* what the outbox says of its epochs */
        bool is_broken;                 /* the outbox cannot be read */
        struct clock clock;             /* config.clock: runs `speed` times as fast as the machine's */
        unsigned speed;                 /* 1 */
        bool has_work;
        uint64_t committed;
        struct bytes notes;
        char fatal[1100];
};

void sink_rig_init(struct sink_rig *rig);
void sink_rig_done(struct sink_rig *rig); /* closes */
void sink_rig_add(struct sink_rig *rig, const struct plan_table *table);
void sink_rig_open(struct sink_rig *rig);
/* The sink is closed and made again, as by a restart of weir: start is counted up, the outbox stays. */
void sink_rig_restart(struct sink_rig *rig);
void sink_rig_close(struct sink_rig *rig);

void sink_rig_piece(struct sink_rig *rig, const struct plan_table *table, int64_t window_end_ms, const char *rows);
void sink_rig_piece_batch(struct sink_rig *rig, const struct plan_table *table, int64_t window_end_ms,
                          const struct batch *rows);
void sink_rig_end(struct sink_rig *rig, uint64_t epoch, uint64_t lsn);

/* Until everything up to `epoch` is committed; false after 10 s or when the sink stopped. */
bool sink_rig_commit(struct sink_rig *rig, uint64_t epoch);
/* Until a note with this event came (since the last sink_rig_forget_notes). */
bool sink_rig_wait_note(struct sink_rig *rig, const char *event);
void sink_rig_run_ms(struct sink_rig *rig, int ms);
/* How many notes had that event. */
unsigned sink_rig_count_notes(const struct sink_rig *rig, const char *event);
void sink_rig_forget_notes(struct sink_rig *rig);
const struct sink_stats *sink_rig_stats(const struct sink_rig *rig);

#endif
