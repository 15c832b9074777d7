/* planted_ack.c - a weir that acknowledges before the sync, on a disk that takes its time.
 *
 * Linked with --wrap=pipeline_take: the OK is given as soon as the record is in the log's buffer; and with
 * --wrap=wal_kick: a group is handed to the disk at most every twenty milliseconds, so that the bug has a chance to
 * show. tests/e2e/planted_bugs.sh shows that the kill oracle catches it. */
#include "sidecar/base/clock.h"
#include "sidecar/sources.h"

enum { DISK_NS = 20000000 };

int __real_pipeline_take(struct pipeline *pipeline, const struct pipeline_batch *batch, const struct pipeline_ack *ack,
                         struct err *err);
int __wrap_pipeline_take(struct pipeline *pipeline, const struct pipeline_batch *batch, const struct pipeline_ack *ack,
                         struct err *err);
void __real_wal_kick(struct wal *wal);
void __wrap_wal_kick(struct wal *wal);

int __wrap_pipeline_take(struct pipeline *pipeline, const struct pipeline_batch *batch, const struct pipeline_ack *ack,
                         struct err *err)
{
        struct pipeline_ack nobody = {.context = NULL};
        int result = __real_pipeline_take(pipeline, batch, &nobody, err);

        if (result == 0)
                sources_on_durable(NULL, ack);
        return result;
}

void __wrap_wal_kick(struct wal *wal)
{
        static uint64_t last_ns;
        uint64_t now_ns = clock_monotonic_ns(clock_system());

        if (now_ns - last_ns < DISK_NS)
                return;
        last_ns = now_ns;
        __real_wal_kick(wal);
}
