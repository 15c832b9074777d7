/* skip.h - walks over one Avro value of any schema without keeping any of it.
 *
 * Everything is validated on the way: lengths and counts against the bytes that are left, branches and enum
 * indexes against the schema, nesting against LIMIT_DATUM_DEPTH (records, arrays and maps count), items that
 * take no bytes against LIMIT_ZERO_SIZE_ITEMS. So the cost is proportional to the bytes walked over. Any
 * thread. */
#ifndef WEIR_SIDECAR_COLUMN_SKIP_H
#define WEIR_SIDECAR_COLUMN_SKIP_H

#include "avro/schema.h"
#include "sidecar/column/reason.h"

struct skip {
        const uint8_t *end;
        uint32_t n_empty_items; /* seen in this datum */
        enum reason reason;     /* why skip_value gave NULL */
};

static inline struct skip skip_make(const uint8_t *end)
{
        return (struct skip){.end = end};
}

/* The position behind the value at `at`, or NULL. VARINT_PAD_BYTES behind the end must be readable. */
const uint8_t *skip_value(struct skip *skip, const struct schema_node *node, const uint8_t *at);

#endif
