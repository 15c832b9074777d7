/* test_mailbox.c - order, bounds, wakes, and two threads that hurry. */
#include "sidecar/base/mailbox.h"

#include "tests/lib/check.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

static struct mailbox *new_mailbox(size_t capacity)
{
        struct mailbox *mailbox = NULL;
        struct err err;

        REQUIRE(mailbox_new(capacity, sizeof(uint64_t), &mailbox, &err) == 0);
        return mailbox;
}

static bool is_readable(const struct mailbox *mailbox)
{
        struct pollfd poll_fd = {.fd = mailbox_fd(mailbox), .events = POLLIN};

        return poll(&poll_fd, 1, 0) == 1;
}

TEST(items_come_out_in_order_and_a_full_one_refuses)
{
        struct mailbox *mailbox = new_mailbox(4);
        uint64_t next_in = 0;
        uint64_t next_out = 0;
        uint64_t item;

        for (unsigned round = 0; round < 5; round++) {
                while (mailbox_put(mailbox, &next_in))
                        next_in++;
                CHECK_UINT(next_in - next_out, 4);
                CHECK_UINT(mailbox_count(mailbox), 4);
                for (unsigned i = 0; i < 3; i++) {
                        REQUIRE(mailbox_take(mailbox, &item));
                        CHECK_UINT(item, next_out++);
                }
        }
        mailbox_free(mailbox);
        mailbox_free(NULL);
}

TEST(only_an_armed_mailbox_wakes)
{
        struct mailbox *mailbox = new_mailbox(8);
        uint64_t item = 1;

        CHECK(!is_readable(mailbox));
        CHECK(mailbox_put(mailbox, &item));
        CHECK(is_readable(mailbox));
        mailbox_clear(mailbox);
        CHECK(!is_readable(mailbox));
        CHECK(mailbox_put(mailbox, &item));
        CHECK(!is_readable(mailbox)); /* not armed: the consumer is at work */
        CHECK(!mailbox_arm(mailbox)); /* something is inside: do not sleep */
        CHECK(mailbox_take(mailbox, &item) && mailbox_take(mailbox, &item) && !mailbox_take(mailbox, &item));
        CHECK(mailbox_arm(mailbox));
        CHECK(mailbox_put(mailbox, &item));
        CHECK(is_readable(mailbox));
        mailbox_free(mailbox);
}

TEST(wake_and_close_end_a_wait)
{
        struct mailbox *mailbox = new_mailbox(2);
        uint64_t item = 7;

        mailbox_wake(mailbox);
        CHECK(!mailbox_wait(mailbox, 0, 10000, &item));
        CHECK(!mailbox_wait(mailbox, 1000, 0, &item));
        CHECK(mailbox_put(mailbox, &item));
        mailbox_close(mailbox);
        CHECK(!mailbox_put(mailbox, &item));
        CHECK(!mailbox_is_closed(mailbox)); /* one item is still to be taken */
        item = 0;
        CHECK(mailbox_wait(mailbox, 0, -1, &item));
        CHECK_UINT(item, 7);
        CHECK(mailbox_is_closed(mailbox));
        CHECK(!mailbox_wait(mailbox, 0, -1, &item)); /* and never sleeps again */
        CHECK(!mailbox_wait(mailbox, 0, -1, &item));
        mailbox_free(mailbox);
}

struct hurry {
        struct mailbox *mailbox;
        uint64_t n_items;
        uint64_t *plain; /* what the producer wrote before each put must be seen after the take */
};

static void *produce(void *context)
{
        struct hurry *hurry = context;
        struct check_random random = {.state = 3};

        for (uint64_t i = 0; i < hurry->n_items; i++) {
                hurry->plain[i] = i * 3;
                while (!mailbox_put(hurry->mailbox, &i))
                        sched_yield();
                if (check_random_below(&random, 512) == 0)
                        sched_yield();
        }
        mailbox_close(hurry->mailbox);
        return NULL;
}

static void hurry(size_t capacity, uint64_t spin_ns, bool by_fd)
{
        static uint64_t plain[4000];
        struct hurry hurry = {.mailbox = new_mailbox(capacity), .n_items = 4000, .plain = plain};
        uint64_t expected = 0;
        uint64_t wrong = 0;
        uint64_t item;
        pthread_t thread;

        memset(plain, 0, sizeof(plain));
        REQUIRE(pthread_create(&thread, NULL, produce, &hurry) == 0);
        while (!mailbox_is_closed(hurry.mailbox)) {
                if (by_fd) {
                        struct pollfd poll_fd = {.fd = mailbox_fd(hurry.mailbox), .events = POLLIN};

                        REQUIRE(poll(&poll_fd, 1, 20000) == 1);
                        mailbox_clear(hurry.mailbox);
                        do
                                while (mailbox_take(hurry.mailbox, &item))
                                        wrong += item != expected || plain[item] != expected * 3, expected++;
                        while (!mailbox_arm(hurry.mailbox));
                } else if (mailbox_wait(hurry.mailbox, spin_ns, 20000, &item)) {
                        wrong += item != expected || plain[item] != expected * 3;
                        expected++;
                }
        }
        pthread_join(thread, NULL);
        CHECK_UINT(wrong, 0);
        CHECK_UINT(expected, 4000);
        mailbox_free(hurry.mailbox);
}

TEST(nothing_is_lost_between_threads_that_wait)
{
        hurry(1, 0, false);
        hurry(64, 0, false);
}

TEST(nothing_is_lost_between_threads_that_spin)
{
        hurry(64, 20000, false);
}

TEST(nothing_is_lost_between_a_thread_and_a_loop)
{
        hurry(1, 0, true);
        hurry(64, 0, true);
}
