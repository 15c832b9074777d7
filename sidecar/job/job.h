/* job.h - a job's text and the plan made of it.
 *
 * The text is what the operator wrote: files and -D overrides. It stands in the log as CONFIG with a generation number
 * (design section 3, "Changing a job"), so that replay can compile the very text under which records were taken. A
 * struct job owns text and plan; records, outbox pieces and sinks point into plans, so a job lives until the process
 * ends or nothing of its generation is left. Loop thread. */
#ifndef WEIR_SIDECAR_JOB_JOB_H
#define WEIR_SIDECAR_JOB_JOB_H

#include "sidecar/base/arena.h"
#include "sidecar/job/record.h"
#include "sidecar/plan/plan.h"
#include "sidecar/sql/sql.h"

struct job {
        struct arena arena; /* text and plan */
        uint32_t generation;
        struct sql_input input;
        struct plan_job *plan; /* NULL before job_compile */
        const struct plan_table *dead_letters; /* dead.h; NULL before the job is in force: generation.c */
};

/* Reads the files; `overrides` are KEY=VALUE texts of -D. ERR_CONFIG: a file cannot be read, is too large, or an
 * override has no '='. */
int job_read(char *const *paths, uint32_t n_paths, char *const *overrides, uint32_t n_overrides, struct job **ret_job,
             struct err *err) WEIR_MUST_CHECK;
/* A copy of what a CONFIG record holds. */
struct job *job_from_config(const struct record_config *config);
struct job *job_free(struct job *job); /* NULL allowed; returns NULL */

/* 0, or SQL_E_REFUSED with `diags` filled (the caller initialises and renders them). */
int job_compile(struct job *job, struct diag_list *diags) WEIR_MUST_CHECK;
/* The same for text that was accepted before: a refusal is an error with its first diagnostic. */
int job_compile_again(struct job *job, struct err *err) WEIR_MUST_CHECK;

/* The value that CONFIG records carry; borrows from the job and from `arena`. */
void job_config(const struct job *job, int64_t now_ms, struct arena *arena, struct record_config *ret_config);
/* Same names, texts and overrides. */
bool job_is_same_text(const struct job *a, const struct job *b);

#endif
