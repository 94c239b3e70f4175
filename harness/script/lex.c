/* SPDX-License-Identifier: MIT */
#include "script/lex.h"

#include "base/escape.h"

enum { END = -1 };

/* The byte `ahead` bytes further on. */
static int look(const struct lex *l, size_t ahead)
{
    if (ahead >= l->source->len - l->at)
        return END;
    return (uint8_t)l->source->text[l->at + ahead];
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_line_end(const struct lex *l)
{
    return look(l, 0) == END || look(l, 0) == '\n' || (look(l, 0) == '\r' && look(l, 1) == '\n');
}

static struct token token_of(const struct lex *l, size_t from, enum token_kind kind)
{
    size_t len = l->at - from;

    return (struct token){
        .kind = kind,
        .place = { l->source, from, len },
        .text = len > 0 ? span_of(l->source->text + from, len) : (struct span){ NULL, 0 },
    };
}

static struct token mistake(const struct lex *l, size_t from, size_t len, const char *what)
{
    return (struct token){
        .kind = TOKEN_MISTAKE,
        .place = { l->source, from, len },
        .mistake = what,
    };
}

/* What is wrong with the character at the front, or NULL.  Comments may hold tabs, strings too. */
static const char *wrong_character(struct span rest)
{
    if (escape_shown(rest) > 0 || *rest.at == '\t')
        return NULL;
    if (*rest.at == 0)
        return "a NUL byte has no place in a text";
    if (*rest.at == '\r')
        return "a carriage return belongs before the end of a line only";
    if (*rest.at >= 0x80)
        return "this is not valid UTF-8, or a control character";
    return "a control character has no place here; in a string, write it as \\xHH";
}

static size_t character_length(struct span rest)
{
    size_t len = escape_shown(rest);

    return len > 0 ? len : 1;
}

static struct span rest_of(const struct lex *l)
{
    return span_of(l->source->text + l->at, l->source->len - l->at);
}

static void to_line_end(struct lex *l)
{
    while (!is_line_end(l))
        l->at++;
}

/* Passes over a comment.  True when all is well with it, otherwise *ret is the mistake. */
static bool comment(struct lex *l, struct token *ret)
{
    while (!is_line_end(l)) {
        const char *what = wrong_character(rest_of(l));

        if (what) {
            *ret = mistake(l, l->at, 1, what);
            to_line_end(l);
            return false;
        }
        l->at += character_length(rest_of(l));
    }
    return true;
}

static struct token line_end(struct lex *l)
{
    size_t from = l->at;
    struct token token;

    if (look(l, 0) == END)
        return token_of(l, from, TOKEN_TEXT_END);
    token = token_of(l, from, TOKEN_LINE_END);
    l->at += look(l, 0) == '\r' ? 2 : 1;
    return token;
}

/* ---- words ---- */

static bool begins_word(int c, enum lex_word word)
{
    return is_letter(c) || (word == LEX_ID && is_digit(c));
}

static bool continues_word(int c, enum lex_word word)
{
    return is_letter(c) || is_digit(c) || (word != LEX_WORD && c == '-') || (word == LEX_ID && c == '.') ||
           (word == LEX_WORD && c == '$');
}

static struct token word_token(struct lex *l, enum lex_word word)
{
    size_t from = l->at;

    while (continues_word(look(l, 0), word)) {
        if (look(l, 0) == '$' && !is_letter(look(l, 1)))
            return mistake(l, l->at, 1, "'$' needs the name of a variable behind it");
        l->at++;
    }
    return token_of(l, from, TOKEN_WORD);
}

/* $NAME and ?NAME. */
static struct token sigil(struct lex *l, enum token_kind kind, const char *without_name)
{
    size_t from = l->at++;
    struct token token;

    if (!is_letter(look(l, 0)))
        return mistake(l, from, 1, without_name);
    while (is_letter(look(l, 0)) || is_digit(look(l, 0)))
        l->at++;
    token = token_of(l, from, kind);
    span_take(&token.text, 1);
    return token;
}

bool lex_is_word(const char *text, enum lex_word word)
{
    struct source source = { NULL, text, strlen(text) };
    struct lex l = { &source, 0 };

    return begins_word(look(&l, 0), word) && word_token(&l, word).kind == TOKEN_WORD && l.at == source.len;
}

/* ---- numbers ---- */

static const struct unit {
    const char *name;
    uint64_t factor;
    enum token_kind kind;
} units[] = {
    { "", 1, TOKEN_NUMBER },
    { "K", UINT64_C(1) << 10, TOKEN_NUMBER },
    { "M", UINT64_C(1) << 20, TOKEN_NUMBER },
    { "G", UINT64_C(1) << 30, TOKEN_NUMBER },
    { "T", UINT64_C(1) << 40, TOKEN_NUMBER },
    { "ms", UINT64_C(1000000), TOKEN_DURATION },
    { "s", UINT64_C(1000000000), TOKEN_DURATION },
};

static const struct unit *unit_of(struct span name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (span_equal(name, span_text(units[i].name)))
            return &units[i];
    return NULL;
}

/* The digit's value, or -1 where it is none of that base. */
static int digit_value(int c, unsigned base)
{
    if (is_digit(c))
        return c - '0';
    if (base == 16 && c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (base == 16 && c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static struct token number(struct lex *l)
{
    size_t from = l->at, digits, unit_from;
    unsigned base = look(l, 0) == '0' && (look(l, 1) == 'x' || look(l, 1) == 'X') ? 16 : 10;
    const struct unit *unit;
    bool overflow = false;
    uint64_t value = 0;
    struct token token;

    l->at += base == 16 ? 2 : 0;
    digits = l->at;
    for (; digit_value(look(l, 0), base) >= 0; l->at++) {
        overflow |= __builtin_mul_overflow(value, (uint64_t)base, &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)digit_value(look(l, 0), base), &value);
    }
    unit_from = l->at;
    while (is_letter(look(l, 0)) || is_digit(look(l, 0)))
        l->at++;
    if (unit_from == digits)
        return mistake(l, from, l->at - from, "a hexadecimal number needs digits behind 0x");
    unit = unit_of(span_of(l->source->text + unit_from, l->at - unit_from));
    if (!unit)
        return mistake(l, unit_from, l->at - unit_from,
                       "a number may end in K, M, G or T, a duration in ms or s");
    overflow |= __builtin_mul_overflow(value, unit->factor, &value);
    if (overflow)
        return mistake(l, from, l->at - from, "this does not fit into 64 bits");
    token = token_of(l, from, unit->kind);
    token.number = value;
    return token;
}

/* ---- strings ---- */

static const struct escape {
    char letter, byte;
} escapes[] = { { '"', '"' }, { '\\', '\\' }, { 'n', '\n' }, { 't', '\t' }, { 'r', '\r' } };

static const struct escape *escape_of(int letter)
{
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++)
        if (escapes[i].letter == letter)
            return &escapes[i];
    return NULL;
}

/* Bytes of the escape at the front, 0 when it is none. */
static size_t escape_length(const struct lex *l)
{
    if (escape_of(look(l, 1)))
        return 2;
    if (look(l, 1) == 'x' && digit_value(look(l, 2), 16) >= 0 && digit_value(look(l, 3), 16) >= 0)
        return 4;
    return 0;
}

/* Passes over one character of a string.  NULL when all is well, else what is wrong with it. */
static const char *string_character(struct lex *l)
{
    const char *what = wrong_character(rest_of(l));
    size_t len = look(l, 0) == '\\' ? escape_length(l) : character_length(rest_of(l));

    if (len == 0)
        what = "unknown escape; there are \\\" \\\\ \\n \\t \\r and \\xHH";
    if (!what)
        l->at += len;
    return what;
}

static struct token string(struct lex *l)
{
    size_t from = l->at++;
    struct token token;

    while (look(l, 0) != '"') {
        const char *what = is_line_end(l) ? NULL : string_character(l);

        if (is_line_end(l))
            return mistake(l, from, l->at - from, "the string has no end on this line");
        if (what) {
            token = mistake(l, l->at, 1, what);
            to_line_end(l);
            return token;
        }
    }
    l->at++;
    token = token_of(l, from, TOKEN_STRING);
    token.text = span_of(l->source->text + from + 1, l->at - from - 2);
    return token;
}

size_t lex_unescape(struct span text, uint8_t *to)
{
    size_t len = 0;

    while (text.len > 0) {
        const uint8_t *at = text.at;

        if (*at != '\\') {
            to[len++] = *span_take(&text, 1).at;
        } else if (text.len >= 4 && at[1] == 'x') {
            to[len++] = (uint8_t)(digit_value(at[2], 16) * 16 + digit_value(at[3], 16));
            span_take(&text, 4);
        } else {
            const struct escape *escape = text.len >= 2 ? escape_of(at[1]) : NULL;

            to[len++] = escape ? (uint8_t)escape->byte : '\\';
            span_take(&text, 2);
        }
    }
    return len;
}

/* ---- all of them ---- */

/* Longer ones first. */
static const char *const operators[] = { "!=", "<=", ">=", "..", "=", "<", ">", "+", "-", "*", "/",
                                         "|",  "&",  "(",  ")",  "[", "]", "{", "}", ",", ":", "." };

static struct token operator_token(struct lex *l)
{
    const char *what;
    size_t from = l->at;

    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        size_t len = strlen(operators[i]);

        if (len <= l->source->len - l->at && memcmp(l->source->text + l->at, operators[i], len) == 0) {
            l->at += len;
            return token_of(l, from, TOKEN_OPERATOR);
        }
    }
    what = wrong_character(rest_of(l));
    l->at += character_length(rest_of(l));
    return mistake(l, from, l->at - from, what ? what : "this character has no meaning here");
}

struct token lex_next(struct lex *l, enum lex_word word)
{
    struct token wrong;
    int c;

    while (look(l, 0) == ' ' || look(l, 0) == '\t')
        l->at++;
    c = look(l, 0);
    if (c == '#' && !comment(l, &wrong))
        return wrong;
    if (is_line_end(l))
        return line_end(l);
    if (begins_word(c, word))
        return word_token(l, word);
    if (is_digit(c))
        return number(l);
    if (c == '"')
        return string(l);
    if (c == '$')
        return sigil(l, TOKEN_VARIABLE, "'$' needs the name of a variable behind it");
    if (c == '?')
        return sigil(l, TOKEN_BIND, "'?' needs a name behind it for the value seen");
    return operator_token(l);
}

char lex_skip_line(struct lex *l)
{
    char last = 0;

    for (;;) {
        struct token token = lex_next(l, LEX_WORD);

        if (token.kind == TOKEN_LINE_END || token.kind == TOKEN_TEXT_END)
            return last == '{' || last == '}' ? last : 0;
        last = token.kind == TOKEN_OPERATOR && token.text.at ? (char)*token.text.at : '\0';
    }
}
