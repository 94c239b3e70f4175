/* SPDX-License-Identifier: MIT */
#include "runner/way.h"

#include <string.h>

#include "script/parse.h"
#include "script/print.h"

enum { TEXT_MAX = 64 * 1024 };

struct way {
    const char *text;
    const struct step *steps;
    struct way *next;
};

static void put_export(const struct way_wanted *wanted, struct buffer *text)
{
    if (wanted->export)
        print_value(wanted->export, text);
    else
        buffer_print(text, "$export");
}

static void put_contexts(const struct way_wanted *wanted, struct buffer *text)
{
    buffer_print(text, "C: OPT SET_META_CONTEXT name=");
    put_export(wanted, text);
    buffer_print(text, " queries=");
    print_value(wanted->contexts, text);
    buffer_print(text, "\nS: REP META_CONTEXT*\nS: REP ACK\n");
}

static void put_go(const struct way_wanted *wanted, struct buffer *text)
{
    buffer_print(text, "C: OPT GO name=");
    put_export(wanted, text);
    buffer_print(text, " infos=");
    if (wanted->infos)
        print_value(wanted->infos, text);
    else
        buffer_print(text, "(EXPORT BLOCK_SIZE)");
    buffer_print(text, "\nS: REP INFO*\nS: REP ACK\n");
}

static void put_export_name(const struct way_wanted *wanted, struct buffer *text)
{
    buffer_print(text, "C: OPT EXPORT_NAME name=");
    put_export(wanted, text);
    buffer_print(text, "\nS: EXPORT\n");
}

static void write_way(const struct facts *f, const struct way_wanted *wanted, struct buffer *text)
{
    bool fixed = (f->handshake_flags & NBD_FLAG_FIXED_NEWSTYLE) != 0;

    if (wanted->start >= START_GREETING)
        buffer_print(text, "S: GREETING\n");
    if (f->oldstyle)
        return;
    if (wanted->start >= START_OPTIONS)
        buffer_print(text, "C: FLAGS offered\n");
    if (wanted->start >= START_OPTIONS && f->secured)
        buffer_print(text, "C: OPT STARTTLS\nS: REP ACK\nC: tls\nS: tls ok\n");
    if (wanted->start < START_TRANSMISSION)
        return;
    if (wanted->mode == MODE_STRUCTURED)
        buffer_print(text, "C: OPT STRUCTURED_REPLY\nS: REP ACK\n");
    if (wanted->mode == MODE_EXTENDED)
        buffer_print(text, "C: OPT EXTENDED_HEADERS\nS: REP ACK\n");
    if (wanted->contexts)
        put_contexts(wanted, text);
    if (fixed && facts_has_option(f, NBD_OPT_GO))
        put_go(wanted, text);
    else
        put_export_name(wanted, text);
}

static struct way *find(struct ways *w, const char *text)
{
    for (struct way *way = w->first; way; way = way->next)
        if (strcmp(way->text, text) == 0)
            return way;
    return NULL;
}

static bool parse(struct ways *w, struct buffer *text, const struct step **ret)
{
    struct diagnostics d;
    struct way *way = ARENA_NEW(w->arena, struct way);
    bool good;

    diagnostics_init(&d);
    way->text = arena_text(w->arena, buffer_span(text));
    way->steps = tree_parse_steps(w->arena, "the way in", buffer_span(text), &d);
    way->next = w->first;
    good = d.errors == 0;
    diagnostics_free(&d);
    if (!good)
        return false;
    w->first = way;
    *ret = way->steps;
    return true;
}

bool ways_find(struct ways *w, const struct way_wanted *wanted, const struct step **ret,
               const char **ret_reason)
{
    struct buffer text;
    struct way *known;
    bool good = true;

    *ret = NULL;
    buffer_init(&text, TEXT_MAX);
    write_way(w->facts, wanted, &text);
    known = find(w, buffer_text(&text));
    if (known)
        *ret = known->steps;
    else if (text.len > 0)
        good = parse(w, &text, ret);
    buffer_free(&text);
    if (!good)
        *ret_reason = "its way to transmission cannot be written in the case language";
    return good;
}
