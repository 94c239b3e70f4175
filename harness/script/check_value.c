/* SPDX-License-Identifier: MIT */
/* The checker: words, values, fields and predicates, each against what its place allows. */
#include <inttypes.h>
#include <stdio.h>

#include "script/checker.h"

enum {
    WORD_MAX = 128, /* bytes of a word with its variables replaced */
    EXPANDED_MAX =
        100000, /* words of choices that are looked up; so many lines were hardly written by hand */
};

/* ---- variables ---- */

static void defined(struct checker *c, struct place where, const char *name)
{
    struct nearest nearest = nearest_to(span_text(name));

    if (vocabulary_find(&words_variables, span_text(name)) || names_has(&c->variables, name))
        return;
    words_offer_vocabulary(&words_variables, &nearest);
    for (size_t i = 0; i < c->variables.count; i++)
        nearest_offer(&nearest, c->variables.all[i]);
    check_fail_unknown(c, where, "variable", name, &nearest);
}

/* Takes the next $NAME out of a text: ret is the name, the result what stands behind; NULL when there is
 * none. */
static const char *next_variable(const char *text, char ret[WORD_MAX])
{
    const char *at = strchr(text, '$');
    size_t len;

    if (!at)
        return NULL;
    len = strcspn(++at, "$");
    snprintf(ret, WORD_MAX, "%.*s", (int)(len < WORD_MAX ? len : WORD_MAX - 1), at);
    return at + len;
}

void check_variables_in(struct checker *c, struct place where, const char *text)
{
    char name[WORD_MAX];

    while ((text = next_variable(text, name)))
        defined(c, where, name);
}

static const struct choice *choice_named(const struct checker *c, const char *name)
{
    for (const struct choice *choice = c->the_case->choices; choice; choice = choice->next)
        if (strcmp(choice->name, name) == 0)
            return choice;
    return NULL;
}

void check_each_word(struct checker *c, struct place where, const char *text,
                     void (*seen)(struct checker *c, struct place where, const char *word))
{
    char name[WORD_MAX], word[WORD_MAX];
    const char *rest = next_variable(text, name);
    const struct choice *choice = rest ? choice_named(c, name) : NULL;

    if (!rest)
        seen(c, where, text);
    if (!choice || *rest)
        return; /* known only when it is played */
    for (const struct value *v = choice->values; v && check_goes_on(c) && c->expanded < EXPANDED_MAX;
         v = v->next) {
        c->expanded++;
        if (v->kind != VALUE_WORD)
            continue;
        snprintf(word, sizeof word, "%.*s%s", (int)(strcspn(text, "$") % WORD_MAX), text, v->text);
        seen(c, where, word);
    }
}

/* ---- numbers ---- */

static void in_vocabulary(struct checker *c, struct place where, const char *word,
                          const struct vocabulary *words)
{
    struct nearest nearest = nearest_to(span_text(word));

    if (vocabulary_find(words, span_text(word)))
        return;
    words_offer_vocabulary(words, &nearest);
    check_fail_unknown(c, where, words->what, word, &nearest);
}

static void word(struct checker *c, const struct value *v, const struct vocabulary *words)
{
    struct nearest nearest = nearest_to(span_text(v->text));

    if (strchr(v->text, '$')) {
        check_variables_in(c, v->place, v->text);
        return;
    }
    if (words) {
        in_vocabulary(c, v->place, v->text, words);
        return;
    }
    words_offer_vocabulary(&words_variables, &nearest);
    for (size_t i = 0; i < c->variables.count; i++)
        nearest_offer(&nearest, c->variables.all[i]);
    if (nearest.best)
        check_fail(c, v->place, "expected a number, not the word '%.60s'; did you mean '$%s'?", v->text,
                   nearest.best);
    else
        check_fail(c, v->place, "expected a number, not the word '%.60s'", v->text);
}

/* A variable of a `for` that runs over words has to run over words of the vocabulary. */
static void variable(struct checker *c, const struct value *v, const struct vocabulary *words)
{
    const struct choice *choice = choice_named(c, v->text);

    defined(c, v->place, v->text);
    for (const struct value *item = choice && words ? choice->values : NULL;
         item && check_goes_on(c) && c->expanded < EXPANDED_MAX; item = item->next) {
        c->expanded++;
        if (item->kind == VALUE_WORD)
            in_vocabulary(c, item->place, item->text, words);
    }
}

static void bind(struct checker *c, const struct value *v, unsigned allow)
{
    if (!(allow & ALLOW_BIND))
        check_fail(c, v->place, "'?%.60s' takes a value seen: it stands alone behind '=' in an expectation",
                   v->text);
}

static void either(struct checker *c, const struct value *v, unsigned allow)
{
    if (!(allow & ALLOW_EITHER))
        check_fail(c, v->place, "there is one value here, not one of several");
}

void check_number(struct checker *c, const struct value *v, const struct vocabulary *words, unsigned allow)
{
    switch (v->kind) {
    case VALUE_NUMBER:
        break;
    case VALUE_WORD:
        word(c, v, words);
        break;
    case VALUE_VARIABLE:
        variable(c, v, words);
        break;
    case VALUE_BIND:
        bind(c, v, allow);
        break;
    case VALUE_BINARY:
        check_number(c, v->left, NULL, ALLOW_ONE);
        check_number(c, v->right, NULL, ALLOW_ONE);
        break;
    case VALUE_EITHER:
        either(c, v, allow);
        for (const struct value *item = v->first; item && check_goes_on(c); item = item->next)
            check_number(c, item, words, ALLOW_ONE);
        break;
    case VALUE_STRING:
    case VALUE_LIST:
    case VALUE_CALL:
    case VALUE_SLICE:
    case VALUE_JOINED:
        check_fail(c, v->place, "expected a number%s%s, not data", words ? " or the name of a " : "",
                   words ? words->what : "");
        break;
    }
}

/* ---- data ---- */

static bool is_hex(struct span text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] == '\0' || !strchr("0123456789abcdefABCDEF", text.at[i]))
            return false;
    return text.len % 2 == 0;
}

static void call(struct checker *c, const struct value *v)
{
    const struct function_rule *rule = words_function(span_text(v->text));
    const struct value *argument = v->first;

    if (!rule || rule->argument == FUNCTION_NOTHING)
        return; /* the parser knows them */
    if (!argument || argument->next) {
        check_fail(c, v->place, "'%s' takes one value", v->text);
        return;
    }
    if (rule->argument == FUNCTION_HEX) {
        if (argument->kind != VALUE_STRING || !is_hex(argument->bytes))
            check_fail(c, argument->place, "expected a string of pairs of hexadecimal digits");
        return;
    }
    if (rule->argument == FUNCTION_DATA) {
        check_data(c, argument, ALLOW_ONE);
        return;
    }
    check_number(c, argument, NULL, ALLOW_ONE);
    if (argument->kind == VALUE_NUMBER && rule->bits > 0 && rule->bits < 64 &&
        argument->number >> rule->bits != 0)
        check_fail(c, argument->place, "%" PRIu64 " does not fit into %u bits", argument->number, rule->bits);
}

static void slice(struct checker *c, const struct value *v)
{
    check_data(c, v->left, ALLOW_ONE);
    if (v->from)
        check_number(c, v->from, NULL, ALLOW_ONE);
    if (v->to)
        check_number(c, v->to, NULL, ALLOW_ONE);
    if (v->from && v->to && v->from->kind == VALUE_NUMBER && v->to->kind == VALUE_NUMBER &&
        v->from->number > v->to->number)
        check_fail(c, v->place, "the slice ends before it begins");
}

void check_data(struct checker *c, const struct value *v, unsigned allow)
{
    struct nearest nearest;

    switch (v->kind) {
    case VALUE_STRING:
        break;
    case VALUE_CALL:
        call(c, v);
        break;
    case VALUE_SLICE:
        slice(c, v);
        break;
    case VALUE_VARIABLE:
        defined(c, v->place, v->text);
        break;
    case VALUE_BIND:
        bind(c, v, allow);
        break;
    case VALUE_EITHER:
        either(c, v, allow);
        for (const struct value *item = v->first; item && check_goes_on(c); item = item->next)
            check_data(c, item, ALLOW_ONE);
        break;
    case VALUE_JOINED:
        for (const struct value *item = v->first; item && check_goes_on(c); item = item->next)
            check_data(c, item, ALLOW_ONE);
        break;
    case VALUE_WORD:
        nearest = nearest_to(span_text(v->text));
        words_offer_functions(&nearest);
        check_fail_unknown(c, v->place, "kind of data", v->text, &nearest);
        break;
    case VALUE_NUMBER:
    case VALUE_BINARY:
        check_fail(c, v->place, "a number among data needs a width: be16(), be32() or be64()");
        break;
    case VALUE_LIST:
        check_fail(c, v->place, "expected data, not a list");
        break;
    }
}

/* ---- fields ---- */

static void query_fields(struct checker *c, const struct field *f, bool may_have_length)
{
    for (; f && check_goes_on(c); f = f->next) {
        if (may_have_length && strcmp(f->name, "length") == 0)
            check_number(c, f->value, NULL, ALLOW_ONE);
        else
            check_fail(c, f->place, "an item of this list has no field '%.60s'", f->name);
    }
}

static void list(struct checker *c, const struct value *v, const struct field_rule *rule)
{
    bool queries = rule->kind == FIELD_QUERIES;

    if (v->kind != VALUE_LIST) {
        check_fail(c, v->place, "expected a list in parentheses");
        return;
    }
    for (const struct value *item = v->first; item && check_goes_on(c); item = item->next) {
        if (queries)
            check_data(c, item, ALLOW_ONE);
        else
            check_number(c, item, rule->words, ALLOW_ONE);
        query_fields(c, item->fields, queries);
    }
}

static void value_of(struct checker *c, const struct value *v, const struct field_rule *rule, unsigned allow)
{
    switch (rule->kind) {
    case FIELD_NUMBER:
    case FIELD_WORD:
        check_number(c, v, rule->words, allow);
        break;
    case FIELD_FLAGS:
        check_number(c, v, rule->words, allow | ALLOW_EITHER);
        break;
    case FIELD_DATA:
        check_data(c, v, allow);
        break;
    case FIELD_INFOS:
    case FIELD_QUERIES:
        list(c, v, rule);
        break;
    }
}

static void no_such_field(struct checker *c, const struct field *f, const struct verb_rule *rule,
                          const char *verb)
{
    struct nearest nearest = nearest_to(span_text(f->name));

    words_offer_fields(rule, &nearest);
    if (nearest.best)
        check_fail(c, f->place, "'%.60s' has no field '%.60s'; did you mean '%s'?", verb, f->name,
                   nearest.best);
    else
        check_fail(c, f->place, "'%.60s' has no field '%.60s'", verb, f->name);
}

static bool given_before(const struct field *first, const struct field *f)
{
    for (; first != f; first = first->next)
        if (strcmp(first->name, f->name) == 0)
            return true;
    return false;
}

void check_fields(struct checker *c, const struct field *f, const struct verb_rule *rule, const char *verb)
{
    for (const struct field *first = f; f && check_goes_on(c); f = f->next) {
        const struct field_rule *field = words_field(rule, span_text(f->name));

        if (!field)
            no_such_field(c, f, rule, verb);
        else if (given_before(first, f))
            check_fail(c, f->place, "'%s' is given twice", f->name);
        else
            value_of(c, f->value, field, ALLOW_ONE);
    }
}

/* The field of the first outcome that has it. */
static const struct field_rule *field_of(const struct outcome *o, const char *name)
{
    const struct field_rule *field = NULL;

    for (; o && !field; o = o->next)
        field = words_field(words_expected(span_text(o->frame.verb)), span_text(name));
    return field;
}

static bool is_order(enum comparison comparison)
{
    return comparison == COMPARE_LESS || comparison == COMPARE_AT_MOST || comparison == COMPARE_MORE ||
           comparison == COMPARE_AT_LEAST;
}

static void predicate(struct checker *c, const struct field *f, const struct field_rule *rule)
{
    bool of_flags = f->comparison == COMPARE_HAS || f->comparison == COMPARE_LACKS;
    unsigned allow = ALLOW_ONE;

    if (of_flags && rule->kind != FIELD_FLAGS)
        check_fail(c, f->place, "'has' and 'lacks' are for flags; '%s' has none", f->name);
    else if (is_order(f->comparison) && rule->kind != FIELD_NUMBER)
        check_fail(c, f->place, "'%s' is no number: it is compared with = and != only", f->name);
    if (f->comparison == COMPARE_EQUAL)
        allow = ALLOW_EITHER | ALLOW_BIND;
    else if (f->comparison == COMPARE_NOT_EQUAL)
        allow = ALLOW_EITHER;
    value_of(c, f->value, rule, allow);
    if (f->value->kind == VALUE_BIND)
        check_define(c, f->value->place, f->value->text);
}

void check_predicates(struct checker *c, const struct field *f, const struct outcome *outcomes)
{
    const char *verb = outcomes->frame.verb;

    for (; f && check_goes_on(c); f = f->next) {
        const struct field_rule *rule = field_of(outcomes, f->name);

        if (rule)
            predicate(c, f, rule);
        else
            no_such_field(c, f, words_expected(span_text(verb)), verb);
    }
}
