/* diag.h - what the compiler has to say about a job file, and how it is shown.
 *
 *     job.sql:7:18: error[WEIR-P0202]: there is no column 'event_tpye'
 *             COUNT(*) FILTER (WHERE event_tpye = 'click'),
 *                                    ^~~~~~~~~~
 *     help: did you mean 'event_type'?
 *
 * Lines and columns count from 1; columns are characters with tabs expanded to multiples of eight, which is also how
 * the source line is printed. Codes are stable: diag_code.def lists them with the text of `weir explain-code`.
 * Messages are sentences in lower case without a full stop. */
#ifndef WEIR_SIDECAR_SQL_DIAG_H
#define WEIR_SIDECAR_SQL_DIAG_H

#include "sidecar/base/arena.h"
#include "sidecar/base/bytes.h"

enum diag_code {
#define DIAG_CODE(name, text, title, explanation) DIAG_##name,
#include "sidecar/sql/diag_code.def"
#undef DIAG_CODE
        DIAG_CODE_COUNT
};

/* A stretch of one file's text, in bytes. */
struct diag_span {
        uint32_t file; /* index in the compiler's input; DIAG_NO_FILE: an override or the job as a whole */
        uint32_t begin, end;
};
#define DIAG_NO_FILE UINT32_MAX

struct diag {
        enum diag_code code;
        struct diag_span span;
        const char *message;
        const char *help; /* NULL: none */
        /* Filled in when the diagnostic is added. */
        const char *file;              /* "" for DIAG_NO_FILE */
        uint32_t line, column;         /* of the first character; 0 for DIAG_NO_FILE */
        uint32_t end_line, end_column; /* of the last character */
        const char *source;            /* that line, tabs expanded */
};

struct diag_text { /* one file, for places */
        const char *name;
        struct slice text;
};

struct diag_list {
        struct arena arena;
        const struct diag_text *files; /* the compiler's, while it runs */
        uint32_t n_files;
        struct diag *items;
        uint32_t n, capacity;
        bool is_full; /* more errors than LIMIT_SQL_ERRORS */
};

void diag_list_init(struct diag_list *list);
void diag_list_done(struct diag_list *list);

/* help may be NULL. Messages are copied. Nothing is added beyond the limit, or twice for one place and code. */
void diag_add(struct diag_list *list, enum diag_code code, struct diag_span span, const char *help,
              const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Orders by file and place; the compiler calls it last. */
void diag_sort(struct diag_list *list);

/* 1-based line and column of a byte of the text; the line's bytes in ret_line (may be NULL). */
void diag_locate(struct slice text, uint32_t at, uint32_t *ret_line, uint32_t *ret_column,
                 struct slice *ret_line_text);

/* The column of byte `to`, given that of byte `from` before it in its line. */
uint32_t diag_column(struct slice text, uint32_t from, uint32_t column, uint32_t to);

/* As shown above, one after the other, a blank line between. */
void diag_render(const struct diag_list *list, struct bytes *text);
/* {"diagnostics":[{"code":..., "file":..., "line":..., "column":..., "end_line":..., "end_column":...,
 * "message":..., "help":...}], "more": false} */
void diag_render_json(const struct diag_list *list, struct bytes *text);

const char *diag_code_text(enum diag_code code);        /* "WEIR-P0202" */
const char *diag_code_title(enum diag_code code);       /* one line */
const char *diag_code_explanation(enum diag_code code); /* a paragraph */

#endif
