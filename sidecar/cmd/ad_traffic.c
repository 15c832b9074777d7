/* ad_traffic.c - seeded ad traffic. See ad_traffic.h. */
#include "sidecar/cmd/ad_traffic.h"

#include "avro/binary.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t draw(struct ad_traffic *traffic)
{
        uint64_t z = traffic->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

static uint32_t draw_below(struct ad_traffic *traffic, uint32_t bound)
{
        return (uint32_t)((draw(traffic) >> 32) * bound >> 32);
}

static double draw_share(struct ad_traffic *traffic)
{
        return (double)(draw(traffic) >> 11) * 0x1p-53;
}

void ad_traffic_options_default(struct ad_traffic_options *ret_options)
{
        *ret_options = (struct ad_traffic_options){.seed = 42,
                                                   .n_campaigns = 100,
                                                   .n_ads = 1000,
                                                   .n_users = 100000,
                                                   .n_addresses = 50000,
                                                   .ms_per_event = 1,
                                                   .disorder_ms = 2000,
                                                   .click_share = 0.05};
}

void ad_traffic_init(struct ad_traffic *traffic, const struct ad_traffic_options *options)
{
        *traffic = (struct ad_traffic){.options = *options, .random = options->seed};
}

/* Ads belong to campaigns by number, and each campaign has a click-through rate of its own. */
static double click_rate(const struct ad_traffic *traffic, int64_t campaign)
{
        return traffic->options.click_share * (0.5 + (double)(campaign * 7919 % 100) / 100);
}

static void make_fair(struct ad_traffic *traffic, struct ad_event *event)
{
        const struct ad_traffic_options *options = &traffic->options;
        uint32_t address = draw_below(traffic, options->n_addresses);

        event->ad_id = draw_below(traffic, options->n_ads);
        event->campaign_id = event->ad_id % options->n_campaigns;
        event->event_type = draw_share(traffic) < click_rate(traffic, event->campaign_id) ? "click" : "impression";
        snprintf(event->user_id, sizeof event->user_id, "u%07u", draw_below(traffic, options->n_users));
        snprintf(event->ip, sizeof event->ip, "10.%u.%u.%u", address >> 16 & 255, address >> 8 & 255, address & 255);
        event->label = "fair";
}

/* The burst that is due, begun anew where one has ended. */
static struct ad_burst *next_burst(struct ad_traffic *traffic, struct ad_burst *bursts, int64_t now_ms, int64_t life_ms)
{
        struct ad_burst *burst = &bursts[draw_below(traffic, AD_TRAFFIC_BURSTS)];

        if (now_ms >= burst->end_ms) {
                burst->who = draw_below(traffic, 1 << 16);
                burst->ad_id = draw_below(traffic, traffic->options.n_ads);
                burst->end_ms = now_ms + life_ms;
        }
        return burst;
}

static void make_address_fraud(struct ad_traffic *traffic, struct ad_event *event, int64_t now_ms)
{
        struct ad_burst *burst = next_burst(traffic, traffic->address, now_ms, 60000);

        event->ad_id = draw_below(traffic, traffic->options.n_ads);
        event->campaign_id = event->ad_id % traffic->options.n_campaigns;
        event->event_type = "click";
        snprintf(event->user_id, sizeof event->user_id, "u%07u", draw_below(traffic, traffic->options.n_users));
        snprintf(event->ip, sizeof event->ip, "203.0.%u.%u", burst->who >> 8 & 255, burst->who & 255);
        event->label = "address";
}

static void make_user_fraud(struct ad_traffic *traffic, struct ad_event *event, int64_t now_ms)
{
        struct ad_burst *burst = next_burst(traffic, traffic->user, now_ms, 60000);
        uint32_t address = draw_below(traffic, traffic->options.n_addresses);

        event->ad_id = burst->ad_id;
        event->campaign_id = event->ad_id % traffic->options.n_campaigns;
        event->event_type = "click";
        snprintf(event->user_id, sizeof event->user_id, "bot%05u", burst->who);
        snprintf(event->ip, sizeof event->ip, "10.%u.%u.%u", address >> 16 & 255, address >> 8 & 255, address & 255);
        event->label = "user";
}

void ad_traffic_next(struct ad_traffic *traffic, struct ad_event *ret_event)
{
        static const char *const agents[] = {"Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0",
                                             "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5) Safari/604",
                                             "Mozilla/5.0 (Windows NT 10.0) Chrome/126.0"};
        const struct ad_traffic_options *options = &traffic->options;
        int64_t now_ms = options->start_ms + (int64_t)((double)traffic->n_made * options->ms_per_event);
        double kind = draw_share(traffic);
        uint64_t a = draw(traffic), b = draw(traffic);

        if (kind < options->address_fraud)
                make_address_fraud(traffic, ret_event, now_ms);
        else if (kind < options->address_fraud + options->user_fraud)
                make_user_fraud(traffic, ret_event, now_ms);
        else
                make_fair(traffic, ret_event);
        snprintf(ret_event->event_id, sizeof ret_event->event_id, "%08x-%04x-4%03x-8%03x-%012" PRIx64,
                 (unsigned)(a >> 32), (unsigned)(a >> 16) & 0xffff, (unsigned)a & 0xfff, (unsigned)(b >> 52),
                 b & UINT64_C(0xffffffffffff));
        ret_event->user_agent = agents[b >> 48 & 1 ? 0 : 1 + (b >> 49 & 1)];
        ret_event->event_ms = now_ms - (options->disorder_ms == 0 ? 0 : draw_below(traffic, options->disorder_ms));
        traffic->n_made++;
}

static void append_text(struct bytes *out, const char *text)
{
        binary_append_bytes(out, slice_from_text(text));
}

void ad_traffic_encode(const struct ad_event *event, struct bytes *out)
{
        append_text(out, event->event_id);
        append_text(out, event->event_type);
        binary_append_long(out, event->campaign_id);
        binary_append_long(out, event->ad_id);
        append_text(out, event->user_id);
        append_text(out, event->ip);
        append_text(out, event->user_agent);
        binary_append_long(out, event->event_ms);
}
