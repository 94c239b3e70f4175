/* SPDX-License-Identifier: MIT */
/* The report for people: what is tested, each failure with its proof, totals. */
#ifndef NBDTEST_REPORT_TTY_H
#define NBDTEST_REPORT_TTY_H

#include <stdbool.h>
#include <stdio.h>

#include "runner/verdict.h"

struct tty_options {
    FILE *out; /* borrowed */
    bool colours;
    bool progress;     /* a line that is rewritten while the run goes on; for terminals only */
    bool transcripts;  /* of every instance, not only of those that failed */
    bool brief;        /* only what is not as it should be: one run of many */
    const char *again; /* the command that an instance's id is put behind to run just this one: "nbdtest
                          --server ..." */
};

struct tty_report;

/* options is copied, the strings in it are borrowed. */
struct tty_report *tty_report_new(const struct tty_options *options);
void tty_report_free(struct tty_report *r);
struct listener tty_report_listener(struct tty_report *r);

#endif
