/* SPDX-License-Identifier: MIT */
#include "cli/size.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LARGEST UINT64_C(0x7fffffffffffffff)

bool size_read(const char *text, const char **ret_end, uint64_t *ret)
{
    static const char units[] = "KMGT";
    char *end;
    const char *unit;
    uint64_t number;
    unsigned shift = 0;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    number = strtoull(text, &end, 0);
    unit = *end ? strchr(units, *end) : NULL;
    if (unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        end++;
    }
    if (errno != 0 || number > SIZE_LARGEST >> shift)
        return false;
    *ret_end = end;
    *ret = number << shift;
    return true;
}

bool size_parse(const char *text, uint64_t *ret)
{
    const char *end;
    uint64_t size;

    if (!size_read(text, &end, &size) || *end != '\0')
        return false;
    *ret = size;
    return true;
}
