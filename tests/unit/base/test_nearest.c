/* "Did you mean": which name is near enough. */
#include "sidecar/base/nearest.h"

#include "tests/lib/check.h"

static const char *best_of(const char *wanted, const char *a, const char *b, const char *c)
{
        struct nearest nearest;
        const char *best;

        nearest_init(&nearest, slice_from_text(wanted));
        nearest_offer(&nearest, slice_from_text(a));
        nearest_offer(&nearest, slice_from_text(b));
        nearest_offer(&nearest, slice_from_text(c));
        best = nearest_text(&nearest);
        return best == NULL ? "" : best;
}

TEST(nearest_name_wins)
{
        CHECK_TEXT(best_of("campain_id", "campaign_id", "campaign", "company_id"), "campaign_id");
        CHECK_TEXT(best_of("evnet", "event", "even", "x"), "event"); /* neighbours swapped: one edit */
        CHECK_TEXT(best_of("selct", "insert", "select", "set"), "select");
        CHECK_TEXT(best_of("Kind", "king", "kind", "mind"), "kind"); /* case alone is no edit */
        CHECK_TEXT(best_of("ab", "ac", "ad", "ae"), "ac");           /* the first of equals */
}

TEST(far_names_are_no_suggestion)
{
        CHECK_TEXT(best_of("campaign", "window", "event_type", "user"), "");
        CHECK_TEXT(best_of("a", "b", "c", "d"), "");
        CHECK_TEXT(best_of("", "b", "c", ""), "");
        CHECK_TEXT(best_of("cat", "dog", "cab1", "x"), "");
        CHECK_TEXT(best_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "b", "c"),
                   "");
}
