/* nearest.c - edit distance (optimal string alignment) with a ceiling. */
#include "sidecar/base/nearest.h"

#include <ctype.h>

enum { NEAREST_BYTES_MAX = 64, NEAREST_EDITS_MAX = 3 };

static size_t least(size_t a, size_t b)
{
        return a < b ? a : b;
}

/* Both at most NEAREST_BYTES_MAX long. */
static size_t distance_of(struct slice a, struct slice b)
{
        size_t rows[3][NEAREST_BYTES_MAX + 1];
        size_t *before = rows[0], *above = rows[1], *row = rows[2];

        for (size_t j = 0; j <= b.len; j++)
                above[j] = j;
        for (size_t i = 1; i <= a.len; i++) {
                size_t *spare = before;

                row[0] = i;
                for (size_t j = 1; j <= b.len; j++) {
                        int ca = tolower(a.data[i - 1]), cb = tolower(b.data[j - 1]);

                        row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (ca != cb));
                        if (i > 1 && j > 1 && ca == tolower(b.data[j - 2]) && tolower(a.data[i - 2]) == cb)
                                row[j] = least(row[j], before[j - 2] + 1);
                }
                before = above;
                above = row;
                row = spare;
        }
        return above[b.len];
}

void nearest_init(struct nearest *nearest, struct slice wanted)
{
        *nearest = (struct nearest){.wanted = wanted, .distance = SIZE_MAX};
}

void nearest_offer(struct nearest *nearest, struct slice name)
{
        struct slice wanted = nearest->wanted;
        size_t longer = name.len > wanted.len ? name.len : wanted.len;
        size_t shorter = least(name.len, wanted.len);
        size_t distance, ceiling;

        if (shorter == 0 || longer == 1 || longer > NEAREST_BYTES_MAX || longer - shorter > NEAREST_EDITS_MAX)
                return;
        distance = distance_of(wanted, name);
        ceiling = longer < 6 ? 1 : least(longer / 3, NEAREST_EDITS_MAX);
        if (distance > ceiling || distance >= nearest->distance)
                return;
        nearest->best = name;
        nearest->distance = distance;
        nearest->has_best = true;
}

bool nearest_best(const struct nearest *nearest, struct slice *ret_name)
{
        if (nearest->has_best)
                *ret_name = nearest->best;
        return nearest->has_best;
}

const char *nearest_text(const struct nearest *nearest)
{
        return nearest->has_best ? (const char *)nearest->best.data : NULL;
}
