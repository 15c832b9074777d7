/* bind.h - from statements to plans: what the binder's files share.
 *
 *     bind_job.c      statements in order, the catalog, places
 *     bind_plan.c     the plan as a whole: unused columns, sources, common filters, fingerprints
 *     bind_setting.c  SET and overrides
 *     bind_table.c    CREATE TABLE
 *     bind_scan.c     uses of tables: the columns that a query reads
 *     bind_query.c    SELECT, views, windows in FROM, UNION ALL
 *     bind_group.c    GROUP BY and aggregates
 *     bind_reduce.c   SUM and AVG that Flink takes apart
 *     bind_expr.c     scalar expressions
 *     bind_insert.c   INSERT: conversion to the sink's columns
 *
 * Functions that return a pointer return NULL when the reason was reported, or lies in something reported before (a
 * broken table); callers then give up the statement without a word.
 *
 * A query without aggregates makes no operator: its columns and conditions stay expressions over the relation below,
 * so views cost nothing and unused columns vanish. Operators appear where a window, a union or a sink needs rows. */
#ifndef WEIR_SIDECAR_SQL_BIND_H
#define WEIR_SIDECAR_SQL_BIND_H

#include "sidecar/plan/connector.h"
#include "sidecar/plan/plan.h"
#include "sidecar/sql/ast.h"
#include "sidecar/sql/sql.h"

enum {
        BIND_BRANCHES_MAX = 64,       /* of one UNION ALL; the engine's limit */
        BIND_OPTIONS_MAX = 1000,      /* of one table */
        BIND_VIEW_DEPTH_MAX = 64,     /* views over views */
        BIND_EXPR_NODES_MAX = 100000, /* one expression with the views put in */
};

/* Column codes of expressions that are not final yet. */
#define BIND_AGG_BASE     0x40000000u /* + index of the aggregate: output of the window being built */
#define BIND_WINDOW_START 0xfffffff0u
#define BIND_WINDOW_END   0xfffffff1u
#define BIND_WINDOW_TIME  0xfffffff2u
#define BIND_PROCTIME     0xffffffe0u /* a column that is PROCTIME(): declared, or passed over by `*`, but never read */
static inline bool bind_is_window_code(uint32_t column)
{
        return column >= BIND_WINDOW_START;
}

struct bind_file {
        const char *name;
        struct slice text;
        uint32_t n_lines;
        uint32_t *line_begin;
        uint32_t mark_at, mark_column; /* a place and its column (bind_job_place) */
};

/* A table or view of the catalog. */
struct bind_entry {
        struct slice name;
        bool is_broken; /* reported; uses say nothing more */
        const struct ast_statement *statement;
        struct plan_table *table; /* NULL: a view */
        const struct connector *connector;
        const struct ast_watermark *watermark;
        const struct ast_column **columns; /* of each table column: where computed ones are bound from */
};

/* A column that some query reads from a table. */
struct bind_leaf {
        struct plan_scan_column column;
        bool is_used;
        uint32_t place; /* in plan_source.columns, in the end */
};

/* One use of a table in FROM. Columns of its SCAN are `leaves` until the source is put together. */
struct bind_scan {
        const struct bind_entry *entry;
        struct plan_op *op;
        uint32_t n, capacity;
        struct bind_leaf *leaves;
        int32_t rowtime;        /* leaf, or -1 */
        struct expr *watermark; /* over leaves */
};

struct bind_column { /* of a relation */
        struct slice name;
        struct slice qualifier; /* table or alias; empty: none */
        struct diag_span span;  /* where the SELECT list says it; file DIAG_NO_FILE: nowhere */
        struct expr *expr;      /* over the relation's operator */
};

/* Rows on their way: an operator, conditions and columns over it. */
struct bind_relation {
        struct plan_op *op;
        struct bind_scan *scan; /* op is its SCAN; NULL otherwise */
        uint32_t n_columns;
        struct bind_column *columns;
        uint32_t n_filters, filters_capacity;
        struct expr **filters;
        bool is_windowed; /* a WINDOW stands below */
        /* TUMBLE or HOP in FROM, not yet grouped. */
        bool has_window;
        struct plan_window window; /* kind and sizes */
        struct expr *rowtime;      /* over op */
        struct diag_span window_span;
};

struct binder {
        struct arena *arena; /* the job's */
        struct diag_list *diags;
        struct bind_file *files;
        uint32_t n_files;
        uint32_t n_entries, entries_capacity;
        struct bind_entry **entries;
        uint32_t n_scans, scans_capacity;
        struct bind_scan **scans; /* of INSERTs */
        uint32_t n_queries, queries_capacity;
        struct plan_query **queries;
        uint32_t n_settings, settings_capacity;
        struct plan_option *settings;
        uint32_t n_overrides; /* the first ones of settings */
        uint32_t n_inserts;   /* seen so far, broken ones too */
        uint32_t view_depth;
        int (*judge)(const struct expr *call, struct err *err); /* or NULL */
        bool is_trial; /* binding a view only to check it: scans are not kept */
};

struct bind_agg {
        struct plan_agg agg; /* argument and filter are filled in when the operator is made */
        struct expr *argument, *filter;
};

/* GROUP BY being bound. Output columns: keys by index, aggregates and window columns by code. */
struct bind_group {
        struct bind_relation *input;
        uint32_t n_keys;
        struct expr **keys;
        uint32_t n_aggs, aggs_capacity;
        struct bind_agg *aggs;
        bool has_start, has_end, has_time;
        bool is_full; /* reported */
};

struct bind_context { /* of an expression */
        struct binder *binder;
        struct bind_relation *relation;
        struct bind_group *group; /* NULL: no aggregates here */
        const char *clause;       /* "WHERE": for messages about aggregates */
};

/* bind_job.c */
struct bind_entry *bind_job_find(const struct binder *binder, struct slice name); /* NULL: no such */
/* "did you mean ...": a help line in the arena, or NULL. */
const char *bind_job_suggest_table(const struct binder *binder, struct slice name);
struct plan_place bind_job_place(const struct binder *binder, struct diag_span span);
struct slice bind_job_resolve_path(const struct binder *binder, struct slice path, uint32_t file);
struct plan_op *bind_job_op(struct binder *binder, enum plan_op_kind kind, struct plan_op *input, uint32_t n_columns);
struct expr *bind_job_and(struct binder *binder, struct expr *const *conditions, uint32_t n); /* n > 0 */
/* Grows a list in the arena: room for one more item of `bytes` bytes behind `n`. */
void *bind_job_grow(struct binder *binder, void *items, uint32_t n, uint32_t *capacity, size_t bytes);
void bind_job_statements(struct binder *binder, const struct ast_list *statements);

/* bind_plan.c */
struct plan_job *bind_plan_job(struct binder *binder);
/* The source of one scan, for an expression over it; *expr is rewritten to the source's columns. */
struct plan_source *bind_plan_lone_source(struct binder *binder, struct bind_scan *scan, struct expr **expr);

/* bind_setting.c */
void bind_setting_set(struct binder *binder, const struct ast_option *option);
void bind_setting_override(struct binder *binder, struct slice key, struct slice value);

/* bind_table.c */
void bind_table_create(struct binder *binder, const struct ast_statement *statement, struct bind_entry *entry);

/* bind_scan.c */
struct bind_scan *bind_scan_new(struct binder *binder, const struct bind_entry *entry);
struct bind_relation *bind_scan_relation(struct binder *binder, const struct bind_entry *entry); /* a new scan */
struct expr *bind_scan_column(struct binder *binder, struct bind_scan *scan, uint32_t table_column);
/* The expression of a computed column (over physical and metadata columns) and of the watermark (over all). */
struct expr *bind_scan_computed(struct binder *binder, struct bind_scan *scan, uint32_t table_column);
struct expr *bind_scan_watermark(struct binder *binder, struct bind_scan *scan);
/* expr.field of a ROW; expr['key'] of the headers. NULL: reported. */
struct expr *bind_scan_field(struct bind_context *context, struct expr *row, const struct ast_name *field);
struct expr *bind_scan_element(struct bind_context *context, struct expr *map, const struct ast_expr *index);
/* The leaves' names, for expr_format. */
const struct slice *bind_scan_names(struct binder *binder, const struct bind_scan *scan);
/* Marks the leaves of an expression over the scan. */
void bind_scan_mark(struct bind_scan *scan, const struct expr *expr);
/* Adds what the marked leaves and the watermark are computed from. */
void bind_scan_complete(struct binder *binder, struct bind_scan *scan);

/* bind_expr.c */
struct expr *bind_expr(struct bind_context *context, const struct ast_expr *ast);
/* BOOLEAN, or reported with `context->clause`. */
struct expr *bind_expr_condition(struct bind_context *context, const struct ast_expr *ast);
/* A positive or negative INTERVAL literal in whole milliseconds; false: reported. */
bool bind_expr_interval_ms(struct bind_context *context, const struct ast_expr *ast, int64_t *ret_ms);
bool bind_expr_has_window_code(const struct expr *expr);
bool bind_expr_is_proctime(const struct ast_expr *ast); /* PROCTIME() */
void bind_expr_refuse_proctime(struct binder *binder, struct diag_span span);
/* For values of ARRAY, MAP and ROW, which are parts of names only. */
void bind_expr_refuse_nested(struct binder *binder, struct diag_span span, const struct type *type);

/* bind_query.c */
struct bind_relation *bind_query(struct binder *binder, const struct ast_query *query);
/* The relation's conditions as a FILTER, if there are any. */
struct plan_op *bind_query_filtered(struct binder *binder, struct bind_relation *relation);
/* Names of the columns of the relation's operator. */
const struct slice *bind_query_names(struct binder *binder, const struct bind_relation *relation);
void bind_query_add_filter(struct binder *binder, struct bind_relation *relation, struct expr *condition);
struct slice bind_query_item_name(struct binder *binder, const struct ast_item *item, uint32_t index);
/* What a column of a SELECT list must be beyond its parts; false: reported. */
bool bind_query_check_item(struct binder *binder, const struct expr *expr, struct diag_span span);

/* bind_group.c */
/* A SELECT with GROUP BY or aggregates over `input`; the result's columns are its items. */
struct bind_relation *bind_group_select(struct binder *binder, const struct ast_query *query,
                                        struct bind_relation *input);
struct expr *bind_group_expr(struct bind_context *context, const struct ast_expr *ast, bool *ret_is_done);

/* bind_reduce.c */
/* For a PROJECT over a WINDOW, once unused columns have gone. */
void bind_reduce(struct binder *binder, const struct plan_op *project);

/* bind_insert.c */
void bind_insert(struct binder *binder, const struct ast_statement *statement);

#endif
