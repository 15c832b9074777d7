/* redis_account.h - as whom a table is written.
 *
 * User and password stand in the URL or in options of their own, and the options win. All tables of one database share
 * a connection and a commit record, so they are written by one account: a table that names none joins in, two that
 * name different ones are a mistake in the job. A job that changes the account changes that of the connection. */
#ifndef WEIR_SINKS_REDIS_ACCOUNT_H
#define WEIR_SINKS_REDIS_ACCOUNT_H

#include "sidecar/plan/plan.h"
#include "sinks/redis_url.h"

/* Where the table's Redis is and who writes there; release with redis_url_done. */
int redis_account_read(const struct plan_table *table, struct redis_url *ret_url, struct err *err) WEIR_MUST_CHECK;
/* A user, a password or a password file is named. */
bool redis_account_is_named(const struct redis_url *url);
bool redis_account_is_equal(const struct redis_url *one, const struct redis_url *other);
/* `url` gets the account of `from`, which loses it. */
void redis_account_move(struct redis_url *url, struct redis_url *from);

#endif
