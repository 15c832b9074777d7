/* redis_epoch.c - the results of one epoch on their way: rows out, replies judged.
 *
 * A stream refuses ids that are not above its top. Of our own entries that is the normal case after a re-send, and
 * an XRANGE proves that the entry is there. If it is not, the top comes from elsewhere. Either a part of an epoch
 * was written right after a FLUSHALL, before we knew of it: then the stream begins above what is sent again, and is
 * deleted before (check_stream). A start that finds its own record does not know of that; it looks when an entry is
 * missing. Or somebody else writes to our key: an alarm, and no commit. */
#include "sinks/redis_epoch.h"

#include "sidecar/base/alloc.h"
#include "sinks/redis_key.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

void redis_epoch_init(struct redis_epoch *epoch)
{
        *epoch = (struct redis_epoch){.link = NULL};
        redis_row_init(&epoch->row);
        redis_zset_init(&epoch->zsets);
        bytes_init(&epoch->scratch);
        bytes_init(&epoch->owner);
        bytes_init(&epoch->last_key);
}

void redis_epoch_done(struct redis_epoch *epoch)
{
        for (uint32_t i = 0; i < epoch->n_targets; i++)
                redis_table_free(epoch->targets[i].table);
        alloc_free(epoch->targets);
        redis_row_done(&epoch->row);
        redis_zset_done(&epoch->zsets);
        bytes_done(&epoch->scratch);
        bytes_done(&epoch->owner);
        bytes_done(&epoch->last_key);
}

void redis_epoch_open(struct redis_epoch *epoch, struct redis_link *link, const struct redis_epoch_events *events)
{
        epoch->link = link;
        epoch->events = *events;
}

int redis_epoch_add_table(struct redis_epoch *epoch, const struct plan_table *table, struct err *err)
{
        struct redis_target target = {.check = REDIS_STREAM_FINE};

        if (redis_table_new(table, &target.table, err) < 0)
                return -1;
        epoch->targets = alloc_resize(epoch->targets, epoch->n_targets + 1, sizeof(*epoch->targets));
        epoch->targets[epoch->n_targets++] = target;
        return 0;
}

static void note(struct redis_epoch *epoch, enum log_level level, const char *event, const char *text)
{
        epoch->events.on_note(epoch->events.context, level, event, text);
}

static void send_counted(struct redis_epoch *epoch, enum redis_expect expect, uint32_t table, int argc,
                         const char **argv, const size_t *lens)
{
        epoch->n_due++;
        redis_link_send(epoch->link, (struct redis_tag){.expect = expect, .table = table}, argc, argv, lens);
}

void redis_epoch_send_catalog(struct redis_epoch *epoch, uint32_t index, const struct sink_config *config)
{
        const struct redis_table *table = epoch->targets[index].table;
        struct slice fingerprint = {NULL, 0}, name = table->table->name;
        const char *argv[4] = {"HSET", "weir:catalog", (const char *)name.data, NULL};
        size_t lens[4] = {4, 12, name.len, 0};

        if (config->is_in_force != NULL && !config->is_in_force(config->context, table->table))
                return;
        epoch->targets[index].is_withdrawn = false;
        if (config->fingerprint != NULL)
                fingerprint = config->fingerprint(config->context, table->table);
        bytes_reset(&epoch->scratch);
        redis_table_catalog(table, slice_from_text(config->name), fingerprint, &epoch->scratch);
        argv[3] = (const char *)epoch->scratch.data;
        lens[3] = epoch->scratch.len;
        send_counted(epoch, REDIS_EXPECT_NUMBER, index, 4, argv, lens);
}

void redis_epoch_withdraw_catalog(struct redis_epoch *epoch, const struct sink_config *config)
{
        bytes_reset(&epoch->owner);
        redis_table_append_owner(slice_from_text(config->name), &epoch->owner);
        for (uint32_t i = 0; config->is_in_force != NULL && i < epoch->n_targets; i++) {
                struct redis_target *target = &epoch->targets[i];
                struct slice name = target->table->table->name;
                const char *argv[3] = {"HGET", "weir:catalog", (const char *)name.data};
                size_t lens[3] = {4, 12, name.len};

                if (target->is_withdrawn || config->is_in_force(config->context, target->table->table))
                        continue;
                target->is_withdrawn = true;
                send_counted(epoch, REDIS_EXPECT_CATALOG, i, 3, argv, lens);
        }
}

/* What another instance has put in since stays. */
static void on_catalog(struct redis_epoch *epoch, struct redis_tag tag, const struct redis_reply *reply)
{
        struct slice name = epoch->targets[tag.table].table->table->name;
        const char *argv[3] = {"HDEL", "weir:catalog", (const char *)name.data};
        size_t lens[3] = {4, 12, name.len};

        if (reply->type == REDIS_REPLY_TEXT &&
            memmem(reply->text.data, reply->text.len, epoch->owner.data, epoch->owner.len) != NULL)
                send_counted(epoch, REDIS_EXPECT_NUMBER, tag.table, 3, argv, lens);
}

void redis_epoch_end(struct redis_epoch *epoch)
{
        epoch->rows = 0;
        epoch->rejected = 0;
        epoch->next_zset = 0;
        redis_zset_reset(&epoch->zsets);
        for (uint32_t i = 0; i < epoch->n_targets; i++)
                epoch->targets[i].is_dirty = false;
}

void redis_epoch_reset(struct redis_epoch *epoch)
{
        redis_epoch_end(epoch);
        epoch->n_due = 0;
        for (uint32_t i = 0; i < epoch->n_targets; i++) { /* answers will not come */
                epoch->targets[i].is_withdrawn = false;
                if (epoch->targets[i].check == REDIS_STREAM_ASKED)
                        epoch->targets[i].check = REDIS_STREAM_UNCHECKED;
        }
}

void redis_epoch_doubt_streams(struct redis_epoch *epoch)
{
        for (uint32_t i = 0; i < epoch->n_targets; i++)
                if (epoch->targets[i].table->layout == REDIS_STREAM)
                        epoch->targets[i].check = REDIS_STREAM_UNCHECKED;
}

/* ---- replies ---- */

/* An id was refused because the stream's top is not below it: is our entry there? */
static void ask_entry(struct redis_epoch *epoch, struct redis_tag tag, struct slice key)
{
        char id[48];
        const char *argv[4] = {"XRANGE", NULL, id, id};
        size_t lens[4] = {6, key.len, 0, 0};

        lens[2] = (size_t)snprintf(id, sizeof(id), "%" PRIu64 "-%" PRIu64, epoch->number, tag.number + 1);
        lens[3] = lens[2];
        bytes_reset(&epoch->scratch);
        bytes_append_slice(&epoch->scratch, key); /* the link's copy dies with the next send */
        argv[1] = (const char *)epoch->scratch.data;
        send_counted(epoch, REDIS_EXPECT_ENTRY, tag.table, 4, argv, lens);
}

static bool parse_id(struct slice text, uint64_t *ret_epoch, uint64_t *ret_number)
{
        uint64_t parts[2] = {0, 0};
        unsigned part = 0;

        for (size_t i = 0; i < text.len; i++) {
                if (text.data[i] == '-' && part == 0)
                        part = 1;
                else if (text.data[i] >= '0' && text.data[i] <= '9')
                        parts[part] = parts[part] * 10 + (uint64_t)(text.data[i] - '0');
                else
                        return false;
        }
        *ret_epoch = parts[0];
        *ret_number = parts[1];
        return text.len > 0;
}

/* The first entry of a stream, after Redis had no commit record: one above what is sent now was written between a
 * FLUSHALL and our hearing of it, and will be sent again in its turn. */
static void on_first_entry(struct redis_epoch *epoch, struct redis_tag tag, const struct redis_reply *reply,
                           struct slice key)
{
        struct redis_target *target = &epoch->targets[tag.table];
        const struct redis_reply *entry = redis_reply_at(reply, 0);
        const struct redis_reply *id = entry == NULL ? NULL : redis_reply_at(entry, 0);
        uint64_t first = 0, number = 0;

        target->check = REDIS_STREAM_FINE;
        if (id != NULL && parse_id(id->text, &first, &number) &&
            (first > target->first_epoch || (first == target->first_epoch && number > target->first_number))) {
                const char *argv[2] = {"DEL", NULL};
                size_t lens[2] = {3, key.len};
                char text[LIMIT_REDIS_KEY_BYTES + 128];

                (void)snprintf(text, sizeof(text), "stream '%.*s' begins behind what is sent again: it starts anew",
                               (int)key.len, (const char *)key.data);
                bytes_reset(&epoch->scratch);
                bytes_append_slice(&epoch->scratch, key);
                argv[1] = (const char *)epoch->scratch.data;
                send_counted(epoch, REDIS_EXPECT_NUMBER, tag.table, 2, argv, lens);
                note(epoch, LOG_WARN, "redis-stream-anew", text);
        }
        epoch->events.on_checked(epoch->events.context);
}

/* Is this what the command should have said? *ret_fault: the error text, if there is one. */
static enum redis_trouble judge(enum redis_expect expect, const struct redis_reply *reply, struct slice *ret_fault)
{
        *ret_fault = slice_from_text("an answer of the wrong kind");
        if (reply->type == REDIS_REPLY_FAULT) {
                *ret_fault = reply->text;
                return redis_trouble_of(reply->text);
        }
        switch (expect) {
        case REDIS_EXPECT_NUMBER:
                return reply->type == REDIS_REPLY_NUMBER ? REDIS_FINE : REDIS_OTHER;
        case REDIS_EXPECT_ONE:
                *ret_fault = slice_from_text("the key is not there");
                return reply->type == REDIS_REPLY_NUMBER && reply->number == 1 ? REDIS_FINE : REDIS_VANISHED;
        case REDIS_EXPECT_OK:
                return redis_reply_is_word(reply, "OK") ? REDIS_FINE : REDIS_OTHER;
        case REDIS_EXPECT_QUEUED:
                return redis_reply_is_word(reply, "QUEUED") ? REDIS_FINE : REDIS_OTHER;
        case REDIS_EXPECT_EXEC:
                for (const struct redis_reply *one = reply->first; one != NULL; one = one->next) {
                        if (one->type == REDIS_REPLY_FAULT || one->next == NULL)
                                return judge(REDIS_EXPECT_ONE, one, ret_fault);
                }
                return REDIS_OTHER;
        case REDIS_EXPECT_ID:
                return reply->type == REDIS_REPLY_TEXT ? REDIS_FINE : REDIS_OTHER;
        case REDIS_EXPECT_ENTRY:
                *ret_fault = slice_from_text("an id of ours is below the stream's end, and the entry is not there");
                return redis_reply_at(reply, 0) != NULL ? REDIS_FINE : REDIS_STREAM_AHEAD;
        case REDIS_EXPECT_FIRST:
                return reply->type == REDIS_REPLY_LIST ? REDIS_FINE : REDIS_OTHER;
        case REDIS_EXPECT_CATALOG:
        case REDIS_EXPECT_OWNER:
                break;
        }
        return REDIS_OTHER;
}

void redis_epoch_reply(struct redis_epoch *epoch, struct redis_tag tag, const struct redis_reply *reply,
                       struct slice key)
{
        enum redis_expect expect = (enum redis_expect)tag.expect;
        enum redis_trouble kind;
        struct slice fault;

        assert(epoch->n_due > 0);
        epoch->n_due--;
        if (key.len > 0) {
                bytes_reset(&epoch->last_key);
                bytes_append_slice(&epoch->last_key, key);
        }
        if (expect == REDIS_EXPECT_CATALOG) {
                on_catalog(epoch, tag, reply);
                return;
        }
        kind = judge(expect, reply, &fault);
        if (kind == REDIS_OTHER && expect == REDIS_EXPECT_ID &&
            strstr((const char *)fault.data, "equal or smaller") != NULL) {
                ask_entry(epoch, tag, key);
        } else if (kind != REDIS_FINE) {
                const struct plan_table *table = epoch->targets[tag.table].table->table;
                char why[512];

                (void)snprintf(why, sizeof(why), "%.*s (key '%.*s' of table '%.*s')", (int)fault.len,
                               (const char *)fault.data, (int)epoch->last_key.len, (const char *)epoch->last_key.data,
                               (int)table->name.len, (const char *)table->name.data);
                epoch->events.on_trouble(epoch->events.context, kind, why);
        } else if (expect == REDIS_EXPECT_FIRST) {
                on_first_entry(epoch, tag, reply, key);
        }
}
/* ---- rows ---- */

static int32_t find_target(const struct redis_epoch *epoch, const struct plan_table *table)
{
        for (uint32_t i = 0; i < epoch->n_targets; i++)
                if (epoch->targets[i].table->table == table)
                        return (int32_t)i;
        return -1;
}

/* The caller counts the replies that are due from here on: by what redis_link_n_pending has grown. */
static void send_rename(struct redis_epoch *epoch, const struct redis_zset *set)
{
        struct redis_tag tag = {.expect = REDIS_EXPECT_OK, .table = set->table};
        const char *argv[3] = {"RENAME", (const char *)set->next.data, (const char *)set->key.data};
        size_t lens[3] = {6, set->next.len, set->key.len};

        redis_row_send_expire(epoch->link, set->next, set->ttl_ms, tag);
        redis_link_send(epoch->link, tag, 3, argv, lens);
}

/* A member of a set that is replaced as a whole per window; without a window it is a plain ZADD. */
static void write_zset(struct redis_epoch *epoch, struct redis_tag tag, int64_t window_end_ms, const struct batch *rows,
                       uint32_t i)
{
        const struct redis_table *table = epoch->targets[tag.table].table;
        struct slice key = bytes_slice(&epoch->row.key);
        struct redis_zset *set;
        bool is_new;

        if (window_end_ms == INT64_MIN) {
                redis_row_send_zset(&epoch->row, table, rows, i, key, epoch->link, tag);
                redis_row_send_expire(epoch->link, key, table->ttl_ms, tag);
                return;
        }
        set = redis_zset_find(&epoch->zsets, key, &is_new);
        if (is_new) { /* what an epoch that failed half-way left behind */
                const char *argv[2] = {"DEL", (const char *)set->next.data};
                size_t lens[2] = {3, set->next.len};

                tag.expect = REDIS_EXPECT_NUMBER;
                redis_link_send(epoch->link, tag, 2, argv, lens);
                set->table = tag.table;
                set->ttl_ms = table->ttl_ms;
        } else if (set->window_end_ms != window_end_ms) { /* an older window of this epoch is complete */
                send_rename(epoch, set);
        }
        redis_row_send_zset(&epoch->row, table, rows, i, set->next, epoch->link, tag);
        if (is_new || set->window_end_ms != window_end_ms)
                redis_row_send_expire(epoch->link, set->next, table->ttl_ms, tag);
        set->window_end_ms = window_end_ms;
}

/* false: the row can never be written. */
static bool write_row(struct redis_epoch *epoch, struct redis_tag tag, int64_t window_end_ms, const struct batch *rows,
                      uint32_t i)
{
        struct redis_target *target = &epoch->targets[tag.table];

        if (!redis_row_key(&epoch->row, target->table, rows, i))
                return false;
        switch (target->table->layout) {
        case REDIS_HASH:
                redis_row_send_hash(&epoch->row, target->table, rows, i, epoch->link, tag);
                return true;
        case REDIS_STREAM:
                if (!redis_row_send_stream(&epoch->row, target->table, rows, i, epoch->number, epoch->link, tag))
                        return false;
                target->is_dirty = true;
                return true;
        case REDIS_ZSET:
                if (!redis_row_has_member(target->table, rows, i))
                        return false;
                write_zset(epoch, tag, window_end_ms, rows, i);
                return true;
        }
        return false;
}

static void reject(struct redis_epoch *epoch, struct redis_target *target)
{
        static const char *const whys[] = {
                [REDIS_HASH] = "NULL in its key",
                [REDIS_STREAM] = "NULL in every column",
                [REDIS_ZSET] = "NULL or NaN in key, member or score",
        };
        const struct plan_table *table = target->table->table;
        char text[512];

        epoch->rejected++;
        if (target->has_rejected)
                return;
        target->has_rejected = true;
        (void)snprintf(text, sizeof(text),
                       "table '%.*s': a row with %s cannot be written; such rows are counted as rejected",
                       (int)table->name.len, (const char *)table->name.data, whys[target->table->layout]);
        note(epoch, LOG_WARN, "sink-reject", text);
}

/* Redis had no commit record: how does the stream begin? */
static void check_stream(struct redis_epoch *epoch, uint32_t index, uint64_t number)
{
        struct redis_target *target = &epoch->targets[index];
        const char *argv[6] = {"XRANGE", NULL, "-", "+", "COUNT", "1"};
        size_t lens[6] = {6, 0, 1, 1, 5, 1};

        target->check = REDIS_STREAM_ASKED;
        target->first_epoch = epoch->number;
        target->first_number = number;
        bytes_reset(&epoch->scratch);
        redis_table_key_pattern(target->table, &epoch->scratch); /* a stream's key has no parts */
        argv[1] = (const char *)epoch->scratch.data;
        lens[1] = epoch->scratch.len;
        send_counted(epoch, REDIS_EXPECT_FIRST, index, 6, argv, lens);
}

enum sink_result redis_epoch_write(struct redis_epoch *epoch, uint64_t number, const struct plan_table *table,
                                   uint64_t first_index, int64_t window_end_ms, const struct batch *rows, uint32_t from,
                                   uint32_t *ret_next)
{
        int32_t index = find_target(epoch, table);
        uint32_t i;

        assert(index >= 0);
        epoch->number = number;
        if (epoch->targets[index].check == REDIS_STREAM_UNCHECKED)
                check_stream(epoch, (uint32_t)index, first_index + from + 1);
        for (i = from; i < rows->n_rows; i++) {
                struct redis_tag tag = {.table = (uint32_t)index, .number = first_index + i};
                uint32_t n_pending = redis_link_n_pending(epoch->link);

                if (epoch->targets[index].check == REDIS_STREAM_ASKED || redis_link_is_full(epoch->link))
                        break;
                if (write_row(epoch, tag, window_end_ms, rows, i))
                        epoch->rows++;
                else
                        reject(epoch, &epoch->targets[index]);
                epoch->n_due += redis_link_n_pending(epoch->link) - n_pending;
        }
        *ret_next = i;
        return i < rows->n_rows ? SINK_BUSY : SINK_OK;
}

/* Entries older than the table's TTL, seen from this epoch, go; the key itself lives as long. */
static void finish_stream(struct redis_epoch *epoch, uint32_t index)
{
        struct redis_target *target = &epoch->targets[index];
        uint64_t ttl_ms = (uint64_t)target->table->ttl_ms;
        char id[32];
        const char *argv[4] = {"XTRIM", NULL, "MINID", id};
        size_t lens[4] = {5, 0, 5, 0};

        target->is_dirty = false;
        bytes_reset(&epoch->scratch);
        redis_table_key_pattern(target->table, &epoch->scratch);
        argv[1] = (const char *)epoch->scratch.data;
        lens[1] = epoch->scratch.len;
        if (epoch->number > ttl_ms) {
                lens[3] = (size_t)snprintf(id, sizeof(id), "%" PRIu64, epoch->number - ttl_ms);
                send_counted(epoch, REDIS_EXPECT_NUMBER, index, 4, argv, lens);
        }
        epoch->n_due++;
        redis_row_send_expire(epoch->link, bytes_slice(&epoch->scratch), target->table->ttl_ms,
                              (struct redis_tag){.table = index});
}

bool redis_epoch_finish(struct redis_epoch *epoch, uint64_t number)
{
        epoch->number = number;
        for (uint32_t i = 0; i < epoch->n_targets; i++)
                if (epoch->targets[i].is_dirty)
                        finish_stream(epoch, i);
        while (epoch->next_zset < epoch->zsets.n_sets) {
                uint32_t n_pending = redis_link_n_pending(epoch->link);

                if (redis_link_is_full(epoch->link))
                        return false;
                send_rename(epoch, &epoch->zsets.sets[epoch->next_zset]);
                epoch->next_zset++;
                epoch->n_due += redis_link_n_pending(epoch->link) - n_pending;
        }
        return true;
}
