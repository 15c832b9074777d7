/* intern.h - one column's dictionary of strings: bytes in, dense codes out.
 *
 * Columns such as event_type or country repeat a few strings for ever. Interned, a string costs one probe of a
 * small table instead of a copy, and everything behind the decoder may work on codes. Entries never move, never
 * change and never go away before intern_free, so slices of them outlive every batch. Code 0 is always the
 * empty string.
 *
 * A dictionary is bounded (INTERN_ENTRIES_MAX, INTERN_BYTES_MAX, INTERN_STRING_BYTES_MAX and a bounded probe):
 * the first string that does not fit closes it for good, because a column that got there is not worth codes:
 * from then on its strings are copied into the batch and carry no codes. The hash is keyed, so nobody can pick
 * strings that collide. One thread. */
#ifndef WEIR_SIDECAR_COLUMN_INTERN_H
#define WEIR_SIDECAR_COLUMN_INTERN_H

#include "sidecar/base/arena.h"
#include "sidecar/column/batch.h"

enum {
        INTERN_ENTRIES_MAX = 4096,
        INTERN_BYTES_MAX = 256 << 10,
        INTERN_STRING_BYTES_MAX = 256,
};

#define INTERN_CODE_NONE UINT32_MAX

struct intern;

struct intern *intern_new(void);
struct intern *intern_free(struct intern *intern); /* NULL allowed; returns NULL */

/* The code of the string, added if it is new; INTERN_CODE_NONE when the dictionary is closed (now or before).
 * At least 8 bytes behind the string must be readable, whatever they hold. */
uint32_t intern_code(struct intern *intern, const uint8_t *data, size_t len);

bool intern_is_closed(const struct intern *intern);
/* Stays at its address; `entry` and `n_entries` follow the dictionary. */
const struct vector_dict *intern_dict(const struct intern *intern);

#endif
