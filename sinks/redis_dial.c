/* redis_dial.c - from a URL to a connected socket, without ever waiting on the loop. */
#include "sinks/redis_dial.h"

#include "sidecar/base/alloc.h"
#include "sidecar/net/loop.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What the resolving thread works on. Two hold it, the thread and the dial; the last one frees it. */
struct task {
        atomic_int n_holders;
        char *host;
        char port[8];
        int wake_fd;
        struct addrinfo *addresses;
        int result;          /* of getaddrinfo */
        atomic_bool is_done; /* set last: both fields above are the loop's from then on */
};

struct redis_dial {
        struct loop *loop;
        const struct redis_url *url;
        redis_dial_fn done;
        void *context;
        struct task *task;
        struct loop_watch *watch; /* of the task's wake_fd, then of fd */
        struct loop_timer *timer;
        struct addrinfo *addresses, *address;
        int fd;
        char why[256];
};

static void release_task(struct task *task)
{
        if (atomic_fetch_sub(&task->n_holders, 1) > 1)
                return;
        if (task->addresses != NULL)
                freeaddrinfo(task->addresses);
        (void)close(task->wake_fd);
        alloc_free(task->host);
        alloc_free(task);
}

static int resolve(const char *host, const char *port, int flags, struct addrinfo **ret_addresses)
{
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};

        return getaddrinfo(host, port, &hints, ret_addresses);
}

static void *resolve_thread(void *context)
{
        struct task *task = context;
        uint64_t one = 1;

        task->result = resolve(task->host, task->port, AI_NUMERICSERV | AI_ADDRCONFIG, &task->addresses);
        atomic_store(&task->is_done, true);
        if (write(task->wake_fd, &one, sizeof(one)) != (ssize_t)sizeof(one))
                assert(false); /* an eventfd takes a 1 always */
        release_task(task);
        return NULL;
}

static void finish(struct redis_dial *dial, int fd)
{
        redis_dial_fn done = dial->done;

        loop_timer_stop(dial->timer);
        dial->watch = loop_watch_free(dial->watch);
        dial->fd = -1;
        done(dial->context, fd, dial->why);
}

static void say(struct redis_dial *dial, const char *what, const char *why)
{
        if (dial->url->path != NULL)
                (void)snprintf(dial->why, sizeof(dial->why), "cannot %s %s: %s", what, dial->url->path, why);
        else
                (void)snprintf(dial->why, sizeof(dial->why), "cannot %s %s:%u: %s", what, dial->url->host,
                               dial->url->port, why);
}

static void try_next(struct redis_dial *dial);

static void on_connected(void *context)
{
        struct redis_dial *dial = context;
        int error = 0;
        socklen_t len = sizeof(error);
        int fd = dial->fd;

        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
                error = errno;
        if (error != 0) {
                say(dial, "connect to", strerror(error));
                try_next(dial);
                return;
        }
        finish(dial, fd);
}

static void drop_socket(struct redis_dial *dial)
{
        dial->watch = loop_watch_free(dial->watch);
        if (dial->fd >= 0)
                (void)close(dial->fd);
        dial->fd = -1;
}

static void set_options(int fd, int family)
{
        int on = 1;

        if (family == AF_UNIX)
                return;
        /* Neither is needed for being right: without them replies come later, and a dead peer is found by our own
         * timeout. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* true: under way or connected; the watch tells. */
static bool try_address(struct redis_dial *dial, int family, const struct sockaddr *address, socklen_t len)
{
        dial->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (dial->fd < 0) {
                say(dial, "make a socket for", strerror(errno));
                return false;
        }
        set_options(dial->fd, family);
        if (connect(dial->fd, address, len) < 0 && errno != EINPROGRESS) {
                say(dial, "connect to", strerror(errno));
                drop_socket(dial);
                return false;
        }
        dial->watch = loop_watch_new(dial->loop, dial->fd, LOOP_WRITABLE, on_connected, dial);
        loop_timer_start(dial->timer, REDIS_DIAL_TIMEOUT_MS);
        return true;
}

static void try_next(struct redis_dial *dial)
{
        drop_socket(dial);
        while (dial->address != NULL) {
                const struct addrinfo *address = dial->address;

                dial->address = address->ai_next;
                if (try_address(dial, address->ai_family, address->ai_addr, address->ai_addrlen))
                        return;
        }
        finish(dial, -1);
}

static void try_unix(struct redis_dial *dial)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", dial->url->path);
        if (!try_address(dial, AF_UNIX, (const struct sockaddr *)&address, sizeof(address)))
                finish(dial, -1);
}

static void on_resolved(void *context)
{
        struct redis_dial *dial = context;
        struct task *task = dial->task;

        if (!atomic_load(&task->is_done))
                return;
        dial->watch = loop_watch_free(dial->watch);
        if (task->result != 0)
                say(dial, "resolve", gai_strerror(task->result));
        dial->addresses = task->addresses;
        task->addresses = NULL;
        dial->address = dial->addresses;
        release_task(task);
        dial->task = NULL;
        try_next(dial);
}

static void resolve_elsewhere(struct redis_dial *dial)
{
        struct task *task = alloc_zero(1, sizeof(*task));
        pthread_attr_t attr;
        pthread_t thread;
        int rc;

        atomic_init(&task->n_holders, 2);
        task->host = alloc_text(dial->url->host);
        (void)snprintf(task->port, sizeof(task->port), "%u", dial->url->port);
        task->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (task->wake_fd < 0) {
                say(dial, "resolve", strerror(errno));
                atomic_store(&task->n_holders, 1);
                release_task(task);
                finish(dial, -1);
                return;
        }
        (void)pthread_attr_init(&attr);
        (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        rc = pthread_create(&thread, &attr, resolve_thread, task);
        (void)pthread_attr_destroy(&attr);
        if (rc != 0) {
                say(dial, "resolve", strerror(rc));
                atomic_store(&task->n_holders, 1);
                release_task(task);
                finish(dial, -1);
                return;
        }
        dial->task = task;
        dial->watch = loop_watch_new(dial->loop, task->wake_fd, LOOP_READABLE, on_resolved, dial);
}

/* The timer has two lives: it starts the dial, so that `done` never comes from inside redis_dial_new, then it
 * limits each attempt. */
static void on_timer(void *context)
{
        struct redis_dial *dial = context;
        char port[8];

        if (dial->fd >= 0) {
                say(dial, "connect to", "timed out");
                if (dial->url->path != NULL)
                        drop_socket(dial);
                try_next(dial);
                return;
        }
        if (dial->url->path != NULL) {
                try_unix(dial);
                return;
        }
        (void)snprintf(port, sizeof(port), "%u", dial->url->port);
        if (resolve(dial->url->host, port, AI_NUMERICHOST | AI_NUMERICSERV, &dial->addresses) == 0) {
                dial->address = dial->addresses;
                try_next(dial);
                return;
        }
        resolve_elsewhere(dial);
}

struct redis_dial *redis_dial_new(struct loop *loop, const struct redis_url *url, redis_dial_fn done, void *context)
{
        struct redis_dial *dial = alloc_zero(1, sizeof(*dial));

        dial->loop = loop;
        dial->url = url;
        dial->done = done;
        dial->context = context;
        dial->fd = -1;
        dial->timer = loop_timer_new(loop, on_timer, dial);
        loop_timer_start(dial->timer, 0);
        return dial;
}

struct redis_dial *redis_dial_free(struct redis_dial *dial)
{
        if (dial == NULL)
                return NULL;
        drop_socket(dial);
        if (dial->task != NULL)
                release_task(dial->task);
        if (dial->addresses != NULL)
                freeaddrinfo(dial->addresses);
        loop_timer_free(dial->timer);
        alloc_free(dial);
        return NULL;
}
