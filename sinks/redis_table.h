/* redis_table.h - how one table lies in Redis.
 *
 *   hash     a PRIMARY KEY: one hash per key, weir:{TABLE:PART:PART}, a field per column
 *   stream   no PRIMARY KEY: one stream, weir:{TABLE}, an entry per row with id <epoch>-<n>, n from 1
 *   zset     'type' = 'zset': weir:{TABLE} or weir:{TABLE:PART}; the parts are the key columns that are neither the
 *            member nor a TIMESTAMP (that is the window)
 *
 * Values are texts: numbers in decimals, BOOLEAN as 0 and 1, TIMESTAMP and TIMESTAMP_LTZ as milliseconds since 1970
 * (floored; a TIMESTAMP is read as UTC, the only time zone of a job), strings and bytes as they are, all else as
 * CAST(… AS STRING) gives it. NULL, and NaN, is a field that is not there. Read-only once made; loop thread. */
#ifndef WEIR_SINKS_REDIS_TABLE_H
#define WEIR_SINKS_REDIS_TABLE_H

#include "sidecar/base/bytes.h"
#include "sidecar/plan/plan.h"

enum redis_layout { REDIS_HASH, REDIS_STREAM, REDIS_ZSET };

enum redis_form { REDIS_FORM_BYTES, REDIS_FORM_INTEGER, REDIS_FORM_MILLIS, REDIS_FORM_CAST };

struct redis_column {
        struct slice name;
        struct type type;
        enum redis_form form;
};

struct redis_table {
        const struct plan_table *table;
        enum redis_layout layout;
        int64_t ttl_ms;
        uint32_t n_columns; /* physical ones, in the order of a sink's batch */
        struct redis_column *columns;
        uint32_t n_parts;   /* columns that make the key, in the order of the PRIMARY KEY */
        uint32_t *parts;
        uint32_t member, score; /* zset */
};

int redis_table_new(const struct plan_table *table, struct redis_table **ret_table, struct err *err) WEIR_MUST_CHECK;
struct redis_table *redis_table_free(struct redis_table *table); /* NULL allowed; returns NULL */

const char *redis_table_layout_name(enum redis_layout layout);
/* "weir:{ctr:<campaign_id>}" */
void redis_table_key_pattern(const struct redis_table *table, struct bytes *text);
/* The table's entry in weir:catalog, one JSON object. fingerprint: of the SQL that fills it, may be empty. */
void redis_table_catalog(const struct redis_table *table, struct slice instance_name, struct slice fingerprint,
                         struct bytes *json);
/* What tells whose entry it is: a member of that object, with the comma before it. */
void redis_table_append_owner(struct slice instance_name, struct bytes *json);

#endif
