/* SPDX-License-Identifier: MIT */
/* Work in several processes, one after the other taken in its order.
 *
 * Each job is a copy of this process as it is when it begins, does every so many-th piece of the work and
 * hands what came of it back as bytes.  A job that dies loses the piece that it was at; another one goes on
 * behind it. */
#ifndef NBDTEST_RUNNER_JOBS_H
#define NBDTEST_RUNNER_JOBS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/span.h"

enum { JOBS_MAX = 64 };

struct jobs {
    unsigned jobs; /* 1 to JOBS_MAX */
    size_t count;  /* pieces of work */
    /* In a job: does a piece and appends what came of it.  index == count: the job's share is done, and it
     * ends.  False: it ends at once. */
    bool (*work)(void *ctx, size_t index, struct buffer *ret);
    /* In this process, in the order of the pieces, and then for the end of each job with index == count.
     * False: enough, all jobs are ended. */
    bool (*take)(void *ctx, size_t index, struct span result);
    /* Instead of take() where the job has died: how. */
    bool (*lost)(void *ctx, size_t index, const char *how);
    void *ctx;
};

/* False, with the reason in error, when the machine gives no process. */
bool jobs_run(const struct jobs *j, char *error, size_t error_size);

#endif
