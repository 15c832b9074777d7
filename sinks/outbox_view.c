/* outbox_view.c - a window on the files of the outbox. */
#include "sinks/outbox_view.h"

#include "sidecar/base/alloc.h"

#include <errno.h>
#include <fcntl.h>

enum { OUTBOX_VIEW_BYTES = 256 << 10, OUTBOX_VIEW_ARENA_BYTES = 64 << 10 };

void outbox_view_init(struct outbox_view *view, const struct file_ops *ops)
{
        *view = (struct outbox_view){.ops = ops, .fd = -1};
        arena_init(&view->arena, OUTBOX_VIEW_ARENA_BYTES, 0);
}

void outbox_view_done(struct outbox_view *view)
{
        if (view->fd >= 0)
                view->ops->close(view->ops->context, view->fd);
        alloc_free(view->data);
        arena_done(&view->arena);
}

static int outbox_view_open(struct outbox_view *view, const char *path, uint64_t file_lsn, struct err *err)
{
        if (view->fd >= 0 && view->file_lsn == file_lsn)
                return 0;
        if (view->fd >= 0)
                view->ops->close(view->ops->context, view->fd);
        view->len = 0;
        view->fd = view->ops->open(view->ops->context, path, O_RDONLY, 0);
        if (view->fd < 0)
                return err_set_errno(err, ERR_IO, errno, "outbox file '%s' cannot be opened", path);
        view->file_lsn = file_lsn;
        return 0;
}

int outbox_view_load(struct outbox_view *view, const char *path, uint64_t file_lsn, uint64_t lsn, size_t need,
                     struct slice *ret_bytes, struct err *err)
{
        if (outbox_view_open(view, path, file_lsn, err) != 0)
                return -1;
        if (lsn < view->lsn || lsn + need > view->lsn + view->len) {
                size_t want = need < OUTBOX_VIEW_BYTES ? OUTBOX_VIEW_BYTES : need;

                if (view->capacity < want) {
                        alloc_free(view->data);
                        view->data = alloc_bytes(want);
                        view->capacity = want;
                }
                view->lsn = lsn;
                view->len = 0;
                if (file_read_all(view->ops, view->fd, view->data, want, (off_t)(lsn - file_lsn), &view->len, err) != 0)
                        return err_prefix(err, "outbox file '%s'", path);
        }
        *ret_bytes = slice_make(view->data + (lsn - view->lsn), view->len - (size_t)(lsn - view->lsn));
        return 0;
}
