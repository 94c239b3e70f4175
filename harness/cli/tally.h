/* SPDX-License-Identifier: MIT */
/* How often which requirement was broken, and by whom: a line for each, however often. */
#ifndef NBDTEST_CLI_TALLY_H
#define NBDTEST_CLI_TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "referee/violation.h"
#include "runner/catalogue.h"

struct tally_row {
    const char *rule; /* static */
    enum side party;
    uint64_t count;
    size_t connection; /* of the first */
    uint64_t packet;
};

struct tally {
    struct tally_row *rows; /* in the order in which they were first broken */
    size_t count, room;
};

/* Counts one more, and returns how many there are of it now. */
uint64_t tally_add(struct tally *t, const char *rule, enum side party, size_t connection, uint64_t packet);

/* Adds all of other. */
void tally_merge(struct tally *t, const struct tally *other);

/* Whether a demand was broken, not just a recommendation.  A catalogue of NULL knows only demands. */
bool tally_has_failures(const struct tally *t, const struct catalogue *c);

/* Appends "the server breaks ID (MUST; "SECTION", line N)", as the catalogue has it. */
void tally_print_rule(const char *rule, enum side party, const struct catalogue *c, struct buffer *to);

/* Appends a comment with a line for each row that counts at least so many. */
void tally_print(const struct tally *t, uint64_t least, const struct catalogue *c, struct buffer *to);

void tally_free(struct tally *t);

#endif
