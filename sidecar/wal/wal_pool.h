/* wal_pool.h - the segment files of an open log: made ahead of need, used once, recycled.
 *
 * A segment is ready (made, zero-filled, synced, under its final name, open), then in use, then closed, then released:
 * its file becomes a ready one again by a new name. The newest segment that was started is never recycled, so that a
 * log directory always tells where it ended.
 *
 * Threads: wal_pool_tend on the background thread; wal_pool_take, wal_pool_finish on the loop thread; release and
 * numbers on any. One lock, never held across a file call. */
#ifndef WEIR_SIDECAR_WAL_WAL_POOL_H
#define WEIR_SIDECAR_WAL_WAL_POOL_H

#include "sidecar/wal/wal.h"
#include "sidecar/wal/wal_dir.h"

#include <pthread.h>

struct wal_segment {
        uint64_t first_lsn;
        uint64_t end_lsn; /* behind its last group once it is finished, else 0 */
        uint64_t bytes;   /* of the file */
        int fd;           /* -1: closed */
};

/* The segment in the making. */
struct wal_pool_fill {
        int fd;        /* -1: none is being filled */
        uint64_t done, synced; /* bytes */
};

struct wal_pool {
        const struct file_ops *ops;
        char *path;
        uint64_t segment_bytes, max_bytes;
        unsigned n_ready_wanted;
        bool is_unsynced;      /* segments are synced when they are closed */
        uint64_t next_lsn;     /* first LSN of the next segment to be made; background thread */
        struct wal_pool_fill fill; /* background thread */
        uint8_t *zeros;            /* background thread */
        pthread_mutex_t lock;  /* guards what follows */
        struct wal_segment **ready;
        uint32_t n_ready;
        struct wal_segment **used; /* in order; the last may be in use */
        uint32_t n_used, used_capacity;
        char (*idle)[WAL_NAME_BYTES]; /* files of no use found at the start: they become ready ones */
        uint32_t n_idle;
        uint64_t release_lsn;
        bool is_no_space, is_at_max;
};

/* Takes over what recovery found: segments before `end_lsn`, idle files. */
void wal_pool_init(struct wal_pool *pool, const struct wal_config *config, const struct wal_dir *dir, uint64_t end_lsn,
                   uint64_t next_lsn);
void wal_pool_done(struct wal_pool *pool);

/* The next ready segment, or NULL. The caller writes into it until wal_pool_finish. */
struct wal_segment *wal_pool_take(struct wal_pool *pool);
void wal_pool_finish(struct wal_pool *pool, struct wal_segment *segment, uint64_t end_lsn);
void wal_pool_release(struct wal_pool *pool, uint64_t lsn);

/* One step; as wal_tend. */
int wal_pool_tend(struct wal_pool *pool, uint64_t durable_lsn, struct err *err) WEIR_MUST_CHECK;
/* Ready segments; a rise means that a refused reservation is worth another try. */
uint32_t wal_pool_n_ready(struct wal_pool *pool);
/* There will not be more of them than now: all that are wanted are ready, or the log cannot grow, all of it (up to
 * end_lsn) has been released, and what can be recycled of that is. */
bool wal_pool_is_at_best(struct wal_pool *pool, uint64_t durable_lsn, uint64_t end_lsn);
void wal_pool_stats(struct wal_pool *pool, struct wal_stats *ret_stats);

#endif
