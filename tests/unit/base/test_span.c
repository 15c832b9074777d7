/* The least and the highest: every length, every place. */
#include "sidecar/base/span.h"
#include "tests/lib/check.h"

TEST(none_has_neither)
{
        int64_t least, most, value = 5;

        span_i64(&value, 0, &least, &most);
        CHECK_INT(least, INT64_MAX);
        CHECK_INT(most, INT64_MIN);
        span_i64(NULL, 0, &least, &most);
        CHECK_INT(least, INT64_MAX);
}

TEST(it_is_what_a_plain_loop_finds_at_every_length)
{
        struct check_random random = check_seed(9);
        int64_t values[100];

        for (unsigned round = 0; round < 200; round++)
                for (size_t n = 1; n < 100; n += 1 + round % 7) {
                        int64_t least = INT64_MAX, most = INT64_MIN, found_least, found_most;

                        for (size_t i = 0; i < n; i++) {
                                values[i] = (int64_t)check_random_u64(&random) >> (round % 60);
                                least = values[i] < least ? values[i] : least;
                                most = values[i] > most ? values[i] : most;
                        }
                        span_i64(values, n, &found_least, &found_most);
                        if (found_least != least || found_most != most)
                                CHECK_FAIL("n = %zu in round %u", n, round);
                }
        CHECK(true);
}

TEST(the_ends_of_the_range_are_found_wherever_they_stand)
{
        int64_t values[40] = {0}, least, most;

        for (unsigned i = 0; i < 40; i++) {
                values[i] = INT64_MIN;
                values[39 - i] = i == 39 - i ? INT64_MIN : INT64_MAX;
                span_i64(values, 40, &least, &most);
                if (least != INT64_MIN || most != INT64_MAX)
                        CHECK_FAIL("place %u", i);
                values[i] = values[39 - i] = 0;
        }
        CHECK_INT(most, INT64_MAX);
}
