/* intern.c - open addressing over 16-byte keys. */
#include "sidecar/column/intern.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/hash.h"

#include <assert.h>

enum {
        LOG2_SLOTS_FIRST = 7,
        LOG2_SLOTS_MAX = 14,
        PROBE_MAX = 24,
        SPREAD_ENTRIES_MAX = 32, /* up to here every string is to stand in its first slot, */
        SPREAD_DRAWS = 16,       /* and so many multipliers are tried for it */
        ENTRIES_FIRST = 32,
        ARENA_CHUNK_BYTES = 8192,
};

/* Odd as a long key, and of a length that none has. */
static const struct intern_key empty_key = {UINT64_MAX, UINT64_MAX};

const struct intern_key intern_masks[INTERN_SHORT_BYTES_MAX + 1] = {
        {UINT64_C(0xff), 0},
        {UINT64_C(0xffff), 0},
        {UINT64_C(0xffffff), 0},
        {UINT64_C(0xffffffff), 0},
        {UINT64_C(0xffffffffff), 0},
        {UINT64_C(0xffffffffffff), 0},
        {UINT64_C(0xffffffffffffff), 0},
        {UINT64_MAX, 0},
        {UINT64_MAX, UINT64_C(0xff)},
        {UINT64_MAX, UINT64_C(0xffff)},
        {UINT64_MAX, UINT64_C(0xffffff)},
        {UINT64_MAX, UINT64_C(0xffffffff)},
        {UINT64_MAX, UINT64_C(0xffffffffff)},
        {UINT64_MAX, UINT64_C(0xffffffffffff)},
        {UINT64_MAX, UINT64_C(0xffffffffffffff)},
        {UINT64_MAX, UINT64_MAX},
};

static size_t n_slots_of(const struct intern *intern)
{
        return (size_t)1 << (64 - intern->shift);
}

static struct intern_slot *slots_new(unsigned shift)
{
        size_t n = (size_t)1 << (64 - shift);
        struct intern_slot *slots = alloc_array(n, sizeof(*slots));

        for (size_t i = 0; i < n; i++)
                slots[i] = (struct intern_slot){empty_key, INTERN_CODE_NONE};
        return slots;
}

static bool is_same_key(struct intern_key a, struct intern_key b)
{
        return a.low == b.low && a.high == b.high;
}

/* The key of any string. A long one's is only a hash: equal keys must be followed by a look at the entry. */
static struct intern_key key_of(const struct intern *intern, const uint8_t *data, size_t len)
{
        struct hash_key hash_key = {{intern->multiplier, intern->multiplier << 1, ~intern->multiplier, 1}};
        uint8_t text[1 + INTERN_SHORT_BYTES_MAX] = {(uint8_t)(2 * len)};

        if (len > INTERN_SHORT_BYTES_MAX)
                return (struct intern_key){hash_bytes(&hash_key, data, len) | 1, len};
        if (len > 0)
                memcpy(text + 1, data, len);
        return (struct intern_key){bytes_get_u64(text), bytes_get_u64(text + 8)};
}

static bool is_entry(const struct intern *intern, const struct intern_slot *slot, const uint8_t *data, size_t len)
{
        return len <= INTERN_SHORT_BYTES_MAX || memcmp(intern->entries[slot->code].data, data, len) == 0;
}

/* The slot that holds the key or is free for it; NULL when neither is near. */
static struct intern_slot *slot_find(const struct intern *intern, struct intern_key key, const uint8_t *data,
                                     size_t len)
{
        size_t mask = n_slots_of(intern) - 1;
        size_t at = intern_slot_of(intern, key);

        for (unsigned probe = 0; probe < PROBE_MAX; probe++, at = (at + 1) & mask) {
                struct intern_slot *slot = &intern->slots[at];

                if (is_same_key(slot->key, empty_key) ||
                    (is_same_key(slot->key, key) && is_entry(intern, slot, data, len)))
                        return slot;
        }
        return NULL;
}

/* Puts all entries into empty slots; false when one finds no place, or, if they are to, not its first. */
static bool place_entries(struct intern *intern, bool are_first)
{
        for (uint32_t code = 0; code < intern->dict.n_entries; code++) {
                struct slice entry = intern->entries[code];
                struct intern_key key = key_of(intern, entry.data, entry.len);
                struct intern_slot *slot = slot_find(intern, key, entry.data, entry.len);

                if (slot == NULL || (are_first && slot != &intern->slots[intern_slot_of(intern, key)]))
                        return false;
                *slot = (struct intern_slot){key, code};
        }
        return true;
}

/* Twice the slots; false when the table may not grow or an entry finds no place in it. */
static bool grow(struct intern *intern)
{
        if (intern->shift == 64 - LOG2_SLOTS_MAX)
                return false;
        intern->shift--;
        alloc_free(intern->slots);
        intern->slots = slots_new(intern->shift);
        return place_entries(intern, false);
}

/* The strings that matter most are few, and intern_find_fast looks into first slots only: a handful of strings gets a
 * multiplier that spreads them. */
static void spread(struct intern *intern)
{
        struct intern_slot *kept = intern->slots;
        uint64_t multiplier = intern->multiplier;

        for (unsigned draw = 0; draw < SPREAD_DRAWS; draw++) {
                struct hash_key drawn;

                hash_key_draw(&drawn);
                intern->multiplier = drawn.word[0] | 1;
                intern->slots = slots_new(intern->shift);
                if (place_entries(intern, true)) {
                        alloc_free(kept);
                        return;
                }
                alloc_free(intern->slots);
        }
        intern->slots = kept;
        intern->multiplier = multiplier;
}

static void close_for_good(struct intern *intern)
{
        alloc_free(intern->slots);
        intern->shift = 64 - 1; /* two empty slots, so that intern_find_fast needs no question */
        intern->slots = slots_new(intern->shift);
        intern->is_closed = true;
}

static uint32_t entry_add(struct intern *intern, struct intern_slot *slot, struct intern_key key,
                          const uint8_t *data, size_t len)
{
        uint32_t code = intern->dict.n_entries;

        if (code == intern->entries_capacity) {
                intern->entries_capacity *= 2;
                intern->entries = alloc_resize(intern->entries, intern->entries_capacity, sizeof(*intern->entries));
                intern->dict.entry = intern->entries;
        }
        intern->entries[code] = arena_copy(&intern->arena, slice_make(data, len));
        intern->n_bytes += len;
        intern->dict.n_entries++;
        *slot = (struct intern_slot){key, code};
        return code;
}

struct intern *intern_new(void)
{
        struct intern *intern = alloc_zero(1, sizeof(*intern));
        struct hash_key drawn;

        hash_key_draw(&drawn);
        intern->multiplier = drawn.word[0] | 1;
        intern->shift = 64 - LOG2_SLOTS_FIRST;
        intern->slots = slots_new(intern->shift);
        intern->entries_capacity = ENTRIES_FIRST;
        intern->entries = alloc_array(intern->entries_capacity, sizeof(*intern->entries));
        intern->dict.entry = intern->entries;
        arena_init(&intern->arena, ARENA_CHUNK_BYTES, 0);
        (void)intern_code(intern, (const uint8_t *)"", 0);
        assert(intern->dict.n_entries == 1);
        return intern;
}

struct intern *intern_free(struct intern *intern)
{
        if (intern == NULL)
                return NULL;
        arena_done(&intern->arena);
        alloc_free(intern->entries);
        alloc_free(intern->slots);
        alloc_free(intern);
        return NULL;
}

uint32_t intern_code(struct intern *intern, const uint8_t *data, size_t len)
{
        struct intern_key key;
        struct intern_slot *slot;
        uint32_t code;

        if (intern->is_closed)
                return INTERN_CODE_NONE;
        if (len > INTERN_STRING_BYTES_MAX) {
                if (++intern->n_passed_over == INTERN_ENTRIES_MAX)
                        close_for_good(intern);
                return INTERN_CODE_NONE;
        }
        key = key_of(intern, data, len);
        slot = slot_find(intern, key, data, len);
        if (slot != NULL && slot->code != INTERN_CODE_NONE)
                return slot->code;
        if (slot == NULL || intern->dict.n_entries >= n_slots_of(intern) / 2) {
                if (!grow(intern)) {
                        close_for_good(intern);
                        return INTERN_CODE_NONE;
                }
                slot = slot_find(intern, key, data, len);
        }
        if (slot == NULL || intern->dict.n_entries == INTERN_ENTRIES_MAX || intern->n_bytes + len > INTERN_BYTES_MAX) {
                close_for_good(intern);
                return INTERN_CODE_NONE;
        }
        code = entry_add(intern, slot, key, data, len);
        if (intern->dict.n_entries <= SPREAD_ENTRIES_MAX && slot != &intern->slots[intern_slot_of(intern, key)])
                spread(intern);
        return code;
}
