/* SPDX-License-Identifier: MIT */
/* nbdtest coverage: how each requirement is judged, and which are not. */
#include "cli/commands.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/options.h"
#include "cli/shipped.h"

static const struct option_row rows[] = {
    { "missing", 'm', NULL,
      "only the holes: unjudged, or judged without a fault; leave given that nothing takes" },
    { "party", 0, "PARTY", "only rows that bind the server, the client, or both" },
    { "level", 0, "LEVEL", "only FORMAT, MUST (and MUST-NOT), SHOULD (and SHOULD-NOT), MAY" },
    { "area", 0, "AREA", "only rows whose id begins so: greeting, opt, tls, ..." },
    { "track", 0, "TRACK", "only rows of the stable text, or of experimental extensions" },
    { "tsv", 0, NULL, "the rows separated by tabs, for machines, and no totals" },
    { "totals", 0, NULL, "only the totals" },
    { "cases", 0, "FOLDER", "the shipped cases, if not where they were installed" },
    { "help", 'h', NULL, "this text" },
};

enum {
    COVERAGE_MISSING,
    COVERAGE_PARTY,
    COVERAGE_LEVEL,
    COVERAGE_AREA,
    COVERAGE_TRACK,
    COVERAGE_TSV,
    COVERAGE_TOTALS,
    COVERAGE_CASES,
    COVERAGE_HELP
};

struct coverage_command {
    const char *cases, *party, *level, *area, *track;
    bool missing, tsv, totals, help;
    const char *const *patterns; /* of ids; none: all */
    size_t pattern_count;
    const struct catalogue *catalogue;
    const struct coverage *coverage;
};

static bool take(void *ctx, size_t row, const char *argument)
{
    struct coverage_command *c = ctx;
    const char **texts[] = { [COVERAGE_PARTY] = &c->party,
                             [COVERAGE_LEVEL] = &c->level,
                             [COVERAGE_AREA] = &c->area,
                             [COVERAGE_TRACK] = &c->track,
                             [COVERAGE_CASES] = &c->cases };
    bool *switches[] = { [COVERAGE_MISSING] = &c->missing,
                         [COVERAGE_TSV] = &c->tsv,
                         [COVERAGE_TOTALS] = &c->totals,
                         [COVERAGE_HELP] = &c->help };

    if (argument)
        *texts[row] = argument;
    else
        *switches[row] = true;
    return true;
}

/* ---- what a row is counted under ---- */

static struct span area_of(const struct requirement *r)
{
    return span_of(r->id, strcspn(r->id, "."));
}

static struct span level_of(const struct requirement *r)
{
    return span_text(r->level_text);
}

static struct span party_of(const struct requirement *r)
{
    return span_text(r->party);
}

static struct span track_of(const struct requirement *r)
{
    return span_text(requirement_is_experimental(r) ? "experimental" : "stable");
}

typedef struct span key_of_row(const struct requirement *r);

static bool is_for_servers(const struct requirement *r)
{
    return strcmp(r->party, "client") != 0;
}

/* ---- which rows ---- */

/* True when nothing is wanted, or this, or for "MUST" also its negation. */
static bool is_wanted(const char *wanted, struct span key)
{
    size_t len = wanted ? strlen(wanted) : 0;

    return !wanted || (key.len >= len && strncasecmp((const char *)key.at, wanted, len) == 0 &&
                       (key.len == len || key.at[len] == '-'));
}

static bool is_selected(const struct coverage_command *c, size_t index)
{
    const struct requirement *r = catalogue_at(c->catalogue, index);
    bool matches = c->pattern_count == 0;

    for (size_t i = 0; i < c->pattern_count; i++)
        matches = matches || fnmatch(c->patterns[i], r->id, 0) == 0;
    return matches && is_wanted(c->party, party_of(r)) && is_wanted(c->level, level_of(r)) &&
           is_wanted(c->area, area_of(r)) && is_wanted(c->track, track_of(r));
}

/* ---- the matrix ---- */

static void print_columns(const struct coverage_command *c, size_t index, const char *described)
{
    const struct requirement *r = catalogue_at(c->catalogue, index);
    const struct coverage_row *row = coverage_at(c->coverage, index);
    struct span track = track_of(r);

    printf("%s\t%s\t%s\t%s\t%.*s\t%s\t%zu\t%zu\t%zu\t%zu\t%s\n", r->id, r->level_text, r->party, r->line,
           (int)track.len, (const char *)track.at, hole_name(row->hole), row->cases, row->rules, row->faults,
           row->oddities, described);
}

static void print_row(const struct coverage_command *c, size_t index)
{
    const struct requirement *r = catalogue_at(c->catalogue, index);
    const struct coverage_row *row = coverage_at(c->coverage, index);
    struct buffer described;

    buffer_init(&described, 4096);
    coverage_describe(c->coverage, index, &described);
    if (c->tsv)
        print_columns(c, index, buffer_text(&described));
    else if (c->missing)
        printf("%-8s  %-52s %-10s %-6s %-10s %s\n", hole_name(row->hole), r->id, r->level_text, r->party,
               r->line, r->summary);
    else
        printf("%-52s %-10s %-6s %-10s %s\n", r->id, r->level_text, r->party, r->line,
               buffer_text(&described));
    buffer_free(&described);
}

/* Returns how many were printed. */
static size_t print_rows(const struct coverage_command *c)
{
    size_t printed = 0;

    if (c->tsv)
        puts("id\tlevel\tparty\tline\ttrack\thole\tcases\trules\tfaults\toddities\tjudged");
    for (size_t i = 0; i < catalogue_count(c->catalogue); i++) {
        if (!is_selected(c, i) || (c->missing && coverage_at(c->coverage, i)->hole == HOLE_NONE))
            continue;
        printed++;
        if (!c->totals)
            print_row(c, i);
    }
    return printed;
}

/* ---- totals ---- */

enum { KEYS_MAX = 100 };

struct tally {
    struct span key;
    size_t rows, judged, as, unseen, faults, oddities, holes[HOLE_COUNT];
};

static void count_row(struct tally *t, const struct requirement *r, const struct coverage_row *row)
{
    bool judged = row->cases + row->rules > 0;

    t->rows++;
    t->judged += judged;
    t->as += !judged && r->shows_as;
    t->unseen += r->unseen_why != NULL;
    t->faults += row->faults;
    t->oddities += row->oddities;
    t->holes[row->hole]++;
}

/* The tally with this key, a new one if need be; the last one takes what there is no room for. */
static struct tally *find_tally(struct tally *tallies, size_t *count, struct span key)
{
    for (size_t i = 0; i < *count; i++)
        if (span_equal(tallies[i].key, key))
            return &tallies[i];
    if (*count == KEYS_MAX)
        return &tallies[KEYS_MAX - 1];
    tallies[*count] = (struct tally){ .key = key };
    return &tallies[(*count)++];
}

static void print_tallies(const struct coverage_command *c, bool servers, const char *name,
                          key_of_row *key_of)
{
    struct tally tallies[KEYS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < catalogue_count(c->catalogue); i++) {
        const struct requirement *r = catalogue_at(c->catalogue, i);

        if (is_selected(c, i) && is_for_servers(r) == servers)
            count_row(find_tally(tallies, &count, key_of(r)), r, coverage_at(c->coverage, i));
    }
    printf("\n%-14s  rows  judged    as  unseen  faults  oddities | unjudged  no-fault  untried\n", name);
    for (size_t i = 0; i < count; i++) {
        const struct tally *t = &tallies[i];

        printf("%-14.*s %5zu %7zu %5zu %7zu %7zu %9zu | %8zu %9zu %8zu\n", (int)t->key.len,
               (const char *)t->key.at, t->rows, t->judged, t->as, t->unseen, t->faults, t->oddities,
               t->holes[HOLE_UNJUDGED], t->holes[HOLE_NO_FAULT], t->holes[HOLE_UNTRIED]);
    }
}

static bool any_selected(const struct coverage_command *c, bool servers)
{
    for (size_t i = 0; i < catalogue_count(c->catalogue); i++)
        if (is_selected(c, i) && is_for_servers(catalogue_at(c->catalogue, i)) == servers)
            return true;
    return false;
}

static void print_totals(const struct coverage_command *c)
{
    static const struct {
        const char *name;
        key_of_row *key_of;
    } groups[] = { { "area", area_of }, { "level", level_of }, { "party", party_of }, { "track", track_of } };

    for (int servers = 1; servers >= 0; servers--) {
        if (!any_selected(c, servers))
            continue;
        printf("\n%s\n", servers ? "What binds servers" : "What binds clients alone");
        for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
            print_tallies(c, servers, groups[i].name, groups[i].key_of);
    }
}

/* ---- the command ---- */

static enum status print_all(const struct coverage_command *c)
{
    size_t printed = print_rows(c);

    if (!c->tsv)
        print_totals(c);
    return c->missing && printed > 0 ? STATUS_VIOLATIONS : STATUS_CONFORMS;
}

static enum status cover(struct coverage_command *c)
{
    struct shipped shipped;
    enum status status = shipped_open(c->cases, &shipped);

    if (status != STATUS_CONFORMS)
        return status;
    c->catalogue = shipped.catalogue;
    c->coverage = shipped.coverage;
    status = print_all(c);
    shipped_close(&shipped);
    return status;
}

int command_coverage(int argc, char **argv)
{
    struct coverage_command c = { 0 };
    int first = options_parse(rows, sizeof rows / sizeof rows[0], argc, argv, take, &c);

    if (first < 0)
        return STATUS_USAGE;
    if (c.help) {
        puts("nbdtest coverage [OPTIONS] [PATTERN ...]: how each requirement is judged, and which are not.\n"
             "With --missing the status is 1 when there is a hole.\n");
        options_print(rows, sizeof rows / sizeof rows[0], stdout);
        return STATUS_CONFORMS;
    }
    c.patterns = (const char *const *)argv + first;
    c.pattern_count = (size_t)(argc - first);
    return (int)cover(&c);
}
