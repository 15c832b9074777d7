/* plan.h - the immutable description of a job: tables, queries, operators.
 *
 * sql/ makes it, exec/, window/ and job/ run it, EXPLAIN prints it. It lives in one arena, is never written
 * after plan_job() returned, and holds no state: any number of engines may share it.
 *
 * An operator yields rows with `columns` (name and type). A query is a tree of operators from its scans up to the
 * sink. Operators that give the same rows are one operator, also in several queries: the plan is a graph without
 * cycles. */
#ifndef WEIR_SIDECAR_PLAN_PLAN_H
#define WEIR_SIDECAR_PLAN_PLAN_H

#include "sidecar/plan/expr.h"

struct plan_place { /* in a job file; file is a path as the user gave it */
        const char *file;
        uint32_t line, column;
};

struct plan_option { /* 'key' = 'value' of SET or WITH; read it through setting.h and connector.h */
        struct slice key, value; /* value as written */
        struct slice path;       /* of a key that names a file: value resolved against the job file's folder */
        struct plan_place key_place, value_place;
};

enum plan_column_kind { PLAN_PHYSICAL, PLAN_METADATA, PLAN_COMPUTED };

struct plan_column {
        struct slice name;
        struct type type;
        enum plan_column_kind kind;
        struct slice metadata_key; /* METADATA: FROM key, or the column's name */
        bool is_virtual;
        struct slice text;         /* COMPUTED: as written; bound where it is scanned (plan_scan_column) */
        struct plan_place place;
};

struct plan_table {
        struct slice name;
        struct plan_place place;
        uint32_t n_columns;
        struct plan_column *columns;
        int32_t rowtime;             /* column index of WATERMARK FOR, or -1 */
        uint32_t n_primary_key;
        uint32_t *primary_key;       /* column indexes */
        uint32_t n_options;
        struct plan_option *options; /* of WITH; 'connector' among them */
        uint32_t index;              /* position in plan_job.tables */
        bool is_source, is_sink;     /* read / written by some query */
        bool is_bounded;             /* source: filesystem */
};

/* What a scan yields: leaves only, so that decoders skip everything else. */
enum plan_scan_kind {
        PLAN_SCAN_FIELD,    /* physical column, or a field path inside a ROW column */
        PLAN_SCAN_HEADER,   /* headers['key'] of the METADATA map column `headers` */
        PLAN_SCAN_METADATA, /* other metadata key */
        PLAN_SCAN_COMPUTED, /* computed column of the table: expr over earlier scan columns */
};

struct plan_scan_column {
        enum plan_scan_kind kind;
        uint32_t table_column; /* index in plan_table.columns */
        uint32_t n_path;       /* FIELD: names below the column, 0 for the column itself */
        struct slice *path;
        struct slice key;      /* HEADER, METADATA */
        struct expr *computed; /* COMPUTED: over scan columns with smaller index */
        struct type type;      /* the declared (DDL) type */
        struct slice name;     /* for people: "price", "headers['host']", "bid.price" */
};

/* All that the job needs of one source table: one scan, one decode, one common filter. */
struct plan_source {
        const struct plan_table *table;
        uint32_t n_columns;
        struct plan_scan_column *columns; /* decoded first (FIELD, HEADER, METADATA), then COMPUTED */
        uint32_t n_decoded;               /* columns[0 .. n_decoded) come from the decoder */
        int32_t rowtime;                  /* scan column, or -1 */
        struct expr *watermark;           /* over scan columns, or NULL */
        struct expr *common_filter;       /* conjuncts that every query of this source has, or NULL; never one
                                             that can fail at run time */
        bool *is_logged;                  /* per column: some query needs it above the common filter */
        int32_t dedup_key;                /* scan column named by 'dedup.key', or -1 */
};

enum plan_op_kind { PLAN_SCAN, PLAN_FILTER, PLAN_PROJECT, PLAN_WINDOW, PLAN_UNION, PLAN_SINK };

enum plan_window_kind { PLAN_TUMBLE, PLAN_HOP };

enum plan_agg_kind { AGG_COUNT_STAR, AGG_COUNT, AGG_SUM, AGG_AVG, AGG_MIN, AGG_MAX };

struct plan_agg {
        enum plan_agg_kind kind;
        int32_t argument; /* input column, -1 for COUNT(*) */
        int32_t filter;   /* BOOLEAN input column, -1 for none; only TRUE admits */
        bool is_reduced;  /* SUM and AVG: see bind_reduce.c and window/agg.h */
        struct type argument_type;
        struct type type; /* result */
};

struct plan_window {
        enum plan_window_kind kind;
        int64_t size_ms, slide_ms, offset_ms; /* TUMBLE: slide == size */
        int32_t rowtime;                      /* input column */
        uint32_t n_keys;
        uint32_t *keys; /* input columns, in GROUP BY order */
        uint32_t n_aggs;
        struct plan_agg *aggs;
        /* Output columns: keys, aggs, then window_start, window_end (TIMESTAMP(3) NOT NULL), window_time (the
         * type of the rowtime). */
};

struct plan_op {
        enum plan_op_kind kind;
        uint32_t id; /* unique in the job, from 0; inputs have smaller ones */
        uint32_t n_inputs;
        struct plan_op **inputs;
        uint32_t n_columns;
        struct slice *names;
        struct type *types;
        struct plan_source *source;  /* SCAN: output columns are source->columns, same indexes; those that are not
                                        logged are referenced by no operator. Conjuncts of the common filter stand
                                        in no FILTER above */
        struct expr *condition;      /* FILTER */
        struct expr **exprs;         /* PROJECT: n_columns of them */
        struct plan_window window;   /* WINDOW */
        struct plan_table *sink;     /* SINK: input columns in the order of the sink's physical columns, cast to
                                        their types; columns the INSERT does not list are NULL */
        /* What makes state comparable between two versions of a job: for WINDOW the hex of a hash over the source
         * table's DDL, all operators below, window and aggregates; empty for the others. */
        struct slice fingerprint;
};

struct plan_query { /* one INSERT */
        struct plan_op *root; /* PLAN_SINK */
        struct plan_table *sink;
        struct plan_place place;
        bool has_window;
};

struct plan_job {
        uint32_t n_tables;
        struct plan_table **tables;
        uint32_t n_sources;
        struct plan_source **sources;
        uint32_t n_queries;
        struct plan_query **queries;
        uint32_t n_settings;
        struct plan_option *settings; /* SET, later ones win; 'table.…', 'weir.…', 'execution.…' */
        bool is_bounded;              /* every source is bounded */
};

/* Value of an option, NULL when it is not set. Keys are compared exactly. */
const struct plan_option *plan_option_find(const struct plan_option *options, uint32_t n_options, const char *key);
const struct plan_option *plan_table_option(const struct plan_table *table, const char *key);

#endif
