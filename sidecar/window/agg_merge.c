/* agg_merge.c - panes into results. See agg.h. */
#include "sidecar/window/agg_internal.h"

#include "sidecar/base/decimal.h"

enum { STRIDE = 64, LOW_BLOCKS_MAX = 256 };

/* Entries of one block, listed once for all states. */
struct pairs {
        uint32_t n;
        uint16_t entry[BLOCK_IDS];
        uint16_t local[BLOCK_IDS];
};

void agg_merge_begin(struct agg_set *set, struct agg_total *total)
{
        const struct block_layout *layout = &set->layout;

        memset(total->present, 0, sizeof total->present);
        memset(total->held, 0, BLOCK_IDS * sizeof *total->held);
        memset(total->counters, 0, (size_t)layout->n_counters * BLOCK_IDS * sizeof *total->counters);
        memset(set->low_counters, 0, (size_t)layout->n_counters * BLOCK_IDS * sizeof *set->low_counters);
        set->n_low = 0;
        for (uint32_t w = 0; w < layout->n_words; w++)
                for (uint32_t i = 0; i < BLOCK_IDS; i++)
                        total->words[(size_t)i * layout->n_words + w] = layout->first_words[w];
        for (uint32_t w = 0; w < layout->n_wides; w++)
                for (uint32_t i = 0; i < BLOCK_IDS; i++)
                        total->wides[(size_t)i * layout->n_wides + w] = layout->first_wides[w];
        memset(total->texts, 0, (size_t)layout->n_texts * BLOCK_IDS * sizeof *total->texts);
}

/* ---- counters ---- */

static void flush_low(struct agg_set *set, struct agg_total *total)
{
        size_t n = (size_t)set->layout.n_counters * BLOCK_IDS;

        for (size_t i = 0; i < n; i += STRIDE)
                for (size_t k = 0; k < STRIDE; k++) {
                        total->counters[i + k] += set->low_counters[i + k];
                        set->low_counters[i + k] = 0;
                }
        set->n_low = 0;
}

static void add_low(uint16_t *restrict sums, const uint8_t *restrict counters, size_t n)
{
        for (size_t i = 0; i < n; i += STRIDE)
                for (size_t k = 0; k < STRIDE; k++)
                        sums[i + k] = (uint16_t)(sums[i + k] + counters[i + k]);
}

/* The planes above the lowest. sign: 1, or -1 in two's complement. */
static void add_high(struct agg_total *total, const struct block *block, size_t n, uint64_t sign)
{
        for (size_t i = 0; block->plane8 != NULL && i < n; i++)
                total->counters[i] += sign * ((uint64_t)block->plane8[i] << 8);
        for (size_t i = 0; block->plane16 != NULL && i < n; i++)
                total->counters[i] += sign * ((uint64_t)block->plane16[i] << 16);
        for (size_t i = 0; block->plane32 != NULL && i < n; i++)
                total->counters[i] += sign * ((uint64_t)block->plane32[i] << 32);
}

static void merge_dense_counters(struct agg_set *set, struct agg_total *total, struct block *block)
{
        size_t n = (size_t)block->capacity * set->layout.n_counters; /* a multiple of STRIDE: capacity is */

        add_low(set->low_counters, block_counters(block), n);
        add_high(total, block, n, 1);
        if (++set->n_low == LOW_BLOCKS_MAX)
                flush_low(set, total);
}

static void add_sparse_counters(const struct agg_set *set, struct agg_total *total, struct block *block, uint64_t sign)
{
        uint32_t n_counters = set->layout.n_counters;

        for (uint32_t e = 0; e < block->n; e++)
                for (uint32_t c = 0; c < n_counters; c++)
                        total->counters[block_ids(block)[e] * n_counters + c] +=
                                sign * block_counter(block, e * n_counters + c);
}

/* ---- states ---- */

static void merge_i64(const struct agg_set *set, struct agg_total *total, const struct agg_state *state,
                      struct block *block, const struct pairs *pairs)
{
        uint32_t n_words = set->layout.n_words;
        const uint64_t *from = block_words(block) + state->at;
        uint64_t *to = total->words + state->at;

        switch (state->kind) {
        case AGG_STATE_SUM_I64:
                for (uint32_t i = 0; i < pairs->n; i++)
                        to[pairs->local[i] * n_words] += from[pairs->entry[i] * n_words];
                return;
        case AGG_STATE_MIN_I64:
                for (uint32_t i = 0; i < pairs->n; i++) {
                        uint64_t *old = &to[pairs->local[i] * n_words], new = from[pairs->entry[i] * n_words];

                        *old = (int64_t)new < (int64_t)*old ? new : *old;
                }
                return;
        default:
                for (uint32_t i = 0; i < pairs->n; i++) {
                        uint64_t *old = &to[pairs->local[i] * n_words], new = from[pairs->entry[i] * n_words];

                        *old = (int64_t)new > (int64_t)*old ? new : *old;
                }
                return;
        }
}

static void merge_f64(const struct agg_set *set, struct agg_total *total, const struct agg_state *state,
                      struct block *block, const struct pairs *pairs)
{
        uint32_t n_words = set->layout.n_words;
        const uint64_t *from = block_words(block) + state->at;
        uint64_t *to = total->words + state->at;

        for (uint32_t i = 0; i < pairs->n; i++) {
                uint64_t *old = &to[pairs->local[i] * n_words], new = from[pairs->entry[i] * n_words];

                if (state->kind == AGG_STATE_SUM_F32)
                        *old = agg_add_f32(*old, agg_f64_of(new));
                else if (state->kind == AGG_STATE_SUM_F64 || state->kind == AGG_STATE_AVG_F64)
                        *old = agg_f64_bits(agg_f64_of(*old) + agg_f64_of(new));
                else if (new != AGG_NO_F64)
                        *old = agg_better_f64(*old, agg_f64_of(new), state->kind == AGG_STATE_MIN_F64);
        }
}

static void merge_dec(const struct agg_set *set, struct agg_total *total, const struct agg_state *state,
                      struct block *block, const struct pairs *pairs)
{
        uint32_t n_wides = set->layout.n_wides;
        const weir_i128 *from = block_wides(block) + state->at;
        weir_i128 *to = total->wides + state->at;

        for (uint32_t i = 0; i < pairs->n; i++) {
                weir_i128 *old = &to[pairs->local[i] * n_wides], new = from[pairs->entry[i] * n_wides];

                if (state->kind == AGG_STATE_AVG_DEC)
                        *old = agg_avg_dec(*old, new);
                else if (state->kind == AGG_STATE_SUM_DEC)
                        *old = new == 0 ? *old : agg_sum_dec(*old, new == AGG_ODD_DEC ? 0 : new);
                else if (state->kind == AGG_STATE_MIN_DEC ? new < *old : new > *old)
                        *old = new;
        }
}

static void merge_str(const struct agg_set *set, struct agg_total *total, const struct agg_state *state,
                      struct block *block, const struct pairs *pairs)
{
        uint32_t n_words = set->layout.n_words, n_texts = set->layout.n_texts;
        const uint64_t *from = block_words(block) + state->at;
        struct slice *to = total->texts + state->at;

        for (uint32_t i = 0; i < pairs->n; i++) {
                struct slice *old = &to[pairs->local[i] * n_texts], new;

                if (from[pairs->entry[i] * n_words] == 0)
                        continue;
                new = block_text_of(block, from[pairs->entry[i] * n_words]);
                if (old->data != NULL) {
                        int order = slice_compare(new, *old);

                        if (state->kind == AGG_STATE_MIN_STR ? order >= 0 : order <= 0)
                                continue;
                }
                *old = new;
        }
}

static void list_pairs(uintptr_t entry, struct pairs *ret_pairs)
{
        struct block_cursor cursor = block_cursor_make(entry);
        uint32_t at, local;

        ret_pairs->n = 0;
        while (block_cursor_next(&cursor, &at, &local)) {
                ret_pairs->entry[ret_pairs->n] = (uint16_t)at;
                ret_pairs->local[ret_pairs->n++] = (uint16_t)local;
        }
}

static void merge_states(const struct agg_set *set, struct agg_total *total, uintptr_t entry)
{
        struct block *block = block_of(entry);
        struct pairs pairs;

        list_pairs(entry, &pairs);
        for (uint32_t s = 0; s < set->n_states; s++) {
                const struct agg_state *state = &set->states[s];

                switch (state->kind) {
                case AGG_STATE_SUM_I64:
                case AGG_STATE_MIN_I64:
                case AGG_STATE_MAX_I64:
                        merge_i64(set, total, state, block, &pairs);
                        break;
                case AGG_STATE_MIN_STR:
                case AGG_STATE_MAX_STR:
                        merge_str(set, total, state, block, &pairs);
                        break;
                case AGG_STATE_SUM_DEC:
                case AGG_STATE_AVG_DEC:
                case AGG_STATE_MIN_DEC:
                case AGG_STATE_MAX_DEC:
                        merge_dec(set, total, state, block, &pairs);
                        break;
                default:
                        merge_f64(set, total, state, block, &pairs);
                        break;
                }
        }
}

void agg_merge(struct agg_set *set, struct agg_total *total, uintptr_t entry)
{
        block_or_present(entry, total->present);
        if (block_is_dense(entry))
                merge_dense_counters(set, total, block_of(entry));
        else
                add_sparse_counters(set, total, block_of(entry), 1);
        if (set->n_states > 0)
                merge_states(set, total, entry);
}

void agg_merge_end(struct agg_set *set, struct agg_total *total)
{
        if (set->n_low > 0)
                flush_low(set, total);
}

/* ---- totals that slide ---- */

bool agg_can_take_away(const struct agg_set *set)
{
        for (uint32_t s = 0; s < set->n_states; s++)
                if (set->states[s].kind != AGG_STATE_SUM_I64)
                        return false;
        return true;
}

/* `held` of eight neighbours by one byte of presence bits. */
static void count_held(uint16_t *held, uint64_t bits, uint16_t sign)
{
        for (unsigned i = 0; bits != 0; i++, bits >>= 8)
                for (unsigned k = 0; (bits & 0xff) != 0 && k < 8; k++)
                        held[i * 8 + k] = (uint16_t)(held[i * 8 + k] + (bits >> k & 1) * sign);
}

void agg_hold(struct agg_total *total, uintptr_t entry, int sign)
{
        uint64_t present[BLOCK_PRESENT_WORDS] = {0};

        block_or_present(entry, present);
        for (uint32_t w = 0; w < BLOCK_PRESENT_WORDS; w++)
                if (present[w] != 0)
                        count_held(total->held + w * 64, present[w], (uint16_t)sign);
}

static void slide(const struct agg_set *set, struct agg_total *total, uintptr_t entry, uint64_t sign)
{
        struct block *block = block_of(entry);
        size_t n = (size_t)block->capacity * set->layout.n_counters;
        const uint8_t *low = block_counters(block);
        uint32_t n_words = set->layout.n_words;
        struct pairs pairs;

        if (block_is_dense(entry)) {
                for (size_t i = 0; i < n; i += STRIDE)
                        for (size_t k = 0; k < STRIDE; k++)
                                total->counters[i + k] += sign * low[i + k];
                add_high(total, block, n, sign);
        } else {
                add_sparse_counters(set, total, block, sign);
        }
        if (set->n_states == 0)
                return;
        list_pairs(entry, &pairs);
        for (uint32_t w = 0; w < n_words; w++)
                for (uint32_t i = 0; i < pairs.n; i++)
                        total->words[pairs.local[i] * n_words + w] +=
                                sign * block_words(block)[pairs.entry[i] * n_words + w];
}

void agg_add(const struct agg_set *set, struct agg_total *total, uintptr_t entry)
{
        slide(set, total, entry, 1);
        agg_hold(total, entry, 1);
        block_or_present(entry, total->present);
}

void agg_take_away(const struct agg_set *set, struct agg_total *total, uintptr_t entry)
{
        slide(set, total, entry, UINT64_MAX);
        agg_hold(total, entry, -1);
        for (uint32_t i = 0; i < BLOCK_IDS; i++)
                if (total->held[i] == 0)
                        bitmap_clear(total->present, i);
}

/* ---- results ---- */

static int64_t cut_to_type(int64_t value, const struct type *type)
{
        unsigned drop = 64 - type_integer_bits(type);

        return (int64_t)((uint64_t)value << drop) >> drop;
}

static int64_t finish_i64(const struct agg_result *result, uint64_t word, uint64_t count)
{
        if (result->agg->kind == AGG_SUM)
                return cut_to_type((int64_t)word, &result->agg->type);
        if (result->agg->kind == AGG_AVG) {
                int64_t sum = result->agg->is_reduced ? cut_to_type((int64_t)word, &result->agg->type) : (int64_t)word;

                return cut_to_type(sum / (int64_t)count, &result->agg->type);
        }
        return (int64_t)word;
}

static double finish_f64(const struct agg_result *result, uint64_t word, uint64_t count)
{
        double value = agg_f64_of(word);

        if (result->agg->is_reduced)
                value += 0.0; /* a sum from zero is never -0.0 */
        if (result->agg->is_reduced && result->agg->kind == AGG_AVG && result->agg->type.kind == TYPE_FLOAT)
                value = (double)((float)value / (float)count);
        else if (result->agg->kind == AGG_AVG)
                value /= (double)count;
        if (result->agg->type.kind == TYPE_FLOAT)
                value = (double)(float)value;
        return agg_plain_nan(value);
}

static bool finish_dec(const struct agg_result *result, weir_i128 wide, uint64_t count, weir_i128 *ret_value)
{
        bool is_reduced = result->agg->is_reduced;

        if (result->agg->kind == AGG_AVG) {
                struct decimal_type type = {.precision = result->agg->type.precision, .scale = result->agg->type.scale};
                unsigned scale = result->agg->argument_type.scale;

                if (wide == AGG_ODD_DEC || (is_reduced && decimal_rescale(wide, scale, type, &wide) != 0))
                        return false;
                return decimal_divide(wide, is_reduced ? type.scale : scale, count, 0, type, ret_value) == 0;
        }
        if (result->agg->kind == AGG_SUM && !is_reduced) {
                *ret_value = wide == AGG_ODD_DEC ? 0 : wide;
                return wide != 0;
        }
        *ret_value = wide;
        return wide != AGG_ODD_DEC; /* a sum from zero that overflowed */
}

static bool finish_value(const struct agg_set *set, const struct agg_total *total, const struct agg_result *result,
                         size_t local, uint64_t count, struct vector *column, uint32_t i)
{
        const struct block_layout *layout = &set->layout;
        uint32_t at = set->states[result->state].at;

        if (count == 0)
                return false;
        if (column->phys == PHYS_DEC)
                return finish_dec(result, total->wides[local * layout->n_wides + at], count, &column->dec[i]);
        if (column->phys == PHYS_STR)
                column->str[i] = total->texts[local * layout->n_texts + at];
        else if (column->phys == PHYS_F64)
                column->f64[i] = finish_f64(result, total->words[local * layout->n_words + at], count);
        else
                column->i64[i] = finish_i64(result, total->words[local * layout->n_words + at], count);
        return true;
}

void agg_finish(const struct agg_set *set, const struct agg_total *total, const uint32_t *locals, uint32_t n,
                struct vector *columns, uint32_t at, uint32_t capacity, struct arena *arena)
{
        uint32_t n_counters = set->layout.n_counters;

        for (uint32_t r = 0; r < set->n_results; r++) {
                const struct agg_result *result = &set->results[r];
                int32_t counter = set->admissions[result->admission].counter;
                const uint64_t *counts = counter < 0 ? NULL : total->counters + counter;

                for (uint32_t i = 0; result->state < 0 && i < n; i++)
                        columns[r].i64[at + i] = (int64_t)counts[locals[i] * n_counters];
                for (uint32_t i = 0; result->state >= 0 && i < n; i++) {
                        uint64_t count = counts == NULL ? 1 : counts[locals[i] * n_counters];

                        if (!finish_value(set, total, result, locals[i], count, &columns[r], at + i))
                                vector_set_null(&columns[r], at + i, capacity, arena);
                }
        }
}
