/* redis_url.c - where a Redis is and who we are there. */
#include "sinks/redis_url.h"

#include "sidecar/base/alloc.h"

#include <sys/un.h>

#define DEFAULT_PORT 6379u
#define DB_MAX 65535u

static int hex_digit(uint8_t c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* Owned text, or NULL when an escape is broken or stands for NUL. */
static char *percent_decode(struct slice text)
{
        char *out = alloc_bytes(text.len + 1);
        size_t len = 0;

        for (size_t i = 0; i < text.len; i++) {
                int c = text.data[i];

                if (c == '%') {
                        int high = text.len - i > 2 ? hex_digit(text.data[i + 1]) : -1;
                        int low = text.len - i > 2 ? hex_digit(text.data[i + 2]) : -1;

                        c = high < 0 || low < 0 ? -1 : high * 16 + low;
                        i += 2;
                }
                if (c <= 0) {
                        alloc_free(out);
                        return NULL;
                }
                out[len++] = (char)c;
        }
        out[len] = '\0';
        return out;
}

static int find_byte(struct slice text, uint8_t byte)
{
        const uint8_t *at = text.len > 0 ? memchr(text.data, byte, text.len) : NULL;

        return at == NULL ? -1 : (int)(at - text.data);
}

static int last_byte(struct slice text, uint8_t byte)
{
        const uint8_t *at = text.len > 0 ? memrchr(text.data, byte, text.len) : NULL;

        return at == NULL ? -1 : (int)(at - text.data);
}

static struct slice sub(struct slice text, size_t from, size_t to)
{
        return slice_make(text.data + from, to - from);
}

static int parse_number(struct slice text, unsigned max, unsigned *ret_number)
{
        unsigned number = 0;

        if (text.len == 0 || text.len > 5)
                return -1;
        for (size_t i = 0; i < text.len; i++) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        return -1;
                number = number * 10 + (unsigned)(text.data[i] - '0');
        }
        if (number > max)
                return -1;
        *ret_number = number;
        return 0;
}

/* "user:password@", ":password@", "user@" in front; cuts it off. */
static int parse_account(struct slice *rest, struct redis_url *url, struct err *err)
{
        int slash = find_byte(*rest, '/'); /* an '@' may also stand in the path of a socket */
        int at = last_byte(slash < 0 ? *rest : sub(*rest, 0, (size_t)slash), '@');
        struct slice account;
        int colon;

        if (at < 0)
                return 0;
        account = sub(*rest, 0, (size_t)at);
        *rest = sub(*rest, (size_t)at + 1, rest->len);
        colon = find_byte(account, ':');
        if (colon != 0 && account.len > 0) {
                url->user = percent_decode(sub(account, 0, colon < 0 ? account.len : (size_t)colon));
                if (url->user == NULL)
                        return err_set(err, ERR_CONFIG, "the user in the Redis URL has a bad %% escape");
        }
        if (colon >= 0) {
                url->password = percent_decode(sub(account, (size_t)colon + 1, account.len));
                if (url->password == NULL)
                        return err_set(err, ERR_CONFIG, "the password in the Redis URL has a bad %% escape");
        }
        return 0;
}

/* "?db=N" behind; cuts it off. */
static int parse_query(struct slice *rest, struct redis_url *url, struct err *err)
{
        int mark = find_byte(*rest, '?');
        struct slice query;

        if (mark < 0)
                return 0;
        query = sub(*rest, (size_t)mark + 1, rest->len);
        *rest = sub(*rest, 0, (size_t)mark);
        if (query.len < 3 || memcmp(query.data, "db=", 3) != 0 ||
            parse_number(sub(query, 3, query.len), DB_MAX, &url->db) < 0)
                return err_set(err, ERR_CONFIG, "the Redis URL has '?%.*s' where only '?db=NUMBER' is known",
                               (int)query.len, (const char *)query.data);
        return 0;
}

static int parse_tcp(struct slice rest, struct redis_url *url, struct err *err)
{
        int slash = find_byte(rest, '/');
        struct slice host = rest, port = {NULL, 0};
        unsigned number;

        if (slash >= 0) {
                struct slice db = sub(rest, (size_t)slash + 1, rest.len);

                host = sub(rest, 0, (size_t)slash);
                if (db.len > 0 && parse_number(db, DB_MAX, &url->db) < 0)
                        return err_set(err, ERR_CONFIG, "the Redis URL has the database '%.*s', not a number",
                                       (int)db.len, (const char *)db.data);
        }
        if (host.len > 0 && host.data[0] == '[') {
                int close = find_byte(host, ']');

                if (close < 0)
                        return err_set(err, ERR_CONFIG, "the Redis URL has '[' without ']'");
                port = sub(host, (size_t)close + 1, host.len);
                host = sub(host, 1, (size_t)close);
        } else if (last_byte(host, ':') >= 0) {
                size_t colon = (size_t)last_byte(host, ':');

                port = sub(host, colon, host.len);
                host = sub(host, 0, colon);
        }
        if (host.len == 0 || memchr(host.data, 0, host.len) != NULL)
                return err_set(err, ERR_CONFIG, "the Redis URL has no host");
        url->port = DEFAULT_PORT;
        if (port.len > 0) {
                if (port.data[0] != ':' || parse_number(sub(port, 1, port.len), 65535, &number) < 0 || number == 0)
                        return err_set(err, ERR_CONFIG, "the Redis URL has the port '%.*s'", (int)port.len,
                                       (const char *)port.data);
                url->port = (uint16_t)number;
        }
        url->host = alloc_text_n(host.data, host.len);
        return 0;
}

static int parse_unix(struct slice rest, struct redis_url *url, struct err *err)
{
        struct sockaddr_un address;

        if (rest.len == 0 || rest.data[0] != '/')
                return err_set(err, ERR_CONFIG, "the Redis URL needs an absolute path, as in unix:///run/redis.sock");
        if (rest.len >= sizeof(address.sun_path) || memchr(rest.data, 0, rest.len) != NULL)
                return err_set(err, ERR_CONFIG, "the Redis URL's socket path is longer than %zu bytes",
                               sizeof(address.sun_path) - 1);
        url->path = alloc_text_n(rest.data, rest.len);
        return 0;
}

static bool take_scheme(struct slice *rest, const char *scheme)
{
        size_t len = strlen(scheme);

        if (rest->len < len || memcmp(rest->data, scheme, len) != 0)
                return false;
        *rest = sub(*rest, len, rest->len);
        return true;
}

int redis_url_parse(struct slice text, struct redis_url *ret_url, struct err *err)
{
        struct redis_url url = {.host = NULL};
        struct slice rest = text;
        bool is_unix = false;
        int rc;

        if (take_scheme(&rest, "rediss://"))
                return err_set(err, ERR_CONFIG, "'rediss://' (TLS to Redis) is not supported yet");
        if (take_scheme(&rest, "unix://"))
                is_unix = true;
        else if (!take_scheme(&rest, "redis://"))
                return err_set(err, ERR_CONFIG, "the Redis URL must begin with redis:// or unix://");
        rc = parse_account(&rest, &url, err);
        if (rc == 0)
                rc = parse_query(&rest, &url, err);
        if (rc == 0)
                rc = is_unix ? parse_unix(rest, &url, err) : parse_tcp(rest, &url, err);
        if (rc < 0) {
                redis_url_done(&url);
                return rc;
        }
        *ret_url = url;
        return 0;
}

void redis_url_done(struct redis_url *url)
{
        alloc_free(url->host);
        alloc_free(url->path);
        alloc_free(url->user);
        if (url->password != NULL)
                explicit_bzero(url->password, strlen(url->password));
        alloc_free(url->password);
        alloc_free(url->password_file);
        *url = (struct redis_url){.host = NULL};
}

void redis_url_format(const struct redis_url *url, struct bytes *text)
{
        bytes_append_text(text, url->path != NULL ? "unix://" : "redis://");
        if (url->user != NULL)
                bytes_append_format(text, "%s@", url->user);
        if (url->path != NULL)
                bytes_append_format(text, "%s?db=%u", url->path, url->db);
        else if (strchr(url->host, ':') != NULL)
                bytes_append_format(text, "[%s]:%u/%u", url->host, url->port, url->db);
        else
                bytes_append_format(text, "%s:%u/%u", url->host, url->port, url->db);
}
