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
#include "runner/sweep.h"
#include "runner/verdict.h"
#include "transport/link.h"
#include "transport/tls.h"

/* How to reach the server. */
struct target {
    const char *name; /* for people: "localhost:10809" */
    /* A new connection, or NULL with the reason in error. */
    struct link *(*dial)(void *ctx, uint64_t timeout_ns, char *error, size_t error_size);
    /* Starts a server that died; false with the reason in error.  NULL: it cannot be started from here. */
    bool (*revive)(void *ctx, char *error, size_t error_size);
    void *ctx;
    /* TLS for clients; NULL: there is none.  Borrowed. */
    const struct tls_credentials *tls;
    const char *tls_host; /* the name in the server's certificate; NULL: any */
    enum target_tls {
        TARGET_TLS_NEVER,
        TARGET_TLS_WHERE_OFFERED,
        TARGET_TLS_ALWAYS, /* the run ends where it cannot be had */
    } tls_use;
    bool secured; /* connections go over to TLS first: found out by the run */
};

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

/* The statuses of the program; the first that applies. */
enum status {
    STATUS_CONFORMS = 0,
    STATUS_VIOLATIONS = 1,
    STATUS_USAGE = 2, /* wrong usage, wrong case file, nothing selected */
    STATUS_UNREACHABLE = 3,
    STATUS_DIED = 4,     /* the server died and the run could not go on */
    STATUS_DEFECT = 5,   /* of nbdtest */
    STATUS_SKIPPED = 77, /* everything was skipped */
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
