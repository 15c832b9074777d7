/* sql.h - job files in, a plan or diagnostics out.
 *
 * `weir check`, start-up, reload and recovery all call sql_compile and nothing else of this folder. All files form
 * one catalog, in order; a SET holds from where it stands; overrides (-D) beat every SET. Relative paths are resolved
 * against the folder of the file that names them. No file but the given texts is read, and nothing outside `arena`
 * and `diags` is touched. Any thread. */
#ifndef WEIR_SIDECAR_SQL_SQL_H
#define WEIR_SIDECAR_SQL_SQL_H

#include "sidecar/base/arena.h"
#include "sidecar/plan/plan.h"
#include "sidecar/sql/diag.h"

struct sql_file {
        struct slice name; /* as the user gave it */
        struct slice text;
};

struct sql_override { /* -D KEY=VALUE */
        struct slice key, value;
};

struct sql_input {
        const struct sql_file *files;
        uint32_t n_files;
        const struct sql_override *overrides;
        uint32_t n_overrides;
        /* Can this call work, by its literals? 0, or an error. Of exec/, which sql/ does not know; NULL: not asked. */
        int (*judge)(const struct expr *call, struct err *err);
};

enum { SQL_E_REFUSED = 1 };

/* 0: *ret_job is complete and lives in `arena` (no budget; input texts may go away afterwards). SQL_E_REFUSED:
 * `diags` says why, in order of place, at most LIMIT_SQL_ERRORS errors. `diags` is initialised by the caller
 * (diag_list_init). */
int sql_compile(const struct sql_input *input, struct arena *arena, struct diag_list *diags,
                struct plan_job **ret_job) WEIR_MUST_CHECK;

/* One scalar expression over the columns of one table, for tests and tools: CREATE TABLE text and expression text.
 * SQL_E_REFUSED as above. *ret_expr refers to scan columns of *ret_source. */
struct plan_source;
int sql_compile_expr(struct slice create_table, struct slice expr_text, struct arena *arena, struct diag_list *diags,
                     struct plan_source **ret_source, struct expr **ret_expr) WEIR_MUST_CHECK;

#endif
