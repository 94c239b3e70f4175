/* SPDX-License-Identifier: MIT */
#include "script/expect.h"

#include <inttypes.h>
#include <stdio.h>

#include "script/said.h"
#include "script/words.h"

static enum match match_if(bool holds)
{
    return holds ? MATCH_YES : MATCH_NO;
}

/* ---- one value against one expected ---- */

static enum match number_is(struct matcher *m, const struct value *v, const struct vocabulary *words,
                            uint64_t got)
{
    uint64_t wanted;

    if (!value_number(v, m->variables, words, &wanted, &m->error))
        return MATCH_ERROR;
    return match_if(got == wanted);
}

static enum match text_is(struct matcher *m, const struct value *v, struct span got)
{
    buffer_clear(m->scratch);
    if (!value_data(v, m->variables, 0, got.len, m->scratch, &m->error))
        return MATCH_ERROR;
    return match_if(span_equal(buffer_span(m->scratch), got));
}

/* One of the alternatives, which a set of flags is not. */
static enum match is_one_of(struct matcher *m, const struct field_rule *rule, const struct value *v,
                            const struct fact *got)
{
    const struct value *item = v->kind == VALUE_EITHER ? v->first : v;

    if (!got->text && rule->kind == FIELD_FLAGS)
        return number_is(m, v, rule->words, got->number);
    for (; item; item = v->kind == VALUE_EITHER ? item->next : NULL) {
        enum match match =
            got->text ? text_is(m, item, got->bytes) : number_is(m, item, rule->words, got->number);

        if (match != MATCH_NO)
            return match;
    }
    return MATCH_NO;
}

static enum match compare_number(struct matcher *m, const struct field *f, const struct field_rule *rule,
                                 uint64_t got)
{
    uint64_t wanted;

    if (!value_number(f->value, m->variables, rule->words, &wanted, &m->error))
        return MATCH_ERROR;
    switch (f->comparison) {
    case COMPARE_LESS:
        return match_if(got < wanted);
    case COMPARE_AT_MOST:
        return match_if(got <= wanted);
    case COMPARE_MORE:
        return match_if(got > wanted);
    case COMPARE_AT_LEAST:
        return match_if(got >= wanted);
    case COMPARE_HAS:
        return match_if((got & wanted) == wanted);
    case COMPARE_LACKS:
        return match_if((got & wanted) == 0);
    case COMPARE_EQUAL:
    case COMPARE_NOT_EQUAL:
        break;
    }
    return MATCH_NO;
}

static enum match compare(struct matcher *m, const struct field *f, const struct field_rule *rule,
                          const struct fact *got)
{
    enum match match;

    if (f->value->kind == VALUE_BIND)
        return match_if(f->comparison == COMPARE_EQUAL);
    if (f->comparison == COMPARE_EQUAL)
        return is_one_of(m, rule, f->value, got);
    if (f->comparison == COMPARE_NOT_EQUAL) {
        match = is_one_of(m, rule, f->value, got);
        return match == MATCH_ERROR ? match : match_if(match == MATCH_NO);
    }
    return got->text ? MATCH_NO : compare_number(m, f, rule, got->number);
}

/* ---- fields ---- */

static enum match bind(struct matcher *m, const struct value *v, const struct fact *got)
{
    struct bound b = { .name = v->text, .kind = BOUND_NUMBER, .number = got->number };

    if (got->text) {
        b.kind = BOUND_BYTES;
        b.bytes = span_of(arena_copy(m->arena, got->bytes.at, got->bytes.len), got->bytes.len);
    }
    if (environment_assign(m->variables, b))
        return MATCH_YES;
    m->error.place = v->place;
    snprintf(m->error.reason, sizeof m->error.reason, "too many variables");
    return MATCH_ERROR;
}

/* What ?name stands at, when all the line holds. */
static enum match bind_all(struct matcher *m, const struct field *fields, const struct said *said)
{
    for (const struct field *f = fields; f; f = f->next)
        if (f->value->kind == VALUE_BIND && bind(m, f->value, said_find(said, f->name)) != MATCH_YES)
            return MATCH_ERROR;
    return MATCH_YES;
}

static void said_by(const struct arrival *a, struct said *ret)
{
    ret->count = 0;
    switch (a->kind) {
    case ARRIVAL_MESSAGE:
        said_by_message(a->message, ret);
        return;
    case ARRIVAL_REPLY:
        said_by_exchange(a->exchange, a->agreed, ret);
        return;
    case ARRIVAL_TLS:
        said_by_tls(a->tls_version, ret);
        return;
    case ARRIVAL_CLOSE:
        return;
    }
}

enum match expect_fields(struct matcher *m, const char *verb, const struct field *fields,
                         const struct arrival *a)
{
    const struct verb_rule *verb_rule = words_expected(span_text(verb));
    struct said said;

    if (!fields || !verb_rule)
        return MATCH_YES;
    said_by(a, &said);
    for (const struct field *f = fields; f; f = f->next) {
        const struct field_rule *rule = words_field(verb_rule, span_text(f->name));
        const struct fact *got = said_find(&said, f->name);
        enum match match = rule && got ? compare(m, f, rule, got) : MATCH_NO;

        if (match != MATCH_YES)
            return match;
    }
    return bind_all(m, fields, &said);
}

/* ---- verbs ---- */

static enum match match_greeting(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    (void)m;
    (void)f;
    return match_if(a->kind == ARRIVAL_MESSAGE && (a->message->head.kind == SCAN_KIND_NEWSTYLE ||
                                                   a->message->head.kind == SCAN_KIND_OLDSTYLE));
}

static enum match match_export(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    (void)m;
    (void)f;
    return match_if(a->kind == ARRIVAL_MESSAGE && a->message->head.kind == SCAN_KIND_EXPORT);
}

static enum match match_option_reply(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    enum match match;
    uint32_t type;

    if (a->kind != ARRIVAL_MESSAGE || a->message->head.kind != SCAN_KIND_OPTION_REPLY)
        return MATCH_NO;
    if (!f->subject)
        return MATCH_YES;
    type = a->message->head.option_reply.type;
    if (f->subject->kind == VALUE_WORD && strcmp(f->subject->text, "ERR") == 0)
        return match_if(reply_is_error(type));
    match = number_is(m, f->subject, &vocabulary_replies, type);
    if (match != MATCH_YES || !f->detail)
        return match;
    if (a->message->reply.layout != REPLY_INFO)
        return MATCH_NO;
    return number_is(m, f->detail, &vocabulary_infos, a->message->reply.info);
}

static enum match match_ok(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    (void)m;
    (void)f;
    return match_if(a->kind == ARRIVAL_REPLY && a->exchange->error == 0);
}

static enum match match_error(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    static const struct field_rule errors = { "error", FIELD_WORD, &vocabulary_errors };
    struct fact got = { .name = "error" };

    if (a->kind != ARRIVAL_REPLY || a->exchange->error == 0)
        return MATCH_NO;
    got.number = a->exchange->error;
    return f->subject ? is_one_of(m, &errors, f->subject, &got) : MATCH_YES;
}

static void tell_difference(struct matcher *m, uint64_t offset, struct span got, struct span wanted)
{
    size_t least = got.len < wanted.len ? got.len : wanted.len, first = SIZE_MAX, count = 0;

    m->data_differ = true;
    for (size_t i = 0; i < least; i++)
        if (got.at[i] != wanted.at[i] && count++ == 0)
            first = i;
    if (first == SIZE_MAX)
        snprintf(m->why, sizeof m->why, "%zu bytes, and not %zu", got.len, wanted.len);
    else
        snprintf(m->why, sizeof m->why,
                 "the byte at offset %" PRIu64 " is 0x%02x and not 0x%02x, %zu bytes differ", offset + first,
                 got.at[first], wanted.at[first], count);
}

static enum match match_data(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    const struct exchange *e = a->exchange;
    struct span got, wanted;

    if (a->kind != ARRIVAL_REPLY || e->request.type != NBD_CMD_READ || e->error != 0)
        return MATCH_NO;
    if (!f->subject)
        return MATCH_YES;
    buffer_clear(m->scratch);
    if (!value_data(f->subject, m->variables, e->request.offset, e->request.length, m->scratch, &m->error))
        return MATCH_ERROR;
    got = buffer_span(&e->data);
    wanted = buffer_span(m->scratch);
    if (span_equal(got, wanted))
        return MATCH_YES;
    tell_difference(m, e->request.offset, got, wanted);
    return MATCH_NO;
}

static enum match match_status(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    (void)m;
    (void)f;
    return match_if(a->kind == ARRIVAL_REPLY && a->exchange->error == 0 &&
                    a->exchange->request.type == NBD_CMD_BLOCK_STATUS);
}

static enum match match_tls(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    if (a->kind != ARRIVAL_TLS || !f->subject)
        return match_if(a->kind == ARRIVAL_TLS);
    return number_is(m, f->subject, &words_tls_results, a->tls_version != 0);
}

static enum match match_close(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    (void)m;
    (void)f;
    return match_if(a->kind == ARRIVAL_CLOSE);
}

static const struct {
    const char *verb;
    enum match (*match)(struct matcher *m, const struct frame *f, const struct arrival *a);
} verbs[] = {
    { "GREETING", match_greeting }, { "REP", match_option_reply },
    { "EXPORT", match_export },     { "OK", match_ok },
    { "ERROR", match_error },       { "DATA", match_data },
    { "STATUS", match_status },     { "tls", match_tls },
    { "close", match_close },
};

enum match expect_frame(struct matcher *m, const struct frame *f, const struct arrival *a)
{
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(f->verb, verbs[i].verb) == 0) {
            enum match match = verbs[i].match(m, f, a);

            return match == MATCH_YES ? expect_fields(m, f->verb, f->fields, a) : match;
        }
    m->error.place = f->place;
    snprintf(m->error.reason, sizeof m->error.reason, "'%s' cannot be expected", f->verb);
    return MATCH_ERROR;
}
