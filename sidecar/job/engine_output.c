/* engine_output.c - the sequence of results: queued in order of cause, made into rows when they are asked for.
 *
 * A queue of three kinds of items: rows of a query without a window (copied), windows that fired (their rows are made
 * piece by piece from frozen panes), ends of epochs. An epoch's number is given when its end leaves the queue, because
 * only then is it known whether it has rows at all. */
#include "sidecar/job/engine_internal.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/limits.h"
#include "sidecar/job/record_row.h"

#include <assert.h>

enum {
        COPY_ROWS = 1024,          /* rows of one ROWS item */
        COPY_TEXT_BYTES = 1 << 20, /* strings of one ROWS item, about */
};

/* ---- the queue ---- */

static struct engine_item *push(struct engine *engine, enum engine_item_kind kind)
{
        struct engine_item *item = engine->free_items;

        if (item != NULL) {
                engine->free_items = item->next;
                item->next = NULL;
        } else {
                item = alloc_zero(1, sizeof *item);
                arena_init(&item->copy.arena, 64 << 10, 0);
        }
        item->kind = kind;
        if (engine->last == NULL)
                engine->first = item;
        else
                engine->last->next = item;
        engine->last = item;
        if (kind != ENGINE_ITEM_ROWS)
                for (uint32_t s = 0; s <= engine->n_sinks; s++)
                        engine->sinks[s].open = NULL;
        if (kind != ENGINE_ITEM_EPOCH && !engine->has_results) {
                engine->has_results = true;
                engine->results_since_ms = engine->clock_ms;
        }
        return item;
}

static struct engine_item *pop(struct engine *engine)
{
        struct engine_item *item = engine->first;

        engine->first = item->next;
        if (engine->first == NULL)
                engine->last = NULL;
        if (item->kind == ENGINE_ITEM_ROWS && engine->sinks[item->copy.sink].open == item)
                engine->sinks[item->copy.sink].open = NULL;
        return item;
}

static void keep_for_reuse(struct engine *engine, struct engine_item *item)
{
        if (item->kind == ENGINE_ITEM_ROWS)
                engine->copied_bytes -= item->copy.bytes;
        item->next = engine->free_items;
        engine->free_items = item;
}

static void item_free(struct engine_item *item)
{
        arena_done(&item->copy.arena);
        alloc_free(item->fire_windows);
        alloc_free(item->fire_numbers);
        alloc_free(item);
}

static void free_list(struct engine_item *item)
{
        while (item != NULL) {
                struct engine_item *next = item->next;

                item_free(item);
                item = next;
        }
}

void engine_output_done(struct engine *engine)
{
        free_list(engine->first);
        free_list(engine->free_items);
        if (engine->given != NULL)
                item_free(engine->given);
        engine->first = engine->last = engine->free_items = engine->given = NULL;
}

/* ---- putting in ---- */

static struct engine_item *open_rows(struct engine *engine, uint32_t sink, const struct batch *rows)
{
        struct engine_item *item = engine->sinks[sink].open;
        struct engine_copy *copy;

        if (item != NULL && item->copy.n_rows < COPY_ROWS && item->copy.bytes < COPY_TEXT_BYTES)
                return item;
        item = push(engine, ENGINE_ITEM_ROWS);
        copy = &item->copy;
        arena_reset(&copy->arena);
        copy->sink = sink;
        copy->n_rows = copy->n_given = 0;
        copy->n_columns = rows->n_columns;
        copy->columns = arena_new_n(&copy->arena, struct vector, rows->n_columns + 1);
        copy->bytes = 0;
        for (uint32_t c = 0; c < rows->n_columns; c++) {
                vector_init(&copy->columns[c], rows->columns[c].phys, COPY_ROWS, &copy->arena);
                copy->bytes += COPY_ROWS * phys_bytes(rows->columns[c].phys);
        }
        engine->copied_bytes += copy->bytes;
        engine->sinks[sink].open = item;
        return item;
}

static void copy_column(struct engine *engine, struct engine_copy *copy, uint32_t column, const struct vector *from,
                        uint32_t at, uint32_t n)
{
        struct vector *to = &copy->columns[column];
        uint32_t to_at = copy->n_rows;

        if (from->phys == PHYS_STR) {
                for (uint32_t i = 0; i < n; i++) {
                        to->str[to_at + i] = arena_copy(&copy->arena, from->str[at + i]);
                        copy->bytes += from->str[at + i].len;
                        engine->copied_bytes += from->str[at + i].len;
                }
        } else {
                size_t bytes = phys_bytes(from->phys);

                memcpy((uint8_t *)to->data + to_at * bytes, (const uint8_t *)from->data + at * bytes, n * bytes);
        }
        if (from->valid == NULL)
                return;
        for (uint32_t i = 0; i < n; i++)
                if (!bitmap_get(from->valid, at + i)) {
                        vector_need_valid(to, COPY_ROWS, &copy->arena);
                        bitmap_clear(to->valid, to_at + i);
                }
}

static void output_rows(struct engine *engine, uint32_t sink, const struct batch *rows, uint32_t from, uint32_t n)
{
        while (n > 0) {
                struct engine_item *item = open_rows(engine, sink, rows);
                uint32_t take = COPY_ROWS - item->copy.n_rows;

                take = take < n ? take : n;
                for (uint32_t c = 0; c < rows->n_columns; c++)
                        copy_column(engine, &item->copy, c, &rows->columns[c], from, take);
                item->copy.n_rows += take;
                from += take;
                n -= take;
        }
}

void engine_output_rows(struct engine *engine, uint32_t sink, const struct batch *rows, uint32_t from, uint32_t n)
{
        uint32_t end = from + n;

        if (record_row_bytes_all(rows) <= RECORD_ROW_BYTES_MAX) {
                output_rows(engine, sink, rows, from, n);
                return;
        }
        for (; from < end; from++)
                if (record_row_bytes(rows, from) <= RECORD_ROW_BYTES_MAX)
                        output_rows(engine, sink, rows, from, 1);
                else
                        engine->sinks[sink].failed++;
}

void engine_output_fires(struct engine *engine, const uint32_t *windows, uint32_t n)
{
        struct engine_item *item = push(engine, ENGINE_ITEM_FIRES);

        if (item->fires_capacity < n) {
                item->fires_capacity = n;
                item->fire_windows = alloc_resize(item->fire_windows, n, sizeof *item->fire_windows);
                item->fire_numbers = alloc_resize(item->fire_numbers, n, sizeof *item->fire_numbers);
        }
        item->n_fires = n;
        for (uint32_t i = 0; i < n; i++) {
                item->fire_windows[i] = windows[i];
                item->fire_numbers[i] = window_fires_made(engine->windows[windows[i]].window);
        }
}

void engine_output_end_epoch(struct engine *engine, int64_t now_ms)
{
        push(engine, ENGINE_ITEM_EPOCH)->now_ms = now_ms;
        engine->has_results = false;
}

/* ---- taking out ---- */

bool engine_has_output(const struct engine *engine)
{
        return engine->first != NULL;
}

size_t engine_output_bytes(const struct engine *engine)
{
        size_t bytes = engine->copied_bytes;

        if (engine->first == NULL)
                return 0;
        for (uint32_t w = 0; w < engine->n_windows; w++)
                bytes += window_pending_bytes(engine->windows[w].window);
        return bytes;
}

static void count_rows(struct engine *engine, uint32_t sink, uint32_t n)
{
        engine->sinks[sink].rows += n;
        engine->rows_in_epoch += n;
}

static void give_rows(struct engine *engine, struct engine_item *item, uint32_t max_rows,
                      struct engine_piece *ret_piece)
{
        struct engine_copy *copy = &item->copy;
        uint32_t left = copy->n_rows - copy->n_given;
        uint32_t n = left < max_rows ? left : max_rows;
        struct vector *columns;

        arena_reset(&engine->piece_arena);
        columns = arena_new_n(&engine->piece_arena, struct vector, copy->n_columns + 1);
        for (uint32_t c = 0; c < copy->n_columns; c++)
                vector_view(&copy->columns[c], copy->n_given, n, &columns[c], &engine->piece_arena);
        *ret_piece = (struct engine_piece){
                .sink = engine->sinks[copy->sink].table,
                .rows = {.n_rows = n, .n_columns = copy->n_columns, .columns = columns},
                .window_end_ms = INT64_MIN,
        };
        count_rows(engine, copy->sink, n);
        copy->n_given += n;
        if (engine->sinks[copy->sink].open == item)
                engine->sinks[copy->sink].open = NULL; /* what is given out must not move */
        if (copy->n_given == copy->n_rows)
                engine->given = pop(engine);
}

/* The window whose turn it is: the least end, then the order of operators. false: this advance is given out. */
static bool find_window(const struct engine *engine, const struct engine_item *item, uint32_t *ret_window)
{
        int64_t least_ms = INT64_MAX, end_ms;
        bool is_found = false;

        for (uint32_t i = 0; i < item->n_fires; i++) {
                const struct window *window = engine->windows[item->fire_windows[i]].window;

                if (window_fires_done(window) >= item->fire_numbers[i] || !window_peek(window, &end_ms))
                        continue;
                if (!is_found || end_ms < least_ms) {
                        least_ms = end_ms;
                        *ret_window = item->fire_windows[i];
                        is_found = true;
                }
        }
        return is_found;
}

/* Results that no record of the outbox can hold leave; returns how many. */
static uint32_t drop_too_large(struct engine *engine, struct batch *rows)
{
        uint32_t *selection, n = 0, n_dropped;
        struct vector *columns;

        if (rows->n_rows == 0 || record_row_bytes_all(rows) <= RECORD_ROW_BYTES_MAX)
                return 0;
        selection = arena_new_n(&engine->piece_arena, uint32_t, rows->n_rows);
        columns = arena_new_n(&engine->piece_arena, struct vector, rows->n_columns);
        for (uint32_t i = 0; i < rows->n_rows; i++)
                if (record_row_bytes(rows, i) <= RECORD_ROW_BYTES_MAX)
                        selection[n++] = i;
        for (uint32_t c = 0; c < rows->n_columns; c++)
                vector_gather(&rows->columns[c], selection, n, &columns[c], &engine->piece_arena);
        n_dropped = rows->n_rows - n;
        rows->n_rows = n;
        rows->columns = columns;
        return n_dropped;
}

/* The rows of a window at hand on their next way up to a sink. */
static void give_route(struct engine *engine, struct engine_piece *ret_piece)
{
        struct engine_window *window = &engine->windows[engine->piece_window];
        const struct engine_route *route = &window->routes[engine->next_route++];
        struct engine_rows rows = {.batch = engine->piece};
        uint32_t n_failed = 0;

        arena_reset(&engine->piece_arena);
        eval_reset(engine->piece_state);
        for (uint32_t i = 0; i < route->n_nodes && rows.batch.n_rows > 0; i++) {
                struct engine_rows out;

                n_failed += engine_node_run(route->nodes[i], engine->piece_state, &engine->piece_arena, &rows, &out);
                rows = out;
        }
        n_failed += drop_too_large(engine, &rows.batch);
        engine->sinks[route->sink].withheld += n_failed;
        window_counts(window->window)->withheld += n_failed;
        window_counts(window->window)->rows_out += rows.batch.n_rows;
        count_rows(engine, route->sink, rows.batch.n_rows);
        *ret_piece = (struct engine_piece){.sink = engine->sinks[route->sink].table,
                                           .rows = rows.batch,
                                           .window_end_ms = engine->piece_end_ms};
}

static bool give_epoch(struct engine *engine, struct engine_piece *ret_piece)
{
        struct engine_item *item = pop(engine);
        uint64_t now_ms = item->now_ms > 0 ? (uint64_t)item->now_ms : 0;

        keep_for_reuse(engine, item);
        if (engine->rows_in_epoch == 0)
                return false;
        engine->rows_in_epoch = 0;
        engine->last_epoch = now_ms > engine->last_epoch ? now_ms : engine->last_epoch + 1;
        *ret_piece =
                (struct engine_piece){.is_epoch_end = true, .epoch = engine->last_epoch, .window_end_ms = INT64_MIN};
        return true;
}

bool engine_next_piece(struct engine *engine, uint32_t max_rows, struct engine_piece *ret_piece)
{
        assert(max_rows > 0 && max_rows <= LIMIT_ROWS_PER_VECTOR);
        if (engine->given != NULL) {
                keep_for_reuse(engine, engine->given);
                engine->given = NULL;
        }
        while (engine->first != NULL) {
                struct engine_item *item = engine->first;

                if (item->kind == ENGINE_ITEM_ROWS) {
                        give_rows(engine, item, max_rows, ret_piece);
                        return true;
                }
                if (item->kind == ENGINE_ITEM_EPOCH) {
                        if (give_epoch(engine, ret_piece))
                                return true;
                        continue;
                }
                if (engine->piece.n_rows == 0 || engine->next_route >= engine->windows[engine->piece_window].n_routes) {
                        if (engine->n_windows > 0)
                                window_release(engine->windows[engine->piece_window].window);
                        engine->piece.n_rows = 0;
                        if (!find_window(engine, item, &engine->piece_window)) {
                                keep_for_reuse(engine, pop(engine));
                                continue;
                        }
                        window_emit(engine->windows[engine->piece_window].window, max_rows, &engine->piece,
                                    &engine->piece_end_ms);
                        engine->next_route = 0;
                }
                give_route(engine, ret_piece);
                return true;
        }
        return false;
}
