/* watermark.c - origins and their minimum. See watermark.h.
 *
 * In a checkpoint, little-endian:
 *   8  table_ms
 *   1  flags: 1 is_ended
 *   8  stand_ms
 *   8  stand_since_ms
 *   varint  number of origins, then for each in order of first appearance
 *     varint + bytes  name
 *     1  flags: 1 idle
 *     8  watermark_ms
 *     8  active_ms */
#include "sidecar/window/watermark.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

enum { ORIGINS_FIRST = 4 };

void watermark_init(struct watermark *mark, int64_t idle_timeout_ms, bool is_advancing)
{
        *mark = (struct watermark){.idle_timeout_ms = idle_timeout_ms,
                                   .is_advancing = is_advancing,
                                   .table_ms = WATERMARK_NONE,
                                   .stand_ms = WATERMARK_NONE,
                                   .capacity = ORIGINS_FIRST};
        mark->origins = alloc_zero(mark->capacity, sizeof *mark->origins);
        mark->tree = alloc_array((size_t)mark->capacity * 2, sizeof *mark->tree);
        for (uint32_t i = 0; i < mark->capacity * 2; i++)
                mark->tree[i] = INT64_MAX;
        hash_key_draw(&mark->hash_key);
        mark->index = alloc_zero((size_t)mark->capacity * 4, sizeof *mark->index);
}

void watermark_done(struct watermark *mark)
{
        for (uint32_t i = 0; i < mark->n_origins; i++)
                alloc_free(mark->origins[i].name);
        alloc_free(mark->origins);
        alloc_free(mark->tree);
        alloc_free(mark->index);
        memset(mark, 0, sizeof *mark);
}

static int64_t min_ms(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

/* What an origin holds the table to. */
static int64_t leaf_of(const struct watermark_origin *origin)
{
        return origin->is_idle ? INT64_MAX : origin->watermark_ms;
}

static void set_leaf(struct watermark *mark, uint32_t origin)
{
        uint32_t at = mark->capacity + origin;

        mark->tree[at] = leaf_of(&mark->origins[origin]);
        for (at /= 2; at >= 1; at /= 2) {
                int64_t least = min_ms(mark->tree[2 * at], mark->tree[2 * at + 1]);

                if (mark->tree[at] == least)
                        return;
                mark->tree[at] = least;
        }
}

static void build_tree(struct watermark *mark)
{
        for (uint32_t i = 0; i < mark->capacity; i++)
                mark->tree[mark->capacity + i] = i < mark->n_origins ? leaf_of(&mark->origins[i]) : INT64_MAX;
        for (uint32_t at = mark->capacity - 1; at >= 1; at--)
                mark->tree[at] = min_ms(mark->tree[2 * at], mark->tree[2 * at + 1]);
}

static uint32_t index_slot(const struct watermark *mark, struct slice name)
{
        return (uint32_t)hash_bytes(&mark->hash_key, name.data, name.len) & (mark->capacity * 4 - 1);
}

static void index_origin(struct watermark *mark, uint32_t origin)
{
        uint32_t at = index_slot(mark, slice_make(mark->origins[origin].name, mark->origins[origin].name_len));

        while (mark->index[at] != 0)
                at = (at + 1) & (mark->capacity * 4 - 1);
        mark->index[at] = origin + 1;
}

static void build_index(struct watermark *mark)
{
        mark->index = alloc_resize(mark->index, (size_t)mark->capacity * 4, sizeof *mark->index);
        memset(mark->index, 0, (size_t)mark->capacity * 4 * sizeof *mark->index);
        for (uint32_t i = 0; i < mark->n_origins; i++)
                index_origin(mark, i);
}

static bool is_all_idle(const struct watermark *mark)
{
        return mark->n_idle == mark->n_origins;
}

/* The table follows the least origin, forward only. */
static int64_t follow(struct watermark *mark)
{
        if (!is_all_idle(mark) && !mark->is_ended && mark->tree[1] > mark->table_ms)
                mark->table_ms = mark->tree[1];
        return mark->table_ms;
}

int64_t watermark_others(const struct watermark *mark, uint32_t origin)
{
        int64_t least = INT64_MAX;

        for (uint32_t at = mark->capacity + origin; at > 1; at /= 2)
                least = min_ms(least, mark->tree[at ^ 1]);
        return least;
}

static bool is_named(const struct watermark_origin *origin, struct slice name)
{
        return slice_is_equal(slice_make(origin->name, origin->name_len), name);
}

/* Forgets the origin that has been silent longest, the first of equals. */
static void forget_one(struct watermark *mark)
{
        uint32_t oldest = 0;

        for (uint32_t i = 1; i < mark->n_origins; i++)
                if (mark->origins[i].active_ms < mark->origins[oldest].active_ms)
                        oldest = i;
        mark->n_idle -= mark->origins[oldest].is_idle;
        alloc_free(mark->origins[oldest].name);
        memmove(&mark->origins[oldest], &mark->origins[oldest + 1],
                (mark->n_origins - oldest - 1) * sizeof *mark->origins);
        mark->n_origins--;
        build_tree(mark);
        build_index(mark);
}

static void add_origin(struct watermark *mark, const struct watermark_origin *origin)
{
        if (mark->n_origins == mark->capacity) {
                mark->capacity *= 2;
                mark->origins = alloc_resize(mark->origins, mark->capacity, sizeof *mark->origins);
                mark->tree = alloc_resize(mark->tree, (size_t)mark->capacity * 2, sizeof *mark->tree);
                mark->origins[mark->n_origins++] = *origin;
                build_tree(mark);
                build_index(mark);
                return;
        }
        mark->origins[mark->n_origins++] = *origin;
        set_leaf(mark, mark->n_origins - 1);
        index_origin(mark, mark->n_origins - 1);
}

static bool is_known(struct watermark *mark, struct slice name, uint32_t *ret_origin)
{
        for (uint32_t at = index_slot(mark, name); mark->index[at] != 0; at = (at + 1) & (mark->capacity * 4 - 1))
                if (is_named(&mark->origins[mark->index[at] - 1], name)) {
                        *ret_origin = mark->index[at] - 1;
                        return true;
                }
        return false;
}

static uint32_t find_origin(struct watermark *mark, struct slice name)
{
        if (mark->last < mark->n_origins && is_named(&mark->origins[mark->last], name))
                return mark->last;
        if (is_known(mark, name, &mark->last))
                return mark->last;
        if (mark->n_origins >= LIMIT_ORIGINS)
                forget_one(mark);
        add_origin(mark, &(struct watermark_origin){.name = alloc_text_n(name.data, name.len),
                                                    .name_len = (uint32_t)name.len,
                                                    .watermark_ms = WATERMARK_NONE});
        return mark->last = mark->n_origins - 1;
}

uint32_t watermark_touch(struct watermark *mark, struct slice name, int64_t arrival_ms)
{
        uint32_t at = find_origin(mark, name);
        struct watermark_origin *origin = &mark->origins[at];

        origin->active_ms = arrival_ms;
        if (origin->is_idle) {
                origin->is_idle = false;
                mark->n_idle--;
                set_leaf(mark, at);
        }
        return at;
}

int64_t watermark_raise(struct watermark *mark, uint32_t origin, int64_t candidate_ms)
{
        if (candidate_ms <= 0 || candidate_ms <= mark->origins[origin].watermark_ms)
                return mark->table_ms;
        mark->origins[origin].watermark_ms = candidate_ms;
        set_leaf(mark, origin);
        return follow(mark);
}

/* All origins fell idle at this tick: from here the clock may move the table. */
static void begin_stand(struct watermark *mark)
{
        mark->stand_ms = mark->table_ms;
        mark->stand_since_ms = INT64_MIN;
        for (uint32_t i = 0; i < mark->n_origins; i++)
                if (mark->origins[i].active_ms > mark->stand_since_ms)
                        mark->stand_since_ms = mark->origins[i].active_ms;
}

int64_t watermark_tick(struct watermark *mark, int64_t now_ms, bool is_ready)
{
        bool was_all_idle = is_all_idle(mark);
        int64_t moved;

        if (mark->is_ended || mark->n_origins == 0)
                return mark->table_ms;
        for (uint32_t i = 0; i < mark->n_origins; i++) {
                struct watermark_origin *origin = &mark->origins[i];

                if (is_ready) {
                        origin->active_ms = now_ms > origin->active_ms ? now_ms : origin->active_ms;
                        mark->n_idle -= origin->is_idle;
                        origin->is_idle = false;
                } else if (!origin->is_idle && mark->idle_timeout_ms > 0 &&
                           now_ms - origin->active_ms >= mark->idle_timeout_ms) {
                        origin->is_idle = true;
                        mark->n_idle++;
                } else {
                        continue;
                }
                set_leaf(mark, i);
        }
        follow(mark);
        if (!is_all_idle(mark))
                return mark->table_ms;
        if (!was_all_idle)
                begin_stand(mark);
        if (!mark->is_advancing || mark->stand_ms == WATERMARK_NONE)
                return mark->table_ms;
        moved = mark->stand_ms + (now_ms - mark->stand_since_ms);
        if (moved > mark->table_ms)
                mark->table_ms = moved;
        return mark->table_ms;
}

int64_t watermark_end(struct watermark *mark)
{
        mark->is_ended = true;
        return mark->table_ms = WATERMARK_END;
}

void watermark_save(const struct watermark *mark, struct bytes *bytes)
{
        bytes_append_u64(bytes, (uint64_t)mark->table_ms);
        bytes_append_byte(bytes, mark->is_ended);
        bytes_append_u64(bytes, (uint64_t)mark->stand_ms);
        bytes_append_u64(bytes, (uint64_t)mark->stand_since_ms);
        bytes_append_varint(bytes, mark->n_origins);
        for (uint32_t i = 0; i < mark->n_origins; i++) {
                const struct watermark_origin *origin = &mark->origins[i];

                bytes_append_lenslice(bytes, slice_make(origin->name, origin->name_len));
                bytes_append_byte(bytes, origin->is_idle);
                bytes_append_u64(bytes, (uint64_t)origin->watermark_ms);
                bytes_append_u64(bytes, (uint64_t)origin->active_ms);
        }
}

/* Clock times of real machines: sums of two of them fit. */
static bool is_sane(int64_t ms)
{
        return ms > INT64_MIN / 4 && ms < INT64_MAX / 4;
}

static int load_origin(struct watermark *mark, struct bytes_reader *reader, struct err *err)
{
        struct slice name = bytes_read_text(reader);
        uint8_t is_idle = bytes_read_u8(reader);
        struct watermark_origin origin = {.is_idle = is_idle == 1, .name_len = (uint32_t)name.len};
        uint32_t twin;

        origin.watermark_ms = (int64_t)bytes_read_u64(reader);
        origin.active_ms = (int64_t)bytes_read_u64(reader);
        if (reader->failed || is_idle > 1 || name.len > LIMIT_HEADER_BYTES || !is_sane(origin.active_ms) ||
            (origin.watermark_ms <= 0 && origin.watermark_ms != WATERMARK_NONE))
                return err_set(err, ERR_DATA, "origin %u of a watermark is damaged", mark->n_origins);
        if (is_known(mark, name, &twin))
                return err_set(err, ERR_DATA, "origins %u and %u of a watermark are one", twin, mark->n_origins);
        origin.name = alloc_text_n(name.data, name.len);
        mark->n_idle += origin.is_idle;
        add_origin(mark, &origin);
        return 0;
}

int watermark_load(struct watermark *mark, struct bytes_reader *reader, struct err *err)
{
        uint64_t n;
        uint8_t flags;

        mark->table_ms = (int64_t)bytes_read_u64(reader);
        flags = bytes_read_u8(reader);
        mark->is_ended = flags == 1;
        mark->stand_ms = (int64_t)bytes_read_u64(reader);
        mark->stand_since_ms = (int64_t)bytes_read_u64(reader);
        n = bytes_read_varint(reader);
        if (reader->failed || flags > 1 || n > LIMIT_ORIGINS || mark->is_ended != (mark->table_ms == WATERMARK_END))
                return err_set(err, ERR_DATA, "a watermark's head is damaged");
        if (mark->stand_ms != WATERMARK_NONE && (!is_sane(mark->stand_ms) || !is_sane(mark->stand_since_ms)))
                return err_set(err, ERR_DATA, "a watermark's times are damaged");
        for (uint64_t i = 0; i < n; i++)
                if (load_origin(mark, reader, err) < 0)
                        return -1;
        return 0;
}
