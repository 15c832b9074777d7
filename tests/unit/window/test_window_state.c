/* A window's checkpoint when its bytes are not what they were: refused with a sentence, never a crash. */
#include "tests/unit/window/rows.h"

#include <pthread.h>

static const uint32_t keys[2] = {ROWS_TEXT, ROWS_DECIMAL};

static void fill(struct window *window, uint32_t n)
{
        struct arena arena;
        struct row row = {.time_ms = 0};
        struct batch batch;
        char text[16];

        arena_init(&arena, 4096, 0);
        for (uint32_t i = 0; i < n; i++) {
                row.time_ms = i;
                row.text = slice_make(text, i % 11);
                memset(text, 'a' + (int)(i % 7), sizeof text);
                row.decimal = i % 5;
                row.number = i;
                row.real = i;
                row.is_null[ROWS_TEXT] = i % 13 == 0;
                row.is_null[ROWS_INT] = i % 3 == 0;
                arena_reset(&arena);
                batch = rows_batch(&row, 1, &arena);
                window_apply(window, &batch, 0, 1);
        }
        arena_done(&arena);
}

static void make_plan(struct rows_plan *plan)
{
        rows_plan_init(plan, 40, 10, 2, keys);
        rows_plan_add(plan, AGG_COUNT_STAR, -1, -1);
        rows_plan_add(plan, AGG_SUM, ROWS_INT, -1);
        rows_plan_add(plan, AGG_SUM, ROWS_DECIMAL, -1);
        rows_plan_add(plan, AGG_MIN, ROWS_TEXT, -1);
        rows_plan_add(plan, AGG_MAX, ROWS_DOUBLE, -1);
}

/* The records up to and with the first one that is refused. */
static int try_load(const struct rows_plan *plan, struct slice bytes, bool *ret_is_same, struct slice original)
{
        struct window *window = rows_window(plan, NULL);
        struct bytes again;
        struct err err;
        int result;

        err_reset(&err);
        window_advance(window, 24);
        result = rows_load(window, bytes, &err);
        if (result == 0) {
                bytes_init(&again);
                rows_save(window, &again);
                *ret_is_same = slice_is_equal(bytes_slice(&again), original);
                window_advance(window, INT64_MAX);
                for (int64_t end_ms; window_peek(window, &end_ms);) {
                        struct batch piece;

                        window_emit(window, 1000, &piece, &end_ms);
                }
                bytes_done(&again);
        } else if (err.text[0] == 0) {
                CHECK_FAIL("a refusal without a sentence");
        }
        window_free(window);
        return result;
}

TEST(a_checkpoint_comes_back_as_it_was)
{
        struct rows_plan plan;
        struct window *window, *copy;
        struct bytes first, second;
        struct err err;

        make_plan(&plan);
        bytes_init(&first);
        bytes_init(&second);
        window = rows_window(&plan, NULL);
        window_advance(window, 24);
        fill(window, 300);
        rows_save(window, &first);
        copy = rows_window(&plan, NULL);
        window_advance(copy, 24);
        CHECK_OK(rows_load(copy, bytes_slice(&first), &err), &err);
        CHECK_UINT(window_live_keys(copy), window_live_keys(window));
        rows_save(copy, &second);
        CHECK_BYTES(second.data, second.len, first.data, first.len);
        bytes_reset(&first);
        bytes_reset(&second);
        fill(window, 300); /* and goes on as if nothing had happened */
        fill(copy, 300);
        window_advance(window, 100);
        window_advance(copy, 100);
        rows_emit(window, &plan, 100, &first);
        rows_emit(copy, &plan, 7, &second);
        CHECK(first.len > 1000);
        CHECK_BYTES(second.data, second.len, first.data, first.len);
        window_free(window);
        window_free(copy);
        bytes_done(&first);
        bytes_done(&second);
}

TEST(no_flipped_byte_does_harm)
{
        struct check_random random = check_seed(5);
        struct rows_plan plan;
        struct window *window;
        struct bytes bytes;
        uint32_t n_refused = 0, n_tried = 0;

        make_plan(&plan);
        bytes_init(&bytes);
        window = rows_window(&plan, NULL);
        window_advance(window, 24);
        fill(window, 25);
        rows_save(window, &bytes);
        for (size_t at = 0; at < bytes.len; at++) {
                uint8_t old = bytes.data[at];
                bool is_same = false;

                bytes.data[at] = (uint8_t)(old ^ (1u << check_random_below(&random, 8)));
                n_tried++;
                n_refused += try_load(&plan, bytes_slice(&bytes), &is_same, bytes_slice(&bytes)) < 0;
                bytes.data[at] = old;
        }
        CHECK(n_refused > n_tried / 10);
        for (size_t len = 0; len < bytes.len; len += 3) {
                bool is_same = false;

                n_refused = try_load(&plan, slice_make(bytes.data, len), &is_same, bytes_slice(&bytes)) < 0;
                CHECK(!is_same);
        }
        window_free(window);
        bytes_done(&bytes);
}

TEST(a_key_in_no_pane_is_refused)
{
        /* KEYS record with one key, nothing else: id 0, not NULL, key of 2 columns that are both NULL. */
        static const uint8_t record[] = {2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3};
        struct rows_plan plan;
        struct window *window;
        struct err err;

        make_plan(&plan);
        window = rows_window(&plan, NULL);
        CHECK_FAILS(rows_load(window, slice_make(record, sizeof record), &err), &err, "in no pane");
        window_free(window);
}

TEST(a_pane_behind_the_watermark_is_refused)
{
        static const uint8_t record[] = {3, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0};
        struct rows_plan plan;
        struct window *window;
        struct err err;

        make_plan(&plan);
        window = rows_window(&plan, NULL);
        window_advance(window, 1000);
        CHECK_FAILS(rows_load(window, slice_make(record, sizeof record), &err), &err, "older than the watermark");
        window_free(window);
}

struct writing {
        struct window_frozen *frozen;
        struct bytes bytes;
};

static void *write_all(void *context)
{
        struct writing *writing = context;

        while (window_frozen_next(writing->frozen, &writing->bytes, writing->bytes.len + 500))
                ;
        return NULL;
}

/* What the keeper does: a checkpoint is written by one thread while rows, slides and results go on in the other. */
TEST(a_frozen_window_is_written_while_rows_go_on)
{
        struct rows_plan plan;
        struct window *window;
        struct writing writing;
        struct bytes before, lines;
        pthread_t thread;

        make_plan(&plan);
        bytes_init(&before);
        bytes_init(&lines);
        bytes_init(&writing.bytes);
        window = rows_window(&plan, NULL);
        fill(window, 2000);
        rows_save(window, &before);
        writing.frozen = window_freeze(window);
        REQUIRE(pthread_create(&thread, NULL, write_all, &writing) == 0);
        fill(window, 2500);
        window_advance(window, 1500);
        rows_emit(window, &plan, 50, &lines);
        fill(window, 3000);
        pthread_join(thread, NULL);
        CHECK_BYTES(writing.bytes.data, writing.bytes.len, before.data, before.len);
        window_thaw(window, writing.frozen);
        CHECK(lines.len > 1000);
        window_release(window);
        CHECK_UINT(window_pending_bytes(window), 0);
        window_free(window);
        bytes_done(&before);
        bytes_done(&lines);
        bytes_done(&writing.bytes);
}
