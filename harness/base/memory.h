/* SPDX-License-Identifier: MIT */
/* The one place that decides what happens when the machine has no memory left.
 *
 * How much is asked for is always bounded by the caller first, so that running out says something about the
 * machine and nothing about a peer or a file.  The program then says so in one line and ends with
 * status 5. */
#ifndef NBDTEST_BASE_MEMORY_H
#define NBDTEST_BASE_MEMORY_H

#include <stddef.h>

/* Returns size zeroed bytes (at least one); never NULL.  The caller owns them and releases with free(). */
void *memory_take(size_t size);

/* Like realloc(), but never NULL.  New bytes are not zeroed. */
void *memory_grow(void *at, size_t size);

#endif
