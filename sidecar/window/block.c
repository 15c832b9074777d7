/* block.c - blocks, directories and their copies. See block.h. */
#include "sidecar/window/block.h"

#include "sidecar/base/limits.h"

#include <assert.h>

enum {
        SPARSE_LEAST = 8,  /* entries of a new sparse block */
        DENSE_LEAST = 64,  /* up to so many ids a dense block costs no more than a sparse one */
        TEXT_LEAST = 240,
        TEXT_LENGTH_BITS = 25, /* of a word: length + 1; the rest is the offset */
};

_Static_assert(LIMIT_STRING_BYTES < (1u << TEXT_LENGTH_BITS) - 1, "a string's length fits a text word");
_Static_assert(sizeof(struct block) == 64, "the cells of a block begin at a multiple of 64");

static size_t text_bytes(size_t capacity)
{
        return sizeof(struct block_text) + capacity;
}

static size_t block_all_bytes(const struct block_layout *layout, const struct block *block)
{
        size_t n = (size_t)block->capacity * layout->n_counters;
        size_t bytes = pool_rounded(block->bytes);

        bytes += block->plane8 == NULL ? 0 : pool_rounded(n);
        bytes += block->plane16 == NULL ? 0 : pool_rounded(n * 2);
        bytes += block->plane32 == NULL ? 0 : pool_rounded(n * 4);
        return bytes + (block->text == NULL ? 0 : pool_rounded(text_bytes(block->text->capacity)));
}

static void text_drop(struct block_text *text, struct pool *pool)
{
        if (text != NULL && --text->refs == 0)
                pool_give(pool, text, text_bytes(text->capacity));
}

static void block_drop(struct block *block, const struct block_layout *layout, struct pool *pool)
{
        size_t n = (size_t)block->capacity * layout->n_counters;

        if (--block->refs > 0)
                return;
        pool_give(pool, block->plane8, n);
        pool_give(pool, block->plane16, n * 2);
        pool_give(pool, block->plane32, n * 4);
        text_drop(block->text, pool);
        pool_give(pool, block, block->bytes);
}

/* ---- directories ---- */

static size_t dir_bytes(uint32_t n)
{
        return sizeof(struct block_dir) + (size_t)n * sizeof(uintptr_t);
}

void block_map_init(struct block_map *map, const struct block_layout *layout, struct pool *pool)
{
        map->layout = layout;
        map->pool = pool;
        map->dir = NULL;
}

void block_map_done(struct block_map *map)
{
        if (map->dir == NULL)
                return;
        for (uint32_t i = 0; i < map->dir->n; i++)
                if (map->dir->blocks[i] != 0)
                        map->pool->live -= block_all_bytes(map->layout, block_of(map->dir->blocks[i]));
        map->pool->live -= pool_rounded(dir_bytes(map->dir->n));
        block_dir_drop(map->dir, map->layout, map->pool);
        map->dir = NULL;
}

struct block_dir *block_map_freeze(struct block_map *map)
{
        if (map->dir == NULL)
                block_map_own(map, 0);
        map->dir->refs++;
        return map->dir;
}

void block_dir_drop(struct block_dir *dir, const struct block_layout *layout, struct pool *pool)
{
        if (dir == NULL || --dir->refs > 0)
                return;
        for (uint32_t i = 0; i < dir->n; i++)
                if (dir->blocks[i] != 0)
                        block_drop(block_of(dir->blocks[i]), layout, pool);
        pool_give(pool, dir, dir_bytes(dir->n));
}

void block_map_own(struct block_map *map, uint32_t id)
{
        uint32_t need = (id >> BLOCK_ID_BITS) + 1;
        struct block_dir *old = map->dir;
        struct block_dir *dir;
        bool is_shared = old != NULL && old->refs > 1;
        uint32_t n = old == NULL ? 4 : old->n;

        if (old != NULL && !is_shared && need <= old->n)
                return;
        while (n < need)
                n *= 2;
        dir = pool_take(map->pool, dir_bytes(n));
        dir->refs = 1;
        dir->n = n;
        memset(dir->blocks, 0, (size_t)n * sizeof(uintptr_t));
        map->pool->live += pool_rounded(dir_bytes(n));
        map->dir = dir;
        if (old == NULL)
                return;
        map->pool->live -= pool_rounded(dir_bytes(old->n));
        memcpy(dir->blocks, old->blocks, (size_t)old->n * sizeof(uintptr_t));
        if (!is_shared) {
                pool_give(map->pool, old, dir_bytes(old->n));
                return;
        }
        old->refs--;
        for (uint32_t i = 0; i < old->n; i++)
                if (dir->blocks[i] != 0) {
                        block_of(dir->blocks[i])->refs++;
                        dir->blocks[i] &= ~(uintptr_t)BLOCK_OWNED;
                }
}

/* ---- entries ---- */

static bool is_present(const struct block *block, uint32_t local)
{
        return (block->tail[local >> 6] >> (local & 63)) & 1;
}

static uint32_t sparse_find(struct block *block, uint32_t local)
{
        const uint16_t *ids = block_ids(block);

        for (uint32_t i = 0; i < block->n; i++)
                if (ids[i] == local)
                        return i;
        return BLOCK_NO_ENTRY;
}

static uint32_t entry_find(struct block *block, bool is_dense, uint32_t local)
{
        if (is_dense)
                return is_present(block, local) ? local : BLOCK_NO_ENTRY;
        return sparse_find(block, local);
}

uint32_t block_dir_find(const struct block_dir *dir, uint32_t id, struct block **ret_block)
{
        uint32_t at = id >> BLOCK_ID_BITS;

        if (dir == NULL || at >= dir->n || dir->blocks[at] == 0)
                return BLOCK_NO_ENTRY;
        *ret_block = block_of(dir->blocks[at]);
        return entry_find(*ret_block, block_is_dense(dir->blocks[at]), id & (BLOCK_IDS - 1));
}

static void entries_clear(const struct block_layout *layout, struct block *block, uint32_t from, uint32_t n)
{
        uint64_t *words = block_words(block) + (size_t)from * layout->n_words;
        weir_i128 *wides = block_wides(block) + (size_t)from * layout->n_wides;

        memset(block_counters(block) + (size_t)from * layout->n_counters, 0, (size_t)n * layout->n_counters);
        if (layout->is_zero) {
                memset(words, 0, (size_t)n * layout->n_words * 8);
                memset(wides, 0, (size_t)n * layout->n_wides * 16);
                return;
        }
        for (uint32_t i = 0; i < n; i++) {
                for (uint32_t w = 0; w < layout->n_words; w++)
                        *words++ = layout->first_words[w];
                for (uint32_t w = 0; w < layout->n_wides; w++)
                        *wides++ = layout->first_wides[w];
        }
}

static struct block *block_new(const struct block_map *map, bool is_dense, uint32_t capacity)
{
        const struct block_layout *layout = map->layout;
        size_t at = sizeof(struct block) + (is_dense ? BLOCK_PRESENT_WORDS * 8 : (size_t)capacity * 2);
        size_t counters_at = at, words_at, wides_at;
        struct block *block;

        words_at = (counters_at + (size_t)capacity * layout->n_counters + 7) & ~(size_t)7;
        wides_at = words_at + (size_t)capacity * layout->n_words * 8;
        if (layout->n_wides > 0)
                wides_at = (wides_at + 15) & ~(size_t)15;
        at = wides_at + (size_t)capacity * layout->n_wides * 16;
        block = pool_take(map->pool, at);
        memset(block, 0, sizeof *block + (is_dense ? BLOCK_PRESENT_WORDS * 8 : 0));
        block->refs = 1;
        block->capacity = (uint16_t)capacity;
        block->is_dense = is_dense;
        block->bytes = (uint32_t)at;
        block->counters_at = (uint32_t)counters_at;
        block->words_at = (uint32_t)words_at;
        block->wides_at = (uint32_t)wides_at;
        if (is_dense)
                entries_clear(layout, block, 0, capacity);
        map->pool->live += pool_rounded(at);
        return block;
}

static void *plane_new(const struct block_map *map, const struct block *block, size_t bytes)
{
        size_t n = (size_t)block->capacity * map->layout->n_counters * bytes;
        void *plane = pool_take(map->pool, n);

        memset(plane, 0, n);
        map->pool->live += pool_rounded(n);
        return plane;
}

static void entry_copy(const struct block_map *map, struct block *to, uint32_t at, struct block *from, uint32_t from_at)
{
        const struct block_layout *layout = map->layout;
        uint32_t nc = layout->n_counters;
        size_t a = (size_t)at * nc, b = (size_t)from_at * nc;

        memcpy(block_counters(to) + a, block_counters(from) + b, nc);
        if (from->plane8 != NULL)
                memcpy(to->plane8 + a, from->plane8 + b, nc);
        if (from->plane16 != NULL)
                memcpy(to->plane16 + a, from->plane16 + b, (size_t)nc * 2);
        if (from->plane32 != NULL)
                memcpy(to->plane32 + a, from->plane32 + b, (size_t)nc * 4);
        memcpy(block_words(to) + (size_t)at * layout->n_words, block_words(from) + (size_t)from_at * layout->n_words,
               (size_t)layout->n_words * 8);
        memcpy(block_wides(to) + (size_t)at * layout->n_wides, block_wides(from) + (size_t)from_at * layout->n_wides,
               (size_t)layout->n_wides * 16);
}

/* A larger block in place of an old one, whose entries it takes over. */
static struct block *block_enlarge(const struct block_map *map, uintptr_t old_entry, bool is_dense, uint32_t capacity)
{
        struct block *old = block_of(old_entry);
        struct block *block = block_new(map, is_dense, capacity);
        struct block_cursor cursor = block_cursor_make(old_entry);
        uint32_t at, local;

        if (old->plane8 != NULL)
                block->plane8 = plane_new(map, block, 1);
        if (old->plane16 != NULL)
                block->plane16 = plane_new(map, block, 2);
        if (old->plane32 != NULL)
                block->plane32 = plane_new(map, block, 4);
        while (block_cursor_next(&cursor, &at, &local)) {
                uint32_t to = is_dense ? local : block->n;

                entry_copy(map, block, to, old, at);
                if (is_dense)
                        bitmap_set(block->tail, local);
                else
                        block_ids(block)[to] = (uint16_t)local;
                block->n++;
        }
        block->text = old->text;
        if (block->text != NULL)
                block->text->refs++;
        map->pool->live += block->text == NULL ? 0 : pool_rounded(text_bytes(block->text->capacity));
        map->pool->live -= block_all_bytes(map->layout, old);
        block_drop(old, map->layout, map->pool);
        return block;
}

static void *piece_copy(struct pool *pool, const void *old, size_t bytes)
{
        return old == NULL ? NULL : memcpy(pool_take(pool, bytes), old, bytes);
}

/* A copy that no frozen directory knows. */
static struct block *block_copy(const struct block_map *map, struct block *old)
{
        size_t n = (size_t)old->capacity * map->layout->n_counters;
        struct block *block = piece_copy(map->pool, old, old->bytes);

        block->refs = 1;
        block->plane8 = piece_copy(map->pool, old->plane8, n);
        block->plane16 = piece_copy(map->pool, old->plane16, n * 2);
        block->plane32 = piece_copy(map->pool, old->plane32, n * 4);
        if (block->text != NULL)
                block->text->refs++;
        block_drop(old, map->layout, map->pool);
        return block;
}

static uint32_t power_of_two(uint32_t n)
{
        return 1u << (32 - __builtin_clz(n - 1)); /* n > 1 */
}

/* How many entries a dense block gets so that the ids of today fit. */
static uint32_t dense_capacity(uint32_t id, uint32_t n_ids)
{
        uint32_t first = id & ~(uint32_t)(BLOCK_IDS - 1);
        uint32_t n = n_ids > id ? n_ids - first : id - first + 1;

        return n <= DENSE_LEAST ? DENSE_LEAST : n >= BLOCK_IDS ? BLOCK_IDS : power_of_two(n);
}

static uintptr_t owned_entry(const struct block *block)
{
        return (uintptr_t)block | BLOCK_OWNED | (block->is_dense ? BLOCK_DENSE : 0u) |
               (block->is_dense && block->capacity == BLOCK_IDS ? BLOCK_WHOLE : 0u);
}

/* A block with room for one more entry in place of the one that is there (0: none). */
static struct block *block_make_room(const struct block_map *map, uintptr_t entry, uint32_t id, uint32_t n_ids,
                                     uintptr_t like)
{
        uint32_t dense = dense_capacity(id, n_ids);
        const struct block *block = block_of(entry);

        if (entry == 0 && (dense <= DENSE_LEAST || map->layout->sparse_max == 0 || block_is_dense(like)))
                return block_new(map, true, dense);
        if (entry == 0)
                return block_new(map, false, SPARSE_LEAST);
        if (block_is_dense(entry) || block->n >= map->layout->sparse_max || (uint32_t)block->n * 2 > dense)
                return block_enlarge(map, entry, true, dense);
        return block_enlarge(map, entry, false, (uint32_t)block->n * 2);
}

uint32_t block_map_need(struct block_map *map, uint32_t id, uint32_t n_ids, uintptr_t like, struct block **ret_block,
                        bool *ret_is_new, bool *ret_is_moved)
{
        uintptr_t *entry = &map->dir->blocks[id >> BLOCK_ID_BITS];
        uint32_t local = id & (BLOCK_IDS - 1);
        struct block *block = block_of(*entry);
        uint32_t at = *entry == 0 ? BLOCK_NO_ENTRY : entry_find(block, block_is_dense(*entry), local);
        bool has_room = *entry != 0 && (block_is_dense(*entry) ? local < block->capacity : block->n < block->capacity);

        *ret_is_new = at == BLOCK_NO_ENTRY;
        if (*ret_is_new && !has_room) {
                if (*entry & BLOCK_OWNED)
                        *ret_is_moved = true;
                *entry = owned_entry(block_make_room(map, *entry, id, n_ids, like));
        } else if (!(*entry & BLOCK_OWNED)) {
                *entry = owned_entry(block->refs > 1 ? block_copy(map, block) : block);
        }
        block = *ret_block = block_of(*entry);
        if (!*ret_is_new)
                return at;
        if (block_is_dense(*entry)) {
                bitmap_set(block->tail, local);
                block->n++;
                return local;
        }
        at = block->n++;
        block_ids(block)[at] = (uint16_t)local;
        entries_clear(map->layout, block, at, 1);
        return at;
}

/* ---- counters ---- */

void block_carry(struct block_map *map, struct block *block, uint32_t index)
{
        if (block->plane8 == NULL)
                block->plane8 = plane_new(map, block, 1);
        if (++block->plane8[index] != 0)
                return;
        if (block->plane16 == NULL)
                block->plane16 = plane_new(map, block, 2);
        if (++block->plane16[index] != 0)
                return;
        if (block->plane32 == NULL)
                block->plane32 = plane_new(map, block, 4);
        block->plane32[index]++;
}

void block_set_counter(struct block_map *map, struct block *block, uint32_t index, uint64_t value)
{
        block_counters(block)[index] = (uint8_t)value;
        if (block->plane8 == NULL && value >> 8 != 0)
                block->plane8 = plane_new(map, block, 1);
        if (block->plane16 == NULL && value >> 16 != 0)
                block->plane16 = plane_new(map, block, 2);
        if (block->plane32 == NULL && value >> 32 != 0)
                block->plane32 = plane_new(map, block, 4);
        if (block->plane8 != NULL)
                block->plane8[index] = (uint8_t)(value >> 8);
        if (block->plane16 != NULL)
                block->plane16[index] = (uint16_t)(value >> 16);
        if (block->plane32 != NULL)
                block->plane32[index] = (uint32_t)(value >> 32);
}

uint64_t block_counter(struct block *block, uint32_t index)
{
        uint64_t value = block_counters(block)[index];

        if (block->plane8 != NULL)
                value |= (uint64_t)block->plane8[index] << 8;
        if (block->plane16 != NULL)
                value |= (uint64_t)block->plane16[index] << 16;
        if (block->plane32 != NULL)
                value |= (uint64_t)block->plane32[index] << 32;
        return value;
}

/* ---- texts ---- */

static struct block_text *text_new(const struct block_map *map, size_t capacity)
{
        struct block_text *text = pool_take(map->pool, text_bytes(capacity));

        *text = (struct block_text){.refs = 1, .capacity = capacity};
        map->pool->live += pool_rounded(text_bytes(capacity));
        return text;
}

static uint64_t text_put(struct block_text *text, struct slice bytes)
{
        uint64_t word = (uint64_t)text->len << TEXT_LENGTH_BITS | (bytes.len + 1);

        assert(bytes.len <= LIMIT_STRING_BYTES && text->capacity - text->len >= bytes.len);
        if (bytes.len > 0)
                memcpy(text->data + text->len, bytes.data, bytes.len);
        text->len += bytes.len;
        return word;
}

/* What the cells still refer to, in a new text with room for `more` bytes and as many again. The old one may be
 * frozen. */
static void text_renew(struct block_map *map, struct block *block, size_t more)
{
        struct block_text *old = block->text;
        size_t needed = (old == NULL ? 0 : old->len - old->dead) + more;
        struct block_text *text = text_new(map, needed + (needed < TEXT_LEAST ? TEXT_LEAST : needed));
        uint32_t n_words = map->layout->n_words;

        if (old != NULL) {
                uint32_t n = block->is_dense ? block->capacity : block->n; /* entries that are not there hold 0 */

                for (uint32_t i = 0; i < n; i++)
                        for (uint32_t w = 0; w < map->layout->n_texts; w++) {
                                uint64_t *word = &block_words(block)[(size_t)i * n_words + w];

                                if (*word != 0)
                                        *word = text_put(text, block_text_of(block, *word));
                        }
                map->pool->live -= pool_rounded(text_bytes(old->capacity));
                text_drop(old, map->pool);
        }
        block->text = text;
}

void block_set_text(struct block_map *map, struct block *block, uint64_t *word, struct slice text)
{
        if (*word != 0)
                block->text->dead += block_text_of(block, *word).len;
        *word = 0;
        if (block->text == NULL || block->text->capacity - block->text->len < text.len)
                text_renew(map, block, text.len);
        *word = text_put(block->text, text);
}

/* ---- reading ---- */

bool block_cursor_next(struct block_cursor *cursor, uint32_t *ret_entry, uint32_t *ret_local)
{
        struct block *block = cursor->block;

        if (!cursor->is_dense) {
                if (cursor->at >= block->n)
                        return false;
                *ret_entry = cursor->at;
                *ret_local = block_ids(block)[cursor->at++];
                return true;
        }
        while (cursor->bits == 0) {
                if (cursor->at >= BLOCK_PRESENT_WORDS)
                        return false;
                cursor->bits = block->tail[cursor->at++];
        }
        *ret_local = (cursor->at - 1) * 64 + (uint32_t)__builtin_ctzll(cursor->bits);
        *ret_entry = *ret_local;
        cursor->bits &= cursor->bits - 1;
        return true;
}

void block_or_present(uintptr_t entry, uint64_t *present)
{
        struct block *block = block_of(entry);

        if (block_is_dense(entry)) {
                for (uint32_t i = 0; i < BLOCK_PRESENT_WORDS; i++)
                        present[i] |= block->tail[i];
                return;
        }
        for (uint32_t i = 0; i < block->n; i++)
                bitmap_set(present, block_ids(block)[i]);
}
