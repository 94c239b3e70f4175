/* SPDX-License-Identifier: MIT */
/* Nothing that is not ours is overwritten: looking before the first write, zeroing at the end. */
#ifndef NBDTEST_RUNNER_SAFETY_H
#define NBDTEST_RUNNER_SAFETY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "runner/facts.h"
#include "runner/status.h"
#include "runner/target.h"

#define SAFETY_RANGES_MAX 4

/* Bytes of the export: the cases' windows, put together where they touch. */
struct ranges {
    struct {
        uint64_t offset, length;
    } all[SAFETY_RANGES_MAX];
    unsigned count;
};

/* Adds a range.  Windows begin at 0 or at one other place, or end at the export's end: there is
 * always room. */
void ranges_add(struct ranges *r, uint64_t offset, uint64_t length);

/* Reads the ranges whole, and the start of the export, where partition tables and file systems show
 * themselves. STATUS_CONFORMS when everything is zero or what an earlier run of ours left.  Otherwise
 * ret_error says what was found, where, and what the user can do: USAGE; UNREACHABLE where there was no
 * connection to look through; VIOLATIONS where the server does not let us look. */
enum status safety_look(const struct target *target, const struct facts *facts, uint64_t timeout_ns,
                        const struct ranges *ranges, struct buffer *ret_error);

/* Writes zeroes to the first block of the ranges, which are not empty: a server may refuse to write with
 * NBD_EPERM though it does not say that the export is read-only.  Whatever else happens to that write is for
 * the cases to show.  UNREACHABLE, with the reason in ret_error, where there was no connection. */
enum status safety_try(const struct target *target, const struct facts *facts, uint64_t timeout_ns,
                       const struct ranges *ranges, bool *ret_refused, struct buffer *ret_error);

/* Zeroes the ranges and reads them back.  True when all was zeroed; otherwise *ret_offset and *ret_length are
 * the first bytes for which that is not certain. */
bool safety_zero(const struct target *target, const struct facts *facts, uint64_t timeout_ns,
                 const struct ranges *ranges, uint64_t *ret_offset, uint64_t *ret_length);

/* True for bytes that the cases write: zero, one byte over and over, or a pattern (which may be in pieces).
 * offset is where they stand in the export. */
bool safety_is_leftover(uint64_t offset, struct span data);

#endif
