/* loop.h - one thread's event loop: descriptors, timers, a turn at a time.
 *
 * A thin seam over libevent, so that nothing else of weir knows it. Callbacks run inside loop_run_once, on the thread
 * that calls it; they may make and free watches and timers, their own included. Errors of libevent itself (no memory,
 * no descriptors for epoll) abort: nothing can go on without a loop. */
#ifndef WEIR_SIDECAR_NET_LOOP_H
#define WEIR_SIDECAR_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct loop;
struct loop_timer;
struct loop_watch;

typedef void (*loop_fn)(void *context);

struct loop *loop_new(void);
struct loop *loop_free(struct loop *loop); /* after all its watches and timers; NULL allowed; returns NULL */

/* One turn: waits at most timeout_ms (-1: for ever, 0: not at all) for something to happen and runs what became due.
 * How many callbacks ran, or -1 when the loop is broken. */
int loop_run_once(struct loop *loop, int timeout_ms);

enum loop_interest { LOOP_READABLE = 1, LOOP_WRITABLE = 2 };

/* Level-triggered. The descriptor stays the caller's and must stay open until the watch is freed. interest 0 is a watch
 * that sleeps. */
struct loop_watch *loop_watch_new(struct loop *loop, int fd, int interest, loop_fn call, void *context);
struct loop_watch *loop_watch_free(struct loop_watch *watch); /* NULL allowed; returns NULL */
void loop_watch_set(struct loop_watch *watch, int interest);
/* Inside the callback: which of the interests came true. */
int loop_watch_got(const struct loop_watch *watch);

/* Not started. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_fn call, void *context);
struct loop_timer *loop_timer_free(struct loop_timer *timer); /* NULL allowed; returns NULL */
void loop_timer_start(struct loop_timer *timer, uint64_t after_ms); /* once; starting again moves it */
void loop_timer_repeat(struct loop_timer *timer, uint64_t every_ms);
void loop_timer_stop(struct loop_timer *timer);

/* For net/http.c. */
struct event_base *loop_base(struct loop *loop);

#endif
