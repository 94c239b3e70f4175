/* SPDX-License-Identifier: MIT */
#include "cli/bundled.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/limit_option.h"
#include "cli/machine.h"
#include "cli/size.h"

#define MEMORY_CEILING (UINT64_C(8) << 30)
#define NOTES_BYTES ((size_t)16 << 20) /* for what is known of writes, each export */

enum { EXPORTS_MAX = 10000 }; /* so that a list of them, with the longest names, can wait to be sent */

void bundled_init(struct bundled *b)
{
    *b = (struct bundled){ .memory = { .ceiling = MEMORY_CEILING } };
    export_option_init(&b->first);
}

/* An option that describes the first export. */
static bool describe(struct bundled *b, const char *key, const char *argument)
{
    char said[100];

    b->described = true;
    snprintf(said, sizeof said, "--%s", key);
    return export_option_set(&b->first, said, key, argument);
}

static bool take_export(struct bundled *b, const char *argument)
{
    struct export_option *e;

    if (b->more_count == EXPORTS_MAX) {
        fprintf(stderr, "nbdtest: more than %d exports\n", EXPORTS_MAX);
        return false;
    }
    b->more = memory_grow(b->more, (b->more_count + 1) * sizeof *b->more);
    e = &b->more[b->more_count++];
    export_option_init(e);
    return export_option_parse(e, "--export", argument);
}

static bool take_memory(struct bundled *b, const char *argument)
{
    if (size_parse(argument, &b->memory.ceiling))
        return true;
    fprintf(stderr, "nbdtest: --memory '%s' is not a size up to 2^63-1\n", argument);
    return false;
}

static bool take_face(struct bundled *b, const char *argument)
{
    static const char *const names[] = { [REFERENCE_FIXED_NEWSTYLE] = "fixed",
                                         [REFERENCE_NEWSTYLE] = "newstyle",
                                         [REFERENCE_OLDSTYLE] = "oldstyle" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], argument) == 0) {
            b->config.face = (enum reference_face)i;
            return true;
        }
    fprintf(stderr, "nbdtest: --face '%s' is none of fixed, newstyle, oldstyle\n", argument);
    return false;
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

static bool take_oddities(struct bundled *b, const char *argument)
{
    while (*argument) {
        size_t len = strcspn(argument, ",");

        if (!oddities_switch_on(&b->config.oddities, span_of(argument, len))) {
            fprintf(stderr, "nbdtest: no oddity is named '%.*s'; --list-odd lists them\n", (int)len,
                    argument);
            return false;
        }
        argument += len + (argument[len] == ',');
    }
    return true;
}

static bool take_odd_seed(struct bundled *b, const char *argument)
{
    char *end;

    b->config.oddities.seed = strtoull(argument, &end, 0);
    if (*argument >= '0' && *argument <= '9' && *end == '\0')
        return true;
    fprintf(stderr, "nbdtest: --odd-seed '%s' is not a number\n", argument);
    return false;
}

bool bundled_take(struct bundled *b, enum bundled_option option, const char *argument)
{
    b->used = true;
    switch (option) {
    case BUNDLED_SIZE:
        return describe(b, "size", argument);
    case BUNDLED_READ_ONLY:
        return describe(b, "read-only", NULL);
    case BUNDLED_BLOCK_SIZE:
        return describe(b, "block-size", argument);
    case BUNDLED_WITHOUT:
        return describe(b, "without", argument);
    case BUNDLED_NO_STRUCTURED:
        b->config.no_structured = true;
        return true;
    case BUNDLED_NO_EXTENDED:
        b->config.no_extended = true;
        return true;
    case BUNDLED_NAME:
        return describe(b, "name", argument);
    case BUNDLED_DESCRIPTION:
        return describe(b, "description", argument);
    case BUNDLED_BLOCK_SIZE_REQUIRED:
        return describe(b, "block-size-required", NULL);
    case BUNDLED_TLS_ONLY:
        return describe(b, "tls-only", NULL);
    case BUNDLED_EXPORT:
        return take_export(b, argument);
    case BUNDLED_MEMORY:
        return take_memory(b, argument);
    case BUNDLED_FACE:
        return take_face(b, argument);
    case BUNDLED_LIMIT:
        return limit_option_parse(&b->config.limits, argument);
    case BUNDLED_FAULT:
        return take_faults(b, argument);
    case BUNDLED_LIST_FAULTS:
        b->list_faults = true;
        return true;
    case BUNDLED_ODD:
        return take_oddities(b, argument);
    case BUNDLED_ODD_SEED:
        return take_odd_seed(b, argument);
    case BUNDLED_LIST_ODD:
        b->list_odd = true;
        return true;
    case BUNDLED_OPTION_COUNT:
        break;
    }
    return false;
}

/* The exports in their order: the first one that was described, unless only others were. */
static size_t count_exports(const struct bundled *b)
{
    return b->more_count + (b->described || b->more_count == 0);
}

static const struct export_option *export_at(const struct bundled *b, size_t at)
{
    size_t before = count_exports(b) - b->more_count;

    return at < before ? &b->first : &b->more[at - before];
}

bool bundled_check(const struct bundled *b)
{
    for (size_t i = 0; i < count_exports(b); i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(export_at(b, i)->export.name, export_at(b, j)->export.name) == 0) {
                fprintf(stderr, "nbdtest: two exports have the same name\n");
                return false;
            }
    return export_option_check(&b->first);
}

const char *bundled_name(const struct bundled *b)
{
    return export_at(b, 0)->export.name;
}

static struct reference_export make_export(struct bundled *b, const struct export_option *e)
{
    struct reference_export export = e->export;

    export.store = store_new(e->size, e->memory < b->memory.ceiling ? e->memory : b->memory.ceiling);
    store_share(export.store, &b->memory);
    export.written = written_new(e->size, NOTES_BYTES);
    return export;
}

const struct reference_config *bundled_config(struct bundled *b)
{
    uint64_t half = machine_memory_bytes() / 2;
    size_t count = count_exports(b);

    b->memory.machine = half < b->memory.ceiling ? half : b->memory.ceiling;
    b->exports = memory_take(count * sizeof *b->exports);
    for (size_t i = 0; i < count; i++)
        b->exports[i] = make_export(b, export_at(b, i));
    b->config.exports = b->exports;
    b->config.export_count = count;
    return &b->config;
}

void bundled_free(struct bundled *b)
{
    for (size_t i = 0; b->exports && i < b->config.export_count; i++) {
        store_free(b->exports[i].store);
        written_free(b->exports[i].written);
    }
    free(b->exports);
    for (size_t i = 0; i < b->more_count; i++)
        export_option_free(&b->more[i]);
    free(b->more);
    b->exports = NULL;
    b->more = NULL;
    b->more_count = 0;
}

void bundled_print_keys(void)
{
    puts("\nKEYs of an export, NAME[,KEY[=VALUE]]... (a comma that is meant is written twice):");
    export_option_print_keys(stdout);
    puts("\nKEYs of --limit (and what holds without it):");
    limit_option_print_keys(stdout);
}

/* Of each fault: name, requirements, what it does. */
static void print_faults(void)
{
    for (size_t i = 0; i < FAULT_COUNT; i++) {
        const struct fault_row *row = &fault_rows[i];

        printf("%s\n    does    %s\n    breaks  %s\n", row->name, row->does, row->breaks);
        if (row->consequences[0] != '\0')
            printf("    also    %s\n", row->consequences);
        if (row->with[0] != '\0')
            printf("    with    %s\n", row->with);
    }
}

static void print_oddities(void)
{
    for (size_t i = 0; i < ODDITY_COUNT; i++) {
        const struct oddity_row *row = &oddity_rows[i];

        printf("%s\n    does       %s\n    permitted  %s\n", row->name, row->does, row->permitted);
        if (row->with[0] != '\0')
            printf("    with       %s\n", row->with);
    }
}

bool bundled_print_lists(const struct bundled *b)
{
    if (b->list_faults)
        print_faults();
    if (b->list_odd)
        print_oddities();
    return b->list_faults || b->list_odd;
}
