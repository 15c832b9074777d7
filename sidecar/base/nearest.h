/* nearest.h - "did you mean": the nearest of several names.
 *
 *     struct nearest nearest;
 *     nearest_init(&nearest, wanted);
 *     for (...) nearest_offer(&nearest, name);
 *     ... nearest_best(&nearest, &name)
 *
 * Nearness is the number of single-character edits (insert, delete, replace, swap of two neighbours); a difference of
 * case alone counts as none. Names farther away than a third of their length, or than three edits, are no suggestion;
 * short ones may be one edit away. Among equally near names the first offered wins. Names stay borrowed. Any thread.
 * */
#ifndef WEIR_SIDECAR_BASE_NEAREST_H
#define WEIR_SIDECAR_BASE_NEAREST_H

#include "sidecar/base/slice.h"

struct nearest {
        struct slice wanted;
        struct slice best;
        size_t distance;
        bool has_best;
};

void nearest_init(struct nearest *nearest, struct slice wanted);
void nearest_offer(struct nearest *nearest, struct slice name);
bool nearest_best(const struct nearest *nearest, struct slice *ret_name);
/* For names that are NUL-terminated texts; NULL when nothing is near. */
const char *nearest_text(const struct nearest *nearest);

#endif
