/* codec_undict.h - string dictionaries of the codec, reading side: codes to strings.
 *
 * Filled from the new entries that encoded columns bring. Used by codec.c only. One thread. */
#ifndef WEIR_SIDECAR_COLUMN_CODEC_UNDICT_H
#define WEIR_SIDECAR_COLUMN_CODEC_UNDICT_H

#include "sidecar/base/arena.h"
#include "sidecar/column/batch.h"

struct codec_undict {
        struct arena arena; /* bytes of the entries */
        struct slice *entries;
        uint32_t capacity;
        size_t n_bytes;
        struct vector_dict dict;
};

/* false: the dictionary is full, which no writer would have let happen. */
bool codec_undict_add(struct codec_undict *undict, struct slice entry);

#endif
