/* SPDX-License-Identifier: MIT */
/* Deliberate violations: how the server misbehaves when asked to, so that every check of the tester can be
 * seen to fail.  faults.def, faults_extended.def and faults_tls.def have a row for each: name, requirement
 * broken, what else may be reported along with it, what it does. */
#ifndef NBDTEST_REFERENCE_FAULTS_H
#define NBDTEST_REFERENCE_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum fault {
#define FAULT(constant, name, breaks, consequences, with, does) FAULT_##constant,
#include "reference/faults.def"
#define FAULT(constant, name, breaks, consequences, with, does) FAULT_##constant,
#include "reference/faults_extended.def"
#define FAULT(constant, name, breaks, consequences, with, does) FAULT_##constant,
#include "reference/faults_tls.def"
    FAULT_COUNT
};

struct fault_row {
    const char *name;         /* "cookie-changed": what --fault takes */
    const char *breaks;       /* requirement ids, separated by spaces: each has to be reported */
    const char *consequences; /* requirement ids that may be reported along with them, separated by spaces */
    const char *with;         /* options of nbdtest without which it does not show, or "" */
    const char *does;         /* one line for --list-faults */
};

extern const struct fault_row fault_rows[FAULT_COUNT];

/* Which faults are switched on. */
struct faults {
    bool on[FAULT_COUNT];
};

/* False when there is no fault of that name. */
bool faults_switch_on(struct faults *f, struct span name);

#endif
