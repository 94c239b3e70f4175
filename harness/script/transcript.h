/* SPDX-License-Identifier: MIT */
/* Messages as lines of the case language: what a failing run and `decode` print, and nbdtest can play. */
#ifndef NBDTEST_SCRIPT_TRANSCRIPT_H
#define NBDTEST_SCRIPT_TRANSCRIPT_H

#include "base/buffer.h"
#include "referee/session.h"

/* What the lines of one connection have in common. */
struct teller {
    const char *connection; /* NULL: the first, else its name: "C.two: ..." */
    bool loose;             /* the first connection's server may say whatever the specification allows */
    /* private */
    uint32_t option;   /* the last one */
    uint64_t from, to; /* bytes of the export that lines write with other data than the client did */
};

/* Appends one line for the message, with exact values: "C: READ offset=65536 length=512 cookie=1".
 * A server's reply in transmission takes one line, when it is complete; until then nothing is appended.
 * Loose: of the server's replies no more than what has to be there for the client to go on, so that an
 * option's replies take two lines and the final one tells them.
 * Data are printed as zero, fill(b) or pattern(seed) where they match, in hex up to 64 bytes.  In place of
 * others that the client sent stands a pattern of the same length, and a comment; what is read of them, and
 * of others that the server sent, is told in comments only. */
bool transcript_message(struct teller *t, const struct message *m, struct buffer *to);

/* Appends a line for the answer that never came: to a request or, e being NULL, to the last option. */
bool transcript_due(const struct teller *t, const struct exchange *e, struct buffer *to);

/* Appends a line for bytes that are no message: "C: raw hex(...)". */
bool transcript_raw(const char *verb, struct span bytes, const char *connection, struct buffer *to);

/* Bytes as a value of the language; origin is the absolute offset of the first. */
bool transcript_data(struct span data, uint64_t origin, struct buffer *to);

#endif
