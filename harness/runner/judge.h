/* SPDX-License-Identifier: MIT */
/* From what a play found to verdicts: a finding's row decides how bad it is. */
#ifndef NBDTEST_RUNNER_JUDGE_H
#define NBDTEST_RUNNER_JUDGE_H

#include "base/arena.h"
#include "runner/catalogue.h"
#include "runner/expectation.h"
#include "runner/verdict.h"
#include "script/play.h"

/* What verdicts are made with, and which rows were touched so far in the run. */
struct judge {
    const struct catalogue *catalogue;
    struct expectation *expectation; /* may be NULL */
    uint8_t *rows;                   /* ROW_* bits of each row of the catalogue */
    struct arena *arena;             /* of shown */
    struct way_shown *shown;         /* by the way in, in an earlier instance */
};

enum { ROW_CHECKED = 1, ROW_FAILED = 2, ROW_WARNED = 4, ROW_KNOWN = 8, ROW_NOTED = 16 };

void judge_init(struct judge *j, const struct catalogue *catalogue, struct expectation *expectation);
void judge_free(struct judge *j);

/* Fills in verdict, reason, findings and transcript of an instance that was played; all in the arena or the
 * result. death   why the server serves no fresh connection any more; NULL: it does */
void judge_play(struct judge *j, const struct tree_case *played, const struct play_result *result,
                const char *death, struct arena *arena, struct instance *i);

/* Adds that the server serves no fresh connection any more; returns why that is expected, or NULL. */
const char *judge_death(const struct judge *j, const struct tree_case *played, struct arena *arena,
                        const char *came, struct instance *i);

/* Calls each for every row that was touched, with the worst that was found of it. */
void judge_rows(const struct judge *j,
                void (*each)(void *ctx, const struct requirement *r, enum verdict worst), void *ctx);

/* Counts the rows that were touched. */
void judge_count(const struct judge *j, struct totals *totals);

#endif
