/* SPDX-License-Identifier: MIT */
/* Which other names the server knows.  For facts.c.  proto.md, "Option types". */
#ifndef NBDTEST_RUNNER_FACTS_NAMES_H
#define NBDTEST_RUNNER_FACTS_NAMES_H

#include "runner/facts.h"

/* Finds another export on the list, and whether GO refuses one that does not exist; the server speaks fixed
 * newstyle.  The run's export is known. */
void facts_names_probe(const struct target *target, uint64_t timeout_ns, struct facts *ret);

#endif
