/* test_file.c - whole transfers over interrupted and short calls, and the order of a replacement. */
#include "sidecar/base/file.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* A table that notes each call, moves at most `step` bytes per transfer, and fails call number fail_at. */
struct recorder {
        struct file_ops ops;
        const struct file_ops *below;
        struct bytes calls; /* names, each followed by a blank */
        size_t step;
        unsigned n_calls;
        unsigned fail_at; /* 1 = the first; 0 = none */
        int fail_errno;
        unsigned n_interrupts; /* transfers to answer with EINTR first */
};

static struct recorder *record(void *context, const char *name, bool *ret_fails)
{
        struct recorder *recorder = context;

        bytes_append_format(&recorder->calls, "%s ", name);
        recorder->n_calls += 1;
        *ret_fails = recorder->n_calls == recorder->fail_at;
        if (*ret_fails)
                errno = recorder->fail_errno;
        return recorder;
}

static int record_open(void *context, const char *path, int flags, mode_t mode)
{
        bool fails;
        struct recorder *recorder = record(context, flags & O_DIRECTORY ? "opendir" : "open", &fails);

        return fails ? -1 : recorder->below->open(NULL, path, flags, mode);
}

static int record_close(void *context, int fd)
{
        bool fails;
        struct recorder *recorder = record(context, "close", &fails);
        int result = recorder->below->close(NULL, fd);

        if (fails)
                errno = recorder->fail_errno;
        return fails ? -1 : result;
}

static bool record_interrupts(struct recorder *recorder)
{
        if (recorder->n_interrupts == 0)
                return false;
        recorder->n_interrupts -= 1;
        errno = EINTR;
        return true;
}

static ssize_t record_pread(void *context, int fd, void *data, size_t len, off_t at)
{
        bool fails;
        struct recorder *recorder = record(context, "pread", &fails);

        if (fails || record_interrupts(recorder))
                return -1;
        return recorder->below->pread(NULL, fd, data, len < recorder->step ? len : recorder->step, at);
}

static ssize_t record_pwrite(void *context, int fd, const void *data, size_t len, off_t at)
{
        bool fails;
        struct recorder *recorder = record(context, "pwrite", &fails);

        if (fails || record_interrupts(recorder))
                return recorder->fail_errno == 0 && fails ? 0 : -1;
        return recorder->below->pwrite(NULL, fd, data, len < recorder->step ? len : recorder->step, at);
}

static int record_fsync(void *context, int fd)
{
        bool fails;
        struct recorder *recorder = record(context, "fsync", &fails);

        return fails ? -1 : recorder->below->fsync(NULL, fd);
}

static int record_rename(void *context, const char *from, const char *to)
{
        bool fails;
        struct recorder *recorder = record(context, "rename", &fails);

        return fails ? -1 : recorder->below->rename(NULL, from, to);
}

static int record_unlink(void *context, const char *path)
{
        bool fails;
        struct recorder *recorder = record(context, "unlink", &fails);

        return fails ? -1 : recorder->below->unlink(NULL, path);
}

static void recorder_init(struct recorder *recorder)
{
        *recorder = (struct recorder){.below = file_ops_system(), .step = SIZE_MAX};
        bytes_init(&recorder->calls);
        recorder->ops = *file_ops_system();
        recorder->ops.context = recorder;
        recorder->ops.open = record_open;
        recorder->ops.close = record_close;
        recorder->ops.pread = record_pread;
        recorder->ops.pwrite = record_pwrite;
        recorder->ops.fsync = record_fsync;
        recorder->ops.rename = record_rename;
        recorder->ops.unlink = record_unlink;
}

static const char *recorder_calls(struct recorder *recorder)
{
        bytes_append_byte(&recorder->calls, '\0');
        recorder->calls.len -= 1;
        return (const char *)recorder->calls.data;
}

static const char *in_dir(const char *name)
{
        static char path[512];

        snprintf(path, sizeof(path), "%s/%s", check_dir(), name);
        return path;
}

static void check_content(const char *name, const char *expected)
{
        uint8_t *data = NULL;
        size_t len = 0;
        struct err err;

        REQUIRE(file_read_whole(file_ops_system(), in_dir(name), 1 << 20, &data, &len, &err) == 0);
        CHECK_BYTES(data, len, expected, strlen(expected));
        alloc_free(data);
}

TEST(replacement_syncs_before_it_renames)
{
        struct recorder recorder;
        struct err err;

        recorder_init(&recorder);
        CHECK_OK(file_replace(&recorder.ops, check_dir(), "manifest", slice_from_text("one"), &err), &err);
        CHECK_TEXT(recorder_calls(&recorder), "open pwrite fsync close rename opendir fsync close ");
        check_content("manifest", "one");
        CHECK_OK(file_replace(&recorder.ops, check_dir(), "manifest", slice_from_text("second"), &err), &err);
        check_content("manifest", "second");
        CHECK_INT(access(in_dir("manifest.tmp"), F_OK), -1);
        bytes_done(&recorder.calls);
}

TEST(replacement_that_fails_leaves_old_or_new)
{
        struct recorder recorder;
        struct err err;
        unsigned n_failures = 0;
        int result;

        do {
                n_failures += 1;
                REQUIRE(file_replace(file_ops_system(), check_dir(), "manifest", slice_from_text("old"), &err) == 0);
                recorder_init(&recorder);
                recorder.fail_at = n_failures;
                recorder.fail_errno = EIO;
                result = file_replace(&recorder.ops, check_dir(), "manifest", slice_from_text("new"), &err);
                /* Calls 1 to 5 end with the rename; behind it the content is new, though not yet sure. The last
                 * call closes a directory, which has nothing to lose. */
                CHECK_INT(result, n_failures <= 7 ? -1 : 0);
                check_content("manifest", n_failures <= 5 ? "old" : "new");
                CHECK_INT(access(in_dir("manifest.tmp"), F_OK), -1);
                if (result < 0) {
                        CHECK_CONTAINS(err.text, "Input/output error");
                        CHECK_INT(err.code, ERR_IO);
                }
                bytes_done(&recorder.calls);
        } while (result < 0 && n_failures < 20);
        CHECK_UINT(n_failures, 8);
}

TEST(short_and_interrupted_transfers_go_on)
{
        struct recorder recorder;
        struct err err;
        char data[100];
        size_t len = 0;
        int fd;

        recorder_init(&recorder);
        recorder.step = 7;
        recorder.n_interrupts = 2;
        memset(data, 'x', sizeof(data));
        fd = open(in_dir("file"), O_RDWR | O_CREAT, 0600);
        REQUIRE(fd >= 0);
        CHECK_OK(file_write_all(&recorder.ops, fd, data, sizeof(data), 5, &err), &err);
        CHECK_UINT(recorder.n_calls, 15 + 2);
        recorder.n_interrupts = 2;
        memset(data, 0, sizeof(data));
        CHECK_OK(file_read_all(&recorder.ops, fd, data, sizeof(data), 15, &len, &err), &err);
        CHECK_UINT(len, 90);
        CHECK(data[0] == 'x' && data[89] == 'x' && data[90] == 0);
        close(fd);
        bytes_done(&recorder.calls);
}

TEST(full_disk_is_named_and_errno_is_kept)
{
        struct recorder recorder;
        struct err err;
        int fd = open(in_dir("file"), O_RDWR | O_CREAT, 0600);

        REQUIRE(fd >= 0);
        recorder_init(&recorder);
        recorder.step = 3;
        recorder.fail_at = 2;
        recorder.fail_errno = ENOSPC;
        CHECK_FAILS(file_write_all(&recorder.ops, fd, "abcdef", 6, 0, &err), &err,
                    "write of 3 bytes at 3 failed: No space left on device");
        CHECK_INT(errno, ENOSPC);
        close(fd);
        bytes_done(&recorder.calls);
}

TEST(write_of_nothing_does_not_go_on_for_ever)
{
        struct recorder recorder;
        struct err err;

        recorder_init(&recorder);
        recorder.fail_at = 1;
        recorder.fail_errno = 0;
        CHECK_FAILS(file_write_all(&recorder.ops, -1, "abc", 3, 0, &err), &err, "No space left on device");
        CHECK_INT(errno, ENOSPC);
        bytes_done(&recorder.calls);
}

TEST(whole_file_is_read_up_to_its_limit)
{
        static char big[20000];
        uint8_t *data = NULL;
        size_t len = 0;
        struct err err;

        memset(big, 'b', sizeof(big));
        REQUIRE(file_replace(file_ops_system(), check_dir(), "big", slice_make(big, sizeof(big)), &err) == 0);
        CHECK_FAILS(file_read_whole(file_ops_system(), in_dir("big"), sizeof(big) - 1, &data, &len, &err), &err,
                    "has more than 19999 bytes");
        CHECK_OK(file_read_whole(file_ops_system(), in_dir("big"), sizeof(big), &data, &len, &err), &err);
        CHECK_BYTES(data, len, big, sizeof(big));
        alloc_free(data);
        data = NULL;
        REQUIRE(file_replace(file_ops_system(), check_dir(), "none", slice_make(NULL, 0), &err) == 0);
        CHECK_OK(file_read_whole(file_ops_system(), in_dir("none"), 0, &data, &len, &err), &err);
        CHECK_UINT(len, 0);
        alloc_free(data);
        CHECK_FAILS(file_read_whole(file_ops_system(), in_dir("absent"), 10, &data, &len, &err), &err,
                    "No such file or directory");
}

TEST(file_without_a_size_is_read)
{
        uint8_t *data = NULL;
        size_t len = 0;
        struct err err;

        CHECK_OK(file_read_whole(file_ops_system(), "/proc/self/status", 1 << 20, &data, &len, &err), &err);
        CHECK(len > 100);
        alloc_free(data);
}

static void add_name(void *context, const char *name)
{
        unsigned *mask = context;

        *mask |= strcmp(name, "a") == 0 ? 1u : strcmp(name, "b") == 0 ? 2u : 4u;
}

TEST(listing_names_everything_but_the_dots)
{
        struct err err;
        unsigned mask = 0;

        REQUIRE(file_replace(file_ops_system(), check_dir(), "a", slice_make(NULL, 0), &err) == 0);
        REQUIRE(file_replace(file_ops_system(), check_dir(), "b", slice_make(NULL, 0), &err) == 0);
        CHECK_INT(file_ops_system()->list(NULL, check_dir(), add_name, &mask), 0);
        CHECK_UINT(mask, 3);
        CHECK_INT(file_ops_system()->list(NULL, in_dir("absent"), add_name, &mask), -1);
        CHECK_INT(errno, ENOENT);
}

TEST(lock_is_held_once)
{
        const struct file_ops *ops = file_ops_system();
        int first = ops->open(NULL, in_dir("lock"), O_RDWR | O_CREAT, 0600);
        int second = ops->open(NULL, in_dir("lock"), O_RDWR, 0);

        CHECK_INT(ops->lock(NULL, first), 0);
        CHECK_INT(ops->lock(NULL, second), -1);
        CHECK_INT(errno, EWOULDBLOCK);
        ops->close(NULL, first);
        CHECK_INT(ops->lock(NULL, second), 0);
        ops->close(NULL, second);
}

TEST(space_is_taken_and_given_back)
{
        const struct file_ops *ops = file_ops_system();
        int fd = ops->open(NULL, in_dir("space"), O_RDWR | O_CREAT, 0600);
        struct stat status;

        CHECK_INT(ops->fallocate(NULL, fd, 0, 65536), 0);
        CHECK_INT(ops->fstat(NULL, fd, &status), 0);
        CHECK_INT(status.st_size, 65536);
        CHECK_INT(ops->ftruncate(NULL, fd, 10), 0);
        CHECK_INT(ops->fstat(NULL, fd, &status), 0);
        CHECK_INT(status.st_size, 10);
        CHECK_INT(ops->fdatasync(NULL, fd), 0);
        CHECK_INT(ops->close(NULL, fd), 0);
        CHECK_INT(ops->mkdir(NULL, in_dir("sub"), 0700), 0);
        CHECK_INT(ops->mkdir(NULL, in_dir("sub"), 0700), -1);
        CHECK_INT(errno, EEXIST);
}
