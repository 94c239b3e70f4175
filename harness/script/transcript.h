/* SPDX-License-Identifier: MIT */
/* Messages as lines of the case language: what a failing run and `decode` print, and nbdtest can play. */
#ifndef NBDTEST_SCRIPT_TRANSCRIPT_H
#define NBDTEST_SCRIPT_TRANSCRIPT_H

#include "base/buffer.h"
#include "referee/session.h"

/* Appends one line for the message, with exact values: "C: READ offset=65536 length=512 cookie=1".
 * connection  NULL for the first, else its name: "C.two: ..."
 * A server's reply in transmission takes one line, when it is complete; until then nothing is appended.
 * Data are printed as zero, fill(b) or pattern(seed) where they match, in hex up to 64 bytes, else as the
 * first 16 bytes and a comment with how many there are. */
bool transcript_message(const struct message *m, const char *connection, struct buffer *to);

/* Appends a line for bytes that are no message: "C: raw hex(...)". */
bool transcript_raw(const char *verb, struct span bytes, const char *connection, struct buffer *to);

/* Bytes as a value of the language; origin is the absolute offset of the first. */
bool transcript_data(struct span data, uint64_t origin, struct buffer *to);

#endif
