/* SPDX-License-Identifier: MIT */
/* Text to tokens, one line at a time.  Pure and without memory of its own: a token borrows the text. */
#ifndef NBDTEST_SCRIPT_LEX_H
#define NBDTEST_SCRIPT_LEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/diagnostic.h"
#include "base/span.h"

enum token_kind {
    TOKEN_NUMBER,   /* token.number */
    TOKEN_DURATION, /* 500ms, 2s; token.number in nanoseconds */
    TOKEN_WORD,     /* token.text */
    TOKEN_VARIABLE, /* $base; token.text without the $ */
    TOKEN_BIND,     /* ?size; token.text without the ? */
    TOKEN_STRING,   /* token.text is what stands between the quotes, escapes checked but not undone */
    TOKEN_OPERATOR, /* token.text: = != < <= > >= + - * / | & ( ) [ ] { } , : . .. */
    TOKEN_LINE_END, /* also behind the last line; stays at the end of the text */
    TOKEN_TEXT_END,
    TOKEN_MISTAKE, /* token.mistake says what is wrong with the text at token.place */
};

struct token {
    enum token_kind kind;
    struct place place;
    struct span text;
    uint64_t number;
    const char *mistake; /* static */
};

/* What may be in a word depends on where it stands. */
enum lex_word {
    LEX_WORD, /* letters, digits and _, with $NAME in it: SEND_$cmd */
    LEX_NAME, /* letters, digits, _ and -: names of cases, tags */
    LEX_ID,   /* those and dots; may begin with a digit: ids of requirements */
};

struct lex {
    const struct source *source;
    size_t at; /* the next byte to look at */
};

/* Takes the next token.  Never moves past the end of a line but by taking its TOKEN_LINE_END. */
struct token lex_next(struct lex *l, enum lex_word word);

/* Takes what is left of the line, its end included.  Returns the brace that is the last token in it, 0 for
 * any other. */
char lex_skip_line(struct lex *l);

/* Undoes the escapes of a TOKEN_STRING's text.  Writes at most text.len bytes and returns how many. */
size_t lex_unescape(struct span text, uint8_t *to);

/* True when the word could be written as a TOKEN_WORD in that place. */
bool lex_is_word(const char *text, enum lex_word word);

#endif
