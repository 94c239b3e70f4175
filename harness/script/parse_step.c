/* SPDX-License-Identifier: MIT */
/* The parser: the lines of a case below its header. */
#include "script/parser.h"
#include "script/words.h"

enum {
    ROUNDS_MAX = 4096,
    OUTCOMES_MAX = 16, /* of an expectation */
    PAUSE_MAX_S = 3600,
};

/* ---- parts of lines ---- */

/* "C:" or "C.two:", whose letter has been seen. */
static const char *connection(struct parser *p)
{
    const char *name = NULL;
    struct place place;

    parser_take(p);
    if (parser_take_if(p, "."))
        name = parser_word(p, LEX_WORD, "the name of a connection", &place);
    parser_expect(p, ":");
    return name;
}

static const char *name_of(struct parser *p)
{
    struct place place;
    const char *name = parser_word(p, LEX_WORD, "a name", &place);

    if (strchr(name, '$'))
        parser_fail(p, place, "a name has no '$' in it");
    return name;
}

static void subject(struct parser *p, const struct verb_rule *rule, struct frame *f)
{
    switch (rule->subject) {
    case SUBJECT_NONE:
        break;
    case SUBJECT_WORD:
        f->subject = parse_expression(p);
        break;
    case SUBJECT_FLAGS:
        f->subject = parse_alternatives(p);
        break;
    case SUBJECT_RAW:
        f->subject = parse_data(p);
        break;
    case SUBJECT_REPLY:
        f->subject = parse_atom(p);
        f->many = parser_take_if(p, "*");
        if (!f->many && parse_begins_value(p)) {
            f->detail = parse_atom(p);
            f->many = parser_take_if(p, "*");
        }
        break;
    case SUBJECT_ERRORS:
        if (parse_begins_value(p))
            f->subject = parse_alternatives(p);
        break;
    case SUBJECT_DATA:
        if (parse_begins_value(p))
            f->subject = parse_data(p);
        break;
    }
}

/* ---- what is sent ---- */

static const struct verb_rule *sent_verb(struct parser *p, struct frame *f)
{
    struct token verb = parser_peek(p);
    const struct verb_rule *rule = NULL;

    f->place = verb.place;
    if (verb.kind == TOKEN_VARIABLE) {
        f->verb = arena_print(p->arena, "$%.*s", (int)verb.text.len, (const char *)verb.text.at);
        rule = words_sent(span_text(f->verb));
    } else if (verb.kind == TOKEN_WORD) {
        f->verb = arena_text(p->arena, verb.text);
        rule = words_sent(verb.text);
    } else {
        parser_fail_expected(p, "what to send");
        return NULL;
    }
    if (verb.kind == TOKEN_WORD && words_not_yet(verb.text)) {
        parser_fail_not_yet(p, &verb);
        return NULL;
    }
    if (!rule) {
        struct nearest nearest = nearest_to(verb.text);

        words_offer_sent(&nearest);
        parser_fail_unknown(p, &verb, "command", &nearest);
        return NULL;
    }
    parser_take(p);
    return rule;
}

/* frame {field | as NAME | breaks IDS}, up to the end of the line */
static void sent_frame(struct parser *p, struct step *s)
{
    struct field **fields = &s->frame.fields;
    struct citation **breaks = &s->breaks;
    const struct verb_rule *rule = sent_verb(p, &s->frame);

    if (rule)
        subject(p, rule, &s->frame);
    while (!parser_at_line_end(p)) {
        if (parser_take_if(p, "as")) {
            s->label = name_of(p);
        } else if (parser_take_if(p, "breaks")) {
            *breaks = parse_citations(p, LEX_ID, true);
            while (*breaks)
                breaks = &(*breaks)->next;
        } else {
            *fields = parse_field(p);
            if (*fields)
                fields = &(*fields)->next;
        }
    }
}

/* ---- what is expected ---- */

static bool at_verb(struct token token)
{
    return token.kind == TOKEN_WORD && words_expected(token.text) != NULL;
}

static void fail_outcome(struct parser *p)
{
    struct token verb = parser_peek(p);
    struct nearest nearest = nearest_to(verb.text);

    if (verb.kind != TOKEN_WORD) {
        parser_fail_expected(p, "an outcome (GREETING, REP, EXPORT, OK, ERROR, DATA, STATUS, tls or close)");
    } else if (words_not_yet(verb.text)) {
        parser_fail_not_yet(p, &verb);
    } else if (vocabulary_find(&vocabulary_replies, verb.text)) {
        parser_fail(p, verb.place, "expected an outcome; did you mean 'REP %.*s'?", (int)verb.text.len,
                    (const char *)verb.text.at);
    } else {
        words_offer_expected(&nearest);
        parser_fail_unknown(p, &verb, "outcome", &nearest);
    }
}

static bool at_tail(struct parser *p)
{
    return parser_at_line_end(p) || parser_at(p, "as") || parser_at(p, "same") || parser_at(p, "by") ||
           parser_at(p, "watches");
}

static struct outcome *outcome(struct parser *p)
{
    struct outcome *o = ARENA_NEW(p->arena, struct outcome);
    struct field **fields = &o->frame.fields;
    struct token verb = parser_peek(p);

    if (!at_verb(verb)) {
        fail_outcome(p);
        return o;
    }
    parser_take(p);
    o->frame.place = verb.place;
    o->frame.verb = arena_text(p->arena, verb.text);
    subject(p, words_expected(verb.text), &o->frame);
    while (!at_tail(p) && !parser_at(p, "|")) {
        *fields = parse_predicate(p);
        if (*fields)
            fields = &(*fields)->next;
    }
    return o;
}

/* Lines that begin with & speak of the same reply. */
static struct demand *demands(struct parser *p)
{
    struct demand *first = NULL, **tail = &first;

    for (;;) {
        struct demand *d = ARENA_NEW(p->arena, struct demand);
        struct field **fields = &d->fields;

        parser_skip_empty_lines(p);
        d->place = parser_peek(p).place;
        if (!parser_take_if(p, "&"))
            return first;
        do {
            *fields = parse_predicate(p);
            if (*fields)
                fields = &(*fields)->next;
        } while (!parser_at_line_end(p) && !parser_at(p, "by"));
        if (parser_take_if(p, "by"))
            d->by = parse_citations(p, LEX_ID, true);
        if (!parser_at_line_end(p))
            parser_fail_expected(p, "the end of the line");
        if (!p->bad) {
            *tail = d;
            tail = &d->next;
        }
        parser_end_line(p);
    }
}

/* One list of ids behind another. */
static void append_citations(struct parser *p, struct citation **to)
{
    while (*to)
        to = &(*to)->next;
    *to = parse_citations(p, LEX_ID, true);
}

/* [label] outcome {| outcome} {as NAME | same NAME | by IDS | watches IDS}, up to the end of the line */
static void expect(struct parser *p, struct step *s, bool labelled)
{
    struct outcome **outcomes = &s->outcomes;
    unsigned count = 0;

    if (labelled && at_verb(parser_peek(p)))
        parser_fail_expected(p, "the label of a request");
    if (labelled || (!at_verb(parser_peek(p)) && at_verb(parser_peek_second(p))))
        s->label = name_of(p);
    do {
        if (++count > OUTCOMES_MAX)
            parser_fail(p, parser_peek(p).place, "an expectation has at most %d outcomes", OUTCOMES_MAX);
        *outcomes = outcome(p);
        outcomes = &(*outcomes)->next;
    } while (parser_take_and_go_on(p, "|"));
    while (!parser_at_line_end(p)) {
        if (parser_take_if(p, "as")) {
            s->save = name_of(p);
        } else if (parser_take_if(p, "same")) {
            s->same = name_of(p);
        } else if (parser_take_if(p, "by")) {
            append_citations(p, &s->by);
        } else if (parser_take_if(p, "watches")) {
            append_citations(p, &s->watches);
        } else {
            parser_fail_expected(p, "the end of the line");
        }
    }
}

/* ---- the other lines ---- */

static void pause_line(struct parser *p, struct step *s)
{
    struct token token = parser_peek(p);

    s->kind = STEP_PAUSE;
    if (token.kind != TOKEN_DURATION)
        parser_fail_expected(p, "a duration, such as 100ms");
    else if (token.number > PAUSE_MAX_S * UINT64_C(1000000000))
        parser_fail(p, token.place, "a pause is an hour at most");
    else
        parser_take(p);
    s->pause_ns = token.number;
}

static struct value *bound(struct parser *p)
{
    if (parser_peek(p).kind != TOKEN_NUMBER)
        parser_fail_expected(p, "a number: the bounds of a repeat are literal");
    return p->bad ? NULL : parse_atom(p);
}

static void repeat(struct parser *p, struct step *s)
{
    uint64_t rounds;

    s->kind = STEP_REPEAT;
    s->variable = name_of(p);
    parser_expect(p, "in");
    s->from = bound(p);
    parser_expect(p, "..");
    s->to = bound(p);
    if (!s->from || !s->to)
        return;
    if (s->to->number < s->from->number) {
        parser_fail(p, s->to->place, "the second bound is less than the first");
        return;
    }
    rounds = s->to->number - s->from->number;
    if (rounds >= ROUNDS_MAX || (rounds + 1) * p->rounds > ROUNDS_MAX)
        parser_fail(p, s->from->place, "a repeat, times those around it, makes at most %d rounds",
                    ROUNDS_MAX);
    else
        p->rounds *= rounds + 1;
}

static void each(struct parser *p, struct step *s)
{
    struct token first = parser_peek(p);

    s->kind = STEP_EACH;
    if (first.kind == TOKEN_WORD && words_not_yet(first.text) && parser_peek_second(p).kind == TOKEN_WORD &&
        !span_equal(parser_peek_second(p).text, span_text("in")))
        parser_fail_not_yet(p, &first);
    s->variable = name_of(p);
    parser_expect(p, "in");
    s->list = name_of(p);
}

static void connect_line(struct parser *p, struct step *s)
{
    struct field **fields = &s->fields;

    s->kind = STEP_CONNECT;
    s->variable = name_of(p);
    while (!parser_at_line_end(p)) {
        *fields = parse_field(p);
        if (*fields)
            fields = &(*fields)->next;
    }
}

static void sending(struct parser *p, struct step *s)
{
    s->kind = STEP_SEND;
    s->connection = connection(p);
    if (parser_take_if(p, "segment"))
        s->kind = STEP_SEGMENT;
    else
        sent_frame(p, s);
}

static void expecting(struct parser *p, struct step *s)
{
    s->kind = STEP_EXPECT;
    s->connection = connection(p);
    if (parser_take_if(p, "unordered"))
        s->kind = STEP_UNORDERED;
    else
        expect(p, s, false);
}

/* ---- steps ---- */

enum body { BODY_STEPS, BODY_SEGMENT, BODY_UNORDERED };

static struct step *body(struct parser *p, const struct step *of, enum body what);

static bool opens_block(enum step_kind kind)
{
    return kind == STEP_SEGMENT || kind == STEP_UNORDERED || kind == STEP_REPEAT || kind == STEP_EACH;
}

static void unknown_line(struct parser *p)
{
    struct token token = parser_peek(p);
    struct nearest nearest = nearest_to(token.text);

    if (parser_at(p, "}"))
        parser_fail(p, token.place, "no block is open that this '}' could end");
    else if (parser_at(p, "&"))
        parser_fail(p, token.place, "a line with '&' adds to an expectation: it belongs right below it");
    else if (token.kind == TOKEN_WORD && vocabulary_find(&words_headers, token.text))
        parser_fail(p, token.place, "'%.*s' belongs before the case's first step", (int)token.text.len,
                    (const char *)token.text.at);
    else if (token.kind == TOKEN_WORD) {
        words_offer_vocabulary(&words_lines, &nearest);
        parser_fail_unknown(p, &token, "step", &nearest);
    } else {
        parser_fail_expected(p, "a step");
    }
}

static const struct {
    const char *word;
    void (*parse)(struct parser *p, struct step *s);
} worded[] = {
    { "pause", pause_line },
    { "repeat", repeat },
    { "each", each },
    { "connect", connect_line },
};

static void any_line(struct parser *p, struct step *s)
{
    bool header = parser_at(p, "canary") && parser_peek_second(p).kind == TOKEN_WORD;

    if (parser_at(p, "C")) {
        sending(p, s);
        return;
    }
    if (parser_at(p, "S")) {
        expecting(p, s);
        return;
    }
    for (size_t i = 0; i < sizeof worded / sizeof worded[0]; i++)
        if (parser_take_if(p, worded[i].word)) {
            worded[i].parse(p, s);
            return;
        }
    s->kind = STEP_CANARY;
    if (header || !parser_take_if(p, "canary"))
        unknown_line(p);
}

static void line(struct parser *p, struct step *s, const struct step *of, enum body what)
{
    struct place place = parser_peek(p).place;

    switch (what) {
    case BODY_STEPS:
        any_line(p, s);
        break;
    case BODY_SEGMENT:
        if (!parser_at(p, "C"))
            parser_fail_expected(p, "'C:' within a segment");
        sending(p, s);
        if (s->kind != STEP_SEND)
            parser_fail(p, place, "a segment has no segment in it");
        if (s->connection != of->connection &&
            (!s->connection || !of->connection || strcmp(s->connection, of->connection) != 0))
            parser_fail(p, place, "a segment is of one connection");
        break;
    case BODY_UNORDERED:
        s->kind = STEP_EXPECT;
        s->connection = of->connection;
        expect(p, s, true);
        break;
    }
}

/* What is in the block that a line opened; where the line is wrong, most likely. */
static enum body body_of(enum step_kind kind)
{
    if (kind == STEP_SEND || kind == STEP_SEGMENT)
        return BODY_SEGMENT;
    return kind == STEP_EXPECT || kind == STEP_UNORDERED ? BODY_UNORDERED : BODY_STEPS;
}

/* One step, its body and its & lines included.  NULL where there was a mistake. */
static struct step *step(struct parser *p, const struct step *of, enum body what)
{
    struct step *s = ARENA_NEW(p->arena, struct step);
    uint64_t rounds = p->rounds;
    bool opened = false, ended, bad;
    char brace;

    s->place = parser_peek(p).place;
    line(p, s, of, what);
    if (opens_block(s->kind)) {
        opened = parser_at(p, "{");
        parser_expect(p, "{");
    }
    s->place.len = p->lex.at - s->place.at;
    ended = parser_at_line_end(p);
    if (opened && !ended)
        parser_fail(p, parser_peek(p).place, "the steps of a block stand on lines of their own");
    bad = p->bad || !ended;
    brace = parser_end_line(p);
    opened = brace ? brace == '{' : opened;
    if (opened)
        s->body = body(p, s, body_of(s->kind));
    else if (s->kind == STEP_EXPECT)
        s->demands = demands(p);
    p->rounds = rounds;
    return bad ? NULL : s;
}

/* The end of a block, of the case, or of the text. */
static bool at_end(struct parser *p)
{
    parser_skip_empty_lines(p);
    return parser_peek(p).kind == TOKEN_TEXT_END || parser_at(p, "case");
}

static struct step *body(struct parser *p, const struct step *of, enum body what)
{
    struct step *first = NULL, **tail = &first;

    if (++p->blocks > SCRIPT_MAX_DEPTH) {
        parser_fail(p, of->place, "blocks are nested more than %d deep", SCRIPT_MAX_DEPTH);
        p->given_up = true;
        p->lex.at = p->lex.source->len;
    }
    while (!at_end(p) && !parser_at(p, "}")) {
        *tail = step(p, of, what);
        if (*tail)
            tail = &(*tail)->next;
    }
    p->blocks--;
    if (parser_take_if(p, "}")) {
        parser_end_line(p);
    } else {
        parser_fail(p, of->place, "the block that is opened here has no '}'");
        p->bad = false; /* the line that stands here belongs to somebody else */
    }
    return first;
}

struct step *parse_steps(struct parser *p)
{
    struct step *first = NULL, **tail = &first;

    while (!at_end(p)) {
        *tail = step(p, NULL, BODY_STEPS);
        if (*tail)
            tail = &(*tail)->next;
    }
    return first;
}
