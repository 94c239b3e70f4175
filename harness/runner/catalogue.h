/* SPDX-License-Identifier: MIT */
/* The requirements: what cases cite and verdicts follow from.  Read from cases/requirements.tsv. */
#ifndef NBDTEST_RUNNER_CATALOGUE_H
#define NBDTEST_RUNNER_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diagnostic.h"
#include "base/span.h"

enum level { LEVEL_FORMAT, LEVEL_MUST, LEVEL_SHOULD, LEVEL_MAY };

struct requirement {
    const char *id;
    enum level level;
    const char *level_text;   /* as in the file: "MUST-NOT" */
    const char *party;        /* "server", "client", "both" */
    const char *section;      /* of the specification */
    const char *line;         /* of spec/proto.md; "ext:1656" of the extension's text */
    const char *summary;      /* what is demanded */
    const char *precondition; /* where it is; NULL: everywhere */
    const char *violation;    /* how a breach shows; NULL: the summary says it */
    enum level judged;        /* the level that verdicts follow: lower than level where the text is unclear */
    const char *judged_why;   /* why it is lower; NULL where it is not */
    struct requirement_link *shows_as; /* rows as whose breach a breach of this one shows */
    struct requirement_link *shown_by; /* the other way round: rows that show as this one */
    const char *unseen_why; /* why no tester at the other end of a socket can see a breach; NULL: it can */
};

/* Rows, in the order of the file. */
struct requirement_link {
    const struct requirement *to;
    struct requirement_link *next;
};

struct catalogue;

/* Reads the table: a header line, then id, level, party, section, line, summary, precondition,
 * violation, judged, separated by tabs; the last may be missing, or be one of
 *     warn: REASON, note: REASON   judged more mildly than its level says
 *     as ID, ID...                 what others say, too, or seen only as a breach of those
 *     unseen: REASON               cannot be observed
 * Mistakes go to d; NULL when there were any.  The text is copied. */
struct catalogue *catalogue_parse(const char *path, struct span text, struct diagnostics *d);
void catalogue_free(struct catalogue *c);

const struct requirement *catalogue_find(const struct catalogue *c, struct span id); /* NULL: unknown */
size_t catalogue_count(const struct catalogue *c);
const struct requirement *catalogue_at(const struct catalogue *c, size_t index);

/* A row of an experimental extension, whose text is not the stable one. */
bool requirement_is_experimental(const struct requirement *r);

#endif
