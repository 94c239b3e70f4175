/* SPDX-License-Identifier: MIT */
/* A skip list: a capture may hold any number of writes, in any order.  Long data are kept in several blobs so
 * that a small rest of a large write does not keep all of it. */
#include "referee/pieces.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

enum { BLOB_MAX = 4 * 1024 * 1024 };

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

/* On each level the link to the first piece that reaches beyond offset. */
typedef struct piece_node **piece_links[PIECES_LEVELS];

static void find_links(struct pieces *p, uint64_t offset, piece_links ret)
{
    struct piece_node **from = p->first;

    for (unsigned level = PIECES_LEVELS; level-- > 0;) {
        while (from[level] && from[level]->piece.end <= offset)
            from = from[level]->next;
        ret[level] = &from[level];
    }
}

struct piece_node *pieces_from(const struct pieces *p, uint64_t offset)
{
    struct piece_node *const *from = p->first;

    for (unsigned level = PIECES_LEVELS; level-- > 0;)
        while (from[level] && from[level]->piece.end <= offset)
            from = from[level]->next;
    return from[0];
}

/* One in four pieces is also in the second list, and so on (Knuth's MMIX generator). */
static unsigned levels_of_next(struct pieces *p)
{
    unsigned levels = 1;

    p->chance = p->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    for (uint64_t bits = p->chance >> 32; levels < PIECES_LEVELS && bits % 4 == 0; bits /= 4)
        levels++;
    return levels;
}

/* Takes out the piece that the links lead to. */
static struct piece take_out(piece_links links)
{
    struct piece_node *node = *links[0];
    struct piece piece = node->piece;

    for (unsigned level = 0; level < node->levels; level++)
        *links[level] = node->next[level];
    free(node);
    return piece;
}

bool pieces_take_first(struct pieces *p, struct piece *ret)
{
    piece_links links;

    if (!p->first[0])
        return false;
    find_links(p, 0, links);
    *ret = take_out(links);
    return true;
}

void pieces_free(struct pieces *p)
{
    struct piece piece;

    while (pieces_take_first(p, &piece))
        blob_release(piece.blob);
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
    struct piece rests[2];
    size_t rest_count = 0;
    piece_links links;

    find_links(p, start, links);
    while (start < end && *links[0] && (*links[0])->piece.start < end) {
        struct piece whole = take_out(links);

        if (whole.start < start)
            rests[rest_count++] = part_of(&whole, 0, start);
        if (whole.end > end)
            rests[rest_count++] = part_of(&whole, end, UINT64_MAX);
        if (ret)
            pieces_put(ret, part_of(&whole, start, end));
        blob_release(whole.blob);
    }
    for (size_t i = 0; i < rest_count; i++)
        pieces_put(p, rests[i]);
}

void pieces_put(struct pieces *p, struct piece piece)
{
    unsigned levels = levels_of_next(p);
    struct piece_node *node = memory_grow(NULL, sizeof *node + levels * sizeof *node->next);
    piece_links links;

    find_links(p, piece.start, links);
    assert(piece.start < piece.end);
    assert(!*links[0] || (*links[0])->piece.start >= piece.end);
    node->piece = piece;
    node->levels = levels;
    for (unsigned level = 0; level < levels; level++) {
        node->next[level] = *links[level];
        *links[level] = node;
    }
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
