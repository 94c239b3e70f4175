/* SPDX-License-Identifier: MIT */
/* The requirements that a case cites. */
#ifndef NBDTEST_SCRIPT_CITE_H
#define NBDTEST_SCRIPT_CITE_H

#include <stdbool.h>

#include "script/tree.h"

/* Calls each for every id behind a `by` of the case, in the order of the text; an id may come more
 * than once. */
void cite_each(const struct tree_case *c, void (*each)(void *ctx, const struct citation *citation),
               void *ctx);

/* The first that names id; NULL: the case does not cite it. */
const struct citation *cite_find(const struct tree_case *c, const char *id);
bool cite_has(const struct tree_case *c, const char *id);

/* The same for the ids behind a `breaks`: demands on clients that the case breaks on purpose. */
void cite_each_broken(const struct tree_case *c, void (*each)(void *ctx, const struct citation *citation),
                      void *ctx);
const struct citation *cite_find_broken(const struct tree_case *c, const char *id);

#endif
