/* keys_code.c - keys as bytes: composite ones in the table, all of them in checkpoints. See keys.h.
 *
 * Encoding of a KEYS_ROW key: a bit per column (set: NULL) in whole bytes, then each column that is not NULL: 8
 * bytes (PHYS_I64, PHYS_F64), 16 (PHYS_DEC), or a length of 4 and the bytes (PHYS_STR), all little-endian. Equal keys
 * have equal bytes: every NaN is written as one and the same; -0.0 and 0.0 are two keys, as in Flink. */
#include "sidecar/window/keys_internal.h"

static size_t encoded_bytes(const struct vector *column, uint32_t i)
{
        if (vector_is_null(column, i))
                return 0;
        switch (column->phys) {
        case PHYS_I64:
        case PHYS_F64:
                return 8;
        case PHYS_DEC:
                return 16;
        default:
                return 4 + column->str[i].len;
        }
}

static uint64_t f64_bits(double value)
{
        uint64_t bits;

        if (value != value)
                return UINT64_C(0x7ff8000000000000);
        memcpy(&bits, &value, 8);
        return bits;
}

static uint8_t *encode_column(const struct vector *column, uint32_t i, uint8_t *at)
{
        struct slice text;

        switch (column->phys) {
        case PHYS_I64:
                bytes_put_u64(at, (uint64_t)column->i64[i]);
                return at + 8;
        case PHYS_F64:
                bytes_put_u64(at, f64_bits(column->f64[i]));
                return at + 8;
        case PHYS_DEC:
                bytes_put_u64(at, (uint64_t)column->dec[i]);
                bytes_put_u64(at + 8, (uint64_t)(column->dec[i] >> 64));
                return at + 16;
        default:
                text = column->str[i];
                bytes_put_u32(at, (uint32_t)text.len);
                if (text.len > 0)
                        memcpy(at + 4, text.data, text.len);
                return at + 4 + text.len;
        }
}

void keys_encode(struct keys *keys, const struct vector *const *columns, uint32_t n)
{
        size_t null_bytes = (keys->n_columns + 7) / 8;
        size_t total = 0;
        uint8_t *at;

        for (uint32_t i = 0; i < n; i++) {
                total += null_bytes;
                for (uint32_t c = 0; c < keys->n_columns; c++)
                        total += encoded_bytes(columns[c], i);
        }
        bytes_reset(&keys->encoded);
        at = bytes_reserve(&keys->encoded, total);
        for (uint32_t i = 0; i < n; i++) {
                uint8_t *begin = at;

                memset(at, 0, null_bytes);
                at += null_bytes;
                for (uint32_t c = 0; c < keys->n_columns; c++)
                        if (vector_is_null(columns[c], i))
                                begin[c / 8] = (uint8_t)(begin[c / 8] | 1u << (c % 8));
                        else
                                at = encode_column(columns[c], i, at);
                keys->texts[i] = slice_make(begin, (size_t)(at - begin));
        }
}

static bool decode_column(struct bytes_reader *reader, enum phys phys, struct vector *column, uint32_t i)
{
        uint64_t low;

        switch (phys) {
        case PHYS_I64:
        case PHYS_F64:
                column->i64[i] = (int64_t)bytes_read_u64(reader);
                break;
        case PHYS_DEC:
                low = bytes_read_u64(reader);
                column->dec[i] = (weir_i128)((unsigned __int128)bytes_read_u64(reader) << 64 | low);
                break;
        default:
                column->str[i] = bytes_read_slice(reader, bytes_read_u32(reader));
                break;
        }
        return !reader->failed;
}

static void decode_row(const struct keys *keys, struct slice text, struct vector *columns, uint32_t i,
                       uint32_t capacity, struct arena *arena)
{
        struct bytes_reader reader = bytes_reader_make(text);
        struct slice nulls = bytes_read_slice(&reader, (keys->n_columns + 7) / 8);

        for (uint32_t c = 0; c < keys->n_columns; c++)
                if (nulls.data[c / 8] >> (c % 8) & 1)
                        vector_set_null(&columns[c], i, capacity, arena);
                else
                        decode_column(&reader, keys->phys[c], &columns[c], i);
}

void keys_decode(const struct keys *keys, const struct keys_frozen *frozen, const uint32_t *ids, uint32_t n,
                 struct vector *columns, uint32_t at, uint32_t capacity, struct arena *arena)
{
        if (keys->kind == KEYS_GLOBAL)
                return;
        for (uint32_t i = 0; i < n; i++) {
                struct block *block;

                if (keys->kind == KEYS_ROW)
                        decode_row(keys, keys_text(frozen->dir, ids[i]), columns, at + i, capacity, arena);
                else if (ids[i] == frozen->null_id)
                        vector_set_null(&columns[0], at + i, capacity, arena);
                else if (keys->kind == KEYS_I64)
                        columns[0].i64[at + i] = (int64_t)*keys_cell(frozen->dir, ids[i], &block);
                else
                        columns[0].str[at + i] = keys_text(frozen->dir, ids[i]);
        }
}

/* In a checkpoint: a byte (1: NULL key of a single column; nothing follows), then 8 bytes (KEYS_I64) or length and
 * bytes. */
void keys_frozen_append(const struct keys *keys, const struct keys_frozen *frozen, uint32_t id, struct bytes *bytes)
{
        struct block *block;

        if (keys->kind == KEYS_GLOBAL)
                return;
        bytes_append_byte(bytes, id == frozen->null_id);
        if (id == frozen->null_id)
                return;
        if (keys->kind == KEYS_I64)
                bytes_append_u64(bytes, *keys_cell(frozen->dir, id, &block));
        else
                bytes_append_lenslice(bytes, keys_text(frozen->dir, id));
}

/* Is this what encode_rows would have made? */
static bool is_encoded_row(const struct keys *keys, struct slice text)
{
        struct bytes_reader reader = bytes_reader_make(text);
        size_t null_bytes = (keys->n_columns + 7) / 8;
        struct slice nulls = bytes_read_slice(&reader, null_bytes);

        if (reader.failed)
                return false;
        for (uint32_t c = 0; c < null_bytes * 8; c++) {
                bool is_null = nulls.data[c / 8] >> (c % 8) & 1;
                int64_t word;
                weir_i128 wide;
                struct slice str;
                struct vector column = {.data = &word};

                if (c >= keys->n_columns) {
                        if (is_null)
                                return false;
                        continue;
                }
                if (keys->phys[c] == PHYS_DEC)
                        column.data = &wide;
                else if (keys->phys[c] == PHYS_STR)
                        column.data = &str;
                if (!is_null && !decode_column(&reader, keys->phys[c], &column, 0))
                        return false;
        }
        return reader.at == reader.end;
}

bool keys_restore(struct keys *keys, uint32_t id, struct bytes_reader *reader)
{
        bool is_null = keys->kind == KEYS_GLOBAL ? false : bytes_read_u8(reader) == 1;
        uint64_t value = 0;

        if (id >= LIMIT_WINDOW_KEYS || (keys->kind == KEYS_GLOBAL && id != 0))
                return false;
        keys_reserve(keys, id);
        if (!bitmap_get(keys->free, id) || (is_null && (keys->kind == KEYS_ROW || keys->null_id != KEYS_NO_ID)))
                return false;
        keys->values = (const int64_t *)&value;
        keys->valid = NULL;
        keys->texts[0] = slice_make(NULL, 0);
        if (keys->kind == KEYS_I64 && !is_null)
                value = bytes_read_u64(reader);
        else if (keys->kind >= KEYS_TEXT && !is_null)
                keys->texts[0] = bytes_read_text(reader);
        if (reader->failed || keys->texts[0].len > LIMIT_STRING_BYTES)
                return false;
        if (keys->kind == KEYS_ROW && !is_encoded_row(keys, keys->texts[0]))
                return false;
        keys->hashes[0] = keys_hash(keys, value, keys->texts[0]);
        if (!is_null && keys->kind != KEYS_GLOBAL && keys_find_row(keys, 0) != KEYS_NO_ID)
                return false;
        keys_take_id(keys, id);
        keys_store(keys, id, value, keys->texts[0]);
        if (is_null)
                keys->null_id = id;
        if (is_null || keys->kind == KEYS_GLOBAL)
                keys_mark_listed(keys, id);
        else
                keys_list(keys, keys->hashes[0], keys_row_value(keys, 0), id);
        return true;
}
