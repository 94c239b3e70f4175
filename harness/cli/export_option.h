/* SPDX-License-Identifier: MIT */
/* An export as described on a command line: NAME[,KEY[=VALUE]]... */
#ifndef NBDTEST_CLI_EXPORT_OPTION_H
#define NBDTEST_CLI_EXPORT_OPTION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "reference/session.h"

struct export_option {
    struct reference_export export; /* without what holds its contents */
    uint64_t size;
    uint64_t memory; /* bytes that its contents may take; UINT64_MAX: as many as all together may */
    char *text;      /* owned: what the names are in */
};

/* The empty name, 1T. */
void export_option_init(struct export_option *e);
void export_option_free(struct export_option *e);

/* What --export says.  A comma that belongs to a name or a description is written twice.  False after telling
 * the user what is wrong; error texts name the option as said. */
bool export_option_parse(struct export_option *e, const char *said, const char *text);

/* One KEY and its VALUE (NULL: none is given), borrowed; said is how the user wrote it. */
bool export_option_set(struct export_option *e, const char *said, const char *key, const char *value);

/* False after telling the user why the parts do not go together. */
bool export_option_check(const struct export_option *e);

/* One line a KEY. */
void export_option_print_keys(FILE *out);

#endif
