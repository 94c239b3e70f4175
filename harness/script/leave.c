/* SPDX-License-Identifier: MIT */
/* How a case ends: canary and goodbye, written as the steps that a case would have for them. */
#include "script/machine.h"
#include "wire/vocabulary.h"

static struct value *number(struct arena *a, uint64_t n)
{
    struct value *v = ARENA_NEW(a, struct value);

    v->kind = VALUE_NUMBER;
    v->number = n;
    return v;
}

static struct value *word(struct arena *a, const char *text)
{
    struct value *v = ARENA_NEW(a, struct value);

    v->kind = VALUE_WORD;
    v->text = text;
    return v;
}

static struct value *text(struct arena *a, const char *bytes)
{
    struct value *v = ARENA_NEW(a, struct value);

    v->kind = VALUE_STRING;
    v->bytes = span_text(bytes);
    return v;
}

static void add_field(struct arena *a, struct frame *f, const char *name, struct value *value)
{
    struct field *field = ARENA_NEW(a, struct field);

    field->name = name;
    field->value = value;
    field->next = f->fields;
    f->fields = field;
}

static struct step *sending(struct arena *a, const struct connection *c, const char *verb,
                            struct value *subject)
{
    struct step *s = ARENA_NEW(a, struct step);

    s->kind = STEP_SEND;
    s->connection = c->name;
    s->frame.verb = verb;
    s->frame.subject = subject;
    return s;
}

/* S: either | or by rule; or and rule may be NULL. */
static struct step *expecting(struct arena *a, const struct connection *c, struct outcome *either,
                              struct outcome * or, const char *rule)
{
    struct step *s = ARENA_NEW(a, struct step);

    s->kind = STEP_EXPECT;
    s->connection = c->name;
    s->outcomes = either;
    either->next = or ;
    if (rule) {
        s->by = ARENA_NEW(a, struct citation);
        s->by->id = rule;
    }
    return s;
}

static struct outcome *outcome(struct arena *a, const char *verb, struct value *subject)
{
    struct outcome *o = ARENA_NEW(a, struct outcome);

    o->frame.verb = verb;
    o->frame.subject = subject;
    return o;
}

static bool fixed_newstyle(const struct connection *c)
{
    return (session_negotiated(c->session)->client_flags & NBD_FLAG_C_FIXED_NEWSTYLE) != 0;
}

static uint64_t variable(const struct play *p, const char *name, uint64_t otherwise)
{
    const struct bound *b = environment_find(&p->variables, name);

    return b && b->kind == BOUND_NUMBER ? b->number : otherwise;
}

/* An option that no server knows: any final answer to it will do.  Of what the server makes of the option
 * before it, baseline.unknown-option.in-step speaks only where that one is unknown, too. */
static const struct step *option_canary(struct arena *a, const struct connection *c)
{
    struct step *s = sending(a, c, "OPT", number(a, 0x6e756c6c));

    add_field(a, &s->frame, "data", text(a, "null"));
    s->next =
        expecting(a, c, outcome(a, "REP", word(a, "ACK")), outcome(a, "REP", word(a, "ERR")),
                  vocabulary_name(&vocabulary_options, c->last_option) ? "rep.every-option-answered"
                                                                       : "baseline.unknown-option.in-step");
    return s;
}

static const struct step *read_canary(struct play *p, const struct connection *c)
{
    uint64_t block = variable(p, "block", 1), base = variable(p, "base", 0);
    uint64_t size = session_negotiated(c->session)->size;
    struct step *s;

    if (size < block)
        return NULL;
    if (base > size - block)
        base = 0;
    s = sending(p->scratch, c, "READ", NULL);
    add_field(p->scratch, &s->frame, "length", number(p->scratch, block));
    add_field(p->scratch, &s->frame, "offset", number(p->scratch, base));
    s->next = expecting(p->scratch, c, outcome(p->scratch, "DATA", NULL), NULL, NULL);
    return s;
}

const struct step *leave_canary(struct play *p, struct connection *c)
{
    if (!connection_can_talk(c))
        return NULL;
    switch (session_phase(c->session)) {
    case PHASE_HAGGLING:
        return fixed_newstyle(c) ? option_canary(p->scratch, c) : NULL;
    case PHASE_TRANSMISSION:
        return read_canary(p, c);
    case PHASE_GREETING:
    case PHASE_CLIENT_FLAGS:
    case PHASE_STARTTLS:
    case PHASE_ENDED:
        break;
    }
    return NULL;
}

const struct step *leave_goodbye(struct play *p, struct connection *c)
{
    struct arena *a = p->scratch;
    struct step *s, *closing;

    closing = expecting(a, c, outcome(a, "close", NULL), NULL, "cmd.disc.closes-connection");
    if (c->life == LIFE_OPEN && c->disc)
        return closing;
    if (!connection_can_talk(c))
        return NULL;
    switch (session_phase(c->session)) {
    case PHASE_TRANSMISSION:
        c->goodbye = true;
        s = sending(a, c, "DISC", NULL);
        s->next = closing;
        return s;
    case PHASE_HAGGLING:
        if (!fixed_newstyle(c))
            return NULL;
        s = sending(a, c, "OPT", word(a, "ABORT"));
        s->next =
            expecting(a, c, outcome(a, "REP", word(a, "ACK")), outcome(a, "close", NULL), "opt.abort.ack");
        if (p->setup->tls_mode == TLS_MODE_FORCED) /* lines 524 and 585: ABORT is exempt, or it is not */
            s->next->outcomes->next->next = outcome(a, "REP", word(a, "ERR_TLS_REQD"));
        return s;
    case PHASE_GREETING:
    case PHASE_CLIENT_FLAGS:
    case PHASE_STARTTLS:
    case PHASE_ENDED:
        break;
    }
    return NULL;
}
