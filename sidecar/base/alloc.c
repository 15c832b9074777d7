/* alloc.c - the system allocator with one answer to its failure: a line on stderr and abort().
 *
 * The only file, with arena.c behind it, that calls malloc. */
#include "sidecar/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALLOC_PAGE_BYTES = 4096 };

static void alloc_die(size_t count, size_t bytes) __attribute__((noreturn, cold));

/* No stdio buffering and no allocation here: memory is what we lack. */
static void alloc_die(size_t count, size_t bytes)
{
        char line[128];
        int len = snprintf(line, sizeof(line), "weir: out of memory: %zu x %zu bytes\n", count, bytes);
        ssize_t ignored = write(STDERR_FILENO, line, (size_t)len);

        (void)ignored;
        abort();
}

void *alloc_bytes(size_t bytes)
{
        void *data = malloc(bytes > 0 ? bytes : 1);

        if (data == NULL)
                alloc_die(1, bytes);
        return data;
}

void *alloc_zero(size_t count, size_t bytes)
{
        void *data = calloc(count > 0 ? count : 1, bytes > 0 ? bytes : 1);

        if (data == NULL)
                alloc_die(count, bytes);
        return data;
}

void *alloc_array(size_t count, size_t bytes)
{
        return alloc_resize(NULL, count, bytes);
}

void *alloc_resize(void *old, size_t count, size_t bytes)
{
        void *data;
        size_t total;

        if (__builtin_mul_overflow(count, bytes, &total))
                alloc_die(count, bytes);
        data = realloc(old, total > 0 ? total : 1);
        if (data == NULL)
                alloc_die(count, bytes);
        return data;
}

char *alloc_text(const char *text)
{
        return alloc_text_n(text, strlen(text));
}

char *alloc_text_n(const void *data, size_t len)
{
        char *text = alloc_bytes(len + 1);

        if (len > 0)
                memcpy(text, data, len);
        text[len] = '\0';
        return text;
}

void *alloc_pages(size_t bytes)
{
        size_t whole = (bytes + ALLOC_PAGE_BYTES - 1) / ALLOC_PAGE_BYTES * ALLOC_PAGE_BYTES;
        void *data = whole < bytes ? NULL : aligned_alloc(ALLOC_PAGE_BYTES, whole > 0 ? whole : ALLOC_PAGE_BYTES);

        if (data == NULL)
                alloc_die(1, bytes);
        return data;
}

void alloc_free(void *old)
{
        free(old);
}
