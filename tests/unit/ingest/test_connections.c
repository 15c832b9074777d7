/* test_connections.c - hundreds of sessions behind a listener, over real loopback sockets. */
#include "avro/call.h"
#include "avro/frame.h"
#include "avro/handshake.h"
#include "sidecar/ingest/event.h"
#include "sidecar/ingest/session.h"
#include "sidecar/net/listener.h"
#include "tests/lib/check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 512, RECEIVE_BYTES = 64 << 10 };

struct server;

struct served {
        struct server *server;
        struct loop_watch *watch;
        struct session *session;
        int fd;
        uint32_t n_events;
};

struct server {
        struct loop *loop;
        struct listener *listener;
        uint32_t n_accepted;
        struct session_config config;
        struct session_pool pool;
        struct session_counts counts;
        struct served served[CONNECTIONS_MAX];
        uint8_t *receive;
};

static void open_server(struct server *server, const char *address, listen_fn call)
{
        struct err err;

        *server = (struct server){.loop = loop_new()};
        if (listener_open(server->loop, slice_from_text(address), call, server, &server->listener, &err) < 0) {
                CHECK_FAIL("%s", err.text);
                check_abandon();
        }
}

static void close_server(struct server *server)
{
        listener_close(server->listener);
        loop_free(server->loop);
}

static uint16_t port_of(const struct server *server)
{
        unsigned port;

        REQUIRE(sscanf(strrchr(listener_address(server->listener), ':'), ":%u", &port) == 1);
        return (uint16_t)port;
}

static int dial(uint16_t port)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
        return fd;
}

static void turn(struct server *server, const uint32_t *n, uint32_t wanted)
{
        for (int i = 0; i < 500 && *n < wanted; i++)
                REQUIRE(loop_run_once(server->loop, 10) >= 0);
        CHECK_UINT(*n, wanted);
}

static void on_batch(void *context, uint64_t token)
{
        (void)context;
        (void)token;
}

static int on_consume(void *context, const uint8_t *at, const uint8_t *end, uint32_t max_events, size_t *ret_consumed,
                      uint32_t *ret_events, size_t *ret_need, struct err *err)
{
        const uint8_t *start = at;
        struct event event;
        uint32_t n = 0;
        int result = 0;

        (void)context;
        while (n < max_events && (result = event_next(&at, end, &event, ret_need, err)) == 0)
                n++;
        *ret_consumed = (size_t)(at - start);
        *ret_events = n;
        return result < 0 ? -1 : 0;
}

static int on_batch_end(void *context, uint64_t token, uint32_t n_events, bool is_append, struct err *err)
{
        struct served *served = context;

        (void)is_append;
        (void)err;
        served->n_events += n_events;
        session_answer(served->session, token, SESSION_OK, NULL);
        return 0;
}

static const struct session_handler handler = {on_batch, on_consume, on_batch_end, on_batch};

static void on_readable(void *context)
{
        struct served *served = context;
        uint8_t *data = served->server->receive + SESSION_ROOM_BYTES;
        ssize_t n = recv(served->fd, data, RECEIVE_BYTES, 0);
        struct slice output;
        struct err err;

        if (n <= 0) {
                CHECK_INT(session_end_of_input(served->session, &err), 0);
                served->watch = loop_watch_free(served->watch);
                served->session = session_free(served->session);
                close(served->fd);
                served->server->n_accepted--;
                return;
        }
        CHECK_OK(session_feed(served->session, data, (size_t)n, &err), &err);
        output = session_output(served->session);
        if (output.len > 0)
                CHECK_INT(send(served->fd, output.data, output.len, MSG_NOSIGNAL), output.len);
        session_output_drop(served->session, output.len);
}

static void serve(void *context, int fd, const char *peer)
{
        struct server *server = context;
        struct served *served = &server->served[server->n_accepted++];
        struct session_config config = server->config;

        (void)peer;
        config.context = served;
        *served = (struct served){.server = server, .fd = fd, .session = session_new(&config)};
        served->watch = loop_watch_new(server->loop, fd, LOOP_READABLE, on_readable, served);
}

/* appendBatch of n events. */
static void append_batch(struct bytes *bytes, uint32_t serial, uint32_t n)
{
        struct slice key = slice_from_text("host"), value = slice_from_text("web-1");
        struct bytes head, params;

        bytes_init(&head);
        bytes_init(&params);
        if (serial == 1)
                handshake_append_request(&head, protocol_flume_hash(), slice_make(NULL, 0), protocol_flume_hash());
        call_append_head(&head, CALL_APPEND_BATCH);
        binary_append_long(&params, n);
        for (uint32_t i = 0; i < n; i++)
                event_append(&params, &key, &value, 1, slice_from_text("a body of some bytes, as they go"));
        bytes_append_byte(&params, 0);
        frame_append(bytes, serial, bytes_slice(&head), bytes_slice(&params));
        bytes_done(&head);
        bytes_done(&params);
}

TEST(hundreds_of_connections_are_served_at_once)
{
        enum { N_CONNECTIONS = 300, N_BATCHES = 5, N_EVENTS = 20, REPLIES_BYTES = 19 + 15 * (N_BATCHES - 1) };
        struct server server;
        struct bytes batches, receive;
        int fds[N_CONNECTIONS];
        uint8_t replies[REPLIES_BYTES];

        open_server(&server, "127.0.0.1:0", serve);
        session_pool_init(&server.pool, 1 << 20);
        bytes_init(&receive);
        server.receive = bytes_reserve(&receive, SESSION_ROOM_BYTES + RECEIVE_BYTES + SESSION_SLACK_BYTES);
        server.config.handler = &handler;
        server.config.protocols = handshake_cache_new();
        server.config.pool = &server.pool;
        server.config.counts = &server.counts;
        listener_accept(server.listener, true);
        bytes_init(&batches);
        for (uint32_t i = 1; i <= N_BATCHES; i++)
                append_batch(&batches, i, N_EVENTS);
        for (int i = 0; i < N_CONNECTIONS; i++) {
                fds[i] = dial(port_of(&server));
                /* all but the last byte: every connection is in the middle of something */
                CHECK_INT(send(fds[i], batches.data, batches.len - 1, 0), batches.len - 1);
        }
        turn(&server, &server.n_accepted, N_CONNECTIONS);
        for (int i = 0; i < N_CONNECTIONS; i++)
                CHECK_INT(send(fds[i], batches.data + batches.len - 1, 1, 0), 1);
        for (int i = 0; i < 500 && server.counts.answered_ok < N_CONNECTIONS * N_BATCHES; i++)
                REQUIRE(loop_run_once(server.loop, 10) >= 0);
        CHECK_UINT(server.counts.answered_ok, N_CONNECTIONS * N_BATCHES);
        for (int i = 0; i < N_CONNECTIONS; i++) {
                CHECK_UINT(server.served[i].n_events, N_BATCHES * N_EVENTS);
                CHECK_INT(recv(fds[i], replies, sizeof(replies), MSG_WAITALL), sizeof(replies));
                CHECK_UINT(bytes_get_be32(replies), 1);
                CHECK_UINT(bytes_get_be32(replies + REPLIES_BYTES - 15), N_BATCHES);
                close(fds[i]);
        }
        for (int i = 0; i < 500 && server.n_accepted > 0; i++)
                REQUIRE(loop_run_once(server.loop, 10) >= 0);
        CHECK_UINT(server.n_accepted, 0);
        CHECK_UINT(server.pool.held_bytes, 0);
        session_pool_done(&server.pool);
        handshake_cache_free(server.config.protocols);
        bytes_done(&batches);
        bytes_done(&receive);
        close_server(&server);
}
