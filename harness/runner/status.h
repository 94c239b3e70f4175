/* SPDX-License-Identifier: MIT */
/* What the program ends with. */
#ifndef NBDTEST_RUNNER_STATUS_H
#define NBDTEST_RUNNER_STATUS_H

/* The statuses of the program; the first that applies. */
enum status {
    STATUS_CONFORMS = 0,
    STATUS_VIOLATIONS = 1,
    STATUS_USAGE = 2, /* wrong usage, wrong case file, nothing selected */
    STATUS_UNREACHABLE = 3,
    STATUS_DIED = 4,     /* the server died and the run could not go on */
    STATUS_DEFECT = 5,   /* of nbdtest */
    STATUS_SKIPPED = 77, /* everything was skipped */
};

#endif
