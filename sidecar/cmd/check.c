/* check.c - `weir check`: compiles job files and says what is wrong with them.
 *
 * The same code runs at start-up and at reload, so what check accepts, run accepts: also schema files are read and
 * compared with their tables. Nothing is opened, connected to or written. */
#include "sidecar/base/alloc.h"
#include "sidecar/base/bytes.h"
#include "sidecar/cmd/check_state.h"
#include "sidecar/cmd/command.h"
#include "sidecar/job/engine.h"
#include "sidecar/job/job.h"
#include "sidecar/source_decoder.h"
#include "sinks/sink.h"

#include <getopt.h>
#include <stdio.h>

struct check {
        char **overrides;
        uint32_t n_overrides;
        bool is_json;
        const char *state_dir; /* --against-state */
};

static void print_usage(FILE *file)
{
        fputs("usage: weir check [OPTION]... FILE...\n"
              "\n"
              "Compiles job files together, in order, as `weir run` would, and reports what is wrong.\n"
              "\n"
              "  -D KEY=VALUE         a setting; beats SET in a file\n"
              "  --format FORMAT      text (the default) or json: one object on standard output\n"
              "  --against-state DIR  also say what becomes of the state of the job that runs there: a window keeps "
              "its\n"
              "                       state, is new and starts empty, or is gone once its results are delivered\n"
              "  -h, --help           this text\n"
              "\n"
              "Exit codes: 0 the job can run, 64 usage, 78 it cannot.\n",
              file);
}

/* 0 go on, 1 help was asked for, -1 usage. */
static int read_options(int argc, char **argv, struct check *check)
{
        static const struct option options[] = {{"against-state", required_argument, NULL, 's'},
                                                {"format", required_argument, NULL, 'f'},
                                                {"help", no_argument, NULL, 'h'},
                                                {NULL, 0, NULL, 0}};
        int option;

        optind = 0;
        while ((option = getopt_long(argc, argv, "D:h", options, NULL)) != -1) {
                switch (option) {
                case 'D':
                        check->overrides[check->n_overrides++] = optarg;
                        break;
                case 'f':
                        check->is_json = strcmp(optarg, "json") == 0;
                        if (!check->is_json && strcmp(optarg, "text") != 0) {
                                fprintf(stderr, "weir check: there is no format '%s'\n", optarg);
                                return -1;
                        }
                        break;
                case 's':
                        check->state_dir = optarg;
                        break;
                case 'h':
                        return 1;
                default:
                        return -1;
                }
        }
        return optind < argc ? 0 : -1;
}

static void report(const struct check *check, const struct diag_list *diags)
{
        struct bytes text;

        bytes_init(&text);
        if (check->is_json)
                diag_render_json(diags, &text);
        else
                diag_render(diags, &text);
        if (text.len > 0)
                fwrite(text.data, 1, text.len, check->is_json ? stdout : stderr);
        bytes_done(&text);
}

/* What a start would refuse beyond the text: literals, schema files that do not fit their tables, and what only sinks
 * can judge. */
static void check_connectors(const struct plan_job *plan, struct diag_list *diags)
{
        struct diag_span nowhere = {.file = DIAG_NO_FILE};
        struct engine *engine = NULL;
        struct err err = {0};

        if (source_decoder_check(plan, &err) < 0)
                diag_add(diags, DIAG_SCHEMA, nowhere, NULL, "%s", err.text);
        if (engine_new(plan, &engine, &err) < 0) /* literals that cannot work: a pattern, an escape */
                diag_add(diags, DIAG_LITERAL, nowhere, NULL, "%s", err.text);
        engine_free(engine);
        for (uint32_t i = 0; i < plan->n_tables; i++)
                if (plan->tables[i]->is_sink && sink_check_table(plan->tables[i], &err) < 0)
                        diag_add(diags, DIAG_OPTION_VALUE, nowhere, NULL, "%s", err.text);
        if (diags->n == 0 && sink_check_job(plan, &err) < 0)
                diag_add(diags, DIAG_OPTION_VALUE, nowhere, NULL, "%s", err.text);
}

static int compare_state(const struct check *check, const struct plan_job *plan, struct err *err)
{
        struct job *before = NULL;
        struct bytes text;

        if (check_state_read(check->state_dir, file_ops_system(), &before, err) < 0)
                return -1;
        bytes_init(&text);
        check_state_compare(before == NULL ? NULL : before->plan, plan, &text);
        fwrite(text.data, 1, text.len, stdout);
        bytes_done(&text);
        job_free(before);
        return 0;
}

int command_check(int argc, char **argv)
{
        WEIR_AUTO_FREE char **overrides = alloc_zero((size_t)argc + 1, sizeof *overrides);
        struct check check = {.overrides = overrides};
        struct diag_list diags;
        struct job *job = NULL;
        struct err err = {0};
        int result = read_options(argc, argv, &check);

        if (result != 0) {
                print_usage(result > 0 ? stdout : stderr);
                return result > 0 ? ERR_NONE : ERR_USAGE;
        }
        if (job_read(argv + optind, (uint32_t)(argc - optind), check.overrides, check.n_overrides, &job, &err) < 0) {
                fprintf(stderr, "weir check: %s\n", err.text);
                return (int)err.code;
        }
        diag_list_init(&diags);
        if (job_compile(job, &diags) == 0)
                check_connectors(job->plan, &diags);
        report(&check, &diags);
        if (diags.n == 0 && !check.is_json)
                printf("ok: %u %s from %u %s\n", job->plan->n_queries,
                       job->plan->n_queries == 1 ? "query" : "queries", job->plan->n_sources,
                       job->plan->n_sources == 1 ? "source" : "sources");
        result = diags.n == 0 ? ERR_NONE : ERR_CONFIG;
        if (result == ERR_NONE && check.state_dir != NULL && compare_state(&check, job->plan, &err) < 0) {
                fprintf(stderr, "weir check: %s\n", err.text);
                result = (int)err.code;
        }
        diag_list_done(&diags);
        job_free(job);
        return result;
}
