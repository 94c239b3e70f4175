/* SPDX-License-Identifier: MIT */
#include "script/value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- variables ---- */

static struct bound *find(struct environment *e, const char *name)
{
    for (size_t i = e->count; i-- > 0;)
        if (strcmp(e->all[i].name, name) == 0)
            return &e->all[i];
    return NULL;
}

const struct bound *environment_find(const struct environment *e, const char *name)
{
    for (size_t i = e->count; i-- > 0;)
        if (strcmp(e->all[i].name, name) == 0)
            return &e->all[i];
    return NULL;
}

bool environment_set(struct environment *e, struct bound b)
{
    if (e->count == sizeof e->all / sizeof *e->all)
        return false;
    e->all[e->count++] = b;
    return true;
}

bool environment_set_number(struct environment *e, const char *name, uint64_t number)
{
    return environment_set(e, (struct bound){ .name = name, .kind = BOUND_NUMBER, .number = number });
}

bool environment_assign(struct environment *e, struct bound b)
{
    struct bound *known = find(e, b.name);

    if (!known)
        return environment_set(e, b);
    *known = b;
    return true;
}

void environment_drop(struct environment *e, const char *name)
{
    struct bound *known = find(e, name);

    if (!known)
        return;
    e->count--;
    memmove(known, known + 1, sizeof *known * (size_t)(&e->all[e->count] - known));
}

/* ---- mistakes ---- */

static bool fail(struct value_error *error, struct place place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct value_error *error, struct place place, const char *fmt, ...)
{
    va_list ap;

    error->place = place;
    va_start(ap, fmt);
    vsnprintf(error->reason, sizeof error->reason, fmt, ap);
    va_end(ap);
    return false;
}

static const struct bound *variable(const struct value *v, const struct environment *e,
                                    struct value_error *error)
{
    const struct bound *b = environment_find(e, v->text);

    if (!b)
        fail(error, v->place, "nothing is known of $%s", v->text);
    return b;
}

/* ---- words ---- */

static bool part_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Writes text with its variables replaced; false when one is not known or there is no room. */
static bool expand(const char *text, const struct environment *e, char *to, size_t room)
{
    size_t len = 0;

    while (*text) {
        char name[64];
        size_t letters = 0;
        const struct bound *b;
        int wrote;

        if (*text != '$') {
            if (len + 1 >= room)
                return false;
            to[len++] = *text++;
            continue;
        }
        for (text++; part_of_name(*text) && letters < sizeof name - 1; text++)
            name[letters++] = *text;
        name[letters] = '\0';
        b = environment_find(e, name);
        if (!b || b->kind == BOUND_BYTES)
            return false;
        wrote = b->kind == BOUND_WORD ? snprintf(to + len, room - len, "%s", b->word)
                                      : snprintf(to + len, room - len, "%" PRIu64, b->number);
        if (wrote < 0 || (size_t)wrote >= room - len)
            return false;
        len += (size_t)wrote;
    }
    to[len] = '\0';
    return true;
}

const char *value_word(const char *text, const struct environment *e, struct arena *arena)
{
    char word[160];

    if (!strchr(text, '$'))
        return text;
    return expand(text, e, word, sizeof word) ? arena_text(arena, span_text(word)) : NULL;
}

/* ---- numbers ---- */

static bool of_flags(const struct vocabulary *words)
{
    return words && strstr(words->what, "flag") != NULL;
}

static bool word_number(const char *word, struct place place, const struct vocabulary *words, uint64_t *ret,
                        struct value_error *error)
{
    const struct word *known = words ? vocabulary_find(words, span_text(word)) : NULL;

    if (!words)
        return fail(error, place, "'%s' is no number", word);
    if (!known)
        return fail(error, place, "there is no %s '%s'", words->what, word);
    *ret = known->value;
    return true;
}

static bool calculate(char operator, uint64_t left, uint64_t right, uint64_t *ret)
{
    switch (operator) {
    case '+':
        return !__builtin_add_overflow(left, right, ret);
    case '-':
        return !__builtin_sub_overflow(left, right, ret);
    case '*':
        return !__builtin_mul_overflow(left, right, ret);
    case '/':
        if (right == 0)
            return false;
        *ret = left / right;
        return true;
    default:
        return false;
    }
}

static bool binary_number(const struct value *v, const struct environment *e, const struct vocabulary *words,
                          uint64_t *ret, struct value_error *error)
{
    uint64_t left, right;

    if (!value_number(v->left, e, words, &left, error) || !value_number(v->right, e, words, &right, error))
        return false;
    if (calculate(v->operator, left, right, ret))
        return true;
    if (v->operator== '/')
        return fail(error, v->place, "division by zero");
    return fail(error, v->place, "%" PRIu64 " %c %" PRIu64 " is not a number of 64 bits", left, v->operator,
                right);
}

static bool union_number(const struct value *v, const struct environment *e, const struct vocabulary *words,
                         uint64_t *ret, struct value_error *error)
{
    uint64_t all = 0, one;

    if (!of_flags(words))
        return fail(error, v->place, "one value is wanted here, not several");
    for (const struct value *item = v->first; item; item = item->next) {
        if (!value_number(item, e, words, &one, error))
            return false;
        all |= one;
    }
    *ret = all;
    return true;
}

static bool variable_number(const struct value *v, const struct environment *e,
                            const struct vocabulary *words, uint64_t *ret, struct value_error *error)
{
    const struct bound *b = variable(v, e, error);

    if (!b)
        return false;
    switch (b->kind) {
    case BOUND_NUMBER:
        *ret = b->number;
        return true;
    case BOUND_WORD:
        return word_number(b->word, v->place, words, ret, error);
    case BOUND_BYTES:
        break;
    }
    return fail(error, v->place, "$%s is text, and a number is wanted here", v->text);
}

bool value_number(const struct value *v, const struct environment *e, const struct vocabulary *words,
                  uint64_t *ret, struct value_error *error)
{
    char word[160];

    switch (v->kind) {
    case VALUE_NUMBER:
        *ret = v->number;
        return true;
    case VALUE_WORD:
        if (!expand(v->text, e, word, sizeof word))
            return fail(error, v->place, "a variable in '%s' is not known", v->text);
        return word_number(word, v->place, words, ret, error);
    case VALUE_VARIABLE:
        return variable_number(v, e, words, ret, error);
    case VALUE_BINARY:
        return binary_number(v, e, words, ret, error);
    case VALUE_EITHER:
        return union_number(v, e, words, ret, error);
    case VALUE_STRING:
    case VALUE_BIND:
    case VALUE_LIST:
    case VALUE_CALL:
    case VALUE_SLICE:
    case VALUE_JOINED:
        break;
    }
    return fail(error, v->place, "a number is wanted here");
}

/* ---- data ---- */

/* One term of data: what it is and which of its bytes are wanted. */
struct term {
    enum { TERM_BYTES, TERM_FILL, TERM_PATTERN } kind;
    struct place place;
    struct span bytes;  /* BYTES, borrowed from the tree, the environment or number */
    bool hex;           /* BYTES: two digits each */
    uint8_t number[8];  /* BYTES of be16() and its like */
    uint64_t seed;      /* PATTERN; FILL: the byte */
    bool sliced;        /* from counts: otherwise a pattern begins where the term stands */
    bool open;          /* takes what is left */
    uint64_t from, len; /* len is settled last where open */
};

static bool call_number(const struct value *v, const struct environment *e, uint64_t *ret,
                        struct value_error *error)
{
    if (!v->first || v->first->next)
        return fail(error, v->place, "%s() takes one number", v->text);
    return value_number(v->first, e, NULL, ret, error);
}

static bool big_endian_term(const struct value *v, const struct environment *e, size_t size, struct term *t,
                            struct value_error *error)
{
    uint64_t number = 0;

    if (!call_number(v, e, &number, error))
        return false;
    if (size < 8 && number >> 8 * size != 0)
        return fail(error, v->place, "%" PRIu64 " does not fit %zu bits", number, 8 * size);
    for (size_t i = 0; i < size; i++)
        t->number[i] = (uint8_t)(number >> 8 * (size - 1 - i));
    t->kind = TERM_BYTES;
    t->bytes = span_of(t->number, size);
    t->len = size;
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool hex_term(const struct value *v, struct term *t, struct value_error *error)
{
    const struct value *digits = v->first;

    if (!digits || digits->next || digits->kind != VALUE_STRING)
        return fail(error, v->place, "hex() takes one string");
    for (size_t i = 0; i < digits->bytes.len; i++)
        if (hex_digit(digits->bytes.at[i]) < 0)
            return fail(error, digits->place, "hex() takes the digits 0 to 9 and a to f");
    if (digits->bytes.len % 2 != 0)
        return fail(error, digits->place, "hex() takes two digits a byte");
    t->kind = TERM_BYTES;
    t->hex = true;
    t->bytes = digits->bytes;
    t->len = digits->bytes.len / 2;
    return true;
}

static bool fill_term(const struct value *v, const struct environment *e, struct term *t,
                      struct value_error *error)
{
    if (!call_number(v, e, &t->seed, error))
        return false;
    if (t->seed > 255)
        return fail(error, v->place, "fill() takes a byte, 0 to 255");
    t->kind = TERM_FILL;
    t->open = true;
    return true;
}

static bool term_of(const struct value *v, const struct environment *e, struct term *t,
                    struct value_error *error);

/* Up to the first colon and with it. */
static bool namespace_term(const struct value *v, const struct environment *e, struct term *t,
                           struct value_error *error)
{
    const uint8_t *colon;

    if (!v->first || v->first->next)
        return fail(error, v->place, "namespace() takes one name");
    if (!term_of(v->first, e, t, error))
        return false;
    if (t->kind != TERM_BYTES || t->hex || t->sliced)
        return fail(error, v->first->place, "namespace() takes a string, or a variable that holds one");
    colon = t->len > 0 ? memchr(t->bytes.at, ':', t->len) : NULL;
    if (colon)
        t->len = t->bytes.len = (size_t)(colon - t->bytes.at) + 1;
    return true;
}

static bool call_term(const struct value *v, const struct environment *e, struct term *t,
                      struct value_error *error)
{
    if (strcmp(v->text, "zero") == 0) {
        t->kind = TERM_FILL;
        t->open = true;
        return true;
    }
    if (strcmp(v->text, "fill") == 0)
        return fill_term(v, e, t, error);
    if (strcmp(v->text, "pattern") == 0) {
        t->kind = TERM_PATTERN;
        t->open = true;
        return call_number(v, e, &t->seed, error);
    }
    if (strcmp(v->text, "be16") == 0)
        return big_endian_term(v, e, 2, t, error);
    if (strcmp(v->text, "be32") == 0)
        return big_endian_term(v, e, 4, t, error);
    if (strcmp(v->text, "be64") == 0)
        return big_endian_term(v, e, 8, t, error);
    if (strcmp(v->text, "hex") == 0)
        return hex_term(v, t, error);
    if (strcmp(v->text, "namespace") == 0)
        return namespace_term(v, e, t, error);
    return fail(error, v->place, "%s() gives no data that can be played", v->text);
}

static bool variable_term(const struct value *v, const struct environment *e, struct term *t,
                          struct value_error *error)
{
    const struct bound *b = variable(v, e, error);

    if (!b)
        return false;
    if (b->kind == BOUND_NUMBER)
        return fail(error, v->place, "$%s is a number, and data are wanted here: be32($%s)", v->text,
                    v->text);
    t->kind = TERM_BYTES;
    t->bytes = b->kind == BOUND_WORD ? span_text(b->word) : b->bytes;
    t->len = t->bytes.len;
    return true;
}

static bool slice_term(const struct value *v, const struct environment *e, struct term *t,
                       struct value_error *error)
{
    uint64_t from = 0, to = 0;

    if (!term_of(v->left, e, t, error))
        return false;
    if (t->sliced)
        return fail(error, v->place, "this was sliced before");
    if (v->from && !value_number(v->from, e, NULL, &from, error))
        return false;
    if (v->to && !value_number(v->to, e, NULL, &to, error))
        return false;
    if (!v->to && !t->open)
        to = t->len;
    if ((v->to || !t->open) && to < from)
        return fail(error, v->place, "the slice ends before it begins");
    if (!t->open && to > t->len)
        return fail(error, v->place, "the slice ends behind the %" PRIu64 " bytes that there are", t->len);
    if (v->to || !t->open) {
        t->len = to - from;
        t->open = false;
    }
    t->from = from;
    t->sliced = true;
    return true;
}

static bool term_of(const struct value *v, const struct environment *e, struct term *t,
                    struct value_error *error)
{
    memset(t, 0, sizeof *t);
    t->place = v->place;
    switch (v->kind) {
    case VALUE_STRING:
        t->kind = TERM_BYTES;
        t->bytes = v->bytes;
        t->len = v->bytes.len;
        return true;
    case VALUE_CALL:
        return call_term(v, e, t, error);
    case VALUE_SLICE:
        return slice_term(v, e, t, error);
    case VALUE_VARIABLE:
        return variable_term(v, e, t, error);
    case VALUE_WORD:
        if (strcmp(v->text, "zero") == 0)
            return call_term(v, e, t, error);
        break;
    case VALUE_NUMBER:
    case VALUE_BINARY:
    case VALUE_EITHER:
    case VALUE_BIND:
    case VALUE_LIST:
    case VALUE_JOINED:
        break;
    }
    return fail(error, v->place,
                "data are wanted here: a string, zero, fill(), pattern(), hex(), be32() ...");
}

/* Appends len bytes of a term that stands at `at` of data that begin at origin of the export. */
static bool append_term(const struct term *t, uint64_t origin, uint64_t at, struct buffer *to,
                        struct value_error *error)
{
    size_t len = (size_t)t->len;
    uint8_t *bytes = t->len <= to->ceiling ? buffer_extend(to, len) : NULL;

    if (!bytes)
        return fail(error, t->place, "more than %zu bytes of data", to->ceiling);
    if (len == 0)
        return true;
    switch (t->kind) {
    case TERM_FILL:
        memset(bytes, (int)t->seed, len);
        break;
    case TERM_PATTERN:
        pattern_fill(t->seed, origin + (t->sliced ? t->from : at), bytes, len);
        break;
    case TERM_BYTES:
        if (!t->hex) {
            memcpy(bytes, t->bytes.at + t->from, len);
            break;
        }
        for (size_t i = 0; i < len; i++) {
            const uint8_t *digits = t->bytes.at + 2 * (t->from + i);

            bytes[i] = (uint8_t)((unsigned)hex_digit(digits[0]) << 4 | (unsigned)hex_digit(digits[1]));
        }
        break;
    }
    return true;
}

/* What the terms with a length come to; *ret_open is the one without, or NULL. */
static bool lengths(const struct value *first, bool joined, const struct environment *e, uint64_t *ret_sum,
                    const struct value **ret_open, struct value_error *error)
{
    uint64_t sum = 0;

    *ret_open = NULL;
    for (const struct value *v = first; v; v = joined ? v->next : NULL) {
        struct term t;

        if (!term_of(v, e, &t, error))
            return false;
        if (t.open && *ret_open)
            return fail(error, v->place, "only one term can take what the others leave");
        if (t.open)
            *ret_open = v;
        else if (__builtin_add_overflow(sum, t.len, &sum))
            return fail(error, v->place, "more than 64 bits of data");
    }
    *ret_sum = sum;
    return true;
}

bool value_data(const struct value *v, const struct environment *e, uint64_t origin, uint64_t length,
                struct buffer *to, struct value_error *error)
{
    bool joined = v->kind == VALUE_JOINED;
    const struct value *first = joined ? v->first : v, *open;
    uint64_t sum = 0, at = 0;

    if (!lengths(first, joined, e, &sum, &open, error))
        return false;
    if (open && length == UINT64_MAX)
        return fail(error, open->place, "how many bytes? nothing here says it: add [..N]");
    if (open && sum > length)
        return fail(error, v->place, "%" PRIu64 " bytes of data, and there are to be %" PRIu64, sum, length);
    for (const struct value *item = first; item; item = joined ? item->next : NULL) {
        struct term t;

        if (!term_of(item, e, &t, error))
            return false;
        if (t.open)
            t.len = length - sum;
        if (!append_term(&t, origin, at, to, error))
            return false;
        at += t.len;
    }
    return true;
}
