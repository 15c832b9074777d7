/* scanner.h - job text to tokens.
 *
 * scanner.l cuts the text, word.c knows the words. A file is cut as a whole before it is parsed: the parser sees an
 * array, so that it can split statements, look ahead and go on behind an error. */
#ifndef WEIR_SIDECAR_SQL_SCANNER_H
#define WEIR_SIDECAR_SQL_SCANNER_H

#include "sidecar/sql/diag.h"

struct token {
        int kind;          /* enum grammar_tokentype */
        bool is_quoted;    /* name in backticks */
        struct slice text; /* names, strings, numbers: without quotes; others: as written */
        struct diag_span span;
};

struct token_list {
        struct token *items;
        uint32_t n, capacity;
};

/* All tokens of a file, the last one of kind 0 (end of file). Lexical errors are reported and skipped. Texts point
 * into `text` or the arena. */
void scanner_scan_file(struct slice text, uint32_t file, struct arena *arena, struct diag_list *diags,
                       struct token_list *ret_tokens);

#endif
