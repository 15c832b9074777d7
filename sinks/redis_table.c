/* redis_table.c - how one table lies in Redis. */
#include "sinks/redis_table.h"

#include "sidecar/base/alloc.h"
#include "sidecar/plan/connector.h"
#include "sinks/json_text.h"
#include "sinks/percent.h"
#include "sinks/redis_key.h"
#include "sinks/sink.h"

#include <assert.h>
#include <inttypes.h>

/* Of the table's name once encoded: the rest of a key has REDIS_KEY_PARTS_MAX and a hash. */
enum { NAME_MAX_BYTES = 256 };

static enum redis_form form_of(const struct type *type)
{
        switch (type_phys(type)) {
        case PHYS_STR:
                return REDIS_FORM_BYTES;
        case PHYS_I64:
                if (type->kind == TYPE_BOOLEAN || type_is_integer(type))
                        return REDIS_FORM_INTEGER;
                return type_is_timestamp(type) ? REDIS_FORM_MILLIS : REDIS_FORM_CAST;
        default:
                return REDIS_FORM_CAST;
        }
}

/* Position of a table's column among the physical ones. */
static uint32_t physical_index(const struct plan_table *table, uint32_t column)
{
        uint32_t index = 0;

        for (uint32_t i = 0; i < column; i++)
                index += table->columns[i].kind == PLAN_PHYSICAL;
        return index;
}

static uint32_t physical_by_name(const struct redis_table *table, struct slice name)
{
        uint32_t i = 0;

        while (i < table->n_columns && !slice_is_equal(table->columns[i].name, name))
                i++;
        return i;
}

static int find_zset_columns(struct redis_table *table, struct err *err)
{
        table->member = physical_by_name(table, connector_text(table->table, "member"));
        table->score = physical_by_name(table, connector_text(table->table, "score"));
        if (table->member == table->n_columns)
                return sink_table_error(table->table, "member", err, "'member' must name a physical column");
        if (table->score == table->n_columns)
                return sink_table_error(table->table, "score", err, "'score' must name a physical column");
        return 0;
}

static int set_columns(struct redis_table *table, struct err *err)
{
        const struct plan_table *plan = table->table;

        table->columns = alloc_zero(plan->n_columns > 0 ? plan->n_columns : 1, sizeof(*table->columns));
        for (uint32_t i = 0; i < plan->n_columns; i++) {
                const struct plan_column *column = &plan->columns[i];

                if (column->kind != PLAN_PHYSICAL)
                        continue;
                if (type_phys(&column->type) == PHYS_NONE) {
                        char type[TYPE_TEXT_BYTES];

                        type_format(&column->type, type);
                        return sink_table_error(plan, NULL, err, "column '%.*s' of type %s has no form in Redis",
                                                (int)column->name.len, (const char *)column->name.data, type);
                }
                table->columns[table->n_columns++] = (struct redis_column){
                        .name = column->name,
                        .type = column->type,
                        .form = form_of(&column->type),
                };
        }
        return 0;
}

static void set_parts(struct redis_table *table)
{
        const struct plan_table *plan = table->table;

        table->parts = alloc_zero(plan->n_primary_key > 0 ? plan->n_primary_key : 1, sizeof(*table->parts));
        for (uint32_t i = 0; i < plan->n_primary_key; i++) {
                uint32_t index = physical_index(plan, plan->primary_key[i]);

                if (table->layout == REDIS_ZSET &&
                    (index == table->member || type_is_timestamp(&table->columns[index].type)))
                        continue;
                table->parts[table->n_parts++] = index;
        }
}

int redis_table_new(const struct plan_table *plan, struct redis_table **ret_table, struct err *err)
{
        struct redis_table *table = alloc_zero(1, sizeof(*table));
        struct bytes name;
        int rc;

        table->table = plan;
        table->ttl_ms = connector_ms(plan, "ttl");
        if (connector_is(plan, "type", "zset"))
                table->layout = REDIS_ZSET;
        else
                table->layout = plan->n_primary_key > 0 ? REDIS_HASH : REDIS_STREAM;
        bytes_init(&name);
        percent_append(&name, plan->name);
        rc = name.len > NAME_MAX_BYTES ? sink_table_error(plan, NULL, err, "the name is too long for a key") : 0;
        bytes_done(&name);
        if (rc == 0)
                rc = set_columns(table, err);
        if (rc == 0 && table->layout == REDIS_ZSET)
                rc = find_zset_columns(table, err);
        if (rc < 0) {
                redis_table_free(table);
                return rc;
        }
        set_parts(table);
        *ret_table = table;
        return 0;
}

struct redis_table *redis_table_free(struct redis_table *table)
{
        if (table == NULL)
                return NULL;
        alloc_free(table->columns);
        alloc_free(table->parts);
        alloc_free(table);
        return NULL;
}

const char *redis_table_layout_name(enum redis_layout layout)
{
        static const char *const names[] = {[REDIS_HASH] = "hash", [REDIS_STREAM] = "stream", [REDIS_ZSET] = "zset"};

        return names[layout];
}

void redis_table_key_pattern(const struct redis_table *table, struct bytes *text)
{
        redis_key_begin(text, table->table->name);
        for (uint32_t i = 0; i < table->n_parts; i++) {
                bytes_append_text(text, ":<");
                bytes_append_slice(text, table->columns[table->parts[i]].name);
                bytes_append_byte(text, '>');
        }
        bytes_append_byte(text, '}');
}

static void append_member(struct bytes *json, const char *name, struct slice value)
{
        bytes_append_format(json, ",\"%s\":", name);
        json_text_append(json, value);
}

static void append_columns(const struct redis_table *table, struct bytes *json)
{
        static const char *const forms[] = {
                [REDIS_FORM_BYTES] = "bytes",
                [REDIS_FORM_INTEGER] = "integer",
                [REDIS_FORM_MILLIS] = "epoch-ms",
                [REDIS_FORM_CAST] = "text",
        };

        bytes_append_text(json, ",\"columns\":[");
        for (uint32_t i = 0; i < table->n_columns; i++) {
                char type[TYPE_TEXT_BYTES];

                type_format(&table->columns[i].type, type);
                bytes_append_text(json, i > 0 ? ",{\"name\":" : "{\"name\":");
                json_text_append(json, table->columns[i].name);
                append_member(json, "type", slice_from_text(type));
                append_member(json, "form", slice_from_text(forms[table->columns[i].form]));
                bytes_append_byte(json, '}');
        }
        bytes_append_byte(json, ']');
}

void redis_table_append_owner(struct slice instance_name, struct bytes *json)
{
        append_member(json, "instance", instance_name);
}

void redis_table_catalog(const struct redis_table *table, struct slice instance_name, struct slice fingerprint,
                         struct bytes *json)
{
        struct bytes pattern;

        bytes_init(&pattern);
        redis_table_key_pattern(table, &pattern);
        bytes_append_text(json, "{\"type\":");
        json_text_append(json, slice_from_text(redis_table_layout_name(table->layout)));
        append_member(json, "key", bytes_slice(&pattern));
        bytes_append_format(json, ",\"ttl_ms\":%" PRId64, table->ttl_ms);
        if (table->layout == REDIS_ZSET) {
                append_member(json, "member", table->columns[table->member].name);
                append_member(json, "score", table->columns[table->score].name);
        }
        append_columns(table, json);
        redis_table_append_owner(instance_name, json);
        if (fingerprint.len > 0)
                append_member(json, "sql", fingerprint);
        bytes_append_byte(json, '}');
        bytes_done(&pattern);
}
