/* SPDX-License-Identifier: MIT */
/* A link that stands on another one and tells a listener all that passes, byte for byte. */
#ifndef NBDTEST_TRANSPORT_TAP_H
#define NBDTEST_TRANSPORT_TAP_H

#include "base/span.h"
#include "transport/link.h"

enum tap_end {
    TAP_FINISHED_HERE,  /* link_finish() */
    TAP_RESET_HERE,     /* link_reset() */
    TAP_FINISHED_THERE, /* the peer's FIN, after all it sent */
    TAP_RESET_THERE,    /* the connection broke; told after all that the peer sent */
    TAP_CLOSED,         /* link_free(); the last call */
};

/* Each kind of end is told once at most; TAP_CLOSED always.  The bytes are valid during the call only. */
struct tap_listener {
    void (*sent)(void *ctx, struct span bytes);
    void (*received)(void *ctx, struct span bytes);
    void (*ended)(void *ctx, enum tap_end how);
    void *ctx; /* has to outlive the link */
};

/* Owns next from now on. */
struct link *link_tap(struct link *next, struct tap_listener listener);

#endif
