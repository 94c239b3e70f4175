/* SPDX-License-Identifier: MIT */
#include "script/print.h"

#include <inttypes.h>

#include "base/escape.h"
#include "script/words.h"

static bool text(struct buffer *to, const char *what)
{
    return buffer_add(to, what, strlen(what));
}

static bool quoted(struct buffer *to, struct span what)
{
    return text(to, "\"") && escape_text(to, what) && text(to, "\"");
}

/* ---- values ---- */

/* Small numbers are mostly counts and lengths, large ones patterns or round. */
static bool number(struct buffer *to, uint64_t value)
{
    if (value < UINT64_C(1) << 24)
        return buffer_print(to, "%" PRIu64, value);
    if (value % (UINT64_C(1) << 30) == 0)
        return buffer_print(to, "%" PRIu64 "G", value >> 30);
    return buffer_print(to, "0x%" PRIx64, value);
}

/* Items linked by next. */
static bool items(struct buffer *to, const struct value *first, const char *between)
{
    for (const struct value *v = first; v; v = v->next)
        if ((v != first && !text(to, between)) || !print_value(v, to) || !print_fields(v->fields, to))
            return false;
    return true;
}

static int strength(const struct value *v)
{
    if (v->kind != VALUE_BINARY)
        return 3;
    return v->operator== '*' || v->operator== '/' ? 2 : 1;
}

/* An operand of an operator, in parentheses where it would not hold together without. */
static bool operand(struct buffer *to, const struct value *v, int needed)
{
    if (strength(v) >= needed)
        return print_value(v, to);
    return text(to, "(") && print_value(v, to) && text(to, ")");
}

static bool binary(struct buffer *to, const struct value *v)
{
    char sign[2] = { v->operator, '\0' };

    return operand(to, v->left, strength(v)) && text(to, sign) && operand(to, v->right, strength(v) + 1);
}

static bool slice(struct buffer *to, const struct value *v)
{
    return print_value(v->left, to) && text(to, "[") && (!v->from || print_value(v->from, to)) &&
           text(to, "..") && (!v->to || print_value(v->to, to)) && text(to, "]");
}

bool print_value(const struct value *v, struct buffer *to)
{
    switch (v->kind) {
    case VALUE_NUMBER:
        return number(to, v->number);
    case VALUE_WORD:
        return text(to, v->text);
    case VALUE_STRING:
        return quoted(to, v->bytes);
    case VALUE_VARIABLE:
        return text(to, "$") && text(to, v->text);
    case VALUE_BIND:
        return text(to, "?") && text(to, v->text);
    case VALUE_BINARY:
        return binary(to, v);
    case VALUE_EITHER:
        return items(to, v->first, "|");
    case VALUE_LIST:
        return text(to, "(") && items(to, v->first, " ") && text(to, ")");
    case VALUE_CALL:
        if (!v->first)
            return text(to, v->text);
        return text(to, v->text) && text(to, "(") && items(to, v->first, ", ") && text(to, ")");
    case VALUE_SLICE:
        return slice(to, v);
    case VALUE_JOINED:
        return items(to, v->first, " ");
    }
    return false;
}

static const char *comparison_text(enum comparison comparison)
{
    switch (comparison) {
    case COMPARE_EQUAL:
        return "=";
    case COMPARE_NOT_EQUAL:
        return "!=";
    case COMPARE_LESS:
        return "<";
    case COMPARE_AT_MOST:
        return "<=";
    case COMPARE_MORE:
        return ">";
    case COMPARE_AT_LEAST:
        return ">=";
    case COMPARE_HAS:
        return " has ";
    case COMPARE_LACKS:
        return " lacks ";
    }
    return "=";
}

bool print_fields(const struct field *f, struct buffer *to)
{
    for (; f; f = f->next)
        if (!text(to, " ") || !text(to, f->name) || !text(to, comparison_text(f->comparison)) ||
            !print_value(f->value, to))
            return false;
    return true;
}

/* ---- frames ---- */

/* Where only an atom may stand. */
static bool atom(struct buffer *to, const struct value *v)
{
    return text(to, " ") && operand(to, v, 3);
}

static bool frame(struct buffer *to, const struct frame *f)
{
    bool reply = strcmp(f->verb, "REP") == 0;

    if (!text(to, f->verb))
        return false;
    if (f->subject && !(reply ? atom(to, f->subject) : text(to, " ") && print_value(f->subject, to)))
        return false;
    if (f->detail && !atom(to, f->detail))
        return false;
    return (!f->many || text(to, "*")) && print_fields(f->fields, to);
}

bool print_outcomes(const struct outcome *o, struct buffer *to)
{
    for (const struct outcome *first = o; o; o = o->next)
        if ((o != first && !text(to, " | ")) || !frame(to, &o->frame))
            return false;
    return true;
}

/* The keyword and the ids behind it; nothing where there are none. */
static bool citations(struct buffer *to, const char *keyword, const struct citation *c, const char *between)
{
    for (const struct citation *first = c; c; c = c->next)
        if (!text(to, c == first ? keyword : between) || !text(to, c->id))
            return false;
    return true;
}

/* The keyword and the name behind it; nothing where there is none. */
static bool named(struct buffer *to, const char *keyword, const char *name)
{
    return !name || (text(to, keyword) && text(to, name));
}

/* ---- steps ---- */

static bool indent(struct buffer *to, unsigned depth)
{
    return buffer_print(to, "%*s", (int)(depth * 2), "");
}

static bool side(struct buffer *to, const char *letter, const struct step *s)
{
    return text(to, letter) && named(to, ".", s->connection) && text(to, ": ");
}

static bool send(struct buffer *to, const struct step *s)
{
    return side(to, "C", s) && frame(to, &s->frame) && named(to, " as ", s->label) &&
           citations(to, " breaks ", s->breaks, ", ") && text(to, "\n");
}

static bool expect(struct buffer *to, const struct step *s, unsigned depth)
{
    bool fits = named(to, "", s->label) && text(to, s->label ? " " : "") && print_outcomes(s->outcomes, to) &&
                named(to, " as ", s->save) && named(to, " same ", s->same) &&
                citations(to, " by ", s->by, ", ") && citations(to, " watches ", s->watches, ", ") &&
                text(to, "\n");

    for (const struct demand *d = s->demands; d && fits; d = d->next)
        fits = indent(to, depth) && text(to, " &") && print_fields(d->fields, to) &&
               citations(to, " by ", d->by, ", ") && text(to, "\n");
    return fits;
}

/* The steps of a body and the brace that ends it; in unordered { } the expectations have no "S:". */
static bool body(struct buffer *to, const struct step *s, unsigned depth)
{
    if (!text(to, " {\n"))
        return false;
    for (const struct step *inner = s->body; inner; inner = inner->next) {
        bool fits = s->kind == STEP_UNORDERED ? indent(to, depth + 1) && expect(to, inner, depth + 1)
                                              : print_step(inner, depth + 1, to);

        if (!fits)
            return false;
    }
    return indent(to, depth) && text(to, "}\n");
}

/* Shortest as seconds where it is whole. */
static bool duration(struct buffer *to, uint64_t time_ns)
{
    if (time_ns > 0 && time_ns % UINT64_C(1000000000) == 0)
        return buffer_print(to, "%" PRIu64 "s", time_ns / UINT64_C(1000000000));
    return buffer_print(to, "%" PRIu64 "ms", time_ns / 1000000);
}

bool print_step(const struct step *s, unsigned depth, struct buffer *to)
{
    if (!indent(to, depth))
        return false;
    switch (s->kind) {
    case STEP_SEND:
        return send(to, s);
    case STEP_SEGMENT:
        return side(to, "C", s) && text(to, "segment") && body(to, s, depth);
    case STEP_EXPECT:
        return side(to, "S", s) && expect(to, s, depth);
    case STEP_UNORDERED:
        return side(to, "S", s) && text(to, "unordered") && body(to, s, depth);
    case STEP_CANARY:
        return text(to, "canary\n");
    case STEP_PAUSE:
        return text(to, "pause ") && duration(to, s->pause_ns) && text(to, "\n");
    case STEP_REPEAT:
        return named(to, "repeat ", s->variable) && text(to, " in ") && print_value(s->from, to) &&
               text(to, "..") && print_value(s->to, to) && body(to, s, depth);
    case STEP_EACH:
        return named(to, "each ", s->variable) && named(to, " in ", s->list) && body(to, s, depth);
    case STEP_CONNECT:
        return named(to, "connect ", s->variable) && print_fields(s->fields, to) && text(to, "\n");
    }
    return false;
}

/* ---- cases ---- */

static bool need(struct buffer *to, const struct need *n)
{
    const struct need_rule *rule = words_need(span_text(n->word));
    bool compared =
        n->comparison != COMPARE_EQUAL || (rule && (rule->kind == NEED_COMPARED || rule->kind == NEED_TLS));

    return text(to, n->negated ? "not " : "") && text(to, n->word) &&
           (!n->value ||
            (text(to, compared ? comparison_text(n->comparison) : " ") && print_value(n->value, to)));
}

static bool needs(struct buffer *to, const char *keyword, const struct need *n)
{
    for (const struct need *first = n; n; n = n->next)
        if (!text(to, n == first ? keyword : ", ") || !need(to, n))
            return false;
    return true;
}

static bool choices(struct buffer *to, const struct choice *c)
{
    for (; c; c = c->next)
        if (!named(to, "for     ", c->name) || !text(to, " in ") || !items(to, c->values, " ") ||
            !needs(to, " needs ", c->needs) || !text(to, "\n"))
            return false;
    return true;
}

/* Which of the vocabulary's words are in the set; as many as there are. */
static bool words_of(struct buffer *to, const struct vocabulary *v, unsigned set)
{
    for (size_t i = 0; i < v->count; i++)
        if ((set & v->words[i].value) && (!text(to, " ") || !text(to, v->words[i].name)))
            return false;
    return true;
}

/* A header's line with the terms behind it; nothing where there are none. */
static bool header(struct buffer *to, const char *keyword, const struct value *v)
{
    if (!v)
        return true;
    return text(to, keyword) && (v->kind == VALUE_LIST ? items(to, v->first, " ") : print_value(v, to)) &&
           text(to, "\n");
}

static bool window(struct buffer *to, const struct tree_case *c)
{
    if (!c->window)
        return true;
    return text(to, c->window_at_tail ? "window  tail " : "window  ") && print_value(c->window, to) &&
           (!c->window_at || (text(to, " at ") && print_value(c->window_at, to))) && text(to, "\n");
}

static bool headers(struct buffer *to, const struct tree_case *c)
{
    const char *start = vocabulary_name(&words_starts, c->start);

    if (c->needs && !(needs(to, "needs   ", c->needs) && text(to, "\n")))
        return false;
    if (!choices(to, c->choices))
        return false;
    if (c->modes && !(text(to, "modes  ") && words_of(to, &words_modes, c->modes) && text(to, "\n")))
        return false;
    if (c->start != START_TRANSMISSION && !(named(to, "start   ", start) && text(to, "\n")))
        return false;
    if (!header(to, "export  ", c->export) || !header(to, "contexts ", c->contexts) ||
        !header(to, "infos   ", c->infos) || !window(to, c))
        return false;
    if (c->timeout_ns && !(text(to, "timeout ") && duration(to, c->timeout_ns) && text(to, "\n")))
        return false;
    if (c->canary_off && !text(to, "canary  off\n"))
        return false;
    return !c->tags || (citations(to, "tags    ", c->tags, " ") && text(to, "\n"));
}

bool print_case(const struct tree_case *c, struct buffer *to)
{
    if (!named(to, "case ", c->name) || !text(to, " ") || !quoted(to, span_text(c->title)) || !text(to, "\n"))
        return false;
    if (!headers(to, c) || (c->steps && !text(to, "\n")))
        return false;
    for (const struct step *s = c->steps; s; s = s->next)
        if (!print_step(s, 0, to))
            return false;
    return true;
}
