/* redis.h - rows into Redis: hashes, streams, sorted sets, with a commit record. See redis.c. */
#ifndef WEIR_SINKS_REDIS_H
#define WEIR_SINKS_REDIS_H

#include "sinks/sink.h"

const struct sink_kind *redis_kind(void);

#endif
