/* SPDX-License-Identifier: MIT */
/* Numbers in 8 bytes of the machine's order, texts behind their length: both ends are one program. */
#include "runner/upshot.h"

#define NO_TEXT UINT64_MAX

/* What a place points into. */
enum { IN_NOTHING, IN_CASE, IN_WAY };

static const struct source the_way = { .path = "the way in", .text = "", .len = 0 };

/* ---- out ---- */

static void put_number(struct buffer *to, uint64_t number)
{
    buffer_add(to, &number, sizeof number);
}

static void put_bytes(struct buffer *to, struct span bytes)
{
    put_number(to, bytes.len);
    buffer_add(to, bytes.at, bytes.len);
}

static void put_text(struct buffer *to, const char *text)
{
    if (text)
        put_bytes(to, span_text(text));
    else
        put_number(to, NO_TEXT);
}

static void put_place(struct buffer *to, struct place place, const struct tree_case *played)
{
    put_number(to, !place.source ? IN_NOTHING : place.source == played->place.source ? IN_CASE : IN_WAY);
    put_number(to, place.at);
    put_number(to, place.len);
}

static void put_findings(struct buffer *to, const struct finding *first, const struct tree_case *played)
{
    uint64_t count = 0;

    for (const struct finding *f = first; f; f = f->next)
        count++;
    put_number(to, count);
    for (const struct finding *f = first; f; f = f->next) {
        put_text(to, f->rule);
        put_place(to, f->place, played);
        put_text(to, f->demanded);
        put_text(to, f->came);
        put_number(to, f->line);
        put_number(to, f->note);
        put_number(to, f->from_referee);
    }
}

void upshot_put(const struct upshot *o, const struct tree_case *played, struct buffer *to)
{
    const struct play_result *r = &o->result;

    put_number(to, (uint64_t)o->planned);
    put_text(to, o->reason);
    put_text(to, o->death);
    put_number(to, o->gone);
    put_number(to, o->took_ns);
    put_findings(to, r->findings, played);
    put_number(to, r->failed);
    put_number(to, r->error);
    put_place(to, r->error_place, played);
    put_text(to, r->error_reason);
    put_number(to, r->unreachable);
    put_number(to, r->server_closed_early);
    put_bytes(to, r->transcript);
    put_number(to, r->transcript_lines);
}

/* ---- in ---- */

struct reader {
    struct span rest;
    struct arena *arena;
    const struct tree_case *played;
    bool wrong;
};

static uint64_t number(struct reader *r)
{
    struct span bytes = span_take(&r->rest, sizeof(uint64_t));
    uint64_t ret = 0;

    if (bytes.len == sizeof ret)
        memcpy(&ret, bytes.at, sizeof ret);
    else
        r->wrong = true;
    return ret;
}

static struct span bytes(struct reader *r, uint64_t len)
{
    if (len > r->rest.len) {
        r->wrong = true;
        len = 0;
    }
    return span_take(&r->rest, (size_t)len);
}

static const char *text(struct reader *r)
{
    uint64_t len = number(r);

    return len == NO_TEXT ? NULL : arena_text(r->arena, bytes(r, len));
}

static struct place place(struct reader *r)
{
    uint64_t in = number(r);
    struct place ret = { 0 };

    ret.at = (size_t)number(r);
    ret.len = (size_t)number(r);
    ret.source = in == IN_CASE ? r->played->place.source : in == IN_WAY ? &the_way : NULL;
    if (ret.source && (ret.at > ret.source->len || ret.len > ret.source->len - ret.at))
        ret.at = ret.len = 0;
    return ret;
}

static struct finding *findings(struct reader *r)
{
    struct finding *first = NULL, **tail = &first;

    for (uint64_t count = number(r); count > 0 && !r->wrong; count--) {
        struct finding *f = ARENA_NEW(r->arena, struct finding);

        f->rule = text(r);
        f->place = place(r);
        f->demanded = text(r);
        f->came = text(r);
        f->line = (size_t)number(r);
        f->note = number(r) != 0;
        f->from_referee = number(r) != 0;
        *tail = f;
        tail = &f->next;
    }
    return first;
}

bool upshot_get(struct span record, const struct tree_case *played, struct arena *arena, struct upshot *ret)
{
    struct reader r = { record, arena, played, false };
    uint64_t planned = number(&r);
    struct span transcript;

    *ret = (struct upshot){ .planned = planned == PLAN_READY  ? PLAN_READY
                                       : planned == PLAN_SKIP ? PLAN_SKIP
                                                              : PLAN_MISTAKE };
    ret->reason = text(&r);
    ret->death = text(&r);
    ret->gone = number(&r) != 0;
    ret->took_ns = number(&r);
    ret->result.findings = findings(&r);
    ret->result.failed = (size_t)number(&r);
    ret->result.error = number(&r) != 0;
    ret->result.error_place = place(&r);
    ret->result.error_reason = text(&r);
    ret->result.unreachable = number(&r) != 0;
    ret->result.server_closed_early = number(&r) != 0;
    transcript = bytes(&r, number(&r));
    ret->result.transcript = span_of(arena_copy(arena, transcript.at, transcript.len), transcript.len);
    ret->result.transcript_lines = (size_t)number(&r);
    return !r.wrong && r.rest.len == 0;
}
