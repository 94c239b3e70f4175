/* SPDX-License-Identifier: MIT */
/* The parser: values, from numbers and words to arithmetic and joined data, and the fields and predicates
 * that hold them. */
#include "script/parser.h"
#include "script/words.h"

enum { OPERATORS_MAX = 64 }; /* in one expression: they nest */

static struct value *new_value(struct parser *p, enum value_kind kind, struct place place)
{
    struct value *v = ARENA_NEW(p->arena, struct value);

    v->kind = kind;
    v->place = place;
    return v;
}

/* From the beginning of one place to the end of another. */
static struct place place_through(struct place from, struct place to)
{
    from.len = to.at + to.len - from.at;
    return from;
}

static bool enter(struct parser *p)
{
    if (++p->depth > SCRIPT_MAX_DEPTH)
        parser_fail(p, parser_peek(p).place, "parentheses are nested more than %d deep", SCRIPT_MAX_DEPTH);
    return !p->bad;
}

static void leave(struct parser *p)
{
    p->depth--;
}

static bool is_operator(struct token token, const char *text)
{
    return token.kind == TOKEN_OPERATOR && span_equal(token.text, span_text(text));
}

static bool is_word(struct token token, const char *text)
{
    return token.kind == TOKEN_WORD && span_equal(token.text, span_text(text));
}

static const struct {
    const char *text;
    enum comparison comparison;
} comparisons[] = {
    { "=", COMPARE_EQUAL }, { "!=", COMPARE_NOT_EQUAL }, { "<", COMPARE_LESS },  { "<=", COMPARE_AT_MOST },
    { ">", COMPARE_MORE },  { ">=", COMPARE_AT_LEAST },  { "has", COMPARE_HAS }, { "lacks", COMPARE_LACKS },
};

static bool is_comparison(struct token token, enum comparison *ret)
{
    for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++)
        if (is_operator(token, comparisons[i].text) || is_word(token, comparisons[i].text)) {
            *ret = comparisons[i].comparison;
            return true;
        }
    return false;
}

bool parse_comparison(struct parser *p, enum comparison *ret)
{
    if (!is_comparison(parser_peek(p), ret))
        return false;
    parser_take(p);
    return true;
}

/* ---- terms ---- */

static bool begins_call(struct parser *p)
{
    struct token name = parser_peek(p), after = parser_peek_second(p);

    return name.kind == TOKEN_WORD && is_operator(after, "(") &&
           after.place.at == name.place.at + name.place.len;
}

static struct value *call(struct parser *p)
{
    struct token name = parser_peek(p);
    const struct function_rule *rule = words_function(name.text);
    struct value *v = new_value(p, VALUE_CALL, name.place), **tail = &v->first;

    if (words_not_yet(name.text)) {
        parser_fail_not_yet(p, &name);
        return NULL;
    }
    if (!rule) {
        struct nearest nearest = nearest_to(name.text);

        words_offer_functions(&nearest);
        parser_fail_unknown(p, &name, "kind of data", &nearest);
        return NULL;
    }
    parser_take(p);
    v->text = rule->name;
    if (rule->argument == FUNCTION_NOTHING || !enter(p))
        return v;
    parser_expect(p, "(");
    do {
        *tail = parse_term(p);
        if (*tail)
            tail = &(*tail)->next;
    } while (parser_take_if(p, ","));
    v->place = place_through(v->place, parser_peek(p).place);
    parser_expect(p, ")");
    leave(p);
    return v;
}

static struct value *string(struct parser *p)
{
    struct token token = parser_take(p);
    struct value *v = new_value(p, VALUE_STRING, token.place);
    uint8_t *bytes = arena_take(p->arena, token.text.len + 1);

    v->bytes = span_of(bytes, lex_unescape(token.text, bytes));
    return v;
}

/* of[from..to]; without the brackets it is just `of`. */
static struct value *sliced(struct parser *p, struct value *of)
{
    struct value *v;

    if (!of || !parser_at(p, "["))
        return of;
    v = new_value(p, VALUE_SLICE, of->place);
    v->left = of;
    if (!enter(p))
        return NULL;
    parser_expect(p, "[");
    if (!parser_at(p, ".."))
        v->from = parse_expression(p);
    parser_expect(p, "..");
    if (!parser_at(p, "]"))
        v->to = parse_expression(p);
    v->place = place_through(v->place, parser_peek(p).place);
    parser_expect(p, "]");
    leave(p);
    return v;
}

static bool is_keyword(struct token token)
{
    static const char *const keywords[] = {
        "as", "same", "by", "watches", "breaks", "has", "lacks", "needs"
    };

    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
        if (is_word(token, keywords[i]))
            return true;
    return false;
}

/* Words are no numbers to reckon with: what was meant is mostly a variable. */
static void refuse_word(struct parser *p, const struct value *v)
{
    struct nearest nearest;

    if (!v || v->kind != VALUE_WORD)
        return;
    nearest = nearest_to(span_text(v->text));
    words_offer_vocabulary(&words_variables, &nearest);
    if (nearest.best)
        parser_fail(p, v->place, "'%.60s' is a word, not a number; did you mean '$%s'?", v->text,
                    nearest.best);
    else
        parser_fail(p, v->place, "'%.60s' is a word, not a number", v->text);
}

static struct value *parenthesised(struct parser *p)
{
    struct value *v;

    if (!enter(p))
        return NULL;
    parser_expect(p, "(");
    v = parse_expression(p);
    refuse_word(p, v);
    parser_expect(p, ")");
    leave(p);
    return v;
}

static struct value *named(struct parser *p, enum value_kind kind)
{
    struct token token = parser_take(p);
    struct value *v = new_value(p, kind, token.place);

    v->text = arena_text(p->arena, token.text);
    return v;
}

struct value *parse_atom(struct parser *p)
{
    struct token token = parser_peek(p);
    struct value *v;

    switch (token.kind) {
    case TOKEN_NUMBER:
        parser_take(p);
        v = new_value(p, VALUE_NUMBER, token.place);
        v->number = token.number;
        return v;
    case TOKEN_WORD:
        if (is_word(token, "zero") || begins_call(p))
            return sliced(p, call(p));
        if (is_keyword(token))
            break;
        return named(p, VALUE_WORD);
    case TOKEN_VARIABLE:
        return sliced(p, named(p, VALUE_VARIABLE));
    case TOKEN_BIND:
        return named(p, VALUE_BIND);
    case TOKEN_OPERATOR:
        if (parser_at(p, "("))
            return parenthesised(p);
        break;
    case TOKEN_DURATION:
        parser_fail(p, token.place, "a duration has no place here");
        break;
    case TOKEN_STRING:
    case TOKEN_LINE_END:
    case TOKEN_TEXT_END:
    case TOKEN_MISTAKE:
        break;
    }
    parser_fail_expected(p, "a value");
    return NULL;
}

/* ---- expressions ---- */

/* The operator at the front when it is one of two, else 0. */
static char operator_at(struct parser *p, const char *either, const char *other)
{
    if (parser_at(p, either))
        return *either;
    return parser_at(p, other) ? *other : '\0';
}

static struct value *binary(struct parser *p, char sign, struct value *left, struct value *right)
{
    struct value *v;

    if (++p->operators > OPERATORS_MAX && left)
        parser_fail(p, left->place, "an expression has at most %d operators", OPERATORS_MAX);
    refuse_word(p, left);
    refuse_word(p, right);
    if (p->bad || !left || !right)
        return NULL;
    v = new_value(p, VALUE_BINARY, place_through(left->place, right->place));
    v->operator= sign;
    v->left = left;
    v->right = right;
    return v;
}

static struct value *product(struct parser *p)
{
    struct value *v = parse_atom(p);
    char sign;

    while ((sign = operator_at(p, "*", "/")) != '\0') {
        parser_take(p);
        v = binary(p, sign, v, parse_atom(p));
    }
    return v;
}

struct value *parse_expression(struct parser *p)
{
    struct value *v;
    char sign;

    if (p->depth == 0)
        p->operators = 0;
    v = product(p);
    while ((sign = operator_at(p, "+", "-")) != '\0') {
        parser_take(p);
        v = binary(p, sign, v, product(p));
    }
    return v;
}

struct value *parse_term(struct parser *p)
{
    if (parser_peek(p).kind == TOKEN_STRING)
        return sliced(p, string(p));
    return parse_expression(p);
}

static bool begins_further_term(struct parser *p)
{
    enum comparison ignored;

    if (parser_peek(p).kind == TOKEN_STRING || begins_call(p))
        return true;
    return is_word(parser_peek(p), "zero") && !is_comparison(parser_peek_second(p), &ignored);
}

struct value *parse_data(struct parser *p)
{
    struct value *first = parse_term(p), *joined, **tail;

    if (!first || !begins_further_term(p))
        return first;
    joined = new_value(p, VALUE_JOINED, first->place);
    joined->first = first;
    tail = &first->next;
    while (begins_further_term(p)) {
        *tail = parse_term(p);
        if (!*tail)
            return NULL;
        joined->place = place_through(joined->place, (*tail)->place);
        tail = &(*tail)->next;
    }
    return joined;
}

/* A `|` that is followed by an outcome's verb belongs to the outcomes. */
static bool at_alternative(struct parser *p)
{
    struct token after = parser_peek_second(p);

    return parser_at(p, "|") && !(after.kind == TOKEN_WORD && words_expected(after.text));
}

struct value *parse_alternatives(struct parser *p)
{
    struct value *first = parse_data(p), *either, **tail;

    if (!first || !at_alternative(p))
        return first;
    either = new_value(p, VALUE_EITHER, first->place);
    either->first = first;
    tail = &first->next;
    while (at_alternative(p)) {
        parser_take(p);
        *tail = parse_data(p);
        if (!*tail)
            return NULL;
        either->place = place_through(either->place, (*tail)->place);
        tail = &(*tail)->next;
    }
    return either;
}

bool parse_begins_value(struct parser *p)
{
    struct token token = parser_peek(p), after;
    enum comparison ignored;

    if (token.kind != TOKEN_WORD)
        return token.kind == TOKEN_NUMBER || token.kind == TOKEN_VARIABLE || token.kind == TOKEN_BIND ||
               token.kind == TOKEN_STRING || is_operator(token, "(");
    if (is_keyword(token))
        return false;
    after = parser_peek_second(p);
    return !is_comparison(after, &ignored) && !is_operator(after, ".");
}

/* ---- lists and fields ---- */

/* Fields in a list's parentheses follow their item. */
static bool begins_field(struct parser *p)
{
    struct token after = parser_peek_second(p);

    return parser_peek(p).kind == TOKEN_WORD && (is_operator(after, "=") || is_operator(after, "."));
}

static struct value *list(struct parser *p)
{
    struct value *v = new_value(p, VALUE_LIST, parser_peek(p).place), **tail = &v->first;

    parser_expect(p, "(");
    if (!enter(p))
        return NULL;
    while (!parser_at(p, ")") && !parser_at_line_end(p)) {
        struct field **fields;
        struct value *item;

        p->operators = 0;
        item = parse_term(p);
        if (!item)
            break;
        for (fields = &item->fields; begins_field(p) && !p->bad; fields = &(*fields)->next)
            if (!(*fields = parse_field(p)))
                break;
        *tail = item;
        tail = &item->next;
    }
    v->place = place_through(v->place, parser_peek(p).place);
    parser_expect(p, ")");
    leave(p);
    return v;
}

/* name or name.name */
static const char *field_name(struct parser *p, const char *what, struct place *ret)
{
    const char *name = parser_word(p, LEX_WORD, what, ret), *part;
    struct place place;

    if (!parser_take_if(p, "."))
        return name;
    part = parser_word(p, LEX_WORD, "a field", &place);
    if (p->bad)
        return name;
    *ret = place_through(*ret, place);
    return arena_print(p->arena, "%s.%s", name, part);
}

struct field *parse_field(struct parser *p)
{
    struct field *f = ARENA_NEW(p->arena, struct field);
    struct token first = parser_peek(p);
    struct span name;

    f->name = field_name(p, "a field", &f->place);
    name = span_text(f->name);
    if (first.kind == TOKEN_WORD && words_not_yet(first.text))
        parser_fail_not_yet(p, &first);
    parser_expect(p, "=");
    if (parser_at(p, "(") && (words_is_list(name) || !words_is_field_sent(name)))
        f->value = list(p);
    else
        f->value = p->depth > 0 ? parse_term(p) : parse_alternatives(p);
    return p->bad ? NULL : f;
}

struct field *parse_predicate(struct parser *p)
{
    struct field *f = ARENA_NEW(p->arena, struct field);

    f->name = field_name(p, "a field", &f->place);
    if (!parse_comparison(p, &f->comparison))
        parser_fail_expected(p, "a comparison (= != < <= > >= has lacks)");
    f->value = parse_alternatives(p);
    return p->bad ? NULL : f;
}

struct citation *parse_citations(struct parser *p, enum lex_word kind, bool commas)
{
    struct citation *first = NULL, **tail = &first;

    do {
        struct citation *c = ARENA_NEW(p->arena, struct citation);

        c->id = parser_word(p, kind, kind == LEX_ID ? "the id of a requirement" : "a name", &c->place);
        if (p->bad)
            break;
        *tail = c;
        tail = &c->next;
    } while (commas ? parser_take_and_go_on(p, ",") : !parser_at_line_end(p));
    return first;
}
