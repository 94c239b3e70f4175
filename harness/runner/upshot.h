/* SPDX-License-Identifier: MIT */
/* What came of an instance before it is judged; and the same as bytes, from a job to the one who judges. */
#ifndef NBDTEST_RUNNER_UPSHOT_H
#define NBDTEST_RUNNER_UPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "runner/plan.h"
#include "script/play.h"

struct upshot {
    enum plan_outcome planned; /* READY: it was played */
    const char *reason;        /* SKIP, MISTAKE: why */
    struct play_result result; /* READY */
    const char *death; /* afterwards no fresh connection was served: what came instead; NULL: it was */
    bool gone;         /* and the server could not be started again */
    uint64_t took_ns;
};

void upshot_put(const struct upshot *o, const struct tree_case *played, struct buffer *to);

/* False where the bytes are not what upshot_put() has put for this case.  All is copied to the arena. */
bool upshot_get(struct span bytes, const struct tree_case *played, struct arena *arena, struct upshot *ret);

#endif
