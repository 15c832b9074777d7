/* sources_held.c - batches for which there is no room: who waits, and who hears no.
 *
 * The first batch without room is held and offered again when there is some (sources_on_room); behind it nothing is
 * read, so that agents wait in their sockets. After FULL_TICKS of that, batches are read after all and answered with an
 * error that says why, as long as it lasts: an agent logs it, puts the events back and tries again, where its own
 * time-out would have said nothing. */
#include "sidecar/sources_state.h"

#include <stdio.h>

enum {
        FULL_TICKS = 10, /* half of an agent's request-timeout */
        TEXT_BYTES = 600,
};

void sources_held_add(struct connection *connection, uint64_t token)
{
        struct sources *sources = connection->source->sources;

        connection->is_held = true;
        connection->held_token = token;
        connection->held_ticks = 0;
        connection->next_held = NULL;
        *sources->last_held = connection;
        sources->last_held = &connection->next_held;
        session_pause(connection->session);
}

bool sources_held_is_refusing(const struct sources *sources)
{
        return sources->full_ticks >= FULL_TICKS && !pipeline_has_room(sources->config.pipeline);
}

void sources_held_refuse(struct connection *connection, uint64_t token)
{
        const struct sources *sources = connection->source->sources;
        const char *why = pipeline_why_full(sources->config.pipeline);
        char text[TEXT_BYTES];

        if (why == NULL)
                why = sources->first_held != NULL ? "weir's log is too slow"
                                                  : "results wait until their sinks take them";
        snprintf(text, sizeof text, "the batch was not taken: %s", why);
        builder_reset(&connection->builder);
        sources_limits_note(connection);
        session_answer(connection->session, token, SESSION_ERROR, text);
        sources_touch(connection);
}

/* Batches that have waited for too long are answered with an error, so that the agent's log says why. The first of
 * them may be half in the log: it waits on. */
static void answer_held(struct sources *sources)
{
        struct connection **at = sources->first_held == NULL ? NULL : &sources->first_held->next_held;

        while (at != NULL && *at != NULL) {
                struct connection *connection = *at;

                if (++connection->held_ticks < FULL_TICKS) {
                        at = &connection->next_held;
                        continue;
                }
                *at = connection->next_held;
                connection->is_held = false;
                sources_held_refuse(connection, connection->held_token);
                if (!sources->is_quiescing)
                        session_resume(connection->session);
        }
        if (at != NULL)
                sources->last_held = at;
}

void sources_held_tick(struct sources *sources)
{
        answer_held(sources);
        if (pipeline_has_room(sources->config.pipeline))
                sources->full_ticks = 0;
        else if (++sources->full_ticks == FULL_TICKS)
                sources->is_starved = true; /* all are looked at: they may be read again */
}
