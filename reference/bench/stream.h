/* SPDX-License-Identifier: MIT */
/* One connection of the benchmark's client: many requests a send, many replies a receive.  Nothing is
 * verified but framing, errors and counts, so that the server is what is measured. */
#ifndef NBDTEST_REFERENCE_BENCH_STREAM_H
#define NBDTEST_REFERENCE_BENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reference/bench/end.h"

enum framing { FRAMING_SIMPLE, FRAMING_STRUCTURED, FRAMING_EXTENDED };

/* What every connection does. */
struct workload {
    enum framing framing;
    uint16_t command;
    uint64_t length;    /* bytes of each request; 32 bits without extended headers */
    unsigned depth;     /* requests in flight on one connection */
    bool random;        /* offsets, multiples of length; otherwise one behind the other */
    uint64_t start;     /* bytes from the start of the export, where the range of the requests begins */
    uint64_t span;      /* its bytes, a multiple of length */
    uint64_t stride;    /* sequential: bytes from one request to the next, 0: length */
    uint64_t remaining; /* requests still to be made, by all connections together */
};

struct stream {
    struct end end; /* does not block */
    uint64_t random;
    uint64_t next; /* sequential: bytes from the start of the range */

    /* sending */
    uint8_t *batch; /* requests with their data, one behind the other */
    size_t slots;   /* there is room for this many */
    size_t batch_len, batch_sent;
    unsigned in_flight;

    /* receiving */
    uint8_t head[32];
    size_t have;   /* bytes of head */
    uint64_t skip; /* bytes of the body that are still to come */
    bool ends;     /* with that body the request is answered */
};

enum { STREAM_RECEIVE_MAX = 1 << 20 };

/* end: connected, in transmission; owned from now on. */
void stream_open(struct stream *s, struct end end, const struct workload *w, uint64_t seed);
void stream_close(struct stream *s);

/* Makes as many requests as depth and remaining allow and sends what goes without waiting.  False, with
 * errno, when the connection broke. */
bool stream_send(struct stream *s, struct workload *w);

/* True when there is something that the socket did not take. */
bool stream_wants_send(const struct stream *s);

/* Receives once, into room of STREAM_RECEIVE_MAX bytes.  Returns how many requests were answered, -1 when the
 * connection broke, or what came is no reply or an error; *ret_why then says what. */
int stream_receive(struct stream *s, const struct workload *w, uint8_t *room, const char **ret_why);

#endif
