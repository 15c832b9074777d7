/* filesystem.h - rows in part files: JSON lines or Avro containers. See filesystem.c. */
#ifndef WEIR_SINKS_FILESYSTEM_H
#define WEIR_SINKS_FILESYSTEM_H

#include "sinks/sink.h"

const struct sink_kind *filesystem_kind(void);

#endif
