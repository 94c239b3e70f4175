/* SPDX-License-Identifier: MIT */
/* Rows of the catalogue by what a reader has at hand: an id, its beginning, a shell pattern, or a line of the
 * specification. */
#ifndef NBDTEST_CLI_LOOKUP_H
#define NBDTEST_CLI_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

#include "runner/catalogue.h"

#define LOOKUP_NEAREST_MAX 3

/* True for "2168", "ext:1520", "resize:800", "uri:104". */
bool lookup_is_line(const char *word);

/* Calls each for the rows that word means, in the catalogue's order: the one with this id; or those of this
 * line; or those that match the pattern; or those whose ids begin so.  Returns how many there were. */
size_t lookup_rows(const struct catalogue *c, const char *word,
                   void (*each)(void *ctx, const struct requirement *r), void *ctx);

/* Where a line has no row of its own: one row of the nearest line before it and one of the nearest behind it,
 * in the same text; NULL where there is none. */
void lookup_around(const struct catalogue *c, const char *line, const struct requirement **ret_before,
                   const struct requirement **ret_behind);

/* Ids that the mistyped one was probably meant to be, the nearest first.  Returns how many. */
size_t lookup_nearest(const struct catalogue *c, const char *id, const char *ret[LOOKUP_NEAREST_MAX]);

#endif
