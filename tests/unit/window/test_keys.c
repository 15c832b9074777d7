/* Keys: dense ids in order of first appearance, over every kind of key; leaving and coming back. */
#include "sidecar/window/keys.h"
#include "tests/lib/check.h"

static struct pool pool;
static struct arena arena;

/* Ids of n rows, each key held once more by a pane that the caller imagines. */
static void need_rows(struct keys *keys, const struct vector *const *columns, uint32_t n, uint32_t *ids)
{
        keys_find(keys, columns, n, ids);
        for (uint32_t i = 0; i < n; i++) {
                if (!keys_is_sure(keys, ids[i]))
                        ids[i] = keys_need(keys, i, true);
                if (ids[i] != KEYS_NO_ID)
                        keys_hold(keys, ids[i]);
        }
}

static void need_numbers(struct keys *keys, const int64_t *values, uint32_t n, uint32_t *ids)
{
        struct vector column = {.phys = PHYS_I64};
        const struct vector *columns[1] = {&column};

        for (uint32_t at = 0; at < n; at += KEYS_BATCH) {
                column.data = (void *)(uintptr_t)(values + at);
                need_rows(keys, columns, n - at < KEYS_BATCH ? n - at : KEYS_BATCH, ids + at);
        }
}

/* A pane that holds the ids first .. last - 1. */
static void release(struct keys *keys, uint32_t first, uint32_t last)
{
        static const struct block_layout layout = {.sparse_max = 64};
        struct block_map map;
        struct block *block;
        bool is_new, is_moved = false;

        block_map_init(&map, &layout, &pool);
        for (uint32_t id = first; id < last; id++) {
                block_map_own(&map, id);
                block_map_need(&map, id, last, 0, &block, &is_new, &is_moved);
        }
        keys_release(keys, map.dir);
        block_map_done(&map);
}

TEST(ids_follow_first_appearance_with_a_hundred_thousand_keys)
{
        enum { KEYS = 100000 };
        static int64_t values[KEYS];
        static uint32_t ids[KEYS];
        struct check_random random = check_seed(1);
        enum phys phys = PHYS_I64;
        struct keys keys;

        pool_init(&pool);
        keys_init(&keys, &phys, 1, KEYS, &pool);
        for (uint32_t i = 0; i < KEYS; i++)
                values[i] = (int64_t)(i * UINT64_C(0x9e3779b97f4a7c15));
        need_numbers(&keys, values, KEYS, ids);
        for (uint32_t i = 0; i < KEYS; i++)
                if (ids[i] != i)
                        CHECK_FAIL("key %u has id %u", i, ids[i]);
        for (uint32_t i = 0; i < 2000; i++) {
                uint32_t k = (uint32_t)check_random_below(&random, KEYS);

                need_numbers(&keys, &values[k], 1, ids);
                if (ids[0] != k)
                        CHECK_FAIL("key %u was found as %u", k, ids[0]);
        }
        CHECK_UINT(keys.n_live, KEYS);
        values[0] = 5;
        need_numbers(&keys, values, 1, ids);
        CHECK_UINT(ids[0], KEYS_NO_ID); /* all places are taken */
        keys_done(&keys);
        CHECK_UINT(pool.used, 0);
        pool_done(&pool);
}

/* What is announced may be what comes, other rows, more of them, or the same place with other numbers in it. */
TEST(keys_are_found_whatever_was_announced)
{
        enum { KEYS = 20000, ROWS = KEYS_BATCH };
        static int64_t values[KEYS], rows[3 * ROWS];
        static uint32_t ids[KEYS];
        struct check_random random = check_seed(2);
        struct vector column = {.phys = PHYS_I64, .i64 = rows};
        const struct vector *columns[1] = {&column};
        enum phys phys = PHYS_I64;
        struct keys keys;

        pool_init(&pool);
        keys_init(&keys, &phys, 1, 2 * KEYS, &pool);
        for (uint32_t i = 0; i < KEYS; i++)
                values[i] = (int64_t)(i * UINT64_C(0x9e3779b97f4a7c15));
        need_numbers(&keys, values, KEYS, ids);
        CHECK(keys.depth > 0);
        for (unsigned round = 0; round < 200; round++) {
                uint32_t n = round % 3 == 0 ? ROWS : 1 + (uint32_t)check_random_below(&random, ROWS);
                uint32_t at = round % 5 == 0 ? 0 : (uint32_t)check_random_below(&random, ROWS);
                uint32_t wanted[ROWS];

                for (uint32_t i = 0; i < n; i++) {
                        wanted[i] = (uint32_t)check_random_below(&random, KEYS);
                        rows[at + i] = values[wanted[i]];
                }
                column.data = rows + at;
                keys_announce(&keys, columns, round % 2 == 0 ? n : 0, 1 + (uint32_t)check_random_below(&random, ROWS));
                need_rows(&keys, columns, n, ids);
                for (uint32_t i = 0; i < n; i++)
                        if (ids[i] != wanted[i])
                                CHECK_FAIL("round %u: key %u was found as %u", round, wanted[i], ids[i]);
        }
        for (uint32_t i = 0; i < 3 * ROWS; i++)
                rows[i] = values[i * 7];
        column.data = rows; /* as a window does it: each batch announces the next */
        for (uint32_t at = 0; at < 3 * ROWS; at += ROWS) {
                uint32_t found[ROWS];

                column.data = rows + at;
                keys_announce(&keys, columns, ROWS, at < 2 * ROWS ? ROWS : 0);
                keys_find(&keys, columns, ROWS, found);
                for (uint32_t i = 0; i < ROWS; i++)
                        if (found[i] != (at + i) * 7)
                                CHECK_FAIL("row %u was found as %u", at + i, found[i]);
        }
        keys_done(&keys);
        CHECK_UINT(pool.used, 0);
        pool_done(&pool);
}

TEST(keys_that_left_give_their_ids_to_the_next_lowest_first)
{
        static const int64_t first[6] = {10, 11, 12, 13, 14, 15}, second[5] = {20, 13, 11, 21, 10};
        enum phys phys = PHYS_I64;
        struct keys keys;
        uint32_t ids[6];

        pool_init(&pool);
        keys_init(&keys, &phys, 1, 100, &pool);
        need_numbers(&keys, first, 6, ids);
        release(&keys, 1, 4); /* 11, 12, 13 leave */
        CHECK_UINT(keys.n_live, 3);
        need_numbers(&keys, second, 5, ids);
        CHECK_UINT(ids[0], 1); /* 20 takes the place of 11 */
        CHECK_UINT(ids[1], 2); /* 13 is new */
        CHECK_UINT(ids[2], 3); /* 11 as well, though its place was still listed */
        CHECK_UINT(ids[3], 6);
        CHECK_UINT(ids[4], 0);
        release(&keys, 0, 7);
        release(&keys, 0, 1);
        CHECK_UINT(keys.n_live, 0);
        need_numbers(&keys, first, 6, ids);
        for (uint32_t i = 0; i < 6; i++)
                CHECK_UINT(ids[i], i);
        keys_done(&keys);
        pool_done(&pool);
}

TEST(every_kind_of_key_is_found_and_decoded)
{
        enum { N = 40 };
        static const enum phys phys[4] = {PHYS_STR, PHYS_F64, PHYS_DEC, PHYS_I64};
        static const char *const words[] = {"", "a", "ab", "a much longer text than the others"};
        struct vector columns[4], decoded[4];
        const struct vector *pointers[4] = {&columns[0], &columns[1], &columns[2], &columns[3]};
        struct keys_frozen frozen;
        uint32_t ids[N], again[N];

        pool_init(&pool);
        arena_init(&arena, 65536, 0);
        for (unsigned c = 0; c < 4; c++)
                vector_init(&columns[c], phys[c], N, &arena);
        for (uint32_t i = 0; i < N; i++) {
                columns[0].str[i] = slice_from_text(words[i % 4]);
                columns[1].f64[i] = i % 3 == 0 ? -0.0 : i % 3 == 1 ? 0.0 : 0.0 / 0.0;
                columns[2].dec[i] = -((weir_i128)(i % 2) << 90);
                columns[3].i64[i] = i % 7 == 0 ? INT64_MIN : 7;
                for (unsigned c = 0; c < 4; c++) {
                        vector_need_valid(&columns[c], N, &arena);
                        if ((i + c) % 5 == 0)
                                bitmap_clear(columns[c].valid, i);
                }
        }
        for (uint32_t n_columns = 1; n_columns <= 4; n_columns++)
                for (uint32_t first = 0; first + n_columns <= 4; first++) {
                        struct keys keys;

                        keys_init(&keys, phys + first, n_columns, 1000, &pool);
                        need_rows(&keys, pointers + first, N, ids);
                        keys_find(&keys, pointers + first, N, again);
                        CHECK_BYTES(again, sizeof again, ids, sizeof ids);
                        keys_freeze(&keys, &frozen);
                        for (uint32_t c = 0; c < n_columns; c++)
                                vector_init(&decoded[c], phys[first + c], N, &arena);
                        keys_decode(&keys, &frozen, ids, N, decoded, 0, N, &arena);
                        for (uint32_t i = 0; i < N; i++)
                                for (uint32_t c = 0; c < n_columns; c++) {
                                        struct value was = vector_get(&columns[first + c], i),
                                                     is = vector_get(&decoded[c], i);

                                        if (was.is_null != is.is_null || was.phys != is.phys)
                                                CHECK_FAIL("row %u, column %u", i, c);
                                        else if (!was.is_null && was.phys == PHYS_STR &&
                                                 !slice_is_equal(was.str, is.str))
                                                CHECK_FAIL("row %u, column %u", i, c);
                                        else if (!was.is_null && was.phys == PHYS_DEC && was.dec != is.dec)
                                                CHECK_FAIL("row %u, column %u", i, c);
                                        else if (!was.is_null && was.phys == PHYS_I64 && was.i64 != is.i64)
                                                CHECK_FAIL("row %u, column %u", i, c);
                                        else if (!was.is_null && was.phys == PHYS_F64 && was.f64 == was.f64 &&
                                                 memcmp(&was.f64, &is.f64, 8) != 0)
                                                CHECK_FAIL("row %u, column %u: -0.0 is a key of its own", i, c);
                                }
                        keys_thaw(&keys, &frozen);
                        keys_done(&keys);
                        CHECK_UINT(pool.used, 0);
                }
        arena_done(&arena);
        pool_done(&pool);
}

TEST(equal_keys_have_one_id_and_others_do_not)
{
        static const enum phys phys[2] = {PHYS_STR, PHYS_STR};
        struct vector columns[2];
        const struct vector *pointers[2] = {&columns[0], &columns[1]};
        static const char *const left[4] = {"ab", "a", "ab", ""}, *const right[4] = {"c", "bc", "c", "abc"};
        struct keys keys;
        uint32_t ids[4];

        pool_init(&pool);
        arena_init(&arena, 4096, 0);
        for (unsigned c = 0; c < 2; c++)
                vector_init(&columns[c], PHYS_STR, 4, &arena);
        for (uint32_t i = 0; i < 4; i++) {
                columns[0].str[i] = slice_from_text(left[i]);
                columns[1].str[i] = slice_from_text(right[i]);
        }
        keys_init(&keys, phys, 2, 1000, &pool);
        need_rows(&keys, pointers, 4, ids);
        CHECK_UINT(ids[0], 0);
        CHECK_UINT(ids[1], 1);
        CHECK_UINT(ids[2], 0);
        CHECK_UINT(ids[3], 2);
        keys_done(&keys);
        arena_done(&arena);
        pool_done(&pool);
}
