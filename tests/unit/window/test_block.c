/* Blocks: sparse and dense, counters over planes, copies on write, texts, accounts of memory. */
#include "sidecar/window/block.h"
#include "tests/lib/check.h"

static const uint64_t first_words[2] = {0, 42};
static const weir_i128 first_wides[1] = {-7};
static const struct block_layout layout = {.n_counters = 2,
                                           .n_words = 2,
                                           .n_wides = 1,
                                           .n_texts = 1,
                                           .sparse_max = 64,
                                           .first_words = first_words,
                                           .first_wides = first_wides};
static struct pool pool;

static uint32_t need(struct block_map *map, uint32_t id, uint32_t n_ids, struct block **ret_block)
{
        bool is_new, is_moved = false;

        block_map_own(map, id);
        return block_map_need(map, id, n_ids, 0, ret_block, &is_new, &is_moved);
}

static void add(struct block_map *map, uint32_t id, uint32_t n_ids, uint32_t counter, uint64_t times)
{
        struct block *block;
        uint32_t index = need(map, id, n_ids, &block) * 2 + counter;

        for (; times > 0; times--)
                if (++block_counters(block)[index] == 0)
                        block_carry(map, block, index);
}

static uint64_t count_of(const struct block_dir *dir, uint32_t id, uint32_t counter)
{
        struct block *block;
        uint32_t entry = block_dir_find(dir, id, &block);

        return entry == BLOCK_NO_ENTRY ? UINT64_MAX : block_counter(block, entry * 2 + counter);
}

TEST(entries_survive_growth_from_sparse_to_dense)
{
        struct block_map map;
        struct block *block;
        uint32_t entry;

        pool_init(&pool);
        block_map_init(&map, &layout, &pool);
        for (uint32_t round = 0; round < 3; round++)
                for (uint32_t i = 0; i < 1500; i++)
                        add(&map, i * 7 % 5000, 5000, round & 1, 1 + i % 3);
        for (uint32_t i = 0; i < 1500; i++) {
                uint32_t id = i * 7 % 5000;

                if (count_of(map.dir, id, 0) != 2 * (1 + i % 3) || count_of(map.dir, id, 1) != 1 + i % 3)
                        CHECK_FAIL("id %u", id);
                entry = block_dir_find(map.dir, id, &block);
                if (block_words(block)[entry * 2 + 1] != 42 || block_wides(block)[entry] != -7)
                        CHECK_FAIL("id %u began with other values", id);
        }
        CHECK_UINT(count_of(map.dir, 4999, 0), UINT64_MAX);
        CHECK(block_is_dense(map.dir->blocks[0]));
        add(&map, 100000, 200000, 0, 1);
        CHECK(!block_is_dense(map.dir->blocks[100000 >> BLOCK_ID_BITS]));
        CHECK_UINT(pool.live, pool.used);
        block_map_done(&map);
        CHECK_UINT(pool.used, 0);
        CHECK_UINT(pool.live, 0);
        pool_done(&pool);
}

TEST(a_block_that_was_dense_in_the_pane_before_is_dense_at_once)
{
        struct block_map before, map;
        struct block *block;
        bool is_new, is_moved = false;

        pool_init(&pool);
        block_map_init(&before, &layout, &pool);
        block_map_init(&map, &layout, &pool);
        for (uint32_t id = 0; id < 200; id++)
                add(&before, id, 5000, 0, 1);
        add(&before, 2000, 5000, 0, 1);
        for (uint32_t id = 0; id < 3 * BLOCK_IDS; id += BLOCK_IDS) {
                uint32_t at = id >> BLOCK_ID_BITS;

                block_map_own(&map, id);
                block_map_need(&map, id, 5000, before.dir->blocks[at], &block, &is_new, &is_moved);
                CHECK_UINT(map.dir->blocks[at] & BLOCK_WHOLE, at == 0 ? BLOCK_WHOLE : 0);
        }
        block = block_of(map.dir->blocks[0]);
        CHECK_UINT(block->n, 1);
        CHECK(!block_add_whole(block, 0));
        CHECK(block_add_whole(block, 1023));
        CHECK_UINT(block->n, 2);
        CHECK_UINT(count_of(map.dir, 1023, 1), 0);
        CHECK(!is_moved);
        block_map_done(&before);
        block_map_done(&map);
        CHECK_UINT(pool.used, 0);
        pool_done(&pool);
}

TEST(counters_carry_through_all_planes)
{
        static const uint64_t values[] = {
                0, 1, 255, 256, 65535, 65536, 0xfffffffe, 0xffffffff, UINT64_C(0x123456789abcdef0)};
        struct block_map map;
        struct block *block;

        pool_init(&pool);
        block_map_init(&map, &layout, &pool);
        for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
                uint32_t index = need(&map, i, 100, &block) * 2 + 1;

                block_set_counter(&map, block, index, values[i]);
                CHECK_UINT(block_counter(block, index), values[i]);
                CHECK_UINT(block_counter(block, index - 1), 0);
        }
        for (unsigned i = 0; i < sizeof values / sizeof values[0]; i++) {
                add(&map, i, 100, 1, 70000);
                CHECK_UINT(count_of(map.dir, i, 1), values[i] + 70000);
                CHECK_UINT(count_of(map.dir, i, 0), 0);
        }
        block_map_done(&map);
        CHECK_UINT(pool.used, 0);
        pool_done(&pool);
}

TEST(a_frozen_directory_keeps_its_values)
{
        struct block_map map;
        struct block_dir *frozen[2];

        pool_init(&pool);
        block_map_init(&map, &layout, &pool);
        for (uint32_t id = 0; id < 3000; id++)
                add(&map, id, 3000, 0, 300);
        frozen[0] = block_map_freeze(&map);
        for (uint32_t id = 0; id < 3000; id += 2)
                add(&map, id, 3000, 0, 1);
        add(&map, 5000, 6000, 0, 9);
        frozen[1] = block_map_freeze(&map);
        for (uint32_t id = 0; id < 3000; id++)
                add(&map, id, 3000, 0, 1000);
        for (uint32_t id = 0; id < 3000; id++)
                if (count_of(frozen[0], id, 0) != 300 || count_of(frozen[1], id, 0) != 300 + (id % 2 == 0) ||
                    count_of(map.dir, id, 0) != 1300 + (id % 2 == 0))
                        CHECK_FAIL("id %u", id);
        CHECK_UINT(count_of(frozen[0], 5000, 0), UINT64_MAX);
        CHECK_UINT(count_of(frozen[1], 5000, 0), 9);
        CHECK(pool.live < pool.used);
        block_dir_drop(frozen[0], &layout, &pool);
        block_dir_drop(frozen[1], &layout, &pool);
        CHECK_UINT(pool.live, pool.used);
        add(&map, 0, 3000, 0, 1);
        CHECK_UINT(pool.live, pool.used); /* nothing shares it any more: no copy */
        frozen[0] = block_map_freeze(&map);
        block_map_done(&map);
        CHECK_UINT(pool.live, 0);
        CHECK_UINT(count_of(frozen[0], 1, 0), 1300);
        block_dir_drop(frozen[0], &layout, &pool);
        CHECK_UINT(pool.used, 0);
        pool_done(&pool);
}

TEST(texts_are_replaced_in_bounded_space_and_frozen_ones_stay)
{
        struct check_random random = check_seed(3);
        struct block_map map;
        struct block_dir *frozen;
        struct block *block;
        char text[64];
        size_t most = 0;

        pool_init(&pool);
        block_map_init(&map, &layout, &pool);
        memset(text, 'x', sizeof text);
        for (uint32_t i = 0; i < 20000; i++) {
                uint32_t entry = need(&map, i % 40, 40, &block);

                block_set_text(&map, block, &block_words(block)[entry * 2],
                               slice_make(text, check_random_below(&random, 64)));
                most = pool.used > most ? pool.used : most;
        }
        CHECK(most < 40000); /* 40 texts of 32 bytes, and as much again while they move */
        for (uint32_t id = 0; id < 40; id++) {
                uint32_t entry = need(&map, id, 40, &block);

                text[0] = (char)('A' + id % 26);
                block_set_text(&map, block, &block_words(block)[entry * 2], slice_make(text, 1 + id));
        }
        frozen = block_map_freeze(&map);
        for (uint32_t i = 0; i < 4000; i++) {
                uint32_t entry = need(&map, i % 40, 40, &block);

                block_set_text(&map, block, &block_words(block)[entry * 2], slice_from_text("other"));
        }
        for (uint32_t id = 0; id < 40; id++) {
                uint32_t entry = block_dir_find(frozen, id, &block);
                struct slice found = block_text_of(block, block_words(block)[entry * 2]);

                if (found.len != 1 + id || found.data[0] != 'A' + id % 26)
                        CHECK_FAIL("the frozen text of %u changed", id);
        }
        block_dir_drop(frozen, &layout, &pool);
        CHECK_UINT(pool.live, pool.used);
        block_map_done(&map);
        CHECK_UINT(pool.used, 0);
        pool_done(&pool);
}
