/* generation.h - which job text is in force, and its change at a point of the log.
 *
 * Each accepted job text is a generation: a CONFIG record in the log, a plan, an engine. A change ends the old engine's
 * output, moves the state of operators whose plan fingerprint is unchanged into the new engine, and goes on from there;
 * replay does the same at the same record (design section 3, "Changing a job"). Loop thread. */
#ifndef WEIR_SIDECAR_GENERATION_H
#define WEIR_SIDECAR_GENERATION_H

#include "sidecar/job/job.h"
#include "sidecar/pipeline.h"

/* Puts a job and its engine in force: scans, layouts, sink tables. Takes both over, also on failure. */
int generation_bind(struct pipeline *pipeline, struct job *job, struct engine *engine, struct err *err) WEIR_MUST_CHECK;
/* A new engine for `job` with the state that unchanged operators of the one in force hold. */
int generation_migrate(struct pipeline *pipeline, const struct job *job, struct engine **ret_engine, struct err *err)
        WEIR_MUST_CHECK;
/* The CONFIG record of the job in force; waits for room. */
int generation_write_config(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
/* SIGHUP, or other files at a start: takes a compiled job here. No batch may be half taken. Owns `job`, also on
 * failure, which is fatal. */
int generation_change(struct pipeline *pipeline, struct job *job, struct err *err) WEIR_MUST_CHECK;
void generation_free_scans(struct pipeline *pipeline);

#endif
