/* SPDX-License-Identifier: MIT */
/* What a stream boils down to: a record of its frames that is the same however the stream was cut.
 * For tests and fuzz targets. */
#ifndef NBDTEST_WIRE_EVENTS_H
#define NBDTEST_WIRE_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "wire/scan.h"

/* How the owner of the scanner decides.  What it says may only depend on the frames. */
struct events_owner {
    /* What is expected after the frame with this head, when `now` was expected for it. */
    enum scan_expect (*next)(const struct scan_head *head, enum scan_expect now);
    /* Bytes of data behind a simple reply. */
    uint64_t (*simple_body)(const struct scan_head *head);
};

/* A client's direction: flags, options until NBD_OPT_EXPORT_NAME or NBD_OPT_GO, requests. */
extern const struct events_owner events_client;

/* A server's direction: greeting, replies until NBD_REP_ACK to NBD_OPT_GO, simple replies and chunks.  Behind
 * a successful simple reply there are as many bytes of data as the lowest byte of its cookie says. */
extern const struct events_owner events_server;

struct events {
    const struct events_owner *owner;
    struct scan scan;
    struct scan_head last; /* the head seen last */
    unsigned heads;
    unsigned ends;
    uint64_t data_bytes; /* of all bodies */
    uint64_t hash;       /* of all events: FNV-1a */
    bool lost;
};

void events_init(struct events *e, const struct events_owner *owner, enum scan_expect first);

/* Scans the next bytes of the stream.  After a loss it does nothing. */
void events_feed(struct events *e, const void *bytes, size_t len);

/* True when both saw the same frames, with the same contents, in the same places. */
bool events_equal(const struct events *a, const struct events *b);

#endif
