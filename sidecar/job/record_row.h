/* record_row.h - how wide rows are, and how wide they may be.
 *
 * A row that no record of the log can hold is a dead letter ("too-large", scan.c), and a result that no record of the
 * outbox can hold is withheld (engine_output.c), so that the writers of records need not fail. Widths are bounds: what
 * the columns take at most, encoded. Whoever calls. */
#ifndef WEIR_SIDECAR_JOB_RECORD_ROW_H
#define WEIR_SIDECAR_JOB_RECORD_ROW_H

#include "sidecar/base/limits.h"
#include "sidecar/column/batch.h"

/* What may stand beside a lone row in its record: the head, an origin of LIMIT_HEADER_BYTES, steps. A log of smaller
 * records than the largest takes narrower rows (record_writer_row_bytes). */
enum { RECORD_ROW_SLACK = 128 << 10, RECORD_ROW_BYTES_MAX = LIMIT_LOG_RECORD_BYTES - RECORD_ROW_SLACK };

size_t record_row_bytes(const struct batch *rows, uint32_t row);
/* All rows in one record; not less than any of them alone. */
size_t record_row_bytes_all(const struct batch *rows);

#endif
