/* agg_update.c - rows into entries of panes. See agg.h.
 *
 * One pass over the rows for all counters, then one for each state: no branch on the kind of an aggregate inside a
 * loop over rows. */
#include "sidecar/window/agg_internal.h"

#include "sidecar/base/limits.h"

enum { STRIDE = 16 }; /* rows in a loop that the compiler turns into vector code */

static const uint8_t all_rows[KEYS_BATCH] = {[0 ... KEYS_BATCH - 1] = 1};

/* 1 for each row that counts. */
static const uint8_t *admit(const struct agg_admission *admission, const struct agg_rows *rows, uint8_t *flags)
{
        uint32_t n = rows->n, i = 0;

        if (admission->argument < 0 && admission->filter < 0)
                return all_rows;
        if (admission->filter >= 0) {
                const struct vector *filter = &rows->columns[admission->filter];
                const int64_t *is_true = filter->i64;

                for (; i + STRIDE <= n; i += STRIDE)
                        for (uint32_t k = 0; k < STRIDE; k++)
                                flags[i + k] = (uint8_t)is_true[i + k];
                for (; i < n; i++)
                        flags[i] = (uint8_t)is_true[i];
                if (filter->valid != NULL)
                        for (i = 0; i < n; i++)
                                flags[i] &= bitmap_get(filter->valid, i);
        } else {
                memset(flags, 1, n);
        }
        if (admission->argument >= 0 && rows->columns[admission->argument].valid != NULL)
                for (i = 0; i < n; i++)
                        flags[i] &= bitmap_get(rows->columns[admission->argument].valid, i);
        return flags;
}

/* ---- counters ---- */

static __attribute__((noinline)) void carry(const struct agg_set *set, struct block_map *map,
                                            const struct agg_rows *rows, uint32_t i, uint32_t c)
{
        block_carry(map, agg_rows_block(rows, i), rows->entries[i] * set->layout.n_counters + c);
}

/* Does a row count for a counter? A BOOLEAN column as it is, or bytes that admit() made. */
union flags {
        const int64_t *wide;
        const uint8_t *narrow;
};

/* All but `set`, `map`, `rows` and `flags` are constants at each call, so that the inner loop unrolls. */
static inline __attribute__((always_inline)) void count_some(const struct agg_set *set, struct block_map *map,
                                                             const struct agg_rows *rows, const union flags *flags,
                                                             uint32_t n_counters, bool is_one, bool is_wide)
{
        uint8_t *one = is_one ? block_counters(rows->one) : NULL;
        union flags own[4]; /* in registers: what is stored to might be anything */

        for (uint32_t c = 0; c < n_counters && c < 4; c++)
                own[c] = flags[c];
        for (uint32_t i = 0; i < rows->n; i++) {
                uint8_t *counters = is_one ? one + (size_t)rows->entries[i] * n_counters : rows->counters[i];
                unsigned is_full = 0;

                for (uint32_t c = 0; c < n_counters; c++) {
                        const union flags *flag = n_counters <= 4 ? &own[c] : &flags[c];
                        uint8_t more = is_wide ? (uint8_t)flag->wide[i] : flag->narrow[i];
                        uint8_t sum = (uint8_t)(counters[c] + more);

                        counters[c] = sum;
                        is_full |= sum < more;
                }
                if (__builtin_expect(is_full, 0))
                        for (uint32_t c = 0; c < n_counters; c++)
                                if (counters[c] == 0 && (is_wide ? flags[c].wide[i] != 0 : flags[c].narrow[i] != 0))
                                        carry(set, map, rows, i, c);
        }
}

static inline __attribute__((always_inline)) void count_rows(const struct agg_set *set, struct block_map *map,
                                                             const struct agg_rows *rows, const union flags *flags,
                                                             bool is_one, bool is_wide)
{
        switch (set->layout.n_counters) {
        case 1:
                count_some(set, map, rows, flags, 1, is_one, is_wide);
                return;
        case 2:
                count_some(set, map, rows, flags, 2, is_one, is_wide);
                return;
        case 3:
                count_some(set, map, rows, flags, 3, is_one, is_wide);
                return;
        default:
                count_some(set, map, rows, flags, set->layout.n_counters, is_one, is_wide);
                return;
        }
}

/* A FILTER alone, and no NULL in it: its column is what is added. */
static bool is_plain_filter(const struct agg_admission *admission, const struct agg_rows *rows)
{
        return admission->argument < 0 && admission->filter >= 0 && rows->columns[admission->filter].valid == NULL;
}

static void count(const struct agg_set *set, struct block_map *map, const struct agg_rows *rows,
                  const uint8_t *const *admitted)
{
        union flags few[16], *flags = few, many[LIMIT_COLUMNS];
        bool is_wide = true;

        if (set->layout.n_counters > 16)
                flags = many;
        for (uint32_t a = 0; a < set->n_admissions; a++)
                if (set->admissions[a].counter >= 0)
                        is_wide = is_wide && is_plain_filter(&set->admissions[a], rows);
        for (uint32_t a = 0; a < set->n_admissions; a++) {
                union flags *flag = &flags[set->admissions[a].counter];

                if (set->admissions[a].counter < 0)
                        continue;
                if (is_wide)
                        flag->wide = rows->columns[set->admissions[a].filter].i64;
                else
                        flag->narrow = admitted[a];
        }
        if (is_wide && rows->one != NULL)
                count_rows(set, map, rows, flags, true, true);
        else if (is_wide)
                count_rows(set, map, rows, flags, false, true);
        else if (rows->one != NULL)
                count_rows(set, map, rows, flags, true, false);
        else
                count_rows(set, map, rows, flags, false, false);
}

/* ---- states ---- */

static inline uint64_t *word_of(const struct agg_rows *rows, uint32_t i, uint32_t n_words, uint32_t at)
{
        return block_words(agg_rows_block(rows, i)) + (size_t)rows->entries[i] * n_words + at;
}

static inline weir_i128 *wide_of(const struct agg_rows *rows, uint32_t i, uint32_t n_wides, uint32_t at)
{
        return block_wides(agg_rows_block(rows, i)) + (size_t)rows->entries[i] * n_wides + at;
}

static void update_i64(const struct agg_set *set, const struct agg_state *state, const struct agg_rows *rows,
                       const uint8_t *flags)
{
        const int64_t *values = rows->columns[state->argument].i64;
        uint32_t n_words = set->layout.n_words;

        switch (state->kind) {
        case AGG_STATE_SUM_I64:
                for (uint32_t i = 0; i < rows->n; i++)
                        *word_of(rows, i, n_words, state->at) += flags[i] ? (uint64_t)values[i] : 0;
                return;
        case AGG_STATE_MIN_I64:
                for (uint32_t i = 0; i < rows->n; i++) {
                        uint64_t *word = word_of(rows, i, n_words, state->at);

                        if (flags[i] && values[i] < (int64_t)*word)
                                *word = (uint64_t)values[i];
                }
                return;
        default:
                for (uint32_t i = 0; i < rows->n; i++) {
                        uint64_t *word = word_of(rows, i, n_words, state->at);

                        if (flags[i] && values[i] > (int64_t)*word)
                                *word = (uint64_t)values[i];
                }
                return;
        }
}

static void update_f64(const struct agg_set *set, const struct agg_state *state, const struct agg_rows *rows,
                       const uint8_t *flags)
{
        const double *values = rows->columns[state->argument].f64;
        uint32_t n_words = set->layout.n_words;

        for (uint32_t i = 0; i < rows->n; i++) {
                uint64_t *word = word_of(rows, i, n_words, state->at);

                if (!flags[i])
                        continue;
                if (state->kind == AGG_STATE_SUM_F32)
                        *word = agg_add_f32(*word, values[i]);
                else if (state->kind == AGG_STATE_MIN_F64 || state->kind == AGG_STATE_MAX_F64)
                        *word = agg_better_f64(*word, values[i], state->kind == AGG_STATE_MIN_F64);
                else
                        *word = agg_f64_bits(agg_f64_of(*word) + values[i]);
        }
}

static void update_dec(const struct agg_set *set, const struct agg_state *state, const struct agg_rows *rows,
                       const uint8_t *flags)
{
        const weir_i128 *values = rows->columns[state->argument].dec;
        uint32_t n_wides = set->layout.n_wides;

        for (uint32_t i = 0; i < rows->n; i++) {
                weir_i128 *wide = wide_of(rows, i, n_wides, state->at);

                if (!flags[i])
                        continue;
                if (state->kind == AGG_STATE_SUM_DEC)
                        *wide = agg_sum_dec(*wide, values[i]);
                else if (state->kind == AGG_STATE_AVG_DEC)
                        *wide = agg_avg_dec(*wide, values[i]);
                else if (state->kind == AGG_STATE_MIN_DEC ? values[i] < *wide : values[i] > *wide)
                        *wide = values[i];
        }
}

static void update_str(const struct agg_set *set, struct block_map *map, const struct agg_state *state,
                       const struct agg_rows *rows, const uint8_t *flags)
{
        const struct slice *values = rows->columns[state->argument].str;

        for (uint32_t i = 0; i < rows->n; i++) {
                uint64_t *word = word_of(rows, i, set->layout.n_words, state->at);
                int order;

                if (!flags[i])
                        continue;
                if (*word != 0) {
                        order = slice_compare(values[i], block_text_of(agg_rows_block(rows, i), *word));
                        if (state->kind == AGG_STATE_MIN_STR ? order >= 0 : order <= 0)
                                continue;
                }
                block_set_text(map, agg_rows_block(rows, i), word, values[i]);
        }
}

/* Only counters, and only plain filters: nothing needs to be admitted first. */
static bool is_plain(const struct agg_set *set, const struct agg_rows *rows)
{
        for (uint32_t a = 0; a < set->n_admissions; a++)
                if (!is_plain_filter(&set->admissions[a], rows))
                        return false;
        return set->n_states == 0;
}

void agg_update(struct agg_set *set, struct block_map *map, struct agg_rows *rows)
{
        const uint8_t *few[16], **all = few;
        const uint8_t *many[LIMIT_COLUMNS];
        bool needs_none = is_plain(set, rows);

        if (set->n_admissions > 16)
                all = many;
        for (uint32_t a = 0; !needs_none && a < set->n_admissions; a++)
                all[a] = admit(&set->admissions[a], rows, set->admitted + (size_t)a * KEYS_BATCH);
        if (set->layout.n_counters > 0)
                count(set, map, rows, all);
        for (uint32_t s = 0; s < set->n_states; s++) {
                const struct agg_state *state = &set->states[s];

                switch (state->kind) {
                case AGG_STATE_SUM_I64:
                case AGG_STATE_MIN_I64:
                case AGG_STATE_MAX_I64:
                        update_i64(set, state, rows, all[state->admission]);
                        break;
                case AGG_STATE_MIN_STR:
                case AGG_STATE_MAX_STR:
                        update_str(set, map, state, rows, all[state->admission]);
                        break;
                case AGG_STATE_SUM_DEC:
                case AGG_STATE_AVG_DEC:
                case AGG_STATE_MIN_DEC:
                case AGG_STATE_MAX_DEC:
                        update_dec(set, state, rows, all[state->admission]);
                        break;
                default:
                        update_f64(set, state, rows, all[state->admission]);
                        break;
                }
        }
}
