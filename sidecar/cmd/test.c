/* test.c - `weir test`: job, rows in, rows out. */
#include "sidecar/base/alloc.h"
#include "sidecar/cmd/command.h"
#include "sidecar/cmd/test_compare.h"
#include "sidecar/cmd/test_file.h"
#include "sidecar/cmd/test_run.h"
#include "sidecar/plan/option.h"

#include <getopt.h>
#include <stdio.h>

struct tester {
        struct test_style style;
        bool is_showing;
        uint32_t n_passed, n_failed;
};

static void print_usage(FILE *file)
{
        fputs("usage: weir test [OPTION]... FILE...\n"
              "\n"
              "Runs the tests in each file: a job, rows that go in, rows that must come out. Nothing is opened or\n"
              "connected to, whatever the job's connectors are; time is virtual.\n"
              "\n"
              "  --show         print what came out, in a form that can be pasted into the test\n"
              "  --cut HOW      how rows are cut into batches: whole (the default), 1 (row by row), random:SEED\n"
              "  --restart      take the state through a checkpoint after each batch\n"
              "  -h, --help     this text\n"
              "\n"
              "Neither --cut nor --restart may change a result.\n"
              "\n"
              "A file is made of sections; lines that begin with # are comments:\n"
              "\n"
              "  === test NAME                begins a test; the first may go without\n"
              "  === job                      SQL up to the next section; a test without one is about the job before\n"
              "  === job FILE.sql...          ... or in files, found from where the test file is\n"
              "  === input                    what goes in, in order:\n"
              "      {\"user\": 7, \"ms\": 1000}    a row as JSON\n"
              "      clicks {\"user\": 7}         ... of table 'clicks', where the job reads several\n"
              "      @origin=10.0.0.7 {...}     ... from that origin of the watermark\n"
              "      @header:host=web1 {...}    ... with a Flume header\n"
              "      @arrival=TIME {...}        ... that came at TIME; else it comes at its own time, or at the\n"
              "                                 latest time so far when it is late\n"
              "      advance 30 s               the clock moves on, and ticks\n"
              "      tick                       the clock ticks\n"
              "      restart                    state goes through a checkpoint; connections end, origins are waited\n"
              "                                 for again\n"
              "      end [TABLE]                a table is at its end\n"
              "      hold                       open windows stay open when the input ends; else they all fire\n"
              "  === expect TABLE             rows of a sink table as JSON, in any order; only the columns named are\n"
              "                               compared. No lines: no rows. Without this section: not compared\n"
              "  === expect TABLE ordered     in this order\n"
              "  === counts                   late 1; late TABLE 1; and so for dead, failed, overflow, withheld (0\n"
              "                               where the test does not say otherwise), received, accepted, in, used,\n"
              "                               fired\n"
              "\n"
              "Exit codes: 0 all tests passed, 1 one did not, 64 usage, 65 a file is no test.\n",
              file);
}

static bool read_cut(const char *text, struct test_style *style)
{
        static const char random[] = "random:";
        int64_t seed;

        if (strcmp(text, "whole") == 0) {
                style->cut = TEST_CUT_WHOLE;
                return true;
        }
        if (strcmp(text, "1") == 0) {
                style->cut = TEST_CUT_ROW;
                return true;
        }
        if (strncmp(text, random, sizeof random - 1) != 0 ||
            !option_read_integer(slice_from_text(text + sizeof random - 1), &seed))
                return false;
        style->cut = TEST_CUT_RANDOM;
        style->seed = (uint64_t)seed;
        return true;
}

/* 0 go on, 1 help was asked for, -1 usage. */
static int read_options(int argc, char **argv, struct tester *tester)
{
        static const struct option options[] = {{"cut", required_argument, NULL, 'c'},
                                                {"restart", no_argument, NULL, 'r'},
                                                {"show", no_argument, NULL, 's'},
                                                {"help", no_argument, NULL, 'h'},
                                                {NULL, 0, NULL, 0}};
        int option;

        optind = 0;
        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                switch (option) {
                case 'c':
                        if (!read_cut(optarg, &tester->style)) {
                                fprintf(stderr, "weir test: --cut is whole, 1 or random:SEED\n\n");
                                return -1;
                        }
                        break;
                case 'r':
                        tester->style.has_restarts = true;
                        break;
                case 's':
                        tester->is_showing = true;
                        break;
                case 'h':
                        return 1;
                default:
                        return -1;
                }
        }
        return optind < argc ? 0 : -1;
}

static void print_bytes(const struct bytes *text)
{
        if (text->len > 0)
                fwrite(text->data, 1, text->len, stdout);
}

/* < 0: the test itself is wrong. */
static int run_case(struct tester *tester, const struct test_file *file, const struct test_case *test, struct err *err)
{
        struct test_output output;
        struct bytes text;
        int result = test_run(file, test, &tester->style, &output, err);

        bytes_init(&text);
        if (result == 0 && tester->is_showing) {
                test_compare_show(&output, &text);
                printf("# %.*s\n", (int)test->name.len, (const char *)test->name.data);
                print_bytes(&text);
                bytes_reset(&text);
        }
        if (result == 0)
                result = test_compare(file, test, &output, &text, err);
        if (result == 0) {
                printf("%s %.*s\n", text.len == 0 ? "ok" : "not ok", (int)test->name.len,
                       (const char *)test->name.data);
                print_bytes(&text);
                tester->n_passed += text.len == 0;
                tester->n_failed += text.len > 0;
        }
        bytes_done(&text);
        test_run_output_done(&output);
        return result;
}

static int run_file(struct tester *tester, const char *path)
{
        struct test_file file;
        struct err err = {0};
        int result = ERR_NONE;

        if (test_file_read(path, &file, &err) < 0) {
                fprintf(stderr, "weir test: %s\n", err.text);
                return ERR_DATA;
        }
        for (const struct test_case *test = file.cases; test != NULL; test = test->next)
                if (run_case(tester, &file, test, &err) < 0) {
                        printf("not ok %.*s\n  %s\n", (int)test->name.len, (const char *)test->name.data, err.text);
                        tester->n_failed++;
                        result = err.code == ERR_INTERNAL ? 1 : ERR_DATA;
                }
        test_file_done(&file);
        return result;
}

int command_test(int argc, char **argv)
{
        struct tester tester = {.style = {.cut = TEST_CUT_WHOLE}};
        int result = read_options(argc, argv, &tester);

        if (result != 0) {
                print_usage(result > 0 ? stdout : stderr);
                return result > 0 ? ERR_NONE : ERR_USAGE;
        }
        for (int i = optind; i < argc; i++) {
                int code = run_file(&tester, argv[i]);

                result = code > result ? code : result;
        }
        printf("# tests: %u passed, %u failed, 0 skipped\n", tester.n_passed, tester.n_failed);
        return result == ERR_NONE && tester.n_failed > 0 ? 1 : result;
}
