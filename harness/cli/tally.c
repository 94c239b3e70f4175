/* SPDX-License-Identifier: MIT */
#include "cli/tally.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const struct requirement *find(const struct catalogue *c, const char *rule)
{
    return c ? catalogue_find(c, span_text(rule)) : NULL;
}

static struct tally_row *row_of(struct tally *t, const struct tally_row *like)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->rows[i].party == like->party && strcmp(t->rows[i].rule, like->rule) == 0)
            return &t->rows[i];
    if (t->count == t->room) {
        t->room = t->room > 0 ? 2 * t->room : 8;
        t->rows = memory_grow(t->rows, t->room * sizeof *t->rows);
    }
    t->rows[t->count] = *like;
    t->rows[t->count].count = 0;
    return &t->rows[t->count++];
}

uint64_t tally_add(struct tally *t, const char *rule, enum side party, size_t connection, uint64_t packet)
{
    return ++row_of(t, &(struct tally_row){ rule, party, 1, connection, packet })->count;
}

void tally_merge(struct tally *t, const struct tally *other)
{
    for (size_t i = 0; i < other->count; i++)
        row_of(t, &other->rows[i])->count += other->rows[i].count;
}

bool tally_has_failures(const struct tally *t, const struct catalogue *c)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct requirement *r = find(c, t->rows[i].rule);

        if (!r || r->judged == LEVEL_FORMAT || r->judged == LEVEL_MUST)
            return true;
    }
    return false;
}

/* What a party does to a requirement of that level. */
static const char *verb_of(const struct requirement *r)
{
    if (!r || r->judged == LEVEL_FORMAT || r->judged == LEVEL_MUST)
        return "breaks";
    return r->judged == LEVEL_SHOULD ? "does not follow" : "departs from";
}

void tally_print_rule(const char *rule, enum side party, const struct catalogue *c, struct buffer *to)
{
    const struct requirement *r = find(c, rule);

    buffer_print(to, "the %s %s %s", party == SIDE_SERVER ? "server" : "client", verb_of(r), rule);
    if (r)
        buffer_print(to, " (%s; \"%s\", line %s)", r->level_text, r->section, r->line);
}

void tally_print(const struct tally *t, uint64_t least, const struct catalogue *c, struct buffer *to)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct tally_row *row = &t->rows[i];

        if (row->count < least)
            continue;
        buffer_print(to, "# ");
        tally_print_rule(row->rule, row->party, c, to);
        buffer_print(to,
                     row->count == 1 ? ": once, in packet %" PRIu64 " (connection %zu)\n"
                                     : ": first in packet %" PRIu64 " (connection %zu), %" PRIu64
                                       " times in all\n",
                     row->packet, row->connection, row->count);
    }
}

void tally_free(struct tally *t)
{
    free(t->rows);
    *t = (struct tally){ 0 };
}
