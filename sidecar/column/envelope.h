/* envelope.h - finds the body inside an AvroFlumeEvent.
 *
 * An AvroFlumeEvent is a map of headers and the bytes of a body:
 *
 *     headers   blocks of: long n (n < 0: -n entries behind their size in bytes), n x (string key, string value);
 *               a block with n = 0 ends the map
 *     body      long length, bytes
 *
 * envelope_read walks it patiently. But the events of one agent nearly always carry the same headers with
 * values of the same lengths, so an envelope_layout remembers what such a map looks like: which of its bytes
 * are structure or key (they must be equal) and which are value. A map that matches a layout needs no walk, and
 * above all no chain of loads that each wait for the one before: where its body begins is known at once.
 *
 * VARINT_PAD_BYTES behind the end must be readable. One thread. */
#ifndef WEIR_SIDECAR_COLUMN_ENVELOPE_H
#define WEIR_SIDECAR_COLUMN_ENVELOPE_H

#include "sidecar/base/slice.h"

struct envelope_wanted { /* a header that somebody reads */
        struct slice key;
        struct slice value; /* out: of a repeated key the last; data NULL: there is none */
};

struct envelope {
        const uint8_t *at, *end; /* in: the event begins at `at`; out: behind it */
        uint32_t n_wanted;
        struct envelope_wanted *wanted;
        struct slice body;       /* out */
        bool is_too_large;       /* out: beyond what limits.h allows for headers or body */
        size_t missing;          /* out, after false: at least so many bytes are missing behind `end` */
        const char *problem;     /* out, after false: not NULL: this is no event; words for a message */
};

/* False: exactly one of missing and problem says why. */
bool envelope_read(struct envelope *envelope);

enum {
        ENVELOPE_LAYOUT_WORDS = 16,
        ENVELOPE_LAYOUT_BYTES_MAX = 240,
        ENVELOPE_LAYOUT_WORD_BYTES = 16,
};

typedef uint64_t envelope_word __attribute__((vector_size(ENVELOPE_LAYOUT_WORD_BYTES)));

struct envelope_place {
        uint16_t offset, len; /* of a wanted header's value; offset 0: there is none */
};

struct envelope_layout {
        uint32_t len;     /* of the headers, the closing 0 included */
        uint32_t n_words; /* the last one filled up with bytes that do not matter */
        uint8_t expect[ENVELOPE_LAYOUT_WORDS * ENVELOPE_LAYOUT_WORD_BYTES];
        uint8_t mask[ENVELOPE_LAYOUT_WORDS * ENVELOPE_LAYOUT_WORD_BYTES];
        struct envelope_place *places; /* of the wanted headers */
};

/* The layout of no headers. places: room for all wanted ones. */
void envelope_layout_init(struct envelope_layout *layout, struct envelope_place *places);

/* Remembers the headers of the event that began at `start` and was read to `envelope`. False, and nothing
 * changes: they are too long or stand in blocks of an unusual kind. */
bool envelope_layout_learn(struct envelope_layout *layout, const struct envelope *envelope, const uint8_t *start);

/* Word w of the headers at `at`, where it differs from what it should be. */
static inline envelope_word envelope_layout_difference(const struct envelope_layout *layout, const uint8_t *at,
                                                       uint32_t w)
{
        size_t offset = w * sizeof(envelope_word);
        envelope_word bytes, expect, mask;

        memcpy(&bytes, at + offset, sizeof(bytes));
        memcpy(&expect, layout->expect + offset, sizeof(expect));
        memcpy(&mask, layout->mask + offset, sizeof(mask));
        return (bytes ^ expect) & mask;
}

static inline bool envelope_word_is_zero(envelope_word word)
{
#if defined(__x86_64__)
        typedef char byte_word __attribute__((vector_size(ENVELOPE_LAYOUT_WORD_BYTES)));

        return __builtin_ia32_pmovmskb128((byte_word)word == 0) == 0xffff;
#else
        return (word[0] | word[1]) == 0;
#endif
}

/* Do the headers at `at` look like this? At least layout->len bytes stand there, before the pad. */
static inline bool envelope_layout_matches(const struct envelope_layout *layout, const uint8_t *at)
{
        envelope_word difference = {0, 0};

        for (uint32_t w = 0; w < layout->n_words; w++)
                difference |= envelope_layout_difference(layout, at, w);
        return envelope_word_is_zero(difference);
}

/* The same for layouts of at most ENVELOPE_SHORT_BYTES: always so many are read, without a loop. */
enum { ENVELOPE_SHORT_BYTES = 4 * ENVELOPE_LAYOUT_WORD_BYTES };
static inline bool envelope_layout_matches_short(const struct envelope_layout *layout, const uint8_t *at)
{
        envelope_word first = envelope_layout_difference(layout, at, 0) | envelope_layout_difference(layout, at, 1);
        envelope_word second = envelope_layout_difference(layout, at, 2) | envelope_layout_difference(layout, at, 3);

        return envelope_word_is_zero(first | second);
}

#endif
