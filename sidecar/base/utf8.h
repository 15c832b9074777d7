/* utf8.h - UTF-8 text by code points.
 *
 * Strings come from the wire and may hold anything: a byte that starts no sequence counts as a code point of its own,
 * and a sequence ends where the next does not continue it. Nothing here reads beyond a slice. Any thread. */
#ifndef WEIR_SIDECAR_BASE_UTF8_H
#define WEIR_SIDECAR_BASE_UTF8_H

#include "sidecar/base/slice.h"

#define UTF8_REPLACEMENT 0xFFFDu
enum { UTF8_BYTES_MAX = 4 };

static inline bool utf8_is_continuation(uint8_t byte)
{
        return (byte & 0xC0) == 0x80;
}

/* Bytes of the code point at `at` < text.len: the lead byte and what continues it, at most 4. */
static inline size_t utf8_length(struct slice text, size_t at)
{
        size_t len = 1;

        if (text.data[at] < 0xC0)
                return 1;
        while (len < UTF8_BYTES_MAX && at + len < text.len && utf8_is_continuation(text.data[at + len]))
                len += 1;
        return len;
}

bool utf8_is_ascii(struct slice text);
/* Code points in the text. */
size_t utf8_count(struct slice text);
/* UTF-16 units it would have, as Java's String.length. */
size_t utf8_count_units(struct slice text);
/* The byte where code point n begins; text.len when there are not so many. */
size_t utf8_offset(struct slice text, size_t n);
/* Code point at `at`, UTF8_REPLACEMENT for what is none; *ret_len its bytes. */
uint32_t utf8_decode(struct slice text, size_t at, size_t *ret_len);
/* Returns the length; surrogates and values above U+10FFFF become '?', as Java writes them. */
size_t utf8_encode(uint32_t code_point, uint8_t bytes[UTF8_BYTES_MAX]);
/* Is all of it well-formed? */
bool utf8_is_valid(struct slice text);
/* Copies with every ill-formed part replaced by U+FFFD, as Java decodes it; room for 3 * text.len bytes. */
size_t utf8_repair(struct slice text, uint8_t *ret_bytes);

#endif
