/* SPDX-License-Identifier: MIT */
/* Tree to text, such that parsing the text gives the same tree. */
#ifndef NBDTEST_SCRIPT_PRINT_H
#define NBDTEST_SCRIPT_PRINT_H

#include "base/buffer.h"
#include "script/tree.h"

/* Each appends to the buffer and returns false at its ceiling. */
bool print_case(const struct tree_case *c, struct buffer *to);
bool print_step(const struct step *s, unsigned depth, struct buffer *to); /* with its newline; its body too */
bool print_outcomes(const struct outcome *o, struct buffer *to);          /* "REP ACK | close" */
bool print_fields(const struct field *f, struct buffer *to); /* "error=EPERM", each behind a space */
bool print_value(const struct value *v, struct buffer *to);

#endif
