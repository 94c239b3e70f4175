/* SPDX-License-Identifier: MIT */
/* What happened on a connection as the input of a fuzz target: records of
 *
 *     OFFSET  SIZE  DESCRIPTION
 *     0       1     what happened, modulo the number of kinds that the target knows
 *     1       2     bytes that follow, big-endian; fewer at the end of the input
 *     3       -     what was sent, where something was
 */
#ifndef NBDTEST_FUZZ_RECORD_H
#define NBDTEST_FUZZ_RECORD_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/span.h"

/* What happens in a conversation of which both sides are on record (fuzz_server). */
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
    unsigned kind;
    struct span bytes; /* borrowed from the input */
};

/* Takes the next record, of one of so many kinds, off the front of *input; false at its end. */
bool record_take(struct span *input, unsigned kinds, struct record *ret);

/* Appends records that say that; false at the ceiling. */
bool record_put(struct buffer *to, unsigned kind, struct span bytes);

#endif
