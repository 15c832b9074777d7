/* record_writer.h - values into the log.
 *
 * Knows what a segment needs to be readable alone (layouts and dictionaries start afresh in each), cuts what does not
 * fit one record, and marks units: a call's dead letters and batches, up to the batch with is_last, come back together
 * or not at all; everything else is a unit of its own.
 *
 * Loop thread. */
#ifndef WEIR_SIDECAR_JOB_RECORD_WRITER_H
#define WEIR_SIDECAR_JOB_RECORD_WRITER_H

#include "sidecar/job/record.h"
#include "sidecar/wal/wal.h"

enum { RECORD_E_FULL = WAL_E_FULL };

struct record_writer;

/* Borrows the log. */
struct record_writer *record_writer_new(struct wal *wal);
struct record_writer *record_writer_free(struct record_writer *writer);

/* Before the first batch of (generation, source). Copied. */
void record_writer_set_layout(struct record_writer *writer, const struct record_layout *layout);

/* What a unit will take at most, as far as is known, before its first record: it is begun only when the log has room
 * for it, so that it is not stopped half-way. */
void record_writer_expect(struct record_writer *writer, size_t unit_bytes);

/* Each: 0 with the LSN of the (last) record, RECORD_E_FULL, or < 0 when the log is poisoned. After RECORD_E_FULL the
 * caller waits for progress (wal_on_event) and calls again with the very same value, and with nothing else in between:
 * part of a large batch may be written already. A record is durable once its lsn < wal_durable(). */
int record_writer_batch(struct record_writer *writer, const struct record_batch *batch, uint64_t *ret_lsn,
                        struct err *err) WEIR_MUST_CHECK;
int record_writer_dead(struct record_writer *writer, const struct record_dead *dead, uint64_t *ret_lsn, struct err *err)
        WEIR_MUST_CHECK;
int record_writer_tick(struct record_writer *writer, const struct record_tick *tick, uint64_t *ret_lsn, struct err *err)
        WEIR_MUST_CHECK;
int record_writer_origin(struct record_writer *writer, const struct record_origin *origin, uint64_t *ret_lsn,
                         struct err *err) WEIR_MUST_CHECK;
int record_writer_config(struct record_writer *writer, const struct record_config *config, uint64_t *ret_lsn,
                         struct err *err) WEIR_MUST_CHECK;

/* The widest row (record_row_bytes) that batches may have. */
size_t record_writer_row_bytes(const struct record_writer *writer);

/* A unit is open: no tick, origin or config may be written and no checkpoint taken until its last batch is. */
bool record_writer_has_open_unit(const struct record_writer *writer);

#endif
