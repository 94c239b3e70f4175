/* SPDX-License-Identifier: MIT */
/* A connection under the eyes of the referee, and what it made of it as one number. */
#ifndef NBDTEST_FUZZ_CONVERSATION_H
#define NBDTEST_FUZZ_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "fuzz/digest.h"
#include "referee/session.h"

struct conversation {
    struct model *model;
    struct violations violations;
    struct session *session;
    struct digest seen; /* all messages, exchanges and ends */
    uint64_t asked;     /* bytes that the client wants to read */
    uint64_t asked_max; /* beyond it nothing is looked at: a hole of any length costs so much memory */
    uint64_t got;       /* bytes that were read, holes included */
    /* Called for each message; may be NULL. */
    void (*message)(const struct conversation *c, const struct message *m);
};

void conversation_init(struct conversation *c, uint64_t asked_max);
void conversation_free(struct conversation *c);

/* What a side sent. */
void conversation_feed(struct conversation *c, enum side from, struct span bytes);

void conversation_ended(struct conversation *c, enum side from, enum ending how);
void conversation_stalled(struct conversation *c);

/* The client's next message breaks a demand on purpose. */
void conversation_excuse(struct conversation *c);

/* True when the referee saw and said the same. */
bool conversation_equal(const struct conversation *a, const struct conversation *b);

/* The first violation by the server that is more than a note, or NULL. */
const struct violation *conversation_complaint(const struct conversation *c);

#endif
