/* mailbox.c - a ring of items, two counters, one "armed" flag, one eventfd.
 *
 * n_put is written by the producer only, n_taken by the consumer only; both only grow, and their difference
 * is what is inside. The sleep protocol is Dekker's: the consumer sets `armed` and then looks at n_put, the
 * producer moves n_put and then looks at `armed`, all sequentially consistent, so at least one of them sees
 * the other and no wake is lost. Each counter has a cache line of its own, beside its owner's remembered
 * view of the other, so that the common put and take touch no line that the other thread is writing. */
#include "sidecar/base/mailbox.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MAILBOX_LINE_BYTES = 64 };

struct mailbox {
        /* Set once. */
        uint8_t *items;
        size_t capacity;
        size_t item_bytes;
        int fd;
        /* Producer's line. */
        _Alignas(MAILBOX_LINE_BYTES) atomic_size_t n_put;
        size_t seen_taken; /* n_taken when the producer last looked */
        /* Consumer's line. */
        _Alignas(MAILBOX_LINE_BYTES) atomic_size_t n_taken;
        size_t seen_put; /* n_put when the consumer last looked */
        /* Both. */
        _Alignas(MAILBOX_LINE_BYTES) atomic_bool armed;
        atomic_bool closed;
};

int mailbox_new(size_t capacity, size_t item_bytes, struct mailbox **ret_mailbox, struct err *err)
{
        struct mailbox *mailbox;
        int fd;

        assert(capacity > 0 && (capacity & (capacity - 1)) == 0 && item_bytes > 0);
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return err_set_errno(err, ERR_UNAVAILABLE, errno, "cannot make an eventfd");
        mailbox = alloc_pages(sizeof(*mailbox)); /* for the alignment of its lines */
        *mailbox = (struct mailbox){
                .items = alloc_zero(capacity, item_bytes),
                .capacity = capacity,
                .item_bytes = item_bytes,
                .fd = fd,
        };
        atomic_init(&mailbox->n_put, 0);
        atomic_init(&mailbox->n_taken, 0);
        atomic_init(&mailbox->armed, true);
        atomic_init(&mailbox->closed, false);
        *ret_mailbox = mailbox;
        return 0;
}

void mailbox_free(struct mailbox *mailbox)
{
        if (mailbox == NULL)
                return;
        close(mailbox->fd);
        alloc_free(mailbox->items);
        alloc_free(mailbox);
}

static uint8_t *mailbox_item(const struct mailbox *mailbox, size_t index)
{
        return mailbox->items + (index & (mailbox->capacity - 1)) * mailbox->item_bytes;
}

/* ---- producer ---- */

static void mailbox_signal(struct mailbox *mailbox)
{
        static const uint64_t one = 1;
        ssize_t n;

        do
                n = write(mailbox->fd, &one, sizeof(one));
        while (n < 0 && errno == EINTR);
        /* EAGAIN: the counter is at its end, so the descriptor is readable as it should be. */
        assert(n == (ssize_t)sizeof(one) || errno == EAGAIN);
}

bool mailbox_put(struct mailbox *mailbox, const void *item)
{
        size_t at = atomic_load_explicit(&mailbox->n_put, memory_order_relaxed);

        if (atomic_load_explicit(&mailbox->closed, memory_order_relaxed))
                return false;
        if (at - mailbox->seen_taken == mailbox->capacity) {
                mailbox->seen_taken = atomic_load_explicit(&mailbox->n_taken, memory_order_acquire);
                if (at - mailbox->seen_taken == mailbox->capacity)
                        return false;
        }
        memcpy(mailbox_item(mailbox, at), item, mailbox->item_bytes);
        atomic_store(&mailbox->n_put, at + 1);
        if (atomic_load(&mailbox->armed) && atomic_exchange(&mailbox->armed, false))
                mailbox_signal(mailbox);
        return true;
}

void mailbox_wake(struct mailbox *mailbox)
{
        mailbox_signal(mailbox);
}

void mailbox_close(struct mailbox *mailbox)
{
        atomic_store(&mailbox->closed, true);
        mailbox_signal(mailbox);
}

/* ---- consumer ---- */

bool mailbox_take(struct mailbox *mailbox, void *ret_item)
{
        size_t at = atomic_load_explicit(&mailbox->n_taken, memory_order_relaxed);

        if (at == mailbox->seen_put) {
                mailbox->seen_put = atomic_load_explicit(&mailbox->n_put, memory_order_acquire);
                if (at == mailbox->seen_put)
                        return false;
        }
        memcpy(ret_item, mailbox_item(mailbox, at), mailbox->item_bytes);
        atomic_store_explicit(&mailbox->n_taken, at + 1, memory_order_release);
        return true;
}

bool mailbox_is_closed(const struct mailbox *mailbox)
{
        /* closed first: a put that came before the close is then seen in n_put. */
        return atomic_load(&mailbox->closed) &&
               atomic_load(&mailbox->n_put) == atomic_load_explicit(&mailbox->n_taken, memory_order_relaxed);
}

int mailbox_fd(const struct mailbox *mailbox)
{
        return mailbox->fd;
}

void mailbox_clear(struct mailbox *mailbox)
{
        uint64_t count;
        ssize_t n;

        atomic_store(&mailbox->armed, false);
        do
                n = read(mailbox->fd, &count, sizeof(count));
        while (n < 0 && errno == EINTR);
}

bool mailbox_arm(struct mailbox *mailbox)
{
        atomic_store(&mailbox->armed, true);
        return atomic_load(&mailbox->n_put) == atomic_load_explicit(&mailbox->n_taken, memory_order_relaxed);
}

static bool mailbox_spin(struct mailbox *mailbox, uint64_t spin_ns, void *ret_item)
{
        const struct clock *clock = clock_system();
        uint64_t start_ns = clock_monotonic_ns(clock);

        do {
                if (mailbox_take(mailbox, ret_item))
                        return true;
#if defined(__x86_64__)
                __builtin_ia32_pause();
#endif
        } while (clock_monotonic_ns(clock) - start_ns < spin_ns);
        return false;
}

bool mailbox_wait(struct mailbox *mailbox, uint64_t spin_ns, int timeout_ms, void *ret_item)
{
        struct pollfd poll_fd = {.fd = mailbox->fd, .events = POLLIN};

        if (mailbox_take(mailbox, ret_item))
                return true;
        if (spin_ns > 0 && mailbox_spin(mailbox, spin_ns, ret_item))
                return true;
        /* EINTR ends the wait like a wake: the caller looks at what it has to look at and comes back. */
        if (mailbox_arm(mailbox) && !atomic_load(&mailbox->closed) && poll(&poll_fd, 1, timeout_ms) > 0)
                mailbox_clear(mailbox);
        return mailbox_take(mailbox, ret_item);
}

size_t mailbox_count(const struct mailbox *mailbox)
{
        size_t n_taken = atomic_load_explicit(&mailbox->n_taken, memory_order_acquire);

        return atomic_load_explicit(&mailbox->n_put, memory_order_acquire) - n_taken;
}
