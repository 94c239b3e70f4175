/* SPDX-License-Identifier: MIT */
/* The suite against a server in all of its configurations, as a target file has them. */
#ifndef NBDTEST_CLI_RUN_TARGET_H
#define NBDTEST_CLI_RUN_TARGET_H

#include "report/tty.h"
#include "runner/run.h"

struct target_run {
    const char *path;   /* of the target file */
    const char *config; /* a name in it; NULL: all */
    const struct library *library;
    const struct catalogue *catalogue;
    const struct run_options *options; /* what they say goes before what the file says */
    struct tty_options look;
};

/* The status of all of them together. */
enum status run_target(const struct target_run *t);

/* Prints the names. */
enum status run_target_list(const char *path);

/* Adds the lines of an expectation file; false after telling the user what is wrong with it. */
bool run_read_expectation(const char *path, const struct catalogue *catalogue, struct expectation *to);

#endif
