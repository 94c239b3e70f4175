/* SPDX-License-Identifier: MIT */
/* A small catalogue, and cases, rules, faults and oddities that name its rows.  For tests. */
#ifndef NBDTEST_CLI_COVERAGE_SAMPLE_H
#define NBDTEST_CLI_COVERAGE_SAMPLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cli/coverage.h"
#include "script/parse.h"

static const char sample_table[] =
    "id\tlevel\tparty\tsection\tline\tsummary\tprecondition\tviolation\tjudged\n"
    "a.cited\tMUST\tserver\tS\t10\tIt is so.\tthere are options\tsilence\n"
    "a.bare\tFORMAT\tserver\tS\t10\tx\n"
    "a.ruled\tMUST\tboth\tS\t12\tx\t-\t-\twarn: hardly legible\n"
    "a.shown\tSHOULD\tserver\tS\t13\tSaid again.\t-\t-\tas a.cited\n"
    "a.unseen\tMUST\tserver\tS\t14\tx\t-\t-\tunseen: it is on the disk\n"
    "a.never\tMUST-NOT\tserver\tS\text:15\tx\n"
    "a.leave\tMAY\tserver\tS\t16\tx\n"
    "a.taken\tMAY\tserver\tS\t17\tx\n"
    "c.polite\tMUST\tclient\tS\t20\tx\n";

static const char sample_cases[] = "case one \"t\"\n"
                                   "start options\n"
                                   "\n"
                                   "C: OPT ABORT data=\"x\"    breaks c.polite\n"
                                   "S: REP ACK              by a.cited, a.bare\n"
                                   "\n"
                                   "case two \"the second\"\n"
                                   "start options\n"
                                   "\n"
                                   "C: OPT ABORT\n"
                                   "S: REP ACK    by a.cited\n"
                                   "S: close      by a.cited\n";

static bool sample_watch(const struct sight *at)
{
    return at != NULL;
}

static const struct rule sample_rules[] = {
    { "a.ruled", ANY_HEADERS, SIDE_SERVER, AT_CLOSE, sample_watch, "it_closes" },
    { "a.ruled", EXTENDED_HEADERS, SIDE_SERVER, AT_WIRE, NULL, NULL },
};

static const struct fault_row sample_faults[] = {
    { "mute", "a.cited a.ruled", "a.bare", "", "says nothing" },
};

static const struct oddity_row sample_oddities[] = {
    { "slow", "a.taken", "", "takes its time" },
};

struct sample {
    struct catalogue *catalogue;
    struct library library;
    struct coverage_sources sources;
    struct diagnostics d;
};

static inline void sample_set_up(struct sample *s)
{
    *s = (struct sample){ 0 };
    diagnostics_init(&s->d);
    s->catalogue = catalogue_parse("t", span_text(sample_table), &s->d);
    s->library.trees = memory_take(sizeof *s->library.trees);
    s->library.trees[0] = tree_parse("cases/t.nbd", span_text(sample_cases), &s->d);
    s->library.tree_count = 1;
    assert_int_equal(s->d.errors, 0);
    s->sources = (struct coverage_sources){ s->catalogue,  &s->library, sample_rules,    2,
                                            sample_faults, 1,           sample_oddities, 1 };
}

static inline void sample_tear_down(struct sample *s)
{
    library_free(&s->library);
    catalogue_free(s->catalogue);
    diagnostics_free(&s->d);
}

#endif
