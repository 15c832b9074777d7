/* kernel_compare.c - comparisons, IN and tests of strings: 64 rows into one word of bits. */
#include <assert.h>

#include "sidecar/base/alloc.h"
#include "sidecar/exec/kernel.h"

static struct reg *take_bits(struct frame *frame, const struct step *step)
{
        struct reg *out = program_out(frame, step);

        *out = (struct reg){.bits = program_words(frame), .mask = UINT32_MAX};
        program_strict_valid(frame, step);
        return out;
}

/* TRUE is never set where a row is NULL. */
static void clear_nulls(struct frame *frame, struct reg *out)
{
        for (uint32_t w = 0; out->valid != NULL && w < frame->n_words; w++)
                out->bits[w] &= out->valid[w];
}

/* One loop per operator; the literal, if there is one, stands right (the compiler of programs turns it round). */
#define COMPARE_LOOP(bits, a, b, n, op)                                                                                \
        do {                                                                                                           \
                const TYPE *restrict left = (a)->FIELD;                                                                \
                const TYPE *restrict right = (b)->FIELD;                                                               \
                for (uint32_t from = 0; from < (n); from += 64) {                                                      \
                        uint32_t end = (n)-from < 64 ? (n)-from : 64;                                                  \
                        uint64_t word = 0;                                                                             \
                        if ((b)->mask == 0) {                                                                          \
                                const TYPE y = right[0];                                                               \
                                for (uint32_t i = 0; i < end; i++)                                                     \
                                        word |= (uint64_t)(left[from + i] op y) << i;                                  \
                        } else {                                                                                       \
                                for (uint32_t i = 0; i < end; i++)                                                     \
                                        word |= (uint64_t)(left[from + i] op right[from + i]) << i;                    \
                        }                                                                                              \
                        (bits)[from / 64] = word;                                                                      \
                }                                                                                                      \
        } while (false)

#define COMPARE_ALL(bits, a, b, n, mode)                                                                               \
        do {                                                                                                           \
                switch (mode) {                                                                                        \
                case FN_EQ:                                                                                            \
                        COMPARE_LOOP(bits, a, b, n, ==);                                                               \
                        break;                                                                                         \
                case FN_NE:                                                                                            \
                        COMPARE_LOOP(bits, a, b, n, !=);                                                               \
                        break;                                                                                         \
                case FN_LT:                                                                                            \
                        COMPARE_LOOP(bits, a, b, n, <);                                                                \
                        break;                                                                                         \
                case FN_LE:                                                                                            \
                        COMPARE_LOOP(bits, a, b, n, <=);                                                               \
                        break;                                                                                         \
                case FN_GT:                                                                                            \
                        COMPARE_LOOP(bits, a, b, n, >);                                                                \
                        break;                                                                                         \
                default:                                                                                               \
                        assert((mode) == FN_GE);                                                                       \
                        COMPARE_LOOP(bits, a, b, n, >=);                                                               \
                        break;                                                                                         \
                }                                                                                                      \
        } while (false)

#define TYPE int64_t
#define FIELD i64

void kernel_compare_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        struct reg *out = take_bits(frame, step);

        COMPARE_ALL(out->bits, a, b, frame->n_rows, step->mode);
        clear_nulls(frame, out);
}

#undef TYPE
#undef FIELD
#define TYPE double
#define FIELD f64

void kernel_compare_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        struct reg *out = take_bits(frame, step);

        COMPARE_ALL(out->bits, a, b, frame->n_rows, step->mode);
        clear_nulls(frame, out);
}

#undef TYPE
#undef FIELD

static bool holds(int order, unsigned mode)
{
        switch (mode) {
        case FN_EQ:
                return order == 0;
        case FN_NE:
                return order != 0;
        case FN_LT:
                return order < 0;
        case FN_LE:
                return order <= 0;
        case FN_GT:
                return order > 0;
        default:
                return order >= 0;
        }
}

/* Selected rows without NULLs, as bits; zero elsewhere. */
static const uint64_t *rows_to_compare(struct frame *frame, const struct step *step, struct reg *out)
{
        const uint64_t *selected = frame->selections[step->selection].bits;
        uint64_t *rows;

        if (out->valid == NULL)
                return selected;
        rows = program_words(frame);
        for (uint32_t w = 0; w < frame->n_words; w++)
                rows[w] = selected[w] & out->valid[w];
        return rows;
}

void kernel_compare_dec(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        unsigned scale_a = step->arg_types[0].scale, scale_b = step->arg_types[1].scale;
        struct reg *out = take_bits(frame, step);
        const uint64_t *rows = rows_to_compare(frame, step, out);

        for (uint32_t w = 0; w < frame->n_words; w++) {
                uint64_t word = 0;

                for (uint64_t left = rows[w]; left != 0; left &= left - 1) {
                        uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(left);
                        int order = decimal_compare(a->dec[row & a->mask], scale_a, b->dec[row & b->mask], scale_b);

                        word |= (uint64_t)holds(order, step->mode) << (row & 63);
                }
                out->bits[w] = word;
        }
}

void kernel_compare_str(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        struct reg *out = take_bits(frame, step);
        const uint64_t *rows = rows_to_compare(frame, step, out);
        bool is_equality = step->mode == FN_EQ || step->mode == FN_NE;

        for (uint32_t w = 0; w < frame->n_words; w++) {
                uint64_t word = 0;

                for (uint64_t left = rows[w]; left != 0; left &= left - 1) {
                        uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(left);
                        struct slice x = a->str[row & a->mask], y = b->str[row & b->mask];
                        bool is_set = is_equality ? slice_is_equal(x, y) == (step->mode == FN_EQ)
                                                  : holds(slice_compare(x, y), step->mode);

                        word |= (uint64_t)is_set << (row & 63);
                }
                out->bits[w] = word;
        }
}

enum { LINEAR_LIST = 16 };

static bool is_in_sorted(const int64_t *list, uint32_t n, int64_t value)
{
        uint32_t low = 0;

        while (n > 1) { /* list[low] <= value, if anything is */
                uint32_t half = n / 2;

                low = list[low + half] <= value ? low + half : low;
                n -= half;
        }
        return list[low] == value;
}

void kernel_compare_in_i64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct kernel_list *list = step->extra;
        struct reg *out = take_bits(frame, step);

        for (uint32_t from = 0; from < frame->n_rows; from += 64) {
                uint32_t end = frame->n_rows - from < 64 ? frame->n_rows - from : 64;
                uint64_t word = 0;

                if (list->n <= LINEAR_LIST) {
                        for (uint32_t j = 0; j < list->n; j++) {
                                int64_t y = list->i64[j];

                                for (uint32_t i = 0; i < end; i++)
                                        word |= (uint64_t)(a->i64[(from + i) & a->mask] == y) << i;
                        }
                } else {
                        for (uint32_t i = 0; i < end; i++)
                                word |= (uint64_t)is_in_sorted(list->i64, list->n, a->i64[(from + i) & a->mask]) << i;
                }
                out->bits[from / 64] = word;
        }
        clear_nulls(frame, out);
}

void kernel_compare_in_f64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct kernel_list *list = step->extra;
        struct reg *out = take_bits(frame, step);

        for (uint32_t from = 0; from < frame->n_rows; from += 64) {
                uint32_t end = frame->n_rows - from < 64 ? frame->n_rows - from : 64;
                uint64_t word = 0;

                for (uint32_t j = 0; j < list->n; j++) {
                        double y = list->f64[j];

                        for (uint32_t i = 0; i < end; i++)
                                word |= (uint64_t)(a->f64[(from + i) & a->mask] == y) << i;
                }
                out->bits[from / 64] = word;
        }
        clear_nulls(frame, out);
}

bool kernel_compare_is_in(const void *literals, struct slice text)
{
        const struct kernel_list *list = literals;
        uint32_t low = 0, high = list->n;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;
                int order = slice_compare(text, list->str[middle]);

                if (order == 0)
                        return true;
                if (order < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        return false;
}

bool kernel_compare_is_equal(const void *literal, struct slice text)
{
        return slice_is_equal(*(const struct slice *)literal, text);
}

bool kernel_compare_is_unequal(const void *literal, struct slice text)
{
        return !slice_is_equal(*(const struct slice *)literal, text);
}

/* ---- tests of strings by dictionary ---- */

enum { N_CACHES = 256, UNKNOWN = 0, IS_FALSE = 1, IS_TRUE = 2 };

/* What a test said about the codes of one dictionary, asked for one by one. */
struct text_cache {
        uint64_t step_id, version;
        uint32_t n_answers, room;
        uint8_t *answers; /* by code */
};

static uint8_t *answers_of(struct eval_state *state, const struct step *step, const struct vector_dict *dict)
{
        struct text_cache *cache;

        if (state->caches == NULL)
                state->caches = alloc_zero(N_CACHES, sizeof *state->caches);
        cache = &state->caches[(step->id ^ dict->version) % N_CACHES];
        if (cache->step_id != step->id || cache->version != dict->version) {
                cache->step_id = step->id;
                cache->version = dict->version;
                cache->n_answers = 0;
        }
        if (cache->room < dict->n_entries) {
                while (cache->room < dict->n_entries)
                        cache->room = cache->room == 0 ? 64 : cache->room * 2;
                cache->answers = alloc_resize(cache->answers, cache->room, 1);
        }
        if (cache->n_answers < dict->n_entries) {
                memset(cache->answers + cache->n_answers, UNKNOWN, dict->n_entries - cache->n_answers);
                cache->n_answers = dict->n_entries;
        }
        return cache->answers;
}

void kernel_compare_free_caches(struct eval_state *state)
{
        for (uint32_t i = 0; state->caches != NULL && i < N_CACHES; i++)
                alloc_free(state->caches[i].answers);
        alloc_free(state->caches);
        state->caches = NULL;
}

static void test_codes(struct frame *frame, const struct step *step, const struct reg *a, struct reg *out)
{
        uint8_t *answers = answers_of(frame->state, step, a->dict);

        for (uint32_t from = 0; from < frame->n_rows; from += 64) {
                uint32_t end = frame->n_rows - from < 64 ? frame->n_rows - from : 64;
                const uint32_t *code = a->code + from;
                uint64_t word = 0;

                for (uint32_t i = 0; i < end; i++) {
                        uint8_t answer = answers[code[i]];

                        if (__builtin_expect(answer == UNKNOWN, 0)) {
                                answer = step->test(step->extra, a->dict->entry[code[i]]) ? IS_TRUE : IS_FALSE;
                                answers[code[i]] = answer;
                        }
                        word |= (uint64_t)(answer >> 1) << i;
                }
                out->bits[from / 64] = word;
        }
}

void kernel_compare_test(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct reg *out = take_bits(frame, step);
        const uint64_t *rows;

        if (a->code != NULL) {
                test_codes(frame, step, a, out);
                clear_nulls(frame, out);
                return;
        }
        rows = rows_to_compare(frame, step, out);
        for (uint32_t w = 0; w < frame->n_words; w++) {
                uint64_t word = 0;

                for (uint64_t left = rows[w]; left != 0; left &= left - 1) {
                        uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(left);

                        word |= (uint64_t)step->test(step->extra, a->str[row & a->mask]) << (row & 63);
                }
                out->bits[w] = word;
        }
}

/* ---- GREATEST, LEAST ---- */

/* Double.compare: -0.0 below 0.0, NaN above all. */
static int compare_doubles(double a, double b)
{
        int64_t a_bits, b_bits;

        if (a < b)
                return -1;
        if (a > b)
                return 1;
        if (a != a || b != b)
                return (a != a) - (b != b);
        memcpy(&a_bits, &a, sizeof a_bits);
        memcpy(&b_bits, &b, sizeof b_bits);
        return (a_bits > b_bits) - (a_bits < b_bits);
}

static int compare_at(const struct reg *a, const struct reg *b, uint32_t row, enum phys phys)
{
        uint32_t i = row & a->mask, j = row & b->mask;

        switch (phys) {
        case PHYS_I64:
                return (a->i64[i] > b->i64[j]) - (a->i64[i] < b->i64[j]);
        case PHYS_F64:
                return compare_doubles(a->f64[i], b->f64[j]);
        case PHYS_DEC:
                return (a->dec[i] > b->dec[j]) - (a->dec[i] < b->dec[j]);
        case PHYS_STR:
                return slice_compare(a->str[i], b->str[j]);
        case PHYS_NONE:
                break;
        }
        assert(false);
        return 0;
}

void kernel_compare_greatest(struct frame *frame, const struct step *step)
{
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);
        enum phys phys = type_phys(&step->type);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                const struct reg *best = program_arg(frame, step, 0);
                size_t bytes = phys_bytes(phys);

                for (uint32_t i = 1; i < step->n_args; i++) {
                        const struct reg *arg = program_arg(frame, step, i);
                        int order = compare_at(arg, best, row, phys);

                        if (step->mode == FN_GREATEST ? order > 0 : order < 0)
                                best = arg;
                }
                memcpy((uint8_t *)out->data + row * bytes, (const uint8_t *)best->data + (row & best->mask) * bytes,
                       bytes);
        }
}
