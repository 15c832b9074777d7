/* room.c - says that there is no room, and that there is again. See room.h. */
#include "sidecar/room.h"

#include "sidecar/base/log.h"
#include "sidecar/pipeline_state.h"

#include <stdio.h>
#include <sys/statvfs.h>

enum { SIZE_TEXT_BYTES = 32 };

/* "64 MiB"; rounded up, because it says how much must be there. */
static const char *size_text(uint64_t bytes, char text[SIZE_TEXT_BYTES])
{
        bool is_large = bytes >= 1 << 20;
        unsigned shift = is_large ? 20 : 10;

        snprintf(text, SIZE_TEXT_BYTES, "%llu %s",
                 (unsigned long long)((bytes + (UINT64_C(1) << shift) - 1) >> shift), is_large ? "MiB" : "KiB");
        return text;
}

static void tell(const struct room *room, const struct room_lack *lack)
{
        struct log_line line;
        struct statvfs disk;

        log_begin(&line, room->is_at_max ? LOG_WARN : LOG_ERROR, "no-room");
        log_text(&line, "what", lack->what);
        log_text(&line, "why", room->is_at_max ? "max-bytes" : "disk");
        log_text(&line, "dir", lack->dir);
        log_uint(&line, "need_bytes", lack->need_bytes);
        if (!room->is_at_max && statvfs(lack->dir, &disk) == 0)
                log_uint(&line, "free_bytes", (uint64_t)disk.f_bavail * disk.f_frsize);
        log_text(&line, "msg", room->why);
        log_end(&line);
}

void room_lacks(struct room *room, const struct room_lack *lack, uint64_t now_ns)
{
        char size[SIZE_TEXT_BYTES];

        if (room->is_lacking && room->is_at_max == (lack->max_bytes != 0))
                return;
        if (!room->is_lacking)
                room->since_ns = now_ns;
        room->is_lacking = true;
        room->is_at_max = lack->max_bytes != 0;
        if (room->is_at_max)
                snprintf(room->why, sizeof room->why,
                         "the log has reached weir.wal.max-bytes (%s): a checkpoint makes room; raise it if this lasts "
                         "or comes back",
                         size_text(lack->max_bytes, size));
        else
                snprintf(room->why, sizeof room->why,
                         "the disk of %s is full: the %s needs %s; free that much there, weir goes on by itself",
                         lack->dir, lack->what, size_text(lack->need_bytes, size));
        tell(room, lack);
}

void room_is_back(struct room *room, const char *what, uint64_t now_ns)
{
        struct log_line line;

        if (!room->is_lacking)
                return;
        log_begin(&line, LOG_INFO, "room-again");
        log_text(&line, "what", what);
        log_uint(&line, "ms", (now_ns - room->since_ns) / 1000000);
        log_end(&line);
        *room = (struct room){0};
}

/* ---- Log and outbox */

static bool is_at_its_end(const struct pipeline *pipeline, struct wal_stats *ret_stats)
{
        if (pipeline->wal == NULL)
                return false;
        wal_stats(pipeline->wal, ret_stats);
        return ret_stats->is_no_space && (ret_stats->n_ready == 0 || ret_stats->is_short);
}

bool room_is_log_at_its_end(const struct pipeline *pipeline)
{
        struct wal_stats stats;

        return is_at_its_end(pipeline, &stats);
}

static bool is_log_wanted(const struct pipeline *pipeline)
{
        return pipeline->is_room_wanted || pipeline->is_tick_due || pipeline->n_ends > 0 || pipeline->is_log_awaited;
}

void room_look(struct pipeline *pipeline)
{
        uint64_t now_ns = clock_monotonic_ns(pipeline->config.clock);
        struct room_lack lack = {.what = "log", .dir = pipeline->config.instance->dir};
        struct wal_stats log;
        struct outbox_stats outbox;

        if (is_log_wanted(pipeline) && is_at_its_end(pipeline, &log)) {
                lack.need_bytes = log.segment_bytes;
                lack.max_bytes = log.is_at_max ? log.max_bytes : 0;
                room_lacks(&pipeline->log_room, &lack, now_ns);
        } else {
                room_is_back(&pipeline->log_room, "log", now_ns);
        }
        outbox_stats(delivery_outbox(pipeline->delivery), &outbox);
        if (outbox.is_no_space) {
                lack = (struct room_lack){.what = "outbox", .dir = lack.dir, .need_bytes = outbox.memory_bytes};
                room_lacks(&pipeline->outbox_room, &lack, now_ns);
        } else {
                room_is_back(&pipeline->outbox_room, "outbox", now_ns);
        }
}
