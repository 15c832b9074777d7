/* kernel_code.c - digests, hex, base 64, character sets. */
#include <assert.h>
#include <openssl/evp.h>
#include <strings.h>

#include "sidecar/base/alloc.h"
#include "sidecar/base/utf8.h"
#include "sidecar/exec/kernel.h"

static struct slice text_at(const struct reg *reg, uint32_t row)
{
        return reg->str[row & reg->mask];
}

static void fail(struct frame *frame, struct reg *out, uint32_t row)
{
        out->str[row] = slice_make(NULL, 0);
        program_fail(frame, out, row);
}

static struct slice hex_of(struct frame *frame, struct slice bytes, const char *digits)
{
        uint8_t *text = program_take_text(frame, 2 * bytes.len);

        for (size_t i = 0; i < bytes.len; i++) {
                text[2 * i] = (uint8_t)digits[bytes.data[i] >> 4];
                text[2 * i + 1] = (uint8_t)digits[bytes.data[i] & 15];
        }
        return slice_make(text, 2 * bytes.len);
}

static const char lower_digits[] = "0123456789abcdef";
static const char upper_digits[] = "0123456789ABCDEF";

/* ---- digests ---- */

enum { N_DIGESTS = 6 };
static const struct {
        const char *name;
        enum function_id id;
        int64_t bits; /* of SHA2(text, bits) */
} digests[N_DIGESTS] = {
        {"MD5", FN_MD5, -1},          {"SHA1", FN_SHA1, -1},        {"SHA2-224", FN_SHA224, 224},
        {"SHA2-256", FN_SHA256, 256}, {"SHA2-384", FN_SHA384, 384}, {"SHA2-512", FN_SHA512, 512},
};

struct digest_state {
        EVP_MD_CTX *context;
        EVP_MD *md[N_DIGESTS];
};

static struct digest_state *digest_state(struct eval_state *state)
{
        struct digest_state *digest = state->digest;

        if (digest != NULL)
                return digest;
        digest = alloc_zero(1, sizeof *digest);
        digest->context = EVP_MD_CTX_new();
        assert(digest->context != NULL);
        state->digest = digest;
        return digest;
}

void kernel_code_free_state(void *state)
{
        struct digest_state *digest = state;

        if (digest == NULL)
                return;
        EVP_MD_CTX_free(digest->context);
        for (unsigned i = 0; i < N_DIGESTS; i++)
                EVP_MD_free(digest->md[i]);
        alloc_free(digest);
}

static int find_digest(unsigned function, int64_t bits)
{
        for (int i = 0; i < N_DIGESTS; i++) {
                if (function == FN_SHA2 ? digests[i].bits == bits : digests[i].id == function)
                        return i;
        }
        return -1;
}

/* False: OpenSSL does not have it (MD5 under a FIPS policy). */
static bool compute_digest(struct digest_state *digest, int which, struct slice text, uint8_t bytes[EVP_MAX_MD_SIZE],
                           unsigned *ret_len)
{
        if (digest->md[which] == NULL)
                digest->md[which] = EVP_MD_fetch(NULL, digests[which].name, NULL);
        return digest->md[which] != NULL && EVP_DigestInit_ex2(digest->context, digest->md[which], NULL) == 1 &&
               EVP_DigestUpdate(digest->context, text.data, text.len) == 1 &&
               EVP_DigestFinal_ex(digest->context, bytes, ret_len) == 1;
}

void kernel_code_digest(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct reg *b = step->n_args > 1 ? program_arg(frame, step, 1) : NULL;
        struct digest_state *digest = digest_state(frame->state);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int which = find_digest(step->mode, b == NULL ? 0 : b->i64[row & b->mask]);
                uint8_t bytes[EVP_MAX_MD_SIZE];
                unsigned len;

                if (which >= 0 && compute_digest(digest, which, text_at(a, row), bytes, &len))
                        out->str[row] = hex_of(frame, slice_make(bytes, len), lower_digits);
                else
                        fail(frame, out, row);
        }
}

/* ---- numbers and hex ---- */

/* Digits of an unsigned number, 1 or 4 bits each. */
static struct slice digits_of(struct frame *frame, uint64_t value, unsigned bits)
{
        uint8_t reversed[64];
        size_t n = 0;
        uint8_t *text;

        do {
                reversed[n++] = (uint8_t)upper_digits[value & ((1u << bits) - 1)];
                value >>= bits;
        } while (value != 0);
        text = program_take_text(frame, n);
        for (size_t i = 0; i < n; i++)
                text[i] = reversed[n - 1 - i];
        return slice_make(text, n);
}

void kernel_code_number(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];
                int64_t value = a->i64[row & a->mask];

                if (step->mode == FN_CHR) {
                        uint8_t *text = program_take_text(frame, UTF8_BYTES_MAX);
                        size_t len = value < 0 ? 0 : utf8_encode((uint32_t)value & 255, text);

                        out->str[row] = program_keep_text(frame, text, UTF8_BYTES_MAX, len);
                } else {
                        out->str[row] = digits_of(frame, (uint64_t)value, step->mode == FN_BIN ? 1 : 4);
                }
        }
}

void kernel_code_hex(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++)
                out->str[rows.rows[k]] = hex_of(frame, text_at(a, rows.rows[k]), upper_digits);
}

/* ---- base 64 ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static struct slice to_base64(struct frame *frame, struct slice bytes)
{
        size_t len = (bytes.len + 2) / 3 * 4;
        uint8_t *text = program_take_text(frame, len), *end = text;

        for (size_t i = 0; i < bytes.len; i += 3) {
                size_t n = bytes.len - i < 3 ? bytes.len - i : 3;
                uint32_t group = (uint32_t)bytes.data[i] << 16;

                if (n > 1)
                        group |= (uint32_t)bytes.data[i + 1] << 8;
                if (n > 2)
                        group |= bytes.data[i + 2];
                *end++ = (uint8_t)alphabet[group >> 18];
                *end++ = (uint8_t)alphabet[group >> 12 & 63];
                *end++ = n > 1 ? (uint8_t)alphabet[group >> 6 & 63] : '=';
                *end++ = n > 2 ? (uint8_t)alphabet[group & 63] : '=';
        }
        return slice_make(text, len);
}

static int base64_value(uint8_t byte)
{
        const char *at = byte == 0 ? NULL : strchr(alphabet, byte);

        return at == NULL ? -1 : (int)(at - alphabet);
}

/* java.util.Base64's basic decoder: nothing but the alphabet, padding as a whole or not at all. */
static bool from_base64(struct frame *frame, struct slice text, struct slice *ret_bytes)
{
        size_t room, len = 0, rest;
        uint8_t *bytes;
        uint32_t group = 0;

        if (text.len >= 2 && text.len % 4 == 0 && text.data[text.len - 1] == '=')
                text.len -= text.data[text.len - 2] == '=' ? 2 : 1;
        rest = text.len % 4;
        if (rest == 1)
                return false;
        for (size_t i = 0; i < text.len; i++) {
                if (base64_value(text.data[i]) < 0)
                        return false;
        }
        room = text.len / 4 * 3 + 2;
        bytes = program_take_text(frame, room);
        for (size_t i = 0; i < text.len; i++) {
                group = group << 6 | (uint32_t)base64_value(text.data[i]);
                if (i % 4 == 3) {
                        bytes[len++] = (uint8_t)(group >> 16);
                        bytes[len++] = (uint8_t)(group >> 8);
                        bytes[len++] = (uint8_t)group;
                        group = 0;
                }
        }
        if (rest == 2) {
                bytes[len++] = (uint8_t)(group >> 4);
        } else if (rest == 3) {
                bytes[len++] = (uint8_t)(group >> 10);
                bytes[len++] = (uint8_t)(group >> 2);
        }
        *ret_bytes = program_keep_text(frame, bytes, room, len);
        return true;
}

void kernel_code_base64(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                uint32_t row = rows.rows[k];

                if (step->mode == FN_TO_BASE64)
                        out->str[row] = to_base64(frame, text_at(a, row));
                else if (!from_base64(frame, text_at(a, row), &out->str[row]))
                        fail(frame, out, row);
        }
}

/* ---- character sets ---- */

enum form { ASCII, LATIN_1, UTF_8, UTF_16, UTF_16BE, UTF_16LE };

struct charset {
        const char *name;
        enum form form;
};

static const struct charset charsets[] = {
        {"US-ASCII", ASCII}, {"ISO-8859-1", LATIN_1}, {"UTF-8", UTF_8},
        {"UTF-16", UTF_16},  {"UTF-16BE", UTF_16BE},  {"UTF-16LE", UTF_16LE},
};

const void *kernel_code_find_charset(struct slice name)
{
        for (size_t i = 0; i < sizeof charsets / sizeof charsets[0]; i++) {
                if (strlen(charsets[i].name) == name.len &&
                    strncasecmp(charsets[i].name, (const char *)name.data, name.len) == 0)
                        return &charsets[i];
        }
        return NULL;
}

static size_t put_unit(uint8_t *at, uint32_t unit, bool is_little)
{
        at[is_little ? 1 : 0] = (uint8_t)(unit >> 8);
        at[is_little ? 0 : 1] = (uint8_t)unit;
        return 2;
}

static struct slice encode(struct frame *frame, struct slice text, enum form form)
{
        size_t room = 2 * text.len + 2, len = 0, n;
        uint8_t *bytes;

        if (form == UTF_8)
                return text;
        bytes = program_take_text(frame, room);
        if (form == UTF_16 && text.len > 0)
                len += put_unit(bytes, 0xFEFF, false);
        for (size_t at = 0; at < text.len; at += n) {
                uint32_t c = utf8_decode(text, at, &n);

                if (form == ASCII || form == LATIN_1) {
                        bytes[len++] = c < (form == ASCII ? 0x80u : 0x100u) ? (uint8_t)c : '?';
                } else if (c < 0x10000) {
                        len += put_unit(bytes + len, c, form == UTF_16LE);
                } else {
                        len += put_unit(bytes + len, 0xD800 + ((c - 0x10000) >> 10), form == UTF_16LE);
                        len += put_unit(bytes + len, 0xDC00 + ((c - 0x10000) & 0x3FF), form == UTF_16LE);
                }
        }
        return program_keep_text(frame, bytes, room, len);
}

static uint32_t unit_at(struct slice bytes, size_t at, bool is_little)
{
        return (uint32_t)bytes.data[at + (is_little ? 1 : 0)] << 8 | bytes.data[at + (is_little ? 0 : 1)];
}

static size_t decode_units(struct slice bytes, bool is_little, uint8_t *text)
{
        size_t len = 0, at = 0;

        while (at + 2 <= bytes.len) {
                uint32_t c = unit_at(bytes, at, is_little);

                at += 2;
                if (c >= 0xD800 && c < 0xE000) {
                        uint32_t low = c < 0xDC00 && at + 2 <= bytes.len ? unit_at(bytes, at, is_little) : 0;

                        if (low >= 0xDC00 && low < 0xE000) {
                                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                                at += 2;
                        } else {
                                c = UTF8_REPLACEMENT;
                        }
                }
                len += utf8_encode(c, text + len);
        }
        if (at < bytes.len)
                len += utf8_encode(UTF8_REPLACEMENT, text + len);
        return len;
}

static struct slice decode(struct frame *frame, struct slice bytes, enum form form)
{
        size_t room = 3 * bytes.len + UTF8_BYTES_MAX, len = 0;
        uint8_t *text = program_take_text(frame, room);
        bool is_little = form == UTF_16LE;

        switch (form) {
        case ASCII:
        case LATIN_1:
                for (size_t i = 0; i < bytes.len; i++)
                        len += utf8_encode(form == ASCII && bytes.data[i] >= 0x80 ? UTF8_REPLACEMENT : bytes.data[i],
                                           text + len);
                break;
        case UTF_8:
                len = utf8_repair(bytes, text);
                break;
        case UTF_16:
                if (bytes.len >= 2 && (unit_at(bytes, 0, false) == 0xFEFF || unit_at(bytes, 0, false) == 0xFFFE)) {
                        is_little = unit_at(bytes, 0, false) == 0xFFFE;
                        bytes = slice_make(bytes.data + 2, bytes.len - 2);
                }
                len = decode_units(bytes, is_little, text);
                break;
        case UTF_16BE:
        case UTF_16LE:
                len = decode_units(bytes, is_little, text);
                break;
        }
        return program_keep_text(frame, text, room, len);
}

void kernel_code_charset(struct frame *frame, const struct step *step)
{
        const struct reg *a = program_arg(frame, step, 0);
        const struct charset *charset = step->extra;
        struct selection rows = program_strict_rows(frame, step);
        struct reg *out = program_out(frame, step);

        for (uint32_t k = 0; k < rows.n; k++) {
                struct slice text = text_at(a, rows.rows[k]);

                out->str[rows.rows[k]] = step->mode == FN_ENCODE ? encode(frame, text, charset->form)
                                                                 : decode(frame, text, charset->form);
        }
}
