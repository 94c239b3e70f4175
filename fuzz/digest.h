/* SPDX-License-Identifier: MIT */
/* What was seen, boiled down to a number (FNV-1a), so that two runs can be compared without
 * keeping either. */
#ifndef NBDTEST_FUZZ_DIGEST_H
#define NBDTEST_FUZZ_DIGEST_H

#include <stdint.h>

#include "base/span.h"

/* A fuzzer that follows every step of a sum learns nothing and runs at half the speed. */
#ifdef __clang__
#define DIGEST_UNWATCHED __attribute__((no_sanitize("coverage")))
#else
#define DIGEST_UNWATCHED
#endif

struct digest {
    uint64_t hash;
};

static inline struct digest digest_empty(void)
{
    return (struct digest){ UINT64_C(0xcbf29ce484222325) };
}

DIGEST_UNWATCHED static inline void digest_bytes(struct digest *d, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        d->hash = (d->hash ^ bytes.at[i]) * UINT64_C(0x100000001b3);
}

DIGEST_UNWATCHED static inline void digest_number(struct digest *d, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        d->hash = (d->hash ^ (number >> shift & 0xff)) * UINT64_C(0x100000001b3);
}

/* With its length, so that what follows cannot be taken for a part of it. */
static inline void digest_span(struct digest *d, struct span bytes)
{
    digest_number(d, bytes.len);
    digest_bytes(d, bytes);
}

/* NULL and "" are the same. */
static inline void digest_text(struct digest *d, const char *text)
{
    digest_span(d, span_text(text ? text : ""));
}

#endif
