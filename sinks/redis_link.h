/* redis_link.h - one connection to a Redis: found again whenever it is lost, commands out, replies in order.
 *
 * The link resolves, connects, logs in (AUTH, SELECT, CLIENT SETNAME), asks what it talks to (INFO) and then says
 * on_up. From there commands are pipelined: redis_link_send never waits, and each reply comes back with the tag of
 * its command. Formatting and parsing are hiredis's (redisFormatCommandArgv, redisReader); the transport is ours.
 *
 * When the connection is lost, or redis_link_drop was called, everything that waits for a reply is forgotten,
 * on_down says why, and the link tries again after a pause that grows from 50 ms to 5 s, with jitter. A server that
 * answers but cannot serve (loading, no password) is down as well. On the way back the server is told to close the
 * old connection first (CLIENT KILL ID), so that nothing of it that still lies in a buffer is carried out behind
 * what comes next.
 *
 * Loop thread. */
#ifndef WEIR_SINKS_REDIS_LINK_H
#define WEIR_SINKS_REDIS_LINK_H

#include "sinks/redis_reply.h"
#include "sinks/redis_trouble.h"
#include "sinks/redis_url.h"

struct clock;
struct loop;
struct redis_link;

/* What a reply is for; the link only carries it. */
struct redis_tag {
        uint32_t expect; /* the owner's enum */
        uint32_t table;
        uint64_t number;
};

/* What INFO said. */
struct redis_info {
        char version[24];
        char run_id[48];
        char maxmemory_policy[24];
        bool is_master;
        bool has_maxmemory; /* maxmemory > 0 */
};

struct redis_link_events {
        void *context;
        void (*on_up)(void *context, const struct redis_info *server);
        /* key: the first argument of the command (what it was about); valid until the next redis_link_send. */
        void (*on_reply)(void *context, struct redis_tag tag, const struct redis_reply *reply, struct slice key);
        /* Not once per attempt: once when it was up, and once for each change of the reason. was_up: pending
         * replies are lost. */
        void (*on_down)(void *context, enum redis_trouble trouble, const char *why, bool was_up);
        void (*on_room)(void *context); /* bytes in flight fell below half of the limit after they had reached it */
};

struct redis_link_config {
        struct loop *loop;
        const struct clock *clock;
        const struct redis_url *url;  /* borrowed; the account in it may change */
        const char *client_name;
        const struct redis_link_events *events; /* borrowed */
        uint64_t limit_bytes;         /* in flight; what redis_link_is_full looks at */
        int64_t timeout_ms;           /* replies are due and nothing came for so long: the connection is lost */
};

struct redis_link *redis_link_new(const struct redis_link_config *config);
struct redis_link *redis_link_free(struct redis_link *link); /* NULL allowed; returns NULL */
void redis_link_start(struct redis_link *link);

bool redis_link_is_up(const struct redis_link *link);
/* Only when up. argv[1], if there is one, is kept for messages until the reply. Bytes leave when the loop turns, or
 * when redis_link_flush is called. */
void redis_link_send(struct redis_link *link, struct redis_tag tag, int argc, const char **argv, const size_t *lens);
void redis_link_flush(struct redis_link *link);
/* Queued or without reply: commands' bytes. */
uint64_t redis_link_bytes_in_flight(const struct redis_link *link);
uint32_t redis_link_n_pending(const struct redis_link *link);
bool redis_link_is_full(struct redis_link *link); /* true: on_room will come */
/* Closes the connection and tries again, after the pause that belongs to the trouble. on_down is not called. */
void redis_link_drop(struct redis_link *link, enum redis_trouble trouble);
/* What was asked for works: the next pause is a short one again. */
void redis_link_settle(struct redis_link *link);

#endif
