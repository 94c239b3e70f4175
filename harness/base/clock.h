/* SPDX-License-Identifier: MIT */
/* Time, for those at the edge: pure layers are handed it. */
#ifndef NBDTEST_BASE_CLOCK_H
#define NBDTEST_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a clock that only goes forward. */
uint64_t clock_ns(void);

/* Nanoseconds of processor time that this program has used. */
uint64_t clock_used_ns(void);

#endif
