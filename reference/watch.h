/* SPDX-License-Identifier: MIT */
/* Waits for many descriptors at once, at a cost that grows with those that are ready, not with those that are
 * watched.  The one file that knows how the system does that (epoll). */
#ifndef NBDTEST_REFERENCE_WATCH_H
#define NBDTEST_REFERENCE_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct watch;

/* What a descriptor is watched for; the two may be joined.  That it failed or was closed by the peer is
 * always told. */
enum watch_for {
    WATCH_NOTHING = 0,
    WATCH_INPUT = 1,
    WATCH_OUTPUT = 2,
};

/* A descriptor that is ready. */
struct watch_ready {
    void *owner;
    bool
        hung_up; /* the connection is gone: what is sent reaches nobody; what arrived may still be received */
};

/* NULL, and errno says why, when the system has none to give. */
struct watch *watch_new(void);
void watch_free(struct watch *w);

/* owner is what watch_wait() gives when the descriptor is ready.  A descriptor that is closed need not be
 * removed.  watch_add() returns false, and errno says why, when the system has no room for one more. */
bool watch_add(struct watch *w, int descriptor, unsigned watch_for, void *owner);
void watch_change(struct watch *w, int descriptor, unsigned watch_for, void *owner);

/* Waits until a descriptor is ready or timeout_ms has passed (-1: never does).  ret receives at most max of
 * those that are ready, each one once; returns how many, or -1 with errno when waiting failed. */
int watch_wait(struct watch *w, struct watch_ready ret[], size_t max, int timeout_ms);

#endif
