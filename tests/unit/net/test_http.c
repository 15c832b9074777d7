/* test_http.c - what the admin server answers, and whom it refuses. */
#include "sidecar/net/http.h"

#include "sidecar/base/limits.h"
#include "tests/lib/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct served {
        unsigned n;
        char path[256];
};

static void serve(void *context, const char *path, struct http_answer *answer)
{
        struct served *served = context;

        served->n += 1;
        snprintf(served->path, sizeof(served->path), "%s", path);
        if (strcmp(path, "/metrics") == 0) {
                answer->status = 200;
                bytes_append_text(&answer->body, "weir_up 1\n");
        }
}

static struct http *start(struct loop *loop, struct served *served)
{
        struct http *http = NULL;
        struct err err;

        REQUIRE(http_new(loop, slice_from_text("127.0.0.1:0"), serve, served, &http, &err) == 0);
        return http;
}

/* Sends a request and runs the loop until the server has closed; the whole answer. */
static const char *ask(struct loop *loop, const struct http *http, const char *request, size_t len)
{
        static char answer[16384];
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        size_t got = 0;
        ssize_t n = -1;

        to.sin_port = htons((uint16_t)strtoul(strrchr(http_address(http), ':') + 1, NULL, 10));
        REQUIRE(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0);
        CHECK_INT(send(fd, request, len, MSG_NOSIGNAL), (ssize_t)len);
        while (n != 0 && got < sizeof(answer) - 1) {
                REQUIRE(loop_run_once(loop, 10) >= 0);
                n = recv(fd, answer + got, sizeof(answer) - 1 - got, MSG_DONTWAIT);
                if (n > 0)
                        got += (size_t)n;
                else if (n < 0 && errno != EAGAIN)
                        break;
        }
        answer[got] = '\0';
        close(fd);
        return answer;
}

static const char *get(struct loop *loop, const struct http *http, const char *path, const char *host)
{
        char request[1024];
        int len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path,
                           host);

        return ask(loop, http, request, (size_t)len);
}

TEST(known_path_is_answered_with_safe_headers)
{
        struct loop *loop = loop_new();
        struct served served = {.n = 0};
        struct http *http = start(loop, &served);
        const char *answer = get(loop, http, "/metrics?x=1", "localhost:4180");

        CHECK(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
        CHECK_CONTAINS(answer, "\r\n\r\nweir_up 1\n");
        CHECK_CONTAINS(answer, "X-Content-Type-Options: nosniff\r\n");
        CHECK_CONTAINS(answer, "Cache-Control: no-store\r\n");
        CHECK_CONTAINS(answer, "Content-Security-Policy: default-src 'none'\r\n");
        CHECK_TEXT(served.path, "/metrics");
        CHECK(http_free(http) == NULL);
        loop_free(loop);
}

TEST(unknown_path_is_404)
{
        struct loop *loop = loop_new();
        struct served served = {.n = 0};
        struct http *http = start(loop, &served);

        CHECK(strncmp(get(loop, http, "/nowhere", "127.0.0.1"), "HTTP/1.1 404 ", 13) == 0);
        CHECK_TEXT(served.path, "/nowhere");
        http_free(http);
        http_free(NULL);
        loop_free(loop);
}

TEST(head_is_answered_without_a_body)
{
        static const char request[] = "HEAD /metrics HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n";
        struct loop *loop = loop_new();
        struct served served = {.n = 0};
        struct http *http = start(loop, &served);
        const char *answer = ask(loop, http, request, sizeof(request) - 1);

        CHECK(strncmp(answer, "HTTP/1.1 200 ", 13) == 0);
        CHECK_CONTAINS(answer, "Content-Length: 10\r\n");
        CHECK(strstr(answer, "weir_up") == NULL);
        http_free(http);
        loop_free(loop);
}

TEST(name_of_another_site_is_refused)
{
        static const char *const names[] = {"weir.example", "localhost.example", "127.0.0.1.example:80", "", "[::1"};
        struct loop *loop = loop_new();
        struct served served = {.n = 0};
        struct http *http = start(loop, &served);

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                CHECK(strncmp(get(loop, http, "/metrics", names[i]), "HTTP/1.1 403 ", 13) == 0);
        CHECK_UINT(served.n, 0);
        http_free(http);
        loop_free(loop);
}

TEST(other_methods_are_refused)
{
        static const char request[] = "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                                      "Connection: close\r\n\r\nabc";
        struct loop *loop = loop_new();
        struct served served = {.n = 0};
        struct http *http = start(loop, &served);
        const char *answer = ask(loop, http, request, sizeof(request) - 1);

        CHECK(strncmp(answer, "HTTP/1.1 4", 10) == 0 || strncmp(answer, "HTTP/1.1 5", 10) == 0);
        CHECK_UINT(served.n, 0);
        http_free(http);
        loop_free(loop);
}

TEST(headers_without_end_are_cut_off)
{
        static char request[LIMIT_HTTP_BYTES + 1000];
        struct loop *loop = loop_new();
        struct served served = {.n = 0};
        struct http *http = start(loop, &served);
        int len = snprintf(request, sizeof(request), "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ");
        const char *answer;

        memset(request + len, 'x', sizeof(request) - (size_t)len);
        answer = ask(loop, http, request, sizeof(request));
        CHECK(answer[0] == '\0' || strncmp(answer, "HTTP/1.1 4", 10) == 0);
        CHECK_UINT(served.n, 0);
        http_free(http);
        loop_free(loop);
}

TEST(address_that_cannot_be_had_is_named)
{
        static const char *const wrong[] = {"nowhere", "127.0.0.1:70000", "127.0.0.1:x", "192.0.2.1:1"};
        struct loop *loop = loop_new();
        struct err err;

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                struct http *http = NULL;

                CHECK_FAILS(http_new(loop, slice_from_text(wrong[i]), serve, NULL, &http, &err), &err, wrong[i]);
                CHECK_CONTAINS(err.text, "weir.http.listen");
                CHECK_INT(err.code, ERR_UNAVAILABLE);
        }
        loop_free(loop);
}
