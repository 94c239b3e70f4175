/* SPDX-License-Identifier: MIT */
#include "referee/violation.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void violations_clear(struct violations *v)
{
    v->count = v->of_client = v->lost = 0;
}

void violations_add(struct violations *v, const char *rule, enum side party, uint64_t message,
                    const char *fmt, ...)
{
    struct violation *added;
    va_list ap;

    for (size_t i = v->count; i > 0 && v->all[i - 1].message == message; i--)
        if (strcmp(v->all[i - 1].rule, rule) == 0)
            return;
    if (v->count == VIOLATIONS_MAX || (party == SIDE_CLIENT && v->of_client == VIOLATIONS_OF_CLIENT_MAX)) {
        v->lost++;
        return;
    }
    added = &v->all[v->count++];
    v->of_client += party == SIDE_CLIENT;
    added->rule = rule;
    added->party = party;
    added->message = message;
    va_start(ap, fmt);
    vsnprintf(added->came, sizeof added->came, fmt, ap);
    va_end(ap);
}
