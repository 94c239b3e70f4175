/* SPDX-License-Identifier: MIT */
/* The bundled server's limits as set on a command line: KEY=VALUE[,KEY=VALUE]... */
#ifndef NBDTEST_CLI_LIMIT_OPTION_H
#define NBDTEST_CLI_LIMIT_OPTION_H

#include <stdbool.h>
#include <stdio.h>

#include "reference/session.h"

/* False after telling the user what is wrong. */
bool limit_option_parse(struct reference_limits *limits, const char *text);

/* One line a KEY. */
void limit_option_print_keys(FILE *out);

#endif
