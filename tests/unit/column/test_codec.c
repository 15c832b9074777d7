/* test_codec.c - columns come back from their bytes, whatever is in them. */
#include "tests/lib/check.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/codec.h"
#include "sidecar/column/codec_kernel.h"

#include <stdio.h>

enum { ROWS = 700 };

static bool is_same_value(const struct vector *a, uint32_t i, const struct vector *b, uint32_t k)
{
        if (vector_is_null(a, i) || vector_is_null(b, k))
                return vector_is_null(a, i) == vector_is_null(b, k);
        switch (a->phys) {
        case PHYS_I64:
                return a->i64[i] == b->i64[k];
        case PHYS_F64:
                return memcmp(a->f64 + i, b->f64 + k, sizeof(double)) == 0;
        case PHYS_DEC:
                return a->dec[i] == b->dec[k];
        case PHYS_STR:
                return slice_is_equal(a->str[i], b->str[k]) &&
                       (b->code == NULL || slice_is_equal(b->dict->entry[b->code[k]], b->str[k]));
        case PHYS_NONE:
                break;
        }
        return false;
}

/* Encodes rows from..from+n, decodes them, compares; returns the number of bytes. */
static size_t check_round(struct codec_dict *dict, struct codec_undict *undict, const struct vector *vector,
                          uint32_t from, uint32_t n)
{
        size_t bound = codec_bound(vector, from, n);
        uint8_t *bytes = alloc_bytes(bound + 1);
        size_t len = codec_encode(dict, vector, from, n, bytes);
        struct bytes_reader in = bytes_reader_make(slice_make(bytes, len));
        struct vector back = {0};
        struct arena arena;
        struct err err;
        uint32_t n_wrong = 0;

        arena_init(&arena, 1 << 16, 0);
        CHECK(len <= bound);
        CHECK_OK(codec_decode(undict, vector->phys, n, &in, &arena, &back, &err), &err);
        CHECK(in.at == in.end && !in.failed);
        for (uint32_t i = 0; i < n; i++)
                n_wrong += !is_same_value(vector, from + i, &back, i);
        CHECK_UINT(n_wrong, 0);
        arena_done(&arena);
        alloc_free(bytes);
        return len;
}

static size_t check_integers(const int64_t *values, uint32_t n)
{
        struct vector vector = {.phys = PHYS_I64};
        int64_t copy[ROWS];

        memcpy(copy, values, n * sizeof(*values));
        vector.i64 = copy;
        return check_round(NULL, NULL, &vector, 0, n);
}

TEST(integers_take_as_many_bytes_as_they_need)
{
        int64_t values[ROWS];

        CHECK_UINT(check_integers((int64_t[]){42}, 1), 3);
        for (int i = 0; i < ROWS; i++)
                values[i] = -5;
        CHECK_UINT(check_integers(values, ROWS), 3);
        for (int i = 0; i < ROWS; i++)
                values[i] = 1000000 + i * 7 % 200;
        CHECK_UINT(check_integers(values, ROWS), 5 + ROWS);
        for (int i = 0; i < ROWS; i++)
                values[i] = INT64_C(1700000000000000) + i * 7919 % 5000 * INT64_C(1000);
        CHECK_UINT(check_integers(values, ROWS), 10 + 2 * ROWS);
        for (int i = 0; i < ROWS; i++)
                values[i] = INT64_C(1700000000000000) + i * INT64_C(90000) + i * 31 % 97 * INT64_C(1000);
        CHECK_UINT(check_integers(values, ROWS), 13 + ROWS - 1);
        for (int i = 0; i < ROWS; i++)
                values[i] = i % 2 == 0 ? INT64_MIN : INT64_MAX; /* modulo 2^64 their deltas are 1 and -1 */
        CHECK_UINT(check_integers(values, ROWS), 13 + ROWS - 1);
        for (int i = 0; i < ROWS; i++)
                values[i] = i % 3 == 0 ? INT64_MIN : i % 3 == 1 ? INT64_MAX : 0;
        CHECK_UINT(check_integers(values, ROWS), 12 + 8 * ROWS);
}

TEST(integers_of_every_range_come_back)
{
        struct check_random random = check_seed(11);
        int64_t values[ROWS];

        for (int round = 0; round < 600; round++) {
                uint32_t n = 1 + (uint32_t)check_random_below(&random, ROWS);
                unsigned bits = (unsigned)check_random_below(&random, 64);
                bool is_scaled = check_random_below(&random, 2);
                bool is_rising = check_random_below(&random, 2);
                uint64_t value = check_random_u64(&random);

                for (uint32_t i = 0; i < n; i++) {
                        uint64_t step = check_random_u64(&random) >> bits;

                        if (is_scaled)
                                step = step / 1000 * 1000;
                        values[i] = (int64_t)(value + step);
                        value += is_rising ? step : 0;
                }
                check_integers(values, n);
        }
}

TEST(shapes_are_the_same_with_and_without_vector_instructions)
{
        /* The delta and scaled decisions are those of the specification, whatever the processor. */
        int64_t values[40];
        struct codec_shape shape;

        for (int i = 0; i < 40; i++)
                values[i] = i * INT64_C(1000000);
        codec_kernel_choose(values, 40, &shape);
        CHECK(shape.is_scaled && shape.is_delta);
        CHECK_UINT(shape.width, 0);
        CHECK_INT(shape.min_delta, 1000000);
        values[39]++;
        codec_kernel_choose(values, 40, &shape);
        CHECK(!shape.is_scaled && shape.is_delta);
        CHECK_UINT(shape.width, 1);
}

/* A vector of `n` random rows: some NULL, strings from few or many values. */
static void make_random(struct vector *vector, enum phys phys, uint32_t n, unsigned null_percent, uint32_t n_values,
                        struct check_random *random, struct arena *arena)
{
        vector_init(vector, phys, n, arena);
        for (uint32_t i = 0; i < n; i++) {
                uint64_t value = check_random_below(random, n_values);

                if (phys == PHYS_I64) {
                        vector->i64[i] = (int64_t)value;
                } else if (phys == PHYS_F64) {
                        vector->f64[i] = (double)value / 3;
                } else if (phys == PHYS_DEC) {
                        vector->dec[i] = n_values > 1000 ? (weir_i128)value << 70 : -(weir_i128)value;
                } else {
                        vector->str[i] = slice_from_text(
                                arena_format(arena, "%.*s%llu", (int)(value % 23), "xyzxyzxyzxyzxyzxyzxyzxyz",
                                             (unsigned long long)value));
                }
                if (check_random_below(random, 100) < null_percent) {
                        vector_need_valid(vector, n, arena);
                        bitmap_clear(vector->valid, i);
                        if (phys == PHYS_STR)
                                vector->str[i] = slice_make(NULL, 0);
                        else if (phys == PHYS_DEC)
                                vector->dec[i] = 0;
                        else
                                vector->i64[i] = 0;
                }
        }
}

TEST(every_type_comes_back_with_its_nulls)
{
        static const enum phys all[] = {PHYS_I64, PHYS_F64, PHYS_DEC, PHYS_STR};
        struct check_random random = check_seed(12);
        struct codec_dict *dict = codec_dict_new();
        struct codec_undict *undict = codec_undict_new();
        struct arena arena;

        arena_init(&arena, 1 << 16, 0);
        for (int round = 0; round < 400; round++) {
                enum phys phys = all[round % 4];
                uint32_t n = (uint32_t)check_random_below(&random, ROWS);
                uint32_t from = (uint32_t)check_random_below(&random, 130);
                unsigned nulls = round % 3 == 0 ? 0 : round % 3 == 1 ? 30 : 100;
                bool with_dict = phys == PHYS_STR && round % 8 < 4;
                struct vector vector;

                make_random(&vector, phys, n + from, nulls, round % 5 == 0 ? 1 : round % 5 < 3 ? 50 : 1000000, &random,
                            &arena);
                if (round % 50 == 0) {
                        codec_dict_reset(dict);
                        codec_undict_reset(undict);
                }
                check_round(with_dict ? dict : NULL, undict, &vector, from, n);
                arena_reset(&arena);
        }
        codec_dict_free(dict);
        codec_undict_free(undict);
        arena_done(&arena);
}

TEST(doubles_keep_every_bit)
{
        double values[4] = {0.0, -0.0, 1e300, 0};
        struct vector vector = {.phys = PHYS_F64};
        uint64_t nan = UINT64_C(0x7ff8000000000123);

        memcpy(&values[3], &nan, sizeof(nan));
        vector.f64 = values;
        CHECK_UINT(check_round(NULL, NULL, &vector, 0, 4), 33);
        CHECK_UINT(check_round(NULL, NULL, &vector, 3, 1), 9);
}

TEST(repeated_strings_cost_a_byte_a_row)
{
        struct codec_dict *dict = codec_dict_new();
        struct codec_undict *undict = codec_undict_new();
        struct check_random random = check_seed(13);
        struct vector vector;
        struct arena arena;

        arena_init(&arena, 1 << 16, 0);
        make_random(&vector, PHYS_STR, ROWS, 0, 100, &random, &arena);
        CHECK(check_round(dict, undict, &vector, 0, ROWS) > ROWS + 500);
        CHECK_UINT(check_round(dict, undict, &vector, 0, ROWS), 6 + ROWS);
        codec_dict_reset(dict);
        codec_undict_reset(undict);
        CHECK(check_round(dict, undict, &vector, 0, ROWS) > ROWS + 500);
        codec_dict_free(dict);
        codec_undict_free(undict);
        arena_done(&arena);
}

/* As a decoder's dictionary: entry i is "prefix<i>". */
static void make_coded(struct vector *vector, struct vector_dict *dict, const char *prefix, uint32_t n_entries,
                       uint64_t version, uint32_t n, struct check_random *random, struct arena *arena)
{
        struct slice *entries = arena_new_n(arena, struct slice, n_entries);
        uint32_t *codes = arena_new_n(arena, uint32_t, n);

        vector_init(vector, PHYS_STR, n, arena);
        for (uint32_t i = 0; i < n_entries; i++)
                entries[i] = slice_from_text(arena_format(arena, "%s%u", prefix, i));
        *dict = (struct vector_dict){.entry = entries, .n_entries = n_entries, .version = version};
        for (uint32_t i = 0; i < n; i++) {
                codes[i] = (uint32_t)check_random_below(random, n_entries);
                vector->str[i] = entries[codes[i]];
        }
        vector->code = codes;
        vector->dict = dict;
}

TEST(codes_of_many_dictionaries_meet_in_one)
{
        struct codec_dict *dict = codec_dict_new();
        struct codec_undict *undict = codec_undict_new();
        struct check_random random = check_seed(14);
        struct arena arena;

        arena_init(&arena, 1 << 16, 0);
        for (int round = 0; round < 200; round++) {
                struct vector_dict source;
                struct vector vector;
                /* 40 dictionaries come and go over 16 maps; two share each prefix, none a version. */
                unsigned which = (unsigned)check_random_below(&random, 40);
                char prefix[16];

                snprintf(prefix, sizeof(prefix), "p%u-", which / 2);
                make_coded(&vector, &source, prefix, 1 + (uint32_t)check_random_below(&random, 90), 1000 + which, 200,
                           &random, &arena);
                if (round % 3 == 0) {
                        vector_need_valid(&vector, 200, &arena);
                        for (uint32_t i = 0; i < 200; i += 3) {
                                bitmap_clear(vector.valid, i);
                                vector.str[i] = slice_make(NULL, 0);
                        }
                }
                check_round(dict, undict, &vector, 0, 200);
                arena_reset(&arena);
        }
        codec_dict_free(dict);
        codec_undict_free(undict);
        arena_done(&arena);
}

TEST(dictionary_that_is_full_or_of_no_use_gives_way_to_plain_strings)
{
        struct codec_dict *dict = codec_dict_new();
        struct codec_undict *undict = codec_undict_new();
        struct check_random random = check_seed(15);
        struct vector_dict source;
        struct vector vector;
        struct arena arena;

        arena_init(&arena, 1 << 16, 0);
        for (int i = 0; i < 40; i++) {
                make_random(&vector, PHYS_STR, 3000, 0, 1u << 30, &random, &arena);
                check_round(dict, undict, &vector, 0, 3000);
                arena_reset(&arena);
        }
        /* Codes still go in, up to the limit of entries. */
        for (int i = 0; i < 30; i++) {
                char prefix[16];

                snprintf(prefix, sizeof(prefix), "%d-", i);
                make_coded(&vector, &source, prefix, 4096, 7000 + (uint64_t)i, 4096, &random, &arena);
                check_round(dict, undict, &vector, 0, 4096);
                arena_reset(&arena);
        }
        codec_dict_free(dict);
        codec_undict_free(undict);
        arena_done(&arena);
}

TEST(skipping_takes_new_strings_in)
{
        struct codec_dict *dict = codec_dict_new();
        struct codec_undict *undict = codec_undict_new();
        struct check_random random = check_seed(16);
        struct vector vector;
        struct arena arena;
        struct bytes_reader in;
        struct err err;
        uint8_t bytes[20000];
        size_t len;

        arena_init(&arena, 1 << 16, 0);
        make_random(&vector, PHYS_STR, 300, 20, 40, &random, &arena);
        len = codec_encode(dict, &vector, 0, 300, bytes);
        in = bytes_reader_make(slice_make(bytes, len));
        CHECK_OK(codec_skip(undict, PHYS_STR, 300, &in, &err), &err);
        CHECK(in.at == in.end);
        check_round(dict, undict, &vector, 100, 200);
        codec_dict_free(dict);
        codec_undict_free(undict);
        arena_done(&arena);
}

TEST(layout_is_the_one_that_is_written_down)
{
        static const uint8_t integers[] = {0x01, 0x01, 0x14, 0x00, 0x05, 0x02};
        static const uint8_t scaled[] = {0x01, 0x21, 0x80, 0x89, 0x7a, 0x00, 0x0a, 0xdc, 0xe7};
        static const uint8_t deltas[] = {0x01, 0x31, 0x80, 0x89, 0x7a, 0xf0, 0xa2, 0x04, 0x01, 0x00, 0x02};
        static const uint8_t nulls[] = {0x81, 0x05, 0x01, 0x0e, 0x00, 0x00, 0x01};
        static const uint8_t strings[] = {0x07, 0x01, 0x02, 0x00, 0x01, 'a', 'b', 'c'};
        static const uint8_t dict_strings[] = {0x06, 0x02, 0x00, 0x00, 0x00, 0x01, 'x', 0x02, 'y', 'y',
                                               0x01, 0x00, 0x01, 0x00};
        struct codec_dict *dict = codec_dict_new();
        uint64_t valid = 5;
        size_t len;
        struct vector vector = {.phys = PHYS_I64, .i64 = (int64_t[]){10, 15, 12}};
        uint8_t bytes[200];

        CHECK_BYTES(bytes, codec_encode(NULL, &vector, 0, 3, bytes), integers, sizeof(integers));
        vector.i64 = (int64_t[]){1000000, 1010000, 1220000, 1231000};
        CHECK_BYTES(bytes, codec_encode(NULL, &vector, 0, 4, bytes), scaled, sizeof(scaled));
        vector.i64 = (int64_t[]){1000000, 1036000, 1071000, 1108000, 1143000, 1178000, 1213000, 1248000, 1283000};
        len = codec_encode(NULL, &vector, 0, 9, bytes);
        CHECK_BYTES(bytes, len < sizeof(deltas) ? len : sizeof(deltas), deltas, sizeof(deltas));
        CHECK_UINT(len, 8 + 8);
        vector.i64 = (int64_t[]){7, 0, 8};
        vector.valid = &valid;
        CHECK_BYTES(bytes, codec_encode(NULL, &vector, 0, 3, bytes), nulls, sizeof(nulls));
        vector = (struct vector){.phys = PHYS_STR};
        vector.str = (struct slice[]){slice_from_text("ab"), slice_from_text(""), slice_from_text("c")};
        CHECK_BYTES(bytes, codec_encode(NULL, &vector, 0, 3, bytes), strings, sizeof(strings));
        vector.str = (struct slice[]){slice_from_text("x"), slice_from_text("yy"), slice_from_text("x")};
        CHECK_BYTES(bytes, codec_encode(dict, &vector, 0, 3, bytes), dict_strings, sizeof(dict_strings));
        codec_dict_free(dict);
}

TEST(broken_bytes_are_refused_or_harmless)
{
        static const enum phys all[] = {PHYS_I64, PHYS_F64, PHYS_DEC, PHYS_STR};
        struct check_random random = check_seed(17);
        struct vector vector, back;
        struct arena arena;
        uint8_t bytes[20000], broken[20000];
        uint32_t n_refused = 0;

        arena_init(&arena, 1 << 16, 0);
        for (int round = 0; round < 2000; round++) {
                struct codec_dict *dict = round % 2 ? codec_dict_new() : NULL;
                struct codec_undict *undict = codec_undict_new();
                struct bytes_reader in;
                struct err err;
                size_t len, cut;

                make_random(&vector, all[round / 2 % 4], 60, (unsigned)round % 3 * 20, 30, &random, &arena);
                len = codec_encode(dict, &vector, 0, 60, bytes);
                cut = round % 5 == 0 ? check_random_below(&random, len) : len;
                memcpy(broken, bytes, cut);
                if (cut == len)
                        broken[check_random_below(&random, len < 30 ? len : 30)] ^=
                                (uint8_t)(1u << check_random_below(&random, 8));
                in = bytes_reader_make(slice_make(broken, cut));
                n_refused += codec_decode(undict, vector.phys, 60, &in, &arena, &back, &err) < 0;
                codec_dict_free(dict);
                codec_undict_free(undict);
                arena_reset(&arena);
        }
        CHECK(n_refused > 500);
        arena_done(&arena);
}
