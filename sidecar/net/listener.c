/* listener.c - listening TCP sockets. See listener.h. */
#include "sidecar/net/listener.h"

#include "sidecar/base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 1024, ACCEPTS_PER_ROUND = 64, HOST_BYTES = 256, RETRY_MS = 100 };

struct listener {
        struct loop *loop;
        struct loop_watch *watch;
        struct loop_timer *retry; /* out of descriptors: accept again in a moment */
        int fd;
        bool is_accepting;
        listen_fn call;
        void *context;
        char address[LISTEN_ADDRESS_BYTES];
};

static void format_address(const struct sockaddr_storage *address, char text[LISTEN_ADDRESS_BYTES])
{
        char host[INET6_ADDRSTRLEN] = "?";

        if (address->ss_family == AF_INET) {
                const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

                inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
                snprintf(text, LISTEN_ADDRESS_BYTES, "%s:%u", host, ntohs(v4->sin_port));
        } else {
                const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

                inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
                /* an IPv4 peer of a socket for both families is the same peer */
                if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
                        snprintf(text, LISTEN_ADDRESS_BYTES, "%s:%u", host + strlen("::ffff:"), ntohs(v6->sin6_port));
                else
                        snprintf(text, LISTEN_ADDRESS_BYTES, "[%s]:%u", host, ntohs(v6->sin6_port));
        }
}

static void set_options(int fd)
{
        static const struct {
                int level, name, value;
        } options[] = {
                {IPPROTO_TCP, TCP_NODELAY, 1},    {SOL_SOCKET, SO_KEEPALIVE, 1}, {IPPROTO_TCP, TCP_KEEPIDLE, 60},
                {IPPROTO_TCP, TCP_KEEPINTVL, 10}, {IPPROTO_TCP, TCP_KEEPCNT, 3}, {IPPROTO_TCP, TCP_USER_TIMEOUT, 30000},
        };

        for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
                setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
}

static void on_retry(void *context)
{
        struct listener *listener = context;

        if (listener->is_accepting)
                loop_watch_set(listener->watch, LOOP_READABLE);
}

static void on_connections(void *context)
{
        struct listener *listener = context;

        for (int i = 0; i < ACCEPTS_PER_ROUND && listener->is_accepting; i++) {
                struct sockaddr_storage address;
                socklen_t len = sizeof address;
                char peer[LISTEN_ADDRESS_BYTES];
                int fd = accept4(listener->fd, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd < 0) {
                        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                                loop_watch_set(listener->watch, 0);
                                loop_timer_start(listener->retry, RETRY_MS);
                        }
                        return; /* EAGAIN, or a peer that went away meanwhile */
                }
                set_options(fd);
                format_address(&address, peer);
                listener->call(listener->context, fd, peer);
        }
}

static bool split(struct slice address, char host[HOST_BYTES], char port[8])
{
        const uint8_t *colon = memrchr(address.data, ':', address.len);
        size_t host_len, port_len;
        const char *begin = (const char *)address.data;

        if (colon == NULL)
                return false;
        host_len = (size_t)(colon - address.data);
        port_len = address.len - host_len - 1;
        if (host_len >= HOST_BYTES || port_len == 0 || port_len >= 8)
                return false;
        if (host_len >= 2 && begin[0] == '[' && begin[host_len - 1] == ']') {
                begin++;
                host_len -= 2;
        }
        memcpy(host, begin, host_len);
        host[host_len] = '\0';
        memcpy(port, colon + 1, port_len);
        port[port_len] = '\0';
        return true;
}

static int bind_any(const struct addrinfo *found)
{
        for (; found != NULL; found = found->ai_next) {
                int one = 1;
                int fd =
                        socket(found->ai_family, found->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, found->ai_protocol);

                if (fd < 0)
                        continue;
                setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
                if (bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
                        return fd;
                one = errno;
                close(fd);
                errno = one;
        }
        return -1;
}

static int open_socket(struct slice address, struct err *err)
{
        struct addrinfo hints = {
                .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
        struct addrinfo *found = NULL;
        char host[HOST_BYTES], port[8];
        bool is_any;
        int fd, failed;

        if (!split(address, host, port))
                return err_set(err, ERR_CONFIG, "'%.*s' is not HOST:PORT", (int)address.len,
                               (const char *)address.data);
        is_any = host[0] == '\0' || strcmp(host, "*") == 0;
        failed = getaddrinfo(is_any ? NULL : host, port, &hints, &found);
        if (failed != 0)
                return err_set(err, ERR_UNAVAILABLE, "cannot resolve '%s': %s", host, gai_strerror(failed));
        fd = bind_any(found);
        freeaddrinfo(found);
        if (fd < 0)
                return err_set_errno(err, ERR_UNAVAILABLE, errno, "cannot listen on '%.*s'", (int)address.len,
                                     (const char *)address.data);
        return fd;
}

int listener_open(struct loop *loop, struct slice address, listen_fn call, void *context,
                  struct listener **ret_listener, struct err *err)
{
        struct sockaddr_storage real;
        socklen_t len = sizeof real;
        struct listener *listener;
        int fd = open_socket(address, err);

        if (fd < 0)
                return -1;
        listener = alloc_zero(1, sizeof *listener);
        listener->loop = loop;
        listener->fd = fd;
        listener->call = call;
        listener->context = context;
        if (getsockname(fd, (struct sockaddr *)&real, &len) == 0)
                format_address(&real, listener->address);
        listener->watch = loop_watch_new(loop, fd, 0, on_connections, listener);
        listener->retry = loop_timer_new(loop, on_retry, listener);
        *ret_listener = listener;
        return 0;
}

struct listener *listener_close(struct listener *listener)
{
        if (listener == NULL)
                return NULL;
        loop_watch_free(listener->watch);
        loop_timer_free(listener->retry);
        close(listener->fd);
        alloc_free(listener);
        return NULL;
}

void listener_accept(struct listener *listener, bool is_accepting)
{
        listener->is_accepting = is_accepting;
        loop_watch_set(listener->watch, is_accepting ? LOOP_READABLE : 0);
}

void listener_set_target(struct listener *listener, listen_fn call, void *context)
{
        listener->call = call;
        listener->context = context;
}

const char *listener_address(const struct listener *listener)
{
        return listener->address;
}
