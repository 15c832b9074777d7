/* codec.c - one column to bytes and back.
 *
 * All numbers are little-endian; varint is unsigned LEB128, zigzag a signed number folded into a varint. A column of 0
 * rows takes no bytes. Otherwise:
 *
 *     u8  form in the low 7 bits; 80 = a validity bitmap follows: (n + 7) / 8 bytes, bit i % 8 of byte i / 8 set when
 *         row i is not NULL, unused bits 0. NULL rows have some value all the same: the one before, where that is
 *         smallest; readers put 0 or the empty string there.
 *
 *   form 0  every row is NULL: nothing follows
 *
 *   form 1  integers:
 *             u8      width 0, 1, 2, 4 or 8; 10 = delta; 20 = scaled
 *             zigzag  base
 *             zigzag  least delta, with 10 only
 *             n times width bytes (n - 1 with 10): u
 *           value[i] = base + scale * u[i], scale 1000 with 20, else 1; with 10: value[0] = base,
 *           value[i] = value[i-1] + least delta + scale * u[i-1]; all modulo 2^64
 *
 *   form 2  doubles: n times 8 bytes, IEEE 754        form 3  one double, the same in every row: 8 bytes
 *
 *   form 4  decimals that fit 64 bits: as form 1      form 5  decimals: n times 16 bytes, two's complement
 *
 *   form 6  strings by dictionary:
 *             u32     number of new entries; they get the next codes of this dictionary
 *             each    varint length, bytes
 *             u8      width 0, 1, 2 or 4
 *             width 0: varint, the code of every row; else n times width bytes: codes
 *
 *   form 7  strings:
 *             u8      width 0, 1, 2 or 4
 *             width 0: varint, the length of every row; else n times width bytes: lengths
 *             the bytes of all rows, one after the other
 *
 * Rejected: bit-packing (a third smaller, three times the time), a general compressor behind it (the log is bounded by
 * syncs, not by bytes), run lengths (ads come interleaved). */
#include "sidecar/column/codec.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/codec_dict.h"
#include "sidecar/column/codec_kernel.h"
#include "sidecar/column/codec_undict.h"

#include <assert.h>
#include <endian.h>

enum codec_form {
        CODEC_NULLS = 0,
        CODEC_INTEGERS = 1,
        CODEC_DOUBLES = 2,
        CODEC_DOUBLE = 3,
        CODEC_DECIMALS_SMALL = 4,
        CODEC_DECIMALS = 5,
        CODEC_STRINGS_DICT = 6,
        CODEC_STRINGS = 7,
};
enum { CODEC_HAS_BITMAP = 0x80, CODEC_DELTA = 0x10, CODEC_SCALED = 0x20 };
enum {
        CODEC_VARINT_BYTES = 10,
        CODEC_HEAD_BYTES = 1 + 1 + 2 * CODEC_VARINT_BYTES, /* of a form with its widths and bases */
        CODEC_STACK_ROWS = 4096,                           /* more rows than in a vector take memory */
        CODEC_HASH_BYTES_MAX = 256, /* longer strings hardly repeat, and cost more to look up than to write */
};

/* ---- small numbers ---- */

static uint8_t *codec_put_varint(uint8_t *at, uint64_t value)
{
        for (; value >= 0x80; value >>= 7)
                *at++ = (uint8_t)(value | 0x80);
        *at++ = (uint8_t)value;
        return at;
}

static uint8_t *codec_put_zigzag(uint8_t *at, int64_t value)
{
        return codec_put_varint(at, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static int64_t codec_read_zigzag(struct bytes_reader *in)
{
        uint64_t folded = bytes_read_varint(in);

        return (int64_t)(folded >> 1 ^ (0 - (folded & 1)));
}

static size_t codec_bitmap_bytes(uint32_t n)
{
        return ((size_t)n + 7) / 8;
}

/* ---- validity ---- */

static bool codec_is_valid(const struct vector *vector, uint32_t i)
{
        return vector->valid == NULL || bitmap_get(vector->valid, i);
}

static uint32_t codec_count_valid(const struct vector *vector, uint32_t from, uint32_t n)
{
        uint32_t count = 0;

        if (vector->valid == NULL)
                return n;
        if (from % 64 == 0) {
                const uint64_t *words = vector->valid + from / 64;

                for (uint32_t i = 0; i < n / 64; i++)
                        count += (uint32_t)__builtin_popcountll(words[i]);
                if (n % 64 != 0)
                        count += (uint32_t)__builtin_popcountll(words[n / 64] & ((UINT64_C(1) << n % 64) - 1));
                return count;
        }
        for (uint32_t i = 0; i < n; i++)
                count += bitmap_get(vector->valid, from + i);
        return count;
}

static uint8_t *codec_put_bitmap(const struct vector *vector, uint32_t from, uint32_t n, uint8_t *at)
{
        memset(at, 0, codec_bitmap_bytes(n));
        for (uint32_t i = 0; i < n; i++)
                at[i / 8] = (uint8_t)(at[i / 8] | bitmap_get(vector->valid, from + i) << (i % 8));
        return at + codec_bitmap_bytes(n);
}

/* ---- integers ---- */

static uint8_t *codec_put_integers(const int64_t *values, uint32_t n, uint8_t *at)
{
        struct codec_shape shape;

        codec_kernel_choose(values, n, &shape);
        *at++ = (uint8_t)(shape.width | (shape.is_delta ? CODEC_DELTA : 0) | (shape.is_scaled ? CODEC_SCALED : 0));
        at = codec_put_zigzag(at, shape.base);
        if (shape.is_delta)
                at = codec_put_zigzag(at, shape.min_delta);
        codec_kernel_pack(values, n, &shape, at);
        return at + (size_t)shape.width * (shape.is_delta ? n - 1 : n);
}

/* Values with NULL rows replaced by their predecessor, so that they widen nothing. */
static uint8_t *codec_put_sparse_integers(const struct vector *vector, uint32_t from, uint32_t n, uint8_t *at)
{
        int64_t stack[CODEC_STACK_ROWS];
        WEIR_AUTO_FREE int64_t *heap = n > CODEC_STACK_ROWS ? alloc_array(n, sizeof(*heap)) : NULL;
        int64_t *values = heap != NULL ? heap : stack;
        uint32_t first = 0;
        int64_t last;

        while (!codec_is_valid(vector, from + first))
                first++;
        last = vector->i64[from + first];
        for (uint32_t i = 0; i < n; i++) {
                if (codec_is_valid(vector, from + i))
                        last = vector->i64[from + i];
                values[i] = last;
        }
        return codec_put_integers(values, n, at);
}

static uint8_t *codec_put_doubles(const struct vector *vector, uint32_t from, uint32_t n, uint8_t *head, uint8_t *at)
{
        const double *values = vector->f64 + from;
        uint64_t bits, first;
        bool is_same = true;

        memcpy(&first, values, sizeof(first));
        for (uint32_t i = 1; i < n && is_same; i++) {
                memcpy(&bits, values + i, sizeof(bits));
                is_same = bits == first;
        }
        *head = (uint8_t)(*head | (is_same ? CODEC_DOUBLE : CODEC_DOUBLES));
        if (is_same)
                n = 1;
        for (uint32_t i = 0; i < n; i++, at += 8) {
                memcpy(&bits, values + i, sizeof(bits));
                bits = htole64(bits);
                memcpy(at, &bits, sizeof(bits));
        }
        return at;
}

static uint8_t *codec_put_decimals(const struct vector *vector, uint32_t from, uint32_t n, uint8_t *head, uint8_t *at)
{
        const weir_i128 *values = vector->dec + from;
        int64_t stack[CODEC_STACK_ROWS];
        WEIR_AUTO_FREE int64_t *heap = n > CODEC_STACK_ROWS ? alloc_array(n, sizeof(*heap)) : NULL;
        int64_t *small = heap != NULL ? heap : stack;
        bool is_small = true;

        for (uint32_t i = 0; i < n; i++) {
                small[i] = (int64_t)values[i];
                is_small &= small[i] == values[i];
        }
        if (is_small) {
                *head |= CODEC_DECIMALS_SMALL;
                return codec_put_integers(small, n, at);
        }
        *head |= CODEC_DECIMALS;
        for (uint32_t i = 0; i < n; i++, at += 16) {
                bytes_put_u64(at, (uint64_t)values[i]);
                bytes_put_u64(at + 8, (uint64_t)((unsigned __int128)values[i] >> 64));
        }
        return at;
}

/* ---- strings ---- */

static unsigned codec_code_width(uint32_t max)
{
        if (max <= UINT8_MAX)
                return 1;
        return max <= UINT16_MAX ? 2 : 4;
}

static uint8_t *codec_put_raw_strings(const struct slice *strings, uint32_t n, uint8_t *at)
{
        size_t min = SIZE_MAX;
        size_t max = 0;
        unsigned width;

        for (uint32_t i = 0; i < n; i++) {
                min = strings[i].len < min ? strings[i].len : min;
                max = strings[i].len > max ? strings[i].len : max;
        }
        assert(max <= UINT32_MAX);
        width = min == max ? 0 : codec_code_width((uint32_t)max);
        *at++ = (uint8_t)width;
        if (width == 0)
                at = codec_put_varint(at, max);
        for (uint32_t i = 0; i < n && width != 0; i++, at += width) {
                uint32_t len = htole32((uint32_t)strings[i].len);

                memcpy(at, &len, width);
        }
        for (uint32_t i = 0; i < n; i++) {
                if (strings[i].len > 0)
                        memcpy(at, strings[i].data, strings[i].len);
                at += strings[i].len;
        }
        return at;
}

static uint8_t *codec_put_entry(struct slice entry, uint8_t *at)
{
        at = codec_put_varint(at, entry.len);
        if (entry.len > 0)
                memcpy(at, entry.data, entry.len);
        return at + entry.len;
}

/* Codes of the rows by the vector's own codes, new entries to `at`. NULL rows repeat the code before them. */
static uint8_t *codec_add_by_map(struct codec_dict *dict, struct codec_map *map, const struct vector *vector,
                                 uint32_t from, uint32_t n, uint32_t *codes, uint8_t *at)
{
        for (uint32_t i = 0; i < n; i++) {
                uint32_t code = vector->code[from + i];
                uint32_t before = dict->n_entries;

                if (!codec_is_valid(vector, from + i)) {
                        codes[i] = i == 0 ? CODEC_CODE_NONE : codes[i - 1];
                        continue;
                }
                if (map->code[code] == CODEC_CODE_NONE) {
                        map->code[code] = codec_dict_code(dict, vector->dict->entry[code]);
                        if (dict->n_entries > before)
                                at = codec_put_entry(vector->dict->entry[code], at);
                }
                codes[i] = map->code[code];
        }
        return at;
}

/* The same by their bytes. */
static uint8_t *codec_add_by_bytes(struct codec_dict *dict, const struct vector *vector, uint32_t from, uint32_t n,
                                   uint32_t *codes, uint8_t *at)
{
        uint32_t first_new = dict->n_entries;

        for (uint32_t i = 0; i < n; i++) {
                uint32_t before = dict->n_entries;

                if (!codec_is_valid(vector, from + i)) {
                        codes[i] = i == 0 ? CODEC_CODE_NONE : codes[i - 1];
                        continue;
                }
                codes[i] = codec_dict_code(dict, vector->str[from + i]);
                if (dict->n_entries > before)
                        at = codec_put_entry(vector->str[from + i], at);
        }
        dict->n_hashed += n;
        dict->n_missed += dict->n_entries - first_new;
        /* One in four new, after the first few hundred: not worth a probe. */
        if (dict->n_hashed >= 512 && dict->n_missed > dict->n_hashed / 4)
                dict->is_hopeless = true;
        return at;
}

static uint8_t *codec_put_codes(struct codec_dict *dict, uint32_t *codes, uint32_t n, uint8_t *at)
{
        uint32_t first = 0;
        bool is_same = true;
        unsigned width;

        /* NULL rows before the first value take its code. */
        while (first < n && codes[first] == CODEC_CODE_NONE)
                first++;
        for (uint32_t i = 0; i < first; i++)
                codes[i] = codes[first];
        for (uint32_t i = 1; i < n && is_same; i++)
                is_same = codes[i] == codes[0];
        if (is_same) {
                *at++ = 0;
                return codec_put_varint(at, codes[0]);
        }
        width = codec_code_width(dict->n_entries - 1);
        *at++ = (uint8_t)width;
        codec_kernel_pack_codes(codes, n, width, at);
        return at + (size_t)width * n;
}

static size_t codec_string_bytes(const struct slice *strings, uint32_t n, size_t *ret_max)
{
        size_t bytes = 0;
        size_t max = 0;

        for (uint32_t i = 0; i < n; i++) {
                bytes += strings[i].len;
                max |= strings[i].len;
        }
        *ret_max = max; /* at least the longest, less than twice it */
        return bytes;
}

/* Tries the dictionary. NULL: these strings are better off, or only possible, without it; nothing was changed. */
static uint8_t *codec_put_dict_strings(struct codec_dict *dict, const struct vector *vector, uint32_t from, uint32_t n,
                                       uint8_t *at)
{
        struct codec_map *map = vector->code != NULL ? codec_dict_map(dict, vector->dict) : NULL;
        uint32_t *codes = codec_dict_scratch(dict, n);
        uint32_t n_before = dict->n_entries;
        uint8_t *n_new = at;
        size_t bytes, max;

        at += 4;
        /* The usual case: every code was seen before in this segment. */
        if (map == NULL || vector->valid != NULL ||
            codec_kernel_map_codes(vector->code + from, n, map->code, codes) == CODEC_CODE_NONE) {
                bytes = codec_string_bytes(vector->str + from, n, &max);
                if (!codec_dict_has_room(dict, n, bytes))
                        return NULL;
                if (map == NULL && (dict->is_hopeless || max >= CODEC_HASH_BYTES_MAX))
                        return NULL;
                at = map != NULL ? codec_add_by_map(dict, map, vector, from, n, codes, at)
                                 : codec_add_by_bytes(dict, vector, from, n, codes, at);
        }
        bytes_put_u32(n_new, dict->n_entries - n_before);
        return codec_put_codes(dict, codes, n, at);
}

static uint8_t *codec_put_strings(struct codec_dict *dict, const struct vector *vector, uint32_t from, uint32_t n,
                                  uint8_t *head, uint8_t *at)
{
        uint8_t *end = dict == NULL ? NULL : codec_put_dict_strings(dict, vector, from, n, at);

        *head = (uint8_t)(*head | (end != NULL ? CODEC_STRINGS_DICT : CODEC_STRINGS));
        return end != NULL ? end : codec_put_raw_strings(vector->str + from, n, at);
}

/* ---- encoding ---- */

size_t codec_bound_i64(uint32_t n)
{
        return CODEC_HEAD_BYTES + 8 * (size_t)n;
}

size_t codec_encode_i64(const int64_t *values, uint32_t n, uint8_t *at)
{
        return n == 0 ? 0 : (size_t)(codec_put_integers(values, n, at) - at);
}

size_t codec_bound(const struct vector *vector, uint32_t from, uint32_t n)
{
        size_t max;
        size_t head = CODEC_HEAD_BYTES + codec_bitmap_bytes(n);

        switch (vector->phys) {
        case PHYS_I64:
        case PHYS_F64:
                return head + 8 * (size_t)n;
        case PHYS_DEC:
                return head + 16 * (size_t)n;
        case PHYS_STR:
                /* As new entries: a length of at most 5 bytes, the bytes, a code of at most 4. */
                return head + codec_string_bytes(vector->str + from, n, &max) + 9 * (size_t)n;
        case PHYS_NONE:
                break;
        }
        assert(vector->phys != PHYS_NONE);
        return 0;
}

size_t codec_encode(struct codec_dict *dict, const struct vector *vector, uint32_t from, uint32_t n, uint8_t *at)
{
        uint32_t n_valid = codec_count_valid(vector, from, n);
        uint8_t *head = at++;

        if (n == 0)
                return 0;
        *head = CODEC_NULLS;
        if (n_valid == 0)
                return 1;
        if (n_valid < n) {
                *head = CODEC_HAS_BITMAP;
                at = codec_put_bitmap(vector, from, n, at);
        }
        switch (vector->phys) {
        case PHYS_I64:
                *head |= CODEC_INTEGERS;
                at = n_valid < n ? codec_put_sparse_integers(vector, from, n, at)
                                 : codec_put_integers(vector->i64 + from, n, at);
                break;
        case PHYS_F64:
                at = codec_put_doubles(vector, from, n, head, at);
                break;
        case PHYS_DEC:
                at = codec_put_decimals(vector, from, n, head, at);
                break;
        case PHYS_STR:
                at = codec_put_strings(dict, vector, from, n, head, at);
                break;
        case PHYS_NONE:
                assert(vector->phys != PHYS_NONE);
        }
        return (size_t)(at - head);
}

/* ---- decoding ---- */

/* A column under way: where it is read from and for whom. */
struct codec_input {
        struct codec_undict *undict;
        struct bytes_reader *in;
        struct arena *arena; /* NULL: the column is only passed over */
        struct err *err;
        uint32_t n;
};

static int codec_bad(const struct codec_input *input, const char *what)
{
        return err_set(input->err, ERR_DATA, "encoded column: %s", what);
}

static bool codec_is_width(uint8_t width)
{
        return width <= 2 || width == 4 || width == 8;
}

/* n times width bytes, or NULL when they are not there. */
static const uint8_t *codec_read_array(struct bytes_reader *in, uint32_t n, unsigned width)
{
        struct slice bytes = bytes_read_slice(in, (size_t)n * width);

        return in->failed ? NULL : bytes.data;
}

static int codec_read_integers(const struct codec_input *input, int64_t **ret_values)
{
        struct codec_shape shape = {0};
        uint8_t head = bytes_read_u8(input->in);
        const uint8_t *packed;

        shape.width = head & 0x0f;
        shape.is_delta = head & CODEC_DELTA;
        shape.is_scaled = head & CODEC_SCALED;
        if (!codec_is_width(shape.width) || head & ~(0x0f | CODEC_DELTA | CODEC_SCALED))
                return codec_bad(input, "unknown shape of integers");
        shape.base = codec_read_zigzag(input->in);
        if (shape.is_delta)
                shape.min_delta = codec_read_zigzag(input->in);
        packed = codec_read_array(input->in, shape.is_delta ? input->n - 1 : input->n, shape.width);
        if (input->in->failed)
                return codec_bad(input, "integers are cut off");
        if (input->arena == NULL)
                return 0;
        *ret_values = arena_take(input->arena, sizeof(int64_t) * (size_t)input->n, _Alignof(int64_t));
        codec_kernel_unpack(packed, input->n, &shape, *ret_values);
        return 0;
}

static int codec_read_doubles(const struct codec_input *input, bool is_same, struct vector *vector)
{
        const uint8_t *packed = codec_read_array(input->in, is_same ? 1 : input->n, 8);
        uint64_t bits;

        if (packed == NULL)
                return codec_bad(input, "doubles are cut off");
        if (input->arena == NULL)
                return 0;
        vector->f64 = arena_take(input->arena, sizeof(double) * (size_t)input->n, _Alignof(double));
        for (uint32_t i = 0; i < input->n; i++) {
                memcpy(&bits, packed + (is_same ? 0 : 8 * (size_t)i), sizeof(bits));
                bits = le64toh(bits);
                memcpy(vector->f64 + i, &bits, sizeof(bits));
        }
        return 0;
}

static int codec_read_decimals(const struct codec_input *input, bool is_small, struct vector *vector)
{
        const uint8_t *packed = NULL;
        int64_t *small = NULL;

        if (is_small) {
                if (codec_read_integers(input, &small) != 0)
                        return -1;
        } else {
                packed = codec_read_array(input->in, input->n, 16);
                if (packed == NULL)
                        return codec_bad(input, "decimals are cut off");
        }
        if (input->arena == NULL)
                return 0;
        vector->dec = arena_take(input->arena, sizeof(weir_i128) * (size_t)input->n, _Alignof(weir_i128));
        for (uint32_t i = 0; i < input->n; i++) {
                if (small != NULL) {
                        vector->dec[i] = small[i];
                        continue;
                }
                vector->dec[i] = (weir_i128)((unsigned __int128)bytes_get_u64(packed + 16 * (size_t)i + 8) << 64 |
                                             bytes_get_u64(packed + 16 * (size_t)i));
        }
        return 0;
}

static int codec_read_strings(const struct codec_input *input, struct vector *vector)
{
        uint8_t width = bytes_read_u8(input->in);
        uint64_t common = width == 0 ? bytes_read_varint(input->in) : 0;
        const uint8_t *lengths;
        uint64_t total = 0;
        struct slice bytes;
        size_t at = 0;

        if (!codec_is_width(width) || width == 8 || common > UINT32_MAX)
                return codec_bad(input, "unknown shape of strings");
        lengths = codec_read_array(input->in, input->n, width);
        if (input->in->failed)
                return codec_bad(input, "strings are cut off");
        for (uint32_t i = 0; i < input->n; i++) {
                uint32_t len = (uint32_t)common;

                if (width == 1)
                        len = lengths[i];
                else if (width == 2)
                        len = bytes_get_u16(lengths + 2 * (size_t)i);
                else if (width == 4)
                        len = bytes_get_u32(lengths + 4 * (size_t)i);
                total += len;
        }
        bytes = bytes_read_slice(input->in, total);
        if (input->in->failed)
                return codec_bad(input, "strings are cut off");
        if (input->arena == NULL)
                return 0;
        vector->str = arena_take(input->arena, sizeof(struct slice) * (size_t)input->n, _Alignof(struct slice));
        for (uint32_t i = 0; i < input->n; i++) {
                size_t len = (size_t)common;

                if (width == 1)
                        len = lengths[i];
                else if (width == 2)
                        len = bytes_get_u16(lengths + 2 * (size_t)i);
                else if (width == 4)
                        len = bytes_get_u32(lengths + 4 * (size_t)i);
                vector->str[i] = slice_make(bytes.data + at, len);
                at += len;
        }
        return 0;
}

static int codec_read_dict_strings(const struct codec_input *input, struct vector *vector)
{
        struct codec_undict *undict = input->undict;
        uint32_t n_new = bytes_read_u32(input->in);
        const uint8_t *packed;
        uint32_t max, *codes;
        uint64_t common;
        uint8_t width;

        if (undict == NULL)
                return codec_bad(input, "a dictionary where there is none");
        for (uint32_t i = 0; i < n_new; i++) {
                struct slice entry = bytes_read_text(input->in);

                if (input->in->failed || !codec_undict_add(undict, entry))
                        return codec_bad(input, "dictionary entries are cut off or too many");
        }
        width = bytes_read_u8(input->in);
        common = width == 0 ? bytes_read_varint(input->in) : 0;
        packed = codec_is_width(width) && width != 8 ? codec_read_array(input->in, input->n, width) : NULL;
        if (input->in->failed || (packed == NULL && width != 0))
                return codec_bad(input, "codes are cut off");
        if (width == 0 && common >= undict->dict.n_entries)
                return codec_bad(input, "code without an entry");
        if (input->arena == NULL)
                return 0;
        codes = arena_take(input->arena, sizeof(uint32_t) * (size_t)input->n, _Alignof(uint32_t));
        if (width != 0) {
                max = codec_kernel_unpack_codes(packed, input->n, width, codes);
                if (max >= undict->dict.n_entries)
                        return codec_bad(input, "code without an entry");
        } else {
                for (uint32_t i = 0; i < input->n; i++)
                        codes[i] = (uint32_t)common;
        }
        vector->str = arena_take(input->arena, sizeof(struct slice) * (size_t)input->n, _Alignof(struct slice));
        for (uint32_t i = 0; i < input->n; i++)
                vector->str[i] = undict->entries[codes[i]];
        vector->code = codes;
        vector->dict = &undict->dict;
        return 0;
}

static void codec_zero_value(struct vector *vector, uint32_t i)
{
        switch (vector->phys) {
        case PHYS_I64:
                vector->i64[i] = 0;
                return;
        case PHYS_F64:
                vector->f64[i] = 0;
                return;
        case PHYS_DEC:
                vector->dec[i] = 0;
                return;
        case PHYS_STR:
                vector->str[i] = slice_make(NULL, 0);
                return;
        case PHYS_NONE:
                return;
        }
}

/* The bitmap as words; NULL rows get their defined zero. Codes of NULL rows would name a string that is not theirs. */
static void codec_apply_bitmap(const struct codec_input *input, const uint8_t *bitmap, struct vector *vector)
{
        uint32_t n = input->n;

        vector->valid = arena_zero(input->arena, sizeof(uint64_t) * bitmap_words(n), _Alignof(uint64_t));
        for (size_t i = 0; i < codec_bitmap_bytes(n); i++)
                vector->valid[i / 8] |= (uint64_t)bitmap[i] << (i % 8 * 8);
        for (uint32_t i = 0; i < n; i++)
                if (!bitmap_get(vector->valid, i))
                        codec_zero_value(vector, i);
        vector->code = NULL;
        vector->dict = NULL;
}

static void codec_make_nulls(const struct codec_input *input, struct vector *vector)
{
        size_t bytes = vector->phys == PHYS_DEC || vector->phys == PHYS_STR ? 16 : 8;

        _Static_assert(sizeof(struct slice) == 16 && sizeof(weir_i128) == 16, "as above");
        vector->data = arena_zero(input->arena, bytes * input->n, 16);
        vector->valid = arena_zero(input->arena, sizeof(uint64_t) * bitmap_words(input->n), _Alignof(uint64_t));
}

static int codec_read_form(const struct codec_input *input, uint8_t form, struct vector *vector)
{
        enum phys phys = vector->phys;

        if (form == CODEC_INTEGERS && phys == PHYS_I64)
                return codec_read_integers(input, &vector->i64);
        if ((form == CODEC_DOUBLES || form == CODEC_DOUBLE) && phys == PHYS_F64)
                return codec_read_doubles(input, form == CODEC_DOUBLE, vector);
        if ((form == CODEC_DECIMALS || form == CODEC_DECIMALS_SMALL) && phys == PHYS_DEC)
                return codec_read_decimals(input, form == CODEC_DECIMALS_SMALL, vector);
        if (form == CODEC_STRINGS_DICT && phys == PHYS_STR)
                return codec_read_dict_strings(input, vector);
        if (form == CODEC_STRINGS && phys == PHYS_STR)
                return codec_read_strings(input, vector);
        return codec_bad(input, "unknown form");
}

static int codec_read_column(const struct codec_input *input, struct vector *vector)
{
        const uint8_t *bitmap = NULL;
        uint8_t head;

        if (input->n == 0) {
                if (input->arena != NULL)
                        vector->data = arena_take(input->arena, 16, 16);
                return 0;
        }
        head = bytes_read_u8(input->in);
        if (input->in->failed || (head == CODEC_NULLS && vector->phys == PHYS_NONE))
                return codec_bad(input, "it is cut off");
        if (head == CODEC_NULLS) {
                if (input->arena != NULL)
                        codec_make_nulls(input, vector);
                return 0;
        }
        if (head & CODEC_HAS_BITMAP) {
                bitmap = bytes_read_slice(input->in, codec_bitmap_bytes(input->n)).data;
                if (input->in->failed)
                        return codec_bad(input, "validity is cut off");
                if (input->n % 8 != 0 && bitmap[input->n / 8] >> (input->n % 8) != 0)
                        return codec_bad(input, "validity of rows that are not there");
        }
        if (codec_read_form(input, head & 0x7f, vector) != 0)
                return -1;
        if (bitmap != NULL && input->arena != NULL)
                codec_apply_bitmap(input, bitmap, vector);
        return 0;
}

int codec_decode(struct codec_undict *undict, enum phys phys, uint32_t n, struct bytes_reader *in, struct arena *arena,
                 struct vector *ret_vector, struct err *err)
{
        struct codec_input input = {.undict = undict, .in = in, .arena = arena, .err = err, .n = n};
        struct vector vector = {.phys = phys};

        assert(arena != NULL && arena->budget_bytes == 0);
        if (codec_read_column(&input, &vector) != 0)
                return -1;
        *ret_vector = vector;
        return 0;
}

int codec_skip(struct codec_undict *undict, enum phys phys, uint32_t n, struct bytes_reader *in, struct err *err)
{
        struct codec_input input = {.undict = undict, .in = in, .err = err, .n = n};
        struct vector vector = {.phys = phys};

        return codec_read_column(&input, &vector);
}

int codec_decode_i64(uint32_t n, struct bytes_reader *in, struct arena *arena, int64_t **ret_values, struct err *err)
{
        struct codec_input input = {.in = in, .arena = arena, .err = err, .n = n};
        int64_t *values = NULL;

        if (n > 0 && codec_read_integers(&input, &values) != 0)
                return -1;
        *ret_values = values;
        return 0;
}
