/* SPDX-License-Identifier: MIT */
/* The program: hands its words to the subcommand that they name, or else to `run`. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "runner/status.h"

static int command_help(int argc, char **argv);
static int command_version(int argc, char **argv);

static const struct {
    const char *name;
    int (*function)(int argc, char **argv);
    const char *summary;
} commands[] = {
    { "run", command_run, "play cases against a server (the default command)" },
    { "list", command_list, "list the cases" },
    { "explain", command_explain, "tell what a requirement demands and which cases check it" },
    { "coverage", command_coverage, "tell how each requirement is judged, and which are not" },
    { "decode", command_decode, "print the connections of a capture as cases" },
    { "serve", command_serve, "serve an export from memory, correctly or with faults on purpose" },
    { "help", command_help, "this text" },
    { "version", command_version, "print the version" },
};

static int command_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("nbdtest tells which demands of the NBD protocol a server keeps, and proves it.\n\n"
         "  nbdtest                                 the suite against the bundled server\n"
         "  nbdtest --server localhost:10809        the suite against a running server\n"
         "  nbdtest nbd+unix:///?socket=/run/nbd    the same for an NBD URI\n"
         "  nbdtest -- [ nbdkit memory 64M ]        the same for a server that nbdtest starts\n"
         "  nbdtest --target FILE                   the same for a server in all of its configurations\n"
         "  nbdtest --server HOST:PORT 'zero-*'     only the cases whose names match\n"
         "  nbdtest my.nbd                          the cases of a file\n\ncommands:");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    puts("\n'nbdtest COMMAND --help' tells more.  Exit status: 0 conforms, 1 violations, 2 wrong usage or "
         "nothing\n"
         "selected, 3 server not reachable, 4 server died, 5 defect of nbdtest, 77 everything skipped.");
    return STATUS_CONFORMS;
}

static int command_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    puts("nbdtest " NBDTEST_VERSION);
    return STATUS_CONFORMS;
}

int main(int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        return command_help(argc, argv);
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return command_version(argc, argv);
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].function(argc - 1, argv + 1);
    return command_run(argc, argv);
}
