/* slice.h - borrowed bytes.
 *
 * A slice never owns. The header of the function that hands one out says until which call it stays
 * valid. data may be NULL only when len is 0. Bytes are bytes: no encoding is implied and NUL is an
 * ordinary byte. */
#ifndef WEIR_SIDECAR_BASE_SLICE_H
#define WEIR_SIDECAR_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
        const uint8_t *data;
        size_t len;
};

static inline struct slice slice_make(const void *data, size_t len)
{
        return (struct slice){.data = data, .len = len};
}

static inline struct slice slice_from_text(const char *text)
{
        return (struct slice){.data = (const uint8_t *)text, .len = strlen(text)};
}

static inline bool slice_is_equal(struct slice a, struct slice b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Order of unsigned bytes, shorter first on a common prefix (Flink's order of strings after an
 * exchange, sql-semantics 4.1). Returns < 0, 0, > 0. */
static inline int slice_compare(struct slice a, struct slice b)
{
        size_t common = a.len < b.len ? a.len : b.len;
        int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

        if (order != 0)
                return order;
        return (a.len > b.len) - (a.len < b.len);
}

#endif
