/* wal.c - the log: gathers records into groups, has one group at a time synced, recovers.
 *
 * Groups. Three buffers go round: one gathers, at most two are handed over, of which the sync thread has one in flight.
 * A group is handed over by wal_kick when nothing is in flight, or because its segment has no room for the next record.
 * The sync thread takes groups in order: write, sync, and only then is durable_lsn moved and the next one taken. So
 * each group is written after all before it were synced, and its first LSN is itself the durable position that its
 * records name (wal_format.h).
 *
 * Directory. A segment is made whole before its first use (wal_pool.h); its header block is the first block of its
 * first group. A restart always goes on in a new segment: nothing is ever written into a block that may hold
 * acknowledged records, and the torn tail is left as it is, because the new segment's header says where the log ended
 * (wal_recovery.c).
 *
 * Invariants (wal_check):
 *   I1  durable <= handed end <= end
 *   I2  landed <= handed <= landed + 2
 *   I3  at most one segment is written to
 *   I4  segment numbers are contiguous, LSNs only grow
 *
 * Failures:
 *   write or sync of a group  poisoned for ever: nothing becomes durable any more, every call says so; the outcome of
 *   that
 *                             group is unknown and is settled by the next recovery
 *   making a segment          ENOSPC, EDQUOT: WAL_E_NO_SPACE, again later; anything else: poisoned
 *   any call in wal_open      an error; nothing was written
 *
 * Spinning. After a group the sync thread looks for the next one for some microseconds before it sleeps, and wal_spin
 * does the same for the loop. With one core for both, the spinner would keep the other from running, so nobody spins
 * there. */
#include "sidecar/wal/wal.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/clock.h"
#include "sidecar/base/hash.h"
#include "sidecar/base/limits.h"
#include "sidecar/wal/wal_pool.h"
#include "sidecar/wal/wal_recovery.h"
#include "sidecar/wal/wal_writer.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
        WAL_GROUPS = 3,
        WAL_SPIN_NS = 30000,   /* how long the sync thread looks for the next group */
        WAL_SPIN_PAUSES = 16,  /* pauses between two looks at the clock */
};

struct wal_group {
        uint8_t *data;
        size_t bytes;
        struct wal_segment *segment;
        uint64_t first_lsn;
};

struct wal {
        struct wal_config config;
        char *dir;
        size_t group_capacity;
        /* Loop thread. */
        struct wal_writer writer;    /* the gathering group */
        struct wal_segment *segment; /* being written, NULL: none yet */
        struct wal_segment_header header; /* of the segment under way */
        struct hash_key salt_key;
        uint64_t end_lsn;            /* behind the last finished record */
        uint64_t seen_durable;       /* by wal_spin */
        struct wal_room room;        /* handed out */
        uint64_t n_records, n_full;
        bool is_short;
        void (*on_need)(void *context); /* may be NULL */
        void *need_context;
        /* Both. Group g lives in groups[g % WAL_GROUPS]. */
        struct wal_group groups[WAL_GROUPS];
        atomic_uint_least64_t handed; /* groups handed over; loop thread writes */
        atomic_uint_least64_t landed; /* groups written and synced; sync thread writes */
        atomic_uint_least64_t durable_lsn;
        atomic_uint_least64_t n_bytes, n_syncs, sync_ns, sync_ns_max;
        atomic_bool is_poisoned, is_stopping;
        pthread_mutex_t poison_lock;
        struct err poison; /* the first error; guarded by poison_lock */
        struct wal_pool pool;
        int event_fd;
        bool can_spin, has_thread;
        pthread_t thread;
        sem_t handed_over;
};

static void wal_check(const struct wal *wal)
{
        uint64_t handed = atomic_load_explicit(&wal->handed, memory_order_relaxed);
        uint64_t landed = atomic_load_explicit(&wal->landed, memory_order_acquire);

        assert(landed <= handed && handed - landed < WAL_GROUPS);
        assert(atomic_load_explicit(&wal->durable_lsn, memory_order_relaxed) <=
               (wal->segment == NULL ? wal->end_lsn : wal_writer_end(&wal->writer)));
}

/* ---- sync thread ---- */

static void wal_notify(struct wal *wal)
{
        uint64_t one = 1;
        ssize_t ignored = write(wal->event_fd, &one, sizeof(one)); /* fails only when it is readable anyway */

        (void)ignored;
}

static void wal_poison(struct wal *wal, const struct err *err)
{
        pthread_mutex_lock(&wal->poison_lock);
        if (!atomic_load(&wal->is_poisoned)) {
                wal->poison = *err;
                atomic_store(&wal->is_poisoned, true);
        }
        pthread_mutex_unlock(&wal->poison_lock);
        wal_notify(wal);
}

static void wal_count_sync(struct wal *wal, const struct wal_group *group, uint64_t ns)
{
        atomic_fetch_add_explicit(&wal->n_bytes, group->bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&wal->sync_ns, ns, memory_order_relaxed);
        if (ns > atomic_load_explicit(&wal->sync_ns_max, memory_order_relaxed))
                atomic_store_explicit(&wal->sync_ns_max, ns, memory_order_relaxed);
}

/* Writes and syncs the oldest group handed over. */
static int wal_land_group(struct wal *wal, struct err *err)
{
        const struct file_ops *ops = wal->config.ops;
        uint64_t landed = atomic_load_explicit(&wal->landed, memory_order_relaxed);
        const struct wal_group *group = &wal->groups[landed % WAL_GROUPS];
        off_t at = (off_t)(group->first_lsn - group->segment->first_lsn);
        uint64_t begin = clock_monotonic_ns(clock_system());

        if (file_write_all(ops, group->segment->fd, group->data, group->bytes, at, err) != 0)
                return err_prefix(err, "log '%s'", wal->config.dir);
        if (wal->config.sync == WAL_SYNC_GROUP) {
                if (ops->fdatasync(ops->context, group->segment->fd) != 0)
                        return err_set_errno(err, ERR_IO, errno, "log '%s': sync failed", wal->config.dir);
                atomic_fetch_add_explicit(&wal->n_syncs, 1, memory_order_relaxed);
        }
        wal_count_sync(wal, group, clock_monotonic_ns(clock_system()) - begin);
        atomic_store_explicit(&wal->durable_lsn, group->first_lsn + group->bytes, memory_order_release);
        atomic_store_explicit(&wal->landed, landed + 1, memory_order_release);
        return 0;
}

static void wal_pause(void)
{
#if defined(__x86_64__)
        __builtin_ia32_pause();
#else
        sched_yield();
#endif
}

/* Takes one hand-over, looking for it before sleeping where that hurts nobody. */
static void wal_wait_for_group(struct wal *wal)
{
        uint64_t until;

        if (sem_trywait(&wal->handed_over) == 0)
                return;
        if (wal->can_spin) {
                until = clock_monotonic_ns(clock_system()) + WAL_SPIN_NS;
                do {
                        for (int i = 0; i < WAL_SPIN_PAUSES; i++)
                                wal_pause();
                        if (sem_trywait(&wal->handed_over) == 0)
                                return;
                } while (clock_monotonic_ns(clock_system()) < until);
        }
        while (sem_wait(&wal->handed_over) != 0)
                assert(errno == EINTR);
}

static void *wal_sync_main(void *context)
{
        struct wal *wal = context;
        struct err err = {.code = ERR_NONE};

        for (;;) {
                wal_wait_for_group(wal);
                if (atomic_load_explicit(&wal->landed, memory_order_relaxed) ==
                    atomic_load_explicit(&wal->handed, memory_order_acquire)) {
                        assert(atomic_load(&wal->is_stopping));
                        return NULL;
                }
                if (atomic_load(&wal->is_poisoned))
                        return NULL;
                if (wal_land_group(wal, &err) != 0) {
                        wal_poison(wal, &err);
                        return NULL;
                }
                wal_notify(wal);
        }
}

/* ---- loop thread: groups ---- */

static uint64_t wal_in_flight(const struct wal *wal)
{
        return atomic_load_explicit(&wal->handed, memory_order_relaxed) -
               atomic_load_explicit(&wal->landed, memory_order_acquire);
}

/* The next group gathers in the next buffer, from the current end of the segment on. */
static void wal_begin_group(struct wal *wal, uint64_t first_lsn)
{
        struct wal_group *group =
                &wal->groups[atomic_load_explicit(&wal->handed, memory_order_relaxed) % WAL_GROUPS];

        group->segment = wal->segment;
        group->first_lsn = first_lsn;
        wal_writer_begin(&wal->writer, group->data, wal->group_capacity, first_lsn);
}

/* Hands the gathering group over. A buffer must be free for the next. */
static void wal_hand_over(struct wal *wal)
{
        uint64_t handed = atomic_load_explicit(&wal->handed, memory_order_relaxed);
        struct wal_group *group = &wal->groups[handed % WAL_GROUPS];
        struct err err = {.code = ERR_NONE};

        assert(wal_in_flight(wal) < WAL_GROUPS - 1);
        group->bytes = wal_writer_pad(&wal->writer);
        atomic_store_explicit(&wal->handed, handed + 1, memory_order_release);
        if (wal->has_thread)
                sem_post(&wal->handed_over);
        else if (atomic_load(&wal->is_poisoned))
                ;
        else if (wal_land_group(wal, &err) != 0)
                wal_poison(wal, &err);
        else
                wal_notify(wal);
}

static void wal_need(struct wal *wal)
{
        if (wal->on_need != NULL)
                wal->on_need(wal->need_context);
}

/* Closes the segment under way and starts the next. WAL_E_FULL: no buffer is free, or no segment is ready. */
static int wal_switch_segment(struct wal *wal)
{
        struct wal_segment *next;
        uint64_t end = wal->header.previous_end;
        uint32_t chain = wal->header.previous_chain;

        if (wal->segment != NULL) {
                wal->is_short = wal_pool_n_ready(&wal->pool) == 0;
                if (wal_in_flight(wal) >= WAL_GROUPS - 1 || wal->is_short)
                        return WAL_E_FULL;
                if (wal->writer.n_records > 0) {
                        wal_hand_over(wal);
                        if (atomic_load(&wal->is_poisoned))
                                return WAL_E_FULL;
                }
                end = wal_writer_end(&wal->writer);
                chain = wal->writer.chain;
                wal_pool_finish(&wal->pool, wal->segment, end);
        }
        next = wal_pool_take(&wal->pool);
        if (next == NULL) {
                assert(wal->segment == NULL);
                wal->is_short = true;
                return WAL_E_FULL;
        }
        wal_need(wal);
        wal->header.number++;
        wal->header.first_lsn = next->first_lsn;
        wal->header.salt = hash_u64(&wal->salt_key, wal->header.number);
        wal->header.previous_end = end;
        wal->header.previous_chain = chain;
        wal->header.flags = wal->config.sync == WAL_SYNC_OFF && wal->segment != NULL ? WAL_SEGMENT_UNSYNCED : 0;
        wal->segment = next;
        wal_begin_group(wal, next->first_lsn);
        wal_writer_start_segment(&wal->writer, WAL_MAGIC_LOG, &wal->header);
        return 0;
}

/* ---- loop thread: records ---- */

static int wal_poisoned_err(struct wal *wal, struct err *err)
{
        pthread_mutex_lock(&wal->poison_lock);
        if (err != NULL)
                *err = wal->poison;
        pthread_mutex_unlock(&wal->poison_lock);
        return -1;
}

static bool wal_has_segment_room(const struct wal *wal, size_t payload_max)
{
        uint64_t offset = wal->writer.group_lsn - wal->segment->first_lsn;

        return offset + wal_writer_bytes_with(&wal->writer, payload_max) <= wal->segment->bytes;
}

int wal_reserve(struct wal *wal, size_t payload_max, struct wal_room *ret_room, struct err *err)
{
        if (atomic_load_explicit(&wal->is_poisoned, memory_order_relaxed))
                return wal_poisoned_err(wal, err);
        if (payload_max > wal->config.record_bytes)
                return err_set(err, ERR_INTERNAL, "record of %zu bytes does not fit the log's limit of %zu",
                               payload_max, wal->config.record_bytes);
        if (wal->segment == NULL || !wal_has_segment_room(wal, payload_max)) {
                if (wal_switch_segment(wal) != 0)
                        goto full;
        } else if (wal_writer_bytes_with(&wal->writer, payload_max) > wal->group_capacity) {
                if (wal_in_flight(wal) >= WAL_GROUPS - 1)
                        goto full;
                wal_hand_over(wal);
                wal_begin_group(wal, wal_writer_end(&wal->writer));
        }
        wal->room = (struct wal_room){
                .payload = wal_writer_reserve(&wal->writer, payload_max),
                .payload_max = payload_max,
                .lsn = wal_writer_end(&wal->writer),
                .segment = wal->segment->first_lsn,
        };
        *ret_room = wal->room;
        wal_check(wal);
        return 0;
full:
        if (atomic_load_explicit(&wal->is_poisoned, memory_order_relaxed))
                return wal_poisoned_err(wal, err);
        wal->n_full++;
        return WAL_E_FULL;
}

uint64_t wal_finish(struct wal *wal, uint8_t type, uint8_t flags, size_t payload_len)
{
        uint64_t lsn = wal_writer_finish(&wal->writer, type, flags, payload_len);

        wal->n_records++;
        wal->end_lsn = wal_writer_end(&wal->writer);
        return lsn;
}

bool wal_kick(struct wal *wal)
{
        if (wal->segment == NULL || wal->writer.n_records == 0 || wal_in_flight(wal) > 0 ||
            atomic_load_explicit(&wal->is_poisoned, memory_order_relaxed))
                return false;
        wal_hand_over(wal);
        wal_begin_group(wal, wal_writer_end(&wal->writer));
        wal_check(wal);
        return true;
}

/* ---- loop thread: progress ---- */

int wal_event_fd(const struct wal *wal)
{
        return wal->event_fd;
}

int wal_on_event(struct wal *wal, struct err *err)
{
        uint64_t count;
        ssize_t ignored = read(wal->event_fd, &count, sizeof(count)); /* EAGAIN: the event was taken already */

        (void)ignored;
        return atomic_load(&wal->is_poisoned) ? wal_poisoned_err(wal, err) : 0;
}

bool wal_spin(struct wal *wal, uint64_t max_ns)
{
        uint64_t durable = wal_durable(wal);
        uint64_t until;

        if (durable == wal->seen_durable && wal->can_spin && wal_in_flight(wal) > 0) {
                until = clock_monotonic_ns(clock_system()) + max_ns;
                do {
                        for (int i = 0; i < WAL_SPIN_PAUSES; i++)
                                wal_pause();
                        durable = wal_durable(wal);
                } while (durable == wal->seen_durable && clock_monotonic_ns(clock_system()) < until);
        }
        if (durable == wal->seen_durable)
                return false;
        wal->seen_durable = durable;
        return true;
}

int wal_drain(struct wal *wal, struct err *err)
{
        struct pollfd event = {.fd = wal->event_fd, .events = POLLIN};
        const struct file_ops *ops = wal->config.ops;

        for (;;) {
                wal_kick(wal);
                if (atomic_load(&wal->is_poisoned))
                        return wal_poisoned_err(wal, err);
                if (!wal_is_busy(wal))
                        break;
                if (poll(&event, 1, 1000) > 0 && wal_on_event(wal, err) != 0)
                        return -1;
        }
        /* The background thread syncs the segments before this one when it closes them. */
        if (wal->config.sync == WAL_SYNC_OFF && wal->segment != NULL &&
            ops->fdatasync(ops->context, wal->segment->fd) != 0)
                return err_set_errno(err, ERR_IO, errno, "log '%s': sync failed", wal->config.dir);
        return 0;
}

bool wal_has_reserve(struct wal *wal, size_t bytes)
{
        uint64_t quarter = wal->config.segment_bytes / 4;
        uint64_t left = 0, ready;

        if (wal->segment != NULL)
                left = wal->segment->bytes - (wal_writer_end(&wal->writer) - wal->segment->first_lsn);
        wal->is_short = false;
        if (left >= quarter && bytes <= quarter)
                return true;
        ready = wal_pool_n_ready(&wal->pool) * (uint64_t)wal->config.segment_bytes;
        /* Half of a segment may be lost to records that do not fit its end. */
        if (bytes <= quarter)
                wal->is_short = ready == 0;
        else
                wal->is_short = (left + ready) / 2 < bytes &&
                                !wal_pool_is_at_best(&wal->pool, wal_durable(wal), wal->end_lsn);
        return !wal->is_short;
}

size_t wal_record_bytes(const struct wal *wal)
{
        return wal->config.record_bytes;
}

uint64_t wal_end(const struct wal *wal)
{
        return wal->end_lsn;
}

uint64_t wal_durable(const struct wal *wal)
{
        return atomic_load_explicit(&wal->durable_lsn, memory_order_acquire);
}

bool wal_is_busy(const struct wal *wal)
{
        return wal_in_flight(wal) > 0 || (wal->segment != NULL && wal->writer.n_records > 0);
}

bool wal_is_poisoned(const struct wal *wal)
{
        return atomic_load(&wal->is_poisoned);
}

void wal_release(struct wal *wal, uint64_t lsn)
{
        wal_pool_release(&wal->pool, lsn);
        wal_need(wal);
}

void wal_stats(struct wal *wal, struct wal_stats *ret_stats)
{
        *ret_stats = (struct wal_stats){
                .n_records = wal->n_records,
                .n_groups = atomic_load_explicit(&wal->landed, memory_order_relaxed),
                .n_bytes = atomic_load_explicit(&wal->n_bytes, memory_order_relaxed),
                .n_syncs = atomic_load_explicit(&wal->n_syncs, memory_order_relaxed),
                .sync_ns = atomic_load_explicit(&wal->sync_ns, memory_order_relaxed),
                .sync_ns_max = atomic_load_explicit(&wal->sync_ns_max, memory_order_relaxed),
                .n_full = wal->n_full,
                .is_short = wal->is_short,
                .end_lsn = wal->end_lsn,
                .durable_lsn = wal_durable(wal),
        };
        wal_pool_stats(&wal->pool, ret_stats);
}

/* ---- background thread ---- */

void wal_set_need(struct wal *wal, void (*on_need)(void *context), void *context)
{
        wal->on_need = on_need;
        wal->need_context = context;
}

int wal_tend(struct wal *wal, struct err *err)
{
        struct err own = {.code = ERR_NONE};
        uint32_t n_ready = wal_pool_n_ready(&wal->pool);
        int result;

        if (atomic_load(&wal->is_poisoned))
                return wal_poisoned_err(wal, err);
        result = wal_pool_tend(&wal->pool, wal_durable(wal), &own);
        if (result < 0) {
                wal_poison(wal, &own);
                return wal_poisoned_err(wal, err);
        }
        if (wal_pool_n_ready(&wal->pool) > n_ready)
                wal_notify(wal);
        return result;
}

/* ---- life ---- */

/* Both threads may run at once only where this process has two cores. */
static bool wal_has_two_cores(void)
{
        cpu_set_t set;

        return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 1;
}

static int wal_config_complete(struct wal_config *config, struct err *err)
{
        size_t most;

        if (config->segment_bytes == 0)
                config->segment_bytes = WAL_SEGMENT_BYTES;
        if (config->segment_bytes < WAL_SEGMENT_BYTES_MIN || config->segment_bytes % WAL_BLOCK_BYTES != 0)
                return err_set(err, ERR_CONFIG, "log segment size %zu is not a multiple of %u of at least %u",
                               config->segment_bytes, WAL_BLOCK_BYTES, WAL_SEGMENT_BYTES_MIN);
        /* Header block, record header, and room for a PAD that takes another block. */
        most = config->segment_bytes - 3 * (size_t)WAL_BLOCK_BYTES;
        if (config->record_bytes == 0 || config->record_bytes > LIMIT_LOG_RECORD_BYTES)
                config->record_bytes = LIMIT_LOG_RECORD_BYTES;
        if (config->record_bytes > most)
                config->record_bytes = most;
        if (config->n_ready == 0)
                config->n_ready = 3;
        return 0;
}

static int wal_recover(struct wal *wal, struct wal_recovery *ret_recovery, struct err *err)
{
        const struct wal_config *config = &wal->config;
        struct wal_recovery recovery;
        struct wal_dir dir;

        if (wal_recovery_run(config, &dir, &wal->header, &recovery, err) != 0)
                return -1;
        wal->header.instance = config->instance;
        wal->header.bytes = config->segment_bytes;
        wal_pool_init(&wal->pool, config, &dir, recovery.end_lsn, recovery.next_lsn);
        wal->end_lsn = wal->seen_durable = recovery.end_lsn;
        atomic_store(&wal->durable_lsn, recovery.end_lsn);
        *ret_recovery = recovery;
        wal_dir_done(&dir);
        return 0;
}

int wal_open(const struct wal_config *config, struct wal **ret_wal, struct wal_recovery *ret_recovery, struct err *err)
{
        struct wal *wal = alloc_zero(1, sizeof(*wal));
        int why;

        wal->config = *config;
        wal->config.dir = wal->dir = alloc_text(config->dir);
        wal->event_fd = -1;
        pthread_mutex_init(&wal->poison_lock, NULL);
        sem_init(&wal->handed_over, 0, 0);
        hash_key_draw(&wal->salt_key);
        if (wal_config_complete(&wal->config, err) != 0 || wal_recover(wal, ret_recovery, err) != 0)
                goto out;
        /* One record of the largest size after anything smaller has been padded away. */
        wal->group_capacity = (wal->config.record_bytes / WAL_BLOCK_BYTES + 4) * WAL_BLOCK_BYTES;
        for (int i = 0; i < WAL_GROUPS; i++)
                wal->groups[i].data = alloc_pages(wal->group_capacity);
        wal->writer.is_unsynced = config->sync == WAL_SYNC_OFF;
        wal->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (wal->event_fd < 0) {
                err_set_errno(err, ERR_UNAVAILABLE, errno, "eventfd failed");
                goto out;
        }
        wal->can_spin = !config->is_inline && wal_has_two_cores();
        if (!config->is_inline) {
                why = pthread_create(&wal->thread, NULL, wal_sync_main, wal);
                if (why != 0) {
                        err_set_errno(err, ERR_UNAVAILABLE, why, "log's sync thread cannot be started");
                        goto out;
                }
                pthread_setname_np(wal->thread, "weir-sync");
                wal->has_thread = true;
        }
        *ret_wal = wal;
        return 0;
out:
        wal_close(wal);
        return -1;
}

struct wal *wal_close(struct wal *wal)
{
        if (wal == NULL)
                return NULL;
        if (wal->has_thread) {
                atomic_store(&wal->is_stopping, true);
                sem_post(&wal->handed_over);
                pthread_join(wal->thread, NULL);
        }
        wal_pool_done(&wal->pool);
        if (wal->event_fd >= 0)
                close(wal->event_fd);
        for (int i = 0; i < WAL_GROUPS; i++)
                alloc_free(wal->groups[i].data);
        sem_destroy(&wal->handed_over);
        pthread_mutex_destroy(&wal->poison_lock);
        alloc_free(wal->dir);
        alloc_free(wal);
        return NULL;
}
