/* SPDX-License-Identifier: MIT */
/* Which instances there are, and what each needs to be played: case x mode x choices. */
#ifndef NBDTEST_RUNNER_PLAN_H
#define NBDTEST_RUNNER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "runner/facts.h"
#include "runner/library.h"
#include "runner/run.h"
#include "script/tree.h"
#include "script/value.h"

/* An instance as it is selected, before anything is known of the server. */
struct planned {
    const struct tree_case *the_case;
    enum mode mode;              /* 0: the case does not reach transmission */
    const struct value **chosen; /* one for each of the case's choices, in their order */
    const char *choices;         /* "cmd=WRITE length=1M"; "" if none */
    const char *id;              /* "reads-zero/simple/length=1M": no blanks, printable */
};

struct plan {
    struct arena *arena;
    struct planned *all;
    size_t count;
};

/* "simple"; NULL for 0. */
const char *mode_name(enum mode mode);

/* Lists what the options select.  False, with the reason in ret_error, when a pattern matches nothing or
 * there are too many instances. */
bool plan_make(struct plan *p, const struct library *library, const struct run_options *options,
               struct buffer *ret_error);

/* Adds what cites a requirement and is not in the plan yet. */
void plan_add(struct plan *p, const struct library *library, const char *id);
void plan_free(struct plan *p);

/* What has to be found out for these instances; wanted->contexts is taken from the arena. */
void plan_wanted(const struct plan *p, struct facts_wanted *wanted);

enum plan_outcome { PLAN_READY, PLAN_SKIP, PLAN_MISTAKE };

/* An instance with all that is known of the server. */
struct prepared {
    struct environment variables; /* base, block, size, ..., and the choices */
    bool has_window;
    uint64_t base, window;       /* bytes */
    uint16_t transmission_flags; /* in this mode */
};

/* Works out an instance: whether its needs are met, its window, its variables.
 * read_only   no case may write
 * arena       takes what lives as long as the instance
 * ret_reason  written for SKIP and MISTAKE */
enum plan_outcome plan_prepare(const struct planned *planned, const struct facts *facts, bool read_only,
                               struct arena *arena, struct prepared *ret, const char **ret_reason);

#endif
