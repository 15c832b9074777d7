/* What the engine costs: rows of the click-through job through engine_apply_batch, from columns as the decoder hands
 * them over to counted entries; and what windows of a million keys cost when they fire.
 *
 * Processor time of this thread; each figure is the median of five runs, with the least and the most. Batches are made
 * outside of what is measured, sixteen at a time, so that reading the clock does not count. */
#include "sidecar/base/alloc.h"
#include "sidecar/job/engine.h"
#include "sidecar/sql/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { RUNS = 5, BATCH_MOST = 1000, GROUP = 16 };

static const char job_text[] =
        "CREATE TABLE ad_events (event_type STRING, campaign_id BIGINT, event_ms BIGINT,\n"
        "  ts AS TO_TIMESTAMP_LTZ(event_ms, 3), WATERMARK FOR ts AS ts - INTERVAL '30' SECOND)\n"
        "  WITH ('connector' = 'flume', 'listen' = '127.0.0.1:0', 'format' = 'json');\n"
        "CREATE TABLE ctr (campaign_id BIGINT, window_start TIMESTAMP(3), window_end TIMESTAMP(3),\n"
        "  impressions BIGINT, clicks BIGINT, ctr DOUBLE) WITH ('connector' = 'blackhole');\n"
        "INSERT INTO ctr SELECT campaign_id, window_start, window_end,\n"
        "  COUNT(*) FILTER (WHERE event_type = 'impression'), COUNT(*) FILTER (WHERE event_type = 'click'),\n"
        "  CAST(COUNT(*) FILTER (WHERE event_type = 'click') AS DOUBLE)\n"
        "    / NULLIF(COUNT(*) FILTER (WHERE event_type = 'impression'), 0)\n"
        "FROM TABLE(HOP(TABLE ad_events, DESCRIPTOR(ts), INTERVAL '5' MINUTE, INTERVAL '1' HOUR))\n"
        "GROUP BY campaign_id, window_start, window_end;\n";

struct lot { /* one batch */
        int64_t campaign[BATCH_MOST], ts_us[BATCH_MOST], ms[BATCH_MOST];
        struct slice type[BATCH_MOST];
        uint32_t code[BATCH_MOST];
        struct vector columns[8];
        struct record_batch record;
};

struct bench {
        struct arena arena;
        struct plan_job *plan;
        struct engine *engine;
        uint64_t random;
        int64_t now_ms;
        struct lot lots[GROUP];
};

static const struct slice words[2] = {{(const uint8_t *)"impression", 10}, {(const uint8_t *)"click", 5}};
static const struct vector_dict dict = {.entry = words, .n_entries = 2, .version = 1};

static double cpu_ns(void)
{
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static uint64_t next_random(struct bench *bench)
{
        bench->random ^= bench->random << 13;
        bench->random ^= bench->random >> 7;
        bench->random ^= bench->random << 17;
        return bench->random;
}

static void open_job(struct bench *bench)
{
        struct sql_file file = {.name = slice_from_text("ctr.sql"), .text = slice_from_text(job_text)};
        struct sql_input input = {.files = &file, .n_files = 1};
        struct diag_list diags;
        struct bytes text;
        struct err err;

        arena_init(&bench->arena, 16 << 10, 0);
        diag_list_init(&diags);
        if (sql_compile(&input, &bench->arena, &diags, &bench->plan) != 0) {
                bytes_init(&text);
                diag_render(&diags, &text);
                fwrite(text.data, 1, text.len, stderr);
                exit(1);
        }
        diag_list_done(&diags);
        if (engine_new(bench->plan, &bench->engine, &err) < 0) {
                fprintf(stderr, "%s\n", err.text);
                exit(1);
        }
        bench->random = 88172645463325252u;
        bench->now_ms = INT64_C(1700000000000);
}

static void close_job(struct bench *bench)
{
        engine_free(bench->engine);
        arena_done(&bench->arena);
}

/* Columns of the record, as the plan wants them logged. */
static void lay_out(const struct bench *bench, struct lot *lot, uint32_t n)
{
        const struct plan_source *source = bench->plan->sources[0];
        uint32_t at = 0;

        for (uint32_t c = 0; c < source->n_columns; c++) {
                struct slice name = source->columns[c].name;
                struct vector *column = &lot->columns[at];

                if (!source->is_logged[c])
                        continue;
                *column = (struct vector){.phys = type_phys(&source->columns[c].type)};
                if (slice_is_equal(name, slice_from_text("campaign_id")))
                        column->i64 = lot->campaign;
                else if (slice_is_equal(name, slice_from_text("event_type")))
                        *column = (struct vector){
                                .phys = PHYS_STR, .str = lot->type, .code = lot->code, .dict = &dict};
                else if (slice_is_equal(name, slice_from_text("event_ms")))
                        column->i64 = lot->ms;
                else
                        column->i64 = lot->ts_us;
                at++;
        }
        lot->record = (struct record_batch){.generation = 1,
                                              .origin = slice_from_text("10.0.0.1"),
                                              .arrival_ms = bench->now_ms,
                                              .is_last = true,
                                              .rows = {.n_rows = n, .n_columns = at, .columns = lot->columns}};
}

/* n rows, step_us apart, each up to 20 s late. */
static void make_batch(struct bench *bench, struct lot *lot, uint32_t n, uint32_t n_keys, double step_ms,
                       double *time_ms)
{
        for (uint32_t i = 0; i < n; i++) {
                uint64_t random = next_random(bench);

                *time_ms += step_ms;
                lot->ms[i] = (int64_t)*time_ms - (int64_t)(random % 20000);
                lot->ts_us[i] = lot->ms[i] * 1000;
                lot->campaign[i] = (int64_t)((random >> 20) % n_keys);
                lot->code[i] = (random >> 50) % 10 == 0;
                lot->type[i] = words[lot->code[i]];
        }
        bench->now_ms = (int64_t)*time_ms;
        lay_out(bench, lot, n);
}

struct figures {
        double ns_per_row, worst_apply_ms, worst_piece_ms, ns_per_result, freeze_ms;
        double bytes_per_key;
        uint64_t n_results;
};

static void raise(double *most, double value)
{
        *most = value > *most ? value : *most;
}

/* Results are taken as the pipeline does, a piece between batches, and all at the end. */
static double take_pieces(struct bench *bench, struct figures *figures, bool is_last)
{
        struct engine_piece piece;
        double sum = 0;

        do {
                double begin = cpu_ns(), end;

                if (!engine_has_output(bench->engine) || !engine_next_piece(bench->engine, 1000, &piece))
                        break;
                end = cpu_ns();
                sum += end - begin;
                figures->n_results += piece.rows.n_rows;
                raise(&figures->worst_piece_ms, (end - begin) / 1e6);
        } while (is_last);
        return sum;
}

/* One call at a time, for the longest of them. */
static double apply_each(struct bench *bench, struct figures *figures, double *piece_ns)
{
        double sum = 0;

        for (unsigned g = 0; g < GROUP; g++) {
                double begin = cpu_ns(), end;

                engine_apply_batch(bench->engine, &bench->lots[g].record);
                end = cpu_ns();
                sum += end - begin;
                raise(&figures->worst_apply_ms, (end - begin) / 1e6);
                *piece_ns += take_pieces(bench, figures, false);
        }
        return sum;
}

/* `panes` slides of time. */
static struct figures run(uint32_t n_keys, uint32_t batch, uint64_t n_rows, double panes, bool is_each)
{
        struct bench *bench = alloc_zero(1, sizeof *bench);
        struct figures figures = {0};
        double apply_ns = 0, piece_ns = 0, time_ms;
        struct engine_window_stats stats;

        open_job(bench);
        time_ms = (double)bench->now_ms;
        for (uint64_t done = 0; done < n_rows; done += (uint64_t)batch * GROUP) {
                double begin;

                for (unsigned g = 0; g < GROUP; g++)
                        make_batch(bench, &bench->lots[g], batch, n_keys, panes * 300000 / (double)n_rows, &time_ms);
                if (is_each) {
                        apply_ns += apply_each(bench, &figures, &piece_ns);
                        continue;
                }
                begin = cpu_ns();
                for (unsigned g = 0; g < GROUP; g++)
                        engine_apply_batch(bench->engine, &bench->lots[g].record);
                apply_ns += cpu_ns() - begin;
                piece_ns += take_pieces(bench, &figures, true);
        }
        piece_ns += take_pieces(bench, &figures, true);
        engine_window_stats(bench->engine, 0, &stats);
        figures.ns_per_row = apply_ns / (double)n_rows;
        figures.ns_per_result = figures.n_results == 0 ? 0 : piece_ns / (double)figures.n_results;
        figures.bytes_per_key = (double)stats.state_bytes / (double)stats.live_keys;
        if (is_each) {
                double begin = cpu_ns();
                struct engine_frozen *frozen = engine_freeze(bench->engine);

                engine_thaw(bench->engine, frozen);
                figures.freeze_ms = (cpu_ns() - begin) / 1e6;
        }
        close_job(bench);
        alloc_free(bench);
        return figures;
}

static int compare(const void *a, const void *b)
{
        double left = *(const double *)a, right = *(const double *)b;

        return (left > right) - (left < right);
}

static void print_speed(const char *what, uint32_t n_keys, uint32_t batch, uint64_t n_rows, double panes)
{
        double ns[RUNS];

        for (unsigned i = 0; i < RUNS; i++)
                ns[i] = run(n_keys, batch, n_rows, panes, false).ns_per_row;
        qsort(ns, RUNS, sizeof ns[0], compare);
        printf("%-44s %7.1f ns a row   (%.1f .. %.1f)\n", what, ns[RUNS / 2], ns[0], ns[RUNS - 1]);
        fflush(stdout);
}

int main(void)
{
        struct figures figures;

        print_speed("100 campaigns, batches of 1000", 100, 1000, 4000000, 3);
        print_speed("100 campaigns, batches of 100", 100, 100, 2000000, 3);
        print_speed("1000 campaigns, batches of 1000", 1000, 1000, 4000000, 3);
        print_speed("1 M keys at random, batches of 1000", 1000000, 1000, 20000000, 1);
        print_speed("1 M keys at random, 12 slides live", 1000000, 1000, 24000000, 12);
        figures = run(1000000, 1000, 30000000, 15, true);
        printf("1 M keys over 15 slides of 2 M rows: longest engine_apply_batch %.2f ms,\n"
               "  longest engine_next_piece %.2f ms, freeze and thaw %.2f ms, %.0f ns a result, %.0f bytes of state a key (8 of them the key)\n",
               figures.worst_apply_ms, figures.worst_piece_ms, figures.freeze_ms, figures.ns_per_result,
               figures.bytes_per_key);
        return 0;
}
