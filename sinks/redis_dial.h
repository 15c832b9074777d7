/* redis_dial.h - from a URL to a connected socket, without ever waiting on the loop.
 *
 * Names are resolved by the system's resolver on a thread of its own (it may take seconds when DNS is away);
 * numbers and Unix sockets need none. Addresses are tried in the resolver's order. Loop thread, but for that one
 * thread, which touches nothing but its own task. */
#ifndef WEIR_SINKS_REDIS_DIAL_H
#define WEIR_SINKS_REDIS_DIAL_H

#include "sinks/redis_url.h"

struct loop;
struct redis_dial;

enum { REDIS_DIAL_TIMEOUT_MS = 5000 }; /* per address */

/* fd >= 0: connected, non-blocking, the callee's. fd < 0: why says what failed with the last address. May free the
 * dial. */
typedef void (*redis_dial_fn)(void *context, int fd, const char *why);

/* Borrows url. `done` never comes from inside this call. */
struct redis_dial *redis_dial_new(struct loop *loop, const struct redis_url *url, redis_dial_fn done, void *context);
/* Gives up; `done` will not come. NULL allowed; returns NULL. */
struct redis_dial *redis_dial_free(struct redis_dial *dial);

#endif
