/* notify.c - datagrams to systemd. See notify.h. */
#include "sidecar/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static uint64_t watchdog_from_environment(void)
{
        const char *microseconds = getenv("WATCHDOG_USEC");
        const char *pid = getenv("WATCHDOG_PID");

        if (microseconds == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
                return 0;
        return strtoull(microseconds, NULL, 10) * 1000 / 2;
}

void notify_open(struct notify *ret_notify)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        size_t len = path == NULL ? 0 : strlen(path);

        ret_notify->fd = -1;
        ret_notify->watchdog_ns = watchdog_from_environment();
        if (len == 0 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
                return;
        memcpy(address.sun_path, path, len);
        if (path[0] == '@')
                address.sun_path[0] = '\0'; /* abstract name */
        ret_notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (ret_notify->fd >= 0 && connect(ret_notify->fd, (struct sockaddr *)&address,
                                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
                notify_close(ret_notify);
}

void notify_close(struct notify *notify)
{
        if (notify->fd >= 0)
                close(notify->fd);
        notify->fd = -1;
}

void notify_send(const struct notify *notify, const char *lines)
{
        if (notify->fd >= 0 && send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL) < 0)
                return;
}
