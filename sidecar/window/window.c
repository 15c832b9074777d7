/* window.c - rows into panes, and the watermark. See window.h.
 *
 * The usual batch touches one pane and only keys that the pane has seen: one look at the least rowtime, one lookup of
 * the keys, one check of two bits per row. Whatever is unusual about a row (a new key, a pane's first row of a key, a
 * block that a frozen copy shares, a sparse block) goes through one list in order of rows, so that ids depend on
 * nothing but that order. */
#include "sidecar/window/window_internal.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/base/span.h"

#include <assert.h>

/* From so many panes on a window is made from the one before it. With fewer, adding bytes up is cheaper than keeping
 * what they came to. */
enum { TOTALS_FROM = 32 };

/* ---- numbers and times ---- */

static int64_t floor_div(__int128 value, int64_t by)
{
        __int128 quotient = value / by;

        return window_clamp(quotient - (value % by < 0));
}

int64_t window_number_ms(const struct window *window, int64_t number)
{
        return window_clamp((__int128)number * window->slide_ms + window->offset_ms);
}

static int64_t window_number_us(const struct window *window, int64_t number)
{
        return window_clamp(((__int128)number * window->slide_ms + window->offset_ms) * TYPE_MICROS_PER_MS);
}

int64_t window_last_fired(const struct window *window, int64_t watermark_ms)
{
        if (watermark_ms == INT64_MIN || watermark_ms == INT64_MAX)
                return watermark_ms;
        return floor_div((__int128)watermark_ms + 1 - window->offset_ms, window->slide_ms);
}

static int64_t pane_number(const struct window *window, int64_t rowtime_us)
{
        return floor_div((__int128)rowtime_us - (__int128)window->offset_ms * TYPE_MICROS_PER_MS,
                         window->slide_ms * TYPE_MICROS_PER_MS);
}

/* ---- making ---- */

static void use_column(struct window *window, int32_t column)
{
        if (column < 0)
                return;
        for (uint32_t i = 0; i < window->n_used; i++)
                if (window->used[i] == (uint32_t)column)
                        return;
        window->used[window->n_used++] = (uint32_t)column;
}

static void use_columns(struct window *window)
{
        const struct plan_window *plan = window->plan;

        window->used = alloc_zero(1 + plan->n_keys + 2 * (size_t)plan->n_aggs, sizeof *window->used);
        use_column(window, plan->rowtime);
        for (uint32_t i = 0; i < plan->n_keys; i++)
                use_column(window, (int32_t)plan->keys[i]);
        for (uint32_t i = 0; i < plan->n_aggs; i++) {
                use_column(window, plan->aggs[i].argument);
                use_column(window, plan->aggs[i].filter);
        }
        for (uint32_t i = 0; i < window->n_used; i++)
                if (window->n_columns <= window->used[i])
                        window->n_columns = window->used[i] + 1;
        window->columns = alloc_zero(window->n_columns, sizeof *window->columns);
        window->key_columns = alloc_zero(plan->n_keys + 1, sizeof *window->key_columns);
        for (uint32_t i = 0; i < plan->n_keys; i++)
                window->key_columns[i] = &window->columns[plan->keys[i]];
}

int window_new(const struct plan_op *op, const struct type *input_types, const struct window_limits *limits,
               struct window **ret_window, struct err *err)
{
        const struct plan_window *plan = &op->window;
        struct window *window = alloc_pages(sizeof *window);
        enum phys phys[LIMIT_COLUMNS];

        memset(window, 0, sizeof *window);
        window->op = op;
        window->plan = plan;
        window->limits = *limits;
        window->slide_ms = plan->slide_ms;
        window->offset_ms = plan->offset_ms;
        window->n_slices = plan->size_ms / plan->slide_ms;
        window->fired = INT64_MIN;
        window->late_before_us = INT64_MIN;
        pool_init(&window->pool);
        arena_init(&window->arena, 64 << 10, 0);
        arena_init(&window->piece_arena, 256 << 10, 0);
        assert(plan->slide_ms > 0 && plan->size_ms % plan->slide_ms == 0 && plan->n_keys <= LIMIT_COLUMNS);
        for (uint32_t i = 0; i < plan->n_keys; i++)
                phys[i] = type_phys(&input_types[plan->keys[i]]);
        keys_init(&window->keys, phys, plan->n_keys, limits->max_keys, &window->pool);
        use_columns(window);
        window->piece = alloc_zero(op->n_columns + 1, sizeof *window->piece);
        if (agg_set_init(&window->aggs, plan->aggs, plan->n_aggs, input_types, err) < 0) {
                window_free(window);
                return -1;
        }
        agg_total_init(&window->scratch, &window->aggs);
        window->has_totals = window->n_slices >= TOTALS_FROM && agg_can_take_away(&window->aggs);
        block_map_init(&window->spare, &window->aggs.layout, &window->pool);
        *ret_window = window;
        return 0;
}

struct window *window_free(struct window *window)
{
        if (window == NULL)
                return NULL;
        window_fires_drop(window);
        window_totals_drop(window);
        for (uint32_t i = 0; i < window->n_panes; i++) {
                block_map_done(&window->panes[i]->map);
                alloc_free(window->panes[i]);
        }
        alloc_free(window->panes);
        if (window->spare.pool != NULL)
                block_map_done(&window->spare);
        keys_done(&window->keys);
        agg_set_done(&window->aggs);
        pool_done(&window->pool);
        arena_done(&window->arena);
        arena_done(&window->piece_arena);
        alloc_free(window->used);
        alloc_free(window->columns);
        alloc_free(window->key_columns);
        alloc_free(window->piece);
        alloc_free(window);
        return NULL;
}

/* ---- panes ---- */

/* Position of the first pane whose number is not below `index`. */
static uint32_t pane_position(const struct window *window, int64_t index)
{
        uint32_t low = 0, high = window->n_panes;

        while (low < high) {
                uint32_t middle = (low + high) / 2;

                if (window->panes[middle]->index < index)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

struct window_pane *window_pane_need(struct window *window, int64_t index)
{
        uint32_t at = pane_position(window, index);
        struct window_pane *pane;

        if (at < window->n_panes && window->panes[at]->index == index)
                return window->panes[at];
        if (window->n_panes == window->panes_capacity) {
                window->panes_capacity = window->panes_capacity == 0 ? 32 : window->panes_capacity * 2;
                window->panes = alloc_resize(window->panes, window->panes_capacity, sizeof(struct window_pane *));
        }
        memmove(&window->panes[at + 1], &window->panes[at], (window->n_panes - at) * sizeof(struct window_pane *));
        pane = alloc_zero(1, sizeof *pane);
        pane->index = index;
        pane->begin_us = window_number_us(window, index);
        pane->end_us = window_number_us(window, index + 1);
        block_map_init(&pane->map, &window->aggs.layout, &window->pool);
        window->panes[at] = pane;
        window->n_panes++;
        return pane;
}

void window_pane_drop(struct window *window, uint32_t at, uint32_t n)
{
        bool are_all = n == window->n_panes; /* behind a gap: a hundred panes of a million keys cost what one costs */

        if (are_all)
                keys_release_all(&window->keys);
        for (uint32_t i = at; i < at + n; i++) {
                struct window_pane *pane = window->panes[i];

                if (!are_all)
                        keys_release(&window->keys, pane->map.dir);
                window->n_entries -= pane->n_entries;
                block_map_done(&pane->map);
                alloc_free(pane);
        }
        memmove(&window->panes[at], &window->panes[at + n], (window->n_panes - at - n) * sizeof(struct window_pane *));
        window->n_panes -= n;
}

/* The pane of each row. Returns the one pane when all rows are in it, else NULL. */
static struct window_pane *assign_panes(struct window *window, const int64_t *rowtime, uint32_t n, int64_t least,
                                        int64_t most)
{
        struct window_pane *pane = window->n_panes == 0 ? NULL : window->panes[window->n_panes - 1];

        if (pane == NULL || least < pane->begin_us || least >= pane->end_us)
                pane = window_pane_need(window, pane_number(window, least));
        block_map_own(&pane->map, window->keys.n_ids);
        if (most < pane->end_us)
                return pane;
        for (uint32_t i = 0; i < n; i++) {
                if (rowtime[i] < pane->begin_us || rowtime[i] >= pane->end_us) {
                        pane = window_pane_need(window, pane_number(window, rowtime[i]));
                        block_map_own(&pane->map, window->keys.n_ids);
                }
                window->pane_of[i] = pane;
        }
        return NULL;
}

/* ---- entries ---- */

/* All keys are in the first block, and the pane has seen them: nothing to look up. are_listed: the rows' keys are
 * known; then they are live when all known ones are, and the pane has seen them when it has seen all. */
static bool resolve_one(struct window *window, uint32_t n, const struct window_pane *one, bool are_listed)
{
        struct agg_rows *rows = &window->rows;
        const struct keys *keys = &window->keys;
        uintptr_t entry = one->map.dir->blocks[0];
        const struct block *block = block_of(entry);
        uint64_t all = 1;

        if (keys->n_ids > BLOCK_IDS || (entry & (BLOCK_OWNED | BLOCK_DENSE)) != (BLOCK_OWNED | BLOCK_DENSE))
                return false;
        if (!are_listed || keys->n_listed != keys->n_live || block->n != keys->n_live)
                for (uint32_t i = 0; i < n; i++) {
                        uint32_t local = window->ids[i] & (BLOCK_IDS - 1);

                        all &= (block->tail[local >> 6] >> (local & 63)) & (window->ids[i] < BLOCK_IDS);
                }
        if (all == 0)
                return false;
        rows->one = block_of(entry);
        memcpy(rows->entries, window->ids, n * sizeof *rows->entries);
        return true;
}

/* An entry that has counted something is there: that is one cache line less than asking for its bit, which decides for
 * the others. */
static inline bool is_there(uintptr_t entry, const uint8_t *counters, uint32_t n_counters, uint32_t local)
{
        uint8_t any = 0;

        if (entry & BLOCK_WHOLE)
                for (uint32_t c = 0; c < n_counters; c++)
                        any |= counters[c];
        return any != 0 || bitmap_get(block_of(entry)->tail, local);
}

/* Entries that are there and can be written at once; the others are listed. `one`: the pane of all rows, or NULL. */
static inline __attribute__((always_inline)) uint32_t
resolve_some(struct window *window, uint32_t n, const struct window_pane *one, bool is_one)
{
        struct agg_rows *rows = &window->rows;
        uint32_t n_counters = window->aggs.layout.n_counters;
        uint32_t n_slow = 0;

        for (uint32_t i = 0; i < n; i++) {
                const struct block_dir *dir = is_one ? one->map.dir : window->pane_of[i]->map.dir;
                uint32_t id = window->ids[i], local = id & (BLOCK_IDS - 1);
                uintptr_t entry = id == KEYS_NO_ID ? 0 : dir->blocks[id >> BLOCK_ID_BITS];
                struct block *block = block_of(entry);
                uint8_t *counters = (uint8_t *)block + BLOCK_DENSE_COUNTERS_AT + (size_t)local * n_counters;

                if ((entry & (BLOCK_OWNED | BLOCK_DENSE)) != (BLOCK_OWNED | BLOCK_DENSE) ||
                    !is_there(entry, counters, n_counters, local)) {
                        window->slow[n_slow++] = i;
                        continue;
                }
                rows->blocks[i] = block;
                rows->entries[i] = local;
                rows->counters[i] = counters;
        }
        return n_slow;
}

/* Reads the counters of all rows, so that they are on their way at once (why they are not prefetched: keys.c). */
static void touch_entries(const struct window *window, uint32_t n, const struct window_pane *one)
{
        uint32_t n_counters = window->aggs.layout.n_counters;
        unsigned sum = 0;

        for (uint32_t i = 0; i < n; i++) {
                const struct block_dir *dir = one != NULL ? one->map.dir : window->pane_of[i]->map.dir;
                uint32_t id = window->ids[i], local = id & (BLOCK_IDS - 1);
                uintptr_t entry = id == KEYS_NO_ID ? 0 : dir->blocks[id >> BLOCK_ID_BITS];
                const uint8_t *block = (const uint8_t *)block_of(entry);

                if (entry & BLOCK_WHOLE)
                        sum += block[BLOCK_DENSE_COUNTERS_AT + (size_t)local * n_counters];
        }
        __asm__ volatile("" : : "r"(sum)); /* it was wanted */
}

static void set_entry(struct window *window, uint32_t i, struct block *block, uint32_t entry)
{
        window->rows.blocks[i] = block;
        window->rows.entries[i] = entry;
        window->rows.counters[i] = block_counters(block) + (size_t)entry * window->aggs.layout.n_counters;
}

/* Row i goes where nobody looks. */
static void set_spare(struct window *window, uint32_t i)
{
        struct block *block;
        bool is_new, is_moved;
        uint32_t entry;

        block_map_own(&window->spare, 0);
        entry = block_map_need(&window->spare, 0, 1, 0, &block, &is_new, &is_moved);
        set_entry(window, i, block, entry);
        window->ids[i] = KEYS_NO_ID;
}

/* Where the pane has no block for an id yet: what the pane before has. */
static uintptr_t entry_before(const struct window *window, const struct window_pane *pane, uint32_t id)
{
        uint32_t block = id >> BLOCK_ID_BITS, at;
        const struct block_dir *dir;

        if (pane->map.dir->blocks[block] != 0)
                return 0;
        at = pane_position(window, pane->index);
        dir = at == 0 ? NULL : window->panes[at - 1]->map.dir;
        return dir == NULL || block >= dir->n ? 0 : dir->blocks[block];
}

/* false: beyond a cap. */
static bool resolve_row(struct window *window, uint32_t i, struct window_pane *pane, bool *ret_is_moved)
{
        uint32_t id = window->ids[i], entry;
        struct block *block;
        bool is_new;

        bool is_full = window->n_entries >= window->limits.max_entries;

        if (!keys_is_sure(&window->keys, id)) {
                id = keys_need(&window->keys, i, !is_full);
                if (id == KEYS_NO_ID)
                        return false;
                window->ids[i] = id;
        }
        if (is_full && block_dir_find(pane->map.dir, id, &block) == BLOCK_NO_ENTRY)
                return false;
        block_map_own(&pane->map, id);
        entry = block_map_need(&pane->map, id, window->keys.n_ids, entry_before(window, pane, id), &block, &is_new,
                               ret_is_moved);
        if (is_new) {
                keys_hold(&window->keys, id);
                pane->n_entries++;
                window->n_entries++;
        }
        set_entry(window, i, block, entry);
        return true;
}

/* The usual first row of a key in a pane: the key is live, and the pane has a whole block for it. What comes of these
 * does not depend on their order. Returns how many of the listed rows are left. */
static uint32_t add_entries(struct window *window, uint32_t n_slow, struct window_pane *one)
{
        struct keys *keys = &window->keys;
        uint32_t n_left = 0, sum = 0;

        for (uint32_t s = 0; s < n_slow; s++)
                sum += keys_is_live(keys, window->ids[window->slow[s]]);
        __asm__ volatile("" : : "r"(sum)); /* all are on their way */
        for (uint32_t s = 0; s < n_slow; s++) {
                uint32_t i = window->slow[s], id = window->ids[i], local = id & (BLOCK_IDS - 1);
                struct window_pane *pane = one != NULL ? one : window->pane_of[i];
                uintptr_t entry = id == KEYS_NO_ID ? 0 : pane->map.dir->blocks[id >> BLOCK_ID_BITS];
                struct block *block = block_of(entry);

                if ((entry & BLOCK_FLAGS) != BLOCK_FLAGS || !keys_is_sure(keys, id)) {
                        window->slow[n_left++] = i;
                        continue;
                }
                if (block_add_whole(block, local)) {
                        keys_hold(keys, id);
                        pane->n_entries++;
                        window->n_entries++;
                }
                set_entry(window, i, block, local);
        }
        return n_left;
}

/* Finds or makes the entry of every row. Returns how many rows were beyond a cap. */
static uint32_t resolve(struct window *window, uint32_t n, struct window_pane *one, bool are_listed)
{
        uint32_t n_slow, n_over = 0;
        bool is_moved = false;

        if (one != NULL && resolve_one(window, n, one, are_listed))
                return 0;
        window->rows.one = NULL;
        if (window->keys.depth > 0)
                touch_entries(window, n, one);
        n_slow = one != NULL ? resolve_some(window, n, one, true) : resolve_some(window, n, NULL, false);
        if (n_slow == 0)
                return 0;
        if (window->keys.depth > 0 && window->n_entries + n_slow <= window->limits.max_entries)
                n_slow = add_entries(window, n_slow, one);
        for (uint32_t s = 0; s < n_slow; s++) {
                uint32_t i = window->slow[s];

                if (!resolve_row(window, i, one != NULL ? one : window->pane_of[i], &is_moved)) {
                        set_spare(window, i);
                        n_over++;
                }
        }
        if (!is_moved)
                return n_over;
        for (uint32_t i = 0; i < n; i++) { /* a block grew: addresses taken before are stale */
                const struct window_pane *pane = one != NULL ? one : window->pane_of[i];
                struct block *block;
                uint32_t entry;

                if (window->ids[i] == KEYS_NO_ID)
                        continue;
                entry = block_dir_find(pane->map.dir, window->ids[i], &block);
                assert(entry != BLOCK_NO_ENTRY);
                set_entry(window, i, block, entry);
        }
        return n_over;
}

/* ---- rows ---- */

/* The unusual batch: late rows and rows without a time leave. Returns how many stay. */
static uint32_t drop_rows(struct window *window, uint32_t n)
{
        const struct vector *rowtime = &window->columns[window->plan->rowtime];
        uint32_t selection[KEYS_BATCH];
        uint32_t n_kept = 0;

        for (uint32_t i = 0; i < n; i++)
                if (vector_is_null(rowtime, i))
                        window->counts.failed++;
                else if (rowtime->i64[i] < window->late_before_us)
                        window->counts.late++;
                else
                        selection[n_kept++] = i;
        for (uint32_t u = 0; u < window->n_used; u++) {
                struct vector old = window->columns[window->used[u]];

                vector_gather(&old, selection, n_kept, &window->columns[window->used[u]], &window->arena);
        }
        return n_kept;
}

/* Rows from..from + n, and n_next more come behind them. */
static void apply_some(struct window *window, const struct batch *rows, uint32_t from, uint32_t n, uint32_t n_next)
{
        const struct vector *rowtime = &window->columns[window->plan->rowtime];
        struct window_pane *pane;
        int64_t least, most;
        uint32_t n_over;
        bool are_listed;

        arena_reset(&window->arena);
        for (uint32_t u = 0; u < window->n_used; u++) {
                uint32_t c = window->used[u];

                vector_view(&rows->columns[c], from, n, &window->columns[c], &window->arena);
        }
        keys_announce(&window->keys, window->key_columns, n, n_next);
        window->counts.in += n;
        span_i64(rowtime->i64, n, &least, &most);
        if (least < window->late_before_us || rowtime->valid != NULL) {
                n = drop_rows(window, n);
                if (n == 0)
                        return;
                span_i64(rowtime->i64, n, &least, &most);
        }
        pane = assign_panes(window, rowtime->i64, n, least, most);
        are_listed = keys_find(&window->keys, window->key_columns, n, window->ids);
        n_over = resolve(window, n, pane, are_listed);
        window_mark_late(window, n, pane);
        window->counts.overflow += n_over;
        window->counts.used += n - n_over;
        window->rows.n = n;
        window->rows.columns = window->columns;
        agg_update(&window->aggs, &window->spare, &window->rows);
}

void window_apply(struct window *window, const struct batch *rows, uint32_t from, uint32_t n)
{
        uint32_t most, n_next;

        for (uint32_t at = 0; at < n; at += most) {
                most = n - at < KEYS_BATCH ? n - at : KEYS_BATCH;
                n_next = n - at - most < KEYS_BATCH ? n - at - most : KEYS_BATCH;
                apply_some(window, rows, from + at, most, n_next);
        }
}

void window_count_failed(struct window *window, uint64_t n)
{
        window->counts.in += n;
        window->counts.failed += n;
}

int64_t window_next_ms(const struct window *window)
{
        if (window->fired == INT64_MIN || window->fired == INT64_MAX)
                return window->fired;
        return window_clamp((__int128)window_number_ms(window, window->fired + 1) - 1);
}

struct window_counts *window_counts(struct window *window)
{
        return &window->counts;
}

uint64_t window_live_keys(const struct window *window)
{
        return window->keys.n_live;
}

size_t window_state_bytes(const struct window *window)
{
        size_t bytes = window->pool.used + window->keys.capacity * (sizeof *window->keys.holds + 1);

        for (uint32_t i = 0; i < window->n_totals; i++)
                bytes += window->totals[i] == NULL ? 0 : agg_total_bytes(&window->aggs);
        return bytes;
}

size_t window_pending_bytes(const struct window *window)
{
        return window->pool.used - window->pool.live;
}
