/* Windows by hand: the vectors that were run on Flink, bounds, caps, copies on write, ids. */
#include "tests/unit/window/rows.h"

#include <inttypes.h>

static struct arena arena;

/* One row, then the watermark that it makes. */
struct feed {
        struct window *window;
        const struct rows_plan *plan;
        int64_t delay_ms, highest_ms;
        struct bytes text;
};

static void feed_open(struct feed *feed, const struct rows_plan *plan, int64_t delay_ms)
{
        arena_init(&arena, 4096, 0);
        *feed = (struct feed){.window = rows_window(plan, NULL), .plan = plan, .delay_ms = delay_ms};
        bytes_init(&feed->text);
}

static void feed_close(struct feed *feed)
{
        window_free(feed->window);
        bytes_done(&feed->text);
        arena_done(&arena);
}

static void feed_row(struct feed *feed, int64_t time_ms, int64_t key)
{
        struct row row = {.time_ms = time_ms, .key = key};
        struct batch batch = rows_batch(&row, 1, &arena);

        window_apply(feed->window, &batch, 0, 1);
        if (time_ms - feed->delay_ms > feed->highest_ms)
                feed->highest_ms = time_ms - feed->delay_ms;
        if (feed->highest_ms > 0)
                window_advance(feed->window, feed->highest_ms);
        rows_emit(feed->window, feed->plan, 1000, &feed->text);
}

static void feed_expect(struct feed *feed, const char *expected)
{
        bytes_append_byte(&feed->text, 0);
        CHECK_TEXT((const char *)feed->text.data, expected);
        bytes_reset(&feed->text);
}

static void feed_end(struct feed *feed)
{
        window_advance(feed->window, INT64_MAX);
        rows_emit(feed->window, feed->plan, 1000, &feed->text);
}

static const uint32_t by_key[1] = {ROWS_KEY};

TEST(tumble_vector_of_flink)
{
        struct rows_plan plan;
        struct feed feed;

        rows_plan_init(&plan, 10000, 10000, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        feed_open(&feed, &plan, 2000);
        feed_row(&feed, 1000, 'a');
        feed_row(&feed, 9000, 'a');
        feed_row(&feed, 11000, 'a');
        feed_row(&feed, 8000, 'b');
        feed_row(&feed, 11998, 'a');
        feed_row(&feed, 9500, 'a');
        feed_expect(&feed, "");
        feed_row(&feed, 11999, 'a');
        feed_expect(&feed, "10000: 97 3\n10000: 98 1\n");
        feed_row(&feed, 9500, 'a');
        feed_row(&feed, 25000, 'a');
        feed_expect(&feed, "20000: 97 3\n");
        CHECK_UINT(window_counts(feed.window)->late, 1);
        feed_end(&feed);
        feed_expect(&feed, "30000: 97 1\n");
        CHECK_UINT(window_counts(feed.window)->in, 9);
        CHECK_UINT(window_counts(feed.window)->used, 8);
        CHECK_UINT(window_counts(feed.window)->fired, 3);
        feed_close(&feed);
}

TEST(hop_vector_of_flink)
{
        struct rows_plan plan;
        struct feed feed;

        rows_plan_init(&plan, 15000, 5000, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        feed_open(&feed, &plan, 0);
        feed_row(&feed, 1000, 'a');
        feed_row(&feed, 6000, 'a');
        feed_row(&feed, 12000, 'a');
        feed_expect(&feed, "5000: 97 1\n10000: 97 2\n");
        feed_row(&feed, 3000, 'a');
        feed_row(&feed, 21000, 'a');
        feed_expect(&feed, "15000: 97 4\n20000: 97 2\n");
        feed_row(&feed, 3000, 'a');
        CHECK_UINT(window_counts(feed.window)->late, 1);
        feed_end(&feed);
        feed_expect(&feed, "25000: 97 2\n30000: 97 1\n35000: 97 1\n");
        CHECK_UINT(window_counts(feed.window)->fired, 7);
        feed_close(&feed);
}

TEST(windows_before_1970_and_with_an_offset_begin_at_the_floor)
{
        struct rows_plan plan;
        struct feed feed;

        rows_plan_init(&plan, 600000, 600000, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        plan.op.window.offset_ms = 240000;
        feed_open(&feed, &plan, 0);
        feed_row(&feed, -360001, 1);
        feed_row(&feed, -4000, 1);
        feed_row(&feed, 4000, 1);
        feed_end(&feed);
        feed_expect(&feed, "-360000: 1 1\n240000: 1 2\n");
        feed_close(&feed);
        plan.op.window.offset_ms = -240000;
        feed_open(&feed, &plan, 0);
        feed_row(&feed, 4000, 1);
        feed_end(&feed);
        feed_expect(&feed, "360000: 1 1\n");
        feed_close(&feed);
}

TEST(empty_windows_between_rows_are_skipped_at_no_cost)
{
        struct rows_plan plan;
        struct feed feed;

        rows_plan_init(&plan, 2, 1, 0, NULL);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        feed_open(&feed, &plan, 0);
        feed_row(&feed, 1, 0);
        feed_row(&feed, INT64_C(4000000000000), 0);
        feed_end(&feed);
        feed_expect(&feed, "2: 1\n3: 1\n4000000000001: 1\n4000000000002: 1\n");
        CHECK_UINT(window_counts(feed.window)->fired, 4);
        feed_close(&feed);
}

TEST(times_at_the_ends_of_the_range_do_no_harm)
{
        static const int64_t times[] = {INT64_MIN / 1000, INT64_MAX / 1000, 0};
        struct rows_plan plan;
        struct feed feed;

        rows_plan_init(&plan, 3600000, 300000, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        feed_open(&feed, &plan, 0);
        for (unsigned i = 0; i < 3; i++) {
                struct row row = {.time_ms = times[i], .key = 1};
                struct batch batch = rows_batch(&row, 1, &arena);

                window_apply(feed.window, &batch, 0, 1);
        }
        window_advance(feed.window, INT64_MAX / 1000);
        window_advance(feed.window, INT64_MAX);
        for (int64_t end_ms; window_peek(feed.window, &end_ms);) {
                struct batch rows;

                window_emit(feed.window, 10, &rows, &end_ms);
        }
        CHECK_UINT(window_counts(feed.window)->fired, 36);
        feed_close(&feed);
}

TEST(null_is_a_key_of_its_own)
{
        struct rows_plan plan;
        struct feed feed;
        struct row rows[4] = {{.time_ms = 1, .key = 0}, {.time_ms = 1}, {.time_ms = 1}, {.time_ms = 1, .key = 7}};
        struct batch batch;

        rows[1].is_null[ROWS_KEY] = rows[2].is_null[ROWS_KEY] = true;
        rows_plan_init(&plan, 10, 10, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        feed_open(&feed, &plan, 0);
        batch = rows_batch(rows, 4, &arena);
        window_apply(feed.window, &batch, 0, 4);
        window_apply(feed.window, &batch, 2, 1);
        feed_end(&feed);
        feed_expect(&feed, "10: 0 1\n10: NULL 3\n10: 7 1\n");
        feed_close(&feed);
}

TEST(a_key_that_left_is_new_and_takes_the_first_free_place)
{
        struct rows_plan plan;
        struct feed feed;

        rows_plan_init(&plan, 10, 10, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        feed_open(&feed, &plan, 0);
        feed_row(&feed, 1, 5);
        feed_row(&feed, 2, 6);
        feed_row(&feed, 3, 7);
        feed_row(&feed, 11, 7); /* before the watermark closes the window at 10: it never leaves */
        feed_row(&feed, 12, 8);
        feed_row(&feed, 13, 5);
        CHECK_UINT(window_live_keys(feed.window), 3);
        feed_row(&feed, 21, 9);
        feed_expect(&feed, "10: 5 1\n10: 6 1\n10: 7 1\n20: 8 1\n20: 5 1\n20: 7 1\n");
        CHECK_UINT(window_live_keys(feed.window), 1);
        feed_close(&feed);
}

TEST(rows_beyond_a_cap_are_counted_overflow)
{
        static const struct window_limits limits = {.max_keys = 2, .max_entries = 3};
        struct rows_plan plan;
        struct feed feed;

        rows_plan_init(&plan, 20, 10, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        feed_open(&feed, &plan, 0);
        window_free(feed.window);
        feed.window = rows_window(&plan, &limits);
        feed_row(&feed, 1, 5);
        feed_row(&feed, 2, 6);
        feed_row(&feed, 3, 7);  /* a third key */
        feed_row(&feed, 4, 5);
        feed_row(&feed, 12, 5);
        feed_row(&feed, 13, 6); /* a fourth entry */
        feed_row(&feed, 14, 5);
        CHECK_UINT(window_counts(feed.window)->overflow, 2);
        feed_row(&feed, 21, 7); /* both keys are live still; then the pane 0..10 goes, and key 6 with it */
        feed_row(&feed, 22, 8);
        feed_end(&feed);
        feed_expect(&feed, "10: 5 2\n10: 6 1\n20: 5 4\n20: 6 1\n30: 5 2\n30: 8 1\n40: 8 1\n");
        CHECK_UINT(window_counts(feed.window)->in, 9);
        CHECK_UINT(window_counts(feed.window)->overflow, 3);
        CHECK_UINT(window_counts(feed.window)->used, 6);
        feed_close(&feed);
}

/* Rows that come while a fired window is being given out do not change it. */
TEST(emission_sees_the_window_as_it_was_when_it_fired)
{
        enum { KEYS = 3000 };
        static struct row rows[KEYS];
        struct rows_plan plan;
        struct bytes text, expected;
        struct window *window;
        struct batch batch, piece;
        int64_t end_ms;

        arena_init(&arena, 1 << 20, 0);
        bytes_init(&text);
        bytes_init(&expected);
        rows_plan_init(&plan, 20, 10, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, -1);
        rows_plan_add(&plan, AGG_MAX, ROWS_TEXT, -1);
        window = rows_window(&plan, NULL);
        for (uint32_t i = 0; i < KEYS; i++) {
                rows[i] = (struct row){.time_ms = 5, .key = i, .text = slice_from_text("first")};
                bytes_append_format(&expected, "10: %" PRIu32 " 1 first\n", i);
        }
        batch = rows_batch(rows, KEYS, &arena);
        window_apply(window, &batch, 0, KEYS);
        CHECK(window_advance(window, 9));
        for (uint32_t i = 0; i < KEYS; i++)
                rows[i].text = slice_from_text("second");
        for (uint32_t n = 0; n < KEYS;) {
                REQUIRE(window_peek(window, &end_ms));
                window_emit(window, 700, &piece, &end_ms);
                for (uint32_t i = 0; i < piece.n_rows; i++)
                        bytes_append_format(&text, "%" PRId64 ": %" PRId64 " %" PRId64 " %.*s\n", end_ms,
                                            piece.columns[0].i64[i], piece.columns[1].i64[i],
                                            (int)piece.columns[2].str[i].len,
                                            (const char *)piece.columns[2].str[i].data);
                n += piece.n_rows;
                batch = rows_batch(rows, KEYS, &arena); /* late for the window at 10, not for the one at 20 */
                window_apply(window, &batch, 0, KEYS);
        }
        CHECK_BYTES(text.data, text.len, expected.data, expected.len);
        bytes_reset(&text);
        rows_emit(window, &plan, 1000, &text);
        CHECK_UINT(text.len, 0);
        CHECK(window_pending_bytes(window) > 0);
        CHECK_UINT(window_live_keys(window), KEYS);
        window_advance(window, 19);
        rows_emit(window, &plan, 1000, &text);
        bytes_append_byte(&text, 0);
        CHECK_CONTAINS((const char *)text.data, "20: 0 6 second\n");
        CHECK_CONTAINS((const char *)text.data, "20: 2999 6 second\n");
        CHECK_UINT(window_live_keys(window), 0);
        window_release(window);
        CHECK_UINT(window_pending_bytes(window), 0);
        window_free(window);
        bytes_done(&text);
        bytes_done(&expected);
        arena_done(&arena);
}

TEST(a_group_whose_rows_are_all_filtered_is_there)
{
        struct rows_plan plan;
        struct feed feed;

        rows_plan_init(&plan, 10, 10, 1, by_key);
        rows_plan_add(&plan, AGG_COUNT_STAR, -1, ROWS_FLAG);
        rows_plan_add(&plan, AGG_SUM, ROWS_INT, ROWS_FLAG);
        rows_plan_add(&plan, AGG_AVG, ROWS_DECIMAL, ROWS_FLAG);
        rows_plan_add(&plan, AGG_MIN, ROWS_TEXT, ROWS_FLAG);
        rows_plan_add(&plan, AGG_MAX, ROWS_DOUBLE, ROWS_FLAG);
        feed_open(&feed, &plan, 0);
        feed_row(&feed, 1, 1);
        feed_end(&feed);
        feed_expect(&feed, "10: 1 0 NULL NULL NULL NULL\n");
        feed_close(&feed);
}
