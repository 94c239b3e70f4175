/* SPDX-License-Identifier: MIT */
/* What is known to be broken: a file with a line a deviation.
 *
 *     # nbdkit 1.32, proto.md line 2348
 *     error.einval.unknown-flag  bad-flag/structured  closes the connection: "ERROR" never comes
 *
 * Requirement id, instance (a shell pattern), reason; separated by blanks, the reason is the rest of the
 * line.  Instead of a requirement "dies": the server does not outlive the instance, and what else is found in
 * it is then known, too.  A reason that begins with "sometimes" is for what depends on the server's timing:
 * it is not missed when it does not come. */
#ifndef NBDTEST_RUNNER_EXPECTATION_H
#define NBDTEST_RUNNER_EXPECTATION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diagnostic.h"
#include "runner/catalogue.h"

struct expectation;

#define EXPECTATION_DIES "dies"

/* NULL when there were mistakes (unknown ids, missing reasons). */
struct expectation *expectation_parse(const char *path, struct span text, const struct catalogue *c,
                                      struct diagnostics *d);
void expectation_free(struct expectation *e);

/* Has e ask base, too, in what it does not find by itself.  base is borrowed and has its own account of what
 * was seen, so that it can serve several runs: what is fixed in all of them is told by its own
 * expectation_fixed(). */
void expectation_lean_on(struct expectation *e, struct expectation *base);

/* Adds the lines of another text; false when there were mistakes. */
bool expectation_add(struct expectation *e, const char *path, struct span text, const struct catalogue *c,
                     struct diagnostics *d);

/* None at all. */
struct expectation *expectation_new(void);

/* Whether the server is expected not to outlive this instance, always or sometimes. */
bool expectation_of_death(const struct expectation *e, const char *instance);

/* The reason why this requirement is expected not to hold in this instance, or NULL; remembers that it was
 * seen. */
const char *expectation_match(struct expectation *e, const char *id, const char *instance);

/* Calls each for lines that no finding matched while an instance they name was run: these are fixed. */
void expectation_ran(struct expectation *e, const char *instance);
void expectation_fixed(const struct expectation *e,
                       void (*each)(void *ctx, const char *id, const char *instance), void *ctx);

#endif
