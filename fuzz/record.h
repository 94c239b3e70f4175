/* SPDX-License-Identifier: MIT */
/* A conversation as the input of a fuzz target: records of
 *
 *     OFFSET  SIZE  DESCRIPTION
 *     0       1     what happened: enum record_kind, modulo RECORD_KIND_COUNT
 *     1       2     bytes that follow, big-endian; fewer at the end of the input
 *     3       -     what was sent, for RECORD_CLIENT and RECORD_SERVER
 */
#ifndef NBDTEST_FUZZ_RECORD_H
#define NBDTEST_FUZZ_RECORD_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/span.h"

enum record_kind {
    RECORD_CLIENT, /* the client sent bytes */
    RECORD_SERVER, /* the server sent bytes */
    RECORD_CLIENT_FINISHED,
    RECORD_SERVER_FINISHED,
    RECORD_CLIENT_RESET,
    RECORD_SERVER_RESET,
    RECORD_STALLED, /* the server had its time */
    RECORD_EXCUSED, /* the client's next message breaks a demand on purpose */
    RECORD_KIND_COUNT
};

struct record {
    enum record_kind kind;
    struct span bytes; /* borrowed from the input */
};

/* Takes the next record off the front of *input; false at its end. */
bool record_take(struct span *input, struct record *ret);

/* Appends records that say that; false at the ceiling. */
bool record_put(struct buffer *to, enum record_kind kind, struct span bytes);

#endif
