/* connector.h - the connectors and their WITH options, in one table.
 *
 * A connector is a row in connector.c with its options as rows; the compiler checks every table against them, so
 * whoever opens a source or a sink reads typed values through connector_* and never meets a wrong one. What only the
 * connector can judge (a schema file's content) it checks itself. */
#ifndef WEIR_SIDECAR_PLAN_CONNECTOR_H
#define WEIR_SIDECAR_PLAN_CONNECTOR_H

#include "sidecar/plan/option.h"
#include "sidecar/plan/plan.h"

struct connector {
        const char *name;
        const char *help;
        bool is_source, is_sink;
        bool is_bounded; /* as a source */
        bool is_keyed;   /* as a sink: a PRIMARY KEY makes it an upsert table */
        uint32_t n_options;
        const struct option_spec *options;
        uint32_t n_metadata;
        const struct connector_metadata *metadata;
};

struct connector_metadata {
        const char *key;
        struct type type;
        const char *help;
};

uint32_t connector_count(void);
const struct connector *connector_at(uint32_t index);
const struct connector *connector_find(struct slice name); /* NULL: unknown */
const char *connector_suggest(struct slice name);
const struct option_spec *connector_option(const struct connector *connector, struct slice key); /* NULL: unknown */
const char *connector_suggest_option(const struct connector *connector, struct slice key);
const struct connector *connector_of(const struct plan_table *table);
/* Beyond the types of single options: options that need or exclude each other. 0 or ERR_CONFIG. */
int connector_check(const struct connector *connector, const struct plan_table *table,
                    struct err *err) WEIR_MUST_CHECK;
/* A connector that Flink has and weir does not: its name must be refused as such. */
bool connector_is_flinks(struct slice name);
/* The same for an option or a metadata key of a connector that both have. */
bool connector_is_flinks_key(const struct connector *connector, struct slice key);

/* Values in force: the table's, else the default of the option's row. An option without either: empty text, 0. */
struct slice connector_text(const struct plan_table *table, const char *key);
struct slice connector_path(const struct plan_table *table, const char *key); /* resolved against the job file */
int64_t connector_ms(const struct plan_table *table, const char *key);
uint64_t connector_bytes(const struct plan_table *table, const char *key);
int64_t connector_integer(const struct plan_table *table, const char *key);
bool connector_is_on(const struct plan_table *table, const char *key);
bool connector_is(const struct plan_table *table, const char *key, const char *word); /* text equals word */

#endif
