/* SPDX-License-Identifier: MIT */
/* Whether the server meets what a case needs. */
#ifndef NBDTEST_RUNNER_NEED_H
#define NBDTEST_RUNNER_NEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "runner/facts.h"
#include "script/tree.h"
#include "script/value.h"

enum need_outcome { NEED_MET, NEED_UNMET, NEED_MISTAKE };

/* What needs are judged by. */
struct need_ground {
    const struct facts *facts;
    uint16_t transmission_flags;         /* in the mode in question */
    bool read_only;                      /* no case may write */
    const struct environment *variables; /* choices in words and values */
};

/* Judges a list of needs up to the first that is not met.
 * ret_reason   written unless all are met, short and stable: "needs SEND_TRIM", "needs size>=4G" */
enum need_outcome needs_met(const struct need *needs, const struct need_ground *ground, struct arena *arena,
                            const char **ret_reason);

/* Appends a value as it is written in the file: 1M, not 1048576. */
void value_written(const struct value *v, struct buffer *to);

#endif
