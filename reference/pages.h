/* SPDX-License-Identifier: MIT */
/* Memory for a store's pages, taken from the system in blocks that it can back with large pages: access to
 * many pages at random then costs much less than with pages of 4 KiB.  A block whose pages are all given back
 * goes back to the system, but for one. */
#ifndef NBDTEST_REFERENCE_PAGES_H
#define NBDTEST_REFERENCE_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct block;

/* All zero at first. */
struct pages {
    struct block *blocks; /* those that have pages to give */
    size_t count;         /* blocks in all */
    size_t empty;         /* those of which no page is in use, at most 1 */
};

/* A page of STORE_PAGE_BYTES zeroes; NULL when the system has no memory. */
uint8_t *pages_take(struct pages *p);
void pages_give(struct pages *p, void *page);

/* Every page has been given back. */
void pages_free(struct pages *p);

#endif
