/* block.h - window state by key id: blocks of cells, copied on write.
 *
 * Keys have dense ids (keys.h). What a pane (one slide's worth of a window) knows about its keys stands in blocks of
 * BLOCK_IDS neighbouring ids, made when the first of them appears, found through a directory. The key table itself uses
 * the same blocks for its keys.
 *
 * A block holds, for each of its entries, `n_counters` counters, `n_words` cells of 8 bytes and `n_wides` cells of 16.
 * The counters of most keys are small, so a counter is split over planes: its low byte in the block itself, and planes
 * of 8, 16 and 32 further bits that are made when the first counter of the block needs them. Adding 1 touches one byte
 * but for each 256th time, and adding two blocks up is a plain loop over bytes.
 *
 * A block is dense (entry = id within the block, a bit says that it is there) or, while few of its ids are there,
 * sparse (entries in order of appearance, with their ids). So a pane of a short slide that saw few of many keys stays
 * small.
 *
 * Freezing takes another reference to the directory. Whoever writes next copies the directory (pointers), then each
 * block that it touches. An entry of the directory has flags in its lowest bits, so that the usual write needs no look
 * at the block's head: BLOCK_OWNED (no frozen copy refers to it), BLOCK_DENSE and BLOCK_WHOLE.
 *
 * Threads: frozen directories are read by the background thread; everything else is the loop thread's, reference
 * counts included. */
#ifndef WEIR_SIDECAR_WINDOW_BLOCK_H
#define WEIR_SIDECAR_WINDOW_BLOCK_H

#include "sidecar/base/slice.h"
#include "sidecar/column/batch.h"
#include "sidecar/window/pool.h"

enum {
        BLOCK_ID_BITS = 10,
        BLOCK_IDS = 1 << BLOCK_ID_BITS,
        BLOCK_OWNED = 1, /* flags in a directory's entry */
        BLOCK_DENSE = 2,
        BLOCK_WHOLE = 4, /* dense, with an entry for each of BLOCK_IDS ids */
        BLOCK_FLAGS = 7,
        BLOCK_PRESENT_WORDS = BLOCK_IDS / 64,
};
#define BLOCK_NO_ENTRY UINT32_MAX

/* What the cells of a table are; one for all its blocks. */
struct block_layout {
        uint32_t n_counters;
        uint32_t n_words;
        uint32_t n_wides;
        uint32_t n_texts;            /* the first so many words refer to bytes (block_set_text); they start with 0 */
        uint32_t sparse_max;         /* entries of a sparse block at most; 0: every block is dense */
        const uint64_t *first_words; /* n_words: what a new entry starts with */
        const weir_i128 *first_wides;
        bool is_zero;                /* all of them are 0 */
};

struct block {
        uint32_t refs;
        uint16_t capacity; /* entries */
        uint16_t n;        /* entries in use (a dense block's count too) */
        uint32_t bytes;    /* taken from the pool for this struct */
        uint32_t counters_at, words_at, wides_at; /* from the start of the block */
        bool is_dense;
        uint8_t *plane8;   /* bits 8..15 of the counters, or NULL */
        uint16_t *plane16; /* bits 16..31 */
        uint32_t *plane32; /* bits 32..63 */
        struct block_text *text;
        /* dense: BLOCK_PRESENT_WORDS of presence bits; sparse: capacity ids of 16 bits; then the cells */
        uint64_t tail[];
};
/* Of a dense block: fixed, so that adding to a counter needs nothing but the block's address. */
#define BLOCK_DENSE_COUNTERS_AT (sizeof(struct block) + BLOCK_PRESENT_WORDS * 8)

/* Bytes that words refer to (MIN and MAX of strings, keys). Only ever appended to, so frozen copies share it. */
struct block_text {
        uint32_t refs;
        size_t len, capacity;
        size_t dead; /* bytes no cell of the owning block refers to any more */
        uint8_t data[];
};

struct block_dir {
        uint32_t refs;
        uint32_t n; /* blocks[] */
        uintptr_t blocks[];
};

/* One table of cells. */
struct block_map {
        const struct block_layout *layout;
        struct pool *pool;
        struct block_dir *dir;
};

static inline struct block *block_of(uintptr_t entry)
{
        return (struct block *)(entry & ~(uintptr_t)BLOCK_FLAGS);
}
static inline bool block_is_dense(uintptr_t entry)
{
        return (entry & BLOCK_DENSE) != 0;
}
static inline uint8_t *block_counters(struct block *block)
{
        return (uint8_t *)block + block->counters_at;
}
static inline uint64_t *block_words(struct block *block)
{
        return (uint64_t *)(void *)((uint8_t *)block + block->words_at);
}
static inline weir_i128 *block_wides(struct block *block)
{
        return (weir_i128 *)(void *)((uint8_t *)block + block->wides_at);
}
static inline uint16_t *block_ids(struct block *block)
{
        return (uint16_t *)(void *)block->tail;
}

void block_map_init(struct block_map *map, const struct block_layout *layout, struct pool *pool);
void block_map_done(struct block_map *map);

/* The directory as it is now; to be given back with block_dir_drop. */
struct block_dir *block_map_freeze(struct block_map *map);
void block_dir_drop(struct block_dir *dir, const struct block_layout *layout, struct pool *pool);
/* To be called before a run of writes: afterwards no frozen copy shares the directory, which reaches beyond `id`. */
void block_map_own(struct block_map *map, uint32_t id);

/* The entry of an id, BLOCK_NO_ENTRY when it has none. Any thread on a frozen directory. */
uint32_t block_dir_find(const struct block_dir *dir, uint32_t id, struct block **ret_block);
/* The entry of an id, writable, made if need be; after block_map_own. n_ids: how many ids there are, which decides how
 * large a block becomes. like: the entry of these ids in the directory of the pane before, or 0: a block that became
 * dense there is made dense at once. *ret_is_new: the entry was made. *ret_is_moved is set (never cleared) when a block
 * that could be written to changed its address: entries taken from it before are no longer valid. */
uint32_t block_map_need(struct block_map *map, uint32_t id, uint32_t n_ids, uintptr_t like, struct block **ret_block,
                        bool *ret_is_new, bool *ret_is_moved);

/* The same for a block whose flags are all set: its entry is the id within it. true: it was made. */
static inline bool block_add_whole(struct block *block, uint32_t local)
{
        bool is_new = (block->tail[local >> 6] >> (local & 63) & 1) == 0;

        block->tail[local >> 6] |= UINT64_C(1) << (local & 63);
        block->n = (uint16_t)(block->n + is_new);
        return is_new;
}

/* Slow half of adding 1 to a counter: its low byte has just become 0. index = entry * n_counters + counter. */
void block_carry(struct block_map *map, struct block *block, uint32_t index);
void block_set_counter(struct block_map *map, struct block *block, uint32_t index, uint64_t value);
uint64_t block_counter(struct block *block, uint32_t index);

/* A word that refers to bytes: 0 is none. The old bytes are given up. */
void block_set_text(struct block_map *map, struct block *block, uint64_t *word, struct slice text);
static inline struct slice block_text_of(const struct block *block, uint64_t word)
{
        return slice_make(block->text->data + (word >> 25), (size_t)(word & 0x1ffffff) - 1);
}

/* Calls for each entry of a block: entry and id within the block, in no particular order. */
struct block_cursor {
        struct block *block;
        bool is_dense;
        uint32_t at;
        uint64_t bits;
};
static inline struct block_cursor block_cursor_make(uintptr_t entry)
{
        return (struct block_cursor){.block = block_of(entry), .is_dense = block_is_dense(entry)};
}
/* false: no more. */
bool block_cursor_next(struct block_cursor *cursor, uint32_t *ret_entry, uint32_t *ret_local);
/* Ors the ids that a block holds into BLOCK_PRESENT_WORDS words. */
void block_or_present(uintptr_t entry, uint64_t *present);

#endif
