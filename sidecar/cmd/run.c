/* run.c - `weir run`: the daemon, or a bounded job to its end.
 *
 * The order of a start: job text, plan, decoders (nothing of which touches the state directory: `weir check` sees the
 * same), then the state directory's lock, signals and HTTP, recovery, sinks, listeners, and only then "ready". A stop
 * goes the other way round.
 *
 * A start may take minutes (a long log) or wait for somebody (a full disk, a clock that is behind). All the while the
 * loop turns, in on_wait: SIGTERM ends it, /livez answers 200 and /readyz says what it is about, systemd hears that we
 * live. What such a nested turn may not do is begin anything: ticks and reloads wait until it is over. */
#include "sidecar/base/alloc.h"
#include "sidecar/base/log.h"
#include "sidecar/bounded.h"
#include "sidecar/cmd/command.h"
#include "sidecar/generation.h"
#include "sidecar/net/http.h"
#include "sidecar/net/loop.h"
#include "sidecar/notify.h"
#include "sidecar/pipeline.h"
#include "sidecar/plan/setting.h"
#include "sidecar/room.h"
#include "sidecar/source_decoder.h"
#include "sidecar/sources.h"
#include "sidecar/status.h"
#include "sinks/sink.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 1000, QUIESCE_MS = 5000, SINKS_MS = 5000, START_POLL_MS = 1000, ROOM_BYTES = 4096 };
/* While a start or a stop goes on, systemd is told once a second that this much more time is needed. */
#define EXTEND_EVERY_NS UINT64_C(1000000000)
enum { EXTEND_USEC = 60000000 };
enum { START_E_GIVEN_UP = 1 };

struct run {
        const struct clock *clock;
        char **paths;
        uint32_t n_paths;
        char **overrides;
        uint32_t n_overrides;
        struct loop *loop;
        struct instance instance;
        struct pipeline *pipeline;
        struct sources *sources;
        struct http *http;
        struct notify notify;
        struct loop_timer *tick, *watchdog;
        struct loop_watch *signals;
        int signal_fd;
        int64_t started_ms;
        char *name;
        struct room room;         /* for the files of the state directory itself */
        uint64_t extended_ns;     /* monotonic time when systemd last heard that a start or stop goes on */
        uint64_t reload_deadline_ns; /* until then a frame that was begun may come to its end */
        bool is_ready, is_awake;
        bool is_stopping;         /* somebody wants it to */
        bool is_draining;         /* it is at it */
        bool is_reload_wanted, is_reloading;
        bool is_waiting;          /* inside on_wait */
        enum err_code broken;     /* not ERR_NONE: the line is broken, leave at once */
};

/* ---- Callbacks of the pipeline */

static void on_durable(void *context, const struct pipeline_ack *ack)
{
        struct run *run = context;

        if (run->sources != NULL)
                sources_on_durable(run->sources, ack);
}

static void on_room(void *context)
{
        struct run *run = context;

        if (run->sources != NULL)
                sources_on_room(run->sources);
        run->is_awake = true;
}

static void on_wake(void *context)
{
        struct run *run = context;

        run->is_awake = true;
}

/* Nothing more is acknowledged from here on: the process leaves without another word to agents or Redis. */
static void on_fatal(void *context, const struct err *err)
{
        struct run *run = context;

        if (run->broken != ERR_NONE)
                return;
        run->broken = err->code == ERR_NONE ? ERR_IO : err->code;
        log_message(LOG_ERROR, "fatal", "%s", err->text);
}

/* ---- HTTP */

static void source_status(void *context, uint32_t source, struct status_source *ret_source)
{
        const struct run *run = context;

        *ret_source = (struct status_source){.listen = ""};
        if (run->sources != NULL)
                sources_status(run->sources, source, ret_source);
}

static struct status make_status(struct run *run)
{
        const char *why = run->room.is_lacking ? run->room.why : "starting";

        return (struct status){.pipeline = run->pipeline,
                               .name = run->name,
                               .clock = run->clock,
                               .started_ms = run->started_ms,
                               .is_ready = run->is_ready,
                               .not_ready_why = run->is_stopping ? "stopping" : why,
                               .context = run,
                               .source = source_status};
}

static void serve(void *context, const char *path, struct http_answer *answer)
{
        struct run *run = context;
        struct status status = make_status(run);

        answer->status = 200;
        if (strcmp(path, "/livez") == 0) {
                bytes_append_text(&answer->body, "ok\n");
        } else if (strcmp(path, "/readyz") == 0) {
                bytes_append_text(&answer->body, "{");
                if (!status_ready(&status, &answer->body))
                        answer->status = 503;
                bytes_append_text(&answer->body, "}\n");
                answer->content_type = "application/json";
        } else if (strcmp(path, "/status") == 0) {
                status_json(&status, &answer->body);
                answer->content_type = "application/json";
        } else if (strcmp(path, "/metrics") == 0) {
                status_metrics(&status, &answer->body);
                answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
        } else {
                answer->status = 404;
                bytes_append_text(&answer->body, "weir answers /status, /metrics, /livez and /readyz\n");
        }
}

/* ---- The job */

/* Reads and compiles; diagnostics go to stderr. NULL: *ret_code is the exit code. */
static struct job *load_job(const struct run *run, enum err_code *ret_code)
{
        struct err err = {0};
        struct diag_list diags;
        struct bytes text;
        struct job *job = NULL;

        if (job_read(run->paths, run->n_paths, run->overrides, run->n_overrides, &job, &err) < 0) {
                fprintf(stderr, "weir: %s\n", err.text);
                *ret_code = err.code;
                return NULL;
        }
        diag_list_init(&diags);
        bytes_init(&text);
        if (job_compile(job, &diags) != 0) {
                diag_render(&diags, &text);
                fwrite(text.data, 1, text.len, stderr);
                job = job_free(job);
                *ret_code = ERR_CONFIG;
        }
        bytes_done(&text);
        diag_list_done(&diags);
        return job;
}

/* What only the connectors can judge. */
static int check_connectors(const struct plan_job *plan, struct err *err)
{
        for (uint32_t i = 0; i < plan->n_tables; i++)
                if (plan->tables[i]->is_sink && sink_check_table(plan->tables[i], err) < 0)
                        return -1;
        return sink_check_job(plan, err) < 0 ? -1 : source_decoder_check(plan, err);
}

static void configure_log(const struct plan_job *plan)
{
        static const char *const levels[] = {"debug", "info", "warn", "error"};
        struct slice level = setting_text(plan, SETTING_LOG_LEVEL);
        bool is_json = slice_is_equal(setting_text(plan, SETTING_LOG_FORMAT), slice_from_text("json"));

        for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
                if (slice_is_equal(level, slice_from_text(levels[i])))
                        log_configure((enum log_level)i, is_json ? LOG_JSON : LOG_LOGFMT, STDERR_FILENO);
}

/* ---- Reload */

static void append_endpoints(const struct run *run, struct bytes *json)
{
        bytes_append_text(json, "{");
        sources_append_endpoints(run->sources, json);
        bytes_append_format(json, "\"http\": \"%s\"}\n", http_address(run->http));
}

static void refuse_reload(const struct err *err)
{
        log_message(LOG_ERROR, "reload-refused", "%s; the job in force stays", err->text);
}

/* Says which changes wait for the next start. */
static void name_unchanged(const struct plan_job *old, const struct plan_job *new)
{
        static const enum setting_id ids[] = {
                SETTING_NAME,     SETTING_STATE_DIR,     SETTING_HTTP_LISTEN,       SETTING_WAL,
                SETTING_WAL_SYNC, SETTING_WAL_MAX_BYTES, SETTING_WAL_SEGMENT_BYTES, SETTING_OUTBOX_KEEP,
                SETTING_OUTBOX_KEEP_BYTES,
        };

        for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
                if (!slice_is_equal(setting_text(old, ids[i]), setting_text(new, ids[i])))
                        log_message(LOG_WARN, "reload-setting", "'%s' is read at a start only: restart weir for it",
                                    setting_at(ids[i])->key);
}

/* The new job takes over from here. False: the line is broken, or a stop is wanted. */
static bool change_job(struct run *run, struct job *job, struct sources_change *change)
{
        const struct plan_job *plan = job->plan;
        struct err err = {0};
        struct bytes json;

        name_unchanged(pipeline_job(run->pipeline)->plan, plan);
        sources_change_part(change);
        if (generation_change(run->pipeline, job, &err) < 0) {
                sources_change_free(change);
                if (!pipeline_is_given_up(run->pipeline)) /* else a stop is wanted, and the log is as it was */
                        on_fatal(run, &err);
                return false;
        }
        sources_change_finish(change);
        configure_log(plan);
        bytes_init(&json);
        append_endpoints(run, &json);
        if (instance_write_endpoints(&run->instance, bytes_slice(&json), &err) != 0)
                log_message(LOG_WARN, "endpoints", "%s; the file says what was before the reload", err.text);
        bytes_done(&json);
        log_message(LOG_INFO, "reload", "generation %u is in force", pipeline_job(run->pipeline)->generation);
        return true;
}

static void reload(struct run *run)
{
        enum err_code code = ERR_NONE;
        struct err err = {0};
        struct job *job = load_job(run, &code);
        struct sources_change *change = NULL;

        run->is_reloading = false;
        if (job == NULL) {
                log_message(LOG_ERROR, "reload-refused", "the job files have errors; the job in force stays");
        } else if (check_connectors(job->plan, &err) < 0) {
                refuse_reload(&err);
                job = job_free(job);
        } else if (sink_probe_job(job->plan, &err) < 0 ||
                   sources_change_prepare(run->sources, job->plan, &change, &err) < 0) {
                refuse_reload(&err);
                job = job_free(job);
        } else if (job_is_same_text(job, pipeline_job(run->pipeline)) && !sources_change_has_schema(change)) {
                log_message(LOG_INFO, "reload", "nothing has changed");
                change = sources_change_free(change);
                job = job_free(job);
        }
        if (job != NULL && !change_job(run, job, change))
                return;
        sources_accept(run->sources);
        notify_send(&run->notify, "READY=1");
}

static void begin_reload(struct run *run)
{
        char lines[80];
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%llu",
                 (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
        notify_send(&run->notify, lines);
        run->is_reload_wanted = false;
        run->is_reloading = true;
        run->reload_deadline_ns = clock_monotonic_ns(run->clock) + UINT64_C(1000000) * QUIESCE_MS;
        sources_quiesce(run->sources);
}

/* ---- Signals and timers */

static void on_signal(void *context)
{
        struct run *run = context;
        struct signalfd_siginfo info;

        while (read(run->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
                if (info.ssi_signo == SIGHUP)
                        run->is_reload_wanted = run->is_ready;
                else
                        run->is_stopping = true;
        }
}

static int watch_signals(struct run *run, struct err *err)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, NULL);
        sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
        run->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
        if (run->signal_fd < 0)
                return err_set_errno(err, ERR_INTERNAL, errno, "signalfd");
        run->signals = loop_watch_new(run->loop, run->signal_fd, LOOP_READABLE, on_signal, run);
        return 0;
}

static void on_tick(void *context)
{
        struct run *run = context;

        if (run->is_waiting)
                return;
        pipeline_tick(run->pipeline);
        sources_tick(run->sources);
}

static void on_watchdog(void *context)
{
        struct run *run = context;

        notify_send(&run->notify, "WATCHDOG=1");
}

/* ---- Waiting */

/* A start or stop that goes on is no hang, and one that waits for a disk or a clock is none either. */
static void extend_timeout(struct run *run)
{
        uint64_t now_ns = clock_monotonic_ns(run->clock);
        struct status status;
        struct bytes lines;

        if (now_ns - run->extended_ns < EXTEND_EVERY_NS)
                return;
        run->extended_ns = now_ns;
        status = make_status(run);
        bytes_init(&lines);
        bytes_append_format(&lines, "EXTEND_TIMEOUT_USEC=%d\nSTATUS=", EXTEND_USEC);
        status_why(&status, &lines);
        bytes_append_byte(&lines, '\0');
        notify_send(&run->notify, (const char *)lines.data);
        bytes_done(&lines);
}

/* One turn of the loop while something else waits. Not 0: it is to give up. */
static int wait_for(struct run *run, int ms)
{
        run->is_waiting = true;
        if (loop_run_once(run->loop, ms) < 0 && run->broken == ERR_NONE) {
                run->broken = ERR_INTERNAL;
                log_message(LOG_ERROR, "fatal", "the event loop failed");
        }
        run->is_waiting = false;
        extend_timeout(run);
        return run->broken != ERR_NONE || (run->is_stopping && !run->is_draining);
}

static int on_wait(void *context)
{
        return wait_for(context, 0);
}

/* The disk has no room for a file of the state directory. */
static int wait_for_room(struct run *run)
{
        const struct room_lack lack = {.what = "start", .dir = run->instance.dir, .need_bytes = ROOM_BYTES};

        room_lacks(&run->room, &lack, clock_monotonic_ns(run->clock));
        return wait_for(run, START_POLL_MS);
}

/* ---- Start */

/* Events must not be stamped earlier than what is logged already: wait for the clock, and say so. */
static bool wait_for_clock(struct run *run)
{
        struct pipeline_stats stats;
        bool is_told = false;

        for (;;) {
                pipeline_tick(run->pipeline);
                pipeline_stats(run->pipeline, &stats);
                if (!stats.is_clock_behind || run->is_stopping || run->broken != ERR_NONE)
                        return !stats.is_clock_behind;
                if (!is_told)
                        log_message(
                                LOG_ERROR, "clock-behind",
                                "the machine's clock is behind the last logged arrival; weir listens once it has caught up");
                is_told = true;
                if (wait_for(run, START_POLL_MS) != 0)
                        return false;
        }
}

/* The file first: whoever finds it finds everything listening. 0, START_E_GIVEN_UP, < 0. */
static int announce(struct run *run, struct err *err)
{
        struct bytes json;
        struct log_line line;
        int result;

        bytes_init(&json);
        append_endpoints(run, &json);
        while ((result = instance_write_endpoints(&run->instance, bytes_slice(&json), err)) > 0)
                if (wait_for_room(run) != 0)
                        break;
        if (result == 0) {
                room_is_back(&run->room, "start", clock_monotonic_ns(run->clock));
                sources_accept(run->sources);
                run->is_ready = true;
                log_begin(&line, LOG_INFO, "ready");
                log_bytes(&line, "endpoints", slice_make(json.data, json.len - 1));
                log_text(&line, "run", run->instance.run);
                log_end(&line);
                notify_send(&run->notify, "READY=1\nSTATUS=ready");
        }
        bytes_done(&json);
        return result > 0 ? START_E_GIVEN_UP : result;
}

static void start_timers(struct run *run)
{
        if (run->notify.watchdog_ns == 0)
                return;
        run->watchdog = loop_timer_new(run->loop, on_watchdog, run);
        loop_timer_repeat(run->watchdog, run->notify.watchdog_ns / 1000000);
}

/* The state directory is ours and HTTP answers. 0, START_E_GIVEN_UP, < 0. */
static int open_house(struct run *run, const struct plan_job *plan, struct err *err)
{
        struct slice dir = setting_path(plan, SETTING_STATE_DIR);
        char *dir_text = alloc_text_n(dir.data, dir.len);
        struct log_line line;
        int result = instance_open(dir_text, file_ops_system(), &run->instance, err);

        alloc_free(dir_text);
        if (result < 0)
                return -1;
        run->name = instance_name(setting_text(plan, SETTING_NAME));
        if (http_new(run->loop, setting_text(plan, SETTING_HTTP_LISTEN), serve, run, &run->http, err) < 0)
                return -1;
        log_begin(&line, LOG_INFO, "http");
        log_text(&line, "address", http_address(run->http));
        log_end(&line);
        start_timers(run);
        while (result > 0) {
                if (wait_for_room(run) != 0)
                        return START_E_GIVEN_UP;
                result = instance_count_start(&run->instance, err);
        }
        room_is_back(&run->room, "start", clock_monotonic_ns(run->clock));
        return result;
}

/* 0: it runs, or pipeline_stop is to end it; START_E_GIVEN_UP: there is nothing to stop; < 0. */
static int start(struct run *run, struct job *job, struct err *err)
{
        struct pipeline_config pipeline = {.clock = run->clock,
                                           .loop = run->loop,
                                           .instance = &run->instance,
                                           .context = run,
                                           .on_durable = on_durable,
                                           .on_room = on_room,
                                           .on_wake = on_wake,
                                           .on_fatal = on_fatal,
                                           .on_wait = on_wait};
        struct sources_config sources = {.loop = run->loop, .instance = &run->instance};
        int result = open_house(run, job->plan, err);

        if (result != 0) {
                job_free(job);
                return result;
        }
        result = pipeline_open(&pipeline, job, &run->pipeline, err);
        if (result != 0)
                return result < 0 ? -1 : START_E_GIVEN_UP;
        sources.pipeline = run->pipeline;
        sources.plan = pipeline_job(run->pipeline)->plan;
        if (sources_open(&sources, &run->sources, err) < 0)
                return -1;
        if (!wait_for_clock(run))
                return run->is_stopping ? 0 : err_set(err, ERR_UNAVAILABLE, "the machine's clock stays behind");
        result = pipeline_ready(run->pipeline, err);
        if (result == 0)
                result = announce(run, err);
        if (result != 0)
                return result < 0 ? -1 : 0;
        run->tick = loop_timer_new(run->loop, on_tick, run);
        loop_timer_repeat(run->tick, TICK_MS);
        return 0;
}

/* ---- The loop */

/* One round: whatever is ready, then work between reads. Only when nothing is ready does the group go to the disk, and
 * only when there is no work either does the loop sleep. */
static int turn(struct run *run, struct err *err)
{
        int n_ready = loop_run_once(run->loop, 0);
        bool has_more = run->is_awake;

        run->is_awake = false;
        pipeline_kick(run->pipeline, n_ready == 0);
        if (n_ready == 0 && !has_more && !pipeline_spin(run->pipeline))
                n_ready = loop_run_once(run->loop, -1);
        if (n_ready < 0)
                return err_set(err, ERR_INTERNAL, "the event loop failed");
        sources_step(run->sources);
        run->is_awake |= pipeline_step(run->pipeline);
        return 0;
}

static int serve_until_stopped(struct run *run, struct err *err)
{
        while (!run->is_stopping && run->broken == ERR_NONE) {
                if (turn(run, err) < 0)
                        return -1;
                if (run->is_reload_wanted && !run->is_reloading)
                        begin_reload(run);
                if (run->is_reloading && clock_monotonic_ns(run->clock) > run->reload_deadline_ns)
                        sources_cut_slow(run->sources);
                if (run->is_reloading && sources_is_quiet(run->sources) && pipeline_is_settled(run->pipeline))
                        reload(run);
        }
        return 0;
}

/* Every batch that was read is taken and answered, or the log has no room and all that it holds is answered. */
static bool is_quiet(const struct run *run)
{
        struct pipeline_stats stats;

        if (sources_is_quiet(run->sources) && sources_is_answered(run->sources))
                return true;
        pipeline_stats(run->pipeline, &stats);
        return stats.log_full != NULL && stats.n_acks_waiting == 0;
}

/* Reads no more, takes and answers what was read, drains, writes a checkpoint. */
static int stop(struct run *run, struct err *err)
{
        uint64_t deadline_ns = clock_monotonic_ns(run->clock) + UINT64_C(1000000) * QUIESCE_MS;

        run->is_ready = false;
        run->is_draining = true;
        notify_send(&run->notify, "STOPPING=1");
        log_message(LOG_INFO, "stopping", "reading no more; the log is drained and a checkpoint written");
        instance_remove_endpoints(&run->instance);
        sources_quiesce(run->sources);
        while (run->broken == ERR_NONE && clock_monotonic_ns(run->clock) < deadline_ns && !is_quiet(run)) {
                run->is_awake = true;
                if (turn(run, err) < 0)
                        return -1;
        }
        if (run->broken != ERR_NONE)
                return 0;
        run->tick = loop_timer_free(run->tick);
        run->sources = sources_close(run->sources);
        return pipeline_stop(run->pipeline, SINKS_MS, err);
}

static void done(struct run *run)
{
        loop_timer_free(run->tick);
        loop_timer_free(run->watchdog);
        http_free(run->http);
        sources_close(run->sources);
        pipeline_close(run->pipeline);
        instance_close(&run->instance);
        loop_watch_free(run->signals);
        if (run->signal_fd >= 0)
                close(run->signal_fd);
        loop_free(run->loop);
        notify_close(&run->notify);
        alloc_free(run->name);
}

static enum err_code run_listening(struct run *run, struct job *job)
{
        struct err err = {0};
        enum err_code code = ERR_NONE;
        int result = -1;

        run->loop = loop_new();
        if (watch_signals(run, &err) < 0)
                job_free(job);
        else
                result = start(run, job, &err);
        if (result == START_E_GIVEN_UP && run->broken == ERR_NONE) {
                err_reset(&err);
                notify_send(&run->notify, "STOPPING=1");
                log_message(LOG_INFO, "stopping", "told to stop while starting; the log is as it was");
        } else if (result == 0 && serve_until_stopped(run, &err) == 0 && run->broken == ERR_NONE) {
                stop(run, &err);
        }
        if (run->broken != ERR_NONE)
                _exit((int)run->broken); /* what was not durable must not be tidied up as if it were */
        if (err.code != ERR_NONE) {
                log_message(LOG_ERROR, "failed", "%s", err.text);
                code = err.code;
        } else {
                log_message(LOG_INFO, "stopped", "clean stop");
        }
        done(run);
        return code;
}

/* ---- Command line */

static void print_help(void)
{
        fputs("usage: weir run [-D KEY=VALUE]... FILE...\n"
              "\n"
              "Runs the job that the SQL files describe. With a listening source it runs until SIGTERM; SIGHUP reads the\n"
              "files again. With bounded sources only it runs to their end, and exits 0 also when rows were dead letters:\n"
              "the first ten of each table are shown, all of them counted by reason in a line at the end. -D beats SET in a\n"
              "file.\n"
              "\n"
              "Settings:\n",
              stdout);
        for (uint32_t i = 0; i < SETTING_NAMED_COUNT; i++) {
                const struct option_spec *spec = setting_at(i);
                char type[80];

                printf("  %-32s %s (%s; default %s)\n", spec->key, spec->help,
                       option_type_text(spec, type, sizeof type),
                       spec->fallback == NULL || spec->fallback[0] == '\0' ? "none" : spec->fallback);
        }
        fputs("\nExit codes: 0 done, 64 usage, 65 bad data, 69 unavailable, 74 input/output, 78 configuration.\n",
              stdout);
}

static int parse(struct run *run, int argc, char **argv)
{
        static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
        int option;

        optind = 1;
        run->overrides = alloc_zero((size_t)argc + 1, sizeof *run->overrides);
        while ((option = getopt_long(argc, argv, "D:h", options, NULL)) != -1) {
                switch (option) {
                case 'D':
                        run->overrides[run->n_overrides++] = optarg;
                        break;
                case 'h':
                        print_help();
                        return 1;
                default:
                        fputs("weir run --help says what is understood\n", stderr);
                        return -1;
                }
        }
        run->paths = argv + optind;
        run->n_paths = (uint32_t)(argc - optind);
        if (run->n_paths == 0) {
                fputs("usage: weir run [-D KEY=VALUE]... FILE...\n", stderr);
                return -1;
        }
        return 0;
}

int command_run(int argc, char **argv)
{
        struct run run = {.clock = clock_system(), .signal_fd = -1, .instance = {.lock_fd = -1}};
        enum err_code code = ERR_NONE;
        struct err err = {0};
        struct job *job;
        int parsed = parse(&run, argc, argv);

        if (parsed != 0) {
                alloc_free(run.overrides);
                return parsed < 0 ? ERR_USAGE : ERR_NONE;
        }
        run.started_ms = clock_wall_ms(run.clock);
        notify_open(&run.notify);
        job = load_job(&run, &code);
        if (job != NULL && check_connectors(job->plan, &err) < 0) {
                fprintf(stderr, "weir: %s\n", err.text);
                code = err.code;
                job = job_free(job);
        }
        if (job != NULL) {
                configure_log(job->plan);
                code = job->plan->is_bounded ? bounded_run(job) : run_listening(&run, job);
        }
        alloc_free(run.overrides);
        return (int)code;
}
