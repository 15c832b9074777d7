/* codec_dict.c - the writing side's string dictionary.
 *
 * Linear probing, at most half full. The bytes of entries are copied: a vector's dictionary may go away while the
 * segment lasts. Maps are kept per version, because each connection may have a dictionary of its own; the one unused
 * for longest makes room. */
#include "sidecar/column/codec_dict.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/codec.h"

enum { CODEC_DICT_CHUNK_BYTES = 64 << 10, CODEC_DICT_SLOTS_MIN = 256 };

struct codec_dict *codec_dict_new(void)
{
        struct codec_dict *dict = alloc_zero(1, sizeof(*dict));

        hash_key_draw(&dict->key);
        arena_init(&dict->arena, CODEC_DICT_CHUNK_BYTES, 0);
        return dict;
}

struct codec_dict *codec_dict_free(struct codec_dict *dict)
{
        if (dict == NULL)
                return NULL;
        for (int i = 0; i < CODEC_DICT_MAPS; i++)
                alloc_free(dict->maps[i].code);
        arena_done(&dict->arena);
        alloc_free(dict->entries);
        alloc_free(dict->slots);
        alloc_free(dict->scratch);
        alloc_free(dict);
        return NULL;
}

void codec_dict_reset(struct codec_dict *dict)
{
        arena_reset(&dict->arena);
        dict->n_entries = 0;
        dict->n_bytes = 0;
        if (dict->n_slots > 0)
                memset(dict->slots, 0, dict->n_slots * sizeof(*dict->slots));
        for (int i = 0; i < CODEC_DICT_MAPS; i++)
                dict->maps[i].n_codes = 0;
        dict->n_hashed = dict->n_missed = 0;
        dict->is_hopeless = false;
}

bool codec_dict_has_room(const struct codec_dict *dict, uint32_t n, size_t n_bytes)
{
        return n <= LIMIT_DICT_ENTRIES - dict->n_entries && n_bytes <= LIMIT_DICT_BYTES - dict->n_bytes;
}

static void codec_dict_grow(struct codec_dict *dict)
{
        uint32_t n_slots = dict->n_slots == 0 ? CODEC_DICT_SLOTS_MIN : 2 * dict->n_slots;
        uint32_t *slots = alloc_zero(n_slots, sizeof(*slots));

        for (uint32_t code = 0; code < dict->n_entries; code++) {
                struct slice entry = dict->entries[code];
                uint32_t at = (uint32_t)hash_bytes(&dict->key, entry.data, entry.len) & (n_slots - 1);

                while (slots[at] != 0)
                        at = (at + 1) & (n_slots - 1);
                slots[at] = code + 1;
        }
        alloc_free(dict->slots);
        dict->slots = slots;
        dict->n_slots = n_slots;
        dict->capacity = n_slots / 2;
        dict->entries = alloc_resize(dict->entries, dict->capacity, sizeof(*dict->entries));
}

uint32_t codec_dict_code(struct codec_dict *dict, struct slice string)
{
        uint32_t at, code;

        if (dict->n_entries == dict->capacity)
                codec_dict_grow(dict);
        at = (uint32_t)hash_bytes(&dict->key, string.data, string.len) & (dict->n_slots - 1);
        for (; dict->slots[at] != 0; at = (at + 1) & (dict->n_slots - 1)) {
                code = dict->slots[at] - 1;
                if (slice_is_equal(dict->entries[code], string))
                        return code;
        }
        code = dict->n_entries++;
        dict->entries[code] = arena_copy(&dict->arena, string);
        dict->n_bytes += string.len;
        dict->slots[at] = code + 1;
        return code;
}

struct codec_map *codec_dict_map(struct codec_dict *dict, const struct vector_dict *of)
{
        struct codec_map *map = &dict->maps[0];

        for (int i = 0; i < CODEC_DICT_MAPS; i++) {
                if (dict->maps[i].version == of->version && dict->maps[i].code != NULL) {
                        map = &dict->maps[i];
                        break;
                }
                if (dict->maps[i].used < map->used)
                        map = &dict->maps[i];
        }
        if (map->version != of->version) {
                map->version = of->version;
                map->n_codes = 0;
        }
        map->used = ++dict->clock;
        if (map->capacity < of->n_entries || map->code == NULL) {
                map->capacity = of->n_entries < 64 ? 64 : 2 * of->n_entries;
                map->code = alloc_resize(map->code, map->capacity, sizeof(*map->code));
        }
        for (; map->n_codes < of->n_entries; map->n_codes++)
                map->code[map->n_codes] = CODEC_CODE_NONE;
        return map;
}

uint32_t *codec_dict_scratch(struct codec_dict *dict, uint32_t n)
{
        if (dict->scratch_capacity < n) {
                dict->scratch_capacity = n < 4096 ? 4096 : n;
                dict->scratch = alloc_resize(dict->scratch, dict->scratch_capacity, sizeof(*dict->scratch));
        }
        return dict->scratch;
}
