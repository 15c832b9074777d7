/* window_state.c - a windowed operator in a checkpoint. See window.h.
 *
 * A sequence of records, each a type (1 byte), the length of its payload (8 bytes) and the payload; little-endian. The
 * bytes are a function of what the operator knows, not of how it lies in memory: keys and entries are in order of ids,
 * panes in order of time, and what has left is not there.
 *
 *   1 COUNTS  8 counters of 8 bytes: in, used, late, failed, overflow, fired, rows_out, withheld.
 *             Always the first record.
 *   2 KEYS    keys in order of ids: each a varint (id - id of the key before - 1, the first of a record: id) and the
 *   key
 *             (keys.c). Every live key stands in one such record; a record ends when it is longer than 256 KiB.
 *   3 PANE    8 bytes: number of the pane; 8 bytes: its entries. Its entries follow.
 *   4 ENTRIES entries of the pane named last, in order of ids: varint as in KEYS, then the cells (agg.c) */
#include "sidecar/window/window_internal.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"

#include <assert.h>

enum record_kind { RECORD_COUNTS = 1, RECORD_KEYS, RECORD_PANE, RECORD_ENTRIES };

enum { RECORD_BYTES = 256 << 10, COUNTS = 8 };

struct window_frozen {
        struct window *window;
        struct window_counts counts;
        struct keys_frozen keys;
        uint32_t n_blocks; /* of the longest directory */
        /* Where writing stands: keys, then each sheet. */
        bool has_counts;
        bool has_head;    /* the PANE record of `sheet` is written */
        bool is_in_panes;
        uint32_t sheet, block, next;
        uint32_t n_list;  /* of the block at hand: ids within it, and where they are */
        uint16_t locals[BLOCK_IDS];
        uint16_t entries[BLOCK_IDS];
        uint32_t n_sheets;
        struct window_sheet sheets[];
};

struct window_frozen *window_freeze(struct window *window)
{
        struct window_frozen *frozen = alloc_zero(1, sizeof *frozen + window->n_panes * sizeof *frozen->sheets);

        assert(window->fires == NULL);
        frozen->window = window;
        frozen->counts = window->counts;
        keys_freeze(&window->keys, &frozen->keys);
        for (uint32_t i = 0; i < window->n_panes; i++) {
                struct window_pane *pane = window->panes[i];

                if (pane->n_entries == 0)
                        continue;
                frozen->sheets[frozen->n_sheets++] = (struct window_sheet){
                        .index = pane->index, .n_entries = pane->n_entries, .dir = block_map_freeze(&pane->map)};
                if (frozen->n_blocks < pane->map.dir->n)
                        frozen->n_blocks = pane->map.dir->n;
        }
        return frozen;
}

struct window_frozen *window_thaw(struct window *window, struct window_frozen *frozen)
{
        if (frozen == NULL)
                return NULL;
        for (uint32_t i = 0; i < frozen->n_sheets; i++)
                block_dir_drop(frozen->sheets[i].dir, &window->aggs.layout, &window->pool);
        keys_thaw(&window->keys, &frozen->keys);
        alloc_free(frozen);
        return NULL;
}

/* ---- writing ---- */

static size_t begin_record(struct bytes *part, enum record_kind kind)
{
        bytes_append_byte(part, (uint8_t)kind);
        bytes_append_u64(part, 0);
        return part->len;
}

static void end_record(struct bytes *part, size_t begin)
{
        bytes_put_u64(part->data + begin - 8, part->len - begin);
}

static void append_counts(const struct window_frozen *frozen, struct bytes *part)
{
        const struct window_counts *counts = &frozen->counts;
        uint64_t values[COUNTS] = {counts->in,       counts->used,  counts->late,     counts->failed,
                                   counts->overflow, counts->fired, counts->rows_out, counts->withheld};
        size_t begin = begin_record(part, RECORD_COUNTS);

        for (unsigned i = 0; i < COUNTS; i++)
                bytes_append_u64(part, values[i]);
        end_record(part, begin);
}

/* Ids of block `block` that any pane holds. */
static void list_live(struct window_frozen *frozen)
{
        uint64_t present[BLOCK_PRESENT_WORDS] = {0};

        for (uint32_t i = 0; i < frozen->n_sheets; i++) {
                const struct block_dir *dir = frozen->sheets[i].dir;

                if (frozen->block < dir->n && dir->blocks[frozen->block] != 0)
                        block_or_present(dir->blocks[frozen->block], present);
        }
        frozen->n_list = 0;
        for (uint32_t i = 0; i < BLOCK_IDS; i++)
                if (bitmap_get(present, i))
                        frozen->locals[frozen->n_list++] = (uint16_t)i;
}

/* Entries of a pane's block in order of ids. */
static void list_entries(struct window_frozen *frozen, uintptr_t entry)
{
        struct block_cursor cursor = block_cursor_make(entry);
        uint16_t by_local[BLOCK_IDS];
        uint64_t present[BLOCK_PRESENT_WORDS] = {0};
        uint32_t at, local;

        while (block_cursor_next(&cursor, &at, &local)) {
                bitmap_set(present, local);
                by_local[local] = (uint16_t)at;
        }
        frozen->n_list = 0;
        for (uint32_t i = 0; i < BLOCK_IDS; i++)
                if (bitmap_get(present, i)) {
                        frozen->locals[frozen->n_list] = (uint16_t)i;
                        frozen->entries[frozen->n_list++] = by_local[i];
                }
}

/* The next block with something in it, listed. false: there is none. */
static bool next_block(struct window_frozen *frozen)
{
        const struct block_dir *dir = frozen->is_in_panes ? frozen->sheets[frozen->sheet].dir : NULL;
        uint32_t n = dir == NULL ? frozen->n_blocks : dir->n;

        while (frozen->next >= frozen->n_list) {
                if (frozen->block >= n)
                        return false;
                frozen->next = 0;
                frozen->n_list = 0;
                if (dir == NULL)
                        list_live(frozen);
                else if (dir->blocks[frozen->block] != 0)
                        list_entries(frozen, dir->blocks[frozen->block]);
                frozen->block++;
        }
        return true;
}

/* One record of keys or entries: as many as there are, up to its length. */
static bool append_items(struct window_frozen *frozen, struct bytes *part)
{
        const struct window *window = frozen->window;
        const struct block_dir *dir = frozen->is_in_panes ? frozen->sheets[frozen->sheet].dir : NULL;
        uint32_t next_id = 0;
        size_t begin;

        if (!next_block(frozen))
                return false;
        begin = begin_record(part, dir == NULL ? RECORD_KEYS : RECORD_ENTRIES);
        do {
                uint32_t block = frozen->block - 1;
                uint32_t id = block * BLOCK_IDS + frozen->locals[frozen->next];

                bytes_append_varint(part, id - next_id);
                next_id = id + 1;
                if (dir == NULL)
                        keys_frozen_append(&window->keys, &frozen->keys, id, part);
                else
                        agg_entry_append(&window->aggs, block_of(dir->blocks[block]), frozen->entries[frozen->next],
                                         part);
                frozen->next++;
        } while (part->len - begin < RECORD_BYTES && next_block(frozen));
        end_record(part, begin);
        return true;
}

static void begin_list(struct window_frozen *frozen)
{
        frozen->block = 0;
        frozen->next = 0;
        frozen->n_list = 0;
}

bool window_frozen_next(struct window_frozen *frozen, struct bytes *part, size_t max_bytes)
{
        while (part->len < max_bytes) {
                if (!frozen->has_counts) {
                        append_counts(frozen, part);
                        frozen->has_counts = true;
                } else if (!frozen->is_in_panes) {
                        if (append_items(frozen, part))
                                continue;
                        frozen->is_in_panes = true;
                        begin_list(frozen);
                } else if (frozen->sheet >= frozen->n_sheets) {
                        return false;
                } else if (!frozen->has_head) {
                        size_t begin = begin_record(part, RECORD_PANE);

                        bytes_append_u64(part, (uint64_t)frozen->sheets[frozen->sheet].index);
                        bytes_append_u64(part, frozen->sheets[frozen->sheet].n_entries);
                        end_record(part, begin);
                        frozen->has_head = true;
                } else if (!append_items(frozen, part)) {
                        frozen->sheet++;
                        frozen->has_head = false;
                        begin_list(frozen);
                }
        }
        return true;
}

/* ---- reading ---- */

static int damaged(struct err *err, const char *what)
{
        return err_set(err, ERR_DATA, "%s of a windowed operator are damaged", what);
}

static int load_counts(struct window *window, struct bytes_reader *reader, struct err *err)
{
        struct window_counts *counts = &window->counts;
        uint64_t *values[COUNTS] = {&counts->in,       &counts->used,  &counts->late,     &counts->failed,
                                    &counts->overflow, &counts->fired, &counts->rows_out, &counts->withheld};

        for (unsigned i = 0; i < COUNTS; i++)
                *values[i] = bytes_read_u64(reader);
        if (reader->failed || reader->at != reader->end ||
            counts->in != counts->used + counts->late + counts->failed + counts->overflow)
                return damaged(err, "counters");
        return 0;
}

static bool read_id(struct bytes_reader *reader, uint32_t *next_id, uint32_t *ret_id)
{
        uint64_t step = bytes_read_varint(reader);

        if (reader->failed || step >= KEYS_NO_ID - *next_id)
                return false;
        *ret_id = *next_id + (uint32_t)step;
        *next_id = *ret_id + 1;
        return true;
}

static int load_keys(struct window *window, struct bytes_reader *reader, struct err *err)
{
        uint32_t next_id = 0, id;

        if (window->n_panes > 0)
                return damaged(err, "keys");
        while (reader->at < reader->end) {
                if (!read_id(reader, &next_id, &id))
                        return damaged(err, "keys");
                if (!keys_restore(&window->keys, id, reader))
                        return damaged(err, "keys");
        }
        return reader->failed ? damaged(err, "keys") : 0;
}

static bool is_last_pane_complete(const struct window *window)
{
        const struct window_pane *pane = window->n_panes == 0 ? NULL : window->panes[window->n_panes - 1];

        return pane == NULL || (pane->n_loaded == pane->n_entries && pane->n_entries > 0);
}

static int load_pane(struct window *window, struct bytes_reader *reader, struct err *err)
{
        int64_t index = (int64_t)bytes_read_u64(reader);
        uint64_t n_entries = bytes_read_u64(reader);
        struct window_pane *pane;

        if (reader->failed || reader->at != reader->end || !is_last_pane_complete(window))
                return damaged(err, "panes");
        if (window->n_panes > 0 && index <= window->panes[window->n_panes - 1]->index)
                return damaged(err, "panes");
        if (index > INT64_MAX / 4 || index < INT64_MIN / 4 ||
            (window->fired != INT64_MIN && index <= window->fired - window->n_slices))
                return err_set(err, ERR_DATA, "a pane is older than the watermark");
        if (n_entries == 0 || n_entries > LIMIT_WINDOW_KEYS)
                return damaged(err, "panes");
        pane = window_pane_need(window, index);
        pane->n_entries = n_entries;
        window->n_entries += n_entries;
        return 0;
}

static int load_entries(struct window *window, struct bytes_reader *reader, struct err *err)
{
        struct window_pane *pane = window->n_panes == 0 ? NULL : window->panes[window->n_panes - 1];
        uint32_t next_id = 0, id, entry;

        while (pane != NULL && reader->at < reader->end) {
                struct block *block;
                bool is_new, is_moved = false;

                if (!read_id(reader, &next_id, &id) || !keys_is_restored(&window->keys, id))
                        return damaged(err, "entries");
                block_map_own(&pane->map, id);
                entry = block_map_need(&pane->map, id, window->keys.n_ids, 0, &block, &is_new, &is_moved);
                if (!is_new || pane->n_loaded == pane->n_entries ||
                    !agg_entry_restore(&window->aggs, &pane->map, block, entry, reader))
                        return damaged(err, "entries");
                pane->n_loaded++;
                keys_hold(&window->keys, id);
        }
        return pane == NULL || reader->failed ? damaged(err, "entries") : 0;
}

int window_load_record(struct window *window, unsigned type, struct slice payload, struct err *err)
{
        struct bytes_reader reader = bytes_reader_make(payload);

        switch (type) {
        case RECORD_COUNTS:
                return load_counts(window, &reader, err);
        case RECORD_KEYS:
                return load_keys(window, &reader, err);
        case RECORD_PANE:
                return load_pane(window, &reader, err);
        case RECORD_ENTRIES:
                return load_entries(window, &reader, err);
        default:
                return err_set(err, ERR_DATA, "record type %u of a windowed operator is not known", type);
        }
}

int window_load_end(struct window *window, struct err *err)
{
        if (!is_last_pane_complete(window))
                return damaged(err, "panes");
        if (!keys_are_held(&window->keys))
                return err_set(err, ERR_DATA, "a key of a windowed operator is in no pane");
        return 0;
}
