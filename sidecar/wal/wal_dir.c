/* wal_dir.c - lists a log directory. */
#include "sidecar/wal/wal_dir.h"

#include "sidecar/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

char *wal_dir_path(const char *path, const char *name)
{
        size_t len = strlen(path) + strlen(name) + 2;
        char *joined = alloc_bytes(len);

        snprintf(joined, len, "%s/%s", path, name);
        return joined;
}

static void wal_dir_add(void *context, const char *name)
{
        struct wal_dir *dir = context;
        struct wal_dir_segment *segment;
        uint64_t first_lsn;

        if (strcmp(name, WAL_FILL_NAME) == 0)
                dir->has_fill = true;
        if (!wal_format_parse_name(name, &first_lsn))
                return;
        if (dir->n_segments == dir->capacity) {
                dir->capacity = dir->capacity == 0 ? 16 : 2 * dir->capacity;
                dir->segments = alloc_resize(dir->segments, dir->capacity, sizeof(*dir->segments));
        }
        segment = &dir->segments[dir->n_segments++];
        *segment = (struct wal_dir_segment){.first_lsn = first_lsn};
        wal_format_name(first_lsn, segment->name);
}

static int wal_dir_compare(const void *a, const void *b)
{
        uint64_t first = ((const struct wal_dir_segment *)a)->first_lsn;
        uint64_t second = ((const struct wal_dir_segment *)b)->first_lsn;

        return (first > second) - (first < second);
}

static int wal_dir_read_open(struct wal_dir *dir, struct wal_dir_segment *segment, int fd, bool with_sync,
                             struct err *err)
{
        const struct file_ops *ops = dir->ops;
        uint8_t block[WAL_BLOCK_BYTES];
        struct stat status;
        size_t len;

        if (with_sync && ops->fsync(ops->context, fd) != 0)
                return err_set_errno(err, ERR_IO, errno, "sync failed");
        if (ops->fstat(ops->context, fd, &status) != 0)
                return err_set_errno(err, ERR_IO, errno, "stat failed");
        segment->bytes = (uint64_t)status.st_size;
        if (file_read_all(ops, fd, block, sizeof(block), 0, &len, err) != 0)
                return -1;
        segment->is_started = len == sizeof(block) &&
                              wal_format_get_segment(block, WAL_MAGIC_LOG, &segment->header) &&
                              segment->header.first_lsn == segment->first_lsn;
        return 0;
}

static int wal_dir_read_segment(struct wal_dir *dir, struct wal_dir_segment *segment, uint64_t instance,
                                bool with_sync, struct err *err)
{
        WEIR_AUTO_FREE char *path = wal_dir_path(dir->path, segment->name);
        /* Opened for writing where it is synced: some file systems sync only what can be written. */
        int fd = dir->ops->open(dir->ops->context, path, with_sync ? O_RDWR : O_RDONLY, 0);
        int result;

        if (fd < 0)
                return err_set_errno(err, ERR_IO, errno, "segment '%s' cannot be opened", path);
        result = wal_dir_read_open(dir, segment, fd, with_sync, err);
        dir->ops->close(dir->ops->context, fd);
        if (result != 0)
                return err_prefix(err, "segment '%s'", path);
        if (segment->is_started && instance != 0 && segment->header.instance != instance)
                return err_set(err, ERR_DATA, "segment '%s' belongs to instance %016llx, not to %016llx", path,
                               (unsigned long long)segment->header.instance, (unsigned long long)instance);
        return 0;
}

int wal_dir_read(struct wal_dir *dir, const char *path, const struct file_ops *ops, uint64_t instance, bool with_sync,
                 struct err *err)
{
        *dir = (struct wal_dir){.path = alloc_text(path), .ops = ops};
        if (ops->list(ops->context, path, wal_dir_add, dir) != 0) {
                err_set_errno(err, ERR_IO, errno, "log directory '%s' cannot be read", path);
                goto out;
        }
        if (dir->n_segments > 1)
                qsort(dir->segments, dir->n_segments, sizeof(*dir->segments), wal_dir_compare);
        if (with_sync && file_sync_dir(ops, path, err) != 0)
                goto out;
        for (uint32_t i = 0; i < dir->n_segments; i++)
                if (wal_dir_read_segment(dir, &dir->segments[i], instance, with_sync, err) != 0)
                        goto out;
        return 0;
out:
        wal_dir_done(dir);
        return -1;
}

void wal_dir_done(struct wal_dir *dir)
{
        alloc_free(dir->path);
        alloc_free(dir->segments);
        *dir = (struct wal_dir){.path = NULL};
}

uint32_t wal_dir_next_started(const struct wal_dir *dir, uint32_t index)
{
        for (uint32_t i = index + 1; i < dir->n_segments; i++)
                if (dir->segments[i].is_started)
                        return i;
        return UINT32_MAX;
}
