/* SPDX-License-Identifier: MIT */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/files.h"
#include "cli/options.h"
#include "reference/faults.h"
#include "runner/run.h"
#include "script/cite.h"

static const struct option_row rows[] = {
    { "cases", 0, "FOLDER", "the shipped cases, if not where they were installed" },
    { "help", 'h', NULL, "this text" },
};

enum { EXPLAIN_CASES, EXPLAIN_HELP };

struct explain {
    const char *cases;
    bool help;
};

static bool take(void *ctx, size_t row, const char *argument)
{
    struct explain *e = ctx;

    e->cases = row == EXPLAIN_CASES ? argument : e->cases;
    e->help = e->help || row == EXPLAIN_HELP;
    return true;
}

static void print_cases(const struct library *library, const char *id)
{
    for (size_t t = 0; t < library->tree_count; t++)
        for (const struct tree_case *c = library->trees[t]->cases; c; c = c->next)
            if (cite_has(c, id))
                printf("case     %s: %s\n", c->name, c->title);
}

/* True when the words, separated by spaces, hold id. */
static bool names(const char *words, const char *id)
{
    size_t len = strlen(id);

    for (const char *at = strstr(words, id); at; at = strstr(at + 1, id))
        if ((at == words || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

static void print_faults(const char *id)
{
    for (size_t i = 0; i < FAULT_COUNT; i++)
        if (names(fault_rows[i].breaks, id))
            printf("fault    %s: %s\n", fault_rows[i].name, fault_rows[i].does);
}

static int explain(const struct explain *e, const char *id)
{
    const struct requirement *row;
    struct catalogue *catalogue;
    struct library library;
    char cases[4096];
    int status = STATUS_USAGE;

    if (!files_find_cases(e->cases, cases, sizeof cases) || !(catalogue = files_catalogue(cases)))
        return STATUS_USAGE;
    row = catalogue_find(catalogue, span_text(id));
    if (!row) {
        fprintf(stderr, "nbdtest: no requirement has the id '%s'\n", id);
    } else if (files_library(cases, NULL, 0, catalogue, &library)) {
        printf("%s\nlevel    %s, binds the %s\nsection  %s, line %s\ndemands  %s\n", row->id, row->level_text,
               strcmp(row->party, "both") == 0 ? "server and the client" : row->party, row->section,
               row->line, row->summary);
        print_cases(&library, id);
        print_faults(id);
        library_free(&library);
        status = STATUS_CONFORMS;
    }
    catalogue_free(catalogue);
    return status;
}

int command_explain(int argc, char **argv)
{
    struct explain e = { 0 };
    int first = options_parse(rows, sizeof rows / sizeof rows[0], argc, argv, take, &e);

    if (first < 0)
        return STATUS_USAGE;
    if (e.help || argc - first != 1) {
        puts("nbdtest explain [OPTIONS] ID: what a requirement demands, the cases that check it, the faults "
             "that break it\n");
        options_print(rows, sizeof rows / sizeof rows[0], stdout);
        return e.help ? STATUS_CONFORMS : STATUS_USAGE;
    }
    return explain(&e, argv[first]);
}
