/* intern.c - open addressing over 16-byte keys. */
#include "sidecar/column/intern.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/hash.h"

#include <assert.h>

enum {
        LOG2_SLOTS_FIRST = 6,
        LOG2_SLOTS_MAX = 14,
        PROBE_MAX = 24,
        ENTRIES_FIRST = 32,
        ARENA_CHUNK_BYTES = 8192,
};

/* No key of a short string has a length of 255, no key of a long one a length of 2^56 - 1. */
static const struct intern_key empty_key = {UINT64_MAX, UINT64_MAX};
#define LONG_KEY_MARK (UINT64_C(1) << 63)

const struct intern_key intern_masks[INTERN_SHORT_BYTES_MAX + 1] = {
        {0, 0},
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

        if (len <= INTERN_SHORT_BYTES_MAX)
                return intern_short_key(data, len);
        return (struct intern_key){hash_bytes(&hash_key, data, len), LONG_KEY_MARK | len};
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

/* Twice the slots; false when the table may not grow or an entry finds no place in it. */
static bool grow(struct intern *intern)
{
        struct intern_slot *old = intern->slots;
        bool is_placed = true;

        if (intern->shift == 64 - LOG2_SLOTS_MAX)
                return false;
        intern->shift--;
        intern->slots = slots_new(intern->shift);
        for (uint32_t code = 0; code < intern->dict.n_entries && is_placed; code++) {
                /* entries have their pad too: the arena is never full to the last byte (entry_copy) */
                struct slice entry = intern->entries[code];
                struct intern_key key = key_of(intern, entry.data, entry.len);
                struct intern_slot *slot = slot_find(intern, key, entry.data, entry.len);

                is_placed = slot != NULL;
                if (is_placed)
                        *slot = (struct intern_slot){key, code};
        }
        alloc_free(old);
        return is_placed;
}

static void close_for_good(struct intern *intern)
{
        alloc_free(intern->slots);
        intern->shift = 64 - 1; /* two empty slots, so that intern_code_short needs no question */
        intern->slots = slots_new(intern->shift);
        intern->is_closed = true;
}

static struct slice entry_copy(struct intern *intern, const uint8_t *data, size_t len)
{
        uint8_t *copy = arena_zero(&intern->arena, len + INTERN_PAD_BYTES, 1);

        memcpy(copy, data, len);
        return slice_make(copy, len);
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
        intern->entries[code] = entry_copy(intern, data, len);
        intern->n_bytes += len;
        intern->dict.n_entries++;
        *slot = (struct intern_slot){key, code};
        return code;
}

struct intern *intern_new(void)
{
        struct intern *intern = alloc_zero(1, sizeof(*intern));
        struct hash_key drawn;
        static const uint8_t nothing[INTERN_PAD_BYTES];

        hash_key_draw(&drawn);
        intern->multiplier = drawn.word[0] | 1;
        intern->shift = 64 - LOG2_SLOTS_FIRST;
        intern->slots = slots_new(intern->shift);
        intern->entries_capacity = ENTRIES_FIRST;
        intern->entries = alloc_array(intern->entries_capacity, sizeof(*intern->entries));
        intern->dict.entry = intern->entries;
        arena_init(&intern->arena, ARENA_CHUNK_BYTES, 0);
        (void)intern_code(intern, nothing, 0);
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
        return entry_add(intern, slot, key, data, len);
}
