/* hasty_ticks.c - a weir whose seconds last 50 ms, for what happens only after ten of them.
 *
 * Linked with --wrap=loop_timer_repeat: everything that repeats does so twenty times as often; clocks are the system's.
 * tests/e2e/once.py runs it. */
#include "sidecar/net/loop.h"

enum { HASTE = 20 };

void __real_loop_timer_repeat(struct loop_timer *timer, uint64_t every_ms);
void __wrap_loop_timer_repeat(struct loop_timer *timer, uint64_t every_ms);

void __wrap_loop_timer_repeat(struct loop_timer *timer, uint64_t every_ms)
{
        __real_loop_timer_repeat(timer, every_ms < HASTE ? 1 : every_ms / HASTE);
}
