/* SPDX-License-Identifier: MIT */
/* A requirement explained: what it demands, what judges it and where, what breaks it.  From a sentence of the
 * specification to the row, the case and the rule. */
#ifndef NBDTEST_CLI_EXPLAIN_H
#define NBDTEST_CLI_EXPLAIN_H

#include <stdbool.h>

#include "base/buffer.h"
#include "cli/coverage.h"

/* Appends all that is known of the one row that word means (cli/lookup.h), or a list of the rows; of a line
 * without rows those of the lines around it.  coverage is that of the sources.  False when word means
 * no row. */
bool explain_word(const struct coverage_sources *sources, const struct coverage *coverage, const char *word,
                  struct buffer *out);

#endif
