/* log.h - logfmt lines with stable codes on stderr.
 *
 *     ts=2026-01-02T03:04:05.678Z level=info event=ready listen.ad_events=127.0.0.1:4141
 *
 * `event` is a stable code: scripts may match it. Values are quoted when they are empty or hold a blank, a quote,
 * `=` or a control character; bytes below 0x20 and 0x7f are escaped, and a value is cut at
 * LOG_VALUE_BYTES_MAX (reliability page 3.1, attack 22). Only main, pipeline, ingest and commands log;
 * everything below returns errors. A site can be rate-limited by its caller through log_limit. Any thread: one
 * line is one write(2). */
#ifndef WEIR_SIDECAR_BASE_LOG_H
#define WEIR_SIDECAR_BASE_LOG_H

#include "sidecar/base/clock.h"
#include "sidecar/base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };
enum { LOG_VALUE_BYTES_MAX = 256 };

/* Before the first line: lines below `least` are not written. At start: LOG_INFO, logfmt, stderr. */
void log_configure(enum log_level least, enum log_format format, int fd);
/* Whose time the lines carry; NULL is the system's. */
void log_set_clock(const struct clock *clock);
/* "debug", "info", "warn", "error" and "logfmt", "json"; false when it is none of them. */
bool log_level_from_text(const char *text, enum log_level *ret_level);
bool log_format_from_text(const char *text, enum log_format *ret_format);

/* A line under construction: log_begin, one call per field, log_end. A field that no longer fits is left
 * out whole, and the line then ends with cut=true. */
struct log_line {
        enum log_level level;
        bool is_muted; /* below the configured level: every call returns at once */
        bool is_cut;
        size_t len;
        char text[4096];
};

void log_begin(struct log_line *line, enum log_level level, const char *event);
void log_text(struct log_line *line, const char *name, const char *value);
void log_bytes(struct log_line *line, const char *name, struct slice value);
void log_int(struct log_line *line, const char *name, int64_t value);
void log_uint(struct log_line *line, const char *name, uint64_t value);
void log_format_value(struct log_line *line, const char *name, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
void log_end(struct log_line *line);

/* One call for the common case: event plus msg="...". */
void log_message(enum log_level level, const char *event, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Token bucket for one site: allow at most `burst` lines, refilled one each `interval_ns`. `muted` counts
 * what was held back since the last line let through. */
struct log_limit {
        uint64_t interval_ns;
        unsigned burst;
        unsigned tokens;
        uint64_t last_ns;
        uint64_t muted;
};
bool log_limit_allow(struct log_limit *limit, uint64_t now_ns);

#endif
