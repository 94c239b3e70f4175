/* SPDX-License-Identifier: MIT */
/* A sorted array.  Writes of a test land in few windows, so that it stays short; long data are kept in
 * several blobs so that a small rest of a large write does not keep all of it. */
#include "referee/pieces.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

enum { BLOB_MAX = 4 * 1024 * 1024, FIRST_ROOM = 8 };

static void blob_release(struct blob *b)
{
    if (!b || --b->users > 0)
        return;
    *b->held -= b->len;
    free(b);
}

static struct blob *blob_new(struct span data, size_t *held)
{
    struct blob *b = memory_grow(NULL, sizeof *b + data.len);

    *b = (struct blob){ .users = 1, .len = data.len, .held = held };
    memcpy(b->bytes, data.at, data.len);
    *held += data.len;
    return b;
}

void pieces_free(struct pieces *p)
{
    for (size_t i = 0; i < p->count; i++)
        blob_release(p->all[i].blob);
    free(p->all);
    *p = (struct pieces){ 0 };
}

size_t pieces_find(const struct pieces *p, uint64_t offset)
{
    size_t low = 0, high = p->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (p->all[middle].end > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Makes the pieces from first on, removed of them, into added empty places. */
static struct piece *splice(struct pieces *p, size_t first, size_t removed, size_t added)
{
    size_t count = p->count - removed + added;

    if (count > p->room) {
        p->room = p->room > 0 ? p->room * 2 : FIRST_ROOM;
        if (p->room < count)
            p->room = count;
        p->all = memory_grow(p->all, p->room * sizeof *p->all);
    }
    if (p->count > first + removed)
        memmove(p->all + first + added, p->all + first + removed,
                (p->count - first - removed) * sizeof *p->all);
    p->count = count;
    return p->all + first;
}

/* The part of a piece that lies in a range that it meets; uses the blob once more. */
static struct piece part_of(const struct piece *whole, uint64_t start, uint64_t end)
{
    struct piece part = *whole;

    if (start > part.start) {
        part.at += (size_t)(start - part.start);
        part.start = start;
    }
    if (end < part.end)
        part.end = end;
    if (part.blob)
        part.blob->users++;
    return part;
}

void pieces_cut(struct pieces *p, uint64_t start, uint64_t end, struct pieces *ret)
{
    size_t first = pieces_find(p, start), last = first;
    struct piece rests[2], *place;
    size_t rest_count = 0;

    while (last < p->count && p->all[last].start < end)
        last++;
    if (start >= end || first == last)
        return;
    if (p->all[first].start < start)
        rests[rest_count++] = part_of(&p->all[first], 0, start);
    if (p->all[last - 1].end > end)
        rests[rest_count++] = part_of(&p->all[last - 1], end, UINT64_MAX);
    for (size_t i = first; i < last; i++) {
        if (ret)
            pieces_put(ret, part_of(&p->all[i], start, end));
        blob_release(p->all[i].blob);
    }
    place = splice(p, first, last - first, rest_count);
    memcpy(place, rests, rest_count * sizeof *rests);
}

void pieces_put(struct pieces *p, struct piece piece)
{
    size_t first = pieces_find(p, piece.start);

    assert(piece.start < piece.end);
    assert(first == p->count || p->all[first].start >= piece.end);
    *splice(p, first, 0, 1) = piece;
}

static bool is_uniform(struct span data)
{
    return data.len == 1 || memcmp(data.at, data.at + 1, data.len - 1) == 0;
}

bool pieces_put_data(struct pieces *p, struct piece pattern, struct span data, size_t *held, size_t ceiling)
{
    pattern.at = 0;
    pattern.blob = NULL;
    if (data.len == 0)
        return true;
    if (is_uniform(data)) {
        pattern.fill = *data.at;
        pattern.end = pattern.start + data.len;
        pieces_put(p, pattern);
        return true;
    }
    if (*held > ceiling || data.len > ceiling - *held)
        return false;
    while (data.len > 0) {
        struct span part = span_take(&data, BLOB_MAX);

        pattern.end = pattern.start + part.len;
        pattern.blob = blob_new(part, held);
        pieces_put(p, pattern);
        pattern.start = pattern.end;
    }
    return true;
}
