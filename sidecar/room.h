/* room.h - room on the disk, or the want of it: a state that is told once when it begins and once when it ends.
 *
 * Two log lines with stable codes, and one sentence that /readyz, /status and agents are given as long as it lasts:
 *
 *     event=no-room what=log why=disk dir=/var/lib/weir need_bytes=67108864 free_bytes=0 msg="the disk of ..."
 *     event=room-again what=log ms=4711
 *
 * why: disk, or max-bytes where 'weir.wal.max-bytes' stands in the way. Loop thread. */
#ifndef WEIR_SIDECAR_ROOM_H
#define WEIR_SIDECAR_ROOM_H

#include <stdbool.h>
#include <stdint.h>

struct pipeline;

enum { ROOM_WHY_BYTES = 512 };

struct room { /* zeroed: there is room */
        uint64_t since_ns;
        bool is_lacking, is_at_max;
        char why[ROOM_WHY_BYTES]; /* "" while there is room */
};

struct room_lack {
        const char *what; /* "log", "outbox", "start" */
        const char *dir;  /* on whose disk */
        uint64_t need_bytes;
        uint64_t max_bytes; /* 'weir.wal.max-bytes' when that is what is used up; 0: the disk is full */
};

/* Nothing goes on for want of room. Cheap to repeat. */
void room_lacks(struct room *room, const struct room_lack *lack, uint64_t now_ns);
/* It goes on. */
void room_is_back(struct room *room, const char *what, uint64_t now_ns);

/* Nothing can be logged before the disk, or a checkpoint, gives the log another segment. */
bool room_is_log_at_its_end(const struct pipeline *pipeline);
/* Tells whether log and outbox have room. A log at its end is full from the moment on that something is refused. */
void room_look(struct pipeline *pipeline);

#endif
