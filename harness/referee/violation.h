/* SPDX-License-Identifier: MIT */
/* What the referee has to say against one of the two parties. */
#ifndef NBDTEST_REFEREE_VIOLATION_H
#define NBDTEST_REFEREE_VIOLATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum side { SIDE_CLIENT, SIDE_SERVER };

struct violation {
    const char *rule; /* requirement id; static */
    enum side party;  /* who is at fault */
    uint64_t message; /* number of the message that showed it: session_messages() when it was seen */
    char came[200];   /* what came, in words; NUL-terminated, foreign bytes escaped */
};

/* Kept; more of one connection are counted and not kept.  A client that does wrong all the time leaves room
 * for what there is to say of the server. */
#define VIOLATIONS_MAX 64
#define VIOLATIONS_OF_CLIENT_MAX 16

struct violations {
    struct violation all[VIOLATIONS_MAX];
    size_t count;     /* kept */
    size_t of_client; /* of those */
    size_t lost;      /* not kept */
};

/* Forgets all of them. */
void violations_clear(struct violations *v);

/* Adds one.  The same rule is kept once a message. */
void violations_add(struct violations *v, const char *rule, enum side party, uint64_t message,
                    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
