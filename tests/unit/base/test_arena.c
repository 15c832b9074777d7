/* test_arena.c - alignment, reuse, budget. */
#include "sidecar/base/arena.h"

#include "tests/lib/check.h"

TEST(pieces_are_aligned_and_apart)
{
        struct check_random random = check_seed(1);
        struct arena arena;
        uint8_t *pieces[2000];
        size_t lens[2000];
        unsigned wrong = 0;

        arena_init(&arena, 1024, 0);
        for (unsigned i = 0; i < 2000; i++) {
                size_t align = (size_t)1 << check_random_below(&random, 7);

                lens[i] = (size_t)check_random_below(&random, i % 50 == 0 ? 3000 : 100);
                pieces[i] = arena_take(&arena, lens[i], align);
                wrong += (uintptr_t)pieces[i] % align != 0;
                memset(pieces[i], (int)(i & 0xff), lens[i]);
        }
        for (unsigned i = 0; i < 2000; i++)
                for (size_t k = 0; k < lens[i]; k++)
                        wrong += pieces[i][k] != (i & 0xff);
        CHECK_UINT(wrong, 0);
        arena_done(&arena);
}

static void fill(struct arena *arena, unsigned n, size_t bytes)
{
        for (unsigned i = 0; i < n; i++)
                memset(arena_take(arena, bytes, 8), 7, bytes);
}

TEST(warm_arena_asks_for_nothing_more)
{
        struct arena arena;
        size_t held;

        arena_init(&arena, 4096, 0);
        fill(&arena, 1000, 64);
        held = arena.held_bytes;
        for (unsigned round = 0; round < 10; round++) {
                arena_reset(&arena);
                fill(&arena, 1000, 64);
                CHECK_UINT(arena.held_bytes, held);
        }
        arena_done(&arena);
        CHECK_UINT(arena.held_bytes, 0);
}

TEST(oversized_pieces_go_with_the_reset)
{
        struct arena arena;
        size_t held;

        arena_init(&arena, 4096, 0);
        fill(&arena, 1, 64);
        held = arena.held_bytes;
        fill(&arena, 3, 100000);
        fill(&arena, 1, 64);
        CHECK(arena.held_bytes >= held + 300000);
        arena_reset(&arena);
        CHECK_UINT(arena.held_bytes, held);
        arena_done(&arena);
}

TEST(oversized_piece_does_not_waste_the_chunk)
{
        struct arena arena;
        uint8_t *before;
        uint8_t *after;

        arena_init(&arena, 4096, 0);
        before = arena_take(&arena, 16, 16);
        fill(&arena, 1, 100000);
        after = arena_take(&arena, 16, 16);
        CHECK(after == before + 16);
        arena_done(&arena);
}

TEST(budget_answers_with_null)
{
        struct arena arena;
        struct slice copy;
        unsigned n = 0;

        arena_init(&arena, 1024, 8192);
        while (arena_take(&arena, 100, 1) != NULL)
                n++;
        CHECK_UINT(n, 8 * 10);
        CHECK_UINT(arena.held_bytes, 8192);
        CHECK(arena_take(&arena, SIZE_MAX - 3, 8) == NULL);
        CHECK(arena_zero(&arena, 600, 8) == NULL);
        copy = arena_copy(&arena, slice_make(memset((uint8_t[200]){0}, 1, 200), 200));
        CHECK(copy.data == NULL);
        arena_reset(&arena);
        CHECK(arena_take(&arena, 100, 1) != NULL);
        arena_done(&arena);
}

TEST(copies_are_copies)
{
        struct arena arena;
        char source[] = "a\0b";
        struct slice copy;
        char *text;

        arena_init(&arena, 1024, 0);
        copy = arena_copy(&arena, slice_make(source, 3));
        text = arena_text(&arena, slice_from_text("weir"));
        source[0] = 'x';
        CHECK_BYTES(copy.data, copy.len, "a\0b", 3);
        CHECK_TEXT(text, "weir");
        CHECK_UINT(arena_copy(&arena, slice_make(NULL, 0)).len, 0);
        CHECK_TEXT(arena_format(&arena, "%d-%s", 5, "five"), "5-five");
        arena_done(&arena);
}

TEST(new_objects_are_zero)
{
        struct arena arena;
        uint64_t *words;

        arena_init(&arena, 1024, 0);
        memset(arena_take(&arena, 800, 8), 0xff, 800);
        arena_reset(&arena);
        words = arena_new_n(&arena, uint64_t, 50);
        for (unsigned i = 0; i < 50; i++)
                words[0] |= words[i];
        CHECK_UINT(words[0], 0);
        arena_done(&arena);
        arena_done(NULL);
}
