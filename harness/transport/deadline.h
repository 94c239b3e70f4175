/* SPDX-License-Identifier: MIT */
/* Waiting for descriptors up to a moment, whatever signals come in between. */
#ifndef NBDTEST_TRANSPORT_DEADLINE_H
#define NBDTEST_TRANSPORT_DEADLINE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Now and timeout_ns, however long that is; in nanoseconds of clock_ns(). */
uint64_t deadline_after(uint64_t timeout_ns);

/* poll() until deadline_ns.  False when nothing happened; a descriptor that something is wrong with counts as
 * ready, those who use it will be told. */
bool deadline_poll(struct pollfd *polled, size_t count, uint64_t deadline_ns);

#endif
