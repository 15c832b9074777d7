/* print.c - rows on standard output, as Flink's print connector writes them.
 *
 *     +I[42, 2026-01-02T10:00, 17]
 *     ctr> +I[42, 2026-01-02T10:00, 17]          with 'print-identifier' = 'ctr'
 *
 * Values are Java's toString() (java_text.h). Every row is an insertion. 'standard-error' = 'true' writes there.
 * Strings go out as they are, as in Flink: what comes from events may hold line feeds and escape sequences.
 *
 * The far side remembers nothing, so a run goes on behind the last checkpoint: after a crash the rows of the last
 * moments come twice, and none is missing. A reader that does not read (a full pipe) stops this sink and nothing
 * else: at most PIPE_BUF bytes are written at a time, and only when poll(2) says that they will not block. */
#include "sinks/print.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "sidecar/net/loop.h"
#include "sidecar/plan/connector.h"
#include "sinks/java_text.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 << 10 };

struct print {
        struct sink sink;
        struct sink_config config;
        struct sink_listener listener;
        int fd;
        char *identifier;       /* NULL: none */
        struct bytes out;       /* not written yet, from out_sent on */
        size_t out_sent;
        struct loop_watch *watch; /* sleeps while nothing is stuck; NULL for what epoll does not take (files) */
        bool is_busy;           /* on_progress is owed */
        bool is_committing;
        uint64_t epoch;
        bool has_failed;
};

static void fail(struct print *print)
{
        char why[160];

        print->has_failed = true;
        print->sink.stats.is_ready = false;
        print->sink.stats.n_errors++;
        (void)snprintf(why, sizeof(why), "cannot print to standard %s: %s",
                       print->fd == STDERR_FILENO ? "error" : "output", strerror(errno));
        (void)snprintf(print->sink.stats.state, sizeof(print->sink.stats.state), "%s", why);
        print->listener.on_fatal(print->listener.context, why);
}

static bool can_write(int fd)
{
        struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

        return poll(&poll_fd, 1, 0) == 1;
}

/* Writes what does not block. true: nothing is left. */
static bool flush(struct print *print)
{
        while (print->out_sent < print->out.len && !print->has_failed && can_write(print->fd)) {
                size_t len = print->out.len - print->out_sent;
                ssize_t n = write(print->fd, print->out.data + print->out_sent, len < PIPE_BUF ? len : PIPE_BUF);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n < 0) {
                        fail(print);
                        return false;
                }
                print->out_sent += (size_t)n;
        }
        if (print->out_sent < print->out.len)
                return false;
        bytes_reset(&print->out);
        print->out_sent = 0;
        return !print->has_failed;
}

static void committed(struct print *print)
{
        print->is_committing = false;
        print->sink.stats.committed_epoch = print->epoch;
        print->sink.stats.committed_ms = clock_wall_ms(print->config.clock);
        print->listener.on_committed(print->listener.context, print->epoch);
}

static void on_writable(void *context)
{
        struct print *print = context;

        if (!flush(print))
                return;
        loop_watch_set(print->watch, 0);
        if (print->is_committing)
                committed(print);
        if (print->is_busy) {
                print->is_busy = false;
                print->listener.on_progress(print->listener.context);
        }
}

/* The rest goes when the reader reads. */
static void wait_for_reader(struct print *print)
{
        if (print->watch == NULL)
                print->watch = loop_watch_new(print->config.loop, print->fd, LOOP_WRITABLE, on_writable, print);
        else
                loop_watch_set(print->watch, LOOP_WRITABLE);
}

static int print_add_table(struct sink *sink, const struct plan_table *table, struct err *err)
{
        struct print *print = (struct print *)sink;
        struct slice identifier = connector_text(table, "print-identifier");

        (void)err;
        alloc_free(print->identifier); /* a reload may have changed it */
        print->identifier = identifier.len > 0 ? alloc_text_n(identifier.data, identifier.len) : NULL;
        print->fd = connector_is_on(table, "standard-error") ? STDERR_FILENO : STDOUT_FILENO;
        return 0;
}

static int print_open(struct sink *sink, const struct sink_config *config, struct err *err)
{
        struct print *print = (struct print *)sink;

        (void)err;
        print->config = *config;
        print->listener = *config->listener;
        sink->stats.is_ready = true;
        sink->stats.committed_epoch = config->committed_epoch;
        (void)snprintf(sink->stats.state, sizeof(sink->stats.state), "open");
        print->listener.on_ready(print->listener.context, config->committed_epoch > 0 ? SINK_KEPT : SINK_FIRST,
                                 config->committed_epoch);
        return 0;
}

static void append_row(struct print *print, const struct plan_table *table, const struct batch *rows, uint32_t i)
{
        uint32_t physical = 0;

        if (print->identifier != NULL)
                bytes_append_format(&print->out, "%s> ", print->identifier);
        bytes_append_text(&print->out, "+I[");
        for (uint32_t c = 0; c < table->n_columns; c++) {
                if (table->columns[c].kind != PLAN_PHYSICAL)
                        continue;
                if (physical > 0)
                        bytes_append_text(&print->out, ", ");
                java_text_append(&print->out, &table->columns[c].type, &rows->columns[physical], i);
                physical++;
        }
        bytes_append_text(&print->out, "]\n");
}

static enum sink_result print_write(struct sink *sink, const struct plan_table *table, uint64_t epoch,
                                    uint64_t first_index, int64_t window_end_ms, const struct batch *rows,
                                    uint32_t from, uint32_t *ret_next)
{
        struct print *print = (struct print *)sink;
        uint32_t i = from;

        (void)epoch;
        (void)first_index;
        (void)window_end_ms;
        while (i < rows->n_rows && !print->has_failed) {
                if (print->out.len - print->out_sent >= BUFFER_BYTES && !flush(print))
                        break;
                append_row(print, table, rows, i++);
        }
        if (print->has_failed)
                return SINK_DOWN;
        sink->stats.n_rows += i - from;
        sink->stats.bytes_in_flight = print->out.len - print->out_sent;
        *ret_next = i;
        if (i == rows->n_rows)
                return SINK_OK;
        print->is_busy = true;
        wait_for_reader(print);
        return SINK_BUSY;
}

static enum sink_result print_commit(struct sink *sink, uint64_t epoch, uint64_t lsn)
{
        struct print *print = (struct print *)sink;

        (void)lsn;
        print->epoch = epoch;
        print->is_committing = true;
        if (flush(print))
                committed(print);
        else if (!print->has_failed)
                wait_for_reader(print);
        return print->has_failed ? SINK_DOWN : SINK_OK;
}

static void print_close(struct sink *sink)
{
        struct print *print = (struct print *)sink;

        loop_watch_free(print->watch);
        alloc_free(print->identifier);
        bytes_done(&print->out);
        alloc_free(print);
}

static const struct sink_ops print_ops = {
        .add_table = print_add_table,
        .open = print_open,
        .write = print_write,
        .commit = print_commit,
        .close = print_close,
};

static struct sink *print_create(void)
{
        struct print *print = alloc_zero(1, sizeof(*print));

        print->sink.ops = &print_ops;
        print->sink.kind = print_kind();
        print->fd = STDOUT_FILENO;
        bytes_init(&print->out);
        return &print->sink;
}

/* Each table is a sink of its own. */
static void group(const struct plan_table *table, struct bytes *text)
{
        bytes_append_text(text, "print ");
        bytes_append_slice(text, table->name);
}

const struct sink_kind *print_kind(void)
{
        static const struct sink_kind kind = {
                .connector = "print",
                .group = group,
                .create = print_create,
                .is_done_with_commit = true,
        };

        return &kind;
}
