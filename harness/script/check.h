/* SPDX-License-Identifier: MIT */
/* What can be known of a case without playing it: that every word in it means something.
 *
 * Verbs, fields and values; labels, connections, variables and saved replies that are used but never given;
 * ids of requirements; names that two cases share; writes without a window. */
#ifndef NBDTEST_SCRIPT_CHECK_H
#define NBDTEST_SCRIPT_CHECK_H

#include <stdbool.h>

#include "base/diagnostic.h"
#include "base/span.h"
#include "script/tree.h"

/* Which requirements there are.  known NULL: ids are not checked; each may be NULL: no nearest id
 * is offered. */
struct check_rules {
    bool (*known)(void *ctx, struct span id);
    void (*each)(void *ctx, void (*offer)(void *to, const char *id), void *to); /* offers every id */
    void *ctx;
};

/* Reports the mistakes of a tree, at most 100.  rules may be NULL. */
void check_tree(const struct tree *t, const struct check_rules *rules, struct diagnostics *d);

#endif
