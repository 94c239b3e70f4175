/* SPDX-License-Identifier: MIT */
/* The runs of a server's configurations, put together by requirement: a line for each configuration as it
 * ends, and at the end a table of the rows that do not simply hold wherever they were checked. */
#ifndef NBDTEST_REPORT_MERGED_H
#define NBDTEST_REPORT_MERGED_H

#include <stdbool.h>
#include <stdio.h>

#include "runner/catalogue.h"
#include "runner/status.h"
#include "runner/verdict.h"

struct merged_report;

/* Both are borrowed.
 * all   the table has every row that was checked */
struct merged_report *merged_report_new(const struct catalogue *catalogue, FILE *out, bool all);
void merged_report_free(struct merged_report *m);

/* A configuration begins; its name is borrowed.  The listener is told of its run. */
struct listener merged_report_listener(struct merged_report *m, const char *configuration);

/* It has ended; prints its line.
 * trouble   what is wrong apart from what the run's totals say; NULL: nothing */
void merged_report_configuration(struct merged_report *m, enum status status, const char *trouble);

/* Rows of it that were checked. */
size_t merged_report_rows(const struct merged_report *m);

/* Prints the table and the totals. */
void merged_report_end(const struct merged_report *m);

/* The status of all configurations together: the first that applies (runner/status.h). */
enum status merged_report_status(const struct merged_report *m);

#endif
