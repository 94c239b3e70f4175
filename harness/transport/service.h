/* SPDX-License-Identifier: MIT */
/* A server that is started here: a process and the socket by which it is reached.
 *
 * It is reached once it accepts a connection and says something, which is waited for within limits.  One that
 * ends with status 0 after it was reached (some do when a client leaves) is started again. */
#ifndef NBDTEST_TRANSPORT_SERVICE_H
#define NBDTEST_TRANSPORT_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link;
struct service;

struct service_order {
    char *const *words; /* the program and its arguments, NULL last; borrowed, as all here */
    const char *folder; /* where it runs */
    const char *log;    /* takes its output */
    const char *socket; /* path of the Unix socket; NULL: a port of 127.0.0.1 */
    unsigned port;
    bool activated;       /* it is handed the listening Unix socket, as by systemd */
    const char *pid_file; /* it goes to the background, and its process id is found here; NULL: it does not */
};

/* Starts it and waits until it is reached.  NULL with the reason in ret_error. */
struct service *service_start(const struct service_order *order, char *ret_error, size_t error_size);

/* A new connection; NULL with the reason in ret_error, such as how the server ended.  A server that says
 * nothing is left to whoever asked. */
struct link *service_dial(void *service, uint64_t timeout_ns, char *ret_error, size_t error_size);

/* Whether it ended as it should not have: nobody is served before it is revived. */
bool service_is_gone(void *service);

/* Starts it afresh, whatever became of it. */
bool service_revive(void *service, char *ret_error, size_t error_size);

/* NULL is allowed. */
void service_stop(struct service *s);

#endif
