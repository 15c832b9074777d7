/* utf8.c - see utf8.h. */
#include "sidecar/base/utf8.h"

bool utf8_is_ascii(struct slice text)
{
        uint64_t high = 0;
        size_t i = 0;

        for (; i + 8 <= text.len; i += 8) {
                uint64_t word;

                memcpy(&word, text.data + i, sizeof word);
                high |= word;
        }
        for (; i < text.len; i++)
                high |= text.data[i];
        return (high & UINT64_C(0x8080808080808080)) == 0;
}

size_t utf8_count(struct slice text)
{
        size_t count = 0;

        if (utf8_is_ascii(text))
                return text.len;
        for (size_t at = 0; at < text.len; at += utf8_length(text, at))
                count += 1;
        return count;
}

size_t utf8_count_units(struct slice text)
{
        size_t count = 0, len;

        for (size_t at = 0; at < text.len; at += len) {
                len = utf8_length(text, at);
                count += len == 4 ? 2 : 1;
        }
        return count;
}

size_t utf8_offset(struct slice text, size_t n)
{
        size_t at = 0;

        while (n > 0 && at < text.len) {
                at += utf8_length(text, at);
                n -= 1;
        }
        return at;
}

/* Length of the well-formed sequence at `at`, or 0; *ret_maximal is what a decoder replaces as one piece then. */
static size_t well_formed(struct slice text, size_t at, uint32_t *ret_code_point, size_t *ret_maximal)
{
        uint8_t lead = text.data[at];
        size_t need = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
        uint32_t code_point = need == 1 ? lead : need == 2 ? lead & 0x1Fu : need == 3 ? lead & 0x0Fu : lead & 0x07u;

        *ret_maximal = 1;
        for (size_t i = 1; i < need; i++) {
                uint8_t byte, lowest = 0x80, highest = 0xBF;

                if (at + i == text.len)
                        return 0;
                byte = text.data[at + i];
                if (i == 1) {
                        lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
                        highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
                }
                if (byte < lowest || byte > highest)
                        return 0;
                code_point = code_point << 6 | (byte & 0x3Fu);
                *ret_maximal = i + 1;
        }
        *ret_code_point = code_point;
        return need;
}

uint32_t utf8_decode(struct slice text, size_t at, size_t *ret_len)
{
        uint32_t code_point;
        size_t maximal;

        if (well_formed(text, at, &code_point, &maximal) == 0)
                code_point = UTF8_REPLACEMENT;
        *ret_len = utf8_length(text, at);
        return code_point;
}

size_t utf8_encode(uint32_t code_point, uint8_t bytes[UTF8_BYTES_MAX])
{
        if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point < 0xE000))
                code_point = '?';
        if (code_point < 0x80) {
                bytes[0] = (uint8_t)code_point;
                return 1;
        }
        if (code_point < 0x800) {
                bytes[0] = (uint8_t)(0xC0 | code_point >> 6);
                bytes[1] = (uint8_t)(0x80 | (code_point & 0x3F));
                return 2;
        }
        if (code_point < 0x10000) {
                bytes[0] = (uint8_t)(0xE0 | code_point >> 12);
                bytes[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
                bytes[2] = (uint8_t)(0x80 | (code_point & 0x3F));
                return 3;
        }
        bytes[0] = (uint8_t)(0xF0 | code_point >> 18);
        bytes[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3F));
        bytes[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
        bytes[3] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 4;
}

bool utf8_is_valid(struct slice text)
{
        size_t at = 0;

        if (utf8_is_ascii(text))
                return true;
        while (at < text.len) {
                uint32_t code_point;
                size_t maximal;
                size_t len = well_formed(text, at, &code_point, &maximal);

                if (len == 0)
                        return false;
                at += len;
        }
        return true;
}

size_t utf8_repair(struct slice text, uint8_t *ret_bytes)
{
        size_t at = 0, n = 0;

        while (at < text.len) {
                uint32_t code_point;
                size_t maximal;
                size_t len = well_formed(text, at, &code_point, &maximal);

                if (len == 0) {
                        n += utf8_encode(UTF8_REPLACEMENT, ret_bytes + n);
                        at += maximal;
                        continue;
                }
                memcpy(ret_bytes + n, text.data + at, len);
                n += len;
                at += len;
        }
        return n;
}
