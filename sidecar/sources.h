/* sources.h - the listening sources of a job: sockets in, batches for the pipeline, answers out.
 *
 * Each source table with 'connector' = 'flume' listens; each connection has a session (ingest/session.h) and a builder
 * that the decoder fills. All connections share one receive buffer, so received bytes are still in the cache when they
 * are decoded.
 *
 * Back-pressure: when the pipeline refuses a batch, its connection holds it and all others stop reading, so that TCP
 * holds the agents; nothing is answered with an error for being late. Loop thread. */
#ifndef WEIR_SIDECAR_SOURCES_H
#define WEIR_SIDECAR_SOURCES_H

#include "sidecar/pipeline.h"
#include "sidecar/status.h"

struct sources;

struct sources_config {
        struct loop *loop;
        struct instance *instance;
        struct pipeline *pipeline;
        const struct plan_job *plan;
};

/* Compiles the decoders (schema files are read here) and, for `listen`, binds every source; *ret_sources accepts
 * nothing before sources_accept. ERR_CONFIG: a schema that does not fit; ERR_UNAVAILABLE: an address in use. */
int sources_open(const struct sources_config *config, struct sources **ret_sources, struct err *err) WEIR_MUST_CHECK;
struct sources *sources_close(struct sources *sources); /* NULL allowed; returns NULL */
void sources_accept(struct sources *sources);
/* {"ad_events": "127.0.0.1:4141"} without the braces. */
void sources_append_endpoints(const struct sources *sources, struct bytes *json);

/* Pipeline callbacks. */
void sources_on_durable(struct sources *sources, const struct pipeline_ack *ack);
void sources_on_room(struct sources *sources);
/* After each round of events: answers leave, connections that may read again do. */
void sources_step(struct sources *sources);
/* Each second: connections without traffic give their memory back. */
void sources_tick(struct sources *sources);

/* Towards a stop or a reload: no new connections, and none reads beyond the frame it is in. */
void sources_quiesce(struct sources *sources);
bool sources_is_quiet(const struct sources *sources); /* every frame begun is taken */
bool sources_is_answered(const struct sources *sources); /* and every answer has left */
/* Closes the connections whose frame does not come to its end, which a reload cannot wait for. */
void sources_cut_slow(struct sources *sources);

/* A reload, in three steps (sources_change.c). prepare reads schemas and binds new addresses; < 0: nothing has changed.
 * part hangs up on connections of tables that go, while the old plan is in force. finish, under the new plan: listeners
 * whose address is unchanged stay open, connections of tables that stay go on. It frees the change. */
struct sources_change;
int sources_change_prepare(struct sources *sources, const struct plan_job *plan, struct sources_change **ret_change,
                           struct err *err) WEIR_MUST_CHECK;
bool sources_change_has_schema(const struct sources_change *change); /* a schema file says something else now */
void sources_change_part(struct sources_change *change);
void sources_change_finish(struct sources_change *change);
struct sources_change *sources_change_free(struct sources_change *change); /* NULL allowed; returns NULL */

void sources_status(const struct sources *sources, uint32_t source, struct status_source *ret_source);

#endif
