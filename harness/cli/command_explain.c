/* SPDX-License-Identifier: MIT */
/* nbdtest explain: what a requirement demands and what judges it. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>

#include "cli/explain.h"
#include "cli/lookup.h"
#include "cli/options.h"
#include "cli/shipped.h"

static const struct option_row rows[] = {
    { "cases", 0, "FOLDER", "the shipped cases, if not where they were installed" },
    { "help", 'h', NULL, "this text" },
};

enum { EXPLAIN_CASES, EXPLAIN_HELP };

enum { TEXT_MAX = 8 << 20 }; /* bytes */

struct explain_command {
    const char *cases;
    bool help;
};

static bool take(void *ctx, size_t row, const char *argument)
{
    struct explain_command *e = ctx;

    e->cases = row == EXPLAIN_CASES ? argument : e->cases;
    e->help = e->help || row == EXPLAIN_HELP;
    return true;
}

static void print_unknown(const struct catalogue *catalogue, const char *word)
{
    const char *near[LOOKUP_NEAREST_MAX];
    size_t count = lookup_nearest(catalogue, word, near);

    fprintf(stderr, "nbdtest: no requirement has the id '%s'", word);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%s%s", i == 0 ? "; did you mean " : i + 1 < count ? ", " : " or ", near[i]);
    fputs(count > 0 ? "?\n" : "\n", stderr);
}

static enum status explain(const struct explain_command *e, const char *word)
{
    struct shipped shipped;
    enum status status = shipped_open(e->cases, &shipped);
    struct buffer text;

    if (status != STATUS_CONFORMS)
        return status;
    buffer_init(&text, TEXT_MAX);
    if (explain_word(&shipped.sources, shipped.coverage, word, &text)) {
        fputs(buffer_text(&text), stdout);
    } else {
        print_unknown(shipped.catalogue, word);
        status = STATUS_USAGE;
    }
    buffer_free(&text);
    shipped_close(&shipped);
    return status;
}

int command_explain(int argc, char **argv)
{
    struct explain_command e = { 0 };
    int first = options_parse(rows, sizeof rows / sizeof rows[0], argc, argv, take, &e);

    if (first < 0)
        return STATUS_USAGE;
    if (e.help || argc - first != 1) {
        puts("nbdtest explain [OPTIONS] ID|LINE|PATTERN: what a requirement demands, what judges it and "
             "where, the\n"
             "faults that break it; or which requirements a line of the specification holds (2168, "
             "ext:1520), or a\n"
             "beginning (opt.abort) or shell pattern of ids means\n");
        options_print(rows, sizeof rows / sizeof rows[0], stdout);
        return e.help ? STATUS_CONFORMS : STATUS_USAGE;
    }
    return (int)explain(&e, argv[first]);
}
