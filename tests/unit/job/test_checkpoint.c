/* test_checkpoint.c - two generations of state on disk, and what a start makes of them. */
#include "tests/lib/check.h"
#include "tests/lib/quick_file.h"

#include "sidecar/base/alloc.h"
#include "sidecar/job/checkpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Parts of a state that is `number` times "abc...". */
struct parts {
        unsigned n_left;
        unsigned number;
};

static bool next_part(void *context, struct bytes *part)
{
        struct parts *parts = context;

        if (parts->n_left == 0)
                return false;
        bytes_append_format(part, "state %u part %u;", parts->number, parts->n_left--);
        return true;
}

static struct checkpoint_manifest manifest_of(unsigned number)
{
        return (struct checkpoint_manifest){.instance = 7,
                                            .start = 2,
                                            .log_lsn = number * 1000,
                                            .is_log_durable = true,
                                            .outbox_lsn = number * 100,
                                            .last_epoch = number * 10,
                                            .last_arrival_ms = -1,
                                            .written_ms = 1700000000000 + number,
                                            .generation = number,
                                            .config = slice_from_text("CONFIG"),
                                            .extra = slice_from_text("extra!")};
}

static void publish(unsigned number, uint64_t expected_release)
{
        struct checkpoint_manifest manifest = manifest_of(number);
        struct parts parts = {.n_left = 3, .number = number};
        struct checkpoint_writer *writer = NULL;
        uint64_t release_lsn = 1;
        struct err err;
        int result;

        CHECK_OK(checkpoint_begin(check_dir(), quick_file_ops(), &manifest, next_part, &parts, &writer, &err), &err);
        REQUIRE(writer != NULL);
        do
                result = checkpoint_step(writer, &err);
        while (result == CHECKPOINT_E_MORE);
        CHECK_OK(result, &err);
        CHECK_OK(checkpoint_publish(writer, &release_lsn, &err), &err);
        CHECK_UINT(release_lsn, expected_release);
        checkpoint_end(writer);
}

static void count_file(void *context, const char *name)
{
        (void)name;
        ++*(unsigned *)context;
}

static unsigned n_files(void)
{
        unsigned n = 0;

        CHECK_INT(quick_file_ops()->list(NULL, check_dir(), count_file, &n), 0);
        return n;
}

/* Loads, and checks that it is checkpoint `number`. */
static void check_load(unsigned number, uint64_t proven_lsn, uint64_t release_lsn, uint32_t n_rejected)
{
        struct checkpoint checkpoint;
        struct err err;
        char expected[100];

        CHECK_OK(checkpoint_load(check_dir(), quick_file_ops(), 7, &checkpoint, &err), &err);
        CHECK_UINT(checkpoint.manifest.log_lsn, number * 1000);
        CHECK_UINT(checkpoint.manifest.outbox_lsn, number * 100);
        CHECK_UINT(checkpoint.manifest.last_epoch, number * 10);
        CHECK_INT(checkpoint.manifest.last_arrival_ms, -1);
        CHECK_UINT(checkpoint.manifest.generation, number);
        CHECK_SLICE(checkpoint.manifest.config, "CONFIG");
        CHECK_SLICE(checkpoint.manifest.extra, "extra!");
        snprintf(expected, sizeof(expected), "state %u part 3;state %u part 2;state %u part 1;", number, number,
                 number);
        CHECK_SLICE(checkpoint.state, expected);
        CHECK_UINT(checkpoint.proven_lsn, proven_lsn);
        CHECK_UINT(checkpoint.release_lsn, release_lsn);
        CHECK_UINT(checkpoint.n_rejected, n_rejected);
        checkpoint_done(&checkpoint);
}

static void flip(const char *name, off_t at)
{
        char path[4096];
        uint8_t byte;
        int fd;

        snprintf(path, sizeof(path), "%s/%s", check_dir(), name);
        fd = open(path, O_RDWR);
        REQUIRE(fd >= 0);
        CHECK_INT(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        CHECK_INT(pwrite(fd, &byte, 1, at), 1);
        close(fd);
}

/* The files of checkpoint 1 with one part, made by an independent program from the specification in checkpoint.c. */
static const uint8_t golden_state[] = {
        0x57, 0x45, 0x49, 0x52, 0x53, 0x54, 0x41, 0x0a, 0xbc, 0x10, 0x46, 0x17, 0x01, 0x00, 0x00, 0x00, 0x07, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0f, 0x00, 0x00, 0x00,
        0xf8, 0x03, 0x51, 0x77, 0x73, 0x74, 0x61, 0x74, 0x65, 0x20, 0x31, 0x20, 0x70, 0x61, 0x72, 0x74, 0x20, 0x31,
        0x3b};
static const uint8_t golden_manifest[] = {
        0x57, 0x45, 0x49, 0x52, 0x4d, 0x41, 0x4e, 0x0a, 0x53, 0x43, 0xa0, 0x6b, 0x01, 0x00, 0x00, 0x00, 0x07, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0xe8, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x64, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0x01, 0x68, 0xe5, 0xcf, 0x8b, 0x01, 0x00, 0x00, 0x37, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x69, 0x75,
        0x9b, 0xd5, 0x01, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x43, 0x4f, 0x4e, 0x46, 0x49, 0x47, 0x65, 0x78, 0x74, 0x72, 0x61, 0x21};

static void check_file(const char *name, const uint8_t *expected, size_t len)
{
        char path[4200];
        uint8_t *data = NULL;
        size_t actual_len = 0;
        struct err err;

        snprintf(path, sizeof(path), "%s/%s", check_dir(), name);
        CHECK_OK(file_read_whole(quick_file_ops(), path, 10000, &data, &actual_len, &err), &err);
        CHECK_BYTES(data, actual_len, expected, len);
        alloc_free(data);
}

TEST(files_have_the_bytes_that_the_specification_gives)
{
        struct checkpoint_manifest manifest = manifest_of(1);
        struct parts parts = {.n_left = 1, .number = 1};
        struct checkpoint_writer *writer;
        uint64_t release_lsn;
        struct err err;

        CHECK_OK(checkpoint_begin(check_dir(), quick_file_ops(), &manifest, next_part, &parts, &writer, &err), &err);
        CHECK_INT(checkpoint_step(writer, &err), CHECKPOINT_E_MORE);
        CHECK_OK(checkpoint_step(writer, &err), &err);
        CHECK_OK(checkpoint_publish(writer, &release_lsn, &err), &err);
        checkpoint_end(writer);
        check_file("0000000000000001.state", golden_state, sizeof(golden_state));
        check_file("0000000000000001.manifest", golden_manifest, sizeof(golden_manifest));
}

TEST(empty_directory_has_no_checkpoint)
{
        struct checkpoint checkpoint;
        struct err err;

        CHECK_INT(checkpoint_load(check_dir(), quick_file_ops(), 7, &checkpoint, &err), CHECKPOINT_E_NONE);
        CHECK_UINT(checkpoint.n_rejected, 0);
        CHECK_UINT(checkpoint.proven_lsn, 0);
        checkpoint_done(&checkpoint);
}

TEST(two_generations_are_kept_and_the_newest_is_loaded)
{
        publish(1, 0);
        check_load(1, 1000, 0, 0);
        CHECK_UINT(n_files(), 2);
        publish(2, 1000);
        publish(3, 2000);
        publish(4, 3000);
        CHECK_UINT(n_files(), 4);
        check_load(4, 4000, 3000, 0);
}

TEST(damaged_state_falls_back_one_generation_and_is_put_aside)
{
        publish(1, 0);
        publish(2, 1000);
        flip("0000000000000002.state", 50);
        check_load(1, 2000, 0, 1);
        /* The next one stands on the generation that works, and keeps it. */
        publish(5, 1000);
        check_load(5, 5000, 1000, 0);
        CHECK_UINT(n_files(), 5);
}

TEST(damaged_manifest_falls_back_too)
{
        publish(1, 0);
        publish(2, 1000);
        flip("0000000000000002.manifest", 44);
        check_load(1, 1000, 0, 1);
}

TEST(nothing_left_to_load_says_why)
{
        struct checkpoint checkpoint;
        struct err err;

        publish(1, 0);
        flip("0000000000000001.state", 33);
        CHECK_INT(checkpoint_load(check_dir(), quick_file_ops(), 7, &checkpoint, &err), CHECKPOINT_E_NONE);
        CHECK_UINT(checkpoint.n_rejected, 1);
        CHECK_UINT(checkpoint.proven_lsn, 1000);
        CHECK_CONTAINS(checkpoint.rejected, "0000000000000001.state");
        checkpoint_done(&checkpoint);
}

TEST(every_flipped_bit_and_every_cut_of_a_checkpoint_is_noticed)
{
        static const char *const names[] = {"0000000000000001.state", "0000000000000001.manifest"};
        const struct file_ops *ops = quick_file_ops();
        struct checkpoint checkpoint;
        struct err err;

        publish(1, 0);
        for (int which = 0; which < 2; which++) {
                char path[4096];
                uint8_t *data;
                size_t len;
                int fd;

                snprintf(path, sizeof(path), "%s/%s", check_dir(), names[which]);
                CHECK_OK(file_read_whole(ops, path, 10000, &data, &len, &err), &err);
                fd = open(path, O_RDWR);
                REQUIRE(fd >= 0);
                for (size_t at = 0; at < len; at++) {
                        data[at] ^= (uint8_t)(1 << at % 8);
                        CHECK_INT(pwrite(fd, data + at, 1, (off_t)at), 1);
                        CHECK_INT(checkpoint_load(check_dir(), ops, 7, &checkpoint, &err), CHECKPOINT_E_NONE);
                        checkpoint_done(&checkpoint);
                        data[at] ^= (uint8_t)(1 << at % 8);
                        CHECK_INT(pwrite(fd, data + at, 1, (off_t)at), 1);
                }
                check_load(1, 1000, 0, 0);
                for (size_t at = len; at-- > 0;) {
                        CHECK_INT(ftruncate(fd, (off_t)at), 0);
                        CHECK_INT(checkpoint_load(check_dir(), ops, 7, &checkpoint, &err), CHECKPOINT_E_NONE);
                        checkpoint_done(&checkpoint);
                }
                CHECK_INT(pwrite(fd, data, len, 0), (ssize_t)len);
                check_load(1, 1000, 0, 0);
                close(fd);
                alloc_free(data);
        }
}

TEST(attempt_that_is_given_up_leaves_nothing)
{
        struct checkpoint_manifest manifest = manifest_of(9);
        struct parts parts = {.n_left = 3, .number = 9};
        struct checkpoint_writer *writer;
        struct err err;

        publish(1, 0);
        CHECK_OK(checkpoint_begin(check_dir(), quick_file_ops(), &manifest, next_part, &parts, &writer, &err), &err);
        CHECK_INT(checkpoint_step(writer, &err), CHECKPOINT_E_MORE);
        CHECK_UINT(n_files(), 3);
        checkpoint_end(writer);
        CHECK_UINT(n_files(), 2);
        check_load(1, 1000, 0, 0);
}

TEST(checkpoint_of_another_instance_is_refused)
{
        struct checkpoint checkpoint;
        struct err err;

        publish(1, 0);
        CHECK_FAILS(checkpoint_load(check_dir(), quick_file_ops(), 8, &checkpoint, &err), &err, "belongs to instance");
}
