/* SPDX-License-Identifier: MIT */
/* Ways to cut bytes that may be cut anywhere.  What a target makes of an input has to be the same in all. */
#ifndef NBDTEST_FUZZ_CUT_H
#define NBDTEST_FUZZ_CUT_H

#include "base/random.h"
#include "base/span.h"

enum cutting {
    CUT_NOWHERE,
    CUT_EVERYWHERE, /* one byte at a time */
    CUT_AT_RANDOM,  /* pieces of up to CUT_PIECE_MAX bytes; the input itself says where, so that it can be
                       repeated */
    CUTTING_COUNT
};

enum { CUT_PIECE_MAX = 48 };

struct cuts {
    enum cutting cutting;
    struct random random;
};

/* input  all bytes of the input */
struct cuts cuts_of(enum cutting cutting, struct span input);

/* Takes the next piece, at least a byte, off the front of *from, which is not empty. */
struct span cuts_take(struct cuts *c, struct span *from);

#endif
