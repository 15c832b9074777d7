/* redis_key.c - names of keys: parts from events can never leave their place. */
#include "sinks/redis_key.h"

#include <assert.h>
#include <openssl/sha.h>

/* Table names are identifiers of at most this many bytes once encoded; longer ones are refused by redis_table. */
static_assert(REDIS_KEY_PARTS_MAX + 256 + 80 <= LIMIT_REDIS_KEY_BYTES, "a key fits its limit");

static const char hex_upper[] = "0123456789ABCDEF";
static const char hex_lower[] = "0123456789abcdef";

static bool is_unreserved(uint8_t c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '_' || c == '~';
}

void redis_key_encode(struct bytes *text, struct slice part)
{
        uint8_t *start = bytes_reserve(text, part.len * 3);
        uint8_t *at = start;

        for (size_t i = 0; i < part.len; i++) {
                uint8_t c = part.data[i];

                if (is_unreserved(c)) {
                        *at++ = c;
                } else {
                        *at++ = '%';
                        *at++ = (uint8_t)hex_upper[c >> 4];
                        *at++ = (uint8_t)hex_upper[c & 15];
                }
        }
        text->len += (size_t)(at - start);
}

void redis_key_begin(struct bytes *key, struct slice table)
{
        bytes_append_text(key, "weir:{");
        redis_key_encode(key, table);
}

void redis_key_part(struct bytes *key, struct slice part)
{
        bytes_append_byte(key, ':');
        redis_key_encode(key, part);
}

void redis_key_end(struct bytes *key, size_t begun)
{
        size_t len = key->len - begun;

        assert(key->len >= begun);
        if (len > REDIS_KEY_PARTS_MAX) {
                uint8_t digest[SHA256_DIGEST_LENGTH];

                /* Without the ':' in front: what a reader joins is what a reader hashes. */
                SHA256(key->data + begun + 1, len - 1, digest);
                key->len = begun + REDIS_KEY_PARTS_MAX;
                bytes_append_byte(key, '+');
                for (size_t i = 0; i < sizeof(digest); i++) {
                        bytes_append_byte(key, (uint8_t)hex_lower[digest[i] >> 4]);
                        bytes_append_byte(key, (uint8_t)hex_lower[digest[i] & 15]);
                }
        }
        bytes_append_byte(key, '}');
}
