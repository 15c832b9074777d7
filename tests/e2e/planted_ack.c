/* planted_ack.c - a weir that acknowledges before the sync.
 *
 * Linked with --wrap=wal_durable: everything appended is called durable at once. tests/e2e/planted_bugs.sh shows that
 * the kill oracle catches it. */
#include "sidecar/wal/wal.h"

uint64_t __wrap_wal_durable(const struct wal *wal);

uint64_t __wrap_wal_durable(const struct wal *wal)
{
        return wal_end(wal);
}
