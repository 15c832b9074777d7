/* redis_account.c - as whom a table is written. */
#include "sinks/redis_account.h"

#include "sidecar/base/alloc.h"
#include "sidecar/plan/connector.h"

static void replace(char **text, struct slice with)
{
        if (with.len == 0)
                return;
        alloc_free(*text);
        *text = alloc_text_n(with.data, with.len);
}

int redis_account_read(const struct plan_table *table, struct redis_url *ret_url, struct err *err)
{
        if (redis_url_parse(connector_text(table, "url"), ret_url, err) < 0)
                return -1;
        replace(&ret_url->user, connector_text(table, "username"));
        replace(&ret_url->password, connector_text(table, "password"));
        replace(&ret_url->password_file, connector_path(table, "password-file"));
        return 0;
}

bool redis_account_is_named(const struct redis_url *url)
{
        return url->user != NULL || url->password != NULL || url->password_file != NULL;
}

static bool is_equal(const char *one, const char *other)
{
        return one == NULL || other == NULL ? one == other : strcmp(one, other) == 0;
}

bool redis_account_is_equal(const struct redis_url *one, const struct redis_url *other)
{
        return is_equal(one->user, other->user) && is_equal(one->password, other->password) &&
               is_equal(one->password_file, other->password_file);
}

void redis_account_move(struct redis_url *url, struct redis_url *from)
{
        struct redis_url old = {.user = url->user, .password = url->password, .password_file = url->password_file};

        url->user = from->user;
        url->password = from->password;
        url->password_file = from->password_file;
        from->user = from->password = from->password_file = NULL;
        redis_url_done(&old);
}
