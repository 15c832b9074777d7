/* redis_link.c - one connection to a Redis: found again whenever it is lost, commands out, replies in order.
 *
 *            timer            connected              INFO answered
 *   PAUSED ────────→ DIALING ───────────→ LOGGING_IN ──────────────→ UP
 *     ↑                 │                     │                       │
 *     └─────────────────┴─────────────────────┴───────────────────────┘  any trouble
 *
 * Commands go into one buffer, and each leaves an entry in a queue: its tag, its bytes, its key. Replies take
 * entries off the front. Bytes count as in flight until the reply is there: that bounds what lies in our buffer, in
 * the kernel's and at Redis together. */
#include "sinks/redis_link.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "sidecar/base/clock.h"
#include "sidecar/base/file.h"
#include "sidecar/net/loop.h"
#include "sinks/redis_dial.h"

#include <assert.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum link_state { LINK_STOPPED, LINK_PAUSED, LINK_DIALING, LINK_LOGGING_IN, LINK_UP };

enum login_step { LOGIN_AUTH, LOGIN_SELECT, LOGIN_NAME, LOGIN_ID, LOGIN_INFO, LOGIN_KILL };

enum { EXPECT_LOGIN = UINT16_MAX, RECEIVE_BYTES = 64 << 10, SEND_KEEP_BYTES = 1 << 20, QUEUE_MIN = 1024 };

struct pending {
        struct redis_tag tag;
        uint32_t command_bytes;
        uint32_t key_bytes;
};

struct redis_link {
        struct redis_link_config config;
        struct redis_link_events events;
        enum link_state state;
        struct redis_dial *dial;
        int fd;
        struct loop_watch *watch;
        struct loop_timer *timer;        /* PAUSED: when to dial; else: looks for silence */
        struct redis_backoff backoff;
        struct redis_reply_reader *reader;

        struct bytes out;                /* from out_sent on: not yet with the kernel */
        size_t out_sent;
        struct pending *queue;           /* ring, a power of two */
        uint32_t queue_size, queue_head, queue_len;
        struct bytes keys;               /* of the pending commands, from keys_head on */
        size_t keys_head;
        uint64_t bytes_in_flight;
        bool was_full;
        uint64_t heard_ns;               /* last byte, or when the queue became non-empty */

        struct redis_info server;
        enum redis_trouble told;         /* by on_down, REDIS_FINE when up */
        bool is_told;
        int64_t client_id, old_client_id;
        char old_run_id[sizeof(((struct redis_info *)0)->run_id)];
        uint8_t *receive;
};

static void on_ready_fd(void *context);
static void on_timer(void *context);

struct redis_link *redis_link_new(const struct redis_link_config *config)
{
        struct redis_link *link = alloc_zero(1, sizeof(*link));

        link->config = *config;
        link->events = *config->events;
        link->fd = -1;
        link->timer = loop_timer_new(config->loop, on_timer, link);
        link->queue_size = QUEUE_MIN;
        link->queue = alloc_array(QUEUE_MIN, sizeof(*link->queue));
        link->receive = alloc_bytes(RECEIVE_BYTES);
        bytes_init(&link->out);
        bytes_init(&link->keys);
        redis_trouble_backoff_init(&link->backoff, clock_monotonic_ns(config->clock) ^ (uint64_t)(uintptr_t)link);
        return link;
}

/* The connection and all that belongs to it. */
static void disconnect(struct redis_link *link)
{
        link->dial = redis_dial_free(link->dial);
        link->watch = loop_watch_free(link->watch);
        if (link->fd >= 0)
                (void)close(link->fd);
        link->fd = -1;
        link->reader = redis_reply_reader_free(link->reader);
        bytes_reset(&link->out);
        link->out_sent = 0;
        link->queue_head = 0;
        link->queue_len = 0;
        bytes_reset(&link->keys);
        link->keys_head = 0;
        link->bytes_in_flight = 0;
        link->was_full = false;
        if (link->client_id > 0) {
                link->old_client_id = link->client_id;
                (void)snprintf(link->old_run_id, sizeof(link->old_run_id), "%s", link->server.run_id);
                link->client_id = 0;
        }
}

struct redis_link *redis_link_free(struct redis_link *link)
{
        if (link == NULL)
                return NULL;
        disconnect(link);
        loop_timer_free(link->timer);
        alloc_free(link->queue);
        alloc_free(link->receive);
        bytes_done(&link->out);
        bytes_done(&link->keys);
        alloc_free(link);
        return NULL;
}

static void pause_then_dial(struct redis_link *link, enum redis_trouble trouble)
{
        disconnect(link);
        link->state = LINK_PAUSED;
        loop_timer_start(link->timer, (uint64_t)redis_trouble_backoff_next_ms(&link->backoff, trouble));
}

void redis_link_drop(struct redis_link *link, enum redis_trouble trouble)
{
        if (link->state == LINK_STOPPED)
                return;
        link->told = trouble;
        link->is_told = true;
        pause_then_dial(link, trouble);
}

void redis_link_settle(struct redis_link *link)
{
        redis_trouble_backoff_reset(&link->backoff);
}

static void fail(struct redis_link *link, enum redis_trouble trouble, const char *why)
{
        bool was_up = link->state == LINK_UP;
        bool is_news = was_up || !link->is_told || link->told != trouble;
        char text[512]; /* `why` may lie in a reply or a dial, and both go with the connection */

        (void)snprintf(text, sizeof(text), "%s", why);
        pause_then_dial(link, trouble);
        link->told = trouble;
        link->is_told = true;
        if (is_news)
                link->events.on_down(link->events.context, trouble, text, was_up);
}

/* ---- commands out ---- */

static void grow_queue(struct redis_link *link)
{
        struct pending *queue = alloc_array((size_t)link->queue_size * 2, sizeof(*queue));

        for (uint32_t i = 0; i < link->queue_len; i++)
                queue[i] = link->queue[(link->queue_head + i) & (link->queue_size - 1)];
        alloc_free(link->queue);
        link->queue = queue;
        link->queue_size *= 2;
        link->queue_head = 0;
}

void redis_link_send(struct redis_link *link, struct redis_tag tag, int argc, const char **argv, const size_t *lens)
{
        struct pending *pending;
        char *command = NULL;
        int len = redisFormatCommandArgv(&command, argc, argv, lens);

        assert(link->state == LINK_UP || link->state == LINK_LOGGING_IN);
        assert(len > 0);
        if (link->queue_len == 0)
                link->heard_ns = clock_monotonic_ns(link->config.clock);
        if (link->out.len == 0)
                loop_watch_set(link->watch, LOOP_READABLE | LOOP_WRITABLE);
        bytes_append(&link->out, command, (size_t)len);
        redisFreeCommand(command);
        if (link->queue_len == link->queue_size)
                grow_queue(link);
        pending = &link->queue[(link->queue_head + link->queue_len) & (link->queue_size - 1)];
        link->queue_len++;
        *pending = (struct pending){.tag = tag, .command_bytes = (uint32_t)len};
        if (argc > 1 && tag.expect != EXPECT_LOGIN) {
                pending->key_bytes = (uint32_t)lens[1];
                bytes_append(&link->keys, argv[1], lens[1]);
        }
        link->bytes_in_flight += (uint64_t)len;
}

/* Gives the kernel what it takes. */
static void send_out(struct redis_link *link)
{
        while (link->out_sent < link->out.len) {
                ssize_t n = send(link->fd, link->out.data + link->out_sent, link->out.len - link->out_sent,
                                 MSG_NOSIGNAL | MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0) {
                        char why[128];

                        (void)snprintf(why, sizeof(why), "the connection broke: %s", strerror(errno));
                        fail(link, REDIS_AWAY, why);
                        return;
                }
                link->out_sent += (size_t)n;
        }
        if (link->out_sent == link->out.len) {
                bytes_reset(&link->out);
                link->out_sent = 0;
                if (link->out.capacity > 4 * link->config.limit_bytes) { /* one huge row must not be kept for ever */
                        bytes_done(&link->out);
                        bytes_init(&link->out);
                }
                loop_watch_set(link->watch, LOOP_READABLE);
        } else if (link->out_sent >= SEND_KEEP_BYTES) {
                bytes_drop_front(&link->out, link->out_sent);
                link->out_sent = 0;
        }
}

void redis_link_flush(struct redis_link *link)
{
        if (link->fd >= 0 && link->out.len > 0)
                send_out(link);
}

/* ---- login ---- */

static void send_login(struct redis_link *link, enum login_step step, int argc, const char **argv)
{
        size_t lens[4];

        for (int i = 0; i < argc; i++)
                lens[i] = strlen(argv[i]);
        redis_link_send(link, (struct redis_tag){.expect = EXPECT_LOGIN, .number = step}, argc, argv, lens);
}

/* The first line of the password file. -1: why says what is wrong. */
static int read_password(const char *path, char **ret_password, struct err *err)
{
        uint8_t *content;
        size_t len = 0, line = 0;

        if (file_read_whole(file_ops_system(), path, 64u << 10, &content, &len, err) < 0)
                return -1;
        while (line < len && content[line] != '\n' && content[line] != '\r')
                line++;
        *ret_password = alloc_text_n(content, line);
        explicit_bzero(content, len);
        alloc_free(content);
        return 0;
}

static int send_auth(struct redis_link *link, struct err *err)
{
        const struct redis_url *url = link->config.url;
        char *password = NULL;

        if (url->password_file != NULL) {
                if (read_password(url->password_file, &password, err) < 0)
                        return -1;
        } else if (url->password != NULL) {
                password = alloc_text(url->password);
        }
        if (password == NULL)
                return 0;
        if (url->user != NULL)
                send_login(link, LOGIN_AUTH, 3, (const char *[]){"AUTH", url->user, password});
        else
                send_login(link, LOGIN_AUTH, 2, (const char *[]){"AUTH", password});
        explicit_bzero(password, strlen(password));
        alloc_free(password);
        return 0;
}

static void log_in(struct redis_link *link)
{
        struct err err;
        char db[16];

        err_reset(&err);
        link->state = LINK_LOGGING_IN;
        link->server = (struct redis_info){.is_master = true};
        loop_timer_repeat(link->timer, 500);
        if (send_auth(link, &err) < 0) {
                fail(link, REDIS_DENIED, err.text);
                return;
        }
        if (link->config.url->db != 0) {
                (void)snprintf(db, sizeof(db), "%u", link->config.url->db);
                send_login(link, LOGIN_SELECT, 2, (const char *[]){"SELECT", db});
        }
        send_login(link, LOGIN_NAME, 3, (const char *[]){"CLIENT", "SETNAME", link->config.client_name});
        send_login(link, LOGIN_ID, 2, (const char *[]){"CLIENT", "ID"});
        send_login(link, LOGIN_INFO, 1, (const char *[]){"INFO"});
}

static void on_dialed(void *context, int fd, const char *why)
{
        struct redis_link *link = context;

        if (fd < 0) {
                fail(link, REDIS_AWAY, why);
                return;
        }
        link->dial = redis_dial_free(link->dial);
        link->fd = fd;
        link->reader = redis_reply_reader_new();
        link->watch = loop_watch_new(link->config.loop, fd, LOOP_READABLE, on_ready_fd, link);
        log_in(link);
}

/* "name:value\r\n" of INFO, cut to fit; false: not there. */
static bool info_field(struct slice info, const char *name, char *ret_value, size_t value_bytes)
{
        const char *at = (const char *)info.data;
        size_t name_len = strlen(name);

        while (at != NULL && *at != '\0') {
                if (strncmp(at, name, name_len) == 0 && at[name_len] == ':') {
                        const char *value = at + name_len + 1;

                        (void)snprintf(ret_value, value_bytes, "%.*s", (int)strcspn(value, "\r\n"), value);
                        return true;
                }
                at = strchr(at, '\n');
                at = at == NULL ? NULL : at + 1;
        }
        return false;
}

/* SET … XX GET and XTRIM MINID came with 6.2. */
static bool is_too_old(const char *version)
{
        unsigned major, minor;

        return sscanf(version, "%u.%u", &major, &minor) == 2 && (major < 6 || (major == 6 && minor < 2));
}

static void read_info(struct redis_link *link, struct slice info)
{
        char value[48];

        (void)info_field(info, "redis_version", link->server.version, sizeof(link->server.version));
        (void)info_field(info, "run_id", link->server.run_id, sizeof(link->server.run_id));
        (void)info_field(info, "maxmemory_policy", link->server.maxmemory_policy,
                         sizeof(link->server.maxmemory_policy));
        if (info_field(info, "maxmemory", value, sizeof(value)))
                link->server.has_maxmemory = strcmp(value, "0") != 0;
        if (info_field(info, "role", value, sizeof(value)))
                link->server.is_master = strcmp(value, "master") == 0;
        if (is_too_old(link->server.version)) {
                (void)snprintf(value, sizeof(value), "version %s, 6.2 is needed", link->server.version);
                fail(link, REDIS_OTHER, value);
        } else if (info_field(info, "loading", value, sizeof(value)) && strcmp(value, "0") != 0) {
                fail(link, REDIS_LOADING, "it says so");
        } else if (!link->server.is_master) {
                fail(link, REDIS_READ_ONLY, "its role is that of a replica");
        }
}

static void come_up(struct redis_link *link)
{
        link->state = LINK_UP;
        link->is_told = false;
        if (link->old_client_id > 0 && strcmp(link->old_run_id, link->server.run_id) == 0 &&
            link->server.run_id[0] != '\0') {
                char id[24];

                (void)snprintf(id, sizeof(id), "%" PRId64, link->old_client_id);
                send_login(link, LOGIN_KILL, 4, (const char *[]){"CLIENT", "KILL", "ID", id});
        }
        link->old_client_id = 0;
        link->events.on_up(link->events.context, &link->server);
}

static void on_login_reply(struct redis_link *link, enum login_step step, const struct redis_reply *reply)
{
        bool is_fault = reply->type == REDIS_REPLY_FAULT;
        const char *text = is_fault ? (const char *)reply->text.data : "";

        switch (step) {
        case LOGIN_AUTH:
                if (is_fault)
                        fail(link, REDIS_DENIED, text);
                return;
        case LOGIN_SELECT:
                if (is_fault)
                        fail(link, redis_trouble_of(reply->text), text);
                return;
        case LOGIN_ID:
                if (reply->type == REDIS_REPLY_NUMBER)
                        link->client_id = reply->number;
                return;
        case LOGIN_INFO:
                /* An ACL without INFO is no reason to stay away; one without a login is. */
                if (is_fault && strncmp(text, "NOPERM", 6) != 0) {
                        fail(link, redis_trouble_of(reply->text), text);
                        return;
                }
                if (reply->type == REDIS_REPLY_TEXT)
                        read_info(link, reply->text);
                if (link->state == LINK_LOGGING_IN)
                        come_up(link);
                return;
        case LOGIN_NAME: /* both are a courtesy, and their refusal no trouble */
        case LOGIN_KILL:
                return;
        }
}

/* ---- replies in ---- */

static void take_reply(struct redis_link *link, const struct redis_reply *reply)
{
        struct pending pending = link->queue[link->queue_head];
        struct slice key = slice_make(link->keys.data + link->keys_head, pending.key_bytes);

        link->queue_head = (link->queue_head + 1) & (link->queue_size - 1);
        link->queue_len--;
        link->bytes_in_flight -= pending.command_bytes;
        link->keys_head += pending.key_bytes;
        if (pending.tag.expect == EXPECT_LOGIN)
                on_login_reply(link, (enum login_step)pending.tag.number, reply);
        else
                link->events.on_reply(link->events.context, pending.tag, reply, key);
}

/* After a turn of replies: gives space back, says that there is room. */
static void after_replies(struct redis_link *link)
{
        if (link->keys_head == link->keys.len) {
                bytes_reset(&link->keys);
                link->keys_head = 0;
        } else if (link->keys_head > link->keys.len / 2) {
                bytes_drop_front(&link->keys, link->keys_head);
                link->keys_head = 0;
        }
        if (link->was_full && link->bytes_in_flight < link->config.limit_bytes / 2) {
                link->was_full = false;
                link->events.on_room(link->events.context);
        }
}

static void receive(struct redis_link *link)
{
        const struct redis_reply *reply = NULL;
        struct err err;
        ssize_t n;

        err_reset(&err);
        n = recv(link->fd, link->receive, RECEIVE_BYTES, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                char why[128];

                (void)snprintf(why, sizeof(why), "%s", n == 0 ? "it closed the connection" : strerror(errno));
                fail(link, REDIS_AWAY, why);
                return;
        }
        link->heard_ns = clock_monotonic_ns(link->config.clock);
        if (redis_reply_feed(link->reader, link->receive, (size_t)n, &err) < 0) {
                fail(link, REDIS_OTHER, err.text);
                return;
        }
        for (;;) {
                if (redis_reply_next(link->reader, &reply, &err) < 0) {
                        fail(link, REDIS_OTHER, err.text);
                        return;
                }
                if (reply == NULL)
                        break;
                if (link->queue_len == 0) {
                        fail(link, REDIS_OTHER, "an answer came that nobody asked for");
                        return;
                }
                take_reply(link, reply);
                if (link->reader == NULL) /* the reply ended the connection */
                        return;
        }
        after_replies(link);
}

static void on_ready_fd(void *context)
{
        struct redis_link *link = context;
        int got = loop_watch_got(link->watch);

        if ((got & LOOP_READABLE) != 0)
                receive(link);
        if (link->fd >= 0 && (got & LOOP_WRITABLE) != 0 && link->out.len > 0)
                send_out(link);
}

static void on_timer(void *context)
{
        struct redis_link *link = context;
        uint64_t silent_ns;
        char why[96];

        if (link->state == LINK_PAUSED) {
                link->state = LINK_DIALING;
                link->dial = redis_dial_new(link->config.loop, link->config.url, on_dialed, link);
                return;
        }
        if (link->queue_len == 0)
                return;
        silent_ns = clock_monotonic_ns(link->config.clock) - link->heard_ns;
        if (silent_ns < (uint64_t)link->config.timeout_ms * 1000000u)
                return;
        (void)snprintf(why, sizeof(why), "no answer for %" PRIu64 " s", silent_ns / 1000000000u);
        fail(link, REDIS_AWAY, why);
}

void redis_link_start(struct redis_link *link)
{
        link->state = LINK_PAUSED;
        loop_timer_start(link->timer, 0);
}

bool redis_link_is_up(const struct redis_link *link)
{
        return link->state == LINK_UP;
}

uint64_t redis_link_bytes_in_flight(const struct redis_link *link)
{
        return link->bytes_in_flight;
}

uint32_t redis_link_n_pending(const struct redis_link *link)
{
        return link->queue_len;
}

bool redis_link_is_full(struct redis_link *link)
{
        if (link->bytes_in_flight < link->config.limit_bytes)
                return false;
        link->was_full = true;
        return true;
}
