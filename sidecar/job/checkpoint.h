/* checkpoint.h - the engine's state on disk, two generations of it.
 *
 *   <dir>/<number>.state      parts made by engine_frozen_next, each with its CRC
 *   <dir>/<number>.manifest   what belongs together: that file, a position of the log, one of the outbox, the job
 *
 * <number> is 16 hex digits and counts up. A state file is written under a temporary name, synced, renamed, the
 * directory synced; then the manifest likewise: it alone makes a checkpoint. Then everything older than the one before
 * goes. The byte layouts stand at the top of checkpoint.c.
 *
 * Order that the caller keeps (sidecar/keeper.c does): the log is durable up to log_lsn and the outbox synced up to
 * outbox_lsn before checkpoint_publish. The log may then be released behind the older checkpoint's log_lsn.
 *
 * Writing: background thread. Reading: at start. */
#ifndef WEIR_SIDECAR_JOB_CHECKPOINT_H
#define WEIR_SIDECAR_JOB_CHECKPOINT_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"
#include "sidecar/base/file.h"

enum {
        CHECKPOINT_E_NONE = 1,     /* checkpoint_load: there is none */
        CHECKPOINT_E_MORE = 2,     /* checkpoint_step: call again */
        CHECKPOINT_E_NO_SPACE = 3, /* the disk is full: this attempt was given up and cleaned away; try later */
};

struct checkpoint_manifest {
        uint64_t number;     /* set by checkpoint_begin */
        uint64_t instance, start;
        uint64_t log_lsn;    /* replay begins here */
        bool is_log_durable; /* false with weir.wal.sync=off: log_lsn proves nothing */
        uint64_t outbox_lsn; /* the outbox is cut back to here before replay */
        uint64_t last_epoch;
        int64_t last_arrival_ms; /* logged arrival never decreases */
        int64_t written_ms;
        uint32_t generation; /* of the job */
        struct slice config; /* payload of that generation's CONFIG record */
        struct slice extra;  /* the caller's own; opaque here */
        uint64_t state_bytes; /* set by checkpoint_publish */
        uint32_t state_crc;
};

/* Next part of the state, about 1 MiB, appended to `part`; false: all is written (engine_frozen_next). */
typedef bool (*checkpoint_next_fn)(void *context, struct bytes *part);

struct checkpoint_writer;

/* manifest is copied. Nothing is done yet. */
int checkpoint_begin(const char *dir, const struct file_ops *ops, const struct checkpoint_manifest *manifest,
                     checkpoint_next_fn next, void *context, struct checkpoint_writer **ret_writer, struct err *err)
        WEIR_MUST_CHECK;
/* Writes a part: CHECKPOINT_E_MORE, 0 when the state file is complete and synced under its name, CHECKPOINT_E_NO_SPACE,
 * < 0. */
int checkpoint_step(struct checkpoint_writer *writer, struct err *err) WEIR_MUST_CHECK;
/* Writes the manifest, then removes what is older than the generation before. *ret_release_lsn: the older generation's
 * log_lsn, 0 when there is none. 0, CHECKPOINT_E_NO_SPACE, < 0. */
int checkpoint_publish(struct checkpoint_writer *writer, uint64_t *ret_release_lsn, struct err *err) WEIR_MUST_CHECK;
uint64_t checkpoint_number(const struct checkpoint_writer *writer);
/* Cleans an unfinished attempt away. NULL allowed; returns NULL. */
struct checkpoint_writer *checkpoint_end(struct checkpoint_writer *writer);

/* The newest checkpoint that checks. */
struct checkpoint {
        struct checkpoint_manifest manifest; /* config and extra point into `storage` */
        struct slice state;                  /* all parts, joined */
        uint64_t proven_lsn;   /* the log was durable up to here, by any manifest that checks */
        uint64_t release_lsn;  /* log_lsn of the older generation that checks, else 0 */
        uint32_t n_rejected;   /* newer ones that did not check */
        char rejected[ERR_TEXT_BYTES]; /* why the first of them did not */
        uint8_t *storage[2];
};

/* Syncs the directory and its files first (what is read must be on the disk), removes temporary files. When an older
 * generation had to do, the manifests of newer ones become `<number>.rejected`: they must not count as generations.
 * 0, CHECKPOINT_E_NONE (n_rejected, proven_lsn and rejected are set all the same), < 0: the directory cannot be
 * read. */
int checkpoint_load(const char *dir, const struct file_ops *ops, uint64_t instance, struct checkpoint *ret_checkpoint,
                    struct err *err) WEIR_MUST_CHECK;
void checkpoint_done(struct checkpoint *checkpoint);

/* Shows every manifest, newest first, and changes nothing. manifest is NULL when it does not check; `why` then says
 * why, and otherwise what is wrong with its state file (looked at with_state only; NULL: nothing). */
typedef void (*checkpoint_see_fn)(void *context, const char *name, const struct checkpoint_manifest *manifest,
                                  const struct err *why);
int checkpoint_inspect(const char *dir, const struct file_ops *ops, bool with_state, checkpoint_see_fn see,
                       void *context, struct err *err) WEIR_MUST_CHECK;

#endif
