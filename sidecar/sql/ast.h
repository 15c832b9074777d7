/* ast.h - what the parser makes of a job file: statements as written, nothing looked up yet.
 *
 * Every node knows its stretch of text (struct diag_span). Nodes, lists and texts live in the job's arena; lists hold
 * pointers of the type that their comment names. What Flink accepts and weir does not is reported by the parser and
 * marked AST_REFUSED or `is_refused`, so that the binder can leave it alone. */
#ifndef WEIR_SIDECAR_SQL_AST_H
#define WEIR_SIDECAR_SQL_AST_H

#include "sidecar/base/calendar.h"
#include "sidecar/column/type.h"
#include "sidecar/plan/function.h"
#include "sidecar/sql/diag.h"

struct ast_list {
        uint32_t n, capacity;
        void **items;
};

struct ast_name {
        struct slice text; /* without backticks, doubled ones undone */
        struct diag_span span;
};

struct ast_text {          /* a string literal */
        struct slice text; /* without quotes, doubled ones undone */
        struct diag_span span;
};

/* ---- expressions ---- */

enum ast_expr_kind {
        AST_COLUMN,  /* names: column, table.column, column.field... */
        AST_STAR,    /* names: *, table.*; in a SELECT list only */
        AST_NUMBER,  /* text */
        AST_STRING,  /* text */
        AST_BINARY,  /* text: hexadecimal digits */
        AST_BOOLEAN, /* is_true */
        AST_NULL,
        AST_TIME_LITERAL, /* text, type.kind: DATE, TIME, TIMESTAMP */
        AST_INTERVAL,     /* text, interval */
        AST_OPERATOR,     /* function, args; is_negated for NOT BETWEEN, NOT IN, NOT LIKE */
        AST_CALL,         /* name, args; is_star, is_distinct, filter */
        AST_CASE,         /* args: [operand,] when, then, ..., else (NULL: none); has_operand */
        AST_CAST,         /* args[0], type; is_try */
        AST_UNIT,         /* unit: argument of EXTRACT and the like */
        AST_INDEX,        /* args[0] [ args[1] ] */
        AST_FIELD,        /* args[0] . name */
        AST_REFUSED,      /* reported already */
};

struct ast_interval {
        enum calendar_unit first, last;
        unsigned precision, fraction; /* 0: not written */
        bool is_negative;
};

struct ast_expr {
        enum ast_expr_kind kind;
        struct diag_span span;
        struct slice text;
        struct ast_name name;
        struct ast_list names; /* struct ast_name */
        struct ast_list args;  /* struct ast_expr */
        enum function_id function;
        enum calendar_unit unit;
        struct type type;
        struct ast_interval interval;
        struct ast_expr *filter;
        uint32_t depth; /* of the tree, 1 for a leaf; at most LIMIT_SQL_EXPR_DEPTH */
        bool is_true, is_negated, is_star, is_distinct, is_try, has_operand;
        bool is_parenthesized; /* (expr): AND and OR inside are not joined with those outside */
        bool is_boolean_test;  /* IS [NOT] UNKNOWN, which is IS [NOT] NULL of a BOOLEAN */
};

/* ---- queries ---- */

struct ast_query;

enum ast_relation_kind { AST_TABLE, AST_SUBQUERY, AST_TABLE_CALL };

struct ast_relation {
        enum ast_relation_kind kind;
        struct diag_span span;
        struct ast_name name;    /* TABLE; TABLE_CALL: the function */
        struct ast_query *query; /* SUBQUERY */
        struct ast_list args;    /* TABLE_CALL: struct ast_table_arg */
        struct ast_name *alias;  /* NULL: none */
        struct ast_list columns; /* AS alias (names): struct ast_name */
};

struct ast_table_arg { /* of TUMBLE, HOP */
        struct diag_span span;
        struct ast_name *keyword; /* NAME => ...; NULL: positional */
        struct ast_name *table;   /* TABLE name; NULL: expr */
        bool is_partitioned;      /* PARTITION BY */
        struct ast_expr *expr;
};

struct ast_item { /* of a SELECT list */
        struct ast_expr *expr;
        struct ast_name *alias; /* NULL: none */
        struct diag_span span;
};

struct ast_query {
        struct diag_span span;
        /* UNION ALL of two, or one SELECT. */
        struct ast_query *left, *right;
        struct ast_list items; /* struct ast_item */
        struct ast_relation *from;
        struct ast_expr *where;
        bool has_group_by;
        struct ast_list group_by; /* struct ast_expr */
        struct diag_span group_by_span;
        struct ast_expr *having;
        bool is_refused;
};

/* ---- statements ---- */

struct ast_option { /* 'key' = 'value' */
        struct ast_text key, value;
};

struct ast_column {
        struct diag_span span;
        struct ast_name name;
        struct type type;
        struct diag_span type_span;
        struct ast_expr *computed; /* name AS expr */
        bool is_metadata, is_virtual;
        struct ast_text *metadata_key; /* FROM 'key'; NULL: the name */
        bool is_primary_key;
};

struct ast_watermark {
        struct diag_span span;
        struct ast_list names; /* struct ast_name: one, unless it names a field of a ROW */
        struct ast_expr *expr;
};

struct ast_key { /* PRIMARY KEY (names) NOT ENFORCED */
        struct diag_span span;
        struct ast_list names; /* struct ast_name */
        bool is_enforced;      /* NOT ENFORCED is missing */
};

enum ast_statement_kind { AST_SET, AST_CREATE_TABLE, AST_CREATE_VIEW, AST_INSERT };

struct ast_statement {
        enum ast_statement_kind kind;
        struct diag_span span;
        bool is_refused;
        struct ast_option set; /* SET */
        struct ast_name name;  /* of the table or view */
        bool if_not_exists;
        struct ast_list columns;      /* CREATE_TABLE: struct ast_column */
        struct ast_list watermarks;   /* CREATE_TABLE: struct ast_watermark */
        struct ast_list keys;         /* CREATE_TABLE: struct ast_key */
        struct ast_list options;      /* CREATE_TABLE: struct ast_option */
        struct ast_list column_names; /* CREATE_VIEW, INSERT: struct ast_name; empty: none given */
        struct ast_query *query;      /* CREATE_VIEW, INSERT */
};

/* ---- building and looking ---- */

void ast_list_append(struct ast_list *list, void *item, struct arena *arena);
struct diag_span ast_span_join(struct diag_span first, struct diag_span last);
struct ast_expr *ast_expr_new(enum ast_expr_kind kind, struct diag_span span, struct arena *arena);
/* Adds an argument and counts depth; NULL is added as it is. */
void ast_expr_add(struct ast_expr *expr, struct ast_expr *arg, struct arena *arena);
struct type ast_row_type(const struct ast_list *fields, struct arena *arena); /* of struct type_field */
static inline struct ast_expr *ast_arg(const struct ast_expr *expr, uint32_t index)
{
        return expr->args.items[index];
}
/* Does an aggregate (of weir or Flink) stand in the expression? */
bool ast_has_aggregate(const struct ast_expr *expr);

#endif
