/* sink_rig.c - one sink with its feeder, an outbox in memory, and a loop to turn. */
#include "tests/lib/sink_rig.h"

#include "tests/lib/check.h"

#include <assert.h>
#include <stdio.h>

enum { PATIENCE_MS = 10000, TURN_MS = 5, STEP_ROWS = 500 };

static bool find_epoch(void *context, uint64_t after, struct feeder_epoch *ret_epoch)
{
        struct sink_rig *rig = context;

        for (uint32_t i = rig->oldest; i < rig->n_epochs; i++) {
                if (rig->epochs[i].epoch > after) {
                        *ret_epoch = rig->epochs[i];
                        ret_epoch->is_ordered = rig->is_ordered;
                        return true;
                }
        }
        return false;
}

static int read_piece(void *context, uint32_t feeder, uint64_t position, bool with_rows, struct feeder_piece *ret_piece,
                      uint64_t *ret_next, struct err *err)
{
        struct sink_rig *rig = context;

        (void)feeder;
        if (rig->is_broken)
                return err_set(err, ERR_IO, "the outbox cannot be read");
        assert(position < rig->n_pieces);
        *ret_piece = rig->pieces[position];
        if (!with_rows)
                ret_piece->rows.columns = NULL;
        *ret_next = position + 1;
        return 0;
}

static void on_wake(void *context)
{
        ((struct sink_rig *)context)->has_work = true;
}

static void on_committed(void *context, uint64_t epoch)
{
        ((struct sink_rig *)context)->committed = epoch;
}

static void on_note(void *context, enum log_level level, const char *event, const char *text)
{
        struct sink_rig *rig = context;

        (void)level;
        bytes_append_format(&rig->notes, "%s: %s\n", event, text);
}

static void on_fatal(void *context, const struct err *err)
{
        struct sink_rig *rig = context;

        (void)snprintf(rig->fatal, sizeof(rig->fatal), "%s", err->text);
}

static bool has_table(void *context, uint32_t sink_index, const struct plan_table *table)
{
        (void)context;
        (void)table;
        return sink_index == 0;
}

static int64_t wall_ms(void *context)
{
        (void)context;
        return clock_wall_ms(clock_system());
}

static uint64_t monotonic_ns(void *context)
{
        return clock_monotonic_ns(clock_system()) * ((struct sink_rig *)context)->speed;
}

void sink_rig_init(struct sink_rig *rig)
{
        memset(rig, 0, sizeof(*rig));
        arena_init(&rig->arena, 64u << 10, 0);
        rig->loop = loop_new();
        sink_set_init(&rig->set);
        bytes_init(&rig->notes);
        rig->is_ordered = true;
        rig->has_table = has_table;
        rig->speed = 1;
        rig->clock = (struct clock){.context = rig, .wall_ms = wall_ms, .monotonic_ns = monotonic_ns};
        rig->source = (struct feeder_source){.context = rig, .find_epoch = find_epoch, .read = read_piece};
        rig->events = (struct feeder_events){.context = rig, .on_wake = on_wake, .on_committed = on_committed,
                                             .on_note = on_note, .on_fatal = on_fatal};
        rig->config = (struct sink_config){.loop = rig->loop, .clock = &rig->clock, .name = "test",
                                           .instance = 0xabc, .start = 1,
                                           .log_end = UINT64_MAX, .has_commit = true};
}

void sink_rig_close(struct sink_rig *rig)
{
        sink_set_done(&rig->set);
        rig->feeder = feeder_free(rig->feeder);
}

void sink_rig_done(struct sink_rig *rig)
{
        sink_rig_close(rig);
        bytes_done(&rig->notes);
        loop_free(rig->loop);
        arena_done(&rig->arena);
}

void sink_rig_add(struct sink_rig *rig, const struct plan_table *table)
{
        struct err err;
        uint32_t index = 1;

        err_reset(&err);
        CHECK_OK(sink_set_add_table(&rig->set, table, &index, &err), &err);
        REQUIRE(index == 0);
}

void sink_rig_open(struct sink_rig *rig)
{
        struct feeder_config config = {.sink = rig->set.sinks[0], .source = &rig->source, .events = &rig->events,
                                       .has_table = has_table};
        struct err err;

        err_reset(&err);
        rig->feeder = feeder_new(&config);
        rig->config.listener = feeder_listener(rig->feeder);
        if (rig->config.last_epoch == 0 && rig->n_epochs > 0)
                rig->config.last_epoch = rig->epochs[rig->n_epochs - 1].epoch;
        CHECK_OK(rig->set.sinks[0]->ops->open(rig->set.sinks[0], &rig->config, &err), &err);
}

void sink_rig_restart(struct sink_rig *rig)
{
        const struct plan_table *tables[16];
        uint32_t n = 0;

        for (uint32_t i = 0; i < rig->n_pieces; i++) {
                const struct plan_table *table = rig->pieces[i].table;
                bool is_known = table == NULL;

                for (uint32_t t = 0; t < n; t++)
                        is_known |= tables[t] == table;
                if (!is_known)
                        tables[n++] = table;
        }
        sink_rig_close(rig);
        sink_set_init(&rig->set);
        for (uint32_t t = 0; t < n; t++)
                sink_rig_add(rig, tables[t]);
        rig->config.start++;
        rig->config.last_epoch = 0;
        rig->committed = 0;
        sink_rig_open(rig);
}

void sink_rig_piece_batch(struct sink_rig *rig, const struct plan_table *table, int64_t window_end_ms,
                          const struct batch *rows)
{
        struct feeder_piece *piece = &rig->pieces[rig->n_pieces];

        REQUIRE(rig->n_pieces < SINK_RIG_PIECES);
        *piece = (struct feeder_piece){.table = table, .window_end_ms = window_end_ms, .rows = *rows};
        for (uint32_t i = rig->open_first; i < rig->n_pieces; i++)
                if (rig->pieces[i].table == table)
                        piece->first_index += rig->pieces[i].rows.n_rows;
        rig->n_pieces++;
}

void sink_rig_piece(struct sink_rig *rig, const struct plan_table *table, int64_t window_end_ms, const char *rows)
{
        struct batch batch = rows_batch(&rig->arena, table, rows);

        sink_rig_piece_batch(rig, table, window_end_ms, &batch);
}

void sink_rig_end(struct sink_rig *rig, uint64_t epoch, uint64_t lsn)
{
        REQUIRE(rig->n_pieces < SINK_RIG_PIECES && rig->n_epochs < SINK_RIG_EPOCHS);
        rig->pieces[rig->n_pieces++] = (struct feeder_piece){.is_end = true};
        rig->epochs[rig->n_epochs++] = (struct feeder_epoch){.epoch = epoch, .lsn = lsn, .first = rig->open_first};
        rig->open_first = rig->n_pieces;
        if (rig->feeder != NULL)
                feeder_epoch_added(rig->feeder);
}

static void turn(struct sink_rig *rig)
{
        rig->has_work = false;
        if (feeder_step(rig->feeder, STEP_ROWS))
                rig->has_work = true;
        CHECK(loop_run_once(rig->loop, rig->has_work ? 0 : TURN_MS) >= 0);
}

static uint64_t now_ms(void)
{
        return clock_monotonic_ns(clock_system()) / 1000000u;
}

bool sink_rig_commit(struct sink_rig *rig, uint64_t epoch)
{
        uint64_t until = now_ms() + PATIENCE_MS;

        while (rig->committed < epoch && rig->fatal[0] == '\0' && now_ms() < until)
                turn(rig);
        if (rig->committed < epoch)
                CHECK_FAIL("epoch %llu is not committed; state '%s', fatal '%s', notes:\n%.*s",
                           (unsigned long long)epoch, rig->set.sinks[0]->stats.state, rig->fatal, (int)rig->notes.len,
                           (const char *)rig->notes.data);
        return rig->committed >= epoch;
}

bool sink_rig_wait_note(struct sink_rig *rig, const char *event)
{
        uint64_t until = now_ms() + PATIENCE_MS;

        while (sink_rig_count_notes(rig, event) == 0 && now_ms() < until)
                turn(rig);
        return sink_rig_count_notes(rig, event) > 0;
}

void sink_rig_run_ms(struct sink_rig *rig, int ms)
{
        uint64_t until = now_ms() + (uint64_t)ms;

        while (now_ms() < until)
                turn(rig);
}

unsigned sink_rig_count_notes(const struct sink_rig *rig, const char *event)
{
        const char *at = (const char *)rig->notes.data;
        const char *end = at + rig->notes.len;
        size_t len = strlen(event);
        unsigned n = 0;

        while (at < end) {
                const char *line_end = memchr(at, '\n', (size_t)(end - at));

                n += (size_t)(line_end - at) > len && memcmp(at, event, len) == 0 && at[len] == ':';
                at = line_end + 1;
        }
        return n;
}

void sink_rig_forget_notes(struct sink_rig *rig)
{
        bytes_reset(&rig->notes);
}

const struct sink_stats *sink_rig_stats(const struct sink_rig *rig)
{
        return &rig->set.sinks[0]->stats;
}
