/* arena.c - chunks in a list; arena_take moves along them.
 *
 * Ordinary chunks have chunk_bytes and are kept by arena_reset. What needs more than half a chunk gets a
 * chunk of its own, so that one large string does not throw away the rest of an ordinary one; those are
 * freed by arena_reset. New chunks go behind `current`; after a reset the walk starts from `first`. */
#include "sidecar/base/arena.h"

#include "sidecar/base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdarg.h>

enum { ARENA_ALIGN_MAX = 64 };

struct arena_chunk {
        struct arena_chunk *next;
        size_t bytes;   /* of data[] */
        bool is_single; /* holds one oversized allocation */
        uint8_t data[];
};

void arena_init(struct arena *arena, size_t chunk_bytes, size_t budget_bytes)
{
        assert(chunk_bytes >= ARENA_ALIGN_MAX);
        *arena = (struct arena){.chunk_bytes = chunk_bytes, .budget_bytes = budget_bytes};
}

void arena_done(struct arena *arena)
{
        struct arena_chunk *next;

        if (arena == NULL)
                return;
        for (struct arena_chunk *chunk = arena->first; chunk != NULL; chunk = next) {
                next = chunk->next;
                alloc_free(chunk);
        }
        *arena = (struct arena){.chunk_bytes = arena->chunk_bytes, .budget_bytes = arena->budget_bytes};
}

static void arena_enter(struct arena *arena, struct arena_chunk *chunk)
{
        arena->current = chunk;
        arena->next = chunk == NULL ? NULL : chunk->data;
        arena->end = chunk == NULL ? NULL : chunk->data + chunk->bytes;
}

void arena_reset(struct arena *arena)
{
        struct arena_chunk **link = &arena->first;
        struct arena_chunk *chunk;

        while ((chunk = *link) != NULL) {
                if (chunk->is_single) {
                        *link = chunk->next;
                        arena->held_bytes -= chunk->bytes;
                        alloc_free(chunk);
                } else {
                        link = &chunk->next;
                }
        }
        arena_enter(arena, arena->first);
}

/* A chunk behind `current` (in front of all when there is none), or NULL when the budget forbids it. */
static struct arena_chunk *arena_add_chunk(struct arena *arena, size_t bytes, bool is_single)
{
        struct arena_chunk *chunk;

        if (arena->budget_bytes > 0 &&
            (arena->held_bytes > arena->budget_bytes || bytes > arena->budget_bytes - arena->held_bytes))
                return NULL;
        chunk = alloc_bytes(sizeof(*chunk) + bytes);
        chunk->bytes = bytes;
        chunk->is_single = is_single;
        arena->held_bytes += bytes;
        if (arena->current != NULL) {
                chunk->next = arena->current->next;
                arena->current->next = chunk;
        } else {
                chunk->next = arena->first;
                arena->first = chunk;
        }
        return chunk;
}

static void *arena_align(uint8_t *at, size_t align)
{
        return (void *)(((uintptr_t)at + (align - 1)) & ~(uintptr_t)(align - 1));
}

void *arena_take_slow(struct arena *arena, size_t bytes, size_t align)
{
        struct arena_chunk *chunk;

        assert(align > 0 && align <= ARENA_ALIGN_MAX && (align & (align - 1)) == 0);
        if (bytes > SIZE_MAX / 2)
                return NULL;
        if (bytes + align > arena->chunk_bytes / 2) {
                chunk = arena_add_chunk(arena, bytes + align, true);
                return chunk == NULL ? NULL : arena_align(chunk->data, align);
        }
        /* Chunks behind current are empty: kept by a reset, or single ones that were put between. */
        chunk = arena->current == NULL ? arena->first : arena->current->next;
        while (chunk != NULL && chunk->is_single)
                chunk = chunk->next;
        if (chunk == NULL)
                chunk = arena_add_chunk(arena, arena->chunk_bytes, false);
        if (chunk == NULL)
                return NULL;
        arena_enter(arena, chunk);
        return arena_take(arena, bytes, align);
}

void *arena_zero(struct arena *arena, size_t bytes, size_t align)
{
        void *data = arena_take(arena, bytes, align);

        if (data != NULL)
                memset(data, 0, bytes);
        return data;
}

struct slice arena_copy(struct arena *arena, struct slice source)
{
        uint8_t *data;

        if (source.len == 0)
                return slice_make(NULL, 0);
        data = arena_take(arena, source.len, 1);
        if (data == NULL)
                return slice_make(NULL, 0);
        memcpy(data, source.data, source.len);
        return slice_make(data, source.len);
}

char *arena_text(struct arena *arena, struct slice source)
{
        char *text = arena_take(arena, source.len + 1, 1);

        assert(text != NULL);
        if (source.len > 0)
                memcpy(text, source.data, source.len);
        text[source.len] = '\0';
        return text;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
        va_list args;
        va_list again;
        char *text;
        int len;

        va_start(args, format);
        va_copy(again, args);
        len = vsnprintf(NULL, 0, format, args);
        assert(len >= 0);
        text = arena_take(arena, (size_t)len + 1, 1);
        assert(text != NULL);
        vsnprintf(text, (size_t)len + 1, format, again);
        va_end(again);
        va_end(args);
        return text;
}
