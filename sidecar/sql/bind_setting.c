/* bind_setting.c - SET 'key' = 'value', and -D KEY=VALUE, which beats it. */
#include "sidecar/sql/bind.h"

#include "sidecar/plan/setting.h"

static const struct option_spec *find_spec(struct binder *binder, struct slice key, struct diag_span span)
{
        const struct option_spec *spec = setting_find(key);
        const char *near;

        if (spec != NULL)
                return spec;
        near = setting_suggest(key);
        diag_add(binder->diags, DIAG_SETTING_UNKNOWN, span,
                 near == NULL ? NULL : arena_format(binder->arena, "did you mean '%s'?", near),
                 "there is no setting '%.*s'", (int)key.len, (const char *)key.data);
        return NULL;
}

static struct plan_option *find_setting(struct binder *binder, struct slice key)
{
        for (uint32_t i = 0; i < binder->n_settings; i++)
                if (slice_is_equal(binder->settings[i].key, key))
                        return &binder->settings[i];
        return NULL;
}

static void put(struct binder *binder, const struct plan_option *option)
{
        struct plan_option *old = find_setting(binder, option->key);

        if (old != NULL) {
                *old = *option;
                return;
        }
        binder->settings = bind_job_grow(binder, binder->settings, binder->n_settings, &binder->settings_capacity,
                                         sizeof *binder->settings);
        binder->settings[binder->n_settings++] = *option;
}

void bind_setting_override(struct binder *binder, struct slice key, struct slice value)
{
        struct diag_span nowhere = {.file = DIAG_NO_FILE};
        const struct option_spec *spec = find_spec(binder, key, nowhere);
        struct plan_option option = {.key = key, .value = value};
        struct err err = {0};

        if (spec == NULL)
                return;
        if (setting_check(spec, value, &err) != 0) {
                diag_add(binder->diags, DIAG_SETTING_VALUE, nowhere, NULL, "-D %s", err.text);
                return;
        }
        if (spec->type == OPTION_PATH)
                option.path = value;
        put(binder, &option);
        binder->n_overrides = binder->n_settings;
}

/* All INSERTs of a run are one job: what shapes it cannot change between them. */
static bool comes_too_late(struct binder *binder, const struct option_spec *spec, const struct ast_option *option)
{
        const struct plan_option *old = find_setting(binder, option->key.text);
        struct slice before =
                old != NULL ? old->value : slice_from_text(spec->fallback == NULL ? "" : spec->fallback);

        if (spec != setting_at(SETTING_MINI_BATCH_LATENCY) || binder->n_inserts == 0 ||
            slice_is_equal(before, option->value.text))
                return false;
        diag_add(binder->diags, DIAG_SET_PLACE, option->key.span, "move it in front of the first INSERT",
                 "'%s' holds for the whole run and must stand before its first INSERT", spec->key);
        return true;
}

void bind_setting_set(struct binder *binder, const struct ast_option *option)
{
        const struct option_spec *spec = find_spec(binder, option->key.text, option->key.span);
        struct plan_option *old = find_setting(binder, option->key.text);
        struct plan_option setting = {.key = option->key.text,
                                      .value = option->value.text,
                                      .key_place = bind_job_place(binder, option->key.span),
                                      .value_place = bind_job_place(binder, option->value.span)};
        struct err err = {0};

        if (spec == NULL)
                return;
        if (setting_check(spec, option->value.text, &err) != 0) {
                diag_add(binder->diags, DIAG_SETTING_VALUE, option->value.span, NULL, "%s", err.text);
                return;
        }
        if (old != NULL && old < binder->settings + binder->n_overrides)
                return;
        if (comes_too_late(binder, spec, option))
                return;
        if (spec->type == OPTION_PATH)
                setting.path = bind_job_resolve_path(binder, option->value.text, option->value.span.file);
        put(binder, &setting);
}
