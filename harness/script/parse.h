/* SPDX-License-Identifier: MIT */
/* Text to tree. */
#ifndef NBDTEST_SCRIPT_PARSE_H
#define NBDTEST_SCRIPT_PARSE_H

#include "base/diagnostic.h"
#include "script/tree.h"

#define SCRIPT_MAX_BYTES (16 * 1024 * 1024) /* of a case file */
#define SCRIPT_MAX_DEPTH 32                 /* of nested blocks and parentheses */

/* Parses a case file.
 * path, text   copied into the tree; text of more than SCRIPT_MAX_BYTES is one mistake
 * d            takes all mistakes of the file, each with its place and, where a word is unknown, the nearest
 * known one; parsing goes on with the next line after each
 *
 * Returns a tree, to be freed with tree_free(), also when there were mistakes (then it lacks what
 * was wrong). */
struct tree *tree_parse(const char *path, struct span text, struct diagnostics *d);

/* Parses steps alone, without a case around them: how the runner writes the way to transmission. */
struct step *tree_parse_steps(struct arena *arena, const char *path, struct span text, struct diagnostics *d);

/* NULL is allowed. */
void tree_free(struct tree *t);

#endif
