/* SPDX-License-Identifier: MIT */
#include "cli/bundled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/vocabulary.h"

#define DEFAULT_SIZE (UINT64_C(1) << 40)
#define MEMORY_CEILING (UINT64_C(4) << 30)

void bundled_init(struct bundled *b)
{
    *b = (struct bundled){ .size = DEFAULT_SIZE, .export = { .name = "" } };
}

/* A number with K M G T; false when it is none or too large for a size. */
static bool parse_size(const char *text, const char **ret_end, uint64_t *ret)
{
    static const char units[] = "KMGT";
    char *end;
    const char *unit;
    uint64_t number;

    if (*text < '0' || *text > '9')
        return false;
    number = strtoull(text, &end, 0);
    unit = *end ? strchr(units, *end) : NULL;
    if (unit) {
        unsigned shift = 10 * (unsigned)(unit - units + 1);

        if (number > (UINT64_C(0x7fffffffffffffff) >> shift))
            return false;
        number <<= shift;
        end++;
    }
    *ret_end = end;
    *ret = number;
    return number <= UINT64_C(0x7fffffffffffffff);
}

static bool take_size(struct bundled *b, const char *argument)
{
    const char *end;

    if (parse_size(argument, &end, &b->size) && *end == '\0')
        return true;
    fprintf(stderr, "nbdtest: --size '%s' is not a size up to 2^63-1\n", argument);
    return false;
}

static bool take_block_size(struct bundled *b, const char *argument)
{
    uint64_t sizes[3];
    const char *at = argument;

    for (unsigned i = 0; i < 3; i++) {
        if (!parse_size(at, &at, &sizes[i]) || sizes[i] > UINT32_MAX || *at != (i < 2 ? ':' : '\0')) {
            fprintf(stderr, "nbdtest: --block-size '%s' is not MIN:PREF:MAX\n", argument);
            return false;
        }
        at++;
    }
    b->export.block_size = (struct wire_info_block_size){ .minimum = (uint32_t)sizes[0],
                                                          .preferred = (uint32_t)sizes[1],
                                                          .maximum = (uint32_t)sizes[2] };
    return true;
}

static bool take_without(struct bundled *b, const char *argument)
{
    const struct word *flag = vocabulary_find(&vocabulary_transmission_flags, span_text(argument));

    if (!flag) {
        fprintf(stderr, "nbdtest: --without '%s' is not a transmission flag\n", argument);
        return false;
    }
    b->export.without = (uint16_t)(b->export.without | flag->value);
    return true;
}

static bool take_faults(struct bundled *b, const char *argument)
{
    while (*argument) {
        size_t len = strcspn(argument, ",");

        if (!faults_switch_on(&b->config.faults, span_of(argument, len))) {
            fprintf(stderr, "nbdtest: no fault is named '%.*s'; --list-faults lists them\n", (int)len,
                    argument);
            return false;
        }
        argument += len + (argument[len] == ',');
    }
    return true;
}

bool bundled_take(struct bundled *b, enum bundled_option option, const char *argument)
{
    b->used = true;
    switch (option) {
    case BUNDLED_SIZE:
        return take_size(b, argument);
    case BUNDLED_READ_ONLY:
        b->export.read_only = true;
        return true;
    case BUNDLED_BLOCK_SIZE:
        return take_block_size(b, argument);
    case BUNDLED_WITHOUT:
        return take_without(b, argument);
    case BUNDLED_NO_STRUCTURED:
        b->config.no_structured = true;
        return true;
    case BUNDLED_NAME:
        b->export.name = argument;
        return true;
    case BUNDLED_FAULT:
        return take_faults(b, argument);
    case BUNDLED_LIST_FAULTS:
        b->list_faults = true;
        return true;
    case BUNDLED_OPTION_COUNT:
        break;
    }
    return false;
}

const struct reference_config *bundled_config(struct bundled *b)
{
    b->export.store = store_new(b->size, MEMORY_CEILING);
    b->config.exports = &b->export;
    b->config.export_count = 1;
    return &b->config;
}

void bundled_free(struct bundled *b)
{
    store_free(b->export.store);
    b->export.store = NULL;
}

void bundled_print_faults(void)
{
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        const struct fault_row *row = &fault_rows[i];

        printf("%s\n    does    %s\n    breaks  %s\n", row->name, row->does, row->breaks);
        if (row->consequences[0] != '\0')
            printf("    also    %s\n", row->consequences);
        if (row->with[0] != '\0')
            printf("    with    %s\n", row->with);
        if (row->with[0] != '\0')
            printf("    with    %s\n", row->with);
    }
}
