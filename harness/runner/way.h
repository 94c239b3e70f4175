/* SPDX-License-Identifier: MIT */
/* The way of a connection to the place where a case starts, written in the case language and parsed once for
 * each kind of way.  proto.md, "Newstyle negotiation"; cases/README.md, `start`. */
#ifndef NBDTEST_RUNNER_WAY_H
#define NBDTEST_RUNNER_WAY_H

#include "base/arena.h"
#include "runner/facts.h"
#include "script/tree.h"
#include "script/value.h"

/* What decides how the way goes. */
struct way_wanted {
    enum start start;
    enum mode mode;
    const struct value *export;   /* NULL: $export */
    const struct value *contexts; /* LIST; NULL: none */
    const struct value *infos;    /* LIST; NULL: EXPORT and BLOCK_SIZE */
};

/* The ways parsed so far. */
struct ways {
    struct arena *arena; /* borrowed: outlives what is found */
    const struct facts *facts;
    struct way *first;
};

/* *ret is NULL where there is nothing to do.  False for a way that cannot be written in the case language,
 * with the reason in *ret_reason. */
bool ways_find(struct ways *w, const struct way_wanted *wanted, const struct step **ret,
               const char **ret_reason);

/* What the way of a further connection depends on, besides its line. */
struct further {
    struct ways *ways;
    const struct tree_case *the_case;
    enum mode mode; /* of the first connection */
    const struct environment *variables;
    struct arena *arena; /* of the play */
};

/* A further connection goes the way of the first one, but for what its line says, and in a mode that the
 * server grants.  For play_setup.way_in_of; ctx is a struct further. */
const struct step *way_of_further(void *ctx, const struct field *fields);

#endif
