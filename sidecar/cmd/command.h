/* command.h - the commands of `weir`, one function each.
 *
 * A command gets the arguments behind its name (argv[0] is the name itself), writes results to stdout and errors to
 * stderr, and returns the exit code (enum err_code; 0 or 1 where the result of a test is meant). main.c holds the
 * table; --help of a command is the command's own affair. */
#ifndef WEIR_SIDECAR_CMD_COMMAND_H
#define WEIR_SIDECAR_CMD_COMMAND_H

int command_run(int argc, char **argv);
int command_check(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_test(int argc, char **argv);
int command_send(int argc, char **argv);
int command_wal(int argc, char **argv);

#endif
