/* SPDX-License-Identifier: MIT */
#include "reference/loans.h"

#include <string.h>

bool loans_add(struct loans *l, size_t at, struct span bytes)
{
    if (bytes.len < LOAN_MIN || l->count == LOANS_MAX)
        return false;
    l->rows[l->count++] = (struct loan){ at, bytes };
    return true;
}

void loans_settle(struct loans *l, uint8_t *output)
{
    for (size_t i = 0; i < l->count; i++)
        memcpy(output + l->rows[i].at, l->rows[i].bytes.at, l->rows[i].bytes.len);
    l->count = 0;
}

/* Adds the output's own bytes, if there are any. */
static size_t add_own(struct span output, size_t start, size_t end, struct span *ret_part)
{
    *ret_part = span_of(output.at + start, end - start);
    return end > start;
}

size_t loans_parts(const struct loans *l, struct span output, size_t start,
                   struct span ret_parts[LOANS_PARTS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < l->count; i++) {
        count += add_own(output, start, l->rows[i].at, &ret_parts[count]);
        ret_parts[count++] = l->rows[i].bytes;
        start = l->rows[i].at + l->rows[i].bytes.len;
    }
    return count + add_own(output, start, output.len, &ret_parts[count]);
}
