/* SPDX-License-Identifier: MIT */
/* Packets of a pcapng file, which may come from several interfaces with different link layers and clocks:
 * libpcap takes only files whose interfaces are all alike.  draft-ietf-opsawg-pcapng. */
#ifndef NBDTEST_CAPTURE_PCAPNG_H
#define NBDTEST_CAPTURE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/span.h"

struct pcapng;

struct pcapng_packet {
    unsigned link_type; /* LINKTYPE_... of its interface */
    uint64_t time_ns;   /* since the epoch; 0 where the file does not say */
    struct span bytes;  /* as much as was captured; valid until the next call */
};

enum pcapng_event { PCAPNG_PACKET, PCAPNG_END, PCAPNG_BROKEN };

/* Reads from the beginning of a file, which is borrowed. */
struct pcapng *pcapng_new(FILE *file);
void pcapng_free(struct pcapng *p);

/* The next packet; or the end of the file; or that it breaks off, or makes no sense: ret_error says why. */
enum pcapng_event pcapng_next(struct pcapng *p, struct pcapng_packet *ret, char *ret_error,
                              size_t error_size);

#endif
