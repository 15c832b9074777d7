/* notify.h - what systemd wants to hear: READY, STOPPING, RELOADING, WATCHDOG, STATUS.
 *
 * One datagram to the socket named in NOTIFY_SOCKET (sd_notify(3) says the format); without it every call does
 * nothing. Written out because the whole of it is one sendto(2), and libsystemd would be weir's largest
 * dependency. Loop thread. */
#ifndef WEIR_SIDECAR_NOTIFY_H
#define WEIR_SIDECAR_NOTIFY_H

#include <stdint.h>

struct notify {
        int fd;               /* -1: nobody listens */
        uint64_t watchdog_ns; /* half of WATCHDOG_USEC: how often to ping; 0: no watchdog for this process */
};

void notify_open(struct notify *ret_notify);
void notify_close(struct notify *notify);
/* One or more "NAME=value" lines. Losing a datagram is not an error: systemd's own time-outs remain. */
void notify_send(const struct notify *notify, const char *lines);

#endif
