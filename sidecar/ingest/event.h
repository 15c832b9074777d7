/* event.h - one AvroFlumeEvent, looked at where it lies.
 *
 * The general walker: for headers that are asked for by name, for dead letters, for clients and tests. The decoder has
 * its own tight loop over the same bytes (column/decode.h). */
#ifndef WEIR_SIDECAR_INGEST_EVENT_H
#define WEIR_SIDECAR_INGEST_EVENT_H

#include "sidecar/base/bytes.h"
#include "sidecar/base/err.h"

struct event {
        struct slice whole;   /* headers and body as received */
        struct slice headers; /* the map, its end included */
        struct slice body;
        uint32_t n_headers;   /* repeated keys count each */
};

enum { EVENT_E_MORE = 1 };

/* The event at *at, which then moves behind it. EVENT_E_MORE: it goes on behind end, and has at least *ret_need bytes.
 * < 0: ERR_DATA, not an event or beyond limits.h. Slices point into the input. */
int event_next(const uint8_t **at, const uint8_t *end, struct event *ret_event, size_t *ret_need, struct err *err)
        WEIR_MUST_CHECK;

/* The headers one after the other: start with the position at event->headers.data; false behind the last. */
bool event_next_header(const struct event *event, const uint8_t **position, uint64_t *block_left, struct slice *ret_key,
                       struct slice *ret_value);
/* Of a repeated key the last counts, as in Java. */
bool event_find_header(const struct event *event, struct slice key, struct slice *ret_value);

/* The client's side. */
void event_append(struct bytes *bytes, const struct slice *keys, const struct slice *values, uint32_t n_headers,
                  struct slice body);

#endif
