/* SPDX-License-Identifier: MIT */
#include "runner/expectation.h"

#include <fnmatch.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/nearest.h"

struct line {
    const char *id, *instance, *reason;
    bool seen; /* a finding matched */
    bool ran;  /* an instance that it names was run */
    struct line *next;
};

struct expectation {
    struct arena *arena;
    struct source source; /* the copied text that is being read: places of mistakes point into it */
    struct line *first;
    struct expectation *base; /* borrowed; NULL: there is none */
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static void skip_blanks(struct span *rest)
{
    while (rest->len > 0 && is_blank(*rest->at))
        span_take(rest, 1);
}

static struct span take_word(struct span *rest)
{
    size_t len = 0;

    skip_blanks(rest);
    while (len < rest->len && !is_blank(rest->at[len]))
        len++;
    return span_take(rest, len);
}

static void trim_end(struct span *rest)
{
    while (rest->len > 0 && is_blank(rest->at[rest->len - 1]))
        rest->len--;
}

static struct place place_of(const struct expectation *e, struct span part)
{
    return (struct place){ &e->source, (size_t)((const char *)part.at - e->source.text), part.len };
}

static void unknown_id(const struct catalogue *c, struct span id, struct place where, struct diagnostics *d)
{
    struct nearest near = nearest_to(id);

    for (size_t i = 0; i < catalogue_count(c); i++)
        nearest_offer(&near, catalogue_at(c, i)->id);
    if (near.best)
        diagnostic_error(d, where, "unknown requirement; did you mean '%s'?", near.best);
    else
        diagnostic_error(d, where, "unknown requirement");
}

/* Reads one line.  Returns where the next one is to be linked. */
static struct line **add_line(struct expectation *e, struct span rest, const struct catalogue *c,
                              struct line **tail, struct diagnostics *d)
{
    struct span id = take_word(&rest), instance;
    struct line *line;

    if (id.len == 0 || *id.at == '#')
        return tail;
    instance = take_word(&rest);
    skip_blanks(&rest);
    trim_end(&rest);
    if (!span_equal(id, span_text(EXPECTATION_DIES)) && !catalogue_find(c, id)) {
        unknown_id(c, id, place_of(e, id), d);
        return tail;
    }
    if (instance.len == 0 || rest.len == 0) {
        diagnostic_error(d, place_of(e, id), "a line needs a requirement, an instance and a reason");
        return tail;
    }
    line = ARENA_NEW(e->arena, struct line);
    line->id = arena_text(e->arena, id);
    line->instance = arena_text(e->arena, instance);
    line->reason = arena_text(e->arena, rest);
    *tail = line;
    return &line->next;
}

struct expectation *expectation_new(void)
{
    struct expectation *e = memory_take(sizeof *e);

    e->arena = arena_new();
    return e;
}

bool expectation_add(struct expectation *e, const char *path, struct span text, const struct catalogue *c,
                     struct diagnostics *d)
{
    struct line **tail = &e->first;
    unsigned errors_before = d->errors;
    struct span rest;

    while (*tail)
        tail = &(*tail)->next;
    e->source.path = arena_text(e->arena, span_text(path));
    e->source.text = arena_text(e->arena, text);
    e->source.len = text.len;
    rest = span_of(e->source.text, e->source.len);
    while (rest.len > 0) {
        const uint8_t *end = memchr(rest.at, '\n', rest.len);
        struct span line = span_take(&rest, end ? (size_t)(end - rest.at) : rest.len);

        span_take(&rest, 1);
        tail = add_line(e, line, c, tail, d);
    }
    return d->errors == errors_before;
}

struct expectation *expectation_parse(const char *path, struct span text, const struct catalogue *c,
                                      struct diagnostics *d)
{
    struct expectation *e = expectation_new();

    if (expectation_add(e, path, text, c, d))
        return e;
    expectation_free(e);
    return NULL;
}

void expectation_lean_on(struct expectation *e, struct expectation *base)
{
    e->base = base;
}

void expectation_free(struct expectation *e)
{
    if (!e)
        return;
    arena_free(e->arena);
    free(e);
}

static bool names(const struct line *line, const char *instance)
{
    return strcmp(line->instance, instance) == 0 || fnmatch(line->instance, instance, 0) == 0;
}

bool expectation_of_death(const struct expectation *e, const char *instance)
{
    for (const struct line *line = e->first; line; line = line->next)
        if (strcmp(line->id, EXPECTATION_DIES) == 0 && names(line, instance))
            return true;
    return e->base && expectation_of_death(e->base, instance);
}

const char *expectation_match(struct expectation *e, const char *id, const char *instance)
{
    const char *reason = NULL;

    /* All lines that match have been seen, so that none of them is called fixed. */
    for (struct line *line = e->first; line; line = line->next)
        if (strcmp(line->id, id) == 0 && names(line, instance)) {
            line->seen = true;
            reason = reason ? reason : line->reason;
        }
    if (!reason && e->base)
        reason = expectation_match(e->base, id, instance);
    return reason;
}

void expectation_ran(struct expectation *e, const char *instance)
{
    for (struct line *line = e->first; line; line = line->next)
        line->ran = line->ran || names(line, instance);
    if (e->base)
        expectation_ran(e->base, instance);
}

static bool comes_always(const struct line *line)
{
    static const char sometimes[] = "sometimes ";

    return strncmp(line->reason, sometimes, strlen(sometimes)) != 0;
}

void expectation_fixed(const struct expectation *e,
                       void (*each)(void *ctx, const char *id, const char *instance), void *ctx)
{
    for (const struct line *line = e->first; line; line = line->next)
        if (line->ran && !line->seen && comes_always(line))
            each(ctx, line->id, line->instance);
}
