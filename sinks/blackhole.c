/* blackhole.c - rows that are counted and forgotten.
 *
 * For measuring, and for queries that are run for their counters only. Remembers nothing: every run starts behind
 * what the last checkpoint says. */
#include "sinks/blackhole.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"

#include <stdio.h>

struct blackhole {
        struct sink sink;
        struct sink_config config;
        struct sink_listener listener;
};

static int blackhole_add_table(struct sink *sink, const struct plan_table *table, struct err *err)
{
        (void)sink;
        (void)table;
        (void)err;
        return 0;
}

static int blackhole_open(struct sink *sink, const struct sink_config *config, struct err *err)
{
        struct blackhole *blackhole = (struct blackhole *)sink;

        (void)err;
        blackhole->config = *config;
        blackhole->listener = *config->listener;
        sink->stats.is_ready = true;
        (void)snprintf(sink->stats.state, sizeof(sink->stats.state), "open");
        blackhole->listener.on_ready(blackhole->listener.context,
                                     config->committed_epoch > 0 ? SINK_KEPT : SINK_FIRST, config->committed_epoch);
        return 0;
}

static enum sink_result blackhole_write(struct sink *sink, const struct plan_table *table, uint64_t epoch,
                                        uint64_t first_index, int64_t window_end_ms, const struct batch *rows,
                                        uint32_t from, uint32_t *ret_next)
{
        (void)table;
        (void)epoch;
        (void)first_index;
        (void)window_end_ms;
        sink->stats.n_rows += rows->n_rows - from;
        *ret_next = rows->n_rows;
        return SINK_OK;
}

static enum sink_result blackhole_commit(struct sink *sink, uint64_t epoch, uint64_t lsn)
{
        struct blackhole *blackhole = (struct blackhole *)sink;

        (void)lsn;
        sink->stats.committed_epoch = epoch;
        sink->stats.committed_ms = clock_wall_ms(blackhole->config.clock);
        blackhole->listener.on_committed(blackhole->listener.context, epoch);
        return SINK_OK;
}

static void blackhole_close(struct sink *sink)
{
        alloc_free(sink);
}

static const struct sink_ops blackhole_ops = {
        .add_table = blackhole_add_table,
        .open = blackhole_open,
        .write = blackhole_write,
        .commit = blackhole_commit,
        .close = blackhole_close,
};

static void blackhole_group(const struct plan_table *table, struct bytes *text)
{
        (void)table;
        bytes_append_text(text, "blackhole");
}

static struct sink *blackhole_create(void)
{
        struct blackhole *blackhole = alloc_zero(1, sizeof(*blackhole));

        blackhole->sink.ops = &blackhole_ops;
        blackhole->sink.kind = blackhole_kind();
        return &blackhole->sink;
}

const struct sink_kind *blackhole_kind(void)
{
        static const struct sink_kind kind = {
                .connector = "blackhole",
                .group = blackhole_group,
                .create = blackhole_create,
                .is_done_with_commit = true,
        };

        return &kind;
}
