/* status.h - what weir says about itself: /status, /metrics, /livez, /readyz.
 *
 * /status is one JSON object:
 *
 *   {"version": "0.1.0", "name": "...", "generation": 1, "uptime_ms": 1, "ready": true, "reasons": [],
 *    "sources": {"ad_events": {"received": 0, "accepted": 0, "duplicate": 0, "dead": 0, "watermark": null, "origins":
 *    0,
 *                "idle": 0, "connections": 0, "bytes_in": 0, "listen": "127.0.0.1:4141"}},
 *    "windows": [{"operator": 3, "sink": "ctr", "source": "ad_events", "kind": "HOP", "in": 0, "used": 0, "late": 0,
 *    "failed": 0,
 *                 "overflow": 0, "fired": 0, "rows": 0, "withheld": 0, "keys": 0, "state_bytes": 0}],
 *    "sinks": {"ctr": {"connector": "redis", "rows": 0, "withheld": 0, "failed": 0, "epoch": 0, "commit_epoch": 0,
 *    "state": "connected"}}, "log": {...}, "outbox": {...}, "checkpoint": {...}}
 *
 * While weir starts, what is not there yet is empty or zero. The reasons are sentences for people; the words before
 * them are stable: "starting", "stopping", "replaying the log, 42 %", "the disk of DIR is full: ...", "the log has
 * reached weir.wal.max-bytes ...", "the machine's clock is behind ...".
 *
 * received = accepted + duplicate + dead for each source, in = used + late + failed + overflow for each windowed
 * operator, at every moment: all of them come from the engine, between two records. Times are epoch milliseconds; a
 * watermark before the first is null. Loop thread. */
#ifndef WEIR_SIDECAR_STATUS_H
#define WEIR_SIDECAR_STATUS_H

#include "sidecar/base/bytes.h"
#include "sidecar/pipeline.h"

struct status_source { /* the network's side of a source */
        const char *listen; /* "" for a source that does not listen */
        uint32_t n_connections;
        uint64_t n_connections_total, bytes_in, bytes_out, calls, answered_error, refused;
};

struct status {
        struct pipeline *pipeline; /* NULL: not yet; one that recovers shows what it has */
        const char *name;          /* weir.name, or the host's */
        const struct clock *clock;
        int64_t started_ms;
        bool is_ready;             /* recovery done and listeners up */
        const char *not_ready_why; /* unless there is more to say than that */
        void *context;
        void (*source)(void *context, uint32_t source, struct status_source *ret_source);
};

/* Appends. */
void status_append_string(struct bytes *text, struct slice value); /* a JSON string, in its quotes */
/* The table that a windowed operator feeds, the first if there are several. */
struct slice status_sink_of_window(const struct plan_job *plan, const struct plan_op *window);
void status_json(const struct status *status, struct bytes *text);
void status_metrics(const struct status *status, struct bytes *text);
/* true: ready. Appends `"ready": ..., "reasons": [...]`, without braces. */
bool status_ready(const struct status *status, struct bytes *text);
/* The first reason why not, as plain text; "" when ready. */
void status_why(const struct status *status, struct bytes *text);

#endif
