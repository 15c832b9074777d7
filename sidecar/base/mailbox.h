/* mailbox.h - bounded hand-over between two threads: the only place where threads meet.
 *
 * One thread puts, one takes; items are copied, all of one size, in order. A full mailbox refuses (the
 * producer keeps the item and goes on with its work), so neither side ever waits for a lock. The consumer
 * either waits in mailbox_wait, or watches mailbox_fd in its loop:
 *
 *     on readable:  mailbox_clear(mailbox);
 *                   do
 *                           while (mailbox_take(mailbox, &item))
 *                                   ...
 *                   while (!mailbox_arm(mailbox));
 *
 * The producer makes a system call only when the consumer has armed the mailbox and sleeps.
 * Everything that a producer wrote before mailbox_put is visible after the mailbox_take of that item. */
#ifndef WEIR_SIDECAR_BASE_MAILBOX_H
#define WEIR_SIDECAR_BASE_MAILBOX_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

struct mailbox;

/* capacity is a power of two. The new mailbox is armed. Any thread, before the two start. */
int mailbox_new(size_t capacity, size_t item_bytes, struct mailbox **ret_mailbox, struct err *err) WEIR_MUST_CHECK;
/* After both threads have let go of it. Accepts NULL. */
void mailbox_free(struct mailbox *mailbox);

/* Producer. */

/* False when the mailbox is full, or closed. */
bool mailbox_put(struct mailbox *mailbox, const void *item) WEIR_MUST_CHECK;
/* Wakes the consumer without an item. */
void mailbox_wake(struct mailbox *mailbox);
/* No more items will come: what is inside is still taken, then mailbox_is_closed answers true. */
void mailbox_close(struct mailbox *mailbox);

/* Consumer. */

bool mailbox_take(struct mailbox *mailbox, void *ret_item);
/* True once the producer has closed it and everything was taken. */
bool mailbox_is_closed(const struct mailbox *mailbox);
/* Readable after a put, wake or close that found the mailbox armed. */
int mailbox_fd(const struct mailbox *mailbox);
/* Makes mailbox_fd unreadable again; the mailbox is then not armed. */
void mailbox_clear(struct mailbox *mailbox);
/* Asks for a wake at the next put. False when something is there already: take it instead of sleeping. */
bool mailbox_arm(struct mailbox *mailbox);
/* Takes one item; when there is none, looks again for spin_ns, then sleeps for at most timeout_ms (-1: until
 * something comes). False when nothing came: time-out, mailbox_wake, or closed. */
bool mailbox_wait(struct mailbox *mailbox, uint64_t spin_ns, int timeout_ms, void *ret_item);

/* Either thread: items inside, a snapshot. */
size_t mailbox_count(const struct mailbox *mailbox);

#endif
