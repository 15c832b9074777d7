/* window_fire.c - windows that the watermark has closed: frozen at once, emitted piece by piece. See window.h.
 *
 * Where a window has many panes (TOTALS_FROM) and its aggregates are counts and sums of integers, what a block of keys
 * came to is kept, less the oldest pane; the next window then adds its newest pane only. A row that is late for a
 * window that has fired, yet counts in later ones, makes what is kept of its block stale: that block is merged from its
 * panes once. */
#include "sidecar/window/window_internal.h"

#include "sidecar/base/alloc.h"

#include <assert.h>

enum { MERGES_PER_CALL = 2048 }; /* blocks merged in one call at least before it gives less than it was asked for */

static void fire_drop(struct window *window, struct window_fire *fire)
{
        for (uint32_t i = fire->first_sheet; i < fire->n_sheets; i++)
                block_dir_drop(fire->sheets[i].dir, &window->aggs.layout, &window->pool);
        keys_thaw(&window->keys, &fire->keys);
        alloc_free(fire);
}

void window_release(struct window *window)
{
        if (window->spent == NULL)
                return;
        fire_drop(window, window->spent);
        window->spent = NULL;
}

void window_fires_drop(struct window *window)
{
        window_release(window);
        while (window->fires != NULL) {
                struct window_fire *next = window->fires->next;

                fire_drop(window, window->fires);
                window->fires = next;
        }
        window->last_fire = NULL;
}

/* ---- firing ---- */

/* How many windows of first..last hold one of the panes. */
static uint64_t count_windows(const struct window_fire *fire, int64_t n_slices, int64_t first, int64_t last)
{
        int64_t counted = first - 1; /* windows up to this one were counted or have no rows */
        uint64_t n = 0;

        for (uint32_t i = 0; i < fire->n_sheets; i++) {
                int64_t from = fire->sheets[i].index + 1, to = fire->sheets[i].index + n_slices;

                from = from <= counted ? counted + 1 : from;
                to = to > last ? last : to;
                if (from <= to) {
                        n += (uint64_t)(to - from) + 1;
                        counted = to;
                }
        }
        return n;
}

/* The first window after `end` that holds a pane with rows; INT64_MAX: none. */
static int64_t next_end(const struct window *window, const struct window_fire *fire, int64_t end)
{
        for (uint32_t i = fire->first_sheet; i < fire->n_sheets; i++) {
                if (fire->sheets[i].index + window->n_slices <= end)
                        continue;
                return fire->sheets[i].index >= end ? fire->sheets[i].index + 1 : end + 1;
        }
        return INT64_MAX;
}

/* Sheets that only earlier windows need go; strings of MIN and MAX that were given out point into them until now. */
static void drop_sheets(struct window *window, struct window_fire *fire)
{
        while (fire->first_sheet < fire->n_sheets &&
               fire->sheets[fire->first_sheet].index + window->n_slices < fire->end) {
                block_dir_drop(fire->sheets[fire->first_sheet].dir, &window->aggs.layout, &window->pool);
                fire->first_sheet++;
        }
}

static struct window_fire *fire_make(struct window *window, int64_t fired)
{
        struct window_fire *fire;
        uint32_t n = 0;

        for (uint32_t i = 0; i < window->n_panes && window->panes[i]->index < fired; i++)
                n += window->panes[i]->n_entries > 0;
        if (n == 0)
                return NULL;
        fire = alloc_zero(1, sizeof *fire + n * sizeof *fire->sheets);
        for (uint32_t i = 0; fire->n_sheets < n; i++) {
                struct window_pane *pane = window->panes[i];

                if (pane->n_entries == 0)
                        continue;
                fire->sheets[fire->n_sheets++] = (struct window_sheet){
                        .index = pane->index, .n_entries = pane->n_entries, .dir = block_map_freeze(&pane->map)};
                if (fire->n_blocks < pane->map.dir->n)
                        fire->n_blocks = pane->map.dir->n;
        }
        keys_freeze(&window->keys, &fire->keys);
        return fire;
}

bool window_advance(struct window *window, int64_t watermark_ms)
{
        int64_t fired = window_last_fired(window, watermark_ms);
        int64_t before = window->fired;
        struct window_fire *fire;
        uint32_t n_gone = 0;

        if (fired <= before)
                return false;
        fire = fire_make(window, fired);
        window->fired = fired;
        window->late_before_us = INT64_MAX;
        if (fired != INT64_MAX) {
                __int128 first = (__int128)(fired - window->n_slices + 1) * window->slide_ms + window->offset_ms;

                window->late_before_us = window_clamp(first * TYPE_MICROS_PER_MS);
        }
        while (n_gone < window->n_panes && window->panes[n_gone]->index <= fired - window->n_slices)
                n_gone++;
        if (n_gone > 0)
                window_pane_drop(window, 0, n_gone);
        if (fire == NULL)
                return false;
        fire->fired = fired;
        fire->last_end = fire->sheets[fire->n_sheets - 1].index + window->n_slices;
        if (fire->last_end > fired)
                fire->last_end = fired;
        fire->end = next_end(window, fire, before);
        window->counts.fired +=
                count_windows(fire, window->n_slices, before == INT64_MIN ? fire->end : before + 1, fired);
        if (window->last_fire == NULL)
                window->fires = fire;
        else
                window->last_fire->next = fire;
        window->last_fire = fire;
        window->n_made++;
        return true;
}

uint64_t window_fires_made(const struct window *window)
{
        return window->n_made;
}

uint64_t window_fires_done(const struct window *window)
{
        return window->n_done;
}

bool window_peek(const struct window *window, int64_t *ret_end_ms)
{
        if (window->fires == NULL)
                return false;
        *ret_end_ms = window_number_ms(window, window->fires->end);
        return true;
}

/* ---- emission ---- */

static uintptr_t sheet_entry(const struct window_sheet *sheet, uint32_t block)
{
        return block < sheet->dir->n ? sheet->dir->blocks[block] : 0;
}

/* The sheet of pane `index`, NULL: it has no rows. */
static const struct window_sheet *find_sheet(const struct window_fire *fire, int64_t index)
{
        uint32_t low = fire->first_sheet, high = fire->n_sheets;

        while (low < high) {
                uint32_t middle = (low + high) / 2;

                if (fire->sheets[middle].index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < fire->n_sheets && fire->sheets[low].index == index ? &fire->sheets[low] : NULL;
}

/* All panes of the window at hand, newest first. false: none has rows in this block. */
static bool merge_panes(struct window *window, const struct window_fire *fire, uint32_t block, struct agg_total *total,
                        uint32_t *ret_merges)
{
        bool has_rows = false;

        for (uint32_t i = fire->n_sheets; i-- > fire->first_sheet;) {
                uintptr_t entry = fire->sheets[i].index >= fire->end ? 0 : sheet_entry(&fire->sheets[i], block);

                if (entry == 0)
                        continue;
                if (!has_rows)
                        agg_merge_begin(&window->aggs, total);
                has_rows = true;
                agg_merge(&window->aggs, total, entry);
                if (window->has_totals)
                        agg_hold(total, entry, 1);
                ++*ret_merges;
        }
        if (has_rows)
                agg_merge_end(&window->aggs, total);
        return has_rows;
}

/* What was kept of the window before is up to date but for the newest pane. */
static bool is_fresh(const struct window *window, const struct window_fire *fire, const struct window_total *kept,
                     uint32_t block)
{
        return kept->is_there && kept->next_end == fire->end &&
               (kept->fired == fire->fired || window->late_marks[block] < kept->fired);
}

static struct window_total *need_total(struct window *window, uint32_t block)
{
        if (block >= window->n_totals) {
                uint32_t n = block * 2 + 8;

                window->totals = alloc_resize(window->totals, n, sizeof(struct window_total *));
                window->late_marks = alloc_resize(window->late_marks, n, sizeof *window->late_marks);
                for (uint32_t i = window->n_totals; i < n; i++) {
                        window->totals[i] = NULL;
                        window->late_marks[i] = INT64_MIN;
                }
                window->n_totals = n;
        }
        if (window->totals[block] == NULL) {
                window->totals[block] = alloc_zero(1, sizeof *window->totals[block]);
                agg_total_init(&window->totals[block]->total, &window->aggs);
        }
        return window->totals[block];
}

void window_totals_drop(struct window *window)
{
        for (uint32_t i = 0; i < window->n_totals; i++)
                if (window->totals[i] != NULL) {
                        agg_total_done(&window->totals[i]->total);
                        alloc_free(window->totals[i]);
                }
        alloc_free(window->totals);
        alloc_free(window->late_marks);
        window->totals = NULL;
        window->late_marks = NULL;
        window->n_totals = 0;
        agg_total_done(&window->scratch);
}

void window_mark_late(struct window *window, uint32_t n, const struct window_pane *one)
{
        if (!window->has_totals || (one != NULL && one->index >= window->fired))
                return;
        for (uint32_t i = 0; i < n; i++) {
                uint32_t block = window->ids[i] >> BLOCK_ID_BITS;

                if (window->ids[i] != KEYS_NO_ID && block < window->n_totals &&
                    (one != NULL || window->pane_of[i]->index < window->fired))
                        window->late_marks[block] = window->fired;
        }
}

/* The block at hand is given out: its total less the pane that the next window has no more. */
static void settle_block(struct window *window, const struct window_fire *fire)
{
        struct window_total *kept = window->kept;
        const struct window_sheet *oldest;

        window->kept = NULL;
        if (kept == NULL)
                return;
        oldest = find_sheet(fire, fire->end - window->n_slices);
        if (oldest != NULL && sheet_entry(oldest, fire->block - 1) != 0)
                agg_take_away(&window->aggs, &kept->total, sheet_entry(oldest, fire->block - 1));
        kept->next_end = fire->end + 1;
        kept->fired = fire->fired;
        kept->is_there = true;
}

static void slide_total(struct window *window, const struct window_fire *fire, uint32_t block,
                        struct window_total *kept, uint32_t *ret_merges)
{
        const struct window_sheet *newest = find_sheet(fire, fire->end - 1);

        if (is_fresh(window, fire, kept, block)) {
                if (newest != NULL && sheet_entry(newest, block) != 0)
                        agg_add(&window->aggs, &kept->total, sheet_entry(newest, block));
        } else if (!merge_panes(window, fire, block, &kept->total, ret_merges)) {
                agg_merge_begin(&window->aggs, &kept->total);
        }
        kept->is_there = false; /* until it is settled */
}

/* Merges the next block of the window at hand that has rows. false: there is none left; *ret_merges counts up. */
static bool merge_block(struct window *window, struct window_fire *fire, uint32_t *ret_merges)
{
        settle_block(window, fire);
        while (fire->block < fire->n_blocks) {
                uint32_t block = fire->block++;

                ++*ret_merges;
                if (window->has_totals) {
                        window->kept = need_total(window, block);
                        window->total = &window->kept->total;
                        slide_total(window, fire, block, window->kept, ret_merges);
                } else {
                        window->total = &window->scratch;
                        if (!merge_panes(window, fire, block, window->total, ret_merges))
                                continue;
                }
                window->n_locals = 0;
                window->next_local = 0;
                for (uint32_t w = 0; w < BLOCK_PRESENT_WORDS; w++)
                        for (uint64_t bits = window->total->present[w]; bits != 0; bits &= bits - 1)
                                window->locals[window->n_locals++] = w * 64 + (uint32_t)__builtin_ctzll(bits);
                if (window->n_locals > 0)
                        return true;
                settle_block(window, fire);
        }
        return false;
}

static void begin_piece(struct window *window, uint32_t max_rows)
{
        const struct plan_op *op = window->op;

        arena_reset(&window->piece_arena);
        for (uint32_t c = 0; c < op->n_columns; c++)
                vector_init(&window->piece[c], type_phys(&op->types[c]), max_rows, &window->piece_arena);
}

/* n rows of the block merged last. */
static void fill_piece(struct window *window, struct window_fire *fire, uint32_t at, uint32_t n, uint32_t max_rows)
{
        const uint32_t *locals = window->locals + window->next_local;
        uint32_t first_id = (fire->block - 1) * BLOCK_IDS;
        uint32_t ids[BLOCK_IDS];

        for (uint32_t i = 0; i < n; i++)
                ids[i] = first_id + locals[i];
        keys_decode(&window->keys, &fire->keys, ids, n, window->piece, at, max_rows, &window->piece_arena);
        agg_finish(&window->aggs, window->total, locals, n, window->piece + window->plan->n_keys, at, max_rows,
                   &window->piece_arena);
        window->next_local += n;
}

static void fill_times(struct window *window, int64_t end, uint32_t n)
{
        const struct plan_window *plan = window->plan;
        struct vector *times = window->piece + plan->n_keys + plan->n_aggs;
        __int128 end_us = (__int128)end * TYPE_MICROS_PER_MS;
        int64_t values[3] = {window_clamp(end_us - (__int128)plan->size_ms * TYPE_MICROS_PER_MS), window_clamp(end_us),
                             window_clamp(end_us - TYPE_MICROS_PER_MS)};

        for (unsigned c = 0; c < 3; c++)
                for (uint32_t i = 0; i < n; i++)
                        times[c].i64[i] = values[c];
}

static void end_window(struct window *window, struct window_fire *fire)
{
        fire->block = 0;
        fire->end = next_end(window, fire, fire->end);
        if (fire->end <= fire->last_end)
                return;
        window->fires = fire->next;
        if (window->fires == NULL)
                window->last_fire = NULL;
        window->n_done++;
        window->spent = fire;
}

void window_emit(struct window *window, uint32_t max_rows, struct batch *ret_rows, int64_t *ret_end_ms)
{
        struct window_fire *fire = window->fires;
        uint32_t n = 0, n_merges = 0;

        assert(fire != NULL && max_rows > 0);
        window_release(window);
        drop_sheets(window, fire);
        *ret_end_ms = window_number_ms(window, fire->end);
        begin_piece(window, max_rows);
        while (n < max_rows) {
                uint32_t left = window->n_locals - window->next_local;
                uint32_t take = left < max_rows - n ? left : max_rows - n;

                if (take > 0) {
                        fill_piece(window, fire, n, take, max_rows);
                        n += take;
                        continue;
                }
                if (n_merges >= MERGES_PER_CALL)
                        break;
                if (!merge_block(window, fire, &n_merges)) {
                        window->n_locals = window->next_local = 0;
                        end_window(window, fire);
                        break;
                }
        }
        fill_times(window, *ret_end_ms, n);
        *ret_rows = (struct batch){.n_rows = n, .n_columns = window->op->n_columns, .columns = window->piece};
}
