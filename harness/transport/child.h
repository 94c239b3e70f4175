/* SPDX-License-Identifier: MIT */
/* A process that is started here and leads a process group of its own, so that it can be stopped with all
 * that it has started.  Should this process end without stopping it, however that comes about, a guard does.
 */
#ifndef NBDTEST_TRANSPORT_CHILD_H
#define NBDTEST_TRANSPORT_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct child;

/* How a process ended. */
struct child_end {
    bool by_signal;
    int number; /* of the signal; otherwise the exit status */
};

/* Starts a program, looked up in PATH.  NULL with what was tried and why it failed in ret_error.
 * words      its arguments, the program first, NULL last
 * folder     where it runs
 * log        a file that its output is appended to; it has no input
 * listener   a listening socket that it is handed as systemd does it (LISTEN_PID, LISTEN_FDS); -1: none */
struct child *child_start(char *const words[], const char *folder, const char *log, int listener,
                          char *ret_error, size_t error_size);

/* Whether it has ended by itself, and how. */
bool child_ended(const struct child *c, struct child_end *ret);

/* Waits for that; false when timeout_ns is over. */
bool child_wait(const struct child *c, uint64_t timeout_ns, struct child_end *ret);

/* A process of a further group that is to be stopped with the child: a server that went to the background. */
void child_adopt(struct child *c, pid_t process);

/* Asks the groups to end (SIGTERM), makes them end when they do not (SIGKILL), and releases c.  NULL is
 * allowed. */
void child_stop(struct child *c);

/* "ended with status 3", "was ended by signal 11" */
void child_end_print(const struct child_end *end, char *ret, size_t size);

#endif
