/* SPDX-License-Identifier: MIT */
#include "script/cite.h"

#include <string.h>

struct visitor {
    void (*each)(void *ctx, const struct citation *citation);
    void *ctx;
};

static void visit(const struct visitor *v, const struct citation *by)
{
    for (; by; by = by->next)
        v->each(v->ctx, by);
}

static void visit_steps(const struct visitor *v, const struct step *s)
{
    for (; s; s = s->next) {
        visit(v, s->by);
        visit(v, s->watches);
        for (const struct demand *d = s->demands; d; d = d->next)
            visit(v, d->by);
        visit_steps(v, s->body);
    }
}

static void visit_broken(const struct visitor *v, const struct step *s)
{
    for (; s; s = s->next) {
        visit(v, s->breaks);
        visit_broken(v, s->body);
    }
}

void cite_each(const struct tree_case *c, void (*each)(void *ctx, const struct citation *citation), void *ctx)
{
    const struct visitor v = { each, ctx };

    visit_steps(&v, c->steps);
}

void cite_each_broken(const struct tree_case *c, void (*each)(void *ctx, const struct citation *citation),
                      void *ctx)
{
    const struct visitor v = { each, ctx };

    visit_broken(&v, c->steps);
}

struct search {
    const char *id;
    const struct citation *found;
};

static void compare(void *ctx, const struct citation *citation)
{
    struct search *s = ctx;

    if (!s->found && strcmp(citation->id, s->id) == 0)
        s->found = citation;
}

const struct citation *cite_find(const struct tree_case *c, const char *id)
{
    struct search s = { .id = id };

    cite_each(c, compare, &s);
    return s.found;
}

bool cite_has(const struct tree_case *c, const char *id)
{
    return cite_find(c, id) != NULL;
}

const struct citation *cite_find_broken(const struct tree_case *c, const char *id)
{
    struct search s = { .id = id };

    cite_each_broken(c, compare, &s);
    return s.found;
}
