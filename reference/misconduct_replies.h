/* SPDX-License-Identifier: MIT */
/* What the faults that alter replies share: where fields are, and the rows they stand in.  Chunks have one of
 * two headers; which it is s->extended says. */
#ifndef NBDTEST_REFERENCE_MISCONDUCT_REPLIES_H
#define NBDTEST_REFERENCE_MISCONDUCT_REPLIES_H

#include "reference/misconduct_parts.h"

enum {
    COOKIE_AT = 8, /* in all replies */
    ERROR_AT = 4,  /* simple reply */
    FLAGS_AT = 4,  /* chunk, whichever its header */
    TYPE_AT = 6,
    LENGTH_AT = 16, /* chunk of a structured reply */
    PAYLOAD_AT = WIRE_SIZE_chunk,
    OFFSET_AT = 16, /* chunk with an extended header */
    EXTENDED_LENGTH_AT = 24,
    EXTENDED_PAYLOAD_AT = WIRE_SIZE_extended_reply,
};

enum { PAYLOAD_ADDED_MAX = 65536 };

/* Alters a message on its way out: what begins at start, and answers the request. */
typedef void edit(struct reference_session *s, size_t start, const struct request *r);

/* A message of that kind that answers such a command.  Columns that are ANY match everything. */
#define ANY UINT32_MAX
struct reply_fault {
    enum fault fault;
    enum scan_kind kind;
    uint32_t chunk, command;
    edit *edit;
};

/* The first row that is for this message alters it, if there is one: one alteration a message, so that each
 * finds what it expects. */
bool replies_alter(struct reference_session *s, size_t start, enum scan_kind kind,
                   const struct reply_fault *rows, size_t count);

bool chunks_misconduct(struct reference_session *s, size_t start, enum scan_kind kind);
bool status_misconduct(struct reference_session *s, size_t start, enum scan_kind kind);
bool extended_misconduct(struct reference_session *s, size_t start, enum scan_kind kind);

/* Of a chunk, whichever its header: */
edit chunk_twice, chunk_longer, chunk_without_done, error_chunk_short;

/* Cuts a chunk of data, the last of the output, in two behind so many bytes, both with its flags.  Returns
 * where the second begins. */
size_t chunk_split(struct reference_session *s, size_t start, const struct request *r, size_t bytes);

/* Where the payload of a chunk is. */
static inline size_t payload_of(const struct reference_session *s, size_t start)
{
    return start + (s->extended ? (size_t)EXTENDED_PAYLOAD_AT : (size_t)PAYLOAD_AT);
}

static inline void set_length(struct reference_session *s, size_t start, uint64_t length)
{
    if (s->extended)
        edit_set(s, start + EXTENDED_LENGTH_AT, 8, length);
    else
        edit_set(s, start + LENGTH_AT, 4, length);
}

/* Has the header of a chunk, the last of the output, say how long its payload is now. */
static inline void fit_length(struct reference_session *s, size_t start)
{
    set_length(s, start, s->output.len - payload_of(s, start));
}

static inline void set_done(struct reference_session *s, size_t start, bool done)
{
    edit_set(s, start + FLAGS_AT, 2, done ? NBD_REPLY_FLAG_DONE : 0);
}

static inline bool is_done(const struct reference_session *s, size_t start)
{
    return edit_get(s, start + FLAGS_AT, 2) & NBD_REPLY_FLAG_DONE;
}

#endif
