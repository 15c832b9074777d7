/* envelope.c - the patient walk, and what it teaches the layouts. */
#include "sidecar/column/envelope.h"

#include "sidecar/base/limits.h"
#include "sidecar/column/varint.h"

static bool is_short(struct envelope *envelope, size_t missing)
{
        envelope->missing = missing;
        return false;
}

static bool is_bad(struct envelope *envelope, const char *problem)
{
        envelope->problem = problem;
        return false;
}

static bool read_long(struct envelope *envelope, int64_t *ret_value)
{
        uint64_t raw;
        const uint8_t *next = varint_read(envelope->at, false, &raw);

        if (next == NULL && envelope->end - envelope->at >= VARINT_BYTES_MAX)
                return is_bad(envelope, "a number of more than 64 bits");
        if (next == NULL || next > envelope->end)
                return is_short(envelope, 1);
        envelope->at = next;
        *ret_value = varint_unzigzag(raw);
        return true;
}

/* String or bytes; the length is compared with what is there, and with what one frame may hold. */
static bool read_text(struct envelope *envelope, struct slice *ret_text)
{
        size_t left;
        int64_t len;

        if (!read_long(envelope, &len))
                return false;
        if (len < 0)
                return is_bad(envelope, "a negative length");
        if (len > LIMIT_FRAME_BYTES)
                return is_bad(envelope, "a length beyond the largest frame");
        left = (size_t)(envelope->end - envelope->at);
        if ((size_t)len > left)
                return is_short(envelope, (size_t)len - left);
        *ret_text = slice_make(envelope->at, (size_t)len);
        envelope->at += len;
        return true;
}

static bool read_header(struct envelope *envelope)
{
        struct slice key, value;

        if (!read_text(envelope, &key) || !read_text(envelope, &value))
                return false;
        if (key.len + value.len > LIMIT_HEADER_BYTES)
                envelope->is_too_large = true;
        for (uint32_t h = 0; h < envelope->n_wanted; h++) {
                if (slice_is_equal(envelope->wanted[h].key, key))
                        envelope->wanted[h].value = value;
        }
        return true;
}

/* The head of a block: *ret_n entries (0: the map ends) up to *ret_end (NULL: not said). */
static bool read_block(struct envelope *envelope, int64_t *ret_n, const uint8_t **ret_end)
{
        int64_t n, size;

        *ret_end = NULL;
        if (!read_long(envelope, &n))
                return false;
        if (n == INT64_MIN || n > LIMIT_FRAME_BYTES || -n > LIMIT_FRAME_BYTES)
                return is_bad(envelope, "an impossible number of headers");
        if (n < 0) {
                if (!read_long(envelope, &size))
                        return false;
                if (size < 0 || size > LIMIT_FRAME_BYTES)
                        return is_bad(envelope, "an impossible size of headers");
                if (size > envelope->end - envelope->at)
                        return is_short(envelope, (size_t)(size - (envelope->end - envelope->at)));
                *ret_end = envelope->at + size;
                n = -n;
        }
        *ret_n = n;
        return true;
}

static bool read_headers(struct envelope *envelope)
{
        const uint8_t *block_end;
        uint64_t n_seen = 0;
        int64_t n;

        do {
                if (!read_block(envelope, &n, &block_end))
                        return false;
                n_seen += (uint64_t)n;
                for (int64_t i = 0; i < n; i++) {
                        if (!read_header(envelope))
                                return false;
                }
                if (block_end != NULL && envelope->at != block_end)
                        return is_bad(envelope, "headers that do not fill their block");
        } while (n != 0);
        if (n_seen > LIMIT_HEADERS_PER_EVENT)
                envelope->is_too_large = true;
        return true;
}

bool envelope_read(struct envelope *envelope)
{
        envelope->is_too_large = false;
        envelope->missing = 0;
        envelope->problem = NULL;
        for (uint32_t h = 0; h < envelope->n_wanted; h++)
                envelope->wanted[h].value = slice_make(NULL, 0);
        if (!read_headers(envelope) || !read_text(envelope, &envelope->body))
                return false;
        if (envelope->body.len > LIMIT_EVENT_BODY_BYTES)
                envelope->is_too_large = true;
        return true;
}

/* Walks the headers at `start` again, this time as one plain block. Returns where they end, NULL when they are
 * of another kind; masks the values out of `mask` on the way. */
static const uint8_t *walk_plain(const uint8_t *start, const uint8_t *end, uint8_t *mask)
{
        struct envelope walk = {.at = start, .end = end};
        const uint8_t *block_end;
        struct slice key, value;
        int64_t n;

        if (!read_block(&walk, &n, &block_end) || block_end != NULL)
                return NULL;
        if (n == 0)
                return walk.at;
        for (int64_t i = 0; i < n; i++) {
                if (!read_text(&walk, &key) || !read_text(&walk, &value))
                        return NULL;
                memset(mask + (value.data - start), 0, value.len);
        }
        return read_block(&walk, &n, &block_end) && n == 0 ? walk.at : NULL;
}

bool envelope_layout_learn(struct envelope_layout *layout, const struct envelope *envelope, const uint8_t *start)
{
        uint8_t mask[sizeof(layout->mask)];
        const uint8_t *end;

        if (envelope->is_too_large || envelope->body.data - start > ENVELOPE_LAYOUT_BYTES_MAX)
                return false;
        memset(mask, 0xff, sizeof(mask));
        end = walk_plain(start, envelope->body.data, mask);
        if (end == NULL)
                return false;
        layout->len = (uint32_t)(end - start);
        layout->n_words = (layout->len + ENVELOPE_LAYOUT_WORD_BYTES - 1) / ENVELOPE_LAYOUT_WORD_BYTES;
        memset(mask + layout->len, 0, sizeof(mask) - layout->len);
        memcpy(layout->mask, mask, sizeof(mask));
        memset(layout->expect, 0, sizeof(layout->expect));
        memcpy(layout->expect, start, layout->len);
        for (uint32_t h = 0; h < envelope->n_wanted; h++) {
                struct slice value = envelope->wanted[h].value;
                size_t offset = value.data == NULL ? 0 : (size_t)(value.data - start);

                layout->places[h] = (struct envelope_place){(uint16_t)offset, (uint16_t)value.len};
        }
        return true;
}

void envelope_layout_init(struct envelope_layout *layout, struct envelope_place *places)
{
        *layout = (struct envelope_layout){.len = 1, .n_words = 1, .mask = {0xff}, .places = places};
}
