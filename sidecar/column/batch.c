/* batch.c - storage, views and single values of vectors. */
#include "sidecar/column/batch.h"

#include <assert.h>

uint32_t bitmap_count(const uint64_t *bitmap, uint32_t n)
{
        uint32_t count = 0;
        uint32_t whole = n / 64;

        for (uint32_t w = 0; w < whole; w++)
                count += (uint32_t)__builtin_popcountll(bitmap[w]);
        if (n % 64 != 0)
                count += (uint32_t)__builtin_popcountll(bitmap[whole] & ((UINT64_C(1) << (n % 64)) - 1));
        return count;
}

size_t phys_bytes(enum phys phys)
{
        assert(phys != PHYS_NONE);
        switch (phys) {
        case PHYS_I64:
                return sizeof(int64_t);
        case PHYS_F64:
                return sizeof(double);
        case PHYS_DEC:
                return sizeof(weir_i128);
        case PHYS_STR:
                return sizeof(struct slice);
        case PHYS_NONE:
                break;
        }
        return 0;
}

void vector_init(struct vector *vector, enum phys phys, uint32_t n, struct arena *arena)
{
        /* Room for one row at least: an empty vector has an address too. */
        *vector = (struct vector){.phys = phys};
        vector->data = arena_take(arena, phys_bytes(phys) * (n == 0 ? 1 : n), 16);
        assert(vector->data != NULL);
}

void vector_need_valid(struct vector *vector, uint32_t n, struct arena *arena)
{
        size_t bytes = bitmap_words(n) * sizeof(uint64_t);

        if (vector->valid != NULL)
                return;
        vector->valid = arena_take(arena, bytes == 0 ? sizeof(uint64_t) : bytes, sizeof(uint64_t));
        assert(vector->valid != NULL);
        memset(vector->valid, 0xff, bytes);
}

void vector_set_null(struct vector *vector, uint32_t i, uint32_t n, struct arena *arena)
{
        vector_need_valid(vector, n, arena);
        bitmap_clear(vector->valid, i);
        memset((uint8_t *)vector->data + i * phys_bytes(vector->phys), 0, phys_bytes(vector->phys));
}

static void gather_data(const struct vector *source, const uint32_t *selection, uint32_t n, struct vector *ret)
{
        switch (source->phys) {
        case PHYS_I64:
                for (uint32_t k = 0; k < n; k++)
                        ret->i64[k] = source->i64[selection[k]];
                return;
        case PHYS_F64:
                for (uint32_t k = 0; k < n; k++)
                        ret->f64[k] = source->f64[selection[k]];
                return;
        case PHYS_DEC:
                for (uint32_t k = 0; k < n; k++)
                        ret->dec[k] = source->dec[selection[k]];
                return;
        case PHYS_STR:
                for (uint32_t k = 0; k < n; k++)
                        ret->str[k] = source->str[selection[k]];
                return;
        case PHYS_NONE:
                break;
        }
}

void vector_gather(const struct vector *source, const uint32_t *selection, uint32_t n, struct vector *ret,
                   struct arena *arena)
{
        vector_init(ret, source->phys, n, arena);
        gather_data(source, selection, n, ret);
        if (source->valid != NULL) {
                size_t words = bitmap_words(n);

                ret->valid = arena_zero(arena, (words == 0 ? 1 : words) * sizeof(uint64_t), sizeof(uint64_t));
                for (uint32_t k = 0; k < n; k++) {
                        uint64_t bit = bitmap_get(source->valid, selection[k]);

                        ret->valid[k >> 6] |= bit << (k & 63);
                }
        }
        if (source->code != NULL) {
                uint32_t *code = arena_take(arena, sizeof(uint32_t) * (n == 0 ? 1 : n), sizeof(uint32_t));

                assert(code != NULL);
                for (uint32_t k = 0; k < n; k++)
                        code[k] = source->code[selection[k]];
                ret->code = code;
                ret->dict = source->dict;
        }
}

/* n bits of `source` from bit `from` on, moved to bit 0. Reads no word behind the one that holds the last bit. */
static uint64_t *bitmap_shift(const uint64_t *source, uint32_t from, uint32_t n, struct arena *arena)
{
        size_t words = bitmap_words(n);
        uint64_t *bitmap = arena_take(arena, (words == 0 ? 1 : words) * sizeof(uint64_t), sizeof(uint64_t));
        const uint64_t *first = source + from / 64;
        unsigned shift = from % 64;
        size_t last = n == 0 ? 0 : ((size_t)from % 64 + n - 1) / 64;

        assert(bitmap != NULL && shift != 0);
        for (size_t w = 0; w < words; w++) {
                uint64_t low = first[w] >> shift;
                uint64_t high = w + 1 <= last ? first[w + 1] << (64 - shift) : 0;

                bitmap[w] = low | high;
        }
        return bitmap;
}

void vector_view(const struct vector *source, uint32_t from, uint32_t n, struct vector *ret, struct arena *arena)
{
        *ret = *source;
        ret->data = (uint8_t *)source->data + phys_bytes(source->phys) * from;
        if (source->code != NULL)
                ret->code = source->code + from;
        if (source->valid != NULL)
                ret->valid = from % 64 == 0 ? source->valid + from / 64 : bitmap_shift(source->valid, from, n, arena);
}

struct value vector_get(const struct vector *vector, uint32_t i)
{
        struct value value = {.phys = vector->phys, .is_null = vector_is_null(vector, i)};

        if (value.is_null) /* all bytes of the widest member stay zero */
                return value;
        switch (vector->phys) {
        case PHYS_I64:
                value.i64 = vector->i64[i];
                return value;
        case PHYS_F64:
                value.f64 = vector->f64[i];
                return value;
        case PHYS_DEC:
                value.dec = vector->dec[i];
                return value;
        case PHYS_STR:
                value.str = vector->str[i];
                return value;
        case PHYS_NONE:
                break;
        }
        return value;
}
