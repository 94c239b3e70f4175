/* SPDX-License-Identifier: MIT */
#include "script/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "script/checker.h"
#include "script/play.h"
#include "wire/body.h"

enum { MISTAKES_MAX = 100, INSTANCES_MAX = 4096 };

/* ---- mistakes and names ---- */

bool check_goes_on(const struct checker *c)
{
    return c->mistakes <= MISTAKES_MAX;
}

void check_fail(struct checker *c, struct place where, const char *fmt, ...)
{
    char message[512];
    va_list ap;

    if (!check_goes_on(c))
        return;
    if (c->mistakes++ == MISTAKES_MAX) {
        diagnostic_error(c->d, where, "more than %d mistakes; the rest was not checked", MISTAKES_MAX);
        return;
    }
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    diagnostic_error(c->d, where, "%s", message);
}

void check_fail_unknown(struct checker *c, struct place where, const char *what, const char *word,
                        const struct nearest *nearest)
{
    if (nearest->best)
        check_fail(c, where, "unknown %s '%.60s'; did you mean '%s'?", what, word, nearest->best);
    else
        check_fail(c, where, "unknown %s '%.60s'", what, word);
}

static size_t names_find(const struct names *names, const char *name)
{
    size_t i = 0;

    while (i < names->count && strcmp(names->all[i], name) != 0)
        i++;
    return i;
}

bool names_has(const struct names *names, const char *name)
{
    return names_find(names, name) < names->count;
}

/* False when it is new and there are max already. */
static bool names_add(struct names *names, const char *name, size_t max)
{
    if (names_has(names, name))
        return true;
    if (names->count >= max)
        return false;
    names->all[names->count++] = name;
    return true;
}

static void names_remove(struct names *names, const char *name)
{
    names->all[names_find(names, name)] = names->all[names->count - 1];
    names->count--;
}

void check_define(struct checker *c, struct place where, const char *name)
{
    if (!names_add(&c->variables, name, CHECK_MAX_NAMES))
        check_fail(c, where, "a case has at most %d variables of its own", CHECK_MAX_NAMES);
}

static void offer_id(void *to, const char *id)
{
    nearest_offer(to, id);
}

static void citations(struct checker *c, const struct citation *cited)
{
    for (; cited && check_goes_on(c); cited = cited->next) {
        struct nearest nearest = nearest_to(span_text(cited->id));

        if (!c->rules || !c->rules->known || c->rules->known(c->rules->ctx, span_text(cited->id)))
            continue;
        if (c->rules->each)
            c->rules->each(c->rules->ctx, offer_id, &nearest);
        check_fail_unknown(c, cited->place, "requirement", cited->id, &nearest);
    }
}

/* ---- headers ---- */

static void known_need(struct checker *c, struct place where, const char *word)
{
    struct nearest nearest = nearest_to(span_text(word));

    if (words_need(span_text(word)))
        return;
    words_offer_needs(&nearest);
    check_fail_unknown(c, where, "need", word, &nearest);
}

static void need(struct checker *c, const struct need *n)
{
    const struct need_rule *rule = words_need(span_text(n->word));

    check_variables_in(c, n->place, n->word);
    check_each_word(c, n->place, n->word, known_need);
    if (!rule)
        return;
    if (rule->kind == NEED_PLAIN && n->value)
        check_fail(c, n->value->place, "nothing belongs behind '%s'", n->word);
    else if (rule->kind == NEED_COMPARED && (!n->value || n->comparison >= COMPARE_HAS))
        check_fail(c, n->place, "'%s' is compared with a number: %s>=4096", n->word, n->word);
    else if (rule->kind == NEED_COMPARED)
        check_number(c, n->value, NULL, ALLOW_ONE);
    else if (rule->kind == NEED_OPTION && (!n->value || n->comparison != COMPARE_EQUAL))
        check_fail(c, n->place, "an option's name belongs behind 'option'");
    else if (rule->kind == NEED_OPTION)
        check_number(c, n->value, &vocabulary_options, ALLOW_ONE);
    else if (rule->kind == NEED_CONTEXT && (!n->value || n->comparison != COMPARE_EQUAL))
        check_fail(c, n->place, "a context's name in quotes belongs behind 'context'");
    else if (rule->kind == NEED_CONTEXT)
        check_data(c, n->value, ALLOW_ONE);
    else if (rule->kind == NEED_TLS && (!n->value || n->comparison != COMPARE_EQUAL))
        check_fail(c, n->place, "a mode belongs behind '%s=': notls, forced, selective or any", n->word);
    else if (rule->kind == NEED_TLS)
        check_number(c, n->value, &words_tls_modes, ALLOW_ONE);
}

static void needs(struct checker *c, const struct need *n)
{
    for (; n && check_goes_on(c); n = n->next)
        need(c, n);
}

static bool is_number(const struct value *v)
{
    return v->kind == VALUE_NUMBER || v->kind == VALUE_VARIABLE || v->kind == VALUE_BINARY;
}

/* False when they multiply to so many instances that it makes no sense to go on. */
static bool choices(struct checker *c, const struct choice *choice)
{
    uint64_t instances = 1;

    for (; choice && check_goes_on(c); choice = choice->next) {
        uint64_t values = 0;

        if (names_has(&c->variables, choice->name))
            check_fail(c, choice->place, "'%.60s' is chosen twice", choice->name);
        for (const struct value *v = choice->values; v && check_goes_on(c); v = v->next) {
            values++;
            if (is_number(v))
                check_number(c, v, NULL, ALLOW_ONE);
            else if (v->kind != VALUE_WORD)
                check_data(c, v, ALLOW_ONE);
            else
                check_variables_in(c, v->place, v->text);
        }
        check_define(c, choice->place, choice->name);
        needs(c, choice->needs);
        instances = values * instances;
        if (instances > INSTANCES_MAX) {
            check_fail(c, choice->place, "a case has at most %d instances", INSTANCES_MAX);
            return false;
        }
    }
    return true;
}

static void headers(struct checker *c, const struct tree_case *the_case)
{
    needs(c, the_case->needs);
    if (the_case->export)
        check_data(c, the_case->export, ALLOW_ONE);
    for (const struct value *v = the_case->contexts ? the_case->contexts->first : NULL; v; v = v->next)
        check_data(c, v, ALLOW_ONE);
    for (const struct value *v = the_case->infos ? the_case->infos->first : NULL; v; v = v->next)
        check_number(c, v, &vocabulary_infos, ALLOW_ONE);
    if (the_case->window)
        check_number(c, the_case->window, NULL, ALLOW_ONE);
    if (the_case->window_at)
        check_number(c, the_case->window_at, NULL, ALLOW_ONE);
}

/* ---- what is sent ---- */

static bool writes(uint64_t type)
{
    const struct command_rules *rules = type <= UINT16_MAX ? command_rules_of((uint16_t)type) : NULL;

    return rules && rules->writes;
}

static void may_write(struct checker *c, struct place where, uint64_t type)
{
    if (writes(type) && !c->the_case->window)
        check_fail(c, where, "this alters the export, so the case needs a 'window'");
}

static void known_command(struct checker *c, struct place where, const char *name)
{
    const struct word *word = vocabulary_find(&vocabulary_commands, span_text(name));
    struct nearest nearest = nearest_to(span_text(name));

    if (word) {
        may_write(c, where, word->value);
        return;
    }
    words_offer_vocabulary(&vocabulary_commands, &nearest);
    check_fail_unknown(c, where, "command", name, &nearest);
}

static void connection(struct checker *c, const struct step *s)
{
    struct nearest nearest;

    if (!s->connection || names_has(&c->connections, s->connection))
        return;
    nearest = nearest_to(span_text(s->connection));
    for (size_t i = 0; i < c->connections.count; i++)
        nearest_offer(&nearest, c->connections.all[i]);
    check_fail_unknown(c, s->place, "connection", s->connection, &nearest);
}

static void label_given(struct checker *c, const struct step *s)
{
    if (!s->label)
        return;
    if (names_add(&c->labels, s->label, CHECK_MAX_LABELS))
        c->labels.connection[names_find(&c->labels, s->label)] = s->connection;
    else
        check_fail(c, s->place, "a case has at most %d labels", CHECK_MAX_LABELS);
}

/* True when the verb names a command, or will when it is played. */
static bool is_command(const struct frame *f)
{
    return strchr(f->verb, '$') || vocabulary_find(&vocabulary_commands, span_text(f->verb));
}

static void sent_subject(struct checker *c, const struct frame *f, const struct verb_rule *rule)
{
    const struct value *v = f->subject;

    if (!v)
        return;
    if (rule->subject == SUBJECT_RAW)
        check_data(c, v, ALLOW_ONE);
    else if (rule->subject != SUBJECT_FLAGS)
        check_number(c, v, rule->words, ALLOW_ONE);
    else if (v->kind != VALUE_WORD || strcmp(v->text, "offered") != 0)
        check_number(c, v, rule->words, ALLOW_EITHER);
    if (rule->words == &vocabulary_commands && v->kind == VALUE_NUMBER)
        may_write(c, f->place, v->number);
    if (rule->words == &vocabulary_commands && v->kind == VALUE_WORD)
        check_each_word(c, v->place, v->text, known_command);
}

static void sent(struct checker *c, const struct step *s)
{
    const struct frame *f = &s->frame;
    const struct verb_rule *rule = words_sent(span_text(f->verb));

    connection(c, s);
    if (is_command(f)) {
        check_variables_in(c, f->place, f->verb);
        check_each_word(c, f->place, f->verb, known_command);
    }
    sent_subject(c, f, rule);
    check_fields(c, f->fields, rule, f->verb);
    citations(c, s->breaks);
    label_given(c, s);
}

/* ---- what is expected ---- */

static bool is_text(const struct value *v, const char *text)
{
    return v->kind == VALUE_WORD && strcmp(v->text, text) == 0;
}

static void reply(struct checker *c, const struct frame *f)
{
    const struct value *v = f->subject;

    if (!is_text(v, "ERR"))
        check_number(c, v, &vocabulary_replies, ALLOW_ONE);
    if (!f->detail)
        return;
    if (v->kind == VALUE_WORD && !is_text(v, "INFO"))
        check_fail(c, f->detail->place, "only 'REP INFO' has a type of information behind it");
    else
        check_number(c, f->detail, &vocabulary_infos, ALLOW_ONE);
}

static void outcomes(struct checker *c, const struct step *s)
{
    for (const struct outcome *o = s->outcomes; o && check_goes_on(c); o = o->next) {
        const struct outcome alone = { .frame = o->frame };
        const struct verb_rule *rule = words_expected(span_text(o->frame.verb));

        if (rule->subject == SUBJECT_REPLY)
            reply(c, &o->frame);
        else if (o->frame.subject && rule->subject == SUBJECT_DATA)
            check_data(c, o->frame.subject, ALLOW_ONE);
        else if (o->frame.subject)
            check_number(c, o->frame.subject, rule->words, ALLOW_EITHER);
        check_predicates(c, o->frame.fields, &alone);
    }
}

static bool same_connection(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void label_used(struct checker *c, const struct step *s)
{
    struct nearest nearest;
    size_t at;

    if (!s->label)
        return;
    at = names_find(&c->labels, s->label);
    if (at < c->labels.count) {
        if (!same_connection(c->labels.connection[at], s->connection))
            check_fail(c, s->place, "the request '%.60s' was sent on another connection", s->label);
        return;
    }
    nearest = nearest_to(span_text(s->label));
    for (size_t i = 0; i < c->labels.count; i++)
        nearest_offer(&nearest, c->labels.all[i]);
    check_fail_unknown(c, s->place, "label", s->label, &nearest);
}

/* The name of replies that were saved above. */
static void saved(struct checker *c, struct place where, const char *name)
{
    struct nearest nearest;

    if (!name || names_has(&c->saved, name))
        return;
    nearest = nearest_to(span_text(name));
    for (size_t i = 0; i < c->saved.count; i++)
        nearest_offer(&nearest, c->saved.all[i]);
    if (nearest.best)
        check_fail(c, where, "no replies were saved 'as %.60s'; did you mean '%s'?", name, nearest.best);
    else
        check_fail(c, where, "no replies were saved 'as %.60s'", name);
}

static void expected(struct checker *c, const struct step *s)
{
    connection(c, s);
    label_used(c, s);
    outcomes(c, s);
    saved(c, s->place, s->same);
    if (s->save && !names_add(&c->saved, s->save, CHECK_MAX_NAMES))
        check_fail(c, s->place, "a case saves replies under at most %d names", CHECK_MAX_NAMES);
    citations(c, s->by);
    citations(c, s->watches);
    for (const struct demand *d = s->demands; d && check_goes_on(c); d = d->next) {
        check_predicates(c, d->fields, s->outcomes);
        citations(c, d->by);
    }
}

/* ---- steps and cases ---- */

static void connect_step(struct checker *c, const struct step *s)
{
    check_fields(c, s->fields, words_connect(), "connect");
    if (!names_add(&c->connections, s->variable, PLAY_MAX_CONNECTIONS - 1))
        check_fail(c, s->place, "a case has at most %d connections", PLAY_MAX_CONNECTIONS);
}

static void steps(struct checker *c, const struct step *s);

/* A body with a variable of its own, which is known in it alone. */
static void loop(struct checker *c, const struct step *s)
{
    bool hides = names_has(&c->variables, s->variable);

    check_define(c, s->place, s->variable);
    steps(c, s->body);
    if (!hides && names_has(&c->variables, s->variable))
        names_remove(&c->variables, s->variable);
}

static void steps(struct checker *c, const struct step *s)
{
    for (; s && check_goes_on(c); s = s->next) {
        switch (s->kind) {
        case STEP_SEND:
            sent(c, s);
            break;
        case STEP_SEGMENT:
        case STEP_UNORDERED:
            connection(c, s);
            steps(c, s->body);
            break;
        case STEP_EXPECT:
            expected(c, s);
            break;
        case STEP_EACH:
            saved(c, s->place, s->list);
            loop(c, s);
            break;
        case STEP_REPEAT:
            loop(c, s);
            break;
        case STEP_CONNECT:
            connect_step(c, s);
            break;
        case STEP_CANARY:
        case STEP_PAUSE:
            break;
        }
    }
}

static void check_case(struct checker *c, const struct tree *t, const struct tree_case *the_case)
{
    for (const struct tree_case *other = t->cases; other != the_case; other = other->next)
        if (strcmp(other->name, the_case->name) == 0) {
            check_fail(c, the_case->place, "this file already has a case '%.60s'", the_case->name);
            break;
        }
    c->the_case = the_case;
    c->variables.count = c->labels.count = c->saved.count = c->connections.count = 0;
    if (!choices(c, the_case->choices))
        return;
    headers(c, the_case);
    steps(c, the_case->steps);
}

void check_tree(const struct tree *t, const struct check_rules *rules, struct diagnostics *d)
{
    struct checker c = { .rules = rules, .d = d };

    for (const struct tree_case *the_case = t->cases; the_case && check_goes_on(&c);
         the_case = the_case->next)
        check_case(&c, t, the_case);
}
