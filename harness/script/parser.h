/* SPDX-License-Identifier: MIT */
/* What the parts of the parser share: parse.c (files and cases), parse_step.c (steps), parse_value.c
 * (values).
 *
 * A mistake is reported once a line: from then on the parser sees nothing but the end of the line, so that no
 * function has to ask whether the one before it succeeded.  parser_end_line() then goes on with the next
 * line. */
#ifndef NBDTEST_SCRIPT_PARSER_H
#define NBDTEST_SCRIPT_PARSER_H

#include "base/arena.h"
#include "base/nearest.h"
#include "script/lex.h"
#include "script/parse.h"

struct parser {
    struct lex lex; /* stands before the token last looked at */
    struct arena *arena;
    struct diagnostics *d;
    bool bad;      /* this line has a mistake */
    bool given_up; /* there were too many */
    unsigned mistakes;
    unsigned blocks;    /* that are open */
    unsigned depth;     /* of parentheses, calls and slices that are open */
    unsigned operators; /* in the value so far */
    uint64_t rounds;    /* of the innermost body of the repeats around this line */
};

/* The next token, without taking it; and the one behind it. */
struct token parser_peek(struct parser *p);
struct token parser_peek_second(struct parser *p);
struct token parser_take(struct parser *p);

/* The next token must be such a word; it is copied into the arena.  what says in a message what
 * was expected. */
const char *parser_word(struct parser *p, enum lex_word kind, const char *what, struct place *ret);

/* Whether the next token is that operator or word; take_ takes it if so, expect_ complains if not. */
bool parser_at(struct parser *p, const char *text);
bool parser_take_if(struct parser *p, const char *text);
void parser_expect(struct parser *p, const char *text);

/* Like parser_take_if(), and where the token ends its line what it separates goes on in the next one. */
bool parser_take_and_go_on(struct parser *p, const char *text);
bool parser_at_line_end(struct parser *p);

/* Reports a mistake unless the line already has one. */
void parser_fail(struct parser *p, struct place where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void parser_fail_expected(struct parser *p, const char *what);
void parser_fail_unknown(struct parser *p, const struct token *word, const char *what,
                         const struct nearest *nearest);
void parser_fail_not_yet(struct parser *p, const struct token *word);

/* Takes the end of the line.  Returns the brace that a line with a mistake ended in, 0 for any other line. */
char parser_end_line(struct parser *p);
void parser_skip_empty_lines(struct parser *p);

/* ---- values: parse_value.c ---- */

/* NULL where there is a mistake. */
struct value *parse_alternatives(struct parser *p); /* data { | data } */
struct value *parse_data(struct parser *p);         /* terms one behind the other */
struct value *parse_term(struct parser *p);         /* one of them */
struct value *parse_expression(struct parser *p);
struct value *parse_atom(struct parser *p);

/* True when the next token begins a value and not a field or a word such as `by`. */
bool parse_begins_value(struct parser *p);

/* Fields of a frame to send or of `connect`: name=value. */
struct field *parse_field(struct parser *p);
/* Of an expectation: name, comparison, value. */
struct field *parse_predicate(struct parser *p);
bool parse_comparison(struct parser *p, enum comparison *ret);

struct citation *parse_citations(struct parser *p, enum lex_word kind, bool commas);

/* ---- steps: parse_step.c ---- */

/* Steps up to the end of the block or case. */
struct step *parse_steps(struct parser *p);

#endif
