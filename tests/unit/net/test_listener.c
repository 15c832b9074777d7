/* test_listener.c - real addresses, held connections, options of accepted sockets, errors that name the address. */
#include "sidecar/net/listener.h"

#include "tests/lib/check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct accepted {
        unsigned n;
        int fd;
        char peer[LISTEN_ADDRESS_BYTES];
};

static void on_accept(void *context, int fd, const char *peer)
{
        struct accepted *accepted = context;

        accepted->n += 1;
        if (accepted->fd > 0)
                close(accepted->fd);
        accepted->fd = fd;
        snprintf(accepted->peer, sizeof(accepted->peer), "%s", peer);
}

static uint16_t port_of(const char *address)
{
        return (uint16_t)strtoul(strrchr(address, ':') + 1, NULL, 10);
}

static int connect_to(const char *address)
{
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port_of(address)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
        return fd;
}

static int option(int fd, int level, int name)
{
        int value = -1;
        socklen_t len = sizeof(value);

        getsockopt(fd, level, name, &value, &len);
        return value;
}

TEST(port_zero_gives_a_real_address)
{
        struct loop *loop = loop_new();
        struct listener *listener = NULL;
        struct accepted accepted = {.n = 0};
        struct err err;

        REQUIRE(listener_open(loop, slice_from_text("127.0.0.1:0"), on_accept, &accepted, &listener, &err) == 0);
        CHECK(strncmp(listener_address(listener), "127.0.0.1:", 10) == 0);
        CHECK(port_of(listener_address(listener)) != 0);
        CHECK(listener_close(listener) == NULL);
        listener_close(NULL);
        loop_free(loop);
}

TEST(connections_wait_until_accepting_begins)
{
        struct loop *loop = loop_new();
        struct listener *listener = NULL;
        struct accepted accepted = {.n = 0};
        struct err err;
        int client;

        REQUIRE(listener_open(loop, slice_from_text("127.0.0.1:0"), on_accept, &accepted, &listener, &err) == 0);
        client = connect_to(listener_address(listener));
        loop_run_once(loop, 5);
        CHECK_UINT(accepted.n, 0);
        listener_accept(listener, true);
        loop_run_once(loop, 10000);
        CHECK_UINT(accepted.n, 1);
        CHECK(strncmp(accepted.peer, "127.0.0.1:", 10) == 0);
        CHECK_INT(fcntl(accepted.fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
        CHECK_INT(fcntl(accepted.fd, F_GETFD), FD_CLOEXEC);
        CHECK_INT(option(accepted.fd, IPPROTO_TCP, TCP_NODELAY), 1);
        CHECK_INT(option(accepted.fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        CHECK_INT(option(accepted.fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
        close(client);
        listener_accept(listener, false);
        client = connect_to(listener_address(listener));
        loop_run_once(loop, 5);
        CHECK_UINT(accepted.n, 1);
        close(client);
        close(accepted.fd);
        listener_close(listener);
        loop_free(loop);
}

TEST(target_can_change)
{
        struct loop *loop = loop_new();
        struct listener *listener = NULL;
        struct accepted first = {.n = 0};
        struct accepted second = {.n = 0};
        struct err err;
        int client;

        REQUIRE(listener_open(loop, slice_from_text("127.0.0.1:0"), on_accept, &first, &listener, &err) == 0);
        listener_set_target(listener, on_accept, &second);
        listener_accept(listener, true);
        client = connect_to(listener_address(listener));
        loop_run_once(loop, 10000);
        CHECK_UINT(first.n, 0);
        CHECK_UINT(second.n, 1);
        close(client);
        close(second.fd);
        listener_close(listener);
        loop_free(loop);
}

TEST(address_in_use_is_named)
{
        struct loop *loop = loop_new();
        struct listener *listener = NULL;
        struct listener *again = NULL;
        struct accepted accepted = {.n = 0};
        struct err err;

        REQUIRE(listener_open(loop, slice_from_text("127.0.0.1:0"), on_accept, &accepted, &listener, &err) == 0);
        CHECK_FAILS(
                listener_open(loop, slice_from_text(listener_address(listener)), on_accept, &accepted, &again, &err),
                &err, listener_address(listener));
        CHECK_CONTAINS(err.text, "Address already in use");
        CHECK_INT(err.code, ERR_UNAVAILABLE);
        listener_close(listener);
        loop_free(loop);
}

TEST(what_is_no_address_is_refused)
{
        static const char *const wrong[] = {"",           "4141", "localhost", "127.0.0.1:", "127.0.0.1:123456789",
                                            "1.2.3.4.5:1"};
        struct loop *loop = loop_new();
        struct err err;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct listener *listener = NULL;
                int result = listener_open(loop, slice_from_text(wrong[i]), on_accept, NULL, &listener, &err);

                CHECK_INT(result, -1);
                if (result == 0)
                        listener_close(listener);
        }
        loop_free(loop);
}

TEST(any_address_and_version_6_are_understood)
{
        struct loop *loop = loop_new();
        struct listener *listener = NULL;
        struct accepted accepted = {.n = 0};
        struct err err;

        REQUIRE(listener_open(loop, slice_from_text("*:0"), on_accept, &accepted, &listener, &err) == 0);
        CHECK(port_of(listener_address(listener)) != 0);
        listener_close(listener);
        if (listener_open(loop, slice_from_text("[::1]:0"), on_accept, &accepted, &listener, &err) == 0) {
                CHECK(strncmp(listener_address(listener), "[::1]:", 6) == 0);
                listener_close(listener);
        } else {
                CHECK_CONTAINS(err.text, "[::1]:0"); /* a machine without IPv6 */
        }
        loop_free(loop);
}

static void turn_until_accepted(struct loop *loop, const struct accepted *accepted)
{
        for (int i = 0; i < 200 && accepted->n == 0; i++)
                REQUIRE(loop_run_once(loop, 10) >= 0);
        CHECK_UINT(accepted->n, 1);
}

TEST(a_version_4_peer_of_a_socket_for_both_has_its_version_4_name)
{
        struct loop *loop = loop_new();
        struct listener *listener = NULL;
        struct accepted accepted = {.n = 0};
        struct err err;
        int fd;

        if (listener_open(loop, slice_from_text("[::]:0"), on_accept, &accepted, &listener, &err) < 0) {
                loop_free(loop);
                CHECK_SKIP("no IPv6 here: %s", err.text);
        }
        listener_accept(listener, true);
        fd = connect_to(listener_address(listener));
        turn_until_accepted(loop, &accepted);
        CHECK(strncmp(accepted.peer, "127.0.0.1:", 10) == 0);
        close(fd);
        close(accepted.fd);
        listener_close(listener);
        loop_free(loop);
}

TEST(without_descriptors_accepting_pauses_and_goes_on)
{
        struct loop *loop = loop_new();
        struct listener *listener = NULL;
        struct accepted accepted = {.n = 0};
        struct rlimit old, none;
        struct err err;
        int fd, spare;

        REQUIRE(listener_open(loop, slice_from_text("127.0.0.1:0"), on_accept, &accepted, &listener, &err) == 0);
        listener_accept(listener, true);
        fd = connect_to(listener_address(listener));
        spare = dup(fd);
        REQUIRE(getrlimit(RLIMIT_NOFILE, &old) == 0);
        none = old;
        none.rlim_cur = (rlim_t)spare;
        REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
        for (int i = 0; i < 3; i++)
                CHECK(loop_run_once(loop, 1) >= 0);
        CHECK_UINT(accepted.n, 0);
        REQUIRE(setrlimit(RLIMIT_NOFILE, &old) == 0);
        turn_until_accepted(loop, &accepted);
        close(spare);
        close(fd);
        close(accepted.fd);
        listener_close(listener);
        loop_free(loop);
}
