/* sources.c - listeners and connections of the flume sources. See sources.h.
 *
 * The life of a connection: accepted; reads feed its session, which hands events to the decoder and whole batches to
 * the pipeline; answers leave when the log is durable. At the end of its input its last batches become in doubt at
 * once (a record in the log), while answers may still leave. Before bytes of one connection are taken, those whose end
 * has arrived are read to it: an agent that lost one re-sends on another, new or not, and those rows must be in doubt
 * by then. */
#include "sidecar/sources.h"

#include "avro/handshake.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/ingest/session.h"
#include "sidecar/net/loop.h"
#include "sidecar/plan/connector.h"
#include "sidecar/sources_state.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
        RECEIVE_BYTES = 256 << 10,
        READS_PER_ROUND = 4,
        DISCARDS_MAX = 16,
        ENDS_AT_ONCE = 64,
        IDLE_TICKS = 30,
        POOL_BYTES = 256 << 20, /* of events that are not whole yet, over all connections */
};

/* ---- Connections: output and end */

/* The end of its input is a record: what it may send again is in doubt from here on. */
static void record_end(struct connection *connection)
{
        if (connection->is_end_logged || connection->is_held)
                return;
        connection->is_end_logged = true;
        if (connection->has_batches)
                pipeline_connection_ended(connection->source->sources->config.pipeline, connection->source->index,
                                          connection->number, slice_from_text(connection->peer));
}

/* False when the peer is gone. */
static bool flush(struct connection *connection)
{
        for (;;) {
                struct slice output = session_output(connection->session);
                ssize_t n;

                if (output.len == 0)
                        return true;
                n = send(connection->fd, output.data, output.len, MSG_DONTWAIT | MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN;
                session_output_drop(connection->session, (size_t)n);
        }
}

/* The output's end, and what the peer has sent meanwhile taken off the kernel's hands: closing with input unread is
 * answered by a reset, and a reset can overtake the last answers. */
static void hang_up(struct connection *connection)
{
        uint8_t *receive = connection->source->sources->receive;

        session_finish_output(connection->session);
        (void)flush(connection);
        shutdown(connection->fd, SHUT_WR);
        for (int i = 0; i < DISCARDS_MAX && recv(connection->fd, receive, RECEIVE_BYTES, MSG_DONTWAIT) > 0; i++)
                continue;
        close(connection->fd);
}

static void close_connection(struct connection *connection)
{
        struct source *source = connection->source;
        struct sources *sources = source->sources;

        record_end(connection);
        for (struct connection **at = &source->connections; *at != NULL; at = &(*at)->next)
                if (*at == connection) {
                        *at = connection->next;
                        break;
                }
        for (struct connection **at = &sources->dirty; *at != NULL; at = &(*at)->next_dirty)
                if (*at == connection) {
                        *at = connection->next_dirty;
                        break;
                }
        source->n_connections--;
        pipeline_forget(sources->config.pipeline, connection);
        loop_watch_free(connection->watch);
        hang_up(connection);
        session_free(connection->session);
        builder_done(&connection->builder);
        sources_limits_note(connection);
        alloc_free(connection);
}

/* Batches are wanted, to be taken or to be refused. */
static bool wants_batches(const struct sources *sources)
{
        return pipeline_has_room(sources->config.pipeline) || sources_held_is_refusing(sources);
}

static bool may_read(const struct connection *connection)
{
        const struct sources *sources = connection->source->sources;

        if (connection->is_ended || connection->is_held || !session_may_read(connection->session))
                return false;
        return wants_batches(sources);
}

/* ---- Input */

static void log_refused(struct source *source, const char *peer, const struct err *err)
{
        struct log_limit *limit;
        uint32_t sum = 0;
        struct log_line line;

        /* what stands behind the first digit or quote is the stranger's own */
        for (const char *at = err->text; *at != '\0' && *at != '\'' && (*at < '0' || *at > '9'); at++)
                sum = sum * 31 + (unsigned char)*at;
        limit = &source->refused_limits[sum % REFUSED_KINDS];
        if (!log_limit_allow(limit, clock_monotonic_ns(clock_system())))
                return;
        log_begin(&line, LOG_WARN, "connection-refused");
        log_bytes(&line, "table", source->plan->table->name);
        log_text(&line, "peer", peer);
        log_text(&line, "msg", err->text);
        if (limit->muted > 0)
                log_uint(&line, "muted", limit->muted);
        log_end(&line);
}

static void refuse(struct connection *connection, const struct err *err)
{
        connection->is_ended = connection->is_refused = true;
        log_refused(connection->source, connection->peer, err);
}

/* Input that the session kept while it was blocked. */
static bool can_go_on(const struct connection *connection)
{
        return session_has_kept_input(connection->session) && !session_is_blocked(connection->session) &&
               !connection->is_held && !connection->is_refused && wants_batches(connection->source->sources);
}

static void go_on(struct connection *connection)
{
        struct err err = {0};

        if (!can_go_on(connection))
                return;
        if (session_continue(connection->session, &err) < 0)
                refuse(connection, &err);
}

static void end_of_input(struct connection *connection)
{
        struct err err = {0};

        connection->is_ended = true;
        if (session_end_of_input(connection->session, &err) == SESSION_E_MID_FRAME)
                log_message(LOG_DEBUG, "half-frame", "%s: %s", connection->peer, err.text);
        record_end(connection);
}

static bool read_some(struct connection *connection);

/* What its peer sent before the end. What there is no room for, or waits until calls before it are answered, was never
 * answered itself. */
static void read_to_end(struct connection *connection)
{
        while (may_read(connection) && (read_some(connection) || !connection->is_ended))
                continue;
        if (!connection->is_ended)
                end_of_input(connection);
        sources_touch(connection);
}

/* Asks for word of its end: the first time (ADD), or once more (MOD). */
static int await_end(struct connection *connection, int how)
{
        struct epoll_event event = {.events = EPOLLRDHUP | EPOLLET, .data.ptr = connection};

        return epoll_ctl(connection->source->sources->ends_fd, how, connection->fd, &event);
}

/* Bytes of `reader` were received: who sent them may have closed another connection before, and send again what was in
 * doubt there. They wait in their buffer while the others are read through the second one, in the order in which they
 * were closed. True: the reader is closed, too; those closed after it come when it was read to its end. */
static bool settle_ended(struct sources *sources, const struct connection *reader)
{
        struct epoll_event events[ENDS_AT_ONCE];
        uint8_t *full = sources->receive;
        int n = sources->is_settling ? 0 : epoll_wait(sources->ends_fd, events, ENDS_AT_ONCE, 0);

        bool is_reader_ended = false;

        if (n < 1)
                return false;
        if (sources->spare == NULL)
                sources->spare = alloc_pages(SESSION_ROOM_BYTES + RECEIVE_BYTES + SESSION_SLACK_BYTES);
        sources->receive = sources->spare;
        sources->spare = full;
        sources->is_settling = true;
        while (n > 0) {
                for (int i = 0; i < n; i++) {
                        struct connection *ended = events[i].data.ptr;

                        if (is_reader_ended)
                                (void)await_end(ended, EPOLL_CTL_MOD); /* on failure its own watch finds the end */
                        else if (ended == reader && !ended->is_ended)
                                is_reader_ended = true;
                        else if (!ended->is_ended)
                                read_to_end(ended);
                }
                n = n < ENDS_AT_ONCE || is_reader_ended ? 0 : epoll_wait(sources->ends_fd, events, ENDS_AT_ONCE, 0);
        }
        sources->is_settling = false;
        return is_reader_ended;
}

/* One read. false: nothing more to read now. */
static bool read_some(struct connection *connection)
{
        struct sources *sources = connection->source->sources;
        uint8_t *data = sources->receive + SESSION_ROOM_BYTES;
        struct err err = {0};
        ssize_t n = recv(connection->fd, data, RECEIVE_BYTES, MSG_DONTWAIT);
        bool is_at_end;

        if (n < 0 && errno == EINTR)
                return true;
        if (n < 0 && errno == EAGAIN)
                return false;
        if (n <= 0) {
                end_of_input(connection);
                return false;
        }
        connection->idle_ticks = 0;
        is_at_end = settle_ended(sources, connection);
        if (connection->is_ended) /* cut off to make room for what the others brought */
                return false;
        if (session_feed(connection->session, data, (size_t)n, &err) < 0)
                refuse(connection, &err);
        if (is_at_end) {
                sources->is_settling = true;
                read_to_end(connection);
                sources->is_settling = false;
                settle_ended(sources, connection);
        }
        return n == RECEIVE_BYTES && may_read(connection);
}

static void on_socket(void *context)
{
        struct connection *connection = context;
        int got = loop_watch_got(connection->watch);

        sources_touch(connection);
        if (!(got & LOOP_READABLE) || !may_read(connection)) {
                connection->source->sources->is_starved |= (got & LOOP_READABLE) != 0;
                return;
        }
        for (int i = 0; i < READS_PER_ROUND && read_some(connection); i++)
                continue;
}

/* ---- The session's handler */

static void batch_begin(void *context, uint64_t token)
{
        struct connection *connection = context;

        (void)token;
        builder_reset(&connection->builder);
        connection->is_building = true;
}

void sources_cut_off(struct connection *connection, const char *why)
{
        connection->is_ended = connection->is_refused = true;
        sources_touch(connection);
        log_message(LOG_WARN, "connection-cut", "%s: %s; the agent connects again", connection->peer, why);
}

static int consume(void *context, const uint8_t *at, const uint8_t *end, uint32_t max_events, size_t *ret_consumed,
                   uint32_t *ret_events, size_t *ret_need, struct err *err)
{
        struct connection *connection = context;
        struct decode_span span = {.at = at, .end = end, .max_events = max_events};
        int result = decode_events(connection->source->decoder.program, &connection->builder, &span, err);

        if (result < 0)
                return -1;
        sources_limits_note(connection);
        if (connection->source->sources->builder_bytes > LIMIT_BUILDERS_BYTES &&
            sources_limits_make_room(connection) < 0)
                return err_set(err, ERR_UNAVAILABLE, "batches on their way in hold more than %u bytes, and this one is "
                               "the largest: lower the sink's batch-size", LIMIT_BUILDERS_BYTES);
        *ret_consumed = (size_t)(span.at - at);
        *ret_events = span.n_events;
        *ret_need = span.need_bytes;
        return 0;
}

/* Offers the connection's batch. 0 taken, > 0 held, < 0 the line is broken. */
static int offer(struct connection *connection, uint64_t token, struct err *err)
{
        struct pipeline *pipeline = connection->source->sources->config.pipeline;
        struct pipeline_ack ack = {.context = connection, .token = token};
        int result;

        connection->batch.sequence = token;
        connection->batch.depth = session_in_flight_max(connection->session);
        result = pipeline_take(pipeline, &connection->batch, &ack, err);
        if (result == 0) {
                connection->has_batches = true;
                builder_reset(&connection->builder);
                sources_limits_note(connection);
        }
        return result;
}

static int batch_end(void *context, uint64_t token, uint32_t n_events, bool is_append, struct err *err)
{
        struct connection *connection = context;
        struct sources *sources = connection->source->sources;
        int result;

        (void)n_events;
        (void)is_append;
        connection->is_building = false;
        if (sources_held_is_refusing(sources)) {
                sources_held_refuse(connection, token);
                return 0;
        }
        if (sources->first_held != NULL) {
                sources_held_add(connection, token);
                return 0;
        }
        result = offer(connection, token, err);
        if (result > 0)
                sources_held_add(connection, token);
        return result < 0 ? -1 : 0;
}

static void batch_abort(void *context, uint64_t token)
{
        struct connection *connection = context;

        (void)token;
        builder_reset(&connection->builder);
        sources_limits_note(connection);
        connection->is_building = false;
}

static const struct session_handler handler = {batch_begin, consume, batch_end, batch_abort};

/* ---- Listeners */

static void name_origin(struct connection *connection)
{
        const char *colon = strrchr(connection->peer, ':');

        switch (connection->source->origin) {
        case ORIGIN_PEER:
                memcpy(connection->origin, connection->peer, sizeof connection->origin);
                if (colon != NULL)
                        connection->origin[colon - connection->peer] = '\0';
                break;
        case ORIGIN_CONNECTION:
                memcpy(connection->origin, connection->peer, sizeof connection->origin);
                break;
        case ORIGIN_TABLE:
        case ORIGIN_HEADER:
                connection->origin[0] = '\0';
                break;
        }
}

void sources_bind_connection(struct connection *connection)
{
        struct source *source = connection->source;

        decode_builder_init(source->decoder.program, &connection->builder);
        name_origin(connection);
        connection->batch.source = source->index;
        connection->batch.builder = &connection->builder;
        connection->batch.n_origin_columns = source->decoder.n_origin_columns;
        connection->batch.origin = slice_from_text(connection->origin);
        connection->batch.connection = connection->number;
}

static void on_accept(void *context, int fd, const char *peer)
{
        struct source *source = context;
        struct sources *sources = source->sources;
        struct connection *connection;
        struct session_config config;
        struct err err = {0};
        uint64_t number;
        int result;

        if (source->n_connections >= LIMIT_CONNECTIONS)
                result = err_set(&err, ERR_UNAVAILABLE, "%u connections are open, the most that a table has",
                                 LIMIT_CONNECTIONS);
        else if (fd >= sources->descriptors)
                result = err_set(&err, ERR_UNAVAILABLE, "connections have taken their share of the files that the "
                                 "system lets this process open: raise LimitNOFILE (ulimit -n)");
        else
                result = instance_take_connection(sources->config.instance, &number, &err);
        if (result < 0) {
                source->counts->refused_connections++;
                log_refused(source, peer, &err);
                close(fd);
                return;
        }
        connection = alloc_zero(1, sizeof *connection);
        connection->source = source;
        connection->fd = fd;
        connection->number = number;
        memcpy(connection->peer, peer, strnlen(peer, sizeof connection->peer - 1));
        config = (struct session_config){.handler = &handler, .context = connection, .protocols = sources->protocols,
                                         .pool = &sources->pool, .counts = source->counts};
        connection->session = session_new(&config);
        sources_bind_connection(connection);
        connection->next = source->connections;
        source->connections = connection;
        source->n_connections++;
        source->n_connections_total++;
        connection->watch = loop_watch_new(sources->config.loop, fd, LOOP_READABLE, on_socket, connection);
        if (await_end(connection, EPOLL_CTL_ADD) < 0)
                close_connection(connection);
}

static void choose_origin(struct source *source)
{
        struct slice origin = connector_text(source->plan->table, "watermark.origin");

        if (slice_is_equal(origin, slice_from_text("connection")))
                source->origin = ORIGIN_CONNECTION;
        else if (slice_is_equal(origin, slice_from_text("table")))
                source->origin = ORIGIN_TABLE;
        else if (source->decoder.n_origin_columns > 0)
                source->origin = ORIGIN_HEADER;
        else
                source->origin = ORIGIN_PEER;
}

void sources_close_connections(struct source *source)
{
        while (source->connections != NULL)
                close_connection(source->connections);
}

void sources_free_one(struct source *source)
{
        if (source == NULL)
                return;
        sources_close_connections(source);
        listener_close(source->listener);
        source_decoder_close(&source->decoder);
        alloc_free(source->listen);
        alloc_free(source->counts);
        alloc_free(source);
}

int sources_new_one(struct sources *sources, const struct plan_source *plan, uint32_t index, struct source **ret_source,
                    struct err *err)
{
        struct source *source = alloc_zero(1, sizeof *source);
        struct slice listen = connector_text(plan->table, "listen");

        source->sources = sources;
        source->counts = alloc_zero(1, sizeof *source->counts);
        source->plan = plan;
        source->index = index;
        source->listen = alloc_text_n(listen.data, listen.len);
        for (int i = 0; i < REFUSED_KINDS; i++)
                source->refused_limits[i] =
                        (struct log_limit){.interval_ns = UINT64_C(5000000000), .burst = 3, .tokens = 3};
        if (source_decoder_open(plan, &sources->config.instance->key, &source->decoder, err) < 0) {
                sources_free_one(source);
                return -1;
        }
        choose_origin(source);
        *ret_source = source;
        return 0;
}

int sources_listen(struct source *source, struct err *err)
{
        struct slice name = source->plan->table->name;

        if (listener_open(source->sources->config.loop, slice_from_text(source->listen), on_accept, source,
                          &source->listener, err) == 0)
                return 0;
        err_prefix(err, "table '%.*s'", (int)name.len, (const char *)name.data);
        return -1;
}

void sources_take_listener(struct source *source, struct listener *listener)
{
        source->listener = listener;
        listener_set_target(listener, on_accept, source);
}

static int open_source(struct sources *sources, const struct plan_source *plan, uint32_t index,
                       struct source **ret_source, struct err *err)
{
        if (sources_new_one(sources, plan, index, ret_source, err) < 0)
                return -1;
        return sources_listen(*ret_source, err);
}

int sources_open(const struct sources_config *config, struct sources **ret_sources, struct err *err)
{
        struct sources *sources = alloc_zero(1, sizeof *sources);

        sources->config = *config;
        sources->ends_fd = epoll_create1(EPOLL_CLOEXEC);
        sources->last_held = &sources->first_held;
        session_pool_init(&sources->pool, POOL_BYTES);
        sources->descriptors = sources_limits_descriptors();
        sources->protocols = handshake_cache_new();
        sources->receive = alloc_pages(SESSION_ROOM_BYTES + RECEIVE_BYTES + SESSION_SLACK_BYTES);
        sources->n_sources = config->plan->n_sources;
        sources->source = alloc_zero(sources->n_sources + 1, sizeof *sources->source);
        if (sources->ends_fd < 0) {
                err_set_errno(err, ERR_UNAVAILABLE, errno, "epoll");
                sources_close(sources);
                return -1;
        }
        for (uint32_t i = 0; i < sources->n_sources; i++)
                if (source_decoder_is_listening(config->plan->sources[i]) &&
                    open_source(sources, config->plan->sources[i], i, &sources->source[i], err) < 0) {
                        sources_close(sources);
                        return -1;
                }
        *ret_sources = sources;
        return 0;
}

struct sources *sources_close(struct sources *sources)
{
        if (sources == NULL)
                return NULL;
        sources->first_held = NULL;
        sources->last_held = &sources->first_held;
        for (uint32_t i = 0; i < sources->n_sources; i++)
                sources_free_one(sources->source[i]);
        alloc_free(sources->source);
        handshake_cache_free(sources->protocols);
        session_pool_done(&sources->pool);
        alloc_free(sources->receive);
        alloc_free(sources->spare);
        if (sources->ends_fd >= 0)
                close(sources->ends_fd);
        alloc_free(sources);
        return NULL;
}

void sources_accept(struct sources *sources)
{
        sources->is_accepting = true;
        sources->is_quiescing = false;
        for (uint32_t i = 0; i < sources->n_sources; i++) {
                if (sources->source[i] == NULL)
                        continue;
                listener_accept(sources->source[i]->listener, true);
                for (struct connection *c = sources->source[i]->connections; c != NULL; c = c->next)
                        if (!c->is_held)
                                session_resume(c->session);
        }
        sources->is_starved = true;
}

void sources_append_endpoints(const struct sources *sources, struct bytes *json)
{
        for (uint32_t i = 0; i < sources->n_sources; i++) {
                const struct source *source = sources->source[i];

                if (source == NULL)
                        continue;
                status_append_string(json, source->plan->table->name);
                bytes_append_format(json, ": \"%s\", ", listener_address(source->listener));
        }
}

/* ---- Rounds */

void sources_on_durable(struct sources *sources, const struct pipeline_ack *ack)
{
        struct connection *connection = ack->context;

        (void)sources;
        session_answer(connection->session, ack->token, SESSION_OK, NULL);
        sources_touch(connection);
}

void sources_on_room(struct sources *sources)
{
        struct err err = {0};

        while (sources->first_held != NULL) {
                struct connection *connection = sources->first_held;

                if (offer(connection, connection->held_token, &err) != 0)
                        return; /* no room still; a broken line has been told by the pipeline's owner */
                sources->first_held = connection->next_held;
                if (sources->first_held == NULL)
                        sources->last_held = &sources->first_held;
                connection->is_held = false;
                if (connection->is_ended) /* before the next batch: it may hold the same rows */
                        record_end(connection);
                if (!sources->is_quiescing)
                        session_resume(connection->session);
                sources_touch(connection);
        }
        sources->full_ticks = 0;
        sources->is_starved = true;
}

/* Output, kept input, interest, end: what a connection needs after something happened to it. */
static void settle(struct connection *connection)
{
        int interest = 0;

        go_on(connection);
        if (connection->is_ended && !connection->is_held)
                record_end(connection);
        if (!flush(connection) ||
            (connection->is_refused && session_output(connection->session).len == 0) ||
            (connection->is_ended && !connection->is_held && session_in_flight(connection->session) == 0 &&
             session_output(connection->session).len == 0)) {
                if (!connection->is_held) {
                        close_connection(connection);
                        return;
                }
                connection->is_ended = true; /* its batch is being written: it goes afterwards */
        }
        if (may_read(connection))
                interest |= LOOP_READABLE;
        /* all output may have gone at once, with input kept behind it: that goes on in the next round */
        if (session_output(connection->session).len > 0 || can_go_on(connection))
                interest |= LOOP_WRITABLE;
        loop_watch_set(connection->watch, interest);
}

static void wake_starved(struct sources *sources)
{
        if (!sources->is_starved || !wants_batches(sources))
                return;
        sources->is_starved = false;
        for (uint32_t i = 0; i < sources->n_sources; i++)
                if (sources->source[i] != NULL)
                        for (struct connection *c = sources->source[i]->connections; c != NULL; c = c->next)
                                sources_touch(c);
}

void sources_step(struct sources *sources)
{
        wake_starved(sources);
        while (sources->dirty != NULL) {
                struct connection *connection = sources->dirty;

                sources->dirty = connection->next_dirty;
                connection->is_dirty = false;
                settle(connection);
        }
        if (!wants_batches(sources))
                sources->is_starved = true;
}

void sources_tick(struct sources *sources)
{
        sources_held_tick(sources);
        for (uint32_t i = 0; i < sources->n_sources; i++) {
                if (sources->source[i] == NULL)
                        continue;
                for (struct connection *c = sources->source[i]->connections; c != NULL; c = c->next)
                        if (++c->idle_ticks == IDLE_TICKS && !c->is_held && !session_is_mid_frame(c->session))
                                sources_limits_trim(c);
        }
}

/* ---- Stop and reload */

void sources_quiesce(struct sources *sources)
{
        sources->is_quiescing = true;
        for (uint32_t i = 0; i < sources->n_sources; i++) {
                if (sources->source[i] == NULL)
                        continue;
                listener_accept(sources->source[i]->listener, false);
                for (struct connection *c = sources->source[i]->connections; c != NULL; c = c->next) {
                        session_pause(c->session);
                        sources_touch(c);
                }
        }
}

bool sources_is_quiet(const struct sources *sources)
{
        for (uint32_t i = 0; i < sources->n_sources; i++) {
                if (sources->source[i] == NULL)
                        continue;
                for (const struct connection *c = sources->source[i]->connections; c != NULL; c = c->next)
                        if (c->is_held || (!c->is_ended && session_is_mid_frame(c->session)))
                                return false;
        }
        return true;
}

void sources_cut_slow(struct sources *sources)
{
        if (!wants_batches(sources)) /* it is weir that does not read */
                return;
        for (uint32_t i = 0; i < sources->n_sources; i++) {
                if (sources->source[i] == NULL)
                        continue;
                for (struct connection *c = sources->source[i]->connections; c != NULL; c = c->next) {
                        if (c->is_held || c->is_ended || !session_is_mid_frame(c->session))
                                continue;
                        sources_cut_off(c, "its frame did not come to an end while a reload waited for it");
                }
        }
}

bool sources_is_answered(const struct sources *sources)
{
        for (uint32_t i = 0; i < sources->n_sources; i++) {
                if (sources->source[i] == NULL)
                        continue;
                for (const struct connection *c = sources->source[i]->connections; c != NULL; c = c->next)
                        if (session_in_flight(c->session) > 0 || session_output(c->session).len > 0)
                                return false;
        }
        return true;
}

void sources_status(const struct sources *sources, uint32_t source, struct status_source *ret_source)
{
        const struct source *at = source < sources->n_sources ? sources->source[source] : NULL;

        *ret_source = (struct status_source){.listen = ""};
        if (at == NULL)
                return;
        *ret_source = (struct status_source){.listen = listener_address(at->listener),
                                             .n_connections = at->n_connections,
                                             .n_connections_total = at->n_connections_total,
                                             .bytes_in = at->counts->bytes_in,
                                             .bytes_out = at->counts->bytes_out,
                                             .calls = at->counts->calls,
                                             .answered_error = at->counts->answered_error,
                                             .refused = at->counts->refused_connections};
}
