/* SPDX-License-Identifier: MIT */
/* Connections that are recorded as inputs of fuzz targets. */
#ifndef NBDTEST_FUZZ_RECORDING_H
#define NBDTEST_FUZZ_RECORDING_H

#include <stdbool.h>

#include "base/buffer.h"
#include "fuzz/record.h"
#include "transport/link.h"

/* One connection. */
struct recording {
    struct buffer client;  /* what the client sent: input of fuzz_client */
    struct buffer records; /* both sides: input of fuzz_server */
    bool too_long;         /* for one of the two: TARGET_INPUT_MAX */
    bool closed;
    enum record_kind last; /* who sent what is in said */
    struct buffer said;    /* not yet in records: what one side sends without a break is one record */
    struct recording *next;
};

/* A link on top of another one; the recording is whole when the link is freed, outlives it, and is the
 * caller's. */
struct recording *recording_new(struct link *below, struct link **ret_link);
void recording_free(struct recording *r);

#endif
