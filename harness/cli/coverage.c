/* SPDX-License-Identifier: MIT */
#include "cli/coverage.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "script/cite.h"

struct coverage {
    const struct catalogue *catalogue;
    struct coverage_row *rows; /* beside the catalogue's */
};

const char *hole_name(enum hole hole)
{
    static const char *const names[] = {
        [HOLE_NONE] = "-",
        [HOLE_UNJUDGED] = "unjudged",
        [HOLE_NO_FAULT] = "no-fault",
        [HOLE_UNTRIED] = "untried",
    };

    return names[hole];
}

const char *hole_text(enum hole hole)
{
    static const char *const texts[] = {
        [HOLE_NONE] = "nothing",
        [HOLE_UNJUDGED] = "nothing judges it, and nothing says why not",
        [HOLE_NO_FAULT] = "no fault of the bundled server breaks it: its check was never seen to fail",
        [HOLE_UNTRIED] = "no case looks at it, and no oddity of the bundled server does it",
    };

    return texts[hole];
}

bool coverage_names(const char *ids, const char *id)
{
    size_t len = strlen(id);

    for (const char *at = strstr(ids, id); at; at = strstr(at + 1, id))
        if ((at == ids || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

/* ---- counting ---- */

static struct coverage_row *row_of(const struct coverage *c, const struct requirement *r)
{
    return &c->rows[r - catalogue_at(c->catalogue, 0)];
}

/* The row of an id that something cites; NULL, and a mistake, where there is none. */
static struct coverage_row *find_row(const struct coverage *c, struct span id, const char *kind,
                                     const char *name, struct diagnostics *d)
{
    const struct requirement *r = catalogue_find(c->catalogue, id);

    if (r)
        return row_of(c, r);
    diagnostic_error(d, (struct place){ NULL, 0, 0 },
                     "the %s %s names '%.*s', which is no row of the catalogue", kind, name, (int)id.len,
                     (const char *)id.at);
    return NULL;
}

struct count_case {
    const struct coverage *coverage;
    const struct tree_case *the_case;
    struct diagnostics *d;
};

/* A case that cites a row several times counts once. */
static void count_citation(void *ctx, const struct citation *citation)
{
    const struct count_case *c = ctx;
    struct coverage_row *row =
        find_row(c->coverage, span_text(citation->id), "case", c->the_case->name, c->d);

    if (!row || cite_find(c->the_case, citation->id) != citation)
        return;
    if (row->cases < COVERAGE_FIRST)
        row->first_cases[row->cases] = c->the_case->name;
    row->cases++;
}

static void count_breach(void *ctx, const struct citation *citation)
{
    const struct count_case *c = ctx;
    struct coverage_row *row =
        find_row(c->coverage, span_text(citation->id), "case", c->the_case->name, c->d);

    if (row && cite_find_broken(c->the_case, citation->id) == citation)
        row->breaches++;
}

static void count_cases(const struct coverage *c, const struct library *library, struct diagnostics *d)
{
    for (size_t t = 0; t < library->tree_count; t++)
        for (const struct tree_case *each = library->trees[t]->cases; each; each = each->next) {
            struct count_case counting = { c, each, d };

            cite_each(each, count_citation, &counting);
            cite_each_broken(each, count_breach, &counting);
        }
}

/* A requirement with several functions counts each of them. */
static void count_rules(const struct coverage *c, const struct coverage_sources *s, struct diagnostics *d)
{
    for (size_t i = 0; i < s->rule_count; i++) {
        const struct rule *rule = &s->rules[i];
        const char *name = rule->name ? rule->name : "of the layout";
        struct coverage_row *row = find_row(c, span_text(rule->id), "rule", name, d);

        if (!row)
            continue;
        if (row->rules < COVERAGE_FIRST)
            row->first_rules[row->rules] = name;
        row->rules++;
    }
}

/* Takes the next id off a list separated by spaces; false at its end. */
static bool take_id(const char **ids, struct span *ret)
{
    *ids += strspn(*ids, " ");
    *ret = span_of(*ids, strcspn(*ids, " "));
    *ids += ret->len;
    return ret->len > 0;
}

static void count_faults(const struct coverage *c, const struct coverage_sources *s, struct diagnostics *d)
{
    for (size_t i = 0; i < s->fault_count; i++) {
        const struct fault_row *fault = &s->faults[i];
        struct coverage_row *row;
        struct span id;

        for (const char *ids = fault->breaks; take_id(&ids, &id);)
            if ((row = find_row(c, id, "fault", fault->name, d)))
                row->faults++;
        for (const char *ids = fault->consequences; take_id(&ids, &id);)
            find_row(c, id, "fault", fault->name, d);
    }
}

static void count_oddities(const struct coverage *c, const struct coverage_sources *s, struct diagnostics *d)
{
    for (size_t i = 0; i < s->oddity_count; i++) {
        const struct oddity_row *oddity = &s->oddities[i];
        struct coverage_row *row;
        struct span id;

        for (const char *ids = oddity->permitted; take_id(&ids, &id);)
            if ((row = find_row(c, id, "oddity", oddity->name, d)))
                row->oddities++;
    }
}

/* ---- holes ---- */

static bool is_cited(const struct coverage_row *row)
{
    return row->cases > 0 || row->rules > 0;
}

/* What a row has of its own, and through those as which it shows. */
static void add_up(const struct coverage *c, const struct requirement *r, bool *ret_judged, bool *ret_broken)
{
    *ret_judged = is_cited(row_of(c, r));
    *ret_broken = row_of(c, r)->faults > 0;
    for (const struct requirement_link *l = r->shows_as; l; l = l->next) {
        *ret_judged = *ret_judged || is_cited(row_of(c, l->to));
        *ret_broken = *ret_broken || row_of(c, l->to)->faults > 0;
    }
}

static enum hole find_hole(const struct coverage *c, const struct requirement *r)
{
    bool judged, broken;

    add_up(c, r, &judged, &broken);
    if (r->unseen_why)
        return HOLE_NONE;
    if (r->level == LEVEL_MAY)
        return judged || broken || row_of(c, r)->oddities > 0 ? HOLE_NONE : HOLE_UNTRIED;
    if (!judged)
        return HOLE_UNJUDGED;
    return broken || strcmp(r->party, "client") == 0 ? HOLE_NONE : HOLE_NO_FAULT;
}

struct coverage *coverage_new(const struct coverage_sources *sources, struct diagnostics *d)
{
    struct coverage *c = memory_take(sizeof *c);
    size_t count = catalogue_count(sources->catalogue);

    c->catalogue = sources->catalogue;
    c->rows = memory_take((count + 1) * sizeof *c->rows);
    count_cases(c, sources->library, d);
    count_rules(c, sources, d);
    count_faults(c, sources, d);
    count_oddities(c, sources, d);
    for (size_t i = 0; i < count; i++)
        c->rows[i].hole = find_hole(c, catalogue_at(c->catalogue, i));
    return c;
}

void coverage_free(struct coverage *c)
{
    if (!c)
        return;
    free(c->rows);
    free(c);
}

const struct coverage_row *coverage_at(const struct coverage *c, size_t index)
{
    return &c->rows[index];
}

/* ---- in words ---- */

struct phrases {
    struct buffer *out;
    size_t begins; /* where the first goes */
};

/* Puts what separates it from what was said before, if anything was. */
static void separate(const struct phrases *p, const char *separator)
{
    if (p->out->len > p->begins)
        buffer_print(p->out, "%s", separator);
}

static bool say_count(const struct phrases *p, size_t count, const char *one, const char *many)
{
    if (count == 0)
        return false;
    separate(p, ", ");
    buffer_print(p->out, "%zu %s", count, count == 1 ? one : many);
    return true;
}

static void say_first(const struct phrases *p, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count && i < COVERAGE_FIRST; i++)
        buffer_print(p->out, "%s%s", i == 0 ? " (" : ", ", names[i]);
    buffer_print(p->out, "%s", count > COVERAGE_FIRST ? ", ...)" : ")");
}

static void say_links(const struct phrases *p, const struct requirement *r)
{
    if (!r->shows_as)
        return;
    separate(p, "; ");
    buffer_print(p->out, "as");
    for (const struct requirement_link *l = r->shows_as; l; l = l->next)
        buffer_print(p->out, " %s%s", l->to->id, l->next ? "," : "");
}

void coverage_describe(const struct coverage *c, size_t index, struct buffer *out)
{
    const struct requirement *r = catalogue_at(c->catalogue, index);
    const struct coverage_row *row = &c->rows[index];
    struct phrases p = { out, out->len };

    if (say_count(&p, row->cases, "case", "cases"))
        say_first(&p, row->first_cases, row->cases);
    if (say_count(&p, row->rules, "rule", "rules"))
        say_first(&p, row->first_rules, row->rules);
    say_count(&p, row->faults, "fault", "faults");
    say_count(&p, row->oddities, "oddity", "oddities");
    say_count(&p, row->breaches, "case breaks it", "cases break it");
    say_links(&p, r);
    if (r->judged_why) {
        separate(&p, "; ");
        buffer_print(out, "%s: %s", r->judged == LEVEL_SHOULD ? "warn" : "note", r->judged_why);
    }
    if (r->unseen_why) {
        separate(&p, "; ");
        buffer_print(out, "unseen: %s", r->unseen_why);
    }
    if (out->len == p.begins)
        buffer_print(out, "-");
}
