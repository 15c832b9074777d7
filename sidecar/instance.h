/* instance.h - one weir and its state directory.
 *
 *   <state-dir>/lock            flock(2): one process a directory
 *   <state-dir>/instance        who this is; text, one `name value` a line:
 *                                 id      16 hex digits, drawn once
 *                                 starts  how often it was started, decimal
 *                                 key     64 hex digits: the fingerprints of re-sent rows are keyed with it
 *                                 connections  first connection number not yet given out, decimal
 *   <state-dir>/endpoints.json  {"TABLE": "127.0.0.1:4141", ..., "http": "127.0.0.1:4180"}; there while ready
 *   <state-dir>/phase           what the process was doing when it died: a little-endian u32 of enum instance_phase
 *   bits,
 *                               mapped, so that it survives SIGKILL; a help for post mortems, never read by weir
 *   <state-dir>/log/, checkpoint/, outbox/   of wal/, job/checkpoint.h, sinks/outbox.h
 *
 * Loop thread; instance_phase_* from any thread. */
#ifndef WEIR_SIDECAR_INSTANCE_H
#define WEIR_SIDECAR_INSTANCE_H

#include "sidecar/base/err.h"
#include "sidecar/base/file.h"
#include "sidecar/base/hash.h"

enum instance_phase {
        INSTANCE_APPEND = 1 << 0,     /* verdicts, log record, engine */
        INSTANCE_SYNC = 1 << 1,       /* a group is on its way to the disk */
        INSTANCE_CHECKPOINT = 1 << 2, /* checkpoint files are being written */
        INSTANCE_MANIFEST = 1 << 3,   /* a manifest is being replaced */
        INSTANCE_EMISSION = 1 << 4,   /* fired windows are going to the outbox */
        INSTANCE_RESULTS = 1 << 5,    /* an epoch's results left for the sink, its commit is not confirmed */
        INSTANCE_RECOVERY = 1 << 6,   /* from the lock to the first listener */
};

struct instance {
        char *dir;
        const struct file_ops *ops;
        int lock_fd;
        uint64_t id;
        uint64_t starts;
        struct hash_key key;
        uint64_t next_connection; /* numbers below INSTANCE_CONNECTIONS_STEP more were reserved on disk */
        uint64_t reserved_connection;
        uint32_t *phase;          /* mapped */
        char run[40];             /* "<id>.<starts>": the fence of the commit record */
};

enum { INSTANCE_E_NO_SPACE = 1 }; /* the disk is full: try again */

/* Makes the directory if need be, locks it, reads or makes the instance file and counts the start.
 * INSTANCE_E_NO_SPACE: *ret_instance is locked and ours, but for the rest of it instance_count_start must come to 0.
 * ERR_CONFIG: not ours to use (mode, owner, symbolic link); ERR_UNAVAILABLE: another process holds it. */
int instance_open(const char *dir, const struct file_ops *ops, struct instance *ret_instance,
                  struct err *err) WEIR_MUST_CHECK;
/* What was left undone for want of room. 0, INSTANCE_E_NO_SPACE, < 0. */
int instance_count_start(struct instance *instance, struct err *err) WEIR_MUST_CHECK;
/* Removes endpoints.json, releases the lock. Zeroed and half-opened instances are fine. */
void instance_close(struct instance *instance);

/* 'weir.name', or the host's name when it is not set; alloc_free. */
char *instance_name(struct slice setting);

/* A connection number never given out before in this state directory. */
int instance_take_connection(struct instance *instance, uint64_t *ret_connection, struct err *err) WEIR_MUST_CHECK;

/* 0, INSTANCE_E_NO_SPACE, < 0. */
int instance_write_endpoints(struct instance *instance, struct slice json, struct err *err) WEIR_MUST_CHECK;
void instance_remove_endpoints(struct instance *instance);

static inline void instance_phase_set(struct instance *instance, enum instance_phase phase)
{
        if (instance->phase != NULL)
                __atomic_fetch_or(instance->phase, (uint32_t)phase, __ATOMIC_RELAXED);
}
static inline void instance_phase_clear(struct instance *instance, enum instance_phase phase)
{
        if (instance->phase != NULL)
                __atomic_fetch_and(instance->phase, ~(uint32_t)phase, __ATOMIC_RELAXED);
}

#endif
