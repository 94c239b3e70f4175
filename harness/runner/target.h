/* SPDX-License-Identifier: MIT */
/* The server under test, as the runner reaches it: where it is and what starts it are the caller's affair. */
#ifndef NBDTEST_RUNNER_TARGET_H
#define NBDTEST_RUNNER_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/link.h"
#include "transport/tls.h"

/* How to reach the server. */
struct target {
    const char *name; /* for people: "localhost:10809" */
    /* A new connection, or NULL with the reason in error. */
    struct link *(*dial)(void *ctx, uint64_t timeout_ns, char *error, size_t error_size);
    /* Starts a server that died; false with the reason in error.  NULL: it cannot be started from here. */
    bool (*revive)(void *ctx, char *error, size_t error_size);
    /* Whether it has died for certain, so that no patience helps.  NULL: that is not known from here. */
    bool (*is_gone)(void *ctx);
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

#endif
