/* SPDX-License-Identifier: MIT */
/* What the two halves of the client (client.c, transfer.c) share: bytes with deadlines, and how
 * it complains. */
#ifndef NBDTEST_RUNNER_CLIENT_BYTES_H
#define NBDTEST_RUNNER_CLIENT_BYTES_H

#include "runner/client.h"

/* By the clock of deadlines: for a server within the process that of what the program itself does. */
uint64_t client_now(const struct client *c);

/* Something new is tried: says what, and sets the deadline for its whole answer. */
void client_doing(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Each sets c->error and returns false: the request did not succeed; the connection is good for nothing any
 * more; what comes is not NBD. */
bool client_fail(struct client *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool client_break(struct client *c, const char *why);
bool client_lose(struct client *c, const char *why);

/* Takes exactly len bytes, of which there are at most 1 MiB; at least one and at most `most` bytes.  Valid
 * until the next call. */
bool client_need(struct client *c, size_t len, struct span *ret);
bool client_some(struct client *c, size_t most, struct span *ret);

/* Sends all of the bytes, receiving meanwhile. */
bool client_send(struct client *c, struct span bytes);

#endif
