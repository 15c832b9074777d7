/* clock.h - wall and monotonic time, replaceable.
 *
 * The engine never reads a clock: it sees only logged times. What stands around it (arrival stamps,
 * timers, ticks) asks a struct clock, so that tests drive time. */
#ifndef WEIR_SIDECAR_BASE_CLOCK_H
#define WEIR_SIDECAR_BASE_CLOCK_H

#include <stdint.h>

struct clock {
        void *context;
        int64_t (*wall_ms)(void *context);      /* milliseconds since 1970-01-01T00:00Z */
        uint64_t (*monotonic_ns)(void *context); /* nanoseconds since an arbitrary start */
};

const struct clock *clock_system(void);

static inline int64_t clock_wall_ms(const struct clock *clock)
{
        return clock->wall_ms(clock->context);
}
static inline uint64_t clock_monotonic_ns(const struct clock *clock)
{
        return clock->monotonic_ns(clock->context);
}

#endif
