/* ad_traffic.h - seeded ad traffic with fraud in it, and the truth about it.
 *
 * Makes events of schemas/events/ad_event.avsc: impressions and clicks of campaigns with click-through rates of their
 * own, in event-time order but for a bounded disorder. A share of the events belongs to bursts of click fraud:
 *
 *   address   some twenty clicks a second from one address, through many users
 *   user      one user clicking the same ad every second or so, through many addresses
 *
 * Everything follows from the seed. The label says what an event is: "fair", "address" or "user". */
#ifndef WEIR_SIDECAR_CMD_AD_TRAFFIC_H
#define WEIR_SIDECAR_CMD_AD_TRAFFIC_H

#include "sidecar/base/bytes.h"

struct ad_traffic_options {
        uint64_t seed;
        uint32_t n_campaigns, n_ads, n_users, n_addresses;
        int64_t start_ms;        /* event time of the first event */
        double ms_per_event;     /* how fast event time passes */
        uint32_t disorder_ms;    /* an event's time lies at most so far behind the newest */
        double click_share;      /* of the fair events, on average */
        double address_fraud, user_fraud; /* share of all events */
};

struct ad_event {
        char event_id[40];
        const char *event_type;
        int64_t campaign_id, ad_id;
        char user_id[24], ip[24];
        const char *user_agent;
        int64_t event_ms;
        const char *label;
};

struct ad_burst { /* one fraudster at work */
        int64_t end_ms;
        uint32_t who;
        int64_t ad_id;
};

enum { AD_TRAFFIC_BURSTS = 4 };

struct ad_traffic {
        struct ad_traffic_options options;
        uint64_t random;
        uint64_t n_made;
        struct ad_burst address[AD_TRAFFIC_BURSTS], user[AD_TRAFFIC_BURSTS];
};

void ad_traffic_options_default(struct ad_traffic_options *ret_options);
void ad_traffic_init(struct ad_traffic *traffic, const struct ad_traffic_options *options);
/* Texts in the event stay valid until the next call. */
void ad_traffic_next(struct ad_traffic *traffic, struct ad_event *ret_event);
/* The bare Avro datum. */
void ad_traffic_encode(const struct ad_event *event, struct bytes *out);

#endif
