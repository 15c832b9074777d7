/* Vectors: storage, selection, views at any bit, values. */
#include "sidecar/column/batch.h"
#include "tests/lib/check.h"

static struct arena arena;

static struct vector numbers(uint32_t n, uint64_t *valid)
{
        struct vector vector;

        vector_init(&vector, PHYS_I64, n, &arena);
        for (uint32_t i = 0; i < n; i++)
                vector.i64[i] = (int64_t)i * 10;
        vector.valid = valid;
        return vector;
}

TEST(bits_are_counted_up_to_the_last_row_only)
{
        uint64_t bitmap[3] = {UINT64_MAX, 0xff, UINT64_MAX};

        CHECK_UINT(bitmap_count(bitmap, 0), 0);
        CHECK_UINT(bitmap_count(bitmap, 1), 1);
        CHECK_UINT(bitmap_count(bitmap, 64), 64);
        CHECK_UINT(bitmap_count(bitmap, 70), 70);
        CHECK_UINT(bitmap_count(bitmap, 80), 72);
        CHECK_UINT(bitmap_count(bitmap, 129), 73);
}

TEST(a_needed_bitmap_says_that_every_row_is_valid)
{
        struct vector vector;

        arena_init(&arena, 4096, 0);
        vector = numbers(130, NULL);
        CHECK(!vector_is_null(&vector, 129));
        vector_need_valid(&vector, 130, &arena);
        REQUIRE(vector.valid != NULL);
        CHECK_UINT(bitmap_count(vector.valid, 130), 130);
        bitmap_clear(vector.valid, 7);
        vector_need_valid(&vector, 130, &arena);
        CHECK(vector_is_null(&vector, 7));
        arena_done(&arena);
}

TEST(gather_takes_values_validity_and_codes)
{
        static const uint32_t selection[4] = {66, 0, 66, 3};
        uint64_t valid[2] = {~UINT64_C(1), UINT64_MAX};
        uint32_t code[70];
        struct slice entry[70];
        struct vector_dict dict = {.entry = entry, .n_entries = 70};
        struct vector source, result;

        arena_init(&arena, 4096, 0);
        source = numbers(70, valid);
        for (uint32_t i = 0; i < 70; i++)
                code[i] = 69 - i;
        source.code = code;
        source.dict = &dict;
        vector_gather(&source, selection, 4, &result, &arena);
        CHECK_INT(result.i64[0], 660);
        CHECK_INT(result.i64[1], 0);
        CHECK_INT(result.i64[3], 30);
        CHECK(!vector_is_null(&result, 0) && vector_is_null(&result, 1) && !vector_is_null(&result, 3));
        CHECK_UINT(result.code[2], 3);
        CHECK(result.dict == &dict);
        vector_gather(&source, selection, 0, &result, &arena);
        CHECK(result.data != NULL);
        arena_done(&arena);
}

TEST(gather_knows_every_physical_form)
{
        static const uint32_t selection[2] = {1, 0};
        struct vector f64, dec, str, result;

        arena_init(&arena, 4096, 0);
        vector_init(&f64, PHYS_F64, 2, &arena);
        f64.f64[0] = 0.5;
        f64.f64[1] = -1.5;
        vector_gather(&f64, selection, 2, &result, &arena);
        CHECK_DOUBLE(result.f64[0], -1.5);
        vector_init(&dec, PHYS_DEC, 2, &arena);
        dec.dec[0] = 1;
        dec.dec[1] = (weir_i128)1 << 100;
        vector_gather(&dec, selection, 2, &result, &arena);
        CHECK(result.dec[0] == (weir_i128)1 << 100 && result.dec[1] == 1);
        vector_init(&str, PHYS_STR, 2, &arena);
        str.str[0] = slice_from_text("a");
        str.str[1] = slice_from_text("bc");
        vector_gather(&str, selection, 2, &result, &arena);
        CHECK_SLICE(result.str[0], "bc");
        CHECK(result.str[0].data == str.str[1].data);
        arena_done(&arena);
}

TEST(a_view_begins_at_any_row)
{
        uint64_t valid[4];
        struct check_random random = check_seed(11);
        struct vector source, view;

        arena_init(&arena, 1 << 16, 0);
        for (int w = 0; w < 4; w++)
                valid[w] = check_random_u64(&random);
        source = numbers(250, valid);
        for (uint32_t from = 0; from < 250; from++) {
                uint32_t n = (uint32_t)check_random_below(&random, 250 - from + 1);
                bool is_same = true;

                vector_view(&source, from, n, &view, &arena);
                for (uint32_t i = 0; i < n; i++)
                        is_same = is_same && view.i64[i] == source.i64[from + i] &&
                                  vector_is_null(&view, i) == vector_is_null(&source, from + i);
                CHECK(is_same);
        }
        arena_done(&arena);
}

TEST(values_are_zero_where_they_are_null)
{
        uint64_t valid = 2;
        struct vector source;
        struct value value;

        arena_init(&arena, 4096, 0);
        source = numbers(2, &valid);
        source.i64[0] = 77;
        value = vector_get(&source, 0);
        CHECK(value.is_null);
        CHECK_INT(value.i64, 0);
        value = vector_get(&source, 1);
        CHECK(!value.is_null);
        CHECK_INT(value.i64, 10);
        arena_done(&arena);
}
