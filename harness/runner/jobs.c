/* SPDX-License-Identifier: MIT */
/* A pipe from each job; a result goes behind its length. */
#include "runner/jobs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    RESULT_MAX = 128 * 1024 * 1024,
    AHEAD = 256 * 1024, /* bytes of a job that is ahead of the others; it waits then */
    PIECE = 64 * 1024,  /* read at a time */
};

struct job {
    pid_t process;
    int from; /* the reading end; -1: nothing more comes */
    struct buffer in;
};

/* ---- in the job ---- */

static bool write_all(int to, const void *bytes, size_t len)
{
    for (ssize_t written; len > 0; len -= (size_t)written, bytes = (const uint8_t *)bytes + written) {
        written = write(to, bytes, len);
        if (written < 0 && errno == EINTR)
            written = 0;
        if (written < 0)
            return false;
    }
    return true;
}

static bool do_piece(const struct jobs *j, size_t index, struct buffer *result, int to)
{
    uint64_t len;
    bool going;

    buffer_clear(result);
    going = j->work(j->ctx, index, result);
    len = result->len;
    return write_all(to, &len, sizeof len) && write_all(to, result->bytes, result->len) && going;
}

static _Noreturn void be_job(const struct jobs *j, size_t first, int to)
{
    struct buffer result;
    bool going = true;

    buffer_init(&result, RESULT_MAX);
    for (size_t index = first; index < j->count && going; index += j->jobs)
        going = do_piece(j, index, &result, to);
    if (going)
        do_piece(j, j->count, &result, to);
    _exit(0); /* what this process has to do at its end, such as printing what is buffered, is its own */
}

/* ---- here ---- */

static bool begin(const struct jobs *j, struct job *job, size_t first, char *error, size_t error_size)
{
    int ends[2];

    if (pipe(ends) == 0) {
        job->process = fork();
        if (job->process == 0) {
            close(ends[0]);
            be_job(j, first, ends[1]);
        }
        close(ends[1]);
        if (job->process > 0) {
            job->from = ends[0];
            return true;
        }
        close(ends[0]);
    }
    snprintf(error, error_size, "no process for another job: %s", strerror(errno));
    return false;
}

/* Ends it where it has not ended, and says how it did. */
static void end(struct job *job, char *how, size_t how_size)
{
    int status = 0;

    if (job->from >= 0)
        close(job->from);
    job->from = -1;
    buffer_free(&job->in);
    if (job->process <= 0)
        return;
    while (waitpid(job->process, &status, 0) < 0 && errno == EINTR)
        ;
    job->process = 0;
    if (WIFSIGNALED(status))
        snprintf(how, how_size, "the process that played it was ended by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(how, how_size, "the process that played it ended with status %d", WEXITSTATUS(status));
}

/* Whether the job's next result is here. */
static bool has_result(const struct job *job, struct span *ret)
{
    struct span in = buffer_span(&job->in), head = span_take(&in, sizeof(uint64_t));
    uint64_t len;

    if (head.len < sizeof len)
        return false;
    memcpy(&len, head.at, sizeof len);
    *ret = span_of(in.at, (size_t)len);
    return len <= in.len;
}

static void receive(struct job *job)
{
    uint8_t *to = buffer_extend(&job->in, PIECE);
    ssize_t len = to ? read(job->from, to, PIECE) : 0;

    if (to)
        job->in.len -= PIECE - (len > 0 ? (size_t)len : 0);
    if (len > 0 || (len < 0 && errno == EINTR))
        return;
    close(job->from);
    job->from = -1;
}

/* Waits for what any job has to say; `due` is the one that is waited for, whatever it has said. */
static void receive_any(struct job *jobs, unsigned count, const struct job *due)
{
    struct pollfd polled[JOBS_MAX];

    for (unsigned i = 0; i < count; i++) {
        bool listens = &jobs[i] == due || jobs[i].in.len < AHEAD;

        polled[i] = (struct pollfd){ .fd = listens ? jobs[i].from : -1, .events = POLLIN };
    }
    if (poll(polled, count, -1) <= 0)
        return;
    for (unsigned i = 0; i < count; i++)
        if (polled[i].revents)
            receive(&jobs[i]);
}

/* The next result of a job; false when it has died. */
static bool next_result(const struct jobs *j, struct job *jobs, struct job *job, struct span *ret)
{
    while (!has_result(job, ret)) {
        if (job->from < 0)
            return false;
        receive_any(jobs, j->jobs, job);
    }
    return true;
}

static bool take(const struct jobs *j, struct job *job, size_t index, struct span result)
{
    bool going = j->take(j->ctx, index, result);

    buffer_drop(&job->in, sizeof(uint64_t) + result.len);
    return going;
}

static bool go_on_behind(const struct jobs *j, struct job *job, size_t index, bool *ret_going, char *error,
                         size_t error_size)
{
    char how[200] = "";

    end(job, how, sizeof how);
    buffer_init(&job->in, RESULT_MAX + AHEAD);
    *ret_going = j->lost(j->ctx, index, how);
    return !*ret_going || begin(j, job, index + j->jobs, error, error_size);
}

static bool run_all(const struct jobs *j, struct job *jobs, char *error, size_t error_size)
{
    struct span result;
    bool going = true;

    for (size_t index = 0; index < j->count && going; index++) {
        struct job *job = &jobs[index % j->jobs];

        if (next_result(j, jobs, job, &result))
            going = take(j, job, index, result);
        else if (!go_on_behind(j, job, index, &going, error, error_size))
            return false;
    }
    for (unsigned i = 0; i < j->jobs && going; i++)
        if (next_result(j, jobs, &jobs[i], &result))
            going = take(j, &jobs[i], j->count, result);
    return true;
}

bool jobs_run(const struct jobs *j, char *error, size_t error_size)
{
    struct job jobs[JOBS_MAX];
    bool good = true;

    for (unsigned i = 0; i < j->jobs; i++) {
        jobs[i] = (struct job){ .from = -1 };
        buffer_init(&jobs[i].in, RESULT_MAX + AHEAD);
        good = good && begin(j, &jobs[i], i, error, error_size);
    }
    good = good && run_all(j, jobs, error, error_size);
    for (unsigned i = 0; i < j->jobs; i++) {
        if (jobs[i].process > 0)
            kill(jobs[i].process, SIGKILL);
        end(&jobs[i], (char[200]){ 0 }, 200);
    }
    return good;
}
