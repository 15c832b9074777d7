/* http.c - the admin HTTP server over evhttp. See http.h. */
#include "sidecar/net/http.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { HOST_BYTES = 256, TIMEOUT_SECONDS = 10 };

struct http {
        struct evhttp *server;
        http_fn handle;
        void *context;
        char address[HOST_BYTES + 16];
};

static bool split_address(struct slice address, char host[HOST_BYTES], uint16_t *ret_port)
{
        const uint8_t *colon = memrchr(address.data, ':', address.len);
        char port[8] = "";
        const char *begin = (const char *)address.data;
        size_t host_len;
        char *end;
        long value;

        if (colon == NULL)
                return false;
        host_len = (size_t)(colon - address.data);
        if (host_len >= 2 && begin[0] == '[' && begin[host_len - 1] == ']') {
                begin++;
                host_len -= 2;
        }
        if (host_len >= HOST_BYTES || address.len - (size_t)(colon + 1 - address.data) >= sizeof port)
                return false;
        memcpy(host, begin, host_len);
        host[host_len] = '\0';
        if (strcmp(host, "*") == 0)
                host[0] = '\0';
        memcpy(port, colon + 1, address.len - (size_t)(colon + 1 - address.data));
        value = strtol(port, &end, 10);
        if (end == port || *end != '\0' || value < 0 || value > 65535)
                return false;
        *ret_port = (uint16_t)value;
        return true;
}

/* An address or localhost, with or without a port: what a browser sends when the operator typed it. */
static bool is_own_host(const char *host)
{
        char name[HOST_BYTES];
        size_t len = strlen(host);
        char *colon;
        unsigned char address[sizeof(struct in6_addr)];

        if (len == 0 || len >= sizeof name)
                return false;
        memcpy(name, host, len + 1);
        if (name[0] == '[') {
                char *end = strchr(name, ']');

                if (end == NULL)
                        return false;
                *end = '\0';
                return inet_pton(AF_INET6, name + 1, address) == 1;
        }
        colon = strrchr(name, ':');
        if (colon != NULL)
                *colon = '\0';
        return strcmp(name, "localhost") == 0 || inet_pton(AF_INET, name, address) == 1;
}

static void refuse(struct evhttp_request *request, int status, const char *why)
{
        struct evbuffer *body = evbuffer_new();

        if (body != NULL)
                evbuffer_add_printf(body, "%s\n", why);
        evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain; charset=utf-8");
        evhttp_send_reply(request, status, NULL, body);
        if (body != NULL)
                evbuffer_free(body);
}

static void on_request(struct evhttp_request *request, void *context)
{
        struct http *http = context;
        const char *host = evhttp_find_header(evhttp_request_get_input_headers(request), "Host");
        struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
        const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request));
        struct http_answer answer = {.status = 404, .content_type = "text/plain; charset=utf-8"};
        struct evbuffer *body;

        if (host == NULL || !is_own_host(host)) {
                refuse(request, 403, "the Host header names neither an address nor localhost");
                return;
        }
        bytes_init(&answer.body);
        http->handle(http->context, path == NULL || path[0] == '\0' ? "/" : path, &answer);
        evhttp_add_header(headers, "Content-Type", answer.content_type);
        evhttp_add_header(headers, "Cache-Control", "no-store");
        evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
        evhttp_add_header(headers, "Content-Security-Policy", "default-src 'none'");
        body = evbuffer_new();
        if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD) {
                char length[32];

                /* evhttp would send the body behind the header all the same. */
                snprintf(length, sizeof length, "%zu", answer.body.len);
                evhttp_add_header(headers, "Content-Length", length);
        } else if (body != NULL) {
                evbuffer_add(body, answer.body.data, answer.body.len);
        }
        evhttp_send_reply(request, answer.status, NULL, body);
        if (body != NULL)
                evbuffer_free(body);
        bytes_done(&answer.body);
}

static void remember_address(struct http *http, evutil_socket_t fd)
{
        struct sockaddr_storage address;
        socklen_t len = sizeof address;
        char host[INET6_ADDRSTRLEN] = "?";

        memset(&address, 0, sizeof address);
        if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
                return;
        if (address.ss_family == AF_INET) {
                const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;

                inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
                snprintf(http->address, sizeof http->address, "%s:%u", host, ntohs(v4->sin_port));
        } else {
                const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;

                inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
                snprintf(http->address, sizeof http->address, "[%s]:%u", host, ntohs(v6->sin6_port));
        }
}

int http_new(struct loop *loop, struct slice address, http_fn handle, void *context, struct http **ret_http,
             struct err *err)
{
        struct http *http = alloc_zero(1, sizeof *http);
        char host[HOST_BYTES];
        uint16_t port = 0;
        struct evhttp_bound_socket *bound = NULL;

        http->handle = handle;
        http->context = context;
        http->server = evhttp_new(loop_base(loop));
        if (http->server == NULL)
                abort();
        evhttp_set_max_headers_size(http->server, LIMIT_HTTP_BYTES);
        evhttp_set_max_body_size(http->server, 0);
        evhttp_set_timeout(http->server, TIMEOUT_SECONDS);
        evhttp_set_allowed_methods(http->server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
        evhttp_set_gencb(http->server, on_request, http);
        if (split_address(address, host, &port))
                bound = evhttp_bind_socket_with_handle(http->server, host[0] == '\0' ? NULL : host, port);
        if (bound == NULL) {
                err_set(err, ERR_UNAVAILABLE, "cannot listen for HTTP on '%.*s'; is another process there? "
                        "Set 'weir.http.listen'", (int)address.len, (const char *)address.data);
                http_free(http);
                return -1;
        }
        remember_address(http, evhttp_bound_socket_get_fd(bound));
        *ret_http = http;
        return 0;
}

struct http *http_free(struct http *http)
{
        if (http == NULL)
                return NULL;
        evhttp_free(http->server);
        alloc_free(http);
        return NULL;
}

const char *http_address(const struct http *http)
{
        return http->address;
}
