/* SPDX-License-Identifier: MIT */
/* What a message or a whole reply says, by the names that expectations have for it. */
#ifndef NBDTEST_SCRIPT_SAID_H
#define NBDTEST_SCRIPT_SAID_H

#include "referee/session.h"

struct fact {
    const char *name;
    bool text; /* bytes counts, otherwise number */
    uint64_t number;
    struct span bytes; /* borrowed from the message or exchange */
};

#define SAID_MAX 20

struct said {
    struct fact all[SAID_MAX];
    size_t count;
};

/* What a message of the handshake says; a reply whose data are flawed says its length and option alone. */
void said_by_message(const struct message *m, struct said *ret);

/* What an answered exchange says.  agreed tells which context is base:allocation; where it is none of them,
 * first, total and flags speak of the first chunk of block status. */
void said_by_exchange(const struct exchange *e, const struct negotiated *agreed, struct said *ret);

/* What a TLS handshake came to: one of SCRIPT_TLS_*; 0: it failed. */
void said_by_tls(unsigned version, struct said *ret);

/* NULL when nothing is said of it. */
const struct fact *said_find(const struct said *s, const char *name);

#endif
