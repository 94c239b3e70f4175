/* SPDX-License-Identifier: MIT */
/* All that a report needs to know about a run. */
#ifndef NBDTEST_RUNNER_VERDICT_H
#define NBDTEST_RUNNER_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "runner/catalogue.h"

/* From good to bad; an instance's verdict is the worst of its findings'. */
enum verdict {
    VERDICT_PASS,
    VERDICT_NOTE,  /* passed, with something worth telling */
    VERDICT_SKIP,  /* a need is not met: reason */
    VERDICT_KNOWN, /* broken as the expectation file says */
    VERDICT_FIXED, /* the expectation file says broken, and it is not */
    VERDICT_WARN,  /* a SHOULD row does not hold */
    VERDICT_FAIL,  /* a MUST or FORMAT row does not hold, or the server died */
    VERDICT_ERROR, /* could not be run */
    VERDICT_COUNT
};

const char *verdict_name(enum verdict v); /* "pass" */

/* One thing that did not hold, or a note. */
struct verdict_finding {
    enum verdict verdict;                  /* NOTE, KNOWN, WARN or FAIL */
    const struct requirement *requirement; /* NULL: the case's line cites none */
    const char *file;                      /* of the case; NULL where found outside a line of it */
    unsigned file_line, file_column;
    const char *demanded;     /* what the line of the case expects; NULL: the requirement says it */
    const char *came;         /* what came instead; foreign bytes escaped */
    size_t transcript_line;   /* the line that shows it, from 1; 0: none */
    const char *known_reason; /* KNOWN: from the expectation file */
    bool died;                /* the server served nobody afterwards */
    struct verdict_finding *next;
};

/* A case with its mode and its choices. */
struct instance {
    const char *file; /* path of the case file, as found */
    const char *name; /* of the case */
    const char *title;
    const char *mode;    /* "simple", "structured", "extended"; NULL: it does not reach transmission */
    const char *choices; /* "cmd=WRITE length=1M"; "" if none */
    const char *id; /* name, mode and choices in one: "reads-zero/simple/length=1M"; selects just this one */
    enum verdict verdict;
    const char *reason; /* SKIP, ERROR: why */
    struct verdict_finding *findings;
    struct span transcript; /* of the whole instance; empty for skipped ones */
    uint64_t took_ns;
    bool server_died; /* the server could not be reached again */
};

/* What is being tested, as found by probing. */
struct about {
    const char *server; /* "localhost:10809", "/run/nbd.sock", "bundled server" */
    const char *export; /* its name, escaped */
    bool export_chosen; /* not asked for: the only one in the list */
    uint64_t size;
    uint16_t transmission_flags; /* structured if granted */
    uint16_t handshake_flags;
    bool structured; /* granted */
    bool extended;
    const char *tls; /* "forced, in use", "selective", ...; NULL: there is none */
    bool has_block_size;
    uint32_t minimum_block, preferred_block, maximum_payload; /* advertised, or the defaults */
    bool writes_allowed;                                      /* cases may write */
    const char *writes_why_not; /* "--read-only", "the export is read-only", ...; NULL if allowed */
    unsigned scratch_ranges;    /* that cases write to: where the first begins, and the length of all */
    uint64_t scratch_offset, scratch_length;
    size_t instances; /* selected */
};

struct totals {
    size_t by_verdict[VERDICT_COUNT]; /* instances */
    size_t requirements_checked;      /* distinct rows cited by instances that ran */
    size_t requirements_failed, requirements_warned;
    size_t experimental_checked; /* of the experimental extensions, which are not counted above */
    size_t experimental_failed, experimental_warned;
    uint64_t took_ns;
    uint64_t not_zeroed_offset; /* scratch that could not be zeroed again */
    uint64_t not_zeroed_length; /* 0: all was zeroed */
    const char *stopped;        /* why the run could not go on; NULL: it ended by itself */
};

/* Told as the run goes, so that an aborted run leaves a valid report.  Pointers are valid during the call
 * only.  What is FIXED shows at the end only, and is told as an instance of its own: its name and id are the
 * expectation's pattern, its reason says which requirement; file is "", mode NULL. */
struct listener {
    void (*began)(void *ctx, const struct about *about);
    void (*instance)(void *ctx, const struct instance *instance);
    /* Before the end, once for each row that instances checked or found something about: the worst of it. */
    void (*row)(void *ctx, const struct requirement *requirement, enum verdict worst);
    void (*ended)(void *ctx, const struct totals *totals);
    void *ctx;
};

#endif
