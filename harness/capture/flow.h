/* SPDX-License-Identifier: MIT */
/* TCP streams out of captured segments: both directions of each connection, in order, each byte once, and
 * between the directions what was sent before what was sent in its knowledge, whatever came first into the
 * capture.
 *
 * Pure, and made for hostile captures: memory is bounded (FLOWS_MAX connections, PENDING_MAX bytes that wait
 * for others), time grows with the size of the capture. */
#ifndef NBDTEST_CAPTURE_FLOW_H
#define NBDTEST_CAPTURE_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "capture/packet.h"

enum {
    FLOWS_MAX = 64 * 1024,               /* connections; further ones are only counted */
    PENDING_MAX = 64 * 1024 * 1024,      /* bytes, in all connections together */
    PENDING_FLOW_MAX = 16 * 1024 * 1024, /* bytes, in one direction of a connection */
    PENDING_SEGMENTS_MAX = 1024,         /* segments, in one direction of a connection */
};

enum flow_from { FLOW_CLIENT, FLOW_SERVER };

enum flow_end {
    FLOW_FINISHED, /* FIN */
    FLOW_RESET,    /* RST; told for both directions, first for the one it came from */
    FLOW_CUT,      /* the capture ended, or the same ports were used again */
};

/* A connection, as told to the listener. */
struct flow {
    size_t number; /* from 1, in the order of the first packets */
    struct packet_end client, server;
    bool
        from_start; /* its SYN was seen, and the beginning of both directions before bytes were told;
                       otherwise some may be missing in front, and without SYN who is the client is a guess */
    void *user;     /* the listener's own; NULL at first */
};

/* Where in the capture: the packet that brought the bytes, also where they had to wait for others. */
struct flow_packet {
    uint64_t number;  /* from 1 */
    uint64_t time_ns; /* since the epoch */
};

/* Calls for one flow: opened, then bytes, lost and ended (once for each direction) in any order, then closed,
 * after which flow is no longer valid.  Spans are valid during the call only. */
struct flow_listener {
    void (*opened)(void *ctx, struct flow *flow, struct flow_packet packet);
    void (*bytes)(void *ctx, struct flow *flow, enum flow_from from, struct span bytes,
                  struct flow_packet packet);
    /* That many bytes were never captured; what comes next stands behind them. */
    void (*lost)(void *ctx, struct flow *flow, enum flow_from from, uint32_t count,
                 struct flow_packet packet);
    void (*ended)(void *ctx, struct flow *flow, enum flow_from from, enum flow_end how,
                  struct flow_packet packet);
    void (*closed)(void *ctx, struct flow *flow);
    void *ctx;
};

struct flow_table;

struct flow_table *flow_table_new(struct flow_listener listener);

/* Ends and closes all flows, as the end of the capture does.  NULL is allowed. */
void flow_table_free(struct flow_table *table);

/* Takes a captured segment; numbers and times of packets only grow. */
void flow_table_add(struct flow_table *table, const struct packet *segment, struct flow_packet packet);

/* Segments left out because there were too many connections. */
uint64_t flow_table_ignored(const struct flow_table *table);

#endif
