/* SPDX-License-Identifier: MIT */
/* Sweeps: an instance is played again and again, and what it sends is delivered in other pieces, or cut off.
 * Pure: which deliveries there are, and what each does to a message.
 *
 * A message is what one line of the case, or one segment, sends.  Pieces begin and end within its first
 * SWEEP_HEAD bytes, which no header exceeds by much, and its last SWEEP_TAIL bytes. */
#ifndef NBDTEST_RUNNER_SWEEP_H
#define NBDTEST_RUNNER_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

enum sweep {
    SWEEP_NONE,
    SWEEP_BYTES,    /* byte by byte */
    SWEEP_SPLITS,   /* each message in two pieces, at each place */
    SWEEP_COALESCE, /* messages that are not waited for in one piece */
    SWEEP_CUT,      /* the client is gone, by FIN or RST, behind each byte; others have to be served */
    SWEEP_COUNT
};

enum {
    SWEEP_HEAD = 48, /* an extended request has 32 bytes */
    SWEEP_TAIL = 16,
    SWEEP_DELIVERIES = 512, /* of one instance; of more, so many that lie evenly among them */
    SWEEP_MESSAGES = 4096   /* of one instance; what comes behind them is delivered as it is */
};

/* The messages that an instance sent when it was played as it is. */
struct sweep_messages {
    size_t lengths[SWEEP_MESSAGES];
    size_t count;
};

void sweep_add(struct sweep_messages *m, size_t length);

/* One way to deliver them. */
struct sweep_delivery {
    enum sweep kind;
    size_t message, at; /* SPLITS, CUT: behind how many bytes of which message, counted from 0 */
    bool reset;         /* CUT */
};

size_t sweep_count(enum sweep kind, const struct sweep_messages *m);
struct sweep_delivery sweep_delivery(enum sweep kind, const struct sweep_messages *m, size_t index);

/* How many bytes of a message go together from offset on, where length are left. */
size_t sweep_piece(const struct sweep_delivery *d, size_t message, size_t offset, size_t length);

/* Whether nothing more is sent once so much of the message was. */
bool sweep_is_cut(const struct sweep_delivery *d, size_t message, size_t offset);

/* "bytes"; SWEEP_COUNT for a name that there is not. */
const char *sweep_name(enum sweep kind);
enum sweep sweep_named(const char *name);

/* What was done, for people. */
void sweep_print(const struct sweep_delivery *d, char *ret, size_t size);

#endif
