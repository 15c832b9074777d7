/* redis_owner.h - the commit record: who writes, and how far.
 *
 *     weir:{commit}:NAME              <run>:<epoch>:<lsn>      no TTL
 *     weir:{commit}:NAME:<instance>   a token of the process   lives 15 s, renewed every 5 s
 *
 * NAME is weir.name percent-encoded, <run> is <instance, 16 hex digits>-<start>. The record is set once every reply
 * of an epoch was checked, by SET … XX GET: the answer must be the value that was set last. Any other answer is
 * news:
 *
 *   no answer            Redis has forgotten (FLUSHALL, another database, an old snapshot). The record is made anew by
 *                        SET NX, and everything that is kept goes out again.
 *   an older one of      Redis came back without its last writes: go on behind what it has.
 *   ours
 *   another instance's   Another weir of the same name. Its second key tells whether it lives: as long as that key
 *                        is renewed it does, and this one stops. Once it has run out (at most 15 s) the other is gone:
 *                        this one takes over and sends all it keeps. Who stops because of this deletes its own second
 *                        key.
 *   one of ours that     Our log lost what it had promised, an older copy of the state directory was restored, or
 *   our log cannot have  two processes have its identity. The epoch or the position is beyond the end of the log, or
 *   made                 the outbox, which holds the epochs before and behind it, does not hold it. Nothing is
 *                        written until the key is deleted or weir is started with the directory that made it.
 *
 * An instance that was frozen for more than 15 s counts as gone; when it thaws, its next commit finds the other's
 * record and it stops. What it wrote in between are results of whole epochs, and the other writes them again at the
 * next slide.
 *
 * A crash leaves our own second key behind; it is not waited for, because the lock on the state directory says that
 * nobody else has that identity. Loop thread. */
#ifndef WEIR_SINKS_REDIS_OWNER_H
#define WEIR_SINKS_REDIS_OWNER_H

#include "sinks/redis_link.h"
#include "sinks/sink.h"

enum { REDIS_OWNER_ALIVE_MS = 15000, REDIS_OWNER_BEAT_MS = 5000, REDIS_OWNER_WATCH_MS = 500 };

/* A record's value. */
struct redis_record {
        uint64_t instance, start, epoch, lsn;
};
enum { REDIS_RECORD_BYTES = 96 };
void redis_owner_format(const struct redis_record *record, char text[REDIS_RECORD_BYTES]);
bool redis_owner_parse(struct slice text, struct redis_record *ret_record);

struct redis_owner_events {
        void *context;
        void (*on_owned)(void *context, enum sink_memory memory, uint64_t epoch);
        void (*on_committed)(void *context, uint64_t epoch);
        /* The record is not what it was: what is under way is void, on_owned will follow. */
        void (*on_lost)(void *context, const char *why);
        void (*on_fatal)(void *context, const char *why);
        void (*on_trouble)(void *context, enum redis_trouble trouble, const char *why);
        void (*on_note)(void *context, enum log_level level, const char *event, const char *text);
};

struct redis_owner;

/* Borrows link, events and config's name. */
struct redis_owner *redis_owner_new(struct redis_link *link, const struct sink_config *config, uint32_t expect,
                                    const struct redis_owner_events *events);
struct redis_owner *redis_owner_free(struct redis_owner *owner); /* NULL allowed; returns NULL */

/* The link is up: looks at the record, watches or takes it, then says on_owned. Also to look again after trouble. */
void redis_owner_begin(struct redis_owner *owner);
/* The link is down: replies will not come. */
void redis_owner_cancel(struct redis_owner *owner);
/* A reply to a command whose tag has expect == the one given to redis_owner_new. */
void redis_owner_reply(struct redis_owner *owner, struct redis_tag tag, const struct redis_reply *reply);
/* All of the epoch was confirmed. on_committed follows. */
void redis_owner_commit(struct redis_owner *owner, uint64_t epoch, uint64_t lsn);
/* To be called every REDIS_OWNER_WATCH_MS while the link is up: watches, beats, looks at the record. */
void redis_owner_tick(struct redis_owner *owner, uint64_t now_ns);
/* Clean stop: gives the second key up. */
void redis_owner_leave(struct redis_owner *owner);

#endif
