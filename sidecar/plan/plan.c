/* plan.c - looking things up in a plan. */
#include "sidecar/plan/plan.h"

const struct plan_option *plan_option_find(const struct plan_option *options, uint32_t n_options, const char *key)
{
        struct slice wanted = slice_from_text(key);

        for (uint32_t i = 0; i < n_options; i++)
                if (slice_is_equal(options[i].key, wanted))
                        return &options[i];
        return NULL;
}

const struct plan_option *plan_table_option(const struct plan_table *table, const char *key)
{
        return plan_option_find(table->options, table->n_options, key);
}
