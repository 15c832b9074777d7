/* delivery.c - outbox, sinks and feeders of one run. See delivery.h. */
#include "sidecar/delivery.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "sidecar/plan/setting.h"

#include <assert.h>

enum {
        STEP_ROWS = 1000,
        RETIRE_TICKS = 3, /* a sink that is not named any more has something to take back from its far side, too */
};
#define NO_SINK UINT32_MAX /* of a table: its sink was retired */

struct known_table {
        const struct plan_table *table;
        struct slice fingerprint; /* of the query that fills it; in the job's arena */
        uint32_t generation;
        uint32_t sink_index;
};

struct delivery {
        struct delivery_config config;
        char *name;
        struct outbox *outbox;
        struct sink_set sinks;
        uint32_t n_feeders; /* feeders of sinks 0 .. n_feeders */
        struct feeder **feeders; /* NULL: retired */
        uint8_t *unused_ticks;   /* of each sink: how often delivery_retire might have closed it */
        struct feeder_events events;
        uint32_t n_tables;
        struct known_table *tables;
        struct bytes committed; /* as of the last checkpoint, see delivery_append_committed */
        uint64_t shown_epoch; /* newest epoch that feeders were told of */
};

static const struct known_table *find_known(const struct delivery *delivery, const struct plan_table *table)
{
        for (uint32_t i = 0; i < delivery->n_tables; i++)
                if (delivery->tables[i].table == table)
                        return &delivery->tables[i];
        return NULL;
}

/* Rows may wait for their sink longer than their generation is known: a restart knows only those since its
 * checkpoint. Then the newest table of that name takes them, if its columns are the same (the outbox compares). */
static const struct plan_table *find_table(void *context, uint32_t generation, struct slice name)
{
        const struct delivery *delivery = context;
        const struct known_table *newest = NULL;

        for (uint32_t i = 0; i < delivery->n_tables; i++) {
                const struct known_table *known = &delivery->tables[i];

                if (!slice_is_equal(known->table->name, name))
                        continue;
                if (known->generation == generation)
                        return known->table;
                if (newest == NULL || known->generation > newest->generation)
                        newest = known;
        }
        return newest == NULL ? NULL : newest->table;
}

static bool has_table(void *context, uint32_t sink_index, const struct plan_table *table)
{
        const struct known_table *known = find_known(context, table);

        return known != NULL && known->sink_index == sink_index;
}

static void on_wake(void *context)
{
        struct delivery *delivery = context;

        delivery->config.on_wake(delivery->config.context);
}

static void on_committed(void *context, uint64_t epoch)
{
        struct delivery *delivery = context;

        (void)epoch;
        delivery->config.on_wake(delivery->config.context);
}

static void on_note(void *context, enum log_level level, const char *event, const char *text)
{
        (void)context;
        log_message(level, event, "%s", text);
}

static void on_fatal(void *context, const struct err *err)
{
        struct delivery *delivery = context;

        delivery->config.on_fatal(delivery->config.context, err);
}

static int open_outbox(struct delivery *delivery, struct err *err)
{
        const struct delivery_config *config = &delivery->config;
        struct outbox_config outbox = {
                .dir = config->outbox_dir,
                .ops = config->instance->ops,
                .instance = config->instance->id,
                .keep_ms = setting_ms(config->settings, SETTING_OUTBOX_KEEP),
                .keep_bytes = setting_bytes(config->settings, SETTING_OUTBOX_KEEP_BYTES),
                .cursor = config->outbox_lsn,
                .find_table = find_table,
                .context = delivery,
        };

        return outbox_open(&outbox, &delivery->outbox, err);
}

int delivery_open(const struct delivery_config *config, struct delivery **ret_delivery, struct err *err)
{
        struct delivery *delivery = alloc_zero(1, sizeof *delivery);

        delivery->config = *config;
        delivery->name = instance_name(setting_text(config->settings, SETTING_NAME));
        delivery->events = (struct feeder_events){.context = delivery, .on_wake = on_wake, .on_committed = on_committed,
                                                  .on_note = on_note, .on_fatal = on_fatal};
        sink_set_init(&delivery->sinks);
        bytes_append_slice(&delivery->committed, config->committed);
        if (open_outbox(delivery, err) < 0) {
                delivery_close(delivery);
                return -1;
        }
        if (!config->has_log)
                outbox_set_durable(delivery->outbox, UINT64_MAX);
        *ret_delivery = delivery;
        return 0;
}

struct delivery *delivery_close(struct delivery *delivery)
{
        if (delivery == NULL)
                return NULL;
        sink_set_done(&delivery->sinks);
        for (uint32_t i = 0; i < delivery->n_feeders; i++)
                feeder_free(delivery->feeders[i]);
        alloc_free(delivery->feeders);
        alloc_free(delivery->unused_ticks);
        outbox_close(delivery->outbox);
        alloc_free(delivery->tables);
        bytes_done(&delivery->committed);
        alloc_free(delivery->name);
        alloc_free(delivery);
        return NULL;
}

/* The fingerprint of the windowed operator behind a table, empty for queries without one. */
static struct slice query_fingerprint(const struct plan_job *plan, const struct plan_table *table)
{
        for (uint32_t i = 0; i < plan->n_queries; i++) {
                const struct plan_op *op = plan->queries[i]->root;

                while (plan->queries[i]->sink == table && op != NULL) {
                        if (op->kind == PLAN_WINDOW)
                                return op->fingerprint;
                        op = op->n_inputs > 0 ? op->inputs[0] : NULL;
                }
        }
        return slice_make(NULL, 0);
}

static int add_table(struct delivery *delivery, const struct job *job, const struct plan_table *table, struct err *err)
{
        struct known_table known = {.table = table, .generation = job->generation,
                                    .fingerprint = query_fingerprint(job->plan, table)};

        if (sink_set_add_table(&delivery->sinks, table, &known.sink_index, err) < 0)
                return -1;
        delivery->tables = alloc_resize(delivery->tables, delivery->n_tables + 1, sizeof *delivery->tables);
        delivery->tables[delivery->n_tables++] = known;
        return 0;
}

int delivery_add_job(struct delivery *delivery, const struct job *job, struct err *err)
{
        for (uint32_t i = 0; i < job->plan->n_tables; i++)
                if (job->plan->tables[i]->is_sink && add_table(delivery, job, job->plan->tables[i], err) < 0)
                        return -1;
        return job->dead_letters == NULL ? 0 : add_table(delivery, job, job->dead_letters, err);
}

static struct slice table_fingerprint(void *context, const struct plan_table *table)
{
        const struct known_table *known = find_known(context, table);

        return known == NULL ? slice_make(NULL, 0) : known->fingerprint;
}

/* A table is not known yet while it is being added: it is of the newest job then. */
static bool is_in_force(void *context, const struct plan_table *table)
{
        const struct delivery *delivery = context;
        const struct known_table *known = find_known(delivery, table);
        uint32_t newest = 0;

        for (uint32_t i = 0; i < delivery->n_tables; i++)
                newest = delivery->tables[i].generation > newest ? delivery->tables[i].generation : newest;
        for (uint32_t i = 0; i < delivery->n_tables && known != NULL; i++)
                if (delivery->tables[i].generation == newest && delivery->tables[i].sink_index == known->sink_index &&
                    slice_is_equal(delivery->tables[i].table->name, table->name))
                        return true;
        return known == NULL;
}

void delivery_append_committed(const struct delivery *delivery, struct bytes *bytes)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < delivery->n_feeders; i++)
                n += delivery->feeders[i] != NULL;
        bytes_append_varint(bytes, n);
        for (uint32_t i = 0; i < delivery->n_feeders; i++) {
                if (delivery->feeders[i] == NULL)
                        continue;
                bytes_append_lenslice(bytes, slice_from_text(delivery->sinks.groups[i]));
                bytes_append_varint(bytes, feeder_committed(delivery->feeders[i]));
        }
}

/* What a sink had committed at the last checkpoint, 0 when it was not there. */
static uint64_t find_committed(const struct delivery *delivery, const char *group)
{
        struct bytes_reader reader = bytes_reader_make(bytes_slice(&delivery->committed));
        uint64_t n = bytes_read_varint(&reader);

        for (uint64_t i = 0; i < n && !reader.failed; i++) {
                struct slice name = bytes_read_text(&reader);
                uint64_t epoch = bytes_read_varint(&reader);

                if (!reader.failed && slice_is_equal(name, slice_from_text(group)))
                        return epoch;
        }
        return 0;
}

/* An epoch below the oldest that is held may have been made and cut. */
static bool has_made(void *context, uint64_t epoch)
{
        const struct delivery *delivery = context;
        const struct feeder_source *source = outbox_source(delivery->outbox);
        struct feeder_epoch found;

        if (epoch == 0 || (source->find_epoch(source->context, epoch - 1, &found) && found.epoch == epoch))
                return true;
        return !source->find_epoch(source->context, 0, &found) || found.epoch > epoch;
}

static int start_sink(struct delivery *delivery, uint32_t index, uint64_t last_epoch, uint64_t log_end, struct err *err)
{
        struct sink *sink = delivery->sinks.sinks[index];
        struct feeder_config feeder_config = {.sink = sink,
                                              .sink_index = index,
                                              .source = outbox_source(delivery->outbox),
                                              .events = &delivery->events,
                                              .has_table = has_table,
                                              .has_table_context = delivery};
        struct feeder *feeder = feeder_new(&feeder_config);
        struct sink_config config = {.loop = delivery->config.loop,
                                     .clock = delivery->config.clock,
                                     .listener = feeder_listener(feeder),
                                     .name = delivery->name,
                                     .instance = delivery->config.instance->id,
                                     .start = delivery->config.instance->starts,
                                     .last_epoch = last_epoch,
                                     .log_end = log_end,
                                     .has_made = has_made,
                                     .has_commit = delivery->config.has_log,
                                     .committed_epoch = find_committed(delivery, delivery->sinks.groups[index]),
                                     .fingerprint = table_fingerprint,
                                     .is_in_force = is_in_force,
                                     .context = delivery};

        delivery->feeders[index] = feeder;
        delivery->unused_ticks[index] = 0;
        if (sink->ops->open(sink, &config, err) < 0)
                return err_prefix(err, "sink %s", delivery->sinks.groups[index]);
        return 0;
}

int delivery_start(struct delivery *delivery, uint64_t last_epoch, uint64_t log_end, struct err *err)
{
        uint32_t n_sinks = delivery->sinks.n_sinks;

        delivery->feeders = alloc_resize(delivery->feeders, n_sinks + 1, sizeof *delivery->feeders);
        delivery->unused_ticks = alloc_resize(delivery->unused_ticks, n_sinks + 1, sizeof *delivery->unused_ticks);
        while (delivery->n_feeders < n_sinks)
                delivery->feeders[delivery->n_feeders++] = NULL;
        for (uint32_t i = 0; i < n_sinks; i++)
                if (delivery->feeders[i] == NULL && delivery->sinks.sinks[i] != NULL &&
                    start_sink(delivery, i, last_epoch, log_end, err) < 0)
                        return -1;
        return 0;
}

/* Tells the feeders when the newest epoch that may leave is newer than the one they know. */
static void show_epochs(struct delivery *delivery)
{
        const struct feeder_source *source = outbox_source(delivery->outbox);
        struct feeder_epoch epoch;
        bool has_new = false;

        while (source->find_epoch(source->context, delivery->shown_epoch, &epoch)) {
                delivery->shown_epoch = epoch.epoch;
                has_new = true;
        }
        if (!has_new)
                return;
        instance_phase_set(delivery->config.instance, INSTANCE_RESULTS);
        for (uint32_t i = 0; i < delivery->n_feeders; i++)
                if (delivery->feeders[i] != NULL)
                        feeder_epoch_added(delivery->feeders[i]);
}

int delivery_append(struct delivery *delivery, uint32_t generation, const struct engine_piece *piece, uint64_t lsn,
                    struct err *err)
{
        int result;

        if (!piece->is_epoch_end) {
                if (piece->rows.n_rows == 0)
                        return 0;
                return outbox_append_rows(delivery->outbox, generation, piece->sink, piece->window_end_ms, &piece->rows,
                                          err);
        }
        result = outbox_append_epoch_end(delivery->outbox, piece->epoch, lsn, err);
        if (result == 0)
                show_epochs(delivery);
        return result;
}

void delivery_set_durable(struct delivery *delivery, uint64_t lsn)
{
        outbox_set_durable(delivery->outbox, lsn);
        show_epochs(delivery);
}

/* The newest generation with a table for the sink, and the newest epoch with rows of any of them. */
static uint32_t find_use(const struct delivery *delivery, uint32_t index,
                         uint64_t (*rows_until)(void *context, uint32_t generation), void *context, uint64_t *ret_until)
{
        uint32_t newest = 0;

        *ret_until = 0;
        for (uint32_t i = 0; i < delivery->n_tables; i++) {
                const struct known_table *known = &delivery->tables[i];
                uint64_t until = known->sink_index == index ? rows_until(context, known->generation) : 0;

                if (known->sink_index == index && known->generation > newest)
                        newest = known->generation;
                if (until > *ret_until)
                        *ret_until = until;
        }
        return newest;
}

/* Behind all others, so that it is this one for which the outbox keeps what it keeps. */
static bool is_last(const struct delivery *delivery, uint32_t index)
{
        for (uint32_t i = 0; i < delivery->n_feeders; i++)
                if (i != index && delivery_committed(delivery, i) <= delivery_committed(delivery, index))
                        return false;
        return true;
}

static void retire(struct delivery *delivery, uint32_t index)
{
        sink_set_drop(&delivery->sinks, index);
        delivery->feeders[index] = feeder_free(delivery->feeders[index]);
        for (uint32_t i = 0; i < delivery->n_tables; i++)
                if (delivery->tables[i].sink_index == index)
                        delivery->tables[i].sink_index = NO_SINK;
}

void delivery_retire(struct delivery *delivery, uint32_t generation,
                     uint64_t (*rows_until)(void *context, uint32_t generation), void *context)
{
        for (uint32_t i = 0; i < delivery->n_feeders; i++) {
                uint64_t until, committed = delivery_committed(delivery, i);
                const char *group = delivery->sinks.groups[i];

                if (delivery->feeders[i] == NULL || !delivery->sinks.sinks[i]->kind->is_done_with_commit)
                        continue;
                if (find_use(delivery, i, rows_until, context, &until) >= generation) {
                        delivery->unused_ticks[i] = 0;
                        continue;
                }
                if (delivery->unused_ticks[i] < RETIRE_TICKS)
                        delivery->unused_ticks[i]++;
                if (delivery->unused_ticks[i] < RETIRE_TICKS)
                        continue;
                if (find_committed(delivery, group) > committed) /* it was not heard of in this life */
                        committed = find_committed(delivery, group);
                if (committed >= until)
                        log_message(LOG_INFO, "sink-retired", "%s: the job does not name it, and all rows are there",
                                    group);
                else if (outbox_is_full(delivery->outbox) && is_last(delivery, i))
                        log_message(LOG_WARN, "sink-given-up",
                                    "%s: the job does not name it, and rows behind epoch %llu that it did not take "
                                    "fill weir.outbox.keep-bytes: they are left out", group,
                                    (unsigned long long)committed);
                else
                        continue;
                retire(delivery, i);
        }
}

bool delivery_step(struct delivery *delivery)
{
        bool has_more = false;

        for (uint32_t i = 0; i < delivery->n_feeders; i++)
                has_more |= delivery->feeders[i] != NULL && feeder_step(delivery->feeders[i], STEP_ROWS);
        if (delivery_is_drained(delivery)) /* nothing that left is unconfirmed any more */
                instance_phase_clear(delivery->config.instance, INSTANCE_RESULTS);
        return has_more;
}

bool delivery_is_drained(const struct delivery *delivery)
{
        for (uint32_t i = 0; i < delivery->n_feeders; i++)
                if (delivery->feeders[i] != NULL && !feeder_is_drained(delivery->feeders[i]))
                        return false;
        return true;
}

void delivery_cut(struct delivery *delivery, uint64_t cursor)
{
        uint64_t committed = UINT64_MAX;

        for (uint32_t i = 0; i < delivery->n_feeders; i++)
                if (delivery_committed(delivery, i) < committed)
                        committed = delivery_committed(delivery, i);
        if (delivery->n_feeders > 0)
                outbox_cut(delivery->outbox, clock_wall_ms(delivery->config.clock), committed, cursor);
}

struct outbox *delivery_outbox(struct delivery *delivery)
{
        return delivery->outbox;
}

uint32_t delivery_n_sinks(const struct delivery *delivery)
{
        return delivery->sinks.n_sinks;
}

const struct sink *delivery_sink(const struct delivery *delivery, uint32_t index, const char **ret_group)
{
        *ret_group = delivery->sinks.groups[index];
        return delivery->sinks.sinks[index];
}

uint64_t delivery_committed(const struct delivery *delivery, uint32_t index)
{
        if (index < delivery->n_feeders && delivery->feeders[index] == NULL)
                return UINT64_MAX;
        return index < delivery->n_feeders ? feeder_committed(delivery->feeders[index]) : 0;
}

bool delivery_is_ready(const struct delivery *delivery, const char **ret_why)
{
        for (uint32_t i = 0; i < delivery->sinks.n_sinks; i++)
                if (delivery->sinks.sinks[i] != NULL && !delivery->sinks.sinks[i]->stats.is_ready) {
                        *ret_why = delivery->sinks.sinks[i]->stats.state;
                        return false;
                }
        *ret_why = NULL;
        return true;
}

bool delivery_is_refused(const struct delivery *delivery, const char **ret_why)
{
        for (uint32_t i = 0; i < delivery->sinks.n_sinks; i++)
                if (delivery->sinks.sinks[i] != NULL && delivery->sinks.sinks[i]->stats.is_refused) {
                        *ret_why = delivery->sinks.sinks[i]->stats.state;
                        return true;
                }
        return false;
}

int32_t delivery_sink_of(const struct delivery *delivery, const struct plan_table *table)
{
        const struct known_table *known = find_known(delivery, table);

        return known == NULL || known->sink_index == NO_SINK ? -1 : (int32_t)known->sink_index;
}
