/* SPDX-License-Identifier: MIT */
#include "cli/shipped.h"

#include <stdio.h>

#include "cli/files.h"

static enum status count(struct shipped *s)
{
    enum status status = STATUS_CONFORMS;
    struct diagnostics d;

    s->sources = (struct coverage_sources){ .catalogue = s->catalogue,
                                            .library = &s->library,
                                            .rules = rules,
                                            .rule_count = rule_count,
                                            .faults = fault_rows,
                                            .fault_count = FAULT_COUNT,
                                            .oddities = oddity_rows,
                                            .oddity_count = ODDITY_COUNT };
    diagnostics_init(&d);
    s->coverage = coverage_new(&s->sources, &d);
    if (d.errors > 0) {
        fputs(buffer_text(&d.text), stderr);
        status = STATUS_DEFECT;
    }
    diagnostics_free(&d);
    return status;
}

enum status shipped_open(const char *cases, struct shipped *ret)
{
    enum status status = STATUS_USAGE;
    char folder[4096];

    *ret = (struct shipped){ 0 };
    if (!files_find_cases(cases, folder, sizeof folder))
        return status;
    ret->catalogue = files_catalogue(folder);
    if (ret->catalogue && files_library(folder, NULL, 0, ret->catalogue, &ret->library))
        status = count(ret);
    if (status != STATUS_CONFORMS)
        shipped_close(ret);
    return status;
}

void shipped_close(struct shipped *s)
{
    coverage_free(s->coverage);
    library_free(&s->library);
    catalogue_free(s->catalogue);
    *s = (struct shipped){ 0 };
}
