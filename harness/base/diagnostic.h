/* SPDX-License-Identifier: MIT */
/* Mistakes in a text file, reported as a good compiler does: file, line, column, the line, a caret.
 *
 *     cases/reads/df.nbd:14:28: error: unknown command flag 'FD'; did you mean 'DF'?
 *        14 | C: READ offset=$base flags=FD length=64K
 *           |                            ^~
 */
#ifndef NBDTEST_BASE_DIAGNOSTIC_H
#define NBDTEST_BASE_DIAGNOSTIC_H

#include <stddef.h>

#include "base/buffer.h"

/* A text that is being read.  Borrowed by every place in it. */
struct source {
    const char *path; /* as shown to the user */
    const char *text; /* len bytes, not NUL-terminated */
    size_t len;
};

/* A stretch of a source.  Line and column are worked out only when a person is told. */
struct place {
    const struct source *source; /* NULL: nowhere in particular */
    size_t at;                   /* bytes from the start of the text */
    size_t len;                  /* bytes; 0 marks a point */
};

struct diagnostics {
    struct buffer text; /* all that was reported so far, foreign bytes escaped */
    unsigned errors;
};

/* Reports are kept until they are printed by the caller, at most 64 KiB of them; errors counts all. */
void diagnostics_init(struct diagnostics *d);
void diagnostics_free(struct diagnostics *d);

/* Adds a mistake.  The message has no full stop and no newline. */
void diagnostic_error(struct diagnostics *d, struct place where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Line and column of a place, both counted from 1, the column in bytes. */
void place_line_column(struct place where, unsigned *ret_line, unsigned *ret_column);

#endif
