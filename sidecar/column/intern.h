/* intern.h - one column's dictionary of strings: bytes in, dense codes out.
 *
 * Columns such as event_type or country repeat a few strings for ever. Interned, a string costs one probe of a
 * small table instead of a copy, and everything behind the decoder may work on codes. Entries never move, never
 * change and never go away before intern_free, so slices of them outlive every batch. Code 0 is always the
 * empty string.
 *
 * A dictionary is bounded: by INTERN_ENTRIES_MAX, INTERN_BYTES_MAX and the length of a probe. The first string
 * that does not fit closes it for good, because a column that got there is not worth codes: from then on its
 * strings are copied into the batch and carry none. So whoever picks strings that collide gains nothing but
 * plain copies. Strings beyond INTERN_STRING_BYTES_MAX are passed over; many of them close it as well.
 *
 * A slot's key is, up to 15 bytes, the string itself as Avro writes it: twice its length in the first byte, then
 * its bytes, zeros behind. Longer strings have a hash there, made odd, and their length, and are compared with their
 * entry. One thread. */
#ifndef WEIR_SIDECAR_COLUMN_INTERN_H
#define WEIR_SIDECAR_COLUMN_INTERN_H

#include "sidecar/base/bytes.h"
#include "sidecar/column/batch.h"

enum {
        INTERN_ENTRIES_MAX = 4096,
        INTERN_BYTES_MAX = 256 << 10,
        INTERN_STRING_BYTES_MAX = 256,
        INTERN_SHORT_BYTES_MAX = 15,
        INTERN_PAD_BYTES = 16, /* readable behind every string handed to intern_find_fast */
};

#define INTERN_CODE_NONE UINT32_MAX

struct intern_key {
        uint64_t low, high;
};
struct intern_slot {
        struct intern_key key;
        uint32_t code;
};

struct intern {
        struct vector_dict dict;
        struct intern_slot *slots; /* never NULL; all empty once closed */
        uint64_t multiplier;       /* odd, drawn */
        unsigned shift;            /* 64 - log2(number of slots) */
        bool is_closed;
        uint32_t n_passed_over;
        struct slice *entries;     /* == dict.entry */
        uint32_t entries_capacity;
        struct arena arena;        /* bytes of the entries */
        size_t n_bytes;
};

struct intern *intern_new(void);
struct intern *intern_free(struct intern *intern); /* NULL allowed; returns NULL */

/* The code of the string, added if it is new; INTERN_CODE_NONE when it is too long or the dictionary is closed. */
uint32_t intern_code(struct intern *intern, const uint8_t *data, size_t len);

/* [n]: the bits of the first n + 1 bytes of sixteen. */
extern const struct intern_key intern_masks[INTERN_SHORT_BYTES_MAX + 1];

static inline size_t intern_slot_of(const struct intern *intern, struct intern_key key)
{
        return (size_t)(((key.low + (key.high << 32 | key.high >> 32)) * intern->multiplier) >> intern->shift);
}

/* For tight loops: the code of the string that Avro wrote at `text`, when it stands in its first slot; false: it does
 * not, and intern_code knows. head: its length byte, twice the length, at most 2 * INTERN_SHORT_BYTES_MAX. The
 * dictionary is handed in by value so that it stays in registers. */
static inline bool intern_find_fast(const struct intern_slot *slots, uint64_t multiplier, unsigned shift,
                                    const uint8_t *text, size_t head, uint32_t *ret_code)
{
        const struct intern_key *mask = &intern_masks[head >> 1];
        uint64_t low = bytes_get_u64(text) & mask->low, high = bytes_get_u64(text + 8) & mask->high;
        const struct intern_slot *slot = &slots[((low + (high << 32 | high >> 32)) * multiplier) >> shift];

        if (((slot->key.low ^ low) | (slot->key.high ^ high)) != 0)
                return false;
        *ret_code = slot->code;
        return true;
}

#endif
