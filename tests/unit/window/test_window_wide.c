/* Windows of thousands of keys: the table in many segments, panes of whole blocks. Against a plain recount, and against
 * themselves in other cuts, with frozen copies about, at the caps. */
#include "tests/unit/window/rows.h"

#include "sidecar/base/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROWS = 24000, KEYS = 6000, PER_SLIDE = 4000, SLIDE_MS = 1000, SIZE_MS = 3000, WINDOWS = ROWS / PER_SLIDE + 4 };

static const uint32_t by_key[1] = {ROWS_KEY}, by_text[1] = {ROWS_TEXT};
static struct row rows[ROWS];
static char texts[KEYS][16];

/* Two slides of disorder. Key 0 is among the keys, and one in five rows has a key that few others have. */
static void make_rows(void)
{
        struct check_random random = check_seed(7);

        for (uint32_t k = 0; k < KEYS; k++)
                snprintf(texts[k], sizeof texts[k], "key-%u", k);
        for (uint32_t i = 0; i < ROWS; i++) {
                uint64_t spread = check_random_below(&random, 5) == 0 ? KEYS : KEYS / 3;
                int64_t late_ms = (int64_t)check_random_below(&random, 2 * SLIDE_MS);

                rows[i] = (struct row){.key = (int64_t)check_random_below(&random, spread)};
                rows[i].time_ms = (int64_t)i * SLIDE_MS / PER_SLIDE - late_ms;
                rows[i].text = slice_from_text(texts[rows[i].key]);
                rows[i].flag = (int64_t)check_random_below(&random, 2);
        }
}

/* How the rows are handed over. */
struct style {
        uint32_t cut;
        bool is_frozen; /* a checkpoint is held while each other slide's rows are applied */
};

static void run(const struct rows_plan *plan, const struct window_limits *limits, const struct style *style,
                struct bytes *ret_lines, struct window_counts *ret_counts)
{
        struct window *window = rows_window(plan, limits);
        struct window_frozen *frozen = NULL;
        struct arena arena;

        arena_init(&arena, 1 << 20, 0);
        for (uint32_t i = 0; i < ROWS;) {
                uint32_t left = PER_SLIDE - i % PER_SLIDE;
                uint32_t n = style->cut < left ? style->cut : left;
                struct batch batch;

                if (style->is_frozen && i % PER_SLIDE == 0 && i / PER_SLIDE % 2 == 1)
                        frozen = window_freeze(window);
                arena_reset(&arena);
                batch = rows_batch(&rows[i], n, &arena);
                window_apply(window, &batch, 0, n);
                i += n;
                if (i % PER_SLIDE != 0)
                        continue;
                frozen = window_thaw(window, frozen);
                window_advance(window, (int64_t)i * SLIDE_MS / PER_SLIDE - 2 * SLIDE_MS);
                rows_emit(window, plan, 1000, ret_lines);
        }
        window_advance(window, INT64_MAX);
        rows_emit(window, plan, 1000, ret_lines);
        *ret_counts = *window_counts(window);
        CHECK_UINT(window_live_keys(window), 0);
        window_release(window);
        CHECK_UINT(window_pending_bytes(window), 0);
        window_free(window);
        arena_done(&arena);
}

static const struct style styles[] = {{.cut = ROWS}, {.cut = 1}, {.cut = 97}, {.cut = 300, .is_frozen = true}};
enum { STYLES = sizeof styles / sizeof styles[0] };

static int compare_lines(const void *a, const void *b)
{
        return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* In ascending order. */
static void sort_lines(struct bytes *text)
{
        struct slice *lines = alloc_array(text->len + 1, sizeof *lines);
        struct bytes sorted;
        size_t n = 0, begin = 0;

        bytes_init(&sorted);
        for (size_t i = 0; i < text->len; i++)
                if (text->data[i] == '\n') {
                        lines[n++] = slice_make(text->data + begin, i + 1 - begin);
                        begin = i + 1;
                }
        qsort(lines, n, sizeof *lines, compare_lines);
        for (size_t i = 0; i < n; i++)
                bytes_append_slice(&sorted, lines[i]);
        bytes_done(text);
        *text = sorted;
        alloc_free(lines);
}

/* A line for each window and key, from the rows alone. No row is late. */
static void recount(struct bytes *lines, bool is_text)
{
        static uint32_t all[WINDOWS][KEYS], flagged[WINDOWS][KEYS];

        memset(all, 0, sizeof all);
        memset(flagged, 0, sizeof flagged);
        for (uint32_t i = 0; i < ROWS; i++) {
                int64_t pane = (rows[i].time_ms + 2 * SLIDE_MS) / SLIDE_MS; /* 0 begins at -2 slides */

                for (int64_t w = pane; w < pane + SIZE_MS / SLIDE_MS; w++) {
                        REQUIRE(w >= 0 && w < WINDOWS);
                        all[w][rows[i].key]++;
                        flagged[w][rows[i].key] += rows[i].flag != 0;
                }
        }
        for (int64_t w = 0; w < WINDOWS; w++)
                for (uint32_t k = 0; k < KEYS; k++) {
                        if (all[w][k] == 0)
                                continue;
                        bytes_append_format(lines, "%" PRId64 ": ", (w - 1) * SLIDE_MS);
                        if (is_text)
                                bytes_append_text(lines, texts[k]);
                        else
                                bytes_append_format(lines, "%u", k);
                        bytes_append_format(lines, " %u %u\n", all[w][k], flagged[w][k]);
                }
}

static void make_plan(struct rows_plan *plan, const uint32_t *keys)
{
        rows_plan_init(plan, SIZE_MS, SLIDE_MS, 1, keys);
        rows_plan_add(plan, AGG_COUNT_STAR, -1, -1);
        rows_plan_add(plan, AGG_COUNT_STAR, -1, ROWS_FLAG);
        make_rows();
}

static void check_recount(const uint32_t *keys)
{
        struct rows_plan plan;
        struct window_counts counts;
        struct bytes first, lines, expected;

        make_plan(&plan, keys);
        bytes_init(&expected);
        recount(&expected, keys == by_text);
        sort_lines(&expected);
        for (unsigned s = 0; s < STYLES; s++) {
                bytes_init(&lines);
                run(&plan, NULL, &styles[s], &lines, &counts);
                CHECK_UINT(counts.used, ROWS);
                if (s == 0)
                        first = lines;
                else
                        CHECK_BYTES(lines.data, lines.len, first.data, first.len);
                if (s > 0)
                        bytes_done(&lines);
        }
        sort_lines(&first);
        CHECK_BYTES(first.data, first.len, expected.data, expected.len);
        bytes_done(&first);
        bytes_done(&expected);
}

TEST(thousands_of_numbers_equal_a_recount)
{
        check_recount(by_key);
}

TEST(thousands_of_texts_equal_a_recount)
{
        check_recount(by_text);
}

/* Rows before and behind a gap in which all panes go: at once, or one after the other. */
static void run_gap(const struct rows_plan *plan, bool is_at_once, struct bytes *ret_lines)
{
        struct window *window = rows_window(plan, NULL);
        struct arena arena;
        struct batch batch;

        arena_init(&arena, 1 << 20, 0);
        batch = rows_batch(rows, ROWS / 2, &arena);
        window_apply(window, &batch, 0, ROWS / 2);
        for (int64_t ms = 0; ms < 20 * SLIDE_MS && !is_at_once; ms += SLIDE_MS)
                window_advance(window, ms);
        window_advance(window, 20 * SLIDE_MS);
        CHECK_UINT(window_live_keys(window), 0);
        for (uint32_t i = 0; i < ROWS / 2; i++)
                rows[i].time_ms += 30 * SLIDE_MS;
        batch = rows_batch(rows + ROWS / 4, ROWS / 4, &arena);
        window_apply(window, &batch, 0, ROWS / 4);
        batch = rows_batch(rows, ROWS / 4, &arena);
        window_apply(window, &batch, 0, ROWS / 4);
        rows_emit(window, plan, 1000, ret_lines);
        rows_save(window, ret_lines); /* the ids stand in it */
        window_advance(window, INT64_MAX);
        rows_emit(window, plan, 1000, ret_lines);
        window_free(window);
        arena_done(&arena);
}

TEST(ids_begin_anew_behind_a_gap_however_the_panes_went)
{
        struct rows_plan plan;
        struct bytes at_once, one_by_one;

        make_plan(&plan, by_key);
        bytes_init(&at_once);
        bytes_init(&one_by_one);
        run_gap(&plan, true, &at_once);
        make_rows();
        run_gap(&plan, false, &one_by_one);
        CHECK(at_once.len > 100000);
        CHECK_BYTES(at_once.data, at_once.len, one_by_one.data, one_by_one.len);
        bytes_done(&at_once);
        bytes_done(&one_by_one);
}

/* Caps that bite in the middle of a pane: which rows go over depends on their order alone. */
TEST(caps_bite_at_the_same_row_in_every_cut)
{
        static const struct window_limits limits[] = {{.max_keys = 1 << 20, .max_entries = 5000},
                                                      {.max_keys = 3000, .max_entries = 1 << 24}};
        struct window_counts counts[STYLES];
        struct rows_plan plan;
        struct bytes first, lines;

        make_plan(&plan, by_key);
        for (unsigned l = 0; l < 2; l++) {
                for (unsigned s = 0; s < STYLES; s++) {
                        bytes_init(&lines);
                        run(&plan, &limits[l], &styles[s], &lines, &counts[s]);
                        CHECK_UINT(counts[s].used + counts[s].overflow, ROWS);
                        CHECK_UINT(counts[s].overflow, counts[0].overflow);
                        if (s == 0)
                                first = lines;
                        else
                                CHECK_BYTES(lines.data, lines.len, first.data, first.len);
                        if (s > 0)
                                bytes_done(&lines);
                }
                CHECK(counts[0].overflow > 100 && counts[0].overflow < ROWS / 2);
                bytes_done(&first);
        }
}
