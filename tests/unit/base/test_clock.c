/* test_clock.c - the machine's clocks run, and a clock can be replaced. */
#include "sidecar/base/clock.h"

#include "tests/lib/check.h"

#include <time.h>

TEST(system_clock_tells_the_time)
{
        int64_t wall_ms = clock_wall_ms(clock_system());

        CHECK(wall_ms / 1000 - (int64_t)time(NULL) <= 1 && wall_ms / 1000 - (int64_t)time(NULL) >= -1);
}

TEST(monotonic_time_never_goes_back)
{
        uint64_t last = clock_monotonic_ns(clock_system());
        unsigned back = 0;

        for (unsigned i = 0; i < 1000; i++) {
                uint64_t now = clock_monotonic_ns(clock_system());

                back += now < last;
                last = now;
        }
        CHECK_UINT(back, 0);
}

static int64_t fixed_wall_ms(void *context)
{
        return *(int64_t *)context;
}

TEST(replaced_clock_gives_its_own_time)
{
        int64_t now_ms = 1234;
        struct clock clock = {.context = &now_ms, .wall_ms = fixed_wall_ms};

        CHECK_INT(clock_wall_ms(&clock), 1234);
        now_ms = -5;
        CHECK_INT(clock_wall_ms(&clock), -5);
}
