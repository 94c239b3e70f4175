/* SPDX-License-Identifier: MIT */
#include "runner/need.h"

#include <inttypes.h>

#include "script/print.h"
#include "script/words.h"
#include "wire/vocabulary.h"

enum { REASON_MAX = 300 };

static const char *const signs[] = {
    [COMPARE_EQUAL] = "=", [COMPARE_NOT_EQUAL] = "!=", [COMPARE_LESS] = "<",    [COMPARE_AT_MOST] = "<=",
    [COMPARE_MORE] = ">",  [COMPARE_AT_LEAST] = ">=",  [COMPARE_HAS] = " has ", [COMPARE_LACKS] = " lacks ",
};

/* The numbers that can be compared. */
static bool find_number(const char *word, const struct facts *f, uint64_t *ret)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        { "size", f->size },
        { "min_block", f->block_size.minimum },
        { "preferred_block", f->block_size.preferred },
        { "max_payload", f->block_size.maximum },
        { "connections", f->connections },
    };

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (strcmp(word, numbers[i].name) == 0) {
            *ret = numbers[i].value;
            return true;
        }
    return false;
}

static bool compares(uint64_t is, enum comparison how, uint64_t wanted)
{
    switch (how) {
    case COMPARE_EQUAL:
        return is == wanted;
    case COMPARE_NOT_EQUAL:
        return is != wanted;
    case COMPARE_LESS:
        return is < wanted;
    case COMPARE_AT_MOST:
        return is <= wanted;
    case COMPARE_MORE:
        return is > wanted;
    case COMPARE_AT_LEAST:
        return is >= wanted;
    case COMPARE_HAS:
        return (is & wanted) == wanted;
    case COMPARE_LACKS:
        return (is & wanted) == 0;
    }
    return false;
}

/* A word without a value that is no flag. */
static bool find_fact(const char *word, const struct facts *f, bool *ret)
{
    const struct {
        const char *name;
        bool is;
    } known[] = {
        { "structured", f->structured },
        { "extended", f->extended },
        { "block_size", f->has_block_size },
        { "unasked", f->unasked },
        { "tls_only", f->has_tls_only },
        { "without_tls", f->without_tls },
        { "hides_unknown", f->hides_unknown },
        { "refuses_unknown", f->refuses_unknown },
        { "another", f->has_another },
        { "oldstyle", f->oldstyle },
        { "SEND_READ", true }, /* every server has these commands */
        { "SEND_WRITE", true },
        { "BLOCK_STATUS_PAYLOAD", f->extended && f->filters }, /* is never there without extended headers */
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(word, known[i].name) == 0) {
            *ret = known[i].is;
            return true;
        }
    return false;
}

/* A word without a value: writable, structured, extended, a flag. */
static bool find_plain(const char *word, const struct need_ground *g, bool *ret)
{
    const struct word *flag;

    if (strcmp(word, "writable") == 0) {
        *ret =
            (g->transmission_flags & NBD_FLAG_READ_ONLY) == 0 && !g->facts->writes_refused && !g->read_only;
        return true;
    }
    if (find_fact(word, g->facts, ret))
        return true;
    flag = vocabulary_find(&vocabulary_transmission_flags, span_text(word));
    if (flag) {
        *ret = (g->transmission_flags & flag->value) != 0;
        return true;
    }
    flag = vocabulary_find(&vocabulary_handshake_flags, span_text(word));
    if (flag)
        *ret = (g->facts->handshake_flags & flag->value) != 0;
    return flag != NULL;
}

void value_written(const struct value *v, struct buffer *to)
{
    const struct source *source = v->place.source;

    if (source && v->place.at <= source->len && v->place.len <= source->len - v->place.at)
        buffer_add(to, source->text + v->place.at, v->place.len);
    else
        print_value(v, to);
}

static enum need_outcome mistake(struct arena *arena, const char **ret_reason, const char *text)
{
    *ret_reason = arena_print(arena, "%s", text);
    return NEED_MISTAKE;
}

/* Judges one need without its `not`. */
static enum need_outcome judge(const struct need *n, const char *word, const struct need_ground *g,
                               struct arena *arena, const char **ret_reason)
{
    struct value_error error;
    uint64_t is, wanted;
    bool met;

    if (strcmp(word, "context") == 0 && n->value && n->value->kind == VALUE_STRING)
        return facts_has_context(g->facts, arena_text(arena, n->value->bytes)) ? NEED_MET : NEED_UNMET;
    if (strcmp(word, "option") == 0 && n->value) {
        if (!value_number(n->value, g->variables, &vocabulary_options, &wanted, &error))
            return mistake(arena, ret_reason, error.reason);
        return wanted <= UINT32_MAX && facts_has_option(g->facts, (uint32_t)wanted) ? NEED_MET : NEED_UNMET;
    }
    if (strcmp(word, "tls") == 0 && n->value) {
        if (!value_number(n->value, g->variables, &words_tls_modes, &wanted, &error))
            return mistake(arena, ret_reason, error.reason);
        met = wanted == 0 ? g->facts->tls_mode != TLS_MODE_NOTLS : g->facts->tls_mode == wanted;
        return met ? NEED_MET : NEED_UNMET;
    }
    if (n->value && find_number(word, g->facts, &is)) {
        if (!value_number(n->value, g->variables, NULL, &wanted, &error))
            return mistake(arena, ret_reason, error.reason);
        return compares(is, n->comparison, wanted) ? NEED_MET : NEED_UNMET;
    }
    if (!n->value && find_plain(word, g, &met))
        return met ? NEED_MET : NEED_UNMET;
    *ret_reason = arena_print(arena, "'%s' cannot be needed", word);
    return NEED_MISTAKE;
}

static const char *say(const struct need *n, const char *word, const struct need_ground *g,
                       struct arena *arena)
{
    struct buffer text;
    const char *said;

    if (strcmp(word, "writable") == 0 && !n->negated && g->read_only)
        return "needs writing (--read-only)";
    if (strcmp(word, "writable") == 0 && !n->negated && g->facts->writes_refused)
        return "needs writing, which is refused with EPERM";
    buffer_init(&text, REASON_MAX);
    buffer_print(&text, "needs %s%s", n->negated ? "not " : "", word);
    if (n->value) {
        bool names = n->value->kind == VALUE_STRING || strcmp(word, "option") == 0;

        buffer_print(&text, "%s", names ? " " : signs[n->comparison]);
        value_written(n->value, &text);
    }
    said = arena_print(arena, "%s", buffer_text(&text));
    buffer_free(&text);
    return said;
}

enum need_outcome needs_met(const struct need *needs, const struct need_ground *ground, struct arena *arena,
                            const char **ret_reason)
{
    for (const struct need *n = needs; n; n = n->next) {
        const char *word = value_word(n->word, ground->variables, arena);
        enum need_outcome outcome;

        if (!word)
            return mistake(arena, ret_reason, "a variable in a need is not known");
        outcome = judge(n, word, ground, arena, ret_reason);
        if (outcome == NEED_MISTAKE)
            return NEED_MISTAKE;
        if ((outcome == NEED_MET) == n->negated) {
            *ret_reason = say(n, word, ground, arena);
            return NEED_UNMET;
        }
    }
    return NEED_MET;
}
