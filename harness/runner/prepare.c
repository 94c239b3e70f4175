/* SPDX-License-Identifier: MIT */
/* An instance and the facts: variables, needs, the window. */
#include <string.h>

#include "runner/need.h"
#include "runner/plan.h"
#include "script/print.h"

enum { WINDOW_ALIGNMENT = 64 * 1024 };

/* What is being prepared. */
struct preparation {
    const struct planned *planned;
    const struct facts *facts;
    struct arena *arena;
    struct prepared *ret;
    const char **ret_reason;
};

static enum plan_outcome skip(const struct preparation *p, const char *reason)
{
    *p->ret_reason = reason;
    return PLAN_SKIP;
}

static enum plan_outcome mistake(const struct preparation *p, const char *reason)
{
    *p->ret_reason = arena_print(p->arena, "%s", reason);
    return PLAN_MISTAKE;
}

static void bind_facts(const struct preparation *p)
{
    struct environment *e = &p->ret->variables;
    const struct facts *f = p->facts;

    environment_set_number(e, "size", f->size);
    environment_set_number(e, "block", facts_unit(f));
    environment_set_number(e, "min_block", f->block_size.minimum);
    environment_set_number(e, "preferred_block", f->block_size.preferred);
    environment_set_number(e, "max_payload", f->block_size.maximum);
    environment_set_number(e, "flags", p->ret->transmission_flags);
    environment_set(
        e, (struct bound){ .name = "tls_only", .kind = BOUND_BYTES, .bytes = span_text(f->tls_only) });
    environment_set(e,
                    (struct bound){ .name = "another", .kind = BOUND_BYTES, .bytes = span_text(f->another) });
    environment_set(e,
                    (struct bound){ .name = "export", .kind = BOUND_BYTES, .bytes = span_text(f->export) });
}

/* The export that the case names takes the place of the run's. */
static bool bind_export(const struct preparation *p, struct value_error *error)
{
    const struct value *export = p->planned->the_case->export;
    struct bound b = { .name = "export", .kind = BOUND_BYTES };
    struct buffer name;
    bool good;

    if (!export)
        return true;
    buffer_init(&name, NBD_MAX_STRING * 2);
    good = value_data(export, &p->ret->variables, 0, UINT64_MAX, &name, error);
    b.bytes = span_of(arena_copy(p->arena, buffer_text(&name), name.len + 1), name.len);
    buffer_free(&name);
    if (good)
        environment_assign(&p->ret->variables, b);
    return good;
}

static bool bind_choice(const struct preparation *p, const char *name, const struct value *v,
                        struct value_error *error)
{
    struct environment *e = &p->ret->variables;
    struct bound b = { .name = name, .kind = BOUND_WORD };
    struct buffer text;

    switch (v->kind) {
    case VALUE_WORD:
        b.word = value_word(v->text, e, p->arena);
        if (!b.word) {
            *error = (struct value_error){ v->place, "a variable in it is not known" };
            return false;
        }
        return environment_set(e, b);
    case VALUE_STRING:
        b.kind = BOUND_BYTES;
        b.bytes = v->bytes;
        return environment_set(e, b);
    case VALUE_EITHER: /* flags stay what is written: whose they are shows where they are used */
        buffer_init(&text, 256);
        print_value(v, &text);
        b.word = arena_print(p->arena, "%s", buffer_text(&text));
        buffer_free(&text);
        return environment_set(e, b);
    case VALUE_NUMBER:
    case VALUE_VARIABLE:
    case VALUE_BIND:
    case VALUE_BINARY:
    case VALUE_LIST:
    case VALUE_CALL:
    case VALUE_SLICE:
    case VALUE_JOINED:
        break;
    }
    b.kind = BOUND_NUMBER;
    return value_number(v, e, NULL, &b.number, error) && environment_set(e, b);
}

static bool bind_choices(const struct preparation *p, struct value_error *error)
{
    size_t i = 0;

    for (const struct choice *c = p->planned->the_case->choices; c; c = c->next, i++)
        if (!bind_choice(p, c->name, p->planned->chosen[i], error))
            return false;
    return true;
}

static enum plan_outcome check_needs(const struct preparation *p, bool read_only)
{
    const struct tree_case *c = p->planned->the_case;
    const struct need_ground ground = { p->facts, p->ret->transmission_flags, read_only, &p->ret->variables };
    enum need_outcome outcome = needs_met(c->needs, &ground, p->arena, p->ret_reason);

    for (const struct choice *choice = c->choices; outcome == NEED_MET && choice; choice = choice->next)
        outcome = needs_met(choice->needs, &ground, p->arena, p->ret_reason);
    switch (outcome) {
    case NEED_MET:
        return PLAN_READY;
    case NEED_UNMET:
        return PLAN_SKIP;
    case NEED_MISTAKE:
        break;
    }
    return PLAN_MISTAKE;
}

static bool uses_tls(const struct step *s)
{
    for (; s; s = s->next)
        if ((s->kind == STEP_SEND && strcmp(s->frame.verb, "tls") == 0) || uses_tls(s->body))
            return true;
    return false;
}

static bool sends_export_name(const struct step *steps)
{
    for (const struct step *s = steps; s; s = s->next) {
        const struct value *subject = s->frame.subject;

        if (sends_export_name(s->body))
            return true;
        if (s->kind == STEP_SEND && strcmp(s->frame.verb, "OPT") == 0 && subject &&
            subject->kind == VALUE_WORD && strcmp(subject->text, "EXPORT_NAME") == 0)
            return true;
    }
    return false;
}

/* EXPORT_NAME is no way in for a client with extended headers.  GO is refused well, and the play sees it. */
static bool needs_compact(const struct planned *planned)
{
    bool starts_compact = planned->the_case->start == START_TRANSMISSION && planned->mode != MODE_EXTENDED;

    return starts_compact || sends_export_name(planned->the_case->steps);
}

static enum plan_outcome check_mode(const struct preparation *p)
{
    if (!p->facts->tls_known && uses_tls(p->planned->the_case->steps))
        return skip(p, "needs credentials for TLS (--tls-psk, --tls-certificates)");
    if (p->facts->secured && p->facts->tls_broken && p->planned->the_case->start >= START_OPTIONS)
        return skip(p, "no way into TLS was found");
    if (p->facts->greeting_incomplete && p->planned->the_case->start != START_CONNECT)
        return skip(p, "the greeting is incomplete");
    if (p->facts->oldstyle &&
        (p->planned->the_case->start == START_GREETING || p->planned->the_case->start == START_OPTIONS))
        return skip(p, "the server greets in oldstyle, which has neither client flags nor options");
    if (p->facts->no_way_in && p->planned->the_case->start == START_TRANSMISSION)
        return skip(p, "no way into transmission was found");
    if (p->facts->compact_refused && needs_compact(p->planned))
        return skip(p, "the server insists on extended headers");
    if (p->planned->mode == MODE_STRUCTURED && !p->facts->structured)
        return skip(p, "mode structured is not granted");
    if (p->planned->mode == MODE_EXTENDED && !p->facts->extended)
        return skip(p, "mode extended is not granted");
    return PLAN_READY;
}

/* The contexts that the case's way in selects.  One that ends in a colon asks for all of a namespace. */
static enum plan_outcome check_contexts(const struct preparation *p)
{
    const struct value *contexts = p->planned->the_case->contexts;

    for (const struct value *v = contexts ? contexts->first : NULL; v; v = v->next) {
        const char *name;

        if (v->kind != VALUE_STRING || v->bytes.len == 0 || v->bytes.at[v->bytes.len - 1] == ':')
            continue;
        name = arena_text(p->arena, v->bytes);
        if (!facts_has_context(p->facts, name))
            return skip(p, arena_print(p->arena, "needs context \"%s\"", name));
    }
    return PLAN_READY;
}

/* The first multiple of the preferred block and of 64K that is not 0, where the window still fits; else 0. */
static bool place_window(const struct facts *f, uint64_t window, uint64_t *ret_base)
{
    uint64_t unit = f->block_size.preferred;

    if (unit < WINDOW_ALIGNMENT)
        unit = WINDOW_ALIGNMENT;
    if (window > f->size)
        return false;
    *ret_base = f->size - window >= unit ? unit : 0;
    return true;
}

static enum plan_outcome prepare_window(const struct preparation *p)
{
    const struct tree_case *c = p->planned->the_case;
    struct prepared *ret = p->ret;
    struct value_error error;

    /* Without a window there is still a place to read from. */
    ret->has_window = c->window != NULL;
    if (c->window && !value_number(c->window, &ret->variables, NULL, &ret->window, &error))
        return mistake(p, error.reason);
    if (!place_window(p->facts, ret->window, &ret->base))
        return skip(p, "size: the window does not fit");
    if (c->window_at && !value_number(c->window_at, &ret->variables, NULL, &ret->base, &error))
        return mistake(p, error.reason);
    if (ret->base > p->facts->size - ret->window)
        return skip(p, "size: the window does not fit");
    if (c->window_at_tail)
        ret->base = p->facts->size - ret->window;
    if (c->window_at_tail && ret->base % facts_unit(p->facts) != 0)
        return skip(p, "size: the end of the export is not a multiple of the minimum block size");
    environment_set_number(&ret->variables, "window", ret->window);
    environment_set_number(&ret->variables, "base", ret->base);
    return PLAN_READY;
}

/* Cases that do not reach transmission are told what structured replies give. */
static uint16_t flags_in(const struct facts *f, enum mode mode)
{
    switch (mode) {
    case MODE_SIMPLE:
        return f->flags_simple;
    case MODE_EXTENDED:
        return f->flags_extended;
    case MODE_STRUCTURED:
        break;
    }
    return f->flags_structured;
}

enum plan_outcome plan_prepare(const struct planned *planned, const struct facts *facts, bool read_only,
                               struct arena *arena, struct prepared *ret, const char **ret_reason)
{
    const struct preparation p = { planned, facts, arena, ret, ret_reason };
    struct value_error error;
    enum plan_outcome outcome;

    *ret = (struct prepared){ 0 };
    ret->transmission_flags = flags_in(facts, planned->mode);
    bind_facts(&p);
    if (!bind_choices(&p, &error) || !bind_export(&p, &error))
        return mistake(&p, error.reason);
    outcome = check_mode(&p);
    if (outcome == PLAN_READY && read_only && planned->the_case->window)
        outcome = skip(&p, "needs writing (--read-only)");
    if (outcome == PLAN_READY)
        outcome = check_needs(&p, read_only);
    if (outcome == PLAN_READY)
        outcome = check_contexts(&p);
    if (outcome == PLAN_READY)
        outcome = prepare_window(&p);
    return outcome;
}
