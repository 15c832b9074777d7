/* job.c - job text from files or from the log, and the plan made of it. See job.h. */
#include "sidecar/job/job.h"

#include "sidecar/base/alloc.h"
#include "sidecar/base/file.h"
#include "sidecar/base/limits.h"
#include "sidecar/exec/eval.h"

static struct job *new_job(uint32_t n_files, uint32_t n_overrides, struct sql_file **ret_files,
                           struct sql_override **ret_overrides)
{
        struct job *job = alloc_zero(1, sizeof *job);

        arena_init(&job->arena, 64 << 10, 0);
        *ret_files = arena_new_n(&job->arena, struct sql_file, n_files + 1);
        *ret_overrides = arena_new_n(&job->arena, struct sql_override, n_overrides + 1);
        job->input = (struct sql_input){.files = *ret_files, .n_files = n_files, .overrides = *ret_overrides,
                                        .n_overrides = n_overrides};
        return job;
}

static int read_file(struct job *job, const char *path, struct sql_file *ret_file, struct err *err)
{
        uint8_t *data = NULL;
        size_t len = 0;

        if (file_read_whole(file_ops_system(), path, LIMIT_SQL_FILE_BYTES, &data, &len, err) < 0) {
                if (err != NULL)
                        err->code = ERR_CONFIG;
                return err_prefix(err, "job file '%s'", path);
        }
        ret_file->name = arena_copy(&job->arena, slice_from_text(path));
        ret_file->text = arena_copy(&job->arena, slice_make(data, len));
        alloc_free(data);
        return 0;
}

static int read_override(struct job *job, const char *text, struct sql_override *ret_override, struct err *err)
{
        const char *sign = strchr(text, '=');

        if (sign == NULL || sign == text)
                return err_set(err, ERR_USAGE, "-D '%s' is not KEY=VALUE", text);
        ret_override->key = arena_copy(&job->arena, slice_make(text, (size_t)(sign - text)));
        ret_override->value = arena_copy(&job->arena, slice_from_text(sign + 1));
        return 0;
}

int job_read(char *const *paths, uint32_t n_paths, char *const *overrides, uint32_t n_overrides, struct job **ret_job,
             struct err *err)
{
        struct sql_file *files;
        struct sql_override *pairs;
        struct job *job = new_job(n_paths, n_overrides, &files, &pairs);
        int result = 0;

        for (uint32_t i = 0; i < n_overrides && result == 0; i++)
                result = read_override(job, overrides[i], &pairs[i], err);
        for (uint32_t i = 0; i < n_paths && result == 0; i++)
                result = read_file(job, paths[i], &files[i], err);
        if (result < 0) {
                job_free(job);
                return -1;
        }
        *ret_job = job;
        return 0;
}

struct job *job_from_config(const struct record_config *config)
{
        struct sql_file *files;
        struct sql_override *pairs;
        struct job *job = new_job(config->n_files, config->n_overrides, &files, &pairs);

        job->generation = config->generation;
        for (uint32_t i = 0; i < config->n_files; i++) {
                files[i].name = arena_copy(&job->arena, config->file_names[i]);
                files[i].text = arena_copy(&job->arena, config->file_texts[i]);
        }
        for (uint32_t i = 0; i < config->n_overrides; i++) {
                pairs[i].key = arena_copy(&job->arena, config->override_keys[i]);
                pairs[i].value = arena_copy(&job->arena, config->override_values[i]);
        }
        return job;
}

struct job *job_free(struct job *job)
{
        if (job == NULL)
                return NULL;
        arena_done(&job->arena);
        alloc_free(job);
        return NULL;
}

int job_compile(struct job *job, struct diag_list *diags)
{
        job->input.judge = eval_judge;
        return sql_compile(&job->input, &job->arena, diags, &job->plan);
}

int job_compile_again(struct job *job, struct err *err)
{
        struct diag_list diags;
        int result = 0;

        diag_list_init(&diags);
        if (job_compile(job, &diags) != 0)
                result = err_set(err, ERR_DATA, "the job text of generation %u in the log is refused: %s",
                                 job->generation, diags.n > 0 ? diags.items[0].message : "no reason given");
        diag_list_done(&diags);
        return result;
}

void job_config(const struct job *job, int64_t now_ms, struct arena *arena, struct record_config *ret_config)
{
        const struct sql_input *input = &job->input;
        struct slice *names = arena_new_n(arena, struct slice, input->n_files + 1);
        struct slice *texts = arena_new_n(arena, struct slice, input->n_files + 1);
        struct slice *keys = arena_new_n(arena, struct slice, input->n_overrides + 1);
        struct slice *values = arena_new_n(arena, struct slice, input->n_overrides + 1);

        for (uint32_t i = 0; i < input->n_files; i++) {
                names[i] = input->files[i].name;
                texts[i] = input->files[i].text;
        }
        for (uint32_t i = 0; i < input->n_overrides; i++) {
                keys[i] = input->overrides[i].key;
                values[i] = input->overrides[i].value;
        }
        *ret_config = (struct record_config){.generation = job->generation, .now_ms = now_ms,
                                             .n_files = input->n_files, .file_names = names, .file_texts = texts,
                                             .n_overrides = input->n_overrides, .override_keys = keys,
                                             .override_values = values};
}

bool job_is_same_text(const struct job *a, const struct job *b)
{
        if (a->input.n_files != b->input.n_files || a->input.n_overrides != b->input.n_overrides)
                return false;
        for (uint32_t i = 0; i < a->input.n_files; i++)
                if (!slice_is_equal(a->input.files[i].name, b->input.files[i].name) ||
                    !slice_is_equal(a->input.files[i].text, b->input.files[i].text))
                        return false;
        for (uint32_t i = 0; i < a->input.n_overrides; i++)
                if (!slice_is_equal(a->input.overrides[i].key, b->input.overrides[i].key) ||
                    !slice_is_equal(a->input.overrides[i].value, b->input.overrides[i].value))
                        return false;
        return true;
}
