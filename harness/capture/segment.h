/* SPDX-License-Identifier: MIT */
/* TCP segments in IPv4 packets, as bytes (RFC 791, RFC 9293). */
#ifndef NBDTEST_CAPTURE_SEGMENT_H
#define NBDTEST_CAPTURE_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

enum segment_flag {
    SEGMENT_FIN = 0x01,
    SEGMENT_SYN = 0x02,
    SEGMENT_RST = 0x04,
    SEGMENT_PSH = 0x08,
    SEGMENT_ACK = 0x10,
};

struct segment_end {
    uint32_t address; /* IPv4 */
    uint16_t port;
};

struct segment {
    struct segment_end from, to;
    uint32_t sequence;
    uint32_t acknowledged;
    unsigned flags;   /* of enum segment_flag */
    struct span data; /* SEGMENT_DATA_MAX bytes at most */
};

enum {
    SEGMENT_DATA_MAX = 32 * 1024,  /* bytes; an IPv4 packet has 64 KiB less one byte at most */
    SEGMENT_HEADERS_MAX = 20 + 28, /* bytes of IPv4 and of TCP with the options of a SYN */
    SEGMENT_MAX = SEGMENT_HEADERS_MAX + SEGMENT_DATA_MAX,
};

/* Writes the packet, checksums included, and returns its size in bytes.  A SYN offers a window scale of 14,
 * so that the window of all other segments is too large ever to be full. */
size_t segment_write(const struct segment *segment, uint16_t id, uint8_t ret[static SEGMENT_MAX]);

#endif
