/* SPDX-License-Identifier: MIT */
/* What is said of a run, to all who listen; and counted.  runner/verdict.h has what they are told. */
#ifndef NBDTEST_RUNNER_TELL_H
#define NBDTEST_RUNNER_TELL_H

#include <stddef.h>

#include "runner/facts.h"
#include "runner/judge.h"
#include "runner/safety.h"
#include "runner/verdict.h"

struct telling {
    const struct listener *listeners; /* borrowed */
    size_t listener_count;
    struct totals totals; /* so far */
};

/* What is tested and how.
 * server          for people: "localhost:10809"
 * scratch         where cases write
 * why_no_writes   NULL: they may
 * instances       how many are selected */
void tell_begin(const struct telling *t, const char *server, const struct facts *f,
                const struct ranges *scratch, const char *why_no_writes, size_t instances);

/* Counts it, too. */
void tell_instance(struct telling *t, const struct instance *i);

/* What the rows and the run came to; took_ns and not_zeroed_* of the totals are the caller's to fill in. */
void tell_end(struct telling *t, const struct judge *j);

#endif
