/* skip.c - a recursive walk; LIMIT_DATUM_DEPTH bounds the stack. */
#include "sidecar/column/skip.h"

#include "sidecar/base/limits.h"
#include "sidecar/column/varint.h"

static const uint8_t *walk(struct skip *skip, const struct schema_node *node, const uint8_t *at, unsigned depth);

static const uint8_t *fail(struct skip *skip, enum reason reason)
{
        skip->reason = reason;
        return NULL;
}

static const uint8_t *read_long(struct skip *skip, const uint8_t *at, int64_t *ret_value)
{
        uint64_t raw;
        const uint8_t *next = varint_read(at, false, &raw);

        if (next == NULL)
                return fail(skip, skip->end - at < VARINT_BYTES_MAX ? REASON_TRUNCATED : REASON_BAD_VARINT);
        if (next > skip->end)
                return fail(skip, REASON_TRUNCATED);
        *ret_value = varint_unzigzag(raw);
        return next;
}

static const uint8_t *walk_bytes(struct skip *skip, const uint8_t *at, uint64_t len)
{
        if (len > (uint64_t)(skip->end - at))
                return fail(skip, REASON_TRUNCATED);
        return at + len;
}

static const uint8_t *walk_text(struct skip *skip, const uint8_t *at)
{
        int64_t len;

        at = read_long(skip, at, &len);
        if (at == NULL)
                return NULL;
        return len < 0 ? fail(skip, REASON_BAD_LENGTH) : walk_bytes(skip, at, (uint64_t)len);
}

static const uint8_t *walk_int(struct skip *skip, const uint8_t *at)
{
        int64_t value;

        at = read_long(skip, at, &value);
        if (at == NULL)
                return NULL;
        return value < INT32_MIN || value > INT32_MAX ? fail(skip, REASON_BAD_INT) : at;
}

/* An index below n: enum symbol or union branch. */
static const uint8_t *walk_index(struct skip *skip, const uint8_t *at, uint32_t n, enum reason reason,
                                 uint32_t *ret_index)
{
        int64_t index;

        at = read_long(skip, at, &index);
        if (at == NULL)
                return NULL;
        if (index < 0 || index >= n)
                return fail(skip, reason);
        *ret_index = (uint32_t)index;
        return at;
}

static const uint8_t *walk_union(struct skip *skip, const struct schema_node *node, const uint8_t *at, unsigned depth)
{
        uint32_t branch;

        at = walk_index(skip, at, node->n_branches, REASON_BAD_BRANCH, &branch);
        return at == NULL ? NULL : walk(skip, node->branches[branch], at, depth);
}

static const uint8_t *walk_record(struct skip *skip, const struct schema_node *node, const uint8_t *at, unsigned depth)
{
        for (uint32_t i = 0; i < node->n_fields && at != NULL; i++)
                at = walk(skip, node->fields[i].type, at, depth);
        return at;
}

/* The items of one block. */
static const uint8_t *walk_items(struct skip *skip, const struct schema_node *node, const uint8_t *at, uint64_t n,
                                 unsigned depth)
{
        bool is_map = node->kind == SCHEMA_MAP;
        uint64_t min_bytes = node->items->min_bytes + (is_map ? 1 : 0);

        if (min_bytes == 0) { /* such items never take bytes: there is nothing to walk */
                if (n > LIMIT_ZERO_SIZE_ITEMS - skip->n_empty_items)
                        return fail(skip, REASON_TOO_MANY_ITEMS);
                skip->n_empty_items += (uint32_t)n;
                return at;
        }
        if (n > (uint64_t)(skip->end - at) / min_bytes)
                return fail(skip, REASON_BAD_BLOCK);
        for (; n > 0 && at != NULL; n--) {
                if (is_map)
                        at = walk_text(skip, at);
                if (at != NULL)
                        at = walk(skip, node->items, at, depth);
        }
        return at;
}

static const uint8_t *walk_blocks(struct skip *skip, const struct schema_node *node, const uint8_t *at, unsigned depth)
{
        for (;;) {
                const uint8_t *block_end = NULL;
                int64_t n, size;

                at = read_long(skip, at, &n);
                if (at == NULL || n == 0)
                        return at;
                if (n < 0) { /* -n items behind their size in bytes, which must be right */
                        at = read_long(skip, at, &size);
                        if (at == NULL)
                                return NULL;
                        if (n == INT64_MIN || size < 0 || size > skip->end - at)
                                return fail(skip, REASON_BAD_BLOCK);
                        n = -n;
                        block_end = at + size;
                }
                at = walk_items(skip, node, at, (uint64_t)n, depth);
                if (at == NULL)
                        return NULL;
                if (block_end != NULL && at != block_end)
                        return fail(skip, REASON_BAD_BLOCK);
        }
}

static const uint8_t *walk(struct skip *skip, const struct schema_node *node, const uint8_t *at, unsigned depth)
{
        uint32_t symbol;
        int64_t value;

        switch (node->kind) {
        case SCHEMA_NULL:
                return at;
        case SCHEMA_BOOLEAN:
                if (at >= skip->end)
                        return fail(skip, REASON_TRUNCATED);
                return *at > 1 ? fail(skip, REASON_BAD_BOOLEAN) : at + 1;
        case SCHEMA_INT:
                return walk_int(skip, at);
        case SCHEMA_LONG:
                return read_long(skip, at, &value);
        case SCHEMA_FLOAT:
                return walk_bytes(skip, at, 4);
        case SCHEMA_DOUBLE:
                return walk_bytes(skip, at, 8);
        case SCHEMA_BYTES:
        case SCHEMA_STRING:
                return walk_text(skip, at);
        case SCHEMA_ENUM:
                return walk_index(skip, at, node->n_symbols, REASON_BAD_SYMBOL, &symbol);
        case SCHEMA_FIXED:
                return walk_bytes(skip, at, node->fixed_bytes);
        case SCHEMA_UNION:
                return walk_union(skip, node, at, depth);
        case SCHEMA_RECORD:
        case SCHEMA_ARRAY:
        case SCHEMA_MAP:
                break;
        }
        if (node->min_bytes == 0) /* a record of nothing */
                return at;
        if (depth == LIMIT_DATUM_DEPTH)
                return fail(skip, REASON_TOO_DEEP);
        return node->kind == SCHEMA_RECORD ? walk_record(skip, node, at, depth + 1)
                                           : walk_blocks(skip, node, at, depth + 1);
}

const uint8_t *skip_value(struct skip *skip, const struct schema_node *node, const uint8_t *at)
{
        skip->n_empty_items = 0;
        return walk(skip, node, at, 0);
}
