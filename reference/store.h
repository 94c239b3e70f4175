/* SPDX-License-Identifier: MIT */
/* The contents of an export: sparse memory that costs what was written to it, however large it claims to be.
 */
#ifndef NBDTEST_REFERENCE_STORE_H
#define NBDTEST_REFERENCE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

#define STORE_PAGE_BYTES 65536u

/* What is known of a page without looking at its bytes. */
enum store_kind {
    STORE_HOLE, /* not allocated, reads as zero */
    STORE_ZERO, /* allocated, reads as zero */
    STORE_DATA, /* allocated, holds something */
};

struct store;

/* What several stores may take together, in bytes; all start at 0 used. */
struct store_memory {
    uint64_t ceiling;   /* what may be allocated, with pages that are allocated and take no memory yet */
    uint64_t machine;   /* what pages may really take; less than the ceiling where the machine has less */
    uint64_t allocated; /* both of them as far as they are used */
    uint64_t taken;
};

/* size: bytes, up to 2^63-1.  ceiling: bytes that may be allocated; what would need more fails.  Memory is
 * taken only for pages that hold data, so a ceiling may be larger than the machine's. */
struct store *store_new(uint64_t size, uint64_t ceiling);
void store_free(struct store *s);

/* From now on what the store takes counts here as well, and what would be too much fails; memory outlives the
 * store, which is empty. */
void store_share(struct store *s, struct store_memory *memory);
uint64_t store_size(const struct store *s);

/* Ranges have to lie within the size; the caller has checked. */
void store_read(const struct store *s, uint64_t offset, uint8_t *to, uint64_t length);

/* The bytes from offset on as they lie in the store, at most length and to the end of their page; none where
 * it is known that they are zero.  Valid until the store is next changed. */
struct span store_peek(const struct store *s, uint64_t offset, uint64_t length);

/* False when a ceiling or the machine does not allow it; part of the data may have been stored then. */
bool store_write(struct store *s, uint64_t offset, struct span data);

/* Zeroes a range; takes time for the pages that are allocated, not for holes.
 * provision: the range's pages are allocated, so that later writes cannot run out of space; false, and
 * nothing was changed, when the ceiling does not allow that. */
bool store_zero(struct store *s, uint64_t offset, uint64_t length, bool provision);

/* Discards whole pages within the range; contents of those read as zero. */
void store_trim(struct store *s, uint64_t offset, uint64_t length);

/* How far, from offset and at most to length (which is not 0), the store is of one kind. */
uint64_t store_extent(const struct store *s, uint64_t offset, uint64_t length, enum store_kind *ret_kind);

#endif
