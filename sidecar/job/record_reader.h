/* record_reader.h - values out of the log, in order, whole units only.
 *
 * Starts at the beginning of the segment that holds from_lsn, takes in layouts and dictionaries on the way, and shows
 * records from from_lsn on. Recovery, `weir wal dump`, `weir replay` and tests. One thread at a time. */
#ifndef WEIR_SIDECAR_JOB_RECORD_READER_H
#define WEIR_SIDECAR_JOB_RECORD_READER_H

#include "sidecar/job/record.h"
#include "sidecar/wal/wal_reader.h"

enum { RECORD_E_END = WAL_E_END };

struct record_reader;

/* config->with_segment is understood. < 0: the log does not reach back to from_lsn, or cannot be read. */
int record_reader_open(const struct wal_reader_config *config, struct record_reader **ret_reader, struct err *err)
        WEIR_MUST_CHECK;
struct record_reader *record_reader_close(struct record_reader *reader);
/* 0: *ret_record is valid until the next call (layouts are shown too: callers skip what they do not want);
 * RECORD_E_END; < 0: damage, with file, offset and LSN range. */
int record_reader_next(struct record_reader *reader, struct record *ret_record, struct err *err) WEIR_MUST_CHECK;
/* How the log ended. */
void record_reader_end(const struct record_reader *reader, struct wal_end_info *ret_end);

#endif
