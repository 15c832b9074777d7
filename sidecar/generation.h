/* generation.h - which job text is in force, and its change at a point of the log.
 *
 * Each accepted job text is a generation: a CONFIG record in the log, a plan, an engine. A change ends the old engine's
 * output, moves the state of operators whose plan fingerprint is unchanged into the new engine, and goes on from there;
 * replay does the same at the same record (design section 3, "Changing a job"). Loop thread. */
#ifndef WEIR_SIDECAR_GENERATION_H
#define WEIR_SIDECAR_GENERATION_H

#include "sidecar/job/job.h"
#include "sidecar/pipeline.h"

/* Puts a job and its engine in force: scans, layouts, sink tables. Takes both over, also on failure. last_epoch: newest
 * epoch with rows of this generation (0: none, UINT64_MAX: the open one). */
int generation_bind(struct pipeline *pipeline, struct job *job, struct engine *engine, uint64_t last_epoch,
                    struct err *err) WEIR_MUST_CHECK;
/* A new engine for `job` with the state that unchanged operators of the one in force hold. */
int generation_migrate(struct pipeline *pipeline, const struct job *job, struct engine **ret_engine, struct err *err)
        WEIR_MUST_CHECK;
/* The CONFIG record of the job in force; waits for room. */
int generation_write_config(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
/* Connects sinks that are not yet, with what engine and log know of themselves. */
int generation_start_sinks(struct pipeline *pipeline, struct err *err) WEIR_MUST_CHECK;
/* SIGHUP, or other files at a start: takes a compiled job here. No batch may be half taken. Owns `job`, also on
 * failure, which is fatal. */
int generation_change(struct pipeline *pipeline, struct job *job, struct err *err) WEIR_MUST_CHECK;

/* The outbox may hold rows of older generations, and sinks need the tables they were made for: their texts are kept in
 * the manifest until the outbox has let go of their last epoch. Bytes of a manifest's `extra`: varint length and what
 * delivery_append_committed gives; varint number of kept older jobs; for each varint length and payload of its CONFIG
 * record, varint last epoch with rows of it (UINT64_MAX: rows in the open one); varint last epoch of the job in
 * force. */
void generation_append_extra(struct pipeline *pipeline, struct bytes *extra);
/* The part of delivery_open. */
struct slice generation_committed(struct slice extra);
/* Compiles the older jobs and makes their tables known. Before the checkpoint's own job is bound. */
int generation_restore_kept(struct pipeline *pipeline, struct slice extra, uint64_t *ret_last_epoch, struct err *err)
        WEIR_MUST_CHECK;
/* A piece went into the outbox. */
struct engine_piece;
void generation_note_piece(struct pipeline *pipeline, const struct engine_piece *piece);
/* Sinks that the job in force does not name are closed when all rows for them are there. Each second. */
void generation_retire_sinks(struct pipeline *pipeline);
void generation_free_kept(struct pipeline *pipeline);
void generation_free_scans(struct pipeline *pipeline);

#endif
