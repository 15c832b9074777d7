/* keeper.h - the background thread: segments, checkpoints, outbox files.
 *
 * Everything that may wait for the disk, but for the log's own sync: it makes and recycles log segments (wal_tend), writes the
 * outbox out (outbox_tend) and writes checkpoints from frozen engines, publishing each only when log and outbox are
 * durable up to it. It works in small steps and pauses between them, so that it never takes the disk from the log.
 *
 * A full disk is a state: the keeper goes on trying each second and leaves the state by itself. Any other error of the log or
 * the outbox ends the process: keeper_poll says so.
 *
 * Threads: the functions here are for the loop thread; they meet the background thread in one mailbox. */
#ifndef WEIR_SIDECAR_KEEPER_H
#define WEIR_SIDECAR_KEEPER_H

#include "sidecar/base/err.h"
#include "sidecar/job/checkpoint.h"
#include "sidecar/job/engine.h"
#include "sidecar/wal/wal.h"
#include "sinks/outbox.h"

struct keeper_config {
        struct wal *wal;       /* NULL: weir.wal=off */
        struct outbox *outbox; /* NULL: none */
        const char *checkpoint_dir;
        const struct file_ops *ops;
        uint64_t release_lsn;  /* checkpoint.release_lsn at start */
        uint64_t bytes_per_second; /* of segments and checkpoints; 0: 128 MiB */
        uint32_t *phase;       /* instance.phase, may be NULL */
};

struct keeper;

/* Borrows everything; starts the thread. */
int keeper_open(const struct keeper_config *config, struct keeper **ret_keeper, struct err *err) WEIR_MUST_CHECK;
/* Ends the thread; a checkpoint under way is given up. NULL allowed; returns NULL. */
struct keeper *keeper_close(struct keeper *keeper);

/* There is work (the outbox has a full chunk, wal_release was called): looks at once instead of at its next round. */
void keeper_wake(struct keeper *keeper);

/* Starts a checkpoint of what engine_freeze gave. manifest: log_lsn, outbox_lsn (of outbox_seal) and the rest; copied.
 * One at a time: keeper_is_checkpointing must be false. */
void keeper_checkpoint(struct keeper *keeper, const struct checkpoint_manifest *manifest, struct engine_frozen *frozen);
bool keeper_is_checkpointing(const struct keeper *keeper);

enum keeper_outcome {
        KEEPER_NOTHING,     /* no checkpoint has ended since the last call */
        KEEPER_PUBLISHED,   /* thaw the frozen engine; older log and outbox may go (the log was released already) */
        KEEPER_NO_SPACE,    /* given up for now: thaw, and try again later */
};
struct keeper_report {
        enum keeper_outcome outcome;
        struct engine_frozen *frozen; /* to be thawed */
        uint64_t number, log_lsn, outbox_lsn;
        uint64_t release_lsn, release_outbox_lsn; /* of the older generation */
        uint64_t state_bytes, write_ns;
};
/* Readable when keeper_poll has news. */
int keeper_event_fd(const struct keeper *keeper);
/* < 0: the log, the outbox or a checkpoint cannot be written; stop the process. */
int keeper_poll(struct keeper *keeper, struct keeper_report *ret_report, struct err *err) WEIR_MUST_CHECK;
/* The disk is full right now, for the log or the outbox. */
bool keeper_is_no_space(const struct keeper *keeper);

#endif
