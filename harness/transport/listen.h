/* SPDX-License-Identifier: MIT */
/* The other side of dialing: waiting for connections. */
#ifndef NBDTEST_TRANSPORT_LISTEN_H
#define NBDTEST_TRANSPORT_LISTEN_H

#include <stddef.h>

#include "transport/link.h"

/* A listening descriptor that does not block, owned by the caller; -1 when that fails, ret_error then holds
 * what was tried, on what, and why it failed, in error_size bytes at most.
 *
 * port      a number or a service's name; "0" has the system choose one that is free
 * ret_port  the port that is listened on */
int listen_tcp(const char *host, const char *port, unsigned *ret_port, char *ret_error, size_t error_size);

/* The path must not exist yet; removing it in the end is left to the caller. */
int listen_unix(const char *path, char *ret_error, size_t error_size);

/* The listening sockets that this process was started with, as systemd does it: LISTEN_PID is this process,
 * LISTEN_FDS how many there are, from descriptor 3 on.  At most room of them are written to ret; returns how
 * many, 0 when there are none.  They do not block and are owned by the caller; the environment forgets them,
 * so that no child takes them for its own. */
size_t listen_inherited(int ret[], size_t room);

/* The next connection that waits, as a link; NULL when there is none (any more). */
struct link *listen_accept(int listener);

#endif
