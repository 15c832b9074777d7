/* In-doubt rows: which batches they are, what takes a token, when tokens expire; saved and read back. */
#include "sidecar/job/dedup.h"
#include "tests/lib/check.h"

static struct dedup dedup;

static void batch(uint64_t connection, uint64_t sequence, uint32_t depth, uint64_t first, uint32_t n)
{
        uint64_t fingerprints[64];

        for (uint32_t i = 0; i < n; i++)
                fingerprints[i] = first + i;
        dedup_add(&dedup, connection, sequence, depth, fingerprints, n);
}

/* Which of n fingerprints from `first` on are duplicates, as a bit mask. */
static uint64_t match(uint64_t first, uint32_t n)
{
        uint64_t fingerprints[64], mask = 0;
        uint32_t count;

        for (uint32_t i = 0; i < n; i++)
                fingerprints[i] = first + i;
        count = dedup_match(&dedup, fingerprints, n, &mask);
        CHECK_UINT(count, __builtin_popcountll(mask));
        return mask;
}

TEST(only_the_last_batch_of_an_ended_connection_is_in_doubt)
{
        dedup_init(&dedup, 1000);
        dedup_open(&dedup, 7);
        batch(7, 1, 1, 100, 10);
        batch(7, 2, 1, 200, 10);
        CHECK(!dedup_has_tokens(&dedup));
        CHECK_UINT(match(200, 10), 0); /* open: nothing is in doubt yet */
        dedup_close(&dedup, 7, 50);
        CHECK(dedup_has_tokens(&dedup));
        CHECK_UINT(match(100, 10), 0);
        CHECK_UINT(match(198, 12), 0xffc);
        CHECK_UINT(match(198, 12), 0xffc); /* matching takes nothing */
        dedup_done(&dedup);
}

TEST(as_many_batches_as_were_in_flight_are_in_doubt)
{
        dedup_init(&dedup, 1000);
        batch(7, 1, 1, 100, 5);
        batch(7, 2, 3, 200, 5);
        batch(7, 3, 3, 300, 5);
        batch(7, 3, 3, 305, 5); /* one more record of the same batch */
        batch(7, 4, 3, 400, 5);
        dedup_close_all(&dedup, 0);
        CHECK_UINT(match(100, 5), 0);
        CHECK_UINT(match(200, 5), 0x1f);
        CHECK_UINT(match(300, 10), 0x3ff);
        CHECK_UINT(match(400, 5), 0x1f);
        dedup_done(&dedup);
}

TEST(a_token_is_taken_once_and_equal_rows_have_one_each)
{
        static const uint64_t twice[3] = {5, 5, 5};
        uint64_t mask = 0;

        dedup_init(&dedup, 1000);
        dedup_add(&dedup, 1, 1, 1, twice, 2);
        dedup_close(&dedup, 1, 0);
        CHECK_UINT(dedup_match(&dedup, twice, 3, &mask), 2);
        CHECK_UINT(mask, 3);
        dedup_take(&dedup, twice, 1);
        CHECK_UINT(dedup_match(&dedup, twice, 3, &mask), 1);
        CHECK_UINT(mask, 1);
        dedup_take(&dedup, twice, 2); /* one more than there are */
        CHECK(!dedup_has_tokens(&dedup));
        CHECK_UINT(dedup_match(&dedup, twice, 3, &mask), 0);
        dedup_done(&dedup);
}

TEST(tokens_expire_with_the_logged_clock_oldest_taken_first)
{
        static const uint64_t five[2] = {5, 5};
        uint64_t mask = 0;

        dedup_init(&dedup, 1000);
        dedup_add(&dedup, 1, 1, 1, five, 1);
        dedup_close(&dedup, 1, 0); /* until 1000 */
        dedup_add(&dedup, 2, 1, 1, five, 1);
        dedup_close(&dedup, 2, 500); /* until 1500 */
        dedup_take(&dedup, five, 1);
        dedup_expire(&dedup, 1200);
        CHECK_UINT(dedup_match(&dedup, five, 2, &mask), 1); /* the younger one is left */
        dedup_expire(&dedup, 1499);
        CHECK(dedup_has_tokens(&dedup));
        dedup_expire(&dedup, 1500);
        CHECK(!dedup_has_tokens(&dedup));
        dedup_done(&dedup);
}

TEST(a_second_crash_finds_the_rows_that_were_sent_again_in_doubt)
{
        uint64_t taken[10];

        dedup_init(&dedup, 100000);
        batch(1, 1, 1, 100, 10); /* logged, not acknowledged */
        dedup_close_all(&dedup, 0); /* first crash */
        for (uint32_t i = 0; i < 10; i++)
                taken[i] = 100 + i;
        CHECK_UINT(match(95, 15), 0x7fe0); /* comes again, in a larger batch: five new rows in front */
        dedup_take(&dedup, taken, 10);
        batch(2, 1, 1, 95, 15); /* its fingerprints: those of the duplicates as well */
        dedup_close_all(&dedup, 10); /* second crash, before the OK */
        CHECK_UINT(match(95, 15), 0x7fff);
        CHECK_UINT(match(94, 2), 2);
        dedup_done(&dedup);
}

TEST(thousands_of_tokens_come_and_go)
{
        struct check_random random = check_seed(6);
        struct bytes saved, again;
        struct bytes_reader reader;
        struct err err;

        dedup_init(&dedup, 50);
        bytes_init(&saved);
        bytes_init(&again);
        for (uint32_t round = 0; round < 600; round++) {
                uint64_t first = check_random_below(&random, 3000), mask, taken[30];
                uint32_t n = 0;

                mask = match(first, 30);
                for (uint32_t i = 0; i < 30; i++)
                        if (mask >> i & 1)
                                taken[n++] = first + i;
                dedup_take(&dedup, taken, n);
                batch(round % 40, round, 1 + round % 3, first, 30);
                if (round % 5 == 0)
                        dedup_close(&dedup, check_random_below(&random, 40), round);
                dedup_expire(&dedup, round);
                if (round % 100 == 99) {
                        bytes_reset(&saved);
                        bytes_reset(&again);
                        dedup_save(&dedup, &saved);
                        dedup_done(&dedup);
                        dedup_init(&dedup, 50);
                        reader = bytes_reader_make(bytes_slice(&saved));
                        CHECK_OK(dedup_load(&dedup, &reader, &err), &err);
                        CHECK(reader.at == reader.end);
                        dedup_save(&dedup, &again);
                        CHECK_BYTES(again.data, again.len, saved.data, saved.len);
                }
        }
        CHECK(dedup_has_tokens(&dedup));
        dedup_close_all(&dedup, 600);
        dedup_expire(&dedup, 650);
        CHECK(!dedup_has_tokens(&dedup));
        CHECK_UINT(dedup.n_slots, 0);
        bytes_done(&saved);
        bytes_done(&again);
        dedup_done(&dedup);
}

TEST(damaged_bytes_are_refused_or_harmless)
{
        struct bytes saved;
        struct bytes_reader reader;
        struct err err;
        uint32_t n_refused = 0;

        dedup_init(&dedup, 1000);
        bytes_init(&saved);
        batch(1, 1, 2, 100, 3);
        batch(1, 2, 2, 200, 3);
        batch(2, 1, 1, 300, 2);
        dedup_close(&dedup, 2, 5);
        dedup_save(&dedup, &saved);
        dedup_done(&dedup);
        for (size_t at = 0; at < saved.len; at++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        saved.data[at] ^= (uint8_t)(1u << bit);
                        dedup_init(&dedup, 1000);
                        reader = bytes_reader_make(bytes_slice(&saved));
                        n_refused += dedup_load(&dedup, &reader, &err) < 0 || reader.failed || reader.at != reader.end;
                        match(100, 3);
                        dedup_close_all(&dedup, 10);
                        dedup_done(&dedup);
                        saved.data[at] ^= (uint8_t)(1u << bit);
                }
        CHECK(n_refused > 10);
        bytes_done(&saved);
}
