/* redis_trouble.h - the ways in which a Redis refuses, and what each asks for.
 *
 *   trouble       answers                                    what follows                          pause
 *   away          connect or link failed, no answer          connect again                         50 ms .. 5 s
 *   loading       LOADING                                    the same epoch again                  50 ms .. 5 s
 *   busy          BUSY, TRYAGAIN, CLUSTERDOWN, NOREPLICAS    the same epoch again                  50 ms .. 5 s
 *   master-down   MASTERDOWN                                 the same epoch again                  50 ms .. 5 s
 *   read-only     READONLY, or INFO says it is a replica     drop the link, resolve and ask again  50 ms .. 5 s
 *   full          OOM                                        alarm, the same epoch again           50 ms .. 5 s
 *   misconf       MISCONF                                    alarm, the same epoch again           50 ms .. 5 s
 *   denied        NOAUTH, WRONGPASS, NOPERM                  alarm, log in again                   30 s
 *   wrong-type    WRONGTYPE                                  alarm with the key, same epoch again  5 s
 *   stream-ahead  an id of ours is refused, entry not there  alarm with the key, same epoch again  5 s
 *   vanished      a key is gone right after it was written   look whether Redis has forgotten      50 ms .. 5 s
 *   ahead         the commit record knows more than our log  alarm, look at the record again       5 s
 *   other         any other error, not Redis at all          alarm, the same epoch again           5 s
 *
 * Pauses have jitter: half of it at least. Any thread. */
#ifndef WEIR_SINKS_REDIS_TROUBLE_H
#define WEIR_SINKS_REDIS_TROUBLE_H

#include "sidecar/base/log.h"
#include "sidecar/base/slice.h"

enum redis_trouble {
        REDIS_FINE,
        REDIS_AWAY,
        REDIS_LOADING,
        REDIS_BUSY,
        REDIS_MASTER_DOWN,
        REDIS_READ_ONLY,
        REDIS_FULL,
        REDIS_MISCONF,
        REDIS_DENIED,
        REDIS_WRONG_TYPE,
        REDIS_STREAM_AHEAD,
        REDIS_VANISHED,
        REDIS_AHEAD,
        REDIS_OTHER,
        REDIS_TROUBLE_COUNT
};

/* By the first word of an error reply. */
enum redis_trouble redis_trouble_of(struct slice fault);
/* The code of its log line: "redis-down", "redis-loading", "redis-out-of-memory", … */
const char *redis_trouble_event(enum redis_trouble trouble);
/* What it means, in words: "is loading its data", "is out of memory". */
const char *redis_trouble_words(enum redis_trouble trouble);
enum log_level redis_trouble_level(enum redis_trouble trouble);
/* The connection is of no use any more. */
bool redis_trouble_ends_link(enum redis_trouble trouble);

/* Pauses between attempts: doubling, with jitter. */
struct redis_backoff {
        uint32_t attempts; /* since the last success */
        uint64_t random;
};
void redis_trouble_backoff_init(struct redis_backoff *backoff, uint64_t seed);
void redis_trouble_backoff_reset(struct redis_backoff *backoff);
int64_t redis_trouble_backoff_next_ms(struct redis_backoff *backoff, enum redis_trouble trouble);

#endif
