/* redis_server.h - a real Redis for one test.
 *
 * Started in the test's own directory on a Unix socket there (and on a free port of 127.0.0.1 when asked for),
 * without configuration file and without saving; ended by its pid when the test ends it, or by the kernel when the
 * test dies. */
#ifndef WEIR_TESTS_LIB_REDIS_SERVER_H
#define WEIR_TESTS_LIB_REDIS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct redisContext;

struct redis_server {
        pid_t pid;            /* 0: not running */
        char dir[200];
        char socket[256];
        uint16_t port;        /* 0: socket only */
        char url[300];        /* unix://…, without account */
        struct redisContext *context; /* of redis_server_ask */
        char *argv[32];       /* what it was started with, for redis_server_restart */
};

/* Skips the test when there is no redis-server. More arguments ("--maxmemory", "1mb") end with NULL. */
void redis_server_start(struct redis_server *server, const char *dir, int has_port, ...);
/* The same again, on the same socket, port and directory. */
void redis_server_restart(struct redis_server *server);
/* The same, but what it saved (SAVE) is loaded a key each millisecond until CONFIG SET key-load-delay 0: so long it
 * answers LOADING. */
void redis_server_restart_loading(struct redis_server *server);
/* SIGKILL, and waits for its end. */
void redis_server_kill(struct redis_server *server);
/* SIGSTOP, SIGCONT */
void redis_server_pause(struct redis_server *server, bool is_paused);
/* Kills it and frees what belongs to it. */
void redis_server_done(struct redis_server *server);

/* A command as redis-cli would take it (printf-like words, hiredis's %s and %b); the answer as redis-cli prints it,
 * without quotes: elements on lines of their own, "(nil)", "(error) …". Valid until the next call. */
const char *redis_server_ask(struct redis_server *server, const char *format, ...);
/* Fields and values of a hash (HGETALL) sorted by field: "a=1 b=2". */
const char *redis_server_hash(struct redis_server *server, const char *key);
/* Every key with its type and its whole content, sorted: to compare two states. Without TTLs and without
 * weir:{commit}. */
char *redis_server_dump(struct redis_server *server);

#endif
