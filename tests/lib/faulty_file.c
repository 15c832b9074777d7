/* faulty_file.c - counts calls, fails the chosen ones, and remembers how to take back what was not synced.
 *
 * Every change that a crash may undo is a node in one list, the newest first: written bytes with what stood there
 * before, sizes, and names created, renamed and removed (of those that went, a hard link is kept in a folder of our
 * own). A sync of a file forgets the nodes of its inode; a sync of a directory forgets those of its names. */
#include "tests/lib/faulty_file.h"

#include "sidecar/base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512, PATH_BYTES = 4096 };

enum change_kind { CHANGE_WRITE, CHANGE_SIZE, CHANGE_CREATE, CHANGE_RENAME, CHANGE_UNLINK, CHANGE_MKDIR };

struct faulty_change {
        struct faulty_change *next; /* older */
        enum change_kind kind;
        dev_t device; /* of the file for data, of its directory for names */
        ino_t inode;
        int fd;         /* of our own, for data */
        off_t at;       /* data: where; CHANGE_SIZE: from where on bytes went */
        off_t old_size; /* data */
        size_t len;
        uint8_t *old;
        char *path;   /* names: created, made, removed, or renamed to */
        char *from;   /* CHANGE_RENAME */
        char *backup; /* link to what path was before, or NULL */
};

/* ---- whether a call fails ---- */

enum verdict { GO_ON, FAIL, HALF_AND_GO_ON, HALF_AND_FAIL };

/* Locks; the caller unlocks. */
static struct faulty_file *enter(void *context, const char *name, enum verdict *ret_verdict)
{
        struct faulty_file *faulty = context;
        bool is_data = strcmp(name, "pwrite") == 0 || strcmp(name, "pread") == 0;

        pthread_mutex_lock(&faulty->lock);
        *ret_verdict = GO_ON;
        if (faulty->is_dead) {
                *ret_verdict = FAIL;
                errno = ESHUTDOWN;
                return faulty;
        }
        if (faulty->fail_only != NULL && strcmp(faulty->fail_only, name) != 0)
                return faulty;
        faulty->n_calls += 1;
        if (faulty->n_calls < faulty->fail_from || faulty->n_calls > faulty->fail_until || faulty->fail_from == 0)
                return faulty;
        faulty->has_failed = true;
        faulty->failed_name = name;
        *ret_verdict = FAIL;
        if (faulty->kind == FAULTY_SHORT && is_data)
                *ret_verdict = HALF_AND_GO_ON;
        if (faulty->kind == FAULTY_TORN && strcmp(name, "pwrite") == 0)
                *ret_verdict = HALF_AND_FAIL;
        faulty->is_dead = faulty->kind == FAULTY_KILL;
        errno = faulty->is_dead ? ESHUTDOWN : faulty->fail_errno;
        return faulty;
}

static void leave(struct faulty_file *faulty)
{
        int why = errno;

        pthread_mutex_unlock(&faulty->lock);
        errno = why;
}

/* ---- remembering ---- */

static struct faulty_change *add_change(struct faulty_file *faulty, enum change_kind kind)
{
        struct faulty_change *change = alloc_zero(1, sizeof(*change));

        change->kind = kind;
        change->fd = -1;
        change->next = faulty->changes;
        faulty->changes = change;
        return change;
}

static bool is_data_change(const struct faulty_change *change)
{
        return change->kind == CHANGE_WRITE || change->kind == CHANGE_SIZE;
}

static bool is_descriptor_shared(const struct faulty_file *faulty, const struct faulty_change *which)
{
        for (const struct faulty_change *change = faulty->changes; change != NULL; change = change->next)
                if (change != which && change->fd == which->fd)
                        return true;
        return false;
}

static void free_change(struct faulty_file *faulty, struct faulty_change *change)
{
        if (change->fd >= 0 && !is_descriptor_shared(faulty, change))
                close(change->fd);
        if (change->backup != NULL)
                unlink(change->backup);
        alloc_free(change->old);
        alloc_free(change->path);
        alloc_free(change->from);
        alloc_free(change->backup);
        alloc_free(change);
}

/* A descriptor that reads and writes the file behind fd, shared by all changes of that file. */
static int own_descriptor(const struct faulty_file *faulty, const struct stat *status, int fd)
{
        char path[64];

        for (const struct faulty_change *change = faulty->changes; change != NULL; change = change->next)
                if (is_data_change(change) && change->device == status->st_dev && change->inode == status->st_ino)
                        return change->fd;
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return open(path, O_RDWR | O_CLOEXEC);
}

/* Before bytes [at, at + len) of fd change, or go (CHANGE_SIZE with the new end at `at`). */
static void remember_data(struct faulty_file *faulty, enum change_kind kind, int fd, off_t at, size_t len)
{
        struct faulty_change *change;
        struct stat status;
        int own;
        ssize_t n;

        if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || (own = own_descriptor(faulty, &status, fd)) < 0)
                return;
        if (kind == CHANGE_SIZE)
                len = status.st_size > at ? (size_t)(status.st_size - at) : 0;
        change = add_change(faulty, kind);
        change->device = status.st_dev;
        change->inode = status.st_ino;
        change->fd = own;
        change->at = at;
        change->len = len;
        change->old_size = status.st_size;
        change->old = alloc_zero(len, 1);
        n = pread(own, change->old, len, at);
        (void)n; /* what lies behind the end was zero */
}

/* The folder for links, made when first needed. */
static char *make_backup(struct faulty_file *faulty, const char *path)
{
        char name[PATH_BYTES];
        char folder[PATH_BYTES];
        static unsigned n_links;

        snprintf(folder, sizeof(folder), "%s/weir-undo-%d-%p", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp",
                 (int)getpid(), (void *)faulty);
        mkdir(folder, 0700);
        snprintf(name, sizeof(name), "%.4000s/%u", folder, n_links++);
        return link(path, name) == 0 ? alloc_text(name) : NULL;
}

static void remember_name(struct faulty_file *faulty, enum change_kind kind, const char *path, const char *from,
                          char *backup)
{
        struct faulty_change *change = add_change(faulty, kind);
        const char *slash = strrchr(path, '/');
        char *folder = slash == NULL ? alloc_text(".") : alloc_text_n(path, (size_t)(slash - path));
        struct stat status;

        if (stat(folder, &status) == 0) {
                change->device = status.st_dev;
                change->inode = status.st_ino;
        }
        alloc_free(folder);
        change->path = alloc_text(path);
        change->from = from == NULL ? NULL : alloc_text(from);
        change->backup = backup;
}

static void forget_synced(struct faulty_file *faulty, int fd)
{
        struct faulty_change **link = &faulty->changes;
        struct faulty_change *change;
        struct stat status;

        if (fstat(fd, &status) < 0)
                return;
        while ((change = *link) != NULL) {
                if (change->device == status.st_dev && change->inode == status.st_ino &&
                    is_data_change(change) != S_ISDIR(status.st_mode)) {
                        *link = change->next;
                        free_change(faulty, change);
                } else {
                        link = &change->next;
                }
        }
}

/* ---- the calls ---- */

static int faulty_open(void *context, const char *path, int flags, mode_t mode)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "open", &verdict);
        bool is_new = (flags & O_CREAT) != 0 && access(path, F_OK) < 0;
        int fd = -1;

        if (verdict == GO_ON) {
                fd = faulty->below->open(faulty->below->context, path, flags & ~O_TRUNC, mode);
                if (fd >= 0 && is_new)
                        remember_name(faulty, CHANGE_CREATE, path, NULL, NULL);
                if (fd >= 0 && (flags & O_TRUNC) != 0) {
                        remember_data(faulty, CHANGE_SIZE, fd, 0, 0);
                        if (ftruncate(fd, 0) < 0)
                                abort();
                }
        }
        leave(faulty);
        return fd;
}

static int faulty_close(void *context, int fd)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "close", &verdict);
        int why = errno;
        int result = faulty->below->close(faulty->below->context, fd);

        if (verdict != GO_ON) {
                errno = why;
                result = -1;
        }
        leave(faulty);
        return result;
}

static size_t transfer_len(enum verdict verdict, size_t len)
{
        return verdict == GO_ON ? len : len / 2 + (len == 1);
}

static ssize_t faulty_pread(void *context, int fd, void *data, size_t len, off_t at)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "pread", &verdict);
        ssize_t n = -1;

        if (verdict == GO_ON || verdict == HALF_AND_GO_ON)
                n = faulty->below->pread(faulty->below->context, fd, data, transfer_len(verdict, len), at);
        leave(faulty);
        return n;
}

static ssize_t faulty_pwrite(void *context, int fd, const void *data, size_t len, off_t at)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "pwrite", &verdict);
        int why = errno;
        ssize_t n = -1;

        if (verdict != FAIL) {
                remember_data(faulty, CHANGE_WRITE, fd, at, transfer_len(verdict, len));
                n = faulty->below->pwrite(faulty->below->context, fd, data, transfer_len(verdict, len), at);
        }
        if (verdict == HALF_AND_FAIL) {
                errno = why;
                n = -1;
        }
        leave(faulty);
        return n;
}

static int faulty_sync(void *context, int fd, const char *name, bool is_data)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, name, &verdict);
        int result = -1;

        if (verdict == GO_ON)
                result = is_data ? faulty->below->fdatasync(faulty->below->context, fd)
                                 : faulty->below->fsync(faulty->below->context, fd);
        if (result == 0)
                forget_synced(faulty, fd);
        leave(faulty);
        return result;
}

static int faulty_fdatasync(void *context, int fd)
{
        return faulty_sync(context, fd, "fdatasync", true);
}

static int faulty_fsync(void *context, int fd)
{
        return faulty_sync(context, fd, "fsync", false);
}

static int faulty_rename(void *context, const char *from, const char *to)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "rename", &verdict);
        char *backup = NULL;
        int result = -1;

        if (verdict == GO_ON) {
                backup = make_backup(faulty, to);
                result = faulty->below->rename(faulty->below->context, from, to);
                if (result == 0)
                        remember_name(faulty, CHANGE_RENAME, to, from, backup);
                else
                        alloc_free(backup);
        }
        leave(faulty);
        return result;
}

static int faulty_unlink(void *context, const char *path)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "unlink", &verdict);
        char *backup = NULL;
        int result = -1;

        if (verdict == GO_ON) {
                backup = make_backup(faulty, path);
                result = faulty->below->unlink(faulty->below->context, path);
                if (result == 0)
                        remember_name(faulty, CHANGE_UNLINK, path, NULL, backup);
                else
                        alloc_free(backup);
        }
        leave(faulty);
        return result;
}

static int faulty_ftruncate(void *context, int fd, off_t len)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "ftruncate", &verdict);
        int result = -1;

        if (verdict == GO_ON) {
                remember_data(faulty, CHANGE_SIZE, fd, len, 0);
                result = faulty->below->ftruncate(faulty->below->context, fd, len);
        }
        leave(faulty);
        return result;
}

static int faulty_fallocate(void *context, int fd, off_t at, off_t len)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "fallocate", &verdict);
        int result = -1;

        if (verdict == GO_ON) {
                remember_data(faulty, CHANGE_SIZE, fd, at + len, 0);
                result = faulty->below->fallocate(faulty->below->context, fd, at, len);
        }
        leave(faulty);
        return result;
}

static int faulty_fstat(void *context, int fd, struct stat *ret_stat)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "fstat", &verdict);
        int result = verdict == GO_ON ? faulty->below->fstat(faulty->below->context, fd, ret_stat) : -1;

        leave(faulty);
        return result;
}

static int faulty_mkdir(void *context, const char *path, mode_t mode)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "mkdir", &verdict);
        int result = verdict == GO_ON ? faulty->below->mkdir(faulty->below->context, path, mode) : -1;

        if (result == 0)
                remember_name(faulty, CHANGE_MKDIR, path, NULL, NULL);
        leave(faulty);
        return result;
}

static int faulty_list(void *context, const char *path, file_name_fn each, void *each_context)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "list", &verdict);
        int result = verdict == GO_ON ? faulty->below->list(faulty->below->context, path, each, each_context) : -1;

        leave(faulty);
        return result;
}

static int faulty_lock(void *context, int fd)
{
        enum verdict verdict;
        struct faulty_file *faulty = enter(context, "lock", &verdict);
        int result = verdict == GO_ON ? faulty->below->lock(faulty->below->context, fd) : -1;

        leave(faulty);
        return result;
}

/* ---- for the test ---- */

void faulty_file_init(struct faulty_file *faulty, const struct file_ops *below)
{
        *faulty = (struct faulty_file){
                .ops = {
                        .context = faulty,
                        .open = faulty_open,
                        .close = faulty_close,
                        .pread = faulty_pread,
                        .pwrite = faulty_pwrite,
                        .fdatasync = faulty_fdatasync,
                        .fsync = faulty_fsync,
                        .rename = faulty_rename,
                        .unlink = faulty_unlink,
                        .ftruncate = faulty_ftruncate,
                        .fallocate = faulty_fallocate,
                        .fstat = faulty_fstat,
                        .mkdir = faulty_mkdir,
                        .list = faulty_list,
                        .lock = faulty_lock,
                },
                .below = below,
        };
        pthread_mutex_init(&faulty->lock, NULL);
}

static void forget_all(struct faulty_file *faulty)
{
        struct faulty_change *change;

        while ((change = faulty->changes) != NULL) {
                faulty->changes = change->next;
                free_change(faulty, change);
        }
}

void faulty_file_done(struct faulty_file *faulty)
{
        char folder[PATH_BYTES];

        forget_all(faulty);
        snprintf(folder, sizeof(folder), "%s/weir-undo-%d-%p", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp",
                 (int)getpid(), (void *)faulty);
        rmdir(folder);
        pthread_mutex_destroy(&faulty->lock);
}

void faulty_file_fail(struct faulty_file *faulty, uint64_t n, enum faulty_kind kind, int fail_errno)
{
        faulty->fail_from = n == 0 ? 0 : faulty->n_calls + n;
        faulty->fail_until = faulty->fail_from;
        faulty->fail_only = NULL;
        faulty->kind = kind;
        faulty->fail_errno = fail_errno;
        faulty->has_failed = false;
        faulty->failed_name = NULL;
}

void faulty_file_fail_all(struct faulty_file *faulty, const char *name, int fail_errno)
{
        faulty_file_fail(faulty, 1, FAULTY_ERRNO, fail_errno);
        faulty->fail_until = UINT64_MAX;
        faulty->fail_only = name;
}

void faulty_file_heal(struct faulty_file *faulty)
{
        faulty->fail_from = 0;
        faulty->fail_only = NULL;
}

/* Puts old bytes back, sector by sector where `some`. */
static void undo_write(const struct faulty_change *change, bool some, struct check_random *random)
{
        size_t done = 0;

        while (done < change->len) {
                size_t step = SECTOR_BYTES - (size_t)((change->at + (off_t)done) % SECTOR_BYTES);

                if (step > change->len - done)
                        step = change->len - done;
                if (!some || check_random_below(random, 2) == 0)
                        if (pwrite(change->fd, change->old + done, step, change->at + (off_t)done) != (ssize_t)step)
                                abort();
                done += step;
        }
        if ((!some || check_random_below(random, 4) == 0) && ftruncate(change->fd, change->old_size) < 0)
                abort();
}

static void undo_name(const struct faulty_change *change)
{
        if (change->kind == CHANGE_CREATE)
                unlink(change->path);
        else if (change->kind == CHANGE_MKDIR)
                rmdir(change->path);
        else if (change->kind == CHANGE_RENAME)
                rename(change->path, change->from);
        if (change->backup != NULL)
                rename(change->backup, change->path);
}

void faulty_file_crash(struct faulty_file *faulty, enum faulty_loss loss, struct check_random *random)
{
        bool some = loss == FAULTY_LOSE_SOME;
        uint64_t n_names = 0;
        uint64_t n_lost = 0;

        faulty->is_dead = true;
        for (const struct faulty_change *change = faulty->changes; change != NULL; change = change->next)
                n_names += !is_data_change(change);
        n_lost = some ? check_random_below(random, n_names + 1) : n_names;
        for (struct faulty_change *change = faulty->changes; change != NULL && loss != FAULTY_KEEP_ALL;
             change = change->next) {
                if (is_data_change(change)) {
                        undo_write(change, some, random);
                } else if (n_lost > 0) {
                        undo_name(change);
                        n_lost -= 1;
                }
        }
        forget_all(faulty);
}
