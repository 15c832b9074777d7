/* planted_ack.c - a weir that acknowledges before the sync, on a disk that takes its time.
 *
 * Linked with --wrap=pipeline_take: the OK is given as soon as the record is in the log's buffer; and with
 * --wrap=file_ops_system: a write waits ten milliseconds before it happens, so that the bug has a chance to show.
 * tests/e2e/planted_bugs.sh shows that the kill oracle catches it. */
#include "sidecar/base/file.h"
#include "sidecar/sources.h"

#include <time.h>

enum { DISK_NS = 10000000 };

int __real_pipeline_take(struct pipeline *pipeline, const struct pipeline_batch *batch, const struct pipeline_ack *ack,
                         struct err *err);
int __wrap_pipeline_take(struct pipeline *pipeline, const struct pipeline_batch *batch, const struct pipeline_ack *ack,
                         struct err *err);
const struct file_ops *__real_file_ops_system(void);
const struct file_ops *__wrap_file_ops_system(void);

int __wrap_pipeline_take(struct pipeline *pipeline, const struct pipeline_batch *batch, const struct pipeline_ack *ack,
                         struct err *err)
{
        struct pipeline_ack nobody = {.context = NULL};
        int result = __real_pipeline_take(pipeline, batch, &nobody, err);

        if (result == 0)
                sources_on_durable(NULL, ack);
        return result;
}

static ssize_t slow_pwrite(void *context, int fd, const void *data, size_t len, off_t at)
{
        nanosleep(&(struct timespec){.tv_nsec = DISK_NS}, NULL);
        return __real_file_ops_system()->pwrite(context, fd, data, len, at);
}

const struct file_ops *__wrap_file_ops_system(void)
{
        static struct file_ops slow;

        if (slow.pwrite == NULL) {
                slow = *__real_file_ops_system();
                slow.pwrite = slow_pwrite;
        }
        return &slow;
}
