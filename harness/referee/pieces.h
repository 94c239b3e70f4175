/* SPDX-License-Identifier: MIT */
/* The ranges of an export whose contents are known, in order, with the bytes that they hold.  The content
 * model keeps them; what lies between them is unknown. */
#ifndef NBDTEST_REFEREE_PIECES_H
#define NBDTEST_REFEREE_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"
#include "referee/model.h"

/* Bytes that several pieces may share. */
struct blob {
    size_t users;
    size_t len;
    size_t *held; /* where the owner counts the bytes of all its blobs */
    uint8_t bytes[];
};

struct piece {
    uint64_t start, end; /* bytes from the start of the export; end is the first one behind */
    enum model_origin origin;
    const void *writer;        /* the connection that wrote it, or NULL */
    model_moment since;        /* reads that writer sends from here on see it */
    bool shared;               /* all connections have to see it */
    model_moment shared_since; /* from here on */
    struct blob *blob;         /* NULL: every byte is fill */
    size_t at;                 /* of the first byte in the blob */
    uint8_t fill;
};

enum { PIECES_LEVELS = 12 };

/* In order, none of them empty, none touching bytes of another.  All zeroes: none. */
struct pieces {
    struct piece_node
        *first[PIECES_LEVELS]; /* of each list: all of them, and each a fourth of the one before */
    uint64_t chance;           /* private */
};

struct piece_node {
    struct piece piece;
    unsigned levels;           /* lists that it is in */
    struct piece_node *next[]; /* in each of them */
};

void pieces_free(struct pieces *p);

/* The first piece that reaches beyond offset, or NULL; the others are behind it in next[0]. */
struct piece_node *pieces_from(const struct pieces *p, uint64_t offset);

/* Takes a range out.  What was there is added to *ret, which may be NULL. */
void pieces_cut(struct pieces *p, uint64_t start, uint64_t end, struct pieces *ret);

/* Puts a piece where nothing is; the pieces take over its use of the blob. */
void pieces_put(struct pieces *p, struct piece piece);

/* Takes out the first piece, with its use of the blob; false when there is none. */
bool pieces_take_first(struct pieces *p, struct piece *ret);

/* Adds pieces for data that begin at start, with the rest as in the pattern.  False, with nothing added, when
 * all blobs would hold more than ceiling bytes. */
bool pieces_put_data(struct pieces *p, struct piece pattern, struct span data, size_t *held, size_t ceiling);

/* The bytes of a blob's piece from offset on. */
static inline const uint8_t *piece_bytes(const struct piece *p, uint64_t offset)
{
    return p->blob->bytes + p->at + (size_t)(offset - p->start);
}

#endif
