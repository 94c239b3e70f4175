/* SPDX-License-Identifier: MIT */
/* What stands below both halves of the client (client.c, transfer.c): bytes with deadlines, and how it
 * complains. */
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

/* Nothing was received. */
void client_begin(struct client *c);

/* Receives what there is right now; *ret_len bytes of it. */
enum link_state client_receive(struct client *c, size_t *ret_len);

/* Bytes that were received and not taken. */
size_t client_unused(const struct client *c);

/* Waits until the link can receive, or send; false when the time for the present answer is over.  *rounds,
 * from 0: how often a link within the process was waited for. */
bool client_wait(struct client *c, bool to_send, unsigned *rounds);

enum { CLIENT_NEED_MAX = 1024 * 1024 }; /* bytes */

/* Takes exactly len bytes, at most CLIENT_NEED_MAX; at least one and at most `most` bytes.  Valid
 * until the next call. */
bool client_need(struct client *c, size_t len, struct span *ret);
bool client_some(struct client *c, size_t most, struct span *ret);

/* Sends all of the bytes, receiving meanwhile. */
bool client_send(struct client *c, struct span bytes);

#endif
