/* bounded.h - a job whose sources all end: from their beginning to their end, as in Flink.
 *
 * No log, no outbox, no commit record and no state directory: whoever wants the result again runs it again. Rows go
 * through the same scans and the same engine as in the daemon; sinks are written directly. When a sink goes away the
 * run ends with ERR_UNAVAILABLE. */
#ifndef WEIR_SIDECAR_BOUNDED_H
#define WEIR_SIDECAR_BOUNDED_H

#include "sidecar/base/err.h"
#include "sidecar/job/job.h"

/* Owns the job. Errors are logged; the exit code comes back. */
enum err_code bounded_run(struct job *job);

#endif
