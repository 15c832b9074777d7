/* codec_undict.c - the reading side's string dictionary.
 *
 * Entries are copied: what they were read from goes away before the segment does. */
#include "sidecar/column/codec_undict.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/hash.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/codec.h"

enum { CODEC_UNDICT_CHUNK_BYTES = 64 << 10 };

struct codec_undict *codec_undict_new(void)
{
        struct codec_undict *undict = alloc_zero(1, sizeof(*undict));
        struct hash_key key;

        hash_key_draw(&key);
        undict->dict.version = key.word[0];
        arena_init(&undict->arena, CODEC_UNDICT_CHUNK_BYTES, 0);
        return undict;
}

struct codec_undict *codec_undict_free(struct codec_undict *undict)
{
        if (undict == NULL)
                return NULL;
        arena_done(&undict->arena);
        alloc_free(undict->entries);
        alloc_free(undict);
        return NULL;
}

void codec_undict_reset(struct codec_undict *undict)
{
        arena_reset(&undict->arena);
        undict->n_bytes = 0;
        undict->dict.n_entries = 0;
        undict->dict.version++;
}

bool codec_undict_add(struct codec_undict *undict, struct slice entry)
{
        uint32_t n = undict->dict.n_entries;

        if (n == LIMIT_DICT_ENTRIES || entry.len > LIMIT_DICT_BYTES - undict->n_bytes)
                return false;
        if (n == undict->capacity) {
                undict->capacity = n == 0 ? 64 : 2 * n;
                undict->entries = alloc_resize(undict->entries, undict->capacity, sizeof(*undict->entries));
                undict->dict.entry = undict->entries;
        }
        undict->entries[n] = arena_copy(&undict->arena, entry);
        undict->n_bytes += entry.len;
        undict->dict.n_entries++;
        return true;
}
