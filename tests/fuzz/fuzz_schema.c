/* fuzz_schema.c - the schema parser on any text. What it takes has values of a known least size and can be
 * described, and the walk over data of that schema ends. */
#include "avro/schema.h"
#include "sidecar/base/alloc.h"
#include "sidecar/column/skip.h"
#include "tests/lib/fuzz.h"

#include <stdlib.h>

enum { PAD_BYTES = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
        struct schema *schema = NULL;
        struct err err;
        char text[SCHEMA_TEXT_BYTES];
        struct skip skip;
        uint8_t *padded;
        const uint8_t *next;

        if (schema_parse(slice_make(data, len), &schema, &err) < 0)
                return 0;
        schema_describe(schema_root(schema), text);
        padded = alloc_zero(1, len + PAD_BYTES);
        memcpy(padded, data, len); /* the schema's own text as data of it */
        skip = skip_make(padded + len);
        next = skip_value(&skip, schema_root(schema), padded);
        if (next != NULL && (uint64_t)(next - padded) < schema_root(schema)->min_bytes)
                abort();
        alloc_free(padded);
        schema_free(schema);
        return 0;
}
