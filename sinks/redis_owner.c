/* redis_owner.c - the commit record: who writes, and how far.
 *
 *            begin            our record
 *   IDLE ───────────→ READING ───────────────────────────────────────────────→ HELD ⇄ COMMITTING
 *    ↑                 │   │ none                                OK             ↑
 *    │                 │   └──────→ CREATING (SET NX) ──────────────────────────┤
 *    │                 │ another's                gone            as expected   │
 *    │                 └──────→ WATCHING (PTTL) ──────→ TAKING (SET XX GET) ────┘
 *    │                              │ renewed
 *    ├── any surprise: on_lost      └──────→ STOPPED: on_fatal
 *    └── not from our log: on_trouble
 *
 * Replies that come late, after the state has moved on, are told by the round in their tag. */
#include "sinks/redis_owner.h"

#include "sidecar/base/alloc.h"
#include "sinks/percent.h"
#include "sinks/redis_key.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum { TEXT_BYTES = LIMIT_REDIS_KEY_BYTES + 512 };

enum owner_state { IDLE, READING, CREATING, WATCHING, TAKING, HELD, COMMITTING, STOPPED };

enum owner_step { STEP_BEAT, STEP_READ, STEP_LOOK, STEP_CREATE, STEP_ASK, STEP_TAKE, STEP_COMMIT, STEP_LEAVE };

struct redis_owner {
        struct redis_link *link;
        struct redis_owner_events events;
        uint32_t expect;
        uint64_t instance, start;
        enum owner_state state;
        uint32_t round;           /* counts begin and cancel */
        bool has_held;            /* was HELD once, or the last run's checkpoint says that it was */
        uint64_t newest_epoch;    /* that we can have committed: made by the engine, or sent */
        uint64_t log_end;         /* what we committed lies before it */
        bool (*has_made)(void *context, uint64_t epoch);
        void *made_context;
        uint64_t committed_epoch; /* that was confirmed */
        char name[256];           /* for people */
        char record_key[LIMIT_REDIS_KEY_BYTES];
        char token[20];
        char held[REDIS_RECORD_BYTES];   /* what the record must hold */
        char coming[REDIS_RECORD_BYTES]; /* what CREATING, TAKING, COMMITTING set it to */
        bool has_overwritten;     /* a commit's answer was not ours: the record now hides this one */
        struct redis_record overwritten;
        struct redis_record other; /* WATCHING, TAKING */
        bool has_watched;         /* PTTL has answered before */
        int64_t watched_ttl_ms;
        uint64_t epoch_coming;
        uint64_t beat_ns;         /* when the second key was renewed last; 0: now */
};

void redis_owner_format(const struct redis_record *record, char text[REDIS_RECORD_BYTES])
{
        (void)snprintf(text, REDIS_RECORD_BYTES, "%016" PRIx64 "-%" PRIu64 ":%" PRIu64 ":%" PRIu64, record->instance,
                       record->start, record->epoch, record->lsn);
}

static bool take_number(const char **at, int base, char end, uint64_t *ret_number)
{
        char *behind;

        if (!((**at >= '0' && **at <= '9') || (base == 16 && **at >= 'a' && **at <= 'f')))
                return false;
        *ret_number = strtoull(*at, &behind, base);
        if (*behind != end)
                return false;
        *at = behind + (end != '\0');
        return true;
}

bool redis_owner_parse(struct slice text, struct redis_record *ret_record)
{
        char copy[REDIS_RECORD_BYTES], again[REDIS_RECORD_BYTES];
        const char *at = copy;
        struct redis_record record;

        if (text.len == 0 || text.len >= sizeof(copy))
                return false;
        memcpy(copy, text.data, text.len);
        copy[text.len] = '\0';
        if (!take_number(&at, 16, '-', &record.instance) || !take_number(&at, 10, ':', &record.start) ||
            !take_number(&at, 10, ':', &record.epoch) || !take_number(&at, 10, '\0', &record.lsn))
                return false;
        redis_owner_format(&record, again); /* numbers that do not fit, NUL inside, leading zeros */
        if (strlen(again) != text.len || memcmp(again, copy, text.len) != 0)
                return false;
        *ret_record = record;
        return true;
}

static void draw_token(char token[20])
{
        uint64_t random;

        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
                random = (uint64_t)(uintptr_t)token;
        (void)snprintf(token, 20, "%016" PRIx64, random);
}

struct redis_owner *redis_owner_new(struct redis_link *link, const struct sink_config *config, uint32_t expect,
                                    const struct redis_owner_events *events)
{
        struct redis_owner *owner = alloc_zero(1, sizeof(*owner));
        struct bytes key;

        owner->link = link;
        owner->events = *events;
        owner->expect = expect;
        owner->instance = config->instance;
        owner->start = config->start;
        owner->newest_epoch = config->last_epoch;
        owner->log_end = config->log_end;
        owner->has_made = config->has_made;
        owner->made_context = config->context;
        owner->committed_epoch = config->committed_epoch;
        owner->has_held = config->committed_epoch > 0;
        (void)snprintf(owner->name, sizeof(owner->name), "%s", config->name);
        bytes_init(&key);
        bytes_append_text(&key, "weir:{commit}:");
        percent_append(&key, slice_from_text(owner->name));
        (void)snprintf(owner->record_key, sizeof(owner->record_key), "%.*s", (int)key.len, (const char *)key.data);
        bytes_done(&key);
        draw_token(owner->token);
        return owner;
}

struct redis_owner *redis_owner_free(struct redis_owner *owner)
{
        alloc_free(owner);
        return NULL;
}

static void send(struct redis_owner *owner, enum owner_step step, int argc, const char **argv)
{
        struct redis_tag tag = {.expect = owner->expect, .table = owner->round, .number = step};
        size_t lens[8];

        assert(argc <= 8);
        for (int i = 0; i < argc; i++)
                lens[i] = strlen(argv[i]);
        redis_link_send(owner->link, tag, argc, argv, lens);
}

static void alive_key(const struct redis_owner *owner, uint64_t instance, char key[LIMIT_REDIS_KEY_BYTES + 32])
{
        (void)snprintf(key, LIMIT_REDIS_KEY_BYTES + 32, "%s:%016" PRIx64, owner->record_key, instance);
}

static void send_beat(struct redis_owner *owner)
{
        char key[LIMIT_REDIS_KEY_BYTES + 32], ttl[16];
        const char *argv[] = {"SET", key, owner->token, "PX", ttl};

        alive_key(owner, owner->instance, key);
        (void)snprintf(ttl, sizeof(ttl), "%d", REDIS_OWNER_ALIVE_MS);
        send(owner, STEP_BEAT, 5, argv);
}

static void send_get(struct redis_owner *owner, enum owner_step step)
{
        const char *argv[] = {"GET", owner->record_key};

        send(owner, step, 2, argv);
}

static void send_ask(struct redis_owner *owner)
{
        char key[LIMIT_REDIS_KEY_BYTES + 32];
        const char *argv[] = {"PTTL", key};

        alive_key(owner, owner->other.instance, key);
        send(owner, STEP_ASK, 2, argv);
}

/* SET record coming, under a condition. */
static void send_set(struct redis_owner *owner, enum owner_step step, bool must_exist)
{
        const char *argv[] = {"SET", owner->record_key, owner->coming, must_exist ? "XX" : "NX", "GET"};

        send(owner, step, must_exist ? 5 : 4, argv); /* NX with GET is from 7.0 on only */
}

static void make_record(struct redis_owner *owner, uint64_t epoch, uint64_t lsn)
{
        struct redis_record record = {
                .instance = owner->instance, .start = owner->start, .epoch = epoch, .lsn = lsn};

        redis_owner_format(&record, owner->coming);
}

void redis_owner_begin(struct redis_owner *owner)
{
        if (owner->state == STOPPED)
                return;
        owner->round++;
        owner->state = READING;
        owner->beat_ns = 0;
        send_beat(owner);
        send_get(owner, STEP_READ);
}

void redis_owner_cancel(struct redis_owner *owner)
{
        if (owner->state == STOPPED)
                return;
        owner->round++;
        owner->state = IDLE;
}

static void lost(struct redis_owner *owner, const char *why)
{
        redis_owner_cancel(owner);
        owner->events.on_lost(owner->events.context, why);
}

static void stop(struct redis_owner *owner, const char *why)
{
        redis_owner_leave(owner);
        owner->state = STOPPED;
        owner->events.on_fatal(owner->events.context, why);
}

static void hold(struct redis_owner *owner, enum sink_memory memory, uint64_t epoch)
{
        owner->state = HELD;
        owner->has_held = true;
        owner->has_overwritten = false;
        owner->committed_epoch = epoch;
        owner->events.on_owned(owner->events.context, memory, epoch);
}

/* Whether this record can be from the log as it is. */
static bool is_from_our_log(const struct redis_owner *owner, const struct redis_record *record)
{
        if (record->epoch > owner->newest_epoch || (record->epoch > 0 && record->lsn >= owner->log_end))
                return false;
        return record->epoch <= owner->committed_epoch || owner->has_made == NULL ||
               owner->has_made(owner->made_context, record->epoch);
}

static void hold_own(struct redis_owner *owner, const struct redis_record *record)
{
        char text[TEXT_BYTES];

        if (!is_from_our_log(owner, record)) {
                (void)snprintf(text, sizeof(text),
                               "it holds epoch %" PRIu64 " at %" PRIu64 ", and our log, which ends with epoch %" PRIu64
                               " at %" PRIu64 ", has not made it: the state directory lost data, is an older copy, or "
                               "is used twice. Nothing is written there. Stop weir and restore the state directory as it "
                               "was last; or delete the key '%s' to go on with what this one holds", record->epoch,
                               record->lsn, owner->newest_epoch, owner->log_end, owner->record_key);
                owner->state = IDLE;
                owner->events.on_trouble(owner->events.context, REDIS_AHEAD, text);
                return;
        }
        if (owner->has_held && record->epoch < owner->committed_epoch) {
                (void)snprintf(text, sizeof(text), "Redis came back with epoch %" PRIu64 ", %" PRIu64
                               " had been committed: sending what lies between again", record->epoch,
                               owner->committed_epoch);
                owner->events.on_note(owner->events.context, LOG_WARN, "redis-went-back", text);
        }
        hold(owner, SINK_KEPT, record->epoch);
}

static void watch(struct redis_owner *owner, const struct redis_record *record)
{
        char text[TEXT_BYTES];

        (void)snprintf(text, sizeof(text), "the commit record '%s' is held by instance %016" PRIx64
                       ": watching for at most %d s whether it lives", owner->record_key, record->instance,
                       REDIS_OWNER_ALIVE_MS / 1000);
        owner->events.on_note(owner->events.context, LOG_WARN, "redis-other-instance", text);
        owner->other = *record;
        owner->has_watched = false;
        owner->state = WATCHING;
        send_ask(owner);
}

static void on_read(struct redis_owner *owner, const struct redis_reply *reply)
{
        struct redis_record record;

        if (reply->type == REDIS_REPLY_NONE) {
                if (owner->has_held)
                        owner->events.on_note(owner->events.context, LOG_WARN, "redis-forgot",
                                              "the commit record is gone: Redis was emptied, or is another one");
                owner->has_overwritten = false;
                owner->state = CREATING;
                make_record(owner, 0, 0);
                send_set(owner, STEP_CREATE, false);
                return;
        }
        if (reply->type != REDIS_REPLY_TEXT || !redis_owner_parse(reply->text, &record)) {
                char text[TEXT_BYTES];

                (void)snprintf(text, sizeof(text), "the key '%s' holds something that is no commit record",
                               owner->record_key);
                owner->state = IDLE;
                owner->events.on_trouble(owner->events.context, REDIS_OTHER, text);
                return;
        }
        redis_owner_format(&record, owner->held);
        /* Our commit overwrote another's: what it hid decides. */
        if (owner->has_overwritten && record.instance == owner->instance && record.start == owner->start)
                record = owner->overwritten;
        if (record.instance == owner->instance)
                hold_own(owner, &record);
        else
                watch(owner, &record);
}

static void on_create(struct redis_owner *owner, const struct redis_reply *reply)
{
        if (!redis_reply_is_word(reply, "OK")) { /* another was faster */
                redis_owner_begin(owner);
                return;
        }
        memcpy(owner->held, owner->coming, sizeof(owner->held));
        hold(owner, owner->has_held ? SINK_FORGOTTEN : SINK_FIRST, 0);
}

static void on_ask(struct redis_owner *owner, const struct redis_reply *reply)
{
        int64_t ttl_ms = reply->number;
        char text[512];

        if (reply->type != REDIS_REPLY_NUMBER)
                return;
        if (ttl_ms < 0) {
                owner->state = TAKING;
                make_record(owner, 0, 0);
                send_set(owner, STEP_TAKE, true);
                return;
        }
        if (owner->has_watched && ttl_ms > owner->watched_ttl_ms) {
                (void)snprintf(text, sizeof(text), "another weir named '%s' writes to this Redis (instance %016" PRIx64
                               " is alive): give each instance a weir.name of its own", owner->name,
                               owner->other.instance);
                stop(owner, text);
                return;
        }
        owner->has_watched = true;
        owner->watched_ttl_ms = ttl_ms;
}

static bool is_held(const struct redis_owner *owner, const struct redis_reply *reply)
{
        return reply->type == REDIS_REPLY_TEXT && slice_is_equal(reply->text, slice_from_text(owner->held));
}

static void on_take(struct redis_owner *owner, const struct redis_reply *reply)
{
        if (!is_held(owner, reply)) { /* it changed between the look and the grip */
                redis_owner_begin(owner);
                return;
        }
        memcpy(owner->held, owner->coming, sizeof(owner->held));
        hold(owner, SINK_TAKEN, 0);
}

static void lose_to(struct redis_owner *owner, const struct redis_reply *reply)
{
        lost(owner, reply->type == REDIS_REPLY_NONE ? "Redis has forgotten" : "the commit record has changed");
}

static void on_commit(struct redis_owner *owner, const struct redis_reply *reply)
{
        struct redis_record record;

        if (!is_held(owner, reply)) {
                if (reply->type == REDIS_REPLY_TEXT && redis_owner_parse(reply->text, &record)) {
                        owner->has_overwritten = true;
                        owner->overwritten = record;
                }
                lose_to(owner, reply);
                return;
        }
        memcpy(owner->held, owner->coming, sizeof(owner->held));
        owner->state = HELD;
        owner->committed_epoch = owner->epoch_coming;
        owner->events.on_committed(owner->events.context, owner->epoch_coming);
}

void redis_owner_reply(struct redis_owner *owner, struct redis_tag tag, const struct redis_reply *reply)
{
        enum owner_step step = (enum owner_step)tag.number;

        if (tag.table != owner->round || owner->state == STOPPED)
                return;
        if (reply->type == REDIS_REPLY_FAULT) {
                char text[256];

                (void)snprintf(text, sizeof(text), "%.*s", (int)reply->text.len, (const char *)reply->text.data);
                redis_owner_cancel(owner);
                owner->events.on_trouble(owner->events.context, redis_trouble_of(reply->text), text);
                return;
        }
        if (step == STEP_READ && owner->state == READING)
                on_read(owner, reply);
        else if (step == STEP_CREATE && owner->state == CREATING)
                on_create(owner, reply);
        else if (step == STEP_ASK && owner->state == WATCHING)
                on_ask(owner, reply);
        else if (step == STEP_TAKE && owner->state == TAKING)
                on_take(owner, reply);
        else if (step == STEP_COMMIT && owner->state == COMMITTING)
                on_commit(owner, reply);
        else if (step == STEP_LOOK && owner->state == HELD && !is_held(owner, reply))
                lose_to(owner, reply);
}

void redis_owner_commit(struct redis_owner *owner, uint64_t epoch, uint64_t lsn)
{
        assert(owner->state == HELD);
        owner->state = COMMITTING;
        owner->epoch_coming = epoch;
        if (epoch > owner->newest_epoch)
                owner->newest_epoch = epoch;
        if (lsn >= owner->log_end)
                owner->log_end = lsn + 1;
        make_record(owner, epoch, lsn);
        send_set(owner, STEP_COMMIT, true);
}

void redis_owner_tick(struct redis_owner *owner, uint64_t now_ns)
{
        if (owner->state == WATCHING)
                send_ask(owner);
        if (owner->state != HELD && owner->state != COMMITTING && owner->state != WATCHING)
                return;
        if (owner->beat_ns == 0)
                owner->beat_ns = now_ns;
        if (now_ns - owner->beat_ns < (uint64_t)REDIS_OWNER_BEAT_MS * 1000000u)
                return;
        owner->beat_ns = now_ns;
        send_beat(owner);
        if (owner->state == HELD)
                send_get(owner, STEP_LOOK);
}

void redis_owner_leave(struct redis_owner *owner)
{
        char key[LIMIT_REDIS_KEY_BYTES + 32];
        const char *argv[] = {"DEL", key};

        if (!redis_link_is_up(owner->link) || owner->state == STOPPED)
                return;
        alive_key(owner, owner->instance, key);
        send(owner, STEP_LEAVE, 2, argv);
        redis_link_flush(owner->link);
}
