/* SPDX-License-Identifier: MIT */
/* What is served, found by trying.  For facts.c: the export and the way in are known. */
#ifndef NBDTEST_RUNNER_FACTS_SERVED_H
#define NBDTEST_RUNNER_FACTS_SERVED_H

#include "runner/facts.h"

/* The block sizes that hold where none are told, and the length to count in. */
void facts_served_probe_sizes(const struct target *target, uint64_t timeout_ns, struct facts *ret);

/* How many clients are served at the same time. */
void facts_served_probe_connections(const struct target *target, uint64_t timeout_ns, struct facts *ret);

#endif
