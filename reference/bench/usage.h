/* SPDX-License-Identifier: MIT */
/* What a server has used up: the processes of one group, all threads, as /proc tells. */
#ifndef NBDTEST_REFERENCE_BENCH_USAGE_H
#define NBDTEST_REFERENCE_BENCH_USAGE_H

#include <stdint.h>

struct usage {
    uint64_t cpu_ns;   /* user and system time of what is running */
    uint64_t resident; /* bytes */
    unsigned processes;
};

struct usage usage_of_group(int group);

#endif
