/* redis_server.c - a real Redis for one test. */
#include "tests/lib/redis_server.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "tests/lib/check.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void sleep_ms(long ms)
{
        struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

        (void)nanosleep(&pause, NULL);
}

static uint16_t free_port(void)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        REQUIRE(fd >= 0);
        REQUIRE(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
        REQUIRE(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
        (void)close(fd);
        return ntohs(address.sin_port);
}

static void run(struct redis_server *server)
{
        pid_t parent = getpid();

        server->pid = fork();
        REQUIRE(server->pid >= 0);
        if (server->pid == 0) {
                int null = open("/dev/null", O_RDWR);

                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (getppid() != parent)
                        _exit(126);
                (void)dup2(null, STDIN_FILENO);
                (void)dup2(null, STDOUT_FILENO);
                (void)dup2(null, STDERR_FILENO);
                execvp(server->argv[0], server->argv);
                _exit(127);
        }
}

/* Until it answers PING (or asks for a password, or, when that is wanted, says that it is loading). */
static void wait_until_up(struct redis_server *server, bool may_load)
{
        for (int i = 0; i < 1000; i++) {
                redisContext *context = redisConnectUnix(server->socket);
                redisReply *reply = context != NULL && context->err == 0 ? redisCommand(context, "PING") : NULL;
                bool is_up = reply != NULL && (may_load || strncmp(reply->str, "LOADING", 7) != 0);
                int status;

                if (reply != NULL)
                        freeReplyObject(reply);
                if (context != NULL)
                        redisFree(context);
                if (is_up)
                        return;
                if (waitpid(server->pid, &status, WNOHANG) == server->pid) {
                        server->pid = 0;
                        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                                CHECK_SKIP("there is no redis-server");
                        CHECK_FAIL("redis-server ended with status %d", status);
                        check_abandon();
                }
                sleep_ms(5);
        }
        CHECK_FAIL("redis-server does not answer");
        check_abandon();
}

void redis_server_start(struct redis_server *server, const char *dir, int has_port, ...)
{
        const char *word;
        char port[16];
        va_list args;
        int n = 0;

        *server = (struct redis_server){.pid = 0};
        (void)snprintf(server->dir, sizeof(server->dir), "%s", dir);
        (void)snprintf(server->socket, sizeof(server->socket), "%s/redis.sock", dir);
        (void)snprintf(server->url, sizeof(server->url), "unix://%s", server->socket);
        server->port = has_port ? free_port() : 0;
        (void)snprintf(port, sizeof(port), "%u", server->port);
        const char *fixed[] = {"redis-server", "--unixsocket", server->socket, "--port",      port, "--bind",
                               "127.0.0.1",    "--dir",        server->dir,    "--daemonize", "no", "--databases",
                               "4"};
        for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
                server->argv[n++] = alloc_text(fixed[i]);
        server->argv[n++] = alloc_text("--save");
        server->argv[n++] = alloc_text("");
        va_start(args, has_port);
        while ((word = va_arg(args, const char *)) != NULL) {
                assert(n < 31);
                server->argv[n++] = alloc_text(word);
        }
        va_end(args);
        run(server);
        wait_until_up(server, false);
}

void redis_server_restart(struct redis_server *server)
{
        redis_server_kill(server);
        run(server);
        wait_until_up(server, false);
}

void redis_server_restart_loading(struct redis_server *server)
{
        char *words[] = {alloc_text("--key-load-delay"), alloc_text("1000"),
                         alloc_text("--loading-process-events-interval-bytes"), alloc_text("1024")};
        int n = 0;

        redis_server_kill(server);
        while (server->argv[n] != NULL)
                n++;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                server->argv[n + (int)i] = words[i];
        run(server);
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
                server->argv[n + (int)i] = NULL;
                alloc_free(words[i]);
        }
        wait_until_up(server, true);
}

static void disconnect(struct redis_server *server)
{
        if (server->context != NULL)
                redisFree(server->context);
        server->context = NULL;
}

void redis_server_kill(struct redis_server *server)
{
        disconnect(server);
        if (server->pid == 0)
                return;
        (void)kill(server->pid, SIGKILL);
        (void)waitpid(server->pid, NULL, 0);
        server->pid = 0;
        (void)unlink(server->socket);
}

void redis_server_pause(struct redis_server *server, bool is_paused)
{
        REQUIRE(kill(server->pid, is_paused ? SIGSTOP : SIGCONT) == 0);
}

void redis_server_done(struct redis_server *server)
{
        redis_server_kill(server);
        for (size_t i = 0; i < sizeof(server->argv) / sizeof(server->argv[0]); i++)
                alloc_free(server->argv[i]);
}

static void append_reply(struct bytes *text, const redisReply *reply)
{
        switch (reply->type) {
        case REDIS_REPLY_INTEGER:
                bytes_append_format(text, "%lld", reply->integer);
                return;
        case REDIS_REPLY_NIL:
                bytes_append_text(text, "(nil)");
                return;
        case REDIS_REPLY_ERROR:
                bytes_append_format(text, "(error) %s", reply->str);
                return;
        case REDIS_REPLY_ARRAY:
                for (size_t i = 0; i < reply->elements; i++) {
                        if (i > 0)
                                bytes_append_byte(text, '\n');
                        append_reply(text, reply->element[i]);
                }
                return;
        default:
                bytes_append(text, reply->str, (size_t)reply->len);
                return;
        }
}

static redisReply *command(struct redis_server *server, const char *format, va_list args)
{
        if (server->context == NULL)
                server->context = redisConnectUnix(server->socket);
        REQUIRE(server->context != NULL && server->context->err == 0);
        return redisvCommand(server->context, format, args);
}

/* Texts that were handed out live until the next call. */
static const char *keep(struct bytes *text)
{
        static char *kept;

        bytes_append_byte(text, 0);
        alloc_free(kept);
        kept = alloc_text_n(text->data, text->len - 1);
        bytes_done(text);
        return kept;
}

const char *redis_server_ask(struct redis_server *server, const char *format, ...)
{
        struct bytes text;
        redisReply *reply;
        va_list args;

        va_start(args, format);
        reply = command(server, format, args);
        va_end(args);
        bytes_init(&text);
        if (reply == NULL) {
                bytes_append_text(&text, "(lost)");
                disconnect(server);
        } else {
                append_reply(&text, reply);
                freeReplyObject(reply);
        }
        return keep(&text);
}

static int compare_texts(const void *left, const void *right)
{
        return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Cuts the next line off, which may be empty; NULL behind the last one. */
static char *next_line(char **at)
{
        char *line = *at;
        char *end = line == NULL ? NULL : strchr(line, '\n');

        *at = end == NULL ? NULL : end + 1;
        if (end != NULL)
                *end = '\0';
        return line;
}

/* The words of a list reply, in pairs "a=b", sorted and joined. */
static void append_pairs(struct bytes *text, const char *list, char between)
{
        char *copy = alloc_text(list);
        char *words[4096], *line;
        char *rest = *copy == '\0' ? NULL : copy;
        size_t n = 0;

        while ((line = next_line(&rest)) != NULL) {
                char *value = next_line(&rest);
                struct bytes pair;

                REQUIRE(n < sizeof(words) / sizeof(words[0]));
                bytes_init(&pair);
                bytes_append_format(&pair, "%s=%s", line, value == NULL ? "" : value);
                words[n++] = alloc_text_n(pair.data, pair.len);
                bytes_done(&pair);
        }
        qsort(words, n, sizeof(words[0]), compare_texts);
        for (size_t i = 0; i < n; i++) {
                bytes_append_format(text, "%s%s", i > 0 ? (char[]){between, 0} : "", words[i]);
                alloc_free(words[i]);
        }
        alloc_free(copy);
}

const char *redis_server_hash(struct redis_server *server, const char *key)
{
        struct bytes text;

        bytes_init(&text);
        append_pairs(&text, redis_server_ask(server, "HGETALL %s", key), ' ');
        return keep(&text);
}

char *redis_server_dump(struct redis_server *server)
{
        char *keys = alloc_text(redis_server_ask(server, "KEYS weir:*"));
        char *names[4096], *key, *ret;
        char *rest = *keys == '\0' ? NULL : keys;
        size_t n = 0;
        struct bytes text;

        bytes_init(&text);
        while ((key = next_line(&rest)) != NULL) {
                REQUIRE(n < sizeof(names) / sizeof(names[0]));
                if (strncmp(key, "weir:{commit}", 13) != 0)
                        names[n++] = key;
        }
        qsort(names, n, sizeof(names[0]), compare_texts);
        for (size_t i = 0; i < n; i++) {
                const char *type = redis_server_ask(server, "TYPE %s", names[i]);

                bytes_append_format(&text, "%s ", names[i]);
                if (strcmp(type, "hash") == 0)
                        append_pairs(&text, redis_server_ask(server, "HGETALL %s", names[i]), ' ');
                else if (strcmp(type, "stream") == 0)
                        bytes_append_text(&text, redis_server_ask(server, "XRANGE %s - +", names[i]));
                else
                        append_pairs(&text, redis_server_ask(server, "ZRANGE %s 0 -1 WITHSCORES", names[i]), ' ');
                bytes_append_byte(&text, '\n');
        }
        ret = alloc_text_n(text.data, text.len);
        bytes_done(&text);
        alloc_free(keys);
        return ret;
}
