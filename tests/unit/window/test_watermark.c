/* Watermarks of origins: the minimum, idleness by ticks, restarts, the end; saved and read back. */
#include "sidecar/window/watermark.h"
#include "tests/lib/check.h"

#include "sidecar/base/limits.h"

#include <stdio.h>

static struct watermark mark;

static int64_t row(const char *origin, int64_t candidate_ms, int64_t arrival_ms)
{
        return watermark_raise(&mark, watermark_touch(&mark, slice_from_text(origin), arrival_ms), candidate_ms);
}

TEST(the_table_follows_its_slowest_origin)
{
        watermark_init(&mark, 60000, false);
        CHECK_INT(mark.table_ms, WATERMARK_NONE);
        CHECK_INT(row("a", 100, 0), 100);
        CHECK_INT(row("b", 50, 0), 100); /* never back */
        CHECK_INT(row("a", 300, 0), 100);
        CHECK_INT(row("b", 200, 0), 200);
        CHECK_INT(row("b", 400, 0), 300);
        CHECK_INT(row("b", 350, 0), 300);
        CHECK_INT(row("c", WATERMARK_NONE, 0), 300); /* holds it until it says something */
        CHECK_INT(row("a", 500, 0), 300);
        CHECK_INT(row("c", 450, 0), 400);
        watermark_done(&mark);
}

TEST(candidates_up_to_1970_say_nothing)
{
        watermark_init(&mark, 60000, false);
        CHECK_INT(row("a", -5, 0), WATERMARK_NONE);
        CHECK_INT(row("a", 0, 0), WATERMARK_NONE);
        CHECK_INT(row("a", 1, 0), 1);
        watermark_done(&mark);
}

TEST(a_silent_origin_is_idle_by_ticks_only)
{
        watermark_init(&mark, 1000, false);
        row("a", 100, 5000);
        row("b", 700, 5000);
        row("b", 800, 5900);
        CHECK_INT(watermark_tick(&mark, 5999, false), 100);
        CHECK_INT(watermark_tick(&mark, 6000, false), 800); /* a is idle */
        CHECK_UINT(mark.n_idle, 1);
        CHECK_INT(row("a", 200, 6100), 800); /* back, and behind */
        CHECK_INT(row("b", 900, 6100), 800);
        CHECK_INT(row("a", 850, 6100), 850);
        CHECK_INT(watermark_tick(&mark, 7100, false), 850); /* all are idle: it stands */
        CHECK_INT(watermark_tick(&mark, 70000, false), 850);
        CHECK_INT(row("a", 860, 70000), 860); /* b is not waited for */
        watermark_done(&mark);
}

TEST(after_a_restart_known_origins_are_waited_for_again)
{
        watermark_init(&mark, 1000, false);
        row("a", 100, 0);
        row("b", 50, 0);
        watermark_tick(&mark, 500, false);
        CHECK_INT(watermark_tick(&mark, 1500, false), 100); /* long silent, but all: it stands */
        CHECK_INT(watermark_tick(&mark, 9000, true), 100);  /* ready */
        CHECK_UINT(mark.n_idle, 0);
        CHECK_INT(row("a", 400, 9100), 100); /* b may come still */
        CHECK_INT(watermark_tick(&mark, 9999, false), 100);
        CHECK_INT(watermark_tick(&mark, 10000, false), 400);
        watermark_done(&mark);
}

TEST(the_clock_moves_it_on_only_when_asked_to)
{
        watermark_init(&mark, 1000, true);
        CHECK_INT(watermark_tick(&mark, 100, false), WATERMARK_NONE);
        row("a", 5000, 100);
        CHECK_INT(watermark_tick(&mark, 1099, false), 5000);
        CHECK_INT(watermark_tick(&mark, 1100, false), 6000); /* idle: at the clock's pace since the last row */
        CHECK_INT(watermark_tick(&mark, 2100, false), 7000);
        CHECK_INT(row("a", 6500, 2200), 7000);
        CHECK_INT(row("a", 7500, 2200), 7500);
        CHECK_INT(watermark_tick(&mark, 3200, false), 8500);
        watermark_done(&mark);
}

TEST(no_timeout_means_never_idle_and_the_end_is_the_end)
{
        watermark_init(&mark, 0, false);
        row("a", 10, 0);
        row("b", 5, 0);
        CHECK_INT(watermark_tick(&mark, INT64_C(1) << 50, false), 10);
        CHECK_UINT(mark.n_idle, 0);
        CHECK_INT(watermark_end(&mark), WATERMARK_END);
        CHECK_INT(row("a", 20, 0), WATERMARK_END);
        CHECK_INT(watermark_tick(&mark, 100, false), WATERMARK_END);
        watermark_done(&mark);
}

TEST(others_hold_back_what_one_origin_says)
{
        watermark_init(&mark, 0, false);
        row("a", 100, 0);
        row("b", 50, 0);
        CHECK_INT(watermark_others(&mark, 0), 50);
        CHECK_INT(watermark_others(&mark, 1), 100);
        watermark_done(&mark);
        watermark_init(&mark, 0, false);
        row("a", 100, 0);
        CHECK_INT(watermark_others(&mark, 0), INT64_MAX);
        watermark_done(&mark);
}

TEST(hundreds_of_origins_give_the_minimum_that_a_scan_gives)
{
        enum { ORIGINS = 300 };
        struct check_random random = check_seed(4);
        int64_t highest[ORIGINS] = {0}, table = WATERMARK_NONE;
        uint32_t n_known = 0;
        char name[16];

        watermark_init(&mark, 0, false);
        for (uint32_t i = 0; i < 6000; i++) {
                uint32_t origin = (uint32_t)check_random_below(&random, ORIGINS);
                int64_t candidate = (int64_t)(i + check_random_below(&random, 1000)), least = INT64_MAX;

                n_known += highest[origin] == 0;
                if (candidate > highest[origin])
                        highest[origin] = candidate;
                for (uint32_t k = 0; k < ORIGINS; k++)
                        if (highest[k] > 0 && highest[k] < least)
                                least = highest[k];
                table = least > table ? least : table;
                snprintf(name, sizeof name, "origin %u", origin);
                if (row(name, candidate, 0) != table) {
                        CHECK_INT(mark.table_ms, table);
                        break;
                }
        }
        CHECK_UINT(mark.n_origins, n_known);
        watermark_done(&mark);
}

TEST(beyond_the_limit_the_longest_silent_origin_is_forgotten)
{
        char name[16];

        watermark_init(&mark, 60000, false);
        for (uint32_t i = 0; i < LIMIT_ORIGINS + 3; i++) {
                snprintf(name, sizeof name, "%u", i);
                row(name, 1000 + i, i == 0 ? 1 << 20 : i);
        }
        CHECK_UINT(mark.n_origins, LIMIT_ORIGINS);
        CHECK_INT(mark.origins[0].watermark_ms, 1000); /* was active later than 1, 2 and 3 */
        CHECK_INT(mark.origins[1].watermark_ms, 1004);
        CHECK_INT(row("0", 900000, 1 << 20), 1004);
        CHECK_INT(row("4", 900000, 1 << 20), 1005);
        watermark_done(&mark);
}

TEST(what_is_saved_comes_back_and_damage_is_refused)
{
        struct bytes first, second;
        struct bytes_reader reader;
        struct err err;
        uint32_t n_refused = 0;

        bytes_init(&first);
        bytes_init(&second);
        watermark_init(&mark, 1000, true);
        row("a", 100, 0);
        row("", 50, 2000);
        watermark_tick(&mark, 2500, false);
        watermark_save(&mark, &first);
        watermark_done(&mark);
        watermark_init(&mark, 1000, true);
        reader = bytes_reader_make(bytes_slice(&first));
        CHECK_OK(watermark_load(&mark, &reader, &err), &err);
        CHECK(reader.at == reader.end);
        watermark_save(&mark, &second);
        CHECK_BYTES(second.data, second.len, first.data, first.len);
        CHECK_INT(row("", 170, 2600), 170); /* a is idle still */
        watermark_done(&mark);
        for (size_t at = 0; at < first.len; at++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        first.data[at] ^= (uint8_t)(1u << bit);
                        watermark_init(&mark, 1000, true);
                        reader = bytes_reader_make(bytes_slice(&first));
                        n_refused += watermark_load(&mark, &reader, &err) < 0;
                        watermark_tick(&mark, 3000, false);
                        row("b", 7, 3000);
                        watermark_done(&mark);
                        first.data[at] ^= (uint8_t)(1u << bit);
                }
        CHECK(n_refused > 20);
        bytes_done(&first);
        bytes_done(&second);
}
