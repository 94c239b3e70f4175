/* SPDX-License-Identifier: MIT */
#include "script/parse.h"

#include "script/parser.h"
#include "script/words.h"

enum {
    CASES_MAX = 1000, /* of a file */
    CONDITIONS_MAX = 64,
    CHOICES_MAX = 16,
    VALUES_MAX = 256, /* of a choice */
    TIMEOUT_MAX_S = 3600,
};

/* ---- headers ---- */

static struct need *one_need(struct parser *p)
{
    struct need *n = ARENA_NEW(p->arena, struct need);
    struct token token;
    struct place place;

    n->place = parser_peek(p).place;
    n->negated = parser_take_if(p, "not");
    token = parser_peek(p);
    if (token.kind == TOKEN_WORD && words_not_yet(token.text))
        parser_fail_not_yet(p, &token);
    n->word = parser_word(p, LEX_WORD, "something that can be needed", &place);
    n->place.len = place.at + place.len - n->place.at;
    if (parse_comparison(p, &n->comparison) || (!parser_at_line_end(p) && !parser_at(p, ",")))
        n->value = parse_term(p);
    return n;
}

static void needs_into(struct parser *p, struct need **tail)
{
    unsigned count = 1;

    for (; *tail; tail = &(*tail)->next)
        count++;
    do {
        if (count++ > CONDITIONS_MAX)
            parser_fail(p, parser_peek(p).place, "a case has at most %d conditions", CONDITIONS_MAX);
        *tail = one_need(p);
        tail = &(*tail)->next;
    } while (parser_take_if(p, ","));
}

static void header_needs(struct parser *p, struct tree_case *c)
{
    needs_into(p, &c->needs);
}

static uint64_t one_of(struct parser *p, const struct vocabulary *v)
{
    struct token token = parser_peek(p);
    const struct word *word = token.kind == TOKEN_WORD ? vocabulary_find(v, token.text) : NULL;

    if (word) {
        parser_take(p);
        return word->value;
    }
    if (token.kind == TOKEN_WORD && words_not_yet(token.text)) {
        parser_fail_not_yet(p, &token);
    } else if (token.kind == TOKEN_WORD) {
        struct nearest nearest = nearest_to(token.text);

        words_offer_vocabulary(v, &nearest);
        parser_fail_unknown(p, &token, v->what, &nearest);
    } else {
        parser_fail_expected(p, v == &words_modes
                                    ? "a mode (simple, structured or extended)"
                                    : "where to start (connect, greeting, options or transmission)");
    }
    return 0;
}

static void header_modes(struct parser *p, struct tree_case *c)
{
    do
        c->modes |= (unsigned)one_of(p, &words_modes);
    while (!parser_at_line_end(p));
}

static void header_start(struct parser *p, struct tree_case *c)
{
    c->start = (enum start)one_of(p, &words_starts);
}

static void header_export(struct parser *p, struct tree_case *c)
{
    c->export = parse_data(p);
}

/* Terms up to the end of the line. */
static struct value *list_of_terms(struct parser *p)
{
    struct value *list = ARENA_NEW(p->arena, struct value), **tail = &list->first;

    list->kind = VALUE_LIST;
    list->place = parser_peek(p).place;
    do {
        *tail = parse_term(p);
        if (*tail)
            tail = &(*tail)->next;
    } while (!parser_at_line_end(p));
    return list;
}

static void header_contexts(struct parser *p, struct tree_case *c)
{
    c->contexts = list_of_terms(p);
}

static void header_infos(struct parser *p, struct tree_case *c)
{
    c->infos = list_of_terms(p);
}

static void header_window(struct parser *p, struct tree_case *c)
{
    c->window_at_tail = parser_take_if(p, "tail");
    c->window = parse_expression(p);
    if (!c->window_at_tail && parser_take_if(p, "at"))
        c->window_at = parse_expression(p);
}

/* An item of `for`: a term, or a name with a dash in it. */
static struct value *item(struct parser *p)
{
    struct token word = parser_peek(p), name;
    struct lex name_lex = p->lex;
    struct value *v;

    if (word.kind != TOKEN_WORD)
        return parse_term(p);
    name = lex_next(&name_lex, LEX_NAME);
    if (name.kind != TOKEN_WORD || name.place.len <= word.place.len)
        return parse_term(p);
    p->lex = name_lex;
    v = ARENA_NEW(p->arena, struct value);
    v->kind = VALUE_WORD;
    v->place = name.place;
    v->text = arena_text(p->arena, name.text);
    return v;
}

static void header_for(struct parser *p, struct tree_case *c)
{
    struct choice *choice = ARENA_NEW(p->arena, struct choice), **last = &c->choices;
    struct value **tail = &choice->values;
    unsigned choices = 1, values = 0;

    choice->name = parser_word(p, LEX_WORD, "a name", &choice->place);
    if (strchr(choice->name, '$'))
        parser_fail(p, choice->place, "a name has no '$' in it");
    parser_expect(p, "in");
    do {
        if (++values > VALUES_MAX)
            parser_fail(p, parser_peek(p).place, "a choice is of at most %d values", VALUES_MAX);
        *tail = item(p);
        if (*tail)
            tail = &(*tail)->next;
    } while (!parser_at_line_end(p) && !parser_at(p, "needs"));
    if (parser_take_if(p, "needs"))
        needs_into(p, &choice->needs);
    for (; *last; last = &(*last)->next)
        choices++;
    if (choices > CHOICES_MAX)
        parser_fail(p, choice->place, "a case has at most %d lines 'for'", CHOICES_MAX);
    else
        *last = choice;
}

static void header_timeout(struct parser *p, struct tree_case *c)
{
    struct token token = parser_peek(p);

    if (token.kind != TOKEN_DURATION)
        parser_fail_expected(p, "a duration, such as 500ms or 2s");
    else if (token.number == 0 || token.number > TIMEOUT_MAX_S * UINT64_C(1000000000))
        parser_fail(p, token.place, "a timeout is more than nothing and an hour at most");
    else
        c->timeout_ns = parser_take(p).number;
}

static void header_canary(struct parser *p, struct tree_case *c)
{
    parser_expect(p, "off");
    c->canary_off = true;
}

static void header_tags(struct parser *p, struct tree_case *c)
{
    c->tags = parse_citations(p, LEX_NAME, false);
}

static const struct header {
    const char *word;
    void (*parse)(struct parser *p, struct tree_case *c);
    bool many; /* may be given more than once */
} headers[] = {
    { "needs", header_needs, true },        { "modes", header_modes, false },
    { "start", header_start, false },       { "export", header_export, false },
    { "contexts", header_contexts, false }, { "infos", header_infos, false },
    { "window", header_window, false },     { "for", header_for, true },
    { "timeout", header_timeout, false },   { "canary", header_canary, false },
    { "tags", header_tags, false },
};

enum { HEADER_COUNT = sizeof headers / sizeof headers[0] };

/* `canary` alone is a step. */
static const struct header *header_at(struct parser *p)
{
    for (size_t i = 0; i < HEADER_COUNT; i++)
        if (parser_at(p, headers[i].word) &&
            (headers[i].parse != header_canary || parser_peek_second(p).kind == TOKEN_WORD))
            return &headers[i];
    return NULL;
}

/* A line that is neither a header nor a step, above the first step: which of the two may have been meant? */
static bool unknown_header(struct parser *p)
{
    struct token token = parser_peek(p), after = parser_peek_second(p);
    struct nearest nearest = nearest_to(token.text);

    if (token.kind != TOKEN_WORD || vocabulary_find(&words_lines, token.text) || parser_at(p, "case"))
        return false;
    if (after.kind == TOKEN_OPERATOR && (*after.text.at == ':' || *after.text.at == '.'))
        return false;
    words_offer_vocabulary(&words_headers, &nearest);
    words_offer_vocabulary(&words_lines, &nearest);
    if (!nearest.best || vocabulary_find(&words_lines, span_text(nearest.best)))
        return false; /* left to the steps to complain of */
    parser_fail_unknown(p, &token, "line", &nearest);
    return true;
}

static void parse_headers(struct parser *p, struct tree_case *c)
{
    bool seen[HEADER_COUNT] = { false };

    for (;;) {
        const struct header *header;
        size_t index;

        parser_skip_empty_lines(p);
        header = header_at(p);
        if (!header && !unknown_header(p))
            return;
        if (header) {
            index = (size_t)(header - headers);
            if (seen[index] && !header->many)
                parser_fail(p, parser_peek(p).place, "a case has only one line '%s'", header->word);
            seen[index] = true;
            parser_take(p);
            header->parse(p, c);
        }
        if (parser_end_line(p) == '{')
            return; /* a line that opens a block was meant to be a step */
    }
}

/* ---- cases ---- */

static const char *title(struct parser *p)
{
    struct token token = parser_peek(p);
    uint8_t *text;
    size_t len;

    if (token.kind != TOKEN_STRING) {
        parser_fail_expected(p, "a title in quotes");
        return "";
    }
    parser_take(p);
    text = arena_take(p->arena, token.text.len + 1);
    len = lex_unescape(token.text, text);
    if (len > 0 && memchr(text, '\0', len))
        parser_fail(p, token.place, "a title has no NUL in it");
    return (const char *)text;
}

/* NULL when there was a mistake in its first line. */
static struct tree_case *parse_case(struct parser *p)
{
    struct tree_case *c = ARENA_NEW(p->arena, struct tree_case);
    bool ended, bad;

    c->start = START_TRANSMISSION;
    parser_expect(p, "case");
    c->name = parser_word(p, LEX_NAME, "the name of a case", &c->place);
    c->title = title(p);
    ended = parser_at_line_end(p);
    bad = p->bad || !ended;
    parser_end_line(p);
    parse_headers(p, c);
    c->steps = parse_steps(p);
    return bad ? NULL : c;
}

static void parse_cases(struct parser *p, struct tree *t)
{
    struct tree_case **tail = &t->cases;

    for (parser_skip_empty_lines(p); parser_peek(p).kind != TOKEN_TEXT_END; parser_skip_empty_lines(p)) {
        if (t->case_count == CASES_MAX) {
            parser_fail(p, parser_peek(p).place, "a file has at most %d cases", CASES_MAX);
            return;
        }
        if (!parser_at(p, "case")) {
            parser_fail_expected(p, "'case', a name and a title: a file begins with one");
            parser_end_line(p);
            p->given_up = true; /* whatever follows is in no case either */
            parse_steps(p);
            p->given_up = false;
            continue;
        }
        *tail = parse_case(p);
        if (*tail) {
            t->case_count++;
            tail = &(*tail)->next;
        }
    }
}

static struct parser parser_on(const struct source *source, struct arena *arena, struct diagnostics *d)
{
    return (struct parser){ .lex = { source, 0 }, .arena = arena, .d = d, .rounds = 1 };
}

/* Copies path and text into the arena.  False when there is too much of it. */
static bool load(struct source *source, struct arena *arena, const char *path, struct span text,
                 struct diagnostics *d)
{
    *source = (struct source){ .path = arena_text(arena, span_text(path)), .text = "" };
    if (text.len > SCRIPT_MAX_BYTES) {
        diagnostic_error(d, (struct place){ source, 0, 0 },
                         "a file of cases has at most %d bytes, this one %zu", SCRIPT_MAX_BYTES, text.len);
        return false;
    }
    source->text = arena_text(arena, text);
    source->len = text.len;
    return true;
}

struct tree *tree_parse(const char *path, struct span text, struct diagnostics *d)
{
    struct arena *arena = arena_new();
    struct tree *t = ARENA_NEW(arena, struct tree);

    t->arena = arena;
    if (load(&t->source, arena, path, text, d)) {
        struct parser p = parser_on(&t->source, arena, d);

        parse_cases(&p, t);
    }
    return t;
}

struct step *tree_parse_steps(struct arena *arena, const char *path, struct span text, struct diagnostics *d)
{
    struct source *source = ARENA_NEW(arena, struct source);
    struct parser p = parser_on(source, arena, d);
    struct step *steps;

    if (!load(source, arena, path, text, d))
        return NULL;
    steps = parse_steps(&p);
    if (parser_peek(&p).kind != TOKEN_TEXT_END)
        parser_fail_expected(&p, "a step");
    return steps;
}

void tree_free(struct tree *t)
{
    if (t)
        arena_free(t->arena);
}
