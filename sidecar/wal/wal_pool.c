/* wal_pool.c - makes, recycles, closes and removes segment files.
 *
 * Making:    room for fill.tmp is asked for, so that a disk without it is not filled to the brim once a second; it is
 *            written with zeros, 1 MiB a step, and synced; it gets its final name; the directory is synced; only
 *            then is it ready. Writing into it later changes no metadata, so that a group costs one fdatasync and a
 *            full disk shows here and never in the middle of a batch.
 * Recycling: the oldest released file gets the name of the next segment; the directory is synced; ready. Its old
 *            bytes stay (wal_format.h says why none of them can be taken for a record).
 * A crash between any two of these calls leaves a file that is either still the old segment, or one without a
 * header block that fits its name: an idle file, taken for the next recycling.
 *
 * ENOSPC and EDQUOT while making are a state (WAL_E_NO_SPACE): the half-made file is removed, and its room is free for
 * checkpoints, which in turn free segments. Every other failure is an error for good. */
#include "sidecar/wal/wal_pool.h"

#include "sidecar/base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

enum {
        WAL_POOL_STEP_BYTES = 1 << 20,
        /* A segment is synced in pieces while it is filled: one sync of all of it would keep the disk from the log's
         * own small writes for a quarter of a second. */
        WAL_POOL_SYNC_BYTES = 4 << 20,
};

/* ---- life ---- */

static void wal_pool_add_used(struct wal_pool *pool, struct wal_segment *segment)
{
        if (pool->n_used == pool->used_capacity) {
                pool->used_capacity = pool->used_capacity == 0 ? 16 : 2 * pool->used_capacity;
                pool->used = alloc_resize(pool->used, pool->used_capacity, sizeof(*pool->used));
        }
        pool->used[pool->n_used++] = segment;
}

void wal_pool_init(struct wal_pool *pool, const struct wal_config *config, const struct wal_dir *dir, uint64_t end_lsn,
                   uint64_t next_lsn)
{
        *pool = (struct wal_pool){
                .ops = config->ops,
                .path = alloc_text(config->dir),
                .segment_bytes = config->segment_bytes,
                .max_bytes = config->max_bytes,
                .n_ready_wanted = config->n_ready,
                .is_unsynced = config->sync == WAL_SYNC_OFF,
                .next_lsn = next_lsn,
                .fill.fd = -1,
                .ready = alloc_zero(config->n_ready, sizeof(*pool->ready)),
                .idle = alloc_zero(dir->n_segments + 1, sizeof(*pool->idle)),
        };
        pthread_mutex_init(&pool->lock, NULL);
        for (uint32_t i = 0; i < dir->n_segments; i++) {
                const struct wal_dir_segment *found = &dir->segments[i];
                struct wal_segment *segment;
                uint32_t next;

                if (!found->is_started || found->first_lsn >= end_lsn) {
                        memcpy(pool->idle[pool->n_idle++], found->name, WAL_NAME_BYTES);
                        continue;
                }
                next = wal_dir_next_started(dir, i);
                segment = alloc_zero(1, sizeof(*segment));
                *segment = (struct wal_segment){.first_lsn = found->first_lsn, .bytes = found->bytes, .fd = -1};
                segment->end_lsn = next == UINT32_MAX || dir->segments[next].first_lsn >= end_lsn
                                           ? end_lsn
                                           : dir->segments[next].header.previous_end;
                wal_pool_add_used(pool, segment);
        }
}

static void wal_pool_free_segments(struct wal_pool *pool, struct wal_segment **segments, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++) {
                if (segments[i]->fd >= 0)
                        pool->ops->close(pool->ops->context, segments[i]->fd);
                alloc_free(segments[i]);
        }
        alloc_free(segments);
}

void wal_pool_done(struct wal_pool *pool)
{
        if (pool->path == NULL)
                return;
        if (pool->fill.fd >= 0)
                pool->ops->close(pool->ops->context, pool->fill.fd);
        wal_pool_free_segments(pool, pool->ready, pool->n_ready);
        wal_pool_free_segments(pool, pool->used, pool->n_used);
        alloc_free(pool->idle);
        alloc_free(pool->zeros);
        alloc_free(pool->path);
        pthread_mutex_destroy(&pool->lock);
        pool->path = NULL;
}

/* ---- loop thread ---- */

struct wal_segment *wal_pool_take(struct wal_pool *pool)
{
        struct wal_segment *segment = NULL;

        pthread_mutex_lock(&pool->lock);
        if (pool->n_ready > 0) {
                segment = pool->ready[0];
                pool->n_ready--;
                memmove(pool->ready, pool->ready + 1, pool->n_ready * sizeof(*pool->ready));
                wal_pool_add_used(pool, segment);
        }
        pthread_mutex_unlock(&pool->lock);
        return segment;
}

void wal_pool_finish(struct wal_pool *pool, struct wal_segment *segment, uint64_t end_lsn)
{
        pthread_mutex_lock(&pool->lock);
        assert(segment->end_lsn == 0 && pool->n_used > 0 && pool->used[pool->n_used - 1] == segment);
        segment->end_lsn = end_lsn;
        pthread_mutex_unlock(&pool->lock);
}

void wal_pool_release(struct wal_pool *pool, uint64_t lsn)
{
        pthread_mutex_lock(&pool->lock);
        if (lsn > pool->release_lsn)
                pool->release_lsn = lsn;
        pthread_mutex_unlock(&pool->lock);
}

/* ---- background thread: looking ---- */

/* The segment was written to its end and all of it has landed; nobody uses its descriptor any more. */
static bool wal_pool_is_finished(const struct wal_segment *segment, uint64_t durable_lsn)
{
        return segment->end_lsn != 0 && segment->end_lsn <= durable_lsn;
}

/* Released segments, counted from the oldest. The one behind must have been started durably. With the lock held. */
static uint32_t wal_pool_n_released(const struct wal_pool *pool, uint64_t durable_lsn)
{
        uint32_t n = 0;

        while (n + 1 < pool->n_used && wal_pool_is_finished(pool->used[n], durable_lsn) && pool->used[n]->fd < 0 &&
               pool->used[n]->end_lsn <= pool->release_lsn && pool->used[n + 1]->first_lsn < durable_lsn)
                n++;
        return n;
}

static uint64_t wal_pool_disk_bytes(const struct wal_pool *pool)
{
        uint64_t bytes = (uint64_t)(pool->n_ready + pool->n_idle) * pool->segment_bytes;

        for (uint32_t i = 0; i < pool->n_used; i++)
                bytes += pool->used[i]->bytes;
        return bytes;
}

/* ---- background thread: doing ---- */

static void wal_pool_set_no_space(struct wal_pool *pool, bool is_at_max)
{
        pthread_mutex_lock(&pool->lock);
        pool->is_no_space = true;
        pool->is_at_max = is_at_max;
        pthread_mutex_unlock(&pool->lock);
}

static int wal_pool_remove(struct wal_pool *pool, const char *name, struct err *err)
{
        WEIR_AUTO_FREE char *path = wal_dir_path(pool->path, name);

        if (pool->ops->unlink(pool->ops->context, path) != 0 && errno != ENOENT)
                return err_set_errno(err, ERR_IO, errno, "segment '%s' cannot be removed", path);
        return 0;
}

/* What to do when a call for a segment in the making failed: a full disk is a state, and the file goes; anything else
 * is an error, with err as it is. */
static int wal_pool_give_up(struct wal_pool *pool, const char *name, int why, struct err *err)
{
        if (why != ENOSPC && why != EDQUOT)
                return -1;
        if (wal_pool_remove(pool, name, err) != 0)
                return -1;
        err_reset(err);
        wal_pool_set_no_space(pool, false);
        return WAL_E_NO_SPACE;
}

/* Gives an open file its final name and lets it join the ready ones. The descriptor is closed on failure. */
static int wal_pool_add_ready(struct wal_pool *pool, const char *from_name, int fd, struct err *err)
{
        const struct file_ops *ops = pool->ops;
        char name[WAL_NAME_BYTES];
        WEIR_AUTO_FREE char *from = wal_dir_path(pool->path, from_name);
        WEIR_AUTO_FREE char *to = NULL;
        struct wal_segment *segment;

        wal_format_name(pool->next_lsn, name);
        to = wal_dir_path(pool->path, name);
        if (ops->rename(ops->context, from, to) != 0) {
                int why = errno;

                err_set_errno(err, ERR_IO, why, "segment '%s' cannot be renamed to '%s'", from, to);
                ops->close(ops->context, fd);
                return wal_pool_give_up(pool, from_name, why, err);
        }
        if (file_sync_dir(ops, pool->path, err) != 0) {
                ops->close(ops->context, fd);
                return -1;
        }
        segment = alloc_zero(1, sizeof(*segment));
        *segment = (struct wal_segment){.first_lsn = pool->next_lsn, .bytes = pool->segment_bytes, .fd = fd};
        pool->next_lsn += pool->segment_bytes;
        pthread_mutex_lock(&pool->lock);
        pool->ready[pool->n_ready++] = segment;
        pool->is_no_space = false;
        pthread_mutex_unlock(&pool->lock);
        return WAL_E_MORE;
}

/* A file that holds nothing needed becomes ready under a new name. One of another size goes. */
static int wal_pool_recycle(struct wal_pool *pool, const char *name, struct err *err)
{
        WEIR_AUTO_FREE char *path = wal_dir_path(pool->path, name);
        struct stat status;
        int fd = pool->ops->open(pool->ops->context, path, O_RDWR, 0);

        if (fd < 0)
                return err_set_errno(err, ERR_IO, errno, "segment '%s' cannot be opened", path);
        if (pool->ops->fstat(pool->ops->context, fd, &status) != 0) {
                err_set_errno(err, ERR_IO, errno, "segment '%s': stat failed", path);
                pool->ops->close(pool->ops->context, fd);
                return -1;
        }
        if ((uint64_t)status.st_size != pool->segment_bytes) {
                pool->ops->close(pool->ops->context, fd);
                return wal_pool_remove(pool, name, err) != 0 ? -1 : WAL_E_MORE;
        }
        return wal_pool_add_ready(pool, name, fd, err);
}

static int wal_pool_fill_failed(struct wal_pool *pool, int why, struct err *err)
{
        if (pool->fill.fd >= 0)
                pool->ops->close(pool->ops->context, pool->fill.fd);
        pool->fill = (struct wal_pool_fill){.fd = -1};
        err_prefix(err, "segment in the making '%s/%s'", pool->path, WAL_FILL_NAME);
        return wal_pool_give_up(pool, WAL_FILL_NAME, why, err);
}

static int wal_pool_fill_start(struct wal_pool *pool, struct err *err)
{
        WEIR_AUTO_FREE char *path = wal_dir_path(pool->path, WAL_FILL_NAME);
        int why;

        if (pool->zeros == NULL) {
                pool->zeros = alloc_pages(WAL_POOL_STEP_BYTES);
                memset(pool->zeros, 0, WAL_POOL_STEP_BYTES);
        }
        pool->fill.done = pool->fill.synced = 0;
        pool->fill.fd = pool->ops->open(pool->ops->context, path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (pool->fill.fd < 0) {
                why = errno;
                err_set_errno(err, ERR_IO, why, "open failed");
                return wal_pool_fill_failed(pool, why, err);
        }
        /* Where files cannot be given room ahead, writing the zeros will find out. */
        if (pool->ops->fallocate(pool->ops->context, pool->fill.fd, 0, (off_t)pool->segment_bytes) == 0 ||
            errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL || errno == EINTR)
                return WAL_E_MORE;
        why = errno;
        err_set_errno(err, ERR_IO, why, "no room");
        return wal_pool_fill_failed(pool, why, err);
}

static int wal_pool_fill_step(struct wal_pool *pool, struct err *err)
{
        const struct file_ops *ops = pool->ops;
        uint64_t left = pool->segment_bytes - pool->fill.done;
        size_t n = left > WAL_POOL_STEP_BYTES ? WAL_POOL_STEP_BYTES : (size_t)left;
        int fd = pool->fill.fd;

        if (pool->fill.done - pool->fill.synced >= WAL_POOL_SYNC_BYTES) {
                if (ops->fdatasync(ops->context, fd) != 0) {
                        int why = errno;

                        err_set_errno(err, ERR_IO, why, "sync failed");
                        return wal_pool_fill_failed(pool, why, err);
                }
                pool->fill.synced = pool->fill.done;
                return WAL_E_MORE;
        }
        if (n > 0) {
                if (file_write_all(ops, fd, pool->zeros, n, (off_t)pool->fill.done, err) != 0)
                        return wal_pool_fill_failed(pool, errno, err);
                pool->fill.done += n;
                return WAL_E_MORE;
        }
        if (ops->fsync(ops->context, fd) != 0) {
                int why = errno;

                err_set_errno(err, ERR_IO, why, "sync failed");
                return wal_pool_fill_failed(pool, why, err);
        }
        pool->fill = (struct wal_pool_fill){.fd = -1};
        return wal_pool_add_ready(pool, WAL_FILL_NAME, fd, err);
}

/* Closes one finished segment. 1: done, 0: there was none, < 0. */
static int wal_pool_close_finished(struct wal_pool *pool, uint64_t durable_lsn, struct err *err)
{
        struct wal_segment *segment = NULL;
        int fd;

        pthread_mutex_lock(&pool->lock);
        for (uint32_t i = 0; i < pool->n_used && segment == NULL; i++)
                if (pool->used[i]->fd >= 0 && wal_pool_is_finished(pool->used[i], durable_lsn))
                        segment = pool->used[i];
        pthread_mutex_unlock(&pool->lock);
        if (segment == NULL)
                return 0;
        fd = segment->fd;
        if (pool->is_unsynced && pool->ops->fdatasync(pool->ops->context, fd) != 0)
                return err_set_errno(err, ERR_IO, errno, "log '%s': sync failed", pool->path);
        pool->ops->close(pool->ops->context, fd);
        pthread_mutex_lock(&pool->lock);
        segment->fd = -1;
        pthread_mutex_unlock(&pool->lock);
        return 1;
}

/* Takes the oldest released segment out of the books and names its file. */
static bool wal_pool_take_released(struct wal_pool *pool, uint64_t durable_lsn, uint32_t more_than,
                                   char name[WAL_NAME_BYTES])
{
        bool found;

        pthread_mutex_lock(&pool->lock);
        found = wal_pool_n_released(pool, durable_lsn) > more_than;
        if (found) {
                wal_format_name(pool->used[0]->first_lsn, name);
                alloc_free(pool->used[0]);
                pool->n_used--;
                memmove(pool->used, pool->used + 1, pool->n_used * sizeof(*pool->used));
        }
        pthread_mutex_unlock(&pool->lock);
        return found;
}

static bool wal_pool_take_idle(struct wal_pool *pool, char name[WAL_NAME_BYTES])
{
        bool found;

        pthread_mutex_lock(&pool->lock);
        found = pool->n_idle > 0;
        if (found)
                memcpy(name, pool->idle[--pool->n_idle], WAL_NAME_BYTES);
        pthread_mutex_unlock(&pool->lock);
        return found;
}

int wal_pool_tend(struct wal_pool *pool, uint64_t durable_lsn, struct err *err)
{
        char name[WAL_NAME_BYTES];
        bool is_wanted, is_allowed;
        int closed;

        closed = wal_pool_close_finished(pool, durable_lsn, err);
        if (closed != 0)
                return closed < 0 ? -1 : WAL_E_MORE;
        if (pool->fill.fd >= 0)
                return wal_pool_fill_step(pool, err);
        pthread_mutex_lock(&pool->lock);
        is_wanted = pool->n_ready < pool->n_ready_wanted;
        is_allowed = pool->max_bytes == 0 || wal_pool_disk_bytes(pool) + pool->segment_bytes <= pool->max_bytes ||
                     pool->n_used + pool->n_ready < 2; /* the newest one stays: without another nothing moves again */
        pthread_mutex_unlock(&pool->lock);
        /* As many released segments as are wanted ready wait for their turn; more are given back. */
        if (wal_pool_take_idle(pool, name) ||
            wal_pool_take_released(pool, durable_lsn, is_wanted ? 0 : pool->n_ready_wanted, name)) {
                if (is_wanted)
                        return wal_pool_recycle(pool, name, err);
                return wal_pool_remove(pool, name, err) != 0 ? -1 : WAL_E_MORE;
        }
        if (!is_wanted)
                return 0;
        if (is_allowed)
                return wal_pool_fill_start(pool, err);
        wal_pool_set_no_space(pool, true);
        return WAL_E_NO_SPACE;
}

void wal_pool_stats(struct wal_pool *pool, struct wal_stats *ret_stats)
{
        pthread_mutex_lock(&pool->lock);
        ret_stats->disk_bytes = wal_pool_disk_bytes(pool);
        ret_stats->n_segments = pool->n_used;
        ret_stats->n_ready = pool->n_ready;
        ret_stats->segment_bytes = pool->segment_bytes;
        ret_stats->max_bytes = pool->max_bytes;
        ret_stats->is_no_space = pool->is_no_space;
        ret_stats->is_at_max = pool->is_no_space && pool->is_at_max;
        ret_stats->first_lsn = pool->n_used == 0 ? pool->next_lsn : pool->used[0]->first_lsn;
        pthread_mutex_unlock(&pool->lock);
}

uint32_t wal_pool_n_ready(struct wal_pool *pool)
{
        uint32_t n;

        pthread_mutex_lock(&pool->lock);
        n = pool->n_ready;
        pthread_mutex_unlock(&pool->lock);
        return n;
}

bool wal_pool_is_at_best(struct wal_pool *pool, uint64_t durable_lsn, uint64_t end_lsn)
{
        bool result;

        pthread_mutex_lock(&pool->lock);
        result = pool->n_ready >= pool->n_ready_wanted ||
                 (pool->is_no_space && wal_pool_n_released(pool, durable_lsn) == 0 && pool->release_lsn >= end_lsn);
        pthread_mutex_unlock(&pool->lock);
        return result;
}
