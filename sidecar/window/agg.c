/* agg.c - which cells the aggregates of an operator need. See agg.h. */
#include "sidecar/window/agg_internal.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

static enum agg_state_kind min_max_kind(const struct type *argument, bool is_min)
{
        switch (type_phys(argument)) {
        case PHYS_I64:
                return is_min ? AGG_STATE_MIN_I64 : AGG_STATE_MAX_I64;
        case PHYS_F64:
                return is_min ? AGG_STATE_MIN_F64 : AGG_STATE_MAX_F64;
        case PHYS_DEC:
                return is_min ? AGG_STATE_MIN_DEC : AGG_STATE_MAX_DEC;
        case PHYS_STR:
                return is_min ? AGG_STATE_MIN_STR : AGG_STATE_MAX_STR;
        default:
                return AGG_STATE_NONE;
        }
}

static enum agg_state_kind state_kind(const struct plan_agg *agg)
{
        const struct type *argument = &agg->argument_type;
        bool is_sum = agg->kind == AGG_SUM && !agg->is_reduced;

        if (agg->kind == AGG_MIN || agg->kind == AGG_MAX)
                return min_max_kind(argument, agg->kind == AGG_MIN);
        if (type_is_integer(argument))
                return AGG_STATE_SUM_I64;
        if (argument->kind == TYPE_DECIMAL)
                return is_sum ? AGG_STATE_SUM_DEC : AGG_STATE_AVG_DEC;
        if (argument->kind == TYPE_DOUBLE)
                return is_sum ? AGG_STATE_SUM_F64 : AGG_STATE_AVG_F64;
        if (argument->kind == TYPE_FLOAT)
                return is_sum || agg->is_reduced ? AGG_STATE_SUM_F32 : AGG_STATE_AVG_F64;
        return AGG_STATE_NONE;
}

static bool is_wide(enum agg_state_kind kind)
{
        return kind >= AGG_STATE_SUM_DEC;
}

static bool is_text(enum agg_state_kind kind)
{
        return kind == AGG_STATE_MIN_STR || kind == AGG_STATE_MAX_STR;
}

static uint64_t first_word(enum agg_state_kind kind)
{
        switch (kind) {
        case AGG_STATE_SUM_F64:
        case AGG_STATE_SUM_F32:
                return agg_f64_bits(-0.0);
        case AGG_STATE_MIN_I64:
                return (uint64_t)INT64_MAX;
        case AGG_STATE_MAX_I64:
                return (uint64_t)INT64_MIN;
        case AGG_STATE_MIN_F64:
        case AGG_STATE_MAX_F64:
                return AGG_NO_F64;
        default:
                return 0;
        }
}

static weir_i128 first_wide(enum agg_state_kind kind)
{
        return kind == AGG_STATE_MIN_DEC ? AGG_MAX_DEC : kind == AGG_STATE_MAX_DEC ? AGG_ODD_DEC : 0;
}

static uint32_t find_admission(struct agg_set *set, int32_t argument, int32_t filter)
{
        for (uint32_t i = 0; i < set->n_admissions; i++)
                if (set->admissions[i].argument == argument && set->admissions[i].filter == filter)
                        return i;
        set->admissions[set->n_admissions] =
                (struct agg_admission){.argument = argument, .filter = filter, .counter = -1};
        return set->n_admissions++;
}

static int32_t find_state(struct agg_set *set, enum agg_state_kind kind, int32_t argument, uint32_t admission)
{
        for (uint32_t i = 0; i < set->n_states; i++) {
                const struct agg_state *state = &set->states[i];

                if (state->kind == kind && state->argument == argument && state->admission == admission)
                        return (int32_t)i;
        }
        set->states[set->n_states] =
                (struct agg_state){.kind = kind, .argument = argument, .admission = admission};
        return (int32_t)set->n_states++;
}

/* Words that refer to bytes come first, as block.h wants it. */
static void place_states(struct agg_set *set)
{
        struct block_layout *layout = &set->layout;
        uint32_t n_words = 0, n_wides = 0;

        for (unsigned round = 0; round < 2; round++)
                for (uint32_t i = 0; i < set->n_states; i++) {
                        struct agg_state *state = &set->states[i];

                        if (!is_wide(state->kind) && is_text(state->kind) == (round == 0)) {
                                set->first_words[n_words] = first_word(state->kind);
                                state->at = n_words++;
                        }
                }
        for (uint32_t i = 0; i < set->n_states; i++) {
                struct agg_state *state = &set->states[i];

                layout->n_texts += is_text(state->kind);
                if (is_wide(state->kind)) {
                        set->first_wides[n_wides] = first_wide(state->kind);
                        state->at = n_wides++;
                }
        }
        layout->n_words = n_words;
        layout->n_wides = n_wides;
        layout->first_words = set->first_words;
        layout->first_wides = set->first_wides;
        layout->is_zero = true;
        for (uint32_t i = 0; i < n_words; i++)
                layout->is_zero = layout->is_zero && set->first_words[i] == 0;
        for (uint32_t i = 0; i < n_wides; i++)
                layout->is_zero = layout->is_zero && set->first_wides[i] == 0;
        /* A sparse entry is looked for, a dense one costs its place in a block of up to BLOCK_IDS: the larger the entry
         * the longer is looking worth it. */
        layout->sparse_max = layout->n_counters + n_words * 8 + n_wides * 16 > 8 ? 128 : 64;
}

int agg_set_init(struct agg_set *set, const struct plan_agg *aggs, uint32_t n_aggs, const struct type *input_types,
                 struct err *err)
{
        memset(set, 0, sizeof *set);
        set->admissions = alloc_zero(n_aggs + 1, sizeof *set->admissions);
        set->states = alloc_zero(n_aggs + 1, sizeof *set->states);
        set->results = alloc_zero(n_aggs + 1, sizeof *set->results);
        set->first_words = alloc_zero(n_aggs + 1, sizeof *set->first_words);
        set->first_wides = alloc_zero(n_aggs + 1, sizeof *set->first_wides);
        set->n_results = n_aggs;
        for (uint32_t i = 0; i < n_aggs; i++) {
                const struct plan_agg *agg = &aggs[i];
                struct agg_result *result = &set->results[i];
                bool has_state = agg->kind != AGG_COUNT_STAR && agg->kind != AGG_COUNT;
                bool can_be_null = agg->argument >= 0 && input_types[agg->argument].nullable;
                struct agg_admission *admission;

                result->agg = agg;
                result->state = -1;
                result->admission = find_admission(set, can_be_null ? agg->argument : -1, agg->filter);
                admission = &set->admissions[result->admission];
                /* A group has a row: without FILTER and NULLs only COUNT and AVG ask how many. */
                if (admission->counter < 0 && (!has_state || agg->kind == AGG_AVG || can_be_null || agg->filter >= 0))
                        admission->counter = (int32_t)set->layout.n_counters++;
                if (!has_state)
                        continue;
                if (state_kind(agg) == AGG_STATE_NONE) {
                        char text[TYPE_TEXT_BYTES];

                        type_format(&agg->argument_type, text);
                        return err_set(err, ERR_CONFIG, "an aggregate over the type '%s' is not supported", text);
                }
                result->state = find_state(set, state_kind(agg), agg->argument, result->admission);
        }
        place_states(set);
        set->admitted = alloc_array((size_t)set->n_admissions + 1, KEYS_BATCH);
        set->low_counters = alloc_array((size_t)set->layout.n_counters * BLOCK_IDS + 1, sizeof *set->low_counters);
        return 0;
}

void agg_set_done(struct agg_set *set)
{
        alloc_free(set->admissions);
        alloc_free(set->states);
        alloc_free(set->results);
        alloc_free(set->first_words);
        alloc_free(set->first_wides);
        alloc_free(set->admitted);
        alloc_free(set->low_counters);
        memset(set, 0, sizeof *set);
}

void agg_total_init(struct agg_total *total, const struct agg_set *set)
{
        const struct block_layout *layout = &set->layout;

        memset(total, 0, sizeof *total);
        total->counters = alloc_array((size_t)layout->n_counters * BLOCK_IDS + 1, sizeof *total->counters);
        total->words = alloc_array((size_t)layout->n_words * BLOCK_IDS + 1, sizeof *total->words);
        total->wides = alloc_array((size_t)layout->n_wides * BLOCK_IDS + 1, sizeof *total->wides);
        total->texts = alloc_array((size_t)layout->n_texts * BLOCK_IDS + 1, sizeof *total->texts);
        total->held = alloc_array(BLOCK_IDS, sizeof *total->held);
}

void agg_total_done(struct agg_total *total)
{
        alloc_free(total->counters);
        alloc_free(total->words);
        alloc_free(total->wides);
        alloc_free(total->texts);
        alloc_free(total->held);
        memset(total, 0, sizeof *total);
}

size_t agg_total_bytes(const struct agg_set *set)
{
        const struct block_layout *layout = &set->layout;

        return (size_t)BLOCK_IDS * (layout->n_counters * 8 + layout->n_words * 8 + layout->n_wides * 16 +
                                    layout->n_texts * sizeof(struct slice) + 2);
}

/* Does a word that is a NaN mean no more than that? */
static bool is_f64_sum(const struct agg_set *set, uint32_t word)
{
        for (uint32_t i = 0; i < set->n_states; i++)
                if (set->states[i].at == word && set->states[i].kind >= AGG_STATE_SUM_F64 &&
                    set->states[i].kind <= AGG_STATE_AVG_F64)
                        return true;
        return false;
}

/* ---- checkpoints: counters as varints, words and wides as they are, texts as a byte (1: there is one) and the text
 * ---- */

void agg_entry_append(const struct agg_set *set, struct block *block, uint32_t entry, struct bytes *bytes)
{
        const struct block_layout *layout = &set->layout;
        const uint64_t *words = block_words(block) + (size_t)entry * layout->n_words;
        const weir_i128 *wides = block_wides(block) + (size_t)entry * layout->n_wides;

        for (uint32_t i = 0; i < layout->n_counters; i++)
                bytes_append_varint(bytes, block_counter(block, entry * layout->n_counters + i));
        for (uint32_t i = 0; i < layout->n_words; i++)
                if (i >= layout->n_texts) {
                        bool is_sum = agg_f64_of(words[i]) != agg_f64_of(words[i]) && is_f64_sum(set, i);

                        bytes_append_u64(bytes, is_sum ? AGG_PLAIN_NAN : words[i]);
                } else {
                        bytes_append_byte(bytes, words[i] != 0);
                        if (words[i] != 0)
                                bytes_append_lenslice(bytes, block_text_of(block, words[i]));
                }
        for (uint32_t i = 0; i < layout->n_wides; i++) {
                bytes_append_u64(bytes, (uint64_t)wides[i]);
                bytes_append_u64(bytes, (uint64_t)(wides[i] >> 64));
        }
}

static bool is_state_valid(enum agg_state_kind kind, weir_i128 wide)
{
        if (wide == AGG_ODD_DEC)
                return kind != AGG_STATE_MIN_DEC;
        if (wide == AGG_MAX_DEC)
                return kind == AGG_STATE_MIN_DEC;
        return wide < agg_dec_limit() && wide > -agg_dec_limit();
}

bool agg_entry_restore(const struct agg_set *set, struct block_map *map, struct block *block, uint32_t entry,
                       struct bytes_reader *reader)
{
        const struct block_layout *layout = &set->layout;
        uint64_t *words = block_words(block) + (size_t)entry * layout->n_words;
        weir_i128 *wides = block_wides(block) + (size_t)entry * layout->n_wides;

        for (uint32_t i = 0; i < layout->n_counters; i++)
                block_set_counter(map, block, entry * layout->n_counters + i, bytes_read_varint(reader));
        for (uint32_t i = 0; i < layout->n_words; i++)
                if (i >= layout->n_texts) {
                        words[i] = bytes_read_u64(reader);
                } else if (bytes_read_u8(reader) == 1) {
                        struct slice text = bytes_read_text(reader);

                        if (reader->failed || text.len > LIMIT_STRING_BYTES)
                                return false;
                        block_set_text(map, block, &words[i], text);
                }
        for (uint32_t i = 0; i < layout->n_wides; i++) {
                uint64_t low = bytes_read_u64(reader);

                wides[i] = (weir_i128)((unsigned __int128)bytes_read_u64(reader) << 64 | low);
        }
        for (uint32_t i = 0; i < set->n_states; i++)
                if (is_wide(set->states[i].kind) && !is_state_valid(set->states[i].kind, wides[set->states[i].at]))
                        return false;
        return !reader->failed;
}
