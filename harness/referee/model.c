/* SPDX-License-Identifier: MIT */
#include "referee/model.h"

#include <stdlib.h>

#include "base/memory.h"
#include "referee/pieces.h"

/* Data beyond this are not kept: they stay unknown, which blames nobody. */
static const size_t most_held = (size_t)512 * 1024 * 1024;

enum { TICKETS_MAX = 4096 }; /* write operations in flight; whoever sends more is judged by other rules */

struct range {
    uint64_t start, end;
};

/* A write operation in flight. */
struct ticket {
    uint64_t number;
    struct range range;
    struct pieces before;   /* what was there */
    struct pieces after;    /* what is there when it is done */
    struct range *disputed; /* parts that something else touched meanwhile */
    size_t disputed_count;
};

struct model {
    struct pieces known;
    struct ticket *tickets;
    size_t ticket_count, ticket_room;
    uint64_t next_ticket;
    model_moment now;
    size_t held;   /* bytes of data kept, in all blobs */
    bool unknown;  /* too much was in flight: nothing is known for good */
    bool unshared; /* there may be pieces that only their writer has to see */
};

struct model *model_new(void)
{
    struct model *m = memory_take(sizeof *m);

    m->next_ticket = 1;
    m->now = 1;
    return m;
}

static void ticket_free(struct ticket *t)
{
    pieces_free(&t->before);
    pieces_free(&t->after);
    free(t->disputed);
}

void model_free(struct model *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->ticket_count; i++)
        ticket_free(&m->tickets[i]);
    free(m->tickets);
    pieces_free(&m->known);
    free(m);
}

static struct range range_of(uint64_t offset, uint64_t length)
{
    return (struct range){ offset, length > UINT64_MAX - offset ? UINT64_MAX : offset + length };
}

static void dispute(struct ticket *t, struct range with)
{
    struct range both = { with.start > t->range.start ? with.start : t->range.start,
                          with.end < t->range.end ? with.end : t->range.end };

    if (both.start >= both.end)
        return;
    t->disputed = memory_grow(t->disputed, (t->disputed_count + 1) * sizeof *t->disputed);
    t->disputed[t->disputed_count++] = both;
}

static void forget_all(struct model *m)
{
    for (size_t i = 0; i < m->ticket_count; i++)
        ticket_free(&m->tickets[i]);
    m->ticket_count = 0;
    pieces_free(&m->known);
    m->unknown = true;
}

/* Opens a ticket for a range, which is unknown from now on.  NULL: nothing is known any more. */
static struct ticket *ticket_new(struct model *m, uint64_t offset, uint64_t length)
{
    struct ticket *t;

    if (m->ticket_count == TICKETS_MAX)
        forget_all(m);
    if (m->unknown)
        return NULL;
    if (m->ticket_count == m->ticket_room) {
        m->ticket_room = m->ticket_room > 0 ? 2 * m->ticket_room : 8;
        m->tickets = memory_grow(m->tickets, m->ticket_room * sizeof *m->tickets);
    }
    t = &m->tickets[m->ticket_count];
    *t = (struct ticket){ .number = m->next_ticket++, .range = range_of(offset, length) };
    for (size_t i = 0; i < m->ticket_count; i++) {
        dispute(&m->tickets[i], t->range);
        dispute(t, m->tickets[i].range);
    }
    m->ticket_count++;
    m->now++;
    pieces_cut(&m->known, t->range.start, t->range.end, &t->before);
    return t;
}

uint64_t model_write_sent(struct model *m, uint64_t offset, uint64_t length, struct span data)
{
    struct ticket *t = ticket_new(m, offset, length);

    if (!t)
        return 0;
    if (data.len > t->range.end - t->range.start)
        data.len = (size_t)(t->range.end - t->range.start);
    pieces_put_data(&t->after, (struct piece){ .start = offset, .origin = MODEL_WRITTEN }, data, &m->held,
                    most_held);
    return t->number;
}

uint64_t model_zero_sent(struct model *m, uint64_t offset, uint64_t length)
{
    struct ticket *t = ticket_new(m, offset, length);

    if (!t)
        return 0;
    if (t->range.start < t->range.end)
        pieces_put(&t->after,
                   (struct piece){ .start = t->range.start, .end = t->range.end, .origin = MODEL_ZEROED });
    return t->number;
}

uint64_t model_trim_sent(struct model *m, uint64_t offset, uint64_t length)
{
    const struct ticket *t = ticket_new(m, offset, length);

    return t ? t->number : 0;
}

static struct ticket *find_ticket(struct model *m, uint64_t number)
{
    for (size_t i = 0; i < m->ticket_count; i++)
        if (m->tickets[i].number == number)
            return &m->tickets[i];
    return NULL;
}

static void close_ticket(struct model *m, struct ticket *t)
{
    ticket_free(t);
    *t = m->tickets[--m->ticket_count];
}

/* writer NULL: all connections have to see it at once */
static void settle(struct model *m, uint64_t number, enum model_outcome outcome, const void *writer)
{
    struct ticket *t = find_ticket(m, number);
    struct pieces *result;
    struct piece piece;

    if (!t)
        return;
    m->now++;
    result = outcome == MODEL_REFUSED ? &t->before : &t->after;
    if (outcome == MODEL_FAILED)
        pieces_cut(result, 0, UINT64_MAX, NULL);
    for (size_t i = 0; i < t->disputed_count; i++)
        pieces_cut(result, t->disputed[i].start, t->disputed[i].end, NULL);
    while (pieces_take_first(result, &piece)) {
        if (outcome == MODEL_DONE) {
            piece.writer = writer;
            piece.since = piece.shared_since = m->now;
            piece.shared = !writer;
            m->unshared = m->unshared || writer;
        } else {
            piece.origin = MODEL_KEPT;
        }
        pieces_put(&m->known, piece);
    }
    close_ticket(m, t);
}

void model_settle(struct model *m, uint64_t ticket, enum model_outcome outcome)
{
    settle(m, ticket, outcome, NULL);
}

void model_settle_unflushed(struct model *m, uint64_t ticket, const void *writer)
{
    settle(m, ticket, MODEL_DONE, writer);
}

void model_flushed(struct model *m, const void *writer, model_moment until)
{
    bool unshared = false;

    if (!m->unshared)
        return;
    m->now++;
    for (struct piece_node *node = pieces_from(&m->known, 0); node; node = node->next[0]) {
        struct piece *piece = &node->piece;

        if (!piece->shared && piece->writer == writer && piece->since <= until) {
            piece->shared = true;
            piece->shared_since = m->now;
        }
        unshared = unshared || !piece->shared;
    }
    m->unshared = unshared || m->ticket_count > 0; /* a ticket may bring back what it found */
}

static void disown(struct pieces *p, const void *writer)
{
    for (struct piece_node *node = pieces_from(p, 0); node; node = node->next[0])
        if (node->piece.writer == writer)
            node->piece.writer = NULL;
}

void model_left(struct model *m, const void *writer)
{
    disown(&m->known, writer);
    for (size_t i = 0; i < m->ticket_count; i++)
        disown(&m->tickets[i].before, writer);
}

void model_forget(struct model *m, uint64_t offset, uint64_t length)
{
    struct range range = range_of(offset, length);

    for (size_t i = 0; i < m->ticket_count; i++)
        dispute(&m->tickets[i], range);
    pieces_cut(&m->known, range.start, range.end, NULL);
}

model_moment model_now(const struct model *m)
{
    return m->now;
}

static bool has_to_see(const struct model_view *view, const struct piece *piece)
{
    if (piece->writer && piece->writer == view->reader && piece->since <= view->since)
        return true;
    return piece->shared && piece->shared_since <= view->others_since;
}

/* How many bytes differ, and which is the first. */
static uint64_t compare(const struct piece *piece, uint64_t start, struct span data, size_t *ret_first)
{
    uint64_t differ = 0;

    if (piece->blob ? memcmp(data.at, piece_bytes(piece, start), data.len) == 0
                    : *data.at == piece->fill && memcmp(data.at, data.at + 1, data.len - 1) == 0)
        return 0;
    for (size_t i = 0; i < data.len; i++) {
        uint8_t wanted = piece->blob ? piece_bytes(piece, start)[i] : piece->fill;

        if (data.at[i] != wanted && differ++ == 0)
            *ret_first = i;
    }
    return differ;
}

/* The same for data that are all zero. */
static uint64_t compare_zero(const struct piece *piece, uint64_t start, uint64_t length, size_t *ret_first)
{
    uint64_t differ = 0;

    *ret_first = 0;
    if (!piece->blob)
        return piece->fill != 0 ? length : 0;
    for (size_t i = 0; i < length; i++)
        if (piece_bytes(piece, start)[i] != 0 && differ++ == 0)
            *ret_first = i;
    return differ;
}

/* data NULL: zeroes */
static bool agrees(struct model *m, const struct model_view *view, struct range range, const uint8_t *data,
                   struct model_mismatch *ret)
{
    *ret = (struct model_mismatch){ 0 };
    for (const struct piece_node *node = pieces_from(&m->known, range.start); node; node = node->next[0]) {
        const struct piece *piece = &node->piece;
        uint64_t start = piece->start > range.start ? piece->start : range.start;
        uint64_t end = piece->end < range.end ? piece->end : range.end, differ;
        size_t first = 0;

        if (piece->start >= range.end)
            break;
        if (start >= end || !has_to_see(view, piece))
            continue;
        if (data)
            differ =
                compare(piece, start, span_of(data + (start - range.start), (size_t)(end - start)), &first);
        else
            differ = compare_zero(piece, start, end - start, &first);
        if (differ > 0 && ret->bytes == 0) {
            ret->offset = start + first;
            ret->got = data ? data[ret->offset - range.start] : 0;
            ret->wanted = piece->blob ? *piece_bytes(piece, ret->offset) : piece->fill;
            ret->origin = piece->origin;
        }
        ret->bytes += differ;
    }
    return ret->bytes == 0;
}

bool model_agrees_as(struct model *m, const struct model_view *view, uint64_t offset, struct span data,
                     struct model_mismatch *ret)
{
    *ret = (struct model_mismatch){ 0 };
    return data.len == 0 || agrees(m, view, range_of(offset, data.len), data.at, ret);
}

bool model_agrees_zero_as(struct model *m, const struct model_view *view, uint64_t offset, uint64_t length,
                          struct model_mismatch *ret)
{
    return agrees(m, view, range_of(offset, length), NULL, ret);
}

bool model_agrees(struct model *m, model_moment since, uint64_t offset, struct span data,
                  struct model_mismatch *ret)
{
    return model_agrees_as(m, &(struct model_view){ NULL, since, since }, offset, data, ret);
}

bool model_agrees_zero(struct model *m, model_moment since, uint64_t offset, uint64_t length,
                       struct model_mismatch *ret)
{
    return model_agrees_zero_as(m, &(struct model_view){ NULL, since, since }, offset, length, ret);
}

bool model_contents(struct model *m, uint64_t offset, uint8_t *data, size_t length)
{
    struct range range = range_of(offset, length);
    uint64_t at = range.start;

    for (const struct piece_node *node = pieces_from(&m->known, at); at < range.end; node = node->next[0]) {
        const struct piece *piece = node ? &node->piece : NULL;
        uint64_t end;

        if (!piece || piece->start > at)
            return false;
        end = piece->end < range.end ? piece->end : range.end;
        if (piece->blob)
            memcpy(data + (at - offset), piece_bytes(piece, at), (size_t)(end - at));
        else
            memset(data + (at - offset), piece->fill, (size_t)(end - at));
        at = end;
    }
    return range.end - range.start == length;
}
