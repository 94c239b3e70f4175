/* SPDX-License-Identifier: MIT */
/* The cases: found, read, parsed and checked. */
#ifndef NBDTEST_RUNNER_LIBRARY_H
#define NBDTEST_RUNNER_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diagnostic.h"
#include "runner/catalogue.h"
#include "script/tree.h"

struct library {
    struct tree **trees;
    size_t tree_count;
    const struct catalogue *catalogue; /* borrowed: of what the cases cite; NULL: not known */
};

/* Reads one file, or all *.nbd files below a folder in the order of their names.  Mistakes of all files go to
 * d; a name used by two cases is a mistake.  False when the path cannot be read: the reason is a
 * mistake too. */
bool library_add(struct library *l, const char *path, const struct catalogue *catalogue,
                 struct diagnostics *d);
void library_free(struct library *l);

/* Reads a whole file of at most max bytes into memory that the caller frees; NULL with the reason
 * in error. */
char *read_file(const char *path, size_t max, size_t *ret_len, char *error, size_t error_size);

#endif
