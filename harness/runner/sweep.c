/* SPDX-License-Identifier: MIT */
#include "runner/sweep.h"

#include <stdio.h>
#include <string.h>

static const char *const names[SWEEP_COUNT] = { [SWEEP_NONE] = "none",
                                                [SWEEP_BYTES] = "bytes",
                                                [SWEEP_SPLITS] = "splits",
                                                [SWEEP_COALESCE] = "coalesce",
                                                [SWEEP_CUT] = "cut" };

const char *sweep_name(enum sweep kind)
{
    return names[kind];
}

enum sweep sweep_named(const char *name)
{
    unsigned kind = SWEEP_NONE + 1;

    while (kind < SWEEP_COUNT && strcmp(names[kind], name) != 0)
        kind++;
    return (enum sweep)kind;
}

void sweep_add(struct sweep_messages *m, size_t length)
{
    if (m->count < SWEEP_MESSAGES)
        m->lengths[m->count++] = length;
}

/* ---- places: behind 1, 2, ... bytes of a message, but not amid its payload ---- */

/* A message that is cut off may be whole: then only what should follow is missing. */
static size_t last_place(enum sweep kind, size_t length)
{
    if (kind == SWEEP_CUT)
        return length;
    return length > 0 ? length - 1 : 0;
}

static bool is_long(size_t length)
{
    return length > SWEEP_HEAD + SWEEP_TAIL;
}

static size_t count_places(enum sweep kind, size_t length)
{
    size_t last = last_place(kind, length);

    return is_long(length) ? SWEEP_HEAD + last - (length - SWEEP_TAIL) + 1 : last;
}

static size_t place_at(size_t length, size_t index)
{
    return is_long(length) && index >= SWEEP_HEAD ? length - SWEEP_TAIL + (index - SWEEP_HEAD) : index + 1;
}

static size_t count_all(enum sweep kind, const struct sweep_messages *m)
{
    size_t count = 0;

    for (size_t i = 0; i < m->count; i++)
        count += count_places(kind, m->lengths[i]);
    return kind == SWEEP_CUT ? 2 * count : count;
}

size_t sweep_count(enum sweep kind, const struct sweep_messages *m)
{
    size_t count;

    if (kind == SWEEP_NONE)
        return 0;
    if (kind == SWEEP_BYTES || kind == SWEEP_COALESCE)
        return 1;
    count = count_all(kind, m);
    return count < SWEEP_DELIVERIES ? count : SWEEP_DELIVERIES;
}

struct sweep_delivery sweep_delivery(enum sweep kind, const struct sweep_messages *m, size_t index)
{
    struct sweep_delivery d = { .kind = kind };
    size_t all = count_all(kind, m);

    if (kind != SWEEP_SPLITS && kind != SWEEP_CUT)
        return d;
    if (all > SWEEP_DELIVERIES)
        index = index * all / SWEEP_DELIVERIES;
    if (kind == SWEEP_CUT) {
        d.reset = index % 2 == 1;
        index /= 2;
    }
    while (index >= count_places(kind, m->lengths[d.message]))
        index -= count_places(kind, m->lengths[d.message++]);
    d.at = place_at(m->lengths[d.message], index);
    return d;
}

/* ---- delivering ---- */

size_t sweep_piece(const struct sweep_delivery *d, size_t message, size_t offset, size_t length)
{
    size_t whole = offset + length;

    if (d->kind == SWEEP_BYTES) {
        if (is_long(whole) && offset >= SWEEP_HEAD && offset < whole - SWEEP_TAIL)
            return whole - SWEEP_TAIL - offset;
        return length < 1 ? length : 1;
    }
    if ((d->kind == SWEEP_SPLITS || d->kind == SWEEP_CUT) && message == d->message && offset < d->at &&
        d->at - offset < length)
        return d->at - offset;
    return length;
}

bool sweep_is_cut(const struct sweep_delivery *d, size_t message, size_t offset)
{
    return d->kind == SWEEP_CUT && message == d->message && offset >= d->at;
}

void sweep_print(const struct sweep_delivery *d, char *ret, size_t size)
{
    switch (d->kind) {
    case SWEEP_BYTES:
        snprintf(ret, size, "sent byte by byte");
        break;
    case SWEEP_SPLITS:
        snprintf(ret, size, "message %zu sent in two pieces, cut behind %zu bytes", d->message + 1, d->at);
        break;
    case SWEEP_COALESCE:
        snprintf(ret, size, "messages sent in one piece");
        break;
    case SWEEP_CUT:
        snprintf(ret, size, "the client gone, by %s, behind %zu bytes of message %zu",
                 d->reset ? "RST" : "FIN", d->at, d->message + 1);
        break;
    case SWEEP_NONE:
    case SWEEP_COUNT:
        snprintf(ret, size, "sent as it is");
        break;
    }
}
