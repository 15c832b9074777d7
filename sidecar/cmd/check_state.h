/* check_state.h - what a start with other files would do to the state of a running job.
 *
 * `weir check --against-state DIR`: the job in force is read from DIR's newest checkpoint and the log behind it;
 * windows are compared by fingerprint (design section 3, "Changing a job"). Nothing in DIR is changed. */
#ifndef WEIR_SIDECAR_CMD_CHECK_STATE_H
#define WEIR_SIDECAR_CMD_CHECK_STATE_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/file.h"
#include "sidecar/job/job.h"

/* The job in force, compiled. NULL with 0: DIR holds no job yet. */
int check_state_read(const char *dir, const struct file_ops *ops, struct job **ret_job,
                     struct err *err) WEIR_MUST_CHECK;
/* One line per window of either plan: "keeps", "new" or "gone", and the tables that it fills. before may be NULL. */
void check_state_compare(const struct plan_job *before, const struct plan_job *after, struct bytes *text);

#endif
