/* alloc.h - the system allocator, with the one policy for running out of it.
 *
 * Small fixed allocations abort with a line on stderr when memory is gone: the log makes that safe.
 * Allocation whose size input controls goes through a budgeted arena (arena.h), which answers with
 * NULL instead. Outside sidecar/base nothing calls malloc and its kin directly
 * (tests/lint/banned_calls). Any thread. */
#ifndef WEIR_SIDECAR_BASE_ALLOC_H
#define WEIR_SIDECAR_BASE_ALLOC_H

#include <stddef.h>

void *alloc_bytes(size_t bytes) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *alloc_zero(size_t count, size_t bytes) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *alloc_array(size_t count, size_t bytes) __attribute__((malloc, alloc_size(1, 2), returns_nonnull));
void *alloc_resize(void *old, size_t count, size_t bytes) __attribute__((returns_nonnull));
char *alloc_text(const char *text) __attribute__((malloc, returns_nonnull));
char *alloc_text_n(const void *data, size_t len) __attribute__((malloc, returns_nonnull));
/* Aligned to 4096; release with alloc_free. */
void *alloc_pages(size_t bytes) __attribute__((malloc, alloc_size(1), returns_nonnull));
void alloc_free(void *old);

/* For __attribute__((cleanup(alloc_cleanup))) on a local pointer. */
static inline void alloc_cleanup(void *pointer_to_pointer)
{
        alloc_free(*(void **)pointer_to_pointer);
}
#define WEIR_AUTO_FREE __attribute__((cleanup(alloc_cleanup)))

#endif
