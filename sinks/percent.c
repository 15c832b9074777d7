/* percent.c - percent-encoding as RFC 3986. */
#include "sinks/percent.h"

static const char hex[] = "0123456789ABCDEF";

static bool is_unreserved(uint8_t c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '_' || c == '~';
}

void percent_append(struct bytes *text, struct slice part)
{
        uint8_t *start = bytes_reserve(text, part.len * 3);
        uint8_t *at = start;

        for (size_t i = 0; i < part.len; i++) {
                uint8_t c = part.data[i];

                if (is_unreserved(c)) {
                        *at++ = c;
                } else {
                        *at++ = '%';
                        *at++ = (uint8_t)hex[c >> 4];
                        *at++ = (uint8_t)hex[c & 15];
                }
        }
        text->len += (size_t)(at - start);
}
