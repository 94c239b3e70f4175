/* SPDX-License-Identifier: MIT */
/* Data that are sent from where they lie in an export.  The output has room for them all the same, in which
 * nothing is written unless they have to be copied after all: what stands behind them stays where it is.
 *
 * The data are the store's (store_peek()) and lie still until it is next changed: before that they have been
 * sent, or are settled. */
#ifndef NBDTEST_REFERENCE_LOANS_H
#define NBDTEST_REFERENCE_LOANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum {
    LOANS_MAX = 256,
    LOANS_PARTS_MAX = 2 * LOANS_MAX + 1, /* of an output with as many: they, and what is between them */
    LOAN_MIN = 1024,                     /* bytes; fewer are copied for less than a part costs */
};

struct loan {
    size_t at;         /* where the output has room for them */
    struct span bytes; /* borrowed */
};

/* In the order in which they are sent.  Empty when all zero. */
struct loans {
    size_t count;
    struct loan rows[LOANS_MAX];
};

/* False when the data are few, or there are many loans: they are to be copied. */
bool loans_add(struct loans *l, size_t at, struct span bytes);

/* Copies what is lent to where the output has room for it; there are no loans then. */
void loans_settle(struct loans *l, uint8_t *output);

/* The output from byte number start on in parts, as it is sent; returns how many.  No loan begins before
 * start. */
size_t loans_parts(const struct loans *l, struct span output, size_t start,
                   struct span ret_parts[LOANS_PARTS_MAX]);

#endif
