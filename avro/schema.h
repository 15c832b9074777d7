/* schema.h - Avro schemas as a tree of our own.
 *
 * Parsed with jansson and judged by the Avro specification (names, namespaces, duplicate fields and symbols,
 * unions, fixed sizes, logical types) and by limits.h; libavro's parser accepts too much and drops logical
 * types, so it serves the tests only. Named types may refer to themselves. A schema is read-only once parsed
 * and lives in its own arena; nodes stay valid until schema_free. Any thread may read. */
#ifndef WEIR_AVRO_SCHEMA_H
#define WEIR_AVRO_SCHEMA_H

#include "sidecar/base/err.h"
#include "sidecar/base/slice.h"

enum schema_kind {
        SCHEMA_NULL,
        SCHEMA_BOOLEAN,
        SCHEMA_INT,
        SCHEMA_LONG,
        SCHEMA_FLOAT,
        SCHEMA_DOUBLE,
        SCHEMA_BYTES,
        SCHEMA_STRING,
        SCHEMA_RECORD,
        SCHEMA_ENUM,
        SCHEMA_ARRAY,
        SCHEMA_MAP,
        SCHEMA_UNION,
        SCHEMA_FIXED,
};

/* Unknown logical types, and known ones where they do not fit, are ignored, as the specification asks. */
enum schema_logical {
        SCHEMA_PLAIN,
        SCHEMA_DATE,                   /* int */
        SCHEMA_TIME_MILLIS,            /* int */
        SCHEMA_TIME_MICROS,            /* long */
        SCHEMA_TIMESTAMP_MILLIS,       /* long */
        SCHEMA_TIMESTAMP_MICROS,       /* long */
        SCHEMA_LOCAL_TIMESTAMP_MILLIS, /* long */
        SCHEMA_LOCAL_TIMESTAMP_MICROS, /* long */
        SCHEMA_DECIMAL,                /* bytes, fixed */
        SCHEMA_UUID,                   /* string, fixed(16) */
};

struct schema_node;

struct schema_field {
        struct slice name;
        const struct schema_node *type;
};

struct schema_node {
        enum schema_kind kind;
        enum schema_logical logical;
        uint32_t id;                       /* dense, in order of appearance; < schema_n_nodes */
        uint32_t precision, scale;         /* DECIMAL */
        struct slice name;                 /* RECORD, ENUM, FIXED: full name */
        uint32_t n_fields;                 /* RECORD */
        const struct schema_field *fields;
        uint32_t n_symbols;                /* ENUM */
        const struct slice *symbols;
        const struct schema_node *items;   /* ARRAY items, MAP values */
        uint32_t n_branches;               /* UNION */
        const struct schema_node *const *branches;
        uint32_t fixed_bytes;              /* FIXED */
        uint64_t min_bytes;                /* the fewest bytes that a value can take; UINT64_MAX: no value ends */
};

struct schema;

/* ERR_DATA with what is wrong and where ("record 'AdEvent', field 'price': ..."). */
int schema_parse(struct slice json, struct schema **ret_schema, struct err *err) WEIR_MUST_CHECK;
struct schema *schema_free(struct schema *schema); /* NULL allowed; returns NULL */
const struct schema_node *schema_root(const struct schema *schema);
uint32_t schema_n_nodes(const struct schema *schema);

/* -1: no such field */
int32_t schema_field_index(const struct schema_node *record, struct slice name);

/* For messages: "long (timestamp-millis)", "union of null, string", "record 'AdEvent'"; cut to fit. */
enum { SCHEMA_TEXT_BYTES = 160 };
void schema_describe(const struct schema_node *node, char text[SCHEMA_TEXT_BYTES]);

#endif
