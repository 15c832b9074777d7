/* wal_recovery.c - finds where a log ends, or refuses it.
 *
 *   1. sync every segment and the directory: what is read from now on is on the disk
 *   2. read header blocks; refuse segments of another instance
 *   3. without a checkpoint the log must reach back to segment 1; with one, to its position
 *   4. walk all records from there; refuse damage; find the end (wal_scan.c)
 *   5. remove segments behind the end (written without sync, lost with it) and a segment in the making
 *   6. positions go on behind every file there is: a lost tail's LSNs are never used again
 *
 * Nothing is written into any segment. The torn tail stays where it is: the header block of the next segment says where
 * the log ended before it, and readers stop there. A crash during recovery finds the same state again. */
#include "sidecar/wal/wal_recovery.h"

#include "sidecar/base/alloc.h"
#include "sidecar/wal/wal_scan.h"

#include <errno.h>

/* Steps 3 and 4. The scan is left at the end of the log. */
static int wal_recovery_scan(const struct wal_config *config, const struct wal_dir *dir, struct wal_scan *scan,
                            struct wal_recovery *recovery, struct err *err)
{
        uint32_t index = wal_dir_next_started(dir, UINT32_MAX);
        struct wal_record record;
        int result;

        if (index == UINT32_MAX) {
                wal_scan_init(scan, dir, index, 0);
                recovery->first_lsn = recovery->end_lsn = config->from_lsn;
                if (config->proven_lsn == 0)
                        return 0;
                return err_set(err, ERR_DATA, "log '%s' is empty, but its records before lsn %llu were durable",
                               config->dir, (unsigned long long)config->proven_lsn);
        }
        if (config->from_lsn == 0 && dir->segments[index].header.number != 1)
                return err_set(err, ERR_DATA,
                               "log '%s' begins with segment %llu, and there is no checkpoint to start from",
                               config->dir, (unsigned long long)dir->segments[index].header.number);
        for (uint32_t i = index; i != UINT32_MAX && dir->segments[i].first_lsn <= config->from_lsn;
             i = wal_dir_next_started(dir, i))
                index = i;
        if (dir->segments[index].first_lsn > config->from_lsn &&
            dir->segments[index].header.previous_end > config->from_lsn)
                return err_set(err, ERR_DATA,
                               "log '%s' begins at lsn %llu, but the checkpoint needs it from lsn %llu on", config->dir,
                               (unsigned long long)dir->segments[index].first_lsn,
                               (unsigned long long)config->from_lsn);
        wal_scan_init(scan, dir, index, config->proven_lsn);
        /* Nothing lies between the end of the segment before and this one's beginning. */
        recovery->first_lsn = dir->segments[wal_dir_next_started(dir, UINT32_MAX)].header.previous_end;
        do {
                result = wal_scan_next(scan, &record, err);
                if (result == 0 && config->on_progress != NULL)
                        result = config->on_progress(config->context, err);
        } while (result == 0);
        if (result != WAL_E_END)
                return -1;
        recovery->end_lsn = wal_scan_lsn(scan);
        recovery->torn_lsn = scan->torn_bytes > 0 ? recovery->end_lsn : 0;
        recovery->torn_bytes = scan->torn_bytes;
        return 0;
}

/* Step 5. */
static int wal_recovery_clean(const struct wal_config *config, struct wal_dir *dir, uint64_t end_lsn, struct err *err)
{
        const struct file_ops *ops = config->ops;
        bool is_changed = false;
        uint32_t kept = 0;

        for (uint32_t i = 0; i < dir->n_segments; i++) {
                struct wal_dir_segment *segment = &dir->segments[i];

                if (segment->is_started && segment->first_lsn >= end_lsn) {
                        WEIR_AUTO_FREE char *path = wal_dir_path(config->dir, segment->name);

                        if (ops->unlink(ops->context, path) != 0)
                                return err_set_errno(err, ERR_IO, errno, "lost segment '%s' cannot be removed", path);
                        is_changed = true;
                        continue;
                }
                dir->segments[kept++] = *segment;
        }
        dir->n_segments = kept;
        if (dir->has_fill) {
                WEIR_AUTO_FREE char *path = wal_dir_path(config->dir, WAL_FILL_NAME);

                if (ops->unlink(ops->context, path) != 0 && errno != ENOENT)
                        return err_set_errno(err, ERR_IO, errno, "'%s' cannot be removed", path);
        }
        return is_changed ? file_sync_dir(ops, config->dir, err) : 0;
}

/* Step 6. */
static uint64_t wal_recovery_next_lsn(const struct wal_config *config, const struct wal_dir *dir)
{
        uint64_t next = config->from_lsn > config->proven_lsn ? config->from_lsn : config->proven_lsn;

        for (uint32_t i = 0; i < dir->n_segments; i++) {
                const struct wal_dir_segment *segment = &dir->segments[i];
                uint64_t end = segment->first_lsn + segment->bytes;

                if (segment->is_started && segment->first_lsn + segment->header.bytes > end)
                        end = segment->first_lsn + segment->header.bytes;
                if (end > next)
                        next = end;
        }
        return (next + WAL_BLOCK_BYTES - 1) / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES;
}

int wal_recovery_run(const struct wal_config *config, struct wal_dir *ret_dir, struct wal_segment_header *ret_last,
                     struct wal_recovery *ret_recovery, struct err *err)
{
        struct wal_recovery recovery = {0};
        struct wal_scan scan = {.fd = -1};
        struct wal_segment_header last = {0};
        struct wal_dir dir;

        if (wal_dir_read(&dir, config->dir, config->ops, config->instance, true, err) != 0)
                return -1;
        if (wal_recovery_scan(config, &dir, &scan, &recovery, err) != 0)
                goto out;
        recovery.next_lsn = wal_recovery_next_lsn(config, &dir);
        if (scan.index != UINT32_MAX) {
                last.number = dir.segments[scan.index].header.number;
                last.previous_end = recovery.end_lsn;
                last.previous_chain = scan.chain;
        }
        if (wal_recovery_clean(config, &dir, scan.index == UINT32_MAX ? 0 : recovery.end_lsn, err) != 0)
                goto out;
        for (uint32_t i = 0; i < dir.n_segments; i++)
                recovery.n_segments += dir.segments[i].is_started;
        wal_scan_done(&scan);
        *ret_dir = dir;
        *ret_last = last;
        *ret_recovery = recovery;
        return 0;
out:
        wal_scan_done(&scan);
        wal_dir_done(&dir);
        return -1;
}
