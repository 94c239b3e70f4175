/* SPDX-License-Identifier: MIT */
/* nbdtest list: the cases and what each shows. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/files.h"
#include "cli/options.h"
#include "runner/run.h"

static const struct option_row rows[] = {
    { "cases", 0, "FOLDER", "the shipped cases, if not where they were installed" },
    { "instances", 'i', NULL, "every mode and choice of a case on a line of its own" },
    { "help", 'h', NULL, "this text" },
};

enum { LIST_CASES, LIST_INSTANCES, LIST_HELP };

struct list {
    const char *cases;
    bool instances, help;
    const char *last; /* name of the case printed last */
    size_t printed;
};

static bool take(void *ctx, size_t row, const char *argument)
{
    struct list *l = ctx;

    l->cases = row == LIST_CASES ? argument : l->cases;
    l->instances = l->instances || row == LIST_INSTANCES;
    l->help = l->help || row == LIST_HELP;
    return true;
}

static void print(void *ctx, const struct instance *i)
{
    struct list *l = ctx;

    if (l->instances)
        printf("%s\n", i->id);
    else if (!l->last || strcmp(l->last, i->name) != 0)
        printf("%-40s %s\n", i->name, i->title);
    l->last = i->name;
    l->printed++;
}

static int list(struct list *l, const char *const *patterns, size_t count)
{
    struct run_options options = { .patterns = patterns, .pattern_count = count };
    struct catalogue *catalogue;
    struct library library;
    char cases[4096];
    int status = STATUS_USAGE;

    if (!files_find_cases(l->cases, cases, sizeof cases) || !(catalogue = files_catalogue(cases)))
        return STATUS_USAGE;
    if (files_library(cases, NULL, 0, catalogue, &library)) {
        run_list(&library, &options, print, l);
        library_free(&library);
        status = l->printed > 0 ? STATUS_CONFORMS : STATUS_USAGE;
        if (l->printed == 0)
            fprintf(stderr, "nbdtest: no case has such a name\n");
    }
    catalogue_free(catalogue);
    return status;
}

int command_list(int argc, char **argv)
{
    struct list l = { 0 };
    int first = options_parse(rows, sizeof rows / sizeof rows[0], argc, argv, take, &l);

    if (first < 0)
        return STATUS_USAGE;
    if (l.help) {
        puts("nbdtest list [OPTIONS] [PATTERN ...]: the cases and what they show\n");
        options_print(rows, sizeof rows / sizeof rows[0], stdout);
        return STATUS_CONFORMS;
    }
    return list(&l, (const char *const *)argv + first, (size_t)(argc - first));
}
