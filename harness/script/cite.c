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

void cite_each(const struct tree_case *c, void (*each)(void *ctx, const struct citation *citation), void *ctx)
{
    const struct visitor v = { each, ctx };

    visit_steps(&v, c->steps);
}

struct search {
    const char *id;
    bool found;
};

static void compare(void *ctx, const struct citation *citation)
{
    struct search *s = ctx;

    s->found = s->found || strcmp(citation->id, s->id) == 0;
}

bool cite_has(const struct tree_case *c, const char *id)
{
    struct search s = { .id = id };

    cite_each(c, compare, &s);
    return s.found;
}
