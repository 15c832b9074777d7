/* json_text.c - strings as JSON, escaped as Flink's writer escapes them. */
#include "sinks/json_text.h"

static const char hex[] = "0123456789ABCDEF";

/* Bytes of the well-formed UTF-8 sequence at `at` (not ASCII), or 0. */
static size_t utf8_len(const uint8_t *at, size_t left)
{
        uint8_t lead = at[0];
        size_t len = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
        uint8_t low = 0x80, high = 0xbf;

        if (lead < 0xc2 || lead > 0xf4 || left < len)
                return 0;
        if (lead == 0xe0)
                low = 0xa0;
        else if (lead == 0xed)
                high = 0x9f; /* surrogates */
        else if (lead == 0xf0)
                low = 0x90;
        else if (lead == 0xf4)
                high = 0x8f;
        if (at[1] < low || at[1] > high)
                return 0;
        for (size_t i = 2; i < len; i++)
                if ((at[i] & 0xc0) != 0x80)
                        return 0;
        return len;
}

static void append_control(struct bytes *json, uint8_t c)
{
        static const char shorts[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

        if (c < sizeof(shorts) && shorts[c] != 0) {
                bytes_append_byte(json, '\\');
                bytes_append_byte(json, (uint8_t)shorts[c]);
                return;
        }
        bytes_append_text(json, "\\u00");
        bytes_append_byte(json, (uint8_t)hex[c >> 4]);
        bytes_append_byte(json, (uint8_t)hex[c & 15]);
}

void json_text_append(struct bytes *json, struct slice text)
{
        size_t plain = 0; /* start of the run that needs no escape */
        size_t i = 0;

        bytes_append_byte(json, '"');
        while (i < text.len) {
                uint8_t c = text.data[i];
                size_t len = c < 0x80 ? 1 : utf8_len(text.data + i, text.len - i);

                if (len > 0 && c >= 0x20 && c != '"' && c != '\\') {
                        i += len;
                        continue;
                }
                bytes_append(json, text.data + plain, i - plain);
                if (len == 0) {
                        bytes_append_text(json, "\xef\xbf\xbd");
                } else if (c < 0x20) {
                        append_control(json, c);
                } else {
                        bytes_append_byte(json, '\\');
                        bytes_append_byte(json, c);
                }
                plain = ++i;
        }
        bytes_append(json, text.data + plain, i - plain);
        bytes_append_byte(json, '"');
}
