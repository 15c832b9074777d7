/* clock.c - the machine's clocks. */
#include "sidecar/base/clock.h"

#include <time.h>

static int64_t clock_read_wall_ms(void *context)
{
        struct timespec now;

        (void)context;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t clock_read_monotonic_ns(void *context)
{
        struct timespec now;

        (void)context;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

const struct clock *clock_system(void)
{
        static const struct clock system = {
                .wall_ms = clock_read_wall_ms,
                .monotonic_ns = clock_read_monotonic_ns,
        };

        return &system;
}
