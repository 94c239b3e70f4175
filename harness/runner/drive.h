/* SPDX-License-Identifier: MIT */
/* Does what a play says: the loop between a play and its connections. */
#ifndef NBDTEST_RUNNER_DRIVE_H
#define NBDTEST_RUNNER_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/sweep.h"
#include "runner/target.h"
#include "script/play.h"
#include "transport/link.h"

struct drive {
    const struct target *target;
    uint64_t timeout_ns; /* for connecting */
    uint64_t limit_ns;   /* for all waits of an instance together: a server that dribbles is cut off */
    struct sweep_delivery delivery;  /* of what the case sends; SWEEP_NONE: as it is */
    struct sweep_messages *messages; /* takes note of what it sends; NULL: nobody does */
    bool cut;                        /* the delivery was cut off, and the play was left where it was */
    bool within;                     /* the server of the last play was within this process */
    uint64_t slowest_ns;             /* that came, in all plays so far */
    uint64_t slowest_long_ns;        /* of those that may take longer than others */
    unsigned stalls;                 /* waits in which nothing came */
    unsigned long_stalls;            /* the same where it was known to take longer than other things */
    unsigned left_open;              /* the same for the end of a connection on which goodbye was said */
    uint8_t *room;                   /* private: bytes just received */
};

void drive_init(struct drive *d, const struct target *target, uint64_t timeout_ns);
void drive_free(struct drive *d);

/* How long something is waited for that may take time_ns; parting: it is the end of a connection, and nothing
 * else.  A server that leaves many things undone would otherwise take a full wait for each of them. */
uint64_t drive_patience(const struct drive *d, uint64_t time_ns, bool parting);

/* Plays to the end.  All connections are closed when it returns. */
void drive_play(struct drive *d, struct play *p);

/* Whether the server serves a fresh connection: it sends a greeting.  A server that forks, or takes one
 * client at a time, needs a moment: it is asked again for up to patience_ns.  error then says what happened
 * last. */
bool drive_is_served(const struct drive *d, uint64_t patience_ns, char *error, size_t error_size);

#endif
