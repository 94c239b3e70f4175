/* SPDX-License-Identifier: MIT */
/* What the parts of the checker share: check.c (cases and steps), check_value.c (words, values, fields). */
#ifndef NBDTEST_SCRIPT_CHECKER_H
#define NBDTEST_SCRIPT_CHECKER_H

#include "script/check.h"
#include "script/words.h"

#define CHECK_MAX_NAMES 48   /* variables a case may have of its own */
#define CHECK_MAX_LABELS 256 /* of requests in a case */

struct names {
    const char *all[CHECK_MAX_LABELS];
    const char *connection[CHECK_MAX_LABELS]; /* of a label; NULL: the first */
    size_t count;
};

struct checker {
    const struct check_rules *rules;
    struct diagnostics *d;
    unsigned mistakes;
    unsigned expanded; /* words of choices looked up so far */
    const struct tree_case *the_case;
    struct names variables, labels, saved, connections;
};

/* False when there are so many mistakes that the rest is not looked at. */
bool check_goes_on(const struct checker *c);
void check_fail(struct checker *c, struct place where, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* "unknown WHAT 'word'", with the nearest one if there is one. */
void check_fail_unknown(struct checker *c, struct place where, const char *what, const char *word,
                        const struct nearest *nearest);

bool names_has(const struct names *names, const char *name);

/* Makes a variable known from here on. */
void check_define(struct checker *c, struct place where, const char *name);
/* Complains of each $NAME in a word that nobody defines. */
void check_variables_in(struct checker *c, struct place where, const char *text);

/* Calls seen for the word, or, where a $NAME of a `for` is in it, for each word that it can come to.  Where
 * that is not known before a case is played, seen is not called. */
void check_each_word(struct checker *c, struct place where, const char *text,
                     void (*seen)(struct checker *c, struct place where, const char *word));

enum check_allow {
    ALLOW_ONE = 0,
    ALLOW_EITHER = 1, /* a set of allowed values */
    ALLOW_BIND = 2,   /* ?NAME */
};

/* Numbers, and words of the vocabulary (NULL: no words). */
void check_number(struct checker *c, const struct value *v, const struct vocabulary *words, unsigned allow);
void check_data(struct checker *c, const struct value *v, unsigned allow);

/* The fields of a frame to send; and what is demanded of a reply, which may be any of the outcomes. */
void check_fields(struct checker *c, const struct field *f, const struct verb_rule *rule, const char *verb);
void check_predicates(struct checker *c, const struct field *f, const struct outcome *outcomes);

#endif
