/* SPDX-License-Identifier: MIT */
/* The known word that a mistyped one was probably meant to be. */
#ifndef NBDTEST_BASE_NEAREST_H
#define NBDTEST_BASE_NEAREST_H

#include <stddef.h>

#include "base/span.h"

/* Keeps the nearest of the candidates offered so far. */
struct nearest {
    struct span wanted;
    const char *best; /* NULL: none is near enough (a third of the letters may differ) */
    size_t distance;
};

struct nearest nearest_to(struct span wanted);
void nearest_offer(struct nearest *n, const char *candidate);

#endif
