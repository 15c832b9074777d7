/* redis_row.c - one row as commands. */
#include "sinks/redis_row.h"

#include "sidecar/base/alloc.h"
#include "sidecar/column/value.h"
#include "sinks/redis_key.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

void redis_row_init(struct redis_row *row)
{
        *row = (struct redis_row){.n_args = 0};
        bytes_init(&row->key);
        bytes_init(&row->texts);
}

void redis_row_done(struct redis_row *row)
{
        bytes_done(&row->key);
        bytes_done(&row->texts);
        alloc_free(row->argv);
        alloc_free(row->lens);
        alloc_free(row->text_at);
        alloc_free(row->null_argv);
        alloc_free(row->null_lens);
}

static void begin(struct redis_row *row, uint32_t n_columns)
{
        int need = 3 + 2 * (int)n_columns;

        if (row->max_args < need) {
                row->argv = alloc_resize(row->argv, (size_t)need, sizeof(*row->argv));
                row->lens = alloc_resize(row->lens, (size_t)need, sizeof(*row->lens));
                row->text_at = alloc_resize(row->text_at, (size_t)need, sizeof(*row->text_at));
                row->null_argv = alloc_resize(row->null_argv, (size_t)need, sizeof(*row->null_argv));
                row->null_lens = alloc_resize(row->null_lens, (size_t)need, sizeof(*row->null_lens));
                row->max_args = need;
        }
        bytes_reset(&row->texts);
        row->n_args = 0;
        row->n_nulls = 2; /* HDEL and its key */
}

static void add(struct redis_row *row, struct slice argument)
{
        assert(row->n_args < row->max_args);
        row->argv[row->n_args] = (const char *)argument.data;
        row->lens[row->n_args] = argument.len;
        row->text_at[row->n_args] = SIZE_MAX;
        row->n_args++;
}

/* An argument that stands in texts from `from` to its end; texts may still move. */
static void add_text(struct redis_row *row, size_t from)
{
        add(row, slice_make(NULL, row->texts.len - from));
        row->text_at[row->n_args - 1] = from;
}

static void settle_texts(struct redis_row *row)
{
        for (int i = 0; i < row->n_args; i++) {
                if (row->text_at[i] != SIZE_MAX)
                        row->argv[i] = (const char *)row->texts.data + row->text_at[i];
                else if (row->argv[i] == NULL)
                        row->argv[i] = ""; /* an empty string may come without an address */
        }
}

enum { DIGITS = 24 };

/* Decimals at the end of `digits`; returns where they begin. */
static size_t format_integer(int64_t value, char digits[DIGITS])
{
        size_t at = DIGITS;
        uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

        do {
                digits[--at] = (char)('0' + rest % 10);
                rest /= 10;
        } while (rest > 0);
        if (value < 0)
                digits[--at] = '-';
        return at;
}

static void append_integer(struct bytes *text, int64_t value)
{
        char digits[DIGITS];
        size_t at = format_integer(value, digits);

        bytes_append(text, digits + at, sizeof(digits) - at);
}

static int64_t floor_ms(int64_t us)
{
        int64_t ms = us / TYPE_MICROS_PER_MS;

        return us % TYPE_MICROS_PER_MS < 0 ? ms - 1 : ms;
}

static bool is_absent(const struct vector *vector, uint32_t i)
{
        return vector_is_null(vector, i) || (vector->phys == PHYS_F64 && isnan(vector->f64[i]));
}

/* Text of a value that is there and no string. */
static void append_value(struct bytes *text, const struct redis_column *column, const struct vector *vector, uint32_t i)
{
        struct value value;

        switch (column->form) {
        case REDIS_FORM_INTEGER:
                append_integer(text, vector->i64[i]);
                return;
        case REDIS_FORM_MILLIS:
                append_integer(text, floor_ms(vector->i64[i]));
                return;
        case REDIS_FORM_CAST:
        case REDIS_FORM_BYTES:
                break;
        }
        value = vector_get(vector, i);
        value_format(&column->type, &value, text);
}

static void add_value(struct redis_row *row, const struct redis_column *column, const struct vector *vector, uint32_t i)
{
        size_t from = row->texts.len;

        if (column->form == REDIS_FORM_BYTES) {
                add(row, vector->str[i]);
                return;
        }
        append_value(&row->texts, column, vector, i);
        add_text(row, from);
}

/* Field and value of every column that is there; the names of the others go to null_argv. */
static void add_columns(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i)
{
        assert(rows->n_columns == table->n_columns);
        for (uint32_t c = 0; c < table->n_columns; c++) {
                const struct redis_column *column = &table->columns[c];

                if (is_absent(&rows->columns[c], i)) {
                        row->null_argv[row->n_nulls] = (const char *)column->name.data;
                        row->null_lens[row->n_nulls] = column->name.len;
                        row->n_nulls++;
                        continue;
                }
                add(row, column->name);
                add_value(row, column, &rows->columns[c], i);
        }
}

bool redis_row_key(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i)
{
        size_t begun;

        bytes_reset(&row->key);
        redis_key_begin(&row->key, table->table->name);
        begun = row->key.len;
        for (uint32_t p = 0; p < table->n_parts; p++) {
                const struct redis_column *column = &table->columns[table->parts[p]];
                const struct vector *vector = &rows->columns[table->parts[p]];

                if (is_absent(vector, i))
                        return false;
                if (column->form == REDIS_FORM_BYTES) {
                        redis_key_part(&row->key, vector->str[i]);
                } else {
                        bytes_reset(&row->texts);
                        append_value(&row->texts, column, vector, i);
                        redis_key_part(&row->key, bytes_slice(&row->texts));
                }
        }
        redis_key_end(&row->key, begun);
        return true;
}

static void send_word(struct redis_link *link, const char *word, enum redis_expect expect, struct redis_tag tag)
{
        const char *argv[] = {word};
        size_t lens[] = {strlen(word)};

        tag.expect = expect;
        redis_link_send(link, tag, 1, argv, lens);
}

static void send_row(struct redis_row *row, struct redis_link *link, enum redis_expect expect, struct redis_tag tag)
{
        settle_texts(row);
        tag.expect = expect;
        redis_link_send(link, tag, row->n_args, row->argv, row->lens);
}

static void send_expire(struct redis_link *link, struct slice key, int64_t ttl_ms, enum redis_expect expect,
                        struct redis_tag tag)
{
        char ttl[DIGITS];
        size_t at = format_integer(ttl_ms, ttl);
        const char *argv[] = {"PEXPIRE", (const char *)key.data, ttl + at};
        size_t lens[] = {7, key.len, sizeof(ttl) - at};

        tag.expect = expect;
        redis_link_send(link, tag, 3, argv, lens);
}

void redis_row_send_expire(struct redis_link *link, struct slice key, int64_t ttl_ms, struct redis_tag tag)
{
        send_expire(link, key, ttl_ms, REDIS_EXPECT_ONE, tag);
}

void redis_row_send_hash(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i,
                         struct redis_link *link, struct redis_tag tag)
{
        struct slice key = bytes_slice(&row->key);
        bool has_nulls;

        begin(row, table->n_columns);
        add(row, slice_from_text("HSET"));
        add(row, key);
        add_columns(row, table, rows, i);
        has_nulls = row->n_nulls > 2;
        if (!has_nulls) {
                send_row(row, link, REDIS_EXPECT_NUMBER, tag);
                send_expire(link, key, table->ttl_ms, REDIS_EXPECT_ONE, tag);
                return;
        }
        row->null_argv[0] = "HDEL";
        row->null_lens[0] = 4;
        row->null_argv[1] = (const char *)key.data;
        row->null_lens[1] = key.len;
        send_word(link, "MULTI", REDIS_EXPECT_OK, tag);
        send_row(row, link, REDIS_EXPECT_QUEUED, tag);
        tag.expect = REDIS_EXPECT_QUEUED;
        redis_link_send(link, tag, row->n_nulls, row->null_argv, row->null_lens);
        send_expire(link, key, table->ttl_ms, REDIS_EXPECT_QUEUED, tag);
        send_word(link, "EXEC", REDIS_EXPECT_EXEC, tag);
}

bool redis_row_send_stream(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i,
                           uint64_t epoch, struct redis_link *link, struct redis_tag tag)
{
        begin(row, table->n_columns);
        add(row, slice_from_text("XADD"));
        add(row, bytes_slice(&row->key));
        bytes_append_format(&row->texts, "%" PRIu64 "-%" PRIu64, epoch, tag.number + 1);
        add_text(row, 0);
        add_columns(row, table, rows, i);
        if (row->n_args == 3)
                return false;
        send_row(row, link, REDIS_EXPECT_ID, tag);
        return true;
}

bool redis_row_has_member(const struct redis_table *table, const struct batch *rows, uint32_t i)
{
        return !is_absent(&rows->columns[table->member], i) && !is_absent(&rows->columns[table->score], i);
}

void redis_row_send_zset(struct redis_row *row, const struct redis_table *table, const struct batch *rows, uint32_t i,
                         struct slice key, struct redis_link *link, struct redis_tag tag)
{
        begin(row, 1);
        add(row, slice_from_text("ZADD"));
        add(row, key);
        add_value(row, &table->columns[table->score], &rows->columns[table->score], i);
        add_value(row, &table->columns[table->member], &rows->columns[table->member], i);
        send_row(row, link, REDIS_EXPECT_NUMBER, tag);
}
