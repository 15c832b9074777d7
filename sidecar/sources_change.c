/* sources_change.c - from one plan's listeners to the next one's. See sources.h.
 *
 * What can fail comes first: schemas are read and new addresses bound while the old plan is in force, so that a reload
 * that cannot be done leaves everything as it is. An address that the old plan listens on already passes on: to the
 * table of the same name, with its connections, else to the one that names it now, without them. */
#include "sidecar/base/alloc.h"
#include "sidecar/plan/connector.h"
#include "sidecar/sources_state.h"

struct sources_change {
        struct sources *sources;
        const struct plan_job *plan;
        struct source **source; /* of the new plan; NULL for a table that does not listen */
        struct source **before; /* of the old plan: whose listener it takes over, or NULL */
};

static bool is_taken(const struct sources_change *change, const struct source *old)
{
        for (uint32_t i = 0; i < change->plan->n_sources; i++)
                if (change->before[i] == old)
                        return true;
        return false;
}

/* A free port of the kernel's choice belongs to the table that was given it. */
static bool is_any_port(struct slice listen)
{
        return listen.len >= 2 && memcmp(listen.data + listen.len - 2, ":0", 2) == 0;
}

static bool is_same_table(const struct source *old, const struct plan_source *plan)
{
        return slice_is_equal(old->plan->table->name, plan->table->name);
}

/* The source of the old plan that listens where the new one will. */
static struct source *find_before(const struct sources_change *change, const struct plan_source *plan, bool is_named_so)
{
        const struct sources *sources = change->sources;
        struct slice listen = connector_text(plan->table, "listen");

        for (uint32_t i = 0; i < sources->n_sources; i++) {
                struct source *old = sources->source[i];

                if (old != NULL && slice_is_equal(slice_from_text(old->listen), listen) && !is_taken(change, old) &&
                    is_same_table(old, plan) == is_named_so && (is_named_so || !is_any_port(listen)))
                        return old;
        }
        return NULL;
}

static int prepare(struct sources_change *change, struct err *err)
{
        const struct plan_job *plan = change->plan;

        for (uint32_t i = 0; i < plan->n_sources; i++)
                if (source_decoder_is_listening(plan->sources[i]))
                        change->before[i] = find_before(change, plan->sources[i], true);
        for (uint32_t i = 0; i < plan->n_sources; i++) {
                if (!source_decoder_is_listening(plan->sources[i]))
                        continue;
                if (change->before[i] == NULL)
                        change->before[i] = find_before(change, plan->sources[i], false);
                if (sources_new_one(change->sources, plan->sources[i], i, &change->source[i], err) < 0 ||
                    (change->before[i] == NULL && sources_listen(change->source[i], err) < 0))
                        return -1;
        }
        return 0;
}

struct sources_change *sources_change_free(struct sources_change *change)
{
        if (change == NULL)
                return NULL;
        for (uint32_t i = 0; change->source != NULL && i < change->plan->n_sources; i++)
                sources_free_one(change->source[i]);
        alloc_free(change->source);
        alloc_free(change->before);
        alloc_free(change);
        return NULL;
}

int sources_change_prepare(struct sources *sources, const struct plan_job *plan, struct sources_change **ret_change,
                           struct err *err)
{
        struct sources_change *change = alloc_zero(1, sizeof *change);

        change->sources = sources;
        change->plan = plan;
        change->source = alloc_zero(plan->n_sources + 1, sizeof *change->source);
        change->before = alloc_zero(plan->n_sources + 1, sizeof *change->before);
        if (prepare(change, err) < 0) {
                sources_change_free(change);
                return -1;
        }
        *ret_change = change;
        return 0;
}

bool sources_change_has_schema(const struct sources_change *change)
{
        for (uint32_t i = 0; i < change->plan->n_sources; i++) {
                const struct source *old = change->before[i], *new = change->source[i];

                if (old != NULL && !slice_is_equal(bytes_slice(&old->decoder.schema_text),
                                                   bytes_slice(&new->decoder.schema_text)))
                        return true;
        }
        return false;
}

void sources_change_part(struct sources_change *change)
{
        for (uint32_t i = 0; i < change->sources->n_sources; i++) {
                struct source *old = change->sources->source[i];
                bool is_kept = false;

                for (uint32_t k = 0; k < change->plan->n_sources && old != NULL; k++)
                        is_kept |= change->before[k] == old && is_same_table(old, change->plan->sources[k]);
                if (old != NULL && !is_kept)
                        sources_close_connections(old);
        }
}

static void move_connections(struct source *from, struct source *to)
{
        while (from->connections != NULL) {
                struct connection *connection = from->connections;

                from->connections = connection->next;
                builder_done(&connection->builder);
                sources_limits_note(connection);
                connection->source = to;
                sources_bind_connection(connection);
                connection->next = to->connections;
                to->connections = connection;
        }
        to->n_connections += from->n_connections;
        to->n_connections_total = from->n_connections_total;
        alloc_free(to->counts);
        to->counts = from->counts;
        from->counts = NULL;
        from->n_connections = 0;
}

void sources_change_finish(struct sources_change *change)
{
        struct sources *sources = change->sources;

        for (uint32_t i = 0; i < change->plan->n_sources; i++) {
                struct source *old = change->before[i];

                if (old == NULL)
                        continue;
                sources_take_listener(change->source[i], old->listener);
                old->listener = NULL;
                if (is_same_table(old, change->plan->sources[i]))
                        move_connections(old, change->source[i]);
        }
        for (uint32_t i = 0; i < sources->n_sources; i++)
                sources_free_one(sources->source[i]);
        alloc_free(sources->source);
        sources->source = change->source;
        sources->n_sources = change->plan->n_sources;
        sources->config.plan = change->plan;
        change->source = NULL;
        sources_change_free(change);
}
