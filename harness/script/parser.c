/* SPDX-License-Identifier: MIT */
#include "script/parser.h"

#include <stdarg.h>
#include <stdio.h>

#include "script/words.h"

enum {
    MISTAKES_MAX = 100, /* of a file; so many are hardly read, and each costs time */
    QUOTED_MAX = 60,    /* bytes of a foreign word in a message */
};

static struct token look(struct parser *p, enum lex_word kind, struct lex *ret_behind)
{
    struct token token;

    *ret_behind = p->lex;
    if (!p->bad) {
        token = lex_next(ret_behind, kind);
        if (token.kind != TOKEN_MISTAKE)
            return token;
        parser_fail(p, token.place, "%s", token.mistake);
    }
    *ret_behind = p->lex;
    return (struct token){ .kind = TOKEN_LINE_END, .place = { p->lex.source, p->lex.at, 0 } };
}

struct token parser_peek(struct parser *p)
{
    struct lex behind;

    return look(p, LEX_WORD, &behind);
}

struct token parser_peek_second(struct parser *p)
{
    struct lex behind;

    struct token first = look(p, LEX_WORD, &behind);

    return p->bad ? first : lex_next(&behind, LEX_WORD);
}

struct token parser_take(struct parser *p)
{
    return look(p, LEX_WORD, &p->lex);
}

static int quoted_length(struct span word)
{
    return (int)(word.len < QUOTED_MAX ? word.len : QUOTED_MAX);
}

const char *parser_word(struct parser *p, enum lex_word kind, const char *what, struct place *ret)
{
    struct lex behind;
    struct token token = look(p, kind, &behind);

    *ret = token.place;
    if (token.kind != TOKEN_WORD) {
        parser_fail_expected(p, what);
        return "";
    }
    p->lex = behind;
    return arena_text(p->arena, token.text);
}

bool parser_at(struct parser *p, const char *text)
{
    struct token token = parser_peek(p);

    return (token.kind == TOKEN_OPERATOR || token.kind == TOKEN_WORD) &&
           span_equal(token.text, span_text(text));
}

bool parser_take_if(struct parser *p, const char *text)
{
    bool there = parser_at(p, text);

    if (there)
        parser_take(p);
    return there;
}

bool parser_take_and_go_on(struct parser *p, const char *text)
{
    bool there = parser_take_if(p, text);

    if (there && !p->bad && parser_peek(p).kind == TOKEN_LINE_END)
        parser_take(p);
    return there;
}

void parser_expect(struct parser *p, const char *text)
{
    char what[32];

    if (parser_take_if(p, text))
        return;
    snprintf(what, sizeof what, "'%s'", text);
    parser_fail_expected(p, what);
}

bool parser_at_line_end(struct parser *p)
{
    struct token token = parser_peek(p);

    return token.kind == TOKEN_LINE_END || token.kind == TOKEN_TEXT_END;
}

/* ---- mistakes ---- */

static void give_up(struct parser *p, struct place where)
{
    diagnostic_error(p->d, where, "more than %d mistakes; the rest of the file was not read", MISTAKES_MAX);
    p->given_up = true;
    p->lex.at = p->lex.source->len;
}

void parser_fail(struct parser *p, struct place where, const char *fmt, ...)
{
    char message[512];
    va_list ap;

    if (p->bad || p->given_up) {
        p->bad = true;
        return;
    }
    p->bad = true;
    if (p->mistakes++ == MISTAKES_MAX) {
        give_up(p, where);
        return;
    }
    va_start(ap, fmt);
    vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    diagnostic_error(p->d, where, "%s", message);
}

void parser_fail_expected(struct parser *p, const char *what)
{
    struct token token = parser_peek(p);

    if (token.kind == TOKEN_LINE_END || token.kind == TOKEN_TEXT_END) {
        token.place.len = 0;
        parser_fail(p, token.place, "expected %s, not the end of the line", what);
        return;
    }
    token.text = span_of(p->lex.source->text + token.place.at, token.place.len);
    parser_fail(p, token.place, "expected %s, not '%.*s'", what, quoted_length(token.text),
                (const char *)token.text.at);
}

void parser_fail_unknown(struct parser *p, const struct token *word, const char *what,
                         const struct nearest *nearest)
{
    int len = quoted_length(word->text);
    const char *text = (const char *)word->text.at;

    if (nearest->best)
        parser_fail(p, word->place, "unknown %s '%.*s'; did you mean '%s'?", what, len, text, nearest->best);
    else
        parser_fail(p, word->place, "unknown %s '%.*s'", what, len, text);
}

void parser_fail_not_yet(struct parser *p, const struct token *word)
{
    parser_fail(p, word->place, "'%.*s' is not supported yet", quoted_length(word->text),
                (const char *)word->text.at);
}

/* ---- lines ---- */

char parser_end_line(struct parser *p)
{
    char brace;

    if (!parser_at_line_end(p))
        parser_fail_expected(p, "the end of the line");
    brace = lex_skip_line(&p->lex);
    brace = p->bad ? brace : '\0';
    p->bad = false;
    p->depth = 0;
    return brace;
}

void parser_skip_empty_lines(struct parser *p)
{
    while (parser_peek(p).kind == TOKEN_LINE_END)
        parser_end_line(p);
}
