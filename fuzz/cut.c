/* SPDX-License-Identifier: MIT */
#include "fuzz/cut.h"

#include "fuzz/digest.h"

struct cuts cuts_of(enum cutting cutting, struct span input)
{
    struct digest digest = digest_empty();

    digest_bytes(&digest, input);
    return (struct cuts){ cutting, random_seeded(digest.hash) };
}

struct span cuts_take(struct cuts *c, struct span *from)
{
    switch (c->cutting) {
    case CUT_EVERYWHERE:
        return span_take(from, 1);
    case CUT_AT_RANDOM:
        return span_take(from, 1 + (size_t)random_below(&c->random, CUT_PIECE_MAX));
    case CUT_NOWHERE:
    case CUTTING_COUNT:
        break;
    }
    return span_take(from, from->len);
}
