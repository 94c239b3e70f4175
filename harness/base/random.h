/* SPDX-License-Identifier: MIT */
/* Pseudo-random numbers that a seed brings back. */
#ifndef NBDTEST_BASE_RANDOM_H
#define NBDTEST_BASE_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline struct random random_seeded(uint64_t seed)
{
    return (struct random){ seed };
}

uint64_t random_next(struct random *r);

/* A number below bound, which is not 0. */
uint64_t random_below(struct random *r, uint64_t bound);

#endif
