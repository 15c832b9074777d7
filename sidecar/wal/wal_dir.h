/* wal_dir.h - the segments of a directory, in order of their positions.
 *
 * A snapshot: what the names and header blocks say, nothing of the records. One thread at a time. */
#ifndef WEIR_SIDECAR_WAL_WAL_DIR_H
#define WEIR_SIDECAR_WAL_WAL_DIR_H

#include "sidecar/base/err.h"
#include "sidecar/base/file.h"
#include "sidecar/wal/wal_format.h"

#define WAL_FILL_NAME "fill.tmp" /* a segment in the making */

struct wal_dir_segment {
        char name[WAL_NAME_BYTES];
        uint64_t first_lsn; /* of the name */
        uint64_t bytes;     /* of the file */
        bool is_started;    /* its header block is valid and says the same position */
        struct wal_segment_header header;
};

struct wal_dir {
        char *path;
        const struct file_ops *ops;
        uint32_t n_segments, capacity;
        struct wal_dir_segment *segments;
        bool has_fill; /* a segment was in the making */
};

/* Reads names and header blocks. with_sync: every segment and the directory are synced first, because the page cache
 * may show what the disk never got (reliability page 0, fact 3). A segment of another instance is ERR_DATA (0: any). */
int wal_dir_read(struct wal_dir *dir, const char *path, const struct file_ops *ops, uint64_t instance, bool with_sync,
                 struct err *err) WEIR_MUST_CHECK;
void wal_dir_done(struct wal_dir *dir);

/* "<path>/<name>", to be freed with alloc_free. */
char *wal_dir_path(const char *path, const char *name);
/* The next started segment behind position `index` (UINT32_MAX: the first), or UINT32_MAX. */
uint32_t wal_dir_next_started(const struct wal_dir *dir, uint32_t index);

#endif
