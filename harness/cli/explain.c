/* SPDX-License-Identifier: MIT */
#include "cli/explain.h"

#include <string.h>

#include "cli/lookup.h"
#include "script/cite.h"

struct explain {
    const struct coverage_sources *sources;
    const struct coverage *coverage;
    struct buffer *out;
};

static size_t index_of(const struct explain *e, const struct requirement *r)
{
    return (size_t)(r - catalogue_at(e->sources->catalogue, 0));
}

/* ---- one row ---- */

static void say_demand(const struct explain *e, const struct requirement *r)
{
    buffer_print(e->out, "%s\nlevel    %s, binds the %s%s\nsection  %s, line %s\ndemands  %s\n", r->id,
                 r->level_text, strcmp(r->party, "both") == 0 ? "server and the client" : r->party,
                 requirement_is_experimental(r) ? ", experimental" : "", r->section, r->line, r->summary);
    if (r->precondition)
        buffer_print(e->out, "where    %s\n", r->precondition);
    if (r->violation)
        buffer_print(e->out, "breach   %s\n", r->violation);
}

static void say_judgement(const struct explain *e, const struct requirement *r)
{
    if (r->judged_why)
        buffer_print(e->out, "judged   as %s: %s\n", r->judged == LEVEL_SHOULD ? "a warning" : "a note",
                     r->judged_why);
    if (r->unseen_why)
        buffer_print(e->out, "unseen   %s\n", r->unseen_why);
    for (const struct requirement_link *l = r->shows_as; l; l = l->next) {
        buffer_print(e->out, "as       %s: ", l->to->id);
        coverage_describe(e->coverage, index_of(e, l->to), e->out);
        buffer_print(e->out, "\n");
    }
    for (const struct requirement_link *l = r->shown_by; l; l = l->next)
        buffer_print(e->out, "also     %s: %s\n", l->to->id, l->to->summary);
}

static void say_rules(const struct explain *e, const char *id)
{
    static const char *const headers[] = { [ANY_HEADERS] = "",
                                           [COMPACT_HEADERS] = ", but with extended headers",
                                           [EXTENDED_HEADERS] = ", with extended headers" };

    for (size_t i = 0; i < e->sources->rule_count; i++) {
        const struct rule *rule = &e->sources->rules[i];

        if (strcmp(rule->id, id) == 0)
            buffer_print(e->out, "rule     %s, %s%s\n", rule->name ? rule->name : "in any message",
                         occasion_text(rule->occasion), headers[rule->headers]);
    }
    for (size_t i = 0; i < onlooker_rule_count; i++)
        if (strcmp(onlooker_rules[i].id, id) == 0)
            buffer_print(e->out, "rule     %s, %s, in captures\n", onlooker_rules[i].name,
                         occasion_text(onlooker_rules[i].occasion));
}

static void say_case(const struct explain *e, const char *how, const struct tree_case *c,
                     const struct citation *citation)
{
    unsigned line, column;

    if (!citation)
        return;
    place_line_column(citation->place, &line, &column);
    buffer_print(e->out, "%-8s %s (%s:%u): %s\n", how, c->name, citation->place.source->path, line, c->title);
}

static void say_cases(const struct explain *e, const char *id)
{
    for (size_t t = 0; t < e->sources->library->tree_count; t++)
        for (const struct tree_case *c = e->sources->library->trees[t]->cases; c; c = c->next) {
            say_case(e, "case", c, cite_find(c, id));
            say_case(e, "breaks", c, cite_find_broken(c, id));
        }
}

static void say_conduct(const struct explain *e, const char *id)
{
    const struct coverage_sources *s = e->sources;

    for (size_t i = 0; i < s->fault_count; i++)
        if (coverage_names(s->faults[i].breaks, id))
            buffer_print(e->out, "fault    %s: %s\n", s->faults[i].name, s->faults[i].does);
    for (size_t i = 0; i < s->oddity_count; i++)
        if (coverage_names(s->oddities[i].permitted, id))
            buffer_print(e->out, "oddity   %s: %s\n", s->oddities[i].name, s->oddities[i].does);
}

static void explain_row(const struct explain *e, const struct requirement *r)
{
    enum hole hole = coverage_at(e->coverage, index_of(e, r))->hole;

    say_demand(e, r);
    say_judgement(e, r);
    say_rules(e, r->id);
    say_cases(e, r->id);
    say_conduct(e, r->id);
    if (hole != HOLE_NONE)
        buffer_print(e->out, "missing  %s\n", hole_text(hole));
}

/* ---- several rows ---- */

static void list_row(void *ctx, const struct requirement *r)
{
    const struct explain *e = ctx;

    buffer_print(e->out, "%s\n    %s, binds the %s, line %s: %s\n    ", r->id, r->level_text,
                 strcmp(r->party, "both") == 0 ? "server and the client" : r->party, r->line, r->summary);
    coverage_describe(e->coverage, index_of(e, r), e->out);
    buffer_print(e->out, "\n");
}

struct found {
    const struct requirement *first;
    size_t count;
};

static void note_found(void *ctx, const struct requirement *r)
{
    struct found *f = ctx;

    f->first = f->first ? f->first : r;
    f->count++;
}

/* A sentence may be longer than a line: the row that a reader looks for is of the line where it begins, or
 * its point is made further down. */
static bool list_around(struct explain *e, const char *line)
{
    const struct requirement *before, *behind;

    lookup_around(e->sources->catalogue, line, &before, &behind);
    if (!before && !behind)
        return false;
    buffer_print(e->out, "No row is of line %s alone; those around it:\n\n", line);
    if (before)
        lookup_rows(e->sources->catalogue, before->line, list_row, e);
    if (behind)
        lookup_rows(e->sources->catalogue, behind->line, list_row, e);
    return true;
}

bool explain_word(const struct coverage_sources *sources, const struct coverage *coverage, const char *word,
                  struct buffer *out)
{
    struct explain e = { sources, coverage, out };
    struct found found = { 0 };

    lookup_rows(sources->catalogue, word, note_found, &found);
    if (found.count == 0)
        return lookup_is_line(word) && list_around(&e, word);
    if (found.count == 1)
        explain_row(&e, found.first);
    else
        lookup_rows(sources->catalogue, word, list_row, &e);
    return true;
}
