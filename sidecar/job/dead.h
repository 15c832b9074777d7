/* dead.h - dead letters as rows: the table they are written to, and its folder.
 *
 * A DEAD record becomes one row of a table that weir declares itself, for each generation of the job, as if the job
 * file said
 *
 *     CREATE TABLE `weir.dead_letters` (
 *       arrival TIMESTAMP_LTZ(3) NOT NULL, source STRING NOT NULL, reason STRING NOT NULL, detail STRING NOT NULL,
 *       body_bytes BIGINT NOT NULL, body BYTES
 *     ) WITH ('connector' = 'filesystem', 'path' = '<state-dir>/dead', 'format' = 'json', …);
 *
 * The engine queues the row where it applies the record, so dead letters are part of its one sequence of results: they
 * have epochs, go through the outbox, and replay gives them again. JSON writes `body` in base64; it is cut at
 * LIMIT_DEAD_BODY_BYTES, and NULL where the record has none: the event had been decoded, or weir.dead.max-bytes was
 * used up. body_bytes is the length of the whole body, 0 for an event that had been decoded. Loop thread. */
#ifndef WEIR_SIDECAR_JOB_DEAD_H
#define WEIR_SIDECAR_JOB_DEAD_H

#include "sidecar/base/file.h"
#include "sidecar/job/record.h"
#include "sidecar/plan/plan.h"

#define DEAD_TABLE_NAME "weir.dead_letters"

enum { DEAD_COLUMNS = 6 };

/* The table, with its files in `dir`. All of it lives in the arena. */
const struct plan_table *dead_table_new(const char *dir, struct arena *arena);
/* ERR_CONFIG: a table of the job has the name that is weir's own. */
int dead_check_names(const struct plan_job *plan, struct err *err) WEIR_MUST_CHECK;

/* One record as a row. Borrows from it, and from itself: it must not move. */
struct dead_row {
        struct vector columns[DEAD_COLUMNS];
        int64_t arrival_us, body_bytes;
        struct slice source, reason, detail, body;
        uint64_t body_valid;
        struct batch batch;
};
void dead_row_init(struct dead_row *row, const struct record_dead *dead, struct slice source);

/* What a body takes of weir.dead.max-bytes: its length in the file. */
uint64_t dead_body_cost(size_t body_bytes);
/* Bytes of the files in `dir`, which exists. */
int dead_measure_dir(const struct file_ops *ops, const char *dir, uint64_t *ret_bytes, struct err *err) WEIR_MUST_CHECK;

#endif
