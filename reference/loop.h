/* SPDX-License-Identifier: MIT */
/* Sessions joined to connections: over sockets, many at a time in one thread (loop.c), and within the process
 * (within.c). */
#ifndef NBDTEST_REFERENCE_LOOP_H
#define NBDTEST_REFERENCE_LOOP_H

#include <stdbool.h>
#include <stddef.h>

#include "reference/session.h"
#include "transport/link.h"

/* Connections that are served at the same time; more of them wait until one is over. */
#define REFERENCE_MAX_CONNECTIONS 16384

/* Serves whoever connects to one of the listening sockets (transport/listen.h) until a byte can be read from
 * stop_descriptor.  Clients then have a short time (config->limits) in which what they asked for is answered
 * and more is refused; at a second byte, or when there is none to be read, connections are reset at once.
 * The listening sockets remain the caller's.  False when waiting failed; ret_error then says why, in
 * error_size bytes at most. */
bool reference_serve(const struct reference_config *config, const int listeners[], size_t listener_count,
                     int stop_descriptor, char *ret_error, size_t error_size);

/* The far end of a connection within the process, with a session of its own: for link_memory().  config
 * outlives it. */
struct link_peer reference_peer(const struct reference_config *config);

#endif
