/* SPDX-License-Identifier: MIT */
/* What the files that hold the oddities share.
 *
 * manners.c           birth and death; chance; what is advertised
 * manners_options.c   which options are refused, and what their replies hold
 * manners_requests.c  which requests are refused, and what they do
 * manners_replies.c   chunks, errors, extents
 * manners_order.c     what is done and sent when */
#ifndef NBDTEST_REFERENCE_MANNERS_PARTS_H
#define NBDTEST_REFERENCE_MANNERS_PARTS_H

#include "reference/manners.h"
#include "wire/constants.h"

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

enum {
    LONG_MESSAGE = 256,                             /* "SHOULD be no longer than 256 bytes" */
    INFO_MAX = 6 + NBD_MAX_STRING + 2 * UINT16_MAX, /* bytes of the data of INFO, where they are sound */
};

struct kept_requests;
struct kept_replies;

struct manners {
    const struct oddities *oddities;
    uint64_t random;
    unsigned infos_sent;  /* replies to INFO and GO */
    bool informed;        /* INFO was granted, and no GO has come since */
    uint32_t informed_at; /* how many options had come then */
    struct buffer asked;  /* its data */
    bool rotational;      /* the last option was a GO that differs from the INFO before it */
    bool sizes_binding;   /* the last option was GO and asked for the block sizes */
    unsigned fast_zeroes; /* requests with FAST_ZERO */
    bool releasing;
    struct kept_requests *requests;
    struct kept_replies *replies;
    size_t dribbled; /* bytes sent since the output was last empty */
    char long_message[LONG_MESSAGE + 1];
};

static inline bool odd(const struct reference_session *s, enum oddity oddity)
{
    return s->manners->oddities->on[oddity];
}

/* A number below limit, which is not 0. */
uint64_t manners_random(struct reference_session *s, uint64_t limit);

/* ---- manners_order.c ---- */

void order_init(struct manners *m);
void order_free(struct manners *m);

#endif
