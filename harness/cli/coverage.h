/* SPDX-License-Identifier: MIT */
/* How each requirement is judged: the rows of the catalogue beside the cases, the referee's rules, the faults
 * and the oddities that name them.  A row that nothing judges and nobody explains is a hole, and so is one
 * whose check has never been seen to fail. */
#ifndef NBDTEST_CLI_COVERAGE_H
#define NBDTEST_CLI_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diagnostic.h"
#include "referee/rule.h"
#include "reference/faults.h"
#include "reference/oddities.h"
#include "runner/catalogue.h"
#include "runner/library.h"

#define COVERAGE_FIRST 3

/* All that names rows.  Borrowed. */
struct coverage_sources {
    const struct catalogue *catalogue;
    const struct library *library;
    const struct rule *rules;
    size_t rule_count;
    const struct fault_row *faults;
    size_t fault_count;
    const struct oddity_row *oddities;
    size_t oddity_count;
};

enum hole {
    HOLE_NONE,
    HOLE_UNJUDGED, /* a demand that no case and no rule judges, and no reason why not */
    HOLE_NO_FAULT, /* a demand on servers that is judged, and no fault breaks it */
    HOLE_UNTRIED,  /* leave given to servers that no case and no oddity takes */
    HOLE_COUNT
};

/* "unjudged", "no-fault", "untried"; "-" for HOLE_NONE */
const char *hole_name(enum hole hole);

/* What is missing: "no fault breaks it" */
const char *hole_text(enum hole hole);

/* What names one row. */
struct coverage_row {
    size_t cases;    /* with the row behind a `by` or `watches` */
    size_t breaches; /* cases that break it on purpose, as clients: `breaks` */
    size_t rules, faults, oddities;
    const char *first_cases[COVERAGE_FIRST]; /* names */
    const char *first_rules[COVERAGE_FIRST]; /* names of functions */
    enum hole hole;
};

struct coverage;

/* Counts.  Ids that are no rows are mistakes, told to d with what names them. */
struct coverage *coverage_new(const struct coverage_sources *sources, struct diagnostics *d);
void coverage_free(struct coverage *c);

/* Of the row with this index in the catalogue. */
const struct coverage_row *coverage_at(const struct coverage *c, size_t index);

/* Appends how the row is judged: "4 cases (a, b, c, ...), 1 rule (it_closes), 2 faults; as opt.abort.ack",
 * "unseen: why",
 * "-". */
void coverage_describe(const struct coverage *c, size_t index, struct buffer *out);

/* True when ids, separated by spaces, hold id. */
bool coverage_names(const char *ids, const char *id);

#endif
