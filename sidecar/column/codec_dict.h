/* codec_dict.h - string dictionaries of the codec: one column, one segment of the log.
 *
 * The writing side finds the code of a string, by the code that the vector has for it (an array look-up) or by its
 * bytes (a hash probe), and notes what is new. Bounded by LIMIT_DICT_ENTRIES and LIMIT_DICT_BYTES. A column whose
 * values hardly repeat is given up for the rest of the segment. Used by codec.c only. One thread. */
#ifndef WEIR_SIDECAR_COLUMN_CODEC_DICT_H
#define WEIR_SIDECAR_COLUMN_CODEC_DICT_H

#include "sidecar/base/arena.h"
#include "sidecar/base/hash.h"
#include "sidecar/column/batch.h"

#define CODEC_CODE_NONE UINT32_MAX
enum { CODEC_DICT_MAPS = 16 };

/* Codes of one vector dictionary to ours. */
struct codec_map {
        uint64_t version; /* of the vector's dictionary */
        uint64_t used;    /* when it was last used */
        uint32_t *code;   /* CODEC_CODE_NONE: not yet known */
        uint32_t n_codes, capacity;
};

struct codec_dict {
        struct hash_key key;
        struct arena arena;    /* bytes of the entries */
        struct slice *entries; /* by code */
        uint32_t n_entries, capacity;
        size_t n_bytes;
        uint32_t *slots;       /* code + 1 by hash, 0: free; twice as many as entries at least */
        uint32_t n_slots;
        struct codec_map maps[CODEC_DICT_MAPS];
        uint64_t clock;
        uint64_t n_hashed, n_missed; /* rows looked up by bytes in this scope, and how many were new */
        bool is_hopeless;            /* for strings without codes, until the next scope */
        uint32_t *scratch;     /* codes of the rows under way */
        uint32_t scratch_capacity;
};

/* Whether n more rows with n_bytes of strings are certain to fit. */
bool codec_dict_has_room(const struct codec_dict *dict, uint32_t n, size_t n_bytes);
/* The code of a string; added when it is new (then n_entries grows by one). */
uint32_t codec_dict_code(struct codec_dict *dict, struct slice string);
/* The map for a vector's dictionary, with room for all its codes. */
struct codec_map *codec_dict_map(struct codec_dict *dict, const struct vector_dict *of);
/* Room for n codes. */
uint32_t *codec_dict_scratch(struct codec_dict *dict, uint32_t n);

#endif
