/* arena.h - allocation by lifetime.
 *
 * An arena hands out memory by moving a pointer and gives all of it back at once. weir has five
 * lifetimes (process, job, window slice, batch, call), and sidecar/DESIGN.md says who resets each
 * arena and when. Chunks are kept across resets, so a warmed-up arena never asks the system.
 * An arena belongs to one thread at a time. */
#ifndef WEIR_SIDECAR_BASE_ARENA_H
#define WEIR_SIDECAR_BASE_ARENA_H

#include "sidecar/base/slice.h"

struct arena_chunk;

struct arena {
        struct arena_chunk *first;
        struct arena_chunk *current;
        uint8_t *next;       /* next free byte in current */
        uint8_t *end;        /* end of current */
        size_t chunk_bytes;  /* size of an ordinary chunk */
        size_t budget_bytes; /* 0: no limit */
        size_t held_bytes;   /* bytes of all chunks */
};

/* Caller's storage. budget_bytes 0 means unlimited (trusted sizes only). */
void arena_init(struct arena *arena, size_t chunk_bytes, size_t budget_bytes);
void arena_done(struct arena *arena);

/* Everything handed out becomes invalid; ordinary chunks stay for reuse, oversized ones are freed. */
void arena_reset(struct arena *arena);

/* Slow path of arena_take; returns NULL when the budget does not allow another chunk. */
void *arena_take_slow(struct arena *arena, size_t bytes, size_t align);

/* Uninitialised memory, or NULL when the budget is spent (never when there is no budget).
 * align is a power of two of at most 64. Valid until arena_reset or arena_done. */
static inline void *arena_take(struct arena *arena, size_t bytes, size_t align)
{
        uintptr_t at = ((uintptr_t)arena->next + (align - 1)) & ~(uintptr_t)(align - 1);

        if (arena->next != NULL && at <= (uintptr_t)arena->end && bytes <= (uintptr_t)arena->end - at) {
                arena->next = (uint8_t *)at + bytes;
                return (void *)at;
        }
        return arena_take_slow(arena, bytes, align);
}

void *arena_zero(struct arena *arena, size_t bytes, size_t align);

/* Copies; a NULL data pointer with len > 0 in the answer's place of failure cannot happen without
 * a budget. With a budget, ret.data == NULL && source.len > 0 means that it is spent. */
struct slice arena_copy(struct arena *arena, struct slice source);
/* NUL-terminated copy, for arenas without a budget. */
char *arena_text(struct arena *arena, struct slice source);
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define arena_new(arena, type) ((type *)arena_zero((arena), sizeof(type), _Alignof(type)))
#define arena_new_n(arena, type, n) ((type *)arena_zero((arena), sizeof(type) * (n), _Alignof(type)))

#endif
