/* SPDX-License-Identifier: MIT */
/* Legal oddities: behaviour that the specification permits and that clients and testers trip over.  Unlike a
 * fault (reference/faults.h) an oddity breaks nothing: under each of them, and under any number of them
 * together, whatever a tester reports is a false alarm.  oddities.def has a row for each. */
#ifndef NBDTEST_REFERENCE_ODDITIES_H
#define NBDTEST_REFERENCE_ODDITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum oddity {
#define ODDITY(constant, name, permitted, with, does) ODDITY_##constant,
#include "reference/oddities.def"
    ODDITY_COUNT
};

struct oddity_row {
    const char *name;      /* "read-chunks-reversed": what --odd takes */
    const char *permitted; /* requirement ids of what permits it, separated by spaces */
    const char *with;      /* options of nbdtest without which it does not show, or "" */
    const char *does;      /* one line for --list-odd */
};

extern const struct oddity_row oddity_rows[ODDITY_COUNT];

/* Which oddities are switched on. */
struct oddities {
    bool on[ODDITY_COUNT];
    uint64_t seed; /* for those that leave something to chance */
};

/* False when there is no oddity of that name. */
bool oddities_switch_on(struct oddities *o, struct span name);

#endif
