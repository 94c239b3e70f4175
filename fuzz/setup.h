/* SPDX-License-Identifier: MIT */
/* A connection with the reference server as the input of a fuzz target: how the server is set up, then what
 * happens, step by step.  fuzz_session.c has the layout. */
#ifndef NBDTEST_FUZZ_SETUP_H
#define NBDTEST_FUZZ_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/span.h"
#include "fuzz/served.h"

enum setup_bit {
    SETUP_NO_STRUCTURED = 1 << 0,
    SETUP_NO_EXTENDED = 1 << 1,
    SETUP_IN_PIECES = 1 << 2,    /* long data leave piece by piece */
    SETUP_SMALL_MEMORY = 1 << 3, /* the exports run out of it soon */
    /* of the default export */
    SETUP_TLS_ONLY = 1 << 4,
    SETUP_SIZES_REQUIRED = 1 << 5, /* clients have to ask for the block size */
    SETUP_NO_SIZES = 1 << 6,       /* none are enforced */
    SETUP_READ_ONLY = 1 << 7,
};

struct setup {
    enum reference_face face;
    enum reference_tls tls;
    unsigned bits; /* enum setup_bit */
    uint8_t seed;
    uint16_t fault;       /* counted from 1; 0: none */
    uint16_t oddities[2]; /* likewise */
};

/* What happens then: kinds of records (fuzz/record.h). */
enum happening {
    HAPPENING_SAY,       /* the client says something */
    HAPPENING_QUIET,     /* nothing comes for a moment */
    HAPPENING_SHUT_DOWN, /* the server is about to stop */
    HAPPENING_FINISHED,  /* the client closes its direction */
    HAPPENING_COUNT
};

/* Takes the setup off the front of *input; false where that is too short.  Steps, in records, follow. */
bool setup_take(struct span *input, struct setup *ret);

/* Appends it; false at the ceiling. */
bool setup_put(struct buffer *to, const struct setup *setup);

void setup_apply(const struct setup *setup, struct served *served);

#endif
