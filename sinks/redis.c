/* redis.c - rows into Redis: hashes, streams, sorted sets, with a commit record.
 *
 * One sink per URL and account; it writes all tables that name them. What lies where: redis_table.h. Who writes,
 * and how far: redis_owner.h. How the connection is kept: redis_link.h. What can go wrong: redis_trouble.h.
 *
 *            link up             record is ours              all replies of the epoch fine
 *   AWAY ─────────────→ OWNING ────────────────→ WRITING ⇄ COMMITTING
 *    ↑                     ↑                        │
 *    │                     │ pause over             │ an error among the replies
 *    │                     └───────── DRAINING ←────┘
 *    └── link down                    (every reply that is due comes first)
 *
 * An epoch's rows are pipelined with at most IN_FLIGHT_BYTES without reply. The commit record is sent when the
 * epoch's last reply was checked, and no row of a later epoch before the record's own answer: so no record can
 * stand for a result that is not there, whatever fails (n_due counts the replies, `trouble` remembers the first
 * that was no good).
 *
 * After an error the connection is drained, not cut: what was pipelined behind the failed command is carried out
 * before anything is sent again, so that old values cannot land on new ones. Rows are absolute and stream ids are
 * fixed: sending again changes nothing that is right.
 *
 * A run without commit record (bounded sources) has nobody to come back later: what never passes by itself is fatal
 * there. */
#include "sinks/redis.h"

#include "sidecar/base/alloc.h"
#include "sidecar/net/loop.h"
#include "sidecar/plan/connector.h"
#include "sinks/percent.h"
#include "sinks/redis_account.h"
#include "sinks/redis_epoch.h"
#include "sinks/redis_link.h"
#include "sinks/redis_owner.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum { IN_FLIGHT_BYTES = 4 << 20, TIMEOUT_MS = 30000, DRAIN_LOOK_MS = 10 };

enum redis_state { AWAY, OWNING, WRITING, COMMITTING, DRAINING, STOPPED };

struct redis_sink {
        struct sink sink;
        struct sink_config config;
        struct sink_listener listener;
        enum redis_state state;
        struct redis_url url;
        char *client_name;
        char *name;                /* weir.name */
        char address[256];         /* for people, without the password */
        struct redis_link *link;
        struct redis_link_events link_events;
        struct redis_info server;
        struct redis_owner *owner; /* NULL without commit record */
        struct redis_epoch open;   /* the results of the open epoch */
        struct loop_timer *timer;  /* the owner's, and the pause after trouble */
        struct redis_backoff backoff;
        uint64_t resume_ns;        /* DRAINING: when the pause is over */
        bool was_ready;            /* on_ready was called once */
        bool is_link_told;         /* a note said that the link is up */
        bool is_busy;              /* write() answered SINK_BUSY: on_progress is owed */

        uint64_t epoch, lsn;       /* COMMITTING: of the record to come */
        bool is_results_sent;      /* COMMITTING: nothing of the epoch is left to be sent */
        enum redis_trouble told;   /* what the last note said; until it is over there is no second one */
        bool is_told_by_rows;      /* only a commit proves that it is over */
        enum sink_memory memory;   /* what the record said when we became ready last */
        enum redis_trouble suspected; /* what may only mean that Redis has forgotten: looked at once, silently */
        char told_policy[24];      /* maxmemory-policy of the last alarm */
};

static struct redis_sink *redis_of(struct sink *sink)
{
        return (struct redis_sink *)sink;
}

static void note(struct redis_sink *redis, enum log_level level, const char *event, const char *text)
{
        redis->listener.on_note(redis->listener.context, level, event, text);
}

static void set_state_text(struct redis_sink *redis, const char *text)
{
        (void)snprintf(redis->sink.stats.state, sizeof(redis->sink.stats.state), "%.*s",
                       (int)sizeof(redis->sink.stats.state) - 1, text);
}

/* ---- trouble ---- */

static void stop(struct redis_sink *redis, const char *why)
{
        redis->state = STOPPED;
        redis->sink.stats.is_ready = false;
        set_state_text(redis, why);
        redis->listener.on_fatal(redis->listener.context, why);
}

/* The open epoch is void; one note for each change of what is wrong. */
static void go_down(struct redis_sink *redis, enum redis_state state, enum redis_trouble kind, bool is_by_rows,
                    const char *why)
{
        bool was_open = redis->state == WRITING || redis->state == COMMITTING;
        bool is_news = redis->told != kind;
        char text[768];

        (void)snprintf(text, sizeof(text), "%s %s: %s", redis->address, redis_trouble_words(kind), why);
        redis->state = state;
        redis->sink.stats.is_ready = false;
        redis->sink.stats.is_refused = kind == REDIS_AHEAD;
        redis->sink.stats.n_errors++;
        redis->told = kind;
        redis->is_told_by_rows = is_by_rows;
        if (state == AWAY)
                redis->is_link_told = false;
        set_state_text(redis, text);
        if (redis->owner != NULL)
                redis_owner_cancel(redis->owner);
        if (is_news)
                note(redis, redis_trouble_level(kind), redis_trouble_event(kind), text);
        if (was_open)
                redis->listener.on_down(redis->listener.context, text);
}

/* The record must be looked at again, as soon as the replies that are due have come. */
static void on_lost(void *context, const char *why)
{
        struct redis_sink *redis = context;
        bool was_open = redis->state == WRITING || redis->state == COMMITTING;

        redis->state = DRAINING;
        redis->sink.stats.is_ready = false;
        redis->resume_ns = 0;
        loop_timer_start(redis->timer, 0);
        if (redis->owner != NULL)
                redis_owner_cancel(redis->owner);
        if (was_open)
                redis->listener.on_down(redis->listener.context, why);
}

/* Something failed on a connection that lives: no more rows; first all replies, then a pause, then the record
 * again. */
static void trouble(struct redis_sink *redis, enum redis_trouble kind, bool is_by_rows, const char *why)
{
        if (redis->state == STOPPED || redis->state == AWAY || redis->state == DRAINING)
                return; /* the first error speaks for all that follow from it */
        if (!redis->config.has_commit && (kind == REDIS_WRONG_TYPE || kind == REDIS_STREAM_AHEAD)) {
                stop(redis, why);
                return;
        }
        if (redis_trouble_ends_link(kind)) {
                go_down(redis, AWAY, kind, is_by_rows, why);
                redis_link_drop(redis->link, kind);
                return;
        }
        if ((kind == REDIS_STREAM_AHEAD || kind == REDIS_VANISHED) && redis->suspected != kind) {
                redis->suspected = kind;
                if (kind == REDIS_STREAM_AHEAD && redis->memory != SINK_TAKEN) /* what another left behind stays */
                        redis_epoch_doubt_streams(&redis->open);
                on_lost(redis, why);
                return;
        }
        go_down(redis, DRAINING, kind, is_by_rows, why);
        redis->resume_ns = clock_monotonic_ns(redis->config.clock) +
                           (uint64_t)redis_trouble_backoff_next_ms(&redis->backoff, kind) * 1000000u;
        loop_timer_start(redis->timer, DRAIN_LOOK_MS);
}

static void note_recovery(struct redis_sink *redis)
{
        char text[512];

        (void)snprintf(text, sizeof(text), "%s takes our writes again", redis->address);
        set_state_text(redis, text);
        note(redis, LOG_INFO, "redis-recovered", text);
}

static void note_up(struct redis_sink *redis)
{
        char text[512];

        (void)snprintf(text, sizeof(text), "connected to %s, Redis %s", redis->address,
                       redis->server.version[0] != '\0' ? redis->server.version : "of unknown version");
        set_state_text(redis, text);
        note(redis, LOG_INFO, "redis-up", text);
}

/* The record is ours. What rows ran into is over only when rows get through. */
static void end_trouble_of_link(struct redis_sink *redis)
{
        if (redis->is_told_by_rows)
                return;
        if (!redis->is_link_told)
                note_up(redis);
        else if (redis->told != REDIS_FINE)
                note_recovery(redis);
        redis->is_link_told = true;
        redis->told = REDIS_FINE;
}

static void end_trouble_of_rows(struct redis_sink *redis)
{
        if (redis->told != REDIS_FINE)
                note_recovery(redis);
        redis->told = REDIS_FINE;
        redis->is_told_by_rows = false;
        redis->is_link_told = true;
}

/* ---- ready ---- */


/* The record is ours: rows may come. */
static void become_ready(struct redis_sink *redis, enum sink_memory memory, uint64_t epoch)
{
        bool is_blank = redis->config.has_commit && (memory == SINK_FIRST || memory == SINK_FORGOTTEN);

        redis_epoch_reset(&redis->open);
        redis->is_busy = redis->is_results_sent = false;
        redis->memory = memory;
        redis->state = WRITING;
        redis_link_settle(redis->link);
        end_trouble_of_link(redis);
        if (is_blank)
                redis_epoch_doubt_streams(&redis->open);
        for (uint32_t i = 0; i < redis->open.n_targets; i++)
                redis_epoch_send_catalog(&redis->open, i, &redis->config);
        redis_epoch_withdraw_catalog(&redis->open, &redis->config);
        redis->sink.stats.is_ready = true;
        redis->sink.stats.is_refused = false;
        redis->sink.stats.committed_epoch = epoch;
        if (redis->was_ready)
                redis->sink.stats.n_resets++;
        redis->was_ready = true;
        redis->listener.on_ready(redis->listener.context, memory, epoch);
}

static void begin(struct redis_sink *redis)
{
        redis->state = OWNING;
        if (redis->owner != NULL) {
                loop_timer_start(redis->timer, REDIS_OWNER_WATCH_MS);
                redis_owner_begin(redis->owner);
        } else {
                become_ready(redis, redis->was_ready ? SINK_KEPT : SINK_FIRST, redis->sink.stats.committed_epoch);
        }
}

static void on_timer(void *context)
{
        struct redis_sink *redis = context;
        uint64_t now_ns = clock_monotonic_ns(redis->config.clock);

        if (redis->state == DRAINING) {
                if (redis_link_n_pending(redis->link) == 0 && now_ns >= redis->resume_ns)
                        begin(redis);
                else
                        loop_timer_start(redis->timer, DRAIN_LOOK_MS);
                return;
        }
        if (redis->owner == NULL || redis->state == AWAY || redis->state == STOPPED)
                return;
        redis_owner_tick(redis->owner, now_ns);
        if (redis->state == WRITING) /* the job may have changed */
                redis_epoch_withdraw_catalog(&redis->open, &redis->config);
        loop_timer_start(redis->timer, REDIS_OWNER_WATCH_MS);
}

/* ---- what the owner says ---- */

static void on_owned(void *context, enum sink_memory memory, uint64_t epoch)
{
        become_ready(context, memory, epoch);
}

static void on_committed(void *context, uint64_t epoch)
{
        struct redis_sink *redis = context;
        struct sink_stats *stats = &redis->sink.stats;

        stats->n_rows += redis->open.rows;
        stats->n_rejected += redis->open.rejected;
        stats->committed_epoch = epoch;
        stats->committed_ms = clock_wall_ms(redis->config.clock);
        redis_epoch_end(&redis->open);
        redis->is_busy = redis->is_results_sent = false;
        redis->state = WRITING;
        redis->suspected = REDIS_FINE;
        redis_trouble_backoff_reset(&redis->backoff);
        end_trouble_of_rows(redis);
        redis->listener.on_committed(redis->listener.context, epoch);
}

static void on_owner_fatal(void *context, const char *why)
{
        stop(context, why);
}

static void on_owner_trouble(void *context, enum redis_trouble kind, const char *why)
{
        trouble(context, kind, false, why);
}

static void on_owner_note(void *context, enum log_level level, const char *event, const char *text)
{
        note(context, level, event, text);
}

/* ---- replies ---- */

/* Sends the record when the last reply of the epoch was fine. */
static void record_when_done(struct redis_sink *redis)
{
        if (redis->state != COMMITTING || !redis->is_results_sent || !redis_epoch_is_done(&redis->open))
                return;
        if (redis->owner != NULL)
                redis_owner_commit(redis->owner, redis->epoch, redis->lsn);
        else
                on_committed(redis, redis->epoch);
}


static void on_results_trouble(void *context, enum redis_trouble kind, const char *why)
{
        trouble(context, kind, true, why);
}

static void on_results_note(void *context, enum log_level level, const char *event, const char *text)
{
        note(context, level, event, text);
}

static void say_progress(struct redis_sink *redis)
{
        if (redis->state != WRITING || !redis->is_busy)
                return;
        redis->is_busy = false;
        redis->listener.on_progress(redis->listener.context);
}

static void on_results_checked(void *context)
{
        say_progress(context);
}

static void on_reply(void *context, struct redis_tag tag, const struct redis_reply *reply, struct slice key)
{
        struct redis_sink *redis = context;

        if (redis->state == STOPPED)
                return;
        if (tag.expect == REDIS_EXPECT_OWNER) {
                redis_owner_reply(redis->owner, tag, reply);
                return;
        }
        if (redis->state == DRAINING)
                return; /* of an epoch that is void */
        redis_epoch_reply(&redis->open, tag, reply, key);
        record_when_done(redis);
}

/* ---- what the link says ---- */

static void on_up(void *context, const struct redis_info *server)
{
        struct redis_sink *redis = context;

        if (redis->state == STOPPED)
                return;
        redis->server = *server;
        if (server->maxmemory_policy[0] != '\0' && strcmp(server->maxmemory_policy, "noeviction") != 0 &&
            strcmp(server->maxmemory_policy, redis->told_policy) != 0) {
                char text[512];

                (void)snprintf(text, sizeof(text),
                               "%s has maxmemory-policy %s%s: every key of weir has a TTL and may be evicted; results "
                               "would be missing without a trace. Set it to noeviction",
                               redis->address, server->maxmemory_policy,
                               server->has_maxmemory ? "" : " (maxmemory is not set, so far)");
                note(redis, LOG_ERROR, "redis-evicts", text);
        }
        memcpy(redis->told_policy, server->maxmemory_policy, sizeof(redis->told_policy));
        begin(redis);
}

static void on_link_down(void *context, enum redis_trouble kind, const char *why, bool was_up)
{
        struct redis_sink *redis = context;

        (void)was_up;
        if (redis->state != STOPPED)
                go_down(redis, AWAY, kind, false, why);
}

static void on_room(void *context)
{
        struct redis_sink *redis = context;

        if (redis->state == COMMITTING && !redis->is_results_sent) {
                redis->is_results_sent = redis_epoch_finish(&redis->open, redis->epoch);
                record_when_done(redis);
        }
        say_progress(redis);
}

/* ---- the five calls ---- */

static enum sink_result redis_write(struct sink *sink, const struct plan_table *table, uint64_t epoch,
                                    uint64_t first_index, int64_t window_end_ms, const struct batch *rows,
                                    uint32_t from, uint32_t *ret_next)
{
        struct redis_sink *redis = redis_of(sink);
        enum sink_result result;

        if (redis->state != WRITING)
                return SINK_DOWN;
        result = redis_epoch_write(&redis->open, epoch, table, first_index, window_end_ms, rows, from, ret_next);
        redis->is_busy = result == SINK_BUSY;
        sink->stats.bytes_in_flight = redis_link_bytes_in_flight(redis->link);
        return result;
}

static enum sink_result redis_commit(struct sink *sink, uint64_t epoch, uint64_t lsn)
{
        struct redis_sink *redis = redis_of(sink);

        if (redis->state != WRITING)
                return SINK_DOWN;
        redis->state = COMMITTING;
        redis->epoch = epoch;
        redis->lsn = lsn;
        redis->is_results_sent = redis_epoch_finish(&redis->open, epoch);
        record_when_done(redis);
        return SINK_OK;
}

static void set_address(struct redis_sink *redis)
{
        struct bytes address;

        bytes_init(&address);
        redis_url_format(&redis->url, &address);
        (void)snprintf(redis->address, sizeof(redis->address), "%.*s", (int)address.len, (const char *)address.data);
        bytes_done(&address);
}

/* The account of a job that came later is another one: from now on it is that. */
static void log_in_again(struct redis_sink *redis)
{
        bool was_open = redis->state == WRITING || redis->state == COMMITTING;
        char text[512];

        (void)snprintf(text, sizeof(text), "%s: logging in anew, the job has changed the account", redis->address);
        note(redis, LOG_INFO, "redis-account", text);
        redis->state = AWAY;
        redis->sink.stats.is_ready = false;
        set_state_text(redis, text);
        if (redis->owner != NULL)
                redis_owner_cancel(redis->owner);
        redis_link_drop(redis->link, REDIS_AWAY);
        if (was_open)
                redis->listener.on_down(redis->listener.context, text);
}

static int take_account(struct redis_sink *redis, const struct plan_table *table, struct err *err)
{
        struct redis_url url;

        if (redis_account_read(table, &url, err) < 0)
                return -1;
        if (redis->address[0] == '\0') {
                redis->url = url;
                set_address(redis);
                return 0;
        }
        if (redis_account_is_named(&url) && !redis_account_is_equal(&url, &redis->url)) {
                redis_account_move(&redis->url, &url);
                set_address(redis);
                if (redis->link != NULL && redis->state != STOPPED)
                        log_in_again(redis);
        }
        redis_url_done(&url);
        return 0;
}

static int redis_add_table(struct sink *sink, const struct plan_table *table, struct err *err)
{
        struct redis_sink *redis = redis_of(sink);

        if (take_account(redis, table, err) < 0 || redis_epoch_add_table(&redis->open, table, err) < 0)
                return -1;
        if (redis->state == WRITING || redis->state == COMMITTING)
                redis_epoch_send_catalog(&redis->open, redis->open.n_targets - 1, &redis->config);
        return 0;
}

static int redis_open(struct sink *sink, const struct sink_config *config, struct err *err)
{
        struct redis_sink *redis = redis_of(sink);
        struct redis_owner_events owner_events = {
                .context = redis,
                .on_owned = on_owned,
                .on_committed = on_committed,
                .on_lost = on_lost,
                .on_fatal = on_owner_fatal,
                .on_trouble = on_owner_trouble,
                .on_note = on_owner_note,
        };
        struct redis_link_config link_config = {
                .loop = config->loop,
                .clock = config->clock,
                .url = &redis->url,
                .events = &redis->link_events,
                .limit_bytes = IN_FLIGHT_BYTES,
                .timeout_ms = TIMEOUT_MS,
        };
        struct redis_epoch_events epoch_events = {
                .context = redis,
                .on_trouble = on_results_trouble,
                .on_note = on_results_note,
                .on_checked = on_results_checked,
        };
        struct bytes name;

        (void)err;
        redis->config = *config;
        redis->listener = *config->listener;
        bytes_init(&name);
        bytes_append_text(&name, "weir:");
        percent_append(&name, slice_from_text(config->name));
        redis->client_name = alloc_text_n(name.data, name.len);
        bytes_done(&name);
        redis->name = alloc_text(config->name);
        redis->config.name = redis->name;
        link_config.client_name = redis->client_name;
        redis->link_events = (struct redis_link_events){
                .context = redis,
                .on_up = on_up,
                .on_reply = on_reply,
                .on_down = on_link_down,
                .on_room = on_room,
        };
        redis->link = redis_link_new(&link_config);
        redis_epoch_open(&redis->open, redis->link, &epoch_events);
        if (config->has_commit)
                redis->owner = redis_owner_new(redis->link, config, REDIS_EXPECT_OWNER, &owner_events);
        redis->timer = loop_timer_new(config->loop, on_timer, redis);
        redis_trouble_backoff_init(&redis->backoff, clock_monotonic_ns(config->clock) ^ config->instance);
        set_state_text(redis, "connecting");
        redis_link_start(redis->link);
        return 0;
}

static void redis_close(struct sink *sink)
{
        struct redis_sink *redis = redis_of(sink);

        if (redis->owner != NULL)
                redis_owner_leave(redis->owner);
        redis_owner_free(redis->owner);
        redis_link_free(redis->link);
        loop_timer_free(redis->timer);
        redis_epoch_done(&redis->open);
        redis_url_done(&redis->url);
        alloc_free(redis->name);
        alloc_free(redis->client_name);
        alloc_free(redis);
}

static const struct sink_ops redis_ops = {
        .add_table = redis_add_table,
        .open = redis_open,
        .write = redis_write,
        .commit = redis_commit,
        .close = redis_close,
};

static struct sink *redis_create(void)
{
        struct redis_sink *redis = alloc_zero(1, sizeof(*redis));

        redis->sink.ops = &redis_ops;
        redis->sink.kind = redis_kind();
        redis_epoch_init(&redis->open);
        return &redis->sink;
}

/* ---- the kind ---- */

static int check_table(const struct plan_table *table, struct err *err)
{
        struct redis_table *laid_out;
        struct redis_url url;

        if (redis_url_parse(connector_text(table, "url"), &url, err) < 0)
                return sink_table_error(table, "url", err, "%s", err != NULL ? err->text : "bad url");
        redis_url_done(&url);
        if (redis_table_new(table, &laid_out, err) < 0)
                return -1;
        redis_table_free(laid_out);
        return 0;
}

static void describe(const struct plan_table *table, struct bytes *text)
{
        struct redis_table *laid_out;
        struct err err;

        if (redis_table_new(table, &laid_out, &err) < 0)
                return; /* check_table says why */
        bytes_append_format(text, "redis %s  ", redis_table_layout_name(laid_out->layout));
        redis_table_key_pattern(laid_out, text);
        bytes_append_format(text, "  ttl %" PRId64 " s\n", laid_out->ttl_ms / 1000);
        redis_table_free(laid_out);
}

/* Tables of one database share a connection and a commit record, whoever writes them. */
static void group(const struct plan_table *table, struct bytes *text)
{
        struct redis_url url, nobody = {.host = NULL};
        struct err err;

        bytes_append_text(text, "redis ");
        if (redis_url_parse(connector_text(table, "url"), &url, &err) < 0)
                return; /* check_table was called before */
        redis_account_move(&url, &nobody);
        redis_url_format(&url, text);
        redis_url_done(&url);
}

static int check_pair(const struct plan_table *table, const struct plan_table *other, struct err *err)
{
        struct redis_url one, two;
        bool is_fine;

        if (redis_account_read(table, &one, err) < 0)
                return -1;
        if (redis_account_read(other, &two, err) < 0) {
                redis_url_done(&one);
                return -1;
        }
        is_fine = !redis_account_is_named(&one) || !redis_account_is_named(&two) || redis_account_is_equal(&one, &two);
        redis_url_done(&one);
        redis_url_done(&two);
        if (is_fine)
                return 0;
        return sink_table_error(table, "url", err,
                                "it names another account than table '%.*s' in the same database: its tables share a "
                                "connection and a commit record, and so one account",
                                (int)other->name.len, (const char *)other->name.data);
}

const struct sink_kind *redis_kind(void)
{
        static const struct sink_kind kind = {
                .connector = "redis",
                .check = check_table,
                .check_pair = check_pair,
                .describe = describe,
                .group = group,
                .create = redis_create,
                .is_done_with_commit = true,
        };

        return &kind;
}
