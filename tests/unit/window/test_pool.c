/* Pieces: sizes, alignment, reuse, accounts. */
#include "sidecar/window/pool.h"
#include "tests/lib/check.h"

TEST(pieces_are_aligned_and_do_not_overlap)
{
        struct check_random random = check_seed(1);
        struct pool pool;
        uint8_t *pieces[500];
        size_t sizes[500];

        pool_init(&pool);
        for (unsigned i = 0; i < 500; i++) {
                sizes[i] = check_random_below(&random, 20) == 0 ? 1 + check_random_below(&random, 600000)
                                                                : 1 + check_random_below(&random, 5000);
                pieces[i] = pool_take(&pool, sizes[i]);
                if ((uintptr_t)pieces[i] % (sizes[i] >= 256 ? 64 : 16) != 0)
                        CHECK_FAIL("a piece of %zu bytes at %p", sizes[i], (void *)pieces[i]);
                if (pool_rounded(sizes[i]) < sizes[i] || pool_rounded(sizes[i]) > sizes[i] + sizes[i] / 8 + 64)
                        CHECK_FAIL("%zu bytes take %zu", sizes[i], pool_rounded(sizes[i]));
                memset(pieces[i], (int)(i & 0xff), sizes[i]);
        }
        for (unsigned i = 0; i < 500; i++)
                for (size_t k = 0; k < sizes[i]; k += 61)
                        if (pieces[i][k] != (i & 0xff))
                                CHECK_FAIL("piece %u was written over", i);
        for (unsigned i = 0; i < 500; i++)
                pool_give(&pool, pieces[i], sizes[i]);
        CHECK_UINT(pool.used, 0);
        pool_done(&pool);
}

TEST(what_is_given_back_is_used_again)
{
        struct pool pool;
        void *first, *second;
        size_t held;

        pool_init(&pool);
        first = pool_take(&pool, 1000);
        pool_give(&pool, first, 1000);
        second = pool_take(&pool, 1010);
        CHECK(second == first);
        CHECK_UINT(pool.used, pool_rounded(1010));
        pool_give(&pool, second, 1010);
        held = pool.held;
        for (unsigned i = 0; i < 10000; i++)
                pool_give(&pool, pool_take(&pool, 3000), 3000);
        CHECK_UINT(pool.held, held);
        pool_give(&pool, NULL, 17);
        CHECK_UINT(pool.used, 0);
        pool_done(&pool);
}
