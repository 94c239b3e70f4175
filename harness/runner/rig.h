/* SPDX-License-Identifier: MIT */
/* What instances are played with, one after the other: the server as far as it is known, the ways in, the
 * content model.  A server that needs a moment gets it; one that a play has upset is looked after. */
#ifndef NBDTEST_RUNNER_RIG_H
#define NBDTEST_RUNNER_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "referee/model.h"
#include "runner/drive.h"
#include "runner/expectation.h"
#include "runner/facts.h"
#include "runner/plan.h"
#include "runner/safety.h"
#include "runner/upshot.h"
#include "runner/way.h"

struct rig {
    const struct target *target;           /* borrowed */
    const struct expectation *expectation; /* of deaths; borrowed, may be NULL */
    uint64_t timeout_ns;                   /* for each wait */
    struct facts facts;
    bool read_only;        /* no case may write: so it was asked for, or nobody can tell what would be lost */
    struct ranges scratch; /* where cases may write */
    struct ranges touched; /* where they have had the chance to */
    struct ways ways;
    struct model *model;
    struct drive drive; /* its delivery and messages are the caller's to choose */
};

/* What an instance is played with. */
struct ready {
    struct prepared prepared;
    const struct step *way_in;
};

/* Once target, timeout_ns and facts are there.  arena   takes the ways in, and outlives the rig */
void rig_init(struct rig *r, struct arena *arena);
void rig_free(struct rig *r);

/* Plays an instance, where that is possible.
 * arena       takes what the result refers to
 * ret_ready   written where it was played */
struct upshot rig_play(struct rig *r, const struct planned *p, struct arena *arena, struct ready *ret_ready);

/* Plays it once more. */
struct upshot rig_play_again(struct rig *r, const struct planned *p, const struct ready *ready,
                             struct arena *arena);

#endif
