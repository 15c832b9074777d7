/* sources_limits.c - what the connections of all sources may take together: descriptors, and memory for batches on
 * their way in. */
#include "sidecar/base/limits.h"
#include "sidecar/sources_state.h"

#include <sys/resource.h>

enum { FILE_DESCRIPTORS = 256 }; /* for what is no connection of an agent */

/* Log, outbox and sinks must find a free descriptor whatever agents do: a connection gets none from the last ones. */
int sources_limits_descriptors(void)
{
        struct rlimit limit;
        rlim_t kept;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return LIMIT_CONNECTIONS;
        if (limit.rlim_cur < LIMIT_DESCRIPTORS) {
                limit.rlim_cur = limit.rlim_max < LIMIT_DESCRIPTORS ? limit.rlim_max : LIMIT_DESCRIPTORS;
                if (setrlimit(RLIMIT_NOFILE, &limit) < 0 && getrlimit(RLIMIT_NOFILE, &limit) < 0)
                        return LIMIT_CONNECTIONS;
        }
        if (limit.rlim_cur > LIMIT_DESCRIPTORS)
                limit.rlim_cur = LIMIT_DESCRIPTORS;
        kept = limit.rlim_cur / 2 < FILE_DESCRIPTORS ? limit.rlim_cur / 2 : FILE_DESCRIPTORS;
        return (int)(limit.rlim_cur - kept);
}

void sources_limits_note(struct connection *connection)
{
        size_t now = builder_held_bytes(&connection->builder);

        connection->source->sources->builder_bytes += now - connection->builder_bytes;
        connection->builder_bytes = now;
}

void sources_limits_trim(struct connection *connection)
{
        builder_trim(&connection->builder);
        sources_limits_note(connection);
}

/* Idle builders give back what they kept. Returns the connection that holds the largest half batch. */
static struct connection *trim_source(struct source *source, struct connection *largest)
{
        for (struct connection *c = source->connections; c != NULL; c = c->next) {
                if (!c->is_building && !c->is_held)
                        sources_limits_trim(c);
                else if (c->is_building && !c->is_ended && c->builder_bytes > largest->builder_bytes)
                        largest = c;
        }
        return largest;
}

int sources_limits_make_room(struct connection *connection)
{
        struct sources *sources = connection->source->sources;

        while (sources->builder_bytes > LIMIT_BUILDERS_BYTES) {
                struct connection *largest = connection;

                for (uint32_t i = 0; i < sources->n_sources; i++)
                        if (sources->source[i] != NULL)
                                largest = trim_source(sources->source[i], largest);
                if (sources->builder_bytes <= LIMIT_BUILDERS_BYTES)
                        break;
                if (largest == connection)
                        return -1;
                sources_limits_trim(largest);
                sources_cut_off(largest, "batches on their way in hold too much memory, and its was the largest");
        }
        return 0;
}
