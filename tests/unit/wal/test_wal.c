/* test_wal.c - a log is opened, written, recovered, released. */
#include "tests/lib/check.h"
#include "tests/lib/faulty_file.h"
#include "tests/lib/quick_file.h"

#include "sidecar/wal/wal.h"
#include "sidecar/wal/wal_reader.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

enum { SEGMENT_BYTES = 64 << 10 };

static struct wal_config config_of(const char *dir)
{
        return (struct wal_config){.dir = dir,
                                   .ops = quick_file_ops(),
                                   .instance = 7,
                                   .segment_bytes = SEGMENT_BYTES,
                                   .is_inline = true};
}

static struct wal *open_log(const struct wal_config *config, struct wal_recovery *ret_recovery)
{
        struct wal *wal = NULL;
        struct err err;

        CHECK_OK(wal_open(config, &wal, ret_recovery, &err), &err);
        REQUIRE(wal != NULL);
        return wal;
}

static void tend(struct wal *wal)
{
        struct err err;
        int result;

        do
                result = wal_tend(wal, &err);
        while (result == WAL_E_MORE);
        CHECK_OK(result, &err);
}

/* Record number n: its payload is n as text, repeated to `len` bytes. */
static void fill(uint8_t *payload, size_t len, uint64_t n)
{
        for (size_t i = 0; i < len; i++)
                payload[i] = (uint8_t)(n * 31 + i);
}

static uint64_t append(struct wal *wal, size_t len, uint64_t n)
{
        struct wal_room room;
        struct err err;
        int result = wal_reserve(wal, len, &room, &err);

        if (result == WAL_E_FULL) {
                wal_kick(wal);
                tend(wal);
                result = wal_reserve(wal, len, &room, &err);
        }
        CHECK_OK(result, &err);
        REQUIRE(result == 0);
        fill(room.payload, len, n);
        return wal_finish(wal, 3, WAL_WHOLE, len);
}

/* Reads all records; they must be numbers first.. in order, `n` of them, of the lengths that length_of gives. */
static void check_records(const char *dir, uint64_t from_lsn, uint64_t first, uint64_t n, size_t (*length_of)(uint64_t))
{
        struct wal_reader_config config = {.dir = dir, .ops = quick_file_ops(), .instance = 7, .from_lsn = from_lsn};
        struct wal_reader *reader = NULL;
        struct wal_record record;
        struct err err;
        uint8_t expected[40000];
        uint64_t i = first;
        int result;

        CHECK_OK(wal_reader_open(&config, &reader, &err), &err);
        REQUIRE(reader != NULL);
        while ((result = wal_reader_next(reader, &record, &err)) == 0) {
                size_t len = length_of(i);

                fill(expected, len, i);
                CHECK_BYTES(record.payload.data, record.payload.len, expected, len);
                i++;
        }
        CHECK_INT(result, WAL_E_END);
        CHECK_UINT(i - first, n);
        wal_reader_close(reader);
}

static size_t length_small(uint64_t n)
{
        return n % 7 * 13;
}

static size_t length_large(uint64_t n)
{
        return n % 5 * 9000;
}

TEST(new_log_is_empty_and_full_until_tended)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal *wal = open_log(&config, &recovery);
        struct wal_room room;
        struct err err;

        CHECK_UINT(recovery.end_lsn, 0);
        CHECK_UINT(recovery.next_lsn, 0);
        CHECK_INT(wal_reserve(wal, 10, &room, &err), WAL_E_FULL);
        tend(wal);
        CHECK_OK(wal_reserve(wal, 10, &room, &err), &err);
        CHECK_UINT(room.lsn, WAL_BLOCK_BYTES);
        CHECK_UINT(room.segment, 0);
        wal_close(wal);
}

TEST(records_come_back_in_order_after_reopening)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal *wal = open_log(&config, &recovery);
        uint64_t n = 0;

        tend(wal);
        for (int group = 0; group < 20; group++) {
                for (int i = 0; i <= group; i++, n++)
                        append(wal, length_small(n), n);
                wal_kick(wal);
                CHECK_UINT(wal_durable(wal) % WAL_BLOCK_BYTES, 0);
                CHECK(wal_durable(wal) >= wal_end(wal));
        }
        wal_close(wal);
        check_records(config.dir, 0, 0, n, length_small);
        wal = open_log(&config, &recovery);
        CHECK_UINT(recovery.torn_bytes, 0);
        CHECK_UINT(recovery.next_lsn % SEGMENT_BYTES, 0);
        tend(wal);
        for (int i = 0; i < 5; i++, n++)
                append(wal, length_small(n), n);
        wal_kick(wal);
        wal_close(wal);
        check_records(config.dir, 0, 0, n, length_small);
}

TEST(log_goes_on_from_segment_to_segment)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal *wal = open_log(&config, &recovery);
        struct wal_stats stats;
        uint64_t n;

        for (n = 0; n < 60; n++) {
                append(wal, length_large(n), n);
                wal_kick(wal);
                tend(wal);
        }
        wal_stats(wal, &stats);
        CHECK(stats.n_segments > 10);
        CHECK_UINT(stats.n_records, 60);
        wal_close(wal);
        check_records(config.dir, 0, 0, n, length_large);
}

TEST(released_segments_are_recycled_and_their_bytes_never_read)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal *wal = open_log(&config, &recovery);
        struct wal_stats stats;
        uint64_t kept = 0, kept_n = 0;
        struct err err;
        uint64_t n;

        for (n = 0; n < 400; n++) {
                uint64_t lsn = append(wal, length_large(n), n);

                wal_kick(wal);
                if (n % 20 == 0) {
                        wal_release(wal, kept);
                        kept = lsn;
                        kept_n = n;
                }
                tend(wal);
        }
        wal_stats(wal, &stats);
        CHECK(stats.disk_bytes < 24 * SEGMENT_BYTES);
        wal_close(wal);
        check_records(config.dir, kept, kept_n, n - kept_n, length_large);
        config.from_lsn = config.proven_lsn = kept;
        wal = open_log(&config, &recovery);
        CHECK(recovery.end_lsn > kept);
        wal_close(wal);
        config.from_lsn = 1;
        config.proven_lsn = 0;
        CHECK_FAILS(wal_open(&config, &wal, &recovery, &err), &err, "the checkpoint needs it from lsn 1 on");
}

TEST(unit_without_its_last_record_is_not_shown)
{
        struct wal_config config = config_of(check_dir());
        struct wal_reader_config reading = {.dir = config.dir, .ops = config.ops};
        struct wal_recovery recovery;
        struct wal *wal = open_log(&config, &recovery);
        struct wal_reader *reader;
        struct wal_record record;
        struct wal_end_info end;
        struct wal_room room;
        struct err err;
        static const uint8_t flags[] = {WAL_FIRST, 0, WAL_LAST, WAL_WHOLE, WAL_FIRST, 0};

        tend(wal);
        for (int life = 0; life < 2; life++) {
                for (size_t i = 0; i < sizeof(flags); i++) {
                        CHECK_OK(wal_reserve(wal, 1, &room, &err), &err);
                        room.payload[0] = (uint8_t)i;
                        wal_finish(wal, 9, flags[i], 1);
                }
                wal_kick(wal);
                wal_close(wal);
                wal = open_log(&config, &recovery);
                tend(wal);
        }
        wal_close(wal);
        CHECK_OK(wal_reader_open(&reading, &reader, &err), &err);
        for (int i = 0; i < 8; i++) {
                CHECK_OK(wal_reader_next(reader, &record, &err), &err);
                CHECK_UINT(record.payload.data[0], (unsigned)i % 4);
                CHECK(record.is_whole);
        }
        CHECK_INT(wal_reader_next(reader, &record, &err), WAL_E_END);
        wal_reader_end(reader, &end);
        CHECK_UINT(end.n_broken_units, 2);
        wal_reader_close(reader);
}

TEST(sync_thread_makes_records_durable_and_says_so)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal *wal;
        struct pollfd event;
        struct err err;
        uint64_t lsn;

        config.is_inline = false;
        wal = open_log(&config, &recovery);
        tend(wal);
        for (uint64_t n = 0; n < 50; n++) {
                lsn = append(wal, length_small(n), n);
                wal_kick(wal);
                while (wal_durable(wal) <= lsn) {
                        event = (struct pollfd){.fd = wal_event_fd(wal), .events = POLLIN};
                        if (!wal_spin(wal, 1000))
                                CHECK_INT(poll(&event, 1, 5000), 1);
                        CHECK_OK(wal_on_event(wal, &err), &err);
                }
        }
        append(wal, length_small(50), 50);
        CHECK_OK(wal_drain(wal, &err), &err);
        wal_close(wal);
        check_records(config.dir, 0, 0, 51, length_small);
}

static void count_need(void *context)
{
        ++*(unsigned *)context;
}

TEST(background_work_is_announced_when_a_segment_is_taken_or_released)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal *wal = open_log(&config, &recovery);
        unsigned n_needs = 0;

        wal_set_need(wal, count_need, &n_needs);
        tend(wal);
        CHECK_UINT(n_needs, 0);
        append(wal, 40000, 1);
        CHECK_UINT(n_needs, 1);
        append(wal, 100, 2);
        CHECK_UINT(n_needs, 1);
        append(wal, 40000, 3);
        CHECK_UINT(n_needs, 2);
        wal_release(wal, wal_end(wal));
        CHECK_UINT(n_needs, 3);
        wal_close(wal);
}

TEST(two_logs_live_in_one_process)
{
        char dirs[2][300];
        struct wal_config config[2];
        struct wal_recovery recovery;
        struct wal *wal[2];

        for (int i = 0; i < 2; i++) {
                snprintf(dirs[i], sizeof(dirs[i]), "%s/%d", check_dir(), i);
                CHECK_INT(quick_file_ops()->mkdir(NULL, dirs[i], 0700), 0);
                config[i] = config_of(dirs[i]);
                wal[i] = open_log(&config[i], &recovery);
                tend(wal[i]);
        }
        for (uint64_t n = 0; n < 30; n++)
                append(wal[n % 3 == 0], length_small(n % 3 == 0 ? n / 3 : n - n / 3 - 1),
                       n % 3 == 0 ? n / 3 : n - n / 3 - 1);
        for (int i = 0; i < 2; i++) {
                wal_kick(wal[i]);
                wal_close(wal[i]);
        }
        check_records(dirs[1], 0, 0, 10, length_small);
        check_records(dirs[0], 0, 0, 20, length_small);
}

TEST(failed_write_or_sync_poisons_the_log_for_ever)
{
        static const char *const calls[] = {"pwrite", "fdatasync"};

        for (int i = 0; i < 2; i++) {
                struct wal_config config = config_of(check_dir());
                struct wal_recovery recovery;
                struct faulty_file faulty;
                struct wal_room room;
                struct wal *wal;
                struct err err;
                uint64_t durable, n_calls;

                faulty_file_init(&faulty, quick_file_ops());
                config.ops = &faulty.ops;
                wal = open_log(&config, &recovery);
                tend(wal);
                append(wal, 100, 1);
                wal_kick(wal);
                durable = wal_durable(wal);
                CHECK_OK(wal_on_event(wal, &err), &err);
                append(wal, 100, 2);
                faulty_file_fail_all(&faulty, calls[i], EIO);
                wal_kick(wal);
                faulty_file_heal(&faulty);
                n_calls = faulty.n_calls;
                CHECK(wal_is_poisoned(wal));
                CHECK_FAILS(wal_on_event(wal, &err), &err, "Input/output error");
                CHECK_FAILS(wal_reserve(wal, 10, &room, &err), &err, "Input/output error");
                CHECK_FAILS(wal_tend(wal, &err), &err, "Input/output error");
                CHECK_FAILS(wal_drain(wal, &err), &err, "Input/output error");
                wal_kick(wal);
                CHECK_UINT(wal_durable(wal), durable);
                /* Nothing was tried again. */
                CHECK_UINT(faulty.n_calls, n_calls);
                wal_close(wal);
                faulty_file_done(&faulty);
        }
}

TEST(log_at_its_limit_of_bytes_is_full_until_segments_are_released)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal_stats stats;
        struct wal_room room;
        struct wal *wal;
        struct err err;
        uint64_t n = 0;
        int result;

        config.max_bytes = 4 * SEGMENT_BYTES;
        wal = open_log(&config, &recovery);
        do {
                while (wal_tend(wal, &err) == WAL_E_MORE)
                        ;
                while ((result = wal_reserve(wal, 20000, &room, &err)) == 0) {
                        wal_finish(wal, 1, WAL_WHOLE, 20000);
                        wal_kick(wal);
                        n++;
                }
                CHECK_INT(result, WAL_E_FULL);
        } while (wal_tend(wal, &err) != WAL_E_NO_SPACE);
        wal_stats(wal, &stats);
        CHECK(stats.is_no_space);
        CHECK_UINT(stats.disk_bytes, 4 * SEGMENT_BYTES);
        CHECK_UINT(n, 12);
        wal_release(wal, wal_end(wal));
        tend(wal);
        wal_stats(wal, &stats);
        CHECK(!stats.is_no_space);
        CHECK_OK(wal_reserve(wal, 20000, &room, &err), &err);
        wal_close(wal);
}

TEST(reserve_is_a_quarter_of_a_segment_or_another_one)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal_room room;
        struct wal *wal;
        struct err err;

        config.max_bytes = SEGMENT_BYTES;
        config.n_ready = 1;
        wal = open_log(&config, &recovery);
        CHECK(!wal_has_reserve(wal, 0));
        CHECK_INT(wal_tend(wal, &err), WAL_E_MORE);
        while (wal_tend(wal, &err) == WAL_E_MORE)
                ;
        CHECK(wal_has_reserve(wal, 0));
        CHECK_OK(wal_reserve(wal, 44000, &room, &err), &err);
        wal_finish(wal, 1, WAL_WHOLE, 44000);
        CHECK(wal_has_reserve(wal, 0));
        CHECK_OK(wal_reserve(wal, 2000, &room, &err), &err);
        wal_finish(wal, 1, WAL_WHOLE, 2000);
        CHECK(!wal_has_reserve(wal, 0));
        wal_close(wal);
}

TEST(reserve_for_much_is_all_that_can_be_had)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal_stats stats;
        struct wal_room room;
        struct wal *wal;
        struct err err;

        config.max_bytes = 4 * SEGMENT_BYTES;
        wal = open_log(&config, &recovery);
        CHECK(!wal_has_reserve(wal, 2 * SEGMENT_BYTES));
        tend(wal);
        CHECK(wal_has_reserve(wal, 2 * SEGMENT_BYTES)); /* three are ready: there will not be more */
        for (int i = 0; i < 2; i++) {
                CHECK_OK(wal_reserve(wal, 50000, &room, &err), &err);
                wal_finish(wal, 1, WAL_WHOLE, 50000);
                wal_kick(wal);
        }
        while (wal_tend(wal, &err) == WAL_E_MORE)
                ;
        wal_stats(wal, &stats);
        CHECK(stats.is_no_space);
        CHECK(stats.is_at_max);
        CHECK_UINT(stats.n_ready, 2);
        CHECK(wal_has_reserve(wal, SEGMENT_BYTES / 4));
        CHECK(wal_has_reserve(wal, SEGMENT_BYTES));
        CHECK(!wal_has_reserve(wal, 2 * SEGMENT_BYTES));
        wal_stats(wal, &stats);
        CHECK(stats.is_short);
        wal_release(wal, wal_end(wal));
        CHECK(!wal_has_reserve(wal, 2 * SEGMENT_BYTES)); /* what was released is not ready yet */
        tend(wal);
        CHECK(wal_has_reserve(wal, 2 * SEGMENT_BYTES));
        CHECK(wal_has_reserve(wal, 9 * SEGMENT_BYTES));
        wal_close(wal);
}

TEST(limit_below_two_segments_is_two_segments)
{
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct wal_stats stats;
        struct wal_room room;
        struct wal *wal;
        struct err err;

        config.max_bytes = SEGMENT_BYTES / 2;
        wal = open_log(&config, &recovery);
        for (int i = 0; i < 10; i++) {
                while (wal_tend(wal, &err) == WAL_E_MORE)
                        ;
                CHECK_OK(wal_reserve(wal, 50000, &room, &err), &err);
                wal_finish(wal, 1, WAL_WHOLE, 50000);
                wal_kick(wal);
                wal_release(wal, wal_end(wal));
                wal_stats(wal, &stats);
                CHECK(stats.disk_bytes <= 2 * SEGMENT_BYTES);
        }
        wal_close(wal);
}

TEST(log_without_sync_claims_nothing_and_comes_back_as_far_as_it_reaches)
{
        for (int loss = FAULTY_LOSE_SOME; loss <= FAULTY_KEEP_ALL; loss++) {
                struct check_random random = check_seed(3 + (uint64_t)loss);
                struct wal_config config = config_of(check_dir());
                struct wal_reader_config reading = {.ops = quick_file_ops()};
                struct wal_recovery recovery;
                struct wal_reader *reader;
                struct wal_record record;
                struct faulty_file faulty;
                struct wal *wal;
                struct err err;
                char dir[4200];
                uint64_t n, came_back = 0;

                snprintf(dir, sizeof(dir), "%s/%d", check_dir(), loss);
                CHECK_INT(quick_file_ops()->mkdir(NULL, dir, 0700), 0);
                faulty_file_init(&faulty, quick_file_ops());
                config.dir = reading.dir = dir;
                config.ops = &faulty.ops;
                config.sync = WAL_SYNC_OFF;
                wal = open_log(&config, &recovery);
                for (n = 0; n < 60; n++) {
                        append(wal, length_large(n), n);
                        wal_kick(wal);
                        CHECK(wal_durable(wal) >= wal_end(wal));
                        tend(wal);
                }
                faulty_file_crash(&faulty, (enum faulty_loss)loss, &random);
                wal_close(wal);
                faulty_file_done(&faulty);
                config.ops = quick_file_ops();
                wal = open_log(&config, &recovery);
                tend(wal);
                append(wal, 77, 0);
                wal_kick(wal);
                wal_close(wal);
                CHECK_OK(wal_reader_open(&reading, &reader, &err), &err);
                while (wal_reader_next(reader, &record, &err) == 0)
                        came_back++;
                wal_reader_close(reader);
                if (loss == FAULTY_KEEP_ALL)
                        CHECK_UINT(came_back, 61);
                else
                        CHECK(came_back >= 1 && came_back <= 61);
        }
}

/* ---- three threads ---- */

struct keeping {
        struct wal *wal;
        atomic_bool is_over;
        atomic_uint_least64_t n_steps;
};

static void *keep(void *context)
{
        struct keeping *keeping = context;
        struct err err;

        while (!atomic_load(&keeping->is_over)) {
                int result = wal_tend(keeping->wal, &err);

                atomic_fetch_add(&keeping->n_steps, 1);
                if (result < 0)
                        return NULL;
                if (result != WAL_E_MORE)
                        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        }
        return NULL;
}

TEST(three_threads_write_sync_and_recycle_and_nothing_is_lost)
{
        struct check_random random = check_seed(5);
        struct wal_config config = config_of(check_dir());
        struct wal_recovery recovery;
        struct keeping keeping = {.n_steps = 0};
        struct wal_stats stats;
        struct pollfd event;
        struct wal_room room;
        struct err err;
        pthread_t thread;
        uint64_t n, kept = 0, kept_n = 0, lsn;

        config.is_inline = false;
        keeping.wal = open_log(&config, &recovery);
        CHECK_INT(pthread_create(&thread, NULL, keep, &keeping), 0);
        for (n = 0; n < 400;) {
                int result = wal_reserve(keeping.wal, length_large(n), &room, &err);

                CHECK(result == 0 || result == WAL_E_FULL);
                if (result == WAL_E_FULL) {
                        event = (struct pollfd){.fd = wal_event_fd(keeping.wal), .events = POLLIN};
                        CHECK_INT(poll(&event, 1, 20000), 1);
                        CHECK_OK(wal_on_event(keeping.wal, &err), &err);
                        wal_kick(keeping.wal);
                        continue;
                }
                fill(room.payload, length_large(n), n);
                lsn = wal_finish(keeping.wal, 1, WAL_WHOLE, length_large(n));
                if (check_random_below(&random, 3) == 0)
                        wal_kick(keeping.wal);
                if (check_random_below(&random, 50) == 0)
                        wal_spin(keeping.wal, 1000);
                if (n % 50 == 0) {
                        wal_release(keeping.wal, kept);
                        kept = lsn;
                        kept_n = n;
                }
                n++;
        }
        CHECK_OK(wal_drain(keeping.wal, &err), &err);
        CHECK(wal_durable(keeping.wal) >= wal_end(keeping.wal));
        atomic_store(&keeping.is_over, true);
        pthread_join(thread, NULL);
        wal_stats(keeping.wal, &stats);
        CHECK_UINT(stats.n_records, 400);
        CHECK(stats.n_groups > 20);
        wal_close(keeping.wal);
        check_records(config.dir, kept, kept_n, n - kept_n, length_large);
}
