/* Datagrams for systemd: sent where NOTIFY_SOCKET says, and nowhere without it. */
#include "sidecar/notify.h"

#include "tests/lib/check.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int listen_at(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
        return fd;
}

TEST(lines_arrive_at_the_socket)
{
        struct notify notify;
        char folder[] = "/tmp/weir-test-XXXXXX", path[64], text[64] = "";
        int fd;

        REQUIRE(mkdtemp(folder) != NULL);
        snprintf(path, sizeof path, "%s/notify", folder);
        fd = listen_at(path);
        setenv("NOTIFY_SOCKET", path, 1);
        notify_open(&notify);
        notify_send(&notify, "READY=1\nSTATUS=ready");
        CHECK_INT(recv(fd, text, sizeof text - 1, 0), 20);
        CHECK_TEXT(text, "READY=1\nSTATUS=ready");
        notify_close(&notify);
        unsetenv("NOTIFY_SOCKET");
        close(fd);
        unlink(path);
        rmdir(folder);
}

TEST(without_a_socket_nothing_happens)
{
        struct notify notify;

        unsetenv("NOTIFY_SOCKET");
        notify_open(&notify);
        CHECK_INT(notify.fd, -1);
        notify_send(&notify, "READY=1");
        notify_close(&notify);
}

TEST(watchdog_is_half_the_interval_and_only_for_this_process)
{
        struct notify notify;
        char pid[32];

        setenv("WATCHDOG_USEC", "30000000", 1);
        unsetenv("WATCHDOG_PID");
        notify_open(&notify);
        CHECK_UINT(notify.watchdog_ns, UINT64_C(15000000000));
        setenv("WATCHDOG_PID", "1", 1);
        notify_open(&notify);
        CHECK_UINT(notify.watchdog_ns, 0);
        snprintf(pid, sizeof pid, "%ld", (long)getpid());
        setenv("WATCHDOG_PID", pid, 1);
        notify_open(&notify);
        CHECK_UINT(notify.watchdog_ns, UINT64_C(15000000000));
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
}
