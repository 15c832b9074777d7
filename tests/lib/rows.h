/* rows.h - tables and rows of a test, from short texts.
 *
 *     struct plan_table *ctr = rows_table(arena, "ctr", "campaign_id BIGINT*, window_end TIMESTAMP, ctr DOUBLE",
 *                                         "connector=redis; url=unix:///tmp/s; ttl=2 h");
 *     struct batch batch = rows_batch(arena, ctr, "1, 1700000000000000, 0.5; 2, NULL, NULL");
 *
 * '*' marks the columns of the PRIMARY KEY. Types: BOOLEAN INT BIGINT DOUBLE FLOAT DECIMAL(p.s) STRING BYTES DATE
 * TIME TIMESTAMP TIMESTAMP_LTZ. Values are physical: timestamps are microseconds, DECIMAL is unscaled. A string may
 * hold %XX; blanks around a value go. */
#ifndef WEIR_TESTS_LIB_ROWS_H
#define WEIR_TESTS_LIB_ROWS_H

#include "sidecar/base/arena.h"
#include "sidecar/column/batch.h"
#include "sidecar/plan/plan.h"

struct plan_table *rows_table(struct arena *arena, const char *name, const char *columns, const char *options);
struct batch rows_batch(struct arena *arena, const struct plan_table *table, const char *rows);

#endif
