/* setting.h - every key of SET and of `-D KEY=VALUE`, in one table.
 *
 * The table is the only place that knows a setting: the compiler checks job files against it, --help prints it,
 * and the parts of weir read typed values through it. A new setting is an enum value here and a row in setting.c. */
#ifndef WEIR_SIDECAR_PLAN_SETTING_H
#define WEIR_SIDECAR_PLAN_SETTING_H

#include "sidecar/plan/option.h"
#include "sidecar/plan/plan.h"

enum setting_id {
        /* Shared with Flink and meant here */
        SETTING_MINI_BATCH_LATENCY, /* table.exec.mini-batch.allow-latency */
        SETTING_TIME_ZONE,          /* table.local-time-zone: UTC */
        /* weir's own */
        SETTING_NAME,
        SETTING_STATE_DIR,
        SETTING_HTTP_LISTEN,
        SETTING_LOG_FORMAT,
        SETTING_LOG_LEVEL,
        SETTING_WAL,
        SETTING_WAL_SYNC,
        SETTING_WAL_MAX_BYTES,
        SETTING_WAL_SEGMENT_BYTES,
        SETTING_CHECKPOINT_INTERVAL,
        SETTING_CHECKPOINT_BYTES,
        SETTING_WATERMARK_MAX_AHEAD,
        SETTING_EVENT_MAX_FUTURE,
        SETTING_WINDOW_MAX_KEYS,
        SETTING_WINDOW_MAX_ENTRIES,
        SETTING_OUTBOX_KEEP,
        SETTING_OUTBOX_KEEP_BYTES,
        SETTING_DEAD_MAX_BYTES,
        SETTING_OUTPUT_BYTES,
        SETTING_NAMED_COUNT, /* rows behind this one have no id: Flink's keys without meaning here */
};

uint32_t setting_count(void);
const struct option_spec *setting_at(uint32_t index);     /* index < setting_count(); ids are indexes */
const struct option_spec *setting_find(struct slice key); /* NULL: unknown */
const char *setting_suggest(struct slice key);            /* the nearest key, or NULL */
/* 0, or ERR_CONFIG: the value's type, and values that weir does not have yet (a time zone other than UTC). */
int setting_check(const struct option_spec *spec, struct slice value, struct err *err) WEIR_MUST_CHECK;

/* Values in force: the job's, else the default. `job` may be NULL: then the default. */
struct slice setting_text(const struct plan_job *job, enum setting_id id);
/* Like setting_text; a relative path is resolved against the job file that set it. */
struct slice setting_path(const struct plan_job *job, enum setting_id id);
int64_t setting_ms(const struct plan_job *job, enum setting_id id);
uint64_t setting_bytes(const struct plan_job *job, enum setting_id id);
int64_t setting_integer(const struct plan_job *job, enum setting_id id);
bool setting_is_on(const struct plan_job *job, enum setting_id id);
bool setting_is_set(const struct plan_job *job, enum setting_id id);

#endif
