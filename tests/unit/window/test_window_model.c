/* Windows against a slow model on rows that are late, disordered, NULL-ridden and extreme; and against themselves with
 * other cuts, other moments of emission, and from their own checkpoints. */
#include "tests/unit/window/model.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/decimal.h"

#include <math.h>

enum { ROWS = 1000, TEXTS = 40 };

static struct row *rows;
static int64_t *watermarks; /* after each row */
static char texts[TEXTS][40];

static double odd_double(struct check_random *random)
{
        static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e16, 1.0, -1e300, 1e-300};

        if (check_random_below(random, 4) == 0)
                return odd[check_random_below(random, sizeof odd / sizeof odd[0])];
        return (check_random_unit(random) - 0.5) * 1000;
}

static weir_i128 odd_decimal(struct check_random *random)
{
        weir_i128 value = (weir_i128)check_random_below(random, 1000000);

        if (check_random_below(random, 8) == 0)
                value = decimal_pow10(38) - 1 - value;
        else if (check_random_below(random, 8) == 0)
                value = 0;
        return check_random_below(random, 2) == 0 ? value : -value;
}

/* Times wander ahead with a disorder of some windows; now and then a long gap. */
static void make_rows(uint64_t seed, int64_t slide_ms, uint64_t n_keys)
{
        struct check_random random = check_seed(seed);
        int64_t now_ms = -3 * slide_ms, highest = 0;

        rows = alloc_zero(ROWS, sizeof *rows);
        watermarks = alloc_zero(ROWS, sizeof *watermarks);
        for (unsigned t = 0; t < TEXTS; t++)
                for (unsigned i = 0; i < 39 && i < t * 2; i++)
                        texts[t][i] = (char)('a' + check_random_below(&random, 3));
        for (uint32_t i = 0; i < ROWS; i++) {
                struct row *row = &rows[i];

                now_ms += (int64_t)check_random_below(&random, (uint64_t)slide_ms / 20);
                if (check_random_below(&random, 2000) == 0)
                        now_ms += slide_ms * (int64_t)check_random_below(&random, 40);
                row->time_ms = now_ms - (int64_t)check_random_below(&random, (uint64_t)slide_ms * 3);
                if (check_random_below(&random, 20) == 0)
                        row->time_ms -= (int64_t)check_random_below(&random, (uint64_t)slide_ms * 10);
                row->key = (int64_t)(check_random_unit(&random) * check_random_unit(&random) * (double)n_keys);
                row->number = (int64_t)(int32_t)check_random_u64(&random);
                row->real = odd_double(&random);
                row->single = (double)(float)odd_double(&random);
                row->decimal = odd_decimal(&random);
                row->text = slice_from_text(texts[check_random_below(&random, TEXTS)]);
                row->flag = (int64_t)check_random_below(&random, 2);
                for (unsigned c = 0; c < ROWS_COLUMNS; c++)
                        row->is_null[c] = c != ROWS_TIME && check_random_below(&random, 6) == 0;
                if (row->time_ms - slide_ms > highest)
                        highest = row->time_ms - slide_ms;
                watermarks[i] = highest > 0 ? highest : INT64_MIN;
        }
}

static void free_rows(void)
{
        alloc_free(rows);
        alloc_free(watermarks);
}

static void all_aggregates(struct rows_plan *plan)
{
        static const enum rows_column numbers[] = {ROWS_INT, ROWS_DOUBLE, ROWS_FLOAT, ROWS_DECIMAL};

        for (int32_t filter = -1; filter <= ROWS_FLAG; filter += ROWS_FLAG + 1) {
                rows_plan_add(plan, AGG_COUNT_STAR, -1, filter);
                for (unsigned i = 0; i < 4; i++) {
                        int32_t column = (int32_t)numbers[i];

                        rows_plan_add(plan, AGG_SUM, column, filter);
                        rows_plan_add(plan, AGG_AVG, column, filter);
                        rows_plan_add(plan, AGG_MIN, column, filter);
                        rows_plan_add(plan, AGG_MAX, column, filter);
                }
                rows_plan_add(plan, AGG_MIN, ROWS_TEXT, filter);
                rows_plan_add(plan, AGG_MAX, ROWS_TEXT, filter);
        }
        rows_plan_add(plan, AGG_COUNT, ROWS_TEXT, -1);
        rows_plan_add(plan, AGG_MAX, ROWS_FLAG, -1);
}

/* What can be taken away again: windows of many panes are made from the one before. */
static void additive_aggregates(struct rows_plan *plan)
{
        rows_plan_add(plan, AGG_COUNT_STAR, -1, -1);
        rows_plan_add(plan, AGG_COUNT, ROWS_TEXT, ROWS_FLAG);
        rows_plan_add(plan, AGG_SUM, ROWS_INT, -1);
        rows_plan_add(plan, AGG_AVG, ROWS_INT, ROWS_FLAG);
}

/* How rows are handed over: from one advance to the next in pieces of at most `cut` rows; results taken at once or,
 * lazily, `emit` rows at a time after each piece. */
struct style {
        uint32_t cut;
        uint32_t emit; /* 0: all at once */
        uint32_t checkpoint_every; /* pieces; 0: never */
};

static void emit_some(struct window *window, const struct rows_plan *plan, uint32_t n, struct bytes *lines)
{
        int64_t end_ms;

        if (n == 0) {
                rows_emit(window, plan, 1000, lines);
                return;
        }
        if (window_peek(window, &end_ms)) {
                struct batch piece;

                window_emit(window, n, &piece, &end_ms);
                rows_append_piece(&piece, plan, end_ms, lines);
        }
}

static void reload(struct window **window, const struct rows_plan *plan, int64_t watermark_ms, struct bytes *lines)
{
        struct window *fresh = rows_window(plan, NULL);
        struct bytes before, after;
        struct err err;

        rows_emit(*window, plan, 1000, lines);
        bytes_init(&before);
        bytes_init(&after);
        rows_save(*window, &before);
        window_advance(fresh, watermark_ms);
        CHECK_OK(rows_load(fresh, bytes_slice(&before), &err), &err);
        rows_save(fresh, &after);
        CHECK_BYTES(after.data, after.len, before.data, before.len);
        window_free(*window);
        *window = fresh;
        bytes_done(&before);
        bytes_done(&after);
}

static void run(const struct rows_plan *plan, const struct style *style, struct bytes *ret_lines,
                struct bytes *ret_state, struct window_counts *ret_counts)
{
        struct window *window = rows_window(plan, NULL);
        struct arena arena;
        uint32_t n_pieces = 0;
        int64_t watermark_ms = INT64_MIN;

        arena_init(&arena, 1 << 20, 0);
        for (uint32_t i = 0; i < ROWS;) {
                uint32_t n = 1;
                struct batch batch;

                while (i + n < ROWS && n < style->cut && watermarks[i + n - 1] < window_next_ms(window))
                        n++;
                arena_reset(&arena);
                batch = rows_batch(&rows[i], n, &arena);
                window_apply(window, &batch, 0, n);
                i += n;
                watermark_ms = watermarks[i - 1];
                window_advance(window, watermark_ms);
                emit_some(window, plan, style->emit, ret_lines);
                if (style->checkpoint_every > 0 && ++n_pieces % style->checkpoint_every == 0)
                        reload(&window, plan, watermark_ms, ret_lines);
        }
        rows_emit(window, plan, 1000, ret_lines);
        rows_save(window, ret_state);
        window_advance(window, INT64_MAX);
        rows_emit(window, plan, 77, ret_lines);
        *ret_counts = *window_counts(window);
        CHECK_UINT(window_live_keys(window), 0);
        window_free(window);
        arena_done(&arena);
}

static void check_all(int64_t size_ms, int64_t slide_ms, uint32_t n_keys, uint64_t key_range, uint64_t seed,
                      void (*add_aggregates)(struct rows_plan *plan))
{
        static const struct style styles[] = {
                {.cut = UINT32_MAX},
                {.cut = 1},
                {.cut = 97, .emit = 13},
                {.cut = 301, .emit = 1000, .checkpoint_every = 7},
        };
        static const uint32_t by_key[1] = {ROWS_KEY};
        struct rows_plan plan;
        struct model model;
        struct bytes lines[4], state[4];
        struct window_counts counts[4];

        rows_plan_init(&plan, size_ms, slide_ms, n_keys, by_key);
        plan.op.window.offset_ms = slide_ms / 3;
        add_aggregates(&plan);
        make_rows(seed, slide_ms, key_range);
        model_init(&model, &plan);
        for (uint32_t i = 0; i < ROWS; i++) {
                model_row(&model, &rows[i]);
                model_watermark(&model, watermarks[i]);
        }
        model_watermark(&model, INT64_MAX);
        model_sort_lines(&model.lines);
        for (unsigned s = 0; s < 4; s++) {
                bytes_init(&lines[s]);
                bytes_init(&state[s]);
                run(&plan, &styles[s], &lines[s], &state[s], &counts[s]);
                CHECK_UINT(counts[s].late, model.late);
                CHECK_UINT(counts[s].used, model.used);
                CHECK_UINT(counts[s].in, ROWS);
                CHECK_UINT(counts[s].fired, counts[0].fired);
                CHECK_BYTES(lines[s].data, lines[s].len, lines[0].data, lines[0].len);
                CHECK_BYTES(state[s].data, state[s].len, state[0].data, state[0].len);
        }
        CHECK(model.late > 10 || size_ms / slide_ms > 10);
        model_sort_lines(&lines[0]);
        CHECK_BYTES(lines[0].data, lines[0].len, model.lines.data, model.lines.len);
        for (unsigned s = 0; s < 4; s++) {
                bytes_done(&lines[s]);
                bytes_done(&state[s]);
        }
        model_done(&model);
        free_rows();
}

TEST(tumbling_windows_equal_the_model)
{
        check_all(1000, 1000, 1, 30, 1, all_aggregates);
}

TEST(hopping_windows_equal_the_model)
{
        check_all(6000, 1000, 1, 30, 2, all_aggregates);
}

TEST(windows_without_keys_equal_the_model)
{
        check_all(3000, 1000, 0, 1, 3, all_aggregates);
}

TEST(many_sparse_keys_equal_the_model)
{
        check_all(4000, 1000, 1, 4000, 4, all_aggregates);
}

TEST(windows_of_many_panes_equal_the_model)
{
        check_all(40000, 1000, 1, 12, 5, additive_aggregates);
}

TEST(windows_of_many_panes_and_keys_equal_the_model)
{
        check_all(33000, 1000, 1, 3000, 6, additive_aggregates);
}
