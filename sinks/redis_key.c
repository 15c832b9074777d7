/* redis_key.c - names of keys: parts from events can never leave their place. */
#include "sinks/redis_key.h"

#include "sinks/percent.h"

#include <assert.h>
#include <openssl/sha.h>

/* Table names are identifiers of at most this many bytes once encoded; longer ones are refused by redis_table. */
static_assert(REDIS_KEY_PARTS_MAX + 256 + 80 <= LIMIT_REDIS_KEY_BYTES, "a key fits its limit");

static const char hex[] = "0123456789abcdef";

void redis_key_begin(struct bytes *key, struct slice table)
{
        bytes_append_text(key, "weir:{");
        percent_append(key, table);
}

void redis_key_part(struct bytes *key, struct slice part)
{
        bytes_append_byte(key, ':');
        percent_append(key, part);
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
                        bytes_append_byte(key, (uint8_t)hex[digest[i] >> 4]);
                        bytes_append_byte(key, (uint8_t)hex[digest[i] & 15]);
                }
        }
        bytes_append_byte(key, '}');
}
