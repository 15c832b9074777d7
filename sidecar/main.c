/* main.c - the one program, `weir`: the first argument names the command. */
#include "sidecar/base/err.h"
#include "sidecar/cmd/command.h"

#include <stdio.h>
#include <string.h>

struct command {
        const char *name;
        const char *help; /* one line */
        int (*run)(int argc, char **argv);
};

static int command_version(int argc, char **argv);
static int command_help(int argc, char **argv);

/* A command is a row here and a file in sidecar/cmd/. */
static const struct command commands[] = {
        {"run", "run a job: the daemon, or a bounded job to its end", command_run},
        {"check", "say what is wrong with job files", command_check},
        {"explain", "show what a job will do", command_explain},
        {"send", "send events as a Flume avro sink does", command_send},
        {"test", "run tests of a job: rows in, rows out", command_test},
        {"wal", "look into a log: ls, verify, dump", command_wal},
        {"version", "print the version", command_version},
        {"help", "print this list", command_help},
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_commands(FILE *file)
{
        fputs("usage: weir COMMAND [ARGUMENT]...\n\n", file);
        for (size_t i = 0; i < N_COMMANDS; i++)
                fprintf(file, "  %-10s%s\n", commands[i].name, commands[i].help);
        fputs("\nweir COMMAND --help says more.\n", file);
}

static int command_version(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        puts("weir " PACKAGE_VERSION);
        return ERR_NONE;
}

static int command_help(int argc, char **argv)
{
        (void)argc;
        (void)argv;
        print_commands(stdout);
        return ERR_NONE;
}

int main(int argc, char **argv)
{
        const char *name = argc > 1 ? argv[1] : "";

        if (strcmp(name, "--version") == 0)
                name = "version";
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
                name = "help";
        for (size_t i = 0; i < N_COMMANDS; i++)
                if (strcmp(name, commands[i].name) == 0)
                        return commands[i].run(argc - 1, argv + 1);
        if (name[0] != '\0')
                fprintf(stderr, "weir: there is no command '%s'\n\n", name);
        print_commands(stderr);
        return ERR_USAGE;
}
