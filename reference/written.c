/* SPDX-License-Identifier: MIT */
/* A tree of bits, one for each slot of a node: everything below the slot was written.  What is below is then
 * given up, so that a range of any size costs two paths. */
#include "reference/written.h"

#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"

enum { PIECE_BITS = 12, NODE_BITS = 6, NODE_SLOTS = 1 << NODE_BITS };

#define ALL UINT64_MAX

struct node {
    uint64_t written;     /* bit i: all of slot i */
    struct node *slots[]; /* NODE_SLOTS of them, but none in the lowest level */
};

struct written {
    unsigned levels;
    size_t room_bytes; /* for more nodes */
    struct node *root;
};

static size_t node_bytes(unsigned level)
{
    return sizeof(struct node) + (level > 1 ? NODE_SLOTS * sizeof(struct node *) : 0);
}

/* NULL when there is no room. */
static struct node *new_node(struct written *w, unsigned level)
{
    if (node_bytes(level) > w->room_bytes)
        return NULL;
    w->room_bytes -= node_bytes(level);
    return memory_take(node_bytes(level));
}

static void free_node(struct written *w, struct node *node, unsigned level)
{
    if (!node)
        return;
    for (size_t i = 0; level > 1 && i < NODE_SLOTS; i++)
        free_node(w, node->slots[i], level - 1);
    w->room_bytes += node_bytes(level);
    free(node);
}

struct written *written_new(uint64_t size, size_t memory_bytes)
{
    struct written *w = memory_take(sizeof *w);

    assert(size <= INT64_MAX);
    w->levels = 1;
    while (PIECE_BITS + w->levels * NODE_BITS < 63 && size >> (PIECE_BITS + w->levels * NODE_BITS) > 0)
        w->levels++;
    w->room_bytes = memory_bytes + node_bytes(w->levels); /* there is always a root */
    w->root = new_node(w, w->levels);
    return w;
}

void written_free(struct written *w)
{
    if (!w)
        return;
    free_node(w, w->root, w->levels);
    free(w);
}

/* Pieces that a slot of a node of this level spans. */
static uint64_t pieces_of(unsigned level)
{
    return UINT64_C(1) << (level - 1) * NODE_BITS;
}

static void note(struct written *w, struct node *node, unsigned level, uint64_t first, uint64_t last);

/* Notes the pieces first to last of a slot, counted from its start. */
static void note_in_slot(struct written *w, struct node *node, unsigned level, uint64_t slot, uint64_t first,
                         uint64_t last)
{
    bool whole = first == 0 && last == pieces_of(level) - 1;
    uint64_t bit = UINT64_C(1) << slot;

    if (node->written & bit)
        return;
    if (level == 1) {
        node->written |= bit;
        return;
    }
    if (!whole && !node->slots[slot])
        node->slots[slot] = new_node(w, level - 1);
    if (!whole && node->slots[slot])
        note(w, node->slots[slot], level - 1, first, last);
    if (whole || !node->slots[slot] || node->slots[slot]->written == ALL) { /* or no room for more detail */
        node->written |= bit;
        free_node(w, node->slots[slot], level - 1);
        node->slots[slot] = NULL;
    }
}

/* The pieces first to last, counted from the start of the node. */
static void note(struct written *w, struct node *node, unsigned level, uint64_t first, uint64_t last)
{
    uint64_t pieces = pieces_of(level);

    for (uint64_t slot = first / pieces; slot <= last / pieces && slot < NODE_SLOTS; slot++) {
        uint64_t start = slot * pieces;

        note_in_slot(w, node, level, slot, first > start ? first - start : 0,
                     last - start < pieces - 1 ? last - start : pieces - 1);
    }
}

void written_note(struct written *w, uint64_t offset, uint64_t length)
{
    if (length > 0)
        note(w, w->root, w->levels, offset / WRITTEN_PIECE_BYTES,
             (offset + length - 1) / WRITTEN_PIECE_BYTES);
}

/* Whether a piece was written; *ret_pieces is how many from this one are certainly like it. */
static bool find(const struct written *w, uint64_t piece, uint64_t *ret_pieces)
{
    const struct node *node = w->root;
    unsigned level = w->levels;

    for (;;) {
        uint64_t pieces = pieces_of(level), slot = piece / pieces % NODE_SLOTS;
        bool all = node->written >> slot & 1;

        if (all || level == 1 || !node->slots[slot]) {
            *ret_pieces = pieces - piece % pieces;
            return all;
        }
        node = node->slots[slot];
        level--;
    }
}

uint64_t written_extent(const struct written *w, uint64_t offset, uint64_t length, bool *ret_written)
{
    uint64_t piece = offset / WRITTEN_PIECE_BYTES, bytes, pieces;

    *ret_written = find(w, piece, &pieces);
    bytes = pieces * WRITTEN_PIECE_BYTES - offset % WRITTEN_PIECE_BYTES;
    while (bytes < length) {
        piece += pieces;
        if (find(w, piece, &pieces) != *ret_written)
            break;
        bytes += pieces * WRITTEN_PIECE_BYTES;
    }
    return bytes < length ? bytes : length;
}
