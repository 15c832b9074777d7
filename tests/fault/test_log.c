/* test_log.c - log, checkpoints and outbox under a disk that fails, fills up, tears or loses power, and under bytes
 * that change.
 *
 * The judge stands in log_life.h. `make check` takes every n-th fault point, by WEIR_FAULT_STRIDE; `make check-long`
 * takes all of them. */
#include "tests/fault/log_life.h"
#include "tests/lib/check.h"
#include "tests/lib/faulty_file.h"
#include "tests/lib/quick_file.h"

#include "sidecar/wal/wal_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

enum { OPERATIONS = 90, MORE = 20 };

static uint64_t stride(uint64_t normal)
{
        const char *text = getenv("WEIR_FAULT_STRIDE");

        return text == NULL ? normal : strtoull(text, NULL, 10);
}

/* ---- directories ---- */

/* Syncs are simulated, so memory does as well as a disk, and does not wait for one. */
__attribute__((constructor)) static void prefer_memory(void)
{
        if (access("/dev/shm", W_OK) == 0)
                setenv("TMPDIR", "/dev/shm", 0);
}

static void copy_file(const char *from, const char *to)
{
        uint8_t *data = NULL;
        size_t len = 0;
        struct err err;
        int fd;

        CHECK_OK(file_read_whole(file_ops_system(), from, 1 << 26, &data, &len, &err), &err);
        fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        REQUIRE(fd >= 0);
        CHECK_INT(write(fd, data, len), (ssize_t)len);
        close(fd);
        free(data);
}

struct names {
        char name[64][64];
        unsigned n;
};

static void add_name(void *context, const char *name)
{
        struct names *names = context;

        REQUIRE(names->n < 64);
        snprintf(names->name[names->n++], 64, "%s", name);
}

static void list(const char *dir, struct names *names)
{
        names->n = 0;
        CHECK_INT(file_ops_system()->list(NULL, dir, add_name, names), 0);
}

static const char *const parts[] = {"log", "checkpoint", "outbox"};

static void remove_all(const char *dir)
{
        for (int i = 0; i < 3; i++) {
                char path[8400];
                struct names names;

                snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);
                list(path, &names);
                for (unsigned k = 0; k < names.n; k++) {
                        snprintf(path, sizeof(path), "%s/%s/%s", dir, parts[i], names.name[k]);
                        CHECK_INT(unlink(path), 0);
                }
                snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);
                CHECK_INT(rmdir(path), 0);
        }
}

/* A fresh place for a life, a copy of `from` when it is not NULL. */
static void begin(struct log_life *life, const char *dir, const struct log_life *from)
{
        CHECK_INT(mkdir(dir, 0700) == 0 || errno == EEXIST, 1);
        log_life_init(life, dir);
        if (from == NULL)
                return;
        for (int i = 0; i < 3; i++) {
                char old[8400], new[8400];
                struct names names;

                snprintf(old, sizeof(old), "%s/%s", from->dir, parts[i]);
                list(old, &names);
                for (unsigned k = 0; k < names.n; k++) {
                        snprintf(old, sizeof(old), "%s/%s/%s", from->dir, parts[i], names.name[k]);
                        snprintf(new, sizeof(new), "%s/%s/%s", dir, parts[i], names.name[k]);
                        copy_file(old, new);
                }
        }
        life->n_acked = from->n_acked;
        life->cut_epoch = from->cut_epoch;
}

/* ---- one call fails ---- */

static const char *sub_dir(const char *name)
{
        static char path[2][4200];
        static int which;

        which = !which;
        snprintf(path[which], sizeof(path[which]), "%s/%s", check_dir(), name);
        return path[which];
}

/* The life is broken at call n of its work up to OPERATIONS, starting from `before`; the next one must find all that
 * was acknowledged, and go on. false: there is no n-th call. */
static bool break_at(const struct log_life *before, uint64_t n, enum faulty_kind kind, int why, bool is_power_cut,
                     enum faulty_loss loss, unsigned *ret_n_errors)
{
        struct check_random random = {.state = n};
        struct faulty_file faulty;
        struct log_life life;
        struct err err;
        bool has_failed;
        int result;

        begin(&life, sub_dir("life"), before);
        faulty_file_init(&faulty, quick_file_ops());
        faulty_file_fail(&faulty, n, kind, why);
        result = log_life_run(&life, &faulty.ops, OPERATIONS, &err);
        has_failed = faulty.has_failed;
        if (result < 0) {
                (*ret_n_errors)++;
                CHECK(has_failed);
                CHECK(err.text[0] != '\0');
        }
        if (has_failed && (kind == FAULTY_KILL))
                CHECK(result < 0 || life.n_acked == OPERATIONS);
        if (is_power_cut)
                faulty_file_crash(&faulty, loss, &random);
        if (has_failed) {
                const char *phase = life.phase;

                result = log_life_run(&life, quick_file_ops(), OPERATIONS + MORE, &err);
                CHECK_OK(result, &err);
                if (result != 0)
                        CHECK_FAIL("call %llu (%s) failed with kind %d, errno %d, while %s", (unsigned long long)n,
                                   faulty.failed_name, kind, why, phase);
                CHECK_UINT(life.n_acked, OPERATIONS + MORE);
        } else {
                CHECK_OK(result, &err);
        }
        faulty_file_done(&faulty);
        remove_all(life.dir);
        return has_failed;
}

static void break_everywhere(enum faulty_kind kind, int why, bool is_power_cut, enum faulty_loss loss, uint64_t step,
                             bool from_nothing)
{
        struct log_life before;
        unsigned n_errors = 0, n_points = 0;
        struct err err;

        begin(&before, sub_dir("before"), NULL);
        if (!from_nothing)
                CHECK_OK(log_life_run(&before, quick_file_ops(), OPERATIONS / 2, &err), &err);
        for (uint64_t n = 1; break_at(&before, n, kind, why, is_power_cut, loss, &n_errors); n += step)
                n_points++;
        CHECK(n_points > 10);
        if (kind == FAULTY_KILL || why == EIO)
                CHECK(n_errors > n_points / 2);
}

TEST(any_call_that_fails_with_eio_loses_nothing_acknowledged)
{
        break_everywhere(FAULTY_ERRNO, EIO, false, FAULTY_KEEP_ALL, stride(5), false);
        remove_all(sub_dir("before"));
        break_everywhere(FAULTY_ERRNO, EIO, false, FAULTY_KEEP_ALL, stride(7), true);
}

TEST(any_call_that_finds_the_disk_full_loses_nothing_acknowledged)
{
        break_everywhere(FAULTY_ERRNO, ENOSPC, false, FAULTY_KEEP_ALL, stride(5), false);
        remove_all(sub_dir("before"));
        break_everywhere(FAULTY_TORN, ENOSPC, false, FAULTY_KEEP_ALL, stride(7), true);
}

TEST(any_short_transfer_is_completed)
{
        break_everywhere(FAULTY_SHORT, EIO, false, FAULTY_KEEP_ALL, stride(5), false);
}

TEST(killed_at_any_call_it_goes_on_from_what_the_disk_has)
{
        break_everywhere(FAULTY_KILL, 0, false, FAULTY_KEEP_ALL, stride(3), false);
        remove_all(sub_dir("before"));
        break_everywhere(FAULTY_KILL, 0, false, FAULTY_KEEP_ALL, stride(5), true);
}

TEST(power_cut_at_any_call_keeps_what_was_synced)
{
        break_everywhere(FAULTY_KILL, 0, true, FAULTY_LOSE_ALL, stride(5), false);
        remove_all(sub_dir("before"));
        break_everywhere(FAULTY_KILL, 0, true, FAULTY_LOSE_SOME, stride(3), false);
        remove_all(sub_dir("before"));
        break_everywhere(FAULTY_KILL, 0, true, FAULTY_LOSE_SOME, stride(7), true);
}

/* After a kill the page cache shows what the disk does not have. The next life builds on it; then the power goes. */
static bool kill_then_cut(const struct log_life *before, uint64_t n)
{
        struct check_random random = {.state = n};
        struct faulty_file faulty;
        struct log_life life;
        struct err err;
        bool has_failed;
        int result;

        begin(&life, sub_dir("life"), before);
        faulty_file_init(&faulty, quick_file_ops());
        faulty_file_fail(&faulty, n, FAULTY_KILL, 0);
        result = log_life_run(&life, &faulty.ops, OPERATIONS, &err);
        has_failed = faulty.has_failed;
        CHECK(has_failed || result == 0);
        faulty.is_dead = false;
        faulty_file_fail(&faulty, 0, FAULTY_KILL, 0);
        CHECK_OK(log_life_run(&life, &faulty.ops, OPERATIONS + 1, &err), &err);
        faulty_file_crash(&faulty, FAULTY_LOSE_ALL, &random);
        CHECK_OK(log_life_run(&life, quick_file_ops(), OPERATIONS + MORE, &err), &err);
        faulty_file_done(&faulty);
        remove_all(life.dir);
        return has_failed;
}

TEST(power_cut_in_the_life_after_a_kill_keeps_what_that_life_acknowledged)
{
        struct log_life before;
        struct err err;
        uint64_t n;

        begin(&before, sub_dir("before"), NULL);
        CHECK_OK(log_life_run(&before, quick_file_ops(), OPERATIONS / 2, &err), &err);
        for (n = 1; kill_then_cut(&before, n);)
                n += stride(5);
        CHECK(n > 50);
}

TEST(damaged_checkpoint_falls_back_to_the_one_before_and_costs_nothing)
{
        static const char *const suffixes[] = {".state", ".manifest"};

        for (int which = 0; which < 2; which++) {
                char path[8400], newest[64] = "";
                struct log_life life;
                struct names names;
                uint8_t byte = 0;
                struct err err;
                int fd;

                begin(&life, sub_dir("life"), NULL);
                CHECK_OK(log_life_run(&life, quick_file_ops(), OPERATIONS, &err), &err);
                log_life_path(&life, "checkpoint", path);
                list(path, &names);
                for (unsigned i = 0; i < names.n; i++)
                        if (strstr(names.name[i], suffixes[which]) != NULL && strcmp(names.name[i], newest) > 0)
                                snprintf(newest, sizeof(newest), "%s", names.name[i]);
                snprintf(path, sizeof(path), "%s/checkpoint/%s", life.dir, newest);
                fd = open(path, O_RDWR);
                REQUIRE(fd >= 0);
                CHECK_INT(pread(fd, &byte, 1, 40), 1);
                byte ^= 1;
                CHECK_INT(pwrite(fd, &byte, 1, 40), 1);
                close(fd);
                /* More of the outbox is there than the older checkpoint says, and replay begins farther back. */
                CHECK_OK(log_life_run(&life, quick_file_ops(), OPERATIONS + MORE, &err), &err);
                CHECK_OK(log_life_run(&life, quick_file_ops(), OPERATIONS + 2 * MORE, &err), &err);
                remove_all(life.dir);
        }
}

/* No new segment can be made, for a while. */
TEST(full_disk_is_waited_for_and_left)
{
        struct faulty_file faulty;
        struct log_life life;
        struct err err;

        begin(&life, sub_dir("life"), NULL);
        CHECK_OK(log_life_run(&life, quick_file_ops(), 30, &err), &err);
        faulty_file_init(&faulty, quick_file_ops());
        /* No new segment can be made: the log stays full, and says so. */
        faulty_file_fail_all(&faulty, "open", ENOSPC);
        CHECK_FAILS(log_life_run(&life, &faulty.ops, 60, &err), &err, "No space left");
        faulty_file_heal(&faulty);
        CHECK_OK(log_life_run(&life, &faulty.ops, 60, &err), &err);
        CHECK_UINT(life.n_acked, 60);
        faulty_file_done(&faulty);
}

/* A real one: a file system of 400 KiB, filled up and freed again. */
TEST(small_file_system_that_is_full_is_waited_for_and_left)
{
        const char *dir = sub_dir("small");
        struct log_life life;
        char path[4200];
        struct err err;
        int result, fd;

        CHECK_INT(mkdir(dir, 0700), 0);
        if (mount("tmpfs", dir, "tmpfs", 0, "size=400k") != 0)
                CHECK_SKIP("no file system can be mounted here: %s", strerror(errno));
        begin(&life, dir, NULL);
        result = log_life_run(&life, quick_file_ops(), 20, &err);
        CHECK_OK(result, &err);
        snprintf(path, sizeof(path), "%s/ballast", dir);
        fd = open(path, O_WRONLY | O_CREAT, 0600);
        CHECK(fd >= 0);
        while (write(fd, path, sizeof(path)) > 0)
                ;
        CHECK_INT(errno, ENOSPC);
        close(fd);
        result = log_life_run(&life, quick_file_ops(), 150, &err);
        CHECK_FAILS(result, &err, "");
        CHECK(life.n_no_space > 0);
        CHECK(life.n_acked < 150);
        CHECK_INT(unlink(path), 0);
        result = log_life_run(&life, quick_file_ops(), 60, &err);
        CHECK_OK(result, &err);
        CHECK(life.n_acked >= 60);
        CHECK_INT(umount(dir), 0);
}

/* ---- bytes that change: a lens before one file ---- */

struct lens {
        struct file_ops ops;
        char path[4200];
        int fd;
        uint64_t cut;  /* the file ends here */
        uint64_t at;   /* this byte ... */
        uint8_t flip;  /* ... has these bits changed */
};

static int lens_open(void *context, const char *path, int flags, mode_t mode)
{
        struct lens *lens = context;
        int fd = quick_file_ops()->open(NULL, path, flags, mode);

        if (strcmp(path, lens->path) == 0)
                lens->fd = fd;
        return fd;
}

static int lens_close(void *context, int fd)
{
        struct lens *lens = context;

        if (fd == lens->fd)
                lens->fd = -1;
        return quick_file_ops()->close(NULL, fd);
}

static ssize_t lens_pread(void *context, int fd, void *data, size_t len, off_t at)
{
        struct lens *lens = context;
        ssize_t n;

        if (fd == lens->fd && (uint64_t)at >= lens->cut)
                return 0;
        if (fd == lens->fd && len > lens->cut - (uint64_t)at)
                len = (size_t)(lens->cut - (uint64_t)at);
        n = quick_file_ops()->pread(NULL, fd, data, len, at);
        if (fd == lens->fd && n > 0 && lens->at >= (uint64_t)at && lens->at < (uint64_t)at + (uint64_t)n)
                ((uint8_t *)data)[lens->at - (uint64_t)at] ^= lens->flip;
        return n;
}

static int lens_fstat(void *context, int fd, struct stat *ret_stat)
{
        struct lens *lens = context;
        int result = quick_file_ops()->fstat(NULL, fd, ret_stat);

        if (fd == lens->fd && (uint64_t)ret_stat->st_size > lens->cut)
                ret_stat->st_size = (off_t)lens->cut;
        return result;
}

static int lens_list(void *context, const char *path, file_name_fn each, void *each_context)
{
        (void)context;
        return quick_file_ops()->list(NULL, path, each, each_context);
}

static void lens_init(struct lens *lens, const char *dir, const char *name)
{
        *lens = (struct lens){.fd = -1, .cut = UINT64_MAX, .at = UINT64_MAX};
        lens->ops = *quick_file_ops();
        lens->ops.context = lens;
        lens->ops.open = lens_open;
        lens->ops.close = lens_close;
        lens->ops.pread = lens_pread;
        lens->ops.fstat = lens_fstat;
        lens->ops.list = lens_list;
        snprintf(lens->path, sizeof(lens->path), "%s/%s", dir, name);
}

/* A log of some segments that no checkpoint has cut. */
struct sample {
        struct log_life life;
        struct life_log log;
        char log_dir[4200];
        struct names names;     /* of its started segments, in order */
        uint64_t begins[64];    /* first position of each */
        uint64_t ends[64];      /* behind the last record of each, as offset */
        uint64_t end_lsn;
        uint64_t last_group;    /* where the last group begins, as offset in the last segment */
};

enum { SAMPLE_OPERATIONS = 24 };

static void make_sample(struct sample *sample)
{
        struct wal_reader_config config = {.ops = quick_file_ops()};
        struct wal_reader *reader;
        struct wal_record record;
        struct err err;
        uint64_t last_group = 0;

        begin(&sample->life, sub_dir("life"), NULL);
        sample->life.group_size = 5;
        CHECK_OK(log_life_run(&sample->life, quick_file_ops(), SAMPLE_OPERATIONS, &err), &err);
        log_life_path(&sample->life, "log", sample->log_dir);
        CHECK_OK(log_life_read(sample->log_dir, quick_file_ops(), 0, &sample->log, &err), &err);
        CHECK_UINT(sample->log.n, SAMPLE_OPERATIONS);
        config.dir = sample->log_dir;
        config.with_pads = true;
        CHECK_OK(wal_reader_open(&config, &reader, &err), &err);
        while (wal_reader_next(reader, &record, &err) == 0) {
                sample->end_lsn = record.next_lsn;
                last_group = record.group - record.segment;
        }
        sample->last_group = last_group;
        sample->names.n = 0;
        for (uint32_t i = 0; i < wal_reader_n_segments(reader); i++) {
                struct wal_segment_info info;

                wal_reader_segment(reader, i, &info);
                if (!info.is_started)
                        continue;
                sample->begins[sample->names.n] = info.first_lsn;
                sample->ends[sample->names.n] = info.end_lsn - info.first_lsn;
                add_name(&sample->names, info.name);
        }
        wal_reader_close(reader);
        CHECK(sample->names.n >= 2);
}

/* Operations that lie before a position. */
static uint64_t n_before(const struct sample *sample, uint64_t lsn)
{
        uint64_t n = 0;

        while (n < sample->log.n && sample->log.ends[n] <= lsn)
                n++;
        return n;
}

TEST(log_cut_at_every_byte_gives_whole_operations_or_refuses)
{
        struct sample sample;
        struct lens lens;
        struct err err;
        unsigned n_refused = 0, n_short = 0;

        make_sample(&sample);
        for (unsigned i = 0; i < sample.names.n; i++) {
                bool is_last = i + 1 == sample.names.n;

                lens_init(&lens, sample.log_dir, sample.names.name[i]);
                for (lens.cut = 0; lens.cut <= sample.ends[i] + 8; lens.cut += stride(1)) {
                        struct life_log log = {.n = 0};
                        int result = log_life_read(sample.log_dir, &lens.ops, 0, &log, &err);
                        bool is_whole = lens.cut >= sample.ends[i];
                        uint64_t expected = n_before(&sample, sample.begins[i] + (lens.cut < 4096 ? 0 : lens.cut));

                        n_refused += result < 0;
                        n_short += result == 0 && log.n < SAMPLE_OPERATIONS;
                        /* A cut in the middle is proven by what follows; at the end it is a torn tail. */
                        if (is_whole ? result < 0 || log.n != SAMPLE_OPERATIONS
                                     : is_last ? result < 0 || log.n != expected : result == 0)
                                CHECK_FAIL("segment %u cut at %llu: result %d, %llu operations, not %llu", i,
                                           (unsigned long long)lens.cut, result, (unsigned long long)log.n,
                                           (unsigned long long)expected);
                        /* What is known to have been durable is asked for. */
                        result = log_life_read(sample.log_dir, &lens.ops, sample.end_lsn, &log, &err);
                        if (is_whole != (result == 0))
                                CHECK_FAIL("segment %u cut at %llu, known to be durable: result %d", i,
                                           (unsigned long long)lens.cut, result);
                }
        }
        CHECK(n_refused > 0);
        CHECK(n_short > 0);
}

TEST(flipped_bit_is_refused_or_in_the_last_group)
{
        struct sample sample;
        struct lens lens;
        struct err err;
        uint64_t n_refused = 0, step = stride(23);

        make_sample(&sample);
        for (unsigned i = 0; i < sample.names.n; i++) {
                bool is_last = i + 1 == sample.names.n;

                lens_init(&lens, sample.log_dir, sample.names.name[i]);
                for (uint64_t bit = 0; bit < 8 * (sample.ends[i] + 16); bit += step) {
                        struct life_log log = {.n = 0};
                        bool is_used = bit / 8 < sample.ends[i];
                        /* The header block and the first group of a segment are one group. */
                        bool is_last_group = is_last && bit / 8 >= sample.last_group;
                        int result;

                        lens.at = bit / 8;
                        lens.flip = (uint8_t)(1 << bit % 8);
                        result = log_life_read(sample.log_dir, &lens.ops, 0, &log, &err);
                        n_refused += result < 0;
                        if (!is_used ? result < 0 || log.n != SAMPLE_OPERATIONS : !is_last_group && result == 0)
                                CHECK_FAIL("bit %llu of segment %u: result %d, %llu operations",
                                           (unsigned long long)bit, i, result, (unsigned long long)log.n);
                        if (is_last_group && result < 0)
                                CHECK_FAIL("bit %llu of the last group: %s", (unsigned long long)bit, err.text);
                        result = log_life_read(sample.log_dir, &lens.ops, sample.end_lsn, &log, &err);
                        if (is_used == (result == 0))
                                CHECK_FAIL("bit %llu of segment %u, known to be durable: result %d",
                                           (unsigned long long)bit, i, result);
                }
        }
        CHECK(n_refused > 0);
}

TEST(missing_segment_is_refused)
{
        struct sample sample;
        struct err err;

        make_sample(&sample);
        for (unsigned i = 0; i + 1 < sample.names.n; i++) {
                char path[8400], hidden[8400];

                snprintf(path, sizeof(path), "%s/%s", sample.log_dir, sample.names.name[i]);
                snprintf(hidden, sizeof(hidden), "%s/hidden", sample.log_dir);
                CHECK_INT(rename(path, hidden), 0);
                CHECK_FAILS(log_life_run(&sample.life, quick_file_ops(), SAMPLE_OPERATIONS, &err), &err,
                            i == 0 ? "there is no checkpoint to start from" : "is missing");
                CHECK_INT(rename(hidden, path), 0);
        }
        CHECK_OK(log_life_read(sample.log_dir, quick_file_ops(), 0, &sample.log, &err), &err);
        CHECK_UINT(sample.log.n, SAMPLE_OPERATIONS);
}

TEST(torn_tail_is_left_and_its_positions_are_never_used_again)
{
        struct sample sample;
        char path[8400];
        struct err err;
        uint8_t byte;
        int fd;

        make_sample(&sample);
        for (int round = 0; round < 3; round++) {
                /* The last group of the last segment loses a byte. */
                snprintf(path, sizeof(path), "%s/%s", sample.log_dir, sample.names.name[sample.names.n - 1]);
                fd = open(path, O_RDWR);
                REQUIRE(fd >= 0);
                CHECK_INT(pread(fd, &byte, 1, (off_t)sample.last_group + 40), 1);
                byte ^= 4;
                if (round == 0)
                        CHECK_INT(pwrite(fd, &byte, 1, (off_t)sample.last_group + 40), 1);
                close(fd);
                CHECK_OK(log_life_read(sample.log_dir, quick_file_ops(), 0, &sample.log, &err), &err);
                if (round == 0) {
                        CHECK(sample.log.n < SAMPLE_OPERATIONS);
                        sample.life.n_acked = sample.log.n;
                }
                CHECK_OK(log_life_run(&sample.life, quick_file_ops(), SAMPLE_OPERATIONS + (unsigned)round, &err), &err);
        }
}
