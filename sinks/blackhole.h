/* blackhole.h - rows that are counted and forgotten. See blackhole.c. */
#ifndef WEIR_SINKS_BLACKHOLE_H
#define WEIR_SINKS_BLACKHOLE_H

#include "sinks/sink.h"

const struct sink_kind *blackhole_kind(void);

#endif
