/* test_loop.c - watches and timers, made, moved and freed, from inside their own callbacks too. */
#include "sidecar/net/loop.h"

#include "tests/lib/check.h"

#include <fcntl.h>
#include <unistd.h>

struct seen {
        struct loop_watch *watch;
        struct loop_timer *timer;
        unsigned calls;
        int got;
        int drain_fd;
};

static void on_watch(void *context)
{
        struct seen *seen = context;
        char byte;

        seen->calls += 1;
        seen->got = loop_watch_got(seen->watch);
        if (seen->drain_fd >= 0)
                CHECK_INT(read(seen->drain_fd, &byte, 1), 1);
}

static void make_pipe(int ends[2])
{
        REQUIRE(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
}

TEST(readable_end_calls_once_per_turn_until_drained)
{
        struct loop *loop = loop_new();
        struct seen seen = {.drain_fd = -1};
        int ends[2];

        make_pipe(ends);
        seen.watch = loop_watch_new(loop, ends[0], LOOP_READABLE, on_watch, &seen);
        CHECK_INT(loop_run_once(loop, 0), 0);
        CHECK_UINT(seen.calls, 0);
        CHECK_INT(write(ends[1], "x", 1), 1);
        CHECK_INT(loop_run_once(loop, 1000), 1);
        loop_run_once(loop, 1000);
        CHECK_UINT(seen.calls, 2); /* level-triggered: it is still readable */
        CHECK_INT(seen.got, LOOP_READABLE);
        seen.drain_fd = ends[0];
        loop_run_once(loop, 1000);
        loop_run_once(loop, 0);
        CHECK_UINT(seen.calls, 3);
        CHECK(loop_watch_free(seen.watch) == NULL);
        close(ends[0]);
        close(ends[1]);
        loop_free(loop);
}

TEST(interest_can_sleep_and_change)
{
        struct loop *loop = loop_new();
        struct seen seen = {.drain_fd = -1};
        int ends[2];

        make_pipe(ends);
        seen.watch = loop_watch_new(loop, ends[1], 0, on_watch, &seen);
        loop_run_once(loop, 0);
        CHECK_UINT(seen.calls, 0);
        loop_watch_set(seen.watch, LOOP_WRITABLE);
        loop_run_once(loop, 1000);
        CHECK_UINT(seen.calls, 1);
        CHECK_INT(seen.got, LOOP_WRITABLE);
        loop_watch_set(seen.watch, 0);
        loop_run_once(loop, 0);
        CHECK_UINT(seen.calls, 1);
        loop_watch_free(seen.watch);
        loop_watch_free(NULL);
        close(ends[0]);
        close(ends[1]);
        loop_free(loop);
}

static void free_self(void *context)
{
        struct seen *seen = context;

        seen->calls += 1;
        seen->watch = loop_watch_free(seen->watch);
        seen->timer = loop_timer_free(seen->timer);
}

TEST(callback_may_free_its_own_watch_and_a_timer)
{
        struct loop *loop = loop_new();
        struct seen seen = {.drain_fd = -1};
        int ends[2];

        make_pipe(ends);
        CHECK_INT(write(ends[1], "x", 1), 1);
        seen.watch = loop_watch_new(loop, ends[0], LOOP_READABLE, free_self, &seen);
        seen.timer = loop_timer_new(loop, free_self, &seen);
        loop_timer_start(seen.timer, 60000);
        loop_run_once(loop, 1000);
        loop_run_once(loop, 0);
        CHECK_UINT(seen.calls, 1);
        close(ends[0]);
        close(ends[1]);
        loop_free(loop);
}

static void count(void *context)
{
        *(unsigned *)context += 1;
}

TEST(timer_fires_once_and_can_be_moved_and_stopped)
{
        struct loop *loop = loop_new();
        unsigned n = 0;
        struct loop_timer *timer = loop_timer_new(loop, count, &n);

        loop_run_once(loop, 0);
        CHECK_UINT(n, 0); /* not started */
        loop_timer_start(timer, 60000);
        loop_timer_start(timer, 1); /* moved */
        loop_run_once(loop, 10000);
        CHECK_UINT(n, 1);
        loop_run_once(loop, 5);
        CHECK_UINT(n, 1);
        loop_timer_start(timer, 0);
        loop_timer_stop(timer);
        loop_run_once(loop, 2);
        CHECK_UINT(n, 1);
        loop_timer_free(timer);
        CHECK(loop_free(loop) == NULL);
}

TEST(repeating_timer_repeats_until_stopped)
{
        struct loop *loop = loop_new();
        unsigned n = 0;
        struct loop_timer *timer = loop_timer_new(loop, count, &n);

        loop_timer_repeat(timer, 1);
        while (n < 3)
                REQUIRE(loop_run_once(loop, 10000) == 1);
        loop_timer_stop(timer);
        loop_run_once(loop, 3);
        CHECK_UINT(n, 3);
        loop_timer_free(timer);
        loop_timer_free(NULL);
        loop_free(loop);
        loop_free(NULL);
}

TEST(turn_without_events_ends_at_its_time)
{
        struct loop *loop = loop_new();

        CHECK_INT(loop_run_once(loop, 0), 0);
        CHECK_INT(loop_run_once(loop, 1), 0);
        loop_free(loop);
}
