/* feeder.c - brings what the outbox holds to one sink, epoch by epoch.
 *
 *            on_ready                 is_end                    on_committed
 *   AWAY ─────────────→ FEEDING ───────────────→ COMMITTING ─────────────────→ FEEDING (next epoch)
 *     ↑                  │    ↑ on_progress           │
 *     │                  ↓    │                       │
 *     │                 BUSY ─┘                       │
 *     └────── on_down ───┴───────────────────────────┘
 *
 * Invariants: an epoch is committed only after every one of its pieces was taken whole (F1); rows of an epoch are
 * written only when all epochs before it are committed, as the far side said (F2); after on_ready nothing of what
 * was under way before it is believed (F3: `visit` changes, and a step that called into the sink looks at it). */
#include "sinks/feeder.h"

#include "sidecar/base/alloc.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Looking at a piece that does not go out now is counted as so many rows of a step. */
enum { HEAD_ROWS = 100 };

enum feeder_state { FEEDER_AWAY, FEEDER_FEEDING, FEEDER_BUSY, FEEDER_COMMITTING, FEEDER_STOPPED };

/* A piece's place in the order in which an unordered epoch goes out. */
struct feeder_place {
        uint64_t position;
        int64_t window_end_ms;
        uint32_t index; /* among the pieces of the epoch: keeps the sort stable */
};

struct feeder {
        struct feeder_config config;
        struct sink_listener listener;
        enum feeder_state state;
        uint32_t visit;         /* counts on_ready and on_down */
        bool has_forgotten;     /* a note says from when, once the first epoch is known */
        enum sink_memory memory;
        uint64_t committed;

        /* The open epoch. */
        bool is_open;
        bool is_sorted;         /* false: an unordered epoch, whose pieces are being listed */
        bool is_skipping;       /* the piece before was another sink's, so the next one most likely is, too */
        struct feeder_epoch epoch;
        uint64_t next;          /* position of the next piece to be looked at */
        struct feeder_place *places; /* of an unordered one */
        uint32_t n_places, max_places, next_place;
        bool has_piece;
        struct feeder_piece piece;
        uint32_t taken;         /* rows of `piece` that the sink has */
};

static void on_ready(void *context, enum sink_memory memory, uint64_t committed_epoch)
{
        struct feeder *feeder = context;

        if (feeder->state == FEEDER_STOPPED)
                return;
        feeder->visit++;
        feeder->state = FEEDER_FEEDING;
        feeder->is_open = false;
        feeder->has_piece = false;
        feeder->memory = memory;
        feeder->has_forgotten = memory == SINK_FORGOTTEN || memory == SINK_TAKEN;
        feeder->committed = memory == SINK_KEPT ? committed_epoch : 0;
        feeder->config.events->on_wake(feeder->config.events->context);
}

static void on_progress(void *context)
{
        struct feeder *feeder = context;

        if (feeder->state != FEEDER_BUSY)
                return;
        feeder->state = FEEDER_FEEDING;
        feeder->config.events->on_wake(feeder->config.events->context);
}

static void on_committed(void *context, uint64_t epoch)
{
        struct feeder *feeder = context;

        if (feeder->state != FEEDER_COMMITTING)
                return;
        assert(feeder->is_open && epoch == feeder->epoch.epoch);
        feeder->committed = epoch;
        feeder->is_open = false;
        feeder->state = FEEDER_FEEDING;
        feeder->config.events->on_committed(feeder->config.events->context, epoch);
        feeder->config.events->on_wake(feeder->config.events->context);
}

static void on_down(void *context, const char *why)
{
        struct feeder *feeder = context;

        (void)why; /* the sink's own note says it */
        if (feeder->state == FEEDER_STOPPED)
                return;
        feeder->visit++;
        feeder->state = FEEDER_AWAY;
        feeder->is_open = false;
        feeder->has_piece = false;
}

static void stop(struct feeder *feeder, const struct err *err)
{
        feeder->visit++;
        feeder->state = FEEDER_STOPPED;
        feeder->config.events->on_fatal(feeder->config.events->context, err);
}

static void on_fatal(void *context, const char *why)
{
        struct feeder *feeder = context;
        struct err err;

        if (feeder->state == FEEDER_STOPPED)
                return;
        err_reset(&err);
        (void)err_set(&err, ERR_UNAVAILABLE, "%s", why);
        stop(feeder, &err);
}

static void on_note(void *context, enum log_level level, const char *event, const char *text)
{
        struct feeder *feeder = context;

        feeder->config.events->on_note(feeder->config.events->context, level, event, text);
}

struct feeder *feeder_new(const struct feeder_config *config)
{
        struct feeder *feeder = alloc_zero(1, sizeof(*feeder));

        feeder->config = *config;
        feeder->listener = (struct sink_listener){
                .context = feeder,
                .on_ready = on_ready,
                .on_progress = on_progress,
                .on_committed = on_committed,
                .on_down = on_down,
                .on_fatal = on_fatal,
                .on_note = on_note,
        };
        return feeder;
}

struct feeder *feeder_free(struct feeder *feeder)
{
        if (feeder == NULL)
                return NULL;
        alloc_free(feeder->places);
        alloc_free(feeder);
        return NULL;
}

const struct sink_listener *feeder_listener(struct feeder *feeder)
{
        return &feeder->listener;
}

static bool is_ours(const struct feeder *feeder, const struct feeder_piece *piece)
{
        return piece->table != NULL && feeder->config.has_table(feeder->config.has_table_context,
                                                                feeder->config.sink_index, piece->table);
}

static int compare_places(const void *left, const void *right)
{
        const struct feeder_place *a = left, *b = right;

        if (a->window_end_ms != b->window_end_ms)
                return a->window_end_ms < b->window_end_ms ? -1 : 1;
        return (a->index > b->index) - (a->index < b->index);
}

/* The order in which an unordered epoch goes out: keyed tables by their windows' ends, others as they came. Rows
 * without a PRIMARY KEY keep their place among themselves, which is all that their numbering needs: they go first.
 * One piece a call, until is_sorted. */
static int sort_piece(struct feeder *feeder, struct err *err)
{
        const struct feeder_source *source = feeder->config.source;
        uint64_t position = feeder->next;
        struct feeder_piece piece;

        if (source->read(source->context, feeder->config.sink_index, position, false, &piece, &feeder->next, err) < 0)
                return -1;
        if (piece.is_end) {
                if (feeder->n_places > 1) /* none of ours: there is no array */
                        qsort(feeder->places, feeder->n_places, sizeof(*feeder->places), compare_places);
                feeder->is_sorted = true;
                return 0;
        }
        if (!is_ours(feeder, &piece))
                return 0;
        if (feeder->n_places == feeder->max_places) {
                feeder->max_places = feeder->max_places == 0 ? 64 : feeder->max_places * 2;
                feeder->places = alloc_resize(feeder->places, feeder->max_places, sizeof(*feeder->places));
        }
        feeder->places[feeder->n_places] = (struct feeder_place){
                .position = position,
                .window_end_ms = piece.table->n_primary_key > 0 ? piece.window_end_ms : INT64_MIN,
                .index = feeder->n_places,
        };
        feeder->n_places++;
        return 0;
}

static void note_first_epoch(struct feeder *feeder)
{
        char text[160];

        if (feeder->memory == SINK_FORGOTTEN)
                (void)snprintf(text, sizeof(text), "sending again from epoch %" PRIu64 ", the oldest that is kept",
                               feeder->epoch.epoch);
        else
                (void)snprintf(text, sizeof(text),
                               "taken over from an instance that is gone, sending from epoch %" PRIu64,
                               feeder->epoch.epoch);
        feeder->config.events->on_note(feeder->config.events->context, LOG_WARN,
                                       feeder->memory == SINK_FORGOTTEN ? "sink-resend" : "sink-takeover", text);
        feeder->has_forgotten = false;
}

/* false: no complete epoch is waiting. */
static bool open_epoch(struct feeder *feeder)
{
        const struct feeder_source *source = feeder->config.source;

        if (!source->find_epoch(source->context, feeder->committed, &feeder->epoch))
                return false;
        assert(feeder->epoch.epoch > feeder->committed);
        if (feeder->has_forgotten)
                note_first_epoch(feeder);
        feeder->next = feeder->epoch.first;
        feeder->has_piece = false;
        feeder->n_places = 0;
        feeder->next_place = 0;
        feeder->is_sorted = feeder->epoch.is_ordered;
        feeder->is_open = true;
        return true;
}

/* Reads the next piece of the epoch as it stands in the outbox: has_piece says that it is this sink's. */
static int read_piece(struct feeder *feeder, bool *ret_is_end, struct err *err)
{
        const struct feeder_source *source = feeder->config.source;
        uint32_t index = feeder->config.sink_index;
        uint64_t position = feeder->next;

        if (source->read(source->context, index, position, !feeder->is_skipping, &feeder->piece, &feeder->next, err) <
            0)
                return -1;
        *ret_is_end = feeder->piece.is_end;
        if (feeder->piece.is_end)
                return 0;
        if (!is_ours(feeder, &feeder->piece)) {
                feeder->is_skipping = true;
                return 0;
        }
        if (feeder->is_skipping &&
            source->read(source->context, index, position, true, &feeder->piece, &feeder->next, err) < 0)
                return -1;
        feeder->is_skipping = false;
        feeder->has_piece = true;
        return 0;
}

/* The next step towards a piece that is this sink's: has_piece says that it was found. */
static int next_piece(struct feeder *feeder, bool *ret_is_end, struct err *err)
{
        const struct feeder_source *source = feeder->config.source;
        uint64_t ignored;

        feeder->taken = 0;
        *ret_is_end = false;
        if (!feeder->is_sorted)
                return sort_piece(feeder, err);
        if (feeder->epoch.is_ordered)
                return read_piece(feeder, ret_is_end, err);
        if (feeder->next_place == feeder->n_places) {
                *ret_is_end = true;
                return 0;
        }
        if (source->read(source->context, feeder->config.sink_index, feeder->places[feeder->next_place].position, true,
                         &feeder->piece, &ignored, err) < 0)
                return -1;
        feeder->next_place++;
        feeder->has_piece = true;
        return 0;
}

static void commit(struct feeder *feeder)
{
        struct sink *sink = feeder->config.sink;
        uint32_t visit = feeder->visit;
        enum sink_result result;

        feeder->state = FEEDER_COMMITTING; /* before the call: on_committed may come from inside it */
        result = sink->ops->commit(sink, feeder->epoch.epoch, feeder->epoch.lsn);
        if (result == SINK_DOWN && feeder->visit == visit)
                feeder->state = FEEDER_AWAY;
}

/* Hands over the current piece, or what is left of it. Returns the rows that went. */
static uint32_t write_piece(struct feeder *feeder)
{
        struct sink *sink = feeder->config.sink;
        struct feeder_piece *piece = &feeder->piece;
        uint32_t from = feeder->taken, visit = feeder->visit, next = from;
        enum sink_result result;

        feeder->state = FEEDER_BUSY; /* before the call: on_progress may come from inside it */
        result = sink->ops->write(sink, piece->table, feeder->epoch.epoch, piece->first_index, piece->window_end_ms,
                                  &piece->rows, from, &next);
        if (feeder->visit != visit)
                return 0;
        switch (result) {
        case SINK_OK:
                feeder->state = FEEDER_FEEDING;
                feeder->has_piece = false;
                return piece->rows.n_rows - from;
        case SINK_BUSY:
                assert(next >= from && next <= piece->rows.n_rows);
                feeder->taken = next;
                return next - from;
        case SINK_DOWN:
                break;
        }
        feeder->state = FEEDER_AWAY;
        return 0;
}

bool feeder_step(struct feeder *feeder, uint32_t max_rows)
{
        struct err err;
        uint32_t rows = 0;

        err_reset(&err);
        while (feeder->state == FEEDER_FEEDING && rows < max_rows) {
                bool is_end = false;

                if (!feeder->is_open && !open_epoch(feeder))
                        break;
                if (!feeder->has_piece && next_piece(feeder, &is_end, &err) < 0) {
                        stop(feeder, &err);
                        return false;
                }
                if (feeder->has_piece)
                        rows += write_piece(feeder);
                else if (is_end)
                        commit(feeder);
                else
                        rows += HEAD_ROWS;
        }
        return feeder->state == FEEDER_FEEDING && rows >= max_rows;
}

void feeder_epoch_added(struct feeder *feeder)
{
        if (feeder->state == FEEDER_FEEDING)
                feeder->config.events->on_wake(feeder->config.events->context);
}

bool feeder_is_drained(const struct feeder *feeder)
{
        struct feeder_epoch epoch;

        return feeder->state == FEEDER_FEEDING && !feeder->is_open &&
               !feeder->config.source->find_epoch(feeder->config.source->context, feeder->committed, &epoch);
}

uint64_t feeder_committed(const struct feeder *feeder)
{
        return feeder->committed;
}
