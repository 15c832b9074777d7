/* generation.c - the job in force and its change at a point of the log. See generation.h. */
#include "sidecar/generation.h"

#include "sidecar/base/alloc.h"
#include "sidecar/job/dead.h"
#include "sidecar/job/record_row.h"
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

/* Adds a job to those that are known; the newest stands last. */
static void keep_job(struct pipeline *pipeline, struct job *job, uint64_t last_epoch)
{
        struct kept_job *kept;
        struct arena arena;
        struct record_config config;

        pipeline->kept = alloc_resize(pipeline->kept, pipeline->n_kept + 1, sizeof *pipeline->kept);
        kept = &pipeline->kept[pipeline->n_kept++];
        *kept = (struct kept_job){.job = job, .last_epoch = last_epoch, .has_open_rows = last_epoch == UINT64_MAX};
        job->dead_letters = dead_table_new(pipeline->dead_dir, &job->arena);
        arena_init(&arena, 4096, 0);
        job_config(job, pipeline->last_arrival_ms, &arena, &config);
        bytes_reserve(&kept->config, record_bound_config(&config));
        kept->config.len = record_encode_config(&config, kept->config.data);
        arena_done(&arena);
}

void generation_free_kept(struct pipeline *pipeline)
{
        for (uint32_t i = 0; i < pipeline->n_kept; i++) {
                bytes_done(&pipeline->kept[i].config);
                job_free(pipeline->kept[i].job);
        }
        alloc_free(pipeline->kept);
}

void generation_note_piece(struct pipeline *pipeline, const struct engine_piece *piece)
{
        if (!piece->is_epoch_end) {
                pipeline->kept[pipeline->n_kept - 1].has_open_rows = true;
                return;
        }
        for (uint32_t i = 0; i < pipeline->n_kept; i++) {
                if (pipeline->kept[i].has_open_rows)
                        pipeline->kept[i].last_epoch = piece->epoch;
                pipeline->kept[i].has_open_rows = false;
        }
}

static uint64_t rows_until(void *context, uint32_t generation)
{
        const struct pipeline *pipeline = context;

        for (uint32_t i = 0; i < pipeline->n_kept; i++)
                if (pipeline->kept[i].job->generation == generation)
                        return pipeline->kept[i].has_open_rows ? UINT64_MAX : pipeline->kept[i].last_epoch;
        return 0;
}

void generation_retire_sinks(struct pipeline *pipeline)
{
        if (pipeline->n_kept > 1)
                delivery_retire(pipeline->delivery, pipeline->job->generation, rows_until, pipeline);
}

static bool is_needed(const struct kept_job *kept, uint64_t first_epoch)
{
        return kept->has_open_rows || (first_epoch > 0 && kept->last_epoch >= first_epoch);
}

void generation_append_extra(struct pipeline *pipeline, struct bytes *extra)
{
        struct outbox_stats outbox;
        struct bytes committed;
        uint32_t n = 0;

        bytes_reset(extra);
        bytes_init(&committed);
        delivery_append_committed(pipeline->delivery, &committed);
        bytes_append_lenslice(extra, bytes_slice(&committed));
        bytes_done(&committed);
        outbox_stats(delivery_outbox(pipeline->delivery), &outbox);
        for (uint32_t i = 0; i + 1 < pipeline->n_kept; i++)
                n += is_needed(&pipeline->kept[i], outbox.first_epoch);
        bytes_append_varint(extra, n);
        for (uint32_t i = 0; i + 1 < pipeline->n_kept; i++) {
                const struct kept_job *kept = &pipeline->kept[i];

                if (!is_needed(kept, outbox.first_epoch))
                        continue;
                bytes_append_lenslice(extra, bytes_slice(&kept->config));
                bytes_append_varint(extra, kept->has_open_rows ? UINT64_MAX : kept->last_epoch);
        }
        n = pipeline->n_kept - 1;
        bytes_append_varint(extra, pipeline->kept[n].has_open_rows ? UINT64_MAX : pipeline->kept[n].last_epoch);
}

struct slice generation_committed(struct slice extra)
{
        struct bytes_reader reader = bytes_reader_make(extra);

        return bytes_read_text(&reader);
}

static int restore_one(struct pipeline *pipeline, struct slice payload, uint64_t last_epoch, struct err *err)
{
        struct record_decoder *decoder = record_decoder_new();
        struct record record;
        struct arena arena;
        struct job *job = NULL;
        int result;

        arena_init(&arena, 4096, 0);
        result = record_decode(decoder, RECORD_CONFIG, payload, &arena, &record, err);
        if (result == 0) {
                job = job_from_config(&record.config);
                result = job_compile_again(job, err);
        }
        if (result == 0) {
                keep_job(pipeline, job, last_epoch);
                result = delivery_add_job(pipeline->delivery, job, err);
        } else {
                job_free(job);
        }
        arena_done(&arena);
        record_decoder_free(decoder);
        return result;
}

int generation_restore_kept(struct pipeline *pipeline, struct slice extra, uint64_t *ret_last_epoch, struct err *err)
{
        struct bytes_reader reader = bytes_reader_make(extra);
        uint64_t n;

        bytes_read_text(&reader);
        n = bytes_read_varint(&reader);
        for (uint64_t i = 0; i < n && !reader.failed; i++) {
                struct slice payload = bytes_read_text(&reader);
                uint64_t last_epoch = bytes_read_varint(&reader);

                if (!reader.failed && restore_one(pipeline, payload, last_epoch, err) < 0)
                        return -1;
        }
        *ret_last_epoch = bytes_read_varint(&reader);
        return reader.failed ? err_set(err, ERR_DATA, "the manifest's list of older jobs is cut off") : 0;
}

int generation_bind(struct pipeline *pipeline, struct job *job, struct engine *engine, uint64_t last_epoch,
                    struct err *err)
{
        int64_t max_future_ms = setting_ms(job->plan, SETTING_EVENT_MAX_FUTURE);
        size_t row_bytes =
                pipeline->writer == NULL ? RECORD_ROW_BYTES_MAX : record_writer_row_bytes(pipeline->writer);

        generation_free_scans(pipeline);
        engine_free(pipeline->engine);
        pipeline->engine = engine;
        pipeline->job = job;
        keep_job(pipeline, job, last_epoch);
        engine_take_dead(engine, job->dead_letters);
        pipeline->dead_max_bytes = setting_bytes(job->plan, SETTING_DEAD_MAX_BYTES);
        pipeline->output_budget_bytes = setting_bytes(job->plan, SETTING_OUTPUT_BYTES);
        pipeline->scans = alloc_zero(job->plan->n_sources + 1, sizeof *pipeline->scans);
        for (uint32_t s = 0; s < job->plan->n_sources; s++)
                if (scan_new(job->plan->sources[s], s, engine, max_future_ms, row_bytes, &pipeline->scans[s], err) < 0)
                        return -1;
        if (pipeline->writer != NULL)
                set_layouts(pipeline);
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
                if (pipeline_wait_for_log(pipeline, err) < 0) {
                        result = -1;
                        break;
                }
        arena_done(&arena);
        return result;
}

int generation_start_sinks(struct pipeline *pipeline, struct err *err)
{
        return delivery_start(pipeline->delivery, engine_last_epoch(pipeline->engine),
                              pipeline->has_log ? wal_end(pipeline->wal) : UINT64_MAX, err);
}

int generation_change(struct pipeline *pipeline, struct job *job, struct err *err)
{
        struct engine *engine = NULL;
        int result;

        assert(!pipeline->intake.is_active && job->plan != NULL);
        /* Ends of connections go by numbers of tables that may change. */
        while ((result = control_write(pipeline, err)) > 0)
                if (pipeline_wait_for_log(pipeline, err) < 0)
                        return -1;
        if (result < 0)
                return -1;
        job->generation = pipeline->job->generation + 1;
        while (pipeline->has_log && keeper_is_writing(pipeline->keeper))
                if (pipeline_wait(pipeline, err) < 0)
                        return -1;
        if (pipeline_drain_output(pipeline, err) < 0 || generation_migrate(pipeline, job, &engine, err) < 0)
                return -1;
        if (generation_bind(pipeline, job, engine, 0, err) < 0 || generation_write_config(pipeline, err) < 0)
                return -1;
        return generation_start_sinks(pipeline, err);
}
