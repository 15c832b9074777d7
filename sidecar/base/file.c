/* file.c - the system's file calls as a table, and whole transfers over any such table. */
#include "sidecar/base/file.h"

#include "sidecar/base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum { FILE_PATH_BYTES = 4096 };

/* ---- the system's table ---- */

static int file_system_open(void *context, const char *path, int flags, mode_t mode)
{
        (void)context;
        return open(path, flags | O_CLOEXEC, mode);
}

static int file_system_close(void *context, int fd)
{
        (void)context;
        return close(fd);
}

static ssize_t file_system_pread(void *context, int fd, void *data, size_t len, off_t at)
{
        (void)context;
        return pread(fd, data, len, at);
}

static ssize_t file_system_pwrite(void *context, int fd, const void *data, size_t len, off_t at)
{
        (void)context;
        return pwrite(fd, data, len, at);
}

static int file_system_fdatasync(void *context, int fd)
{
        (void)context;
        return fdatasync(fd);
}

static int file_system_fsync(void *context, int fd)
{
        (void)context;
        return fsync(fd);
}

static int file_system_rename(void *context, const char *from, const char *to)
{
        (void)context;
        return rename(from, to);
}

static int file_system_unlink(void *context, const char *path)
{
        (void)context;
        return unlink(path);
}

static int file_system_ftruncate(void *context, int fd, off_t len)
{
        (void)context;
        return ftruncate(fd, len);
}

static int file_system_fallocate(void *context, int fd, off_t at, off_t len)
{
        (void)context;
        return fallocate(fd, 0, at, len);
}

static int file_system_fstat(void *context, int fd, struct stat *ret_stat)
{
        (void)context;
        return fstat(fd, ret_stat);
}

static int file_system_mkdir(void *context, const char *path, mode_t mode)
{
        (void)context;
        return mkdir(path, mode);
}

static int file_system_list(void *context, const char *path, file_name_fn each, void *each_context)
{
        struct dirent *entry;
        DIR *dir = opendir(path);
        int failed;

        (void)context;
        if (dir == NULL)
                return -1;
        while (errno = 0, (entry = readdir(dir)) != NULL)
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        each(each_context, entry->d_name);
        failed = errno;
        closedir(dir);
        errno = failed;
        return failed == 0 ? 0 : -1;
}

static int file_system_lock(void *context, int fd)
{
        (void)context;
        return flock(fd, LOCK_EX | LOCK_NB);
}

const struct file_ops *file_ops_system(void)
{
        static const struct file_ops system = {
                .open = file_system_open,
                .close = file_system_close,
                .pread = file_system_pread,
                .pwrite = file_system_pwrite,
                .fdatasync = file_system_fdatasync,
                .fsync = file_system_fsync,
                .rename = file_system_rename,
                .unlink = file_system_unlink,
                .ftruncate = file_system_ftruncate,
                .fallocate = file_system_fallocate,
                .fstat = file_system_fstat,
                .mkdir = file_system_mkdir,
                .list = file_system_list,
                .lock = file_system_lock,
        };

        return &system;
}

/* ---- whole transfers ---- */

int file_write_all(const struct file_ops *ops, int fd, const void *data, size_t len, off_t at, struct err *err)
{
        const uint8_t *from = data;
        ssize_t n;

        while (len > 0) {
                n = ops->pwrite(ops->context, fd, from, len, at);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0) {
                        int why = n == 0 ? ENOSPC : errno; /* a write of nothing would go on for ever */

                        err_set_errno(err, ERR_IO, why, "write of %zu bytes at %lld failed", len, (long long)at);
                        errno = why;
                        return -1;
                }
                from += n;
                at += n;
                len -= (size_t)n;
        }
        return 0;
}

int file_read_all(const struct file_ops *ops, int fd, void *data, size_t len, off_t at, size_t *ret_len,
                  struct err *err)
{
        uint8_t *to = data;
        size_t done = 0;
        ssize_t n;

        while (done < len) {
                n = ops->pread(ops->context, fd, to + done, len - done, at + (off_t)done);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        int why = errno;

                        err_set_errno(err, ERR_IO, why, "read of %zu bytes at %lld failed", len, (long long)at);
                        errno = why;
                        return -1;
                }
                if (n == 0)
                        break;
                done += (size_t)n;
        }
        *ret_len = done;
        return 0;
}

/* Closes and answers -1 with the errno that stood before. */
static int file_close_failed(const struct file_ops *ops, int fd)
{
        int why = errno;

        ops->close(ops->context, fd);
        errno = why;
        return -1;
}

int file_sync_dir(const struct file_ops *ops, const char *path, struct err *err)
{
        int fd = ops->open(ops->context, path, O_RDONLY | O_DIRECTORY, 0);

        if (fd < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot open directory '%s'", path);
        if (ops->fsync(ops->context, fd) < 0) {
                err_set_errno(err, ERR_IO, errno, "cannot sync directory '%s'", path);
                return file_close_failed(ops, fd);
        }
        ops->close(ops->context, fd);
        return 0;
}

/* Writes and syncs a new file; what is left after a failure is the caller's to remove. */
static int file_write_new(const struct file_ops *ops, const char *path, struct slice content, struct err *err)
{
        int fd = ops->open(ops->context, path, O_WRONLY | O_CREAT | O_TRUNC, 0640);

        if (fd < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot create '%s'", path);
        if (file_write_all(ops, fd, content.data, content.len, 0, err) < 0) {
                err_prefix(err, "'%s'", path);
                return file_close_failed(ops, fd);
        }
        if (ops->fsync(ops->context, fd) < 0) {
                err_set_errno(err, ERR_IO, errno, "cannot sync '%s'", path);
                return file_close_failed(ops, fd);
        }
        if (ops->close(ops->context, fd) < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot close '%s'", path);
        return 0;
}

static int file_join(const char *dir, const char *name, const char *suffix, char *ret_path, struct err *err)
{
        int len = snprintf(ret_path, FILE_PATH_BYTES, "%s/%s%s", dir, name, suffix);

        if (len < 0 || len >= FILE_PATH_BYTES) {
                errno = ENAMETOOLONG;
                return err_set_errno(err, ERR_IO, errno, "'%s' in '%s'", name, dir);
        }
        return 0;
}

int file_replace(const struct file_ops *ops, const char *dir, const char *name, struct slice content, struct err *err)
{
        char path[FILE_PATH_BYTES];
        char temporary[FILE_PATH_BYTES];
        int why;

        if (file_join(dir, name, "", path, err) < 0 || file_join(dir, name, ".tmp", temporary, err) < 0)
                return -1;
        if (file_write_new(ops, temporary, content, err) < 0)
                goto out;
        if (ops->rename(ops->context, temporary, path) < 0) {
                err_set_errno(err, ERR_IO, errno, "cannot rename '%s' to '%s'", temporary, path);
                goto out;
        }
        return file_sync_dir(ops, dir, err);
out:
        why = errno;
        ops->unlink(ops->context, temporary);
        errno = why;
        return -1;
}

int file_read_whole(const struct file_ops *ops, const char *path, size_t max_bytes, uint8_t **ret_data,
                    size_t *ret_len, struct err *err)
{
        WEIR_AUTO_FREE uint8_t *data = NULL;
        size_t capacity = 4096;
        size_t len = 0;
        size_t n = 0;
        int fd = ops->open(ops->context, path, O_RDONLY, 0);

        if (fd < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot open '%s'", path);
        /* Read until the end rather than as many bytes as fstat says: files under /proc say 0. */
        do {
                capacity = len == 0 ? capacity : capacity * 2;
                if (capacity > max_bytes)
                        capacity = max_bytes + 1; /* one byte more tells "too large" from "fits" */
                data = alloc_resize(data, capacity, 1);
                if (file_read_all(ops, fd, data + len, capacity - len, (off_t)len, &n, err) < 0) {
                        err_prefix(err, "'%s'", path);
                        return file_close_failed(ops, fd);
                }
                len += n;
        } while (len == capacity && len <= max_bytes);
        ops->close(ops->context, fd);
        if (len > max_bytes) {
                errno = EFBIG;
                return err_set(err, ERR_DATA, "'%s' has more than %zu bytes", path, max_bytes);
        }
        *ret_data = data;
        *ret_len = len;
        data = NULL;
        return 0;
}
