/* builder.h - a batch in the making: rows arrive one after the other, columns come out.
 *
 * Decoders (decode.h, json.h) append to a builder; whoever owns it takes the batch when a frame, a file block
 * or a few thousand lines are complete. All or nothing: builder_mark before a frame, builder_rollback to forget
 * what came after. Events that did not decode are kept beside the rows as dead letters, in order.
 *
 * Everything the batch points to lives in the builder (or in the decoder's dictionaries) until builder_reset,
 * builder_rollback or builder_done; nothing points into received bytes. Storage grows with what is appended, at
 * most to LIMIT_BUILDER_BYTES, and is kept for reuse. One thread. */
#ifndef WEIR_SIDECAR_COLUMN_BUILDER_H
#define WEIR_SIDECAR_COLUMN_BUILDER_H

#include "sidecar/base/err.h"
#include "sidecar/column/batch.h"
#include "sidecar/column/intern.h"
#include "sidecar/column/reason.h"

struct builder_spec { /* what a column needs; decoders make these */
        enum phys phys;
        bool is_nullable;
        bool is_unstored;               /* strings: nobody writes or reads them, all are empty */
        struct intern *intern;          /* strings: the dictionary to use while it is open, or NULL */
        const struct vector_dict *dict; /* strings of a closed set (enum): the decoder writes the codes; the last entry
                                           is the empty string that stands for NULL */
};

struct builder_column {
        struct builder_spec spec;
        union {
                int64_t *i64;
                double *f64;
                weir_i128 *dec;
                struct slice *str; /* rows with a code are filled in by builder_batch */
                void *data;
        };
        uint8_t *present; /* 1: not NULL; with spec.is_nullable, else NULL */
        uint32_t *code;   /* strings with a dictionary, else NULL; INTERN_CODE_NONE: str holds the value */
        bool has_uncoded; /* some row has no code */
};

struct builder_dead {
        uint32_t event;      /* number of the event in this batch, dead ones counted, from 0 */
        uint32_t row;        /* rows before it */
        enum reason reason;
        struct slice field;  /* "bid.price": where decoding stopped; lives as long as the decoder */
        uint32_t body_bytes; /* of the whole body */
        struct slice body;   /* cut at LIMIT_DEAD_BODY_BYTES */
};

struct builder {
        uint32_t n_columns;
        struct builder_column *columns;
        uint32_t n_rows, capacity; /* rows complete; room in every array */
        uint32_t n_dead, dead_capacity;
        struct builder_dead *dead;
        bool has_fingerprints;
        uint64_t *fingerprint; /* one per row, with has_fingerprints */
        size_t column_bytes;   /* held by the arrays */
        struct arena arena;    /* bytes of strings and bodies, within LIMIT_BUILDER_BYTES */
        struct arena views;    /* bitmaps and vectors of builder_batch */
};

/* specs are copied, what they point to is borrowed. Takes no memory before the first row. */
void builder_init(struct builder *builder, const struct builder_spec *specs, uint32_t n_columns, bool has_fingerprints);
void builder_done(struct builder *builder);
/* Memory that rows hold, and that stays for the next ones. */
static inline size_t builder_held_bytes(const struct builder *builder)
{
        return builder->column_bytes + builder->dead_capacity * sizeof(*builder->dead) + builder->arena.held_bytes;
}
/* Forgets all rows, keeps ordinary storage for the next batch and gives back what an unusually large one took. */
void builder_reset(struct builder *builder);
/* For connections that fall idle: gives everything back; the next row takes it again. */
void builder_trim(struct builder *builder);

struct builder_mark {
        uint32_t n_rows, n_dead;
};
struct builder_mark builder_mark(const struct builder *builder);
void builder_rollback(struct builder *builder, struct builder_mark mark);
static inline uint32_t builder_n_events(const struct builder *builder)
{
        return builder->n_rows + builder->n_dead;
}

/* The rows as columns; fills strings from their codes and makes validity bitmaps. May be called again after more
 * rows came. */
void builder_batch(struct builder *builder, struct batch *ret_batch);

/* For decoders. Room for n more rows in every array; -1 when LIMIT_BUILDER_BYTES would be passed. Decoders
 * write rows n_rows.. in every array (`present` and, for rows that are NULL, a zero value and the dictionary's
 * empty string included), then add to n_rows. */
int builder_reserve(struct builder *builder, uint32_t n, struct err *err) WEIR_MUST_CHECK;
/* A dead letter after the rows and dead letters so far; the body is copied. */
int builder_append_dead(struct builder *builder, enum reason reason, struct slice field, struct slice body,
                        struct err *err) WEIR_MUST_CHECK;
/* Row `row` of a nullable column is NULL. */
static inline void builder_set_null(struct builder *builder, uint32_t c, uint32_t row)
{
        struct builder_column *column = &builder->columns[c];

        column->present[row] = 0;
        if (column->spec.phys == PHYS_STR)
                column->str[row] = slice_make(NULL, 0);
        else if (column->spec.phys == PHYS_DEC)
                column->dec[row] = 0;
        else if (column->spec.phys == PHYS_F64)
                column->f64[row] = 0;
        else
                column->i64[row] = 0;
        if (column->code != NULL)
                column->code[row] = column->spec.dict == NULL ? 0 : column->spec.dict->n_entries - 1;
}
/* A string for `row` of a column: interned while it has an open dictionary, else copied. BUILDER_PAD_BYTES
 * behind it must be readable. false: no room within LIMIT_BUILDER_BYTES. */
enum { BUILDER_PAD_BYTES = 16 };
bool builder_put_text(struct builder *builder, uint32_t c, uint32_t row, struct slice text) WEIR_MUST_CHECK;
/* Takes a row over another, for decoders that drop rows. */
void builder_move_row(struct builder *builder, uint32_t from, uint32_t to);
/* NULL: the column has no dictionary. */
static inline const struct vector_dict *builder_column_dict(const struct builder_column *column)
{
        return column->spec.intern != NULL ? &column->spec.intern->dict : column->spec.dict;
}
/* The error of a batch that passes LIMIT_BUILDER_BYTES. */
int builder_overflow(struct err *err);

#endif
