/* test_slice.c - equality and order of bytes. */
#include "sidecar/base/slice.h"

#include "tests/lib/check.h"

TEST(equality_is_of_all_bytes)
{
        CHECK(slice_is_equal(slice_make("a\0b", 3), slice_make("a\0b", 3)));
        CHECK(!slice_is_equal(slice_make("a\0b", 3), slice_make("a\0c", 3)));
        CHECK(!slice_is_equal(slice_from_text("a"), slice_from_text("ab")));
        CHECK(slice_is_equal(slice_make(NULL, 0), slice_from_text("")));
}

TEST(order_is_of_unsigned_bytes_then_length)
{
        static const char *const ascending[] = {"", "A", "Z", "a", "aa", "ab", "b", "\x7f", "\x80", "\xff"};

        for (int i = 0; i < 10; i++)
                for (int k = 0; k < 10; k++) {
                        int order = slice_compare(slice_from_text(ascending[i]), slice_from_text(ascending[k]));

                        CHECK_INT((order > 0) - (order < 0), (i > k) - (i < k));
                }
}
