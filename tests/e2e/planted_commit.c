/* planted_commit.c - a weir that commits before it writes the results.
 *
 * Linked with --wrap=redis_epoch_write: rows are put aside and written when the next epoch begins, so the commit record
 * of an epoch runs ahead of its results. tests/e2e/planted_bugs.sh shows that the kill oracle catches it. */
#include "sidecar/base/alloc.h"
#include "sinks/redis_epoch.h"

struct aside {
        struct aside *next;
        const struct plan_table *table;
        uint64_t epoch, first_index;
        int64_t window_end_ms;
        struct batch rows;
        struct arena arena;
};

static struct aside *first_aside;

enum sink_result __real_redis_epoch_write(struct redis_epoch *epoch, uint64_t number, const struct plan_table *table,
                                          uint64_t first_index, int64_t window_end_ms, const struct batch *rows,
                                          uint32_t from, uint32_t *ret_next);
enum sink_result __wrap_redis_epoch_write(struct redis_epoch *epoch, uint64_t number, const struct plan_table *table,
                                          uint64_t first_index, int64_t window_end_ms, const struct batch *rows,
                                          uint32_t from, uint32_t *ret_next);

static void put_aside(uint64_t number, const struct plan_table *table, uint64_t first_index, int64_t window_end_ms,
                      const struct batch *rows, uint32_t from)
{
        struct aside *aside = alloc_zero(1, sizeof *aside), **at = &first_aside;
        uint32_t n = rows->n_rows - from;
        uint32_t *all;

        arena_init(&aside->arena, 64 << 10, 0);
        all = arena_new_n(&aside->arena, uint32_t, n + 1);
        for (uint32_t i = 0; i < n; i++)
                all[i] = from + i;
        aside->table = table;
        aside->epoch = number;
        aside->first_index = first_index + from;
        aside->window_end_ms = window_end_ms;
        aside->rows = (struct batch){.n_rows = n, .n_columns = rows->n_columns,
                                     .columns = arena_new_n(&aside->arena, struct vector, rows->n_columns + 1)};
        for (uint32_t c = 0; c < rows->n_columns; c++) {
                vector_gather(&rows->columns[c], all, n, &aside->rows.columns[c], &aside->arena);
                for (uint32_t i = 0; rows->columns[c].phys == PHYS_STR && i < n; i++)
                        aside->rows.columns[c].str[i] = arena_copy(&aside->arena, aside->rows.columns[c].str[i]);
        }
        while (*at != NULL)
                at = &(*at)->next;
        *at = aside;
}

enum sink_result __wrap_redis_epoch_write(struct redis_epoch *epoch, uint64_t number, const struct plan_table *table,
                                          uint64_t first_index, int64_t window_end_ms, const struct batch *rows,
                                          uint32_t from, uint32_t *ret_next)
{
        while (first_aside != NULL && first_aside->epoch != number) {
                struct aside *aside = first_aside;
                uint32_t next = 0;

                first_aside = aside->next;
                (void)__real_redis_epoch_write(epoch, aside->epoch, aside->table, aside->first_index,
                                               aside->window_end_ms, &aside->rows, 0, &next);
                arena_done(&aside->arena);
                alloc_free(aside);
        }
        put_aside(number, table, first_index, window_end_ms, rows, from);
        *ret_next = rows->n_rows;
        return SINK_OK;
}
