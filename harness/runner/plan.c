/* SPDX-License-Identifier: MIT */
#include "runner/plan.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/nearest.h"
#include "referee/rule.h"
#include "runner/need.h"
#include "script/cite.h"

enum {
    INSTANCES_MAX = 200000,
    CHOICES_MAX = 16,
    TEXT_MAX = 4096, /* bytes of an id */
};

static const enum mode all_modes[] = { MODE_SIMPLE, MODE_STRUCTURED, MODE_EXTENDED };

const char *mode_name(enum mode mode)
{
    switch (mode) {
    case MODE_SIMPLE:
        return "simple";
    case MODE_STRUCTURED:
        return "structured";
    case MODE_EXTENDED:
        return "extended";
    }
    return NULL;
}

static unsigned modes_of(const struct tree_case *c)
{
    if (c->modes)
        return c->modes;
    /* Contexts need replies in chunks: proto.md, NBD_OPT_SET_META_CONTEXT. */
    return c->contexts ? MODE_STRUCTURED | MODE_EXTENDED : MODE_SIMPLE | MODE_STRUCTURED | MODE_EXTENDED;
}

/* ---- selection ---- */

/* Whether a case cites a requirement, or one as whose breach a breach of it shows. */
static bool cites(const struct tree_case *c, const struct requirement *r)
{
    bool found = cite_has(c, r->id);

    for (const struct requirement_link *l = r->shows_as; l && !found; l = l->next)
        found = cite_has(c, l->to->id);
    return found;
}

static bool is_cited(const struct library *library, const struct requirement *r)
{
    for (size_t i = 0; i < library->tree_count; i++)
        for (const struct tree_case *c = library->trees[i]->cases; c; c = c->next)
            if (cites(c, r))
                return true;
    return false;
}

static bool is_watched(const struct requirement *r)
{
    for (size_t i = 0; i < rule_count; i++) {
        if (strcmp(rules[i].id, r->id) == 0)
            return true;
        for (const struct requirement_link *l = r->shows_as; l; l = l->next)
            if (strcmp(rules[i].id, l->to->id) == 0)
                return true;
    }
    return false;
}

/* What a pattern asks for, where it is the id of a requirement. */
struct asked {
    const struct requirement *requirement; /* NULL: it is none */
    bool everywhere;                       /* no case is about it: the referee watches it in all */
    bool used;                             /* something was selected */
};

static struct asked asked_for(const struct library *library, const char *pattern)
{
    struct asked a = { .requirement = library->catalogue
                                          ? catalogue_find(library->catalogue, span_text(pattern))
                                          : NULL };

    a.everywhere = a.requirement && !is_cited(library, a.requirement) && is_watched(a.requirement);
    return a;
}

/* A pattern names a case, an instance, what is common to several instances of a case ("reads-zero/simple"),
 * or a requirement that the case cites. */
static bool matches(const char *pattern, const struct planned *i)
{
    const char *name = i->the_case->name;
    size_t len = strlen(pattern);

    return strcmp(pattern, name) == 0 || strcmp(pattern, i->id) == 0 ||
           (strncmp(pattern, i->id, len) == 0 && i->id[len] == '/') || fnmatch(pattern, name, 0) == 0 ||
           fnmatch(pattern, i->id, 0) == 0 || cite_has(i->the_case, pattern);
}

/* asked   one for each pattern */
static bool selects(const struct run_options *o, const struct planned *i, struct asked *asked)
{
    bool selected = o->pattern_count == 0;

    for (size_t p = 0; p < o->pattern_count; p++)
        if (asked[p].everywhere || matches(o->patterns[p], i) ||
            (asked[p].requirement && cites(i->the_case, asked[p].requirement)))
            selected = asked[p].used = true;
    for (size_t p = 0; selected && p < o->exclude_count; p++)
        selected = !matches(o->excludes[p], i);
    return selected;
}

/* ---- instances ---- */

/* What is being enumerated. */
struct listing {
    struct plan *plan;
    const struct run_options *options;
    struct asked *asked;
    size_t room;
    bool too_many;
};

/* A value as it is written, without blanks. */
static void put_without_blanks(const struct value *v, struct buffer *to)
{
    size_t from = to->len, end = from;

    value_written(v, to);
    for (size_t i = from; i < to->len; i++)
        if (to->bytes[i] != ' ' && to->bytes[i] != '\t')
            to->bytes[end++] = to->bytes[i];
    to->len = end;
}

/* "cmd=WRITE,length=1M" */
static const char *say_choices(struct arena *arena, const struct tree_case *c,
                               const struct value *const *chosen, char between)
{
    struct buffer text;
    const char *said;
    size_t i = 0;

    buffer_init(&text, TEXT_MAX);
    for (const struct choice *choice = c->choices; choice; choice = choice->next, i++) {
        if (i > 0)
            buffer_print(&text, "%c", between);
        buffer_print(&text, "%s=", choice->name);
        put_without_blanks(chosen[i], &text);
    }
    said = arena_print(arena, "%s", buffer_text(&text));
    buffer_free(&text);
    return said;
}

static void add_instance(struct listing *l, const struct tree_case *c, enum mode mode,
                         const struct value *const *chosen, size_t count)
{
    struct plan *p = l->plan;
    const char *in_id = say_choices(p->arena, c, chosen, ',');
    struct planned i = { .the_case = c, .mode = mode, .choices = say_choices(p->arena, c, chosen, ' ') };

    i.id = arena_print(p->arena, "%s%s%s%s%s", c->name, mode ? "/" : "", mode ? mode_name(mode) : "",
                       count ? "/" : "", in_id);
    if (!selects(l->options, &i, l->asked))
        return;
    if (p->count == INSTANCES_MAX) {
        l->too_many = true;
        return;
    }
    i.chosen = arena_copy(p->arena, chosen, sizeof *chosen * (count ? count : 1));
    if (p->count == l->room) {
        l->room = l->room ? 2 * l->room : 256;
        p->all = memory_grow(p->all, sizeof *p->all * l->room);
    }
    p->all[p->count++] = i;
}

/* Goes through all combinations, the last choice first. */
static void add_choices(struct listing *l, const struct tree_case *c, enum mode mode,
                        const struct choice *choice, const struct value **chosen, size_t count)
{
    if (!choice || count == CHOICES_MAX) {
        add_instance(l, c, mode, chosen, count);
        return;
    }
    for (const struct value *v = choice->values; v && !l->too_many; v = v->next) {
        chosen[count] = v;
        add_choices(l, c, mode, choice->next, chosen, count + 1);
    }
}

static void add_case(struct listing *l, const struct tree_case *c)
{
    const struct value *chosen[CHOICES_MAX] = { NULL };
    unsigned modes = modes_of(c);

    if (c->start != START_TRANSMISSION) {
        add_choices(l, c, 0, c->choices, chosen, 0);
        return;
    }
    for (size_t i = 0; i < sizeof all_modes / sizeof *all_modes; i++)
        if (modes & (unsigned)all_modes[i])
            add_choices(l, c, all_modes[i], c->choices, chosen, 0);
}

static void unmatched(const struct library *library, const char *pattern, struct buffer *ret_error)
{
    struct nearest near = nearest_to(span_text(pattern));

    for (size_t i = 0; i < library->tree_count; i++)
        for (const struct tree_case *c = library->trees[i]->cases; c; c = c->next)
            nearest_offer(&near, c->name);
    buffer_print(ret_error, "no case matches '%s'", pattern);
    if (near.best)
        buffer_print(ret_error, "; did you mean '%s'?", near.best);
    buffer_print(ret_error, "\n");
}

bool plan_make(struct plan *p, const struct library *library, const struct run_options *options,
               struct buffer *ret_error)
{
    struct listing l = { .plan = p, .options = options };
    bool good = true;

    *p = (struct plan){ .arena = arena_new() };
    l.asked = memory_take((options->pattern_count + 1) * sizeof *l.asked);
    for (size_t i = 0; i < options->pattern_count; i++)
        l.asked[i] = asked_for(library, options->patterns[i]);
    for (size_t i = 0; i < library->tree_count; i++)
        for (const struct tree_case *c = library->trees[i]->cases; c && !l.too_many; c = c->next)
            add_case(&l, c);
    for (size_t i = 0; i < options->pattern_count && !l.too_many; i++)
        if (!l.asked[i].used) {
            unmatched(library, options->patterns[i], ret_error);
            good = false;
        }
    free(l.asked);
    if (l.too_many) {
        buffer_print(ret_error, "these cases have more than %d instances; name some of them\n",
                     INSTANCES_MAX);
        good = false;
    }
    if (!good)
        plan_free(p);
    return good;
}

static bool is_planned(const struct plan *p, const struct tree_case *c)
{
    for (size_t i = 0; i < p->count; i++)
        if (p->all[i].the_case == c)
            return true;
    return false;
}

void plan_add(struct plan *p, const struct library *library, const char *id)
{
    const struct run_options options = { 0 };
    struct listing l = { .plan = p, .options = &options, .room = p->count };

    for (size_t i = 0; i < library->tree_count; i++)
        for (const struct tree_case *c = library->trees[i]->cases; c && !l.too_many; c = c->next)
            if (cite_has(c, id) && !is_planned(p, c))
                add_case(&l, c);
}

void plan_free(struct plan *p)
{
    arena_free(p->arena);
    free(p->all);
    *p = (struct plan){ 0 };
}

/* ---- what has to be found out ---- */

static void want_context(const char **names, struct facts_wanted *wanted, struct arena *arena,
                         const struct value *v)
{
    const char *name;

    if (v->kind != VALUE_STRING || wanted->context_count == FACTS_CONTEXTS_MAX)
        return;
    name = arena_text(arena, v->bytes);
    for (size_t i = 0; i < wanted->context_count; i++)
        if (strcmp(names[i], name) == 0)
            return;
    names[wanted->context_count++] = name;
}

static void want_needs(const char **names, struct facts_wanted *wanted, struct arena *arena,
                       const struct need *n)
{
    for (; n; n = n->next) {
        if (strcmp(n->word, "context") == 0 && n->value)
            want_context(names, wanted, arena, n->value);
        if (strcmp(n->word, "connections") == 0)
            wanted->connections = true;
    }
}

void plan_wanted(const struct plan *p, struct facts_wanted *wanted)
{
    const char **names = ARENA_MANY(p->arena, const char *, FACTS_CONTEXTS_MAX);

    wanted->contexts = names;
    wanted->context_count = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct tree_case *c = p->all[i].the_case;

        if (i > 0 && p->all[i - 1].the_case == c)
            continue;
        want_needs(names, wanted, p->arena, c->needs);
        for (const struct choice *choice = c->choices; choice; choice = choice->next)
            want_needs(names, wanted, p->arena, choice->needs);
        for (const struct value *v = c->contexts ? c->contexts->first : NULL; v; v = v->next)
            want_context(names, wanted, p->arena, v);
    }
}
