/* SPDX-License-Identifier: MIT */
/* What each byte of an export may read as: known, zero, or unknown.  Shared by all connections of a run.
 *
 * Only what was written through it is known; everything else is unknown.  A range with a write in flight is
 * unknown until the write is answered; where two writes in flight overlap, it stays unknown.  A failed write,
 * and TRIM, leave unknown; WRITE_ZEROES leaves zero whatever its flags.  Sparse: cost follows the number of
 * changes, not the size of the export.
 *
 * proto.md, "Ordering of messages and writes" and "Request types". */
#ifndef NBDTEST_REFEREE_MODEL_H
#define NBDTEST_REFEREE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

struct model;

/* What last decided the contents of a byte. */
enum model_origin {
    MODEL_UNKNOWN,
    MODEL_WRITTEN, /* by WRITE */
    MODEL_ZEROED,  /* by WRITE_ZEROES */
    MODEL_KEPT,    /* as before a write that was answered with the promise that nothing was altered */
};

/* A moment in the order of events; later is larger. */
typedef uint64_t model_moment;

struct model *model_new(void);
void model_free(struct model *m);

/* A write operation was sent: the range is unknown until it is settled.  data (WRITE) is copied.  Where
 * thousands are in flight, nothing is known from then on.
 * Returns a ticket for model_settle(). */
uint64_t model_write_sent(struct model *m, uint64_t offset, uint64_t length, struct span data);
uint64_t model_zero_sent(struct model *m, uint64_t offset, uint64_t length);
uint64_t model_trim_sent(struct model *m, uint64_t offset, uint64_t length);

enum model_outcome {
    MODEL_DONE,    /* answered with success */
    MODEL_FAILED,  /* answered with an error, or never answered: the range stays unknown */
    MODEL_REFUSED, /* answered with an error that promises that nothing was altered: contents are as before */
};

/* The operation behind ticket is over.  Unknown tickets are ignored. */
void model_settle(struct model *m, uint64_t ticket, enum model_outcome outcome);

/* The operation was answered with success; only the connection `writer` has to see it
 * before model_flushed(). */
void model_settle_unflushed(struct model *m, uint64_t ticket, const void *writer);

/* What `writer` wrote, as far as it was settled at the moment `until`, has to be seen by all connections from
 * now on: NBD_FLAG_CAN_MULTI_CONN and NBD_CMD_FLUSH, or the connection is over. */
void model_flushed(struct model *m, const void *writer, model_moment until);

/* The writer is gone: what it did not share nobody has to see any more. */
void model_left(struct model *m, const void *writer);

/* Forgets what is known of a range. */
void model_forget(struct model *m, uint64_t offset, uint64_t length);

/* The present moment: taken when a READ is sent, handed back with its data. */
model_moment model_now(const struct model *m);

/* Where data that were read differ from the model. */
struct model_mismatch {
    uint64_t offset; /* of the first byte that differs, from the start of the export */
    uint8_t got, wanted;
    uint64_t bytes;           /* how many bytes of the data differ */
    enum model_origin origin; /* what should have decided that byte */
};

/* Compares the data of a READ that was sent at `since` with the model.  Bytes that are unknown, or that
 * changed since, are not judged.  True when nothing differs. */
bool model_agrees(struct model *m, model_moment since, uint64_t offset, struct span data,
                  struct model_mismatch *ret);

/* Who reads, and when its request was sent. */
struct model_view {
    const void *reader;        /* a connection; sees what it wrote itself */
    model_moment since;        /* what it wrote: as of this moment */
    model_moment others_since; /* what others wrote: as of this moment */
};

/* The same as model_agrees() and model_agrees_zero() from the view of one of several connections. */
bool model_agrees_as(struct model *m, const struct model_view *view, uint64_t offset, struct span data,
                     struct model_mismatch *ret);
bool model_agrees_zero_as(struct model *m, const struct model_view *view, uint64_t offset, uint64_t length,
                          struct model_mismatch *ret);

/* Fills data with what the model says of a range; false when a byte of it is unknown. */
bool model_contents(struct model *m, uint64_t offset, uint8_t *data, size_t length);

/* True when every byte of the range that the model knows is zero; the mismatch says which is not.  For
 * extents that BLOCK_STATUS reports as zero and for holes. */
bool model_agrees_zero(struct model *m, model_moment since, uint64_t offset, uint64_t length,
                       struct model_mismatch *ret);

#endif
