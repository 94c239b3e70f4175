/* SPDX-License-Identifier: MIT */
/* The requirements that a case cites. */
#ifndef NBDTEST_SCRIPT_CITE_H
#define NBDTEST_SCRIPT_CITE_H

#include <stdbool.h>

#include "script/tree.h"

/* Calls each for every id behind a `by` of the case, in the order of the text; an id may come more than once.
 */
void cite_each(const struct tree_case *c, void (*each)(void *ctx, const struct citation *citation),
               void *ctx);

bool cite_has(const struct tree_case *c, const char *id);

#endif
