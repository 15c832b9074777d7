/* snappy.h - blocks of container files that were compressed with Snappy, Flink's default. Any thread. */
#ifndef WEIR_AVRO_SNAPPY_H
#define WEIR_AVRO_SNAPPY_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"

/* The plain bytes of one raw Snappy block; false: damaged, or more than `most` bytes. */
bool snappy_inflate(struct slice data, size_t most, struct bytes *plain) WEIR_MUST_CHECK;

#endif
