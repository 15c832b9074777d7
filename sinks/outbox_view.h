/* outbox_view.h - a window on the files of the outbox, one per feeder.
 *
 * Used by the outbox only; loop thread. */
#ifndef WEIR_SINKS_OUTBOX_VIEW_H
#define WEIR_SINKS_OUTBOX_VIEW_H

#include "sidecar/base/arena.h"
#include "sidecar/base/err.h"
#include "sidecar/base/file.h"

struct outbox_view {
        const struct file_ops *ops;
        int fd;
        uint64_t file_lsn, lsn; /* first position of the open file; position of data[0] */
        size_t len, capacity;
        uint8_t *data;
        struct arena arena; /* of the piece shown */
};

void outbox_view_init(struct outbox_view *view, const struct file_ops *ops);
void outbox_view_done(struct outbox_view *view);
/* Bytes of a file from position lsn on: `need` of them at least, unless the file ends. Valid until the next call. */
int outbox_view_load(struct outbox_view *view, const char *path, uint64_t file_lsn, uint64_t lsn, size_t need,
                     struct slice *ret_bytes, struct err *err) WEIR_MUST_CHECK;

#endif
