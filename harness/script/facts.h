/* SPDX-License-Identifier: MIT */
/* What a message or a whole reply says, by the names that expectations have for it. */
#ifndef NBDTEST_SCRIPT_FACTS_H
#define NBDTEST_SCRIPT_FACTS_H

#include "referee/session.h"

struct fact {
    const char *name;
    bool text; /* bytes counts, otherwise number */
    uint64_t number;
    struct span bytes; /* borrowed from the message or exchange */
};

#define FACTS_MAX 20

struct facts {
    struct fact all[FACTS_MAX];
    size_t count;
};

/* What a message of the handshake says; a reply whose data are flawed says its length and option alone. */
void facts_of_message(const struct message *m, struct facts *ret);

/* What an answered exchange says.  agreed tells which context is base:allocation; where it is none of them,
 * first, total and flags speak of the first chunk of block status. */
void facts_of_exchange(const struct exchange *e, const struct negotiated *agreed, struct facts *ret);

/* NULL when nothing is said of it. */
const struct fact *facts_find(const struct facts *f, const char *name);

#endif
