/* SPDX-License-Identifier: MIT */
/* How the benchmark's client comes to a connection in transmission. */
#ifndef NBDTEST_REFERENCE_BENCH_JOIN_H
#define NBDTEST_REFERENCE_BENCH_JOIN_H

#include "reference/bench/stream.h"

struct place {
    const char *path; /* Unix socket; NULL: TCP */
    const char *host, *port;
    const char *export;
    const char *psk; /* file with the key for TLS; NULL: plain text */
};

enum join { JOIN_DONE, JOIN_REFUSED, JOIN_FAILED };

/* Connects and negotiates what the workload needs; *ret_end then does not block.  JOIN_REFUSED: the
 * server knows no such framing or command; JOIN_FAILED: anything else.  *ret_why says what, in words. */
enum join join(const struct place *place, const struct workload *w, struct end *ret_end,
               const char **ret_why);

#endif
