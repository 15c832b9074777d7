/* sink.c - the connectors that write, and which tables share one of them. */
#include "sinks/sink.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "sidecar/plan/connector.h"
#include "sinks/blackhole.h"
#include "sinks/filesystem.h"
#include "sinks/print.h"
#include "sinks/redis.h"

#include <stdio.h>

const struct sink_kind *sink_find_kind(struct slice connector)
{
        const struct sink_kind *const kinds[] = {redis_kind(), print_kind(), blackhole_kind(), filesystem_kind()};

        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                if (slice_is_equal(connector, slice_from_text(kinds[i]->connector)))
                        return kinds[i];
        return NULL;
}

int sink_table_error(const struct plan_table *table, const char *key, struct err *err, const char *format, ...)
{
        const struct plan_option *option = key == NULL ? NULL : plan_table_option(table, key);
        const struct plan_place *place = option != NULL ? &option->value_place : &table->place;
        char sentence[ERR_TEXT_BYTES / 2];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(sentence, sizeof(sentence), format, args);
        va_end(args);
        if (place->file == NULL)
                return err_set(err, ERR_CONFIG, "table '%.*s': %s", (int)table->name.len,
                               (const char *)table->name.data, sentence);
        return err_set(err, ERR_CONFIG, "%s:%u:%u: table '%.*s': %s", place->file, place->line, place->column,
                       (int)table->name.len, (const char *)table->name.data, sentence);
}

static int find_kind_of(const struct plan_table *table, const struct sink_kind **ret_kind, struct err *err)
{
        struct slice connector = connector_text(table, "connector");

        *ret_kind = sink_find_kind(connector);
        if (*ret_kind == NULL)
                return sink_table_error(table, "connector", err, "'%.*s' cannot be written to", (int)connector.len,
                                        (const char *)connector.data);
        return 0;
}

int sink_check_table(const struct plan_table *table, struct err *err)
{
        const struct sink_kind *kind;

        if (find_kind_of(table, &kind, err) < 0)
                return -1;
        return kind->check == NULL ? 0 : kind->check(table, err);
}

int sink_probe_job(const struct plan_job *plan, struct err *err)
{
        for (uint32_t i = 0; i < plan->n_tables; i++) {
                const struct sink_kind *kind = sink_find_kind(connector_text(plan->tables[i], "connector"));

                if (plan->tables[i]->is_sink && kind != NULL && kind->probe != NULL &&
                    kind->probe(plan->tables[i], err) < 0)
                        return -1;
        }
        return 0;
}

static bool is_one_group(const struct sink_kind *kind, const struct plan_table *one, const struct plan_table *other)
{
        struct bytes first, second;
        bool is_equal;

        bytes_init(&first);
        bytes_init(&second);
        kind->group(one, &first);
        kind->group(other, &second);
        is_equal = slice_is_equal(bytes_slice(&first), bytes_slice(&second));
        bytes_done(&first);
        bytes_done(&second);
        return is_equal;
}

int sink_check_job(const struct plan_job *plan, struct err *err)
{
        for (uint32_t i = 0; i < plan->n_tables; i++) {
                const struct plan_table *table = plan->tables[i];
                const struct sink_kind *kind;

                if (!table->is_sink)
                        continue;
                if (find_kind_of(table, &kind, err) < 0)
                        return -1;
                for (uint32_t k = 0; k < i && kind->check_pair != NULL; k++) {
                        const struct plan_table *other = plan->tables[k];

                        if (other->is_sink && sink_find_kind(connector_text(other, "connector")) == kind &&
                            is_one_group(kind, table, other) && kind->check_pair(table, other, err) < 0)
                                return -1;
                }
        }
        return 0;
}

struct sink *sink_close(struct sink *sink)
{
        if (sink != NULL)
                sink->ops->close(sink);
        return NULL;
}

void sink_set_init(struct sink_set *set)
{
        *set = (struct sink_set){.n_sinks = 0};
}

int sink_set_add_table(struct sink_set *set, const struct plan_table *table, uint32_t *ret_index, struct err *err)
{
        const struct sink_kind *kind;
        struct bytes group;
        struct sink *sink;
        uint32_t index = 0;
        bool is_new;
        int rc;

        if (sink_check_table(table, err) < 0 || find_kind_of(table, &kind, err) < 0)
                return -1;
        bytes_init(&group);
        kind->group(table, &group);
        bytes_append_byte(&group, 0);
        while (index < set->n_sinks && strcmp(set->groups[index], (const char *)group.data) != 0)
                index++;
        is_new = index == set->n_sinks || set->sinks[index] == NULL;
        sink = is_new ? kind->create() : set->sinks[index];
        rc = sink->ops->add_table(sink, table, err);
        if (rc < 0 && is_new)
                sink_close(sink);
        else if (index < set->n_sinks)
                set->sinks[index] = sink;
        if (rc == 0 && index == set->n_sinks) {
                set->sinks = alloc_resize(set->sinks, index + 1, sizeof(struct sink *));
                set->groups = alloc_resize(set->groups, index + 1, sizeof(char *));
                set->sinks[index] = sink;
                set->groups[index] = alloc_text((const char *)group.data);
                set->n_sinks = index + 1;
        }
        bytes_done(&group);
        if (rc == 0)
                *ret_index = index;
        return rc;
}

void sink_set_drop(struct sink_set *set, uint32_t index)
{
        set->sinks[index] = sink_close(set->sinks[index]);
}

void sink_set_done(struct sink_set *set)
{
        for (uint32_t i = 0; i < set->n_sinks; i++) {
                sink_close(set->sinks[i]);
                alloc_free(set->groups[i]);
        }
        alloc_free(set->sinks);
        alloc_free(set->groups);
        *set = (struct sink_set){.n_sinks = 0};
}
