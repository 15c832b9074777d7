/* agg.h - aggregates: from the plan's list to cells of a block, and back.
 *
 * Several aggregates share cells where they can. An *admission* is a set of rows that counts (FILTER is TRUE, argument
 * is not NULL); where a COUNT or the question "was there any?" needs it, it has a counter. A *state* is what SUM, AVG,
 * MIN and MAX keep beside that, in a word (8 bytes) or a wide (16) of the entry.
 *
 * SUM and AVG that are `is_reduced` (sql/bind_reduce.c): SUM begins at 0 and stays NULL after a DECIMAL overflow; AVG
 * is that SUM, in the type of SUM, over COUNT.
 *
 * The numbers are Flink's to the last bit (sql-semantics.md section 3): values are added to a pane in the order of
 * rows, and the panes of a window are merged newest first. Where the order cannot be seen (integers), it is not kept.
 *
 * Steps: agg_update adds rows to entries of panes; agg_merge makes a total of panes' blocks, newest pane first;
 * agg_finish turns the total into result columns. Loop thread only. */
#ifndef WEIR_SIDECAR_WINDOW_AGG_H
#define WEIR_SIDECAR_WINDOW_AGG_H

#include "sidecar/base/err.h"
#include "sidecar/plan/plan.h"
#include "sidecar/window/block.h"
#include "sidecar/window/keys.h"

enum agg_state_kind {
        AGG_STATE_NONE, /* COUNT keeps its admission's counter only */
        /* words */
        AGG_STATE_MIN_STR, /* a reference to bytes; 0: none yet */
        AGG_STATE_MAX_STR,
        AGG_STATE_SUM_I64, /* wraps; narrower types are cut at the end, which is the same */
        AGG_STATE_SUM_F64, /* begins at -0.0, which changes no sum, not even that of -0.0 */
        AGG_STATE_SUM_F32, /* a double that is rounded to single after each addition */
        AGG_STATE_AVG_F64, /* begins at 0.0, as Flink's AVG does */
        AGG_STATE_MIN_I64,
        AGG_STATE_MAX_I64,
        AGG_STATE_MIN_F64, /* begins at AGG_NO_F64 */
        AGG_STATE_MAX_F64,
        /* wides */
        AGG_STATE_SUM_DEC, /* 0: NULL (none yet, or it overflowed and the next value starts anew); AGG_ODD_DEC: zero */
        AGG_STATE_AVG_DEC, /* AGG_ODD_DEC: it overflowed and stays NULL */
        AGG_STATE_MIN_DEC,
        AGG_STATE_MAX_DEC,
};

struct agg_admission {
        int32_t argument; /* column that must not be NULL, or -1 */
        int32_t filter;   /* BOOLEAN column that must be TRUE, or -1 */
        int32_t counter;  /* or -1 */
};

struct agg_state {
        enum agg_state_kind kind;
        int32_t argument;
        uint32_t admission;
        uint32_t at; /* word or wide of the entry */
};

struct agg_result {
        const struct plan_agg *agg;
        uint32_t admission;
        int32_t state; /* index, or -1 */
};

struct agg_set {
        struct block_layout layout;
        uint64_t *first_words;
        weir_i128 *first_wides;
        uint32_t n_admissions, n_states, n_results;
        struct agg_admission *admissions;
        struct agg_state *states;
        struct agg_result *results;
        uint8_t *admitted; /* scratch: n_admissions times KEYS_BATCH flags */
        uint16_t *low_counters; /* scratch of merging: sums of low bytes, of at most 256 blocks */
        uint32_t n_low;
};

/* ERR_CONFIG for an aggregate over a type it has no state for. */
int agg_set_init(struct agg_set *set, const struct plan_agg *aggs, uint32_t n_aggs, const struct type *input_types,
                 struct err *err) WEIR_MUST_CHECK;
void agg_set_done(struct agg_set *set);

/* Rows with the entries they belong to. */
struct agg_rows {
        uint32_t n;                   /* <= KEYS_BATCH */
        const struct vector *columns; /* of the operator's input */
        struct block *one;            /* the dense block that all entries are in, or NULL: each its own */
        struct block *blocks[KEYS_BATCH];
        uint32_t entries[KEYS_BATCH];
        uint8_t *counters[KEYS_BATCH]; /* of the entries, unless all are in one block */
};
static inline struct block *agg_rows_block(const struct agg_rows *rows, uint32_t i)
{
        return rows->one != NULL ? rows->one : rows->blocks[i];
}
/* map: any with the set's layout and the operator's pool. */
void agg_update(struct agg_set *set, struct block_map *map, struct agg_rows *rows);

/* An accumulator for BLOCK_IDS keys, as the cells of a dense block. */
struct agg_total {
        uint64_t present[BLOCK_PRESENT_WORDS];
        uint64_t *counters;
        uint64_t *words;
        weir_i128 *wides;
        struct slice *texts; /* n_texts to an entry; data NULL: none */
        uint16_t *held;      /* how many of the blocks that were added have the key */
};
void agg_total_init(struct agg_total *total, const struct agg_set *set);
void agg_total_done(struct agg_total *total);
size_t agg_total_bytes(const struct agg_set *set);

/* A total from nothing: begin, each pane's block (an entry of its directory), newest pane first, end. Texts are
 * borrowed from the blocks. */
void agg_merge_begin(struct agg_set *set, struct agg_total *total);
void agg_merge(struct agg_set *set, struct agg_total *total, uintptr_t entry);
void agg_merge_end(struct agg_set *set, struct agg_total *total);
/* `held` follows: sign 1 for a block that was merged, when one is to be taken away later. */
void agg_hold(struct agg_total *total, uintptr_t entry, int sign);
/* Is a total the same whatever was added and taken away before? Then one more block may be added to it, and one that
 * was added taken away. */
bool agg_can_take_away(const struct agg_set *set);
void agg_add(const struct agg_set *set, struct agg_total *total, uintptr_t entry);
void agg_take_away(const struct agg_set *set, struct agg_total *total, uintptr_t entry);
/* Results of the n entries `locals` of a total into rows at.. of n_results vectors with room for `capacity` rows. */
void agg_finish(const struct agg_set *set, const struct agg_total *total, const uint32_t *locals, uint32_t n,
                struct vector *columns, uint32_t at, uint32_t capacity, struct arena *arena);

/* Checkpoints: the cells of one entry as bytes, and back. The bytes are a function of the values alone. */
void agg_entry_append(const struct agg_set *set, struct block *block, uint32_t entry, struct bytes *bytes);
/* false when the bytes are no entry. */
bool agg_entry_restore(const struct agg_set *set, struct block_map *map, struct block *block, uint32_t entry,
                       struct bytes_reader *reader);

/* The odd values of the states above. */
#define AGG_PLAIN_NAN UINT64_C(0x7ff8000000000000) /* the NaN that is stored and given out */
#define AGG_NO_F64 UINT64_C(0x7ff8dead00000001)    /* one that no value has */
#define AGG_ODD_DEC ((weir_i128)((unsigned __int128)1 << 127))
#define AGG_MAX_DEC ((weir_i128)(((unsigned __int128)1 << 127) - 1))

#endif
