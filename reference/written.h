/* SPDX-License-Identifier: MIT */
/* Which parts of an export may have been written to: those that are not noted certainly were not. */
#ifndef NBDTEST_REFERENCE_WRITTEN_H
#define NBDTEST_REFERENCE_WRITTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Notes are kept for pieces of this many bytes, each at a multiple of it. */
#define WRITTEN_PIECE_BYTES 4096u

struct written;

/* size: bytes of the export, up to 2^63-1.  memory_bytes: what the notes may cost; beyond that they become
 * coarser, and never fail. */
struct written *written_new(uint64_t size, size_t memory_bytes);
void written_free(struct written *w);

/* Ranges have to lie within the size.  Takes no longer for a large one. */
void written_note(struct written *w, uint64_t offset, uint64_t length);

/* How far, from offset and at most to length (which is not 0), all or nothing is noted. */
uint64_t written_extent(const struct written *w, uint64_t offset, uint64_t length, bool *ret_written);

#endif
