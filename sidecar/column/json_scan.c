/* json_scan.c - see json_scan.h. */
#include "sidecar/column/json_scan.h"

#include "sidecar/base/limits.h"
#include "sidecar/base/utf8.h"

#include <assert.h>

struct json_scan json_scan_make(struct slice text)
{
        return (struct json_scan){.at = text.data, .end = text.data + text.len, .begin = text.data};
}

static bool fail(struct json_scan *scan, enum reason reason)
{
        if (scan->reason == REASON_NONE)
                scan->reason = reason;
        return false;
}

static bool is_blank(uint8_t byte)
{
        return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_digit(uint8_t byte)
{
        return byte >= '0' && byte <= '9';
}

/* The next byte that is no blank, still to be read; 0 at the end (a NUL is no JSON anywhere). */
static uint8_t peek(struct json_scan *scan)
{
        while (scan->at < scan->end && is_blank(*scan->at))
                scan->at++;
        return scan->at < scan->end ? *scan->at : 0;
}

static bool take(struct json_scan *scan, uint8_t byte)
{
        if (peek(scan) != byte || byte == 0)
                return false;
        scan->at++;
        return true;
}

static bool scan_word(struct json_scan *scan, const char *word, enum json_scan_kind kind,
                      struct json_scan_value *ret_value)
{
        size_t len = strlen(word);

        if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
                return fail(scan, REASON_BAD_JSON);
        *ret_value = (struct json_scan_value){.kind = kind, .text = slice_make(scan->at, len)};
        scan->at += len;
        return true;
}

static bool skip_digits(struct json_scan *scan)
{
        const uint8_t *first = scan->at;

        while (scan->at < scan->end && is_digit(*scan->at))
                scan->at++;
        return scan->at > first;
}

/* -? (0 | [1-9] digits) (. digits)? ([eE] [+-]? digits)? */
static bool scan_number(struct json_scan *scan, struct json_scan_value *ret_value)
{
        const uint8_t *first = scan->at;
        bool is_integer = true;

        if (*scan->at == '-')
                scan->at++;
        if (scan->at < scan->end && *scan->at == '0')
                scan->at++;
        else if (!skip_digits(scan))
                return fail(scan, REASON_BAD_JSON);
        if (scan->at < scan->end && *scan->at == '.') {
                is_integer = false;
                scan->at++;
                if (!skip_digits(scan))
                        return fail(scan, REASON_BAD_JSON);
        }
        if (scan->at < scan->end && (*scan->at == 'e' || *scan->at == 'E')) {
                is_integer = false;
                scan->at++;
                if (scan->at < scan->end && (*scan->at == '+' || *scan->at == '-'))
                        scan->at++;
                if (!skip_digits(scan))
                        return fail(scan, REASON_BAD_JSON);
        }
        *ret_value = (struct json_scan_value){.kind = JSON_SCAN_NUMBER,
                                              .text = slice_make(first, (size_t)(scan->at - first)),
                                              .is_integer = is_integer};
        return true;
}

static bool is_hex(uint8_t byte)
{
        return is_digit(byte) || (byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F');
}

/* What follows a backslash. */
static bool skip_escape(struct json_scan *scan)
{
        if (scan->at == scan->end)
                return false;
        if (*scan->at != 'u')
                return memchr("\"\\/bfnrt", *scan->at++, 8) != NULL;
        if (scan->end - scan->at < 5)
                return false;
        for (int i = 1; i < 5; i++) {
                if (!is_hex(scan->at[i]))
                        return false;
        }
        scan->at += 5;
        return true;
}

static bool scan_string(struct json_scan *scan, struct json_scan_value *ret_value)
{
        const uint8_t *first = ++scan->at;
        bool has_escapes = false, is_ascii = true;

        for (;;) {
                if (scan->at == scan->end)
                        return fail(scan, REASON_BAD_JSON);
                if (*scan->at == '"')
                        break;
                is_ascii = is_ascii && *scan->at < 0x80;
                if (*scan->at++ == '\\') {
                        has_escapes = true;
                        if (!skip_escape(scan))
                                return fail(scan, REASON_BAD_JSON);
                }
        }
        *ret_value = (struct json_scan_value){.kind = JSON_SCAN_STRING,
                                              .text = slice_make(first, (size_t)(scan->at - first)),
                                              .has_escapes = has_escapes};
        scan->at++;
        return is_ascii || utf8_is_valid(ret_value->text) ? true : fail(scan, REASON_BAD_JSON);
}

static bool scan_open(struct json_scan *scan, enum json_scan_kind kind, struct json_scan_value *ret_value)
{
        *ret_value = (struct json_scan_value){.kind = kind, .text = slice_make(scan->at, 1)};
        if (scan->depth == LIMIT_DATUM_DEPTH)
                return fail(scan, REASON_TOO_DEEP);
        scan->depth++;
        scan->at++;
        return true;
}

bool json_scan_value(struct json_scan *scan, struct json_scan_value *ret_value)
{
        if (scan->reason != REASON_NONE)
                return false;
        switch (peek(scan)) {
        case '{':
                return scan_open(scan, JSON_SCAN_OBJECT, ret_value);
        case '[':
                return scan_open(scan, JSON_SCAN_ARRAY, ret_value);
        case '"':
                return scan_string(scan, ret_value);
        case 't':
                return scan_word(scan, "true", JSON_SCAN_TRUE, ret_value);
        case 'f':
                return scan_word(scan, "false", JSON_SCAN_FALSE, ret_value);
        case 'n':
                return scan_word(scan, "null", JSON_SCAN_NULL, ret_value);
        case '-':
        case '0' ... '9':
                return scan_number(scan, ret_value);
        default:
                return fail(scan, REASON_BAD_JSON);
        }
}

/* The closing bracket, or what has to stand before the next part. False: closed or wrong. */
static bool scan_next_part(struct json_scan *scan, bool is_first, uint8_t close)
{
        if (scan->reason != REASON_NONE)
                return false;
        if (take(scan, close)) {
                assert(scan->depth > 0);
                scan->depth--;
                return false;
        }
        return is_first || take(scan, ',') ? true : fail(scan, REASON_BAD_JSON);
}

bool json_scan_member(struct json_scan *scan, bool is_first, struct json_scan_value *ret_key)
{
        if (!scan_next_part(scan, is_first, '}'))
                return false;
        if (peek(scan) != '"' || !scan_string(scan, ret_key) || !take(scan, ':'))
                return fail(scan, REASON_BAD_JSON);
        return true;
}

bool json_scan_element(struct json_scan *scan, bool is_first)
{
        return scan_next_part(scan, is_first, ']');
}

bool json_scan_skip(struct json_scan *scan, enum json_scan_kind kind)
{
        struct json_scan_value value;
        bool is_first = true;

        /* as deep as LIMIT_DATUM_DEPTH at most */
        while (kind == JSON_SCAN_OBJECT ? json_scan_member(scan, is_first, &value)
                                        : json_scan_element(scan, is_first)) {
                is_first = false;
                if (!json_scan_value(scan, &value))
                        return false;
                if ((value.kind == JSON_SCAN_OBJECT || value.kind == JSON_SCAN_ARRAY) &&
                    !json_scan_skip(scan, value.kind))
                        return false;
        }
        return scan->reason == REASON_NONE;
}

bool json_scan_end(struct json_scan *scan)
{
        return scan->reason == REASON_NONE && peek(scan) == 0 && scan->at == scan->end;
}

static uint32_t hex_of(const uint8_t *digits)
{
        uint32_t value = 0;

        for (int i = 0; i < 4; i++) {
                uint8_t c = digits[i];
                uint32_t digit = c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 0x20) - 'a' + 10);

                value = value << 4 | digit;
        }
        return value;
}

/* A code unit or a pair of them; returns how many bytes of the text it took, from the first 'u' on. */
static size_t unescape_unicode(const uint8_t *at, const uint8_t *end, struct bytes *text)
{
        uint32_t unit = hex_of(at + 1), second;
        size_t len = 5;

        if (unit >= 0xd800 && unit < 0xdc00 && end - at >= 11 && at[5] == '\\' && at[6] == 'u') {
                second = hex_of(at + 7);
                if (second >= 0xdc00 && second < 0xe000) {
                        unit = 0x10000 + ((unit - 0xd800) << 10) + (second - 0xdc00);
                        len = 11;
                }
        }
        text->len += utf8_encode(unit, bytes_reserve(text, UTF8_BYTES_MAX));
        return len;
}

void json_scan_unescape(const struct json_scan_value *string, struct bytes *text)
{
        static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
        const uint8_t *at = string->text.data, *end = at + string->text.len;

        while (at < end) {
                const uint8_t *escape = memchr(at, '\\', (size_t)(end - at));

                bytes_append(text, at, (size_t)((escape == NULL ? end : escape) - at));
                if (escape == NULL)
                        return;
                at = escape + 1;
                if (*at == 'u') {
                        at += unescape_unicode(at, end, text);
                } else {
                        bytes_append_byte(text, (uint8_t)to[strchr(from, *at) - from]);
                        at++;
                }
        }
}

void json_scan_compact(struct slice json, struct bytes *text)
{
        bool is_inside = false; /* of a string */

        for (size_t i = 0; i < json.len; i++) {
                uint8_t byte = json.data[i];

                if (is_inside && byte == '\\') { /* never a closing quote behind it */
                        bytes_append_byte(text, byte);
                        bytes_append_byte(text, json.data[++i]);
                        continue;
                }
                if (byte == '"')
                        is_inside = !is_inside;
                if (is_inside || !is_blank(byte))
                        bytes_append_byte(text, byte);
        }
}
