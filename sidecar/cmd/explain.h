/* explain.h - a plan in words, for `weir explain` and for tests. */
#ifndef WEIR_SIDECAR_CMD_EXPLAIN_H
#define WEIR_SIDECAR_CMD_EXPLAIN_H

#include "sidecar/base/bytes.h"
#include "sidecar/plan/plan.h"

/* Sources with what is decoded and logged, then each query from its sink down to its scans. */
void explain_append(const struct plan_job *job, struct bytes *text);

#endif
