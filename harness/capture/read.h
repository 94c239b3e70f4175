/* SPDX-License-Identifier: MIT */
/* Reads a capture file (pcap or pcapng) and tells the connections in it. */
#ifndef NBDTEST_CAPTURE_READ_H
#define NBDTEST_CAPTURE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/flow.h"

struct capture_summary {
    uint64_t began_ns;      /* the first packet, since the epoch; set before anything is told */
    uint64_t packets;       /* in the file */
    uint64_t unknown_links; /* those of them whose link layer we do not know */
    int unknown_link;       /* the last of those */
    uint64_t segments;      /* those of them that are whole TCP segments */
    uint64_t ignored;       /* those of them that were one connection too many (FLOWS_MAX) */
};

/* Tells the listener all that is in the file at path ("-" is the standard input).
 *
 * False when the file cannot be opened, is no capture, has a link layer that we do not know, or breaks off in
 * the middle; ret_error then says so.  What stands before the break has been told nevertheless, each flow up
 * to its close. */
bool capture_read(const char *path, struct flow_listener listener, struct capture_summary *ret,
                  char *ret_error, size_t error_size);

#endif
