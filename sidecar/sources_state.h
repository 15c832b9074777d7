/* sources_state.h - the inside of struct sources, shared by sources.c, sources_change.c, sources_held.c,
 * sources_limits.c and nobody else. */
#ifndef WEIR_SIDECAR_SOURCES_STATE_H
#define WEIR_SIDECAR_SOURCES_STATE_H

#include "sidecar/base/log.h"
#include "sidecar/ingest/session.h"
#include "sidecar/net/listener.h"
#include "sidecar/source_decoder.h"
#include "sidecar/sources.h"

struct source;

enum { REFUSED_KINDS = 61 };

struct connection {
        struct connection *next;       /* of its source */
        struct connection *next_dirty, *next_held;
        struct source *source;
        struct loop_watch *watch;
        struct session *session;
        struct builder builder;
        size_t builder_bytes;          /* of it, as sources.builder_bytes has them */
        struct pipeline_batch batch;
        uint64_t held_token;
        uint64_t number;
        char peer[LISTEN_ADDRESS_BYTES]; /* address and port */
        char origin[LISTEN_ADDRESS_BYTES];
        int fd;
        uint32_t idle_ticks, held_ticks;
        bool is_held, is_dirty;
        bool is_building;   /* the builder holds a batch that is not whole yet */
        bool has_batches;   /* some batch of it is in the log */
        bool is_ended;      /* no more input */
        bool is_end_logged;
        bool is_refused;    /* what came was not Avro RPC: close once the output is gone */
};

struct source {
        struct sources *sources;
        const struct plan_source *plan;
        uint32_t index;
        struct source_decoder decoder;
        enum { ORIGIN_PEER, ORIGIN_CONNECTION, ORIGIN_TABLE, ORIGIN_HEADER } origin;
        struct listener *listener;
        char *listen; /* the option's text */
        struct connection *connections;
        uint32_t n_connections;
        uint64_t n_connections_total;
        struct session_counts *counts; /* sessions write into it: moves with them */
        struct log_limit refused_limits[REFUSED_KINDS]; /* by the sentence: one stranger does not silence another */
};

struct sources {
        struct sources_config config;
        uint32_t n_sources;
        struct source **source; /* NULL for a table that does not listen */
        struct handshake_cache *protocols;
        struct session_pool pool;
        uint8_t *receive; /* room, RECEIVE_BYTES, slack */
        uint8_t *spare;   /* the same; NULL until bytes had to wait for the ends of others */
        int ends_fd;      /* epoll: all connections; readable when the end of one has arrived */
        bool is_settling; /* connections that have ended are being read to their ends */
        size_t builder_bytes; /* held by the builders of all connections */
        int descriptors;      /* connections take those below, the rest is for files */
        struct connection *dirty;
        struct connection *first_held, **last_held;
        bool is_accepting, is_quiescing, is_starved; /* starved: reads were put off for want of room */
        uint32_t full_ticks; /* for how long there has been no room */
};

/* A source of the plan, without its listener. */
int sources_new_one(struct sources *sources, const struct plan_source *plan, uint32_t index, struct source **ret_source,
                    struct err *err) WEIR_MUST_CHECK;
/* Its connections and its listener with it. NULL allowed. */
void sources_free_one(struct source *source);
/* Binds the address; accepts nothing yet. */
int sources_listen(struct source *source, struct err *err) WEIR_MUST_CHECK;
/* From here on the listener's connections are the source's. */
void sources_take_listener(struct source *source, struct listener *listener);
/* Decodes for the source that the connection belongs to now. */
void sources_bind_connection(struct connection *connection);
void sources_close_connections(struct source *source);
/* No more of its input; the line in the log says why. What was answered still leaves. */
void sources_cut_off(struct connection *connection, const char *why);

/* Something happened to it: what it needs is seen to at the end of the round. */
static inline void sources_touch(struct connection *connection)
{
        struct sources *sources = connection->source->sources;

        if (connection->is_dirty)
                return;
        connection->is_dirty = true;
        connection->next_dirty = sources->dirty;
        sources->dirty = connection;
}

/* sources_held.c: batches for which there is no room. */
void sources_held_add(struct connection *connection, uint64_t token); /* behind those that wait already */
bool sources_held_is_refusing(const struct sources *sources);         /* batches are read to be refused */
void sources_held_refuse(struct connection *connection, uint64_t token);
void sources_held_tick(struct sources *sources);

/* sources_limits.c: what connections may take together. */
int sources_limits_descriptors(void); /* those below are for connections */
void sources_limits_note(struct connection *connection); /* the builder has grown, shrunk or gone */
void sources_limits_trim(struct connection *connection); /* the builder gives everything back */
/* After the builders hold more than they may. -1: the connection's own batch is the one to refuse. */
int sources_limits_make_room(struct connection *connection) WEIR_MUST_CHECK;

#endif
