/* test_utf8.c - code points in good and bad text. */
#include "sidecar/base/utf8.h"

#include "tests/lib/check.h"

TEST(characters_are_counted)
{
        struct slice text = slice_from_text("a😀bé");

        CHECK_UINT(utf8_count(text), 4);
        CHECK_UINT(utf8_count_units(text), 5);
        CHECK_UINT(utf8_offset(text, 2), 5);
        CHECK_UINT(utf8_offset(text, 99), text.len);
        CHECK(!utf8_is_ascii(text));
        CHECK(utf8_is_ascii(slice_from_text("plain text of some length")));
}

TEST(bad_text_is_repaired_as_java_does)
{
        static const struct {
                const char *bad, *good;
        } cases[] = {
                {"\xff", "�"},         {"a\x80z", "a�z"},  {"\xe2\x82", "�"},       {"\xe2\x82z", "�z"},
                {"\xf0\x9f\x98", "�"}, {"\xc0\x80", "��"}, {"\xed\xa0\x80", "���"}, {"\xf4\x90\x80\x80", "����"},
                {"ok é", "ok é"},
        };
        uint8_t room[64];

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct slice bad = slice_from_text(cases[i].bad);

                CHECK_SLICE(slice_make(room, utf8_repair(bad, room)), cases[i].good);
                CHECK(utf8_is_valid(bad) == (strcmp(cases[i].bad, cases[i].good) == 0));
        }
}

TEST(every_code_point_comes_back)
{
        for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 251) {
                uint8_t bytes[UTF8_BYTES_MAX];
                size_t len = utf8_encode(c, bytes), read;

                if (c >= 0xD800 && c < 0xE000) {
                        CHECK_UINT(len, 1);
                        continue;
                }
                CHECK_UINT(utf8_decode(slice_make(bytes, len), 0, &read), c);
                CHECK_UINT(read, len);
                CHECK(utf8_is_valid(slice_make(bytes, len)));
        }
}

TEST(random_bytes_stay_in_bounds)
{
        struct check_random random = check_seed(8);
        uint8_t bytes[40], repaired[120];

        for (int i = 0; i < 20000; i++) {
                size_t len = check_random_below(&random, sizeof bytes), at = 0, n = 0;
                struct slice text = slice_make(bytes, len);

                for (size_t j = 0; j < len; j++)
                        bytes[j] = (uint8_t)(check_random_u64(&random) |
                                             (check_random_below(&random, 2) != 0 ? 0x80 : 0));
                for (; at < len; at += utf8_length(text, at))
                        n += 1;
                CHECK_UINT(at, len);
                CHECK_UINT(n, utf8_count(text));
                CHECK(utf8_is_valid(slice_make(repaired, utf8_repair(text, repaired))));
        }
}
