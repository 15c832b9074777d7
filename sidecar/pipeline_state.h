/* pipeline_state.h - the inside of struct pipeline, shared by the files that make it up (pipeline.c, control.c,
 * generation.c, recovery.c, room.c, checkpointing.c, stop.c) and nobody else. */
#ifndef WEIR_SIDECAR_PIPELINE_STATE_H
#define WEIR_SIDECAR_PIPELINE_STATE_H

#include "sidecar/base/bytes.h"
#include "sidecar/pipeline.h"
#include "sidecar/room.h"

/* A batch half taken: which run of its rows (and of its events that did not decode) is at hand, and how much of it
 * stands in the log. */
struct intake {
        bool is_active;
        const struct pipeline_batch *batch; /* must be offered until it is taken whole */
        bool has_result;      /* scan took its verdicts on rows first .. end */
        uint32_t first, end;
        struct batch rows;    /* of the whole batch */
        struct scan_result result;
        uint32_t first_undecoded, n_undecoded; /* of this run */
        uint32_t next_undecoded, next_dead;    /* dead letters of this run already logged, counted from its first */
        uint64_t *fingerprint;
        int64_t arrival_ms;
        struct arena arena;
};

struct waiting_end { /* a connection's end that the log has no room for yet */
        uint32_t source;
        uint64_t connection;
        char peer[64];
};

struct kept_job { /* a generation that the process knows: in force, or with rows in the outbox */
        struct job *job;
        struct bytes config;  /* payload of its CONFIG record */
        uint64_t last_epoch;  /* newest complete epoch with rows of it */
        bool has_open_rows;   /* and rows in the epoch that is open */
};

struct pipeline {
        struct pipeline_config config;
        struct job *job;            /* in force */
        struct kept_job *kept;      /* in order of generation, the one in force last */
        uint32_t n_kept;
        struct engine *engine;
        struct scan **scans;        /* per source of the plan */
        bool has_log;               /* false: weir.wal = off */
        bool is_log_synced;         /* false: it was opened with weir.wal.sync = off */
        struct wal *wal;            /* NULL without a log */
        struct record_writer *writer;
        struct keeper *keeper;
        struct engine_frozen *frozen; /* with the keeper */
        struct delivery *delivery;
        struct loop_watch *log_watch, *keeper_watch;
        char *log_dir, *checkpoint_dir, *outbox_dir, *dead_dir;

        struct intake intake;
        struct pipeline_ack *acks;  /* ring, capacity a power of two */
        uint32_t first_ack, n_acks, ack_capacity;
        struct waiting_end *ends;
        uint32_t n_ends;
        bool is_tick_due, is_room_wanted;
        uint64_t kicked_ns;         /* monotonic time when a group was last handed to the log's thread */

        struct engine_piece piece;  /* taken from the engine, not yet in the outbox */
        bool has_piece;
        size_t output_budget_bytes;

        /* weir.dead.max-bytes: what lay in dead_dir at the start, and bodies of dead letters since, replayed ones too.
         * Bodies beyond it are left out of their records, so replay never decides. */
        uint64_t dead_bytes, dead_max_bytes;

        int64_t last_arrival_ms;
        uint64_t last_lsn;          /* end of the log, or a count of records without one */
        struct bytes extra;          /* of the manifest under way: see generation_append_kept */
        uint64_t checkpoint_lsn;    /* log position of the last checkpoint begun */
        uint64_t checkpoint_ns;     /* monotonic time of it */
        uint64_t published_lsn;     /* log position of the newest checkpoint on disk */
        bool is_checkpoint_postponed; /* the last one had no room on the disk */
        uint64_t released_lsn;      /* the log may be cut behind it: the older checkpoint's position */
        uint64_t older_outbox_lsn, newer_outbox_lsn; /* of the two checkpoints on disk */
        struct room log_room, outbox_room;
        bool is_log_awaited;        /* a start, stop or reload cannot go on before the log takes a record */
        bool is_waiting;            /* inside on_wait: the loop's callbacks take things in and begin nothing */
        bool is_given_up;           /* on_wait said so: nothing is written any more */
        uint64_t gave_way_ns;       /* monotonic time of the last on_wait */
        bool is_broken;
        struct pipeline_stats stats;
};

/* Now, never before what is logged already. */
int64_t pipeline_arrival(struct pipeline *pipeline);
/* Nothing of a batch is logged whose rest is not. */
bool pipeline_is_between_units(const struct pipeline *pipeline);
/* What the log has made durable may be seen outside: acknowledgements, results. */
void pipeline_expose(struct pipeline *pipeline);
/* A DEAD record, as it stands in the log. */
void pipeline_apply_dead(struct pipeline *pipeline, const struct record_dead *dead);
bool pipeline_has_output(const struct pipeline *pipeline);
/* One piece from the engine into the outbox. 0 done, OUTBOX_E_FULL, < 0. */
int pipeline_move_piece(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
/* Output into the outbox until none is pending, waiting for the keeper where the outbox is full. */
int pipeline_drain_output(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
/* Waits a moment for log or keeper to report something, takes it in, and gives way (below). */
int pipeline_wait(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
/* The same for a record that the log has no room for. */
int pipeline_wait_for_log(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
/* Calls on_wait if its time has come. < 0: given up, which is_given_up says, too. */
int pipeline_give_way(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;

/* checkpointing.c. One is begun if it is due and nothing stands against it. */
void checkpointing_step(struct pipeline *pipeline);
/* What the keeper has done: published, postponed. *ret_result becomes -1 when it failed. */
void checkpointing_take_results(struct pipeline *pipeline, struct err *err, int *ret_result);
/* The outbox gives up what is committed and behind the older checkpoint. */
void checkpointing_cut_outbox(struct pipeline *pipeline);
/* Writes a checkpoint and waits until it is published. */
int checkpointing_run(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;

/* control.c: none is written while a batch is half taken. 0: all that are due (or the ends, or this tick) are written
 * and applied, > 0 no room, < 0. */
bool control_may_write(const struct pipeline *pipeline);
int control_write(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
int control_write_ends(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
int control_apply_tick(struct pipeline *pipeline, bool is_ready, bool is_flush, struct err *err) WEIR_MUST_CHECK;

/* recovery.c: jobs, engine, log, outbox and keeper as of the end of the log. Takes `job` over. */
int recovery_run(struct pipeline *pipeline, struct job *job, struct err *err) WEIR_MUST_CHECK;
/* stop.c: pipeline_stop. */
int stop_run(struct pipeline *pipeline, int64_t wait_ms, struct err *err) WEIR_MUST_CHECK;

#endif
