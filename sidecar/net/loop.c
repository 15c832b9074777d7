/* loop.c - the event loop over libevent. See loop.h. */
#include "sidecar/net/loop.h"

#include "sidecar/base/alloc.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

struct loop {
        struct event_base *base;
        struct event *deadline; /* ends a turn that waits */
        int n_called;           /* this turn */
};

struct loop_watch {
        struct loop *loop;
        struct event *event;
        int fd;
        int interest, got;
        loop_fn call;
        void *context;
};

struct loop_timer {
        struct loop *loop;
        struct event *event;
        loop_fn call;
        void *context;
        struct timeval interval;
};

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
        (void)fd;
        (void)what;
        (void)context; /* waking up was its purpose */
}

struct loop *loop_new(void)
{
        struct loop *loop = alloc_zero(1, sizeof *loop);
        struct event_config *config = event_config_new();

        if (config == NULL || event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) < 0)
                abort();
        loop->base = event_base_new_with_config(config);
        event_config_free(config);
        if (loop->base == NULL)
                abort();
        loop->deadline = event_new(loop->base, -1, 0, on_deadline, loop);
        if (loop->deadline == NULL)
                abort();
        return loop;
}

struct loop *loop_free(struct loop *loop)
{
        if (loop == NULL)
                return NULL;
        event_free(loop->deadline);
        event_base_free(loop->base);
        alloc_free(loop);
        return NULL;
}

static struct timeval to_timeval(uint64_t ms)
{
        return (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

int loop_run_once(struct loop *loop, int timeout_ms)
{
        int flags = EVLOOP_ONCE;

        loop->n_called = 0;
        if (timeout_ms == 0) {
                flags |= EVLOOP_NONBLOCK;
        } else if (timeout_ms > 0) {
                struct timeval wait = to_timeval((uint64_t)timeout_ms);

                event_add(loop->deadline, &wait);
        }
        if (event_base_loop(loop->base, flags) < 0)
                return -1;
        if (timeout_ms > 0)
                event_del(loop->deadline);
        return loop->n_called;
}

static void on_ready(evutil_socket_t fd, short what, void *context)
{
        struct loop_watch *watch = context;

        (void)fd;
        watch->got = ((what & EV_READ) ? LOOP_READABLE : 0) | ((what & EV_WRITE) ? LOOP_WRITABLE : 0);
        watch->loop->n_called++;
        watch->call(watch->context);
}

static void assign(struct loop_watch *watch)
{
        short what = (short)(EV_PERSIST | ((watch->interest & LOOP_READABLE) ? EV_READ : 0) |
                             ((watch->interest & LOOP_WRITABLE) ? EV_WRITE : 0));

        if (event_assign(watch->event, watch->loop->base, watch->fd, what, on_ready, watch) < 0)
                abort();
        if (watch->interest != 0 && event_add(watch->event, NULL) < 0)
                abort();
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, int interest, loop_fn call, void *context)
{
        struct loop_watch *watch = alloc_zero(1, sizeof *watch);

        watch->loop = loop;
        watch->fd = fd;
        watch->interest = interest;
        watch->call = call;
        watch->context = context;
        watch->event = alloc_zero(1, event_get_struct_event_size());
        assign(watch);
        return watch;
}

struct loop_watch *loop_watch_free(struct loop_watch *watch)
{
        if (watch == NULL)
                return NULL;
        event_del(watch->event);
        alloc_free(watch->event);
        alloc_free(watch);
        return NULL;
}

void loop_watch_set(struct loop_watch *watch, int interest)
{
        if (watch->interest == interest)
                return;
        event_del(watch->event);
        watch->interest = interest;
        assign(watch);
}

int loop_watch_got(const struct loop_watch *watch)
{
        return watch->got;
}

static void on_time(evutil_socket_t fd, short what, void *context)
{
        struct loop_timer *timer = context;

        (void)fd;
        (void)what;
        timer->loop->n_called++;
        timer->call(timer->context);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn call, void *context)
{
        struct loop_timer *timer = alloc_zero(1, sizeof *timer);

        timer->loop = loop;
        timer->call = call;
        timer->context = context;
        timer->event = event_new(loop->base, -1, 0, on_time, timer);
        if (timer->event == NULL)
                abort();
        return timer;
}

struct loop_timer *loop_timer_free(struct loop_timer *timer)
{
        if (timer == NULL)
                return NULL;
        event_free(timer->event);
        alloc_free(timer);
        return NULL;
}

static void arm(struct loop_timer *timer, uint64_t ms, bool is_repeating)
{
        struct event_base *base = event_get_base(timer->event);

        event_del(timer->event);
        timer->interval = to_timeval(ms);
        if (event_assign(timer->event, base, -1, is_repeating ? EV_PERSIST : 0, on_time, timer) < 0 ||
            event_add(timer->event, &timer->interval) < 0)
                abort();
}

void loop_timer_start(struct loop_timer *timer, uint64_t after_ms)
{
        arm(timer, after_ms, false);
}

void loop_timer_repeat(struct loop_timer *timer, uint64_t every_ms)
{
        arm(timer, every_ms, true);
}

void loop_timer_stop(struct loop_timer *timer)
{
        event_del(timer->event);
}

struct event_base *loop_base(struct loop *loop)
{
        return loop->base;
}
