/* file.h - every file call of the durable parts, as a table: the seam for fault tests.
 *
 * The log, the checkpoints, the outbox and the manifest reach the disk only through a
 * `const struct file_ops *`. file_ops_system() is the real one; tests/lib/faulty_file.h wraps it and fails, shortens
 * or kills at the n-th call, or takes back what was not synced. Signatures and errno are those of the system calls.
 * Thread: whoever calls; the system table has no state. */
#ifndef WEIR_SIDECAR_BASE_FILE_H
#define WEIR_SIDECAR_BASE_FILE_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

#include <sys/stat.h>
#include <sys/types.h>

typedef void (*file_name_fn)(void *context, const char *name);

struct file_ops {
        void *context; /* handed to every call */
        int (*open)(void *context, const char *path, int flags, mode_t mode);
        int (*close)(void *context, int fd);
        ssize_t (*pread)(void *context, int fd, void *data, size_t len, off_t at);
        ssize_t (*pwrite)(void *context, int fd, const void *data, size_t len, off_t at);
        int (*fdatasync)(void *context, int fd);
        int (*fsync)(void *context, int fd);
        int (*rename)(void *context, const char *from, const char *to);
        int (*unlink)(void *context, const char *path);
        int (*ftruncate)(void *context, int fd, off_t len);
        int (*fallocate)(void *context, int fd, off_t at, off_t len);
        int (*fstat)(void *context, int fd, struct stat *ret_stat);
        int (*mkdir)(void *context, const char *path, mode_t mode);
        /* Calls `each` with every name in a directory but "." and "..", in no order. */
        int (*list)(void *context, const char *path, file_name_fn each, void *each_context);
        /* Takes the one exclusive lock of an open file; EWOULDBLOCK when another process holds it. It goes
         * with the descriptor. */
        int (*lock)(void *context, int fd);
};

const struct file_ops *file_ops_system(void);

/* Whole transfers: go on after EINTR and short transfers. -1 with err (ERR_IO) and errno kept. */
int file_write_all(const struct file_ops *ops, int fd, const void *data, size_t len, off_t at, struct err *err)
        WEIR_MUST_CHECK;
/* Reads up to len bytes; *ret_len is short only at the end of the file. */
int file_read_all(const struct file_ops *ops, int fd, void *data, size_t len, off_t at, size_t *ret_len,
                  struct err *err) WEIR_MUST_CHECK;
/* fsync of a directory by path. */
int file_sync_dir(const struct file_ops *ops, const char *path, struct err *err) WEIR_MUST_CHECK;
/* Replaces dir/name: temporary name, write, fsync, rename, fsync of the directory. */
int file_replace(const struct file_ops *ops, const char *dir, const char *name, struct slice content, struct err *err)
        WEIR_MUST_CHECK;
/* Whole small file into owned memory (alloc_free); refuses more than max_bytes. */
int file_read_whole(const struct file_ops *ops, const char *path, size_t max_bytes, uint8_t **ret_data,
                    size_t *ret_len, struct err *err) WEIR_MUST_CHECK;

#endif
