/* SPDX-License-Identifier: MIT */
/* What the values of a case come to when it is played. */
#ifndef NBDTEST_SCRIPT_VALUE_H
#define NBDTEST_SCRIPT_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "script/tree.h"
#include "wire/vocabulary.h"

/* A variable's value: a number, a word of the language, or bytes. */
struct bound {
    const char *name;
    enum { BOUND_NUMBER, BOUND_WORD, BOUND_BYTES } kind;
    uint64_t number;
    const char *word;
    struct span bytes;
};

/* Variables, inner ones hiding outer ones of the same name. */
struct environment {
    struct bound all[64];
    size_t count;
};

/* A new variable, in front of others of its name.  False when there are too many. */
bool environment_set(struct environment *e, struct bound b);
bool environment_set_number(struct environment *e, const char *name, uint64_t number);

/* Gives a variable another value; a new one where there is none of the name.  False when there are
 * too many. */
bool environment_assign(struct environment *e, struct bound b);

/* Takes away the innermost variable of that name; others stay, also later ones. */
void environment_drop(struct environment *e, const char *name);

const struct bound *environment_find(const struct environment *e, const char *name);

/* What went wrong: a place and a reason, for the verdict `error`. */
struct value_error {
    struct place place;
    char reason[160];
};

/* A number.  Words are looked up in words (may be NULL), an EITHER of words is their union where the
 * vocabulary is one of flags.  Overflow, division by zero and unknown words are errors. */
bool value_number(const struct value *v, const struct environment *e, const struct vocabulary *words,
                  uint64_t *ret, struct value_error *error);

/* A word with the $NAMEs in it replaced; into the arena, or text itself where there are none.  NULL when a
 * name is not known or is bound to bytes. */
const char *value_word(const char *text, const struct environment *e, struct arena *arena);

/* Appends the bytes of data.
 * origin   the absolute offset of the first byte: pattern(SEED) is a function of the absolute offset of each
 * byte length   how many bytes there are to be: one term without a length of its own (zero, fill, pattern
 * without slice) takes what is left.  Where all terms have lengths they decide, and the caller compares: a
 * payload may be wrong on purpose.  UINT64_MAX: as many as the terms say, and a term without length is an
 * error
 *
 * A slice [a..b] counts from the first byte of the whole: pattern(1)[512..1024] is what pattern(1) has there,
 * wherever the term stands. */
bool value_data(const struct value *v, const struct environment *e, uint64_t origin, uint64_t length,
                struct buffer *to, struct value_error *error);

/* The byte of pattern(seed) at an absolute offset of the export.  No byte is zero, and neither neighbours nor
 * the patterns of two successive seeds share one, so that even a single byte tells. */
uint8_t pattern_byte(uint64_t seed, uint64_t offset);
void pattern_fill(uint64_t seed, uint64_t offset, uint8_t *to, size_t len);

/* Finds the seed below 256 whose pattern all of data are at that offset; false if there is none.  Fewer than
 * eight bytes say little. */
bool pattern_recognise(uint64_t offset, struct span data, uint64_t *ret_seed);

#endif
