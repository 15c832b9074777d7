/* generation.c - the job in force and its change at a point of the log. See generation.h. */
#include "sidecar/generation.h"

#include "sidecar/base/alloc.h"
#include "sidecar/pipeline_state.h"
#include "sidecar/plan/setting.h"

#include <assert.h>

static void set_layouts(struct pipeline *pipeline)
{
        struct arena arena;

        arena_init(&arena, 4096, 0);
        for (uint32_t s = 0; s < pipeline->job->plan->n_sources; s++) {
                const struct plan_source *source = pipeline->job->plan->sources[s];
                uint32_t n_logged = scan_n_logged(source), k = 0;
                struct slice *names = arena_new_n(&arena, struct slice, n_logged + 1);
                struct slice *types = arena_new_n(&arena, struct slice, n_logged + 1);
                enum phys *phys = arena_new_n(&arena, enum phys, n_logged + 1);
                struct record_layout layout = {.generation = pipeline->job->generation, .source = s,
                                               .table = source->table->name, .n_columns = n_logged, .names = names,
                                               .types = types, .phys = phys};

                for (uint32_t c = 0; c < source->n_columns; c++) {
                        char text[TYPE_TEXT_BYTES];

                        if (!source->is_logged[c])
                                continue;
                        type_format(&source->columns[c].type, text);
                        names[k] = source->columns[c].name;
                        types[k] = arena_copy(&arena, slice_from_text(text));
                        phys[k++] = type_phys(&source->columns[c].type);
                }
                record_writer_set_layout(pipeline->writer, &layout);
        }
        arena_done(&arena);
}

void generation_free_scans(struct pipeline *pipeline)
{
        if (pipeline->job != NULL && pipeline->scans != NULL)
                for (uint32_t s = 0; s < pipeline->job->plan->n_sources; s++)
                        scan_free(pipeline->scans[s]);
        alloc_free(pipeline->scans);
        pipeline->scans = NULL;
}

static void remember_config(struct pipeline *pipeline, const struct job *job)
{
        struct arena arena;
        struct record_config config;

        arena_init(&arena, 4096, 0);
        job_config(job, pipeline->last_arrival_ms, &arena, &config);
        bytes_reset(&pipeline->config_payload);
        bytes_reserve(&pipeline->config_payload, record_bound_config(&config));
        pipeline->config_payload.len = record_encode_config(&config, pipeline->config_payload.data);
        arena_done(&arena);
}

static bool knows_job(const struct pipeline *pipeline, const struct job *job)
{
        for (uint32_t i = 0; i < pipeline->n_jobs; i++)
                if (pipeline->jobs[i] == job)
                        return true;
        return false;
}

int generation_bind(struct pipeline *pipeline, struct job *job, struct engine *engine, struct err *err)
{
        int64_t max_future_ms = setting_ms(job->plan, SETTING_EVENT_MAX_FUTURE);

        generation_free_scans(pipeline);
        engine_free(pipeline->engine);
        pipeline->engine = engine;
        pipeline->job = job;
        if (!knows_job(pipeline, job)) {
                pipeline->jobs = alloc_resize(pipeline->jobs, pipeline->n_jobs + 1, sizeof *pipeline->jobs);
                pipeline->jobs[pipeline->n_jobs++] = job;
        }
        pipeline->output_budget_bytes = setting_bytes(job->plan, SETTING_OUTPUT_BYTES);
        pipeline->scans = alloc_zero(job->plan->n_sources + 1, sizeof *pipeline->scans);
        for (uint32_t s = 0; s < job->plan->n_sources; s++)
                if (scan_new(job->plan->sources[s], s, engine, max_future_ms, &pipeline->scans[s], err) < 0)
                        return -1;
        if (pipeline->writer != NULL)
                set_layouts(pipeline);
        remember_config(pipeline, job);
        return delivery_add_job(pipeline->delivery, job, err);
}

int generation_migrate(struct pipeline *pipeline, const struct job *job, struct engine **ret_engine, struct err *err)
{
        struct engine *engine = NULL;
        struct engine_frozen *frozen;
        struct bytes state;
        int result;

        if (engine_new(job->plan, &engine, err) < 0)
                return -1;
        bytes_init(&state);
        frozen = engine_freeze(pipeline->engine);
        while (engine_frozen_next(frozen, &state))
                continue;
        engine_thaw(pipeline->engine, frozen);
        result = engine_load(engine, bytes_slice(&state), err);
        bytes_done(&state);
        if (result < 0) {
                engine_free(engine);
                return -1;
        }
        *ret_engine = engine;
        return 0;
}

int generation_write_config(struct pipeline *pipeline, struct err *err)
{
        struct arena arena;
        struct record_config config;
        int result;

        if (!pipeline->has_log)
                return 0;
        arena_init(&arena, 4096, 0);
        job_config(pipeline->job, pipeline_arrival(pipeline), &arena, &config);
        while ((result = record_writer_config(pipeline->writer, &config, &pipeline->last_lsn, err)) > 0)
                if (pipeline_wait(pipeline, err) < 0) {
                        result = -1;
                        break;
                }
        arena_done(&arena);
        return result;
}

int generation_change(struct pipeline *pipeline, struct job *job, struct err *err)
{
        struct engine *engine = NULL;

        assert(!pipeline->intake.is_active && job->plan != NULL);
        job->generation = pipeline->job->generation + 1;
        while (pipeline->has_log && keeper_is_writing(pipeline->keeper))
                if (pipeline_wait(pipeline, err) < 0)
                        return -1;
        if (pipeline_drain_output(pipeline, err) < 0 || generation_migrate(pipeline, job, &engine, err) < 0)
                return -1;
        if (generation_bind(pipeline, job, engine, err) < 0 || generation_write_config(pipeline, err) < 0)
                return -1;
        return delivery_start(pipeline->delivery, engine_last_epoch(engine), err);
}
