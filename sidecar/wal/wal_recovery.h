/* wal_recovery.h - the start of a log: where it ended, and what its next segment continues.
 *
 * Called by wal_open. */
#ifndef WEIR_SIDECAR_WAL_WAL_RECOVERY_H
#define WEIR_SIDECAR_WAL_WAL_RECOVERY_H

#include "sidecar/wal/wal.h"
#include "sidecar/wal/wal_dir.h"

/* ret_dir: what is left in the directory, to be released with wal_dir_done. ret_last: number of the last segment, and
 * what the next one's header says of it (previous_end, previous_chain); the other fields are 0. */
int wal_recovery_run(const struct wal_config *config, struct wal_dir *ret_dir, struct wal_segment_header *ret_last,
                     struct wal_recovery *ret_recovery, struct err *err) WEIR_MUST_CHECK;

#endif
