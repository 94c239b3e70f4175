/* SPDX-License-Identifier: MIT */
/* Prints what a capture holds, each connection as a case that can be played.  What the referee finds wrong
 * stands in a comment below the line that shows it. */
#include "cli/commands.h"

#include <inttypes.h>
#include <stdio.h>

#include "capture/read.h"
#include "cli/decoded.h"
#include "cli/files.h"
#include "cli/options.h"
#include "runner/status.h"

enum option { OPTION_NUMBERS, OPTION_LOOSE, OPTION_CASES, OPTION_HELP };

static const struct option_row rows[] = {
    [OPTION_NUMBERS] = { "numbers", 'n', NULL, "each line with the number and the time of its packet" },
    [OPTION_LOOSE] = { "loose", 'l', NULL,
                       "cases that leave a server all that the specification does, to be played with any" },
    [OPTION_CASES] = { "cases", 0, "FOLDER", "the shipped cases, if not where they were installed" },
    [OPTION_HELP] = { "help", 'h', NULL, "this text" },
};

struct wanted {
    bool numbers, loose, help;
    const char *cases;
};

static bool take(void *ctx, size_t row, const char *argument)
{
    struct wanted *w = ctx;

    if (row == OPTION_NUMBERS)
        w->numbers = true;
    else if (row == OPTION_LOOSE)
        w->loose = true;
    else if (row == OPTION_CASES)
        w->cases = argument;
    else
        w->help = true;
    return true;
}

static void print(void *ctx, const char *text)
{
    fputs(text, ctx);
}

static void print_summary(const struct decoder *d)
{
    const struct capture_summary *capture = d->capture;
    struct buffer text;

    buffer_init(&text, 1 << 20);
    decoder_summary(d, &text);
    if (capture->segments < capture->packets)
        buffer_print(&text, "# %" PRIu64 " of %" PRIu64 " packets hold no whole TCP segment\n",
                     capture->packets - capture->segments, capture->packets);
    if (capture->unknown_links > 0)
        buffer_print(&text, "# %" PRIu64 " of them have a link layer that nbdtest does not know\n",
                     capture->unknown_links);
    fputs(buffer_text(&text), stdout);
    buffer_free(&text);
}

/* The catalogue says more of what is wrong, and is not needed to find it. */
static struct catalogue *find_catalogue(const char *cases)
{
    char folder[4096];

    return files_find_cases(cases, folder, sizeof folder) ? files_catalogue(folder) : NULL;
}

static enum status decode(const char *path, const struct wanted *w)
{
    struct capture_summary summary = { 0 };
    struct catalogue *catalogue = find_catalogue(w->cases);
    struct decoder d = { .capture = &summary,
                         .catalogue = catalogue,
                         .numbers = w->numbers,
                         .loose = w->loose,
                         .print = print,
                         .ctx = stdout };
    enum status status = STATUS_CONFORMS;
    char error[512];
    bool whole;

    whole = capture_read(path, decoder_listener(&d), &summary, error, sizeof error);
    if (!whole) {
        fflush(stdout);
        fprintf(stderr, "nbdtest: %s\n", error);
        status = STATUS_USAGE;
    } else if (tally_has_failures(&d.tally, catalogue)) {
        status = STATUS_VIOLATIONS;
    }
    if (whole || summary.packets > 0)
        print_summary(&d);
    if (summary.ignored > 0)
        fprintf(stderr, "nbdtest: more than %d connections; %" PRIu64 " packets were left out\n", FLOWS_MAX,
                summary.ignored);
    decoder_free(&d);
    catalogue_free(catalogue);
    return status;
}

int command_decode(int argc, char **argv)
{
    struct wanted w = { 0 };
    int first = options_parse(rows, sizeof rows / sizeof rows[0], argc, argv, take, &w);

    if (first < 0)
        return STATUS_USAGE;
    if (w.help || argc - first != 1) {
        puts("nbdtest decode [OPTIONS] FILE: prints the connections of a pcap or pcapng file as cases, with "
             "what the\n"
             "referee finds wrong, and with whom.  With breaches of demands the status is 1.\n");
        options_print(rows, sizeof rows / sizeof rows[0], stdout);
        return w.help ? STATUS_CONFORMS : STATUS_USAGE;
    }
    return (int)decode(argv[first], &w);
}
