/* SPDX-License-Identifier: MIT */
/* IP packets out of their fragments (RFC 791, section 3.2; RFC 8200, section 4.5). */
#ifndef NBDTEST_CAPTURE_FRAGMENT_H
#define NBDTEST_CAPTURE_FRAGMENT_H

#include <stdbool.h>

#include "base/span.h"
#include "capture/packet.h"

enum { FRAGMENTED_MAX = 64 }; /* packets that are put together at once; the oldest gives way */

struct fragment_table;

struct fragment_table *fragment_table_new(void);
void fragment_table_free(struct fragment_table *t); /* NULL is allowed */

/* Takes a fragment; true when it makes a packet whole, whose payload is then *ret until the next call. */
bool fragment_table_add(struct fragment_table *t, const struct packet_fragment *fragment, struct span *ret);

#endif
