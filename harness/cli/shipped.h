/* SPDX-License-Identifier: MIT */
/* The shipped cases, their catalogue, and how it is covered, for the commands that tell about them. */
#ifndef NBDTEST_CLI_SHIPPED_H
#define NBDTEST_CLI_SHIPPED_H

#include "cli/coverage.h"
#include "runner/status.h"

struct shipped {
    struct catalogue *catalogue;
    struct library library;
    struct coverage_sources sources; /* those, and the program's rules, faults and oddities */
    struct coverage *coverage;
};

/* Reads them; cases as in files_find_cases().  STATUS_CONFORMS, or after telling the user why not USAGE, or
 * DEFECT where the program names rows that are none. */
enum status shipped_open(const char *cases, struct shipped *ret);
void shipped_close(struct shipped *s);

#endif
