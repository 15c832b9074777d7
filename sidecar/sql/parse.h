/* parse.h - from tokens to statements; the state that the grammar's actions work on.
 *
 * parse.c cuts a file into statements and hands them to the grammar one by one, so that an error in one hides nothing
 * in the next. What Flink accepts and weir does not is refused by name: whole statements in parse_refused.c, clauses
 * by the grammar's actions. */
#ifndef WEIR_SIDECAR_SQL_PARSE_H
#define WEIR_SIDECAR_SQL_PARSE_H

#include "sidecar/sql/ast.h"
#include "sidecar/sql/scanner.h"

struct parser {
        struct arena *arena;
        struct diag_list *diags;
        struct token *tokens;
        uint32_t at;      /* next token */
        uint32_t begin;   /* first token of the statement */
        uint32_t end;     /* its end: a semicolon, END, or the end of the file */
        int start;        /* first token for the grammar: which start symbol; 0 once it is handed over */
        int depth;        /* of parentheses, for words that mean something on the outside only */
        bool is_refused;  /* something was refused by name in this statement */
        bool is_repaired; /* the offending token was made a name: parse the statement again */
        bool could_end;   /* the last syntax error stands where a semicolon was possible */
        struct ast_statement *statement; /* result */
        struct ast_expr *expr;           /* result of parse_expr */
};

/* Appends the statements of a file to `statements` (struct ast_statement); broken ones are reported and left out. */
void parse_file(const struct token_list *tokens, struct arena *arena, struct diag_list *diags,
                struct ast_list *statements);
/* A lone expression; NULL when it was reported. */
struct ast_expr *parse_expr(const struct token_list *tokens, struct arena *arena, struct diag_list *diags);

/* ---- for the grammar ---- */

/* "feature: Flink accepts this; weir does not yet", and marks the statement. */
void parse_refuse(struct parser *parser, enum diag_code code, struct diag_span span, const char *feature);
/* An AST_REFUSED node, reported as above. */
struct ast_expr *parse_refused_expr(struct parser *parser, enum diag_code code, struct diag_span span,
                                    const char *feature);
/* The next token with its place, 0 at the end of the statement. Swallows stretches that are refused as a whole. */
int parse_next_token(struct parser *parser, const struct token **ret_token, struct diag_span *ret_span);
/* Unexpected token at `span`; `expected` are display names from the grammar. */
void parse_error_report(struct parser *parser, struct diag_span span, const char *const *expected, int n_expected);
void parse_too_deep(struct parser *parser, struct diag_span span);
/* Checked type constructors; `at` names the type's text. They report and give a usable type when out of range. */
struct type parse_type_sized(struct parser *parser, enum type_kind kind, struct slice length, struct diag_span at);
struct type parse_type_decimal(struct parser *parser, struct slice precision, struct slice scale,
                               struct diag_span at);
/* The statement when it is one that the grammar does not know: true, and it was reported. */
bool parse_refused_statement(struct parser *parser);

#endif
