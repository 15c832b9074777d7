/* kernel_url.c - URL_ENCODE, URL_DECODE and PARSE_URL, as java.net does them. */
#include <assert.h>
#include <strings.h>

#include "sidecar/base/utf8.h"
#include "sidecar/exec/kernel.h"

static struct slice text_at(const struct reg *reg, uint32_t row)
{
        return reg->str[row & reg->mask];
}

static bool is_letter_or_digit(uint8_t byte)
{
        return (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

static struct slice url_encode(struct frame *frame, struct slice text)
{
        size_t room = 3 * text.len;
        uint8_t *out = program_take_text(frame, room), *end = out;

        for (size_t i = 0; i < text.len; i++) {
                uint8_t byte = text.data[i];

                if (is_letter_or_digit(byte) || byte == '.' || byte == '-' || byte == '*' || byte == '_') {
                        *end++ = byte;
                } else if (byte == ' ') {
                        *end++ = '+';
                } else {
                        *end++ = '%';
                        *end++ = (uint8_t) "0123456789ABCDEF"[byte >> 4];
                        *end++ = (uint8_t) "0123456789ABCDEF"[byte & 15];
                }
        }
        return program_keep_text(frame, out, room, (size_t)(end - out));
}

static int hex_value(uint8_t byte)
{
        if (byte >= '0' && byte <= '9')
                return byte - '0';
        byte |= 0x20;
        return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

static bool is_decodable(struct slice text)
{
        for (size_t i = 0; i < text.len; i++) {
                if (text.data[i] != '%')
                        continue;
                if (text.len - i < 3 || hex_value(text.data[i + 1]) < 0 || hex_value(text.data[i + 2]) < 0)
                        return false;
                i += 2;
        }
        return true;
}

static struct slice url_decode(struct frame *frame, struct slice text)
{
        uint8_t *bytes = program_take_text(frame, text.len), *repaired;
        size_t len = 0;
        struct slice decoded;

        for (size_t i = 0; i < text.len; i++) {
                if (text.data[i] == '%') {
                        bytes[len++] = (uint8_t)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2]));
                        i += 2;
                } else {
                        bytes[len++] = text.data[i] == '+' ? ' ' : text.data[i];
                }
        }
        decoded = slice_make(bytes, len);
        if (utf8_is_valid(decoded))
                return decoded;
        repaired = program_take_text(frame, 3 * len);
        return program_keep_text(frame, repaired, 3 * len, utf8_repair(decoded, repaired));
}

void kernel_url_code(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice text = text_at(a, row);

                if (step->mode == FN_URL_ENCODE) {
                        out->str[row] = url_encode(frame, text);
                } else if (is_decodable(text)) {
                        out->str[row] = url_decode(frame, text);
                } else {
                        out->str[row] = slice_make(NULL, 0);
                        program_set_null(frame, out, row);
                }
        }
}

/* ---- PARSE_URL ---- */

/* Parts of a URL; data NULL where Java has null. */
struct url {
        struct slice protocol, authority, user_info, host, path, query, ref;
};

static const struct slice nothing = {.data = (const uint8_t *)"", .len = 0};

static struct slice part_of(struct slice text, size_t from, size_t to)
{
        return to > from ? slice_make(text.data + from, to - from) : nothing;
}

/* Where a byte stands in text[from..to), or `to`. */
static size_t find_byte(struct slice text, size_t from, size_t to, char byte)
{
        const uint8_t *found = from < to ? memchr(text.data + from, byte, to - from) : NULL;

        return found == NULL ? to : (size_t)(found - text.data);
}

/* A port as Integer.parseInt takes it, -1 or more. */
static bool is_port(struct slice text)
{
        bool is_negative = text.len > 0 && text.data[0] == '-';
        int64_t value = 0;
        size_t at = is_negative || (text.len > 0 && text.data[0] == '+');

        if (at == text.len)
                return false;
        for (; at < text.len; at++) {
                if (text.data[at] < '0' || text.data[at] > '9' || value > INT32_MAX)
                        return false;
                value = value * 10 + (text.data[at] - '0');
        }
        return is_negative ? value <= 1 : value <= INT32_MAX;
}

/* Hexadecimal groups, colons, dots of an embedded IPv4 address, a zone. */
static bool is_ipv6(struct slice text)
{
        unsigned colons = 0;

        for (size_t i = 0; i < text.len && text.data[i] != '%'; i++) {
                colons += text.data[i] == ':';
                if (text.data[i] != ':' && text.data[i] != '.' && hex_value(text.data[i]) < 0)
                        return false;
        }
        return colons >= 2;
}

static bool parse_host(struct url *url)
{
        struct slice host = url->host;
        size_t end;

        if (host.len > 0 && host.data[0] == '[') {
                end = find_byte(host, 0, host.len, ']');
                if (end == host.len || end <= 2 || !is_ipv6(part_of(host, 1, end)))
                        return false;
                url->host = part_of(host, 0, end + 1);
                if (end + 1 == host.len)
                        return true;
                return host.data[end + 1] == ':' &&
                       (end + 2 == host.len || is_port(slice_make(host.data + end + 2, host.len - end - 2)));
        }
        end = find_byte(host, 0, host.len, ':');
        url->host = part_of(host, 0, end);
        return end + 1 >= host.len || is_port(slice_make(host.data + end + 1, host.len - end - 1));
}

static bool parse_authority(struct url *url)
{
        size_t len = url->authority.len;
        size_t at = find_byte(url->authority, 0, len, '@');

        url->host = url->authority;
        if (at < len && find_byte(url->authority, at + 1, len, '@') < len) {
                url->host = nothing; /* two of them: not a server */
                return true;
        }
        if (at < len) {
                url->user_info = part_of(url->authority, 0, at);
                url->host = part_of(url->authority, at + 1, len);
        }
        return parse_host(url);
}

static bool is_known_protocol(struct slice name)
{
        static const char *const known[] = {"http", "https", "ftp", "file", "mailto"};

        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
                if (strlen(known[i]) == name.len && strncasecmp(known[i], (const char *)name.data, name.len) == 0)
                        return true;
        }
        return false;
}

static bool parse_url(struct slice text, struct url *url)
{
        size_t start = 0, end = text.len, at;

        *url = (struct url){.host = nothing, .path = nothing};
        while (end > 0 && text.data[end - 1] <= ' ')
                end -= 1;
        while (start < end && text.data[start] <= ' ')
                start += 1;
        if (end - start >= 4 && strncasecmp((const char *)text.data + start, "url:", 4) == 0)
                start += 4;
        at = find_byte(text, start, end, ':');
        if (at == end || find_byte(text, start, at, '/') < at || !is_known_protocol(part_of(text, start, at)))
                return false;
        url->protocol = part_of(text, start, at);
        start = at + 1;
        at = find_byte(text, start, end, '#');
        if (at < end) {
                url->ref = part_of(text, at + 1, end);
                end = at;
        }
        if ((url->protocol.data[0] | 0x20) == 'm') { /* mailto: all is path */
                url->path = part_of(text, start, end);
                return true;
        }
        at = find_byte(text, start, end, '?');
        if (at < end) {
                url->query = part_of(text, at + 1, end);
                end = at;
        }
        if (end - start >= 2 && memcmp(text.data + start, "//", 2) == 0 &&
            !(end - start >= 4 && memcmp(text.data + start, "////", 4) == 0)) {
                start += 2;
                at = find_byte(text, start, end, '/');
                url->authority = part_of(text, start, at);
                if (!parse_authority(url))
                        return false;
                start = at;
        }
        url->path = part_of(text, start, end);
        return true;
}

static struct slice joined_file(struct frame *frame, const struct url *url)
{
        size_t len = url->path.len + 1 + url->query.len;
        uint8_t *text;

        if (url->query.data == NULL)
                return url->path;
        text = program_take_text(frame, len);
        memcpy(text, url->path.data, url->path.len);
        text[url->path.len] = '?';
        memcpy(text + url->path.len + 1, url->query.data, url->query.len);
        return slice_make(text, len);
}

static struct slice lower_case(struct frame *frame, struct slice text)
{
        uint8_t *lower = program_take_text(frame, text.len);

        for (size_t i = 0; i < text.len; i++)
                lower[i] = (uint8_t)(text.data[i] | (text.data[i] >= 'A' && text.data[i] <= 'Z' ? 0x20 : 0));
        return slice_make(lower, text.len);
}

static bool is_word(struct slice text, const char *word)
{
        return slice_is_equal(text, slice_from_text(word));
}

static struct slice url_part(struct frame *frame, const struct url *url, struct slice part)
{
        if (is_word(part, "HOST"))
                return url->host;
        if (is_word(part, "PATH"))
                return url->path;
        if (is_word(part, "QUERY"))
                return url->query;
        if (is_word(part, "REF"))
                return url->ref;
        if (is_word(part, "PROTOCOL"))
                return lower_case(frame, url->protocol);
        if (is_word(part, "FILE"))
                return joined_file(frame, url);
        if (is_word(part, "AUTHORITY"))
                return url->authority;
        if (is_word(part, "USERINFO"))
                return url->user_info;
        return (struct slice){.data = NULL};
}

bool kernel_url_is_plain_key(struct slice key)
{
        for (size_t i = 0; i < key.len; i++) {
                if (memchr("\\^$.|?*+()[]{}", key.data[i], 14) != NULL)
                        return false;
        }
        return true;
}

/* The value of key=value behind the start or an &. */
static struct slice query_value(struct slice query, struct slice key)
{
        size_t at = 0;

        while (at <= query.len) {
                size_t end = find_byte(query, at, query.len, '&');

                if (end - at > key.len && query.data[at + key.len] == '=' &&
                    (key.len == 0 || memcmp(query.data + at, key.data, key.len) == 0))
                        return part_of(query, at + key.len + 1, end);
                at = end + 1;
        }
        return (struct slice){.data = NULL};
}

void kernel_url_parse(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0), *b = program_arg(frame, step, 1);
        const struct reg *c = step->n_args > 2 ? program_arg(frame, step, 2) : NULL;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                struct slice part = text_at(b, row), found = {.data = NULL};
                struct url url;

                if (parse_url(text_at(a, row), &url)) {
                        if (c == NULL)
                                found = url_part(frame, &url, part);
                        else if (is_word(part, "QUERY") && url.query.data != NULL)
                                found = query_value(url.query, text_at(c, row));
                }
                out->str[row] = found;
                if (found.data == NULL)
                        program_set_null(frame, out, row);
        }
}
