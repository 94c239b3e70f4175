/* SPDX-License-Identifier: MIT */
/* A run: cases against a server. */
#ifndef NBDTEST_RUNNER_RUN_H
#define NBDTEST_RUNNER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diagnostic.h"
#include "runner/catalogue.h"
#include "runner/expectation.h"
#include "runner/library.h"
#include "runner/status.h"
#include "runner/sweep.h"
#include "runner/target.h"
#include "runner/verdict.h"

struct run_options {
    const char *export;          /* NULL: "" or, where that is unknown, the only one in the list */
    bool read_only;              /* no case that writes */
    bool destroy;                /* write even where there is data */
    uint64_t timeout_ns;         /* for each wait */
    const char *const *patterns; /* case names, instance ids or shell patterns of them; none: all */
    size_t pattern_count;
    const char *const *excludes;
    size_t exclude_count;
    bool strict;      /* warnings and fixed make the run fail */
    enum sweep sweep; /* play each instance that holds again, delivered in other ways */
    /* Processes that play at the same time, each with a copy of the server, which has to be within this one;
     * without sweeps.  0, 1: this process plays. */
    unsigned jobs;
};

/* Plays the library's selected instances and tells the listeners.
 * expectation   may be NULL
 * ret_error     written when the status is USAGE, UNREACHABLE or DIED: one line or several for the user: what
 *               was found (data on the export: which and where; several exports: their list), the ways on */
enum status run_library(const struct library *library, const struct catalogue *catalogue,
                        const struct target *target, const struct run_options *options,
                        struct expectation *expectation, const struct listener listeners[],
                        size_t listener_count, struct buffer *ret_error);

/* Calls each for every instance that would be selected, without a server. */
void run_list(const struct library *library, const struct run_options *options,
              void (*each)(void *ctx, const struct instance *instance), void *ctx);

#endif
