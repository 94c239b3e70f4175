/* SPDX-License-Identifier: MIT */
#include "runner/catalogue.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"

enum {
    COLUMNS = 6,
    ROWS_MAX = 16 * 1024,
    SLOTS = 4 * ROWS_MAX, /* of the hash table; a power of two */
};

struct catalogue {
    struct arena *arena;
    struct source source; /* the copied text: places of mistakes point into it */
    struct requirement *rows;
    size_t count;
    struct span *links;    /* of each row: the ids behind "as" */
    uint32_t slots[SLOTS]; /* row + 1; 0: free */
};

static const struct {
    const char *text;
    enum level level;
} levels[] = {
    { "FORMAT", LEVEL_FORMAT }, { "MUST", LEVEL_MUST },         { "MUST-NOT", LEVEL_MUST },
    { "SHOULD", LEVEL_SHOULD }, { "SHOULD-NOT", LEVEL_SHOULD }, { "MAY", LEVEL_MAY },
};

static const char *const parties[] = { "server", "client", "both" };

static size_t slot_of(struct span id)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ id.at[i]) * UINT64_C(0x100000001b3);
    return (size_t)(hash ^ hash >> 32) & (SLOTS - 1);
}

/* The slot that holds the id, or the free one where it belongs. */
static uint32_t *find_slot(struct catalogue *c, struct span id)
{
    size_t slot = slot_of(id);

    while (c->slots[slot] != 0 && !span_equal(span_text(c->rows[c->slots[slot] - 1].id), id))
        slot = (slot + 1) & (SLOTS - 1);
    return &c->slots[slot];
}

static struct span take_until(struct span *rest, uint8_t end)
{
    const uint8_t *found = rest->len > 0 ? memchr(rest->at, end, rest->len) : NULL;
    struct span part = span_take(rest, found ? (size_t)(found - rest->at) : rest->len);

    span_take(rest, 1);
    return part;
}

static struct place place_of(const struct catalogue *c, struct span part)
{
    return (struct place){ &c->source, (size_t)((const char *)part.at - c->source.text), part.len };
}

static bool find_level(struct span text, struct requirement *r)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (span_equal(span_text(levels[i].text), text)) {
            r->level = levels[i].level;
            r->level_text = levels[i].text;
            return true;
        }
    return false;
}

static bool find_party(struct span text, struct requirement *r)
{
    for (size_t i = 0; i < sizeof parties / sizeof *parties; i++)
        if (span_equal(span_text(parties[i]), text)) {
            r->party = parties[i];
            return true;
        }
    return false;
}

/* Takes word off the front of text, if it is there and is not all. */
static bool take_word(struct span *text, const char *word)
{
    struct span rest = *text, begin = span_take(&rest, strlen(word));

    if (!span_equal(begin, span_text(word)) || rest.len == 0)
        return false;
    *text = rest;
    return true;
}

/* How a row is judged, if not at its level by what cites it.  The rows behind "as" are looked up when all are
 * known. */
static bool find_judged(const struct catalogue *c, struct span text, struct requirement *r)
{
    r->judged = r->level;
    if (text.len == 0 || take_word(&text, "as "))
        return true;
    if (take_word(&text, "unseen: ")) {
        r->unseen_why = arena_text(c->arena, text);
        return true;
    }
    if (take_word(&text, "warn: "))
        r->judged = LEVEL_SHOULD;
    else if (take_word(&text, "note: "))
        r->judged = LEVEL_MAY;
    else
        return false;
    r->judged_why = arena_text(c->arena, text);
    return true;
}

static void append_link(struct catalogue *c, struct requirement_link **list, const struct requirement *to)
{
    struct requirement_link *link = ARENA_NEW(c->arena, struct requirement_link);

    while (*list)
        list = &(*list)->next;
    link->to = to;
    *list = link;
}

/* The next column; NULL where it is missing or "-". */
static const char *take_remark(const struct catalogue *c, struct span *rest)
{
    struct span text = take_until(rest, '\t');

    return text.len == 0 || span_equal(text, span_text("-")) ? NULL : arena_text(c->arena, text);
}

/* Links a row to those behind its "as". */
static void link_row(struct catalogue *c, struct requirement *r, struct span ids, struct diagnostics *d)
{
    while (ids.len > 0) {
        struct span id = take_until(&ids, ',');
        uint32_t *slot = find_slot(c, id);

        if (ids.len > 0 && ids.at[0] == ' ')
            span_take(&ids, 1);
        if (*slot == 0) {
            diagnostic_error(d, place_of(c, id), "no row has this id");
            continue;
        }
        append_link(c, &r->shows_as, &c->rows[*slot - 1]);
        append_link(c, &c->rows[*slot - 1].shown_by, r);
    }
}

/* Reads one line of the table. */
static void add_row(struct catalogue *c, struct span line, struct diagnostics *d)
{
    struct span rest = line, columns[COLUMNS];
    struct requirement *r = &c->rows[c->count];
    uint32_t *slot;

    for (size_t i = 0; i < COLUMNS; i++) {
        if (rest.len == 0) {
            diagnostic_error(d, place_of(c, line), "a row has at least %d columns, separated by tabs",
                             COLUMNS);
            return;
        }
        columns[i] = take_until(&rest, '\t');
    }
    if (columns[0].len == 0) {
        diagnostic_error(d, place_of(c, line), "a row begins with an id");
        return;
    }
    if (!find_level(columns[1], r)) {
        diagnostic_error(d, place_of(c, columns[1]),
                         "a level is one of FORMAT, MUST, MUST-NOT, SHOULD, SHOULD-NOT, MAY");
        return;
    }
    if (!find_party(columns[2], r)) {
        diagnostic_error(d, place_of(c, columns[2]), "a party is one of server, client, both");
        return;
    }
    r->precondition = take_remark(c, &rest);
    r->violation = take_remark(c, &rest);
    if (!find_judged(c, rest, r)) {
        diagnostic_error(d, place_of(c, rest),
                         "the last column is empty, 'warn: REASON', 'note: REASON', "
                         "'as ID, ID...' or 'unseen: REASON'");
        return;
    }
    slot = find_slot(c, columns[0]);
    if (*slot != 0) {
        diagnostic_error(d, place_of(c, columns[0]), "this id is used by an earlier row");
        return;
    }
    if (take_word(&rest, "as "))
        c->links[c->count] = rest;
    r->id = arena_text(c->arena, columns[0]);
    r->section = arena_text(c->arena, columns[3]);
    r->line = arena_text(c->arena, columns[4]);
    r->summary = arena_text(c->arena, columns[5]);
    *slot = (uint32_t)++c->count;
}

static size_t count_lines(struct span text)
{
    size_t lines = 1;

    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n';
    return lines;
}

struct catalogue *catalogue_parse(const char *path, struct span text, struct diagnostics *d)
{
    struct catalogue *c = memory_take(sizeof *c);
    unsigned errors_before = d->errors;
    size_t lines = count_lines(text);
    struct span rest;

    c->arena = arena_new();
    c->source.path = arena_text(c->arena, span_text(path));
    c->source.text = arena_text(c->arena, text);
    c->source.len = text.len;
    rest = span_of(c->source.text, c->source.len);
    if (lines > ROWS_MAX) {
        diagnostic_error(d, (struct place){ &c->source, 0, 0 }, "the table has more than %d lines", ROWS_MAX);
        rest.len = 0;
    } else {
        c->rows = ARENA_MANY(c->arena, struct requirement, lines);
        c->links = ARENA_MANY(c->arena, struct span, lines);
    }
    take_until(&rest, '\n'); /* the names of the columns */
    while (rest.len > 0) {
        struct span line = take_until(&rest, '\n');

        if (line.len > 0 && line.at[line.len - 1] == '\r')
            line.len--;
        if (line.len > 0)
            add_row(c, line, d);
    }
    for (size_t i = 0; i < c->count; i++)
        link_row(c, &c->rows[i], c->links[i], d);
    if (d->errors > errors_before) {
        catalogue_free(c);
        return NULL;
    }
    return c;
}

void catalogue_free(struct catalogue *c)
{
    if (!c)
        return;
    arena_free(c->arena);
    free(c);
}

const struct requirement *catalogue_find(const struct catalogue *c, struct span id)
{
    size_t slot = slot_of(id);

    for (; c->slots[slot] != 0; slot = (slot + 1) & (SLOTS - 1))
        if (span_equal(span_text(c->rows[c->slots[slot] - 1].id), id))
            return &c->rows[c->slots[slot] - 1];
    return NULL;
}

size_t catalogue_count(const struct catalogue *c)
{
    return c->count;
}

const struct requirement *catalogue_at(const struct catalogue *c, size_t index)
{
    return &c->rows[index];
}

bool requirement_is_experimental(const struct requirement *r)
{
    static const char *const texts[] = { "ext:", "resize:" };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strncmp(r->line, texts[i], strlen(texts[i])) == 0)
            return true;
    return false;
}
