/* SPDX-License-Identifier: MIT */
#include "transport/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "transport/deadline.h"

#define GRACE_NS UINT64_C(2000000000)    /* between SIGTERM and SIGKILL */
#define ADOPTED_GRACE_NS (GRACE_NS / 10) /* nobody may be there to take note of their end */

enum { INHERITED = 3, GROUPS_MAX = 4, DESCRIPTORS_MAX = 1024 };

struct child {
    pid_t id;
    pid_t adopted; /* a group; 0: none */
    pid_t guard;
    int guarded; /* the guard is told of groups here, and that it is not needed any more (0) */
};

static void rest_5ms(void)
{
    const struct timespec rest = { .tv_nsec = 5 * 1000 * 1000 };

    nanosleep(&rest, NULL);
}

/* ---- the guard: a process that notices when this one is gone, whatever ended it ---- */

static void end_groups(const pid_t *groups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        kill(-groups[i], SIGTERM);
    for (unsigned i = 0; i < 200; i++)
        rest_5ms();
    for (size_t i = 0; i < count; i++)
        kill(-groups[i], SIGKILL);
}

static void stand_guard(int told)
{
    pid_t groups[GROUPS_MAX], group;
    size_t count = 0;

    setpgid(0, 0); /* what a terminal sends to our group is none of its business */
    for (int i = 0; i < DESCRIPTORS_MAX; i++)
        if (i != told)
            close(i);
    while (read(told, &group, sizeof group) == (ssize_t)sizeof group) {
        if (group == 0)
            _exit(0);
        if (count < GROUPS_MAX)
            groups[count++] = group;
    }
    end_groups(groups, count);
    _exit(0);
}

static bool post_guard(struct child *c)
{
    int ends[2];

    if (pipe(ends) < 0)
        return false;
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    c->guard = fork();
    if (c->guard == 0)
        stand_guard(ends[0]);
    close(ends[0]);
    c->guarded = ends[1];
    if (c->guard > 0)
        return true;
    close(ends[1]);
    return false;
}

static void tell_guard(const struct child *c, pid_t group)
{
    ssize_t written = write(c->guarded, &group, sizeof group);

    (void)written; /* a guard that is gone can do no more */
}

static void dismiss_guard(const struct child *c)
{
    tell_guard(c, 0);
    close(c->guarded);
    waitpid(c->guard, NULL, 0);
}

/* ---- starting ---- */

static bool open_output(const char *log)
{
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

    return in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2;
}

static bool hand_over(int listener)
{
    char id[24];

    snprintf(id, sizeof id, "%ld", (long)getpid());
    fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK);
    if (listener == INHERITED ? fcntl(listener, F_SETFD, 0) < 0 : dup2(listener, INHERITED) != INHERITED)
        return false;
    unsetenv("LISTEN_FDNAMES");
    return setenv("LISTEN_PID", id, 1) == 0 && setenv("LISTEN_FDS", "1", 1) == 0;
}

/* In the new process.  What goes wrong is told through the pipe, which a successful start closes. */
static void become(char *const words[], const char *folder, const char *log, int listener, int failed)
{
    ssize_t written;
    int error;

    setpgid(0, 0);
    if (failed == INHERITED) {
        failed = fcntl(failed, F_DUPFD, INHERITED + 1);
        fcntl(failed, F_SETFD, FD_CLOEXEC);
    }
    if (chdir(folder) == 0 && open_output(log) && (listener < 0 || hand_over(listener)))
        execvp(words[0], words);
    error = errno;
    written = write(failed, &error, sizeof error);
    (void)written;
    _exit(127);
}

/* Forks and waits until the program runs.  0, or why it does not. */
static int start(struct child *c, char *const words[], const char *folder, const char *log, int listener)
{
    int ends[2], error = 0;

    if (pipe(ends) < 0)
        return errno;
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    c->id = fork();
    if (c->id == 0)
        become(words, folder, log, listener, ends[1]);
    error = c->id < 0 ? errno : 0;
    close(ends[1]);
    if (c->id > 0) {
        setpgid(c->id, c->id);
        tell_guard(c, c->id);
        if (read(ends[0], &error, sizeof error) == (ssize_t)sizeof error)
            waitpid(c->id, NULL, 0);
    }
    close(ends[0]);
    return error;
}

struct child *child_start(char *const words[], const char *folder, const char *log, int listener,
                          char *ret_error, size_t error_size)
{
    struct child *c = memory_take(sizeof *c);
    int error;

    if (!post_guard(c)) {
        error = errno;
    } else {
        error = start(c, words, folder, log, listener);
        if (error == 0)
            return c;
        dismiss_guard(c);
    }
    snprintf(ret_error, error_size, "cannot start %s: %s", words[0], strerror(error));
    free(c);
    return NULL;
}

/* ---- ending ---- */

bool child_ended(const struct child *c, struct child_end *ret)
{
    siginfo_t about = { 0 };

    /* It is left to be waited for: until then no other process gets its number. */
    if (waitid(P_PID, (id_t)c->id, &about, WEXITED | WNOHANG | WNOWAIT) < 0 || about.si_pid == 0)
        return false;
    *ret = (struct child_end){ .by_signal = about.si_code != CLD_EXITED, .number = about.si_status };
    return true;
}

bool child_wait(const struct child *c, uint64_t timeout_ns, struct child_end *ret)
{
    uint64_t deadline_ns = deadline_after(timeout_ns);

    while (!child_ended(c, ret)) {
        if (clock_ns() >= deadline_ns)
            return false;
        rest_5ms();
    }
    return true;
}

/* It need not lead its group: who goes to the background may fork once more for that. */
void child_adopt(struct child *c, pid_t process)
{
    pid_t group = getpgid(process);

    if (group <= 1 || group == getpgrp())
        return;
    c->adopted = group;
    tell_guard(c, group);
}

/* A group that is nobody's child can only be asked whether it is still there. */
static void stop_adopted(pid_t group)
{
    uint64_t deadline_ns = deadline_after(ADOPTED_GRACE_NS);

    while (kill(-group, SIGTERM) == 0 && clock_ns() < deadline_ns)
        rest_5ms();
    kill(-group, SIGKILL);
}

void child_stop(struct child *c)
{
    struct child_end end;

    if (!c)
        return;
    if (c->adopted)
        stop_adopted(c->adopted);
    kill(-c->id, SIGTERM);
    child_wait(c, GRACE_NS, &end);
    kill(-c->id, SIGKILL);
    waitpid(c->id, NULL, 0);
    dismiss_guard(c);
    free(c);
}

void child_end_print(const struct child_end *end, char *ret, size_t size)
{
    snprintf(ret, size, end->by_signal ? "was ended by signal %d" : "ended with status %d", end->number);
}
