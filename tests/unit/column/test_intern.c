/* Dictionaries: the same string, the same code; bounded; entries that stay where they are. */
#include "sidecar/base/bytes.h"
#include "sidecar/column/intern.h"
#include "tests/lib/check.h"

#include <stdio.h>

static uint32_t code_of(struct intern *intern, const char *text)
{
        return intern_code(intern, (const uint8_t *)text, strlen(text));
}

static uint32_t fast_code_of(struct intern *intern, const char *text)
{
        uint8_t buffer[1 + 256 + INTERN_PAD_BYTES];
        uint32_t code;

        memset(buffer, 0xa5, sizeof(buffer)); /* what stands behind must not matter */
        buffer[0] = (uint8_t)(2 * strlen(text));
        memcpy(buffer + 1, text, strlen(text));
        return intern_find_fast(intern->slots, intern->multiplier, intern->shift, buffer, buffer[0], &code)
                       ? code
                       : INTERN_CODE_NONE;
}

TEST(equal_strings_have_equal_codes_in_order_of_appearance)
{
        struct intern *intern = intern_new();

        CHECK_UINT(code_of(intern, ""), 0);
        CHECK_UINT(code_of(intern, "click"), 1);
        CHECK_UINT(code_of(intern, "impression"), 2);
        CHECK_UINT(code_of(intern, "click"), 1);
        CHECK_UINT(code_of(intern, "clicks"), 3);
        CHECK_UINT(intern->dict.n_entries, 4);
        CHECK_SLICE(intern->dict.entry[2], "impression");
        intern_free(intern);
}

TEST(the_fast_way_finds_what_the_slow_way_put_there)
{
        static const char *const texts[] = {"", "a", "click", "seven b", "eight by", "nine byte", "fourteen bytes",
                                            "fifteen bytes !"};
        struct intern *intern = intern_new();

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                if (i > 0)
                        CHECK_UINT(fast_code_of(intern, texts[i]), INTERN_CODE_NONE);
                CHECK_UINT(code_of(intern, texts[i]), i);
        }
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) /* so few stand all in their first slots */
                CHECK_UINT(fast_code_of(intern, texts[i]), i);
        intern_free(intern);
}

TEST(a_nul_byte_counts)
{
        struct intern *intern = intern_new();
        uint32_t one = intern_code(intern, (const uint8_t *)"a", 1);
        uint32_t two = intern_code(intern, (const uint8_t *)"a\0", 2);
        uint32_t three = intern_code(intern, (const uint8_t *)"a\0\0", 3);

        CHECK(one != two && two != three && one != three);
        intern_free(intern);
}

TEST(long_strings_that_differ_in_the_middle_differ)
{
        struct intern *intern = intern_new();
        char text[200];
        uint32_t first;

        memset(text, 'x', sizeof(text));
        first = intern_code(intern, (const uint8_t *)text, sizeof(text));
        text[100] = 'y';
        CHECK(intern_code(intern, (const uint8_t *)text, sizeof(text)) != first);
        text[100] = 'x';
        CHECK_UINT(intern_code(intern, (const uint8_t *)text, sizeof(text)), first);
        intern_free(intern);
}

TEST(entries_stay_where_they_are)
{
        struct intern *intern = intern_new();
        const struct vector_dict *dict = &intern->dict;
        struct slice kept;
        char text[32];

        CHECK_UINT(code_of(intern, "kept"), 1);
        kept = dict->entry[1];
        for (int i = 0; i < 3000; i++) {
                (void)snprintf(text, sizeof(text), "string %d", i);
                CHECK_UINT(code_of(intern, text), i + 2);
        }
        CHECK(dict->entry[1].data == kept.data);
        CHECK_SLICE(dict->entry[3001], "string 2999");
        CHECK_UINT(code_of(intern, "string 17"), 19);
        intern_free(intern);
}

TEST(too_many_strings_close_a_dictionary_for_good)
{
        struct intern *intern = intern_new();
        struct slice first;
        uint32_t n = 0;
        char text[32];

        CHECK_UINT(code_of(intern, "first"), 1);
        first = intern->dict.entry[1];
        while (!intern->is_closed && n < 100000) {
                (void)snprintf(text, sizeof(text), "%u", n++);
                (void)code_of(intern, text);
        }
        CHECK(n <= INTERN_ENTRIES_MAX);
        CHECK_UINT(code_of(intern, "first"), INTERN_CODE_NONE);
        CHECK_UINT(fast_code_of(intern, "first"), INTERN_CODE_NONE);
        CHECK_UINT(fast_code_of(intern, ""), INTERN_CODE_NONE);
        CHECK_SLICE(first, "first");
        intern_free(intern);
}

TEST(too_many_bytes_close_it_as_well)
{
        struct intern *intern = intern_new();
        uint8_t text[INTERN_STRING_BYTES_MAX] = {0};
        uint32_t n = 0;

        while (!intern->is_closed && n < 100000) {
                text[0] = (uint8_t)n;
                text[1] = (uint8_t)(n++ >> 8);
                (void)intern_code(intern, text, sizeof(text));
        }
        CHECK_UINT(n, INTERN_BYTES_MAX / INTERN_STRING_BYTES_MAX + 1);
        intern_free(intern);
}

TEST(long_strings_are_passed_over_until_there_are_many)
{
        struct intern *intern = intern_new();
        uint8_t text[INTERN_STRING_BYTES_MAX + 1] = {0};

        for (uint32_t i = 0; i + 1 < INTERN_ENTRIES_MAX; i++)
                CHECK_UINT(intern_code(intern, text, sizeof(text)), INTERN_CODE_NONE);
        CHECK_UINT(code_of(intern, "click"), 1);
        CHECK_UINT(intern_code(intern, text, sizeof(text)), INTERN_CODE_NONE);
        CHECK(intern->is_closed);
        intern_free(intern);
}
