/* SPDX-License-Identifier: MIT */
/* The subcommands.  Each has argv[0] naming itself and returns the program's exit
 * status (runner/status.h). */
#ifndef NBDTEST_CLI_COMMANDS_H
#define NBDTEST_CLI_COMMANDS_H

int command_run(int argc, char **argv);
int command_decode(int argc, char **argv);
int command_list(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_coverage(int argc, char **argv);
int command_serve(int argc, char **argv);

#endif
