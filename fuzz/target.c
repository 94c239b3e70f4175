/* SPDX-License-Identifier: MIT */
#include "fuzz/target.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void target_finding(const char *file, int line, const char *property, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

void target_planted(void)
{
    fputs("planted bug found\n", stderr);
    abort();
}
