/* keeper.h - the background thread: segments, outbox files, checkpoints.
 *
 * It makes and recycles log segments (wal_tend), writes the outbox out (outbox_tend), and writes checkpoints from
 * frozen state. It owns nothing: log and outbox belong to the loop thread and outlive it. Loop and keeper meet in two
 * mailboxes; a wake is enough for ordinary work.
 *
 * A checkpoint is published only when the log is durable up to its log_lsn and the outbox synced up to its outbox_lsn
 * (job/checkpoint.h). One at a time.
 *
 * Loop thread: every function here. */
#ifndef WEIR_SIDECAR_KEEPER_H
#define WEIR_SIDECAR_KEEPER_H

#include "sidecar/instance.h"
#include "sidecar/job/checkpoint.h"
#include "sidecar/job/engine.h"
#include "sidecar/wal/wal.h"
#include "sinks/outbox.h"

struct keeper;

struct keeper_config {
        struct instance *instance; /* its phase word */
        struct wal *wal;
        struct outbox *outbox;
        const char *checkpoint_dir;
};

struct keeper_result {
        struct engine_frozen *frozen; /* to thaw */
        bool is_published;            /* false: no room on the disk; try again later */
        uint64_t release_lsn;         /* the log is not needed before it */
        uint64_t number;
        /* of the checkpoint before this one is what outbox_cut takes: the caller remembers */
        uint64_t outbox_lsn;
        bool has_failed;              /* log, outbox or checkpoint is poisoned: stop the process */
        struct err err;
};

int keeper_start(const struct keeper_config *config, struct keeper **ret_keeper, struct err *err) WEIR_MUST_CHECK;
/* Ends and joins the thread; a checkpoint under way is given up (its frozen state is the caller's to thaw). */
struct keeper *keeper_stop(struct keeper *keeper);

/* From now on it looks after the log, too: not before replay has read it to its end, because a reader must not meet
 * segments on their way into or out of the directory. */
void keeper_tend_log(struct keeper *keeper);

/* There may be something to do. Cheap: call it once per round of the loop. */
void keeper_wake(struct keeper *keeper);

/* Begins a checkpoint. manifest is copied; config and extra must stay valid until the result. */
void keeper_checkpoint(struct keeper *keeper, const struct checkpoint_manifest *manifest, struct engine_frozen *frozen);
bool keeper_is_writing(const struct keeper *keeper);

/* Readable when a result waits. */
int keeper_fd(const struct keeper *keeper);
/* True with a result: of a checkpoint (frozen != NULL), or of a failure at any time. */
bool keeper_take_result(struct keeper *keeper, struct keeper_result *ret_result);

#endif
