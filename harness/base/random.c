/* SPDX-License-Identifier: MIT */
/* SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014). */
#include "base/random.h"

#include <assert.h>

uint64_t random_next(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15U;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t random_below(struct random *r, uint64_t bound)
{
    uint64_t uneven, drawn;

    assert(bound > 0);
    uneven = (0 - bound) % bound; /* 2^64 modulo bound: so many numbers would make the small ones likelier */
    do
        drawn = random_next(r);
    while (drawn < uneven);
    return drawn % bound;
}
