/* files.c - filesystem sources. See files.h.
 *
 * JSON is read in chunks and cut at line ends; a line longer than LIMIT_LINE_BYTES ends the run with its number. A
 * container file brings its own schema, so its program is compiled when it is opened. */
#include "sidecar/files.h"

#include "avro/container.h"
#include "avro/schema.h"
#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "sidecar/base/file.h"
#include "sidecar/base/limits.h"
#include "sidecar/column/decode.h"
#include "sidecar/plan/connector.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK_BYTES = 1 << 20 };

struct files {
        const struct plan_source *source;
        struct arena arena;            /* column descriptions, names */
        struct decode_config config;
        bool is_avro;
        char **paths;
        uint32_t n_paths, next_path;
        struct decode_program *program; /* JSON: one for all files; Avro: of the open file */
        struct builder builder;
        bool has_builder;
        int fd;                        /* JSON: the open file, or -1 */
        struct bytes chunk;
        size_t at;                     /* next line in chunk */
        uint64_t n_lines;
        bool is_at_end;
        struct container_reader *container; /* Avro: the open file, with its schema */
        struct schema *schema;
};

static int compare_names(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_folder(struct files *files, const char *path, struct err *err)
{
        DIR *folder = opendir(path);
        struct dirent *entry;

        if (folder == NULL)
                return err_set_errno(err, ERR_UNAVAILABLE, errno, "cannot read folder '%s'", path);
        while ((entry = readdir(folder)) != NULL) {
                if (entry->d_name[0] == '.' || entry->d_name[0] == '_')
                        continue; /* Flink's file sources leave these out, too */
                files->paths = alloc_resize(files->paths, files->n_paths + 1, sizeof *files->paths);
                files->paths[files->n_paths++] = arena_format(&files->arena, "%s/%s", path, entry->d_name);
        }
        closedir(folder);
        if (files->n_paths > 0)
                qsort(files->paths, files->n_paths, sizeof *files->paths, compare_names);
        return 0;
}

static int list(struct files *files, struct err *err)
{
        char *path = arena_text(&files->arena, connector_path(files->source->table, "path"));
        struct stat found;

        if (stat(path, &found) < 0)
                return err_set_errno(err, ERR_UNAVAILABLE, errno, "cannot read '%s'", path);
        if (S_ISDIR(found.st_mode))
                return list_folder(files, path, err);
        files->paths = alloc_array(1, sizeof *files->paths);
        files->paths[files->n_paths++] = path;
        return 0;
}

static void describe_columns(struct files *files)
{
        const struct plan_source *source = files->source;
        struct decode_column *columns = arena_new_n(&files->arena, struct decode_column, source->n_decoded + 1);

        for (uint32_t i = 0; i < source->n_decoded; i++) {
                const struct plan_scan_column *scan = &source->columns[i];
                struct slice *path = arena_new_n(&files->arena, struct slice, scan->n_path + 1);

                path[0] = source->table->columns[scan->table_column].name;
                for (uint32_t p = 0; p < scan->n_path; p++)
                        path[p + 1] = scan->path[p];
                columns[i] = (struct decode_column){.kind = DECODE_FIELD, .name = scan->name, .type = scan->type,
                                                    .path = path, .n_path = scan->n_path + 1};
        }
        files->config = (struct decode_config){
                .format = files->is_avro ? DECODE_AVRO : DECODE_JSON,
                .columns = columns,
                .n_columns = source->n_decoded,
                .is_iso_8601 = connector_is(source->table, "json.timestamp-format.standard", "ISO-8601"),
                .nulls_bad_values = connector_is_on(source->table, "json.ignore-parse-errors"),
        };
}

static void drop_program(struct files *files)
{
        if (files->has_builder)
                builder_done(&files->builder);
        files->has_builder = false;
        files->program = decode_free(files->program);
}

static int make_program(struct files *files, struct err *err)
{
        if (decode_compile(&files->config, &files->program, err) < 0)
                return -1;
        decode_builder_init(files->program, &files->builder);
        files->has_builder = true;
        return 0;
}

int files_open(const struct plan_source *source, struct files **ret_files, struct err *err)
{
        struct files *files = alloc_zero(1, sizeof *files);

        files->source = source;
        files->fd = -1;
        files->is_avro = connector_is(source->table, "format", "avro");
        arena_init(&files->arena, 4096, 0);
        bytes_init(&files->chunk);
        describe_columns(files);
        if (list(files, err) < 0 || (!files->is_avro && make_program(files, err) < 0)) {
                files_close(files);
                return err_prefix(err, "table '%.*s'", (int)source->table->name.len,
                                  (const char *)source->table->name.data);
        }
        *ret_files = files;
        return 0;
}

static void close_file(struct files *files)
{
        files->container = container_reader_close(files->container);
        if (files->fd >= 0)
                close(files->fd);
        files->fd = -1;
        if (files->is_avro)
                drop_program(files);
        files->schema = schema_free(files->schema);
}

struct files *files_close(struct files *files)
{
        if (files == NULL)
                return NULL;
        close_file(files);
        drop_program(files);
        bytes_done(&files->chunk);
        alloc_free(files->paths);
        arena_done(&files->arena);
        alloc_free(files);
        return NULL;
}

/* ---- JSON lines */

static int open_next(struct files *files, struct err *err)
{
        const char *path = files->paths[files->next_path++];

        files->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (files->fd < 0)
                return err_set_errno(err, ERR_UNAVAILABLE, errno, "cannot open '%s'", path);
        return 0;
}

static int open_next_json(struct files *files, struct err *err)
{
        if (open_next(files, err) < 0)
                return -1;
        files->is_at_end = false;
        files->n_lines = 0;
        bytes_reset(&files->chunk);
        files->at = 0;
        return 0;
}

static int read_chunk(struct files *files, struct err *err)
{
        ssize_t n;

        bytes_drop_front(&files->chunk, files->at);
        files->at = 0;
        bytes_reserve(&files->chunk, CHUNK_BYTES + DECODE_PAD_BYTES);
        do
                n = read(files->fd, files->chunk.data + files->chunk.len, CHUNK_BYTES);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return err_set_errno(err, ERR_IO, errno, "cannot read '%s'", files->paths[files->next_path - 1]);
        files->chunk.len += (size_t)n;
        files->is_at_end = n == 0;
        return 0;
}

/* The next line without its end; FILES_E_END behind the last. */
static int next_line(struct files *files, struct slice *ret_line, struct err *err)
{
        for (;;) {
                const uint8_t *begin = files->chunk.data + files->at;
                size_t len = files->chunk.len - files->at;
                const uint8_t *end = len == 0 ? NULL : memchr(begin, '\n', len);

                if (end != NULL || (files->is_at_end && len > 0)) {
                        size_t line = end == NULL ? len : (size_t)(end - begin);

                        files->at += line + (end != NULL);
                        files->n_lines++;
                        *ret_line = slice_make(begin, line);
                        return 0;
                }
                if (files->is_at_end)
                        return FILES_E_END;
                if (len > LIMIT_LINE_BYTES)
                        return err_set(err, ERR_DATA, "'%s' line %llu is longer than %u bytes",
                                       files->paths[files->next_path - 1], (unsigned long long)files->n_lines + 1,
                                       LIMIT_LINE_BYTES);
                if (read_chunk(files, err) < 0)
                        return -1;
        }
}

static bool is_blank(struct slice line)
{
        for (size_t i = 0; i < line.len; i++)
                if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
                        return false;
        return true;
}

static int next_json(struct files *files, uint32_t max_rows, struct err *err)
{
        while (builder_n_events(&files->builder) < max_rows) {
                struct slice line;
                int result;

                if (files->fd < 0) {
                        if (files->next_path == files->n_paths)
                                break;
                        if (open_next_json(files, err) < 0)
                                return -1;
                }
                result = next_line(files, &line, err);
                if (result < 0)
                        return -1;
                if (result == FILES_E_END) {
                        close_file(files);
                } else if (!is_blank(line) && decode_body(files->program, &files->builder, line, err) < 0) {
                        return -1;
                }
        }
        return builder_n_events(&files->builder) == 0 ? FILES_E_END : 0;
}

/* ---- Container files */

/* The schema that the file brings decides how its data are read. */
static int open_next_container(struct files *files, struct err *err)
{
        const char *path = files->paths[files->next_path];

        if (open_next(files, err) < 0 || container_reader_open(files->fd, path, &files->container, err) < 0)
                return -1;
        if (schema_parse(container_reader_schema(files->container), &files->schema, err) < 0)
                return err_prefix(err, "'%s'", path);
        files->config.schema = files->schema;
        return make_program(files, err) < 0 ? err_prefix(err, "'%s'", path) : 0;
}

/* Whole blocks, so maybe more rows than were asked for: what a block holds is bounded by its size. */
static int next_container(struct files *files, struct err *err)
{
        for (;;) {
                struct slice block;
                uint64_t n;
                int result;

                if (files->container == NULL) {
                        if (files->next_path == files->n_paths)
                                return FILES_E_END;
                        if (open_next_container(files, err) < 0)
                                return -1;
                }
                result = container_reader_next(files->container, &block, &n, err);
                if (result < 0)
                        return -1;
                if (result == CONTAINER_E_END) {
                        close_file(files);
                        continue;
                }
                if (decode_block(files->program, &files->builder, block, n, err) < 0)
                        return err_prefix(err, "'%s'", files->paths[files->next_path - 1]);
                if (builder_n_events(&files->builder) > 0)
                        return 0;
        }
}

int files_next(struct files *files, uint32_t n_rows, struct builder **ret_builder, struct err *err)
{
        int result;

        if (files->has_builder)
                builder_reset(&files->builder);
        result = files->is_avro ? next_container(files, err) : next_json(files, n_rows, err);
        *ret_builder = &files->builder;
        return result;
}
