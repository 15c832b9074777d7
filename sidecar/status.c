/* status.c - weir about itself, as JSON and as Prometheus text. Forms: status.h.
 *
 * Metrics are one table: name, kind, help, and where the number comes from; labels come only from names in the job,
 * never from data (reliability page 3.1, attack 25). */
#include "sidecar/status.h"

#include "sidecar/base/alloc.h"
#include "sidecar/plan/connector.h"
#include "sidecar/plan/setting.h"

#include <inttypes.h>
#include <stdio.h>

void status_append_string(struct bytes *text, struct slice value)
{
        bytes_append_byte(text, '"');
        for (size_t i = 0; i < value.len; i++) {
                uint8_t byte = value.data[i];

                if (byte == '"' || byte == '\\')
                        bytes_append_format(text, "\\%c", byte);
                else if (byte < 0x20 || byte == 0x7f || byte == '<' || byte == '>' || byte == '&')
                        bytes_append_format(text, "\\u%04x", byte);
                else
                        bytes_append_byte(text, byte);
        }
        bytes_append_byte(text, '"');
}

/* Job and engine are there: before the first CONFIG record of a replay they are not. */
static bool has_job(const struct status *status)
{
        return status->pipeline != NULL && pipeline_job(status->pipeline) != NULL;
}

static const struct plan_job *plan_of(const struct status *status)
{
        return pipeline_job(status->pipeline)->plan;
}

static void stats_of(const struct status *status, struct pipeline_stats *ret_stats)
{
        *ret_stats = (struct pipeline_stats){0};
        if (status->pipeline != NULL)
                pipeline_stats(status->pipeline, ret_stats);
}

struct slice status_sink_of_window(const struct plan_job *plan, const struct plan_op *window)
{
        for (uint32_t q = 0; q < plan->n_queries; q++)
                for (const struct plan_op *op = plan->queries[q]->root; op != NULL;
                     op = op->n_inputs > 0 ? op->inputs[0] : NULL)
                        if (op == window)
                                return plan->queries[q]->sink->name;
        return slice_from_text("");
}

static struct slice source_of_window(const struct plan_op *window)
{
        const struct plan_op *op = window;

        while (op->n_inputs > 0)
                op = op->inputs[0];
        return op->source == NULL ? slice_from_text("") : op->source->table->name;
}

static void append_watermark(struct bytes *text, int64_t watermark_ms)
{
        if (watermark_ms == INT64_MIN)
                bytes_append_text(text, "null");
        else
                bytes_append_format(text, "%" PRId64, watermark_ms);
}

static void append_sources(const struct status *status, struct bytes *text)
{
        const struct plan_job *plan = plan_of(status);

        bytes_append_text(text, "\"sources\": {");
        for (uint32_t s = 0; s < plan->n_sources; s++) {
                struct engine_source_stats stats;
                struct status_source net = {.listen = ""};

                engine_source_stats(pipeline_engine(status->pipeline), s, &stats);
                status->source(status->context, s, &net);
                bytes_append_text(text, s == 0 ? "" : ", ");
                status_append_string(text, plan->sources[s]->table->name);
                bytes_append_format(text,
                                    ": {\"received\": %" PRIu64 ", \"accepted\": %" PRIu64 ", \"duplicate\": %" PRIu64
                                    ", \"dead\": %" PRIu64 ", \"watermark\": ",
                                    stats.received, stats.accepted, stats.duplicate, stats.dead);
                append_watermark(text, stats.watermark_ms);
                bytes_append_format(text, ", \"origins\": %u, \"idle\": %u, \"connections\": %u, \"bytes_in\": %" PRIu64
                                    ", \"listen\": ", stats.n_origins, stats.n_idle, net.n_connections, net.bytes_in);
                status_append_string(text, slice_from_text(net.listen));
                bytes_append_text(text, "}");
        }
        bytes_append_text(text, "}");
}

static void append_windows(const struct status *status, struct bytes *text)
{
        const struct engine *engine = pipeline_engine(status->pipeline);

        bytes_append_text(text, "\"windows\": [");
        for (uint32_t w = 0; w < engine_n_windows(engine); w++) {
                struct engine_window_stats stats;

                engine_window_stats(engine, w, &stats);
                bytes_append_format(text, "%s{\"operator\": %u, \"sink\": ", w == 0 ? "" : ", ", stats.op->id);
                status_append_string(text, status_sink_of_window(plan_of(status), stats.op));
                bytes_append_text(text, ", \"source\": ");
                status_append_string(text, source_of_window(stats.op));
                bytes_append_format(text,
                                    ", \"kind\": \"%s\", \"in\": %" PRIu64 ", \"used\": %" PRIu64 ", \"late\": %" PRIu64
                                    ", \"failed\": %" PRIu64 ", \"overflow\": %" PRIu64 ", \"fired\": %" PRIu64
                                    ", \"rows\": %" PRIu64 ", \"withheld\": %" PRIu64 ", \"keys\": %" PRIu64
                                    ", \"state_bytes\": %" PRIu64 "}",
                                    stats.op->window.kind == PLAN_HOP ? "HOP" : "TUMBLE", stats.in, stats.used,
                                    stats.late, stats.failed, stats.overflow, stats.fired, stats.rows_out,
                                    stats.withheld, stats.live_keys, stats.state_bytes);
        }
        bytes_append_text(text, "]");
}

static void append_sinks(const struct status *status, struct bytes *text)
{
        const struct engine *engine = pipeline_engine(status->pipeline);
        const struct delivery *delivery = pipeline_delivery(status->pipeline);

        bytes_append_text(text, "\"sinks\": {");
        for (uint32_t i = 0; i < engine_n_sinks(engine); i++) {
                struct engine_sink_stats stats;
                int32_t index;
                const char *group = "", *state = "";
                uint64_t committed = 0;

                engine_sink_stats(engine, i, &stats);
                index = delivery_sink_of(delivery, stats.sink);
                if (index >= 0) {
                        const struct sink *sink = delivery_sink(delivery, (uint32_t)index, &group);

                        state = sink->stats.state;
                        committed = delivery_committed(delivery, (uint32_t)index);
                }
                bytes_append_text(text, i == 0 ? "" : ", ");
                status_append_string(text, stats.sink->name);
                bytes_append_text(text, ": {\"connector\": ");
                status_append_string(text, connector_text(stats.sink, "connector"));
                bytes_append_format(text, ", \"rows\": %" PRIu64 ", \"withheld\": %" PRIu64 ", \"failed\": %" PRIu64
                                    ", \"epoch\": %" PRIu64 ", \"commit_epoch\": %" PRIu64 ", \"state\": ",
                                    stats.rows, stats.withheld, stats.failed, engine_last_epoch(engine), committed);
                status_append_string(text, slice_from_text(state));
                bytes_append_text(text, "}");
        }
        bytes_append_text(text, "}");
}

static void append_storage(const struct status *status, struct bytes *text)
{
        struct pipeline_stats stats;

        stats_of(status, &stats);
        bytes_append_format(text,
                            "\"log\": {\"on\": %s, \"end\": %" PRIu64 ", \"durable\": %" PRIu64 ", \"first\": %" PRIu64
                            ", \"disk_bytes\": %" PRIu64 ", \"syncs\": %" PRIu64 ", \"full\": %s, \"waiting\": %" PRIu64
                            "}",
                            stats.has_log ? "true" : "false", stats.log.end_lsn, stats.log.durable_lsn,
                            stats.log.first_lsn, stats.log.disk_bytes, stats.log.n_syncs,
                            stats.log_full != NULL ? "true" : "false", stats.n_acks_waiting);
        bytes_append_format(text, ", \"outbox\": {\"first_epoch\": %" PRIu64 ", \"last_epoch\": %" PRIu64
                            ", \"disk_bytes\": %" PRIu64 ", \"memory_bytes\": %" PRIu64 "}",
                            stats.outbox.first_epoch, stats.outbox.last_epoch, stats.outbox.disk_bytes,
                            stats.outbox.memory_bytes);
        bytes_append_format(text, ", \"checkpoint\": {\"count\": %" PRIu64 ", \"last_ms\": %" PRId64 "}",
                            stats.n_checkpoints, stats.checkpoint_ms);
        bytes_append_format(text,
                            ", \"recovery\": {\"ms\": %" PRId64 ", \"records\": %" PRIu64 ", \"rows\": %" PRIu64 "}",
                            stats.recovery_ms, stats.replayed_records, stats.replayed_rows);
}

void status_json(const struct status *status, struct bytes *text)
{
        bytes_append_text(text, "{\"version\": \"" PACKAGE_VERSION "\", \"name\": ");
        status_append_string(text, slice_from_text(status->name));
        bytes_append_format(text, ", \"generation\": %u, \"uptime_ms\": %" PRId64 ", ",
                            has_job(status) ? pipeline_job(status->pipeline)->generation : 0,
                            clock_wall_ms(status->clock) - status->started_ms);
        status_ready(status, text);
        bytes_append_text(text, ", ");
        if (has_job(status)) {
                append_sources(status, text);
                bytes_append_text(text, ", ");
                append_windows(status, text);
                bytes_append_text(text, ", ");
                append_sinks(status, text);
        } else {
                bytes_append_text(text, "\"sources\": {}, \"windows\": [], \"sinks\": {}");
        }
        bytes_append_text(text, ", ");
        append_storage(status, text);
        bytes_append_text(text, "}\n");
}

/* Why not: sentences, the one that says most first. */
struct reasons {
        const char *texts[6];
        uint32_t n;
        char replay[64];
};

static void find_reasons(const struct status *status, struct reasons *ret_reasons)
{
        struct pipeline_stats stats;
        struct reasons *found = ret_reasons;
        const char *sink_why;

        stats_of(status, &stats);
        found->n = 0;
        if (stats.log_full != NULL)
                found->texts[found->n++] = stats.log_full;
        if (stats.outbox_full != NULL)
                found->texts[found->n++] = stats.outbox_full;
        if (stats.is_clock_behind)
                found->texts[found->n++] = "the machine's clock is behind the last logged arrival";
        if (stats.is_replaying) {
                snprintf(found->replay, sizeof found->replay, "replaying the log, %u %%", stats.replay_percent);
                found->texts[found->n++] = found->replay;
        }
        if (has_job(status) && delivery_is_refused(pipeline_delivery(status->pipeline), &sink_why))
                found->texts[found->n++] = sink_why;
        if (!status->is_ready)
                found->texts[found->n++] = status->not_ready_why;
}

void status_why(const struct status *status, struct bytes *text)
{
        struct reasons reasons;

        find_reasons(status, &reasons);
        if (reasons.n > 0)
                bytes_append_text(text, reasons.texts[0]);
}

bool status_ready(const struct status *status, struct bytes *text)
{
        const struct delivery *delivery = has_job(status) ? pipeline_delivery(status->pipeline) : NULL;
        struct reasons reasons;
        const char *sink_why;

        find_reasons(status, &reasons);
        bytes_append_format(text, "\"ready\": %s, \"reasons\": [", reasons.n == 0 ? "true" : "false");
        for (uint32_t i = 0; i < reasons.n; i++) {
                bytes_append_text(text, i == 0 ? "" : ", ");
                status_append_string(text, slice_from_text(reasons.texts[i]));
        }
        bytes_append_text(text, "]");
        /* A sink that is away is no reason to refuse events: the outbox keeps the results. It is said all the same. */
        if (status->is_ready && delivery != NULL && !delivery_is_ready(delivery, &sink_why)) {
                bytes_append_text(text, ", \"waiting\": ");
                status_append_string(text, slice_from_text(sink_why));
        }
        return reasons.n == 0;
}

/* ---- Prometheus */

static void family(struct bytes *text, const char *name, const char *kind, const char *help)
{
        bytes_append_format(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

static void append_label(struct bytes *text, const char *label, struct slice value)
{
        bytes_append_format(text, "%s=\"", label);
        for (size_t i = 0; i < value.len; i++) {
                if (value.data[i] == '"' || value.data[i] == '\\')
                        bytes_append_byte(text, '\\');
                bytes_append_byte(text, value.data[i] == '\n' ? ' ' : value.data[i]);
        }
        bytes_append_byte(text, '"');
}

static void sample(struct bytes *text, const char *name, const char *label, struct slice value, double number)
{
        bytes_append_format(text, "%s{", name);
        append_label(text, label, value);
        bytes_append_format(text, "} %.17g\n", number);
}

static void scalar(struct bytes *text, const char *name, const char *kind, const char *help, double number)
{
        family(text, name, kind, help);
        bytes_append_format(text, "%s %.17g\n", name, number);
}

struct source_metric {
        const char *name, *kind, *help;
        double (*get)(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms);
};

static double get_received(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)net;
        (void)now_ms;
        return (double)stats->received;
}
static double get_accepted(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)net;
        (void)now_ms;
        return (double)stats->accepted;
}
static double get_duplicate(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)net;
        (void)now_ms;
        return (double)stats->duplicate;
}
static double get_dead(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)net;
        (void)now_ms;
        return (double)stats->dead;
}
static double get_lag(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)net;
        return stats->watermark_ms == INT64_MIN ? 0 : (double)(now_ms - stats->watermark_ms) / 1000;
}
static double get_idle(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)net;
        (void)now_ms;
        return (double)stats->n_idle;
}
static double get_connections(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)stats;
        (void)now_ms;
        return net->n_connections;
}
static double get_connections_total(const struct engine_source_stats *stats, const struct status_source *net,
                                    int64_t now_ms)
{
        (void)stats;
        (void)now_ms;
        return (double)net->n_connections_total;
}
static double get_batches(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)stats;
        (void)now_ms;
        return (double)net->calls;
}
static double get_bytes(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)stats;
        (void)now_ms;
        return (double)net->bytes_in;
}
static double get_rejected(const struct engine_source_stats *stats, const struct status_source *net, int64_t now_ms)
{
        (void)stats;
        (void)now_ms;
        return (double)(net->answered_error + net->refused);
}

static const struct source_metric source_metrics[] = {
        {"weir_source_events_total", "counter", "Events received; the sum of the three below.", get_received},
        {"weir_source_accepted_total", "counter", "Events counted once.", get_accepted},
        {"weir_source_duplicates_total", "counter", "Events that an agent sent again and that were counted before.",
         get_duplicate},
        {"weir_dead_letters_total", "counter", "Events that could not become a row.", get_dead},
        {"weir_watermark_lag_seconds", "gauge", "Wall clock minus watermark; 0 before the first.", get_lag},
        {"weir_source_idle_origins", "gauge", "Origins that the watermark does not wait for.", get_idle},
        {"weir_source_connections", "gauge", "Open connections.", get_connections},
        {"weir_source_connections_total", "counter", "Connections accepted.", get_connections_total},
        {"weir_source_batches_total", "counter", "Calls received.", get_batches},
        {"weir_source_bytes_total", "counter", "Bytes received, as on the wire.", get_bytes},
        {"weir_source_rejected_total", "counter",
         "Calls answered with an error, and connections closed for bytes that are not Avro RPC or turned away.",
         get_rejected},
};

static void append_source_metrics(const struct status *status, struct bytes *text)
{
        const struct plan_job *plan = plan_of(status);
        int64_t now_ms = clock_wall_ms(status->clock);

        for (size_t m = 0; m < sizeof source_metrics / sizeof source_metrics[0]; m++) {
                const struct source_metric *metric = &source_metrics[m];

                family(text, metric->name, metric->kind, metric->help);
                for (uint32_t s = 0; s < plan->n_sources; s++) {
                        struct engine_source_stats stats;
                        struct status_source net = {.listen = ""};

                        engine_source_stats(pipeline_engine(status->pipeline), s, &stats);
                        status->source(status->context, s, &net);
                        sample(text, metric->name, "source", plan->sources[s]->table->name,
                               metric->get(&stats, &net, now_ms));
                }
        }
}

struct window_metric {
        const char *name, *kind, *help;
        size_t offset; /* of a uint64_t in struct engine_window_stats */
};

static const struct window_metric window_metrics[] = {
        {"weir_rule_events_in_total", "counter", "Rows that reached the window.",
         offsetof(struct engine_window_stats, in)},
        {"weir_rule_used_total", "counter", "Rows counted in at least one window.",
         offsetof(struct engine_window_stats, used)},
        {"weir_late_events_total", "counter", "Rows whose last window had fired.",
         offsetof(struct engine_window_stats, late)},
        {"weir_rule_errors_total", "counter", "Rows that failed in an expression.",
         offsetof(struct engine_window_stats, failed)},
        {"weir_rule_overflow_total", "counter", "Rows with a new key at the cap.",
         offsetof(struct engine_window_stats, overflow)},
        {"weir_rule_windows_fired_total", "counter", "Windows fired.", offsetof(struct engine_window_stats, fired)},
        {"weir_rule_rows_out_total", "counter", "Result rows.", offsetof(struct engine_window_stats, rows_out)},
        {"weir_rule_state_keys", "gauge", "Keys held.", offsetof(struct engine_window_stats, live_keys)},
        {"weir_rule_state_bytes", "gauge", "Memory of the window's state.",
         offsetof(struct engine_window_stats, state_bytes)},
};

static void append_window_metrics(const struct status *status, struct bytes *text)
{
        const struct engine *engine = pipeline_engine(status->pipeline);

        for (size_t m = 0; m < sizeof window_metrics / sizeof window_metrics[0]; m++) {
                const struct window_metric *metric = &window_metrics[m];

                family(text, metric->name, metric->kind, metric->help);
                for (uint32_t w = 0; w < engine_n_windows(engine); w++) {
                        struct engine_window_stats stats;
                        uint64_t number;

                        engine_window_stats(engine, w, &stats);
                        memcpy(&number, (const uint8_t *)&stats + metric->offset, sizeof number);
                        /* several windows may write to one table: the operator tells their series apart */
                        bytes_append_format(text, "%s{", metric->name);
                        append_label(text, "rule", status_sink_of_window(plan_of(status), stats.op));
                        bytes_append_format(text, ",operator=\"%u\"} %.17g\n", stats.op->id, (double)number);
                }
        }
}

static void append_sink_metrics(const struct status *status, struct bytes *text)
{
        const struct delivery *delivery = pipeline_delivery(status->pipeline);
        static const char *const names[][3] = {
                {"weir_sink_up", "gauge", "1 while the sink is connected."},
                {"weir_sink_rows_total", "counter", "Rows written and confirmed, repeats included."},
                {"weir_sink_rejected_total", "counter", "Rows that can never be written."},
                {"weir_sink_errors_total", "counter", "Errors and lost connections."},
                {"weir_sink_pending_bytes", "gauge", "Bytes queued or not yet confirmed."},
                {"weir_sink_commit_epoch", "gauge", "Newest epoch that the far side has confirmed."},
        };

        for (size_t m = 0; m < sizeof names / sizeof names[0]; m++) {
                family(text, names[m][0], names[m][1], names[m][2]);
                for (uint32_t i = 0; i < delivery_n_sinks(delivery); i++) {
                        static const struct sink_stats retired;
                        const char *group;
                        const struct sink *sink = delivery_sink(delivery, i, &group);
                        const struct sink_stats *stats = sink == NULL ? &retired : &sink->stats;
                        double numbers[] = {stats->is_ready, (double)stats->n_rows, (double)stats->n_rejected,
                                            (double)stats->n_errors, (double)stats->bytes_in_flight,
                                            (double)delivery_committed(delivery, i)};
                        char number[16];

                        if (sink == NULL)
                                continue;
                        snprintf(number, sizeof number, "%u", i); /* a group's text may hold a password */
                        sample(text, names[m][0], "sink", slice_from_text(number), numbers[m]);
                }
        }
}

void status_metrics(const struct status *status, struct bytes *text)
{
        struct pipeline_stats stats;
        struct bytes scratch;

        stats_of(status, &stats);
        family(text, "weir_build_info", "gauge", "1; the version is a label.");
        bytes_append_text(text, "weir_build_info{version=\"" PACKAGE_VERSION "\"} 1\n");
        scalar(text, "weir_start_time_seconds", "gauge", "When the process started.",
               (double)status->started_ms / 1000);
        bytes_init(&scratch);
        scalar(text, "weir_ready", "gauge", "1 while /readyz says 200.", status_ready(status, &scratch));
        bytes_done(&scratch);
        scalar(text, "weir_config_generation", "gauge", "Generation of the job in force.",
               has_job(status) ? pipeline_job(status->pipeline)->generation : 0);
        if (has_job(status)) {
                append_source_metrics(status, text);
                append_window_metrics(status, text);
                append_sink_metrics(status, text);
        }
        scalar(text, "weir_wal_appended_bytes_total", "counter", "Bytes written to the log, padding included.",
               (double)stats.log.n_bytes);
        scalar(text, "weir_wal_fsyncs_total", "counter", "Groups synced.", (double)stats.log.n_syncs);
        scalar(text, "weir_wal_fsync_seconds_total", "counter", "Time spent in syncs.",
               (double)stats.log.sync_ns * 1e-9);
        scalar(text, "weir_wal_bytes", "gauge", "Size of all log files.", (double)stats.log.disk_bytes);
        scalar(text, "weir_wal_full", "gauge", "1 while the log has no room and nothing is acknowledged.",
               stats.log_full != NULL);
        scalar(text, "weir_outbox_full", "gauge", "1 while the outbox has no room on the disk.",
               stats.outbox_full != NULL);
        scalar(text, "weir_outbox_bytes", "gauge", "Size of all outbox files.", (double)stats.outbox.disk_bytes);
        scalar(text, "weir_checkpoints_total", "counter", "Checkpoints written in this life.",
               (double)stats.n_checkpoints);
        scalar(text, "weir_checkpoint_timestamp_seconds", "gauge",
               "When the last one was written, 0: none in this life.", (double)stats.checkpoint_ms / 1000);
        scalar(text, "weir_recovery_seconds", "gauge", "How long the start took until the log was replayed.",
               (double)stats.recovery_ms / 1000);
}
