/* SPDX-License-Identifier: MIT */
#include "runner/way.h"

#include <string.h>

#include "runner/plan.h"
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
    if (facts_has_option(f, NBD_OPT_GO) && !f->by_name)
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

/* ---- further connections ---- */

static const char *word_of(const struct further *f, const struct value *v)
{
    const char *word = v->kind == VALUE_WORD ? value_word(v->text, f->variables, f->arena) : NULL;
    const struct bound *b = v->kind == VALUE_VARIABLE ? environment_find(f->variables, v->text) : NULL;

    if (b && b->kind == BOUND_WORD)
        word = b->word;
    return word ? word : "";
}

static enum mode mode_of(const char *word)
{
    static const enum mode modes[] = { MODE_SIMPLE, MODE_EXTENDED };

    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(word, mode_name(modes[i])) == 0)
            return modes[i];
    return MODE_STRUCTURED;
}

/* As far as the server grants it. */
static enum mode granted(const struct facts *f, enum mode mode)
{
    if (f->compact_refused)
        return MODE_EXTENDED;
    if (mode == MODE_EXTENDED && !f->extended)
        mode = MODE_STRUCTURED;
    if (mode != MODE_EXTENDED && mode != MODE_SIMPLE)
        mode = f->structured ? MODE_STRUCTURED : MODE_SIMPLE;
    return mode;
}

static enum start start_of(const char *word)
{
    static const char *const starts[] = { [START_CONNECT] = "connect",
                                          [START_GREETING] = "greeting",
                                          [START_OPTIONS] = "options",
                                          [START_TRANSMISSION] = "transmission" };

    for (unsigned i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strcmp(word, starts[i]) == 0)
            return (enum start)i;
    return START_TRANSMISSION;
}

const struct step *way_of_further(void *ctx, const struct field *fields)
{
    const struct further *f = ctx;
    struct way_wanted wanted = { .start = START_TRANSMISSION, .mode = f->mode };
    const struct step *steps;
    const char *reason;

    for (; fields; fields = fields->next) {
        if (strcmp(fields->name, "start") == 0)
            wanted.start = start_of(word_of(f, fields->value));
        if (strcmp(fields->name, "mode") == 0)
            wanted.mode = mode_of(word_of(f, fields->value));
        if (strcmp(fields->name, "export") == 0)
            wanted.export = fields->value;
    }
    wanted.mode = granted(f->ways->facts, wanted.mode);
    if (wanted.mode != MODE_SIMPLE && !wanted.export)
        wanted.contexts = f->the_case->contexts;
    return ways_find(f->ways, &wanted, &steps, &reason) ? steps : NULL;
}
