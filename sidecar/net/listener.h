/* listener.h - a listening TCP socket on a loop.
 *
 * Accepted sockets are non-blocking, close-on-exec, TCP_NODELAY, with keep-alive (60 s, then 10 s three times) and
 * TCP_USER_TIMEOUT (30 s): a peer that vanished is noticed. Loop thread. */
#ifndef WEIR_SIDECAR_NET_LISTENER_H
#define WEIR_SIDECAR_NET_LISTENER_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"
#include "sidecar/net/loop.h"

enum { LISTEN_ADDRESS_BYTES = 72 }; /* "[v6 address]:port" */

struct listener;

/* fd is the callee's. peer: "192.0.2.1:50000", "[2001:db8::1]:50000"; valid during the call. */
typedef void (*listen_fn)(void *context, int fd, const char *peer);

/* address: HOST:PORT, [V6]:PORT or *:PORT; port 0 takes a free one. Bound and listening, but nothing is accepted
 * before listener_accept(true): connections wait in the kernel's backlog. ERR_UNAVAILABLE with the address named. */
int listener_open(struct loop *loop, struct slice address, listen_fn call, void *context,
                  struct listener **ret_listener, struct err *err) WEIR_MUST_CHECK;
struct listener *listener_close(struct listener *listener); /* NULL allowed; returns NULL */
void listener_accept(struct listener *listener, bool is_accepting);
void listener_set_target(struct listener *listener, listen_fn call, void *context);
/* The real address. */
const char *listener_address(const struct listener *listener);

#endif
