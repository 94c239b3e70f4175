/* SPDX-License-Identifier: MIT */
/* Connecting one socket to one address within a given time; what dialing TCP and Unix has in common. */
#ifndef NBDTEST_TRANSPORT_DIAL_H
#define NBDTEST_TRANSPORT_DIAL_H

#include <stdint.h>
#include <sys/socket.h>

/* A connected stream socket that does not block, or -1 with the reason in *ret_errno: what connect() said, or
 * ETIMEDOUT when there was no answer by deadline_ns (of clock_ns()). */
int dial_address(const struct sockaddr *address, socklen_t len, uint64_t deadline_ns, int *ret_errno);

#endif
