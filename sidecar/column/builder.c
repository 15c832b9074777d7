/* builder.c - growing columns.
 *
 * Row arrays come from the system allocator and double; they belong to the builder and are warm after its first
 * batches. Bytes of strings, bitmaps and the vectors themselves lie in the arena, which is emptied with the
 * batch. Both count against LIMIT_BUILDER_BYTES. */
#include "sidecar/column/builder.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <assert.h>

enum {
        ROWS_FIRST = 256,
        ROWS_KEPT = 8192, /* arrays for more rows than this are given back by builder_reset */
        DEAD_FIRST = 16,
        ARENA_CHUNK_BYTES = 64 << 10,
        ARENA_KEPT_BYTES = 1 << 20,
        VIEWS_CHUNK_BYTES = 4096,
        COPY_SHORT_BYTES_MAX = 64,
};

int builder_overflow(struct err *err)
{
        return err_set(err, ERR_UNAVAILABLE, "the batch needs more than %u bytes as columns", LIMIT_BUILDER_BYTES);
}

void builder_init(struct builder *builder, const struct builder_spec *specs, uint32_t n_columns, bool has_fingerprints)
{
        *builder = (struct builder){.n_columns = n_columns, .has_fingerprints = has_fingerprints};
        builder->columns = alloc_zero(n_columns == 0 ? 1 : n_columns, sizeof(*builder->columns));
        for (uint32_t c = 0; c < n_columns; c++)
                builder->columns[c].spec = specs[c];
        arena_init(&builder->arena, ARENA_CHUNK_BYTES, LIMIT_BUILDER_BYTES);
        arena_init(&builder->views, VIEWS_CHUNK_BYTES, 0);
}

static void free_arrays(struct builder *builder)
{
        for (uint32_t c = 0; c < builder->n_columns; c++) {
                struct builder_column *column = &builder->columns[c];

                alloc_free(column->data);
                alloc_free(column->present);
                alloc_free(column->code);
                column->data = NULL;
                column->present = NULL;
                column->code = NULL;
        }
        alloc_free(builder->fingerprint);
        alloc_free(builder->dead);
        builder->fingerprint = NULL;
        builder->dead = NULL;
        builder->capacity = builder->dead_capacity = 0;
        builder->column_bytes = 0;
}

void builder_done(struct builder *builder)
{
        if (builder == NULL || builder->columns == NULL)
                return;
        free_arrays(builder);
        alloc_free(builder->columns);
        arena_done(&builder->arena);
        arena_done(&builder->views);
        *builder = (struct builder){0};
}

static void forget_rows(struct builder *builder)
{
        builder->n_rows = builder->n_dead = 0;
        for (uint32_t c = 0; c < builder->n_columns; c++)
                builder->columns[c].has_uncoded = false;
}

void builder_reset(struct builder *builder)
{
        forget_rows(builder);
        if (builder->capacity > ROWS_KEPT || builder->dead_capacity > ROWS_KEPT)
                free_arrays(builder);
        arena_reset(&builder->arena);
        arena_reset(&builder->views);
        if (builder->arena.held_bytes > ARENA_KEPT_BYTES)
                arena_done(&builder->arena);
}

void builder_trim(struct builder *builder)
{
        forget_rows(builder);
        free_arrays(builder);
        arena_done(&builder->arena);
        arena_done(&builder->views);
}

struct builder_mark builder_mark(const struct builder *builder)
{
        return (struct builder_mark){builder->n_rows, builder->n_dead};
}

void builder_rollback(struct builder *builder, struct builder_mark mark)
{
        assert(mark.n_rows <= builder->n_rows && mark.n_dead <= builder->n_dead);
        builder->n_rows = mark.n_rows;
        builder->n_dead = mark.n_dead;
        if (builder_n_events(builder) == 0)
                arena_reset(&builder->arena);
}

static size_t row_bytes(const struct builder *builder)
{
        size_t bytes = builder->has_fingerprints ? sizeof(uint64_t) : 0;

        for (uint32_t c = 0; c < builder->n_columns; c++) {
                const struct builder_spec *spec = &builder->columns[c].spec;

                bytes += phys_bytes(spec->phys) + (spec->is_nullable ? 1 : 0);
                bytes += spec->intern != NULL || spec->dict != NULL ? sizeof(uint32_t) : 0;
        }
        return bytes;
}

int builder_reserve(struct builder *builder, uint32_t n, struct err *err)
{
        size_t capacity = builder->capacity == 0 ? ROWS_FIRST : builder->capacity;
        size_t bytes;

        if (builder->capacity - builder->n_rows >= n)
                return 0;
        while (capacity - builder->n_rows < n)
                capacity *= 2;
        bytes = capacity * row_bytes(builder);
        if (capacity > UINT32_MAX || bytes > LIMIT_BUILDER_BYTES)
                return builder_overflow(err);
        for (uint32_t c = 0; c < builder->n_columns; c++) {
                struct builder_column *column = &builder->columns[c];
                const struct builder_spec *spec = &column->spec;

                column->data = alloc_resize(column->data, capacity, phys_bytes(spec->phys));
                if (spec->is_unstored)
                        memset(column->data, 0, capacity * phys_bytes(spec->phys));
                if (spec->is_nullable)
                        column->present = alloc_resize(column->present, capacity, 1);
                if (spec->intern != NULL || spec->dict != NULL)
                        column->code = alloc_resize(column->code, capacity, sizeof(*column->code));
        }
        if (builder->has_fingerprints)
                builder->fingerprint = alloc_resize(builder->fingerprint, capacity, sizeof(*builder->fingerprint));
        builder->capacity = (uint32_t)capacity;
        builder->column_bytes = bytes;
        return 0;
}

/* Short strings are copied in whole words, what stands behind them included. */
static bool copy_text(struct builder *builder, struct slice text, struct slice *ret_copy)
{
        bool is_short = text.len <= COPY_SHORT_BYTES_MAX;
        size_t room = is_short ? (text.len + BUILDER_PAD_BYTES - 1) & ~(size_t)(BUILDER_PAD_BYTES - 1) : text.len;
        uint8_t *copy = arena_take(&builder->arena, room, 1);

        if (__builtin_expect(copy == NULL, 0))
                return false;
        if (is_short) {
                for (size_t at = 0; at < text.len; at += BUILDER_PAD_BYTES)
                        memcpy(copy + at, text.data + at, BUILDER_PAD_BYTES);
        } else {
                memcpy(copy, text.data, text.len);
        }
        *ret_copy = slice_make(copy, text.len);
        return true;
}

bool builder_put_text(struct builder *builder, uint32_t c, uint32_t row, struct slice text)
{
        struct builder_column *column = &builder->columns[c];

        if (column->spec.intern != NULL) {
                uint32_t code = intern_code(column->spec.intern, text.data, text.len);

                column->code[row] = code;
                if (code != INTERN_CODE_NONE)
                        return true;
                column->has_uncoded = true;
        }
        return copy_text(builder, text, &column->str[row]);
}

void builder_move_row(struct builder *builder, uint32_t from, uint32_t to)
{
        for (uint32_t c = 0; c < builder->n_columns; c++) {
                struct builder_column *column = &builder->columns[c];
                size_t bytes = phys_bytes(column->spec.phys);

                memcpy((uint8_t *)column->data + bytes * to, (uint8_t *)column->data + bytes * from, bytes);
                if (column->present != NULL)
                        column->present[to] = column->present[from];
                if (column->code != NULL)
                        column->code[to] = column->code[from];
        }
        if (builder->fingerprint != NULL)
                builder->fingerprint[to] = builder->fingerprint[from];
}

int builder_append_dead(struct builder *builder, enum reason reason, struct slice field, struct slice body,
                        struct err *err)
{
        struct slice kept = slice_make(body.data, body.len < LIMIT_DEAD_BODY_BYTES ? body.len : LIMIT_DEAD_BODY_BYTES);
        struct builder_dead *dead;

        if (builder->n_dead == builder->dead_capacity) {
                size_t capacity = builder->dead_capacity == 0 ? DEAD_FIRST : (size_t)builder->dead_capacity * 2;

                if (capacity * sizeof(*dead) > LIMIT_BUILDER_BYTES)
                        return builder_overflow(err);
                builder->dead = alloc_resize(builder->dead, capacity, sizeof(*builder->dead));
                builder->dead_capacity = (uint32_t)capacity;
        }
        kept = arena_copy(&builder->arena, kept);
        if (kept.data == NULL && kept.len > 0)
                return builder_overflow(err);
        dead = &builder->dead[builder->n_dead];
        *dead = (struct builder_dead){.event = builder_n_events(builder),
                                      .row = builder->n_rows,
                                      .reason = reason,
                                      .field = field,
                                      .body_bytes = (uint32_t)body.len,
                                      .body = kept};
        builder->n_dead++;
        return 0;
}

/* One bit per byte of `present`; NULL when all are set. */
static uint64_t *bitmap_from_bytes(const uint8_t *present, uint32_t n, struct arena *arena)
{
        uint64_t *bitmap;
        uint32_t i = 0;

        if (present == NULL || memchr(present, 0, n) == NULL)
                return NULL;
        bitmap = arena_zero(arena, bitmap_words(n) * sizeof(uint64_t), sizeof(uint64_t));
        /* Eight bytes of 0 or 1 become eight bits by one multiplication. */
        for (; n - i >= 8; i += 8) {
                uint64_t bits = (bytes_get_u64(present + i) * UINT64_C(0x0102040810204080)) >> 56;

                bitmap[i / 64] |= bits << (i % 64);
        }
        for (; i < n; i++)
                bitmap[i / 64] |= (uint64_t)present[i] << (i % 64);
        return bitmap;
}

/* Fills in the strings that are known by their codes. */
static void fill_strings(struct builder_column *column, const struct vector_dict *dict, uint32_t n)
{
        const struct slice *entries = dict->entry;
        const uint32_t *code = column->code;
        struct slice *str = column->str;

        if (!column->has_uncoded) {
                for (uint32_t i = 0; i < n; i++)
                        str[i] = entries[code[i]];
                return;
        }
        for (uint32_t i = 0; i < n; i++) {
                if (code[i] != INTERN_CODE_NONE)
                        str[i] = entries[code[i]];
        }
}

static void column_vector(struct builder *builder, struct builder_column *column, struct vector *ret_vector)
{
        const struct vector_dict *dict = builder_column_dict(column);
        uint32_t n = builder->n_rows;

        if (n == 0) { /* maybe without arrays yet, and an empty vector has an address, too */
                vector_init(ret_vector, column->spec.phys, 0, &builder->views);
                return;
        }
        ret_vector->phys = column->spec.phys;
        ret_vector->data = column->data;
        ret_vector->valid = bitmap_from_bytes(column->present, n, &builder->views);
        if (dict == NULL)
                return;
        fill_strings(column, dict, n);
        if (!column->has_uncoded) {
                ret_vector->code = column->code;
                ret_vector->dict = dict;
        }
}

void builder_batch(struct builder *builder, struct batch *ret_batch)
{
        struct vector *vectors = arena_new_n(&builder->views, struct vector, builder->n_columns + 1u);

        for (uint32_t c = 0; c < builder->n_columns; c++)
                column_vector(builder, &builder->columns[c], &vectors[c]);
        *ret_batch = (struct batch){.n_rows = builder->n_rows, .n_columns = builder->n_columns, .columns = vectors};
}
