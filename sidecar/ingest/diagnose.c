/* diagnose.c - first bytes of other protocols.
 *
 * As an Avro frame these begin with serial and count, eight bytes in all:
 *
 *     TLS      16 03 01 LL LL 01 00 hh     record, then the ClientHello
 *     SSLv2    80 LL 01 03 vv              hello of Java 6 and 7
 *     zlib     78 xx                       78 * 256 + xx divisible by 31
 *     HTTP     "GET " "POST" ...
 *     Thrift   LL LL LL LL 82 t1           framed, compact;  LL LL LL LL 80 01 00 01  framed, binary
 *     PROXY    "PROXY " or 0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a
 *
 * A serial may be any four bytes, so TLS and zlib are told from a frame by what follows: a frame has a small count
 * and a small length there. */
#include "sidecar/ingest/diagnose.h"

#include "sidecar/base/bytes.h"
#include "sidecar/base/limits.h"

#include <stdio.h>

static bool begins_with(struct slice bytes, const void *prefix, size_t len)
{
        return bytes.len >= len && memcmp(bytes.data, prefix, len) == 0;
}

static bool is_tls(struct slice first)
{
        return begins_with(first, "\x16\x03", 2) && first.len >= 7 && first.data[5] == 1 && first.data[6] == 0;
}

static bool is_zlib(struct slice first)
{
        return first.len >= 2 && first.data[0] == 0x78 && (first.data[0] * 256 + first.data[1]) % 31 == 0;
}

/* Serial, a count as it comes with the largest frames, and the length of a first buffer. */
static bool is_frame(struct slice first)
{
        uint32_t count = bytes_get_be32(first.data + 4);

        return count > 0 && count <= LIMIT_FRAME_BYTES / 4096 && bytes_get_be32(first.data + 8) <= LIMIT_FRAME_BYTES;
}

enum diagnose_verdict diagnose_transport(struct slice first)
{
        if (first.len == 0)
                return DIAGNOSE_WAIT;
        if (first.data[0] == 0x16) {
                if (first.len < 7)
                        return DIAGNOSE_WAIT;
                return is_tls(first) ? DIAGNOSE_TLS : DIAGNOSE_PLAIN;
        }
        if (first.data[0] == 0x78) {
                if (first.len < 2)
                        return DIAGNOSE_WAIT;
                if (!is_zlib(first))
                        return DIAGNOSE_PLAIN;
                if (first.len < 12)
                        return DIAGNOSE_WAIT;
                return is_frame(first) ? DIAGNOSE_PLAIN : DIAGNOSE_DEFLATE;
        }
        return DIAGNOSE_PLAIN;
}

static bool is_http(struct slice first)
{
        static const char *const methods[] = {"GET ",     "POST ",  "PUT ",   "HEAD ",    "DELETE ",
                                              "OPTIONS ", "PATCH ", "TRACE ", "CONNECT ", "PRI * HTTP"};

        for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
                if (begins_with(first, methods[i], strlen(methods[i])))
                        return true;
        return false;
}

static bool is_sslv2(struct slice first)
{
        return first.len >= 4 && (first.data[0] & 0x80) != 0 && first.data[2] == 1 && first.data[3] == 3;
}

static bool is_thrift(struct slice first, const char **ret_kind)
{
        *ret_kind = "compact";
        if (first.len >= 6 && first.data[0] < 0x10 && first.data[4] == 0x82 && (first.data[5] & 0x1f) == 1)
                return true;
        *ret_kind = "binary";
        return (first.len >= 8 && first.data[0] < 0x10 && memcmp(first.data + 4, "\x80\x01\x00", 3) == 0) ||
               begins_with(first, "\x80\x01\x00", 3);
}

static bool is_text(struct slice first)
{
        for (size_t i = 0; i < first.len; i++) {
                uint8_t c = first.data[i];

                if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c >= 0x7f)
                        return false;
        }
        return first.len > 0;
}

static void name_bytes(struct slice first, char ret_text[DIAGNOSE_TEXT_BYTES])
{
        char shown[2 * DIAGNOSE_BYTES + 1] = "";

        if (is_text(first)) {
                for (size_t i = 0; i < first.len; i++)
                        shown[i] = first.data[i] < 0x20 ? ' ' : (char)first.data[i];
                snprintf(ret_text, DIAGNOSE_TEXT_BYTES,
                         "text, '%s': what writes lines belongs to a netcat or syslog source of a Flume agent", shown);
                return;
        }
        for (size_t i = 0; i < first.len; i++)
                snprintf(shown + 2 * i, sizeof(shown) - 2 * i, "%02x", first.data[i]);
        snprintf(ret_text, DIAGNOSE_TEXT_BYTES, "no protocol that weir knows (0x%s)", shown);
}

void diagnose_name(struct slice first, bool is_inflated, char ret_text[DIAGNOSE_TEXT_BYTES])
{
        const char *thrift;
        const char *name = NULL;

        if (first.len > DIAGNOSE_BYTES)
                first.len = DIAGNOSE_BYTES;
        if (is_tls(first) && is_inflated)
                name = "TLS inside a deflate stream, as Flume 1.10 and newer send it with ssl = true and "
                       "compression-type = deflate: set ssl = false on the agent's sink";
        else if (is_tls(first))
                name = "a TLS ClientHello: set ssl = false on the agent's sink, or put a proxy that ends TLS in front "
                       "of weir";
        else if (is_sslv2(first))
                name = "an SSLv2 hello, as Java 6 and 7 begin TLS: set ssl = false on the agent's sink, or put a proxy "
                       "that ends TLS in front of weir";
        else if (is_http(first))
                name = "an HTTP request: this is the port for Flume's avro sinks, weir's pages are on weir.http.listen";
        else if (begins_with(first, "PROXY ", 6) || begins_with(first, "\r\n\r\n\0\r\nQUIT\n", 12))
                name = "a PROXY protocol header: switch it off at the load balancer (send-proxy)";
        else if (begins_with(first, "\x1f\x8b", 2))
                name = "gzip data: Flume's compression is compression-type = deflate on the sink";
        else if (is_zlib(first) && is_inflated)
                name = "a deflate stream inside a deflate stream: compress once only";
        if (name != NULL)
                snprintf(ret_text, DIAGNOSE_TEXT_BYTES, "%s", name);
        else if (is_thrift(first, &thrift))
                snprintf(ret_text, DIAGNOSE_TEXT_BYTES,
                         "a Thrift call (%s protocol): use an avro sink, or client.type = default instead of thrift",
                         thrift);
        else
                name_bytes(first, ret_text);
}
