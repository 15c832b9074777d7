/* setting.c - the table of settings. */
#include "sidecar/plan/setting.h"

#include "sidecar/base/limits.h"
#include "sidecar/base/nearest.h"

#include <assert.h>
#include <strings.h>
#include <unistd.h>

#define IGNORED(key_, type_, words_, fallback_, help_)                                                       \
        {                                                                                                    \
                .key = (key_), .type = (type_), .words = (words_), .fallback = (fallback_), .help = (help_), \
                .is_ignored = true                                                                           \
        }

static const struct option_spec settings[] = {
        [SETTING_MINI_BATCH_LATENCY] = {.key = "table.exec.mini-batch.allow-latency",
                                        .type = OPTION_DURATION,
                                        .fallback = "1 s",
                                        .help = "how long results may be gathered before they leave for a sink"},
        [SETTING_TIME_ZONE] = {.key = "table.local-time-zone",
                               .type = OPTION_TEXT,
                               .fallback = "UTC",
                               .help = "session time zone; only UTC"},
        [SETTING_NAME] = {.key = "weir.name",
                          .type = OPTION_TEXT,
                          .fallback = "",
                          .help = "name of this instance in Redis's commit record; the host's name when not set"},
        [SETTING_STATE_DIR] = {.key = "weir.state-dir",
                               .type = OPTION_PATH,
                               .fallback = "/var/lib/weir",
                               .help = "folder of log, checkpoints and dead letters"},
        [SETTING_HTTP_LISTEN] = {.key = "weir.http.listen",
                                 .type = OPTION_ADDRESS,
                                 .fallback = "127.0.0.1:4180",
                                 .help = "address of metrics, health and status pages"},
        [SETTING_LOG_FORMAT] = {.key = "weir.log.format",
                                .type = OPTION_WORD,
                                .words = "logfmt json",
                                .fallback = "logfmt",
                                .help = "form of log lines on stderr"},
        [SETTING_LOG_LEVEL] = {.key = "weir.log.level",
                               .type = OPTION_WORD,
                               .words = "debug info warn error",
                               .fallback = "info",
                               .help = "least level of log lines"},
        [SETTING_WAL] =
                {.key = "weir.wal",
                 .type = OPTION_SWITCH,
                 .fallback = "on",
                 .help = "log events before they are acknowledged; off for what can be sent again from elsewhere"},
        [SETTING_WAL_SYNC] =
                {.key = "weir.wal.sync",
                 .type = OPTION_WORD,
                 .words = "group off",
                 .fallback = "group",
                 .help = "acknowledge after the log is on disk (group), or before (off: survives a crash of "
                         "weir, not of the machine)"},
        [SETTING_WAL_MAX_BYTES] = {.key = "weir.wal.max-bytes",
                                   .type = OPTION_SIZE,
                                   .fallback = "16 gb",
                                   .help = "most disk space of the log; when it is used up weir stops reading"},
        [SETTING_WAL_SEGMENT_BYTES] = {.key = "weir.wal.segment-bytes",
                                       .type = OPTION_SIZE,
                                       .fallback = "64 mb",
                                       .help = "size of one log segment"},
        [SETTING_CHECKPOINT_INTERVAL] = {.key = "weir.checkpoint.interval",
                                         .type = OPTION_DURATION,
                                         .fallback = "1 min",
                                         .help = "time between checkpoints"},
        [SETTING_CHECKPOINT_BYTES] = {.key = "weir.checkpoint.bytes",
                                      .type = OPTION_SIZE,
                                      .fallback = "1 gb",
                                      .help = "log written since the last checkpoint that makes the next one due"},
        [SETTING_WATERMARK_MAX_AHEAD] = {.key = "weir.watermark.max-ahead",
                                         .type = OPTION_DURATION,
                                         .fallback = "5 min",
                                         .help = "how far a row may move its origin's watermark beyond its arrival"},
        [SETTING_EVENT_MAX_FUTURE] =
                {.key = "weir.event.max-future",
                 .type = OPTION_DURATION,
                 .fallback = "24 h",
                 .help = "events whose time lies farther ahead of their arrival are dead letters"},
        [SETTING_WINDOW_MAX_KEYS] =
                {.key = "weir.window.max-keys",
                 .type = OPTION_INTEGER,
                 .fallback = "4194304",
                 .help = "keys that one windowed aggregation holds; rows with further ones are counted 'overflow'"},
        [SETTING_WINDOW_MAX_ENTRIES] =
                {.key = "weir.window.max-entries",
                 .type = OPTION_INTEGER,
                 .fallback = "67108864",
                 .help = "pairs of key and slide that one windowed aggregation holds; rows that need further ones "
                         "are counted 'overflow'"},
        [SETTING_OUTBOX_KEEP] = {.key = "weir.outbox.keep",
                                 .type = OPTION_DURATION,
                                 .fallback = "1 h",
                                 .help = "how long delivered results stay at hand for a sink that forgot them"},
        [SETTING_OUTBOX_KEEP_BYTES] = {.key = "weir.outbox.keep-bytes",
                                       .type = OPTION_SIZE,
                                       .fallback = "4 gb",
                                       .help = "most disk space of delivered results"},
        [SETTING_DEAD_MAX_BYTES] =
                {.key = "weir.dead.max-bytes",
                 .type = OPTION_SIZE,
                 .fallback = "256 mb",
                 .help = "most disk space of dead letters in the state directory's folder 'dead'; beyond it only "
                         "reasons and counts are kept"},
        [SETTING_OUTPUT_BYTES] =
                {.key = "weir.output.max-bytes",
                 .type = OPTION_SIZE,
                 .fallback = "256 mb",
                 .help = "memory of results on their way to the outbox; beyond it weir stops reading"},
        /* Flink's keys that portable job files carry and that change nothing here. */
        IGNORED("execution.runtime-mode", OPTION_WORD, "streaming", "streaming",
                "Flink: streaming or batch planning"),
        IGNORED("execution.checkpointing.interval", OPTION_DURATION, NULL, NULL, "Flink: time between checkpoints"),
        IGNORED("execution.checkpointing.mode", OPTION_TEXT, NULL, NULL, "Flink: checkpoint guarantee"),
        IGNORED("execution.checkpointing.timeout", OPTION_DURATION, NULL, NULL, "Flink: longest checkpoint"),
        IGNORED("execution.checkpointing.min-pause", OPTION_DURATION, NULL, NULL, "Flink: pause between checkpoints"),
        IGNORED("execution.checkpointing.unaligned.enabled", OPTION_BOOLEAN, NULL, NULL,
                "Flink: checkpoint alignment"),
        IGNORED("execution.checkpointing.dir", OPTION_TEXT, NULL, NULL, "Flink: folder of checkpoints"),
        IGNORED("state.backend", OPTION_TEXT, NULL, NULL, "Flink: where state lives"),
        IGNORED("state.backend.type", OPTION_TEXT, NULL, NULL, "Flink: where state lives"),
        IGNORED("state.checkpoints.dir", OPTION_TEXT, NULL, NULL, "Flink: folder of checkpoints"),
        IGNORED("state.savepoints.dir", OPTION_TEXT, NULL, NULL, "Flink: folder of savepoints"),
        IGNORED("parallelism.default", OPTION_INTEGER, NULL, NULL, "Flink: parallel tasks"),
        IGNORED("pipeline.name", OPTION_TEXT, NULL, NULL, "Flink: name of the job"),
        IGNORED("pipeline.max-parallelism", OPTION_INTEGER, NULL, NULL, "Flink: key groups"),
        IGNORED("pipeline.object-reuse", OPTION_BOOLEAN, NULL, NULL, "Flink: object copies"),
        IGNORED("pipeline.operator-chaining.enabled", OPTION_BOOLEAN, NULL, NULL, "Flink: operator chains"),
        IGNORED("pipeline.auto-watermark-interval", OPTION_DURATION, NULL, NULL,
                "Flink: pace of watermarks; weir's follow every row"),
        IGNORED("restart-strategy", OPTION_TEXT, NULL, NULL, "Flink: restart of a failed job"),
        IGNORED("restart-strategy.type", OPTION_TEXT, NULL, NULL, "Flink: restart of a failed job"),
        IGNORED("sql-client.execution.result-mode", OPTION_TEXT, NULL, NULL, "Flink: SQL client output"),
        IGNORED("sql-client.verbose", OPTION_BOOLEAN, NULL, NULL, "Flink: SQL client output"),
        IGNORED("table.dml-sync", OPTION_BOOLEAN, NULL, NULL, "Flink: wait for INSERT"),
        IGNORED("table.sql-dialect", OPTION_WORD, "default DEFAULT", "default", "Flink: SQL dialect"),
        IGNORED("table.exec.legacy-cast-behaviour", OPTION_WORD, "DISABLED disabled", "DISABLED",
                "Flink: casts before 1.15"),
        IGNORED("table.exec.mini-batch.enabled", OPTION_BOOLEAN, NULL, NULL,
                "Flink: mini-batches of unbounded aggregates; weir always gathers results"),
        IGNORED("table.exec.mini-batch.size", OPTION_INTEGER, NULL, NULL, "Flink: rows of a mini-batch"),
        IGNORED("table.exec.resource.default-parallelism", OPTION_INTEGER, NULL, NULL, "Flink: parallel tasks"),
        IGNORED("table.exec.sink.keyed-shuffle", OPTION_WORD, "NONE AUTO FORCE", NULL, "Flink: order of upserts"),
        IGNORED("table.exec.sink.not-null-enforcer", OPTION_WORD, "ERROR DROP", "ERROR",
                "Flink: NULL for a NOT NULL column; weir withholds the row and counts it"),
        IGNORED("table.exec.sink.require-on-conflict", OPTION_BOOLEAN, NULL, NULL,
                "Flink 2.3: ON CONFLICT for keyed tables"),
        IGNORED("table.exec.sink.type-length-enforcer", OPTION_WORD, "IGNORE", "IGNORE",
                "Flink: length of CHAR and VARCHAR at sinks"),
        IGNORED("table.exec.sink.upsert-materialize", OPTION_WORD, "NONE AUTO FORCE", "AUTO",
                "Flink: repair of unordered upserts; 2.3 wants NONE for insert-only rows into a keyed table"),
        IGNORED("table.exec.source.idle-timeout", OPTION_DURATION, NULL, "0 ms",
                "Flink: idle sources; weir: option 'watermark.idle-timeout' of a table"),
        IGNORED("table.exec.state.ttl", OPTION_DURATION, NULL, NULL, "Flink: state of unbounded queries"),
        IGNORED("table.optimizer.agg-phase-strategy", OPTION_WORD, "AUTO ONE_PHASE TWO_PHASE", NULL,
                "Flink: local aggregation"),
        IGNORED("table.optimizer.distinct-agg.split.enabled", OPTION_BOOLEAN, NULL, NULL, "Flink: split of DISTINCT"),
        IGNORED("table.optimizer.join-reorder-enabled", OPTION_BOOLEAN, NULL, NULL, "Flink: order of joins"),
        IGNORED("table.optimizer.reuse-source-enabled", OPTION_BOOLEAN, NULL, NULL, "Flink: shared scans"),
        IGNORED("table.optimizer.reuse-sub-plan-enabled", OPTION_BOOLEAN, NULL, NULL, "Flink: shared plans"),
        IGNORED("table.optimizer.source.predicate-pushdown-enabled", OPTION_BOOLEAN, NULL, NULL, "Flink: push-down"),
};

uint32_t setting_count(void)
{
        return sizeof settings / sizeof settings[0];
}

const struct option_spec *setting_at(uint32_t index)
{
        assert(index < setting_count());
        return &settings[index];
}

const struct option_spec *setting_find(struct slice key)
{
        for (uint32_t i = 0; i < setting_count(); i++)
                if (slice_is_equal(key, slice_from_text(settings[i].key)))
                        return &settings[i];
        return NULL;
}

const char *setting_suggest(struct slice key)
{
        struct nearest nearest;

        nearest_init(&nearest, key);
        for (uint32_t i = 0; i < setting_count(); i++)
                nearest_offer(&nearest, slice_from_text(settings[i].key));
        return nearest_text(&nearest);
}

static bool is_utc(struct slice value)
{
        static const char *const names[] = {"UTC", "Etc/UTC", "GMT", "Z", "+00:00", "UTC+00:00"};

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (slice_is_equal(value, slice_from_text(names[i])))
                        return true;
        return false;
}

int setting_check(const struct option_spec *spec, struct slice value, struct err *err)
{
        int64_t number;
        uint64_t bytes;

        if (spec == &settings[SETTING_TIME_ZONE] && !is_utc(value))
                return err_set(err, ERR_CONFIG,
                               "session time zone '%.*s': Flink accepts this; weir does not yet, only UTC",
                               (int)(value.len < 80 ? value.len : 80), (const char *)value.data);
        if (strcmp(spec->key, "execution.runtime-mode") == 0 && value.len == 5 &&
            strncasecmp((const char *)value.data, "batch", 5) == 0)
                return err_set(err, ERR_CONFIG,
                               "batch mode: Flink accepts this; weir does not yet, only 'streaming'");
        if (strcmp(spec->key, "table.exec.source.idle-timeout") == 0 && option_read_duration(value, &number) &&
            number != 0)
                return err_set(err, ERR_CONFIG,
                               "'%s' other than '0 ms': Flink accepts this; weir takes the option "
                               "'watermark.idle-timeout' of each table",
                               spec->key);
        if (option_check(spec, value, err) < 0)
                return -1;
        if (spec == &settings[SETTING_WINDOW_MAX_KEYS] && option_read_integer(value, &number) &&
            number > LIMIT_WINDOW_KEYS)
                return err_set(err, ERR_CONFIG, "'%s' is at most %u", spec->key, LIMIT_WINDOW_KEYS);
        if (spec == &settings[SETTING_WAL_SEGMENT_BYTES] && option_read_size(value, &bytes) &&
            (bytes < LIMIT_LOG_SEGMENT_BYTES_LEAST || bytes % 4096 != 0))
                return err_set(err, ERR_CONFIG, "'%s' is a multiple of 4 kb, and at least %u kb", spec->key,
                               LIMIT_LOG_SEGMENT_BYTES_LEAST >> 10);
        return 0;
}

static const struct plan_option *set_option(const struct plan_job *job, enum setting_id id)
{
        return job == NULL ? NULL : plan_option_find(job->settings, job->n_settings, settings[id].key);
}

bool setting_is_set(const struct plan_job *job, enum setting_id id)
{
        return set_option(job, id) != NULL;
}

struct slice setting_text(const struct plan_job *job, enum setting_id id)
{
        const struct plan_option *option = set_option(job, id);

        return option != NULL ? option->value : slice_from_text(settings[id].fallback);
}

struct slice setting_path(const struct plan_job *job, enum setting_id id)
{
        const struct plan_option *option = set_option(job, id);

        assert(settings[id].type == OPTION_PATH);
        return option != NULL ? option->path : slice_from_text(settings[id].fallback);
}

int64_t setting_ms(const struct plan_job *job, enum setting_id id)
{
        int64_t ms = 0;
        bool ok = option_read_duration(setting_text(job, id), &ms);

        assert(ok && settings[id].type == OPTION_DURATION);
        (void)ok;
        return ms;
}

uint64_t setting_bytes(const struct plan_job *job, enum setting_id id)
{
        uint64_t bytes = 0;
        bool ok = option_read_size(setting_text(job, id), &bytes);

        assert(ok && settings[id].type == OPTION_SIZE);
        (void)ok;
        return bytes;
}

int64_t setting_integer(const struct plan_job *job, enum setting_id id)
{
        int64_t value = 0;
        bool ok = option_read_integer(setting_text(job, id), &value);

        assert(ok && settings[id].type == OPTION_INTEGER);
        (void)ok;
        return value;
}

bool setting_is_on(const struct plan_job *job, enum setting_id id)
{
        bool is_on = false;
        bool ok = option_read_boolean(setting_text(job, id), &is_on);

        assert(ok);
        (void)ok;
        return is_on;
}
