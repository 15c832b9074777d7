/* record_row.c - how wide rows are. See record_row.h. */
#include "sidecar/job/record_row.h"

#include "sidecar/column/codec.h"

static size_t bytes_of(const struct batch *rows, uint32_t from, uint32_t n)
{
        size_t bytes = 0;

        for (uint32_t i = 0; i < rows->n_columns; i++)
                bytes += codec_bound(&rows->columns[i], from, n);
        return bytes;
}

size_t record_row_bytes(const struct batch *rows, uint32_t row)
{
        return bytes_of(rows, row, 1);
}

size_t record_row_bytes_all(const struct batch *rows)
{
        return bytes_of(rows, 0, rows->n_rows);
}
