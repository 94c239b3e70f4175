/* SPDX-License-Identifier: MIT */
/* For tests: whether the tables of faults and oddities name rows of cases/requirements.tsv. */
#ifndef NBDTEST_REFERENCE_CITED_H
#define NBDTEST_REFERENCE_CITED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The catalogue, read whole; for test_free(). */
static inline char *read_catalogue(void)
{
    FILE *file = fopen(NBDTEST_SOURCE_DIR "/cases/requirements.tsv", "r");
    char *text = test_calloc(1, 1 << 20);
    size_t len;

    assert_non_null(file);
    text[0] = '\n';
    len = fread(text + 1, 1, (1 << 20) - 2, file);
    assert_in_range(len, 1, (1 << 20) - 3);
    fclose(file);
    return text;
}

/* ids are separated by blanks. */
static inline void check_ids(const char *catalogue, const char *ids)
{
    char line[200];

    while (*ids) {
        size_t len = strcspn(ids, " ");

        snprintf(line, sizeof line, "\n%.*s\t", (int)len, ids);
        if (!strstr(catalogue, line))
            fail_msg("the catalogue has no row '%.*s'", (int)len, ids);
        ids += len;
        ids += *ids == ' ';
    }
}

#endif
