/* value.h - values as text, both ways, exactly as Flink's CAST to and from STRING (sql-semantics.md 4.2).
 *
 * Used by the evaluator, sinks, text formats and EXPLAIN. */
#ifndef WEIR_SIDECAR_COLUMN_VALUE_H
#define WEIR_SIDECAR_COLUMN_VALUE_H

#include "sidecar/column/batch.h"

struct bytes;

/* Appends CAST(value AS STRING): 'TRUE', '1.0E7', '2024-02-29 23:59:58.987'; binary as it is; nothing for NULL. */
void value_format(const struct type *type, const struct value *value, struct bytes *text);
/* Numbers and times (not strings) into a caller's buffer; returns the length. */
enum { VALUE_TEXT_BYTES = 64 };
size_t value_format_short(const struct type *type, const struct value *value, char text[VALUE_TEXT_BYTES]);

/* CAST(text AS type): VALUE_E_BAD when it does not convert. Strings are cut or padded to the type's length; what is not
 * a part of `text` is made in `arena`. */
enum { VALUE_E_BAD = 1 };
int value_parse(const struct type *type, struct slice text, struct arena *arena, struct value *ret_value)
        __attribute__((warn_unused_result));

/* Cuts a string to the length of its type, pads CHAR with blanks and BINARY with zeros (made in `arena`, else a part of
 * `text`). */
struct slice value_fit_length(const struct type *type, struct slice text, struct arena *arena);

#endif
