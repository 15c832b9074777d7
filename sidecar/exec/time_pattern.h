/* time_pattern.h - Java's patterns of dates and times ("yyyy-MM-dd HH:mm:ss.SSS"), for DATE_FORMAT and its kin.
 *
 * The letters y u M L d D H h k K m s S E e c a Q q G and quoted text are known; weeks, zones and optional sections are
 * refused by name. Words are English. Patterns are literals: a bad one is an error when the job is read. */
#ifndef WEIR_SIDECAR_EXEC_TIME_PATTERN_H
#define WEIR_SIDECAR_EXEC_TIME_PATTERN_H

#include "sidecar/base/arena.h"
#include "sidecar/base/err.h"

struct time_pattern;

/* What a pattern is for: letters differ. */
enum time_pattern_use {
        TIME_PATTERN_FORMAT,        /* DateTimeFormatter: DATE_FORMAT(timestamp) */
        TIME_PATTERN_PARSE,         /* DateTimeFormatter: TO_TIMESTAMP */
        TIME_PATTERN_FORMAT_SIMPLE, /* SimpleDateFormat: DATE_FORMAT(string), FROM_UNIXTIME */
};
int time_pattern_compile(struct slice pattern, enum time_pattern_use use, struct arena *arena,
                         const struct time_pattern **ret_pattern, struct err *err) WEIR_MUST_CHECK;

/* At most time_pattern_room bytes; returns the length. */
size_t time_pattern_room(const struct time_pattern *pattern);
size_t time_pattern_format(const struct time_pattern *pattern, int64_t micros, char *text);
/* TO_TIMESTAMP(text, pattern), with what Flink falls back to: java.sql.Timestamp and Date. False: NULL. */
bool time_pattern_parse(const struct time_pattern *pattern, struct slice text, int64_t *ret_micros);

/* A string as SimpleDateFormat("yyyy-MM-dd HH:mm:ss") reads it: lenient, the rest of the text ignored. */
bool time_pattern_parse_simple(struct slice text, int64_t *ret_seconds);

#endif
