/* test_faulty_file.c - the fault injector itself: what fails, what is taken back, what stays. */
#include "tests/lib/faulty_file.h"

#include "sidecar/base/alloc.h"
#include "tests/lib/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char *in_dir(const char *name)
{
        static char paths[4][512];
        static unsigned next;
        char *path = paths[next++ % 4];

        snprintf(path, sizeof(paths[0]), "%s/%s", check_dir(), name);
        return path;
}

static int open_file(struct faulty_file *faulty, const char *name)
{
        return faulty->ops.open(faulty, in_dir(name), O_RDWR | O_CREAT, 0600);
}

static void check_content(const char *name, const char *expected)
{
        uint8_t *data = NULL;
        size_t len = 0;
        struct err err;

        if (file_read_whole(file_ops_system(), in_dir(name), 1 << 20, &data, &len, &err) < 0) {
                CHECK_TEXT(NULL, expected);
                return;
        }
        if (expected == NULL)
                CHECK_FAIL("'%s' exists", name);
        else
                CHECK_BYTES(data, len, expected, strlen(expected));
        alloc_free(data);
}

TEST(nth_call_fails_once)
{
        struct faulty_file faulty;
        int fd;

        faulty_file_init(&faulty, file_ops_system());
        faulty_file_fail(&faulty, 3, FAULTY_ERRNO, EIO);
        fd = open_file(&faulty, "a");
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "abcd", 4, 0), 4);
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "wxyz", 4, 0), -1);
        CHECK_INT(errno, EIO);
        CHECK_TEXT(faulty.failed_name, "pwrite");
        CHECK(faulty.has_failed);
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "efgh", 4, 4), 4);
        CHECK_INT(faulty.ops.close(&faulty, fd), 0);
        check_content("a", "abcdefgh");
        faulty_file_done(&faulty);
}

TEST(short_and_torn_writes_move_a_half)
{
        struct faulty_file faulty;
        int fd;

        faulty_file_init(&faulty, file_ops_system());
        fd = open_file(&faulty, "a");
        faulty_file_fail(&faulty, 1, FAULTY_SHORT, EIO);
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "abcd", 4, 0), 2);
        faulty_file_fail(&faulty, 1, FAULTY_TORN, ENOSPC);
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "cdef", 4, 2), -1);
        CHECK_INT(errno, ENOSPC);
        faulty_file_fail(&faulty, 1, FAULTY_SHORT, EIO);
        CHECK_INT(faulty.ops.fsync(&faulty, fd), -1);
        faulty.ops.close(&faulty, fd);
        check_content("a", "abcd");
        faulty_file_done(&faulty);
}

TEST(killed_process_changes_nothing_more)
{
        struct faulty_file faulty;
        int fd;

        faulty_file_init(&faulty, file_ops_system());
        fd = open_file(&faulty, "a");
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "abcd", 4, 0), 4);
        faulty_file_fail(&faulty, 1, FAULTY_KILL, 0);
        CHECK_INT(faulty.ops.rename(&faulty, in_dir("a"), in_dir("b")), -1);
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "x", 1, 0), -1);
        CHECK_INT(errno, ESHUTDOWN);
        CHECK_INT(faulty.ops.unlink(&faulty, in_dir("a")), -1);
        CHECK_INT(open_file(&faulty, "c"), -1);
        CHECK_INT(faulty.ops.close(&faulty, fd), -1);
        check_content("a", "abcd");
        check_content("b", NULL);
        check_content("c", NULL);
        faulty_file_done(&faulty);
}

TEST(full_disk_can_be_freed)
{
        struct faulty_file faulty;
        int fd;

        faulty_file_init(&faulty, file_ops_system());
        fd = open_file(&faulty, "a");
        faulty_file_fail_all(&faulty, "pwrite", ENOSPC);
        CHECK_INT(faulty.ops.fsync(&faulty, fd), 0);
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "x", 1, 0), -1);
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "x", 1, 0), -1);
        faulty_file_heal(&faulty);
        CHECK_INT(faulty.ops.pwrite(&faulty, fd, "x", 1, 0), 1);
        faulty.ops.close(&faulty, fd);
        faulty_file_done(&faulty);
}

/* "old" synced in files a and b; then everything that can change, changes without a sync. */
static void change_everything(struct faulty_file *faulty)
{
        struct err err;
        int fd;

        REQUIRE(file_replace(file_ops_system(), check_dir(), "a", slice_from_text("old a"), &err) == 0);
        REQUIRE(file_replace(file_ops_system(), check_dir(), "b", slice_from_text("old b"), &err) == 0);
        REQUIRE(file_replace(file_ops_system(), check_dir(), "c", slice_from_text("old c"), &err) == 0);
        fd = open_file(faulty, "a");
        REQUIRE(faulty->ops.pwrite(faulty, fd, "new a, longer", 13, 0) == 13);
        REQUIRE(faulty->ops.pwrite(faulty, fd, "NEW", 3, 0) == 3);
        faulty->ops.close(faulty, fd);
        REQUIRE(faulty->ops.rename(faulty, in_dir("a"), in_dir("b")) == 0);
        fd = open_file(faulty, "d");
        REQUIRE(faulty->ops.pwrite(faulty, fd, "new d", 5, 0) == 5);
        faulty->ops.close(faulty, fd);
        REQUIRE(faulty->ops.unlink(faulty, in_dir("c")) == 0);
        REQUIRE(faulty->ops.mkdir(faulty, in_dir("sub"), 0700) == 0);
        fd = open_file(faulty, "b");
        REQUIRE(faulty->ops.ftruncate(faulty, fd, 3) == 0);
        REQUIRE(faulty->ops.fallocate(faulty, fd, 0, 100) == 0);
        faulty->ops.close(faulty, fd);
}

TEST(power_cut_can_lose_everything_unsynced)
{
        struct check_random random = check_seed(1);
        struct faulty_file faulty;

        faulty_file_init(&faulty, file_ops_system());
        change_everything(&faulty);
        faulty_file_crash(&faulty, FAULTY_LOSE_ALL, &random);
        check_content("a", "old a");
        check_content("b", "old b");
        check_content("c", "old c");
        check_content("d", NULL);
        CHECK_INT(access(in_dir("sub"), F_OK), -1);
        faulty_file_done(&faulty);
}

TEST(power_cut_can_lose_nothing)
{
        struct check_random random = check_seed(1);
        struct faulty_file faulty;

        faulty_file_init(&faulty, file_ops_system());
        change_everything(&faulty);
        faulty_file_crash(&faulty, FAULTY_KEEP_ALL, &random);
        check_content("a", NULL);
        check_content("c", NULL);
        check_content("d", "new d");
        CHECK_INT(access(in_dir("sub"), F_OK), 0);
        faulty_file_done(&faulty);
}

TEST(what_was_synced_is_never_lost)
{
        struct check_random random = check_seed(2);

        for (unsigned round = 0; round < 50; round++) {
                struct faulty_file faulty;
                struct err err;
                int fd;

                faulty_file_init(&faulty, file_ops_system());
                CHECK_OK(file_replace(&faulty.ops, check_dir(), "m", slice_from_text("one"), &err), &err);
                fd = open_file(&faulty, "m");
                CHECK_INT(faulty.ops.pwrite(&faulty, fd, "two", 3, 0), 3);
                CHECK_INT(faulty.ops.fdatasync(&faulty, fd), 0);
                CHECK_INT(faulty.ops.pwrite(&faulty, fd, "three", 5, 512), 5);
                faulty.ops.close(&faulty, fd);
                faulty_file_crash(&faulty, round % 2 == 0 ? FAULTY_LOSE_SOME : FAULTY_LOSE_ALL, &random);
                fd = open(in_dir("m"), O_RDONLY);
                REQUIRE(fd >= 0);
                {
                        char data[3] = "";

                        CHECK_INT(pread(fd, data, 3, 0), 3);
                        CHECK_BYTES(data, 3, "two", 3);
                }
                close(fd);
                CHECK_INT(unlink(in_dir("m")), 0);
                faulty_file_done(&faulty);
        }
}

TEST(losing_some_keeps_old_or_new_by_sector_and_varies)
{
        struct check_random random = check_seed(3);
        unsigned n_old = 0;
        unsigned n_new = 0;
        unsigned n_other = 0;

        for (unsigned round = 0; round < 20; round++) {
                struct faulty_file faulty;
                uint8_t data[4 * 512];
                int fd;

                faulty_file_init(&faulty, file_ops_system());
                fd = open_file(&faulty, "s");
                REQUIRE(faulty.ops.pwrite(&faulty, fd, memset(data, 'o', sizeof(data)), sizeof(data), 0) > 0);
                REQUIRE(faulty.ops.fsync(&faulty, fd) == 0);
                REQUIRE(faulty.ops.pwrite(&faulty, fd, memset(data, 'n', sizeof(data)), sizeof(data), 0) > 0);
                faulty_file_crash(&faulty, FAULTY_LOSE_SOME, &random);
                CHECK_INT(pread(fd, data, sizeof(data), 0), (ssize_t)sizeof(data));
                for (unsigned i = 0; i < sizeof(data); i++) {
                        n_old += data[i] == 'o';
                        n_new += data[i] == 'n';
                        n_other += (data[i] != 'o' && data[i] != 'n') || data[i] != data[i / 512 * 512];
                }
                faulty.ops.close(&faulty, fd);
                unlink(in_dir("s"));
                faulty_file_done(&faulty);
        }
        CHECK(n_old > 0);
        CHECK(n_new > 0);
        CHECK_UINT(n_other, 0);
}
