/* print.h - rows on standard output, as Flink's print connector writes them. See print.c. */
#ifndef WEIR_SINKS_PRINT_H
#define WEIR_SINKS_PRINT_H

#include "sinks/sink.h"

const struct sink_kind *print_kind(void);

#endif
