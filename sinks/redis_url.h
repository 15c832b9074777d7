/* redis_url.h - where a Redis is and who we are there.
 *
 *     redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]      TCP, port 6379, database 0; HOST may be [2001:db8::1]
 *     unix://[[USER]:PASSWORD@]/PATH[?db=N]           Unix socket
 *     redis://…?db=N                                  also taken
 *
 * User and password are percent-decoded. rediss:// (TLS) is refused by name. Any thread. */
#ifndef WEIR_SINKS_REDIS_URL_H
#define WEIR_SINKS_REDIS_URL_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"

struct redis_url {
        char *host;     /* NULL: Unix socket */
        uint16_t port;
        char *path;     /* of the Unix socket, else NULL */
        char *user;     /* NULL: the default user */
        char *password; /* NULL: no AUTH */
        char *password_file; /* NULL: none; never part of the text, read at each login */
        unsigned db;
};

/* ret_url is written on success only; release with redis_url_done. The message never holds the password. */
int redis_url_parse(struct slice text, struct redis_url *ret_url, struct err *err) WEIR_MUST_CHECK;
void redis_url_done(struct redis_url *url);
/* "redis://ads@127.0.0.1:6379/0", "unix:///run/redis.sock?db=1": canonical and without the password. */
void redis_url_format(const struct redis_url *url, struct bytes *text);

#endif
