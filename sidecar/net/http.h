/* http.h - the admin HTTP server: small answers to GET on loopback.
 *
 * evhttp behind a seam. Requests are bounded (LIMIT_HTTP_BYTES), bodies are refused, only GET and HEAD are known. A
 * Host header that is neither an address nor "localhost" is refused: a page of another site must not read weir through
 * a name that it controls (DNS rebinding). Loop thread. */
#ifndef WEIR_SIDECAR_NET_HTTP_H
#define WEIR_SIDECAR_NET_HTTP_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"
#include "sidecar/net/loop.h"

struct http;

struct http_answer {
        int status;               /* 200, 404, 503 ... */
        const char *content_type; /* static */
        struct bytes body;        /* filled by the handler, freed by the server */
};

/* Fills the answer for a path (without query). */
typedef void (*http_fn)(void *context, const char *path, struct http_answer *answer);

/* address: HOST:PORT or [V6]:PORT, port 0 takes a free one. ERR_UNAVAILABLE with the address named. */
int http_new(struct loop *loop, struct slice address, http_fn handle, void *context, struct http **ret_http,
             struct err *err) WEIR_MUST_CHECK;
struct http *http_free(struct http *http); /* NULL allowed; returns NULL */
/* The real address, "127.0.0.1:4180". */
const char *http_address(const struct http *http);

#endif
