/* dead.c - dead letters as rows. See dead.h. */
#include "sidecar/job/dead.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

static struct plan_option option_make(const char *key, const char *value)
{
        return (struct plan_option){.key = slice_from_text(key), .value = slice_from_text(value)};
}

const struct plan_table *dead_table_new(const char *dir, struct arena *arena)
{
        const struct plan_column columns[DEAD_COLUMNS] = {
                {.name = slice_from_text("arrival"), .type = type_timestamp(TYPE_TIMESTAMP_LTZ, 3, false)},
                {.name = slice_from_text("source"), .type = type_string(false)},
                {.name = slice_from_text("reason"), .type = type_string(false)},
                {.name = slice_from_text("detail"), .type = type_string(false)},
                {.name = slice_from_text("body_bytes"), .type = type_make(TYPE_BIGINT, false)},
                {.name = slice_from_text("body"), .type = type_make(TYPE_VARBINARY, true)},
        };
        const struct plan_option options[] = {
                option_make("connector", "filesystem"),
                option_make("format", "json"),
                option_make("sink.rolling-policy.file-size", "16 mb"),
                option_make("sink.rolling-policy.rollover-interval", "1 min"),
        };
        enum { N_OPTIONS = sizeof options / sizeof options[0] };
        struct plan_table *table = arena_new(arena, struct plan_table);
        struct slice path = arena_copy(arena, slice_from_text(dir));

        *table = (struct plan_table){.name = slice_from_text(DEAD_TABLE_NAME), .rowtime = -1, .is_sink = true,
                                     .n_columns = DEAD_COLUMNS, .n_options = N_OPTIONS + 1};
        table->columns = arena_new_n(arena, struct plan_column, DEAD_COLUMNS);
        memcpy(table->columns, columns, sizeof columns);
        table->options = arena_new_n(arena, struct plan_option, N_OPTIONS + 1);
        memcpy(table->options, options, sizeof options);
        table->options[N_OPTIONS] = (struct plan_option){.key = slice_from_text("path"), .value = path, .path = path};
        return table;
}

int dead_check_names(const struct plan_job *plan, struct err *err)
{
        for (uint32_t i = 0; i < plan->n_tables; i++) {
                const struct plan_table *table = plan->tables[i];

                if (slice_is_equal(table->name, slice_from_text(DEAD_TABLE_NAME)))
                        return err_set(err, ERR_CONFIG, "%s:%u:%u: '" DEAD_TABLE_NAME "' is weir's own table of dead "
                                       "letters: take another name", table->place.file, table->place.line,
                                       table->place.column);
        }
        return 0;
}

void dead_row_init(struct dead_row *row, const struct record_dead *dead, struct slice source)
{
        *row = (struct dead_row){.arrival_us = dead->arrival_ms * TYPE_MICROS_PER_MS, .body_bytes = dead->body_bytes,
                                 .source = source, .reason = dead->reason, .detail = dead->detail, .body = dead->body,
                                 .body_valid = dead->body.len > 0};
        row->columns[0] = (struct vector){.phys = PHYS_I64, .i64 = &row->arrival_us};
        row->columns[1] = (struct vector){.phys = PHYS_STR, .str = &row->source};
        row->columns[2] = (struct vector){.phys = PHYS_STR, .str = &row->reason};
        row->columns[3] = (struct vector){.phys = PHYS_STR, .str = &row->detail};
        row->columns[4] = (struct vector){.phys = PHYS_I64, .i64 = &row->body_bytes};
        row->columns[5] = (struct vector){.phys = PHYS_STR, .str = &row->body, .valid = &row->body_valid};
        row->batch = (struct batch){.n_rows = 1, .n_columns = DEAD_COLUMNS, .columns = row->columns};
}

uint64_t dead_body_cost(size_t body_bytes)
{
        return ((uint64_t)body_bytes + 2) / 3 * 4;
}

struct measure {
        const struct file_ops *ops;
        const char *dir;
        uint64_t bytes;
        int error;
};

static void measure_file(void *context, const char *name)
{
        struct measure *measure = context;
        const struct file_ops *ops = measure->ops;
        char path[PATH_BYTES];
        struct stat found;
        int fd;

        snprintf(path, sizeof path, "%s/%s", measure->dir, name);
        fd = ops->open(ops->context, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0);
        if (fd < 0) {
                if (errno != ENOENT) /* somebody clears the folder */
                        measure->error = errno;
                return;
        }
        if (ops->fstat(ops->context, fd, &found) < 0)
                measure->error = errno;
        else if (S_ISREG(found.st_mode))
                measure->bytes += (uint64_t)found.st_size;
        ops->close(ops->context, fd);
}

int dead_measure_dir(const struct file_ops *ops, const char *dir, uint64_t *ret_bytes, struct err *err)
{
        struct measure measure = {.ops = ops, .dir = dir};

        if (ops->list(ops->context, dir, measure_file, &measure) != 0)
                measure.error = errno;
        if (measure.error != 0)
                return err_set_errno(err, ERR_IO, measure.error, "cannot look at '%s'", dir);
        *ret_bytes = measure.bytes;
        return 0;
}
