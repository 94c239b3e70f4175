/* SPDX-License-Identifier: MIT */
/* The TCP segment in one captured packet.  Any bytes may be given. */
#ifndef NBDTEST_CAPTURE_PACKET_H
#define NBDTEST_CAPTURE_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* What a packet begins with. */
enum packet_link {
    PACKET_ETHERNET,     /* IEEE 802.3, VLAN tags allowed */
    PACKET_IP,           /* IPv4 or IPv6 */
    PACKET_LOOPBACK,     /* four bytes of address family, then as PACKET_IP */
    PACKET_LINUX_COOKED, /* version 1: 16 bytes */
    PACKET_LINUX_COOKED2 /* version 2: 20 bytes */
};

/* One end of a TCP connection.  IPv4 addresses are mapped as in RFC 4291, section 2.5.5.2. */
struct packet_end {
    uint8_t address[16];
    uint8_t port[2]; /* big-endian; the whole can be compared with memcmp() */
};

struct packet {
    struct packet_end from, to;
    uint32_t sequence;     /* of the first byte of data, or of SYN */
    uint32_t acknowledged; /* with ack: of the next byte that it waits for */
    bool syn, ack, fin, rst;
    struct span data; /* as much as was captured; points into the given bytes */
    uint32_t missing; /* bytes of data that were on the wire and not captured, at its end */
};

/* A fragment of an IP packet with TCP in it. */
struct packet_fragment {
    uint8_t from[16], to[16]; /* addresses, as in struct packet_end */
    uint32_t id;              /* the same in all fragments of a packet */
    uint32_t at;              /* where in the packet's payload it stands */
    bool more;                /* it is not the last */
    struct span bytes;
};

/* False when there is no whole TCP header in it (other protocols, fragments, cut or broken packets). */
bool packet_parse(enum packet_link link, struct span bytes, struct packet *ret);

/* False where there is no fragment, or it was not captured whole. */
bool packet_parse_fragment(enum packet_link link, struct span bytes, struct packet_fragment *ret);

/* The segment in a packet that was put together from its fragments, of which this is one. */
bool packet_parse_payload(const struct packet_fragment *fragment, struct span payload, struct packet *ret);

#endif
